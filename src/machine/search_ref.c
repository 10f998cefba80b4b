/* VectorE: max8, nc_find_index8, nc_match_replace8, and the statistics of bn_stats and bn_aggr. */
#include <math.h>

#include "machine/engine.h"

enum { FOUND = 8 }; /* values that an instruction searches for */

/* ---- max8 ---- */

typedef struct rows_pair {
    ts_rows dst, src;
} rows_pair;

/* Order of max8: NaN is below everything. */
static bool is_above(float a, float b) {
    return a > b || (isnan(b) && !isnan(a));
}

static void find_largest(void *context, int64_t first, int64_t last) {
    const rows_pair *m = context;
    _Alignas(64) float row[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        float best[FOUND];
        for (int i = 0; i < FOUND; i++)
            best[i] = NAN;
        for (int64_t from = 0, n; from < m->src.elems; from += n) {
            n = m->src.elems - from < TS_CHUNK ? m->src.elems - from : TS_CHUNK;
            const float *values = ts_rows_read(&m->src, part, from, n, row);
            for (int64_t i = 0; i < n; i++) {
                if (!is_above(values[i], best[FOUND - 1])) continue;
                int at = FOUND - 1;
                for (; at > 0 && is_above(values[i], best[at - 1]); at--)
                    best[at] = best[at - 1];
                best[at] = values[i];
            }
        }
        ts_rows_write(&m->dst, part, 0, FOUND, best);
    }
}

ts_status ts_exec_max8(ts_exec *exec, const ts_inst *head) {
    const ts_inst_max8 *inst = (const ts_inst_max8 *)head;
    ts_operand_set set = {.exec = exec};
    rows_pair m;
    ts_rows_whole(&set, &inst->dst, &m.dst);
    ts_rows_source(&set, &inst->src, &m.dst, false, &m.src);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_work_local(&set, &(ts_work){find_largest, m.dst.parts, 1, (double)m.src.elems, &m, sizeof m});
    return ts_ok;
}

/* ---- nc_find_index8, nc_match_replace8 ---- */

typedef struct match {
    ts_rows dst, data, vals, found; /* dst: only of nc_match_replace8 */
    bool has_found, is_replacing, is_exact;
    float imm;
} match;

/* Whether an element equals one of the values that has no match yet; if so, `index` becomes that value's
   match. */
static bool take(const match *m, const float *vals, float value, uint32_t index, uint32_t *found) {
    for (int i = 0; i < FOUND; i++) {
        int turn = m->is_replacing ? FOUND - 1 - i : i;
        if (vals[turn] != value || found[turn] != UINT32_MAX) continue;
        found[turn] = index;
        return true;
    }
    return false;
}

/* Copies the row, bit by bit if no cast is needed; replaced elements are then written over it. */
static void copy_chunk(const match *m, int64_t part, int64_t from, int64_t n, const float *values) {
    _Alignas(64) uint32_t raw[TS_CHUNK];
    if (m->is_exact)
        ts_rows_write_raw(&m->dst, part, from, n, ts_rows_read_raw(&m->data, part, from, n, raw));
    else
        ts_rows_write(&m->dst, part, from, n, values);
}

static void match_parts(void *context, int64_t first, int64_t last) {
    const match *m = context;
    _Alignas(64) float row[TS_CHUNK], eight[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        uint32_t found[FOUND];
        float vals[FOUND];
        const float *given = ts_rows_read(&m->vals, part, 0, FOUND, eight);
        for (int i = 0; i < FOUND; i++) {
            found[i] = UINT32_MAX;
            vals[i] = given[i];
        }
        for (int64_t from = 0, n; from < m->data.elems; from += n) {
            n = m->data.elems - from < TS_CHUNK ? m->data.elems - from : TS_CHUNK;
            const float *values = ts_rows_read(&m->data, part, from, n, row);
            bool is_taken[TS_CHUNK];
            for (int64_t i = 0; i < n; i++)
                is_taken[i] = take(m, vals, values[i], (uint32_t)(from + i), found);
            if (!m->is_replacing) continue;
            copy_chunk(m, part, from, n, values);
            for (int64_t i = 0; i < n; i++)
                if (is_taken[i]) ts_rows_write(&m->dst, part, from + i, 1, &m->imm);
        }
        if (m->has_found) ts_rows_write_bits(&m->found, part, 0, FOUND, found);
    }
}

static void run_match(ts_operand_set *set, match *m) {
    if (!ts_operands_known(set)) return;
    ts_work_local(set, &(ts_work){match_parts, m->data.parts, 1, 10 * (double)m->data.elems, m, sizeof *m});
}

ts_status ts_exec_nc_find_index8(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nc_find_index8 *inst = (const ts_inst_nc_find_index8 *)head;
    ts_operand_set set = {.exec = exec};
    match m = {.has_found = true};
    ts_rows_whole(&set, &inst->dst, &m.found);
    ts_rows_source(&set, &inst->data, &m.found, false, &m.data);
    ts_rows_source(&set, &inst->vals, &m.found, false, &m.vals);
    run_match(&set, &m);
    return ts_ok;
}

ts_status ts_exec_nc_match_replace8(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nc_match_replace8 *inst = (const ts_inst_nc_match_replace8 *)head;
    ts_operand_set set = {.exec = exec};
    match m = {.is_replacing = true,
               .has_found = inst->dst_idx.space != ts_space_none,
               .is_exact = inst->dst.dtype == inst->data.dtype,
               .imm = (float)inst->imm};
    ts_rows_whole(&set, &inst->dst, &m.dst);
    ts_rows_source(&set, &inst->data, &m.dst, true, &m.data);
    ts_rows_source(&set, &inst->vals, &m.dst, false, &m.vals);
    if (m.has_found) {
        ts_rows_whole(&set, &inst->dst_idx, &m.found);
        ts_rows_protect(&set, &m.data, &m.found, false);
        ts_rows_protect(&set, &m.vals, &m.found, false);
    }
    run_match(&set, &m);
    return ts_ok;
}

/* ---- bn_stats, bn_aggr ---- */

/* Count, mean and sum of squared distances of every other element, from `odd` on, in two passes. */
static void row_statistics(const float *row, int64_t n, int odd, float *out) {
    int64_t count = (n - odd + 1) / 2;
    float sum = 0, squares = 0;
    for (int64_t i = odd; i < n; i += 2)
        sum += row[i];
    const float mean = count > 0 ? sum / (float)count : 0;
    for (int64_t i = odd; i < n; i += 2) {
        const float distance = row[i] - mean;
        squares += distance * distance;
    }
    out[0] = (float)count;
    out[1] = mean;
    out[2] = squares;
}

static void statistics(void *context, int64_t first, int64_t last) {
    const rows_pair *s = context;
    _Alignas(64) float row[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        float out[6];
        const float *values = ts_rows_read(&s->src, part, 0, s->src.elems, row);
        row_statistics(values, s->src.elems, 0, out);
        row_statistics(values, s->src.elems, 1, out + 3);
        ts_rows_write(&s->dst, part, 0, 6, out);
    }
}

ts_status ts_exec_bn_stats(ts_exec *exec, const ts_inst *head) {
    const ts_inst_bn_stats *inst = (const ts_inst_bn_stats *)head;
    ts_operand_set set = {.exec = exec};
    rows_pair s;
    ts_rows_whole(&set, &inst->dst, &s.dst);
    ts_rows_source(&set, &inst->data, &s.dst, false, &s.src);
    if (!ts_operands_known(&set)) return ts_ok;
    if (s.src.elems > TS_CHUNK)
        return ts_fail(exec->diag, ts_capacity, "bn_stats of %lld elements: at most %d fit",
                       (long long)s.src.elems, TS_CHUNK);
    ts_work_local(&set, &(ts_work){statistics, s.dst.parts, 1, 2 * (double)s.src.elems, &s, sizeof s});
    return ts_ok;
}

/* Mean and variance of all elements, from triples of count, mean and variance * count, added in order. */
static void aggregate(void *context, int64_t first, int64_t last) {
    const rows_pair *s = context;
    _Alignas(64) float buffer[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        float count = 0, sum = 0, squares = 0, out[2];
        for (int64_t at = 0; at < s->src.elems; at += 3) {
            const float *triple = ts_rows_read(&s->src, part, at, 3, buffer);
            count += triple[0];
            sum += triple[0] * triple[1];
        }
        out[0] = sum / count;
        for (int64_t at = 0; at < s->src.elems; at += 3) {
            const float *triple = ts_rows_read(&s->src, part, at, 3, buffer);
            const float distance = triple[1] - out[0];
            squares += triple[2] + triple[0] * (distance * distance);
        }
        out[1] = squares / count;
        ts_rows_write(&s->dst, part, 0, 2, out);
    }
}

ts_status ts_exec_bn_aggr(ts_exec *exec, const ts_inst *head) {
    const ts_inst_bn_aggr *inst = (const ts_inst_bn_aggr *)head;
    ts_operand_set set = {.exec = exec};
    rows_pair s;
    ts_rows_whole(&set, &inst->dst, &s.dst);
    ts_rows_source(&set, &inst->data, &s.dst, false, &s.src);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_work_local(&set, &(ts_work){aggregate, s.dst.parts, 1, 5 * (double)s.src.elems, &s, sizeof s});
    return ts_ok;
}

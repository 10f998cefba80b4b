/* Instructions that pick or number elements: shuffles of partitions, gathers along a row, indices of non-zero
   elements, bounds of sequences. */
#include <inttypes.h>
#include <string.h>

#include "machine/engine.h"

/* ---- nc_stream_shuffle ---- */

typedef struct shuffle {
    ts_rows dst, src;
    const ts_field_lanes *mask;
} shuffle;

/* Partitions [first, last) of dst. */
static void shuffle_rows(void *context, int64_t first, int64_t last) {
    const shuffle *s = context;
    _Alignas(64) uint32_t raw[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        int64_t lane = part % TS_QUADRANT, from_lane = s->mask->from[lane];
        if (from_lane == TS_LANE_KEPT) continue;
        for (int64_t from = 0, n; from < s->dst.elems; from += n) {
            n = s->dst.elems - from < TS_CHUNK ? s->dst.elems - from : TS_CHUNK;
            ts_rows_write_raw(&s->dst, part, from, n,
                              ts_rows_read_raw(&s->src, part - lane + from_lane, from, n, raw));
        }
    }
}

ts_status ts_exec_nc_stream_shuffle(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nc_stream_shuffle *inst = (const ts_inst_nc_stream_shuffle *)head;
    ts_operand_set set = {.exec = exec};
    shuffle s = {.mask = &inst->shuffle_mask};
    ts_rows_get(&set, &inst->dst, &s.dst);
    ts_rows_source(&set, &inst->src, &s.dst, false, &s.src);
    if (!ts_operands_ready(&set)) return ts_ok;
    ts_split(exec, s.dst.parts, 0.2 * (double)s.dst.elems, shuffle_rows, &s);
    return ts_ok;
}

/* ---- gathers ---- */

typedef struct gather {
    ts_rows dst, data, index;
    int64_t each, group; /* elements per index; partitions that share their indices */
} gather;

/* Index `at` of the group of partitions that `part` is in; neighbours lie in successive partitions. */
static int64_t index_at(const gather *g, int64_t part, int64_t at) {
    uint32_t bits;
    int64_t row = part - part % g->group + at % g->group;
    return (int64_t)*ts_rows_read_bits(&g->index, row, at / g->group, 1, &bits);
}

static const uint8_t *element(const ts_rows *rows, int64_t part, int64_t at) {
    const uint8_t *found = ts_rows_at(rows, part);
    for (int i = rows->dims; i-- > 0;) {
        found += at % rows->count[i] * rows->step[i];
        at /= rows->count[i];
    }
    return found;
}

static ts_status check_range(const ts_exec *exec, const gather *g) {
    int64_t count = g->dst.elems / g->each;
    for (int64_t part = 0; part < g->dst.parts; part += g->group)
        for (int64_t at = 0; at < count; at++) {
            int64_t index = index_at(g, part, at);
            if (index + g->each <= g->data.elems) continue;
            ts_fail(exec->diag, ts_undefined,
                    "index %" PRId64 " (number %" PRId64 " of partition %" PRId64 ") reaches element %" PRId64
                    " of a row that has %" PRId64,
                    index, at, part, index + g->each - 1, g->data.elems);
            ts_diag_remedy(exec->diag, "keep indices in range: the documents leave others undefined");
            return ts_undefined;
        }
    return ts_ok;
}

/* Partitions [first, last). */
static void gather_rows(void *context, int64_t first, int64_t last) {
    const gather *g = context;
    _Alignas(64) uint8_t raw[TS_CHUNK * sizeof(uint32_t)];
    for (int64_t part = first; part < last; part++)
        for (int64_t from = 0, n; from < g->dst.elems; from += n) {
            n = g->dst.elems - from < TS_CHUNK ? g->dst.elems - from : TS_CHUNK; /* a multiple of `each` */
            for (int64_t i = 0; i < n; i += g->each) {
                int64_t index = index_at(g, part, (from + i) / g->each);
                for (int64_t j = 0; j < g->each; j++)
                    memcpy(raw + (i + j) * g->dst.size, element(&g->data, part, index + j), g->dst.size);
            }
            ts_rows_write_raw(&g->dst, part, from, n, raw);
        }
}

static ts_status run_gather(ts_operand_set *set, gather *g) {
    if (!ts_operands_ready(set)) return ts_ok;
    TS_TRY(check_range(set->exec, g));
    ts_split(set->exec, g->dst.parts, 8 * (double)g->dst.elems, gather_rows, g);
    return ts_ok;
}

ts_status ts_exec_local_gather(ts_exec *exec, const ts_inst *head) {
    const ts_inst_local_gather *inst = (const ts_inst_local_gather *)head;
    ts_operand_set set = {.exec = exec};
    gather g = {.each = inst->num_elem_per_idx, .group = (int64_t)exec->machine->chip.gpsimd_core_partitions};
    ts_rows_whole(&set, &inst->dst, &g.dst);
    ts_rows_source(&set, &inst->src, &g.dst, false, &g.data);
    ts_rows_source(&set, &inst->index, &g.dst, false, &g.index);
    return run_gather(&set, &g);
}

ts_status ts_exec_nc_n_gather(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nc_n_gather *inst = (const ts_inst_nc_n_gather *)head;
    ts_operand_set set = {.exec = exec};
    gather g = {.each = 1, .group = 1};
    ts_rows_whole(&set, &inst->dst, &g.dst);
    ts_rows_source(&set, &inst->indices, &g.dst, true, &g.index);
    ts_rows_source(&set, &inst->data, &g.dst, false, &g.data);
    return run_gather(&set, &g);
}

/* ---- nonzero_with_count ---- */

static void write_index(const ts_rows *dst, int64_t part, int64_t at, int64_t value) {
    const uint32_t bits = (uint32_t)(int32_t)value;
    ts_rows_write_ints(dst, part, at, 1, &bits, true);
}

static void find_nonzero(const ts_rows *dst, const ts_rows *src, int64_t part,
                         const ts_inst_nonzero_with_count *inst) {
    const uint32_t sign = src->dtype == ts_dtype_f32 ? UINT32_MAX >> 1 : UINT32_MAX; /* -0 is zero */
    int64_t found = 0;
    for (int64_t i = 0; i < src->elems; i++) {
        uint32_t bits;
        bits = *ts_rows_read_bits(src, part, i, 1, &bits);
        if (bits & sign) write_index(dst, part, found++, i + inst->index_offset);
    }
    for (int64_t i = found; i < src->elems; i++)
        write_index(dst, part, i, inst->padding_val);
    write_index(dst, part, src->elems, found);
}

ts_status ts_exec_nonzero_with_count(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nonzero_with_count *inst = (const ts_inst_nonzero_with_count *)head;
    const int64_t group = (int64_t)exec->machine->chip.gpsimd_core_partitions;
    ts_operand_set set = {.exec = exec};
    ts_rows dst, src;
    ts_rows_get(&set, &inst->dst, &dst);
    ts_rows_source(&set, &inst->src, &dst, false, &src);
    if (!ts_operands_ready(&set)) return ts_ok;
    for (int64_t part = 0; part < dst.parts; part++)
        if ((dst.part + part) % group == 0) find_nonzero(&dst, &src, part, inst);
    return ts_ok;
}

/* ---- sequence_bounds ---- */

static void write_bound(const ts_rows *dst, int64_t at, int64_t value) {
    const uint32_t bits = (uint32_t)(int32_t)value;
    ts_rows_write_ints(dst, 0, at, 1, &bits, true);
}

ts_status ts_exec_sequence_bounds(ts_exec *exec, const ts_inst *head) {
    const ts_inst_sequence_bounds *inst = (const ts_inst_sequence_bounds *)head;
    ts_operand_set set = {.exec = exec};
    ts_rows dst, ids;
    ts_rows_get(&set, &inst->dst, &dst);
    ts_rows_source(&set, &inst->segment_ids, &dst, false, &ids);
    if (!ts_operands_ready(&set)) return ts_ok;
    int64_t n = ids.elems, bound = 0;
    uint32_t own, before = 0;
    for (int64_t i = 0; i < n; i++, before = own) { /* ids are compared by their bits */
        own = *ts_rows_read_bits(&ids, 0, i, 1, &own);
        if (i == 0 || own != before) bound = i;
        write_bound(&dst, i, own == 0 ? n : bound);
    }
    for (int64_t i = n; i-- > 0; before = own) {
        own = *ts_rows_read_bits(&ids, 0, i, 1, &own);
        if (i == n - 1 || own != before) bound = i + 1;
        write_bound(&dst, n + i, own == 0 ? -1 : bound);
    }
    return ts_ok;
}

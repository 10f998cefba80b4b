/* VectorE: select_reduce and range_select, which fold what they select. */
#include <float.h>

#include "base/clones.h"
#include "machine/engine.h"

typedef struct selection {
    ts_rows dst, predicate, on_true;
    ts_column on_false;
    ts_accumulation sum;
    bool is_reversed;
} selection;

#define PICK(type)                                                                                           \
    do {                                                                                                     \
        const type *bits = predicate;                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                      \
            out[i] = is_reversed ? (bits[i] ? no : yes[i]) : (bits[i] ? yes[i] : no);                        \
    } while (0)

/* The predicate's elements have 1 or 2 bytes. */
TS_CLONES
static void pick(const void *predicate, int size, bool is_reversed, const float *yes, float no, float *out,
                 int64_t n) {
    if (size == 1)
        PICK(uint8_t);
    else
        PICK(uint16_t);
}

/* Partitions [first, last). */
static void select_parts(void *context, int64_t first, int64_t last) {
    const selection *s = context;
    _Alignas(64) float in[TS_CHUNK], buffer[TS_CHUNK];
    _Alignas(64) uint16_t mask[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        const float no = ts_column_value(&s->on_false, part);
        float total = ts_accumulation_begin(&s->sum, part);
        for (int64_t from = 0, n; from < s->dst.elems; from += n) {
            n = s->dst.elems - from < TS_CHUNK ? s->dst.elems - from : TS_CHUNK;
            const void *predicate = ts_rows_read_raw(&s->predicate, part, from, n, mask);
            const float *yes = ts_rows_read(&s->on_true, part, from, n, in);
            float *out = ts_rows_target(&s->dst, part, from, n, buffer);
            pick(predicate, s->predicate.size, s->is_reversed, yes, no, out, n);
            if (ts_cmd_folds(s->sum.cmd)) total = ts_fold_row(ts_alu_max, out, n, total);
            ts_rows_write(&s->dst, part, from, n, out);
        }
        ts_accumulation_end(&s->sum, part, total);
    }
}

ts_status ts_exec_select_reduce(ts_exec *exec, const ts_inst *head) {
    const ts_inst_select_reduce *inst = (const ts_inst_select_reduce *)head;
    ts_operand_set set = {.exec = exec};
    selection s = {.is_reversed = inst->reverse_pred, .sum = {.op = ts_alu_max, .cmd = inst->reduce_cmd}};
    ts_rows_whole(&set, &inst->dst, &s.dst);
    ts_rows_source(&set, &inst->predicate, &s.dst, true, &s.predicate);
    ts_rows_source(&set, &inst->on_true, &s.dst, true, &s.on_true);
    ts_column_get(&set, &inst->on_false, &s.dst, &s.on_false);
    ts_accumulation_get(&set, &inst->reduce, &s.dst, &s.sum);
    if (s.sum.has_result) { /* the result may lie in other partitions than the sources */
        ts_rows_protect(&set, &s.on_true, &s.sum.result, false);
        ts_rows_protect(&set, &s.predicate, &s.sum.result, false);
    }
    if (!ts_operands_known(&set)) return ts_ok;
    ts_work_local(&set, &(ts_work){select_parts, s.dst.parts, 1, 0.3 * (double)s.dst.elems, &s, sizeof s});
    return ts_ok;
}

/* ---- range_select ---- */

typedef struct range {
    ts_rows dst, on_true;
    ts_column bound0, bound1;
    ts_accumulation sum;
    uint8_t op0, op1;
    int64_t start;
} range;

static void range_parts(void *context, int64_t first, int64_t last) {
    const range *r = context;
    _Alignas(64) float in[TS_CHUNK], out[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        const float low = ts_column_value(&r->bound0, part), high = ts_column_value(&r->bound1, part);
        float total = ts_accumulation_begin(&r->sum, part);
        for (int64_t from = 0, n; from < r->dst.elems; from += n) {
            n = r->dst.elems - from < TS_CHUNK ? r->dst.elems - from : TS_CHUNK;
            const float *yes = ts_rows_read(&r->on_true, part, from, n, in);
            for (int64_t i = 0; i < n; i++) {
                const float index = (float)(r->start + from + i);
                bool is_inside =
                    ts_alu_float(r->op0, index, low) != 0 && ts_alu_float(r->op1, index, high) != 0;
                out[i] = is_inside ? yes[i] : -FLT_MAX;
            }
            if (ts_cmd_folds(r->sum.cmd)) total = ts_fold_row(ts_alu_max, out, n, total);
            ts_rows_write(&r->dst, part, from, n, out);
        }
        ts_accumulation_end(&r->sum, part, total);
    }
}

ts_status ts_exec_range_select(ts_exec *exec, const ts_inst *head) {
    const ts_inst_range_select *inst = (const ts_inst_range_select *)head;
    ts_operand_set set = {.exec = exec};
    range r = {.op0 = inst->comp_op0,
               .op1 = inst->comp_op1,
               .start = inst->range_start,
               .sum = {.op = ts_alu_max, .cmd = inst->reduce_cmd}};
    ts_rows_whole(&set, &inst->dst, &r.dst);
    ts_rows_source(&set, &inst->on_true, &r.dst, true, &r.on_true);
    ts_column_get(&set, &inst->bound0, &r.dst, &r.bound0);
    ts_column_get(&set, &inst->bound1, &r.dst, &r.bound1);
    ts_accumulation_get(&set, &inst->reduce, &r.dst, &r.sum);
    if (r.sum.has_result) ts_rows_protect(&set, &r.on_true, &r.sum.result, false);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_work_local(&set, &(ts_work){range_parts, r.dst.parts, 1, 4 * (double)r.dst.elems, &r, sizeof r});
    return ts_ok;
}

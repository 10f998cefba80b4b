/* tensor_tensor_scan: a recurrence along the free elements of each partition, in fp32. */
#include "machine/engine.h"

typedef struct scan {
    ts_rows dst, data0, data1;
    ts_column initial;
    uint8_t op0, op1;
    bool is_reversed0, is_reversed1;
} scan;

static float apply(unsigned op, bool is_reversed, float a, float b) {
    return is_reversed ? ts_alu_float(op, b, a) : ts_alu_float(op, a, b);
}

/* Running sums are the common case; other operators go element by element. */
static float scan_chunk(const scan *s, const float *a, const float *b, float *out, int64_t n, float carry) {
    if (s->op0 == ts_alu_multiply && s->op1 == ts_alu_add) {
        for (int64_t i = 0; i < n; i++) {
            float scaled = a[i] * carry;
            out[i] = carry = scaled + b[i];
        }
        return carry;
    }
    for (int64_t i = 0; i < n; i++) {
        float first = apply(s->op0, s->is_reversed0, a[i], carry);
        out[i] = carry = apply(s->op1, s->is_reversed1, first, b[i]);
    }
    return carry;
}

/* Partitions [first, last). */
static void scan_parts(void *context, int64_t first, int64_t last) {
    const scan *s = context;
    _Alignas(64) float a[TS_CHUNK], b[TS_CHUNK], out[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        float carry = ts_column_value(&s->initial, part);
        for (int64_t from = 0, n; from < s->dst.elems; from += n) {
            n = s->dst.elems - from < TS_CHUNK ? s->dst.elems - from : TS_CHUNK;
            const float *left = ts_rows_read(&s->data0, part, from, n, a);
            const float *right = ts_rows_read(&s->data1, part, from, n, b);
            carry = scan_chunk(s, left, right, out, n, carry);
            ts_rows_write(&s->dst, part, from, n, out);
        }
    }
}

ts_status ts_exec_tensor_tensor_scan(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_tensor_scan *inst = (const ts_inst_tensor_tensor_scan *)head;
    ts_operand_set set = {.exec = exec};
    scan s = {
        .op0 = inst->op0, .op1 = inst->op1, .is_reversed0 = inst->reverse0, .is_reversed1 = inst->reverse1};
    ts_rows_whole(&set, &inst->dst, &s.dst);
    ts_rows_source(&set, &inst->data0, &s.dst, true, &s.data0);
    ts_rows_source(&set, &inst->data1, &s.dst, true, &s.data1);
    ts_column_get(&set, &inst->initial, &s.dst, &s.initial);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_work_local(&set, &(ts_work){scan_parts, s.dst.parts, 1, 2 * (double)s.dst.elems, &s, sizeof s});
    return ts_ok;
}

/* The accumulators of VectorE and ScalarE, and the instructions that apply one operator and fold its results:
   tensor_scalar_reduce and tensor_scalar_cumulative. */
#include <math.h>

#include "machine/engine.h"

void ts_accumulation_get(ts_operand_set *set, const ts_ap *result, const ts_rows *dst, ts_accumulation *a) {
    const ts_memory *memory = &set->exec->core->accumulators;
    const ts_inst *inst = set->exec->program->code.data[set->exec->at];
    a->pitch = memory->pitch;
    a->base = memory->data + dst->part * a->pitch + (inst->engine == ts_engine_scalar ? sizeof(float) : 0);
    a->has_result = result->space != ts_space_none;
    if (a->has_result) ts_rows_whole(set, result, &a->result);
}

/* The accumulator's value after a reset. */
static float identity(unsigned op) {
    switch (op) {
    case ts_alu_multiply: return 1;
    case ts_alu_max: return -INFINITY;
    case ts_alu_min: return INFINITY;
    default: return 0;
    }
}

static float *accumulator(const ts_accumulation *a, int64_t part) {
    return (float *)(a->base + part * a->pitch);
}

float ts_accumulation_begin(const ts_accumulation *a, int64_t part) {
    if (ts_cmd_resets(a->cmd)) return identity(a->op);
    return a->cmd == ts_cmd_load_reduce ? ts_column_value(&a->loaded, part) : *accumulator(a, part);
}

void ts_accumulation_end(const ts_accumulation *a, int64_t part, float total) {
    *accumulator(a, part) = total;
    if (a->is_negated) total = -total;
    if (a->has_result) ts_rows_write(&a->result, part, 0, 1, &total);
}

typedef struct folding {
    ts_rows dst, data;
    ts_column operand;
    uint8_t op;
    bool is_reversed, is_cumulative;
    ts_accumulation sum;
} folding;

/* out[i] = carry = out[i] op carry. */
static float run_up(unsigned op, float *out, int64_t n, float carry) {
    for (int64_t i = 0; i < n; i++)
        out[i] = carry = op == ts_alu_add ? out[i] + carry : ts_alu_float(op, out[i], carry);
    return carry;
}

/* Partitions [first, last). */
static void fold_parts(void *context, int64_t first, int64_t last) {
    const folding *f = context;
    _Alignas(64) float in[TS_CHUNK], out[TS_CHUNK], side[TS_CHUNK];
    for (int64_t part = first; part < last; part++) {
        float total = ts_accumulation_begin(&f->sum, part), value = ts_column_value(&f->operand, part);
        for (int64_t i = 0; i < TS_CHUNK; i++)
            side[i] = value;
        for (int64_t from = 0, n; from < f->dst.elems; from += n) {
            n = f->dst.elems - from < TS_CHUNK ? f->dst.elems - from : TS_CHUNK;
            const float *a = ts_rows_read(&f->data, part, from, n, in);
            ts_alu_floats(f->op, f->is_reversed ? side : a, f->is_reversed ? a : side, out, n);
            if (f->is_cumulative)
                total = run_up(f->sum.op, out, n, total);
            else if (ts_cmd_folds(f->sum.cmd))
                total = ts_fold_row(f->sum.op, out, n, total);
            ts_rows_write(&f->dst, part, from, n, out);
        }
        ts_accumulation_end(&f->sum, part, total);
    }
}

static void run_folding(ts_operand_set *set, folding *f) {
    double ns = 1.5 * (double)f->dst.elems;
    ts_work_local(set, &(ts_work){fold_parts, f->dst.parts, 1, ns, f, sizeof *f});
}

ts_status ts_exec_tensor_scalar_reduce(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_scalar_reduce *inst = (const ts_inst_tensor_scalar_reduce *)head;
    ts_operand_set set = {.exec = exec};
    folding f = {.op = inst->op0,
                 .is_reversed = inst->reverse0,
                 .sum = {.op = inst->reduce_op, .cmd = inst->reduce_cmd, .is_negated = inst->negate}};
    ts_rows_whole(&set, &inst->dst, &f.dst);
    ts_rows_source(&set, &inst->data, &f.dst, true, &f.data);
    ts_column_get(&set, &inst->operand0, &f.dst, &f.operand);
    ts_column_get(&set, &inst->reduce_init, &f.dst, &f.sum.loaded);
    ts_accumulation_get(&set, &inst->reduce, &f.dst, &f.sum);
    if (f.sum.has_result) {
        ts_rows_protect(&set, &f.data, &f.sum.result, false);
        if (!f.operand.is_constant) ts_rows_protect(&set, &f.operand.rows, &f.sum.result, true);
    }
    if (ts_operands_known(&set)) run_folding(&set, &f);
    return ts_ok;
}

ts_status ts_exec_tensor_scalar_cumulative(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_scalar_cumulative *inst = (const ts_inst_tensor_scalar_cumulative *)head;
    const ts_ap none = {0};
    ts_operand_set set = {.exec = exec};
    folding f = {.op = inst->op0,
                 .is_reversed = inst->reverse0,
                 .is_cumulative = true,
                 .sum = {.op = inst->op1, .cmd = inst->reduce_cmd}};
    ts_rows_whole(&set, &inst->dst, &f.dst);
    ts_rows_source(&set, &inst->src, &f.dst, true, &f.data);
    ts_column_get(&set, &inst->imm0, &f.dst, &f.operand);
    ts_column_get(&set, &inst->imm1, &f.dst, &f.sum.loaded);
    ts_accumulation_get(&set, &none, &f.dst, &f.sum);
    if (ts_operands_known(&set)) run_folding(&set, &f);
    return ts_ok;
}

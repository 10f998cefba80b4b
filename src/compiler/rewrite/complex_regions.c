/* Complex values that enter and leave the regions of loops, conditions, reductions and sorts, as two values
   each. In between stand the operations complex, real and imag, which expand_complex.c then expands with the
   rest. */
#include "compiler/lower/lower.h"
#include "compiler/rewrite/complex.h"
#include "compiler/rewrite/expand.h"

static void open_parts(ts_maker *m, ts_value *value, ts_value **parts) {
    ts_type part = ts_complex_part(&value->type);
    parts[0] = ts_make_unary(m, ts_hlo_real, value, &part);
    parts[1] = ts_make_unary(m, ts_hlo_imag, value, &part);
}

static ts_value *close_parts(ts_maker *m, ts_value *const *parts, const ts_type *type) {
    ts_value *made = ts_make_binary(m, ts_hlo_complex, parts[0], parts[1]);
    made->type = *type;
    return made;
}

static const ts_twins_form in_parts = {ts_is_complex, 2, ts_complex_part, open_parts, close_parts};

/* Sums of complex numbers are two sums. False if the op is something else. */
static bool part_sum(ts_maker *m, ts_op_node *op) {
    ts_alu alu;
    bool is_reduction =
        (op->kind == ts_hlo_reduce || op->kind == ts_hlo_reduce_window) && op->operand_count == 2;
    bool is_scatter = op->kind == ts_hlo_scatter && op->operand_count == 3;
    if (!(is_reduction || is_scatter) || !ts_region_alu(op->regions[0], &alu)) return false;
    if (alu != ts_alu_add && !(is_scatter && alu == ts_alu_bypass)) return false;
    ts_hlo kind = alu == ts_alu_add ? ts_hlo_add : ts_hlo_return;
    ts_type part = ts_complex_part(&op->results[0]->type);
    ts_value *sums[2];
    for (int p = 0; p < 2; p++) {
        ts_value *operands[3];
        for (uint32_t i = 0; i < op->operand_count; i++) {
            ts_type type = ts_complex_part(&op->operands[i]->type);
            operands[i] = op->operands[i];
            if (ts_is_complex(operands[i]))
                operands[i] = ts_make_unary(m, p ? ts_hlo_imag : ts_hlo_real, operands[i], &type);
        }
        ts_op_node *sum = ts_op_new(m->module, m->func, (ts_hlo)op->kind, op->loc, op->operand_count,
                                    operands, 1, &part, op->attr_count, op->attrs, 1);
        sum->regions[0] = ts_make_combiner(m, ts_dtype_f32, kind);
        ts_vec_push(&m->block->ops, &m->module->arena, sum);
        sums[p] = sum->results[0];
    }
    op->results[0]->note = close_parts(m, sums, &op->results[0]->type);
    return true;
}

/* Scatters by other functions: the product, say, replaces what it was made of. */
static void part_scatter(ts_maker *m, ts_op_node *op) {
    if (op->operand_count != 3) return;
    ts_scatter_once(m, op);
    ts_value *made = op->results[0]->note;
    if (!made || made == op->operands[0] || !part_sum(m, made->def)) return;
    op->results[0]->note = made->def->results[0]->note;
}

ts_status ts_expand_complex_regions(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    (void)diag;
    if (!ts_twins_any(op, ts_is_complex)) return ts_ok;
    switch (op->kind) {
    case ts_hlo_reduce:
    case ts_hlo_reduce_window:
        if (!part_sum(make, op)) ts_twins_carry(make, op, &in_parts);
        return ts_ok;
    case ts_hlo_scatter:
        if (!part_sum(make, op)) part_scatter(make, op);
        return ts_ok;
    case ts_hlo_case:
    case ts_hlo_if:
    case ts_hlo_optimization_barrier:
    case ts_hlo_sort:
    case ts_hlo_while: ts_twins_carry(make, op, &in_parts); return ts_ok;
    default: return ts_ok;
    }
}

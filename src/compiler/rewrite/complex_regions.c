/* Complex values that enter and leave regions, as two values each: the operands of loops, conditions,
   reductions and sorts, the arguments of their regions and what these return. In between stand the operations
   complex, real and imag, which expand_complex.c then expands with the rest. */
#include "compiler/lower/lower.h"
#include "compiler/rewrite/complex.h"
#include "compiler/rewrite/expand.h"

/* Room for the values of an op when each may become two. */
typedef struct values {
    ts_value **data;
    uint32_t count;
} values;

static values new_values(ts_maker *m, uint32_t count) {
    return (values){TS_NEW_ARRAY(&m->module->arena, ts_value *, 2 * (size_t)count + 1), 0};
}

static void add_parts(ts_maker *m, values *out, ts_value *value) {
    if (!ts_is_complex(value)) {
        out->data[out->count++] = value;
        return;
    }
    ts_type part = ts_complex_part(&value->type);
    out->data[out->count++] = ts_make_unary(m, ts_hlo_real, value, &part);
    out->data[out->count++] = ts_make_unary(m, ts_hlo_imag, value, &part);
}

static ts_value *whole(ts_maker *m, ts_value *re, ts_value *im) {
    ts_type type = re->type;
    type.dtype = ts_dtype_c64;
    ts_value *made = ts_make_binary(m, ts_hlo_complex, re, im);
    made->type = type;
    return made;
}

static void part_operands(ts_maker *m, ts_op_node *op) {
    values parts = new_values(m, op->operand_count);
    for (uint32_t i = 0; i < op->operand_count; i++)
        add_parts(m, &parts, op->operands[i]);
    op->operands = parts.data;
    op->operand_count = parts.count;
}

/* Makes two arguments of each complex one, which the block's first ops join again. */
static void part_arguments(ts_maker *m, ts_block *block) {
    ts_block front = {0};
    ts_maker inside = {.module = m->module, .func = m->func, .block = &front, .loc = m->loc};
    values args = new_values(m, block->arg_count);
    for (uint32_t i = 0; i < block->arg_count; i++) {
        ts_value *arg = block->args[i];
        ts_type part = ts_complex_part(&arg->type);
        bool is_whole = !ts_is_complex(arg);
        for (int p = 0; p < (is_whole ? 1 : 2); p++) {
            ts_value *made = is_whole ? arg : ts_value_new(m->module, m->func, &part);
            made->index = args.count;
            args.data[args.count++] = made;
        }
        if (is_whole) continue;
        ts_value *const *parts = &args.data[args.count - 2];
        ts_block_replace_uses(block, arg, whole(&inside, parts[0], parts[1]));
    }
    for (uint32_t i = 0; i < block->ops.count; i++)
        ts_vec_push(&front.ops, &m->module->arena, block->ops.data[i]);
    ts_block_take_ops(block, &front);
    block->args = args.data;
    block->arg_count = args.count;
}

static void part_region(ts_maker *m, ts_block *block) {
    part_arguments(m, block);
    ts_op_node *last = block->ops.data[--block->ops.count];
    ts_maker inside = {.module = m->module, .func = m->func, .block = block, .loc = last->loc};
    part_operands(&inside, last);
    ts_vec_push(&block->ops, &m->module->arena, last);
}

/* The op with its complex values in parts. */
static void part_op(ts_maker *m, ts_op_node *op) {
    ts_type *types = TS_NEW_ARRAY(&m->module->arena, ts_type, 2 * (size_t)op->result_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < op->result_count; i++) {
        bool is_whole = !ts_is_complex(op->results[i]);
        for (int p = 0; p < (is_whole ? 1 : 2); p++)
            types[count++] = is_whole ? op->results[i]->type : ts_complex_part(&op->results[i]->type);
    }
    part_operands(m, op);
    ts_op_node *copy = ts_op_new(m->module, m->func, (ts_hlo)op->kind, op->loc, op->operand_count,
                                 op->operands, count, types, op->attr_count, op->attrs, op->region_count);
    for (uint32_t r = 0; r < op->region_count; r++) {
        copy->regions[r] = op->regions[r];
        if (copy->regions[r]) part_region(m, copy->regions[r]);
    }
    ts_vec_push(&m->block->ops, &m->module->arena, copy);
    count = 0;
    for (uint32_t i = 0; i < op->result_count; i++) {
        bool is_whole = !ts_is_complex(op->results[i]);
        ts_value **parts = &copy->results[count];
        op->results[i]->note = is_whole ? parts[0] : whole(m, parts[0], parts[1]);
        count += is_whole ? 1 : 2;
    }
}

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
    op->results[0]->note = whole(m, sums[0], sums[1]);
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
    if (!ts_has_complex(op)) return ts_ok;
    switch (op->kind) {
    case ts_hlo_reduce:
    case ts_hlo_reduce_window:
        if (!part_sum(make, op)) part_op(make, op);
        return ts_ok;
    case ts_hlo_scatter:
        if (!part_sum(make, op)) part_scatter(make, op);
        return ts_ok;
    case ts_hlo_case:
    case ts_hlo_if:
    case ts_hlo_optimization_barrier:
    case ts_hlo_sort:
    case ts_hlo_while: part_op(make, op); return ts_ok;
    default: return ts_ok;
    }
}

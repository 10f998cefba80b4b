/* Operations on complex numbers (c64), which the engines lack, as operations on their real and imaginary
   parts. A value stays complex where it meets arguments, results and ops that are not expanded: there a
   bitcast joins the parts along a last axis of size 2. Folding drops joins that nothing reads. */
#include <string.h>

#include "compiler/graph/collective.h"
#include "compiler/passes.h"
#include "compiler/rewrite/complex.h"
#include "compiler/rewrite/expand.h"

static ts_complex split(ts_maker *m, ts_value *value) {
    return ts_complex_split(m, value);
}

/* A copy of the op with other operands and a result of fp32. */
static ts_value *in_floats(ts_maker *m, const ts_op_node *op, ts_value *const *operands) {
    ts_type type = ts_complex_part(&op->results[0]->type);
    ts_op_node *copy = ts_op_new(m->module, m->func, (ts_hlo)op->kind, op->loc, op->operand_count, operands,
                                 1, &type, op->attr_count, op->attrs, 0);
    ts_vec_push(&m->block->ops, &m->module->arena, copy);
    return copy->results[0];
}

/* Sums of products are sums of products of parts. A real operand makes two of them instead of four. */
static ts_complex multiply(ts_maker *m, const ts_op_node *op) {
    bool has_im[2];
    ts_complex a[2];
    for (int i = 0; i < 2; i++) {
        has_im[i] = ts_is_complex(op->operands[i]);
        a[i] = split(m, op->operands[i]);
    }
    ts_value *rr = in_floats(m, op, (ts_value *[]){a[0].re, a[1].re});
    ts_value *ri = has_im[1] ? in_floats(m, op, (ts_value *[]){a[0].re, a[1].im}) : NULL;
    ts_value *ir = has_im[0] ? in_floats(m, op, (ts_value *[]){a[0].im, a[1].re}) : NULL;
    if (!ri || !ir) return (ts_complex){rr, ri ? ri : ir};
    ts_value *ii = in_floats(m, op, (ts_value *[]){a[0].im, a[1].im});
    return (ts_complex){ts_make_binary(m, ts_hlo_subtract, rr, ii), ts_make_binary(m, ts_hlo_add, ri, ir)};
}

/* Pointwise ops with a complex result; false for other ops. */
static bool compute(ts_maker *m, const ts_op_node *op, ts_complex *r) {
    ts_complex a = {0}, b = {0};
    if (op->operand_count > 0) a = split(m, op->operands[0]);
    if (op->operand_count > 1) b = split(m, op->operands[1]);
    switch (op->kind) {
    case ts_hlo_add: *r = ts_complex_add(m, a, b); return true;
    case ts_hlo_complex: *r = (ts_complex){op->operands[0], op->operands[1]}; return true;
    case ts_hlo_divide: *r = ts_complex_divide(m, a, b); return true;
    case ts_hlo_multiply: *r = ts_complex_multiply(m, a, b); return true;
    case ts_hlo_power: *r = ts_complex_power(m, a, b); return true;
    case ts_hlo_subtract: *r = ts_complex_subtract(m, a, b); return true;
    default: break;
    }
    if (op->operand_count != 1 || !ts_complex_has_function(op->kind)) return false;
    *r = ts_complex_function(m, (ts_hlo)op->kind, a);
    return true;
}

static ts_value *in_type(ts_maker *m, ts_value *value, unsigned dtype) {
    ts_type type = value->type;
    type.dtype = (uint8_t)dtype;
    return value->type.dtype == dtype ? value : ts_make_unary(m, ts_hlo_convert, value, &type);
}

static ts_value *count_up(ts_maker *m, const ts_op_node *op) {
    ts_type type = ts_complex_part(&op->results[0]->type);
    return ts_make_iota(m, &type, ts_op_int(op, "iota_dimension", 0));
}

/* Ops with a complex result, by its parts; false for ops that are not expanded. */
static bool expand(ts_maker *m, const ts_op_node *op, ts_complex *r) {
    if (op->kind == ts_hlo_constant) {
        ts_twins parts = ts_twins_of_constant(m, op, ts_dtype_f32);
        *r = (ts_complex){parts.first, parts.second};
    } else if (op->kind == ts_hlo_iota) {
        *r = ts_complex_real(m, count_up(m, op));
    } else if (op->kind == ts_hlo_convert) {
        ts_value *from = op->operands[0];
        if (ts_dtype_get((ts_dtype)from->type.dtype)->kind == 'c' && !ts_is_complex(from)) return false;
        *r = ts_is_complex(from) ? split(m, from) : ts_complex_real(m, in_type(m, from, ts_dtype_f32));
    } else if (ts_twins_can_move(op)) {
        ts_twins parts = ts_twins_move(m, op, ts_dtype_f32);
        *r = (ts_complex){parts.first, parts.second};
    } else if (op->kind == ts_hlo_dot_general || op->kind == ts_hlo_convolution) {
        *r = multiply(m, op);
    } else {
        return compute(m, op, r);
    }
    return true;
}

/* Ops with complex operands and another result; NULL for ops that are not expanded. */
static ts_value *measure(ts_maker *m, const ts_op_node *op) {
    switch (op->kind) {
    case ts_hlo_abs: return ts_complex_abs(m, split(m, op->operands[0]));
    case ts_hlo_imag: return split(m, op->operands[0]).im;
    case ts_hlo_real: return split(m, op->operands[0]).re;
    case ts_hlo_convert: return in_type(m, split(m, op->operands[0]).re, op->results[0]->type.dtype);
    case ts_hlo_compare: {
        ts_complex a = split(m, op->operands[0]), b = split(m, op->operands[1]);
        ts_value *is_equal = ts_complex_is_equal(m, a, b);
        const char *direction = ts_op_string(op, "comparison_direction");
        if (strcmp(direction, "EQ") == 0) return is_equal;
        return strcmp(direction, "NE") == 0 ? ts_make_unary(m, ts_hlo_not, is_equal, &is_equal->type) : NULL;
    }
    default: return NULL;
    }
}

/* Collectives move pairs; those that combine may only add. */
static ts_value *send_pairs(ts_maker *m, const ts_op_node *op) {
    const ts_block *region = op->region_count ? op->regions[0] : NULL;
    bool adds = region && region->ops.count == 2 && region->ops.data[0]->kind == ts_hlo_add;
    if (op->operand_count != 1 || (region && !adds)) return NULL;
    ts_type pair = ts_twins_type(&op->operands[0]->type, ts_dtype_f32);
    ts_type made = ts_twins_type(&op->results[0]->type, ts_dtype_f32);
    ts_value *operand = ts_make_bitcast(m, op->operands[0], &pair);
    ts_op_node *copy = ts_op_new(m->module, m->func, (ts_hlo)op->kind, op->loc, 1, &operand, 1, &made,
                                 op->attr_count, op->attrs, op->region_count);
    if (region) copy->regions[0] = ts_make_combiner(m, ts_dtype_f32, ts_hlo_add);
    ts_vec_push(&m->block->ops, &m->module->arena, copy);
    return ts_make_bitcast(m, copy->results[0], &op->results[0]->type);
}

static ts_status expand_op(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    (void)diag;
    ts_complex r;
    if (op->result_count != 1 || op->kind == ts_hlo_bitcast_convert) return ts_ok;
    bool is_complex = ts_is_complex(op->results[0]),
         is_part = op->kind == ts_hlo_real || op->kind == ts_hlo_imag;
    bool has_complex =
        ts_twins_any(op, ts_is_complex) || (is_part && op->operands[0]->type.dtype == ts_dtype_f32);
    if (is_complex && ts_hlo_is_collective(op->kind))
        op->results[0]->note = send_pairs(make, op);
    else if (is_complex && op->region_count == 0 && expand(make, op, &r))
        op->results[0]->note = ts_complex_join(make, r);
    else if (!is_complex && has_complex && op->region_count == 0)
        op->results[0]->note = measure(make, op);
    return ts_ok;
}

static bool has_complex(const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        if (ts_twins_any(op, ts_is_complex)) return true;
        for (uint32_t r = 0; r < op->region_count; r++)
            if (op->regions[r] && has_complex(op->regions[r])) return true;
    }
    return false;
}

ts_status ts_split_complex(ts_module *module, ts_func *main, ts_diag *diag) {
    static ts_expander *const regions[] = {ts_expand_complex_regions};
    static ts_expander *const others[] = {ts_expand_fft, expand_op};
    if (!has_complex(main->body)) return ts_ok;
    TS_TRY(ts_expand_ops(module, main, regions, 1, diag));
    TS_TRY(ts_expand_ops(module, main, others, 2, diag));
    return ts_fold(module, main, diag); /* regions that still held joins would not be pointwise */
}

/* Quotients as products with a reciprocal. An elementwise division takes VectorE eight passes; a reciprocal
   takes ScalarE one. Such a quotient is rounded twice, within 1.5 units in the last place of the exact one,
   if the reciprocal is a normal number for every possible divisor (magnitude.h). Zeros, infinities and NaN
   give what a division gives. Narrower floats are divided in fp32. */
#include "compiler/graph/graph_make.h"
#include "compiler/graph/magnitude.h"
#include "compiler/passes.h"

typedef struct divisions {
    ts_module *module;
    ts_func *main;
    const ts_magnitude *magnitudes; /* by id, of the values that the pass found */
} divisions;

/* Bits of 1.0 in fp32. */
enum { ONE = 0x3f800000 };

static ts_type in_fp32(const ts_type *type) {
    ts_type wide = *type;
    wide.dtype = ts_dtype_f32;
    return wide;
}

static ts_value *as_fp32(ts_maker *make, ts_value *value) {
    const ts_type type = in_fp32(&value->type);
    return ts_type_equal(&type, &value->type) ? value : ts_make_unary(make, ts_hlo_convert, value, &type);
}

/* 1 / value in fp32. Of a broadcast or reshape, the reciprocal is taken before it. */
static ts_value *reciprocal(ts_maker *make, ts_value *value) {
    const ts_op_node *op = value->def;
    const ts_type type = in_fp32(&value->type);
    if (!op || (op->kind != ts_hlo_broadcast_in_dim && op->kind != ts_hlo_reshape))
        return ts_make_binary(make, ts_hlo_divide, ts_make_number(make, &type, ONE), as_fp32(make, value));
    ts_value *inner = reciprocal(make, op->operands[0]);
    ts_op_node *view = ts_op_new(make->module, make->func, (ts_hlo)op->kind, op->loc, 1, &inner, 1, &type,
                                 op->attr_count, op->attrs, 0);
    ts_vec_push(&make->block->ops, &make->module->arena, view);
    return view->results[0];
}

static bool is_to_split(const divisions *d, const ts_op_node *op) {
    if (op->kind != ts_hlo_divide) return false;
    unsigned dtype = op->results[0]->type.dtype;
    bool is_native = dtype == ts_dtype_f32 || dtype == ts_dtype_bf16 || dtype == ts_dtype_f16;
    return is_native && !ts_constant_is(op->operands[0], 1) &&
           ts_magnitude_has_reciprocal(d->magnitudes[op->operands[1]->id]);
}

/* Turns the op into a product or, if its type is not fp32, into the conversion of one. */
static void replace(ts_maker *make, ts_op_node *op) {
    ts_value *inverse = reciprocal(make, op->operands[1]);
    if (op->results[0]->type.dtype == ts_dtype_f32) {
        op->operands[1] = inverse;
        op->kind = ts_hlo_multiply;
        return;
    }
    op->operands[0] = ts_make_binary(make, ts_hlo_multiply, as_fp32(make, op->operands[0]), inverse);
    op->operand_count = 1;
    op->kind = ts_hlo_convert;
}

static void split(const divisions *d, ts_block *block) {
    ts_block out = {0};
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) split(d, op->regions[j]);
        if (is_to_split(d, op)) {
            ts_maker make = {.module = d->module, .func = d->main, .block = &out, .loc = op->loc};
            replace(&make, op);
        }
        ts_vec_push(&out.ops, &d->module->arena, op);
    }
    ts_block_take_ops(block, &out);
}

ts_status ts_split_divisions(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    ts_arena scratch = {0};
    divisions d = {.module = module, .main = main, .magnitudes = ts_value_magnitudes(main, &scratch)};
    split(&d, main->body);
    ts_arena_free(&scratch);
    return ts_ok;
}

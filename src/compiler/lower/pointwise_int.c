/* Integer operations in pointwise groups. VectorE computes in fp32, which is exact while operands and result
   are at most 2^24. GpSimdE has 32-bit integers, exact and wrapping. Narrower integers are computed in 32
   bits and cut, unless ranges show that nothing wraps. */

#include "compiler/lower/pointwise.h"
#include "compiler/lower/recipe.h"

static ts_range range_of(const ts_emitter *e, const ts_value *value) {
    return e->lower->ranges ? e->lower->ranges[value->id] : ts_range_of_dtype(value->type.dtype);
}

static ts_alu alu_of(const ts_op_node *op) {
    bool is_predicate = op->operands[0]->type.dtype == ts_dtype_i1;
    switch (op->kind) {
    case ts_hlo_abs: return ts_alu_abs_max;
    case ts_hlo_add: return is_predicate ? ts_alu_max : ts_alu_add;
    case ts_hlo_negate:
    case ts_hlo_subtract: return ts_alu_subtract;
    case ts_hlo_multiply: return ts_alu_multiply;
    case ts_hlo_divide: return ts_alu_divide;
    case ts_hlo_maximum: return ts_alu_max;
    case ts_hlo_minimum: return ts_alu_min;
    case ts_hlo_remainder: return ts_alu_mod;
    case ts_hlo_power: return ts_alu_pow;
    case ts_hlo_and: return ts_alu_bitwise_and;
    case ts_hlo_or: return ts_alu_bitwise_or;
    case ts_hlo_xor: return ts_alu_bitwise_xor;
    case ts_hlo_shift_left: return ts_alu_logical_shift_left;
    case ts_hlo_shift_right_logical: return ts_alu_logical_shift_right;
    case ts_hlo_shift_right_arithmetic: return ts_alu_arith_shift_right;
    case ts_hlo_compare: return ts_pointwise_compare_alu(op);
    default: return ts_alu_bypass;
    }
}

/* Where an op runs, and whether its exact result may exceed its dtype. */
typedef struct placing {
    ts_engine engine;
    bool wraps;
} placing;

static placing place(const ts_emitter *e, const ts_op_node *op) {
    ts_range in[3];
    bool is_small = true, is_word = ts_dtype_is_word(op->operands[op->operand_count - 1]->type.dtype);
    for (uint32_t i = 0; i < op->operand_count && i < 3; i++) {
        in[i] = range_of(e, op->operands[i]);
        is_small &= ts_range_is_small(in[i]);
    }
    placing p = {.engine = ts_engine_gpsimd};
    if (op->kind == ts_hlo_compare) {
        if (is_small) p.engine = ts_engine_vector;
        return p;
    }
    ts_range result = ts_range_apply(op, in);
    p.wraps = !ts_range_fits(result, op->results[0]->type.dtype) && op->results[0]->type.dtype != ts_dtype_i1;
    bool has_integers_only = op->kind == ts_hlo_divide || op->kind == ts_hlo_power ||
                             (op->kind == ts_hlo_remainder && in[1].low <= 0 && in[1].high >= 0);
    if (is_small && ts_range_is_small(result) && !has_integers_only && !(p.wraps && is_word))
        p.engine = ts_engine_vector;
    return p;
}

bool ts_pointwise_int_takes_number(const ts_emitter *e, const ts_op_node *op, uint32_t operand) {
    if (op->operand_count == 1) return false;
    if (op->kind == ts_hlo_clamp && operand == 1) return false;
    return ts_alu_kind(alu_of(op)) == 'b' || ts_range_is_small(range_of(e, op->operands[operand]));
}

void ts_pointwise_low_bytes(ts_emitter *e, const ts_ap *dst, const ts_value_form *from) {
    ts_value_form low = *from;
    low.dtype = (ts_dtype)dst->dtype;
    ts_ap src = ts_pointwise_ap(e, &low);
    for (int i = 0; i < src.dims; i++)
        src.dim[i].step *= ts_dtype_get(from->dtype)->bytes / ts_dtype_get(low.dtype)->bytes;
    ts_emit_copy(e->b, ts_engine_vector, dst, &src);
}

/* Widens a tile to words, as GpSimdE's arithmetic needs them. Immediates stay. */
static ts_value_form as_word(ts_emitter *e, const ts_value_form *form) {
    if (form->kind == ts_form_immediate || ts_dtype_is_word(form->dtype)) return *form;
    ts_value_form word = ts_pointwise_tile(e, ts_dtype_i32, 1);
    ts_ap to = ts_pointwise_ap(e, &word), from = ts_pointwise_ap(e, form);
    ts_emit_copy(e->b, ts_engine_vector, &to, &from);
    return word;
}

/* Where a result is written: to a word if it may exceed the narrow dtype of dst, otherwise to dst. */
typedef struct landing {
    bool is_word;
    ts_value_form word;
    ts_ap ap;
} landing;

static landing land(ts_emitter *e, const ts_ap *dst, placing p, bool is_test) {
    landing l = {.ap = *dst};
    bool is_narrow = ts_dtype_get(dst->dtype)->bytes < 4;
    l.is_word = is_narrow && !is_test && (p.wraps || p.engine == ts_engine_gpsimd);
    if (!l.is_word) return l;
    l.word = ts_pointwise_tile(e, ts_dtype_i32, 1);
    l.ap = ts_pointwise_ap(e, &l.word);
    return l;
}

static void cut(ts_emitter *e, const ts_ap *dst, const landing *l) {
    if (l->is_word) ts_pointwise_low_bytes(e, dst, &l->word);
}

/* The engine for bitwise ops on words. VectorE takes two passes for two arrays and one for an array and a
   number; GpSimdE takes one after a start-up time. They exclude each other at SBUF, so the faster one is
   best, however busy the other is. */
static ts_engine bits_engine(const ts_emitter *e, const ts_ap *dst, const ts_value_form *const *in) {
    const ts_chip *chip = e->b->chip;
    bool is_array[2] = {in[0]->kind == ts_form_tile, in[1]->kind == ts_form_tile};
    bool has_number = in[0]->kind == ts_form_immediate || in[1]->kind == ts_form_immediate;
    if (!ts_dtype_is_word(dst->dtype) || !(is_array[0] || is_array[1])) return ts_engine_vector;
    if (!(is_array[0] && is_array[1]) && !has_number) return ts_engine_vector;
    double elems = (double)ts_pointwise_elems(e, e->axes), passes = is_array[0] && is_array[1] ? 2 : 1;
    bool is_faster =
        (chip->gpsimd_start_cycles + elems) / chip->gpsimd_ghz < passes * elems / chip->vector_ghz;
    return is_faster ? ts_engine_gpsimd : ts_engine_vector;
}

static ts_status binary(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                        const ts_value_form *const *in) {
    ts_alu alu = alu_of(op);
    if (alu == ts_alu_bypass) return ts_pointwise_refuse(e, op);
    if (ts_alu_kind(alu) == 'b') {
        ts_pointwise_binary(e, bits_engine(e, dst, in), dst, alu, in[0], in[1]);
        return ts_ok;
    }
    placing p = place(e, op);
    landing l = land(e, dst, p, op->kind == ts_hlo_compare);
    ts_value_form a = *in[0], b = *in[1];
    if (p.engine == ts_engine_gpsimd) {
        if (b.kind == ts_form_immediate && a.kind == b.kind) a.kind = ts_form_column; /* read as a column */
        a = as_word(e, &a);
        b = as_word(e, &b);
    }
    ts_pointwise_binary(e, p.engine, &l.ap, alu, &a, &b);
    cut(e, dst, &l);
    return ts_ok;
}

static ts_status clamp(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                       const ts_value_form *const *in) {
    bool is_small = true;
    for (int i = 0; i < 3; i++)
        is_small &= ts_range_is_small(range_of(e, op->operands[i]));
    ts_engine engine = is_small ? ts_engine_vector : ts_engine_gpsimd;
    ts_value_form raised = ts_pointwise_tile(e, in[1]->dtype, 1);
    ts_ap between = ts_pointwise_ap(e, &raised);
    ts_pointwise_binary(e, engine, &between, ts_alu_max, in[1], in[0]);
    ts_pointwise_binary(e, engine, dst, ts_alu_min, &raised, in[2]);
    return ts_ok;
}

/* Converts the bits of an integer to u32. */
static ts_value_form as_natural(ts_emitter *e, const ts_value_form *form) {
    int bytes = ts_dtype_get(form->dtype)->bytes;
    ts_value_form bits = *form;
    bits.kind = form->kind == ts_form_tile ? ts_form_tile : ts_form_column;
    bits.dtype = bytes == 1 ? ts_dtype_u8 : bytes == 2 ? ts_dtype_u16 : ts_dtype_u32;
    if (bytes == 4) return bits;
    ts_value_form word = ts_pointwise_tile(e, ts_dtype_u32, 1);
    ts_ap to = ts_pointwise_ap(e, &word), from = ts_pointwise_ap(e, &bits);
    ts_emit_copy(e->b, ts_engine_vector, &to, &from);
    return word;
}

/* Counts bits by recipes on 32 bits. Leading zeros that a narrower operand does not have are subtracted. */
static ts_status count_bits(ts_emitter *e, const ts_op_node *op, const ts_ap *dst, const ts_value_form *a) {
    ts_value_form bits = as_natural(e, a), count = ts_pointwise_tile(e, ts_dtype_i32, 1);
    const ts_value_form *in[1] = {&bits};
    int width = ts_dtype_get(a->dtype)->bytes * 8;
    const ts_recipe *recipe = ts_recipe_find(op->kind);
    if (!recipe) return ts_pointwise_refuse(e, op);
    TS_TRY(ts_recipe_emit(e, recipe, &count, in, 1));
    ts_ap from = ts_pointwise_ap(e, &count);
    double spare = op->kind == ts_hlo_count_leading_zeros ? 32 - width : 0;
    ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &from, ts_alu_subtract, ts_scalar_const(spare), false);
    return ts_ok;
}

static ts_status unary(ts_emitter *e, const ts_op_node *op, const ts_ap *dst, const ts_value_form *a) {
    bool is_predicate = op->operands[0]->type.dtype == ts_dtype_i1;
    ts_ap src = ts_pointwise_ap(e, a);
    switch (op->kind) {
    case ts_hlo_not:
        ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &src,
                              is_predicate ? ts_alu_is_equal : ts_alu_bitwise_xor,
                              ts_scalar_const(is_predicate ? 0 : -1), false);
        return ts_ok;
    case ts_hlo_sign: {
        /* sign: rounding to fp32 does not change it */
        ts_inst_tensor_scalar *inst =
            ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &src, ts_alu_max, ts_scalar_const(-1), false);
        inst->op1 = ts_alu_min;
        inst->operand1 = ts_scalar_const(1);
        return ts_ok;
    }
    case ts_hlo_popcnt:
    case ts_hlo_count_leading_zeros: return count_bits(e, op, dst, a);
    case ts_hlo_abs:
    case ts_hlo_negate: {
        placing p = place(e, op);
        landing l = land(e, dst, p, false);
        ts_value_form word = p.engine == ts_engine_gpsimd ? as_word(e, a) : *a;
        src = ts_pointwise_ap(e, &word);
        ts_emit_tensor_scalar(e->b, p.engine, &l.ap, &src, alu_of(op), ts_scalar_const(0),
                              op->kind == ts_hlo_negate);
        cut(e, dst, &l);
        return ts_ok;
    }
    default: return ts_pointwise_refuse(e, op);
    }
}

ts_status ts_pointwise_int(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                           const ts_value_form *const *in) {
    bool is_predicate = op->operands[op->operand_count - 1]->type.dtype == ts_dtype_i1;
    bool has_none = is_predicate &&
                    (op->kind == ts_hlo_subtract || op->kind == ts_hlo_divide || op->kind == ts_hlo_power ||
                     op->kind == ts_hlo_remainder || op->kind == ts_hlo_negate);
    if (has_none) return ts_pointwise_refuse(e, op);
    if (op->operand_count == 1) return unary(e, op, dst, in[0]);
    return op->kind == ts_hlo_clamp ? clamp(e, op, dst, in) : binary(e, op, dst, in);
}

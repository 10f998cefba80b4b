/* Operations on 64-bit integers, which the engines lack, as operations on their halves. A value stays 64-bit
   where it meets arguments, results and ops that are not expanded: there a bitcast joins the halves along a
   last axis of size 2. Folding drops joins that nothing reads. */
#include <string.h>

#include "compiler/passes.h"
#include "compiler/rewrite/expand.h"
#include "compiler/rewrite/wide.h"

static bool is_wide(const ts_value *value) {
    return ts_is_wide(value);
}

static bool is_signed(const ts_value *value) {
    return value->type.dtype == ts_dtype_i64;
}

static ts_wide split(ts_maker *m, ts_value *value) {
    return ts_wide_split(m, value);
}

static ts_value *join(ts_maker *m, ts_wide w, const ts_type *type) {
    return ts_wide_join(m, w, type);
}

/* ---- ops ---- */

static bool is_index(const ts_op_node *op, uint32_t i) {
    switch (op->kind) {
    case ts_hlo_dynamic_slice: return i >= 1;
    case ts_hlo_dynamic_update_slice: return i >= 2;
    case ts_hlo_gather: return i == 1;
    case ts_hlo_scatter: return i == op->operand_count / 2; /* the indices come between inputs and updates */
    default: return false;
    }
}

/* Indices are saturated to 32 bits: they are clamped or drop their update anyway when they are out of
   bounds. */
static void narrow_indices(ts_maker *m, ts_op_node *op) {
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (is_index(op, i) && is_wide(op->operands[i]))
            op->operands[i] = ts_wide_saturate(m, split(m, op->operands[i]), is_signed(op->operands[i]));
}

static ts_value *convert(ts_maker *m, const ts_op_node *op) {
    ts_value *from = op->operands[0];
    const ts_type *to = &op->results[0]->type;
    bool is_float = ts_dtype_get((ts_dtype)(is_wide(from) ? to->dtype : from->type.dtype))->kind == 'f';
    if (!ts_dtype_get((ts_dtype)(is_wide(from) ? to->dtype : from->type.dtype))->native &&
        !(is_wide(from) && is_wide(op->results[0])))
        return NULL;
    if (!is_wide(from)) {
        bool has_sign = is_signed(op->results[0]);
        return join(m, is_float ? ts_wide_of_float(m, from, has_sign) : ts_wide_of_word(m, from), to);
    }
    if (is_wide(op->results[0])) return join(m, split(m, from), to);
    if (!is_float) return ts_wide_to_word(m, split(m, from), to);
    bool is_byte = ts_dtype_get((ts_dtype)to->dtype)->bytes == 1;
    return is_byte ? NULL : ts_wide_to_float(m, split(m, from), is_signed(from), to);
}

static ts_value *shift_count(ts_maker *m, ts_value *count) {
    ts_wide w = split(m, count);
    ts_value *zero = ts_make_number(m, &w.high->type, 0), *all = ts_make_number(m, &w.high->type, 64);
    ts_value *is_small = ts_make_compare(m, "LT", w.low, all);
    is_small = ts_make_binary(m, ts_hlo_and, is_small, ts_make_compare(m, "EQ", w.high, zero));
    return ts_make_select(m, is_small, w.low, all);
}

static ts_wide repeat(ts_maker *m, ts_wide w, const ts_value *like) {
    ts_type type = like->type;
    type.dtype = ts_dtype_u32;
    if (ts_type_equal(&w.low->type, &type)) return w;
    return (ts_wide){ts_make_splat(m, w.low, &type), ts_make_splat(m, w.high, &type)};
}

static ts_wide extreme(ts_maker *m, bool is_max, ts_wide a, ts_wide b, bool has_sign) {
    return ts_wide_select(m, ts_wide_compare(m, is_max ? "GE" : "LE", a, b, has_sign), a, b);
}

static ts_wide sign_of(ts_maker *m, ts_wide a) {
    ts_wide zero = ts_wide_number(m, a.low, 0);
    ts_wide natural = ts_wide_of_word(m, ts_wide_compare(m, "NE", a, zero, true));
    return ts_wide_select(m, ts_wide_is_negative(m, a), ts_wide_number(m, a.low, UINT64_MAX), natural);
}

static ts_wide count_ones(ts_maker *m, ts_wide a) {
    ts_value *low = ts_make_unary(m, ts_hlo_popcnt, a.low, &a.low->type);
    ts_value *high = ts_make_unary(m, ts_hlo_popcnt, a.high, &a.high->type);
    return ts_wide_of_word(m, ts_make_binary(m, ts_hlo_add, low, high));
}

/* The number that all elements have, if it is known. */
static bool is_known(const ts_value *word, double *number) {
    while (word->def && word->def->kind == ts_hlo_broadcast_in_dim)
        word = word->def->operands[0];
    return ts_constant_splat(word, number);
}

/* Power by repeated squaring, if the exponent is a known number that is not negative. */
static bool power(ts_maker *m, ts_wide base, ts_wide exponent, bool has_sign, ts_wide *r) {
    double low, high;
    if (!is_known(exponent.low, &low) || !is_known(exponent.high, &high)) return false;
    uint64_t bits = (uint64_t)high << 32 | (uint64_t)low;
    if (has_sign && bits >> 63) return false;
    for (*r = ts_wide_number(m, base.low, 1); bits; bits >>= 1) {
        if (bits & 1) *r = ts_wide_multiply(m, *r, base);
        if (bits > 1) base = ts_wide_multiply(m, base, base);
    }
    return true;
}

/* Arithmetic with 64-bit operands and result; false for other ops. */
static bool compute(ts_maker *m, const ts_op_node *op, ts_wide *r) {
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (!is_wide(op->operands[i])) return false;
    bool has_sign = is_signed(op->results[0]);
    ts_wide a = {0}, b = {0};
    if (op->operand_count > 0) a = split(m, op->operands[0]);
    if (op->operand_count > 1) b = split(m, op->operands[1]);
    switch (op->kind) {
    case ts_hlo_abs: *r = ts_wide_select(m, ts_wide_is_negative(m, a), ts_wide_negate(m, a), a); return true;
    case ts_hlo_add: *r = ts_wide_add(m, a, b); return true;
    case ts_hlo_and:
    case ts_hlo_or:
    case ts_hlo_xor: *r = ts_wide_bits(m, (ts_hlo)op->kind, a, b); return true;
    case ts_hlo_clamp: {
        ts_wide low = repeat(m, a, op->operands[1]),
                high = repeat(m, split(m, op->operands[2]), op->operands[1]);
        *r = extreme(m, false, extreme(m, true, b, low, has_sign), high, has_sign);
        return true;
    }
    case ts_hlo_count_leading_zeros: *r = ts_wide_of_word(m, ts_wide_leading_zeros(m, a)); return true;
    case ts_hlo_divide:
    case ts_hlo_remainder: *r = ts_wide_divide(m, a, b, has_sign, op->kind == ts_hlo_remainder); return true;
    case ts_hlo_maximum:
    case ts_hlo_minimum: *r = extreme(m, op->kind == ts_hlo_maximum, a, b, has_sign); return true;
    case ts_hlo_multiply: *r = ts_wide_multiply(m, a, b); return true;
    case ts_hlo_power: return power(m, a, b, has_sign, r);
    case ts_hlo_negate: *r = ts_wide_negate(m, a); return true;
    case ts_hlo_not: *r = ts_wide_bits(m, ts_hlo_xor, a, ts_wide_number(m, a.low, UINT64_MAX)); return true;
    case ts_hlo_popcnt: *r = count_ones(m, a); return true;
    case ts_hlo_shift_left:
    case ts_hlo_shift_right_arithmetic:
    case ts_hlo_shift_right_logical:
        *r = ts_wide_shift(m, (ts_hlo)op->kind, a, shift_count(m, op->operands[1]));
        return true;
    case ts_hlo_sign: *r = sign_of(m, a); return true;
    case ts_hlo_subtract: *r = ts_wide_subtract(m, a, b); return true;
    default: return false;
    }
}

static ts_wide count_up(ts_maker *m, const ts_op_node *op) {
    ts_type type = op->results[0]->type;
    type.dtype = ts_dtype_u32;
    ts_value *low = ts_make_iota(m, &type, ts_op_int(op, "iota_dimension", 0));
    return (ts_wide){low, ts_make_number(m, &type, 0)};
}

/* ---- regions: the halves in one array ---- */

static ts_type pair_type(const ts_type *whole) {
    return ts_twins_type(whole, ts_dtype_u32);
}

static void open_pair(ts_maker *m, ts_value *whole, ts_value **pair) {
    ts_type type = pair_type(&whole->type);
    *pair = ts_make_bitcast(m, whole, &type);
}

static ts_value *close_pair(ts_maker *m, ts_value *const *pair, const ts_type *whole) {
    return ts_make_bitcast(m, *pair, whole);
}

static const ts_twins_form as_pair = {ts_is_wide, 1, pair_type, open_pair, close_pair};

static ts_value *expand(ts_maker *m, ts_op_node *op) {
    ts_wide w;
    const ts_type *type = &op->results[0]->type;
    if (op->kind == ts_hlo_constant) return ts_twins_join(m, ts_twins_of_constant(m, op, ts_dtype_u32), type);
    if (op->kind == ts_hlo_iota) return join(m, count_up(m, op), &op->results[0]->type);
    if (op->kind == ts_hlo_convert) return convert(m, op);
    if (op->kind == ts_hlo_compare)
        return ts_wide_compare(m, ts_op_string(op, "comparison_direction"), split(m, op->operands[0]),
                               split(m, op->operands[1]), is_signed(op->operands[0]));
    if (!is_wide(op->results[0])) return NULL;
    if (ts_twins_can_move(op)) return ts_twins_join(m, ts_twins_move(m, op, ts_dtype_u32), type);
    return compute(m, op, &w) ? join(m, w, type) : NULL;
}

ts_status ts_expand_wide(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    (void)diag;
    if (!ts_twins_any(op, ts_is_wide) || op->kind == ts_hlo_bitcast_convert) return ts_ok;
    narrow_indices(make, op);
    if (op->kind == ts_hlo_case || op->kind == ts_hlo_if || op->kind == ts_hlo_while)
        ts_twins_carry(make, op, &as_pair);
    else if (op->result_count == 1 && op->region_count == 0)
        op->results[0]->note = expand(make, op);
    return ts_ok;
}

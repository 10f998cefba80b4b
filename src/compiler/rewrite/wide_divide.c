/* Quotients of 64-bit integers: a float estimate of the quotient, never too large, is subtracted until less
   than two divisors are left. */
#include "base/bits.h"
#include "compiler/rewrite/wide.h"

/* Each round leaves at most 2^-18 of the quotient, plus less than one divisor. */
enum { ROUNDS = 4 };

static ts_value *float_number(ts_maker *m, const ts_value *of, float number) {
    ts_type type = of->type;
    type.dtype = ts_dtype_f32;
    return ts_make_number(m, &type, ts_float_bits(number));
}

static ts_value *product(ts_maker *m, ts_value *a, float number) {
    return ts_make_binary(m, ts_hlo_multiply, a, float_number(m, a, number));
}

static ts_value *word_as_float(ts_maker *m, ts_value *word) {
    ts_type type = word->type;
    type.dtype = ts_dtype_f32;
    return ts_make_unary(m, ts_hlo_convert, word, &type);
}

/* The number as a float with a relative error of at most 2^-22. */
static ts_value *as_float(ts_maker *m, ts_wide a) {
    return ts_make_binary(m, ts_hlo_add, product(m, word_as_float(m, a.high), 0x1p32f),
                          word_as_float(m, a.low));
}

/* Divides unsigned numbers; the divisor is not 0. */
static ts_wide divide(ts_maker *m, ts_wide a, ts_wide b, ts_wide *rest) {
    ts_value *one = float_number(m, a.low, 1);
    /* Less than the true reciprocal, by more than the rounding errors of the reciprocal and the product. */
    ts_value *inverse = product(m, ts_make_binary(m, ts_hlo_divide, one, as_float(m, b)), 1 - 0x1p-19f);
    ts_wide quotient = ts_wide_number(m, a.low, 0);
    for (int i = 0; i < ROUNDS; i++) {
        ts_value *estimate = ts_make_binary(m, ts_hlo_multiply, as_float(m, a), inverse);
        ts_wide part = ts_wide_of_float(m, estimate, false);
        quotient = ts_wide_add(m, quotient, part);
        a = ts_wide_subtract(m, a, ts_wide_multiply(m, part, b));
    }
    ts_value *is_more = ts_wide_compare(m, "GE", a, b, false);
    *rest = ts_wide_select(m, is_more, ts_wide_subtract(m, a, b), a);
    ts_wide next = ts_wide_add(m, quotient, ts_wide_number(m, a.low, 1));
    return ts_wide_select(m, is_more, next, quotient);
}

static ts_wide magnitude(ts_maker *m, ts_wide a, ts_value *is_negative) {
    return ts_wide_select(m, is_negative, ts_wide_negate(m, a), a);
}

/* Division by 0 gives a quotient with all bits set and the dividend as remainder, as for 32-bit integers. */
ts_wide ts_wide_divide(ts_maker *m, ts_wide a, ts_wide b, bool is_signed, bool wants_rest) {
    ts_wide zero = ts_wide_number(m, a.low, 0), one = ts_wide_number(m, a.low, 1), x = a, y = b, rest;
    ts_value *is_zero = ts_wide_compare(m, "EQ", b, zero, false), *is_negative = NULL, *differ = NULL;
    if (is_signed) {
        ts_value *is_below = ts_wide_is_negative(m, b);
        is_negative = ts_wide_is_negative(m, a);
        differ = ts_make_binary(m, ts_hlo_xor, is_negative, is_below);
        x = magnitude(m, a, is_negative);
        y = magnitude(m, b, is_below);
    }
    ts_wide quotient = divide(m, x, ts_wide_select(m, is_zero, one, y), &rest);
    if (wants_rest) {
        if (is_signed) rest = magnitude(m, rest, is_negative);
        return ts_wide_select(m, is_zero, a, rest);
    }
    if (is_signed) quotient = magnitude(m, quotient, differ);
    return ts_wide_select(m, is_zero, ts_wide_number(m, a.low, UINT64_MAX), quotient);
}

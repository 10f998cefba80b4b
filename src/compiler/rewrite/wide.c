/* Arithmetic on 64-bit integers by 32-bit halves: carries, products of 16-bit parts, shifts across the
   halves. */
#include "compiler/rewrite/wide.h"

#include <string.h>

#include "base/bits.h"

static ts_type like(const ts_value *value, unsigned dtype) {
    ts_type type = value->type;
    type.dtype = (uint8_t)dtype;
    return type;
}

static ts_value *as(ts_maker *m, ts_value *value, unsigned dtype) {
    ts_type type = like(value, dtype);
    return value->type.dtype == dtype ? value : ts_make_unary(m, ts_hlo_convert, value, &type);
}

static ts_value *number(ts_maker *m, const ts_value *of, uint32_t value) {
    ts_type type = like(of, ts_dtype_u32);
    return ts_make_number(m, &type, value);
}

static ts_value *binary(ts_maker *m, ts_hlo kind, ts_value *a, ts_value *b) {
    return ts_make_binary(m, kind, a, b);
}

static ts_value *with(ts_maker *m, ts_hlo kind, ts_value *a, uint32_t value) {
    return ts_make_binary(m, kind, a, number(m, a, value));
}

static ts_value *add(ts_maker *m, ts_value *a, ts_value *b) {
    return binary(m, ts_hlo_add, a, b);
}

static ts_value *test(ts_maker *m, const char *direction, ts_value *a, uint32_t value) {
    return ts_make_compare(m, direction, a, number(m, a, value));
}

bool ts_is_wide(const ts_value *value) {
    return value->type.kind == ts_type_tensor && value->type.rank < TS_MAX_RANK &&
           (value->type.dtype == ts_dtype_i64 || value->type.dtype == ts_dtype_u64);
}

ts_wide ts_wide_split(ts_maker *m, ts_value *value) {
    ts_twins halves = ts_twins_split(m, value, ts_dtype_u32);
    return (ts_wide){halves.first, halves.second};
}

ts_value *ts_wide_join(ts_maker *m, ts_wide w, const ts_type *type) {
    return ts_twins_join(m, (ts_twins){w.low, w.high}, type);
}

ts_wide ts_wide_number(ts_maker *m, const ts_value *of, uint64_t value) {
    return (ts_wide){number(m, of, (uint32_t)value), number(m, of, (uint32_t)(value >> 32))};
}

ts_wide ts_wide_add(ts_maker *m, ts_wide a, ts_wide b) {
    ts_wide sum = {.low = add(m, a.low, b.low)};
    ts_value *carry = as(m, ts_make_compare(m, "LT", sum.low, a.low), ts_dtype_u32);
    sum.high = add(m, add(m, a.high, b.high), carry);
    return sum;
}

ts_wide ts_wide_subtract(ts_maker *m, ts_wide a, ts_wide b) {
    ts_value *borrow = as(m, ts_make_compare(m, "LT", a.low, b.low), ts_dtype_u32);
    ts_value *high = binary(m, ts_hlo_subtract, a.high, b.high);
    return (ts_wide){binary(m, ts_hlo_subtract, a.low, b.low), binary(m, ts_hlo_subtract, high, borrow)};
}

ts_wide ts_wide_negate(ts_maker *m, ts_wide a) {
    return ts_wide_subtract(m, ts_wide_number(m, a.low, 0), a);
}

/* The upper half of the product of two u32, by 16-bit parts. */
static ts_value *upper_product(ts_maker *m, ts_value *a, ts_value *b) {
    const ts_hlo times = ts_hlo_multiply, right = ts_hlo_shift_right_logical;
    ts_value *a0 = with(m, ts_hlo_and, a, 0xffff), *a1 = with(m, right, a, 16);
    ts_value *b0 = with(m, ts_hlo_and, b, 0xffff), *b1 = with(m, right, b, 16);
    ts_value *t = with(m, right, binary(m, times, a0, b0), 16);
    ts_value *u = add(m, binary(m, times, a1, b0), t);
    ts_value *v = add(m, binary(m, times, a0, b1), with(m, ts_hlo_and, u, 0xffff));
    ts_value *top = add(m, binary(m, times, a1, b1), with(m, right, u, 16));
    return add(m, top, with(m, right, v, 16));
}

ts_wide ts_wide_multiply(ts_maker *m, ts_wide a, ts_wide b) {
    ts_value *cross =
        add(m, binary(m, ts_hlo_multiply, a.low, b.high), binary(m, ts_hlo_multiply, a.high, b.low));
    return (ts_wide){binary(m, ts_hlo_multiply, a.low, b.low), add(m, upper_product(m, a.low, b.low), cross)};
}

ts_wide ts_wide_bits(ts_maker *m, ts_hlo kind, ts_wide a, ts_wide b) {
    return (ts_wide){binary(m, kind, a.low, b.low), binary(m, kind, a.high, b.high)};
}

ts_wide ts_wide_select(ts_maker *m, ts_value *predicate, ts_wide yes, ts_wide no) {
    return (ts_wide){ts_make_select(m, predicate, yes.low, no.low),
                     ts_make_select(m, predicate, yes.high, no.high)};
}

static ts_value *is_less(ts_maker *m, ts_wide a, ts_wide b, bool is_signed) {
    unsigned dtype = is_signed ? ts_dtype_i32 : ts_dtype_u32;
    ts_value *high = ts_make_compare(m, "LT", as(m, a.high, dtype), as(m, b.high, dtype));
    ts_value *low = binary(m, ts_hlo_and, ts_make_compare(m, "EQ", a.high, b.high),
                           ts_make_compare(m, "LT", a.low, b.low));
    return binary(m, ts_hlo_or, high, low);
}

static ts_value *not_of(ts_maker *m, ts_value *predicate) {
    return ts_make_unary(m, ts_hlo_not, predicate, &predicate->type);
}

ts_value *ts_wide_compare(ts_maker *m, const char *direction, ts_wide a, ts_wide b, bool is_signed) {
    if (strcmp(direction, "LT") == 0) return is_less(m, a, b, is_signed);
    if (strcmp(direction, "GT") == 0) return is_less(m, b, a, is_signed);
    if (strcmp(direction, "GE") == 0) return not_of(m, is_less(m, a, b, is_signed));
    if (strcmp(direction, "LE") == 0) return not_of(m, is_less(m, b, a, is_signed));
    ts_value *is_same = binary(m, ts_hlo_and, ts_make_compare(m, "EQ", a.low, b.low),
                               ts_make_compare(m, "EQ", a.high, b.high));
    return strcmp(direction, "NE") == 0 ? not_of(m, is_same) : is_same;
}

ts_value *ts_wide_is_negative(ts_maker *m, ts_wide a) {
    return test(m, "GE", a.high, 0x80000000u);
}

/* 32-bit shifts by 32 or more give 0 (or the sign), so bits that cross between the halves vanish where they
   should. */
ts_wide ts_wide_shift(ts_maker *m, ts_hlo kind, ts_wide a, ts_value *count) {
    bool is_left = kind == ts_hlo_shift_left, is_signed = kind == ts_hlo_shift_right_arithmetic;
    ts_value *is_far = test(m, "GE", count, 32), *rest = with(m, ts_hlo_subtract, count, 32);
    ts_value *back = binary(m, ts_hlo_subtract, number(m, count, 32), count);
    ts_value *from = is_left ? a.low : a.high, *to = is_left ? a.high : a.low;
    ts_value *signed_from = is_signed ? as(m, from, ts_dtype_i32) : from;
    unsigned dtype = signed_from->type.dtype;
    ts_value *kept = as(m, binary(m, kind, signed_from, as(m, count, dtype)), ts_dtype_u32);
    ts_value *far = as(m, binary(m, kind, signed_from, as(m, rest, dtype)), ts_dtype_u32);
    ts_value *crossing = binary(m, is_left ? ts_hlo_shift_right_logical : ts_hlo_shift_left, from, back);
    ts_value *moved = binary(m, is_left ? kind : ts_hlo_shift_right_logical, to, count);
    ts_value *near = binary(m, ts_hlo_or, moved, crossing), *empty = number(m, count, 0);
    if (is_signed) {
        ts_type type = like(from, ts_dtype_i32);
        empty = as(m, binary(m, kind, signed_from, ts_make_number(m, &type, 31)), ts_dtype_u32);
    }
    ts_value *outer = ts_make_select(m, is_far, empty, kept), *inner = ts_make_select(m, is_far, far, near);
    return is_left ? (ts_wide){outer, inner} : (ts_wide){inner, outer};
}

ts_value *ts_wide_leading_zeros(ts_maker *m, ts_wide a) {
    ts_value *high = ts_make_unary(m, ts_hlo_count_leading_zeros, a.high, &a.high->type);
    ts_value *low = ts_make_unary(m, ts_hlo_count_leading_zeros, a.low, &a.low->type);
    return ts_make_select(m, test(m, "EQ", a.high, 0), with(m, ts_hlo_add, low, 32), high);
}

/* ---- conversions ---- */

ts_wide ts_wide_of_word(ts_maker *m, ts_value *a) {
    if (ts_dtype_get((ts_dtype)a->type.dtype)->kind != 's')
        return (ts_wide){as(m, a, ts_dtype_u32), number(m, a, 0)};
    ts_value *word = as(m, a, ts_dtype_i32);
    ts_value *sign = binary(m, ts_hlo_shift_right_arithmetic, word, ts_make_number(m, &word->type, 31));
    return (ts_wide){as(m, word, ts_dtype_u32), as(m, sign, ts_dtype_u32)};
}

ts_value *ts_wide_to_word(ts_maker *m, ts_wide a, const ts_type *type) {
    ts_value *bits = type->dtype == ts_dtype_i1 ? binary(m, ts_hlo_or, a.low, a.high) : a.low;
    return as(m, bits, type->dtype);
}

static ts_value *float_number(ts_maker *m, const ts_value *of, float value) {
    ts_type type = like(of, ts_dtype_f32);
    return ts_make_number(m, &type, ts_float_bits(value));
}

/* 2^exponent, built from its bits. */
static ts_value *power_of_two(ts_maker *m, ts_value *exponent) {
    ts_type type = like(exponent, ts_dtype_f32);
    ts_value *bits = with(m, ts_hlo_shift_left, with(m, ts_hlo_add, exponent, 127), 23);
    return ts_make_bitcast(m, bits, &type);
}

/* Rounds the leading bits of the magnitude, as many as the float has, to nearest even in integers; the
   conversion to fp32 is then exact. */
ts_value *ts_wide_to_float(ts_maker *m, ts_wide a, bool is_signed, const ts_type *type) {
    uint32_t digits = type->dtype == ts_dtype_f32   ? 24
                      : type->dtype == ts_dtype_f16 ? 11
                                                    : 8,
             cut = 32 - digits;
    ts_value *is_negative = is_signed ? ts_wide_is_negative(m, a) : NULL;
    if (is_signed) a = ts_wide_select(m, is_negative, ts_wide_negate(m, a), a);
    ts_value *zeros = ts_wide_leading_zeros(m, a);
    ts_wide top = ts_wide_shift(m, ts_hlo_shift_left, a, zeros);
    ts_value *kept = with(m, ts_hlo_shift_right_logical, top.high, cut);
    ts_value *rest = with(m, ts_hlo_and, top.high, (1u << cut) - 1);
    ts_value *is_odd = test(m, "NE", with(m, ts_hlo_and, kept, 1), 0);
    ts_value *is_more = binary(m, ts_hlo_or, is_odd, test(m, "NE", top.low, 0));
    ts_value *is_half = binary(m, ts_hlo_and, test(m, "EQ", rest, 1u << (cut - 1)), is_more);
    ts_value *is_up = binary(m, ts_hlo_or, test(m, "GT", rest, 1u << (cut - 1)), is_half);
    kept = as(m, add(m, kept, as(m, is_up, ts_dtype_u32)), ts_dtype_f32);
    ts_value *exponent = binary(m, ts_hlo_subtract, number(m, zeros, 64 - digits), zeros);
    ts_value *value = binary(m, ts_hlo_multiply, kept, power_of_two(m, exponent));
    if (is_signed)
        value = ts_make_select(m, is_negative, ts_make_unary(m, ts_hlo_negate, value, &value->type), value);
    return as(m, value, type->dtype);
}

ts_wide ts_wide_of_float(ts_maker *m, ts_value *a, bool is_signed) {
    a = as(m, a, ts_dtype_f32);
    ts_value *zero = float_number(m, a, 0), *size = ts_make_unary(m, ts_hlo_abs, a, &a->type);
    ts_value *is_negative = ts_make_compare(m, "LT", a, zero);
    ts_value *is_past = ts_make_compare(m, "GE", size, float_number(m, a, is_signed ? 0x1p63f : 0x1p64f));
    ts_wide w;
    w.high = as(m, binary(m, ts_hlo_multiply, size, float_number(m, a, 0x1p-32f)), ts_dtype_u32);
    ts_value *upper = binary(m, ts_hlo_multiply, as(m, w.high, ts_dtype_f32), float_number(m, a, 0x1p32f));
    w.low = as(m, binary(m, ts_hlo_subtract, size, upper), ts_dtype_u32);
    w = ts_wide_select(m, is_past, ts_wide_number(m, a, is_signed ? INT64_MAX : UINT64_MAX), w);
    if (!is_signed) return ts_wide_select(m, is_negative, ts_wide_number(m, a, 0), w);
    ts_wide minus =
        ts_wide_select(m, is_past, ts_wide_number(m, a, (uint64_t)INT64_MIN), ts_wide_negate(m, w));
    return ts_wide_select(m, is_negative, minus, w);
}

ts_value *ts_wide_saturate(ts_maker *m, ts_wide a, bool is_signed) {
    ts_value *word = as(m, a.low, ts_dtype_i32), *high = as(m, a.high, ts_dtype_i32);
    ts_value *most = ts_make_number(m, &word->type, INT32_MAX), *none = ts_make_number(m, &word->type, 0);
    ts_value *is_negative = ts_make_compare(m, "LT", word, none);
    if (!is_signed) {
        ts_value *is_past = binary(m, ts_hlo_or, ts_make_compare(m, "NE", high, none), is_negative);
        return ts_make_select(m, is_past, most, word);
    }
    ts_value *sign = binary(m, ts_hlo_shift_right_arithmetic, word, ts_make_number(m, &word->type, 31));
    ts_value *least = ts_make_number(m, &word->type, (uint32_t)INT32_MIN);
    ts_value *end = ts_make_select(m, ts_make_compare(m, "LT", high, none), least, most);
    return ts_make_select(m, ts_make_compare(m, "EQ", high, sign), word, end);
}

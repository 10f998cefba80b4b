/* Complex arithmetic by parts. */
#include "compiler/rewrite/complex.h"

#include "base/bits.h"

bool ts_is_complex(const ts_value *value) {
    return value->type.kind == ts_type_tensor && value->type.rank < TS_MAX_RANK &&
           value->type.dtype == ts_dtype_c64;
}

ts_type ts_complex_part(const ts_type *type) {
    ts_type part = *type;
    part.dtype = ts_dtype_f32;
    return part;
}

ts_complex ts_complex_split(ts_maker *m, ts_value *value) {
    if (!ts_is_complex(value)) return ts_complex_real(m, value);
    ts_twins parts = ts_twins_split(m, value, ts_dtype_f32);
    return (ts_complex){parts.first, parts.second};
}

ts_value *ts_complex_join(ts_maker *m, ts_complex a) {
    ts_type type = a.re->type;
    type.dtype = ts_dtype_c64;
    return ts_twins_join(m, (ts_twins){a.re, a.im}, &type);
}

/* ---- arithmetic ---- */

static ts_value *add(ts_maker *m, ts_value *a, ts_value *b) {
    return ts_make_binary(m, ts_hlo_add, a, b);
}

static ts_value *subtract(ts_maker *m, ts_value *a, ts_value *b) {
    return ts_make_binary(m, ts_hlo_subtract, a, b);
}

static ts_value *multiply(ts_maker *m, ts_value *a, ts_value *b) {
    return ts_make_binary(m, ts_hlo_multiply, a, b);
}

static ts_value *divide(ts_maker *m, ts_value *a, ts_value *b) {
    return ts_make_binary(m, ts_hlo_divide, a, b);
}

static ts_value *of(ts_maker *m, ts_hlo kind, ts_value *a) {
    return ts_make_unary(m, kind, a, &a->type);
}

ts_value *ts_complex_number(ts_maker *m, const ts_value *like, double number) {
    ts_type type = ts_complex_part(&like->type);
    return ts_make_number(m, &type, ts_float_bits((float)number));
}

ts_complex ts_complex_real(ts_maker *m, ts_value *re) {
    return (ts_complex){re, ts_complex_number(m, re, 0)};
}

ts_complex ts_complex_add(ts_maker *m, ts_complex a, ts_complex b) {
    return (ts_complex){add(m, a.re, b.re), add(m, a.im, b.im)};
}

ts_complex ts_complex_subtract(ts_maker *m, ts_complex a, ts_complex b) {
    return (ts_complex){subtract(m, a.re, b.re), subtract(m, a.im, b.im)};
}

ts_complex ts_complex_negate(ts_maker *m, ts_complex a) {
    return (ts_complex){of(m, ts_hlo_negate, a.re), of(m, ts_hlo_negate, a.im)};
}

ts_complex ts_complex_multiply(ts_maker *m, ts_complex a, ts_complex b) {
    return (ts_complex){subtract(m, multiply(m, a.re, b.re), multiply(m, a.im, b.im)),
                        add(m, multiply(m, a.re, b.im), multiply(m, a.im, b.re))};
}

ts_complex ts_complex_select(ts_maker *m, ts_value *predicate, ts_complex yes, ts_complex no) {
    return (ts_complex){ts_make_select(m, predicate, yes.re, no.re),
                        ts_make_select(m, predicate, yes.im, no.im)};
}

/* By Smith's method: with the divisor's larger part taken out, no square overflows. */
ts_complex ts_complex_divide(ts_maker *m, ts_complex a, ts_complex b) {
    ts_value *is_real =
        ts_make_compare(m, "GE", of(m, ts_hlo_abs, b.re), of(m, ts_hlo_abs, b.im)); /* the larger part */
    ts_value *large = ts_make_select(m, is_real, b.re, b.im), *small = ts_make_select(m, is_real, b.im, b.re);
    ts_value *ratio = divide(m, small, large), *zero = ts_complex_number(m, b.re, 0);
    ratio = ts_make_select(m, ts_make_compare(m, "EQ", small, zero), small, ratio); /* x / 0 is infinite */
    ts_value *whole = add(m, large, multiply(m, small, ratio));
    ts_value *first = ts_make_select(m, is_real, a.re, a.im),
             *second = ts_make_select(m, is_real, a.im, a.re);
    ts_value *re = divide(m, add(m, first, multiply(m, second, ratio)), whole);
    ts_value *im = divide(m, subtract(m, second, multiply(m, first, ratio)), whole);
    return (ts_complex){re, ts_make_select(m, is_real, im, of(m, ts_hlo_negate, im))};
}

ts_value *ts_complex_is_equal(ts_maker *m, ts_complex a, ts_complex b) {
    return ts_make_binary(m, ts_hlo_and, ts_make_compare(m, "EQ", a.re, b.re),
                          ts_make_compare(m, "EQ", a.im, b.im));
}

/* max * sqrt(1 + (min / max)^2). */
ts_value *ts_complex_abs(ts_maker *m, ts_complex a) {
    ts_value *x = of(m, ts_hlo_abs, a.re), *y = of(m, ts_hlo_abs, a.im);
    ts_value *most = ts_make_binary(m, ts_hlo_maximum, x, y),
             *least = ts_make_binary(m, ts_hlo_minimum, x, y);
    ts_value *ratio = divide(m, least, most), *one = ts_complex_number(m, x, 1);
    ts_value *abs = multiply(m, most, of(m, ts_hlo_sqrt, add(m, one, multiply(m, ratio, ratio))));
    return ts_make_select(m, ts_make_compare(m, "EQ", most, least),
                          multiply(m, most, ts_complex_number(m, x, 1.4142135623730951)), abs);
}

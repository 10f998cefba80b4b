/* Functions of complex numbers by functions of their parts. */
#include "compiler/rewrite/complex.h"

static ts_value *binary(ts_maker *m, ts_hlo kind, ts_value *a, ts_value *b) {
    return ts_make_binary(m, kind, a, b);
}

static ts_value *of(ts_maker *m, ts_hlo kind, ts_value *a) {
    return ts_make_unary(m, kind, a, &a->type);
}

static ts_value *number(ts_maker *m, const ts_value *like, double value) {
    return ts_complex_number(m, like, value);
}

static ts_value *times(ts_maker *m, ts_value *a, double by) {
    return binary(m, ts_hlo_multiply, a, number(m, a, by));
}

static ts_value *is_zero(ts_maker *m, ts_value *a) {
    return ts_make_compare(m, "EQ", a, number(m, a, 0));
}

/* The product of two numbers, of which one may be infinite where the other, `sine`, is 0: then it is 0. */
static ts_value *around(ts_maker *m, ts_value *length, ts_value *sine) {
    return ts_make_select(m, is_zero(m, sine), sine, binary(m, ts_hlo_multiply, length, sine));
}

/* e^(a + bi) = e^a (cos b + i sin b). */
static ts_complex exponential(ts_maker *m, ts_complex a) {
    ts_value *length = of(m, ts_hlo_exponential, a.re);
    return (ts_complex){around(m, length, of(m, ts_hlo_cosine, a.im)),
                        around(m, length, of(m, ts_hlo_sine, a.im))};
}

/* e^z - 1: the real part is (e^a - 1) cos b - 2 sin^2(b / 2), which keeps its digits near 0. */
static ts_complex exponential_minus_one(ts_maker *m, ts_complex a) {
    ts_value *half = of(m, ts_hlo_sine, times(m, a.im, 0.5));
    ts_value *less = binary(m, ts_hlo_multiply, times(m, half, 2), half);
    ts_value *grown = of(m, ts_hlo_exponential_minus_one, a.re);
    ts_value *re = binary(m, ts_hlo_subtract, around(m, grown, of(m, ts_hlo_cosine, a.im)), less);
    return (ts_complex){re, exponential(m, a).im};
}

static ts_value *angle(ts_maker *m, ts_complex a) {
    return binary(m, ts_hlo_atan2, a.im, a.re);
}

/* log |z| = log max + log1p((min / max)^2) / 2. */
static ts_complex logarithm(ts_maker *m, ts_complex a) {
    ts_value *x = of(m, ts_hlo_abs, a.re), *y = of(m, ts_hlo_abs, a.im);
    ts_value *most = binary(m, ts_hlo_maximum, x, y), *least = binary(m, ts_hlo_minimum, x, y);
    ts_value *ratio = ts_make_select(m, ts_make_compare(m, "EQ", least, most), number(m, x, 1),
                                     binary(m, ts_hlo_divide, least, most));
    ts_value *rest = times(m, of(m, ts_hlo_log_plus_one, binary(m, ts_hlo_multiply, ratio, ratio)), 0.5);
    return (ts_complex){binary(m, ts_hlo_add, of(m, ts_hlo_log, most), rest), angle(m, a)};
}

/* log(1 + z): near 0 the real part is log1p(a (a + 2) + b^2) / 2, elsewhere that of the logarithm. */
static ts_complex log_plus_one(ts_maker *m, ts_complex a) {
    ts_complex next = {binary(m, ts_hlo_add, a.re, number(m, a.re, 1)), a.im}, far = logarithm(m, next);
    ts_value *square = binary(m, ts_hlo_multiply, a.im, a.im);
    ts_value *grown = binary(m, ts_hlo_multiply, a.re, binary(m, ts_hlo_add, a.re, number(m, a.re, 2)));
    ts_value *near = times(m, of(m, ts_hlo_log_plus_one, binary(m, ts_hlo_add, grown, square)), 0.5);
    ts_value *is_near = ts_make_compare(m, "LT", ts_complex_abs(m, a), number(m, a.re, 0.5));
    return (ts_complex){ts_make_select(m, is_near, near, far.re), far.im};
}

/* With t = sqrt((|z| + |a|) / 2): t + i b / (2 t) right of the imaginary axis, |b| / (2 t) + i sgn(b) t left.
 */
static ts_complex square_root(ts_maker *m, ts_complex a) {
    ts_value *abs = ts_complex_abs(m, a), *zero = number(m, a.re, 0);
    ts_value *sum = binary(m, ts_hlo_add, times(m, abs, 0.5), times(m, of(m, ts_hlo_abs, a.re), 0.5));
    ts_value *t = of(m, ts_hlo_sqrt, sum);
    ts_value *other = times(m, binary(m, ts_hlo_divide, of(m, ts_hlo_abs, a.im), t), 0.5);
    other = ts_make_select(m, is_zero(m, t), zero, other);
    ts_value *is_right = ts_make_compare(m, "GE", a.re, zero);
    ts_value *re = ts_make_select(m, is_right, t, other), *im = ts_make_select(m, is_right, other, t);
    ts_value *is_below = ts_make_compare(m, "LT", a.im, zero);
    return (ts_complex){re, ts_make_select(m, is_below, of(m, ts_hlo_negate, im), im)};
}

static ts_complex inverse(ts_maker *m, ts_complex a) {
    return ts_complex_divide(m, ts_complex_real(m, number(m, a.re, 1)), a);
}

/* z / |z|, 0 for 0. */
static ts_complex sign(ts_maker *m, ts_complex a) {
    ts_value *abs = ts_complex_abs(m, a), *none = is_zero(m, abs);
    return (ts_complex){ts_make_select(m, none, a.re, binary(m, ts_hlo_divide, a.re, abs)),
                        ts_make_select(m, none, a.im, binary(m, ts_hlo_divide, a.im, abs))};
}

/* sinh and cosh of a real number. With e = e^x - 1, sinh x = (e + e / (e + 1)) / 2 keeps its digits near 0.
 */
static void hyperbolic(ts_maker *m, ts_value *x, ts_value **sinh, ts_value **cosh) {
    ts_value *up = of(m, ts_hlo_exponential, x), *down = of(m, ts_hlo_exponential, of(m, ts_hlo_negate, x));
    ts_value *e = of(m, ts_hlo_exponential_minus_one, x);
    ts_value *near =
        binary(m, ts_hlo_add, e, binary(m, ts_hlo_divide, e, binary(m, ts_hlo_add, e, number(m, x, 1))));
    ts_value *is_near = ts_make_compare(m, "LT", of(m, ts_hlo_abs, x), number(m, x, 1));
    *sinh = times(m, ts_make_select(m, is_near, near, binary(m, ts_hlo_subtract, up, down)), 0.5);
    *cosh = times(m, binary(m, ts_hlo_add, up, down), 0.5);
}

/* sin z = sin a cosh b + i cos a sinh b; cos z = cos a cosh b - i sin a sinh b. */
static ts_complex sine(ts_maker *m, ts_complex a) {
    ts_value *sinh, *cosh;
    hyperbolic(m, a.im, &sinh, &cosh);
    return (ts_complex){around(m, cosh, of(m, ts_hlo_sine, a.re)),
                        around(m, of(m, ts_hlo_cosine, a.re), sinh)};
}

static ts_complex cosine(ts_maker *m, ts_complex a) {
    ts_value *sinh, *cosh;
    hyperbolic(m, a.im, &sinh, &cosh);
    ts_value *im = around(m, of(m, ts_hlo_sine, a.re), sinh);
    return (ts_complex){around(m, cosh, of(m, ts_hlo_cosine, a.re)), of(m, ts_hlo_negate, im)};
}

/* tanh z = (t (1 + u^2) + i u (1 - t^2)) / (1 + t^2 u^2), with t = tanh a and u = tan b, as sines and cosines
   of b, so that nothing is infinite. */
static ts_complex tangent(ts_maker *m, ts_complex a) {
    ts_value *t = of(m, ts_hlo_tanh, a.re), *square = binary(m, ts_hlo_multiply, t, t);
    ts_value *s = of(m, ts_hlo_sine, a.im), *c = of(m, ts_hlo_cosine, a.im);
    ts_value *under = binary(m, ts_hlo_add, binary(m, ts_hlo_multiply, c, c),
                             binary(m, ts_hlo_multiply, square, binary(m, ts_hlo_multiply, s, s)));
    ts_value *rest = binary(m, ts_hlo_subtract, number(m, t, 1), square);
    ts_value *over = binary(m, ts_hlo_multiply, binary(m, ts_hlo_multiply, s, c), rest);
    return (ts_complex){binary(m, ts_hlo_divide, t, under), binary(m, ts_hlo_divide, over, under)};
}

/* tan z = -i tanh(i z). */
static ts_complex circular_tangent(ts_maker *m, ts_complex a) {
    ts_complex t = tangent(m, (ts_complex){of(m, ts_hlo_negate, a.im), a.re});
    return (ts_complex){t.im, of(m, ts_hlo_negate, t.re)};
}

static ts_complex logistic(ts_maker *m, ts_complex a) {
    ts_complex e = exponential(m, ts_complex_negate(m, a));
    return inverse(m, (ts_complex){binary(m, ts_hlo_add, e.re, number(m, e.re, 1)), e.im});
}

/* e^(w log z); 0^w is 1 for w = 0 and 0 for other w. */
ts_complex ts_complex_power(ts_maker *m, ts_complex base, ts_complex exponent) {
    ts_complex log = logarithm(m, base);
    ts_complex power = exponential(m, ts_complex_multiply(m, exponent, log));
    ts_value *zero = number(m, base.re, 0), *one = number(m, base.re, 1);
    ts_complex none = {zero, zero};
    ts_value *first = ts_make_select(m, ts_complex_is_equal(m, exponent, none), one, zero);
    return ts_complex_select(m, ts_complex_is_equal(m, base, none), (ts_complex){first, zero}, power);
}

typedef ts_complex function(ts_maker *m, ts_complex a);

static function *function_of(unsigned kind) {
    switch (kind) {
    case ts_hlo_cosine: return cosine;
    case ts_hlo_exponential: return exponential;
    case ts_hlo_exponential_minus_one: return exponential_minus_one;
    case ts_hlo_log: return logarithm;
    case ts_hlo_log_plus_one: return log_plus_one;
    case ts_hlo_logistic: return logistic;
    case ts_hlo_negate: return ts_complex_negate;
    case ts_hlo_sign: return sign;
    case ts_hlo_sine: return sine;
    case ts_hlo_sqrt: return square_root;
    case ts_hlo_tan: return circular_tangent;
    case ts_hlo_tanh: return tangent;
    default: return NULL;
    }
}

bool ts_complex_has_function(unsigned kind) {
    return function_of(kind) || kind == ts_hlo_rsqrt || kind == ts_hlo_cbrt;
}

ts_complex ts_complex_function(ts_maker *m, ts_hlo kind, ts_complex a) {
    if (kind == ts_hlo_rsqrt) return inverse(m, square_root(m, a));
    if (kind == ts_hlo_cbrt) return ts_complex_power(m, a, ts_complex_real(m, number(m, a.re, 1.0 / 3)));
    return function_of(kind)(m, a);
}

/* The activation functions of act.def, plain: computed in double precision with a rounding at the end, so
   that they stay within 1 ULP of the exact value and vectorise. Polynomials are Taylor series or our own fits
   at Chebyshev nodes; tests/unit/machine_act.c measures them. */
#include <math.h>
#include <string.h>

#include "machine/engine.h"

static inline double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* NaN passes. Beyond the limits fp32 results are 0 or infinite. */
static inline double limit(double x, double low, double high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

/* e^x - 1 = 2^n * q + (2^n - 1), q = e^r - 1 for |r| <= ln(2)/2: near 0 n is 0 and nothing cancels.
   Error of the series below 1e-10 of e^r. */
typedef struct exp_parts {
    double scale, q;
} exp_parts;

static inline exp_parts split_exp(double x) {
    const double magic = 0x1.8p52, log2_e = 0x1.71547652b82fep0, ln_2 = 0x1.62e42fefa39efp-1;
    /* Adding 1.5 * 2^52 leaves the nearest integer in the low bits. */
    const double shifted = x * log2_e + magic;
    const double r = x - (shifted - magic) * ln_2;
    double q = 1.0 / 40320;
    q = q * r + 1.0 / 5040;
    q = q * r + 1.0 / 720;
    q = q * r + 1.0 / 120;
    q = q * r + 1.0 / 24;
    q = q * r + 1.0 / 6;
    q = q * r + 0.5;
    q = q * r + 1.0;
    return (exp_parts){.scale = double_of((bits_of(shifted) + 1023) << 52), .q = q * r};
}

static inline double exp_double(double x) {
    const exp_parts e = split_exp(limit(x, -110, 110));
    return e.scale * e.q + e.scale;
}

static inline float exp_float(float x) {
    return (float)exp_double((double)x);
}

static inline float sigmoid_float(float x) {
    return (float)(1 / (1 + exp_double(-(double)x)));
}

/* tanh |x| = (e^2|x| - 1) / (e^2|x| + 1). */
static inline float tanh_float(float x) {
    const exp_parts e = split_exp(limit(2 * fabs((double)x), 0, 80));
    const double less_one = e.scale * e.q + (e.scale - 1);
    return copysignf((float)(less_one / (less_one + 2)), x);
}

/* x = 2^k * m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m + 1)). */
static inline double log_double(double x) {
    const uint64_t root_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    const uint64_t shifted = bits_of(x) + (one - root_half);
    const double k = double_of((shifted >> 52) | 0x4330000000000000) - (0x1p52 + 1023);
    const double m = double_of((shifted & 0x000fffffffffffff) + root_half);
    const double s = (m - 1) / (m + 1), z = s * s;
    double p = 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    p = p * z + 1.0;
    return k * 0x1.62e42fefa39efp-1 + 2 * s * p;
}

static inline float log_float(float x) {
    const float finite = (float)log_double((double)x);
    float result = x > 0 ? finite : NAN;
    result = x == 0 ? -INFINITY : result;
    return x == INFINITY ? x : result;
}

/* |x| < 3/4: x times a polynomial in x^2. Beyond: 1 - erfc, erfc(x) = e^-x^2 * t * P(t), t = 1 / (1 + x/2);
   absolute error 6e-11. */
static inline float erf_float(float x) {
    const double a = limit(fabs((double)x), 0, 6), z = a * a, t = 1 / (1 + 0.5 * a);
    double near = 0x1.8d3b4d0d85b1cp-14;
    near = near * z - 0x1.b625d976b5c81p-11;
    near = near * z + 0x1.55e352810ffeep-8;
    near = near * z - 0x1.b82707eca5ed1p-6;
    near = near * z + 0x1.ce2efec4f4d5dp-4;
    near = near * z - 0x1.81274662366b8p-2;
    near = near * z + 0x1.20dd75040d2afp+0;
    near = near * a;
    double far = -0x1.2ba9841c33c1ap-4;
    far = far * t + 0x1.61031dda5f491p-2;
    far = far * t - 0x1.314540d076225p-1;
    far = far * t + 0x1.8ca26dc0467b7p-2;
    far = far * t - 0x1.7bb80d1120c82p-4;
    far = far * t + 0x1.d18f69321b5bcp-3;
    far = far * t + 0x1.e691348a87ccfp-3;
    far = far * t + 0x1.21d931ff77599p-2;
    far = far * t + 0x1.20d2083af1a26p-2;
    far = 1 - far * t * exp_double(-z);
    return copysignf((float)(a < 0.75 ? near : far), x);
}

/* No range reduction: beyond [-pi, pi] the hardware follows the cubic -d + d^3/6 in the distance d from the
   end, which gives the documented sin(9.0) -> 27.65 (nki.api.shared.rst:211-216). */
static inline float sin_float(float x) {
    const double pi = 0x1.921fb54442d18p1, a = fabs((double)x), d = a - pi;
    const double r = a > pi / 2 ? -d : a, z = r * r;
    double p = -1.0 / 1307674368000;
    p = p * z + 1.0 / 6227020800;
    p = p * z - 1.0 / 39916800;
    p = p * z + 1.0 / 362880;
    p = p * z - 1.0 / 5040;
    p = p * z + 1.0 / 120;
    p = p * z - 1.0 / 6;
    p = r + r * z * p;
    const double value = x > 0x1.921fb6p1f || x < -0x1.921fb6p1f ? d * (d * d * (1.0 / 6) - 1) : p;
    return (float)copysign(1, (double)x) * (float)value;
}

#define EACH(name, expression)                                                                               \
    case ts_act_##name:                                                                                      \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                \
            const float x = in[i];                                                                           \
            out[i] = (expression);                                                                           \
        }                                                                                                    \
        break;

TS_CLONES
void ts_act_ref(unsigned func, const float *in, float *out, int64_t n) {
    switch (func) {
        EACH(copy, x)
        EACH(square, x * x)
        EACH(relu, x <= 0 ? 0 : x)
        EACH(abs, fabsf(x))
        EACH(sign, x > 0 ? 1 : x < 0 ? -1 : x)
        EACH(exp, exp_float(x))
        EACH(log, log_float(x))
        EACH(tanh, tanh_float(x))
        EACH(sigmoid, sigmoid_float(x))
        EACH(erf, erf_float(x))
        EACH(sin, sin_float(x))
        EACH(sqrt, sqrtf(x))
        EACH(rsqrt, (float)(1 / sqrt((double)x)))
        EACH(reciprocal, 1 / x)
    case ts_act_arctan:
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)atan((double)in[i]);
        break;
    default: break;
    }
}

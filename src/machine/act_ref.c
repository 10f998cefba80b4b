/* Plain versions of the activation functions of act.def. They compute in double precision and round once, at
   the end, so they stay within 1 ULP of the exact value, and they vectorise. Polynomials are Taylor series or
   our own fits at Chebyshev nodes; tests/unit/machine_act.c measures them. */
#include <math.h>

#include "machine/act_double.h"
#include "machine/engine.h"

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

/* The hardware does not reduce the range: beyond [-pi, pi] it follows the cubic -d + d^3/6 in the distance d
   from the nearer end, which gives the documented sin(9.0) -> 27.65 (nki.api.shared.rst:211-216). */
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

/* Clamps the argument of a function made of C library calls. Beyond `end` the function has reached its limit
   in fp32, and infinities would be multiplied by zeros. */
static inline double within(double x, double end) {
    return x < -end ? -end : x > end ? end : x;
}

static inline double above(double x) {
    return x < -1000 ? -1000 : x;
}

static inline double logistic(double x) {
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

/* The cumulative normal distribution, and below it its density. */
static inline double normal(double x) {
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static inline double density(double x) {
    return exp(-0.5 * x * x) * (0.5 * M_SQRT1_2 * M_2_SQRTPI);
}

/* The exponent of gelu_apprx_tanh: 1/2 (1 + tanh y) is the logistic function of 2 y. */
static inline double tanh_exponent(double x) {
    return M_2_SQRTPI * M_SQRT2 * (x + 0.044715 * x * x * x);
}

static double unit_double(unsigned func, double x) {
    const double low = above(x), both = within(x, 400), s = logistic(both);
    switch (func) {
    case ts_act_gelu: return low * normal(low);
    case ts_act_gelu_dx: return normal(within(x, 37)) + within(x, 37) * density(within(x, 37));
    case ts_act_gelu_apprx_tanh: return low * logistic(tanh_exponent(low));
    case ts_act_gelu_apprx_sigmoid: return low * logistic(1.702 * low);
    case ts_act_gelu_apprx_sigmoid_dx: {
        const double g = logistic(1.702 * both);
        return g + 1.702 * both * g * logistic(-1.702 * both);
    }
    case ts_act_silu: return low * logistic(low);
    case ts_act_silu_dx: return s + both * s * logistic(-both);
    case ts_act_softplus: return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    case ts_act_mish: {
        const double e = exp(low > 100 ? 100 : low), n = e * (e + 2);
        return low * (n / (n + 2));
    }
    default: return M_2_SQRTPI * exp(-x * x); /* erf_dx */
    }
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
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)unit_double(func, (double)in[i]);
        break;
    }
}

/* Fast versions of the activation functions that neural networks use as units, such as gelu and silu: x times
   something that rises from 0 to 1. They compute in double precision and round once, at the end, so they stay
   within 1 ULP. act_ref.c has the plain twins. */
#include "machine/act_double.h"
#include "machine/engine.h"

/* 1/2 erfc(a), where z = a^2: t * P(t) * e^-z with t = 1 / (1 + a/2). The relative error is 4e-10 up to a =
   10.8; beyond, the result times x is 0 in fp32. */
static inline double half_erfc(double a, double z) {
    const double t = 1 / (1 + 0.5 * a);
    double p = -0x1.cb1d61c86372cp-6;
    p = p * t + 0x1.b2bfc964d5570p-3;
    p = p * t - 0x1.5db36ddc0064fp-1;
    p = p * t + 0x1.2e3d9484498edp+0;
    p = p * t - 0x1.20e4574d982c7p+0;
    p = p * t + 0x1.25eb2845fa81bp-1;
    p = p * t - 0x1.0689f43c4241ap-2;
    p = p * t + 0x1.3984d9ce9505ep-3;
    p = p * t + 0x1.4e9654d703af4p-3;
    p = p * t + 0x1.fcb594f23f370p-3;
    p = p * t + 0x1.20c0c21077d88p-2;
    p = p * t + 0x1.20de5821d2223p-2;
    return 0.5 * t * p * exp_double(-z);
}

/* Clamps x from below, where the result is 0 anyway, so that -infinity times 0 does not make a NaN. */
static inline double above(double x) {
    return x < -200 ? -200 : x;
}

static inline double gelu_double(double x) {
    const double low = above(x), a = limit(fabs(low), 0, 15.2);
    const double tail = half_erfc(a * 0x1.6a09e667f3bcdp-1, 0.5 * a * a);
    return low * (low < 0 ? tail : 1 - tail);
}

/* x times the logistic function of y. */
static inline double gated(double x, double y) {
    return x / (1 + exp_double(-y));
}

static inline double gelu_tanh_double(double x) {
    const double low = above(x), twice_root = 0x1.9884533d43651p+0; /* 2 sqrt(2/pi) */
    return gated(low, twice_root * (low + 0.044715 * (low * low * low)));
}

/* ln(1 + e) = ln u * e / (u - 1), where u is 1 + e rounded: the factor makes up for the rounding. */
static inline double softplus_double(double x) {
    const double e = exp_double(x), u = 1 + e, lost = u - 1;
    const double near = lost > 0 ? log_double(u) * (e / lost) : e;
    return x > 50 ? x : near;
}

static inline double mish_double(double x) {
    const double low = above(x), e = exp_double(low), n = e * (e + 2);
    return low * (n / (n + 2));
}

#define EACH(name, expression)                                                                               \
    case ts_act_##name:                                                                                      \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                \
            const double x = (double)in[i];                                                                  \
            out[i] = (float)(expression);                                                                    \
        }                                                                                                    \
        break;

TS_CLONES
void ts_act_units(unsigned func, const float *in, float *out, int64_t n) {
    switch (func) {
        EACH(gelu, gelu_double(x))
        EACH(gelu_apprx_tanh, gelu_tanh_double(x))
        EACH(gelu_apprx_sigmoid, gated(above(x), 1.702 * above(x)))
        EACH(silu, gated(above(x), above(x)))
        EACH(softplus, softplus_double(x))
        EACH(mish, mish_double(x))
    default: break;
    }
}

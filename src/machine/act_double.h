/* Double-precision pieces of the activation functions, without branches so that loops over them vectorise.
   Private to act_ref.c and act_unit.c. */
#ifndef TS_MACHINE_ACT_DOUBLE_H
#define TS_MACHINE_ACT_DOUBLE_H

#include <math.h>

#include "base/bits.h"

/* Clamps x to [low, high]; NaN passes through. Callers choose limits beyond which the fp32 result is 0 or
   infinite. */
static inline double limit(double x, double low, double high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

/* e^x - 1 = 2^n * q + (2^n - 1), q = e^r - 1 for |r| <= ln(2)/2: near 0, n is 0 and nothing cancels. The
   error of the series is below 1e-10 of e^r. */
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
    return (exp_parts){.scale = ts_bits_double((ts_double_bits(shifted) + 1023) << 52), .q = q * r};
}

static inline double exp_double(double x) {
    const exp_parts e = split_exp(limit(x, -110, 110));
    return e.scale * e.q + e.scale;
}

/* x = 2^k * m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m + 1)). */
static inline double log_double(double x) {
    const uint64_t root_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    const uint64_t shifted = ts_double_bits(x) + (one - root_half);
    const double k = ts_bits_double((shifted >> 52) | 0x4330000000000000) - (0x1p52 + 1023);
    const double m = ts_bits_double((shifted & 0x000fffffffffffff) + root_half);
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

#endif

/* Fast activation functions. They compute in fp32 and round after every operation, after fused steps once, so
   that every level of the host's CPU gives the same bits. Errors stay below 3 ULP (docs/accuracy.md lists
   them); the polynomials are our own minimax fits. act_ref.c has the plain twins, and the functions that gain
   nothing here. */
#include <math.h>

#include "base/bits.h"
#include "machine/engine.h"
#include "machine/fused.h"

/* e^x = 2^n * e^r: n is the integer nearest to x / ln 2, in the low bits of `shifted`. ln 2 has two parts, so
   that subtracting n times the first is exact. e^r = 1 + r + r^2 * q. */
typedef struct power {
    float shifted, r, q;
} power;

TS_INLINE power split(int fuses, float x) {
    const float magic = 0x1.8p23f, log2_e = 0x1.715476p0f, ln_2 = 0x1.62e43p-1f, rest = -0x1.05c61p-29f;
    const float shifted = ts_fused(fuses, x, log2_e, magic), n = shifted - magic;
    const float r = ts_fused(fuses, n, -rest, ts_fused(fuses, n, -ln_2, x));
    float q = 0x1.6a2252p-10f;
    q = ts_fused(fuses, q, r, 0x1.123b04p-7f);
    q = ts_fused(fuses, q, r, 0x1.5558f8p-5f);
    q = ts_fused(fuses, q, r, 0x1.55549p-3f);
    q = ts_fused(fuses, q, r, 0x1.fffffcp-2f);
    return (power){.shifted = shifted, .r = r, .q = q};
}

TS_INLINE float mantissa(int fuses, power e) {
    return ts_fused(fuses, ts_fused(fuses, e.q, e.r, 1), e.r, 1);
}

/* Up to this magnitude e^x and e^-x are normal numbers, and adding n to the exponent is enough. */
#define EXP_NEAR 87.0f

TS_INLINE float exp_near(int fuses, float x) {
    const power e = split(fuses, x);
    return ts_bits_float(ts_float_bits(mantissa(fuses, e)) + (ts_float_bits(e.shifted) << 23));
}

/* Scales by two factors, because 2^n may be out of range. */
TS_INLINE float exp_far(int fuses, float x) {
    x = x < -105 ? -105 : x;
    x = x > 89.5f ? 89.5f : x;
    const power e = split(fuses, x);
    const int32_t n = (int32_t)(ts_float_bits(e.shifted) - ts_float_bits(0x1.8p23f)), half = n >> 1;
    const float first = ts_bits_float((uint32_t)(half + 127) << 23),
                second = ts_bits_float((uint32_t)(n - half + 127) << 23);
    return mantissa(fuses, e) * first * second;
}

TS_CLONES
static bool are_near(const float *in, int64_t n) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t magnitude = ts_float_bits(in[i]) & 0x7fffffffu;
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest <= ts_float_bits(EXP_NEAR);
}

/* e^(argument) for rows whose arguments are all near. The loop looks for the largest magnitude as it goes; if
   that is not near, the function returns false and what is in `out` does not count. With `next` the row is
   cut into strips, so that each can prefetch some lines. */
enum { STRIP = 32, LINE_FLOATS = 16 };
#define STEP(level, argument, largest)                                                                       \
    do {                                                                                                     \
        const float x = argument;                                                                            \
        const uint32_t magnitude = ts_float_bits(x) & 0x7fffffffu;                                           \
        largest = magnitude > largest ? magnitude : largest;                                                 \
        out[i] = exp_near(TS_FUSES_##level, x);                                                              \
    } while (0)
#define TRY_AT(target, level, name, argument)                                                                \
    target static bool name##_##level(const float *in, float scale, float bias, ts_next next, float *out,    \
                                      int64_t n) {                                                           \
        _Alignas(64) uint32_t most[STRIP] = {0};                                                             \
        uint32_t largest = 0;                                                                                \
        int64_t begin = 0;                                                                                   \
        (void)scale;                                                                                         \
        for (; next.at && begin + STRIP <= n; begin += STRIP) {                                              \
            for (int64_t i = begin; i < begin + STRIP; i += LINE_FLOATS)                                     \
                if (next.is_written)                                                                         \
                    __builtin_prefetch(next.at + i, 1, 2);                                                   \
                else                                                                                         \
                    __builtin_prefetch(next.at + i, 0, 2);                                                   \
            _Pragma("omp simd") for (int64_t i = begin; i < begin + STRIP; i++) {                            \
                STEP(level, argument, most[i - begin]);                                                      \
            }                                                                                                \
        }                                                                                                    \
        for (int i = 0; i < STRIP; i++)                                                                      \
            largest = most[i] > largest ? most[i] : largest;                                                 \
        _Pragma("omp simd reduction(max : largest)") for (int64_t i = begin; i < n; i++) {                   \
            STEP(level, argument, largest);                                                                  \
        }                                                                                                    \
        return largest <= ts_float_bits(EXP_NEAR);                                                           \
    }
#define TRY(name, argument)                                                                                  \
    TRY_AT(TS_TARGET_512, 512, name, argument)                                                               \
    TRY_AT(TS_TARGET_256, 256, name, argument)                                                               \
    TRY_AT(, plain, name, argument)
TRY(try_moved, in[i] + bias)
TRY(try_scaled, in[i] * scale + bias)

bool ts_act_try(ts_isa isa, unsigned func, const float *in, const float *scale, const float *bias,
                ts_next next, float *out, int64_t n) {
    if (func != ts_act_exp || in == out) return false;
    return (scale ? TS_AT(isa, try_scaled) : TS_AT(isa, try_moved))(in, scale ? *scale : 1,
                                                                    bias ? *bias : -0.0f, next, out, n);
}

TS_INLINE float sigmoid_of(float x, float e) {
    return (x < 0 ? e : 1) / (1 + e);
}

/* tanh |x| = (e^2|x| - 1) / (e^2|x| + 1); near 0, n is 0 and nothing cancels. */
TS_INLINE float tanh_float(int fuses, float x) {
    const float a = 2 * fabsf(x), limited = a > 18.06f ? 18.06f : a;
    const power e = split(fuses, limited);
    const float scale = ts_bits_float((ts_float_bits(e.shifted) << 23) + ts_float_bits(1));
    const float less_one = ts_fused(fuses, scale, ts_fused(fuses, e.q, e.r * e.r, e.r), scale - 1);
    return copysignf(less_one / (less_one + 2), x);
}

/* |x| < 7/8: x times a polynomial in x^2. Beyond: 1 - erfc, whose logarithm is a polynomial. */
TS_INLINE float erf_float(int fuses, float x) {
    const float magnitude = fabsf(x), a = magnitude > 4.05f ? 4.05f : magnitude, z = a * a;
    float near = -0x1.40685ep-11f;
    near = ts_fused(fuses, near, z, 0x1.48be58p-8f);
    near = ts_fused(fuses, near, z, -0x1.b6cbacp-6f);
    near = ts_fused(fuses, near, z, 0x1.ce1ec2p-4f);
    near = ts_fused(fuses, near, z, -0x1.8127p-2f);
    near = ts_fused(fuses, near, z, 0x1.06eba6p-3f);
    near = ts_fused(fuses, near, a, a);
    float far = 0x1.a8bbaap-13f;
    far = ts_fused(fuses, far, a, -0x1.9743fap-9f);
    far = ts_fused(fuses, far, a, 0x1.704bcep-6f);
    far = ts_fused(fuses, far, a, -0x1.abd1c6p-4f);
    far = ts_fused(fuses, far, a, -0x1.45f0a4p-1f);
    far = ts_fused(fuses, far, a, -0x1.20c5ap+0f);
    far = ts_fused(fuses, far, a, -0x1.e11114p-14f);
    far = 1 - exp_near(fuses, far);
    return copysignf(!(a >= 0.875f) ? near : far, x); /* a NaN passes through `near` */
}

/* In double: arctan a = base + arctan t with |t| <= tan(pi/8). */
static inline float arctan_float(float x) {
    const double a = fabs((double)x);
    const bool is_large = a > 0x1.3504f333f9de6p+1, is_middle = a > 0x1.a827999fcef32p-2;
    const double over = is_large ? -1 : is_middle ? a - 1 : a, under = is_large ? a : is_middle ? a + 1 : 1;
    const double base = is_large ? 0x1.921fb54442d18p+0 : is_middle ? 0x1.921fb54442d18p-1 : 0;
    const double t = over / under, z = t * t;
    double p = -0x1.36f674bec8e36p-5;
    p = p * z + 0x1.1e71f3a39e9cap-4;
    p = p * z - 0x1.7087bbc925958p-4;
    p = p * z + 0x1.c6d27dead2ff0p-4;
    p = p * z - 0x1.2490c73c4a339p-3;
    p = p * z + 0x1.99999218b1ff0p-3;
    p = p * z - 0x1.5555554eff8fcp-2;
    return copysignf((float)(base + (t + t * (z * p))), x);
}

#define EACH_AT(target, level, name, expression)                                                             \
    target static void name##_##level(const float *in, float *out, int64_t n) {                              \
        enum { FUSES = TS_FUSES_##level };                                                                   \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                \
            const float x = in[i];                                                                           \
            out[i] = (expression);                                                                           \
        }                                                                                                    \
    }
#define EACH(name, expression)                                                                               \
    EACH_AT(TS_TARGET_512, 512, name, expression)                                                            \
    EACH_AT(TS_TARGET_256, 256, name, expression)                                                            \
    EACH_AT(, plain, name, expression)
EACH(exps_near, exp_near(FUSES, x))
EACH(exps_far, exp_far(FUSES, x))
EACH(sigmoids_near, sigmoid_of(x, exp_near(FUSES, -fabsf(x))))
EACH(sigmoids_far, sigmoid_of(x, exp_far(FUSES, -fabsf(x))))
EACH(tanhs, tanh_float(FUSES, x))
EACH(erfs, erf_float(FUSES, x))
EACH(arctans, arctan_float(x))
EACH(rsqrts, 1 / sqrtf(x))

void ts_act_floats(ts_isa isa, unsigned func, const float *in, float *out, int64_t n) {
    switch (func) {
    case ts_act_exp: (are_near(in, n) ? TS_AT(isa, exps_near) : TS_AT(isa, exps_far))(in, out, n); break;
    case ts_act_sigmoid:
        (are_near(in, n) ? TS_AT(isa, sigmoids_near) : TS_AT(isa, sigmoids_far))(in, out, n);
        break;
    case ts_act_tanh: TS_AT(isa, tanhs)(in, out, n); break;
    case ts_act_erf: TS_AT(isa, erfs)(in, out, n); break;
    case ts_act_arctan: TS_AT(isa, arctans)(in, out, n); break;
    case ts_act_rsqrt: TS_AT(isa, rsqrts)(in, out, n); break;
    case ts_act_gelu:
    case ts_act_gelu_apprx_tanh:
    case ts_act_gelu_apprx_sigmoid:
    case ts_act_silu:
    case ts_act_softplus:
    case ts_act_mish: ts_act_units(func, in, out, n); break;
    default: ts_act_ref(func, in, out, n); break;
    }
}

double ts_act_ns(unsigned func) {
    switch (func) {
    case ts_act_log:
    case ts_act_sin:
    case ts_act_arctan: return 0.9;
    case ts_act_erf:
    case ts_act_tanh: return 0.5;
    case ts_act_gelu:
    case ts_act_gelu_apprx_tanh:
    case ts_act_gelu_apprx_sigmoid:
    case ts_act_silu:
    case ts_act_softplus:
    case ts_act_mish: return 2;
    case ts_act_gelu_dx:
    case ts_act_gelu_apprx_sigmoid_dx:
    case ts_act_silu_dx:
    case ts_act_erf_dx: return 30;
    default: return 0.2;
    }
}

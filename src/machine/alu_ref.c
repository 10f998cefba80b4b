/* The ALU operators of alu.def on arrays of fp32 and of 32-bit integers. */
#include <math.h>

#include "base/bits.h"
#include "machine/engine.h"

static inline uint32_t select_bits(uint32_t mask, uint32_t yes, uint32_t no) {
    return (yes & mask) | (no & ~mask);
}

static inline uint32_t mask_of(int condition) {
    return 0u - (uint32_t)condition;
}

/* Without branches, so that loops vectorise; NaN wins. Equal operands differ at most in the sign of a zero:
   `and` of their bits is +0 when either is +0. */
static inline float float_max(float a, float b) {
    uint32_t x = ts_float_bits(a), y = ts_float_bits(b);
    uint32_t larger = select_bits(mask_of(a > b), x, y);
    larger = select_bits(mask_of(a == b), x & y, larger);
    larger = select_bits(mask_of(b != b), y, larger);
    return ts_bits_float(select_bits(mask_of(a != a), x, larger));
}

static inline float float_min(float a, float b) {
    uint32_t x = ts_float_bits(a), y = ts_float_bits(b);
    uint32_t smaller = select_bits(mask_of(a < b), x, y);
    smaller = select_bits(mask_of(a == b), x | y, smaller);
    smaller = select_bits(mask_of(b != b), y, smaller);
    return ts_bits_float(select_bits(mask_of(a != a), x, smaller));
}

static inline float magnitude(float a) {
    return ts_bits_float(ts_float_bits(a) & 0x7fffffffu);
}

#define FLOATS(name, expression)                                                                             \
    case ts_alu_##name:                                                                                      \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                \
            const float x = a[i], y = b[i];                                                                  \
            (void)y;                                                                                         \
            out[i] = (expression);                                                                           \
        }                                                                                                    \
        break;

TS_CLONES
void ts_alu_floats(unsigned op, const float *a, const float *b, float *out, int64_t n) {
    switch (op) {
        FLOATS(bypass, x)
        FLOATS(add, x + y)
        FLOATS(subtract, x - y)
        FLOATS(multiply, x * y)
        FLOATS(divide, x / y)
        FLOATS(max, float_max(x, y))
        FLOATS(min, float_min(x, y))
        FLOATS(abs_max, float_max(magnitude(x), magnitude(y)))
        FLOATS(abs_min, float_min(magnitude(x), magnitude(y)))
        FLOATS(is_equal, (float)(x == y))
        FLOATS(not_equal, (float)(x != y))
        FLOATS(is_gt, (float)(x > y))
        FLOATS(is_ge, (float)(x >= y))
        FLOATS(is_lt, (float)(x < y))
        FLOATS(is_le, (float)(x <= y))
        FLOATS(logical_and, (float)((x != 0) & (y != 0)))
        FLOATS(logical_or, (float)((x != 0) | (y != 0)))
        FLOATS(logical_xor, (float)((x != 0) ^ (y != 0)))
        FLOATS(abs, magnitude(x))
        FLOATS(square, x * x)
        FLOATS(relu, x <= 0 ? 0 : x)
        FLOATS(rsqrt, (float)(1 / sqrt((double)x)))
        FLOATS(reciprocal, 1 / x)
        FLOATS(average, (x + y) / 2)
    case ts_alu_mod:
        for (int64_t i = 0; i < n; i++)
            out[i] = fmodf(a[i], b[i]);
        break;
    case ts_alu_pow:
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)pow((double)a[i], (double)b[i]);
        break;
    default: break; /* bit operators never come here: ts_alu_is_integer */
    }
}

#define FLOATS_BY(name, expression)                                                                          \
    case ts_alu_##name:                                                                                      \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                \
            const float x = a[i];                                                                            \
            out[i] = (expression);                                                                           \
        }                                                                                                    \
        return true;

TS_CLONES
static bool floats_by(unsigned op, const float *a, float y, float *out, int64_t n) {
    switch (op) {
        FLOATS_BY(add, x + y)
        FLOATS_BY(subtract, x - y)
        FLOATS_BY(multiply, x * y)
        FLOATS_BY(divide, x / y)
        FLOATS_BY(max, float_max(x, y))
        FLOATS_BY(min, float_min(x, y))
    default: return false;
    }
}

TS_CLONES
static bool floats_of(unsigned op, float y, const float *a, float *out, int64_t n) {
    switch (op) {
        FLOATS_BY(add, y + x)
        FLOATS_BY(subtract, y - x)
        FLOATS_BY(multiply, y * x)
        FLOATS_BY(divide, y / x)
    default: return false;
    }
}

bool ts_alu_floats_by(unsigned op, const float *a, float b, bool is_reversed, float *out, int64_t n) {
    return is_reversed ? floats_of(op, b, a, out, n) : floats_by(op, a, b, out, n);
}

double ts_alu_ns(unsigned op) {
    if (op == ts_alu_pow) return 40;
    if (op == ts_alu_rsqrt) return 1.5;
    return op == ts_alu_mod ? 10 : op == ts_alu_divide || op == ts_alu_reciprocal ? 0.6 : 0.2;
}

float ts_alu_float(unsigned op, float a, float b) {
    float out = 0;
    ts_alu_floats(op, &a, &b, &out, 1);
    return out;
}

/* ---- integers ---- */

/* Division by zero gives all ones, and INT_MIN / -1 wraps. StableHLO leaves both open; this is what XLA's
   backends do. */
static inline uint32_t divide_ints(uint32_t a, uint32_t b, bool is_signed) {
    if (b == 0) return UINT32_MAX;
    if (!is_signed) return a / b;
    return b == UINT32_MAX ? 0u - a : (uint32_t)((int32_t)a / (int32_t)b);
}

static inline uint32_t mod_ints(uint32_t a, uint32_t b, bool is_signed) {
    if (b == 0) return a;
    if (!is_signed) return a % b;
    return b == UINT32_MAX ? 0 : (uint32_t)((int32_t)a % (int32_t)b);
}

/* a to the power b, wrapping. With a negative exponent: truncated toward zero, and INT32_MAX for base 0. */
static uint32_t pow_ints(uint32_t a, uint32_t b, bool is_signed) {
    if (is_signed && (int32_t)b < 0) {
        if (a == 0) return INT32_MAX;
        if (a == 1) return 1;
        return a != UINT32_MAX ? 0 : b & 1 ? UINT32_MAX : 1;
    }
    uint32_t result = 1;
    for (; b; b >>= 1, a *= a)
        if (b & 1) result *= a;
    return result;
}

static inline uint32_t absolute(uint32_t a, bool is_signed) {
    return is_signed && (int32_t)a < 0 ? 0u - a : a;
}

/* Flipping the sign bit turns signed order into unsigned order. */
#define INTS(name, expression)                                                                               \
    case ts_alu_##name:                                                                                      \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                \
            const uint32_t x = a[i], y = b[i], p = x ^ flip, q = y ^ flip;                                   \
            (void)y, (void)p, (void)q;                                                                       \
            out[i] = (expression);                                                                           \
        }                                                                                                    \
        break;

TS_CLONES
void ts_alu_ints(unsigned op, bool is_signed, int width, const uint32_t *a, const uint32_t *b, uint32_t *out,
                 int64_t n) {
    const uint32_t flip = is_signed ? 0x80000000u : 0, mask = width < 32 ? (1u << width) - 1 : UINT32_MAX;
    const uint32_t bits = (uint32_t)width;
    switch (op) {
        INTS(bypass, x)
        INTS(add, x + y)
        INTS(subtract, x - y)
        INTS(multiply, x * y)
        INTS(max, p > q ? x : y)
        INTS(min, p < q ? x : y)
        INTS(abs_max, absolute(x, is_signed) > absolute(y, is_signed) ? absolute(x, is_signed)
                                                                      : absolute(y, is_signed))
        INTS(abs_min, absolute(x, is_signed) < absolute(y, is_signed) ? absolute(x, is_signed)
                                                                      : absolute(y, is_signed))
        INTS(is_equal, x == y)
        INTS(not_equal, x != y)
        INTS(is_gt, p > q)
        INTS(is_ge, p >= q)
        INTS(is_lt, p < q)
        INTS(is_le, p <= q)
        INTS(logical_and, (uint32_t)((x != 0) & (y != 0)))
        INTS(logical_or, (uint32_t)((x != 0) | (y != 0)))
        INTS(logical_xor, (uint32_t)((x != 0) ^ (y != 0)))
        INTS(bitwise_and, x & y)
        INTS(bitwise_or, x | y)
        INTS(bitwise_xor, x ^ y)
        INTS(bitwise_not, ~x)
        INTS(abs, absolute(x, is_signed))
        INTS(square, x * x)
        INTS(relu, p > flip ? x : 0)
        /* A shift count is unsigned and of the operands' width; results are cut to that width when they are
           written. */
        INTS(logical_shift_left, (x << (y & 31)) & mask_of((y & mask) < bits))
        INTS(logical_shift_right, ((x & mask) >> (y & 31)) & mask_of((y & mask) < bits))
    case ts_alu_arith_shift_right:
        for (int64_t i = 0; i < n; i++) {
            const uint32_t by = (b[i] & mask) < bits ? b[i] & mask : bits - 1;
            const int32_t wide = (int32_t)(a[i] << (32 - bits)) >> (32 - bits);
            out[i] = (uint32_t)(wide >> by);
        }
        break;
    case ts_alu_divide:
        for (int64_t i = 0; i < n; i++)
            out[i] = divide_ints(a[i], b[i], is_signed);
        break;
    case ts_alu_mod:
        for (int64_t i = 0; i < n; i++)
            out[i] = mod_ints(a[i], b[i], is_signed);
        break;
    case ts_alu_pow:
        for (int64_t i = 0; i < n; i++)
            out[i] = pow_ints(a[i], b[i], is_signed);
        break;
    default: break;
    }
}

static bool is_word(unsigned dtype) {
    return dtype == ts_dtype_i32 || dtype == ts_dtype_u32;
}

/* Operators whose results are fractions, so that they work in fp32. */
static bool is_fractional(unsigned op) {
    return op == ts_alu_rsqrt || op == ts_alu_reciprocal || op == ts_alu_average;
}

bool ts_alu_is_integer(const ts_inst *inst, unsigned op, unsigned dtype1, unsigned dtype2) {
    if (ts_alu_kind(op) == 'b') return true;
    if (is_fractional(op)) return false;
    return inst->engine == ts_engine_gpsimd && is_word(dtype1) && is_word(dtype2);
}

/* Element types: the table, and conversion of arrays to and from fp32. Loops have no branches, so that
   compilers vectorise them, and do not compute with fp32 subnormals, so that the host's flush-to-zero modes
   change nothing: bf16 and f32 subnormals are moved as bits. */
#include "arch/dtype.h"

#include <string.h>

#include "base/bf16.h"
#include "base/bits.h"
#include "base/clones.h"

const ts_dtype_info *ts_dtype_get(ts_dtype dtype) {
    enum { b = 'b', s = 's', u = 'u', f = 'f', c = 'c' };
    static const ts_dtype_info rows[] = {
        {"none", 0, 0, false, "", ""},
#define DTYPE(name, bits, kind, native, npy, source) {#name, bits / 8, kind, native, npy, source},
#include "arch/dtype.def"
    };
    return &rows[(unsigned)dtype < ts_dtype_count ? dtype : ts_dtype_none];
}

ts_dtype ts_dtype_parse(const char *name, size_t length) {
    for (int i = 1; i < ts_dtype_count; i++) {
        const char *row = ts_dtype_get((ts_dtype)i)->name;
        if (strlen(row) == length && memcmp(row, name, length) == 0) return (ts_dtype)i;
    }
    return ts_dtype_none;
}

/* Both sides are computed, which lets loops vectorise. */
static inline uint32_t choose(bool condition, uint32_t yes, uint32_t no) {
    const uint32_t mask = 0u - (uint32_t)condition;
    return (yes & mask) | (no & ~mask);
}

/* A float narrower than fp32, by its numbers of exponent and mantissa bits. has_inf: the top exponent holds
   Inf and NaN as in IEEE 754; otherwise only all ones is NaN, and there is no Inf. */
typedef struct narrow_float {
    int exponent_bits, mantissa_bits;
    bool has_inf;
} narrow_float;

static inline float widen_one(uint32_t bits, narrow_float f) {
    const int shift = 23 - f.mantissa_bits, bias = (1 << (f.exponent_bits - 1)) - 1;
    const uint32_t sign_mask = 1u << (f.exponent_bits + f.mantissa_bits);
    const uint32_t magnitude = bits & (sign_mask - 1), sign = (bits & sign_mask)
                                                              << (8 - f.exponent_bits + shift);
    const uint32_t top = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
    const bool is_special = f.has_inf ? magnitude >= top : magnitude == sign_mask - 1;
    const uint32_t normal = (magnitude << shift) + ((uint32_t)(127 - bias) << 23);
    const uint32_t special =
        0x7f800000u | (f.has_inf ? (magnitude & ((1u << f.mantissa_bits) - 1)) << shift : 0x400000u);
    /* Below the smallest normal number, the value is an integer multiple of the smallest subnormal. */
    const float unit = ts_bits_float((uint32_t)(127 + 1 - bias - f.mantissa_bits) << 23);
    const uint32_t small = ts_float_bits((float)(int32_t)magnitude * unit);
    const uint32_t finite = choose(magnitude < (1u << f.mantissa_bits), small, normal);
    return ts_bits_float(choose(is_special, special, finite) | sign);
}

static inline uint32_t narrow_one(float value, narrow_float f) {
    const int shift = 23 - f.mantissa_bits, bias = (1 << (f.exponent_bits - 1)) - 1;
    const uint32_t bits = ts_float_bits(value), magnitude = bits & 0x7fffffffu;
    const uint32_t sign = (bits >> 31) << (f.exponent_bits + f.mantissa_bits);
    const uint32_t all_ones = (1u << (f.exponent_bits + f.mantissa_bits)) - 1;
    const uint32_t top = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
    /* Round to nearest, ties to even: add half of the last kept place less one, plus that place's own bit. */
    const uint32_t rounded = magnitude + ((1u << (shift - 1)) - 1) + ((magnitude >> shift) & 1);
    uint32_t result = (rounded - ((uint32_t)(127 - bias) << 23)) >> shift;
    /* A subnormal result: adding a number whose last place is the smallest subnormal rounds at that place. */
    const float magic = ts_bits_float((uint32_t)(127 + 1 - bias + shift) << 23);
    const uint32_t small = ts_float_bits(ts_bits_float(magnitude) + magic) - ts_float_bits(magic);
    result = choose(magnitude < (uint32_t)(127 + 1 - bias) << 23, small, result);
    /* A rounded value beyond the largest finite one becomes Inf, or NaN in a type without Inf. */
    const uint32_t limit = f.has_inf ? top : all_ones;
    const uint32_t largest = ((limit << shift) + ((uint32_t)(127 - bias) << 23));
    result = choose(rounded >= largest, limit, result);
    const uint32_t nan = f.has_inf
                             ? top | (1u << (f.mantissa_bits - 1)) | ((magnitude >> shift) & (all_ones ^ top))
                             : all_ones;
    return choose(magnitude > 0x7f800000u, nan, result) | sign;
}

/* Stochastic rounding. For normal results the random bits are added below the last kept place and the rest is
   cut off; for subnormal results the fraction of the last place is compared with 31 random bits. */
static inline uint32_t narrow_one_random(float value, uint32_t random, narrow_float f) {
    const int shift = 23 - f.mantissa_bits, bias = (1 << (f.exponent_bits - 1)) - 1;
    const uint32_t bits = ts_float_bits(value), magnitude = bits & 0x7fffffffu;
    const uint32_t sign = (bits >> 31) << (f.exponent_bits + f.mantissa_bits);
    const uint32_t all_ones = (1u << (f.exponent_bits + f.mantissa_bits)) - 1;
    const uint32_t top = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
    const uint32_t raised = magnitude + (random >> (32 - shift));
    uint32_t result = (raised - ((uint32_t)(127 - bias) << 23)) >> shift;
    const uint32_t smallest = (uint32_t)(127 + 1 - bias) << 23;
    const float scale = ts_bits_float((uint32_t)(127 - 1 + bias + f.mantissa_bits) << 23);
    const float places = ts_bits_float(choose(magnitude < smallest, magnitude, 0)) * scale;
    const int32_t whole = (int32_t)places, share = (int32_t)((places - (float)whole) * 0x1p31f);
    const uint32_t small = (uint32_t)whole + (uint32_t)((int32_t)(random >> 1) < share);
    result = choose(magnitude < smallest, small, result);
    const uint32_t limit = f.has_inf ? top : all_ones;
    const uint32_t largest = (limit << shift) + ((uint32_t)(127 - bias) << 23);
    result = choose(raised >= largest, limit, result);
    const uint32_t nan = f.has_inf
                             ? top | (1u << (f.mantissa_bits - 1)) | ((magnitude >> shift) & (all_ones ^ top))
                             : all_ones;
    return choose(magnitude > 0x7f800000u, nan, result) | sign;
}

#define F8E3M4   ((narrow_float){3, 4, true})
#define F16      ((narrow_float){5, 10, true})
#define F8E5M2   ((narrow_float){5, 2, true})
#define F8E4M3   ((narrow_float){4, 3, true})
#define F8E4M3FN ((narrow_float){4, 3, false})

/* bf16 and tf32 are fp32 without the last 16 and 13 bits. */
enum { BF16_SPARE = 16, TF32_SPARE = 13 };

/* Adds `raise` and clears the spare bits. NaN is kept apart, because the carry could turn it into Inf. */
static inline uint32_t cut_one(float value, uint32_t raise, int spare) {
    const uint32_t bits = ts_float_bits(value), kept = ~((1u << spare) - 1);
    return choose((bits & 0x7fffffffu) > 0x7f800000u, (bits & kept) | 0x400000u, (bits + raise) & kept);
}

static inline uint32_t cut_nearest(float value, int spare) {
    return cut_one(value, (1u << (spare - 1)) - 1 + ((ts_float_bits(value) >> spare) & 1), spare);
}

static inline uint32_t cut_random(float value, uint32_t random, int spare) {
    /* Inf stays Inf: nothing is added to it. */
    const uint32_t raise =
        choose((ts_float_bits(value) & 0x7fffffffu) == 0x7f800000u, 0, random >> (32 - spare));
    return cut_one(value, raise, spare);
}

/* Truncates toward zero and saturates; NaN gives 0. `low` is the type's smallest value and `top` its largest
   plus one, both exact in fp32. */
#define SATURATE(value, type, low, top, least, most)                                                         \
    ((value) >= (top) ? (most) : (value) <= (low) ? (least) : (value) == (value) ? (type)(value) : 0)

static inline int32_t to_i32(float value) {
    return SATURATE(value, int32_t, -0x1p31f, 0x1p31f, INT32_MIN, INT32_MAX);
}

static inline uint32_t to_u32(float value) {
    return SATURATE(value, uint32_t, 0.0f, 0x1p32f, 0, UINT32_MAX);
}

static inline int64_t to_i64(float value) {
    return SATURATE(value, int64_t, -0x1p63f, 0x1p63f, INT64_MIN, INT64_MAX);
}

static inline uint64_t to_u64(float value) {
    return SATURATE(value, uint64_t, 0.0f, 0x1p64f, 0, UINT64_MAX);
}

/* Limits a value to [low, high], for types whose limits are exact in fp32; NaN gives 0. The comparisons have
   the form of the CPU's minimum and maximum instructions, which return their second operand for NaN. */
static inline float clamp(float value, float low, float high) {
    if (low < 0) value = value == value ? value : 0;
    value = value > low ? value : low;
    return value < high ? value : high;
}

#define WIDEN(name, type, expression)                                                                        \
    case ts_dtype_##name: {                                                                                  \
        const type *in = from;                                                                               \
        for (size_t i = 0; i < count; i++)                                                                   \
            to[i] = (expression);                                                                            \
        break;                                                                                               \
    }

static inline void widen_bf16(const uint16_t *from, float *to, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        const uint32_t pair = ts_bf16_pair(from + 2 * i);
        to[2 * i] = ts_pair_lower(pair);
        to[2 * i + 1] = ts_pair_upper(pair);
    }
    if (count % 2) to[count - 1] = ts_bf16_float(from[count - 1]);
}

TS_CLONES
void ts_dtype_widen(ts_dtype dtype, const void *from, float *to, size_t count) {
    switch (dtype) {
        WIDEN(i1, uint8_t, in[i] != 0)
        WIDEN(i4, uint8_t, (float)((int)((in[i] & 15u) ^ 8u) - 8))
        WIDEN(u4, uint8_t, (float)(in[i] & 15))
        WIDEN(i8, int8_t, (float)in[i])
        WIDEN(u8, uint8_t, (float)in[i])
        WIDEN(i16, int16_t, (float)in[i])
        WIDEN(u16, uint16_t, (float)in[i])
        WIDEN(i32, int32_t, (float)in[i])
        WIDEN(u32, uint32_t, (float)in[i])
        WIDEN(i64, int64_t, (float)in[i])
        WIDEN(u64, uint64_t, (float)in[i])
        WIDEN(f8e4m3, uint8_t, widen_one(in[i], F8E4M3))
        WIDEN(f8e5m2, uint8_t, widen_one(in[i], F8E5M2))
        WIDEN(f8e4m3fn, uint8_t, widen_one(in[i], F8E4M3FN))
        WIDEN(f8e3m4, uint8_t, widen_one(in[i], F8E3M4))
        WIDEN(f16, uint16_t, widen_one(in[i], F16))
        WIDEN(tf32, uint32_t, ts_bits_float(in[i] & ~((1u << TF32_SPARE) - 1)))
        WIDEN(f64, double, (float)in[i])
    case ts_dtype_bf16: widen_bf16(from, to, count); break;
    case ts_dtype_f32: memmove(to, from, count * sizeof *to); break;
    case ts_dtype_none:
    case ts_dtype_c64:
    case ts_dtype_c128:
    case ts_dtype_count: break; /* has no fp32 value: the verifier refuses it as an operand of engines */
    }
}

#define NARROW(name, type, expression)                                                                       \
    case ts_dtype_##name: {                                                                                  \
        type *out = to;                                                                                      \
        for (size_t i = 0; i < count; i++)                                                                   \
            out[i] = (type)(expression);                                                                     \
        break;                                                                                               \
    }

/* Clamps into a buffer first and converts from there. In a single loop, compilers would convert out-of-range
   values too and then select. */
#define SATURATED(name, type, low, high)                                                                     \
    case ts_dtype_##name: {                                                                                  \
        type *out = to;                                                                                      \
        for (size_t n; count > 0; count -= n, from += n, out += n) {                                         \
            float clamped[SATURATED_AT_ONCE];                                                                \
            n = count < SATURATED_AT_ONCE ? count : SATURATED_AT_ONCE;                                       \
            for (size_t i = 0; i < n; i++)                                                                   \
                clamped[i] = clamp(from[i], low, high);                                                      \
            for (size_t i = 0; i < n; i++)                                                                   \
                out[i] = (type)(int32_t)clamped[i];                                                          \
        }                                                                                                    \
        break;                                                                                               \
    }
enum { SATURATED_AT_ONCE = 256 };

TS_CLONES
void ts_dtype_narrow(ts_dtype dtype, const float *from, void *to, size_t count) {
    if (dtype == ts_dtype_bf16) {
        const size_t done = ts_bf16_narrow(from, to, count);
        from += done, to = (uint16_t *)to + done, count -= done;
    }
    switch (dtype) {
        NARROW(i1, uint8_t, from[i] != 0)
        SATURATED(i4, int8_t, -8, 7)
        SATURATED(u4, uint8_t, 0, 15)
        SATURATED(i8, int8_t, -128, 127)
        SATURATED(u8, uint8_t, 0, 255)
        SATURATED(i16, int16_t, -32768, 32767)
        SATURATED(u16, uint16_t, 0, 65535)
        NARROW(i32, int32_t, to_i32(from[i]))
        NARROW(u32, uint32_t, to_u32(from[i]))
        NARROW(i64, int64_t, to_i64(from[i]))
        NARROW(u64, uint64_t, to_u64(from[i]))
        NARROW(f8e4m3, uint8_t, narrow_one(from[i], F8E4M3))
        NARROW(f8e5m2, uint8_t, narrow_one(from[i], F8E5M2))
        NARROW(f8e4m3fn, uint8_t, narrow_one(from[i], F8E4M3FN))
        NARROW(f8e3m4, uint8_t, narrow_one(from[i], F8E3M4))
        NARROW(f16, uint16_t, narrow_one(from[i], F16))
        NARROW(bf16, uint16_t, ts_float_bf16(from[i]))
        NARROW(tf32, uint32_t, cut_nearest(from[i], TF32_SPARE))
        NARROW(f64, double, from[i])
    case ts_dtype_f32: memmove(to, from, count * sizeof *from); break;
    case ts_dtype_none:
    case ts_dtype_c64:
    case ts_dtype_c128:
    case ts_dtype_count: break;
    }
}

bool ts_dtype_is_narrow_float(ts_dtype dtype) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    return info->kind == 'f' && dtype != ts_dtype_f32 && dtype != ts_dtype_f64;
}

TS_CLONES
void ts_dtype_narrow_random(ts_dtype dtype, const float *from, const uint32_t *random, void *to,
                            size_t count) {
    switch (dtype) {
        NARROW(f8e4m3, uint8_t, narrow_one_random(from[i], random[i], F8E4M3))
        NARROW(f8e5m2, uint8_t, narrow_one_random(from[i], random[i], F8E5M2))
        NARROW(f8e4m3fn, uint8_t, narrow_one_random(from[i], random[i], F8E4M3FN))
        NARROW(f8e3m4, uint8_t, narrow_one_random(from[i], random[i], F8E3M4))
        NARROW(f16, uint16_t, narrow_one_random(from[i], random[i], F16))
        NARROW(bf16, uint16_t, cut_random(from[i], random[i], BF16_SPARE) >> BF16_SPARE)
        NARROW(tf32, uint32_t, cut_random(from[i], random[i], TF32_SPARE))
    default: ts_dtype_narrow(dtype, from, to, count); break;
    }
}

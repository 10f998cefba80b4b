/* Bit patterns of floats, and the scalar conversions between fp32 and bf16. */
#ifndef TS_BASE_BITS_H
#define TS_BASE_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t ts_float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float ts_bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A bf16 number is the upper 16 bits of an fp32 number. */
static inline float ts_bf16_float(uint16_t bits) {
    return ts_bits_float((uint32_t)bits << 16);
}

/* The upper half of the result is the bf16 nearest to `value`, ties to even; the lower half is meaningless.
   NaN is handled apart, because rounding could carry it into Inf. */
static inline uint32_t ts_bf16_rounded(float value) {
    const uint32_t bits = ts_float_bits(value), rounded = bits + 0x7fffu + ((bits >> 16) & 1);
    return value == value ? rounded : bits | 0x400000u;
}

static inline uint16_t ts_float_bf16(float value) {
    return (uint16_t)(ts_bf16_rounded(value) >> 16);
}

/* Two neighbours in an array of bf16 as one 32-bit word. Loops over such words avoid widening and packing,
   for which compilers generate many shuffles. */
static inline uint32_t ts_bf16_pair(const uint16_t *at) {
    uint32_t pair;
    memcpy(&pair, at, sizeof pair);
    return pair;
}

static inline float ts_pair_lower(uint32_t pair) {
    return ts_bits_float(pair << 16);
}

static inline float ts_pair_upper(uint32_t pair) {
    return ts_bits_float(pair & 0xffff0000u);
}

static inline uint32_t ts_floats_pair(float lower, float upper) {
    return ts_bf16_rounded(lower) >> 16 | (ts_bf16_rounded(upper) & 0xffff0000u);
}

static inline uint64_t ts_double_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double ts_bits_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif

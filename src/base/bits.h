/* Floats as the bits that they are made of. */
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

/* bf16 is fp32 without its last 16 bits. */
static inline float ts_bf16_float(uint16_t bits) {
    return ts_bits_float((uint32_t)bits << 16);
}

/* The bits of fp32, the upper half of which is the bf16 that is nearest, ties to even; the lower half is left
   over. NaN stays NaN, which rounding could carry into Inf. */
static inline uint32_t ts_bf16_rounded(float value) {
    const uint32_t bits = ts_float_bits(value), rounded = bits + 0x7fffu + ((bits >> 16) & 1);
    return value == value ? rounded : bits | 0x400000u;
}

static inline uint16_t ts_float_bf16(float value) {
    return (uint16_t)(ts_bf16_rounded(value) >> 16);
}

/* Two neighbours in an array of bf16 as one word: loops over words need not widen and pack again, of which
   compilers make many shuffles. */
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

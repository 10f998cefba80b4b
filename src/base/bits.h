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

/* bf16 is fp32 without its last 16 bits: rounded to nearest even. NaN stays NaN, which rounding could carry
   into Inf. */
static inline float ts_bf16_float(uint16_t bits) {
    return ts_bits_float((uint32_t)bits << 16);
}

static inline uint16_t ts_float_bf16(float value) {
    const uint32_t bits = ts_float_bits(value), rounded = bits + 0x7fffu + ((bits >> 16) & 1);
    return (uint16_t)((value == value ? rounded : bits | 0x400000u) >> 16);
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

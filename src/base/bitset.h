/* Operations on ranges of bits, kept in 64-bit words, lowest bit first. */
#ifndef TS_BASE_BITSET_H
#define TS_BASE_BITSET_H

#include <stdbool.h>
#include <stdint.h>

/* A mask of those bits of [from, to) that lie in the word that contains `from`. */
static inline uint64_t ts_bitset_mask(int64_t from, int64_t to) {
    int64_t high = to - from / 64 * 64;
    uint64_t upto = high >= 64 ? UINT64_MAX : (UINT64_C(1) << high) - 1;
    return upto & UINT64_MAX << from % 64;
}

static inline void ts_bitset_fill(uint64_t *bits, int64_t from, int64_t to, bool is_set) {
    for (; from < to; from = (from / 64 + 1) * 64) {
        uint64_t mask = ts_bitset_mask(from, to);
        bits[from / 64] = is_set ? bits[from / 64] | mask : bits[from / 64] & ~mask;
    }
}

/* The first bit of [from, to) that is not set; `to` when all are. */
static inline int64_t ts_bitset_first_clear(const uint64_t *bits, int64_t from, int64_t to) {
    for (; from < to; from = (from / 64 + 1) * 64) {
        uint64_t clear = ~bits[from / 64] & ts_bitset_mask(from, to);
        if (clear) return from / 64 * 64 + __builtin_ctzll(clear);
    }
    return to;
}

#endif

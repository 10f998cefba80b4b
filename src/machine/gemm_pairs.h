/* Packs bf16 of two adjacent k into words (gemm.h), for kernels that multiply pairs. Private to
   src/machine. */
#ifndef TS_MACHINE_GEMM_PAIRS_H
#define TS_MACHINE_GEMM_PAIRS_H

#include <immintrin.h>

#include "machine/vector.h"

#define TS_PAIRS_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

enum { TS_PAIRS_LANES = 16, TS_PAIRS_STEP = 2 * TS_PAIRS_LANES };

/* Rows k (high halves) and k + 1 (low halves; NULL: zeros) of 32 columns as two vectors of words. */
TS_PAIRS_TARGET TS_INLINE void ts_interleave(const uint16_t *high, const uint16_t *low, __mmask32 mask,
                                             __m512i word[2]) {
    const __m512i h = _mm512_maskz_loadu_epi16(mask, high),
                  l = low ? _mm512_maskz_loadu_epi16(mask, low) : _mm512_setzero_si512();
    const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39,
                                           7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i second = _mm512_or_si512(first, _mm512_set1_epi16(16));
    word[0] = _mm512_permutex2var_epi16(l, first, h);
    word[1] = _mm512_permutex2var_epi16(l, second, h);
}

/* Packs columns [0, n) of k rows, `pitch` elements apart, to panels of 32 columns: their words, k by k. Zeros
   pad each panel to `words` rows. */
TS_PAIRS_TARGET TS_INLINE void ts_pair_columns(const uint16_t *from, int64_t pitch, int64_t k, int64_t n,
                                               int64_t words, uint32_t *to) {
    for (; n > 0; n -= TS_PAIRS_STEP, from += TS_PAIRS_STEP) {
        const __mmask32 mask = n < TS_PAIRS_STEP ? (1u << n) - 1 : ~0u;
        const uint16_t *row = from;
        for (int64_t at = 0; at < words; at++, row += 2 * pitch, to += TS_PAIRS_STEP) {
            __m512i word[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
            if (2 * at < k) ts_interleave(row, 2 * at + 1 < k ? row + pitch : NULL, mask, word);
            for (int i = 0; i < 2; i++)
                _mm512_storeu_si512(to + i * TS_PAIRS_LANES, word[i]);
        }
    }
}

#endif

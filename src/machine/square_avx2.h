/* Transposes squares of 8 x 8 words in registers. */
#ifndef TS_MACHINE_SQUARE_AVX2_H
#define TS_MACHINE_SQUARE_AVX2_H

#include <immintrin.h>

#include "machine/vector.h"

enum { TS_SQUARE_SIDE = 8 };

__attribute__((target("avx2"))) TS_INLINE void ts_square_turn(__m256 r[TS_SQUARE_SIDE]) {
    __m256 t[TS_SQUARE_SIDE];
    TS_UNROLL for (int i = 0; i < TS_SQUARE_SIDE; i += 4) {
        const __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
        const __m256 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm256_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    TS_UNROLL for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
    }
}

#endif

/* Transposes squares of 16 x 16 words in registers. */
#ifndef TS_MACHINE_SQUARE_AVX512_H
#define TS_MACHINE_SQUARE_AVX512_H

#include <immintrin.h>

#include "machine/vector.h"

enum { TS_SQUARE_SIDE_512 = 16 };

/* First the 4 x 4 blocks within each quarter of a vector, then the quarters. */
__attribute__((target("avx512f"))) TS_INLINE void ts_square_turn_512(__m512 r[TS_SQUARE_SIDE_512]) {
    __m512 t[TS_SQUARE_SIDE_512];
    TS_UNROLL for (int i = 0; i < TS_SQUARE_SIDE_512; i += 4) {
        const __m512 a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
        const __m512 c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm512_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
    TS_UNROLL for (int i = 0; i < 4; i++) {
        const __m512 a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88),
                     b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
        const __m512 c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88),
                     d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
        r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

#endif

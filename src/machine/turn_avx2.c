/* Transposes with AVX2: blocks of 8 x 8 in registers; what is left at the edges in C. */
#ifdef __x86_64__
#include <immintrin.h>

#include "machine/turn.h"
#include "machine/vector.h"

#define TARGET __attribute__((target("avx2,fma")))
enum { SIDE = 8 };

TARGET TS_INLINE void turn_registers(__m256 r[SIDE]) {
    __m256 t[SIDE];
    TS_UNROLL for (int i = 0; i < SIDE; i += 4) {
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

TARGET TS_INLINE __m256 load(const uint8_t *at, const int size) {
    if (size == 4) return _mm256_loadu_ps((const float *)(const void *)at);
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}

/* size and is_product are constants at each call. */
TARGET TS_INLINE bool turn_all(const ts_turn *t, int64_t parts, int64_t elems, const int size,
                               const bool is_product) {
    const __m256i ones = _mm256_set1_epi32(0x7f800000);
    __m256i found = _mm256_setzero_si256();
    for (int64_t e = 0; e < elems; e += SIDE)
        for (int64_t p = 0; p < parts; p += SIDE) {
            __m256 r[SIDE];
            TS_UNROLL for (int i = 0; i < SIDE; i++) {
                r[i] = load(t->from + (p + i) * t->from_pitch + e * size, size);
                if (!is_product) continue;
                const __m256i exponent = _mm256_and_si256(_mm256_castps_si256(r[i]), ones);
                found = _mm256_or_si256(found, _mm256_cmpeq_epi32(exponent, ones));
                r[i] = _mm256_add_ps(r[i], _mm256_setzero_ps());
            }
            turn_registers(r);
            TS_UNROLL for (int i = 0; i < SIDE; i++)
                _mm256_storeu_ps((float *)(void *)(t->to + (e + i) * t->to_pitch + p * 4), r[i]);
        }
    return _mm256_testz_si256(found, found);
}

/* The part from row `part` and element `elem` on. */
static bool turn_rest(const ts_turn *t, int64_t part, int64_t elem, int64_t parts, int64_t elems) {
    ts_turn rest = *t;
    rest.from += part * t->from_pitch + elem * t->from_size;
    rest.to += elem * t->to_pitch + part * 4;
    rest.parts = parts;
    rest.elems = elems;
    return ts_turn_ref(&rest);
}

TARGET bool ts_turn_avx2(const ts_turn *t) {
    const int64_t parts = t->parts / SIDE * SIDE, elems = t->elems / SIDE * SIDE;
    bool is_finite = t->from_size == 2 ? turn_all(t, parts, elems, 2, true)
                     : t->is_product   ? turn_all(t, parts, elems, 4, true)
                                       : turn_all(t, parts, elems, 4, false);
    is_finite &= turn_rest(t, parts, 0, t->parts - parts, t->elems);
    return is_finite & turn_rest(t, 0, elems, parts, t->elems - elems);
}
#else
typedef int ts_turn_avx2_is_empty;
#endif

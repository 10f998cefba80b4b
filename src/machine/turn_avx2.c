/* Transposes with AVX2: blocks of 4-byte elements 8 x 8, of 2-byte ones 16 x 8, in registers. The last block
   at an edge overlaps the one before it, and writes the same bytes again. */
#ifdef __x86_64__
#include <immintrin.h>

#include "machine/square_avx2.h"
#include "machine/turn.h"

#define TARGET __attribute__((target("avx2,fma")))
enum { SIDE = 8, HALVES = 16 /* rows of 2-byte elements */, NEAR = 32 /* rows and columns of one visit */ };

/* ---- elements of 4 bytes ---- */

TARGET TS_INLINE __m256 load(const uint8_t *at, const int size) {
    if (size == 4) return _mm256_loadu_ps((const float *)(const void *)at);
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}

/* Rows p to p + 7, elements e to e + 7. */
TARGET TS_INLINE void turn_words(const ts_turn *t, int64_t p, int64_t e, const int size,
                                 const bool is_product, __m256i *found) {
    const __m256i ones = _mm256_set1_epi32(0x7f800000);
    const uint8_t *from = t->from + p * t->from_pitch + e * size;
    uint8_t *to = t->to + e * t->to_pitch + p * 4;
    __m256 r[SIDE];
    TS_UNROLL for (int i = 0; i < SIDE; i++) {
        r[i] = load(from + i * t->from_pitch, size);
        if (!is_product) continue;
        const __m256i exponent = _mm256_and_si256(_mm256_castps_si256(r[i]), ones);
        *found = _mm256_or_si256(*found, _mm256_cmpeq_epi32(exponent, ones));
        r[i] = _mm256_add_ps(r[i], _mm256_setzero_ps());
    }
    ts_square_turn(r);
    TS_UNROLL for (int i = 0; i < SIDE; i++) _mm256_storeu_ps((float *)(void *)(to + i * t->to_pitch), r[i]);
}

/* ---- elements of 2 bytes, as bits ---- */

/* Transposes an 8 x 8 block in each half of the registers. */
TARGET TS_INLINE void turn_each_half(__m256i r[SIDE]) {
    __m256i t[SIDE];
    TS_UNROLL for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_epi16(r[i], r[i + 4]);
        t[2 * i + 1] = _mm256_unpackhi_epi16(r[i], r[i + 4]);
    }
    TS_UNROLL for (int i = 0; i < 4; i++) {
        r[2 * i] = _mm256_unpacklo_epi16(t[i], t[i + 4]);
        r[2 * i + 1] = _mm256_unpackhi_epi16(t[i], t[i + 4]);
    }
    TS_UNROLL for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_epi16(r[i], r[i + 4]);
        t[2 * i + 1] = _mm256_unpackhi_epi16(r[i], r[i + 4]);
    }
    TS_UNROLL for (int i = 0; i < SIDE; i++) r[i] = t[i];
}

TARGET TS_INLINE __m128i eight(const uint8_t *at) {
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* Rows p to p + 15 in whole registers, or p to p + 7 in their lower halves; elements e to e + 7. */
TARGET TS_INLINE void turn_halves(const ts_turn *t, int64_t p, int64_t e, const bool is_whole) {
    const uint8_t *from = t->from + p * t->from_pitch + e * 2;
    uint8_t *to = t->to + e * t->to_pitch + p * 2;
    __m256i r[SIDE];
    TS_UNROLL for (int i = 0; i < SIDE; i++) {
        r[i] = _mm256_castsi128_si256(eight(from + i * t->from_pitch));
        if (is_whole) r[i] = _mm256_inserti128_si256(r[i], eight(from + (i + SIDE) * t->from_pitch), 1);
    }
    turn_each_half(r);
    TS_UNROLL for (int i = 0; i < SIDE; i++) {
        void *at = to + i * t->to_pitch;
        if (is_whole)
            _mm256_storeu_si256(at, r[i]);
        else
            _mm_storeu_si128(at, _mm256_castsi256_si128(r[i]));
    }
}

/* ---- all of it ---- */

/* Where the block at `at` begins if it must not reach beyond `end`. */
TARGET TS_INLINE int64_t back(int64_t at, int64_t side, int64_t end) {
    return at + side > end ? end - side : at;
}

/* For at least one block both ways. size, rows and is_product are constants at each call. */
TARGET TS_INLINE bool turn_all(const ts_turn *t, const int size, const int rows, const bool is_product) {
    __m256i found = _mm256_setzero_si256();
    for (int64_t p0 = 0; p0 < t->parts; p0 += NEAR)
        for (int64_t e0 = 0; e0 < t->elems; e0 += NEAR) {
            const int64_t p1 = p0 + NEAR < t->parts ? p0 + NEAR : t->parts;
            const int64_t e1 = e0 + NEAR < t->elems ? e0 + NEAR : t->elems;
            for (int64_t e = e0; e < e1; e += SIDE)
                for (int64_t p = p0; p < p1; p += rows) {
                    const int64_t part = back(p, rows, t->parts), elem = back(e, SIDE, t->elems);
                    if (size == 2 && !is_product)
                        turn_halves(t, part, elem, rows == HALVES);
                    else
                        turn_words(t, part, elem, size, is_product, &found);
                }
        }
    return _mm256_testz_si256(found, found);
}

TARGET bool ts_turn_avx2(const ts_turn *t) {
    if (t->parts < SIDE || t->elems < SIDE) return ts_turn_ref(t);
    if (t->is_product) return t->from_size == 4 ? turn_all(t, 4, SIDE, true) : turn_all(t, 2, SIDE, true);
    if (t->from_size == 4) return turn_all(t, 4, SIDE, false);
    return t->parts < HALVES ? turn_all(t, 2, SIDE, false) : turn_all(t, 2, HALVES, false);
}
#else
typedef int ts_turn_avx2_is_empty;
#endif

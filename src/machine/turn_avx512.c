/* Transposes with AVX-512: blocks of 16 x 16 in registers. Elements of 2 bytes take 4 bytes there. */
#ifdef __x86_64__
#include <immintrin.h>

#include "machine/square_avx512.h"
#include "machine/turn.h"
#include "machine/vector.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
enum { SIDE = TS_SQUARE_SIDE_512, NAN_OR_INFINITY = 0x99 /* of vfpclassps: quiet, +Inf, -Inf, signaling */ };

TARGET TS_INLINE __m512 load(const uint8_t *at, __mmask16 mask, const int size, const bool is_product) {
    if (size == 4) return _mm512_maskz_loadu_ps(mask, at);
    const __m512i words = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, at));
    return _mm512_castsi512_ps(is_product ? _mm512_slli_epi32(words, 16) : words);
}

TARGET TS_INLINE void store(uint8_t *at, __mmask16 mask, __m512 value, const int size,
                            const bool is_product) {
    if (size == 4 || is_product)
        _mm512_mask_storeu_ps(at, mask, value);
    else
        _mm512_mask_cvtepi32_storeu_epi16(at, mask, _mm512_castps_si512(value));
}

TARGET TS_INLINE __mmask16 mask_of(int64_t n) {
    return n < SIDE ? (__mmask16)((1u << n) - 1) : 0xffff;
}

/* size and is_product are constants at each call. */
TARGET TS_INLINE bool turn_all(const ts_turn *t, const int size, const bool is_product) {
    __mmask16 found = 0;
    for (int64_t e = 0; e < t->elems; e += SIDE)
        for (int64_t p = 0; p < t->parts; p += SIDE) {
            const int64_t rows = t->parts - p < SIDE ? t->parts - p : SIDE,
                          columns = t->elems - e < SIDE ? t->elems - e : SIDE;
            const __mmask16 in = mask_of(columns), out = mask_of(rows);
            const uint8_t *from = t->from + p * t->from_pitch + e * size;
            uint8_t *to = t->to + e * t->to_pitch + p * (is_product ? 4 : size);
            __m512 r[SIDE];
            TS_UNROLL for (int i = 0; i < SIDE; i++) {
                r[i] = i < rows ? load(from + i * t->from_pitch, in, size, is_product) : _mm512_setzero_ps();
                if (!is_product) continue;
                found |= _mm512_fpclass_ps_mask(r[i], NAN_OR_INFINITY);
                r[i] = _mm512_add_ps(r[i], _mm512_setzero_ps());
            }
            ts_square_turn_512(r);
            TS_UNROLL for (int i = 0; i < SIDE; i++) if (i < columns)
                store(to + i * t->to_pitch, out, r[i], size, is_product);
        }
    return found == 0;
}

TARGET bool ts_turn_avx512(const ts_turn *t) {
    if (t->is_product) return t->from_size == 4 ? turn_all(t, 4, true) : turn_all(t, 2, true);
    return t->from_size == 4 ? turn_all(t, 4, false) : turn_all(t, 2, false);
}
#else
typedef int ts_turn_avx512_is_empty;
#endif

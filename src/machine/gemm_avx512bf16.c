/* Matmul tiles of bf16 pairs with vdpbf16ps. It adds the product of the high halves first, then that of the
   low halves, each in one rounding. With the lower k in the high half this is the chain of gemm.h, except
   that subnormal numbers count as 0. */
#ifdef __x86_64__
#include <immintrin.h>

#define TARGET          __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define ROWS            8
#define broadcast(at)   _mm512_castsi512_ps(_mm512_set1_epi32((int)*(at)))
#define fuse(a, b, sum) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#include "machine/gemm_zmm.h"

#include "machine/gemm_pairs.h"
#include "machine/square_avx2.h"

/* Packs panels of 8 words; 32 columns make four of them. */
TARGET static void pair_a(const void *halves, int64_t pitch, int64_t k, int64_t n, uint32_t *to) {
    const int64_t panel = (k + 1) / 2 * ROWS;
    const uint16_t *from = halves;
    for (; n > 0; n -= TS_PAIRS_STEP, from += TS_PAIRS_STEP, to += 3 * panel) {
        const __mmask32 mask = n < TS_PAIRS_STEP ? (1u << n) - 1 : ~0u;
        const uint16_t *row = from;
        for (int64_t at = 0; at < k; at += 2, row += 2 * pitch, to += ROWS) {
            __m512i word[2];
            ts_interleave(row, at + 1 < k ? row + pitch : NULL, mask, word);
            for (int i = 0; i < 2; i++) {
                uint32_t *two = to + 2 * i * panel;
                _mm256_storeu_si256((__m256i *)two, _mm512_castsi512_si256(word[i]));
                _mm256_storeu_si256((__m256i *)(two + panel), _mm512_extracti64x4_epi64(word[i], 1));
            }
        }
    }
}

TARGET static void pair_b(const void *from, int64_t pitch, int64_t k, int64_t n, uint32_t *to) {
    ts_pair_columns(from, pitch, k, n, (k + 1) / 2, to);
}

/* Two adjacent elements of a row are a word with its halves swapped. */
TARGET static void pair_turned(const void *turned, int64_t step, int64_t k, int64_t rows, uint32_t *to) {
    enum { HALVES = 2 * ROWS };
    const uint16_t *from = turned;
    const int64_t half = (k + 1) / 2;
    for (int64_t row = 0; row < rows; row += ROWS, from += ROWS * step, to += ROWS * half)
        for (int64_t at = 0; at < half; at += ROWS) {
            const int64_t left = k - 2 * at, words = half - at;
            const __mmask16 mask = left < HALVES ? (__mmask16)((1u << left) - 1) : 0xffff;
            __m256 r[ROWS];
            TS_UNROLL for (int i = 0; i < ROWS; i++) {
                const uint16_t *next = from + i * step + 2 * at;
                const __m256i pairs = _mm256_maskz_loadu_epi16(row + i < rows ? mask : 0, next);
                r[i] = _mm256_castsi256_ps(_mm256_rol_epi32(pairs, 16));
            }
            ts_square_turn(r);
            TS_UNROLL for (int i = 0; i < ROWS; i++) if (i < words)
                _mm256_storeu_ps((float *)(to + (at + i) * ROWS), r[i]);
        }
}

const ts_gemm_kernel ts_gemm_avx512bf16 = {.name = "avx512bf16",
                                           .rows = ROWS,
                                           .columns = 2 * LANES,
                                           .size = 2,
                                           .is_paired = true,
                                           .macs_per_ns = 100,
                                           .tile = tile_any,
                                           .pack_a = pair_a,
                                           .pack_a_turned = pair_turned,
                                           .pack_b = pair_b};
#else
typedef int ts_gemm_avx512bf16_is_empty;
#endif

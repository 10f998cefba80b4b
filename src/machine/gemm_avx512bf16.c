/* Matmul tiles of bf16 pairs with vdpbf16ps. It adds the product of the high halves first, then that of the
   low halves, each fused: with the row of lower k in the high half this is the chain of gemm.h, but that
   subnormal numbers count as 0. */
#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define VECTOR __m512
#define MASK   __mmask16
#define ROWS   8
#define LANES  16

#define mask_of(n)              ((__mmask16)((1u << (n)) - 1))
#define load(at)                _mm512_loadu_ps(at)
#define load_some(at, mask)     _mm512_maskz_loadu_ps(mask, at)
#define store(at, v)            _mm512_storeu_ps(at, v)
#define store_some(at, mask, v) _mm512_mask_storeu_ps(at, mask, v)
#define broadcast(at)           _mm512_castsi512_ps(_mm512_set1_epi32((int)*(at)))
#define fuse(a, b, sum)         _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#define add(a, b)               _mm512_add_ps(a, b)
#define zero()                  _mm512_setzero_ps()
#define clean(v)                                                                                             \
    _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q),                                            \
                       _mm512_castsi512_ps(_mm512_set1_epi32(TS_GEMM_NAN)))
#include "machine/gemm_tile.h"

/* Rows k (high halves) and k + 1 (low halves), 32 columns. */
TARGET static void pair_columns(const uint16_t *high, const uint16_t *low, __mmask32 mask, uint32_t *to) {
    const __m512i h = _mm512_maskz_loadu_epi16(mask, high),
                  l = low ? _mm512_maskz_loadu_epi16(mask, low) : _mm512_setzero_si512();
    const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39,
                                           7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i second = _mm512_or_si512(first, _mm512_set1_epi16(16));
    _mm512_storeu_si512(to, _mm512_permutex2var_epi16(l, first, h));
    _mm512_storeu_si512(to + LANES, _mm512_permutex2var_epi16(l, second, h));
}

/* The same, 8 columns. */
TARGET static void pair_rows(const uint16_t *high, const uint16_t *low, __mmask8 mask, uint32_t *to) {
    const __m128i h = _mm_maskz_loadu_epi16(mask, high),
                  l = low ? _mm_maskz_loadu_epi16(mask, low) : _mm_setzero_si128();
    _mm_storeu_si128((__m128i *)to, _mm_unpacklo_epi16(l, h));
    _mm_storeu_si128((__m128i *)to + 1, _mm_unpackhi_epi16(l, h));
}

TARGET static void pair(const uint16_t *from, int64_t pitch, int64_t k, int64_t n, int width, uint32_t *to) {
    const uint32_t mask = n < width ? (1u << n) - 1 : ~0u;
    for (; k > 0; k -= 2, from += 2 * pitch, to += width) {
        const uint16_t *low = k > 1 ? from + pitch : NULL;
        if (width == ROWS)
            pair_rows(from, low, (__mmask8)mask, to);
        else
            pair_columns(from, low, mask, to);
    }
}

const ts_gemm_kernel ts_gemm_avx512bf16 = {.name = "avx512bf16",
                                           .rows = ROWS,
                                           .columns = 2 * LANES,
                                           .macs_per_ns = 100,
                                           .tile = tile_any,
                                           .pair = pair};
#else
typedef int ts_gemm_avx512bf16_is_empty;
#endif

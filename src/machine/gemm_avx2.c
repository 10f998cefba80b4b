/* Matmul tiles with AVX2 and FMA: 12 accumulators of 8 floats. Operands are packed, bf16 as floats: rows far
   apart in SBUF cost a fifth of the rate. */
#ifdef __x86_64__
#include <immintrin.h>

#include "machine/gemm.h"
#include "machine/square_avx2.h"

#define TARGET   __attribute__((target("avx2,fma")))
#define VECTOR   __m256
#define MASK     int /* the number of leading lanes */
#define ROWS     6
#define LANES    8
#define UNROLL_K _Pragma("GCC unroll 4")
#define LINES    1

TARGET TS_INLINE __m256i words_of(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

TARGET TS_INLINE __m256 widened(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

TARGET TS_INLINE __m256 load_halves(const uint16_t *at) {
    return widened(_mm_loadu_si128((const __m128i *)(const void *)at));
}

/* Loads pairs of elements, and by itself the last one of an odd number. */
TARGET TS_INLINE __m256 load_halves_some(const uint16_t *at, int n) {
    const __m128i is_pair = _mm_cmpgt_epi32(_mm_set1_epi32(n / 2), _mm_setr_epi32(0, 1, 2, 3));
    const __m128i is_last =
        _mm_cmpeq_epi16(_mm_set1_epi16((short)(n % 2 ? n - 1 : -1)), _mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7));
    const __m128i pairs = _mm_maskload_epi32((const int *)(const void *)at, is_pair);
    return widened(_mm_or_si128(pairs, _mm_and_si128(is_last, _mm_set1_epi16((short)at[n - 1]))));
}

#define load_halves             load_halves
#define mask_of(n)              (n)
#define load(at)                _mm256_loadu_ps((const float *)(at))
#define load_some(at, mask)     _mm256_maskload_ps((const float *)(at), words_of(mask))
#define store(at, v)            _mm256_storeu_ps(at, v)
#define store_some(at, mask, v) _mm256_maskstore_ps(at, words_of(mask), v)
#define broadcast(at)           _mm256_broadcast_ss((const float *)(at))
#define fuse(a, b, sum)         _mm256_fmadd_ps(a, b, sum)
#define add(a, b)               _mm256_add_ps(a, b)
#define zero()                  _mm256_setzero_ps()
#define clean(v)                                                                                             \
    _mm256_blendv_ps(v, _mm256_castsi256_ps(_mm256_set1_epi32(TS_GEMM_NAN)),                                 \
                     _mm256_cmp_ps(v, v, _CMP_UNORD_Q))
#define NUMBERS                __m256
#define all_numbers()          _mm256_castsi256_ps(_mm256_set1_epi32(-1))
#define still_numbers(n, a, b) _mm256_and_ps(n, _mm256_cmp_ps(a, b, _CMP_ORD_Q))
#define are_numbers(n)         (_mm256_movemask_ps(n) == 0xff)
#include "machine/gemm_tile.h"

TARGET static void tile_any(const ts_gemm_tile *tile, int rows, int columns) {
    if (tile->moving == ts_gemm_kept_words)
        tile_some(tile, rows, columns, form_keeps_words);
    else if (tile->moving == ts_gemm_kept_halves)
        tile_some(tile, rows, columns, form_keeps_halves);
    else if (is_packed(tile))
        tile_some(tile, rows, columns, form_packed);
    else
        tile_some(tile, rows, columns, form_any);
}

/* ---- packing ---- */

TARGET TS_INLINE __m256 load_any(const uint8_t *at, const int size, bool is_some, int n) {
    if (size == 4) return is_some ? load_some(at, n) : load(at);
    const uint16_t *halves = (const uint16_t *)(const void *)at;
    return is_some ? load_halves_some(halves, n) : load_halves(halves);
}

/* Packs the rows of each tile, k by k. A vector has more lanes than a tile has rows; the vector of the next k
   overwrites them. `size` is a constant at each call. */
TARGET TS_INLINE void pack(const ts_gemm_kernel *kernel, const uint8_t *from, int64_t pitch, int64_t k,
                           int64_t m, const int size, uint32_t *to) {
    enum { LINE = 64 };
    for (int64_t height; m > 0; m -= height, from += height * size) {
        height = ts_gemm_height(kernel, m);
        const uint8_t *row = from;
        for (int64_t i = 0; i < k; i++, row += pitch * size, to += ROWS) {
            __builtin_prefetch(row + LINE);
            store((float *)to, load_any(row, size, true, (int)height));
        }
    }
}

/* The same from rows along k, in squares that are transposed. */
TARGET TS_INLINE void pack_turned(const ts_gemm_kernel *kernel, const uint8_t *from, int64_t step, int64_t k,
                                  int64_t m, const int size, uint32_t *to) {
    enum { LINE = 64 };
    for (int64_t height; m > 0; m -= height, from += height * step * size) {
        height = ts_gemm_height(kernel, m);
        for (int64_t at = 0; at < k; at += LANES) {
            const int64_t left = k - at < LANES ? k - at : LANES;
            __m256 r[LANES];
            TS_UNROLL for (int i = 0; i < LANES; i++) {
                const uint8_t *row = from + (i * step + at) * size;
                __builtin_prefetch(row + LINE);
                r[i] = i < height ? load_any(row, size, left < LANES, (int)left) : zero();
            }
            ts_square_turn(r);
            TS_UNROLL for (int i = 0; i < LANES; i++) if (i < left) store((float *)to + i * ROWS, r[i]);
            to += left * ROWS;
        }
    }
}

TARGET static void pack_words(const void *from, int64_t pitch, int64_t k, int64_t m, uint32_t *to) {
    pack(&ts_gemm_avx2, from, pitch, k, m, 4, to);
}

TARGET static void pack_halves(const void *from, int64_t pitch, int64_t k, int64_t m, uint32_t *to) {
    pack(&ts_gemm_avx2_bf16, from, pitch, k, m, 2, to);
}

TARGET static void pack_words_turned(const void *from, int64_t step, int64_t k, int64_t m, uint32_t *to) {
    pack_turned(&ts_gemm_avx2, from, step, k, m, 4, to);
}

TARGET static void pack_halves_turned(const void *from, int64_t step, int64_t k, int64_t m, uint32_t *to) {
    pack_turned(&ts_gemm_avx2_bf16, from, step, k, m, 2, to);
}

const ts_gemm_kernel ts_gemm_avx2 = {.name = "avx2",
                                     .rows = ROWS,
                                     .columns = 2 * LANES,
                                     .lanes = LANES,
                                     .size = 4,
                                     .is_even = true,
                                     .macs_per_ns = 45,
                                     .tile = tile_any,
                                     .pack_a = pack_words,
                                     .pack_a_turned = pack_words_turned};
const ts_gemm_kernel ts_gemm_avx2_bf16 = {.name = "avx2 bf16",
                                          .rows = ROWS,
                                          .columns = 2 * LANES,
                                          .lanes = LANES,
                                          .size = 2,
                                          .is_even = true,
                                          .macs_per_ns = 45,
                                          .tile = tile_any,
                                          .pack_a = pack_halves,
                                          .pack_a_turned = pack_halves_turned};
#else
typedef int ts_gemm_avx2_is_empty;
#endif

/* Matmul tiles with AVX-512: 24 accumulators of 16 floats. Operands are packed: rows far apart in SBUF cost a
   fifth of the rate. */
#ifdef __x86_64__
#include <immintrin.h>

#define TARGET          __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define ROWS            12
#define broadcast(at)   _mm512_set1_ps(*(const float *)(at))
#define fuse(a, b, sum) _mm512_fmadd_ps(a, b, sum)
#include "machine/gemm_zmm.h"
#include "machine/square_avx2.h"

enum { LINE_WORDS = 16 };

/* Packs `height` words of a row for one tile. The packed lines are in the second-level cache at best, a
   stream for each tile, so each is prefetched two lines ahead of its store. */
TARGET TS_INLINE void pack_row(const float *from, int64_t height, uint32_t *to) {
    __builtin_prefetch(to + 2 * LINE_WORDS, 1);
    store_some(to, mask_of(ROWS), load_some(from, mask_of(height)));
}

/* Goes row by row: the lines of a row follow each other, so that the CPU prefetches them. */
TARGET static void pack_words(const void *words, int64_t pitch, int64_t k, int64_t m, uint32_t *to) {
    const float *row = words;
    const int64_t tiles = (m + ROWS - 1) / ROWS, height = ts_gemm_height(&ts_gemm_avx512, m),
                  tall = m - tiles * (height - 1);
    for (int64_t i = 0; i < k; i++, row += pitch, to += ROWS) {
        uint32_t *tile = to;
        const float *from = row;
        for (int64_t t = 0; t < tall; t++, from += height, tile += k * ROWS)
            pack_row(from, height, tile);
        for (int64_t t = tall; t < tiles; t++, from += height - 1, tile += k * ROWS)
            pack_row(from, height - 1, tile);
    }
}

/* Packs `height` of eight rows of the result, and `left` of eight k. */
TARGET TS_INLINE void pack_square(const float *from, int64_t step, int64_t height, int64_t left,
                                  __mmask8 kept, uint32_t *to) {
    const __mmask8 mask = (__mmask8)((1u << left) - 1);
    __m256 r[TS_SQUARE_SIDE];
    TS_UNROLL for (int i = 0; i < TS_SQUARE_SIDE; i++) {
        __builtin_prefetch(from + i * step + LINE_WORDS);
        r[i] = _mm256_maskz_loadu_ps(i < height ? mask : 0, from + i * step);
    }
    ts_square_turn(r);
    TS_UNROLL for (int i = 0; i < TS_SQUARE_SIDE; i++) if (i < left)
        _mm256_mask_storeu_ps(to + i * ROWS, kept, r[i]);
}

/* The same as pack_words from rows along k, in squares that are transposed. */
TARGET static void pack_words_turned(const void *words, int64_t step, int64_t k, int64_t m, uint32_t *to) {
    enum { SIDE = TS_SQUARE_SIDE, REST = ROWS - SIDE };
    const float *from = words;
    for (int64_t height; m > 0; m -= height, from += height * step) {
        height = ts_gemm_height(&ts_gemm_avx512, m);
        for (int64_t at = 0, left; at < k; at += left, to += left * ROWS) {
            left = k - at < SIDE ? k - at : SIDE;
            pack_square(from + at, step, height, left, 0xff, to);
            if (height > SIDE)
                pack_square(from + SIDE * step + at, step, height - SIDE, left, (1 << REST) - 1, to + SIDE);
        }
    }
}

const ts_gemm_kernel ts_gemm_avx512 = {.name = "avx512",
                                       .rows = ROWS,
                                       .columns = 2 * LANES,
                                       .lanes = LANES,
                                       .size = 4,
                                       .is_even = true,
                                       .macs_per_ns = 50,
                                       .tile = tile_any,
                                       .pack_a = pack_words,
                                       .pack_a_turned = pack_words_turned};
#else
typedef int ts_gemm_avx512_is_empty;
#endif

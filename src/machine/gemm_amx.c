/* Matmul tiles of bf16 pairs with AMX: four results of 16 x 16 at a time. For each 32 k, tdpbf16ps sums the
   products of the high halves in one fused chain from +0 and those of the low halves in another, adds the two
   sums, and adds that to the result (Intel 64 and IA-32 Architectures Software Developer's Manual,
   TDPBF16PS). Subnormal numbers count as 0. */
#ifdef __x86_64__
#include <immintrin.h>

#include "machine/gemm.h"
#include "machine/gemm_pairs.h"
#include "machine/square_avx512.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-bf16")))

enum {
    SIDE = 16, /* rows of a tile register, words of one of its rows */
    ROW_BYTES = 4 * SIDE,
    TILE = SIDE * SIDE,
    ROWS = 2 * SIDE,
    COLUMNS = 2 * SIDE,
    BLOCK = 2 * SIDE, /* k that one instruction multiplies */
    REGISTERS = 8
};

/* Tile registers are numbered in the instructions: the result's four, the stationary operand's two, the
   moving one's two. */
#define OUT_0 0
#define OUT_1 1
#define OUT_2 2
#define OUT_3 3
#define A_0   4
#define A_1   5
#define B_0   6
#define B_1   7

/* Makes the compiler write to memory first: it does not see all that AMX instructions read. */
TS_INLINE void write_all(const void *memory) {
    __asm__ volatile("" ::"r"(memory) : "memory");
}

/* The layout of ldtilecfg's operand. */
typedef struct configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} configuration;

/* All tile registers have their full size; zeros pad smaller products. */
TARGET static void begin(void) {
    _Alignas(64) configuration c = {.palette = 1};
    for (int i = 0; i < REGISTERS; i++) {
        c.row_bytes[i] = ROW_BYTES;
        c.rows[i] = SIDE;
    }
    write_all(&c);
    _tile_loadconfig(&c);
}

/* Releases the registers; otherwise every context switch would save them. */
TARGET static void end(void) {
    _tile_release();
}

/* ---- sums ---- */

/* Sums on their way to the result, from row `at` on. */
typedef struct sums {
    const float *from; /* [ROWS][COLUMNS] */
    float *to;
    int64_t pitch;
    int at, rows;
    __mmask16 mask[2]; /* the columns that exist */
    bool is_added;
} sums;

TARGET TS_INLINE void put(float *out, __m512 value, __mmask16 mask, bool is_added) {
    if (is_added) value = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), value);
    const __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    value = _mm512_mask_mov_ps(value, is_nan, _mm512_castsi512_ps(_mm512_set1_epi32(TS_GEMM_NAN)));
    _mm512_mask_storeu_ps(out, mask, value);
}

TARGET TS_INLINE void put_rows(sums *s, int rows, const bool is_added) {
    const int last = s->at + rows < s->rows ? s->at + rows : s->rows;
    for (; s->at < last; s->at++) {
        const float *from = s->from + s->at * COLUMNS;
        float *to = s->to + s->at * s->pitch;
        put(to, _mm512_load_ps(from), s->mask[0], is_added);
        put(to + SIDE, _mm512_load_ps(from + SIDE), s->mask[1], is_added);
    }
}

TARGET TS_INLINE void put_some(sums *s, int rows) {
    if (s->is_added)
        put_rows(s, rows, true);
    else
        put_rows(s, rows, false);
}

/* ---- tiles ---- */

/* Adds one block of k. is_tall, is_wide: there is a second half of rows, of columns. */
TARGET TS_INLINE void add_block(const uint32_t *a, int64_t a_half, const uint32_t *b, const bool is_tall,
                                const bool is_wide) {
    _tile_loadd(B_0, b, 2 * ROW_BYTES);
    _tile_loadd(A_0, a, ROW_BYTES);
    _tile_dpbf16ps(OUT_0, A_0, B_0);
    if (is_wide) {
        _tile_loadd(B_1, b + SIDE, 2 * ROW_BYTES);
        _tile_dpbf16ps(OUT_1, A_0, B_1);
    }
    if (is_tall) {
        _tile_loadd(A_1, a + a_half, ROW_BYTES);
        _tile_dpbf16ps(OUT_2, A_1, B_0);
        if (is_wide) _tile_dpbf16ps(OUT_3, A_1, B_1);
    }
}

/* Prefetches the lines of the next panel, some of them with each block. */
typedef struct fetching {
    const uint8_t *next;
    int64_t pitch, line, left, share;
} fetching;

TARGET TS_INLINE void fetch_some(fetching *f) {
    const int64_t last = f->left > f->share ? f->left - f->share : 0;
    for (; f->left > last; f->left--, f->next += f->pitch) {
        __builtin_prefetch(f->next);
        __builtin_prefetch(f->next + f->line);
    }
}

/* Multiplies a tile, and meanwhile stores the sums of the tile before: vectors and tiles have separate
   units. */
TARGET TS_INLINE void multiply(const ts_gemm_tile *tile, sums *before, fetching *later, float *sum,
                               const bool is_tall, const bool is_wide) {
    const int share = (int)((before->rows * SIDE + tile->k - 1) / tile->k);
    _tile_zero(OUT_0);
    _tile_zero(OUT_1);
    _tile_zero(OUT_2);
    _tile_zero(OUT_3);
    const uint32_t *a = tile->a, *b = tile->b;
    for (int64_t k = tile->k; k > 0; k -= SIDE, a += TILE, b += SIDE * COLUMNS) {
        add_block(a, SIDE * tile->k, b, is_tall, is_wide);
        fetch_some(later);
        put_some(before, share);
    }
    _tile_stored(OUT_0, sum, 2 * ROW_BYTES);
    _tile_stored(OUT_1, sum + SIDE, 2 * ROW_BYTES);
    _tile_stored(OUT_2, sum + SIDE * COLUMNS, 2 * ROW_BYTES);
    _tile_stored(OUT_3, sum + SIDE * COLUMNS + SIDE, 2 * ROW_BYTES);
}

TARGET TS_INLINE void multiply_any(const ts_gemm_tile *tile, sums *before, fetching *later, float *sum,
                                   bool is_tall, bool is_wide) {
    if (is_tall && is_wide)
        multiply(tile, before, later, sum, true, true);
    else if (is_tall)
        multiply(tile, before, later, sum, true, false);
    else if (is_wide)
        multiply(tile, before, later, sum, false, true);
    else
        multiply(tile, before, later, sum, false, false);
}

TARGET static void panel(const ts_gemm_tile *first, int64_t m, int columns) {
    _Alignas(64) float room[2][ROWS * COLUMNS];
    ts_gemm_tile tile = *first;
    sums before = {.is_added = tile.is_added};
    const int64_t tiles = (m + ROWS - 1) / ROWS;
    fetching later = {.next = tile.next,
                      .pitch = tile.next_pitch,
                      .line = tile.next_line,
                      .left = tile.next_pitch ? tile.k : 0,
                      .share = (SIDE + tiles - 1) / tiles};
    write_all(tile.a);
    for (int64_t row = 0; row < m; row += ROWS) {
        const int rows = m - row < ROWS ? (int)(m - row) : ROWS;
        float *sum = room[row / ROWS % 2];
        multiply_any(&tile, &before, &later, sum, rows > SIDE, columns > SIDE);
        before = (sums){
            .from = sum, .to = tile.out, .pitch = tile.out_pitch, .rows = rows, .is_added = tile.is_added};
        before.mask[0] = columns < SIDE ? (__mmask16)((1u << columns) - 1) : 0xffff;
        before.mask[1] = columns > SIDE ? (__mmask16)((1u << (columns - SIDE)) - 1) : 0;
        tile.a += ROWS * tile.k;
        tile.out += ROWS * tile.out_pitch;
    }
    put_some(&before, before.rows);
}

/* ---- packing: for each 16 rows of the result the blocks of k, each 16 rows of 16 words ---- */

/* Packs 16 words along k of 32 rows of the result. */
TARGET TS_INLINE void pack_block(const uint16_t *from, int64_t pitch, int64_t left, __mmask32 mask,
                                 int64_t half, uint32_t *to) {
    __m512 low[SIDE], high[SIDE];
    TS_UNROLL for (int i = 0; i < SIDE; i++, from += 2 * pitch) {
        __m512i word[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        if (2 * i < left) ts_interleave(from, 2 * i + 1 < left ? from + pitch : NULL, mask, word);
        low[i] = _mm512_castsi512_ps(word[0]);
        high[i] = _mm512_castsi512_ps(word[1]);
    }
    ts_square_turn_512(low);
    ts_square_turn_512(high);
    TS_UNROLL for (int i = 0; i < SIDE; i++) {
        _mm512_storeu_ps(to + i * SIDE, low[i]);
        _mm512_storeu_ps(to + half + i * SIDE, high[i]);
    }
}

TARGET static void pack_a(const void *halves, int64_t pitch, int64_t k, int64_t m, uint32_t *to) {
    const int64_t half = (k + BLOCK - 1) / BLOCK * TILE;
    const uint16_t *from = halves;
    for (; m > 0; m -= ROWS, from += ROWS, to += half) {
        const __mmask32 mask = m < ROWS ? (1u << m) - 1 : ~0u;
        for (int64_t at = 0; at < k; at += BLOCK, to += TILE)
            pack_block(from + at * pitch, pitch, k - at, mask, half, to);
    }
}

/* Two adjacent elements of a row are a word with its halves swapped. */
TARGET static void pack_a_turned(const void *halves, int64_t step, int64_t k, int64_t m, uint32_t *to) {
    const uint16_t *from = halves;
    const int64_t rows = (m + ROWS - 1) / ROWS * ROWS;
    for (int64_t row = 0; row < rows; row += SIDE, from += SIDE * step)
        for (int64_t at = 0; at < k; at += BLOCK) {
            const __mmask32 mask = k - at < BLOCK ? (1u << (k - at)) - 1 : ~0u;
            for (int i = 0; i < SIDE; i++, to += SIDE) {
                const __m512i word = _mm512_maskz_loadu_epi16(row + i < m ? mask : 0, from + i * step + at);
                _mm512_storeu_si512(to, _mm512_rol_epi32(word, 16));
            }
        }
}

TARGET static void pack_b(const void *from, int64_t pitch, int64_t k, int64_t n, uint32_t *to) {
    ts_pair_columns(from, pitch, k, n, (k + BLOCK - 1) / BLOCK * SIDE, to);
}

const ts_gemm_kernel ts_gemm_amx = {.name = "amx",
                                    .rows = ROWS,
                                    .columns = COLUMNS,
                                    .size = 2,
                                    .is_paired = true,
                                    .block = BLOCK,
                                    .macs_per_ns = 500,
                                    .begin = begin,
                                    .end = end,
                                    .panel = panel,
                                    .pack_a = pack_a,
                                    .pack_a_turned = pack_a_turned,
                                    .pack_b = pack_b};
#else
typedef int ts_gemm_amx_is_empty;
#endif

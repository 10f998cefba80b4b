/* The multiply: tiles of a matmul held in vector registers, for the vector widths of x86-64 and for any CPU.
 */
#include <string.h>

#include "machine/engine.h"

/* A tile is MR rows by NV vectors: 12 accumulators, 2 moving vectors and a broadcast fit 16 registers. */
enum { MR = 6, NV = 2, EDGE_K = 128, MAX_LANES = 16 };

#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

/* tile_LANES(...): rows of one tile from k ascending; `rows` is a constant at each call. */
#define TILE(lanes)                                                                                          \
    typedef float vector_##lanes __attribute__((vector_size(lanes * 4), aligned(4), may_alias));             \
    static inline __attribute__((always_inline)) void tile_##lanes(                                          \
        int rows, const float *a, int64_t a_pitch, const float *b, int64_t b_pitch, int64_t k, float *out,   \
        int64_t out_pitch, bool is_added) {                                                                  \
        vector_##lanes sum[MR][NV] = {0};                                                                    \
        for (int64_t i = 0; i < k; i++, a += a_pitch, b += b_pitch) {                                        \
            const vector_##lanes b0 = *(const vector_##lanes *)b, b1 = *(const vector_##lanes *)(b + lanes); \
            UNROLL for (int row = 0; row < rows; row++) {                                                    \
                sum[row][0] += a[row] * b0;                                                                  \
                sum[row][1] += a[row] * b1;                                                                  \
            }                                                                                                \
        }                                                                                                    \
        UNROLL for (int row = 0; row < rows; row++, out += out_pitch) {                                      \
            vector_##lanes *const out0 = (vector_##lanes *)out, *const out1 = out0 + 1;                      \
            if (is_added) {                                                                                  \
                sum[row][0] = *out0 + sum[row][0];                                                           \
                sum[row][1] = *out1 + sum[row][1];                                                           \
            }                                                                                                \
            *out0 = sum[row][0];                                                                             \
            *out1 = sum[row][1];                                                                             \
        }                                                                                                    \
    }

#define CASE(lanes, rows)                                                                                    \
    case rows:                                                                                               \
        tile_##lanes(rows, a, a_pitch, b, b_pitch, k, out, out_pitch, is_added);                             \
        break;

#define TILES(lanes, attribute)                                                                              \
    TILE(lanes)                                                                                              \
    attribute static void tiles_##lanes(int rows, const float *a, int64_t a_pitch, const float *b,           \
                                        int64_t b_pitch, int64_t k, float *out, int64_t out_pitch,           \
                                        bool is_added) {                                                     \
        switch (rows) {                                                                                      \
            CASE(lanes, 1)                                                                                   \
            CASE(lanes, 2)                                                                                   \
            CASE(lanes, 3)                                                                                   \
            CASE(lanes, 4)                                                                                   \
            CASE(lanes, 5)                                                                                   \
            CASE(lanes, 6)                                                                                   \
        }                                                                                                    \
    }

#ifdef __x86_64__
TILES(16, __attribute__((target("avx512f"))))
TILES(8, __attribute__((target("avx2"))))
#endif
TILES(4, )

typedef void tiles_function(int rows, const float *a, int64_t a_pitch, const float *b, int64_t b_pitch,
                            int64_t k, float *out, int64_t out_pitch, bool is_added);

static tiles_function *tiles_of(int lanes) {
#ifdef __x86_64__
    if (lanes == 16) return tiles_16;
    if (lanes == 8) return tiles_8;
#endif
    (void)lanes;
    return tiles_4;
}

int ts_gemm_lanes(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) return 16;
    if (__builtin_cpu_supports("avx2")) return 8;
#endif
    return 4;
}

static int64_t row_groups(const ts_gemm *g) {
    return (g->m + MR - 1) / MR;
}

int64_t ts_gemm_tiles(const ts_gemm *g) {
    int64_t width = (int64_t)g->lanes * NV;
    return row_groups(g) * ((g->n + width - 1) / width);
}

/* A tile that hangs over the right edge: its columns go through padded copies. */
static void edge(const ts_gemm *g, tiles_function *tiles, int rows, int64_t row, int64_t column) {
    _Alignas(64) float b[EDGE_K * MAX_LANES * NV], out[MR * MAX_LANES * NV];
    int64_t width = (int64_t)g->lanes * NV, n = g->n - column;
    float *to = g->out + row * g->out_pitch + column;
    if (g->k > EDGE_K) {
        for (int i = 0; i < rows; i++)
            for (int64_t j = 0; j < n; j++) {
                float sum = 0;
                for (int64_t k = 0; k < g->k; k++)
                    sum += g->a[k * g->a_pitch + row + i] * g->b[k * g->b_pitch + column + j];
                out[i * width + j] = sum;
            }
    } else {
        for (int64_t k = 0; k < g->k; k++) {
            memset(b + k * width, 0, (size_t)width * sizeof *b);
            memcpy(b + k * width, g->b + k * g->b_pitch + column, (size_t)n * sizeof *b);
        }
        tiles(rows, g->a + row, g->a_pitch, b, width, g->k, out, width, false);
    }
    for (int i = 0; i < rows; i++, to += g->out_pitch)
        for (int64_t j = 0; j < n; j++)
            to[j] = g->is_added ? to[j] + out[i * width + j] : out[i * width + j];
}

/* Tiles are numbered down the rows first, so that one panel of b stays in the cache. */
void ts_gemm_run(const ts_gemm *g, int64_t first, int64_t last) {
    tiles_function *tiles = tiles_of(g->lanes);
    int64_t groups = row_groups(g), width = (int64_t)g->lanes * NV;
    for (int64_t tile = first; tile < last; tile++) {
        int64_t row = tile % groups * MR, column = tile / groups * width;
        int rows = g->m - row < MR ? (int)(g->m - row) : MR;
        if (g->n - column < width)
            edge(g, tiles, rows, row, column);
        else
            tiles(rows, g->a + row, g->a_pitch, g->b + column, g->b_pitch, g->k,
                  g->out + row * g->out_pitch + column, g->out_pitch, g->is_added);
    }
}

/* Matmul tiles in C for any CPU, and what the faster ones are compared with. */
#include <string.h>

#include "machine/gemm.h"

enum { ROWS = 4, LANES = 4, COLUMNS = 32 };

typedef float floats __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef double doubles __attribute__((vector_size(8 * LANES)));
typedef uint64_t words __attribute__((vector_size(8 * LANES)));

/* sum[i] + a * b[i], rounded once. */
#if defined(__FP_FAST_FMAF) || defined(__ARM_FEATURE_FMA)
static inline void fuse(float a, const float *b, float *sum) {
    for (int i = 0; i < LANES; i++)
        sum[i] = __builtin_fmaf(a, b[i], sum[i]);
}
#else
/* The product is exact in a double, and the sum is rounded to odd: truncated, with the last bit set when
   anything was lost. A double has enough bits for the second rounding, to a float, to see on which side of a
   tie the exact sum lies (Boldo and Melquiond, Emulation of a FMA and correctly rounded sums, IEEE TC 57-4,
   2008). */
static inline void fuse(float a, const float *b, float *sum) {
    const doubles product = __builtin_convertvector(*(const floats *)b, doubles) * (double)a;
    const doubles c = __builtin_convertvector(*(const floats *)sum, doubles), s = product + c,
                  t = s - product;
    const doubles lost = (product - (s - t)) + (c - t); /* exact; NaN where s is not finite */
    const words is_inexact = (words)(lost < 0) | (words)(lost > 0);
    const words is_over = ((words)lost ^ (words)s) >> 63; /* s is further from zero than the exact sum */
    const words odd = ((words)s - (is_over & is_inexact)) | (is_inexact & 1);
    *(floats *)sum = __builtin_convertvector((doubles)odd, floats);
}
#endif

static inline float clean(float value) {
    const uint32_t nan = TS_GEMM_NAN;
    if (value != value) memcpy(&value, &nan, sizeof value);
    return value;
}

/* Columns at the edge go through copies that fill a vector. */
static void tile_any(const ts_gemm_tile *tile, int rows, int columns) {
    const float *a = (const float *)tile->a, *b = tile->b;
    const int whole = columns / LANES * LANES, rest = columns - whole;
    float sum[ROWS][COLUMNS] = {0}, edge[LANES] = {0};
    for (int64_t k = 0; k < tile->k; k++, a += tile->a_pitch, b += tile->b_pitch) {
        for (int i = 0; i < rest; i++)
            edge[i] = b[whole + i];
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < whole; i += LANES)
                fuse(a[row * tile->a_step], b + i, sum[row] + i);
            if (rest > 0) fuse(a[row * tile->a_step], edge, sum[row] + whole);
        }
    }
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < columns; i++) {
            float *to = tile->out + row * tile->out_pitch + i;
            *to = clean(tile->is_added ? *to + sum[row][i] : sum[row][i]);
        }
}

const ts_gemm_kernel ts_gemm_plain = {
    .name = "generic", .rows = ROWS, .columns = COLUMNS, .size = 4, .macs_per_ns = 0.8, .tile = tile_any};

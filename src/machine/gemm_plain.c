/* Matmul tiles in C for any CPU; tests compare the faster kernels with them. */
#include <string.h>

#include "machine/fused.h"
#include "machine/gemm.h"

enum { ROWS = 4, LANES = 4, COLUMNS = 32 };

/* sum[i] + a * b[i], rounded once. */
static inline void fuse(float a, const float *b, float *sum) {
    for (int i = 0; i < LANES; i++)
        sum[i] = ts_fused(TS_FUSES_plain, a, b[i], sum[i]);
}

static inline float clean(float value) {
    const uint32_t nan = TS_GEMM_NAN;
    if (value != value) memcpy(&value, &nan, sizeof value);
    return value;
}

/* Columns that do not fill a vector go through a copy that does. */
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

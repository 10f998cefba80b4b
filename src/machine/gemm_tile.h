/* One tile of a matmul in vector registers. Each gemm_ISA.c includes this once, after it has defined
     TARGET               attribute that names the instruction set
     ROWS, LANES          rows of a tile, words of a vector; a tile has up to two vectors of columns
     VECTOR, MASK         types
     mask_of(n)           the first n lanes
     load, load_some, store, store_some, broadcast, fuse(a, b, sum), add, clean (NaN to TS_GEMM_NAN), zero. */
#ifndef TS_MACHINE_GEMM_TILE_H
#define TS_MACHINE_GEMM_TILE_H

#include "machine/gemm.h"
#include "machine/vector.h"

/* The word of `a` for row `row` of the result, in addresses of two bases and one step. */
TS_INLINE const uint32_t *turned_at(const uint32_t *a, const uint32_t *a_4, const int row, int64_t step,
                                    int64_t step_3) {
    const uint8_t *base = (const uint8_t *)(row < 4 ? a : a_4);
    const int64_t by = row % 4 == 3 ? step_3 : row % 4 * step;
    return (const uint32_t *)(const void *)(base + by);
}

/* rows, vectors, is_ragged and is_turned are constants at each call, so that `sum` lies in registers. Ragged:
   the last vector has the lanes of `mask` alone. Turned: in `a` the words of a row of the result follow each
   other, otherwise those of a k do. */
TARGET TS_INLINE void tile_of(const ts_gemm_tile *tile, const int rows, const int vectors,
                              const bool is_ragged, const bool is_turned, MASK mask) {
    const int last = vectors - 1;
    const uint32_t *a = tile->a, *b = tile->b;
    const uint8_t *next = tile->next;
    const uint32_t *a_4 = a + 4 * tile->a_step;
    int64_t step = 4 * tile->a_step, step_3 = 3 * step;
    const int64_t a_pitch = is_turned ? 1 : tile->a_pitch, b_pitch = tile->b_pitch, second = tile->b_second;
    const int64_t next_pitch = tile->next_pitch, next_line = tile->next_line;
    VECTOR sum[ROWS][2], moving[2];
    TS_UNROLL for (int row = 0; row < rows; row++) {
        for (int v = 0; v < vectors; v++)
            sum[row][v] = zero();
    }
    for (int64_t k = tile->k; k > 0; k--, a += a_pitch, a_4 += a_pitch, b += b_pitch, next += next_pitch) {
        if (is_turned)
            __asm__("" : "+r"(step)); /* its multiples are not kept: there are no registers for them */
        __builtin_prefetch(next);
        __builtin_prefetch(next + next_line);
        for (int v = 0; v < vectors; v++)
            moving[v] = is_ragged && v == last ? load_some(b + v * second, mask) : load(b + v * second);
        TS_UNROLL for (int row = 0; row < rows; row++) {
            const VECTOR stationary = broadcast(is_turned ? turned_at(a, a_4, row, step, step_3) : a + row);
            for (int v = 0; v < vectors; v++)
                sum[row][v] = fuse(stationary, moving[v], sum[row][v]);
        }
    }
    float *out = tile->out;
    TS_UNROLL for (int row = 0; row < rows; row++, out += tile->out_pitch) {
        for (int v = 0; v < vectors; v++) {
            float *to = out + v * LANES;
            const bool is_some = is_ragged && v == last;
            VECTOR value = sum[row][v];
            if (tile->is_added) {
                const uint32_t *old = (const uint32_t *)to;
                value = add(is_some ? load_some(old, mask) : load(old), value);
            }
            if (is_some)
                store_some(to, mask, clean(value));
            else
                store(to, clean(value));
        }
    }
}

#define TILE_ROWS(rows)                                                                                      \
    case rows:                                                                                               \
        if (columns == 2 * LANES)                                                                            \
            tile_of(tile, rows, 2, false, is_turned, mask);                                                  \
        else if (columns > LANES)                                                                            \
            tile_of(tile, rows, 2, true, is_turned, mask);                                                   \
        else                                                                                                 \
            tile_of(tile, rows, 1, true, is_turned, mask);                                                   \
        break;

TARGET TS_INLINE void tile_some(const ts_gemm_tile *tile, int rows, int columns, const bool is_turned) {
    MASK mask = mask_of(columns > LANES ? columns - LANES : columns);
    switch (rows) {
        TILE_ROWS(1)
        TILE_ROWS(2)
        TILE_ROWS(3)
        TILE_ROWS(4)
        TILE_ROWS(5)
        TILE_ROWS(6)
#if ROWS > 6
        TILE_ROWS(7)
        TILE_ROWS(8)
#endif
    }
}

TARGET static void tile_any(const ts_gemm_tile *tile, int rows, int columns) {
    if (tile->a_step == 1)
        tile_some(tile, rows, columns, false);
    else
        tile_some(tile, rows, columns, true);
}

#endif

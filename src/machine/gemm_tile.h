/* One tile of a matmul in vector registers. Each gemm_ISA.c includes this once, after it has defined
     TARGET               attribute that names the instruction set
     ROWS, LANES          rows of a tile, words of a vector; a tile has up to two vectors of columns
     UNROLL_K             pragma for the loop over k
     LINES                cache lines that a tile prefetches for each k
     VECTOR, MASK         types
     mask_of(n)           the first n lanes
     load, load_some, store, store_some, broadcast, fuse(a, b, sum), add, clean (NaN to TS_GEMM_NAN), zero
     NUMBERS              which lanes have had no NaN: all_numbers, still_numbers(n, a, b), are_numbers
   and, for kernels whose first tile packs,
     load_halves, load_halves_some   bf16 to floats.
   Private to src/machine. */
#ifndef TS_MACHINE_GEMM_TILE_H
#define TS_MACHINE_GEMM_TILE_H

#include "machine/gemm.h"
#include "machine/vector.h"

/* How a tile reads its operands, a constant of the code made for it. form_packed: both are packed, and
   nothing is prefetched. */
typedef enum tile_form { form_any, form_keeps_words, form_keeps_halves, form_packed } tile_form;

TS_INLINE bool is_packed(const ts_gemm_tile *tile) {
    return tile->a_pitch == ROWS && tile->b_pitch == 2 * LANES && tile->b_second == LANES &&
           tile->next_pitch == 0;
}

/* A vector of words of b. */
TARGET TS_INLINE VECTOR moving_at(const uint8_t *at, const tile_form form, const bool is_some, MASK mask) {
#ifdef load_halves
    if (form == form_keeps_halves)
        return is_some ? load_halves_some((const uint16_t *)at, mask) : load_halves((const uint16_t *)at);
#endif
    (void)form;
    return is_some ? load_some((const uint32_t *)at, mask) : load((const uint32_t *)at);
}

/* What a tile reads and prefetches for one k, and where it leaves the words of b. */
typedef struct cursor {
    const uint32_t *a;
    const uint8_t *b, *next;
    uint32_t *kept;
} cursor;
/* Distances from one k to the next: words of `a`, bytes of the others. */
typedef struct pitches {
    int64_t a, b, next;
    int64_t b_second, next_line;
} pitches;

TARGET TS_INLINE void add_k(cursor *at, const pitches *by, VECTOR sum[ROWS][2], const int rows,
                            const int vectors, const bool is_ragged, const tile_form form, MASK mask) {
    VECTOR word[2];
    if (form != form_packed) {
        __builtin_prefetch(at->next);
        if (LINES > 1) __builtin_prefetch(at->next + by->next_line);
    }
    for (int v = 0; v < vectors; v++)
        word[v] = moving_at(at->b + v * by->b_second, form, is_ragged && v == vectors - 1, mask);
    if (form == form_keeps_words || form == form_keeps_halves) {
        for (int v = 0; v < vectors; v++)
            store((float *)at->kept + v * LANES, word[v]);
        at->kept += 2 * LANES;
    }
    TS_UNROLL for (int row = 0; row < rows; row++) {
        const VECTOR stationary = broadcast(at->a + row);
        for (int v = 0; v < vectors; v++)
            sum[row][v] = fuse(stationary, word[v], sum[row][v]);
    }
    at->a += by->a;
    at->b += by->b;
    at->next += by->next;
}

TARGET TS_INLINE pitches pitches_of(const ts_gemm_tile *tile, const tile_form form) {
    const int64_t size = form == form_keeps_halves ? 2 : 4;
    if (form == form_packed) return (pitches){.a = ROWS, .b = 8 * LANES, .b_second = 4 * LANES};
    return (pitches){.a = tile->a_pitch,
                     .b = tile->b_pitch * size,
                     .next = tile->next_pitch,
                     .b_second = tile->b_second * size,
                     .next_line = tile->next_line};
}

/* What a tile reads and writes of its result. */
TARGET TS_INLINE VECTOR result_at(const float *at, const bool is_some, MASK mask) {
    const uint32_t *words = (const uint32_t *)at;
    return is_some ? load_some(words, mask) : load(words);
}

TARGET TS_INLINE void put_result(float *at, VECTOR value, const bool is_some, MASK mask) {
    if (is_some)
        store_some(at, mask, value);
    else
        store(at, value);
}

/* For a result with a NaN, which is rare: every NaN becomes TS_GEMM_NAN. */
TARGET __attribute__((noinline, cold)) static void clean_tile(const ts_gemm_tile *tile, int rows,
                                                              int columns) {
    float *out = tile->out;
    for (int row = 0; row < rows; row++, out += tile->out_pitch)
        for (int column = 0, left; column < columns; column += LANES) {
            left = columns - column < LANES ? columns - column : LANES;
            MASK mask = mask_of(left);
            put_result(out + column, clean(result_at(out + column, true, mask)), true, mask);
        }
}

/* A tile of fewer k ends before the lines that it prefetches arrive. */
enum { WORTH_FETCHING = 32 };

/* rows, vectors, is_ragged and form are constants at each call, so that `sum` lies in registers. is_ragged:
   the last vector has only the lanes of `mask`. Each of the first k prefetches a row of the result. */
TARGET TS_INLINE void tile_of(const ts_gemm_tile *tile, const int rows, const int vectors,
                              const bool is_ragged, const tile_form form, int columns, MASK mask) {
    const int last = vectors - 1;
    cursor at = {.a = tile->a, .b = tile->b, .next = tile->next, .kept = tile->kept};
    const pitches by = pitches_of(tile, form);
    VECTOR sum[ROWS][2];
    TS_UNROLL for (int row = 0; row < rows; row++) {
        for (int v = 0; v < vectors; v++)
            sum[row][v] = zero();
    }
    float *out = tile->out;
    int64_t k = tile->k;
    if (k >= WORTH_FETCHING)
        for (int row = 0; row < rows; row++, k--, out += tile->out_pitch) {
            __builtin_prefetch(out, 1);
            if (vectors > 1) __builtin_prefetch(out + LANES, 1);
            add_k(&at, &by, sum, rows, vectors, is_ragged, form, mask);
        }
    UNROLL_K for (; k > 0; k--) add_k(&at, &by, sum, rows, vectors, is_ragged, form, mask);
    out = tile->out;
    NUMBERS numbers = all_numbers();
    TS_UNROLL for (int row = 0; row < rows; row++, out += tile->out_pitch) {
        for (int v = 0; v < vectors; v++) {
            const bool is_some = is_ragged && v == last;
            if (tile->is_added) sum[row][v] = add(result_at(out + v * LANES, is_some, mask), sum[row][v]);
            put_result(out + v * LANES, sum[row][v], is_some, mask);
        }
        numbers = still_numbers(numbers, sum[row][0], sum[row][last]);
    }
    if (!are_numbers(numbers)) clean_tile(tile, rows, columns);
}

#define TILE_ROWS(rows)                                                                                      \
    case rows:                                                                                               \
        if (columns == 2 * LANES)                                                                            \
            tile_of(tile, rows, 2, false, form, columns, mask);                                              \
        else if (columns > LANES)                                                                            \
            tile_of(tile, rows, 2, true, form, columns, mask);                                               \
        else                                                                                                 \
            tile_of(tile, rows, 1, true, form, columns, mask);                                               \
        break;

TARGET TS_INLINE void tile_some(const ts_gemm_tile *tile, int rows, int columns, const tile_form form) {
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
#if ROWS > 8
        TILE_ROWS(9)
        TILE_ROWS(10)
        TILE_ROWS(11)
        TILE_ROWS(12)
#endif
    }
}

#endif

/* Walks the elements of one row run by run. Private to rows.c (values) and rows_bytes.c (bytes as they
   are). */
#ifndef TS_MACHINE_ROWS_WALK_H
#define TS_MACHINE_ROWS_WALK_H

#include "machine/engine.h"

static inline bool ts_is_aligned(const void *at, unsigned size) {
    return ((uintptr_t)at & (size - 1)) == 0;
}

/* Walks the elements from `from` of one row in runs along the innermost dimension. */
typedef struct ts_runs {
    const ts_rows *rows;
    uint8_t *row;
    int64_t index[TS_AP_DIMS]; /* one for each dimension of rows, the others are not set */
} ts_runs;

static inline void ts_runs_from(ts_runs *w, const ts_rows *rows, int64_t part, int64_t from) {
    w->rows = rows;
    w->row = ts_rows_at(rows, part);
    for (int i = rows->dims - 1; i > 0; i--) {
        w->index[i] = from % rows->count[i];
        from /= rows->count[i];
    }
    w->index[0] = from;
}

/* Returns where the walk is, and moves it on by *n counts of dimension `along`: `wanted`, or as many as are
   left. */
static inline uint8_t *ts_runs_step(ts_runs *w, int along, int64_t wanted, int64_t *n) {
    const ts_rows *rows = w->rows;
    uint8_t *at = w->row;
    for (int i = 0; i <= along; i++)
        at += w->index[i] * rows->step[i];
    int64_t left = rows->count[along] - w->index[along];
    *n = left < wanted ? left : wanted;
    w->index[along] += *n;
    for (int i = along; i > 0 && w->index[i] == rows->count[i]; i--) {
        w->index[i] = 0;
        w->index[i - 1]++;
    }
    return at;
}

/* Returns the next *n elements of the current run, at most `wanted`. */
static inline uint8_t *ts_runs_next(ts_runs *w, int64_t wanted, int64_t *n) {
    return ts_runs_step(w, w->rows->dims - 1, wanted, n);
}

/* Whether n elements from `from` on are whole runs of adjacent elements. The row has several dimensions. */
static inline bool ts_rows_are_whole_runs(const ts_rows *rows, int64_t from, int64_t n) {
    int inner = rows->dims - 1;
    return rows->step[inner] == rows->size && from % rows->count[inner] == 0 && n % rows->count[inner] == 0;
}

/* Returns the next *n whole runs, at most `wanted`, which lie one step of the dimension before the last
   apart. */
static inline uint8_t *ts_runs_next_many(ts_runs *w, int64_t wanted, int64_t *n) {
    return ts_runs_step(w, w->rows->dims - 2, wanted, n);
}

/* The bytes of elements [from, from + n) when they are adjacent, else NULL. */
static inline uint8_t *ts_rows_adjacent(const ts_rows *rows, int64_t part, int64_t from, int64_t n) {
    int inner = rows->dims - 1;
    if (rows->step[inner] != rows->size && n > 1) return NULL;
    if (inner == 0) return ts_rows_at(rows, part) + from * rows->step[0];
    ts_runs w;
    ts_runs_from(&w, rows, part, from);
    int64_t run;
    uint8_t *at = ts_runs_next(&w, n, &run);
    return run == n ? at : NULL;
}

/* Whether the row is pairs of interleaved runs, each of every other element: the halves of wider elements. */
static inline bool ts_rows_are_zipped(const ts_rows *rows) {
    int inner = rows->dims - 1;
    return inner > 0 && rows->count[inner - 1] == 2 && rows->step[inner - 1] == rows->size &&
           rows->step[inner] == 2 * rows->size;
}

/* Returns the first element of the next pair of runs. */
static inline uint8_t *ts_runs_next_pair(ts_runs *w) {
    int64_t half = w->rows->count[w->rows->dims - 1], run;
    uint8_t *at = ts_runs_next(w, half, &run);
    ts_runs_next(w, half, &run);
    return at;
}

#endif

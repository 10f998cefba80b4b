/* Packs and unpacks chunks of rows, with elements as they are stored. */
#include <string.h>

#include "base/copy.h"
#include "machine/rows_walk.h"

/* Loops that compilers vectorise: copies of every other element, and of one element again and again. */
#define EVERY_OTHER(type)                                                                                    \
    for (int64_t i = 0; i < n; i++)                                                                          \
        ((type *)to)[i] = ((const type *)from)[2 * i];

TS_CLONES
static void copy_every_other(void *to, const void *from, int64_t n, int size) {
    if (size == 4) {
        EVERY_OTHER(uint32_t)
    } else if (size == 2) {
        EVERY_OTHER(uint16_t)
    } else {
        EVERY_OTHER(uint8_t)
    }
}

#define FILL(type)                                                                                           \
    for (int64_t i = 0; i < n; i++)                                                                          \
        ((type *)to)[i] = *(const type *)from;

TS_CLONES
static void fill(void *restrict to, const void *restrict from, int64_t n, int size) {
    if (size == 4) {
        FILL(uint32_t)
    } else if (size == 2) {
        FILL(uint16_t)
    } else {
        FILL(uint8_t)
    }
}

#define ZIP(type)                                                                                            \
    for (int64_t i = 0; i < n; i++) {                                                                        \
        ((type *)to)[2 * i] = ((const type *)from)[i];                                                       \
        ((type *)to)[2 * i + 1] = ((const type *)from)[n + i];                                               \
    }

/* Interleaves two runs of n elements that lie one after the other. */
TS_CLONES
static void zip(void *to, const void *from, int64_t n, int size) {
    if (size == 4) {
        ZIP(uint32_t)
    } else if (size == 2) {
        ZIP(uint16_t)
    } else {
        ZIP(uint8_t)
    }
}

#define COPY_STRIDED(bytes)                                                                                  \
    case bytes:                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                                      \
            memcpy(to + i * to_step, from + i * from_step, bytes);                                           \
        break;

static void copy_strided(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, int64_t n,
                         int size) {
    if (to_step == size && from_step == size) {
        ts_copy(to, from, (size_t)(n * size));
        return;
    }
    if (to_step == size && from_step == 2 * size && ts_is_aligned(to, (unsigned)size) &&
        ts_is_aligned(from, (unsigned)size)) {
        copy_every_other(to, from, n, size);
        return;
    }
    if (size <= 4 && to_step == size && from_step == 0 && ts_is_aligned(to, (unsigned)size) &&
        ts_is_aligned(from, (unsigned)size)) {
        fill(to, from, n, size);
        return;
    }
    switch (size) {
        COPY_STRIDED(1)
        COPY_STRIDED(2)
        COPY_STRIDED(4)
    default:
        for (int64_t i = 0; i < n; i++)
            memcpy(to + i * to_step, from + i * from_step, (size_t)size);
    }
}

const void *ts_rows_read_raw(const ts_rows *rows, int64_t part, int64_t from, int64_t n, void *buffer) {
    const uint8_t *direct = ts_rows_adjacent(rows, part, from, n);
    if (direct && ts_is_aligned(direct, rows->size)) return direct;
    int64_t step = rows->step[rows->dims - 1];
    if (rows->dims == 1) {
        copy_strided(buffer, rows->size, ts_rows_at(rows, part) + from * step, step, n, rows->size);
        return buffer;
    }
    ts_runs w;
    ts_runs_from(&w, rows, part, from);
    uint8_t *to = buffer;
    if (ts_rows_are_whole_runs(rows, from, n)) {
        const int64_t bytes = rows->count[rows->dims - 1] * rows->size;
        for (int64_t left = n * rows->size / bytes, some; left > 0; left -= some, to += some * bytes) {
            const uint8_t *at = ts_runs_next_many(&w, left, &some);
            ts_copy_runs(to, bytes, at, rows->step[rows->dims - 2], some, bytes);
        }
        return buffer;
    }
    for (int64_t run; n > 0; n -= run, to += run * rows->size) {
        const uint8_t *at = ts_runs_next(&w, n, &run);
        copy_strided(to, rows->size, at, step, run, rows->size);
    }
    return buffer;
}

void ts_rows_write_raw(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const void *raw) {
    int64_t step = rows->step[rows->dims - 1];
    if (rows->dims == 1) {
        copy_strided(ts_rows_at(rows, part) + from * step, step, raw, rows->size, n, rows->size);
        return;
    }
    ts_runs w;
    ts_runs_from(&w, rows, part, from);
    const uint8_t *at = raw;
    if (n == rows->elems && ts_rows_are_zipped(rows) && ts_is_aligned(ts_rows_at(rows, part), rows->size)) {
        int64_t half = rows->count[rows->dims - 1];
        for (; n > 0; n -= 2 * half, at += 2 * half * rows->size)
            zip(ts_runs_next_pair(&w), at, half, rows->size);
        return;
    }
    if (ts_rows_are_whole_runs(rows, from, n)) {
        const int64_t bytes = rows->count[rows->dims - 1] * rows->size;
        for (int64_t left = n * rows->size / bytes, some; left > 0; left -= some, at += some * bytes) {
            uint8_t *to = ts_runs_next_many(&w, left, &some);
            ts_copy_runs(to, rows->step[rows->dims - 2], at, bytes, some, bytes);
        }
        return;
    }
    for (int64_t run; n > 0; n -= run, at += run * rows->size) {
        uint8_t *to = ts_runs_next(&w, n, &run);
        copy_strided(to, step, at, rows->size, run, rows->size);
    }
}

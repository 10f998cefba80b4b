/* Copies of rows and of many short runs, as loops of vectors. */
#include "base/copy.h"

#include "base/clones.h"

enum { LINE = 64 };

TS_CLONES
void ts_copy_lines(uint8_t *to, const uint8_t *from, size_t bytes) {
    for (size_t at = 0; at + LINE <= bytes; at += LINE)
        memcpy(to + at, from + at, LINE);
    memcpy(to + bytes - LINE, from + bytes - LINE, LINE);
}

enum { ABREAST = 8 };

TS_CLONES
static void copy_eight(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, size_t bytes) {
    for (size_t at = 0; at + LINE <= bytes; at += LINE)
        for (int i = 0; i < ABREAST; i++)
            memcpy(to + i * to_step + at, from + i * from_step + at, LINE);
    for (int i = 0; i < ABREAST; i++)
        memcpy(to + i * to_step + bytes - LINE, from + i * from_step + bytes - LINE, LINE);
}

void ts_copy_abreast(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, int64_t count,
                     size_t bytes) {
    int64_t i = 0;
    for (; i + ABREAST <= count; i += ABREAST)
        copy_eight(to + i * to_step, to_step, from + i * from_step, from_step, bytes);
    for (; i < count; i++)
        ts_copy(to + i * to_step, from + i * from_step, bytes);
}

/* Lengths for which the compiler turns memcpy into a few vector moves; calling memcpy costs more than the
   copy. */
#define RUNS(length)                                                                                         \
    case length:                                                                                             \
        for (int64_t i = 0; i < count; i++)                                                                  \
            memcpy(to + i * to_step, from + i * from_step, length);                                          \
        return;

/* Runs between `length` and 2 * length bytes: the first and the last `length` bytes, which overlap. */
#define ENDS(length)                                                                                         \
    if (bytes > length && bytes < 2 * length) {                                                              \
        for (int64_t i = 0; i < count; i++) {                                                                \
            memcpy(to + i * to_step, from + i * from_step, length);                                          \
            memcpy(to + i * to_step + bytes - length, from + i * from_step + bytes - length, length);        \
        }                                                                                                    \
        return;                                                                                              \
    }

TS_CLONES
void ts_copy_runs(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, int64_t count,
                  int64_t bytes) {
    switch (bytes) {
        RUNS(2)
        RUNS(4)
        RUNS(8)
        RUNS(16)
        RUNS(32)
        RUNS(64)
        RUNS(128)
    default: break;
    }
    ENDS(8)
    ENDS(16)
    ENDS(32)
    ENDS(64)
    for (int64_t i = 0; i < count; i++)
        ts_copy(to + i * to_step, from + i * from_step, (size_t)bytes);
}

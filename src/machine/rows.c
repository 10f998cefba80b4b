/* Reads and writes the values of rows in chunks: floats, integers, and the one value that a column has in
   each partition. */
#include <math.h>
#include <string.h>

#include "machine/rows_walk.h"

/* ---- halves of words ---- */

/* TensorE transposes 32-bit elements as two 16-bit integers in fp32 (compiler/contract/dot_turn.c): the
   halves of words are read separately, and two runs of n floats become the halves of n words. */
TS_CLONES
static void widen_halves(const uint32_t *words, int shift, float *to, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)(int32_t)(words[i] >> shift & 0xffff);
}

/* Casts to u16 as ts_dtype_narrow does: truncated and saturated; NaN becomes 0. */
static inline uint32_t half_of(float value) {
    value = value > 0 ? value : 0;
    value = value < 65535 ? value : 65535;
    return (uint32_t)(int32_t)value;
}

TS_CLONES
static void join_halves(const float *low, const float *high, uint32_t *words, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        words[i] = half_of(low[i]) | half_of(high[i]) << 16;
}

static inline bool is_of_halves(const ts_rows *rows) {
    return rows->dtype == ts_dtype_u16 && rows->step[rows->dims - 1] == 4;
}

static void read_halves(const ts_rows *rows, int64_t part, int64_t from, int64_t n, float *to) {
    ts_runs w;
    ts_runs_from(&w, rows, part, from);
    for (int64_t run; n > 0; n -= run, to += run) {
        const uint8_t *at = ts_runs_next(&w, n, &run);
        int high = (uintptr_t)at & 2 ? 2 : 0;
        widen_halves((const uint32_t *)(const void *)(at - high), high * 8, to, run);
    }
}

/* Writes a whole row of interleaved halves, each pair of which begins at a word. */
static void write_halves(const ts_rows *rows, int64_t part, const float *values) {
    int64_t half = rows->count[rows->dims - 1];
    ts_runs w;
    ts_runs_from(&w, rows, part, 0);
    for (int64_t n = rows->elems; n > 0; n -= 2 * half, values += 2 * half)
        join_halves(values, values + half, (uint32_t *)(void *)ts_runs_next_pair(&w), half);
}

/* Whether each pair of the row begins at a word. */
static bool is_at_words(const ts_rows *rows, int64_t part) {
    bool is = ts_is_aligned(ts_rows_at(rows, part), 4);
    for (int i = 0; i + 2 < rows->dims; i++)
        is &= rows->step[i] % 4 == 0;
    return is;
}

/* ---- floats ---- */

const float *ts_rows_gather(const ts_rows *rows, int64_t part, int64_t from, int64_t n, float *buffer) {
    _Alignas(64) uint32_t raw[TS_CHUNK];
    if (rows->dims == 1 && rows->step[0] == 0) {
        memcpy(raw, ts_rows_at(rows, part), rows->size);
        float value;
        ts_dtype_widen(rows->dtype, raw, &value, 1);
        for (int64_t i = 0; i < n; i++)
            buffer[i] = value;
        return buffer;
    }
    if (rows->dtype == ts_dtype_f32) return ts_rows_read_raw(rows, part, from, n, buffer);
    if (is_of_halves(rows) && ts_is_aligned(rows->base, 2)) {
        read_halves(rows, part, from, n, buffer);
        return buffer;
    }
    ts_dtype_widen(rows->dtype, ts_rows_read_raw(rows, part, from, n, raw), buffer, (size_t)n);
    return buffer;
}

float *ts_rows_room(const ts_rows *rows, int64_t part, int64_t from, int64_t n, float *buffer) {
    if (rows->dtype != ts_dtype_f32) return buffer;
    uint8_t *direct = ts_rows_adjacent(rows, part, from, n);
    return direct && ts_is_aligned(direct, 4) ? (float *)direct : buffer;
}

void ts_rows_narrow(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const float *values,
                    void *raw) {
    _Alignas(64) uint32_t words[TS_CHUNK + 2];
    if (rows->is_stochastic)
        ts_dtype_narrow_random(rows->dtype, values, ts_random_row(rows->key, part, from, n, words), raw,
                               (size_t)n);
    else
        ts_dtype_narrow(rows->dtype, values, raw, (size_t)n);
    if (rows->casts) ts_casts_note(rows->casts, rows->dtype, values, raw, n);
}

void ts_rows_put(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const float *values) {
    _Alignas(64) uint32_t raw[TS_CHUNK];
    uint8_t *direct = ts_rows_adjacent(rows, part, from, n);
    if ((const uint8_t *)values == direct) return;
    if (rows->dtype == ts_dtype_f32) {
        ts_rows_write_raw(rows, part, from, n, values);
    } else if (rows->dtype == ts_dtype_u16 && n == rows->elems && ts_rows_are_zipped(rows) &&
               is_at_words(rows, part)) {
        write_halves(rows, part, values);
    } else if (direct && ts_is_aligned(direct, rows->size)) {
        ts_rows_narrow(rows, part, from, n, values, direct);
    } else {
        ts_rows_narrow(rows, part, from, n, values, raw);
        ts_rows_write_raw(rows, part, from, n, raw);
    }
}

void ts_rows_copy(const ts_rows *dst, const ts_rows *from, int64_t first, int64_t last) {
    _Alignas(64) float buffer[TS_CHUNK];
    for (int64_t part = first; part < last; part++)
        for (int64_t at = 0, n; at < dst->elems; at += n) {
            n = dst->elems - at < TS_CHUNK ? dst->elems - at : TS_CHUNK;
            if (dst->dtype == from->dtype)
                ts_rows_write_raw(dst, part, at, n, ts_rows_read_raw(from, part, at, n, buffer));
            else
                ts_rows_write(dst, part, at, n, ts_rows_read(from, part, at, n, buffer));
        }
}

/* ---- integers ---- */

#define EXTEND(type)                                                                                         \
    do {                                                                                                     \
        const type *in = packed;                                                                             \
        for (int64_t i = 0; i < n; i++)                                                                      \
            buffer[i] = (uint32_t)in[i];                                                                     \
    } while (0)

const uint32_t *ts_rows_read_bits(const ts_rows *rows, int64_t part, int64_t from, int64_t n,
                                  uint32_t *buffer) {
    _Alignas(64) uint16_t raw[TS_CHUNK];
    if (rows->size == 4) return ts_rows_read_raw(rows, part, from, n, buffer);
    const void *packed = ts_rows_read_raw(rows, part, from, n, raw);
    bool is_signed = ts_dtype_get(rows->dtype)->kind == 's';
    if (rows->size == 2 && is_signed)
        EXTEND(int16_t);
    else if (rows->size == 2)
        EXTEND(uint16_t);
    else if (is_signed)
        EXTEND(int8_t);
    else
        EXTEND(uint8_t);
    return buffer;
}

#define CUT(type)                                                                                            \
    do {                                                                                                     \
        type *out = (type *)raw;                                                                             \
        for (int64_t i = 0; i < n; i++)                                                                      \
            out[i] = (type)values[i];                                                                        \
    } while (0)

void ts_rows_write_bits(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const uint32_t *values) {
    _Alignas(64) uint16_t raw[TS_CHUNK];
    if (rows->size == 4) {
        ts_rows_write_raw(rows, part, from, n, values);
        return;
    }
    if (rows->size == 2)
        CUT(uint16_t);
    else
        CUT(uint8_t);
    ts_rows_write_raw(rows, part, from, n, raw);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

void ts_rows_write_ints(const ts_rows *rows, int64_t part, int64_t from, int64_t n, const uint32_t *values,
                        bool is_signed) {
    _Alignas(64) uint32_t cast[TS_CHUNK];
    const ts_dtype_info *info = ts_dtype_get(rows->dtype);
    if (info->kind != 'f' && rows->size == 4) {
        ts_rows_write_bits(rows, part, from, n, values);
    } else if (info->kind == 'f') {
        float *floats = (float *)cast;
        ts_dtype_widen(is_signed ? ts_dtype_i32 : ts_dtype_u32, values, floats, (size_t)n);
        ts_rows_write(rows, part, from, n, floats);
    } else {
        int64_t high = info->kind == 's' ? (1 << (info->bytes * 8 - 1)) - 1 : (1 << (info->bytes * 8)) - 1;
        int64_t low = info->kind == 's' ? -high - 1 : 0;
        for (int64_t i = 0; i < n; i++) {
            int64_t value = is_signed ? (int64_t)(int32_t)values[i] : (int64_t)values[i];
            cast[i] = info->kind == 'b' ? value != 0 : (uint32_t)clamp(value, low, high);
            if (rows->casts && info->kind != 'b' && (value < low || value > high))
                ts_casts_note_clamped(rows->casts, rows->dtype, value);
        }
        ts_rows_write_bits(rows, part, from, n, cast);
    }
}

/* ---- columns ---- */

void ts_column_get(ts_operand_set *set, const ts_scalar *scalar, const ts_rows *dst, ts_column *column) {
    column->is_constant = !scalar->is_ap;
    column->value = scalar->value;
    if (scalar->is_ap) ts_rows_source(set, &scalar->ap, dst, false, &column->rows);
}

float ts_column_value(const ts_column *column, int64_t part) {
    _Alignas(64) float buffer[TS_CHUNK];
    if (column->is_constant) return (float)column->value;
    return *ts_rows_read(&column->rows, part, 0, 1, buffer);
}

int64_t ts_column_int(const ts_column *column, int64_t part) {
    uint32_t bits;
    char kind = ts_dtype_get(column->rows.dtype)->kind;
    if (!column->is_constant && kind != 'f') {
        const uint32_t *at = ts_rows_read_bits(&column->rows, part, 0, 1, &bits);
        return kind == 's' ? (int64_t)(int32_t)*at : (int64_t)*at;
    }
    double value = column->is_constant ? column->value : (double)ts_column_value(column, part);
    if (isnan(value)) return 0;
    return value <= -0x1p62 ? INT64_MIN / 2 : value >= 0x1p62 ? INT64_MAX / 2 : (int64_t)value;
}

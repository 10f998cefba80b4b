/* Operands of the engines as rows of bytes: resolving, reading and writing in chunks. */
#include <math.h>
#include <string.h>

#include "base/copy.h"
#include "machine/deferred.h"

static inline bool is_aligned(const void *at, unsigned size) {
    return ((uintptr_t)at & (size - 1)) == 0;
}

/* ---- resolving ---- */

static void join_dims(const ts_ref *ref, ts_rows *rows) {
    rows->dims = 0;
    rows->low = 0;
    rows->high = rows->size;
    for (int i = 0; i < ref->dims; i++) {
        int64_t step = ref->step[i] * rows->size, count = ref->count[i];
        if (count == 1) continue;
        *(step < 0 ? &rows->low : &rows->high) += step * (count - 1);
        int last = rows->dims - 1;
        if (last >= 0 && rows->step[last] == step * count) {
            rows->step[last] = step;
            rows->count[last] *= count;
            continue;
        }
        rows->step[rows->dims] = step;
        rows->count[rows->dims++] = count;
    }
    if (rows->dims > 0) return;
    rows->step[0] = rows->size;
    rows->count[0] = 1;
    rows->dims = 1;
}

/* What the operand says of the whole instruction. */
static void note_operand(ts_operand_set *set, const ts_rows *rows) {
    set->operands++;
    set->bytes += rows->parts * rows->elems * rows->size;
}

/* Of one on chip in the partitions that the instruction works in. */
static void note_partitions(ts_operand_set *set, const ts_rows *rows) {
    if (rows->space == ts_space_hbm) return;
    if (set->parts == 0) {
        set->part = rows->part;
        set->parts = (int32_t)rows->parts;
    }
    set->is_crossing |= set->part != rows->part || set->parts != rows->parts;
}

ts_area ts_rows_area(const ts_rows *rows) {
    return (ts_area){.space = rows->space,
                     .part = rows->part,
                     .parts = (int32_t)rows->parts,
                     .low = rows->offset + rows->low,
                     .high = rows->offset + rows->high};
}

bool ts_rows_are_dense(const ts_rows *rows) {
    bool is_used[TS_AP_DIMS] = {0};
    int64_t step = rows->size;
    for (int n = 0; n < rows->dims; n++) {
        int next = 0;
        while (next < rows->dims && (is_used[next] || rows->step[next] != step))
            next++;
        if (next == rows->dims) return rows->elems == 1;
        is_used[next] = true;
        step *= rows->count[next];
    }
    return true;
}

static ts_memory *memory_of(const ts_exec *exec, unsigned space) {
    return space == ts_space_sbuf ? &exec->core->sbuf : &exec->core->psum;
}

/* An operand on chip is about to be read or written: what is put off of it is done, and what is not set of it
   becomes NaN. Without gaps, what the instruction sets in all its partitions need be neither. */
static void meet(ts_operand_set *set, const ts_rows *rows, bool is_written, bool is_whole) {
    if (set->is_empty || rows->space == ts_space_hbm) return;
    ts_memory *memory = memory_of(set->exec, rows->space);
    const ts_area area = ts_rows_area(rows);
    if (!is_written && area.space == ts_space_psum) set->psum_read[set->psum_reads++] = area;
    int64_t low = area.low, high = area.high;
    if (set->exec->core->deferrals->count > 0)
        ts_deferred_meet(set->exec, &area, is_written, is_whole && ts_rows_are_dense(rows));
    if (!memory->is_poisoned) return;
    if (is_whole && ts_rows_are_adjacent(rows))
        ts_unset_write(memory, rows->part, rows->parts, low, high);
    else
        ts_unset_meet(memory, low, high);
}

void ts_rows_peek(ts_operand_set *set, const ts_ap *ap, ts_rows *rows) {
    const ts_exec *exec = set->exec;
    ts_ref ref;
    ts_ap_resolve(exec->program, ap, exec->counters, &ref);
    rows->space = ref.space;
    rows->dtype = ref.dtype;
    rows->size = (uint8_t)ts_dtype_get(ref.dtype)->bytes;
    rows->parts = ref.parts;
    rows->elems = ref.elems;
    rows->part = ref.part;
    rows->tile = ap->tensor;
    if (exec->homes && ref.space != ts_space_hbm)
        ref.offset = ts_homes_column(exec->homes, ap->tensor, ref.offset);
    rows->offset = ref.offset;
    rows->casts = exec->casts;
    rows->is_stochastic = exec->is_stochastic && ts_dtype_is_narrow_float(ref.dtype);
    if (rows->is_stochastic)
        ts_random_key(exec->key, (uint32_t)exec->instructions,
                      (uint32_t)(exec->instructions >> 32) << 4 | set->operands, rows->key);
    note_operand(set, rows);
    if (ref.elems <= 0 || ref.parts <= 0) {
        set->is_empty = true;
        return;
    }
    join_dims(&ref, rows);
    if (ref.space == ts_space_hbm) {
        rows->pitch = 0;
        rows->base = exec->data[ref.tensor] + ref.offset;
    } else {
        const ts_memory *memory = memory_of(exec, ref.space);
        rows->pitch = memory->pitch;
        rows->base = memory->data + ref.part * memory->pitch + ref.offset;
    }
    rows->is_plain = rows->dtype == ts_dtype_f32 && ts_rows_are_arrays(rows);
}

static void get(ts_operand_set *set, const ts_ap *ap, bool is_whole, ts_rows *rows) {
    ts_rows_peek(set, ap, rows);
    meet(set, rows, true, is_whole);
    note_partitions(set, rows);
    if (set->is_empty || rows->space == ts_space_hbm) return;
    set->has_whole |= is_whole;
    set->written[set->writes++] = ts_rows_area(rows);
}

void ts_rows_get(ts_operand_set *set, const ts_ap *ap, ts_rows *rows) {
    get(set, ap, false, rows);
}

void ts_rows_whole(ts_operand_set *set, const ts_ap *ap, ts_rows *rows) {
    get(set, ap, true, rows);
}

/* What is not whole was met, and is set by now. */
void ts_rows_end_unset(const ts_operand_set *set) {
    for (int i = 0; i < set->writes; i++) {
        const ts_area *area = &set->written[i];
        ts_memory *memory = memory_of(set->exec, area->space);
        if (memory->is_poisoned) ts_unset_end(memory, area->low, area->high);
    }
}

void ts_rows_across(ts_operand_set *set, const ts_ap *ap, ts_rows *rows) {
    ts_rows_peek(set, ap, rows);
    ts_rows_meet_across(set, rows);
}

void ts_rows_meet_across(ts_operand_set *set, ts_rows *rows) {
    meet(set, rows, false, false);
    if (!set->is_empty) set->read_across[set->across++] = ts_rows_area(rows);
}

static bool is_same_pattern(const ts_rows *a, const ts_rows *b) {
    if (a->base != b->base || a->size != b->size || a->dims != b->dims || a->parts != b->parts) return false;
    for (int i = 0; i < a->dims; i++)
        if (a->step[i] != b->step[i] || a->count[i] != b->count[i]) return false;
    return true;
}

static bool shares_bytes(const ts_rows *a, const ts_rows *b) {
    return a->space == b->space && a->part < b->part + b->parts && b->part < a->part + a->parts &&
           a->offset + a->low < b->offset + b->high && b->offset + b->low < a->offset + a->high;
}

void ts_rows_source(ts_operand_set *set, const ts_ap *ap, const ts_rows *dst, bool is_pointwise,
                    ts_rows *rows) {
    ts_rows_peek(set, ap, rows);
    ts_rows_meet(set, dst, is_pointwise, rows);
}

void ts_rows_meet(ts_operand_set *set, const ts_rows *dst, bool is_pointwise, ts_rows *rows) {
    meet(set, rows, false, false);
    note_partitions(set, rows);
    ts_rows_protect(set, rows, dst, is_pointwise);
}

void ts_rows_protect(ts_operand_set *set, ts_rows *rows, const ts_rows *dst, bool is_pointwise) {
    if (set->is_empty || rows->space == ts_space_hbm || !shares_bytes(rows, dst)) return;
    if (is_pointwise && is_same_pattern(rows, dst)) return;
    ts_segment_run(set->exec); /* what waits may write the source */
    const ts_memory *shadow = &set->exec->core->shadow[set->shadows++];
    for (int64_t part = 0; part < rows->parts; part++)
        ts_copy(shadow->data + part * shadow->pitch, ts_rows_at(rows, part) + rows->low,
                (size_t)(rows->high - rows->low));
    rows->base = shadow->data - rows->low;
    rows->pitch = shadow->pitch;
    rows->space = ts_space_none;
}

/* ---- chunks ---- */

/* Walks the elements from `from` of one row in runs along the innermost dimension. */
typedef struct walker {
    const ts_rows *rows;
    uint8_t *row;
    int64_t index[TS_AP_DIMS]; /* one for each dimension of rows, the others are not set */
} walker;

static inline void walk(walker *w, const ts_rows *rows, int64_t part, int64_t from) {
    w->rows = rows;
    w->row = ts_rows_at(rows, part);
    for (int i = rows->dims - 1; i > 0; i--) {
        w->index[i] = from % rows->count[i];
        from /= rows->count[i];
    }
    w->index[0] = from;
}

static inline uint8_t *next_run(walker *w, int64_t wanted, int64_t *n) {
    const ts_rows *rows = w->rows;
    int inner = rows->dims - 1;
    uint8_t *at = w->row;
    for (int i = 0; i <= inner; i++)
        at += w->index[i] * rows->step[i];
    int64_t left = rows->count[inner] - w->index[inner];
    *n = left < wanted ? left : wanted;
    w->index[inner] += *n;
    for (int i = inner; i > 0 && w->index[i] == rows->count[i]; i--) {
        w->index[i] = 0;
        w->index[i - 1]++;
    }
    return at;
}

/* Whether n elements from `from` on are whole runs of adjacent ones, in more than one dimension. */
static inline bool are_whole_runs(const ts_rows *rows, int64_t from, int64_t n) {
    int inner = rows->dims - 1;
    return rows->step[inner] == rows->size && from % rows->count[inner] == 0 && n % rows->count[inner] == 0;
}

/* Whole runs that one step leads through, `wanted` at most; the step is that of the dimension before the
 * last. */
static inline uint8_t *next_runs(walker *w, int64_t wanted, int64_t *n) {
    const ts_rows *rows = w->rows;
    int along = rows->dims - 2;
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

/* The bytes of elements [from, from + n) when they are adjacent, else NULL. */
static inline uint8_t *adjacent(const ts_rows *rows, int64_t part, int64_t from, int64_t n) {
    int inner = rows->dims - 1;
    if (rows->step[inner] != rows->size && n > 1) return NULL;
    if (inner == 0) return ts_rows_at(rows, part) + from * rows->step[0];
    walker w;
    walk(&w, rows, part, from);
    int64_t run;
    uint8_t *at = next_run(&w, n, &run);
    return run == n ? at : NULL;
}

/* Steps that compilers turn into vectors: every other element, or one element again and again. */
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

/* Two runs of n elements, one after the other, to every other element each. */
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

/* Whether the row is pairs of such runs: the halves of wider elements. */
static inline bool is_zipped(const ts_rows *rows) {
    int inner = rows->dims - 1;
    return inner > 0 && rows->count[inner - 1] == 2 && rows->step[inner - 1] == rows->size &&
           rows->step[inner] == 2 * rows->size;
}

/* The first element of the next pair of runs. */
static inline uint8_t *next_pair(walker *w) {
    int64_t half = w->rows->count[w->rows->dims - 1], run;
    uint8_t *at = next_run(w, half, &run);
    next_run(w, half, &run);
    return at;
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
    if (to_step == size && from_step == 2 * size && is_aligned(to, (unsigned)size) &&
        is_aligned(from, (unsigned)size)) {
        copy_every_other(to, from, n, size);
        return;
    }
    if (size <= 4 && to_step == size && from_step == 0 && is_aligned(to, (unsigned)size) &&
        is_aligned(from, (unsigned)size)) {
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
    const uint8_t *direct = adjacent(rows, part, from, n);
    if (direct && is_aligned(direct, rows->size)) return direct;
    int64_t step = rows->step[rows->dims - 1];
    if (rows->dims == 1) {
        copy_strided(buffer, rows->size, ts_rows_at(rows, part) + from * step, step, n, rows->size);
        return buffer;
    }
    walker w;
    walk(&w, rows, part, from);
    uint8_t *to = buffer;
    if (are_whole_runs(rows, from, n)) {
        const int64_t bytes = rows->count[rows->dims - 1] * rows->size;
        for (int64_t left = n * rows->size / bytes, some; left > 0; left -= some, to += some * bytes) {
            const uint8_t *at = next_runs(&w, left, &some);
            ts_copy_runs(to, bytes, at, rows->step[rows->dims - 2], some, bytes);
        }
        return buffer;
    }
    for (int64_t run; n > 0; n -= run, to += run * rows->size) {
        const uint8_t *at = next_run(&w, n, &run);
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
    walker w;
    walk(&w, rows, part, from);
    const uint8_t *at = raw;
    if (n == rows->elems && is_zipped(rows) && is_aligned(ts_rows_at(rows, part), rows->size)) {
        int64_t half = rows->count[rows->dims - 1];
        for (; n > 0; n -= 2 * half, at += 2 * half * rows->size)
            zip(next_pair(&w), at, half, rows->size);
        return;
    }
    if (are_whole_runs(rows, from, n)) {
        const int64_t bytes = rows->count[rows->dims - 1] * rows->size;
        for (int64_t left = n * rows->size / bytes, some; left > 0; left -= some, at += some * bytes) {
            uint8_t *to = next_runs(&w, left, &some);
            ts_copy_runs(to, rows->step[rows->dims - 2], at, bytes, some, bytes);
        }
        return;
    }
    for (int64_t run; n > 0; n -= run, at += run * rows->size) {
        uint8_t *to = next_run(&w, n, &run);
        copy_strided(to, step, at, rows->size, run, rows->size);
    }
}

/* ---- halves of words ---- */

/* TensorE turns 32-bit elements as two whole numbers of 16 bits in fp32 (compiler/dot_turn.c): each half of
   every word is read on its own, and two runs of n floats become the halves of n words. */
TS_CLONES
static void widen_halves(const uint32_t *words, int shift, float *to, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)(int32_t)(words[i] >> shift & 0xffff);
}

/* As ts_dtype_narrow to u16: truncated and saturated, NaN gives 0. */
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
    walker w;
    walk(&w, rows, part, from);
    for (int64_t run; n > 0; n -= run, to += run) {
        const uint8_t *at = next_run(&w, n, &run);
        int high = (uintptr_t)at & 2 ? 2 : 0;
        widen_halves((const uint32_t *)(const void *)(at - high), high * 8, to, run);
    }
}

/* The whole of a zipped row, whose pairs begin at words. */
static void write_halves(const ts_rows *rows, int64_t part, const float *values) {
    int64_t half = rows->count[rows->dims - 1];
    walker w;
    walk(&w, rows, part, 0);
    for (int64_t n = rows->elems; n > 0; n -= 2 * half, values += 2 * half)
        join_halves(values, values + half, (uint32_t *)(void *)next_pair(&w), half);
}

/* Whether each pair of the row begins at a word. */
static bool is_at_words(const ts_rows *rows, int64_t part) {
    bool is = is_aligned(ts_rows_at(rows, part), 4);
    for (int i = 0; i + 2 < rows->dims; i++)
        is &= rows->step[i] % 4 == 0;
    return is;
}

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
    if (is_of_halves(rows) && is_aligned(rows->base, 2)) {
        read_halves(rows, part, from, n, buffer);
        return buffer;
    }
    ts_dtype_widen(rows->dtype, ts_rows_read_raw(rows, part, from, n, raw), buffer, (size_t)n);
    return buffer;
}

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

float *ts_rows_room(const ts_rows *rows, int64_t part, int64_t from, int64_t n, float *buffer) {
    if (rows->dtype != ts_dtype_f32) return buffer;
    uint8_t *direct = adjacent(rows, part, from, n);
    return direct && is_aligned(direct, 4) ? (float *)direct : buffer;
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
    uint8_t *direct = adjacent(rows, part, from, n);
    if ((const uint8_t *)values == direct) return;
    if (rows->dtype == ts_dtype_f32) {
        ts_rows_write_raw(rows, part, from, n, values);
    } else if (rows->dtype == ts_dtype_u16 && n == rows->elems && is_zipped(rows) &&
               is_at_words(rows, part)) {
        write_halves(rows, part, values);
    } else if (direct && is_aligned(direct, rows->size)) {
        ts_rows_narrow(rows, part, from, n, values, direct);
    } else {
        ts_rows_narrow(rows, part, from, n, values, raw);
        ts_rows_write_raw(rows, part, from, n, raw);
    }
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

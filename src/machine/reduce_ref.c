/* tensor_reduce: each output folds the elements of the reduced axes, left to right in fp32. */
#include <math.h>
#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "base/bits.h"
#ifdef __x86_64__
#include "machine/square_avx512.h"
#endif
#include "machine/through.h"
#include "machine/vector.h"

enum { LANES = TS_LANES, SHORT_ROW = 64, FEW = 8, WIDE_ROW = 64 };

typedef struct reduction {
    ts_rows dst, data;
    uint8_t op;
    bool is_negated;
    int64_t reduced, kept; /* elements per output, outputs per partition */
} reduction;

/* Folds LANES rows side by side, with a total for each, so that every chain keeps its order. */
#ifdef __SSE2__
#define FOLD(name, operator)                                                                                 \
    static void fold_##name(const float *const *rows, int64_t n, float *totals) {                            \
        enum { FOUR = 4, GROUPS = LANES / FOUR };                                                            \
        __m128 total[GROUPS];                                                                                \
        int64_t i = 0;                                                                                       \
        memcpy(total, totals, sizeof total);                                                                 \
        for (; i + FOUR <= n; i += FOUR) {                                                                   \
            TS_UNROLL for (int g = 0; g < GROUPS; g++) {                                                     \
                const float *const *row = rows + FOUR * g;                                                   \
                __m128 a = _mm_loadu_ps(row[0] + i), b = _mm_loadu_ps(row[1] + i);                           \
                __m128 c = _mm_loadu_ps(row[2] + i), d = _mm_loadu_ps(row[3] + i);                           \
                _MM_TRANSPOSE4_PS(a, b, c, d);                                                               \
                total[g] = total[g] operator a operator b operator c operator d;                             \
            }                                                                                                \
        }                                                                                                    \
        memcpy(totals, total, sizeof total);                                                                 \
        for (; i < n; i++)                                                                                   \
            for (int lane = 0; lane < LANES; lane++)                                                         \
                totals[lane] = totals[lane] operator rows[lane][i];                                          \
    }
#else
#define FOLD(name, operator)                                                                                 \
    static void fold_##name(const float *const *rows, int64_t n, float *totals) {                            \
        for (int64_t i = 0; i < n; i++)                                                                      \
            for (int lane = 0; lane < LANES; lane++)                                                         \
                totals[lane] = totals[lane] operator rows[lane][i];                                          \
    }
#endif
FOLD(add, +)
FOLD(subtract, -)
FOLD(multiply, *)

/* Faster versions for adding: eight rows, and eight elements of each, at a time. */
#if defined(__x86_64__) && defined(__GNUC__)
enum { EIGHT = 8 };

/* Transposes eight elements, from `at` on, of eight rows. */
__attribute__((target("avx2"))) static inline void turn_eight(const float *const *row, int64_t at,
                                                              __m256 *column) {
    __m256 half[EIGHT], pair[EIGHT];
    TS_UNROLL for (int i = 0; i < EIGHT;
                   i++) /* rows i % 4 and i % 4 + 4: first elements 0-3 of both, then 4-7 */
        half[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[i % 4] + at + i / 4 * 4)),
                                       _mm_loadu_ps(row[i % 4 + 4] + at + i / 4 * 4), 1);
    TS_UNROLL for (int i = 0; i < EIGHT; i += 2) {
        pair[i] = _mm256_unpacklo_ps(half[i], half[i + 1]);
        pair[i + 1] = _mm256_unpackhi_ps(half[i], half[i + 1]);
    }
    TS_UNROLL for (int i = 0; i < EIGHT; i += 4) TS_UNROLL for (int j = 0; j < 2; j++) {
        column[i + 2 * j] = _mm256_shuffle_ps(pair[i + j], pair[i + 2 + j], 0x44);
        column[i + 2 * j + 1] = _mm256_shuffle_ps(pair[i + j], pair[i + 2 + j], 0xee);
    }
}

/* Adds the first n / 8 * 8 elements of each row. */
__attribute__((target("avx2"))) static void add_eights(const float *const *rows, int64_t n, float *totals) {
    __m256 low = _mm256_loadu_ps(totals), high = _mm256_loadu_ps(totals + EIGHT);
    for (int64_t at = 0; at + EIGHT <= n; at += EIGHT) {
        __m256 first[EIGHT], second[EIGHT];
        turn_eight(rows, at, first);
        turn_eight(rows + EIGHT, at, second);
        TS_UNROLL for (int i = 0; i < EIGHT; i++) {
            low = _mm256_add_ps(low, first[i]);
            high = _mm256_add_ps(high, second[i]);
        }
    }
    _mm256_storeu_ps(totals, low);
    _mm256_storeu_ps(totals + EIGHT, high);
}

/* The same with sixteen rows and elements: half the instructions, but each moves numbers between the halves
   of a core's widest vectors. */
__attribute__((target("avx512f"))) static void add_sixteens(const float *const *rows, int64_t n,
                                                            float *totals) {
    __m512 sums = _mm512_loadu_ps(totals);
    for (int64_t at = 0; at + TS_SQUARE_SIDE_512 <= n; at += TS_SQUARE_SIDE_512) {
        __m512 r[TS_SQUARE_SIDE_512];
        TS_UNROLL for (int i = 0; i < TS_SQUARE_SIDE_512; i++) r[i] = _mm512_loadu_ps(rows[i] + at);
        ts_square_turn_512(r);
        TS_UNROLL for (int i = 0; i < TS_SQUARE_SIDE_512; i++) sums = _mm512_add_ps(sums, r[i]);
    }
    _mm512_storeu_ps(totals, sums);
}

/* Adds as many elements as whole vectors hold; returns the number per row. Intel's cores have one port alone
   that moves numbers between halves. */
static int64_t begin_adding(const float *const *rows, int64_t n, float *totals) {
    if (!__builtin_cpu_supports("avx2")) return 0;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_is("amd")) {
        add_sixteens(rows, n, totals);
        return n / TS_SQUARE_SIDE_512 * TS_SQUARE_SIDE_512;
    }
    add_eights(rows, n, totals);
    return n / EIGHT * EIGHT;
}
#else
static int64_t begin_adding(const float *const *rows, int64_t n, float *totals) {
    (void)rows, (void)n, (void)totals;
    return 0;
}
#endif

void ts_fold_add(const float *const *rows, int64_t n, float *totals) {
    const int64_t done = begin_adding(rows, n, totals);
    const float *rest[LANES];
    if (done == n) return;
    for (int lane = 0; lane < LANES; lane++)
        rest[lane] = rows[lane] + done;
    fold_add(rest, n - done, totals);
}

/* For operators whose order does not matter: folds one half of the row with the other until one element is
   left. */
static float fold_halves(unsigned op, const float *row, int64_t n, float total) {
    _Alignas(64) float half[TS_CHUNK];
    while (n > 1) {
        int64_t h = n / 2;
        ts_alu_floats(op, row, row + n - h, half, h);
        if (n % 2) half[h] = row[h];
        row = half;
        n -= h;
    }
    return ts_alu_float(op, total, row[0]);
}

/* Finds the largest or smallest element (of +0 and -0 either one), and the largest magnitude as bits, which
   shows whether there is a NaN. The two halves of the row, which may share an element, go side by side,
   because each comparison waits for the one before. */
#define OUTERMOST(name, clause, operator, start)                                                             \
    TS_CLONES                                                                                                \
    static float name(const float *row, int64_t n, uint32_t *magnitude) {                                    \
        const int64_t half = (n + 1) / 2;                                                                    \
        const float *rest = row + n - half;                                                                  \
        float best = start, other = start;                                                                   \
        uint32_t most = 0;                                                                                   \
        _Pragma(clause) for (int64_t i = 0; i < half; i++) {                                                 \
            const float x = row[i], y = rest[i];                                                             \
            const uint32_t a = ts_float_bits(x) & 0x7fffffffu, b = ts_float_bits(y) & 0x7fffffffu;           \
            const uint32_t size = a > b ? a : b;                                                             \
            best = x operator best ? x : best;                                                               \
            other = y operator other ? y : other;                                                            \
            most = size > most ? size : most;                                                                \
        }                                                                                                    \
        *magnitude = most;                                                                                   \
        return best operator other ? best : other;                                                           \
    }
OUTERMOST(largest, "omp simd reduction(max : best, other, most)", >, -INFINITY)
OUTERMOST(smallest, "omp simd reduction(min : best, other) reduction(max : most)", <, INFINITY)

static bool is_extreme(unsigned op) {
    return op == ts_alu_max || op == ts_alu_min;
}

/* Folds max or min of a row of n elements, the first `begun` of which (0 or 1) are in `total` already. One
   pass does, unless there is a NaN or the sign of a zero matters. */
static float fold_extreme(unsigned op, const float *row, int64_t n, int begun, float total) {
    uint32_t magnitude;
    const float found = (op == ts_alu_min ? smallest : largest)(row, n, &magnitude);
    if (magnitude > ts_float_bits(INFINITY) || found == 0)
        return n > begun ? fold_halves(op, row + begun, n - begun, total) : total;
    return begun ? found : ts_alu_float(op, total, found);
}

/* Folds n elements of each of `lanes` rows into totals. For max and min, the first `begun` elements of the
   rows may be in totals already: whole vectors from the start of a row are faster. */
static void fold(unsigned op, const float *const *rows, int lanes, int64_t n, int begun, float *totals) {
    switch (op) {
    case ts_alu_add: ts_fold_add(rows, n, totals); return;
    case ts_alu_subtract: fold_subtract(rows, n, totals); return;
    case ts_alu_multiply: fold_multiply(rows, n, totals); return;
    default: break;
    }
    for (int lane = 0; lane < lanes && n > 0; lane++)
        if (is_extreme(op))
            totals[lane] = fold_extreme(op, rows[lane], n, begun, totals[lane]);
        else
            for (int64_t i = 0; i < n; i++)
                totals[lane] = ts_alu_float(op, totals[lane], rows[lane][i]);
}

float ts_fold_row(unsigned op, const float *row, int64_t n, float total) {
    switch (op) {
    case ts_alu_max:
    case ts_alu_min: return n > 0 ? fold_extreme(op, row, n, 0, total) : total;
    case ts_alu_add:
        for (int64_t i = 0; i < n; i++)
            total += row[i];
        return total;
    default:
        for (int64_t i = 0; i < n; i++)
            total = ts_alu_float(op, total, row[i]);
        return total;
    }
}

/* The total that a chain starts with: its first element. If that is the only one, a logical operator still
   gives 0 or 1. */
static float start(const reduction *r, float first) {
    if (r->reduced == 1 && ts_alu_kind(r->op) == 'l') return (float)(first != 0);
    return first;
}

static void write_results(const reduction *r, int64_t part, int64_t from, int64_t n, float *results) {
    if (r->is_negated)
        for (int64_t i = 0; i < n; i++)
            results[i] = -results[i];
    ts_rows_write(&r->dst, part, from, n, results);
}

/* The partition of output number `unit`, counted over all partitions, and its place there. */
typedef struct output {
    int64_t part, place;
} output;

static output output_at(const reduction *r, int64_t unit) {
    if (r->kept == 1) return (output){unit, 0}; /* the usual case */
    return (output){unit / r->kept, unit % r->kept};
}

/* Outputs [first, last), counted over all partitions, for long rows or few outputs. */
static void reduce_long(void *context, int64_t first, int64_t last) {
    const reduction *r = context;
    _Alignas(64) float buffer[LANES][TS_CHUNK];
    for (int64_t unit = first; unit < last; unit += LANES) {
        int lanes = last - unit < LANES ? (int)(last - unit) : LANES;
        float totals[LANES] = {0};
        const float *rows[LANES];
        for (int64_t at = 0, n; at < r->reduced; at += n) {
            n = r->reduced - at < TS_CHUNK ? r->reduced - at : TS_CHUNK;
            int begun = at == 0, skipped = is_extreme(r->op) ? 0 : begun;
            for (int lane = 0; lane < LANES; lane++) {
                if (lane >= lanes) {
                    rows[lane] = rows[0];
                    continue;
                }
                const output o = output_at(r, unit + lane);
                rows[lane] = ts_rows_read(&r->data, o.part, o.place * r->reduced + at, n, buffer[lane]);
                if (at == 0) totals[lane] = start(r, rows[lane][0]);
                rows[lane] += skipped;
            }
            fold(r->op, rows, lanes, n - skipped, begun, totals);
        }
        for (int lane = 0; lane < lanes; lane++) {
            const output o = output_at(r, unit + lane);
            write_results(r, o.part, o.place, 1, &totals[lane]);
        }
    }
}

/* Partitions [first, last), for many outputs of few elements each: element i of all of them is gathered and
   folded at once. */
static void reduce_short(void *context, int64_t first, int64_t last) {
    const reduction *r = context;
    _Alignas(64) float in[TS_CHUNK], column[TS_CHUNK], out[TS_CHUNK];
    int64_t group = TS_CHUNK / r->reduced;
    for (int64_t part = first; part < last; part++)
        for (int64_t done = 0, n; done < r->kept; done += n) {
            n = r->kept - done < group ? r->kept - done : group;
            const float *row = ts_rows_read(&r->data, part, done * r->reduced, n * r->reduced, in);
            for (int64_t o = 0; o < n; o++)
                out[o] = start(r, row[o * r->reduced]);
            for (int64_t i = 1; i < r->reduced; i++) {
                for (int64_t o = 0; o < n; o++)
                    column[o] = row[o * r->reduced + i];
                ts_alu_floats(r->op, out, column, out, n);
            }
            write_results(r, part, done, n, out);
        }
}

/* Partitions [first, last), for data whose reduced dimensions go before the kept ones: a row holds element 0
   of every output, then element 1 of every output. */
static void reduce_wide(void *context, int64_t first, int64_t last) {
    const reduction *r = context;
    _Alignas(64) float in[TS_CHUNK], out[TS_CHUNK];
    for (int64_t part = first; part < last; part++)
        for (int64_t done = 0, n; done < r->kept; done += n) {
            n = r->kept - done < TS_CHUNK ? r->kept - done : TS_CHUNK;
            const float *row = ts_rows_read(&r->data, part, done, n, in);
            for (int64_t o = 0; o < n; o++)
                out[o] = start(r, row[o]);
            for (int64_t i = 1; i < r->reduced; i++) {
                row = ts_rows_read(&r->data, part, i * r->kept + done, n, in);
                ts_alu_floats(r->op, out, row, out, n);
            }
            write_results(r, part, done, n, out);
        }
}

/* Outputs [first, last) of bit operators, on integers as they are stored. */
static void reduce_bits(void *context, int64_t first, int64_t last) {
    const reduction *r = context;
    _Alignas(64) uint32_t buffer[TS_CHUNK];
    for (int64_t unit = first; unit < last; unit++) {
        int64_t part = unit / r->kept, from = unit % r->kept * r->reduced;
        uint32_t total = 0;
        for (int64_t at = 0, n; at < r->reduced; at += n) {
            n = r->reduced - at < TS_CHUNK ? r->reduced - at : TS_CHUNK;
            const uint32_t *row = ts_rows_read_bits(&r->data, part, from + at, n, buffer);
            for (int64_t i = 0; i < n; i++)
                if (at + i == 0)
                    total = row[0];
                else
                    ts_alu_ints(r->op, false, r->data.size * 8, &total, &row[i], &total, 1);
        }
        ts_rows_write_bits(&r->dst, part, unit % r->kept, 1, &total);
    }
}

static int64_t product(const ts_exec *exec, const ts_ap *ap, int first, int last) {
    int64_t elems = 1;
    for (int i = first < 0 ? 0 : first; i < last; i++)
        elems *= ts_count_value(exec->program, &ap->dim[i].count, exec->counters);
    return elems;
}

/* The operand with its reduced dimensions before the kept ones. */
static ts_ap turned(const ts_ap *data, int axes) {
    ts_ap ap = *data;
    int kept = data->dims - axes;
    for (int i = 0; i < data->dims; i++)
        ap.dim[i] = data->dim[i < axes ? kept + i : i - axes];
    return ap;
}

static int64_t magnitude(int64_t step) {
    return step < 0 ? -step : step;
}

ts_status ts_exec_tensor_reduce(ts_exec *exec, const ts_inst *head) {
    const ts_inst_tensor_reduce *inst = (const ts_inst_tensor_reduce *)head;
    const ts_ap *data = &inst->data;
    ts_operand_set set = {.exec = exec};
    int axes = inst->axes < data->dims ? inst->axes : data->dims, kept = data->dims - axes;
    reduction r = {.op = inst->op,
                   .is_negated = inst->negate,
                   .reduced = product(exec, data, kept, data->dims),
                   .kept = product(exec, data, 0, kept)};
    bool is_bits = ts_alu_kind(r.op) == 'b';
    bool is_wide = !is_bits && r.kept >= WIDE_ROW && kept > 0 && axes > 0 &&
                   magnitude(data->dim[kept - 1].step) < magnitude(data->dim[data->dims - 1].step);
    ts_ap wide = is_wide ? turned(data, axes) : (ts_ap){0};
    ts_rows_whole(&set, &inst->dst, &r.dst);
    ts_rows_source_near(&set, is_wide ? &wide : data, &r.dst, false, &r.data);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_read_through(&set, &r.data);
    double row_ns = 0.3 * (double)r.reduced;
    ts_work work = {reduce_long, r.dst.parts, r.kept, row_ns, &r, sizeof r};
    if (is_bits) {
        work.task = reduce_bits;
        work.unit_ns = 10 * row_ns;
    } else if (is_wide || (r.reduced < SHORT_ROW && r.kept >= FEW)) {
        work.task = is_wide ? reduce_wide : reduce_short;
        work.units = 1;
        work.unit_ns = row_ns * (double)r.kept;
    }
    ts_work_rows(&set, &work);
    return ts_ok;
}

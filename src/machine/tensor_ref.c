/* TensorE: matmul and transpose; the VectorE transpose beside it. */
#include <math.h>
#include <string.h>

#include "machine/engine.h"
#include "machine/gemm.h"

/* ---- nc_matmul ---- */

/* An operand as the multiply takes it: rows of floats, or of bf16 where a kernel pairs them. */
typedef struct operand {
    const ts_rows *rows;
    const uint8_t *data;
    int64_t pitch; /* elements from row to row */
    int size;      /* of an element */
} operand;

static bool is_in_place(const ts_rows *rows, bool is_paired) {
    bool is_adjacent = rows->dims == 1 && (rows->step[0] == rows->size || rows->elems == 1);
    bool is_aligned = (((uint64_t)(uintptr_t)rows->base | (uint64_t)rows->pitch) & (rows->size - 1u)) == 0;
    return (is_paired || rows->dtype == ts_dtype_f32) && is_adjacent && is_aligned;
}

static void copy_rows(void *context, int64_t first, int64_t last) {
    const operand *o = context;
    for (int64_t part = first; part < last; part++)
        for (int64_t from = 0, n; from < o->rows->elems; from += n) {
            uint8_t *to = (uint8_t *)(uintptr_t)o->data + (part * o->pitch + from) * o->size;
            n = o->rows->elems - from < TS_CHUNK ? o->rows->elems - from : TS_CHUNK;
            const void *values = o->size == 2 ? ts_rows_read_raw(o->rows, part, from, n, to)
                                              : ts_rows_read(o->rows, part, from, n, (float *)to);
            if (values != to) memcpy(to, values, (size_t)(n * o->size));
        }
}

/* Where the rows lie as they are wanted, or a copy in `buffer`: its pitch has a line more than the columns,
   so that the rows of a panel do not share a cache set. */
static void get_operand(const ts_exec *exec, const ts_rows *rows, bool is_paired, void *buffer, operand *o) {
    enum { LINE = 16 };
    o->rows = rows;
    o->size = is_paired ? 2 : 4;
    if (is_in_place(rows, is_paired)) {
        o->data = rows->base;
        o->pitch = rows->pitch / o->size;
        return;
    }
    o->data = buffer;
    o->pitch = (rows->elems + LINE - 1) / LINE * LINE + LINE;
    ts_split(exec, rows->parts, 0.1 * (double)rows->elems, copy_rows, o);
}

static void run_panels(void *context, int64_t first, int64_t last) {
    ts_gemm_run(context, first, last);
}

static void run_gemm(const ts_exec *exec, ts_gemm *gemm) {
    if (gemm->a_pairs) ts_gemm_pair_a(gemm);
    ts_split(exec, ts_gemm_panels(gemm), ts_gemm_panel_ns(gemm), run_panels, gemm);
}

/* out[m][n] (+)= from[m * row_step + n * column_step], rows of dst of any pattern. */
static void store(const ts_rows *dst, const float *from, int64_t row_step, int64_t column_step,
                  bool is_added) {
    _Alignas(64) float values[TS_CHUNK], old_buffer[TS_CHUNK];
    for (int64_t m = 0; m < dst->parts; m++)
        for (int64_t at = 0, n; at < dst->elems; at += n) {
            n = dst->elems - at < TS_CHUNK ? dst->elems - at : TS_CHUNK;
            const float *row = from + m * row_step + at * column_step;
            for (int64_t i = 0; i < n; i++)
                values[i] = row[i * column_step];
            if (is_added) {
                const float *old = ts_rows_read(dst, m, at, n, old_buffer);
                for (int64_t i = 0; i < n; i++) {
                    const float sum = old[i] + values[i];
                    values[i] = sum == sum ? sum : NAN;
                }
            }
            ts_rows_write(dst, m, at, n, values);
        }
}

static bool is_added(const ts_exec *exec, const ts_accum *accum) {
    if (accum->mode == ts_accum_unless_first) return exec->counters[accum->loop] != 0;
    return accum->mode == ts_accum_always;
}

/* Vectors lie along the columns of the result. When it has few, its transpose takes fewer of them, even with
   the way back, about two steps an element. */
static bool is_worth_swapping(const ts_gemm *g) {
    enum { LANES = 16 };
    int64_t along = (g->n + LANES - 1) / LANES * g->m, across = (g->m + LANES - 1) / LANES * g->n;
    return g->k * along > g->k * across + 2 * g->m * g->n;
}

static ts_gemm swapped(const ts_gemm *g) {
    ts_gemm s = *g;
    s.a = g->b, s.b = g->a;
    s.a_pitch = g->b_pitch, s.b_pitch = g->a_pitch;
    s.a_pairs = g->b_pairs, s.b_pairs = g->a_pairs;
    s.m = g->n, s.n = g->m;
    return s;
}

/* The kernel for these operands. Pairs only where both are bf16. */
static const ts_gemm_kernel *kernel_of(const ts_exec *exec, const ts_rows *stationary,
                                       const ts_rows *moving) {
    bool is_bf16 = stationary->dtype == ts_dtype_bf16 && moving->dtype == ts_dtype_bf16;
    const ts_gemm_kernel *paired = NULL;
    if (is_bf16 && !exec->host.is_repro) paired = ts_gemm_kernel_of(exec->host.isa, true);
    return paired ? paired : ts_gemm_kernel_of(exec->host.isa, false);
}

static void multiply(const ts_exec *exec, const ts_rows *stationary, const ts_rows *moving,
                     const ts_rows *dst, bool is_accumulated) {
    ts_core *core = exec->core;
    const ts_gemm_kernel *kernel = kernel_of(exec, stationary, moving);
    bool is_paired = kernel->pair != NULL;
    operand a, b;
    get_operand(exec, stationary, is_paired, core->stationary, &a);
    get_operand(exec, moving, is_paired, core->moving, &b);
    ts_gemm gemm = {.kernel = kernel,
                    .a = a.data,
                    .b = b.data,
                    .a_pitch = a.pitch,
                    .b_pitch = b.pitch,
                    .k = stationary->parts,
                    .m = stationary->elems,
                    .n = moving->elems,
                    .a_pairs = is_paired ? core->stationary_pairs : NULL,
                    .b_pairs = is_paired ? core->moving_pairs : NULL};
    bool is_swapped = is_worth_swapping(&gemm);
    if (is_in_place(dst, false) && !is_swapped) {
        gemm.out = (float *)dst->base;
        gemm.out_pitch = dst->pitch / 4;
        gemm.is_added = is_accumulated;
        run_gemm(exec, &gemm);
        return;
    }
    if (is_swapped) gemm = swapped(&gemm);
    gemm.out = (float *)core->shadow[TS_WORKSPACE].data;
    gemm.out_pitch = gemm.n;
    run_gemm(exec, &gemm);
    store(dst, gemm.out, is_swapped ? 1 : gemm.n, is_swapped ? gemm.n : 1, is_accumulated);
}

ts_status ts_exec_nc_matmul(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nc_matmul *inst = (const ts_inst_nc_matmul *)head;
    ts_operand_set set = {.exec = exec};
    ts_rows dst, stationary, moving;
    ts_rows_get(&set, &inst->dst, &dst);
    ts_rows_get(&set, &inst->stationary, &stationary);
    ts_rows_get(&set, &inst->moving, &moving);
    if (!ts_operands_ready(&set)) return ts_ok;
    *(inst->is_stationary_onezero ? &exec->stats.pe_selection_flops : &exec->stats.pe_flops) +=
        2 * (uint64_t)stationary.parts * (uint64_t)stationary.elems * (uint64_t)moving.elems;
    multiply(exec, &stationary, &moving, &dst, is_added(exec, &inst->accumulate));
    return ts_ok;
}

/* ---- nc_transpose ---- */

TS_CLONES
static bool are_finite(const float *values, int64_t n) {
    uint32_t found = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return found == 0;
}

/* A product with the identity adds 0 * x for every other x of the column: a NaN or Inf among them makes NaN
   (ARCH:185-191). Sums start at +0, so -0 becomes +0. */
static void multiply_by_identity(float *column, int64_t n) {
    int64_t others = 0, where = 0;
    if (are_finite(column, n)) {
        for (int64_t i = 0; i < n; i++)
            column[i] += 0.0f;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(column[i])) {
            others++;
            where = i;
        } else {
            column[i] += 0.0f;
        }
    for (int64_t i = 0; others > 0 && i < n; i++)
        if (others > 1 || i != where) column[i] = NAN;
}

/* to[f][p] = from[p][f], elements of 1, 2 or 4 bytes, in blocks that fit the cache. */
#define TRANSPOSE(type)                                                                                      \
    for (int64_t p0 = 0; p0 < parts; p0 += BLOCK)                                                            \
        for (int64_t f0 = 0; f0 < free; f0 += BLOCK)                                                         \
            for (int64_t f = f0; f < free && f < f0 + BLOCK; f++)                                            \
                for (int64_t p = p0; p < parts && p < p0 + BLOCK; p++)                                       \
                    ((type *)to)[f * parts + p] = ((const type *)from)[p * free + f];

static void transpose(int size, const void *from, void *to, int64_t parts, int64_t free) {
    enum { BLOCK = 16 };
    if (size == 4) {
        TRANSPOSE(uint32_t)
    } else if (size == 2) {
        TRANSPOSE(uint16_t)
    } else {
        TRANSPOSE(uint8_t)
    }
}

/* Bits when nothing is cast, fp32 otherwise; from and to are packed [parts, free] and [free, parts]. */
static void transpose_rows(const ts_rows *data, const ts_rows *dst, bool is_exact, bool is_product,
                           uint8_t *from, uint8_t *to) {
    int size = is_exact ? data->size : (int)sizeof(float);
    int64_t parts = data->parts, free = data->elems;
    for (int64_t p = 0; p < parts; p++)
        for (int64_t at = 0, n; at < free; at += n) {
            uint8_t *row = from + (p * free + at) * size;
            n = free - at < TS_CHUNK ? free - at : TS_CHUNK;
            const void *values =
                is_exact ? ts_rows_read_raw(data, p, at, n, row) : ts_rows_read(data, p, at, n, (float *)row);
            if (values != row) memcpy(row, values, (size_t)(n * size));
        }
    transpose(size, from, to, parts, free);
    for (int64_t f = 0; f < free; f++) {
        uint8_t *column = to + f * parts * size;
        if (is_product) multiply_by_identity((float *)column, parts);
        for (int64_t at = 0, n; at < parts; at += n) {
            n = parts - at < TS_CHUNK ? parts - at : TS_CHUNK;
            if (is_exact)
                ts_rows_write_raw(dst, f, at, n, column + at * size);
            else
                ts_rows_write(dst, f, at, n, (float *)column + at);
        }
    }
}

ts_status ts_exec_nc_transpose(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nc_transpose *inst = (const ts_inst_nc_transpose *)head;
    ts_operand_set set = {.exec = exec};
    ts_rows dst, data;
    ts_rows_get(&set, &inst->dst, &dst);
    ts_rows_get(&set, &inst->data, &data);
    if (!ts_operands_ready(&set)) return ts_ok;
    bool is_product = head->engine == ts_engine_tensor;
    uint8_t *from = exec->core->shadow[TS_WORKSPACE].data;
    uint8_t *to = exec->core->shadow[TS_WORKSPACE - 1].data;
    transpose_rows(&data, &dst, !is_product && data.dtype == dst.dtype, is_product, from, to);
    return ts_ok;
}

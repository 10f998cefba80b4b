/* TensorE: matmul and transpose; the VectorE transpose beside it. */
#include <math.h>
#include <string.h>

#include "machine/engine.h"

/* ---- nc_matmul ---- */

/* The operand's rows as fp32 in place; NULL when they need a copy. */
static const float *in_place(const ts_rows *rows) {
    bool is_adjacent = rows->dims == 1 && (rows->step[0] == 4 || rows->elems == 1);
    bool is_aligned = ((uintptr_t)rows->base | (uint64_t)rows->pitch) % 4 == 0;
    return rows->dtype == ts_dtype_f32 && is_adjacent && is_aligned ? (const float *)rows->base : NULL;
}

typedef struct widening {
    const ts_rows *rows;
    float *to;
} widening;

static void widen_rows(void *context, int64_t first, int64_t last) {
    const widening *w = context;
    for (int64_t part = first; part < last; part++)
        for (int64_t from = 0, n; from < w->rows->elems; from += n) {
            float *to = w->to + part * w->rows->elems + from;
            n = w->rows->elems - from < TS_CHUNK ? w->rows->elems - from : TS_CHUNK;
            const float *values = ts_rows_read(w->rows, part, from, n, to);
            if (values != to) memcpy(to, values, (size_t)n * sizeof *to);
        }
}

static const float *as_floats(const ts_exec *exec, const ts_rows *rows, float *buffer, int64_t *pitch) {
    const float *direct = in_place(rows);
    *pitch = direct ? rows->pitch / 4 : rows->elems;
    if (direct) return direct;
    widening w = {.rows = rows, .to = buffer};
    ts_split(exec, rows->parts, 0.3 * (double)rows->elems, widen_rows, &w);
    return buffer;
}

static void run_tiles(void *context, int64_t first, int64_t last) {
    ts_gemm_run(context, first, last);
}

static void run_gemm(const ts_exec *exec, ts_gemm *gemm) {
    gemm->lanes = exec->machine->gemm_lanes;
    int64_t tiles = ts_gemm_tiles(gemm);
    double ns = (double)(gemm->k * gemm->m) * (double)gemm->n / 20;
    ts_split(exec, tiles, ns / (double)tiles, run_tiles, gemm);
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
            if (is_added)
                ts_alu_floats(ts_alu_add, ts_rows_read(dst, m, at, n, old_buffer), values, values, n);
            ts_rows_write(dst, m, at, n, values);
        }
}

static bool is_added(const ts_exec *exec, const ts_accum *accum) {
    if (accum->mode == ts_accum_unless_first) return exec->counters[accum->loop] != 0;
    return accum->mode == ts_accum_always;
}

ts_status ts_exec_nc_matmul(ts_exec *exec, const ts_inst *head) {
    enum { NARROW = 8 };
    const ts_inst_nc_matmul *inst = (const ts_inst_nc_matmul *)head;
    ts_core *core = exec->core;
    ts_operand_set set = {.exec = exec};
    ts_rows dst, stationary, moving;
    ts_rows_get(&set, &inst->dst, &dst);
    ts_rows_get(&set, &inst->stationary, &stationary);
    ts_rows_get(&set, &inst->moving, &moving);
    if (!ts_operands_ready(&set)) return ts_ok;
    ts_gemm gemm = {.k = stationary.parts, .m = stationary.elems, .n = moving.elems};
    gemm.a = as_floats(exec, &stationary, core->stationary, &gemm.a_pitch);
    gemm.b = as_floats(exec, &moving, core->moving, &gemm.b_pitch);
    gemm.is_added = is_added(exec, &inst->accumulate);
    *(inst->is_stationary_onezero ? &exec->stats.pe_selection_flops : &exec->stats.pe_flops) +=
        2 * (uint64_t)gemm.k * (uint64_t)gemm.m * (uint64_t)gemm.n;
    float *direct = (float *)(uintptr_t)in_place(&dst);
    bool is_swapped = gemm.n < NARROW && gemm.m > gemm.n; /* wide vectors need a wide side */
    if (direct && !is_swapped) {
        gemm.out = direct;
        gemm.out_pitch = dst.pitch / 4;
        run_gemm(exec, &gemm);
        return ts_ok;
    }
    bool is_accumulated = gemm.is_added;
    if (is_swapped)
        gemm = (ts_gemm){.a = gemm.b,
                         .b = gemm.a,
                         .a_pitch = gemm.b_pitch,
                         .b_pitch = gemm.a_pitch,
                         .k = gemm.k,
                         .m = gemm.n,
                         .n = gemm.m};
    gemm.is_added = false;
    gemm.out = (float *)core->shadow[TS_WORKSPACE].data;
    gemm.out_pitch = gemm.n;
    run_gemm(exec, &gemm);
    store(&dst, gemm.out, is_swapped ? 1 : gemm.n, is_swapped ? gemm.n : 1, is_accumulated);
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

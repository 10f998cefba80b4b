/* TensorE's matmul and transpose, and VectorE's transpose. */
#include <math.h>
#include <string.h>

#include "base/copy.h"
#include "machine/deferred.h"
#include "machine/gemm.h"
#include "machine/packed.h"
#include "machine/segment.h"
#include "machine/through.h"
#include "machine/turn.h"

/* ---- nc_matmul ---- */

/* An operand as the kernel takes it: rows of floats, or of bf16 where the kernel packs them. */
typedef struct operand {
    const ts_rows *rows;
    const uint8_t *data;
    int64_t pitch;           /* elements from row to row */
    int size;                /* bytes of an element */
    ts_gemm_columns columns; /* how a moving operand's columns lie in runs */
} operand;

/* Whether the kernel can read the rows where they lie. size: bytes of its elements. */
static bool is_in_place(const ts_rows *rows, int size) {
    return (size == 2 || rows->dtype == ts_dtype_f32) && ts_rows_are_arrays(rows);
}

/* Whether the elements of a row lie in runs that the kernel can read where they lie. */
static bool are_runs(const ts_rows *rows, const ts_gemm_kernel *kernel, ts_gemm_columns *columns) {
    int inner = rows->dims - 1;
    if (inner == 0 || inner > TS_GEMM_DIMS || rows->step[inner] != rows->size) return false;
    ts_rows run = *rows;
    run.dims = 1;
    run.step[0] = rows->size;
    if (!is_in_place(&run, kernel->size)) return false;
    *columns = (ts_gemm_columns){.run = rows->count[inner], .dims = inner};
    for (int i = 0; i < inner; i++) {
        if (rows->step[i] % rows->size != 0) return false;
        columns->step[i] = rows->step[i] / rows->size;
        columns->count[i] = rows->count[i];
    }
    return ts_gemm_takes(kernel, columns);
}

static void copy_rows(void *context, int64_t first, int64_t last) {
    const operand *o = context;
    for (int64_t part = first; part < last; part++)
        for (int64_t from = 0, n; from < o->rows->elems; from += n) {
            uint8_t *to = (uint8_t *)(uintptr_t)o->data + (part * o->pitch + from) * o->size;
            n = o->rows->elems - from < TS_CHUNK ? o->rows->elems - from : TS_CHUNK;
            const void *values = o->size == 2 ? ts_rows_read_raw(o->rows, part, from, n, to)
                                              : ts_rows_read(o->rows, part, from, n, (float *)to);
            if (values != to) ts_copy(to, values, (size_t)(n * o->size));
        }
}

/* The operand where it lies, if the kernel can read it there, or a copy in `buffer`. The pitch of a copy is a
   line longer than its columns, so that the rows of a panel do not share a cache set. */
static void get_operand(const ts_exec *exec, const ts_rows *rows, const ts_gemm_kernel *kernel,
                        bool is_moving, void *buffer, operand *o) {
    enum { LINE = 16 };
    *o = (operand){.rows = rows, .size = kernel->size};
    if (is_in_place(rows, kernel->size) || (is_moving && are_runs(rows, kernel, &o->columns))) {
        o->data = rows->base;
        o->pitch = rows->pitch / o->size;
        return;
    }
    o->columns = (ts_gemm_columns){0};
    o->data = buffer;
    o->pitch = (rows->elems + LINE - 1) / LINE * LINE + LINE;
    ts_split(exec, rows->parts, 0.1 * (double)rows->elems, copy_rows, o);
}

static void run_panels(void *context, int64_t first, int64_t last) {
    ts_gemm_run(context, first, last);
}

static void run_gemm(const ts_exec *exec, ts_gemm *gemm) {
    ts_segment_run(exec);
    if (gemm->a_packed) ts_gemm_pack_a(gemm);
    ts_split(exec, ts_gemm_panels(gemm), ts_gemm_panel_ns(gemm), run_panels, gemm);
}

/* A product that waits in the segment, and the first partition of its result. */
typedef struct product {
    const ts_core *core;
    ts_gemm gemm;
    int64_t part;
    bool is_kept, is_packed; /* is_kept: a_packed is a room where the operand stays packed; is_packed: and it
                                is there already */
} product;

/* Computes rows [first, last). Rows have rooms of their own for packed words, since other threads work on
   other rows, maybe of another product. */
static void run_rows(void *context, int64_t first, int64_t last) {
    const product *p = context;
    ts_gemm gemm = ts_gemm_rows(&p->gemm, first, last);
    const int64_t room = (p->part + first) / TS_LEAST_ROWS * gemm.room;
    if (gemm.later.rows > 0) {
        gemm.later.data += first * gemm.later.pitch;
        gemm.later.rows = last - first;
    }
    if (gemm.b_packed) gemm.b_packed += room;
    if (gemm.a_packed && !p->is_kept) gemm.a_packed += room;
    if (gemm.a_packed && !p->is_packed) ts_gemm_pack_a(&gemm);
    ts_gemm_run(&gemm, 0, ts_gemm_panels(&gemm));
}

/* Packs the stationary operand once for all threads that compute columns of a product. Its room lies after
   those of products cut by rows, on which other threads may be working. */
static void pack_for_columns(void *context, int number) {
    product *p = context;
    if (!p->is_kept) p->gemm.a_packed += p->core->rows_room + number * p->core->operand_room;
    ts_gemm_pack_a(&p->gemm);
}

/* Computes panels [first, last) of all rows. The first panel of a share determines the room for words of the
   moving operand. */
static void run_columns(void *context, int64_t first, int64_t last) {
    const product *p = context;
    ts_gemm gemm = p->gemm;
    if (first >= last) return;
    if (gemm.b_packed) gemm.b_packed += p->core->rows_room;
    ts_gemm_run(&gemm, first, last);
}

/* Lets a large product find its whole stationary operand packed, or leave it so. */
static void keep_packed(const ts_exec *exec, const ts_rows *stationary, product *p) {
    enum { LARGE_NS = 40000 };
    ts_gemm *gemm = &p->gemm;
    if (!gemm->a_packed || stationary->space != ts_space_sbuf ||
        (double)ts_gemm_panels(gemm) * ts_gemm_panel_ns(gemm) < LARGE_NS)
        return;
    const ts_area area = ts_rows_area(stationary);
    const ts_packing packing = ts_packed_find(exec, &area, gemm->kernel);
    if (!packing.words) return;
    gemm->a_packed = packing.words;
    gemm->is_a_far |= packing.is_packed;
    p->is_kept = true;
    p->is_packed = packing.is_packed;
}

/* Whether threads should share a product's columns rather than its rows. For a wide result each thread then
   reads and packs less of the moving operand. But whatever reads the result waits for all threads, so only
   sums of many large products are cut that way. */
static bool is_for_columns(const ts_exec *exec, const ts_gemm *gemm) {
    enum { LARGE_NS = 50000 };
    return ts_pool_threads(exec->pool) > 1 && gemm->n >= 4 * gemm->m &&
           gemm->n % gemm->kernel->columns == 0 &&
           (double)ts_gemm_panels(gemm) * ts_gemm_panel_ns(gemm) >= LARGE_NS;
}

/* Whether the next product of the program whose result is the same tile adds to it. */
static bool is_continued(const ts_exec *exec, const ts_inst_nc_matmul *inst) {
    enum { AHEAD = 32 };
    const ts_program *program = exec->program;
    for (uint32_t at = exec->at + 1; at < program->code.count && at <= exec->at + AHEAD; at++) {
        const ts_inst_nc_matmul *next = (const ts_inst_nc_matmul *)program->code.data[at];
        if (next->head.op == ts_op_nc_matmul && next->dst.tensor == inst->dst.tensor)
            return next->accumulate.mode == ts_accum_always;
    }
    return false;
}

/* Whether the product is one of many that add up. */
static bool is_of_many(const ts_exec *exec, const ts_inst_nc_matmul *inst) {
    enum { MANY = 4 };
    const ts_accum *accum = &inst->accumulate;
    return accum->mode == ts_accum_always ||
           (accum->mode == ts_accum_unless_first && exec->trips[accum->loop] >= MANY) ||
           is_continued(exec, inst);
}

/* Whether the product may wait in the segment. One with less than two tiles of rows, unless it also has few
   columns, is shared by columns at once. */
static bool can_wait(const ts_operand_set *set, const ts_gemm *gemm) {
    return set->part % TS_BLOCK_PARTS == 0 && (gemm->m >= 2 * TS_LEAST_ROWS || gemm->n <= TS_GEMM_COLUMNS);
}

static float cleaned_sum(float old, float value) {
    const float sum = old + value;
    return sum == sum ? sum : NAN;
}

/* dst[m][n] (+)= from[m * row_step + n * column_step], for any pattern of dst. */
static void store(const ts_rows *dst, const float *from, int64_t row_step, int64_t column_step,
                  bool is_added) {
    _Alignas(64) float values[TS_CHUNK], old_buffer[TS_CHUNK];
    for (int64_t m = 0; m < dst->parts; m++)
        for (int64_t at = 0, n; at < dst->elems; at += n) {
            n = dst->elems - at < TS_CHUNK ? dst->elems - at : TS_CHUNK;
            const float *row = from + m * row_step + at * column_step;
            const float *old = is_added ? ts_rows_read(dst, m, at, n, old_buffer) : NULL;
            for (int64_t i = 0; i < n; i++)
                values[i] = old ? cleaned_sum(old[i], row[i * column_step]) : row[i * column_step];
            ts_rows_write(dst, m, at, n, values);
        }
}

/* The same from a transposed result, for rows of dst without gaps. */
static void store_turned(const ts_rows *dst, const float *from, int64_t pitch, bool is_added) {
    for (int64_t m = 0; m < dst->parts; m++) {
        float *to = (float *)ts_rows_at(dst, m);
        for (int64_t n = 0; n < dst->elems; n++) {
            const float value = from[n * pitch + m];
            to[n] = is_added ? cleaned_sum(to[n], value) : value;
        }
    }
}

static bool is_added(const ts_exec *exec, const ts_accum *accum) {
    if (accum->mode == ts_accum_unless_first) return exec->counters[accum->loop] != 0;
    return accum->mode == ts_accum_always;
}

/* Whether to compute the transpose of the result. Vectors lie along the columns of a result: if it has few
   columns, its transpose takes fewer vectors, even with the transpose back, which takes about two steps an
   element. */
static bool is_worth_swapping(const ts_gemm *g) {
    enum { LANES = 16 };
    if (g->columns.run > 0 || g->a_step != 1) return false;
    int64_t along = (g->n + LANES - 1) / LANES * g->m, across = (g->m + LANES - 1) / LANES * g->n;
    return g->k * along > g->k * across + 2 * g->m * g->n;
}

static ts_gemm swapped(const ts_gemm *g) {
    ts_gemm s = *g;
    s.a = g->b, s.b = g->a;
    s.a_pitch = g->b_pitch, s.b_pitch = g->a_pitch;
    s.m = g->n, s.n = g->m;
    return s;
}

/* The kernel for these operands. It takes bf16 only if both are bf16. Kernels that multiply pairs do not give
   the same bits on every CPU, so reproducible runs do without them. */
static const ts_gemm_kernel *kernel_of(const ts_exec *exec, const ts_rows *stationary,
                                       const ts_rows *moving) {
    if (stationary->dtype == ts_dtype_bf16 && moving->dtype == ts_dtype_bf16) {
        const ts_gemm_kernel *kernel = ts_gemm_kernel_of(exec->host.isa, true);
        if (kernel && !(kernel->is_paired && exec->host.is_repro)) return kernel;
    }
    return ts_gemm_kernel_of(exec->host.isa, false);
}

/* Points the product to the core's rooms for packed words, if it needs them. */
static void give_room(const ts_core *core, ts_gemm *g) {
    if (!g->kernel->pack_a) return;
    g->room = core->panel_room;
    g->b_packed = core->moving_packed;
    if (ts_gemm_packs_a(g)) g->a_packed = core->stationary_packed;
}

/* Multiplies, or lets the product wait. turned: where the values of `stationary` lie transposed, or NULL. */
static void multiply(ts_operand_set *set, const ts_rows *stationary, const ts_turned *turned,
                     const ts_rows *moving, const ts_rows *dst, bool is_accumulated, bool is_in_chain) {
    const ts_exec *exec = set->exec;
    ts_core *core = exec->core;
    const ts_gemm_kernel *kernel = kernel_of(exec, stationary, moving);
    operand a, b;
    if (turned)
        a = (operand){.data = turned->data, .pitch = 1};
    else
        get_operand(exec, stationary, kernel, false, core->stationary, &a);
    get_operand(exec, moving, kernel, true, core->moving, &b);
    ts_gemm gemm = {.kernel = kernel,
                    .a = a.data,
                    .b = b.data,
                    .a_step = turned ? turned->step / stationary->size : 1,
                    .a_pitch = a.pitch,
                    .b_pitch = b.pitch,
                    .columns = b.columns,
                    .k = stationary->parts,
                    .m = stationary->elems,
                    .n = moving->elems};
    bool is_swapped = is_worth_swapping(&gemm), is_flat = is_in_place(dst, sizeof(float));
    if (is_swapped) gemm = swapped(&gemm);
    give_room(core, &gemm);
    if (is_flat && !is_swapped) {
        gemm.out = (float *)dst->base;
        gemm.out_pitch = dst->pitch / 4;
        gemm.is_added = is_accumulated;
        bool is_copied = (!turned && a.data != stationary->base) || b.data != moving->base;
        if (is_copied || !can_wait(set, &gemm)) {
            run_gemm(exec, &gemm);
            return;
        }
        product p = {.core = core, .gemm = gemm, .part = set->part};
        const double ns = (double)(gemm.k * gemm.n) / kernel->macs_per_ns;
        const bool is_in_columns = is_in_chain && is_for_columns(exec, &gemm);
        p.gemm.is_a_far = is_in_columns && gemm.a_packed;
        if (is_in_columns || ts_pool_threads(exec->pool) == 1) keep_packed(exec, stationary, &p);
        if (is_in_columns)
            ts_work_columns(set, &(ts_work){run_columns, dst->parts, 1, ns, &p, sizeof p},
                            ts_gemm_panels(&gemm), gemm.a_packed && !p.is_packed ? pack_for_columns : NULL);
        else {
            const ts_ahead ahead = ts_load_ahead(set);
            if (ahead.data) p.gemm.later = (ts_gemm_later){ahead.data, ahead.pitch, ahead.bytes, dst->parts};
            ts_work_local(set, &(ts_work){run_rows, dst->parts, 1, ns, &p, sizeof p});
        }
        return;
    }
    gemm.out = (float *)core->shadow[TS_WORKSPACE].data;
    gemm.out_pitch = gemm.n;
    run_gemm(exec, &gemm);
    if (is_swapped && is_flat)
        store_turned(dst, gemm.out, gemm.n, is_accumulated);
    else
        store(dst, gemm.out, is_swapped ? 1 : gemm.n, is_swapped ? gemm.n : 1, is_accumulated);
}

/* One of the two halves of an operand of double_row; its outermost dimension may have been joined with
   others. */
static ts_rows half_of(const ts_rows *rows, int half) {
    ts_rows made = *rows;
    made.count[0] /= 2;
    made.elems /= 2;
    int64_t by = half * made.count[0] * rows->step[0];
    made.base += by, made.offset += by, made.low -= by, made.high -= by;
    return made;
}

/* Whether the operand is read in HBM, from where its load is put off; if not, it must be met. */
static bool is_read_far(ts_operand_set *set, ts_rows *rows, bool is_double_row) {
    return !is_double_row && set->exec->core->deferrals->count > 0 && ts_deferred_lying(set, rows);
}

/* Whether the transpose that would make the stationary operand is put off, so that the product reads the
   values where they lie; if not, the operand is met. Products of few columns, which may be swapped, and
   halves of double_row need the operand itself. */
static bool is_read_turned(ts_operand_set *set, ts_rows *stationary, const ts_rows *moving,
                           bool is_double_row, ts_turned *turned) {
    const bool is_taken =
        kernel_of(set->exec, stationary, moving)->size == 2 || stationary->dtype == ts_dtype_f32;
    if (!set->is_empty && !is_double_row && is_taken && moving->elems > TS_GEMM_COLUMNS &&
        ts_deferred_turned(set->exec, stationary, turned)) {
        set->read_across[set->across++] = turned->source;
        return true;
    }
    if (!is_read_far(set, stationary, is_double_row)) ts_rows_meet_across(set, stationary);
    return false;
}

ts_status ts_exec_nc_matmul(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nc_matmul *inst = (const ts_inst_nc_matmul *)head;
    ts_operand_set set = {.exec = exec};
    ts_rows dst, stationary, moving;
    const bool adds = is_added(exec, &inst->accumulate);
    (adds ? ts_rows_get : ts_rows_whole)(&set, &inst->dst, &dst);
    ts_turned turned;
    ts_rows_peek(&set, &inst->stationary, &stationary);
    ts_rows_peek(&set, &inst->moving, &moving);
    if (!is_read_far(&set, &moving, inst->is_double_row)) ts_rows_meet_across(&set, &moving);
    const bool is_turned = is_read_turned(&set, &stationary, &moving, inst->is_double_row, &turned);
    if (!ts_operands_known(&set)) return ts_ok;
    const bool is_in_chain = ts_pool_threads(exec->pool) > 1 && is_of_many(exec, inst);
    uint64_t flops = 2 * (uint64_t)stationary.parts * (uint64_t)stationary.elems * (uint64_t)moving.elems;
    *(inst->is_stationary_onezero ? &exec->stats.pe_selection_flops : &exec->stats.pe_flops) +=
        inst->is_double_row ? flops / 2 : flops;
    if (!inst->is_double_row) {
        multiply(&set, &stationary, is_turned ? &turned : NULL, &moving, &dst, adds, is_in_chain);
        return ts_ok;
    }
    for (int half = 0; half < 2; half++) {
        ts_rows a = half_of(&stationary, half), b = half_of(&moving, half);
        multiply(&set, &a, NULL, &b, &dst, adds || half == 1, is_in_chain);
    }
    return ts_ok;
}

/* ---- nc_transpose ---- */

/* Before NeuronCore-v3, which transposes bits (ISA:829-867), TensorE multiplies by the identity. That adds 0
   times every other element of the column, so a NaN or Inf among them makes NaN (ARCH:185-191). Sums start at
   +0, so -0 becomes +0. */
static void multiply_by_identity(float *column, int64_t n) {
    int64_t others = 0, where = 0;
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

/* A transpose: row f of dst is element f of all rows of data. */
typedef struct turning {
    ts_rows data, dst;
    ts_isa isa;
    bool is_exact, is_product;
    ts_memory from, to; /* workspace, whose rows belong to the partitions of dst */
} turning;

/* For any operands, through packed copies: of bits if nothing is cast, else of fp32. */
static void turn_copies(const turning *t, int64_t first, int64_t last) {
    int size = t->is_exact ? t->data.size : (int)sizeof(float);
    int64_t parts = t->data.parts, elems = last - first;
    uint8_t *from = t->from.data + (t->dst.part + first) * t->from.pitch;
    uint8_t *to = t->to.data + (t->dst.part + first) * t->to.pitch;
    for (int64_t p = 0; p < parts; p++)
        for (int64_t at = 0, n; at < elems; at += n) {
            uint8_t *row = from + (p * elems + at) * size;
            n = elems - at < TS_CHUNK ? elems - at : TS_CHUNK;
            const void *values = t->is_exact ? ts_rows_read_raw(&t->data, p, first + at, n, row)
                                             : ts_rows_read(&t->data, p, first + at, n, (float *)row);
            if (values != row) ts_copy(row, values, (size_t)(n * size));
        }
    ts_turn turn = {.from = from,
                    .to = to,
                    .from_pitch = elems * size,
                    .to_pitch = t->to.pitch,
                    .parts = parts,
                    .elems = elems,
                    .from_size = size};
    ts_turn_run(t->isa, &turn);
    for (int64_t f = 0; f < elems; f++) {
        uint8_t *column = to + f * t->to.pitch;
        if (t->is_product) multiply_by_identity((float *)column, parts);
        for (int64_t at = 0, n; at < parts; at += n) {
            n = parts - at < TS_CHUNK ? parts - at : TS_CHUNK;
            if (t->is_exact)
                ts_rows_write_raw(&t->dst, first + f, at, n, column + at * size);
            else
                ts_rows_write(&t->dst, first + f, at, n, (float *)column + at);
        }
    }
}

/* For rows without gaps of which nothing is rounded. False: they are not such, or a product met a NaN or
   infinity. */
static bool turn_in_place(const turning *t, int64_t first, int64_t last) {
    bool is_float = t->data.dtype == ts_dtype_f32 || t->data.dtype == ts_dtype_bf16;
    if (t->is_product ? !is_float || t->dst.dtype != ts_dtype_f32 : !t->is_exact) return false;
    if (!ts_rows_are_adjacent(&t->data) || !ts_rows_are_adjacent(&t->dst)) return false;
    ts_turn turn = {.from = t->data.base + first * t->data.size,
                    .to = ts_rows_at(&t->dst, first),
                    .from_pitch = t->data.pitch,
                    .to_pitch = t->dst.pitch,
                    .parts = t->data.parts,
                    .elems = last - first,
                    .from_size = t->data.size,
                    .is_product = t->is_product};
    return ts_turn_run(t->isa, &turn);
}

static void turn_rows(void *context, int64_t first, int64_t last) {
    const turning *t = context;
    if (!turn_in_place(t, first, last)) turn_copies(t, first, last);
}

ts_status ts_exec_nc_transpose(ts_exec *exec, const ts_inst *head) {
    const ts_inst_nc_transpose *inst = (const ts_inst_nc_transpose *)head;
    ts_operand_set set = {.exec = exec};
    turning t = {.isa = exec->host.isa,
                 .is_product =
                     head->engine == ts_engine_tensor && ts_machine_chip(exec->machine)->generation < 3,
                 .from = exec->core->shadow[TS_WORKSPACE],
                 .to = exec->core->shadow[TS_WORKSPACE - 1]};
    ts_rows_whole(&set, &inst->dst, &t.dst);
    ts_rows_peek(&set, &inst->data, &t.data);
    if (head->engine == ts_engine_tensor && ts_defer_turn(&set, &t.dst, &t.data)) return ts_ok;
    ts_rows_meet_across(&set, &t.data);
    ts_rows_protect(&set, &t.data, &t.dst, false);
    if (!ts_operands_known(&set)) return ts_ok;
    t.is_exact = !t.is_product && t.data.dtype == t.dst.dtype;
    double ns = 0.13 * (double)t.data.parts;
    ts_work_local(&set, &(ts_work){turn_rows, t.dst.parts, 1, ns, &t, sizeof t});
    return ts_ok;
}

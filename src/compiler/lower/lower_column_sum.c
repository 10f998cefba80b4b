/* Sums over rows that keep the contiguous axis (bias gradients, batch statistics). VectorE adds only along
   the free dimension, so TensorE multiplies by a vector of ones to add over the partitions. */
#include <string.h>

#include "compiler/lower/lower.h"

enum { ROWS = 128, BANK = 512, FEWEST_COLUMNS = 4, FEWEST_ROWS = 32 };

typedef struct column_sum {
    ts_lower *lower;
    ts_builder *b;
    ts_view view[2]; /* the result, with stride 0 on summed axes; the operand */
    ts_nest nest;    /* axes: kept, summed, [rows of a partition], columns */
    int kept;        /* number of axes before the summed ones */
    int loops;       /* number of summed axes that become loops */
    int64_t groups;  /* rows of a partition that stay separate in PSUM until VectorE adds them */
} column_sum;

static bool is_summed(const ts_view *views, int axis) {
    return views[0].stride[axis] == 0;
}

static int find_columns(const ts_view *views) {
    for (int i = 0; i < views[1].rank; i++)
        if (views[1].stride[i] == 1) return is_summed(views, i) ? -1 : i;
    return -1;
}

static int find_rows(const ts_view *views) {
    int rows = -1;
    for (int i = 0; i < views[1].rank; i++)
        if (is_summed(views, i) && (rows < 0 || views[1].dim[i] > views[1].dim[rows])) rows = i;
    return rows;
}

/* The number of adjacent rows for each partition. Several rows make a descriptor move more bytes. */
static int64_t choose_groups(int64_t rows, int64_t columns) {
    for (int64_t groups = BANK / columns; groups > 1; groups--)
        if (rows % groups == 0 && (rows / groups >= ROWS / 2)) return groups;
    return 1;
}

/* Orders the axes: kept ones, summed ones with the rows last, then the columns. */
static void arrange(column_sum *s, int columns, int rows) {
    int perm[TS_VIEW_RANK], rank = s->view[1].rank, at = 0;
    for (int i = 0; i < rank; i++)
        if (!is_summed(s->view, i) && i != columns) perm[at++] = i;
    s->kept = at;
    for (int i = 0; i < rank; i++)
        if (is_summed(s->view, i) && i != rows) perm[at++] = i;
    perm[at++] = rows;
    perm[at++] = columns;
    for (int i = 0; i < 2; i++)
        s->view[i] = ts_view_permute(&s->view[i], at, perm);
    s->groups = at < TS_VIEW_RANK ? choose_groups(s->view[1].dim[at - 2], s->view[1].dim[at - 1]) : 1;
    if (s->groups > 1) ts_views_split(s->view, 2, at - 2, s->groups);
}

static void cut(column_sum *s) {
    ts_nest *nest = &s->nest;
    int rank = s->view[1].rank, free_axes = s->groups > 1 ? 2 : 1;
    *nest = (ts_nest){.b = s->b, .rank = rank, .part = rank - free_axes - 1, .first_free = rank - free_axes};
    memcpy(nest->size, s->view[1].dim, sizeof nest->size);
    for (int i = 0; i < rank; i++)
        nest->tile[i] = i < nest->part ? 1 : nest->size[i];
    if (nest->tile[nest->part] > ROWS) nest->tile[nest->part] = ROWS;
    if (nest->tile[rank - 1] > BANK) nest->tile[rank - 1] = BANK;
    for (int i = s->kept; i <= nest->part; i++)
        s->loops += nest->tile[i] < nest->size[i];
}

/* The result in PSUM, on one partition: [groups, columns]. */
static ts_ap bank_ap(const column_sum *s, ts_tile bank) {
    return ts_build_ap(s->b, bank, ts_dtype_f32, ts_count_const(1),
                       ts_nest_free(&s->nest, s->nest.first_free, s->nest.rank));
}

static void add_rows(column_sum *s, ts_tile ones, ts_tile bank, ts_dtype dtype) {
    ts_nest *nest = &s->nest;
    ts_accum accum = {.mode = s->loops == 0   ? ts_accum_never
                              : s->loops == 1 ? ts_accum_unless_first
                                              : ts_accum_always};
    ts_ap dst = bank_ap(s, bank);
    if (accum.mode == ts_accum_always) ts_emit_memset(s->b, ts_engine_vector, &dst, 0);
    ts_nest_open(nest, s->kept, nest->first_free);
    for (int i = s->kept; i <= nest->part; i++)
        if (nest->is_open[i] && accum.mode == ts_accum_unless_first) accum.loop = nest->loop[i];
    int64_t elems = ts_nest_max_free(nest, 0, nest->rank);
    ts_tile tile =
        ts_build_tile(s->b, ts_space_sbuf, ts_nest_max_parts(nest), elems * ts_dtype_get(dtype)->bytes, 2);
    ts_ap from = ts_nest_hbm(nest, &s->view[1]);
    ts_ap data = ts_build_ap(s->b, tile, dtype, ts_nest_parts(nest), ts_nest_free(nest, 0, nest->rank));
    ts_ap stationary = ts_build_ap(s->b, ones, dtype, ts_nest_parts(nest), ts_count_const(1));
    ts_emit_dma(s->b, ts_engine_sync, ts_lower_load_queue(s->lower), &data, &from);
    ts_emit_matmul(s->b, &dst, &stationary, &data, accum)->is_stationary_onezero = true;
    ts_nest_close(nest, s->kept, nest->first_free);
}

static void store_sums(column_sum *s, ts_tile bank, double init) {
    const ts_nest *nest = &s->nest;
    int columns = nest->rank - 1;
    ts_dtype dtype = ts_chip_dtype(s->view[0].dtype);
    ts_count count = ts_nest_axis_count(nest, columns);
    ts_ap sums = bank_ap(s, bank);
    if (s->groups > 1) {
        ts_tile tile = ts_build_tile(s->b, ts_space_sbuf, 1, nest->tile[columns] * 4, 2);
        ts_ap apart = ts_build_ap(s->b, bank, ts_dtype_f32, ts_count_const(1), count);
        ts_ap_dim(&apart, nest->tile[columns], ts_count_const(s->groups));
        sums = ts_build_ap(s->b, tile, ts_dtype_f32, ts_count_const(1), count);
        ts_emit_reduce(s->b, &sums, &apart, ts_alu_add, 1);
    }
    ts_tile out = ts_build_tile(s->b, ts_space_sbuf, 1, nest->tile[columns] * ts_dtype_get(dtype)->bytes, 2);
    ts_ap result = ts_build_ap(s->b, out, dtype, ts_count_const(1), count);
    ts_emit_tensor_scalar(s->b, ts_engine_vector, &result, &sums, ts_alu_add, ts_scalar_const(init), false);
    ts_ap dst = ts_nest_hbm_axes(nest, &s->view[0], 1u << columns);
    dst.dim[0] = (ts_dim){.step = 0, .count = ts_count_const(1)};
    ts_emit_dma(s->b, ts_engine_tensor, TS_STORE_QUEUE, &dst, &result);
}

bool ts_lower_column_sum(ts_lower *lower, const ts_view *views, const ts_view *init) {
    column_sum s = {.lower = lower, .b = &lower->b, .view = {views[0], views[1]}};
    int columns = find_columns(views), rows = find_rows(views);
    unsigned dtype = views[1].dtype;
    bool is_float = dtype == ts_dtype_f32 || dtype == ts_dtype_bf16 || dtype == ts_dtype_f16;
    if (!is_float || init->kind != ts_view_splat || columns < 0 || rows < 0) return false;
    if (views[1].dim[columns] < FEWEST_COLUMNS || views[1].dim[rows] < FEWEST_ROWS) return false;
    arrange(&s, columns, rows);
    cut(&s);
    ts_tile ones = ts_build_tile(s.b, ts_space_sbuf, ts_nest_max_parts(&s.nest),
                                 ts_dtype_get((ts_dtype)dtype)->bytes, 1);
    ts_ap all = ts_build_ap(s.b, ones, (ts_dtype)dtype, ts_count_const(ts_nest_max_parts(&s.nest)),
                            ts_count_const(1));
    ts_emit_memset(s.b, ts_engine_vector, &all, 1);
    ts_nest_open(&s.nest, 0, s.kept);
    ts_nest_open(&s.nest, s.nest.rank - 1, s.nest.rank);
    ts_tile bank = ts_build_tile(s.b, ts_space_psum, 1, ts_nest_max_free(&s.nest, 0, s.nest.rank) * 4, 2);
    add_rows(&s, ones, bank, (ts_dtype)dtype);
    store_sums(&s, bank, init->value);
    ts_nest_close(&s.nest, s.nest.rank - 1, s.nest.rank);
    ts_nest_close(&s.nest, 0, s.kept);
    return true;
}

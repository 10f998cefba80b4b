/* Copies that change which axis is contiguous. A DMA alone would need a descriptor for each element. So tiles
   are loaded along one axis, transposed, and stored along the other. TensorE transposes large tensors
   (lower_turned.c); of small ones VectorE transposes blocks of 32 x 32, bit for bit. */
#include <string.h>

#include "base/integer.h"
#include "compiler/lower/turned.h"

enum {
    TILE = 128,
    BLOCK = 32,
    SHORTEST = 16,
    FEWEST_BLOCKS = 8 /* fewest blocks for TensorE, whose results pass through two engines */
};

typedef struct transposition {
    ts_builder *b;
    ts_nest in; /* loads with `rows` on the partitions */
    ts_view view[2];
    int rows, columns;
} transposition;

static int contiguous_axis(const ts_view *view) {
    for (int i = 0; i < view->rank; i++)
        if (view->stride[i] == 1 && view->dim[i] >= SHORTEST) return i;
    return -1;
}

bool ts_view_is_across(const ts_view *dst, const ts_view *src) {
    int rows = contiguous_axis(dst), columns = contiguous_axis(src);
    return src->kind == ts_view_tensor && rows >= 0 && columns >= 0 && rows != columns &&
           src->stride[rows] != 0;
}

/* Outer axes become loops with one position per trip; the other two form square tiles. */
static void cut(transposition *t) {
    ts_nest *nest = &t->in;
    *nest = (ts_nest){.b = t->b, .rank = t->view[0].rank, .part = t->rows, .first_free = t->columns};
    memcpy(nest->size, t->view[0].dim, sizeof nest->size);
    for (int i = 0; i < nest->rank; i++)
        nest->tile[i] = i < t->rows ? 1 : nest->size[i] < TILE ? nest->size[i] : TILE;
}

/* min(32, elements left of the axis in this trip's tile from block `loop` on). */
static ts_count block_count(const transposition *t, int axis, uint32_t loop) {
    ts_count count = ts_nest_axis_count(&t->in, axis);
    ts_affine limit = count.is_ragged ? count.limit : ts_affine_const(count.max);
    if (!count.is_ragged && count.max % BLOCK == 0) return ts_count_const(BLOCK);
    return (ts_count){.max = BLOCK, .is_ragged = true, .limit = ts_build_term(t->b, limit, -BLOCK, loop)};
}

static int64_t blocks(const transposition *t, int axis) {
    return (t->in.tile[axis] + BLOCK - 1) / BLOCK;
}

static void turn_blocks(transposition *t, ts_tile from, ts_tile to, ts_dtype dtype) {
    int64_t bytes = ts_dtype_get(dtype)->bytes;
    uint32_t row_loop = ts_build_loop(t->b, ts_count_const(blocks(t, t->rows)));
    uint32_t column_loop = ts_build_loop(t->b, ts_count_const(blocks(t, t->columns)));
    ts_count rows = block_count(t, t->rows, row_loop), columns = block_count(t, t->columns, column_loop);
    ts_ap data = ts_build_ap(t->b, from, dtype, rows, columns),
          dst = ts_build_ap(t->b, to, dtype, columns, rows);
    data.part = ts_build_term(t->b, data.part, BLOCK, row_loop);
    data.offset = ts_build_term(t->b, data.offset, BLOCK * bytes, column_loop);
    dst.part = ts_build_term(t->b, dst.part, BLOCK, column_loop);
    dst.offset = ts_build_term(t->b, dst.offset, BLOCK * bytes, row_loop);
    ts_emit_transpose(t->b, ts_engine_vector, &dst, &data);
    ts_build_end(t->b);
    ts_build_end(t->b);
}

/* The operand in the destination: columns on the partitions, rows free. */
static ts_ap destination(const transposition *t) {
    ts_nest out = t->in;
    out.part = t->columns;
    ts_ap ap = ts_nest_hbm_column(&out, &t->view[0]);
    ts_ap_dim(&ap, t->view[0].stride[t->rows], ts_nest_axis_count(&t->in, t->rows));
    return ap;
}

static void turn_small(ts_lower *lower, const ts_turned *copy) {
    transposition t = {.b = &lower->b, .rows = copy->rows, .columns = copy->columns};
    memcpy(t.view, copy->view, sizeof t.view);
    cut(&t);
    ts_dtype dtype = ts_chip_dtype(t.view[1].dtype);
    int64_t bytes = ts_dtype_get(dtype)->bytes;
    ts_nest_open(&t.in, 0, t.in.rank);
    ts_tile from = ts_build_tile(t.b, ts_space_sbuf, t.in.tile[t.rows], t.in.tile[t.columns] * bytes, 2);
    ts_tile to = ts_build_tile(t.b, ts_space_sbuf, t.in.tile[t.columns], t.in.tile[t.rows] * bytes, 2);
    ts_count count[2] = {ts_nest_axis_count(&t.in, t.rows), ts_nest_axis_count(&t.in, t.columns)};
    ts_ap source = ts_nest_hbm(&t.in, &t.view[1]);
    ts_ap data = ts_build_ap(t.b, from, dtype, count[0], count[1]);
    ts_emit_dma(t.b, ts_engine_sync, ts_lower_load_queue(lower), &data, &source);
    turn_blocks(&t, from, to, dtype);
    ts_ap turned = ts_build_ap(t.b, to, dtype, count[1], count[0]), place = destination(&t);
    ts_emit_dma(t.b, ts_engine_scalar, TS_STORE_QUEUE, &place, &turned);
    ts_nest_close(&t.in, 0, t.in.rank);
}

void ts_lower_transposed(ts_lower *lower, const ts_view *dst, const ts_view *src) {
    ts_turned t;
    int perm[TS_VIEW_RANK], at = 0, rows = contiguous_axis(dst), columns = contiguous_axis(src);
    for (int i = 0; i < dst->rank; i++)
        if (i != rows && i != columns) perm[at++] = i;
    t.rows = at;
    perm[at++] = rows;
    t.columns = at;
    perm[at++] = columns;
    t.view[0] = ts_view_permute(dst, at, perm);
    t.view[1] = ts_view_permute(src, at, perm);
    int64_t blocks = ts_ceil_div(src->dim[rows], BLOCK) * ts_ceil_div(src->dim[columns], BLOCK);
    if (blocks >= FEWEST_BLOCKS && ts_dtype_get(ts_chip_dtype(src->dtype))->bytes <= 4)
        ts_lower_turned(lower, &t);
    else
        turn_small(lower, &t);
}

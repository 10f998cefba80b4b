/* Large copies that change which axis is contiguous: TensorE transposes tiles of 128 x 128. It does so by a
   product with the identity, in which NaN and infinity would reach their neighbours. So it transposes the
   elements' bits, as one or two integers of at most 16 bits in fp32. */
#include <string.h>

#include "compiler/lower/turned.h"

enum {
    TILE = 128,
    TILES = 4, /* tiles of a block each way: sets the length of a DMA's runs */
    BANK = 512 /* fp32 numbers per partition of a PSUM bank */
};

typedef struct turning {
    ts_lower *lower;
    ts_builder *b;
    const ts_turned *t;
    ts_nest nest;                                   /* loops over blocks */
    int64_t bytes, numbers;                         /* bytes of an element, and numbers that hold its bits */
    int64_t row_tiles, column_tiles, rows, columns; /* tiles of a block; elements of a tile */
    bool has_row_loop;
    uint32_t row_loop;
    ts_tile from, to;
} turning;

static int64_t block_rows(const turning *t) {
    return t->rows * t->row_tiles;
}

static int64_t block_columns(const turning *t) {
    return t->columns * t->column_tiles;
}

/* The number of tiles of an axis in a block: up to TILES full ones, or one if the axis is short. */
static int64_t tiles_of(int64_t size) {
    int64_t tiles = size / TILE;
    return tiles == 0 ? 1 : tiles < TILES ? tiles : TILES;
}

/* The part of an axis that consists of whole blocks; the rest is transposed separately. */
static int64_t whole_blocks(int64_t size) {
    return size < TILE ? size : size - size % (tiles_of(size) * TILE);
}

/* An operand in HBM: `tiles` times `parts` elements of axis `part` on the partitions, and a run of the other
   axis. */
static ts_ap in_hbm(const turning *t, const ts_view *view, int part, int64_t parts, int64_t tiles,
                    int64_t run) {
    ts_ap ap = ts_nest_hbm_column(&t->nest, view);
    ap.dim[0] = (ts_dim){.step = view->stride[part], .count = ts_count_const(parts)};
    ap.parts = ap.dim[0].count;
    if (tiles > 1) ts_ap_dim(&ap, parts * view->stride[part], ts_count_const(tiles));
    ts_ap_dim(&ap, 1, ts_count_const(run));
    return ap;
}

/* Adds the bits of elements, number by number; `step` is the distance between elements. */
static void add_bits(const turning *t, ts_ap *ap, int64_t step, int64_t count) {
    ap->dtype = t->bytes == 1 ? ts_dtype_u8 : ts_dtype_u16;
    if (t->numbers > 1) ts_ap_dim(ap, 1, ts_count_const(t->numbers));
    ts_ap_dim(ap, step * t->numbers, ts_count_const(count));
}

static ts_affine at_row_tile(const turning *t, ts_affine offset, int64_t step) {
    return t->has_row_loop ? ts_build_term(t->b, offset, step, t->row_loop) : offset;
}

/* wide[row, number, column] = the numbers of a row of tiles. */
static ts_tile widen(turning *t) {
    int64_t columns = block_columns(t), all = t->numbers * columns;
    ts_tile wide = ts_build_tile(t->b, ts_space_sbuf, t->rows, all * (int64_t)sizeof(float), 2);
    ts_ap from = ts_build_ap(t->b, t->from, ts_dtype_u16, ts_count_const(t->rows), ts_count_const(1));
    from.dims = 0;
    from.offset = at_row_tile(t, from.offset, columns * t->bytes);
    add_bits(t, &from, 1, columns);
    ts_ap to = ts_build_ap(t->b, wide, ts_dtype_f32, ts_count_const(t->rows), ts_count_const(all));
    if (t->numbers > 1) {
        to.dim[0] = (ts_dim){.step = columns, .count = ts_count_const(t->numbers)};
        ts_ap_dim(&to, 1, ts_count_const(columns));
    }
    ts_emit_copy(t->b, ts_engine_scalar, &to, &from);
    return wide;
}

/* The number of column tiles that one bank holds after transposing. */
static int64_t tiles_a_bank(const turning *t) {
    int64_t most = BANK / (t->numbers * t->rows);
    while (t->column_tiles % most != 0)
        most--;
    return most;
}

static void turn_tiles(turning *t, ts_tile wide) {
    int64_t elem = sizeof(float), each = tiles_a_bank(t), groups = t->column_tiles / each;
    uint32_t loop = groups > 1 ? ts_build_loop(t->b, ts_count_const(groups)) : 0;
    ts_tile bank = ts_build_tile(t->b, ts_space_psum, t->columns, BANK * elem, 4);
    for (int64_t i = 0; i < each; i++)
        for (int64_t number = 0; number < t->numbers; number++) {
            ts_ap data =
                ts_build_ap(t->b, wide, ts_dtype_f32, ts_count_const(t->rows), ts_count_const(t->columns));
            data.offset.base += (number * block_columns(t) + i * t->columns) * elem;
            if (groups > 1) data.offset = ts_build_term(t->b, data.offset, each * t->columns * elem, loop);
            ts_ap dst =
                ts_build_ap(t->b, bank, ts_dtype_f32, ts_count_const(t->columns), ts_count_const(t->rows));
            dst.offset.base += (i * t->numbers + number) * t->rows * elem;
            ts_emit_transpose(t->b, ts_engine_tensor, &dst, &data);
        }
    ts_ap from = ts_build_ap(t->b, bank, ts_dtype_f32, ts_count_const(t->columns), ts_count_const(each));
    from.dim[0].step = t->numbers * t->rows;
    if (t->numbers > 1) ts_ap_dim(&from, t->rows, ts_count_const(t->numbers));
    ts_ap_dim(&from, 1, ts_count_const(t->rows));
    ts_ap to = ts_build_ap(t->b, t->to, ts_dtype_u16, ts_count_const(t->columns), ts_count_const(each));
    to.dim[0].step = block_rows(t) * t->numbers;
    to.offset = at_row_tile(t, to.offset, t->rows * t->bytes);
    if (groups > 1) to.offset = ts_build_term(t->b, to.offset, each * block_rows(t) * t->bytes, loop);
    add_bits(t, &to, 1, t->rows);
    ts_emit_copy(t->b, ts_engine_vector, &to, &from);
    if (groups > 1) ts_build_end(t->b);
}

/* Transposes views that consist of whole blocks. */
static void turn_blocks(ts_lower *lower, const ts_turned *whole) {
    turning t = {.lower = lower, .b = &lower->b, .t = whole};
    const ts_view *src = &whole->view[1];
    int64_t size[2] = {src->dim[whole->rows], src->dim[whole->columns]};
    t.bytes = ts_dtype_get(ts_chip_dtype(src->dtype))->bytes;
    t.numbers = t.bytes == 4 ? 2 : 1;
    t.row_tiles = tiles_of(size[0]);
    t.column_tiles = tiles_of(size[1]);
    t.rows = size[0] < TILE ? size[0] : TILE;
    t.columns = size[1] < TILE ? size[1] : TILE;
    t.nest = (ts_nest){.b = t.b, .rank = src->rank, .part = -1, .first_free = src->rank};
    memcpy(t.nest.size, src->dim, sizeof t.nest.size);
    for (int i = 0; i < src->rank; i++)
        t.nest.tile[i] = 1;
    t.nest.tile[whole->rows] = block_rows(&t);
    t.nest.tile[whole->columns] = block_columns(&t);
    ts_nest_open(&t.nest, 0, src->rank);
    ts_dtype dtype = ts_chip_dtype(src->dtype);
    int64_t loaded = t.row_tiles * block_columns(&t), stored = t.column_tiles * block_rows(&t);
    t.from = ts_build_tile(t.b, ts_space_sbuf, t.rows, loaded * t.bytes, 2);
    t.to = ts_build_tile(t.b, ts_space_sbuf, t.columns, stored * t.bytes, 2);
    ts_ap from = in_hbm(&t, src, whole->rows, t.rows, t.row_tiles, block_columns(&t));
    ts_ap in = ts_build_ap(t.b, t.from, dtype, ts_count_const(t.rows), ts_count_const(loaded));
    ts_emit_dma(t.b, ts_engine_sync, ts_lower_load_queue(lower), &in, &from);
    t.has_row_loop = t.row_tiles > 1;
    if (t.has_row_loop) t.row_loop = ts_build_loop(t.b, ts_count_const(t.row_tiles));
    turn_tiles(&t, widen(&t));
    if (t.has_row_loop) ts_build_end(t.b);
    ts_ap to = in_hbm(&t, &whole->view[0], whole->columns, t.columns, t.column_tiles, block_rows(&t));
    ts_ap out = ts_build_ap(t.b, t.to, dtype, ts_count_const(t.columns), ts_count_const(stored));
    ts_emit_dma(t.b, ts_engine_gpsimd, TS_STORE_QUEUE, &to, &out);
    ts_nest_close(&t.nest, 0, src->rank);
}

void ts_lower_turned(ts_lower *lower, const ts_turned *t) {
    const int axes[2] = {t->rows, t->columns};
    for (int i = 0; i < 2; i++) {
        int64_t size = t->view[1].dim[axes[i]], whole = whole_blocks(size);
        if (whole == size) continue;
        ts_turned first = *t, rest = *t;
        for (int v = 0; v < 2; v++) {
            first.view[v].dim[axes[i]] = whole;
            rest.view[v].dim[axes[i]] = size - whole;
            rest.view[v].offset += whole * rest.view[v].stride[axes[i]];
        }
        ts_lower_turned(lower, &first);
        ts_lower_turned(lower, &rest);
        return;
    }
    turn_blocks(lower, t);
}

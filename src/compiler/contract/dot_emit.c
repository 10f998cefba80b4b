/* Emits a planned contraction: panels of both operands in SBUF with depth on the partitions, matmuls of at
   most 128 x 128 x 512 that accumulate in PSUM, and copies of the results by ScalarE. */
#include "compiler/contract/dot.h"

ts_ap ts_dot_block_ap(const ts_dot *d, const ts_dot_block *k, ts_count elems) {
    ts_ap ap = ts_build_ap(d->b, k->psum, ts_dtype_f32, k->rows, elems);
    if (k->psum_step && k->row_is_open) ap.offset = ts_build_term(d->b, ap.offset, k->psum_step, k->row_loop);
    return ap;
}

/* Chunk `chunk` of a group and batch `batch` of an operand: `depth` partitions, `elems` elements. */
static ts_ap operand_ap(const ts_dot *d, const ts_dot_operand *o, const ts_dot_group *g, ts_affine chunk,
                        ts_affine batch, ts_count depth, ts_count elems) {
    int64_t elem = ts_dtype_get(d->dtype)->bytes, step = ts_dot_chunk_step(d, o);
    ts_ap ap = ts_build_ap(d->b, o->tile, d->dtype, depth, elems);
    ap.offset.base += g->first * step * elem;
    ap.offset = ts_build_sum(d->b, ap.offset, chunk, step * elem);
    ap.offset = ts_build_sum(d->b, ap.offset, batch, ts_walk_panel(o->walk) * elem);
    if (ts_dot_comes_early(d, o)) ts_build_slot(d->b, &ap, ts_dot_early_slot(d, o));
    return ap;
}

/* Multiplies `count` chunks of a group from `from` on, each for all batches and banks of the block, so that
   the part of a panel that has already arrived is used first. With is_first the first chunk overwrites
   PSUM. */
static void multiply_part(const ts_dot *d, const ts_dot_block *k, const ts_dot_group *g, ts_affine from,
                          ts_count count, bool is_first) {
    int64_t elem = ts_dtype_get(d->dtype)->bytes, cols = ts_walk_panel(&d->cols);
    int64_t banks = (cols + TS_DOT_BANK - 1) / TS_DOT_BANK;
    bool is_loop = count.max > 1;
    uint32_t batch_loop = ts_dot_open(d, k->batches), loop = is_loop ? ts_build_loop(d->b, count) : 0;
    uint32_t bank_loop = ts_dot_open(d, banks);
    ts_affine batch = ts_dot_counter(d, k->batches, batch_loop), bank = ts_dot_counter(d, banks, bank_loop);
    /* `first` is the batch in the panel. */
    ts_affine index = is_loop ? ts_build_term(d->b, from, 1, loop) : from, first = batch;
    if (k->batch_trips > 1) first = ts_build_term(d->b, first, k->batches, k->batch_loop);
    ts_count depth = ts_count_scale(d->b, ts_dot_positions(d, g, index), d->depth.inner);
    ts_count width = ts_walk_slice(d->b, &d->cols, TS_DOT_BANK, banks > 1, bank_loop);
    ts_ap stationary = operand_ap(d, &d->stationary, g, index, first, depth, k->rows);
    if (d->is_ahead)
        ts_build_slot(d->b, &stationary, k->number);
    else if (k->row_tiles > 1)
        stationary.offset =
            ts_build_term(d->b, stationary.offset, ts_walk_tile(&d->rows) * elem, k->row_loop);
    ts_ap moving = operand_ap(d, &d->moving, g, index, first, depth, width);
    moving.offset = ts_build_sum(d->b, moving.offset, bank, TS_DOT_BANK * elem);
    ts_ap dst = ts_dot_block_ap(d, k, width);
    dst.offset = ts_build_sum(d->b, dst.offset, batch, cols * 4);
    dst.offset = ts_build_sum(d->b, dst.offset, bank, TS_DOT_BANK * 4);
    ts_accum accum = {.mode = ts_accum_always};
    if (is_first) accum.mode = is_loop ? ts_accum_unless_first : ts_accum_never;
    if (accum.mode == ts_accum_unless_first) accum.loop = loop;
    ts_emit_matmul(d->b, &dst, &stationary, &moving, accum);
    ts_dot_close(d, banks);
    if (is_loop) ts_build_end(d->b);
    ts_dot_close(d, k->batches);
}

static void multiply(const ts_dot *d, const ts_dot_block *k, bool is_first) {
    for (int i = 0; i < d->groups; i++)
        multiply_part(d, k, &d->group[i], ts_affine_const(0), ts_count_const(d->group[i].chunks),
                      is_first && i == 0);
}

/* Multiplies slice by slice. The rows that are turned ahead are widened with the current slice and transposed
   one slice later, when their numbers are ready. */
static void multiply_ahead(const ts_dot *d, const ts_dot_block *k, ts_dot_ahead *ahead) {
    ts_dot_slice before = {0};
    ts_dot_ahead_block(ahead);
    for (int i = 0; i < d->groups; i++) {
        const ts_dot_group *g = &d->group[i];
        int64_t more = ts_dot_slices(d, g) - 1;
        ts_dot_slice slice = ts_dot_slice_at(d, g, ts_affine_const(0));
        ts_dot_ahead_widen(ahead, &slice);
        multiply_part(d, k, g, slice.chunk, slice.chunks, i == 0);
        if (i > 0) ts_dot_ahead_turn(ahead, &before);
        before = slice;
        if (more == 0) continue;
        uint32_t loop = ts_build_loop(d->b, ts_count_const(more));
        ts_affine index = ts_build_term(d->b, ts_affine_const(0), 1, loop);
        before = ts_dot_slice_at(d, g, index);
        slice = ts_dot_slice_at(d, g, ts_build_sum(d->b, ts_affine_const(1), index, 1));
        ts_dot_ahead_widen(ahead, &slice);
        multiply_part(d, k, g, slice.chunk, slice.chunks, false);
        ts_dot_ahead_turn(ahead, &before);
        ts_build_end(d->b);
        before = ts_dot_slice_at(d, g, ts_affine_const(more));
    }
    ts_dot_ahead_turn(ahead, &before);
    ts_dot_ahead_end(ahead);
}

/* The width of the block in PSUM. */
static ts_count psum_width(const ts_dot *d, const ts_dot_block *k) {
    int64_t cols = ts_walk_panel(&d->cols);
    return k->batches > 1 ? ts_count_const(k->batches * cols) : ts_walk_slice(d->b, &d->cols, cols, false, 0);
}

static void read_out(const ts_dot *d, const ts_dot_block *k) {
    int64_t cols = ts_walk_panel(&d->cols), bytes = ts_dtype_get(d->out.dtype)->bytes;
    ts_count width = psum_width(d, k);
    ts_ap from = ts_dot_block_ap(d, k, width);
    ts_ap to = ts_build_ap(d->b, k->out, (ts_dtype)d->out.dtype, k->rows, width);
    if (k->batch_trips > 1)
        to.offset = ts_build_term(d->b, to.offset, k->batches * cols * bytes, k->batch_loop);
    ts_emit_copy(d->b, ts_engine_scalar, &to, &from);
}

static void store(const ts_dot *d, const ts_dot_block *k) {
    const ts_walk *rows = &d->rows;
    ts_box t = {.tensor = d->out.tensor,
                .hbm_dtype = (ts_dtype)d->out.dtype,
                .hbm_offset = ts_view_offset(d->b, &d->out),
                .tile = k->out,
                .tile_dtype = (ts_dtype)d->out.dtype,
                .parts = k->rows};
    t.hbm_offset = ts_walk_offset(d->b, &d->batch, ts_side_out, t.hbm_offset);
    t.hbm_offset = ts_walk_offset(d->b, rows, ts_side_out, t.hbm_offset);
    t.hbm_offset = ts_walk_offset(d->b, &d->cols, ts_side_out, t.hbm_offset);
    if (k->row_tiles > 1)
        t.hbm_offset = ts_build_term(d->b, t.hbm_offset, rows->tile * rows->axis[rows->cut].step[ts_side_out],
                                     k->row_loop);
    ts_walk_parts(&t, rows, ts_side_out, ts_walk_tile_block(d->b, rows, k->row_tiles > 1, k->row_loop));
    ts_walk_free(&t, &d->batch, ts_side_out, ts_count_const(d->batch.block), ts_walk_panel(&d->cols));
    ts_walk_free(&t, &d->cols, ts_side_out, ts_walk_block(d->b, &d->cols), 1);
    ts_emit_store(d->b, ts_engine_scalar, TS_STORE_QUEUE, &t);
}

ts_dot_block ts_dot_block_of(const ts_dot *d) {
    int64_t cols = ts_walk_panel(&d->cols);
    ts_dot_block k = {.row_tiles = ts_walk_tiles(&d->rows), .batches = 1};
    if (cols <= TS_DOT_BANK / 2 && ts_walk_panels(&d->cols) == 1) {
        k.batches = TS_DOT_BANK / cols;
        if (k.batches > d->batch.block) k.batches = d->batch.block;
        while (d->batch.block % k.batches != 0)
            k.batches--;
    }
    k.batch_trips = d->batch.block / k.batches;
    return k;
}

static void enter(const ts_dot_reader *reader, ts_dot_stage stage) {
    if (reader) reader->enter(reader->context, stage);
}

/* Opens the loop over the row tiles of the panel. */
static void open_rows(ts_dot *d, ts_dot_block *k) {
    k->row_loop = ts_dot_open(d, k->row_tiles);
    k->row_is_open = k->row_tiles > 1;
    k->rows = ts_walk_slice(d->b, &d->rows, ts_walk_tile(&d->rows), k->row_tiles > 1, k->row_loop);
    k->number = ts_dot_counter(d, k->row_tiles, k->row_loop);
    if (d->rows.is_open[0]) k->number = ts_build_term(d->b, k->number, k->row_tiles, d->rows.loop[0]);
}

static void close_rows(ts_dot *d, ts_dot_block *k) {
    ts_dot_close(d, k->row_tiles);
    k->row_is_open = false;
}

/* Clears PSUM row tile by row tile, so that none waits until the whole previous block has been read. */
static void clear(ts_dot *d, const ts_dot_block *k) {
    uint32_t loop = ts_dot_open(d, k->row_tiles);
    ts_ap zero = ts_build_ap(d->b, k->psum, ts_dtype_f32, ts_count_const(ts_walk_tile(&d->rows)),
                             ts_count_const(k->psum_step / 4));
    zero.offset = ts_build_sum(d->b, zero.offset, ts_dot_counter(d, k->row_tiles, loop), k->psum_step);
    ts_emit_memset(d->b, ts_engine_vector, &zero, 0);
    ts_dot_close(d, k->row_tiles);
}

/* Depth in several panels: all are added to sums in PSUM, which start at zero and hold every row tile. */
static void multiply_panels(ts_lower *lower, ts_dot *d, ts_dot_block *k) {
    k->psum_step = ts_dot_psum_step(d);
    k->psum = ts_build_tile(d->b, ts_space_psum, ts_walk_tile(&d->rows), k->row_tiles * k->psum_step, 1);
    clear(d, k);
    ts_walk_open(d->b, &d->panel);
    ts_dot_load(lower, d, &d->stationary);
    ts_dot_load(lower, d, &d->moving);
    open_rows(d, k);
    multiply(d, k, false);
    close_rows(d, k);
    ts_walk_close(d->b, &d->panel);
}

/* Computes the rows of the open row panel, tile by tile. */
static ts_status compute_rows(ts_lower *lower, ts_dot *d, ts_dot_block *k, ts_dot_ahead *ahead,
                              const ts_dot_reader *reader) {
    int64_t cols = ts_walk_panel(&d->cols), bytes = ts_dtype_get(d->out.dtype)->bytes;
    int64_t tile = ts_walk_tile(&d->rows);
    bool is_whole = ts_dot_is_whole(d);
    if (!is_whole) multiply_panels(lower, d, k);
    open_rows(d, k);
    if (!reader)
        k->out = ts_build_tile(d->b, ts_space_sbuf, tile, d->batch.block * cols * bytes, ts_dot_out_slots(d));
    k->batch_loop = ts_dot_open(d, k->batch_trips);
    k->batch_is_open = k->batch_trips > 1;
    if (is_whole) k->psum = ts_build_tile(d->b, ts_space_psum, tile, k->batches * cols * 4, 2);
    enter(reader, ts_dot_in_block);
    if (d->is_ahead)
        multiply_ahead(d, k, ahead);
    else if (is_whole)
        multiply(d, k, true);
    if (reader)
        TS_TRY(reader->take(reader->context));
    else
        read_out(d, k);
    ts_dot_close(d, k->batch_trips);
    if (!reader) store(d, k);
    close_rows(d, k);
    return ts_ok;
}

/* Loads a side once its panels' loops are open, unless it is loaded elsewhere. */
static void load_side(ts_lower *lower, ts_dot *d, bool is_rows) {
    ts_dot_operand *o = is_rows ? &d->stationary : &d->moving;
    if (!ts_dot_is_whole(d) || (is_rows && d->is_ahead) || ts_dot_comes_early(d, o)) return;
    ts_dot_load(lower, d, o);
}

ts_status ts_dot_emit(ts_lower *lower, ts_dot *d, ts_dot_block *block, const ts_dot_reader *reader) {
    bool is_outer = d->is_rows_outer;
    ts_walk *outer = is_outer ? &d->rows : &d->cols, *inner = is_outer ? &d->cols : &d->rows;
    ts_dot_ahead ahead;
    *block = ts_dot_block_of(d);
    ts_dot_keep_begin(lower, d, &d->stationary);
    ts_dot_keep_begin(lower, d, &d->moving);
    enter(reader, ts_dot_before);
    ts_walk_open(d->b, &d->batch);
    enter(reader, ts_dot_in_batch);
    if (d->is_ahead && is_outer) ts_dot_ahead_begin(&ahead, lower, d, block);
    ts_dot_operand *held = is_outer ? &d->stationary : &d->moving;
    bool is_early = ts_dot_comes_early(d, held);
    if (is_early) ts_dot_early_begin(lower, d, held);
    ts_walk_open(d->b, outer);
    enter(reader, ts_dot_in_outer);
    load_side(lower, d, is_outer);
    if (d->is_ahead && !is_outer) ts_dot_ahead_begin(&ahead, lower, d, block);
    ts_walk_open(d->b, inner);
    enter(reader, ts_dot_in_inner);
    load_side(lower, d, !is_outer);
    if (is_early) ts_dot_early_piece(lower, d, held);
    TS_TRY(compute_rows(lower, d, block, &ahead, reader));
    ts_walk_close(d->b, inner);
    ts_walk_close(d->b, outer);
    ts_walk_close(d->b, &d->batch);
    return ts_ok;
}

/* dot_general: panels of both operands in SBUF with depth on the partitions, matmuls of at most
   128 x 128 x 512 that accumulate in PSUM, results read out by ScalarE. */
#include <string.h>

#include "compiler/dot.h"

static int64_t elem_bytes(const ts_dot *d) {
    return ts_dtype_get(d->dtype)->bytes;
}

/* Elements in the operand's tile from one chunk to the next. */
static int64_t chunk_step(const ts_dot *d, const ts_dot_operand *o) {
    return d->batch.block * ts_walk_panel(o->walk);
}

/* Every chunk of every panel is whole. */
static bool is_depth_even(const ts_dot *d) {
    const ts_walk *depth = &d->depth;
    return depth->axis[depth->cut].size % depth->block == 0 && depth->block % depth->tile == 0;
}

/* Positions of the cut axis in the chunk with this index. */
static ts_count chunk_positions(const ts_dot *d, ts_affine index) {
    const ts_walk *depth = &d->depth;
    ts_count count = ts_count_const(depth->tile);
    if (is_depth_even(d)) return count;
    count.is_ragged = true;
    count.limit = ts_build_sum(d->b, ts_affine_const(depth->axis[depth->cut].size), d->depth_at, -1);
    count.limit = ts_build_sum(d->b, count.limit, index, -depth->tile);
    return count;
}

static ts_affine loop_counter(const ts_dot *d, bool has_loop, uint32_t loop) {
    return has_loop ? ts_build_term(d->b, ts_affine_const(0), 1, loop) : ts_affine_const(0);
}

static uint32_t open_loop(const ts_dot *d, int64_t trips) {
    return trips > 1 ? ts_build_loop(d->b, ts_count_const(trips)) : 0;
}

static void close_loop(const ts_dot *d, int64_t trips) {
    if (trips > 1) ts_build_end(d->b);
}

/* ---- loading ---- */

static ts_box begin_load(const ts_dot *d, const ts_dot_operand *o) {
    const ts_walk *depth = &d->depth;
    ts_box t = {.tensor = o->view.tensor,
                .hbm_dtype = ts_chip_dtype(o->view.dtype),
                .hbm_offset = ts_affine_const(o->view.offset),
                .tile = o->tile,
                .tile_dtype = d->dtype};
    t.hbm_offset = ts_walk_offset(d->b, &d->batch, o->side, t.hbm_offset);
    t.hbm_offset = ts_walk_offset(d->b, o->walk, o->side, t.hbm_offset);
    t.hbm_offset = ts_build_sum(d->b, t.hbm_offset, d->depth_at, depth->axis[depth->cut].step[o->side]);
    return t;
}

/* `count` chunks from `index` on, `positions` of the cut axis in each, depth on the partitions. */
static void load_chunks(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, ts_affine index,
                        int64_t count, ts_count positions) {
    const ts_walk *depth = &d->depth;
    int64_t step = chunk_step(d, o), next = depth->tile * depth->axis[depth->cut].step[o->side];
    ts_box t = begin_load(d, o);
    t.hbm_offset = ts_build_sum(d->b, t.hbm_offset, index, next);
    t.tile_offset = ts_build_sum(d->b, ts_affine_const(0), index, step * elem_bytes(d));
    ts_walk_parts(&t, depth, o->side, positions);
    t.parts = ts_count_scale(d->b, positions, depth->inner);
    int64_t outer = d->chunks * step;
    for (int i = 0; i < depth->cut; i++) {
        outer /= depth->axis[i].size;
        ts_box_free(&t, depth->axis[i].step[o->side], outer, ts_count_const(depth->axis[i].size));
    }
    ts_box_free(&t, next, step, ts_count_const(count));
    ts_walk_free(&t, &d->batch, o->side, ts_count_const(d->batch.block), ts_walk_panel(o->walk));
    ts_walk_free(&t, o->walk, o->side, ts_walk_block(d->b, o->walk), 1);
    ts_emit_load(d->b, ts_lower_load_queue(lower), &t);
}

static void load_direct(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o) {
    const ts_walk *depth = &d->depth;
    int64_t size = depth->axis[depth->cut].size, tiles = ts_walk_tiles(depth);
    if (is_depth_even(d)) {
        load_chunks(lower, d, o, ts_affine_const(0), tiles, ts_count_const(depth->tile));
    } else if (depth->block >= size) { /* one panel, its last chunk shorter */
        int64_t whole = size / depth->tile;
        if (whole) load_chunks(lower, d, o, ts_affine_const(0), whole, ts_count_const(depth->tile));
        load_chunks(lower, d, o, ts_affine_const(whole), 1, ts_count_const(size - whole * depth->tile));
    } else {
        uint32_t loop = open_loop(d, tiles);
        ts_affine index = loop_counter(d, tiles > 1, loop);
        load_chunks(lower, d, o, index, 1, chunk_positions(d, index));
        close_loop(d, tiles);
    }
}

/* A block of rows of the operand: some batches of a small panel, or a tile of one batch's panel. */
typedef struct row_block {
    int64_t batches, batch_trips, tiles;
    uint32_t batch_loop, tile_loop;
} row_block;

static row_block cut_rows(const ts_dot *d, const ts_dot_operand *o) {
    row_block rows = {.batches = 1, .tiles = ts_walk_tiles(o->walk)};
    if (ts_walk_panels(o->walk) == 1 && rows.tiles == 1) {
        rows.batches = TS_DOT_TILE / ts_walk_panel(o->walk);
        if (rows.batches > d->batch.block) rows.batches = d->batch.block;
        while (d->batch.block % rows.batches != 0)
            rows.batches--;
    }
    rows.batch_trips = d->batch.block / rows.batches;
    return rows;
}

static int64_t depth_elems(const ts_dot *d) {
    int64_t elems = ts_walk_panel(&d->depth);
    for (int i = 0; i < d->depth.cut; i++)
        elems *= d->depth.axis[i].size;
    return elems;
}

/* The rows with their depth along the partition. */
static void load_rows(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const row_block *rows,
                      ts_tile tile, ts_count count) {
    const ts_walk *depth = &d->depth, *walk = o->walk;
    const ts_axis *batch = &d->batch.axis[d->batch.count - 1];
    ts_box t = begin_load(d, o);
    t.tile = tile;
    if (rows->batch_trips > 1)
        t.hbm_offset =
            ts_build_term(d->b, t.hbm_offset, rows->batches * batch->step[o->side], rows->batch_loop);
    if (rows->tiles > 1)
        t.hbm_offset = ts_build_term(d->b, t.hbm_offset, walk->tile * walk->axis[walk->cut].step[o->side],
                                     rows->tile_loop);
    ts_box_part(&t, batch->step[o->side], ts_count_const(rows->batches));
    ts_walk_parts(&t, walk, o->side, count);
    t.parts = ts_count_scale(d->b, count, rows->batches * walk->inner);
    int64_t step = depth_elems(d);
    for (int i = 0; i < depth->cut; i++) {
        step /= depth->axis[i].size;
        ts_box_free(&t, depth->axis[i].step[o->side], step, ts_count_const(depth->axis[i].size));
    }
    ts_count block = ts_count_const(depth->block);
    block.is_ragged = depth->axis[depth->cut].size % depth->block != 0;
    if (block.is_ragged)
        block.limit = ts_build_sum(d->b, ts_affine_const(depth->axis[depth->cut].size), d->depth_at, -1);
    ts_walk_free(&t, depth, o->side, block, 1);
    ts_emit_load(d->b, ts_lower_load_queue(lower), &t);
}

/* Each chunk of the rows through the PE into PSUM and from there to the operand's tile. */
static void transpose_rows(const ts_dot *d, const ts_dot_operand *o, const row_block *rows, ts_tile tile,
                           ts_count row_count) {
    int64_t elem = elem_bytes(d), panel = ts_walk_panel(o->walk);
    uint32_t loop = open_loop(d, d->chunks);
    ts_affine index = loop_counter(d, d->chunks > 1, loop);
    ts_count depth = ts_count_scale(d->b, chunk_positions(d, index), d->depth.inner);
    ts_tile psum = ts_build_tile(d->b, ts_space_psum, d->chunk, row_count.max * 4, d->chunks > 1 ? 2 : 1);
    ts_ap from = ts_build_ap(d->b, tile, d->dtype, row_count, depth);
    from.offset = ts_build_sum(d->b, from.offset, index, d->chunk * elem);
    ts_ap middle = ts_build_ap(d->b, psum, ts_dtype_f32, depth, row_count);
    ts_emit_transpose(d->b, ts_engine_tensor, &middle, &from);
    ts_ap to = ts_build_ap(d->b, o->tile, d->dtype, depth, row_count);
    to.offset = ts_build_sum(d->b, to.offset, index, chunk_step(d, o) * elem);
    if (rows->batch_trips > 1)
        to.offset = ts_build_term(d->b, to.offset, rows->batches * panel * elem, rows->batch_loop);
    if (rows->tiles > 1)
        to.offset = ts_build_term(d->b, to.offset, ts_walk_tile(o->walk) * elem, rows->tile_loop);
    ts_emit_copy(d->b, ts_engine_vector, &to, &middle);
    close_loop(d, d->chunks);
}

static void load_transposed(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o) {
    row_block rows = cut_rows(d, o);
    rows.batch_loop = open_loop(d, rows.batch_trips);
    rows.tile_loop = open_loop(d, rows.tiles);
    ts_count count = ts_walk_tile_block(d->b, o->walk, rows.tiles > 1, rows.tile_loop);
    ts_count row_count = ts_count_scale(d->b, count, rows.batches * o->walk->inner);
    int slots = rows.tiles > 1 || rows.batch_trips > 1 ? 2 : 1;
    ts_tile tile = ts_build_tile(d->b, ts_space_sbuf, row_count.max, depth_elems(d) * elem_bytes(d), slots);
    load_rows(lower, d, o, &rows, tile, count);
    transpose_rows(d, o, &rows, tile, row_count);
    close_loop(d, rows.tiles);
    close_loop(d, rows.batch_trips);
}

static void load_operand(ts_lower *lower, const ts_dot *d, ts_dot_operand *o) {
    o->tile = ts_build_tile(d->b, ts_space_sbuf, d->chunk, d->chunks * chunk_step(d, o) * elem_bytes(d), 2);
    if (o->is_transposed)
        load_transposed(lower, d, o);
    else
        load_direct(lower, d, o);
}

/* ---- computing ---- */

/* A tile of rows against the panel of columns for some batches, in PSUM as [rows, (batch, columns)]. */
typedef struct block {
    ts_tile psum, out;
    int64_t row_tiles, batches, batch_trips; /* batches in PSUM at a time, and how often */
    uint32_t row_loop, batch_loop;
    ts_count rows;
} block;

static void multiply(const ts_dot *d, const block *k, ts_accum_mode first_mode) {
    int64_t elem = elem_bytes(d), cols = ts_walk_panel(&d->cols), row_panel = ts_walk_panel(&d->rows);
    int64_t banks = (cols + TS_DOT_BANK - 1) / TS_DOT_BANK;
    uint32_t batch_loop = open_loop(d, k->batches), bank_loop = open_loop(d, banks);
    uint32_t depth_loop = open_loop(d, d->chunks);
    ts_affine chunk = loop_counter(d, d->chunks > 1, depth_loop);
    ts_affine batch = loop_counter(d, k->batches > 1, batch_loop),
              bank = loop_counter(d, banks > 1, bank_loop);
    ts_affine first = batch; /* batch in the panel */
    if (k->batch_trips > 1) first = ts_build_term(d->b, first, k->batches, k->batch_loop);
    ts_count depth = ts_count_scale(d->b, chunk_positions(d, chunk), d->depth.inner);
    ts_count width = ts_walk_slice(d->b, &d->cols, TS_DOT_BANK, banks > 1, bank_loop);
    ts_ap stationary = ts_build_ap(d->b, d->stationary.tile, d->dtype, depth, k->rows);
    stationary.offset = ts_build_sum(d->b, stationary.offset, chunk, chunk_step(d, &d->stationary) * elem);
    stationary.offset = ts_build_sum(d->b, stationary.offset, first, row_panel * elem);
    if (k->row_tiles > 1)
        stationary.offset =
            ts_build_term(d->b, stationary.offset, ts_walk_tile(&d->rows) * elem, k->row_loop);
    ts_ap moving = ts_build_ap(d->b, d->moving.tile, d->dtype, depth, width);
    moving.offset = ts_build_sum(d->b, moving.offset, chunk, chunk_step(d, &d->moving) * elem);
    moving.offset = ts_build_sum(d->b, moving.offset, first, cols * elem);
    moving.offset = ts_build_sum(d->b, moving.offset, bank, TS_DOT_BANK * elem);
    ts_ap dst = ts_build_ap(d->b, k->psum, ts_dtype_f32, k->rows, width);
    dst.offset = ts_build_sum(d->b, dst.offset, batch, cols * 4);
    dst.offset = ts_build_sum(d->b, dst.offset, bank, TS_DOT_BANK * 4);
    ts_accum accum = {.mode = (uint8_t)first_mode, .loop = depth_loop};
    if (first_mode == ts_accum_unless_first && d->chunks == 1) accum = (ts_accum){.mode = ts_accum_never};
    ts_emit_matmul(d->b, &dst, &stationary, &moving, accum);
    close_loop(d, d->chunks);
    close_loop(d, banks);
    close_loop(d, k->batches);
}

/* Depth in several panels: the first overwrites PSUM, the others add to it. */
static void multiply_panels(ts_lower *lower, ts_dot *d, const block *k) {
    int64_t size = d->depth.axis[0].size, panels = (size + d->depth.block - 1) / d->depth.block;
    load_operand(lower, d, &d->stationary);
    load_operand(lower, d, &d->moving);
    multiply(d, k, ts_accum_unless_first);
    uint32_t loop = open_loop(d, panels - 1);
    d->depth_at = ts_affine_const(d->depth.block);
    if (panels > 2) d->depth_at = ts_build_term(d->b, d->depth_at, d->depth.block, loop);
    load_operand(lower, d, &d->stationary);
    load_operand(lower, d, &d->moving);
    multiply(d, k, ts_accum_always);
    close_loop(d, panels - 1);
    d->depth_at = ts_affine_const(0);
}

static void read_out(const ts_dot *d, const block *k) {
    int64_t cols = ts_walk_panel(&d->cols), bytes = ts_dtype_get(d->out.dtype)->bytes;
    ts_count width =
        k->batches > 1 ? ts_count_const(k->batches * cols) : ts_walk_slice(d->b, &d->cols, cols, false, 0);
    ts_ap from = ts_build_ap(d->b, k->psum, ts_dtype_f32, k->rows, width);
    ts_ap to = ts_build_ap(d->b, k->out, (ts_dtype)d->out.dtype, k->rows, width);
    if (k->batch_trips > 1)
        to.offset = ts_build_term(d->b, to.offset, k->batches * cols * bytes, k->batch_loop);
    ts_emit_copy(d->b, ts_engine_scalar, &to, &from);
}

static void store(const ts_dot *d, const block *k) {
    const ts_walk *rows = &d->rows;
    ts_box t = {.tensor = d->out.tensor,
                .hbm_dtype = (ts_dtype)d->out.dtype,
                .hbm_offset = ts_affine_const(d->out.offset),
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

/* The rows of one open row panel, tile by tile. */
static void compute_rows(ts_lower *lower, ts_dot *d, bool is_split) {
    int64_t cols = ts_walk_panel(&d->cols), bytes = ts_dtype_get(d->out.dtype)->bytes;
    block k = {.row_tiles = ts_walk_tiles(&d->rows), .batches = 1};
    if (cols <= TS_DOT_BANK / 2 && ts_walk_panels(&d->cols) == 1) {
        k.batches = TS_DOT_BANK / cols;
        if (k.batches > d->batch.block) k.batches = d->batch.block;
        while (d->batch.block % k.batches != 0)
            k.batches--;
    }
    k.batch_trips = d->batch.block / k.batches;
    k.row_loop = open_loop(d, k.row_tiles);
    int64_t tile = ts_walk_tile(&d->rows);
    k.rows = ts_walk_slice(d->b, &d->rows, tile, k.row_tiles > 1, k.row_loop);
    k.out = ts_build_tile(d->b, ts_space_sbuf, tile, d->batch.block * cols * bytes, 2);
    k.batch_loop = open_loop(d, k.batch_trips);
    k.psum = ts_build_tile(d->b, ts_space_psum, tile, k.batches * cols * 4, 2);
    if (is_split)
        multiply_panels(lower, d, &k);
    else
        multiply(d, &k, ts_accum_unless_first);
    read_out(d, &k);
    close_loop(d, k.batch_trips);
    store(d, &k);
    close_loop(d, k.row_tiles);
}

static void emit_dot(ts_lower *lower, ts_dot *d) {
    bool is_split = d->depth.cut == 0 && d->depth.block < d->depth.axis[0].size;
    ts_walk_open(d->b, &d->batch);
    ts_walk_open(d->b, &d->cols);
    if (!is_split) load_operand(lower, d, &d->moving);
    ts_walk_open(d->b, &d->rows);
    if (!is_split) load_operand(lower, d, &d->stationary);
    compute_rows(lower, d, is_split);
    ts_walk_close(d->b, &d->rows);
    ts_walk_close(d->b, &d->cols);
    ts_walk_close(d->b, &d->batch);
}

/* ---- the op ---- */

/* The operand with its axes in the order batch, free, depth. */
static ts_view order_axes(const ts_op_node *op, bool is_lhs, const ts_view *view, int *batch_rank,
                          int *depth_rank) {
    int64_t batch[TS_MAX_RANK], depth[TS_MAX_RANK];
    bool is_named[TS_MAX_RANK] = {0};
    int perm[TS_MAX_RANK], at = 0;
    ts_op_ints(op, is_lhs ? "lhs_batching_dimensions" : "rhs_batching_dimensions", batch, TS_MAX_RANK,
               batch_rank);
    ts_op_ints(op, is_lhs ? "lhs_contracting_dimensions" : "rhs_contracting_dimensions", depth, TS_MAX_RANK,
               depth_rank);
    for (int i = 0; i < *depth_rank; i++)
        is_named[depth[i]] = true;
    for (int i = 0; i < *batch_rank; i++) {
        is_named[batch[i]] = true;
        perm[at++] = (int)batch[i];
    }
    for (int i = 0; i < view->rank; i++)
        if (!is_named[i]) perm[at++] = i;
    for (int i = 0; i < *depth_rank; i++)
        perm[at++] = (int)depth[i];
    return ts_view_permute(view, view->rank, perm);
}

static ts_status as_ordered(ts_lower *lower, ts_view *view) {
    ts_type type = {.dtype = view->dtype, .rank = view->rank};
    memcpy(type.dim, view->dim, sizeof type.dim);
    ts_view whole = ts_view_of_tensor(ts_lower_scratch(lower, &type, "ordered"), &type);
    TS_TRY(ts_lower_copy(lower, &whole, view));
    *view = whole;
    return ts_ok;
}

static ts_status refuse_type(ts_lower *lower, ts_op_node *op) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported,
               "TensorE multiplies floats only, not %s by %s into %s",
               ts_dtype_get(op->operands[0]->type.dtype)->name,
               ts_dtype_get(op->operands[1]->type.dtype)->name,
               ts_dtype_get(op->results[0]->type.dtype)->name);
    ts_diag_remedy(lower->diag, "convert the operands to f32 (exact below 2^24) or bf16 first");
    return ts_unsupported;
}

static bool is_float(const ts_value *value) {
    return ts_dtype_get(value->type.dtype)->kind == 'f';
}

static ts_dtype operand_dtype(const ts_op_node *op) {
    ts_dtype lhs = op->operands[0]->type.dtype, rhs = op->operands[1]->type.dtype;
    return lhs == rhs ? lhs : ts_dtype_f32;
}

ts_status ts_lower_dot(ts_lower *lower, ts_op_node *op) {
    ts_view lhs, rhs;
    int batch, depth;
    if (!is_float(op->operands[0]) || !is_float(op->operands[1]) || !is_float(op->results[0]))
        return refuse_type(lower, op);
    TS_TRY(ts_lower_tensor(lower, op->operands[0], &lhs));
    TS_TRY(ts_lower_tensor(lower, op->operands[1], &rhs));
    lhs = order_axes(op, true, &lhs, &batch, &depth);
    rhs = order_axes(op, false, &rhs, &batch, &depth);
    ts_lower_result(lower, op->results[0]);
    ts_view out = ((ts_lowered *)op->results[0]->note)->view;
    if (ts_view_elems(&out) == 0) return ts_ok;
    if (ts_view_elems(&lhs) == 0) {
        ts_view zero = ts_view_of_splat((ts_dtype)out.dtype, 0, &op->results[0]->type);
        return ts_lower_copy(lower, &out, &zero);
    }
    ts_dot d = {.b = &lower->b, .dtype = operand_dtype(op)};
    if (!ts_dot_plan(&d, &lhs, &rhs, &out, batch, depth)) {
        TS_TRY(as_ordered(lower, &lhs));
        TS_TRY(as_ordered(lower, &rhs));
        if (!ts_dot_plan(&d, &lhs, &rhs, &out, batch, depth))
            return ts_op_fail(lower->module, op, lower->diag, ts_unsupported,
                              "no tiling of these dimensions");
    }
    emit_dot(lower, &d);
    return ts_ok;
}

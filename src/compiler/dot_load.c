/* Loading an operand of a contraction: depth from HBM to the partitions, directly or row by row through
   transposes on the PE. */
#include "compiler/dot.h"

static int64_t elem_bytes(const ts_dot *d) {
    return ts_dtype_get(d->dtype)->bytes;
}

int64_t ts_dot_chunk_step(const ts_dot *d, const ts_dot_operand *o) {
    return d->batch.block * ts_walk_panel(o->walk);
}

/* Positions of depth's cut axis from the panel's begin to the axis' end. */
static ts_affine left_of(const ts_dot *d) {
    const ts_walk *panel = &d->panel;
    ts_affine left = ts_affine_const(panel->axis[panel->cut].size);
    if (!panel->is_open[panel->cut]) return left;
    return ts_build_term(d->b, left, -panel->block, panel->loop[panel->cut]);
}

ts_count ts_dot_positions(const ts_dot *d, const ts_dot_group *g, ts_affine index) {
    ts_count count = ts_count_const(g->positions);
    if (!ts_dot_is_ragged(d)) return count;
    count.is_ragged = true;
    count.limit = ts_build_sum(d->b, left_of(d), index, -g->positions);
    return count;
}

uint32_t ts_dot_open(const ts_dot *d, int64_t trips) {
    return trips > 1 ? ts_build_loop(d->b, ts_count_const(trips)) : 0;
}

void ts_dot_close(const ts_dot *d, int64_t trips) {
    if (trips > 1) ts_build_end(d->b);
}

ts_affine ts_dot_counter(const ts_dot *d, int64_t trips, uint32_t loop) {
    return trips > 1 ? ts_build_term(d->b, ts_affine_const(0), 1, loop) : ts_affine_const(0);
}

static ts_box begin_load(const ts_dot *d, const ts_dot_operand *o, ts_tile tile) {
    ts_box t = {.tensor = o->view.tensor,
                .hbm_dtype = ts_chip_dtype(o->view.dtype),
                .hbm_offset = ts_view_offset(d->b, &o->view),
                .tile = tile,
                .tile_dtype = d->dtype};
    t.hbm_offset = ts_walk_offset(d->b, &d->batch, o->side, t.hbm_offset);
    t.hbm_offset = ts_walk_offset(d->b, o->walk, o->side, t.hbm_offset);
    t.hbm_offset = ts_walk_offset(d->b, &d->panel, o->side, t.hbm_offset);
    return t;
}

/* Depth's outer axes along the tile, `step` elements a position of the innermost. */
static void add_outer(const ts_dot *d, const ts_dot_operand *o, ts_box *t, int64_t step) {
    for (int i = 0; i < d->depth.cut; i++)
        step *= ts_dot_outer(d, i);
    for (int i = 0; i < d->depth.cut; i++) {
        step /= ts_dot_outer(d, i);
        ts_box_free(t, d->depth.axis[i].step[o->side], step, ts_count_const(ts_dot_outer(d, i)));
    }
}

/* ---- depth on the partitions ---- */

/* `tiles` chunks of each outer position from `index` on. */
static void load_chunks(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const ts_dot_group *g,
                        ts_affine index, int64_t tiles) {
    const ts_walk *depth = &d->depth;
    int64_t step = ts_dot_chunk_step(d, o), along = depth->axis[depth->cut].step[o->side];
    ts_box t = begin_load(d, o, o->tile);
    t.hbm_offset.base += g->at * along;
    t.hbm_offset = ts_build_sum(d->b, t.hbm_offset, index, g->positions * along);
    t.tile_offset = ts_affine_const(g->first * step * elem_bytes(d));
    t.tile_offset = ts_build_sum(d->b, t.tile_offset, index, step * elem_bytes(d));
    ts_count positions = ts_dot_positions(d, g, index);
    ts_walk_parts(&t, depth, o->side, positions);
    t.parts = ts_count_scale(d->b, positions, depth->inner);
    add_outer(d, o, &t, g->tiles * step);
    ts_box_free(&t, g->positions * along, step, ts_count_const(tiles));
    ts_walk_free(&t, &d->batch, o->side, ts_count_const(d->batch.block), ts_walk_panel(o->walk));
    ts_walk_free(&t, o->walk, o->side, ts_walk_block(d->b, o->walk), 1);
    ts_emit_load(d->b, ts_lower_load_queue(lower), &t);
}

static void load_direct(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o) {
    for (int i = 0; i < d->groups; i++) {
        const ts_dot_group *g = &d->group[i];
        if (!ts_dot_is_ragged(d)) {
            load_chunks(lower, d, o, g, ts_affine_const(0), g->tiles);
            continue;
        }
        uint32_t loop = ts_dot_open(d, g->tiles);
        load_chunks(lower, d, o, g, ts_dot_counter(d, g->tiles, loop), 1);
        ts_dot_close(d, g->tiles);
    }
}

/* ---- row by row ---- */

/* A block of rows of the operand: some batches of a small panel, or a tile of one batch's panel. */
typedef struct row_block {
    int64_t batches, batch_trips, tiles;
    uint32_t batch_loop, tile_loop;
    int slots; /* of tiles of a trip */
    ts_count positions, rows;
    ts_tile tile; /* [rows, depth of the panel, one group after the other] */
} row_block;

static row_block cut_rows(const ts_dot *d, const ts_dot_operand *o) {
    row_block k = {.batches = 1, .tiles = ts_walk_tiles(o->walk)};
    if (ts_walk_panels(o->walk) == 1 && k.tiles == 1) {
        k.batches = TS_DOT_TILE / ts_walk_panel(o->walk);
        if (k.batches > d->batch.block) k.batches = d->batch.block;
        while (d->batch.block % k.batches != 0)
            k.batches--;
    }
    k.batch_trips = d->batch.block / k.batches;
    return k;
}

/* Where a group's depth begins in the row. */
static int64_t group_at(const ts_dot *d, int group) {
    return group == 0 ? 0 : d->group[0].chunks * d->group[0].positions * d->depth.inner;
}

/* `count` positions of the cut axis from `at` on, for every outer position. */
static void load_rows(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const row_block *k,
                      int64_t at, ts_count count, int64_t tile_at) {
    const ts_walk *depth = &d->depth, *walk = o->walk;
    const ts_axis *batch = &d->batch.axis[d->batch.count - 1];
    ts_box t = begin_load(d, o, k->tile);
    t.hbm_offset.base += at * depth->axis[depth->cut].step[o->side];
    t.tile_offset = ts_affine_const(tile_at * elem_bytes(d));
    if (k->batch_trips > 1)
        t.hbm_offset = ts_build_term(d->b, t.hbm_offset, k->batches * batch->step[o->side], k->batch_loop);
    if (k->tiles > 1)
        t.hbm_offset =
            ts_build_term(d->b, t.hbm_offset, walk->tile * walk->axis[walk->cut].step[o->side], k->tile_loop);
    ts_box_part(&t, batch->step[o->side], ts_count_const(k->batches));
    ts_walk_parts(&t, walk, o->side, k->positions);
    t.parts = k->rows;
    add_outer(d, o, &t, count.max * depth->inner);
    ts_walk_free(&t, depth, o->side, count, 1);
    ts_emit_load(d->b, ts_lower_load_queue(lower), &t);
}

static void load_groups(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const row_block *k) {
    if (d->groups == 1 || d->group[1].chunks == 1) { /* the row lies together in the tile */
        ts_count count = ts_count_const(ts_dot_outer(d, d->depth.cut));
        count.is_ragged = ts_dot_is_ragged(d);
        if (count.is_ragged) count.limit = left_of(d);
        load_rows(lower, d, o, k, 0, count, 0);
        return;
    }
    for (int i = 0; i < d->groups; i++) {
        const ts_dot_group *g = &d->group[i];
        load_rows(lower, d, o, k, g->at, ts_count_const(g->tiles * g->positions), group_at(d, i));
    }
}

/* TensorE turns by a product with the identity, in which a NaN or an infinity would reach its neighbours as
   0 * Inf. So it turns the elements' bits, as one or two whole numbers of at most 16 bits each. */
static int64_t numbers_of(const ts_dot *d) {
    return elem_bytes(d) == 4 ? 2 : 1;
}

int64_t ts_dot_turn_bytes(const ts_dot *d) {
    return numbers_of(d) * d->chunk * (int64_t)sizeof(float);
}

/* Elements as [numbers of an element, elements]. */
static ts_ap bits_ap(const ts_dot *d, ts_ap elements) {
    int64_t numbers = numbers_of(d);
    elements.dtype = elem_bytes(d) == 1 ? ts_dtype_u8 : ts_dtype_u16;
    elements.dim[1] = (ts_dim){.step = numbers, .count = elements.dim[0].count};
    elements.dim[0] = (ts_dim){.step = 1, .count = ts_count_const(numbers)};
    elements.dims = 2;
    return elements;
}

/* A tile of [parts, (number, elements)] in fp32. */
static ts_ap numbers_ap(const ts_dot *d, ts_tile tile, ts_count parts, ts_count elements) {
    ts_ap ap = ts_build_ap(d->b, tile, ts_dtype_f32, parts, ts_count_const(numbers_of(d)));
    ap.dim[0].step = elements.max;
    ts_ap_dim(&ap, 1, elements);
    return ap;
}

/* The number `at` of each element. */
static ts_ap number_ap(const ts_dot *d, ts_tile tile, ts_count parts, ts_count elements, int64_t at) {
    ts_ap ap = ts_build_ap(d->b, tile, ts_dtype_f32, parts, elements);
    ap.offset.base += at * elements.max * (int64_t)sizeof(float);
    return ap;
}

/* to[depth, rows] = from[rows, depth], the same bits; `slots` of a loop of this load. */
static void turn(const ts_dot *d, const ts_ap *to, const ts_ap *from, int slots) {
    ts_count rows = from->parts, depth = to->parts;
    int64_t numbers = numbers_of(d), elem = sizeof(float);
    ts_tile tile = ts_build_tile(d->b, ts_space_sbuf, rows.max, numbers * depth.max * elem, slots);
    ts_tile psum = ts_build_tile(d->b, ts_space_psum, depth.max, numbers * rows.max * elem, slots);
    ts_ap before = bits_ap(d, *from), wide = numbers_ap(d, tile, rows, depth);
    ts_emit_copy(d->b, ts_engine_scalar, &wide, &before);
    for (int64_t i = 0; i < numbers; i++) {
        ts_ap number = number_ap(d, tile, rows, depth, i), turned = number_ap(d, psum, depth, rows, i);
        ts_emit_transpose(d->b, ts_engine_tensor, &turned, &number);
    }
    ts_ap after = bits_ap(d, *to), read = numbers_ap(d, psum, depth, rows);
    ts_emit_copy(d->b, ts_engine_vector, &after, &read);
}

/* Each chunk of the rows turned into the operand's tile. */
static void transpose_rows(const ts_dot *d, const ts_dot_operand *o, const row_block *k, int group) {
    const ts_dot_group *g = &d->group[group];
    int64_t elem = elem_bytes(d), step = ts_dot_chunk_step(d, o);
    uint32_t loop = ts_dot_open(d, g->chunks);
    ts_affine index = ts_dot_counter(d, g->chunks, loop);
    ts_count depth = ts_count_scale(d->b, ts_dot_positions(d, g, index), d->depth.inner);
    ts_ap from = ts_build_ap(d->b, k->tile, d->dtype, k->rows, depth);
    from.offset.base += group_at(d, group) * elem;
    from.offset = ts_build_sum(d->b, from.offset, index, depth.max * elem);
    ts_ap to = ts_build_ap(d->b, o->tile, d->dtype, depth, k->rows);
    to.offset.base += g->first * step * elem;
    to.offset = ts_build_sum(d->b, to.offset, index, step * elem);
    if (k->batch_trips > 1)
        to.offset = ts_build_term(d->b, to.offset, k->batches * ts_walk_panel(o->walk) * elem, k->batch_loop);
    if (k->tiles > 1) to.offset = ts_build_term(d->b, to.offset, ts_walk_tile(o->walk) * elem, k->tile_loop);
    turn(d, &to, &from, g->chunks > 1 ? 2 : k->slots);
    ts_dot_close(d, g->chunks);
}

static void load_transposed(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o) {
    row_block k = cut_rows(d, o);
    k.batch_loop = ts_dot_open(d, k.batch_trips);
    k.tile_loop = ts_dot_open(d, k.tiles);
    k.positions = ts_walk_tile_block(d->b, o->walk, k.tiles > 1, k.tile_loop);
    k.rows = ts_count_scale(d->b, k.positions, k.batches * o->walk->inner);
    k.slots = k.tiles > 1 || k.batch_trips > 1 ? 2 : 1;
    k.tile = ts_build_tile(d->b, ts_space_sbuf, k.rows.max, ts_dot_depth(d) * elem_bytes(d), k.slots);
    load_groups(lower, d, o, &k);
    for (int i = 0; i < d->groups; i++)
        transpose_rows(d, o, &k, i);
    ts_dot_close(d, k.tiles);
    ts_dot_close(d, k.batch_trips);
}

void ts_dot_load(ts_lower *lower, const ts_dot *d, ts_dot_operand *o) {
    int64_t bytes = d->chunks * ts_dot_chunk_step(d, o) * elem_bytes(d);
    o->tile = ts_build_tile(d->b, ts_space_sbuf, d->chunk, bytes, 2);
    if (o->is_transposed)
        load_transposed(lower, d, o);
    else
        load_direct(lower, d, o);
}

/* Loads an operand of a contraction whose depth can go straight to the partitions. The next held panel is
   loaded in pieces while the open one is used: if it were requested only when needed, its load would queue
   behind those of the other side's panels, and TensorE would wait. */
#include "compiler/contract/dot.h"

/* A large panel is loaded in pieces of at least PIECE_BYTES, so that TensorE can start with the first one. */
enum { PIECE_BYTES = 1 << 20, MOST_PIECES = 4 };

static int64_t elem_bytes(const ts_dot *d) {
    return ts_dtype_get(d->dtype)->bytes;
}

int64_t ts_dot_chunk_step(const ts_dot *d, const ts_dot_operand *o) {
    if (d->is_ahead && o->side == ts_side_rows) return ts_walk_tile(o->walk);
    return d->batch.block * ts_walk_panel(o->walk);
}

ts_affine ts_dot_depth_left(const ts_dot *d) {
    const ts_walk *panel = &d->panel;
    ts_affine left = ts_affine_const(panel->axis[panel->cut].size);
    if (!panel->is_open[panel->cut]) return left;
    return ts_build_term(d->b, left, -panel->block, panel->loop[panel->cut]);
}

ts_count ts_dot_positions(const ts_dot *d, const ts_dot_group *g, ts_affine index) {
    ts_count count = ts_count_const(g->positions);
    if (!ts_dot_is_ragged(d)) return count;
    count.is_ragged = true;
    count.limit = ts_build_sum(d->b, ts_dot_depth_left(d), index, -g->positions);
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

ts_box ts_dot_box(const ts_dot *d, const ts_dot_operand *o, ts_tile tile) {
    ts_box t = {.tensor = o->view.tensor,
                .hbm_dtype = ts_chip_dtype(o->view.dtype),
                .hbm_offset = ts_view_offset(d->b, &o->view),
                .tile = tile,
                .tile_dtype = d->dtype};
    t.hbm_offset = ts_walk_offset(d->b, &d->batch, o->side, t.hbm_offset);
    t.hbm_offset = ts_walk_offset(d->b, &d->panel, o->side, t.hbm_offset);
    return t;
}

void ts_dot_box_outer(const ts_dot *d, const ts_dot_operand *o, ts_box *t, int64_t step) {
    for (int i = 0; i < d->depth.cut; i++)
        step *= ts_dot_outer(d, i);
    for (int i = 0; i < d->depth.cut; i++) {
        step /= ts_dot_outer(d, i);
        ts_box_free(t, d->depth.axis[i].step[o->side], step, ts_count_const(ts_dot_outer(d, i)));
    }
}

/* ---- depth on the partitions ---- */

/* Loads `tiles` chunks of each outer position, from `index` on, into the tile or one slot of it. */
static void load_chunks(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const ts_dot_group *g,
                        ts_affine index, int64_t tiles, const ts_affine *slot) {
    const ts_walk *depth = &d->depth;
    int64_t step = ts_dot_chunk_step(d, o), along = depth->axis[depth->cut].step[o->side];
    ts_box t = ts_dot_box(d, o, o->tile);
    t.hbm_offset = ts_walk_offset(d->b, o->walk, o->side, t.hbm_offset);
    t.hbm_offset.base += g->at * along;
    t.hbm_offset = ts_build_sum(d->b, t.hbm_offset, index, g->positions * along);
    t.tile_offset = ts_affine_const(g->first * step * elem_bytes(d));
    t.tile_offset = ts_build_sum(d->b, t.tile_offset, index, step * elem_bytes(d));
    ts_count positions = ts_dot_positions(d, g, index);
    ts_walk_parts(&t, depth, o->side, positions);
    t.parts = ts_count_scale(d->b, positions, depth->inner);
    ts_dot_box_outer(d, o, &t, g->tiles * step);
    ts_box_free(&t, g->positions * along, step, ts_count_const(tiles));
    ts_walk_free(&t, &d->batch, o->side, ts_count_const(d->batch.block), ts_walk_panel(o->walk));
    ts_walk_free(&t, o->walk, o->side, ts_walk_block(d->b, o->walk), 1);
    t.has_slot = slot != NULL;
    if (slot) t.slot = *slot;
    ts_emit_load(d->b, ts_engine_sync, ts_lower_load_queue(lower), &t);
}

int64_t ts_dot_piece(const ts_dot *d, const ts_dot_operand *o, const ts_dot_group *g, int64_t count) {
    int64_t piece = (count + MOST_PIECES - 1) / MOST_PIECES;
    int64_t bytes =
        g->chunks / count * g->positions * d->depth.inner * ts_dot_chunk_step(d, o) * elem_bytes(d);
    while (piece < count && (count % piece != 0 || piece * bytes < PIECE_BYTES))
        piece++;
    return piece;
}

static void load_direct(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const ts_affine *slot) {
    for (int i = 0; i < d->groups; i++) {
        const ts_dot_group *g = &d->group[i];
        int64_t piece = ts_dot_is_ragged(d) ? 1 : ts_dot_piece(d, o, g, g->tiles), trips = g->tiles / piece;
        uint32_t loop = ts_dot_open(d, trips);
        ts_affine first = ts_build_sum(d->b, ts_affine_const(0), ts_dot_counter(d, trips, loop), piece);
        load_chunks(lower, d, o, g, first, piece, slot);
        ts_dot_close(d, trips);
    }
}

void ts_dot_load(ts_lower *lower, const ts_dot *d, ts_dot_operand *o) {
    int64_t bytes = d->chunks * ts_dot_chunk_step(d, o) * elem_bytes(d);
    o->tile = ts_build_tile(d->b, ts_space_sbuf, d->chunk, bytes, 2);
    if (ts_dot_is_kept(d, o))
        ts_dot_keep_panel(lower, d, o);
    else if (o->is_transposed)
        ts_dot_turn_panel(lower, d, o);
    else
        load_direct(lower, d, o, NULL);
}

/* ---- prefetching the next held panel ---- */

bool ts_dot_comes_early(const ts_dot *d, const ts_dot_operand *o) {
    bool is_held = (o->side == ts_side_rows) == d->is_rows_outer;
    return is_held && ts_dot_is_whole(d) && !o->is_transposed && d->groups == 1 && o->walk->cut == 0 &&
           ts_walk_panels(o->walk) > 1 && ts_walk_panels(ts_dot_other(d, o)) > 1;
}

ts_affine ts_dot_early_slot(const ts_dot *d, const ts_dot_operand *o) {
    const ts_walk *walk = o->walk;
    return walk->is_open[0] ? ts_build_term(d->b, ts_affine_const(0), 1, walk->loop[0]) : ts_affine_const(0);
}

void ts_dot_early_begin(ts_lower *lower, const ts_dot *d, ts_dot_operand *o) {
    int64_t bytes = d->chunks * ts_dot_chunk_step(d, o) * elem_bytes(d);
    ts_affine slot = ts_affine_const(0);
    o->tile = ts_build_ring(d->b, ts_space_sbuf, d->chunk, bytes, 2);
    load_direct(lower, d, o, &slot);
}

/* The number of pieces: that of the other side's panels, reduced to a divisor of the group's tiles. */
static int64_t early_pieces(const ts_dot *d, const ts_dot_operand *o) {
    int64_t pieces = ts_walk_panels(ts_dot_other(d, o)), tiles = d->group[0].tiles;
    if (pieces > tiles) pieces = tiles;
    while (tiles % pieces != 0)
        pieces--;
    return pieces;
}

void ts_dot_early_piece(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o) {
    int64_t pieces = early_pieces(d, o), piece = d->group[0].tiles / pieces;
    ts_affine open = ts_dot_early_slot(d, o), slot = ts_build_sum(d->b, ts_affine_const(1), open, 1);
    ts_affine others = ts_affine_const(0);
    ts_dot_add_panels(d, ts_dot_other(d, o), 1, &others);
    ts_count has_next = {.max = 1, .is_ragged = true}, has_piece = has_next;
    has_next.limit = ts_build_sum(d->b, ts_affine_const(ts_walk_panels(o->walk) - 1), open, -1);
    has_piece.limit = ts_build_sum(d->b, ts_affine_const(pieces), others, -1);
    ts_walk walk = *o->walk;
    walk.axis[0].size -= walk.block;
    ts_dot_operand next = *o;
    next.walk = &walk;
    next.view.offset += walk.block * walk.axis[0].step[o->side];
    ts_build_loop(d->b, has_next);
    ts_build_loop(d->b, has_piece);
    load_chunks(lower, d, &next, &d->group[0], ts_build_sum(d->b, ts_affine_const(0), others, piece), piece,
                &slot);
    ts_build_end(d->b);
    ts_build_end(d->b);
}

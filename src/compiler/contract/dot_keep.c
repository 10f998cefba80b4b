/* Keeping turned operands: where several panels of the other side need a panel, it is transposed for the
   first of them and stored in its SBUF layout. The others load it from HBM, in the longest possible runs. */
#include "compiler/contract/dot.h"

#include "base/integer.h"

int64_t ts_dot_times(const ts_dot *d, const ts_dot_operand *o) {
    bool is_outer = (o->side == ts_side_rows) == d->is_rows_outer;
    return ts_dot_is_whole(d) && is_outer ? 1 : ts_walk_panels(ts_dot_other(d, o));
}

static bool is_ring(const ts_dot *d, const ts_dot_operand *o) {
    return d->is_ahead && o->side == ts_side_rows;
}

bool ts_dot_is_kept(const ts_dot *d, const ts_dot_operand *o) {
    return o->is_transposed && ts_dot_times(d, o) > 1;
}

/* The sum of the counters of the open loops over the other side's panels: 0 for the first of them. */
static ts_affine others_before(const ts_dot *d, const ts_dot_operand *o) {
    const ts_walk *other = ts_dot_other(d, o);
    ts_affine sum = ts_affine_const(0);
    for (int i = 0; i <= other->cut; i++)
        if (other->is_open[i]) sum = ts_build_term(d->b, sum, 1, other->loop[i]);
    return sum;
}

int64_t ts_dot_add_panels(const ts_dot *d, const ts_walk *walk, int64_t step, ts_affine *at) {
    for (int i = walk->cut; i >= 0; i--) {
        if (walk->is_open[i]) *at = ts_build_term(d->b, *at, step, walk->loop[i]);
        step *= i < walk->cut ? walk->axis[i].size : ts_ceil_div(walk->axis[i].size, walk->block);
    }
    return step;
}

/* Elements per partition of a panel. */
static int64_t row_elems(const ts_dot *d, const ts_dot_operand *o) {
    return d->chunks * ts_dot_chunk_step(d, o);
}

static uint32_t make_tensor(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o) {
    ts_type type = {.dtype = d->dtype, .rank = 3};
    type.dim[0] = ts_walk_panels(&d->batch) * ts_walk_panels(&d->panel) * ts_walk_panels(o->walk);
    if (is_ring(d, o)) type.dim[0] *= ts_walk_tiles(o->walk);
    type.dim[1] = d->chunk;
    type.dim[2] = row_elems(d, o);
    return ts_lower_scratch(lower, &type, "turned");
}

/* A transfer of `chunks` chunks of a group from `index` on: of the open panel, or of `rows` in a ring. */
static ts_box box_of(const ts_dot *d, const ts_dot_operand *o, const ts_dot_rows *rows, const ts_dot_group *g,
                     ts_affine index, int64_t chunks) {
    int64_t step = ts_dot_chunk_step(d, o), panel = d->chunk * row_elems(d, o);
    ts_box t = {.tensor = o->kept, .hbm_dtype = d->dtype, .tile = o->tile, .tile_dtype = d->dtype};
    if (rows) {
        t.has_slot = true;
        t.slot = rows->number;
        t.hbm_offset = ts_build_sum(d->b, t.hbm_offset, rows->number, panel);
        panel *= ts_walk_panels(o->walk) * ts_walk_tiles(o->walk);
    } else {
        panel = ts_dot_add_panels(d, o->walk, panel, &t.hbm_offset);
    }
    panel = ts_dot_add_panels(d, &d->panel, panel, &t.hbm_offset);
    ts_dot_add_panels(d, &d->batch, panel, &t.hbm_offset);
    ts_affine at = ts_build_sum(d->b, ts_affine_const(g->first * step), index, step);
    t.hbm_offset = ts_build_sum(d->b, t.hbm_offset, at, 1);
    t.tile_offset = ts_build_sum(d->b, t.tile_offset, at, ts_dtype_get(d->dtype)->bytes);
    t.parts = ts_count_scale(d->b, ts_dot_positions(d, g, index), d->depth.inner);
    ts_box_part(&t, row_elems(d, o), t.parts);
    ts_box_free(&t, step, step, ts_count_const(chunks));
    ts_box_free(&t, step / d->batch.block, step / d->batch.block, ts_count_const(d->batch.block));
    ts_count positions = rows ? rows->positions : ts_walk_block(d->b, o->walk);
    ts_box_free(&t, 1, 1, ts_count_scale(d->b, positions, o->walk->inner));
    return t;
}

static void move(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const ts_dot_rows *rows,
                 ts_engine trigger, bool is_store) {
    for (int i = 0; i < d->groups; i++) {
        const ts_dot_group *g = &d->group[i];
        int64_t piece = ts_dot_is_ragged(d) ? 1 : ts_dot_piece(d, o, g, g->chunks), trips = g->chunks / piece;
        uint32_t loop = ts_dot_open(d, trips);
        ts_affine first = ts_build_sum(d->b, ts_affine_const(0), ts_dot_counter(d, trips, loop), piece);
        ts_box t = box_of(d, o, rows, g, first, piece);
        if (is_store)
            ts_emit_store(d->b, trigger, TS_STORE_QUEUE, &t);
        else
            ts_emit_load(d->b, trigger, ts_lower_load_queue(lower), &t);
        ts_dot_close(d, trips);
    }
}

void ts_dot_keep_begin(ts_lower *lower, const ts_dot *d, ts_dot_operand *o) {
    if (ts_dot_is_kept(d, o)) o->kept = make_tensor(lower, d, o);
}

void ts_dot_keep_if(const ts_dot *d, const ts_dot_operand *o, bool is_first) {
    ts_affine before = others_before(d, o);
    ts_count trips = {.max = 1, .is_ragged = true, .limit = before};
    if (is_first) trips.limit = ts_build_sum(d->b, ts_affine_const(1), before, -1);
    ts_build_loop(d->b, trips);
}

void ts_dot_keep_rows(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const ts_dot_rows *rows) {
    move(lower, d, o, rows, ts_engine_vector, true);
}

void ts_dot_keep_load(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const ts_dot_rows *rows,
                      ts_engine trigger) {
    move(lower, d, o, rows, trigger, false);
}

void ts_dot_keep_panel(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o) {
    ts_dot_keep_if(d, o, true);
    ts_dot_turn_panel(lower, d, o);
    ts_dot_keep_rows(lower, d, o, NULL);
    ts_build_end(d->b);
    ts_dot_keep_if(d, o, false);
    ts_dot_keep_load(lower, d, o, NULL, ts_engine_sync);
    ts_build_end(d->b);
}

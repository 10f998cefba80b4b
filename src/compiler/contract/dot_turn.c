/* Loads an operand of a contraction whose rows in HBM lie along depth: the rows are loaded as they are, and
   TensorE transposes them, one chunk of depth at a time. */
#include "base/integer.h"
#include "compiler/contract/dot.h"

/* Bytes per partition of rows that are loaded side by side. */
enum { BESIDE_BYTES = 2048 };

static int64_t elem_bytes(const ts_dot *d) {
    return ts_dtype_get(d->dtype)->bytes;
}

/* TensorE transposes by multiplying with the identity, where NaN and infinity would reach their neighbours as
   0 * Inf. So it transposes the bits of the elements, as one or two integers of at most 16 bits each. */
static int64_t numbers_of(const ts_dot *d) {
    return elem_bytes(d) == 4 ? 2 : 1;
}

/* ---- slices ---- */

/* As many chunks as fit in a bank of PSUM. */
int64_t ts_dot_slice_chunks(const ts_dot *d, const ts_dot_group *g) {
    int64_t most = TS_DOT_BANK / TS_DOT_TILE / numbers_of(d);
    if (ts_dot_is_ragged(d)) return 1;
    return most < g->chunks ? most : g->chunks;
}

int64_t ts_dot_slices(const ts_dot *d, const ts_dot_group *g) {
    int64_t chunks = ts_dot_slice_chunks(d, g);
    return ts_ceil_div(g->chunks, chunks);
}

/* The number of slices in earlier groups. */
static int64_t first_slice(const ts_dot *d, const ts_dot_group *g) {
    return g == &d->group[0] ? 0 : ts_dot_slices(d, &d->group[0]);
}

static int64_t all_slices(const ts_dot *d) {
    const ts_dot_group *last = &d->group[d->groups - 1];
    return first_slice(d, last) + ts_dot_slices(d, last);
}

ts_dot_slice ts_dot_slice_at(const ts_dot *d, const ts_dot_group *g, ts_affine index) {
    int64_t chunks = ts_dot_slice_chunks(d, g);
    ts_dot_slice s = {.group = g, .chunks = ts_count_const(chunks)};
    s.chunk = ts_build_sum(d->b, ts_affine_const(0), index, chunks);
    s.number = ts_build_sum(d->b, ts_affine_const(first_slice(d, g)), index, 1);
    if (g->chunks % chunks == 0) return s;
    s.chunks.is_ragged = true;
    s.chunks.limit = ts_build_sum(d->b, ts_affine_const(g->chunks), s.chunk, -1);
    return s;
}

/* ---- buffers ---- */

/* How many batches of rows are loaded side by side, so that transfers are few and long. */
static int64_t beside_of(const ts_dot *d) {
    int64_t most = BESIDE_BYTES / (ts_dot_depth(d) * elem_bytes(d)), last = d->batch.block;
    int64_t beside = most < last ? most : last;
    while (beside > 1 && last % beside != 0)
        beside--;
    return beside > 1 ? beside : 1;
}

int64_t ts_dot_row_bytes(const ts_dot *d) {
    return beside_of(d) * ts_dot_depth(d) * elem_bytes(d);
}

int64_t ts_dot_wide_bytes(const ts_dot *d) {
    return numbers_of(d) * ts_dot_slice_chunks(d, &d->group[0]) * d->chunk * (int64_t)sizeof(float);
}

ts_dot_turn ts_dot_turn_begin(const ts_dot *d, const ts_dot_operand *o, int row_slots, int slice_slots) {
    int64_t rows = TS_DOT_TILE < d->batch.block * ts_walk_panel(o->walk)
                       ? TS_DOT_TILE
                       : d->batch.block * ts_walk_panel(o->walk);
    ts_dot_turn t;
    t.raw = ts_build_ring(d->b, ts_space_sbuf, rows, ts_dot_row_bytes(d), row_slots);
    t.wide = ts_build_ring(d->b, ts_space_sbuf, rows, ts_dot_wide_bytes(d), slice_slots);
    t.psum = ts_build_ring(d->b, ts_space_psum, d->chunk, TS_DOT_BANK * (int64_t)sizeof(float), slice_slots);
    return t;
}

static ts_count rows_of(const ts_dot *d, const ts_dot_operand *o, const ts_dot_rows *r) {
    return ts_count_scale(d->b, r->positions, r->batches * o->walk->inner);
}

static ts_affine slot_of(const ts_dot *d, const ts_dot_rows *r, const ts_dot_slice *s) {
    return ts_build_sum(d->b, s->number, r->number, all_slices(d));
}

/* ---- loading ---- */

/* The offset of a group's depth within a row. */
static int64_t group_at(const ts_dot *d, const ts_dot_group *g) {
    return g == &d->group[0] ? 0 : d->group[0].chunks * d->group[0].positions * d->depth.inner;
}

/* Loads `count` positions of the cut axis from `at` on, for every outer position. */
static void load_rows(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const ts_dot_turn *turn,
                      const ts_dot_rows *r, ts_engine trigger, int64_t at, ts_count count, int64_t tile_at) {
    const ts_walk *depth = &d->depth;
    ts_box t = ts_dot_box(d, o, turn->raw);
    t.hbm_offset.base += at * depth->axis[depth->cut].step[o->side];
    t.hbm_offset = ts_build_sum(d->b, t.hbm_offset, r->from, 1);
    t.tile_offset = ts_affine_const(tile_at * elem_bytes(d));
    t.has_slot = true;
    t.slot = r->load;
    ts_box_part(&t, d->batch.axis[d->batch.count - 1].step[o->side], ts_count_const(r->batches));
    ts_walk_parts(&t, o->walk, o->side, r->positions);
    t.parts = rows_of(d, o, r);
    ts_box_free(&t, r->batches * d->batch.axis[d->batch.count - 1].step[o->side], ts_dot_depth(d),
                ts_count_const(r->beside));
    ts_dot_box_outer(d, o, &t, count.max * depth->inner);
    ts_walk_free(&t, depth, o->side, count, 1);
    ts_emit_load(d->b, trigger, ts_lower_load_queue(lower), &t);
}

void ts_dot_turn_load(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o, const ts_dot_turn *turn,
                      const ts_dot_rows *r, ts_engine trigger) {
    if (d->groups == 1 || d->group[1].chunks == 1) { /* the row is contiguous in the tile */
        ts_count count = ts_count_const(ts_dot_outer(d, d->depth.cut));
        count.is_ragged = ts_dot_is_ragged(d);
        if (count.is_ragged) count.limit = ts_dot_depth_left(d);
        load_rows(lower, d, o, turn, r, trigger, 0, count, 0);
        return;
    }
    for (int i = 0; i < d->groups; i++) {
        const ts_dot_group *g = &d->group[i];
        ts_count count = ts_count_const(g->tiles * g->positions);
        load_rows(lower, d, o, turn, r, trigger, g->at, count, group_at(d, g));
    }
}

/* ---- turning ---- */

/* Depth elements of a chunk; all chunks of a slice have equally many. */
static ts_count depth_of(const ts_dot *d, const ts_dot_slice *s) {
    return ts_count_scale(d->b, ts_dot_positions(d, s->group, s->chunk), d->depth.inner);
}

/* Inserts a dimension over the numbers of an element before dimension `at`. */
static void add_numbers(const ts_dot *d, ts_ap *ap, int at, int64_t step) {
    for (int i = ap->dims++; i > at; i--)
        ap->dim[i] = ap->dim[i - 1];
    ap->dim[at] = (ts_dim){.step = step, .count = ts_count_const(numbers_of(d))};
}

/* Makes an operand refer to the bits of its elements, as adjacent integers. */
static void as_bits(const ts_dot *d, ts_ap *ap, int at) {
    int64_t numbers = numbers_of(d);
    ap->dtype = elem_bytes(d) == 1 ? ts_dtype_u8 : ts_dtype_u16;
    if (numbers == 1) return;
    for (int i = 0; i < ap->dims; i++)
        ap->dim[i].step *= numbers;
    add_numbers(d, ap, at, 1);
}

/* The same for fp32 numbers, `step` apart for one element. */
static void as_numbers(const ts_dot *d, ts_ap *ap, int at, int64_t step) {
    if (numbers_of(d) > 1) add_numbers(d, ap, at, step);
}

/* The most elements of a slice. */
static int64_t slice_elems(const ts_dot *d, const ts_dot_slice *s) {
    return s->chunks.max * s->group->positions * d->depth.inner;
}

void ts_dot_turn_widen(const ts_dot *d, const ts_dot_operand *o, const ts_dot_turn *turn,
                       const ts_dot_rows *r, const ts_dot_slice *s) {
    int64_t chunk = s->group->positions * d->depth.inner;
    ts_count rows = rows_of(d, o, r);
    ts_count elems = s->chunks.max == 1 ? depth_of(d, s) : ts_count_scale(d->b, s->chunks, chunk);
    ts_ap from = ts_build_ap(d->b, turn->raw, d->dtype, rows, elems);
    from.offset.base += group_at(d, s->group) * elem_bytes(d);
    from.offset = ts_build_sum(d->b, from.offset, s->chunk, chunk * elem_bytes(d));
    from.offset = ts_build_sum(d->b, from.offset, r->at, 1);
    ts_build_slot(d->b, &from, r->load);
    as_bits(d, &from, 0);
    ts_ap to = ts_build_ap(d->b, turn->wide, ts_dtype_f32, rows, elems);
    ts_build_slot(d->b, &to, slot_of(d, r, s));
    as_numbers(d, &to, 0, slice_elems(d, s));
    ts_emit_copy(d->b, ts_engine_scalar, &to, &from);
}

/* Transposes one of the numbers of a chunk: turned[depth, rows] = wide[rows, depth]. */
static void turn_number(const ts_dot *d, const ts_dot_operand *o, const ts_dot_turn *turn,
                        const ts_dot_rows *r, const ts_dot_slice *s, ts_affine chunk, int64_t number) {
    ts_count rows = rows_of(d, o, r), depth = depth_of(d, s);
    int64_t elem = sizeof(float);
    ts_ap from = ts_build_ap(d->b, turn->wide, ts_dtype_f32, rows, depth);
    from.offset.base += number * slice_elems(d, s) * elem;
    from.offset = ts_build_sum(d->b, from.offset, chunk, depth.max * elem);
    ts_build_slot(d->b, &from, slot_of(d, r, s));
    ts_ap to = ts_build_ap(d->b, turn->psum, ts_dtype_f32, depth, rows);
    to.offset.base += number * rows.max * elem;
    to.offset = ts_build_sum(d->b, to.offset, chunk, numbers_of(d) * rows.max * elem);
    ts_build_slot(d->b, &to, slot_of(d, r, s));
    ts_emit_transpose(d->b, ts_engine_tensor, &to, &from);
}

static void read_out(const ts_dot *d, const ts_dot_operand *o, const ts_dot_turn *turn, const ts_dot_rows *r,
                     const ts_dot_slice *s) {
    ts_count rows = rows_of(d, o, r), depth = depth_of(d, s);
    int64_t step = ts_dot_chunk_step(d, o), elem = elem_bytes(d);
    ts_ap from = ts_build_ap(d->b, turn->psum, ts_dtype_f32, depth, s->chunks);
    from.dim[0].step = numbers_of(d) * rows.max;
    ts_ap_dim(&from, 1, rows);
    ts_build_slot(d->b, &from, slot_of(d, r, s));
    as_numbers(d, &from, 1, rows.max);
    ts_ap to = ts_build_ap(d->b, o->tile, d->dtype, depth, s->chunks);
    to.dim[0].step = step;
    ts_ap_dim(&to, 1, rows);
    to.offset.base += s->group->first * step * elem;
    to.offset = ts_build_sum(d->b, to.offset, s->chunk, step * elem);
    to.offset = ts_build_sum(d->b, to.offset, r->to, 1);
    if (d->is_ahead && o->side == ts_side_rows) ts_build_slot(d->b, &to, r->number);
    as_bits(d, &to, 1);
    ts_emit_copy(d->b, ts_engine_vector, &to, &from);
}

void ts_dot_turn_slice(const ts_dot *d, const ts_dot_operand *o, const ts_dot_turn *turn,
                       const ts_dot_rows *r, const ts_dot_slice *s) {
    bool is_loop = s->chunks.max > 1;
    ts_affine chunk = ts_affine_const(0);
    if (is_loop) chunk = ts_build_term(d->b, chunk, 1, ts_build_loop(d->b, s->chunks));
    for (int64_t i = 0; i < numbers_of(d); i++)
        turn_number(d, o, turn, r, s, chunk, i);
    if (is_loop) ts_build_end(d->b);
    read_out(d, o, turn, r, s);
}

/* ---- a whole panel ---- */

static int64_t batches_of(const ts_dot *d, const ts_dot_operand *o) {
    if (ts_walk_panels(o->walk) > 1 || ts_walk_tiles(o->walk) > 1) return 1;
    int64_t batches = TS_DOT_TILE / ts_walk_panel(o->walk);
    if (batches > d->batch.block) batches = d->batch.block;
    while (d->batch.block % batches != 0)
        batches--;
    return batches;
}

void ts_dot_turn_panel(ts_lower *lower, const ts_dot *d, const ts_dot_operand *o) {
    const ts_walk *walk = o->walk;
    ts_builder *b = d->b;
    int64_t tiles = ts_walk_tiles(walk), batches = batches_of(d, o), trips = d->batch.block / batches;
    int64_t beside = batches == 1 ? beside_of(d) : 1, loads = trips / beside;
    int64_t step = batches * d->batch.axis[d->batch.count - 1].step[o->side];
    ts_dot_turn turn =
        ts_dot_turn_begin(d, o, tiles * loads > 1 ? 2 : 1, tiles * trips * all_slices(d) > 1 ? 2 : 1);
    uint32_t load_loop = ts_dot_open(d, loads), tile_loop = ts_dot_open(d, tiles);
    ts_affine load = ts_dot_counter(d, loads, load_loop), tile = ts_dot_counter(d, tiles, tile_loop);
    ts_dot_rows r = {.batches = batches, .beside = beside};
    r.positions = ts_walk_tile_block(b, walk, tiles > 1, tile_loop);
    r.from = ts_walk_offset(b, walk, o->side, ts_affine_const(0));
    r.from = ts_build_sum(b, r.from, load, beside * step);
    r.from = ts_build_sum(b, r.from, tile, walk->tile * walk->axis[walk->cut].step[o->side]);
    r.load = ts_build_sum(b, tile, load, tiles);
    ts_dot_turn_load(lower, d, o, &turn, &r, ts_engine_sync);
    uint32_t batch_loop = ts_dot_open(d, beside);
    ts_affine index = ts_dot_counter(d, beside, batch_loop), batch = ts_build_sum(b, index, load, beside);
    r.at = ts_build_sum(b, ts_affine_const(0), index, ts_dot_depth(d) * elem_bytes(d));
    r.to = ts_build_sum(b, ts_affine_const(0), batch, batches * ts_walk_panel(walk) * elem_bytes(d));
    r.to = ts_build_sum(b, r.to, tile, ts_walk_tile(walk) * elem_bytes(d));
    r.number = ts_build_sum(b, index, r.load, beside);
    for (int i = 0; i < d->groups; i++) {
        int64_t slices = ts_dot_slices(d, &d->group[i]);
        uint32_t loop = ts_dot_open(d, slices);
        ts_dot_slice s = ts_dot_slice_at(d, &d->group[i], ts_dot_counter(d, slices, loop));
        ts_dot_turn_widen(d, o, &turn, &r, &s);
        ts_dot_turn_slice(d, o, &turn, &r, &s);
        ts_dot_close(d, slices);
    }
    ts_dot_close(d, beside);
    ts_dot_close(d, tiles);
    ts_dot_close(d, loads);
}

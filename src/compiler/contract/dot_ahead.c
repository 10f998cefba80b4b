/* Turning ahead: while TensorE multiplies a tile of rows by a panel of columns, it also transposes a later
   tile, between the chunks of depth, so that it never waits for ScalarE and VectorE. The turned tiles are a
   ring, numbered over all panels. The ring has one slot more than a panel has tiles, for the tile before the
   current one. A panel's tiles are turned while the previous panel is multiplied by the last columns; a tile
   of the first panel is turned while the tile before it is multiplied by the first columns. */
#include "compiler/contract/dot.h"

bool ts_dot_can_go_ahead(const ts_dot *d) {
    const ts_walk *rows = &d->rows;
    return d->stationary.is_transposed && ts_dot_is_whole(d) && d->batch.block == 1 && d->batch.inner == 1 &&
           rows->cut == 0 && rows->axis[0].size > rows->tile;
}

int64_t ts_dot_ring_slots(const ts_dot *d) {
    return ts_walk_tiles(&d->rows) + 1;
}

/* The sum of the counters of the loops over column panels inside a panel of rows, and its last value. */
static ts_affine columns_before(const ts_dot *d, int64_t *last) {
    const ts_walk *cols = &d->cols;
    ts_affine sum = ts_affine_const(0);
    *last = 0;
    for (int i = 0; d->is_rows_outer && i <= cols->cut; i++) {
        int64_t block = i < cols->cut ? 1 : cols->block;
        if (!cols->is_open[i]) continue;
        sum = ts_build_term(d->b, sum, 1, cols->loop[i]);
        *last += (cols->axis[i].size + block - 1) / block - 1;
    }
    return sum;
}

static ts_dot_rows rows_at(const ts_dot *d, ts_affine at, ts_count positions, ts_affine number) {
    ts_dot_rows r = {.batches = 1, .beside = 1, .positions = positions, .number = number, .load = number};
    r.from = ts_build_sum(d->b, ts_affine_const(0), at, d->rows.axis[0].step[ts_side_rows]);
    return r;
}

void ts_dot_ahead_begin(ts_dot_ahead *a, ts_lower *lower, ts_dot *d, const ts_dot_block *block) {
    const ts_dot_operand *o = &d->stationary;
    int64_t bytes = d->chunks * ts_dot_chunk_step(d, o) * ts_dtype_get(d->dtype)->bytes;
    *a = (ts_dot_ahead){.lower = lower, .dot = d, .block = block};
    d->stationary.tile = ts_build_ring(d->b, ts_space_sbuf, d->chunk, bytes, (int)ts_dot_ring_slots(d));
    a->turn = ts_dot_turn_begin(d, o, TS_DOT_ROWS_AHEAD, 2);
    ts_affine zero = ts_affine_const(0);
    ts_dot_rows first = rows_at(d, zero, ts_count_const(d->rows.tile), zero);
    bool is_kept = ts_dot_is_kept(d, o);
    if (is_kept) ts_dot_keep_if(d, o, true);
    ts_dot_turn_load(lower, d, o, &a->turn, &first, ts_engine_gpsimd);
    for (int i = 0; i < d->groups; i++) {
        int64_t slices = ts_dot_slices(d, &d->group[i]);
        uint32_t loop = ts_dot_open(d, slices);
        ts_dot_slice s = ts_dot_slice_at(d, &d->group[i], ts_dot_counter(d, slices, loop));
        ts_dot_turn_widen(d, o, &a->turn, &first, &s);
        ts_dot_turn_slice(d, o, &a->turn, &first, &s);
        ts_dot_close(d, slices);
    }
    if (!is_kept) return;
    ts_dot_keep_rows(lower, d, o, &first);
    ts_build_end(d->b);
    ts_dot_keep_if(d, o, false);
    ts_dot_keep_load(lower, d, o, &first, ts_engine_gpsimd);
    ts_build_end(d->b);
}

/* Adds rows to turn, from position `at` on. `left` positions remain; none are turned if it is not
   positive. */
static void add_next(ts_dot_ahead *a, ts_affine at, ts_affine left, ts_affine number, bool is_guarded,
                     ts_engine trigger) {
    const ts_dot *d = a->dot;
    ts_count positions = {.max = (int32_t)d->rows.tile, .is_ragged = true, .limit = left};
    a->next[a->count].rows = rows_at(d, at, positions, number);
    a->next[a->count].guard = (ts_count){.max = 1, .is_ragged = true, .limit = left};
    a->next[a->count].trigger = trigger;
    a->next[a->count++].is_guarded = is_guarded;
}

/* The first panel's next tile is turned while the current tile meets the first columns. SyncE triggers its
   load, since the next columns, which SyncE loads too, can wait for it. */
static void add_tile(ts_dot_ahead *a, ts_affine panel, ts_affine tile, ts_affine before) {
    const ts_dot *d = a->dot;
    const ts_walk *rows = &d->rows;
    ts_affine next = ts_build_sum(d->b, ts_affine_const(1), tile, 1);
    ts_affine at = ts_build_sum(d->b, ts_affine_const(0), next, rows->tile);
    ts_affine left = ts_build_sum(d->b, ts_affine_const(rows->block), at, -1);
    left = ts_build_sum(d->b, left, panel, -rows->block);
    left = ts_build_sum(d->b, left, before, -rows->block);
    add_next(a, at, left, next, panel.term_count + before.term_count > 0, ts_engine_sync);
}

/* The next panel's tile at the same place is turned while the current tile meets the last columns. Its load
   must not delay the first columns, which the next panel needs at once. */
static void add_panel(ts_dot_ahead *a, ts_affine panel, ts_affine tile, ts_affine before, int64_t last) {
    const ts_dot *d = a->dot;
    const ts_walk *rows = &d->rows;
    int64_t size = rows->axis[0].size, tiles = ts_walk_tiles(rows);
    ts_affine at = ts_build_sum(d->b, ts_affine_const(rows->block), panel, rows->block);
    at = ts_build_sum(d->b, at, tile, rows->tile);
    ts_affine left = ts_build_sum(d->b, ts_affine_const(size - size * last), at, -1);
    left = ts_build_sum(d->b, left, before, size);
    ts_affine number = ts_build_sum(d->b, ts_affine_const(tiles), panel, tiles);
    add_next(a, at, left, ts_build_sum(d->b, number, tile, 1), last > 0, ts_engine_gpsimd);
}

typedef enum ahead_step { step_load, step_widen, step_turn, step_keep, step_load_kept } ahead_step;

/* Applies a step to all rows that are turned during this block. `s` is the slice for the steps that work on
   slices. */
static void each(const ts_dot_ahead *a, ahead_step step, const ts_dot_slice *s) {
    const ts_dot *d = a->dot;
    const ts_dot_operand *o = &d->stationary;
    bool is_kept = ts_dot_is_kept(d, o);
    if (is_kept) ts_dot_keep_if(d, o, step != step_load_kept);
    for (int i = 0; i < a->count; i++) {
        const ts_dot_rows *rows = &a->next[i].rows;
        if (a->next[i].is_guarded) ts_build_loop(d->b, a->next[i].guard);
        switch (step) {
        case step_load: ts_dot_turn_load(a->lower, d, o, &a->turn, rows, a->next[i].trigger); break;
        case step_widen: ts_dot_turn_widen(d, o, &a->turn, rows, s); break;
        case step_turn: ts_dot_turn_slice(d, o, &a->turn, rows, s); break;
        case step_keep: ts_dot_keep_rows(a->lower, d, o, rows); break;
        case step_load_kept: ts_dot_keep_load(a->lower, d, o, rows, a->next[i].trigger); break;
        }
        if (a->next[i].is_guarded) ts_build_end(d->b);
    }
    if (is_kept) ts_build_end(d->b);
}

void ts_dot_ahead_block(ts_dot_ahead *a) {
    const ts_dot *d = a->dot;
    const ts_walk *rows = &d->rows;
    int64_t last;
    ts_affine before = columns_before(d, &last), panel = ts_affine_const(0);
    ts_affine tile = ts_dot_counter(d, a->block->row_tiles, a->block->row_loop);
    if (rows->is_open[0]) panel = ts_build_term(d->b, panel, 1, rows->loop[0]);
    a->count = 0;
    if (a->block->row_tiles > 1) add_tile(a, panel, tile, before);
    if (rows->is_open[0]) add_panel(a, panel, tile, before, last);
    each(a, step_load, NULL);
    if (ts_dot_is_kept(d, &d->stationary)) each(a, step_load_kept, NULL);
}

void ts_dot_ahead_widen(const ts_dot_ahead *a, const ts_dot_slice *s) {
    each(a, step_widen, s);
}

void ts_dot_ahead_turn(const ts_dot_ahead *a, const ts_dot_slice *s) {
    each(a, step_turn, s);
}

void ts_dot_ahead_end(const ts_dot_ahead *a) {
    if (ts_dot_is_kept(a->dot, &a->dot->stationary)) each(a, step_keep, NULL);
}

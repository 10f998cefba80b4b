/* The walks of a contraction: merges their axes, cuts them into panels and tiles, and computes counts and
   offsets of those. */
#include "compiler/contract/contraction.h"

#include <stdlib.h>

#include "base/integer.h"

void ts_walk_add(ts_walk *walk, ts_axis axis) {
    walk->axis[walk->count++] = axis;
}

void ts_walk_sort(ts_walk *walk, ts_side side) {
    for (int i = 1; i < walk->count; i++)
        for (int j = i; j > 0 && llabs(walk->axis[j - 1].step[side]) < llabs(walk->axis[j].step[side]); j--) {
            ts_axis swap = walk->axis[j];
            walk->axis[j] = walk->axis[j - 1];
            walk->axis[j - 1] = swap;
        }
}

static bool lie_together(const ts_axis *outer, const ts_axis *inner) {
    for (int side = 0; side < ts_side_count; side++)
        if (outer->step[side] != inner->step[side] * inner->size) return false;
    return true;
}

void ts_walk_merge(ts_walk *walk) {
    int kept = 0;
    for (int i = 0; i < walk->count; i++) {
        ts_axis axis = walk->axis[i];
        if (axis.size == 1) continue;
        if (kept > 0 && lie_together(&walk->axis[kept - 1], &axis)) {
            axis.size *= walk->axis[kept - 1].size;
            kept--;
        }
        walk->axis[kept++] = axis;
    }
    if (kept == 0) walk->axis[kept++] = (ts_axis){.size = 1};
    walk->count = kept;
}

int64_t ts_walk_elems(const ts_walk *walk) {
    int64_t elems = 1;
    for (int i = 0; i < walk->count; i++)
        elems *= walk->axis[i].size;
    return elems;
}

static int64_t largest_divisor(int64_t size, int64_t limit) {
    for (int64_t d = limit < size ? limit : size; d > 1; d--)
        if (size % d == 0) return d;
    return 1;
}

void ts_walk_cut(ts_walk *walk, int64_t tile, int64_t panel) {
    walk->inner = 1;
    walk->cut = walk->count - 1;
    while (walk->cut > 0 && walk->count - walk->cut < TS_PANEL_AXES &&
           walk->inner * walk->axis[walk->cut].size <= tile)
        walk->inner *= walk->axis[walk->cut--].size;
    int64_t size = walk->axis[walk->cut].size, most = panel / walk->inner;
    int64_t fit = tile / walk->inner > 1 ? tile / walk->inner : 1;
    walk->tile = fit < size ? fit : size;
    if (size <= most) { /* a single panel: tiles of equal size leave few ragged ones */
        walk->block = size;
        walk->tile = ts_ceil_div(size, ts_ceil_div(size, walk->tile));
        return;
    }
    /* Several panels: each holds whole tiles, so that no tile crosses a panel's end. With inner axes, all
       panels have equal size. */
    walk->block = most / walk->tile * walk->tile;
    if (walk->block == 0) walk->block = walk->tile;
    if (walk->inner == 1) return;
    walk->block = largest_divisor(size, most);
    walk->tile = ts_ceil_div(walk->block, ts_ceil_div(walk->block, walk->tile));
}

int64_t ts_walk_panel(const ts_walk *walk) {
    return walk->block * walk->inner;
}

int64_t ts_walk_panels(const ts_walk *walk) {
    int64_t panels = ts_ceil_div(walk->axis[walk->cut].size, walk->block);
    for (int i = 0; i < walk->cut; i++)
        panels *= walk->axis[i].size;
    return panels;
}

int64_t ts_walk_tile(const ts_walk *walk) {
    return walk->tile * walk->inner;
}

int64_t ts_walk_tiles(const ts_walk *walk) {
    return ts_ceil_div(walk->block, walk->tile);
}

void ts_walk_open(ts_builder *b, ts_walk *walk) {
    for (int i = 0; i <= walk->cut; i++) {
        int64_t trips = i < walk->cut ? walk->axis[i].size : ts_ceil_div(walk->axis[i].size, walk->block);
        walk->is_open[i] = trips > 1;
        if (trips > 1) walk->loop[i] = ts_build_loop(b, ts_count_const(trips));
    }
}

void ts_walk_close(ts_builder *b, ts_walk *walk) {
    for (int i = walk->cut; i >= 0; i--) {
        if (walk->is_open[i]) ts_build_end(b);
        walk->is_open[i] = false;
    }
}

ts_affine ts_walk_offset(ts_builder *b, const ts_walk *walk, ts_side side, ts_affine offset) {
    for (int i = 0; i <= walk->cut; i++)
        if (walk->is_open[i])
            offset = ts_build_term(b, offset, walk->axis[i].step[side] * (i < walk->cut ? 1 : walk->block),
                                   walk->loop[i]);
    return offset;
}

static bool is_ragged(const ts_walk *walk) {
    return walk->is_open[walk->cut] && walk->axis[walk->cut].size % walk->block != 0;
}

/* Positions of the cut axis from the begin of the open panel to the end of the axis, times `scale`. Constant
   when all panels are full. */
static ts_affine left_of(ts_builder *b, const ts_walk *walk, int64_t scale) {
    if (!is_ragged(walk)) return ts_affine_const(walk->block * scale);
    return ts_build_term(b, ts_affine_const(walk->axis[walk->cut].size * scale), -walk->block * scale,
                         walk->loop[walk->cut]);
}

ts_count ts_walk_block(ts_builder *b, const ts_walk *walk) {
    ts_count count = ts_count_const(walk->block);
    count.is_ragged = is_ragged(walk);
    if (count.is_ragged) count.limit = left_of(b, walk, 1);
    return count;
}

static ts_count slice(ts_builder *b, const ts_walk *walk, int64_t size, int64_t scale, bool has_loop,
                      uint32_t loop) {
    ts_count count = ts_count_const(size);
    if (!has_loop && !is_ragged(walk) && walk->block * scale <= size)
        return ts_count_const(walk->block * scale);
    count.is_ragged = is_ragged(walk) || (walk->block * scale) % size != 0;
    if (!count.is_ragged) return count;
    count.limit = left_of(b, walk, scale);
    if (has_loop) count.limit = ts_build_term(b, count.limit, -size, loop);
    return count;
}

ts_count ts_walk_tile_block(ts_builder *b, const ts_walk *walk, bool has_loop, uint32_t loop) {
    return slice(b, walk, walk->tile, 1, has_loop, loop);
}

ts_count ts_walk_slice(ts_builder *b, const ts_walk *walk, int64_t size, bool has_loop, uint32_t loop) {
    return slice(b, walk, size, walk->inner, has_loop, loop);
}

ts_count ts_count_scale(ts_builder *b, ts_count count, int64_t scale) {
    count.max *= (int32_t)scale;
    if (!count.is_ragged || scale == 1) return count;
    count.limit = ts_build_sum(b, ts_affine_const(0), count.limit, scale);
    return count;
}

int64_t ts_walk_run(const ts_walk *walk, ts_side side) {
    int64_t run = 1;
    for (int i = walk->count; i-- > walk->cut;) {
        if (walk->axis[i].step[side] != run && walk->axis[i].size != 1) break;
        run *= i == walk->cut ? walk->block : walk->axis[i].size;
    }
    return run;
}

void ts_walk_parts(ts_box *t, const ts_walk *walk, ts_side side, ts_count first) {
    ts_box_part(t, walk->axis[walk->cut].step[side], first);
    for (int i = walk->cut + 1; i < walk->count; i++)
        ts_box_part(t, walk->axis[i].step[side], ts_count_const(walk->axis[i].size));
}

void ts_walk_free(ts_box *t, const ts_walk *walk, ts_side side, ts_count first, int64_t step) {
    int64_t inner = walk->inner * step;
    ts_box_free(t, walk->axis[walk->cut].step[side], inner, first);
    for (int i = walk->cut + 1; i < walk->count; i++) {
        inner /= walk->axis[i].size;
        ts_box_free(t, walk->axis[i].step[side], inner, ts_count_const(walk->axis[i].size));
    }
}

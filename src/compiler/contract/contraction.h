/* The four walks of a contraction: batch, rows (stationary side), columns (moving side) and depth, each a
   list of axes with its steps in both operands and the result, cut into panels and tiles. */
#ifndef TS_COMPILER_CONTRACT_CONTRACTION_H
#define TS_COMPILER_CONTRACT_CONTRACTION_H

#include "compiler/lower/box.h"

typedef enum ts_side { ts_side_rows, ts_side_cols, ts_side_out, ts_side_count } ts_side;

typedef struct ts_axis {
    int64_t size, step[ts_side_count]; /* elements; 0 where the side has no such axis */
} ts_axis;

enum { TS_PANEL_AXES = 3 }; /* from the cut one on, so that partitions can be any part of a panel */

/* A panel is `block` positions of the axis `cut` with all axes inside it; axes before it take one position
   at a time. block is cut into tiles of `tile` positions; where panels may be ragged, tile divides it. */
typedef struct ts_walk {
    ts_axis axis[TS_MAX_RANK];
    int count, cut;
    int64_t block, tile, inner; /* inner: product of the axes after `cut` */
    uint32_t loop[TS_MAX_RANK];
    bool is_open[TS_MAX_RANK];
} ts_walk;

void ts_walk_add(ts_walk *walk, ts_axis axis);
/* By falling steps on that side: the order in which it lies in memory. */
void ts_walk_sort(ts_walk *walk, ts_side side);
/* Drops axes of size 1 and joins neighbours that lie together on every side; leaves at least one axis. */
void ts_walk_merge(ts_walk *walk);
int64_t ts_walk_elems(const ts_walk *walk);
/* Tiles of at most `tile` elements; panels of at most `panel`, both >= 1. */
void ts_walk_cut(ts_walk *walk, int64_t tile, int64_t panel);

int64_t ts_walk_panel(const ts_walk *walk); /* elements of a whole panel */
int64_t ts_walk_panels(const ts_walk *walk);
int64_t ts_walk_tile(const ts_walk *walk);  /* elements of a whole tile */
int64_t ts_walk_tiles(const ts_walk *walk); /* of a panel */

/* Loops over the panels. */
void ts_walk_open(ts_builder *b, ts_walk *walk);
void ts_walk_close(ts_builder *b, ts_walk *walk);
/* offset + where the open panel begins on that side. */
ts_affine ts_walk_offset(ts_builder *b, const ts_walk *walk, ts_side side, ts_affine offset);
/* Positions of the cut axis in this panel. */
ts_count ts_walk_block(ts_builder *b, const ts_walk *walk);
/* Positions of the cut axis in the tile that counter `loop` selects; has_loop false: the first tile. */
ts_count ts_walk_tile_block(ts_builder *b, const ts_walk *walk, bool has_loop, uint32_t loop);
/* min(size, elements of this panel - size * counter(loop)). */
ts_count ts_walk_slice(ts_builder *b, const ts_walk *walk, int64_t size, bool has_loop, uint32_t loop);
/* The count of things of which each position has `scale`. */
ts_count ts_count_scale(ts_builder *b, ts_count count, int64_t scale);

/* Contiguous elements at the end of the panel on that side. */
int64_t ts_walk_run(const ts_walk *walk, ts_side side);

/* The panel's (or one tile's: `first` positions of the cut axis) dims for a transfer; `step` elements of the
   tile between neighbours. */
void ts_walk_parts(ts_box *t, const ts_walk *walk, ts_side side, ts_count first);
void ts_walk_free(ts_box *t, const ts_walk *walk, ts_side side, ts_count first, int64_t step);

#endif

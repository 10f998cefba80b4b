/* The four walks of a contraction: batch, rows (stationary side), columns (moving side) and depth. A walk is
   a list of axes, with their steps in both operands and in the result, cut into panels and tiles. */
#ifndef TS_COMPILER_CONTRACT_CONTRACTION_H
#define TS_COMPILER_CONTRACT_CONTRACTION_H

#include "compiler/lower/box.h"

typedef enum ts_side { ts_side_rows, ts_side_cols, ts_side_out, ts_side_count } ts_side;

typedef struct ts_axis {
    int64_t size, step[ts_side_count]; /* elements; 0 where the side has no such axis */
} ts_axis;

enum { TS_PANEL_AXES = 3 }; /* most axes of a panel, so that any part of a panel can be put on partitions */

/* A panel is `block` positions of the axis `cut`, with all axes inside it; axes before `cut` take one
   position at a time. A panel consists of tiles of `tile` positions. Where panels may be ragged, tile divides
   block. */
typedef struct ts_walk {
    ts_axis axis[TS_MAX_RANK];
    int count, cut;
    int64_t block, tile, inner; /* inner: product of the sizes of axes after `cut` */
    uint32_t loop[TS_MAX_RANK];
    bool is_open[TS_MAX_RANK];
} ts_walk;

/* Appends an axis; axes go from outermost to innermost. */
void ts_walk_add(ts_walk *walk, ts_axis axis);
/* Sorts the axes by descending steps on a side, the order in which it lies in memory. */
void ts_walk_sort(ts_walk *walk, ts_side side);
/* Drops axes of size 1 and merges adjacent axes that are contiguous on every side. At least one axis is
   left. */
void ts_walk_merge(ts_walk *walk);
int64_t ts_walk_elems(const ts_walk *walk);
/* Cuts the walk into panels of at most `panel` elements and tiles of at most `tile`; both are at least 1. */
void ts_walk_cut(ts_walk *walk, int64_t tile, int64_t panel);

int64_t ts_walk_panel(const ts_walk *walk); /* elements of a full panel */
int64_t ts_walk_panels(const ts_walk *walk);
int64_t ts_walk_tile(const ts_walk *walk);  /* elements of a full tile */
int64_t ts_walk_tiles(const ts_walk *walk); /* tiles of a panel */

/* Opens and closes the loops over the panels. */
void ts_walk_open(ts_builder *b, ts_walk *walk);
void ts_walk_close(ts_builder *b, ts_walk *walk);
/* offset + the begin of the open panel on that side, in elements. */
ts_affine ts_walk_offset(ts_builder *b, const ts_walk *walk, ts_side side, ts_affine offset);
/* The number of positions of the cut axis in the open panel. */
ts_count ts_walk_block(ts_builder *b, const ts_walk *walk);
/* The number of positions of the cut axis in the tile that the counter of `loop` selects; in the first tile
   without has_loop. */
ts_count ts_walk_tile_block(ts_builder *b, const ts_walk *walk, bool has_loop, uint32_t loop);
/* min(size, elements of the open panel - size * counter(loop)); without has_loop the counter is 0. */
ts_count ts_walk_slice(ts_builder *b, const ts_walk *walk, int64_t size, bool has_loop, uint32_t loop);
/* Multiplies a count by `scale`. */
ts_count ts_count_scale(ts_builder *b, ts_count count, int64_t scale);

/* The number of contiguous elements at the end of a panel on that side. */
int64_t ts_walk_run(const ts_walk *walk, ts_side side);

/* Adds the dimensions of the panel, or of the first `first` positions of its cut axis, to a transfer: on
   partitions, or as free dimensions whose neighbours are `step` elements apart in the tile. */
void ts_walk_parts(ts_box *t, const ts_walk *walk, ts_side side, ts_count first);
void ts_walk_free(ts_box *t, const ts_walk *walk, ts_side side, ts_count first, int64_t step);

#endif

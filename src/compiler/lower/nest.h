/* Loop nests: how an iteration space is cut into tiles of [partitions, free elements] with loops around,
   ragged at the ends. */
#ifndef TS_COMPILER_LOWER_NEST_H
#define TS_COMPILER_LOWER_NEST_H

#include "compiler/lower/view.h"
#include "plan/builder.h"

typedef struct ts_nest {
    ts_builder *b;
    int rank;
    int64_t size[TS_VIEW_RANK], tile[TS_VIEW_RANK]; /* tile < size: a loop steps over the axis */
    uint32_t loop[TS_VIEW_RANK];
    bool is_open[TS_VIEW_RANK];
    ts_count given[TS_VIEW_RANK]; /* of the axis in this trip, where loops other than its own decide */
    bool is_given[TS_VIEW_RANK];
    int part;       /* axis on the partitions; -1 = one partition */
    int first_free; /* axes from here on are free in the tile */
    double cost;    /* estimate that chose this cut, engine cycles */
} ts_nest;

/* Cuts the common space of `count` views, whose axes it may split and reorder: some axis before
   `first_reduced` comes first and goes on the partitions, at most `capacity` free elements a tile. Axes from
   first_reduced on are never on the partitions and stay last in their order; they may be cut too, their loops
   are the innermost. first_reduced = rank when nothing is reduced. Merge the views first. */
ts_nest ts_nest_plan(ts_builder *b, ts_view *views, int count, int first_reduced, int64_t capacity);

/* Opens the loops of axes [from, to) in order; the counterpart closes as many. */
void ts_nest_open(ts_nest *nest, int from, int to);
void ts_nest_close(ts_nest *nest, int from, int to);

ts_count ts_nest_axis_count(const ts_nest *nest, int axis); /* of this trip */
ts_count ts_nest_axis_times(const ts_nest *nest, int axis, int64_t scale);
ts_count ts_nest_parts(const ts_nest *nest);
int64_t ts_nest_max_parts(const ts_nest *nest);
/* Elements of the free axes [from, to) of a tile, joined; the maximum, and the count of this trip. */
int64_t ts_nest_max_free(const ts_nest *nest, int from, int to);
ts_count ts_nest_free(const ts_nest *nest, int from, int to);

/* The HBM operand of a tensor view's tile: partitions axis first, then free axes. Along axes whose loops are
   not open it covers a whole tile: for a load before those loops the view's strides there must be 0. */
ts_ap ts_nest_hbm(const ts_nest *nest, const ts_view *view);
/* A bit for each free axis along which the view's elements differ. */
uint32_t ts_nest_axes(const ts_nest *nest, const ts_view *view);
/* The same as ts_nest_hbm with some of the free axes only. */
ts_ap ts_nest_hbm_axes(const ts_nest *nest, const ts_view *view, uint32_t axes);
/* Only the partition axis: one element a partition (every free stride must be 0). */
ts_ap ts_nest_hbm_column(const ts_nest *nest, const ts_view *view);
/* The number of leading axes whose loops must be open for the view's tile to be known; loops of the axes
   after them do not change it. */
int ts_nest_depth(const ts_nest *nest, const ts_view *view);

#endif

/* Loop nests: an iteration space cut into tiles of [partitions, free elements] with loops around them. Ends
   may be ragged. */
#ifndef TS_COMPILER_LOWER_NEST_H
#define TS_COMPILER_LOWER_NEST_H

#include "compiler/lower/view.h"
#include "plan/builder.h"

typedef struct ts_nest {
    ts_builder *b;
    int rank;
    int64_t size[TS_VIEW_RANK], tile[TS_VIEW_RANK]; /* tile < size: the axis has a loop */
    uint32_t loop[TS_VIEW_RANK];
    bool is_open[TS_VIEW_RANK];
    ts_count given[TS_VIEW_RANK]; /* the axis' count in this trip, if loops other than its own determine it */
    bool is_given[TS_VIEW_RANK];
    int part;       /* the axis on the partitions; -1 = a single partition */
    int first_free; /* axes from this one on are free in the tile */
    double cost;    /* estimated cost of this cut, in engine cycles */
} ts_nest;

/* Cuts the common space of `count` views, whose axes it may split and reorder. An axis before `first_reduced`
   is moved to the front and goes on the partitions; a tile has at most `capacity` free elements. Axes from
   first_reduced on are never on the partitions and keep their order at the end; if they are cut, their loops
   are innermost. first_reduced = rank when nothing is reduced. The views should be merged first. */
ts_nest ts_nest_plan(ts_builder *b, ts_view *views, int count, int first_reduced, int64_t capacity);

/* Open the loops of axes [from, to) in order, and close them. */
void ts_nest_open(ts_nest *nest, int from, int to);
void ts_nest_close(ts_nest *nest, int from, int to);

ts_count ts_nest_axis_count(const ts_nest *nest, int axis); /* in this trip */
ts_count ts_nest_axis_times(const ts_nest *nest, int axis, int64_t scale);
ts_count ts_nest_parts(const ts_nest *nest);
int64_t ts_nest_max_parts(const ts_nest *nest);
/* The elements of the free axes [from, to) of a tile: at most, and in this trip. */
int64_t ts_nest_max_free(const ts_nest *nest, int from, int to);
ts_count ts_nest_free(const ts_nest *nest, int from, int to);

/* The operand in HBM for a tensor view's tile: the partition axis, then the free axes. Along axes whose loops
   are not open it covers a whole tile. For a load outside those loops, the view's strides there must be 0. */
ts_ap ts_nest_hbm(const ts_nest *nest, const ts_view *view);
/* A bit for each free axis along which the view's elements differ. */
uint32_t ts_nest_axes(const ts_nest *nest, const ts_view *view);
/* As ts_nest_hbm, with only the free axes in the bit set. */
ts_ap ts_nest_hbm_axes(const ts_nest *nest, const ts_view *view, uint32_t axes);
/* With the partition axis only: one element per partition. Every free stride must be 0. */
ts_ap ts_nest_hbm_column(const ts_nest *nest, const ts_view *view);
/* The number of leading axes whose loops determine the view's tile; it does not change with the others. */
int ts_nest_depth(const ts_nest *nest, const ts_view *view);

#endif

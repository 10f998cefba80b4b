/* Loop nests: choosing the tile of an iteration space and addressing views inside it. */
#include "compiler/nest.h"

#include <string.h>

enum { PARTITIONS = 128, MAX_FREE_AXES = 4, TRIP_COST = 200 };

static int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Fills tiles for partition axis `part` and returns the estimated cost: trips times (a fixed part, in
   engine cycles, and the free elements), plus rows for their DMA descriptors. */
static double cut(ts_nest *nest, int part, int64_t capacity) {
    int first_free = nest->rank;
    int64_t inner = 1;
    while (first_free > part + 1 && nest->rank - first_free < MAX_FREE_AXES &&
           inner * nest->size[first_free - 1] <= capacity)
        inner *= nest->size[--first_free];
    for (int i = 0; i < nest->rank; i++)
        nest->tile[i] = i >= first_free ? nest->size[i] : 1;
    int64_t step = capacity / inner;
    if (first_free > part + 1 && nest->rank - first_free < MAX_FREE_AXES && step > 1) {
        nest->tile[--first_free] = step;
        inner *= step;
    }
    if (part >= 0) nest->tile[part] = nest->size[part] < PARTITIONS ? nest->size[part] : PARTITIONS;
    nest->part = part;
    nest->first_free = first_free;
    double trips = 1;
    for (int i = 0; i < nest->rank; i++)
        trips *= (double)ceil_div(nest->size[i], nest->tile[i]);
    double rows = part >= 0 ? (double)nest->tile[part] : 1;
    return trips * ((double)(TRIP_COST + inner) + 2 * rows);
}

ts_nest ts_nest_plan(ts_builder *b, const ts_view *view, int first_reduced, int64_t capacity) {
    ts_nest nest = {.b = b, .rank = view->rank}, best;
    memcpy(nest.size, view->dim, sizeof nest.size);
    double best_cost = cut(&nest, -1, capacity);
    best = nest;
    for (int part = 0; part < first_reduced; part++) {
        double cost = cut(&nest, part, capacity);
        if (cost < best_cost) {
            best_cost = cost;
            best = nest;
        }
    }
    best.cost = best_cost;
    return best;
}

ts_nest ts_nest_plan_split(ts_builder *b, ts_view *views, int count, int first_reduced, int64_t capacity) {
    ts_nest best = ts_nest_plan(b, &views[0], first_reduced, capacity);
    int best_axis = -1;
    int64_t best_inner = 0;
    for (int axis = 0; axis < first_reduced && views[0].rank < TS_VIEW_RANK; axis++) {
        for (int64_t inner = 2; inner <= capacity && inner < views[0].dim[axis]; inner++) {
            if (views[0].dim[axis] % inner != 0) continue;
            ts_view split = views[0];
            ts_views_split(&split, 1, axis, inner);
            ts_nest nest = ts_nest_plan(b, &split, first_reduced + 1, capacity);
            if (nest.cost >= best.cost) continue;
            best = nest;
            best_axis = axis;
            best_inner = inner;
        }
    }
    if (best_axis >= 0) ts_views_split(views, count, best_axis, best_inner);
    return best;
}

static bool is_looped(const ts_nest *nest, int axis) {
    return nest->tile[axis] < nest->size[axis];
}

void ts_nest_open(ts_nest *nest, int from, int to) {
    for (int i = from; i < to; i++) {
        if (!is_looped(nest, i)) continue;
        nest->loop[i] = ts_build_loop(nest->b, ts_count_const(ceil_div(nest->size[i], nest->tile[i])));
        nest->is_open[i] = true;
    }
}

void ts_nest_close(ts_nest *nest, int from, int to) {
    for (int i = to; i-- > from;)
        if (nest->is_open[i]) {
            ts_build_end(nest->b);
            nest->is_open[i] = false;
        }
}

ts_count ts_nest_axis_times(const ts_nest *nest, int axis, int64_t scale) {
    if (!nest->is_open[axis]) return ts_count_const(nest->tile[axis] * scale);
    return ts_build_ragged(nest->b, nest->tile[axis], nest->size[axis], nest->loop[axis], scale);
}

ts_count ts_nest_axis_count(const ts_nest *nest, int axis) {
    return ts_nest_axis_times(nest, axis, 1);
}

ts_count ts_nest_parts(const ts_nest *nest) {
    return nest->part < 0 ? ts_count_const(1) : ts_nest_axis_times(nest, nest->part, 1);
}

int64_t ts_nest_max_parts(const ts_nest *nest) {
    return nest->part < 0 ? 1 : nest->tile[nest->part];
}

int64_t ts_nest_max_free(const ts_nest *nest, int from, int to) {
    int64_t elems = 1;
    for (int i = from > nest->first_free ? from : nest->first_free; i < to; i++)
        elems *= nest->tile[i];
    return elems;
}

/* Only the first axis of the range can be cut: the ones inside it are whole, so the joined count is its
   count times their product. */
ts_count ts_nest_free(const ts_nest *nest, int from, int to) {
    if (from < nest->first_free) from = nest->first_free;
    if (from >= to) return ts_count_const(1);
    return ts_nest_axis_times(nest, from, ts_nest_max_free(nest, from + 1, to));
}

static ts_affine view_offset(const ts_nest *nest, const ts_view *view) {
    ts_affine offset = ts_view_offset(nest->b, view);
    for (int i = 0; i < nest->rank; i++)
        if (nest->is_open[i])
            offset = ts_build_term(nest->b, offset, view->stride[i] * nest->tile[i], nest->loop[i]);
    return offset;
}

ts_ap ts_nest_hbm_column(const ts_nest *nest, const ts_view *view, bool is_full) {
    ts_ap ap = ts_build_hbm(view->tensor, ts_chip_dtype(view->dtype), view_offset(nest, view));
    ts_count parts = is_full ? ts_count_const(ts_nest_max_parts(nest)) : ts_nest_parts(nest);
    ts_ap_dim(&ap, nest->part < 0 ? 0 : view->stride[nest->part], parts);
    return ap;
}

uint32_t ts_nest_axes(const ts_nest *nest, const ts_view *view) {
    uint32_t axes = 0;
    for (int i = nest->first_free; i < nest->rank; i++)
        if (view->stride[i] != 0) axes |= 1u << i;
    return axes;
}

ts_ap ts_nest_hbm_axes(const ts_nest *nest, const ts_view *view, uint32_t axes, bool is_full) {
    ts_ap ap = ts_nest_hbm_column(nest, view, is_full);
    for (int i = nest->first_free; i < nest->rank; i++)
        if (axes >> i & 1)
            ts_ap_dim(&ap, view->stride[i],
                      is_full ? ts_count_const(nest->tile[i]) : ts_nest_axis_times(nest, i, 1));
    return ap;
}

ts_ap ts_nest_hbm(const ts_nest *nest, const ts_view *view, bool is_full) {
    return ts_nest_hbm_axes(nest, view, ~0u, is_full);
}

bool ts_nest_is_invariant(const ts_nest *nest, const ts_view *view) {
    for (int i = 0; i < nest->rank; i++)
        if (is_looped(nest, i) && view->stride[i] != 0) return false;
    return true;
}

/* Loop nests: choose the tile of an iteration space and address views inside it. */
#include "compiler/lower/nest.h"

#include <string.h>

#include "base/integer.h"
#include "compiler/contract/contraction.h"

/* Costs are in engine cycles: of a trip, and of a DMA descriptor. */
enum { PARTITIONS = 128, MAX_FREE_AXES = 4, TRIP_COST = 200, DESCRIPTOR_COST = 2 };
/* Bytes of a row. Shorter rows, with a descriptor each, cost too much if their tensor does not stay in SBUF
   after all. */
enum { SHORTEST_ROW = 256 };

/* Whether the view's rows (trailing axes of a scratch tensor) go one by one on 128 partitions. Contractions
   access tensors in this way, so the tensor can stay in SBUF (plan/reside.c). */
static bool can_stay(const ts_nest *nest, const ts_view *view) {
    const ts_program *program = nest->b->program;
    if (view->tensor == TS_VIEW_NO_TENSOR) return false;
    const ts_tensor *tensor = &program->tensors.data[view->tensor];
    if (tensor->kind != ts_tensor_scratch || nest->part < 0) return false;
    int64_t row = view->stride[nest->part], parts = nest->tile[nest->part], trailing = 1;
    for (int i = tensor->rank; i-- > 0 && trailing < row;)
        trailing *= tensor->dim[i];
    if (trailing != row || row * ts_dtype_get((ts_dtype)tensor->dtype)->bytes < SHORTEST_ROW) return false;
    for (int i = 0; i < nest->rank; i++)
        if (i != nest->part && nest->size[i] > 1 && view->stride[i] >= row &&
            view->stride[i] % (row * parts) != 0)
            return false;
    return true;
}

/* The number of DMA descriptors for one tile of the view, one for each contiguous run. */
static double descriptors(const ts_nest *nest, const ts_view *view) {
    if (view->kind != ts_view_tensor || can_stay(nest, view)) return 0;
    int64_t runs = 1, run = 1;
    bool is_contiguous = true;
    for (int i = nest->rank; i-- > nest->first_free;) {
        if (nest->tile[i] == 1 || view->stride[i] == 0) continue;
        is_contiguous = is_contiguous && view->stride[i] == run;
        *(is_contiguous ? &run : &runs) *= nest->tile[i];
    }
    bool repeats = nest->part < 0 || view->stride[nest->part] == 0;
    return (double)runs * (repeats ? 1 : (double)nest->tile[nest->part]);
}

/* Cuts the space into tiles, with axis 0 on the partitions or no axis, and estimates the cost: trips times (a
   fixed part, the free elements, and the DMA descriptors of all views). */
static void cut(ts_nest *nest, const ts_view *views, int count, bool has_part, int64_t capacity) {
    int first_free = nest->rank;
    int64_t inner = 1;
    nest->part = has_part ? 0 : -1;
    while (first_free > has_part && nest->rank - first_free < MAX_FREE_AXES &&
           inner * nest->size[first_free - 1] <= capacity)
        inner *= nest->size[--first_free];
    for (int i = 0; i < nest->rank; i++)
        nest->tile[i] = i >= first_free ? nest->size[i] : 1;
    int64_t step = capacity / inner;
    if (first_free > has_part && nest->rank - first_free < MAX_FREE_AXES && step > 1) {
        nest->tile[--first_free] = step;
        inner *= step;
    }
    if (has_part) nest->tile[0] = nest->size[0] < PARTITIONS ? nest->size[0] : PARTITIONS;
    nest->first_free = first_free;
    double trips = 1, runs = 0;
    for (int i = 0; i < nest->rank; i++)
        trips *= (double)ts_ceil_div(nest->size[i], nest->tile[i]);
    for (int v = 0; v < count; v++)
        runs += descriptors(nest, &views[v]);
    nest->cost = trips * ((double)(TRIP_COST + inner) + DESCRIPTOR_COST * runs);
}

enum { MAX_VIEWS = 40 };

/* An arrangement of the axes: one axis is split, and then one is moved to the front for the partitions. */
typedef struct arrangement {
    int split, part; /* -1 = none */
    int64_t inner;
} arrangement;

static void arrange(ts_view *views, int count, const arrangement *how) {
    if (how->split >= 0) ts_views_split(views, count, how->split, how->inner);
    if (how->part <= 0) return;
    int perm[TS_VIEW_RANK] = {how->part}, at = 1, rank = views[0].rank;
    for (int i = 0; i < rank; i++)
        if (i != how->part) perm[at++] = i;
    for (int v = 0; v < count; v++)
        views[v] = ts_view_permute(&views[v], rank, perm);
}

static ts_nest try_arrangement(ts_builder *b, const ts_view *views, int count, const arrangement *how,
                               int64_t capacity) {
    ts_view arranged[MAX_VIEWS];
    memcpy(arranged, views, (size_t)count * sizeof *views);
    arrange(arranged, count, how);
    ts_nest nest = {.b = b, .rank = arranged[0].rank};
    memcpy(nest.size, arranged[0].dim, sizeof nest.size);
    cut(&nest, arranged, count, how->part >= 0, capacity);
    return nest;
}

ts_nest ts_nest_plan(ts_builder *b, ts_view *views, int count, int first_reduced, int64_t capacity) {
    arrangement best = {.split = -1, .part = -1};
    ts_nest nest = try_arrangement(b, views, count, &best, capacity);
    for (int axis = -1; axis < first_reduced; axis++) {
        if (axis >= 0 && views[0].rank == TS_VIEW_RANK) break;
        int64_t last = axis < 0 ? 1 : capacity < views[0].dim[axis] ? capacity : views[0].dim[axis] - 1;
        for (int64_t inner = axis < 0 ? 1 : 2; inner <= last; inner++) {
            if (axis >= 0 && views[0].dim[axis] % inner != 0) continue;
            for (int part = 0; part < first_reduced + (axis >= 0); part++) {
                arrangement how = {.split = axis, .part = part, .inner = inner};
                ts_nest other = try_arrangement(b, views, count, &how, capacity);
                if (other.cost >= nest.cost) continue;
                nest = other;
                best = how;
            }
        }
    }
    arrange(views, count, &best);
    return nest;
}

static bool is_looped(const ts_nest *nest, int axis) {
    return nest->tile[axis] < nest->size[axis];
}

void ts_nest_open(ts_nest *nest, int from, int to) {
    for (int i = from; i < to; i++) {
        if (!is_looped(nest, i)) continue;
        nest->loop[i] = ts_build_loop(nest->b, ts_count_const(ts_ceil_div(nest->size[i], nest->tile[i])));
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
    if (nest->is_given[axis]) return ts_count_scale(nest->b, nest->given[axis], scale);
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

/* Only the first axis of the range can be cut. The axes inside it are whole, so the joint count is its count
   times their product. */
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

ts_ap ts_nest_hbm_column(const ts_nest *nest, const ts_view *view) {
    ts_ap ap = ts_build_hbm(view->tensor, ts_chip_dtype(view->dtype), view_offset(nest, view));
    ts_ap_dim(&ap, nest->part < 0 ? 0 : view->stride[nest->part], ts_nest_parts(nest));
    return ap;
}

uint32_t ts_nest_axes(const ts_nest *nest, const ts_view *view) {
    uint32_t axes = 0;
    for (int i = nest->first_free; i < nest->rank; i++)
        if (view->stride[i] != 0) axes |= 1u << i;
    return axes;
}

ts_ap ts_nest_hbm_axes(const ts_nest *nest, const ts_view *view, uint32_t axes) {
    ts_ap ap = ts_nest_hbm_column(nest, view);
    for (int i = nest->first_free; i < nest->rank; i++)
        if (axes >> i & 1) ts_ap_dim(&ap, view->stride[i], ts_nest_axis_count(nest, i));
    return ap;
}

ts_ap ts_nest_hbm(const ts_nest *nest, const ts_view *view) {
    return ts_nest_hbm_axes(nest, view, ~0u);
}

int ts_nest_depth(const ts_nest *nest, const ts_view *view) {
    int depth = nest->rank;
    while (depth > 0 && !(is_looped(nest, depth - 1) && view->stride[depth - 1] != 0))
        depth--;
    return depth;
}

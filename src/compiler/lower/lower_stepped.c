/* Copies of views that skip elements or walk backwards, such as x[::-1] and x[:, ::2]. A DMA would need a
   descriptor for each element. Instead, runs are loaded including the skipped elements, and VectorE, which
   preserves bits, reads them with a step. */
#include <string.h>

#include "base/integer.h"
#include "compiler/lower/lower.h"

enum {
    SHORTEST = 16,  /* elements; longer runs, and shorter axes, are left to the DMA */
    FEWEST = 4096,  /* elements; for fewer, the descriptors cost no more than a copy */
    WIDEST = 16,    /* largest step */
    LONGEST = 4096, /* elements of a run in SBUF */
    PARTITIONS = 128,
    SHORTEST_RUN = 64
};

static int64_t step_of(const ts_view *view, int axis) {
    return view->stride[axis] < 0 ? -view->stride[axis] : view->stride[axis];
}

/* The number of elements that are contiguous, over axes in any order. */
static int64_t run_length(const ts_view *view) {
    int64_t run = 1;
    for (int i = view->rank; i-- > 0;)
        if (view->stride[i] == run && view->dim[i] > 1) {
            run *= view->dim[i];
            i = view->rank;
        }
    return run;
}

/* The axis of at least SHORTEST elements with the smallest step, if the view has no contiguous runs to speak
   of; otherwise -1. */
static int stepped_axis(const ts_view *view) {
    int axis = -1;
    if (view->kind != ts_view_tensor || ts_view_elems(view) < FEWEST || run_length(view) >= SHORTEST)
        return -1;
    if (ts_dtype_get(ts_chip_dtype(view->dtype))->bytes > 4) return -1;
    for (int i = 0; i < view->rank; i++) {
        if (view->dim[i] < SHORTEST) continue;
        if (view->stride[i] == 0) return -1;
        if (axis < 0 || step_of(view, i) < step_of(view, axis)) axis = i;
    }
    return axis >= 0 && step_of(view, axis) <= WIDEST ? axis : -1;
}

bool ts_view_is_stepped(const ts_view *view) {
    return stepped_axis(view) >= 0;
}

/* The length of a run: long, but short enough for all partitions to have some. */
static int64_t run_of(const ts_lower *lower, const ts_view *view, int axis) {
    int64_t most = ts_build_at_most(&lower->b, LONGEST) / step_of(view, axis), elems = ts_view_elems(view);
    int64_t run = SHORTEST_RUN;
    if (view->dim[axis] <= most && elems / view->dim[axis] >= PARTITIONS) return view->dim[axis];
    while (2 * run <= most && elems / (2 * run) >= PARTITIONS)
        run *= 2;
    return run < view->dim[axis] ? run : view->dim[axis];
}

/* Copies; the last axis of both views (destination, source) is one run. */
static void copy_runs(ts_lower *lower, ts_view *views) {
    ts_builder *b = &lower->b;
    int last = views[0].rank - 1;
    int64_t run = views[0].dim[last], step = views[1].stride[last],
            span = (run - 1) * step_of(&views[1], last) + 1;
    ts_dtype dtype = ts_chip_dtype(views[1].dtype);
    int64_t bytes = ts_dtype_get(dtype)->bytes,
            capacity = ts_build_at_most(b, LONGEST) / ts_ceil_div(span, run);
    if (step < 0) views[1].offset += (run - 1) * step;
    views[1].stride[last] = 1;
    ts_nest nest = ts_nest_plan(b, views, 2, last, capacity > run ? capacity : run);
    int64_t parts = ts_nest_max_parts(&nest);
    last = nest.rank - 1;
    int64_t groups = ts_nest_max_free(&nest, 0, last);
    ts_nest_open(&nest, 0, nest.rank);
    ts_tile loaded = ts_build_tile(b, ts_space_sbuf, parts, groups * span * bytes, 2);
    ts_tile stored = ts_build_tile(b, ts_space_sbuf, parts, groups * run * bytes, 2);
    ts_count rows = nest.first_free < last ? ts_nest_free(&nest, 0, last) : ts_count_const(1);
    ts_ap in = ts_build_ap(b, loaded, dtype, ts_nest_parts(&nest), rows), out = in, from, to;
    out = ts_build_ap(b, stored, dtype, ts_nest_parts(&nest), rows);
    in.dim[0].step = span;
    out.dim[0].step = run;
    ts_ap_dim(&in, 1, ts_count_const(span));
    ts_ap_dim(&out, 1, ts_count_const(run));
    from = ts_nest_hbm(&nest, &views[1]);
    from.dim[from.dims - 1].count = ts_count_const(span);
    to = ts_nest_hbm(&nest, &views[0]);
    ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(lower), &in, &from);
    if (step < 0) in.offset.base += (span - 1) * bytes;
    in.dim[1] = (ts_dim){.step = step, .count = ts_count_const(run)};
    ts_emit_copy(b, ts_engine_vector, &out, &in);
    ts_emit_dma(b, ts_engine_gpsimd, TS_STORE_QUEUE, &to, &out);
    ts_nest_close(&nest, 0, nest.rank);
}

/* Copies the last axis in whole runs, then the rest of it. */
static void copy_axis(ts_lower *lower, const ts_view *dst, const ts_view *src) {
    ts_view views[2] = {*dst, *src}, rest[2] = {*dst, *src};
    int axis = src->rank - 1;
    int64_t run = run_of(lower, src, axis), whole = src->dim[axis] - src->dim[axis] % run;
    for (int v = 0; v < 2; v++) {
        views[v].dim[axis] = whole;
        rest[v].dim[axis] -= whole;
        rest[v].offset += whole * rest[v].stride[axis];
    }
    if (run < whole) ts_views_split(views, 2, axis, run);
    copy_runs(lower, views);
    if (rest[0].dim[axis] > 0) copy_runs(lower, rest);
}

ts_status ts_lower_stepped(ts_lower *lower, const ts_view *dst, const ts_view *src) {
    int axis = stepped_axis(src), perm[TS_VIEW_RANK], at = 0, rank = src->rank;
    for (int i = 0; i < rank; i++)
        if (i != axis) perm[at++] = i;
    perm[at] = axis;
    ts_view to = ts_view_permute(dst, rank, perm), from = ts_view_permute(src, rank, perm);
    if (to.stride[rank - 1] == 1) {
        copy_axis(lower, &to, &from);
        return ts_ok;
    }
    /* First copy to the order of the source. */
    ts_type type = {.dtype = src->dtype, .rank = (uint8_t)rank};
    memcpy(type.dim, from.dim, sizeof type.dim);
    ts_view dense = ts_view_of_tensor(ts_lower_scratch(lower, &type, "dense"), &type);
    copy_axis(lower, &dense, &from);
    return ts_lower_copy(lower, &to, &dense);
}

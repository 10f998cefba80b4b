/* Copies from one view to another of the same dims, and writes numbers that are in no tensor to SBUF or
   HBM. */
#include <string.h>

#include "compiler/lower/lower.h"

/* Copies a splat or iota through SBUF. */
static void copy_generated(ts_lower *lower, ts_view *views) {
    ts_nest nest = ts_nest_plan(&lower->b, views, 2, views[0].rank, 2048);
    const ts_view *src = &views[1];
    ts_dtype dtype = ts_chip_dtype(src->dtype);
    int64_t parts = ts_nest_max_parts(&nest), free = ts_nest_max_free(&nest, 0, nest.rank);
    int64_t bytes = free * ts_dtype_get(dtype)->bytes;
    ts_tile tile = 0;
    if (src->kind == ts_view_splat) {
        tile = ts_build_tile(&lower->b, ts_space_sbuf, parts, bytes, 1);
        ts_ap whole = ts_build_ap(&lower->b, tile, dtype, ts_count_const(parts), ts_count_const(free));
        ts_emit_memset(&lower->b, ts_engine_vector, &whole, src->value);
    }
    ts_nest_open(&nest, 0, nest.rank);
    if (src->kind == ts_view_iota) {
        tile = ts_build_tile(&lower->b, ts_space_sbuf, parts, bytes, 2);
        ts_lower_iota(lower, &nest, tile, src);
    }
    ts_ap from = ts_build_ap(&lower->b, tile, dtype, ts_nest_parts(&nest), ts_nest_free(&nest, 0, nest.rank));
    ts_ap to = ts_nest_hbm(&nest, &views[0]);
    ts_emit_dma(&lower->b, ts_engine_tensor, TS_STORE_QUEUE, &to, &from);
    ts_nest_close(&nest, 0, nest.rank);
}

/* A tile of [parts, the free axes in the bit set `axes`], read with step 0 along the other axes. */
static ts_ap repeated_ap(const ts_nest *nest, ts_tile tile, ts_dtype dtype, uint32_t axes) {
    ts_ap ap = ts_build_ap(nest->b, tile, dtype, ts_nest_parts(nest), ts_nest_free(nest, 0, nest->rank));
    int64_t step = 1;
    ap.dim[0].step = 0;
    if (axes == 0) return ap;
    ap.dims = 0;
    for (int i = nest->first_free; i < nest->rank; i++)
        ts_ap_dim(&ap, 0, ts_nest_axis_count(nest, i));
    for (int i = nest->rank; i-- > nest->first_free;) {
        if (!(axes >> i & 1)) continue;
        ap.dim[i - nest->first_free].step = step;
        step *= nest->tile[i];
    }
    return ap;
}

static ts_count axis_product(const ts_nest *nest, uint32_t axes) {
    int first = nest->first_free;
    int64_t others = 1;
    while (first < nest->rank && !(axes >> first & 1))
        first++;
    if (first == nest->rank) return ts_count_const(1);
    for (int i = first + 1; i < nest->rank; i++)
        if (axes >> i & 1) others *= nest->tile[i];
    return ts_nest_axis_times(nest, first, others);
}

/* Whether the rows are contiguous on both sides, so that repeating their elements in SBUF is worthwhile. */
static bool is_along_rows(const ts_nest *nest, const ts_view *views) {
    int last = nest->rank - 1, dims = nest->rank - nest->first_free;
    return nest->part != last && dims > 1 && dims < TS_AP_DIMS && views[0].stride[last] == 1 &&
           views[1].stride[last] == 0 && views[1].stride[last - 1] == 1;
}

/* A copy in which each element is repeated along the last axis. A DMA alone would need a descriptor for each
   element, so VectorE repeats elements that were loaded once. False, with nothing emitted, when a partition's
   part of a tile is neither one number nor contiguous elements, or when an element has 64 bits, which no
   engine handles. */
static bool copy_repeated(ts_lower *lower, const ts_view *whole) {
    ts_view views[2] = {whole[0], whole[1]};
    int last = views[1].rank - 1;
    ts_dtype dtype = ts_chip_dtype(views[1].dtype);
    int64_t bytes = ts_dtype_get(dtype)->bytes, held = 1;
    if (bytes > 4 || last < 0 || views[1].stride[last] != 0 || views[1].dim[last] == 1) return false;
    ts_nest nest = ts_nest_plan(&lower->b, views, 2, views[0].rank, 2048);
    uint32_t axes = ts_nest_axes(&nest, &views[1]), all = ts_nest_axes(&nest, &views[0]);
    if (axes != 0 && !is_along_rows(&nest, views)) return false;
    for (int i = nest.first_free; i < nest.rank; i++)
        if (axes >> i & 1) held *= nest.tile[i];
    ts_builder *b = &lower->b;
    int64_t parts = ts_nest_max_parts(&nest);
    int depth = ts_nest_depth(&nest, &views[1]);
    ts_tile some = ts_build_tile(b, ts_space_sbuf, parts, bytes * held, axes ? 2 : 1);
    ts_tile many = ts_build_tile(b, ts_space_sbuf, parts, bytes * ts_nest_max_free(&nest, 0, nest.rank), 2);
    ts_nest_open(&nest, 0, depth);
    ts_ap from = ts_nest_hbm_axes(&nest, &views[1], axes);
    ts_ap loaded = ts_build_ap(b, some, dtype, ts_nest_parts(&nest), axis_product(&nest, axes));
    ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(lower), &loaded, &from);
    ts_nest_open(&nest, depth, nest.rank);
    ts_ap tile = ts_build_ap(b, many, dtype, ts_nest_parts(&nest), ts_nest_free(&nest, 0, nest.rank));
    ts_ap repeated = repeated_ap(&nest, some, dtype, axes), to = ts_nest_hbm(&nest, &views[0]);
    ts_ap written = axes == 0 ? tile : repeated_ap(&nest, many, dtype, all);
    ts_emit_copy(b, ts_engine_vector, &written, &repeated);
    ts_emit_dma(b, ts_engine_gpsimd, TS_STORE_QUEUE, &to, &tile);
    ts_nest_close(&nest, 0, nest.rank);
    return true;
}

void ts_lower_iota(ts_lower *lower, const ts_nest *nest, ts_tile tile, const ts_view *view) {
    ts_affine offset = ts_view_offset(&lower->b, view);
    for (int i = 0; i < nest->rank; i++)
        if (nest->is_open[i])
            offset = ts_build_term(&lower->b, offset, view->stride[i] * nest->tile[i], nest->loop[i]);
    ts_ap dst =
        ts_build_ap(&lower->b, tile, ts_chip_dtype(view->dtype), ts_nest_parts(nest), ts_count_const(1));
    int64_t pattern[4] = {0}, step = 1;
    dst.dims = 0;
    for (int i = nest->first_free; i < nest->rank; i++) {
        pattern[dst.dims] = view->stride[i];
        ts_ap_dim(&dst, 0, ts_nest_axis_count(nest, i));
    }
    for (int i = dst.dims; i-- > 0;) {
        dst.dim[i].step = step;
        step *= dst.dim[i].count.max;
    }
    if (dst.dims == 0) ts_ap_dim(&dst, 1, ts_count_const(1));
    ts_emit_iota(&lower->b, &dst, offset, nest->part < 0 ? 0 : view->stride[nest->part], pattern);
}

/* Reverses an axis in both views. */
static void walk_forwards(ts_view *views, int axis) {
    for (int v = 0; v < 2; v++) {
        views[v].offset += (views[v].dim[axis] - 1) * views[v].stride[axis];
        views[v].stride[axis] = -views[v].stride[axis];
    }
}

/* Makes 64-bit elements, which no engine handles, pairs of words along another axis, where an engine would
   transpose or compact them. */
static void split_words(ts_lower *lower, ts_view *views) {
    const bool is_wide = ts_dtype_get((ts_dtype)views[1].dtype)->bytes == 8 && views[1].rank < TS_VIEW_RANK;
    if (!is_wide || !(ts_view_is_stepped(&views[1]) || ts_view_is_across(&views[0], &views[1]))) return;
    for (int v = 0; v < 2; v++) {
        ts_view *view = &views[v];
        view->dtype = ts_dtype_u32;
        view->offset *= 2;
        view->shift = ts_build_sum(&lower->b, ts_affine_const(0), view->shift, 2);
        for (int i = 0; i < view->rank; i++)
            view->stride[i] *= 2;
        view->dim[view->rank] = 2;
        view->stride[view->rank++] = 1;
    }
}

ts_status ts_lower_copy(ts_lower *lower, const ts_view *dst, const ts_view *src) {
    if (ts_view_elems(dst) == 0) return ts_ok;
    ts_view views[2] = {*dst, *src};
    for (int i = 0; i < dst->rank; i++)
        if (dst->stride[i] < 0) walk_forwards(views, i);
    ts_views_merge(views, 2);
    bool is_there = ts_view_same_start(lower->program, &views[0], &views[1]) &&
                    memcmp(views[0].stride, views[1].stride, sizeof views[0].stride) == 0;
    if (is_there) return ts_ok;
    if (src->kind != ts_view_tensor) {
        copy_generated(lower, views);
        return ts_ok;
    }
    split_words(lower, views);
    if (copy_repeated(lower, views)) return ts_ok;
    ts_status status;
    if (ts_lower_swapped(lower, &views[0], &views[1], &status)) return status;
    if (ts_view_is_stepped(&views[1]) && views[1].rank < TS_VIEW_RANK)
        return ts_lower_stepped(lower, &views[0], &views[1]);
    if (ts_view_is_across(&views[0], &views[1])) {
        ts_lower_transposed(lower, &views[0], &views[1]);
        return ts_ok;
    }
    ts_nest nest = {.b = &lower->b, .rank = views[0].rank, .part = -1};
    memcpy(nest.size, views[0].dim, sizeof nest.size);
    nest.first_free = nest.rank > TS_AP_DIMS - 1 ? nest.rank - (TS_AP_DIMS - 1) : 0;
    for (int i = 0; i < nest.rank; i++)
        nest.tile[i] = i < nest.first_free ? 1 : nest.size[i];
    ts_nest_open(&nest, 0, nest.rank);
    ts_ap to = ts_nest_hbm(&nest, &views[0]), from = ts_nest_hbm(&nest, &views[1]);
    ts_emit_dma(&lower->b, ts_engine_gpsimd, ts_lower_load_queue(lower), &to, &from);
    ts_nest_close(&nest, 0, nest.rank);
    return ts_ok;
}

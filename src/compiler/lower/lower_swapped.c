/* Copies between [.., many, few] and [.., few, many], as of convolution weights that PyTorch keeps with the
   window's places last. Few elements are contiguous in both, so a DMA would need a descriptor for each.
   Instead, runs of many * few elements are loaded or stored as they lie, and VectorE, which preserves bits,
   swaps the two axes. */
#include <string.h>

#include "base/integer.h"
#include "compiler/lower/lower.h"

enum {
    SHORTEST = 16,  /* fewest elements of `many` */
    FEWEST = 4096,  /* elements; for fewer, the descriptors cost no more than a copy */
    MOST = 128,     /* most elements of `few` */
    LONGEST = 4096, /* elements of a partition's tile */
    PARTITIONS = 128
};

/* The destination and source as [.., few, many]. */
typedef struct swap {
    ts_view views[2];
    int swapped;   /* which view has `few` innermost: 0 the destination, 1 the source */
    bool is_whole; /* `many` is contiguous in the other view; if not, an intermediate copy makes it so */
} swap;

static int64_t distance(const ts_view *view, int axis) {
    return view->stride[axis] < 0 ? -view->stride[axis] : view->stride[axis];
}

static bool is_innermost(const ts_view *view, int many, int few) {
    return distance(view, few) == 1 && view->dim[few] > 1 && view->dim[few] <= MOST &&
           view->stride[many] == view->dim[few] && view->dim[many] >= SHORTEST;
}

/* The number of elements that are contiguous in both views. */
static int64_t common_run(const ts_view *views) {
    int64_t run = 1;
    for (int i = views[0].rank; i-- > 0;)
        if (views[0].stride[i] == run && views[1].stride[i] == run && views[0].dim[i] > 1) {
            run *= views[0].dim[i];
            i = views[0].rank;
        }
    return run;
}

static bool has_repeats(const ts_view *view) {
    for (int i = 0; i < view->rank; i++)
        if (view->stride[i] == 0 && view->dim[i] > 1) return true;
    return false;
}

/* Finds the axes of such a copy; if there are several pairs, the shortest `few`. False when there are
   none. */
static bool find_axes(const ts_view *views, int *swapped, int *many, int *few) {
    for (int v = 0; v < 2; v++)
        if (views[v].kind != ts_view_tensor || views[v].rank < 2 || views[v].rank > TS_MAX_RANK ||
            has_repeats(&views[v]))
            return false;
    if (ts_view_elems(&views[0]) < FEWEST || ts_dtype_get(ts_chip_dtype(views[0].dtype))->bytes > 4 ||
        common_run(views) > 1 || ts_view_is_across(&views[0], &views[1]))
        return false;
    int64_t least = INT64_MAX;
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < views[v].rank; i++)
            for (int j = 0; j < views[v].rank; j++)
                if (i != j && views[v].dim[j] < least && is_innermost(&views[v], i, j) &&
                    distance(&views[!v], j) != 1) {
                    least = views[v].dim[j];
                    *swapped = v;
                    *many = i;
                    *few = j;
                }
    return least != INT64_MAX;
}

/* Permutes both views: the outer axes in the swapped view's memory order, then `few` and `many`. */
static void put_in_order(swap *s, int many, int few) {
    int perm[TS_VIEW_RANK], at = 0, rank = s->views[0].rank;
    const ts_view *view = &s->views[s->swapped];
    for (int i = 0; i < rank; i++) {
        if (i == few || i == many) continue;
        int place = at++;
        for (; place > 0 && distance(view, perm[place - 1]) < distance(view, i); place--)
            perm[place] = perm[place - 1];
        perm[place] = i;
    }
    perm[at++] = few;
    perm[at] = many;
    for (int v = 0; v < 2; v++)
        s->views[v] = ts_view_permute(&s->views[v], rank, perm);
}

static ts_type type_of(const swap *s) {
    ts_type type = {.dtype = s->views[1].dtype, .rank = s->views[1].rank};
    memcpy(type.dim, s->views[1].dim, sizeof type.dim);
    return type;
}

/* Whether copying between the other view and one in the swapped view's order is fast: by runs, or by
   transposing. */
static bool is_fast_from_dense(const swap *s) {
    ts_type type = type_of(s);
    ts_view views[2] = {s->views[!s->swapped], ts_view_of_tensor(TS_VIEW_NO_TENSOR, &type)};
    ts_views_merge(views, 2);
    return common_run(views) >= SHORTEST || ts_view_is_across(&views[0], &views[1]);
}

static bool find(const ts_view *views, swap *s) {
    int many, few;
    if (!find_axes(views, &s->swapped, &many, &few)) return false;
    memcpy(s->views, views, sizeof s->views);
    put_in_order(s, many, few);
    s->is_whole = s->views[!s->swapped].stride[s->views[0].rank - 1] == 1;
    return s->is_whole || is_fast_from_dense(s);
}

bool ts_view_is_swapped(const ts_view *dst, const ts_view *src) {
    ts_view views[2] = {*dst, *src};
    swap found;
    ts_views_merge(views, 2);
    return find(views, &found);
}

/* ---- where `many` is contiguous in the other view ---- */

/* The number of elements of `many` in a tile: long runs, but short enough for all partitions to have some. */
static int64_t run_of(const ts_lower *lower, const ts_view *view, int64_t few, int64_t many) {
    int64_t most = ts_build_at_most(&lower->b, LONGEST) / few, rows = ts_view_elems(view) / few;
    int64_t run = SHORTEST;
    if (many <= most && rows / many >= PARTITIONS) return many;
    while (2 * run <= most && rows / (2 * run) >= PARTITIONS)
        run *= 2;
    return run < many ? run : many;
}

/* Copies views [.., few, many] whose last two axes are whole in a tile. */
static void copy_runs(ts_lower *lower, ts_view *views, int swapped) {
    ts_builder *b = &lower->b;
    int last = views[0].rank - 1;
    int64_t run = views[0].dim[last], few = views[0].dim[last - 1], each = run * few;
    int64_t sign = views[swapped].stride[last - 1], most = ts_build_at_most(b, LONGEST);
    ts_dtype dtype = ts_chip_dtype(views[1].dtype);
    int64_t bytes = ts_dtype_get(dtype)->bytes;
    ts_nest nest = ts_nest_plan(b, views, 2, last - 1, most > each ? most : each);
    last = nest.rank - 1;
    int64_t groups = ts_nest_max_free(&nest, 0, last - 1), parts = ts_nest_max_parts(&nest);
    ts_nest_open(&nest, 0, nest.rank);
    ts_count rows = ts_nest_free(&nest, 0, last - 1);
    ts_ap on_chip[2], in_hbm[2];
    for (int v = 1; v >= 0; v--) {
        ts_tile tile = ts_build_tile(b, ts_space_sbuf, parts, groups * each * bytes, 2);
        on_chip[v] = ts_build_ap(b, tile, dtype, ts_nest_parts(&nest), rows);
        on_chip[v].dim[0].step = each;
        in_hbm[v] = ts_nest_hbm(&nest, &views[v]);
        if (v != swapped) continue;
        if (sign < 0) in_hbm[v].offset.base -= few - 1;
        in_hbm[v].dims--;
        in_hbm[v].dim[in_hbm[v].dims - 1] = (ts_dim){.step = 1, .count = ts_count_const(each)};
    }
    ts_ap whole[2] = {on_chip[0], on_chip[1]};
    for (int v = 0; v < 2; v++) {
        bool is_swapped = v == swapped;
        ts_ap_dim(&whole[v], 1, ts_count_const(each));
        ts_ap_dim(&on_chip[v], is_swapped ? sign : run, ts_count_const(few));
        ts_ap_dim(&on_chip[v], is_swapped ? few : 1, ts_count_const(run));
        if (is_swapped && sign < 0) on_chip[v].offset.base += (few - 1) * bytes;
    }
    ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(lower), &whole[1], &in_hbm[1]);
    ts_emit_copy(b, ts_engine_vector, &on_chip[0], &on_chip[1]);
    ts_emit_dma(b, ts_engine_gpsimd, TS_STORE_QUEUE, &in_hbm[0], &whole[0]);
    ts_nest_close(&nest, 0, nest.rank);
}

/* Copies the last axis, `many`, in whole runs, then the rest of it. */
static void copy_swapped(ts_lower *lower, const ts_view *dst, const ts_view *src, int swapped) {
    ts_view views[2] = {*dst, *src}, rest[2] = {*dst, *src};
    int axis = src->rank - 1;
    int64_t run = run_of(lower, src, src->dim[axis - 1], src->dim[axis]);
    int64_t whole = src->dim[axis] - src->dim[axis] % run;
    for (int v = 0; v < 2; v++) {
        views[v].dim[axis] = whole;
        rest[v].dim[axis] -= whole;
        rest[v].offset += whole * rest[v].stride[axis];
    }
    if (run < whole) { /* [.., many / run, few, run] */
        int perm[TS_VIEW_RANK], rank = src->rank + 1;
        ts_views_split(views, 2, axis, run);
        for (int i = 0; i < rank; i++)
            perm[i] = i;
        perm[axis - 1] = axis;
        perm[axis] = axis - 1;
        for (int v = 0; v < 2; v++)
            views[v] = ts_view_permute(&views[v], rank, perm);
    }
    copy_runs(lower, views, swapped);
    if (rest[0].dim[axis] > 0) copy_runs(lower, rest, swapped);
}

bool ts_lower_swapped(ts_lower *lower, const ts_view *dst, const ts_view *src, ts_status *status) {
    const ts_view views[2] = {*dst, *src};
    swap s;
    *status = ts_ok;
    if (!find(views, &s)) return false;
    ts_view *to = &s.views[0], *from = &s.views[1];
    if (s.is_whole) {
        copy_swapped(lower, to, from, s.swapped);
        return true;
    }
    ts_type type = type_of(&s);
    ts_view dense = ts_view_of_tensor(ts_lower_scratch(lower, &type, "dense"), &type);
    if (s.swapped == 0) {
        *status = ts_lower_copy(lower, &dense, from);
        if (*status == ts_ok) copy_swapped(lower, to, &dense, 0);
        return true;
    }
    copy_swapped(lower, &dense, from, 1);
    *status = ts_lower_copy(lower, to, &dense);
    return true;
}

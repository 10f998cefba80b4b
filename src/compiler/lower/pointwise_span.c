/* Inputs with short runs: every other element, or the first half of each row. A DMA of only these elements
   would pay a descriptor for each run. Instead it also moves what lies in between, in one run per partition,
   and the engines read the elements with a step. Inputs that lie in each other's gaps are loaded together. */
#include "compiler/lower/pointwise.h"

enum {
    SHORTEST = 512,        /* bytes; longer runs are worth their descriptors */
    FEWEST = 4096,         /* elements; for fewer, the descriptors cost no more than the gaps */
    MOST_FACTOR = 4,       /* most bytes loaded for each byte used */
    DESCRIPTOR_BYTES = 640 /* bytes that a DMA moves in the time of one descriptor */
};

/* Finds the number of contiguous elements over the last axes, and in *gap the step of the axis before them (0
   = none). False when an earlier axis has a smaller step than the last one. */
static bool find_run(const ts_view *view, int64_t *run, int64_t *gap) {
    int64_t least = 0;
    *run = 1;
    *gap = 0;
    for (int i = view->rank; i-- > 0;) {
        if (view->dim[i] == 1 || view->stride[i] == 0) continue;
        if (view->stride[i] < least || view->stride[i] < 0) return false;
        if (least == 0) least = view->stride[i];
        if (*gap == 0 && view->stride[i] == *run)
            *run *= view->dim[i];
        else if (*gap == 0)
            *gap = view->stride[i];
    }
    return true;
}

int64_t ts_pointwise_span_factor(const ts_view *view) {
    int64_t run, gap;
    return find_run(view, &run, &gap) && gap > run ? (gap + run - 1) / run : 1;
}

bool ts_pointwise_spans(const ts_view *view) {
    int64_t run, gap;
    if (view->kind != ts_view_tensor || !ts_dtype_is_float(view->dtype)) return false;
    if (view->dtype == ts_dtype_f8e4m3fn || !find_run(view, &run, &gap) || gap == 0) return false;
    if (ts_view_elems(view) < FEWEST || run * ts_dtype_get(view->dtype)->bytes >= SHORTEST) return false;
    return gap > run && gap <= MOST_FACTOR * run;
}

/* How a tile is loaded: the axes from `first` on as one run of `run` elements, the axes before it one
   position at a time. */
typedef struct span {
    uint32_t axes; /* bit set of the axes that the tile holds */
    int first;
    int64_t run, used; /* elements of the run, and how many of them belong to the input */
} span;

static bool is_ragged(const ts_nest *nest, int axis) {
    return nest->is_given[axis] ||
           (nest->tile[axis] < nest->size[axis] && nest->size[axis] % nest->tile[axis] != 0);
}

/* Chooses the span. False when the gaps are not worth it, or the engines' access patterns would need too many
   dimensions. */
static bool find_span(const ts_emitter *e, const ts_view *view, span *s) {
    const ts_nest *nest = &e->nest;
    const int64_t factor = ts_pointwise_span_factor(view);
    int64_t run = 1, dims = 0;
    bool is_run = true, is_inside = true;
    *s = (span){.axes = ts_pointwise_all_axes(e) & ts_nest_axes(nest, view),
                .first = nest->rank,
                .run = 1,
                .used = 1};
    for (int i = nest->rank; i-- > nest->first_free;) {
        if (!(s->axes >> i & 1)) continue;
        dims += nest->tile[i] > 1;
        int64_t longer = s->run + (nest->tile[i] - 1) * view->stride[i];
        is_inside = is_inside && !is_ragged(nest, i) && longer <= factor * s->used * nest->tile[i];
        if (!is_inside) continue;
        is_run = is_run && view->stride[i] == run;
        if (is_run) run *= nest->tile[i];
        s->first = i;
        s->run = longer;
        s->used *= nest->tile[i];
    }
    int64_t gaps = (s->run - s->used) * ts_dtype_get(view->dtype)->bytes;
    return dims <= (e->group->is_reducing ? 3 : 4) && gaps < (s->used / run - 1) * DESCRIPTOR_BYTES;
}

bool ts_pointwise_spans_fit(const ts_emitter *e) {
    span s;
    for (int i = 0; i < e->input_count && e->has_spans; i++) {
        const ts_view *view = &e->views[TS_EMIT_INPUTS + i];
        if (ts_pointwise_spans(view) && ts_view_is_stepped(view) && !find_span(e, view, &s)) return false;
    }
    return true;
}

static bool same_runs(const ts_emitter *e, const ts_view *a, const ts_view *b) {
    if (b->kind != ts_view_tensor || a->tensor != b->tensor || a->dtype != b->dtype) return false;
    if (a->shift.term_count || b->shift.term_count) return false;
    for (int i = 0; i < e->nest.rank; i++)
        if (a->stride[i] != b->stride[i]) return false;
    return true;
}

/* Whether input i can be loaded together with one whose first element is in [first, end): it has the same
   runs and lies in the gaps. */
static bool comes_along(const ts_emitter *e, const ts_view *view, int i, int64_t first, int64_t end) {
    const ts_view *other = &e->views[TS_EMIT_INPUTS + i];
    return same_runs(e, view, other) && other->offset >= first && other->offset < end;
}

/* Loads the run of each partition, or of each position of the axes before it. */
static ts_tile load(ts_emitter *e, const ts_view *view, const span *s, bool is_looped) {
    const ts_nest *nest = &e->nest;
    ts_dtype dtype = ts_chip_dtype(view->dtype);
    int64_t outer = 1;
    ts_ap from = ts_nest_hbm_column(nest, view);
    ts_count all = ts_count_const(s->run);
    for (int i = s->first; i-- > nest->first_free;) {
        if (!(s->axes >> i & 1)) continue;
        all = ts_nest_axis_times(nest, i, outer * s->run);
        outer *= nest->tile[i];
    }
    for (int i = nest->first_free; i < s->first; i++)
        if (s->axes >> i & 1) ts_ap_dim(&from, view->stride[i], ts_nest_axis_count(nest, i));
    ts_ap_dim(&from, 1, ts_count_const(s->run));
    ts_tile tile = ts_build_tile(e->b, ts_space_sbuf, ts_nest_max_parts(nest),
                                 outer * s->run * ts_dtype_get(dtype)->bytes, is_looped ? 2 : 1);
    ts_ap to = ts_build_ap(e->b, tile, dtype, ts_nest_parts(nest), all);
    ts_emit_dma(e->b, ts_engine_sync, ts_lower_load_queue(e->lower), &to, &from);
    return tile;
}

/* Sets an input's form: its elements in the tile, with a step. */
static void take(ts_emitter *e, int input, ts_tile tile, const span *s, int64_t start) {
    ts_group_input *in = &e->inputs[input];
    const ts_view *view = &e->views[TS_EMIT_INPUTS + input];
    int64_t pitch = s->run;
    for (int i = e->nest.rank; i-- > e->nest.first_free;) {
        if (!(s->axes >> i & 1)) continue;
        in->stride[i] = i >= s->first ? view->stride[i] : pitch;
        if (i < s->first) pitch *= e->nest.tile[i];
    }
    in->is_loaded = true;
    in->form = (ts_value_form){.kind = ts_form_tile,
                               .tile = tile,
                               .dtype = ts_chip_dtype(view->dtype),
                               .axes = s->axes,
                               .stride = in->stride,
                               .start = start};
}

bool ts_pointwise_load_span(ts_emitter *e, int input, bool is_looped) {
    ts_view view = e->views[TS_EMIT_INPUTS + input];
    int64_t run, gap;
    span s;
    if (!e->has_spans || !ts_pointwise_spans(&view) || !find_span(e, &view, &s)) return false;
    find_run(&view, &run, &gap);
    /* Offsets within the same gap, which begins at a multiple of its size. */
    int64_t first = view.offset - view.offset % gap, low = view.offset, high = low;
    for (int i = 0; i < e->input_count; i++) {
        if (!comes_along(e, &view, i, first, first + gap)) continue;
        const int64_t offset = e->views[TS_EMIT_INPUTS + i].offset;
        if (offset < low) low = offset;
        if (offset > high) high = offset;
    }
    s.run += high - low;
    const ts_view wanted = view;
    view.offset = low;
    ts_tile tile = load(e, &view, &s, is_looped);
    for (int i = 0; i < e->input_count; i++)
        if (comes_along(e, &wanted, i, first, first + gap))
            take(e, i, tile, &s, e->views[TS_EMIT_INPUTS + i].offset - low);
    return true;
}

/* Windows: attributes, padding, and tiles over the output. */
#include <string.h>

#include "compiler/lower/lower_window.h"

enum { PARTITIONS = 128 };

/* ---- attributes ---- */

void ts_window_read(const ts_op_node *op, ts_window *window) {
    int64_t padding[2 * TS_MAX_RANK];
    int count = 0, rank = op->operands[0]->type.rank;
    *window = (ts_window){.rank = rank};
    if (!ts_op_ints(op, "padding", padding, 2 * TS_MAX_RANK, &count)) count = 0;
    for (int i = 0; i < rank; i++) {
        window->size[i] = window->stride[i] = window->dilation[i] = window->interior[i] = 1;
        if (count == 2 * rank) {
            window->low[i] = padding[2 * i];
            window->high[i] = padding[2 * i + 1];
        }
    }
    ts_op_ints(op, "window_dimensions", window->size, TS_MAX_RANK, &count);
    ts_op_ints(op, "window_strides", window->stride, TS_MAX_RANK, &count);
    ts_op_ints(op, "window_dilations", window->dilation, TS_MAX_RANK, &count);
    ts_op_ints(op, "base_dilations", window->interior, TS_MAX_RANK, &count);
    for (int i = 0; i < rank; i++)
        window->interior[i]--;
}

bool ts_window_has_padding(const ts_window *window) {
    for (int i = 0; i < window->rank; i++)
        if (window->low[i] || window->high[i] || window->interior[i]) return true;
    return false;
}

/* Element i of an axis goes to low + i * (interior + 1); elements that fall outside are dropped. */
ts_status ts_window_pad(ts_lower *lower, const ts_window *window, const ts_view *inner, const ts_view *fill,
                        ts_view *padded) {
    ts_type type = {.dtype = inner->dtype, .rank = inner->rank};
    for (int i = 0; i < inner->rank; i++) {
        int64_t spaced = inner->dim[i] ? (inner->dim[i] - 1) * (window->interior[i] + 1) + 1 : 0;
        type.dim[i] = spaced + window->low[i] + window->high[i];
        if (type.dim[i] < 0) type.dim[i] = 0;
    }
    ts_view from = *inner, all = *fill; /* `inner` and `padded` may be the same object */
    *padded = ts_view_of_tensor(ts_lower_scratch(lower, &type, "padded"), &type);
    ts_view to = *padded;
    all.rank = padded->rank;
    memcpy(all.dim, padded->dim, sizeof all.dim);
    memset(all.stride, 0, sizeof all.stride);
    TS_TRY(ts_lower_copy(lower, padded, &all));
    for (int i = 0; i < to.rank; i++) {
        int64_t step = window->interior[i] + 1, low = window->low[i];
        int64_t first = low < 0 ? (-low + step - 1) / step : 0, last = from.dim[i] - 1;
        int64_t most = padded->dim[i] - 1 - low;
        if (most < 0) return ts_ok;
        if (last > most / step) last = most / step;
        if (last < first) return ts_ok;
        from.offset += first * from.stride[i];
        from.dim[i] = to.dim[i] = last - first + 1;
        to.offset += (low + first * step) * to.stride[i];
        to.stride[i] *= step;
    }
    return ts_lower_copy(lower, &to, &from);
}

/* ---- tiles ---- */

/* Whether the window does nothing along the axis. */
static bool is_plain(const ts_window_nest *w, int axis) {
    return w->window->size[axis] == 1 && w->window->stride[axis] == 1;
}

/* Puts the largest of the axes before first_whole on the partitions (the innermost of equal ones); the others
   become loops. */
static void cut(ts_window_nest *w) {
    ts_nest *nest = &w->nest;
    *nest = (ts_nest){.b = &w->lower->b, .rank = w->out.rank, .part = -1, .first_free = w->first_whole};
    memcpy(nest->size, w->out.dim, sizeof nest->size);
    for (int i = 0; i < nest->rank; i++) {
        nest->tile[i] = i < w->first_whole ? 1 : nest->size[i];
        if (i < w->first_whole && (nest->part < 0 || nest->size[i] >= nest->size[nest->part])) nest->part = i;
    }
    if (nest->part >= 0)
        nest->tile[nest->part] = nest->size[nest->part] < PARTITIONS ? nest->size[nest->part] : PARTITIONS;
}

/* Merges adjacent contiguous axes along which the window does nothing. */
static void merge(ts_window_nest *w, ts_window *merged) {
    for (int i = w->in.rank - 1; i-- > 0;) {
        bool is_joint = is_plain(w, i) && is_plain(w, i + 1) &&
                        w->in.stride[i] == w->in.stride[i + 1] * w->in.dim[i + 1] &&
                        w->out.stride[i] == w->out.stride[i + 1] * w->out.dim[i + 1];
        if (!is_joint) continue;
        ts_view *views[] = {&w->in, &w->out};
        for (int v = 0; v < 2; v++) {
            views[v]->dim[i + 1] *= views[v]->dim[i];
            for (int k = i; k + 1 < views[v]->rank; k++) {
                views[v]->dim[k] = views[v]->dim[k + 1];
                views[v]->stride[k] = views[v]->stride[k + 1];
            }
            views[v]->rank--;
        }
        for (int k = i; k + 1 < merged->rank; k++) {
            merged->size[k] = merged->size[k + 1];
            merged->stride[k] = merged->stride[k + 1];
            merged->dilation[k] = merged->dilation[k + 1];
        }
        merged->rank--;
    }
}

void ts_window_plan(ts_window_nest *w, ts_lower *lower, const ts_window *window, const ts_view *in,
                    const ts_view *out, int64_t most) {
    ts_window *merged = TS_NEW(&lower->arena, ts_window);
    *merged = *window;
    *w = (ts_window_nest){.lower = lower, .window = merged, .in = *in, .out = *out};
    merge(w, merged);
    int64_t elems = 1;
    w->first_whole = w->in.rank;
    while (w->first_whole > 1 && w->in.rank - w->first_whole < TS_AP_DIMS - 1 &&
           elems * w->in.dim[w->first_whole - 1] <= most)
        elems *= w->in.dim[--w->first_whole];
    w->step = w->in;
    memcpy(w->step.dim, w->out.dim, sizeof w->step.dim);
    for (int i = 0; i < w->in.rank; i++)
        w->step.stride[i] *= merged->stride[i];
    cut(w);
}

void ts_window_open(ts_window_nest *w, int from, int to) {
    for (int i = from; i < to; i++) {
        if (w->window->size[i] == 1) continue;
        w->loop[i] = ts_build_loop(&w->lower->b, ts_count_const(w->window->size[i]));
        w->is_open[i] = true;
    }
}

void ts_window_close(ts_window_nest *w, int from, int to) {
    for (int i = to; i-- > from;)
        if (w->is_open[i]) {
            ts_build_end(&w->lower->b);
            w->is_open[i] = false;
        }
}

ts_affine ts_window_number(const ts_window_nest *w) {
    ts_affine number = ts_affine_const(0);
    int64_t inner = 1;
    for (int i = w->in.rank; i-- > 0;) {
        if (w->is_open[i]) number = ts_build_term(&w->lower->b, number, inner, w->loop[i]);
        inner *= w->window->size[i];
    }
    return number;
}

int64_t ts_window_in_elems(const ts_window_nest *w) {
    int64_t elems = 1;
    for (int i = w->first_whole; i < w->in.rank; i++)
        elems *= w->in.dim[i];
    return elems;
}

int64_t ts_window_out_elems(const ts_window_nest *w) {
    return ts_nest_max_free(&w->nest, 0, w->nest.rank);
}

ts_ap ts_window_in_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(&w->lower->b, tile, dtype, ts_nest_parts(&w->nest),
                       ts_count_const(ts_window_in_elems(w)));
}

ts_ap ts_window_at_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype) {
    ts_ap ap = ts_window_in_ap(w, tile, dtype);
    int64_t inner = ts_window_in_elems(w), bytes = ts_dtype_get(dtype)->bytes;
    if (w->first_whole < w->in.rank) ap.dims = 0;
    for (int i = w->first_whole; i < w->in.rank; i++) {
        inner /= w->in.dim[i];
        ts_ap_dim(&ap, inner * w->window->stride[i], ts_count_const(w->out.dim[i]));
        if (w->is_open[i])
            ap.offset =
                ts_build_term(&w->lower->b, ap.offset, inner * w->window->dilation[i] * bytes, w->loop[i]);
    }
    return ap;
}

ts_ap ts_window_out_ap(const ts_window_nest *w, ts_tile tile, ts_dtype dtype) {
    ts_ap ap = ts_build_ap(&w->lower->b, tile, dtype, ts_nest_parts(&w->nest), ts_count_const(1));
    int64_t inner = ts_window_out_elems(w);
    if (w->first_whole < w->out.rank) ap.dims = 0;
    for (int i = w->first_whole; i < w->out.rank; i++) {
        inner /= w->out.dim[i];
        ts_ap_dim(&ap, inner, ts_count_const(w->out.dim[i]));
    }
    return ap;
}

ts_ap ts_window_in_hbm(const ts_window_nest *w, const ts_view *like_in) {
    ts_view view = w->step;
    view.tensor = like_in->tensor;
    view.dtype = like_in->dtype;
    ts_ap ap = ts_nest_hbm_column(&w->nest, &view);
    for (int i = 0; i < w->first_whole; i++)
        if (w->is_open[i])
            ap.offset =
                ts_build_term(&w->lower->b, ap.offset, w->in.stride[i] * w->window->dilation[i], w->loop[i]);
    for (int i = w->first_whole; i < w->in.rank; i++)
        ts_ap_dim(&ap, w->in.stride[i], ts_count_const(w->in.dim[i]));
    return ap;
}

ts_ap ts_window_out_hbm(const ts_window_nest *w, const ts_view *like_out) {
    ts_view view = w->out;
    view.tensor = like_out->tensor;
    view.dtype = like_out->dtype;
    return ts_nest_hbm(&w->nest, &view);
}

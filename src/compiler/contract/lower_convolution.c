/* Lowers stablehlo.convolution. Where possible, the taps read the images in SBUF (conv_*.c). Otherwise the
   convolution becomes a contraction over a view of the input in which windows overlap: its depth is the taps
   of the window and the input features, and the input is copied only to add padding or dilation. */
#include <string.h>

#include "base/integer.h"
#include "compiler/contract/conv_shape.h"
#include "compiler/contract/dot.h"
#include "compiler/lower/lower_window.h"

/* Sets `in` to the input with its padding and dilation. Negative padding alone needs no copy. */
static ts_status pad_input(ts_lower *lower, ts_op_node *op, const ts_conv *c, ts_view *in) {
    ts_window window = {.rank = c->spatial + 2};
    const ts_window *w = &window;
    bool is_grown = false;
    for (int i = 0; i < c->spatial; i++) {
        window.low[c->lhs_axis[i]] = c->low[i];
        window.high[c->lhs_axis[i]] = c->high[i];
        window.interior[c->lhs_axis[i]] = c->spread[i] - 1;
        is_grown |= c->low[i] > 0 || c->high[i] > 0 || c->spread[i] > 1;
    }
    if (is_grown) {
        ts_view zero = ts_view_of_splat((ts_dtype)op->operands[0]->type.dtype, 0, &op->operands[0]->type);
        TS_TRY(ts_lower_view(lower, op->operands[0], in));
        return ts_window_pad(lower, w, in, &zero, in);
    }
    TS_TRY(ts_lower_tensor(lower, op->operands[0], in));
    for (int i = 0; i < w->rank; i++) {
        in->offset -= w->low[i] * in->stride[i];
        in->dim[i] += w->low[i] + w->high[i];
    }
    return ts_ok;
}

/* Makes the groups a batch axis: they are the outer part of each axis that they divide. */
static void add_groups(ts_contraction *k, const ts_conv *c) {
    int64_t groups = c->feature_groups * c->batch_groups;
    const ts_view *lhs = &k->lhs, *rhs = &k->rhs, *out = &k->out;
    int64_t axis = c->feature_groups > 1 ? c->lhs_feature : c->lhs_batch;
    ts_axis group = {.size = groups};
    group.step[ts_side_rows] = lhs->dim[axis] / groups * lhs->stride[axis];
    group.step[ts_side_cols] = rhs->dim[c->rhs_out] / groups * rhs->stride[c->rhs_out];
    group.step[ts_side_out] = out->dim[c->out_feature] / groups * out->stride[c->out_feature];
    ts_walk_add(&k->batch, group);
}

static ts_contraction make_contraction(const ts_conv *c, const ts_view *lhs, const ts_view *rhs,
                                       const ts_view *out) {
    ts_contraction k = {.lhs = *lhs, .rhs = *rhs, .out = *out};
    add_groups(&k, c);
    ts_walk_add(&k.left,
                (ts_axis){out->dim[c->out_batch], {lhs->stride[c->lhs_batch], 0, out->stride[c->out_batch]}});
    for (int i = 0; i < c->spatial; i++) {
        int64_t step = lhs->stride[c->lhs_axis[i]], to = out->stride[c->out_axis[i]];
        ts_walk_add(&k.left, (ts_axis){out->dim[c->out_axis[i]], {c->stride[i] * step, 0, to}});
    }
    ts_walk_sort(&k.left, ts_side_rows);
    ts_walk_add(&k.right, (ts_axis){rhs->dim[c->rhs_out] / (c->feature_groups * c->batch_groups),
                                    {0, rhs->stride[c->rhs_out], out->stride[c->out_feature]}});
    for (int i = 0; i < c->spatial; i++) {
        int64_t taps = rhs->dim[c->rhs_axis[i]], step = rhs->stride[c->rhs_axis[i]];
        if (c->is_reversed[i]) {
            k.rhs.offset += (taps - 1) * step;
            step = -step;
        }
        ts_walk_add(&k.depth, (ts_axis){taps, {c->dilation[i] * lhs->stride[c->lhs_axis[i]], step, 0}});
    }
    ts_walk_add(&k.depth,
                (ts_axis){rhs->dim[c->rhs_in], {lhs->stride[c->lhs_feature], rhs->stride[c->rhs_in], 0}});
    return k;
}

static ts_status refuse(ts_lower *lower, const ts_op_node *op, const char *what, const char *remedy) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "%s", what);
    ts_diag_remedy(lower->diag, "%s", remedy);
    return ts_unsupported;
}

static bool is_float(const ts_value *value) {
    return ts_dtype_get(value->type.dtype)->kind == 'f';
}

/* Sets `view` to the value with its last axis contiguous, so that a DMA moves rows as runs. */
static ts_status get_rows(ts_lower *lower, ts_value *value, ts_view *view) {
    TS_TRY(ts_lower_tensor(lower, value, view));
    return view->stride[view->rank - 1] == 1 ? ts_ok : ts_lower_whole(lower, value, view);
}

/* A new scratch tensor with the view's dims and dtype whose axes lie in the order `perm`, as a view with the
   view's order of axes. */
static ts_view make_laid(ts_lower *lower, const ts_view *view, int rank, const int *perm, const char *name) {
    int back[TS_VIEW_RANK];
    for (int i = 0; i < rank; i++)
        back[perm[i]] = i;
    ts_view order = ts_view_permute(view, rank, perm);
    ts_type type = {.dtype = view->dtype, .rank = (uint8_t)rank};
    memcpy(type.dim, order.dim, sizeof type.dim);
    ts_view dense = ts_view_of_tensor(ts_lower_scratch(lower, &type, name), &type);
    return ts_view_permute(&dense, rank, back);
}

/* Copies the view to such a tensor, and makes `view` address the copy. */
static ts_status lay(ts_lower *lower, int rank, const int *perm, const char *name, ts_view *view) {
    ts_view laid = make_laid(lower, view, rank, perm, name), to = ts_view_permute(&laid, rank, perm);
    ts_view from = ts_view_permute(view, rank, perm);
    *view = laid;
    return ts_lower_copy(lower, &to, &from);
}

/* Writes to `perm` the order of axes in which the weights of one channel are contiguous; returns the rank. */
static int taps_last(const ts_conv *c, int64_t outputs, int64_t inputs, const int64_t *places, int *perm) {
    perm[0] = (int)outputs;
    perm[1] = (int)inputs;
    for (int i = 0; i < c->spatial; i++)
        perm[2 + i] = (int)places[i];
    return 2 + c->spatial;
}

/* Copies weights whose innermost axis is not the one that the convolution reads, because loading them would
   cost a DMA descriptor per element. A matmul reads a tap's outputs as a row, so outputs go last (PyTorch has
   them first). A depthwise convolution reads the taps of a channel, so taps go last (JAX has them first).
   Small weights are left as they are. */
static ts_status lay_weights(ts_lower *lower, const ts_conv *c, bool is_depthwise, ts_view *view) {
    enum {
        FEWEST = 256,  /* elements per DMA engine that are worth a copy */
        SHORTEST = 16, /* outputs that are worth a copy */
        ROWS = 8,      /* partitions that a DMA engine loads */
        MOST = 16      /* DMA engines */
    };
    int perm[TS_VIEW_RANK], at = 0;
    bool is_laid = is_depthwise ? view->stride[c->rhs_out] != 1
                                : view->stride[c->rhs_out] == 1 || view->dim[c->rhs_out] < SHORTEST;
    int64_t rows = view->dim[c->rhs_in];
    int64_t engines = ts_ceil_div(rows < TS_CONV_PARTS ? rows : TS_CONV_PARTS, ROWS);
    if (rows * view->dim[c->rhs_out] < ts_view_elems(view)) engines = MOST; /* several taps load at once */
    if (is_laid || ts_view_elems(view) < FEWEST * engines) return ts_ok;
    if (is_depthwise)
        return lay(lower, taps_last(c, c->rhs_out, c->rhs_in, c->rhs_axis, perm), perm, "taps_last", view);
    for (int i = 0; i < c->spatial; i++)
        perm[at++] = (int)c->rhs_axis[i];
    perm[at++] = (int)c->rhs_in;
    perm[at++] = (int)c->rhs_out;
    return lay(lower, at, perm, "outputs_last", view);
}

/* Sets `view` to the kernel in HBM. With `is_image` the kernel is a set of images, otherwise weights. */
static ts_status get_kernel(ts_lower *lower, const ts_conv *c, const ts_op_node *op, bool is_image,
                            ts_view *view) {
    ts_value *value = op->operands[1];
    if (is_image) return get_rows(lower, value, view);
    TS_TRY(ts_lower_along(lower, value, view));
    if (view->kind != ts_view_tensor || ts_view_is_shifted(view)) TS_TRY(ts_lower_tensor(lower, value, view));
    return lay_weights(lower, c, ts_conv_is_depthwise(op, c), view);
}

/* The two functions of a kind of convolution in conv_shape.h. */
typedef struct method {
    bool (*fit)(const ts_conv_shape *shape);
    void (*emit)(const ts_conv_shape *shape);
} method;

static method method_of(const ts_op_node *op, const ts_conv *c, bool is_weights) {
    if (ts_conv_is_depthwise(op, c))
        return is_weights ? (method){ts_conv_depthwise_weights_fit, ts_conv_depthwise_weights}
                          : (method){ts_conv_depthwise_fit, ts_conv_depthwise};
    return is_weights ? (method){ts_conv_weights_fit, ts_conv_weights}
                      : (method){ts_conv_images_fit, ts_conv_images};
}

/* Makes storage for the result and returns the view to compute it into. With `is_apart`, a large result whose
   channels are innermost is computed into a scratch tensor with the weights of each channel contiguous, and
   the caller must copy that to the result. */
static ts_view begin_result(ts_lower *lower, const ts_conv *c, ts_value *result, bool is_apart) {
    enum { FEWEST = 4096 /* elements that are worth a copy */ };
    ts_lower_result(lower, result);
    ts_view view = ((ts_lowered *)result->note)->view;
    int perm[TS_VIEW_RANK];
    if (!is_apart || view.stride[c->out_feature] != 1 || ts_view_elems(&view) < FEWEST) return view;
    int rank = taps_last(c, c->out_feature, c->out_batch, c->out_axis, perm);
    return make_laid(lower, &view, rank, perm, "weights_by_channel");
}

/* Computes the convolution with the taps reading images in SBUF. Sets *is_done to false if that is
   impossible: the images are not stored row by row, or SBUF has no room. */
static ts_status lower_shifted(ts_lower *lower, ts_op_node *op, const ts_conv *c, bool *is_done) {
    ts_view in, kernel, out = ts_view_of_tensor(0, &op->results[0]->type);
    bool is_weights = ts_conv_gives_weights(op, c);
    int last = op->operands[0]->type.rank - 1, inner = c->spatial - 1;
    *is_done = false;
    if (!ts_conv_is_shifted(op) || c->lhs_axis[inner] != last || (is_weights && c->rhs_axis[inner] != last))
        return ts_ok;
    method m = method_of(op, c, is_weights);
    TS_TRY(get_rows(lower, op->operands[0], &in));
    TS_TRY(get_kernel(lower, c, op, is_weights, &kernel));
    ts_conv_shape shape = ts_conv_shape_of(lower, c, &in, &kernel, &out);
    if (!m.fit(&shape)) return ts_ok;
    ts_view made = begin_result(lower, c, op->results[0], is_weights && ts_conv_is_depthwise(op, c));
    const ts_view *own = &((ts_lowered *)op->results[0]->note)->view;
    lower->b.loc = op->loc;
    shape = ts_conv_shape_of(lower, c, &in, &kernel, &made);
    m.emit(&shape);
    *is_done = true;
    return made.tensor == own->tensor ? ts_ok : ts_lower_copy(lower, own, &made);
}

ts_status ts_lower_convolution(ts_lower *lower, ts_op_node *op) {
    ts_conv c;
    ts_view lhs, rhs;
    if (!is_float(op->operands[0]) || !is_float(op->operands[1]) || !is_float(op->results[0]))
        return refuse(lower, op, "TensorE multiplies floats only", "convert to f32 or bf16 first");
    ts_conv_read(op, &c);
    bool is_empty = ts_type_elems(&op->results[0]->type) == 0;
    bool is_zero = ts_type_elems(&op->operands[1]->type) == 0;
    bool is_done = false;
    if (!is_empty && !is_zero) TS_TRY(lower_shifted(lower, op, &c, &is_done));
    if (is_done) return ts_ok;
    if (!is_empty && !is_zero) {
        TS_TRY(pad_input(lower, op, &c, &lhs));
        TS_TRY(ts_lower_tensor(lower, op->operands[1], &rhs));
    }
    if (is_empty || is_zero) {
        ts_lower_result(lower, op->results[0]);
        ts_view zero = ts_view_of_splat(op->results[0]->type.dtype, 0, &op->results[0]->type);
        return ts_lower_copy(lower, &((ts_lowered *)op->results[0]->note)->view, &zero);
    }
    ts_view out = ts_view_of_tensor(0, &op->results[0]->type);
    ts_dot dot = {.b = &lower->b,
                  .dtype = ts_dot_dtype(op->operands[0]->type.dtype, op->operands[1]->type.dtype)};
    ts_contraction k = make_contraction(&c, &lhs, &rhs, &out);
    if (!ts_dot_plan(&dot, &k))
        return refuse(lower, op, "no tiling of these dimensions", "use a smaller window or fewer features");
    return ts_lower_contraction(lower, op, &k, dot.dtype);
}

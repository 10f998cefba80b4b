/* convolution: a contraction over a view of the input in which windows overlap. Nothing is copied but
   padding and dilation; the taps of a window and the input features are depth. */
#include <string.h>

#include "compiler/dot.h"
#include "compiler/lower_window.h"

typedef struct conv {
    int spatial;
    int64_t lhs_batch, lhs_feature, lhs_axis[TS_MAX_RANK];
    int64_t rhs_in, rhs_out, rhs_axis[TS_MAX_RANK];
    int64_t out_batch, out_feature, out_axis[TS_MAX_RANK];
    int64_t stride[TS_MAX_RANK], dilation[TS_MAX_RANK]; /* of windows */
    int64_t is_reversed[TS_MAX_RANK];
    int64_t feature_groups, batch_groups;
    ts_window window; /* padding of the input, by its own axes */
} conv;

static void read_list(const ts_op_node *op, const char *name, int64_t if_absent, int64_t *out, int max) {
    int count;
    for (int i = 0; i < max; i++)
        out[i] = if_absent;
    ts_op_ints(op, name, out, max, &count);
}

static void read_conv(const ts_op_node *op, conv *c) {
    int64_t padding[2 * TS_MAX_RANK], spread[TS_MAX_RANK];
    int rank = op->operands[0]->type.rank, count;
    *c = (conv){.spatial = rank - 2, .window = {.rank = rank}};
    c->lhs_batch = ts_op_int(op, "input_batch_dimension", 0);
    c->lhs_feature = ts_op_int(op, "input_feature_dimension", 0);
    c->rhs_in = ts_op_int(op, "kernel_input_feature_dimension", 0);
    c->rhs_out = ts_op_int(op, "kernel_output_feature_dimension", 0);
    c->out_batch = ts_op_int(op, "output_batch_dimension", 0);
    c->out_feature = ts_op_int(op, "output_feature_dimension", 0);
    c->feature_groups = ts_op_int(op, "feature_group_count", 1);
    c->batch_groups = ts_op_int(op, "batch_group_count", 1);
    ts_op_ints(op, "input_spatial_dimensions", c->lhs_axis, TS_MAX_RANK, &count);
    ts_op_ints(op, "kernel_spatial_dimensions", c->rhs_axis, TS_MAX_RANK, &count);
    ts_op_ints(op, "output_spatial_dimensions", c->out_axis, TS_MAX_RANK, &count);
    read_list(op, "window_strides", 1, c->stride, TS_MAX_RANK);
    read_list(op, "rhs_dilation", 1, c->dilation, TS_MAX_RANK);
    read_list(op, "window_reversal", 0, c->is_reversed, TS_MAX_RANK);
    read_list(op, "lhs_dilation", 1, spread, TS_MAX_RANK);
    read_list(op, "padding", 0, padding, 2 * TS_MAX_RANK);
    for (int i = 0; i < c->spatial; i++) {
        c->window.low[c->lhs_axis[i]] = padding[2 * i];
        c->window.high[c->lhs_axis[i]] = padding[2 * i + 1];
        c->window.interior[c->lhs_axis[i]] = spread[i] - 1;
    }
}

/* The input with its padding and dilation. What is only cut off needs no copy. */
static ts_status pad_input(ts_lower *lower, ts_op_node *op, const conv *c, ts_view *in) {
    const ts_window *w = &c->window;
    bool is_grown = false;
    for (int i = 0; i < w->rank; i++)
        is_grown |= w->low[i] > 0 || w->high[i] > 0 || w->interior[i] > 0;
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

/* Groups are a batch axis, the slower part of the axes that they divide. */
static void add_groups(ts_contraction *k, const conv *c) {
    int64_t groups = c->feature_groups * c->batch_groups;
    const ts_view *lhs = &k->lhs, *rhs = &k->rhs, *out = &k->out;
    int64_t axis = c->feature_groups > 1 ? c->lhs_feature : c->lhs_batch;
    ts_axis group = {.size = groups};
    group.step[ts_side_rows] = lhs->dim[axis] / groups * lhs->stride[axis];
    group.step[ts_side_cols] = rhs->dim[c->rhs_out] / groups * rhs->stride[c->rhs_out];
    group.step[ts_side_out] = out->dim[c->out_feature] / groups * out->stride[c->out_feature];
    ts_walk_add(&k->batch, group);
}

static ts_contraction make_contraction(const conv *c, const ts_view *lhs, const ts_view *rhs,
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

ts_status ts_lower_convolution(ts_lower *lower, ts_op_node *op) {
    conv c;
    ts_view lhs, rhs;
    if (!is_float(op->operands[0]) || !is_float(op->operands[1]) || !is_float(op->results[0]))
        return refuse(lower, op, "TensorE multiplies floats only", "convert to f32 or bf16 first");
    read_conv(op, &c);
    bool is_empty = ts_type_elems(&op->results[0]->type) == 0;
    bool is_zero = ts_type_elems(&op->operands[1]->type) == 0;
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

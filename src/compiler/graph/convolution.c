/* Reads the attributes of a convolution and decides what kind of convolution it is. */
#include "compiler/graph/convolution.h"

static void read_list(const ts_op_node *op, const char *name, int64_t if_absent, int64_t *out, int max) {
    int count;
    for (int i = 0; i < max; i++)
        out[i] = if_absent;
    ts_op_ints(op, name, out, max, &count);
}

void ts_conv_read(const ts_op_node *op, ts_conv *c) {
    int64_t padding[2 * TS_MAX_RANK];
    int count;
    *c = (ts_conv){.spatial = op->operands[0]->type.rank - 2};
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
    read_list(op, "lhs_dilation", 1, c->spread, TS_MAX_RANK);
    read_list(op, "padding", 0, padding, 2 * TS_MAX_RANK);
    for (int i = 0; i < c->spatial; i++) {
        c->low[i] = padding[2 * i];
        c->high[i] = padding[2 * i + 1];
    }
}

static double places(const ts_value *value, const int64_t *axis, int spatial) {
    double count = 1;
    for (int i = 0; i < spatial; i++)
        count *= (double)value->type.dim[axis[i]];
    return count;
}

/* Whether all spatial axes of the result come before its batch and feature axes. JAX and PyTorch/XLA lay out
   weights this way, and never images. */
static bool lies_as_weights(const ts_conv *c) {
    bool is_after = c->spatial > 0;
    for (int i = 0; i < c->spatial; i++)
        is_after = is_after && c->out_axis[i] < c->out_batch && c->out_axis[i] < c->out_feature;
    return is_after;
}

bool ts_conv_gives_weights(const ts_op_node *op, const ts_conv *c) {
    if (c->feature_groups > 1 || c->batch_groups > 1) return c->batch_groups > 1;
    if (lies_as_weights(c)) return true;
    return places(op->operands[1], c->rhs_axis, c->spatial) > places(op->results[0], c->out_axis, c->spatial);
}

double ts_conv_window_elems(const ts_op_node *op) {
    ts_conv c;
    ts_conv_read(op, &c);
    double features = (double)op->operands[1]->type.dim[c.rhs_out];
    return (double)ts_type_elems(&op->results[0]->type) / features *
           ((double)ts_type_elems(&op->operands[1]->type) / features) *
           (double)(c.feature_groups * c.batch_groups);
}

static bool is_float(const ts_value *value) {
    unsigned dtype = value->type.dtype;
    return dtype == ts_dtype_f32 || dtype == ts_dtype_bf16 || dtype == ts_dtype_f16;
}

bool ts_conv_is_depthwise(const ts_op_node *op, const ts_conv *c) {
    enum { MOST_DEPTH = 16 };
    if (c->spatial < 1 || c->spatial > 2) return false;
    bool is_weights = c->batch_groups > 1;
    int64_t groups = c->feature_groups * c->batch_groups;
    int64_t depth =
        is_weights ? op->operands[0]->type.dim[c->lhs_batch] / groups : op->operands[1]->type.dim[c->rhs_in];
    if (groups == 1 || depth > groups || depth > MOST_DEPTH) return false;
    for (int i = 0; i < c->spatial; i++)
        if (c->spread[i] > 1 && (is_weights || c->stride[i] > 1)) return false;
    return !is_weights || (!c->is_reversed[0] && !c->is_reversed[1]);
}

bool ts_conv_is_shifted(const ts_op_node *op) {
    ts_conv c;
    ts_conv_read(op, &c);
    bool is_plain = c.feature_groups == 1 && c.batch_groups == 1 && c.spatial == 2;
    return (is_plain || ts_conv_is_depthwise(op, &c)) && is_float(op->operands[0]) &&
           is_float(op->operands[1]) && is_float(op->results[0]) &&
           ts_type_elems(&op->results[0]->type) > 0 && ts_type_elems(&op->operands[1]->type) > 0;
}

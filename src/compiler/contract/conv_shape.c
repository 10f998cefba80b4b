/* The shape of a convolution whose taps read the images in SBUF, and helpers of all such convolutions. */
#include "compiler/contract/conv_shape.h"

#include "compiler/contract/dot.h"

uint32_t ts_conv_open(ts_builder *b, int64_t trips) {
    return trips > 1 ? ts_build_loop(b, ts_count_const(trips)) : 0;
}

void ts_conv_close(ts_builder *b, int64_t trips) {
    if (trips > 1) ts_build_end(b);
}

ts_affine ts_conv_step(ts_builder *b, ts_affine affine, int64_t coef, int64_t trips, uint32_t loop) {
    return trips > 1 ? ts_build_term(b, affine, coef, loop) : affine;
}

int64_t ts_conv_divisor(int64_t size, int64_t most) {
    for (int64_t d = most < size ? most : size; d > 1; d--)
        if (size % d == 0) return d;
    return 1;
}

ts_conv_shape ts_conv_shape_of(ts_lower *lower, const ts_conv *c, const ts_view *in, const ts_view *weights,
                               const ts_view *out) {
    ts_conv_shape s = {.b = &lower->b, .lower = lower, .in = *in, .weights = *weights, .out = *out};
    s.dtype = ts_dot_dtype(in->dtype, weights->dtype);
    s.features = in->dim[c->lhs_feature];
    s.images = in->dim[c->lhs_batch];
    s.outputs = weights->dim[c->rhs_out];
    s.groups = c->feature_groups * c->batch_groups;
    s.in_feature = in->stride[c->lhs_feature];
    s.in_image = in->stride[c->lhs_batch];
    s.weight_feature = weights->stride[c->rhs_in];
    s.weight_output = weights->stride[c->rhs_out];
    s.out_output = out->stride[c->out_feature];
    s.out_image = out->stride[c->out_batch];
    s.axis[1] = (ts_conv_axis){.size = 1, .out = 1, .taps = 1, .stride = 1, .dilation = 1, .spread = 1};
    for (int i = 0; i < c->spatial; i++) {
        ts_conv_axis *a = &s.axis[i];
        *a = (ts_conv_axis){.size = in->dim[c->lhs_axis[i]],
                            .out = out->dim[c->out_axis[i]],
                            .taps = weights->dim[c->rhs_axis[i]],
                            .in_step = in->stride[c->lhs_axis[i]],
                            .tap_step = weights->stride[c->rhs_axis[i]],
                            .out_step = out->stride[c->out_axis[i]],
                            .stride = c->stride[i],
                            .dilation = c->dilation[i],
                            .low = c->low[i],
                            .spread = c->spread[i]};
        if (!c->is_reversed[i]) continue;
        s.weights.offset += (a->taps - 1) * a->tap_step;
        a->tap_step = -a->tap_step;
    }
    return s;
}

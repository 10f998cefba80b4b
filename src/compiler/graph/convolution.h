/* A convolution as passes and lowering see it: its axes, window and padding. */
#ifndef TS_COMPILER_GRAPH_CONVOLUTION_H
#define TS_COMPILER_GRAPH_CONVOLUTION_H

#include "compiler/graph/graph.h"

/* The attributes of a stablehlo.convolution. Arrays are indexed by spatial axis; lhs is the input, rhs the
   kernel. */
typedef struct ts_conv {
    int spatial; /* number of spatial axes */
    /* The axis of each tensor that has this role. */
    int64_t lhs_batch, lhs_feature, lhs_axis[TS_MAX_RANK];
    int64_t rhs_in, rhs_out, rhs_axis[TS_MAX_RANK];
    int64_t out_batch, out_feature, out_axis[TS_MAX_RANK];
    int64_t stride[TS_MAX_RANK], dilation[TS_MAX_RANK]; /* of the window */
    int64_t is_reversed[TS_MAX_RANK];
    int64_t feature_groups, batch_groups;
    int64_t low[TS_MAX_RANK],
        high[TS_MAX_RANK];       /* padding of the input, in places; negative cuts elements off */
    int64_t spread[TS_MAX_RANK]; /* lhs_dilation: places from one element of the input to the next */
} ts_conv;

/* Reads the attributes of a convolution; absent ones get their defaults. */
void ts_conv_read(const ts_op_node *op, ts_conv *conv);
/* Whether the op computes the gradient of a convolution's weights: it has batch groups, its result is laid
   out as weights are, or its kernel has more places than its result. */
bool ts_conv_gives_weights(const ts_op_node *op, const ts_conv *conv);
/* Whether the op is a convolution over one or two spatial axes in groups of few channels (usually one), or
   the gradient of such a convolution's weights. A dilated input is accepted only with windows of stride 1. */
bool ts_conv_is_depthwise(const ts_op_node *op, const ts_conv *conv);
/* Whether the op is of a kind that conv_images.c, conv_weights.c or conv_depthwise*.c can compute: SBUF holds
   each image once, with channels or images on the partitions, and every tap of the window reads it there.
   Whether SBUF has room is decided when the op is lowered. */
bool ts_conv_is_shifted(const ts_op_node *op);
/* The elements of all windows together: the size of the matrix that im2col would make. */
double ts_conv_window_elems(const ts_op_node *op);

#endif

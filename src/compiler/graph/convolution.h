/* A convolution as passes and lowering see it: its axes, window and padding. */
#ifndef TS_COMPILER_GRAPH_CONVOLUTION_H
#define TS_COMPILER_GRAPH_CONVOLUTION_H

#include "compiler/graph/graph.h"

typedef struct ts_conv {
    int spatial;
    int64_t lhs_batch, lhs_feature, lhs_axis[TS_MAX_RANK];
    int64_t rhs_in, rhs_out, rhs_axis[TS_MAX_RANK];
    int64_t out_batch, out_feature, out_axis[TS_MAX_RANK];
    int64_t stride[TS_MAX_RANK], dilation[TS_MAX_RANK]; /* of windows */
    int64_t is_reversed[TS_MAX_RANK];
    int64_t feature_groups, batch_groups;
    int64_t low[TS_MAX_RANK],
        high[TS_MAX_RANK];       /* padding of the input, by spatial axis; negative cuts off */
    int64_t spread[TS_MAX_RANK]; /* places from one element of the input to the next */
} ts_conv;

void ts_conv_read(const ts_op_node *op, ts_conv *conv);
/* The windows are as large as images and there are few of them, or the result lies as weights do: the
   gradient of a convolution's weights. */
bool ts_conv_gives_weights(const ts_op_node *op, const ts_conv *conv);
/* Of images or lines, in groups of few channels, as a rule one, or the gradient of such a convolution's
   weights; where elements of the input lie apart windows do not, too. */
bool ts_conv_is_depthwise(const ts_op_node *op, const ts_conv *conv);
/* Whether it runs on images that SBUF holds once, with channels or images on the partitions, and all taps of
   the window read them there (conv_images.c, conv_weights.c, conv_depthwise*.c). */
bool ts_conv_is_shifted(const ts_op_node *op);
/* Elements of all windows. */
double ts_conv_window_elems(const ts_op_node *op);

#endif

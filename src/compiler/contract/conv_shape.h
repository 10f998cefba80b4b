/* Convolutions that read their windows in SBUF: shapes, steps in HBM, and what both kinds share. */
#ifndef TS_COMPILER_CONTRACT_CONV_SHAPE_H
#define TS_COMPILER_CONTRACT_CONV_SHAPE_H

#include "compiler/graph/convolution.h"
#include "compiler/lower/lower.h"

enum { TS_CONV_PARTS = 128, TS_CONV_BANK = 512, TS_CONV_BYTES = 168 * 1024 /* of 192 KiB a partition */ };

/* One of the two spatial axes: 0 rows, 1 places in a row. A line is a column: rows of one place. */
typedef struct ts_conv_axis {
    int64_t size, out, taps;
    int64_t in_step, tap_step, out_step; /* elements in HBM */
    int64_t stride, dilation, low, spread;
} ts_conv_axis;

typedef struct ts_conv_shape {
    ts_builder *b;
    ts_lower *lower;
    ts_view in, weights, out; /* of which tensor, dtype and offset count */
    ts_dtype dtype;           /* of the operands in SBUF */
    int64_t features, images, outputs;
    int64_t groups; /* of features or, where weights are the result, of images, and of outputs */
    int64_t in_feature, in_image, weight_feature, weight_output, out_output, out_image; /* steps in HBM */
    ts_conv_axis axis[2];
} ts_conv_shape;

ts_conv_shape ts_conv_shape_of(ts_lower *lower, const ts_conv *c, const ts_view *in, const ts_view *weights,
                               const ts_view *out);
/* A place of the input that output 0 reads with this tap, counted from the first element; negative: padding.
 */
static inline int64_t ts_conv_first(const ts_conv_axis *a, int64_t tap) {
    return tap * a->dilation - a->low;
}

/* Loops that a single trip does not need. */
uint32_t ts_conv_open(ts_builder *b, int64_t trips);
void ts_conv_close(ts_builder *b, int64_t trips);
/* affine + coef * counter, where there is a loop */
ts_affine ts_conv_step(ts_builder *b, ts_affine affine, int64_t coef, int64_t trips, uint32_t loop);
int64_t ts_conv_divisor(int64_t size, int64_t most); /* the largest divisor of size that is at most `most` */

/* Images stay, taps move over them: channels on the partitions. */
bool ts_conv_images_fit(const ts_conv_shape *shape); /* whether SBUF holds what it takes */
void ts_conv_images(const ts_conv_shape *shape);
/* Weights from two sets of images, which the window and the input are: images on the partitions. */
bool ts_conv_weights_fit(const ts_conv_shape *shape);
void ts_conv_weights(const ts_conv_shape *shape);
/* Both of a depthwise convolution, without TensorE. */
bool ts_conv_depthwise_fit(const ts_conv_shape *shape);
void ts_conv_depthwise(const ts_conv_shape *shape);
bool ts_conv_depthwise_weights_fit(const ts_conv_shape *shape);
void ts_conv_depthwise_weights(const ts_conv_shape *shape);

#endif

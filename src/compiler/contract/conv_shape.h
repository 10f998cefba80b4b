/* Convolutions whose taps read the images in SBUF (conv_images.c, conv_weights.c, conv_depthwise*.c): the
   shape that all of them are given, and small helpers that they share. */
#ifndef TS_COMPILER_CONTRACT_CONV_SHAPE_H
#define TS_COMPILER_CONTRACT_CONV_SHAPE_H

#include "compiler/graph/convolution.h"
#include "compiler/lower/lower.h"

enum {
    TS_CONV_PARTS = 128,       /* partitions of SBUF and PSUM */
    TS_CONV_BANK = 512,        /* f32 elements of a PSUM bank in one partition */
    TS_CONV_BYTES = 168 * 1024 /* bytes of SBUF that a convolution may use, of 192 KiB per partition */
};

/* One of the two spatial axes: axis 0 counts rows, axis 1 the places in a row. An input with one spatial axis
   has rows of one place. */
typedef struct ts_conv_axis {
    int64_t size, out, taps;               /* extents of the input, the result and the window */
    int64_t in_step, tap_step, out_step;   /* elements in HBM; tap_step is negative for a reversed window */
    int64_t stride, dilation, low, spread; /* as in ts_conv */
} ts_conv_axis;

typedef struct ts_conv_shape {
    ts_builder *b;
    ts_lower *lower;
    ts_view in, weights, out;          /* only their tensor, dtype and offset are used */
    ts_dtype dtype;                    /* of the operands in SBUF */
    int64_t features, images, outputs; /* input channels, batch size, output channels */
    int64_t groups; /* groups of outputs and of features (of images if the result is a gradient of weights) */
    /* Steps in HBM, in elements. */
    int64_t in_feature, in_image, weight_feature, weight_output, out_output, out_image;
    ts_conv_axis axis[2];
} ts_conv_shape;

/* The shape of a convolution with these operands and result in HBM. */
ts_conv_shape ts_conv_shape_of(ts_lower *lower, const ts_conv *c, const ts_view *in, const ts_view *weights,
                               const ts_view *out);
/* The place of the input that output 0 reads with this tap. Element 0 is at place 0, so that a negative place
   lies in the padding. */
static inline int64_t ts_conv_first(const ts_conv_axis *a, int64_t tap) {
    return tap * a->dilation - a->low;
}

/* Open and close a loop of `trips` trips; a single trip needs no loop. Opening returns the loop's id. */
uint32_t ts_conv_open(ts_builder *b, int64_t trips);
void ts_conv_close(ts_builder *b, int64_t trips);
/* affine + coef * counter of the loop; `affine` itself if there is a single trip and thus no loop. */
ts_affine ts_conv_step(ts_builder *b, ts_affine affine, int64_t coef, int64_t trips, uint32_t loop);
/* The largest divisor of `size` that is at most `most`; at least 1. */
int64_t ts_conv_divisor(int64_t size, int64_t most);

/* Each method below has two functions: the first says whether the method can compute this shape within SBUF
   and PSUM, the second emits its instructions and may be called only if the first returned true. */

/* Convolutions of images, with channels on the partitions. */
bool ts_conv_images_fit(const ts_conv_shape *shape);
void ts_conv_images(const ts_conv_shape *shape);
/* Gradients of weights: input and window are two sets of images, which lie on the partitions. */
bool ts_conv_weights_fit(const ts_conv_shape *shape);
void ts_conv_weights(const ts_conv_shape *shape);
/* Depthwise convolutions and gradients of their weights, without TensorE. */
bool ts_conv_depthwise_fit(const ts_conv_shape *shape);
void ts_conv_depthwise(const ts_conv_shape *shape);
bool ts_conv_depthwise_weights_fit(const ts_conv_shape *shape);
void ts_conv_depthwise_weights(const ts_conv_shape *shape);

#endif

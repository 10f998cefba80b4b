/* Depthwise convolutions, and those in groups of few channels: what the convolution itself (conv_depthwise.c)
   and the gradient of its weights (conv_depthwise_weights.c) share (conv_depthwise_shape.c).

   A group of `depth` channels x of the images, as a rule one, has `repeat` channels y, each with weights of
   its own: y[p] = sum over the group and the taps of w[x, tap] * x[place that p reads with the tap]. Channels
   y lie on the partitions, and where they leave partitions free so do several sets of images; in a partition
   lie chunks of channels, images and places. The gradient of the weights has the same x, y and w, and the sum
   is over images and places. */
#ifndef TS_COMPILER_CONTRACT_CONV_DEPTHWISE_H
#define TS_COMPILER_CONTRACT_CONV_DEPTHWISE_H

#include "compiler/contract/conv_shape.h"

typedef struct ts_depthwise {
    const ts_conv_shape *s; /* `in` is x, `out` y and `weights` w, whichever of them is written */
    ts_builder *b;
    int64_t depth, repeat;
    int64_t chunk, chunks; /* groups on the partitions, and how often; the last chunk may have fewer */
    int64_t ways;          /* sets of images on the partitions */
    int64_t together;      /* chunks in a partition at a time */
    int64_t batch;         /* images of a set at a time */
    int64_t turns, trips;  /* and how often in a trip of a loop, and in how many trips */
    int64_t rows;          /* of y at a time */
} ts_depthwise;

/* Along an axis of a tile of x: its places are the elements from `first` on. Of these, x has `count` from
   place `place` on; the others are zeros around it. */
typedef struct ts_depthwise_span {
    int64_t first, size, place, count;
} ts_depthwise_span;

/* What is in SBUF at a time: some chunks, images and rows of y, and one channel x of each group. */
typedef struct ts_depthwise_unit {
    int64_t chunk, chunks; /* the first, and how many */
    int64_t groups;        /* in each chunk */
    int64_t parts;
    int64_t input; /* of a group's channels x; units of one y follow each other */
    int64_t row, rows;
    ts_affine image; /* of each set, the first */
    ts_depthwise_span span[2];
    int number;         /* of units so far */
    ts_tile product[2]; /* f32, for one place of y each; they take turns */
} ts_depthwise_unit;

/* The places of y, of `outs` from `first` on, that read elements of x with a tap, and those elements. */
typedef struct ts_depthwise_walk {
    int64_t out, out_step; /* from `first` on */
    int64_t in, in_step;
    int64_t count;
} ts_depthwise_walk;
ts_depthwise_walk ts_depthwise_walk_of(const ts_conv_axis *a, int64_t tap, int64_t first, int64_t outs);

/* False where SBUF has no room, or there are too many taps. */
bool ts_depthwise_plan(ts_depthwise *d, const ts_conv_shape *s);

/* The units one after the other, in the loop over images: ts_depthwise_next returns false behind the last. */
typedef struct ts_depthwise_walker {
    const ts_depthwise *d;
    uint32_t loop;
    int64_t chunk, turn, row, input;
    int number;
} ts_depthwise_walker;
ts_depthwise_walker ts_depthwise_begin(const ts_depthwise *d);
bool ts_depthwise_next(ts_depthwise_walker *walker, ts_depthwise_unit *unit);
void ts_depthwise_end(const ts_depthwise_walker *walker);

void ts_depthwise_make_products(const ts_depthwise *d, ts_depthwise_unit *u);
/* x of the unit with zeros around it: [chunk, image, row, place]. */
ts_tile ts_depthwise_load_x(const ts_depthwise *d, const ts_depthwise_unit *u);
/* A tile of [chunk, image, row, place] of y. */
ts_tile ts_depthwise_make_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_dtype dtype);
/* y between such a tile and HBM. */
void ts_depthwise_move_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, ts_dtype dtype,
                         bool is_store);
/* What a tap reads of x, and the places of y that read it: of some chunks from `first` of the unit on. */
ts_ap ts_depthwise_x(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile,
                     const ts_depthwise_walk walk[2], int64_t first, int64_t chunks);
ts_ap ts_depthwise_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, ts_dtype dtype,
                     const ts_depthwise_walk walk[2], int64_t first, int64_t chunks);
/* All weights: [chunk, channel x, row, place of the window] in each partition of an f32 tile; the first set
   of images' or, of a load, those of all. */
void ts_depthwise_move_w(const ts_depthwise *d, ts_tile tile, bool is_store);
/* Where in a chunk's the weight of a tap is. */
int64_t ts_depthwise_weight(const ts_depthwise *d, int64_t input, int64_t row, int64_t col);

static inline int64_t ts_depthwise_taps(const ts_depthwise *d) {
    return d->s->axis[0].taps * d->s->axis[1].taps;
}
/* Of a channel y. */
static inline int64_t ts_depthwise_weights(const ts_depthwise *d) {
    return d->depth * ts_depthwise_taps(d);
}
int64_t ts_depthwise_groups(const ts_depthwise *d, int64_t chunk);

#endif

/* Depthwise convolutions, and convolutions in groups of few channels. The convolution itself
   (conv_depthwise.c) and the gradient of its weights (conv_depthwise_weights.c) share what is declared here
   (conv_depthwise_shape.c).

   A group has `depth` input channels x (usually one) and `repeat` output channels y, each with its own
   weights: y[p] = sum over the group's x and the taps of w[x, tap] * x[place that p reads with the tap]. The
   channels y lie on the partitions; if they leave partitions free, several sets of images lie there side by
   side. Within a partition, a tile is indexed by chunk of groups, image and place. The gradient of the
   weights has the same x, y and w, but sums over images and places. */
#ifndef TS_COMPILER_CONTRACT_CONV_DEPTHWISE_H
#define TS_COMPILER_CONTRACT_CONV_DEPTHWISE_H

#include "compiler/contract/conv_shape.h"

typedef struct ts_depthwise {
    const ts_conv_shape *s; /* `in` is x, `out` y and `weights` w, whichever of them is the result */
    ts_builder *b;
    int64_t depth, repeat;
    int64_t chunk, chunks; /* groups on the partitions at a time; chunks of them (the last may be smaller) */
    int64_t ways;          /* sets of images on the partitions */
    int64_t together;      /* chunks per unit, side by side in a partition */
    int64_t batch;         /* images per unit, of each set */
    int64_t turns, trips;  /* a set has trips * turns * batch images: `turns` batches per trip of the loop */
    int64_t rows;          /* rows of y per unit */
} ts_depthwise;

/* One axis of a tile of x, which holds the `size` elements from `first` on (negative: padding). The `count`
   places from `place` on hold elements of x; the others hold zeros. */
typedef struct ts_depthwise_span {
    int64_t first, size, place, count;
} ts_depthwise_span;

/* The work on one set of tiles in SBUF: some chunks, images and rows of y, and one channel x of each group.
 */
typedef struct ts_depthwise_unit {
    int64_t chunk, chunks; /* first chunk, and number of chunks */
    int64_t groups;        /* in each chunk */
    int64_t parts;         /* partitions in use */
    int64_t input;         /* which of a group's channels x; the units of one y follow each other */
    int64_t row, rows;     /* first row of y, and number of rows */
    ts_affine image;       /* first image, counted within each set */
    ts_depthwise_span span[2];
    int number;         /* units before this one */
    ts_tile product[2]; /* f32, as large as a tile of y; taps use them alternately */
} ts_depthwise_unit;

/* Along one axis, the places of y that read an element of x with a tap, and the elements that they read. */
typedef struct ts_depthwise_walk {
    int64_t out, out_step; /* places of y, relative to the first one asked for */
    int64_t in, in_step;   /* elements of x; outside the tensor: padding */
    int64_t count;
} ts_depthwise_walk;
/* The walk of `tap` over the `outs` places of y from `first` on. */
ts_depthwise_walk ts_depthwise_walk_of(const ts_conv_axis *a, int64_t tap, int64_t first, int64_t outs);

/* Cuts the convolution into units. Returns false if SBUF has no room or if there are too many weights or
   units. `s` must outlive the plan. */
bool ts_depthwise_plan(ts_depthwise *d, const ts_conv_shape *s);

/* Iterates over the units. ts_depthwise_begin opens the loop over batches of images, ts_depthwise_end closes
   it; ts_depthwise_next returns false after the last unit. */
typedef struct ts_depthwise_walker {
    const ts_depthwise *d;
    uint32_t loop;
    int64_t chunk, turn, row, input;
    int number;
} ts_depthwise_walker;
ts_depthwise_walker ts_depthwise_begin(const ts_depthwise *d);
bool ts_depthwise_next(ts_depthwise_walker *walker, ts_depthwise_unit *unit);
void ts_depthwise_end(const ts_depthwise_walker *walker);

/* Makes the unit's two tiles for products. */
void ts_depthwise_make_products(const ts_depthwise *d, ts_depthwise_unit *u);
/* Loads the unit's x, with zeros around it, into a new tile [chunk, image, row, place]. */
ts_tile ts_depthwise_load_x(const ts_depthwise *d, const ts_depthwise_unit *u);
/* A new tile for the unit's y: [chunk, image, row, place]. */
ts_tile ts_depthwise_make_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_dtype dtype);
/* Stores such a tile of y to HBM, or loads it from there. */
void ts_depthwise_move_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, ts_dtype dtype,
                         bool is_store);
/* Access patterns of the elements of x that a tap reads, and of the places of y that read them. walk[0] is
   over rows, walk[1] over places; the patterns cover `chunks` chunks from the unit's chunk `first` on. */
ts_ap ts_depthwise_x(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile,
                     const ts_depthwise_walk walk[2], int64_t first, int64_t chunks);
ts_ap ts_depthwise_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, ts_dtype dtype,
                     const ts_depthwise_walk walk[2], int64_t first, int64_t chunks);
/* Loads or stores all weights, [chunk, channel x, row, place of the window] in each partition of an f32 tile.
   A load gives every set of images a copy; a store writes the copy of the first set. */
void ts_depthwise_move_w(const ts_depthwise *d, ts_tile tile, bool is_store);
/* The index of a tap's weight among the weights of a chunk in such a tile. */
int64_t ts_depthwise_weight(const ts_depthwise *d, int64_t input, int64_t row, int64_t col);

/* Taps of the window. */
static inline int64_t ts_depthwise_taps(const ts_depthwise *d) {
    return d->s->axis[0].taps * d->s->axis[1].taps;
}
/* Weights of a channel y. */
static inline int64_t ts_depthwise_weights(const ts_depthwise *d) {
    return d->depth * ts_depthwise_taps(d);
}
/* Groups in a chunk. */
int64_t ts_depthwise_groups(const ts_depthwise *d, int64_t chunk);

#endif

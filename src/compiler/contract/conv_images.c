/* A convolution of images on TensorE. SBUF holds the images once, as [channel, image, place] with zeros
   around each image, and the matmul of each tap reads them at that tap's offset. PSUM sums over the taps. If
   there are so few channels that partitions stay free, those hold further copies of the images, each shifted
   by the offset of another tap, so that one matmul sums over several taps. */
#include "compiler/contract/conv_shape.h"

#include <string.h>

#include "base/integer.h"

typedef struct conv {
    const ts_conv_shape *s;
    ts_builder *b;
    int64_t chunk, chunks;       /* channels on the partitions at a time, and number of such chunks */
    int64_t stack[2], groups[2]; /* by axis: taps that share the partitions, and number of such groups */
    int64_t rows, cols;          /* of an image in SBUF, with the zeros around it */
    int64_t batch;               /* images in SBUF at a time */
    int64_t tile_images, tile_rows, tile_cols; /* images, rows and places in a bank of PSUM */
    bool has_edges;                            /* the images in SBUF have places that must be zero */
    bool is_staged; /* images are loaded as long runs into a staging tile and copied between the zeros */
    ts_tile in, weights;
    ts_affine slot; /* the rotation that selects one of the two halves of `in` */
} conv;

static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t bytes_of(const conv *c) {
    return ts_dtype_get(c->s->dtype)->bytes;
}

/* ---- plan ---- */

/* Chooses the taps that share the partitions. Taps along a row do so only if all taps of the window fit. */
static void choose_stack(conv *c) {
    const ts_conv_shape *s = c->s;
    int64_t taps = s->axis[0].taps, fit = TS_CONV_PARTS / c->chunk;
    c->stack[0] = c->stack[1] = 1;
    if (c->chunks == 1 && fit > 1)
        c->stack[0] = ts_ceil_div(taps, ts_ceil_div(taps, fit < taps ? fit : taps));
    if (c->stack[0] == taps && taps * s->axis[1].taps <= fit) c->stack[1] = s->axis[1].taps;
    for (int i = 0; i < 2; i++)
        c->groups[i] = ts_ceil_div(s->axis[i].taps, c->stack[i]);
}

/* Places of the input that the windows of all outputs cover along an axis. */
static int64_t reach(const ts_conv_axis *a) {
    return (a->out - 1) * a->stride + 1 + (a->taps - 1) * a->dilation;
}

/* The elements of an axis that the tile holds: `count` from `element` on, the first of them at `place`. */
typedef struct part {
    int64_t element, count, place;
} part;

static part part_of(const ts_conv_axis *a) {
    int64_t first = ts_conv_first(a, 0), size = reach(a); /* first place of the tile, and its size */
    part p = {.element = first > 0 ? ts_ceil_div(first, a->spread) : 0};
    p.place = p.element * a->spread - first;
    int64_t end = p.place < size ? p.element + ts_ceil_div(size - p.place, a->spread) : p.element;
    p.count = (end < a->size ? end : a->size) - p.element;
    if (p.count < 0) p.count = 0;
    return p;
}

static int64_t in_bytes(const conv *c) {
    return c->batch * c->rows * c->cols * bytes_of(c);
}

static int64_t taps_of(const conv *c) {
    return c->chunks * c->groups[0] * c->groups[1];
}

/* Whether SBUF holds two sets of images, results and staging tiles, and all weights. */
static bool fits(const conv *c) {
    const ts_conv_shape *s = c->s;
    int64_t places = s->axis[0].out * s->axis[1].out;
    int64_t out = c->batch * places * ts_dtype_get((ts_dtype)s->out.dtype)->bytes;
    int64_t stage = c->is_staged ? c->batch * s->axis[0].size * s->axis[1].size * bytes_of(c) : 0;
    int64_t bytes = 2 * (c->chunks * in_bytes(c) + out + stage) + taps_of(c) * s->outputs * bytes_of(c);
    return bytes <= ts_build_scaled(c->b, TS_CONV_BYTES);
}

static bool plan(conv *c, const ts_conv_shape *s) {
    enum {
        MOST_PLACES = 16384, /* result elements of an output at a time, unless one image has more */
        MOST_TAPS = 64       /* keeps the emitted code short */
    };
    *c = (conv){.s = s, .b = s->b};
    c->chunks = ts_ceil_div(s->features, TS_CONV_PARTS);
    c->chunk = ts_ceil_div(s->features, c->chunks);
    choose_stack(c);
    c->rows = reach(&s->axis[0]);
    c->cols = reach(&s->axis[1]);
    c->has_edges = part_of(&s->axis[0]).count < c->rows || part_of(&s->axis[1]).count < c->cols;
    c->is_staged = part_of(&s->axis[1]).count < c->cols;
    int64_t places = s->axis[0].out * s->axis[1].out;
    c->batch = ts_conv_divisor(s->images, at_least(1, MOST_PLACES / places));
    while (!fits(c)) {
        if (c->batch == 1) return false;
        c->batch = ts_conv_divisor(s->images, c->batch - 1);
    }
    c->tile_images = ts_conv_divisor(c->batch, at_least(1, TS_CONV_BANK / places));
    c->tile_cols = ts_ceil_div(s->axis[1].out, ts_ceil_div(s->axis[1].out, TS_CONV_BANK));
    int64_t most = TS_CONV_BANK / c->tile_cols;
    c->tile_rows =
        c->tile_cols < s->axis[1].out
            ? 1
            : ts_ceil_div(s->axis[0].out,
                          ts_ceil_div(s->axis[0].out, most < s->axis[0].out ? most : s->axis[0].out));
    bool is_short = c->rows * c->cols <= INT16_MAX || c->batch == 1; /* access patterns have 16-bit steps */
    return is_short && s->axis[0].stride * c->cols <= INT16_MAX && taps_of(c) * s->axis[1].taps <= MOST_TAPS;
}

/* ---- loading ---- */

static int64_t channels_of(const conv *c, int64_t chunk) {
    int64_t left = c->s->features - chunk * c->chunk;
    return left < c->chunk ? left : c->chunk;
}

static int64_t stacked_in(const conv *c, int axis, int64_t group) {
    int64_t left = c->s->axis[axis].taps - group * c->stack[axis];
    return left < c->stack[axis] ? left : c->stack[axis];
}

/* Loads all weights into a tile [(row tap, column tap, channel), (chunk, row group, column group, output)],
   where the taps are those of one group. */
static void load_weights(conv *c) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    c->weights = ts_build_tile(c->b, ts_space_sbuf, c->chunk * c->stack[0] * c->stack[1],
                               taps_of(c) * s->outputs * bytes_of(c), 1);
    for (int64_t chunk = 0; chunk < c->chunks; chunk++)
        for (int64_t tap = 0; tap < rows->taps; tap++) {
            int64_t at = chunk * c->groups[0] + tap / c->stack[0];
            int64_t first = tap % c->stack[0] * c->stack[1] * c->chunk;
            ts_ap src = ts_build_hbm(s->weights.tensor, ts_chip_dtype(s->weights.dtype),
                                     ts_view_offset(c->b, &s->weights));
            src.offset.base += chunk * c->chunk * s->weight_feature + tap * rows->tap_step;
            ts_count channels = ts_count_const(channels_of(c, chunk)), taps = ts_count_const(cols->taps);
            ts_count parts = c->stack[1] > 1 ? ts_count_const(cols->taps * channels.max) : channels;
            ts_ap dst = ts_build_ap(c->b, c->weights, s->dtype, parts, ts_count_const(1));
            dst.part.base = first;
            dst.offset.base += at * c->groups[1] * s->outputs * bytes_of(c);
            dst.dims = 0;
            if (c->stack[1] > 1) ts_ap_dim(&src, cols->tap_step, taps);
            ts_ap_dim(&src, s->weight_feature, channels);
            if (c->stack[1] == 1) {
                ts_ap_dim(&src, cols->tap_step, taps);
                ts_ap_dim(&dst, s->outputs, taps);
            }
            ts_ap_dim(&src, s->weight_output, ts_count_const(s->outputs));
            ts_ap_dim(&dst, 1, ts_count_const(s->outputs));
            ts_emit_dma(c->b, ts_engine_sync, ts_lower_load_queue(s->lower), &dst, &src);
        }
}

/* The offset within the current half of `in`. */
static ts_affine half_of(const conv *c, ts_affine offset) {
    offset.rotation = c->slot.rotation;
    return offset;
}

/* Loads one chunk of channels of the images from `image` on, through a staging tile if is_staged. */
static void load_chunk(conv *c, int64_t chunk, ts_affine image) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    part r = part_of(rows), p = part_of(cols);
    if (r.count == 0 || p.count == 0) return;
    ts_count channels = ts_count_const(channels_of(c, chunk)), images = ts_count_const(c->batch);
    int64_t size = c->rows * c->cols;
    ts_ap src = ts_build_hbm(s->in.tensor, ts_chip_dtype(s->in.dtype), ts_view_offset(c->b, &s->in));
    src.offset = ts_build_sum(c->b, src.offset, image, s->in_image);
    src.offset.base +=
        chunk * c->chunk * s->in_feature + r.element * rows->in_step + p.element * cols->in_step;
    ts_ap_dim(&src, s->in_feature, channels);
    ts_ap_dim(&src, s->in_image, images);
    ts_ap_dim(&src, rows->in_step, ts_count_const(r.count));
    ts_ap_dim(&src, cols->in_step, ts_count_const(p.count));
    ts_ap dst = ts_build_ap(c->b, c->in, s->dtype, channels, ts_count_const(1));
    dst.offset = half_of(c, dst.offset);
    dst.offset.base += (chunk * c->batch * size + r.place * c->cols + p.place) * bytes_of(c);
    dst.dims = 0;
    ts_ap_dim(&dst, size, images);
    ts_ap_dim(&dst, c->cols * rows->spread, ts_count_const(r.count));
    ts_ap_dim(&dst, cols->spread, ts_count_const(p.count));
    if (!c->is_staged) {
        ts_emit_dma(c->b, ts_engine_sync, ts_lower_load_queue(s->lower), &dst, &src);
        return;
    }
    int64_t elems = c->batch * r.count * p.count;
    ts_tile stage = ts_build_tile(c->b, ts_space_sbuf, c->chunk, elems * bytes_of(c), 2);
    ts_ap beside = ts_build_ap(c->b, stage, s->dtype, channels, ts_count_const(elems));
    ts_emit_dma(c->b, ts_engine_sync, ts_lower_load_queue(s->lower), &beside, &src);
    ts_emit_copy(c->b, ts_engine_vector, &dst, &beside);
}

/* Copies the images to the partitions of a stacked tap, shifted by that tap's offset. The last `shift`
   elements of the copy stay as they are: no window reads them. */
static void load_stacked(conv *c, int64_t row, int64_t col) {
    const ts_conv_shape *s = c->s;
    int64_t shift = row * s->axis[0].dilation * c->cols + col * s->axis[1].dilation;
    ts_count channels = ts_count_const(s->features),
             elems = ts_count_const(c->batch * c->rows * c->cols - shift);
    ts_ap src = ts_build_ap(c->b, c->in, s->dtype, channels, elems), dst = src;
    src.offset = half_of(c, src.offset);
    dst.offset = src.offset;
    src.offset.base += shift * bytes_of(c);
    dst.part.base = (row * c->stack[1] + col) * c->chunk;
    ts_emit_dma(c->b, ts_engine_sync, ts_lower_load_queue(s->lower), &dst, &src);
}

/* Loads the images from `image` on for all chunks and stacked taps. */
static void load_images(conv *c, ts_affine image) {
    for (int64_t chunk = 0; chunk < c->chunks; chunk++)
        load_chunk(c, chunk, image);
    for (int64_t row = 0; row < c->stack[0]; row++)
        for (int64_t col = 0; col < c->stack[1]; col++)
            if (row + col > 0) load_stacked(c, row, col);
}

/* Sets `count` runs of `size` elements, `step` apart, from element `first` of a half of the images on. */
static void clear_runs(const conv *c, int64_t half, int64_t first, int64_t step, int64_t count,
                       int64_t size) {
    if (size == 0) return;
    ts_ap ap = ts_build_ap(c->b, c->in, c->s->dtype, ts_count_const(c->chunk), ts_count_const(1));
    ap.offset.base += half * c->chunks * in_bytes(c) + first * bytes_of(c);
    ap.dims = 0;
    ts_ap_dim(&ap, step, ts_count_const(count));
    ts_ap_dim(&ap, 1, ts_count_const(size));
    ts_emit_memset(c->b, half == 0 ? ts_engine_vector : ts_engine_gpsimd, &ap, 0);
}

/* Sets the zeros around and between the elements of the images. Partitions of stacked taps get theirs by the
   copies. */
static void clear_half(const conv *c, int64_t half) {
    const ts_conv_axis *rows = &c->s->axis[0], *cols = &c->s->axis[1];
    const part r = part_of(rows), p = part_of(cols);
    const int64_t size = c->rows * c->cols, images = c->chunks * c->batch;
    const int64_t below = r.place + r.count, right = p.place + p.count;
    if (rows->spread > 1 || cols->spread > 1 || r.count == 0 || p.count == 0 || size > INT16_MAX) {
        clear_runs(c, half, 0, 0, 1, images * size);
        return;
    }
    clear_runs(c, half, 0, size, images, r.place * c->cols);
    clear_runs(c, half, below * c->cols, size, images, (c->rows - below) * c->cols);
    if (r.place > 0 && below < c->rows) { /* the end of a row and the begin of the next, between those rows */
        clear_runs(c, half, right, c->cols, images * c->rows - 1, c->cols - right + p.place);
        return;
    }
    clear_runs(c, half, 0, c->cols, images * c->rows, p.place);
    clear_runs(c, half, right, c->cols, images * c->rows, c->cols - right);
}

/* Makes the tile of the images: two halves that alternate, or one if all images fit at once. The zeros around
   the images are written here, once, because loads never overwrite them. */
static void make_tile(conv *c) {
    const int64_t parts = c->chunk * c->stack[0] * c->stack[1];
    const int64_t halves = c->s->images / c->batch > 1 ? 2 : 1;
    c->in = ts_build_tile(c->b, ts_space_sbuf, parts, c->chunks * in_bytes(c) * halves, 1);
    for (int64_t half = 0; c->has_edges && half < halves; half++)
        clear_half(c, half);
}

/* Makes the trips of the loop over batches alternate between the halves. */
static void choose_half(conv *c, uint32_t loop) {
    ts_program *program = c->b->program;
    if (c->s->images == c->batch) return;
    ts_rotation rotation = {.index = ts_build_term(c->b, ts_affine_const(0), 1, loop),
                            .step = c->chunks * in_bytes(c),
                            .count = 2};
    ts_vec_push(&program->rotations, &program->arena, rotation);
    c->slot.rotation = program->rotations.count & TS_MOST_ROTATIONS;
}

/* ---- computing ---- */

/* The part of the result that one PSUM bank holds: some outputs of some images, or of some rows of one image.
   Loops over these parts go by their trip counts and ids. */
typedef struct bank {
    int64_t output_trips, image_trips, row_trips, col_trips;
    uint32_t output, image, row, col;
    ts_count outputs, rows, cols;
    ts_tile psum;
} bank;

/* Gives the operand the bank's dimensions, with these steps between images, rows and places. */
static void add_places(const conv *c, const bank *k, ts_ap *ap, int64_t image, int64_t row, int64_t col) {
    ap->dims = 0;
    ts_ap_dim(ap, image, ts_count_const(c->tile_images));
    ts_ap_dim(ap, row, k->rows);
    ts_ap_dim(ap, col, k->cols);
}

static ts_ap psum_ap(const conv *c, const bank *k) {
    ts_ap ap = ts_build_ap(c->b, k->psum, ts_dtype_f32, k->outputs, ts_count_const(1));
    add_places(c, k, &ap, c->s->axis[0].out * c->s->axis[1].out, c->tile_cols, 1);
    return ap;
}

/* Adds the offset of the bank's first place, given the distances between images, rows and places. */
static ts_affine places_at(const conv *c, const bank *k, ts_affine offset, int64_t image, int64_t row,
                           int64_t col) {
    offset = ts_conv_step(c->b, offset, c->tile_images * image, k->image_trips, k->image);
    offset = ts_conv_step(c->b, offset, c->tile_rows * row, k->row_trips, k->row);
    return ts_conv_step(c->b, offset, c->tile_cols * col, k->col_trips, k->col);
}

/* Adds the products of one chunk of channels and one row group of taps to the bank, with a matmul for each
   column group. The first matmul of the bank overwrites it. */
static void multiply(const conv *c, const bank *k, int64_t chunk, int64_t group) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    int64_t elem = bytes_of(c), size = c->rows * c->cols;
    ts_count parts = ts_count_const(stacked_in(c, 0, group) * c->stack[1] * channels_of(c, chunk));
    uint32_t loop = ts_conv_open(c->b, c->groups[1]);
    ts_ap stationary = ts_build_ap(c->b, c->weights, s->dtype, parts, k->outputs);
    stationary.offset.base += (chunk * c->groups[0] + group) * c->groups[1] * s->outputs * elem;
    stationary.offset = ts_conv_step(c->b, stationary.offset, s->outputs * elem, c->groups[1], loop);
    stationary.offset =
        ts_conv_step(c->b, stationary.offset, TS_CONV_PARTS * elem, k->output_trips, k->output);
    ts_ap moving = ts_build_ap(c->b, c->in, s->dtype, parts, ts_count_const(1));
    add_places(c, k, &moving, size, c->cols * rows->stride, cols->stride);
    moving.offset = half_of(c, moving.offset);
    moving.offset.base += (chunk * c->batch * size + group * c->stack[0] * rows->dilation * c->cols) * elem;
    moving.offset = ts_conv_step(c->b, moving.offset, cols->dilation * elem, c->groups[1], loop);
    moving.offset =
        places_at(c, k, moving.offset, size * elem, c->cols * rows->stride * elem, cols->stride * elem);
    ts_ap dst = psum_ap(c, k);
    ts_accum accum = {.mode = ts_accum_always};
    if (chunk == 0 && group == 0) accum.mode = c->groups[1] > 1 ? ts_accum_unless_first : ts_accum_never;
    if (accum.mode == ts_accum_unless_first) accum.loop = loop;
    ts_emit_matmul(c->b, &dst, &stationary, &moving, accum);
    ts_conv_close(c->b, c->groups[1]);
}

/* Sums over all channels and taps in a PSUM bank and copies the sums to `out`, which is in SBUF. */
static void compute_bank(const conv *c, bank *k, ts_tile out) {
    const ts_conv_axis *rows = &c->s->axis[0], *cols = &c->s->axis[1];
    ts_dtype dtype = (ts_dtype)c->s->out.dtype;
    int64_t elem = ts_dtype_get(dtype)->bytes, places = rows->out * cols->out;
    k->psum = ts_build_tile(c->b, ts_space_psum, k->outputs.max, TS_CONV_BANK * 4, 2);
    for (int64_t chunk = 0; chunk < c->chunks; chunk++)
        for (int64_t group = 0; group < c->groups[0]; group++)
            multiply(c, k, chunk, group);
    ts_ap from = psum_ap(c, k), to = ts_build_ap(c->b, out, dtype, k->outputs, ts_count_const(1));
    add_places(c, k, &to, places, cols->out, 1);
    to.offset = places_at(c, k, to.offset, places * elem, cols->out * elem, elem);
    ts_emit_copy(c->b, ts_engine_scalar, &to, &from);
}

/* Stores the results of one set of outputs for the images from `image` on. */
static void store(const conv *c, const bank *k, ts_tile out, ts_affine image) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    ts_ap src = ts_build_ap(c->b, out, (ts_dtype)s->out.dtype, k->outputs,
                            ts_count_const(c->batch * rows->out * cols->out));
    ts_ap dst = ts_build_hbm(s->out.tensor, (ts_dtype)s->out.dtype, ts_view_offset(c->b, &s->out));
    dst.offset = ts_build_sum(c->b, dst.offset, image, s->out_image);
    dst.offset = ts_conv_step(c->b, dst.offset, TS_CONV_PARTS * s->out_output, k->output_trips, k->output);
    ts_ap_dim(&dst, s->out_output, k->outputs);
    ts_ap_dim(&dst, s->out_image, ts_count_const(c->batch));
    ts_ap_dim(&dst, rows->out_step, ts_count_const(rows->out));
    ts_ap_dim(&dst, cols->out_step, ts_count_const(cols->out));
    ts_emit_dma(c->b, ts_engine_scalar, TS_STORE_QUEUE, &dst, &src);
}

/* Computes and stores all outputs of the images in SBUF. */
static void compute(const conv *c, ts_affine image) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    bank k = {.output_trips = ts_ceil_div(s->outputs, TS_CONV_PARTS),
              .image_trips = c->batch / c->tile_images,
              .row_trips = ts_ceil_div(rows->out, c->tile_rows),
              .col_trips = ts_ceil_div(cols->out, c->tile_cols)};
    k.output = ts_conv_open(c->b, k.output_trips);
    int64_t most = s->outputs < TS_CONV_PARTS ? s->outputs : TS_CONV_PARTS;
    k.outputs = k.output_trips > 1 ? ts_build_ragged(c->b, TS_CONV_PARTS, s->outputs, k.output, 1)
                                   : ts_count_const(s->outputs);
    int64_t bytes = c->batch * rows->out * cols->out * ts_dtype_get((ts_dtype)s->out.dtype)->bytes;
    ts_tile out = ts_build_tile(c->b, ts_space_sbuf, most, bytes, 2);
    k.image = ts_conv_open(c->b, k.image_trips);
    k.row = ts_conv_open(c->b, k.row_trips);
    k.rows = k.row_trips > 1 ? ts_build_ragged(c->b, c->tile_rows, rows->out, k.row, 1)
                             : ts_count_const(c->tile_rows);
    k.col = ts_conv_open(c->b, k.col_trips);
    k.cols = k.col_trips > 1 ? ts_build_ragged(c->b, c->tile_cols, cols->out, k.col, 1)
                             : ts_count_const(c->tile_cols);
    compute_bank(c, &k, out);
    ts_conv_close(c->b, k.col_trips);
    ts_conv_close(c->b, k.row_trips);
    ts_conv_close(c->b, k.image_trips);
    store(c, &k, out, image);
    ts_conv_close(c->b, k.output_trips);
}

bool ts_conv_images_fit(const ts_conv_shape *shape) {
    conv c;
    return plan(&c, shape);
}

void ts_conv_images(const ts_conv_shape *shape) {
    conv c;
    plan(&c, shape);
    int64_t trips = shape->images / c.batch;
    load_weights(&c);
    make_tile(&c);
    uint32_t loop = ts_conv_open(c.b, trips);
    choose_half(&c, loop);
    ts_affine image = ts_conv_step(c.b, ts_affine_const(0), c.batch, trips, loop);
    load_images(&c, image);
    compute(&c, image);
    ts_conv_close(c.b, trips);
}

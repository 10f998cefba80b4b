/* The gradient of a convolution's weights on TensorE: the convolution of the input with the gradient of its
   result, which serves as the window. The contraction is over images, which lie on the partitions. A matmul
   for each place of the window multiplies the channels of both sets of images at that place, so within a
   partition the channels of a place must be adjacent: images are loaded channel by channel and rearranged in
   SBUF.

   If there are fewer images than partitions, the window is cut into blocks of rows that lie on the partitions
   side by side, each with the rows of the input that its taps reach. Blocks that SBUF cannot hold at once are
   loaded in rounds. */
#include "compiler/contract/conv_shape.h"

#include <string.h>

#include "base/integer.h"

/* Names are those of the convolution that computes the gradient: its `features` are the images that are
   summed over, its `images` the channels of the input, and its `outputs` the channels of the window.
   `axis[].taps` are places of the window, `axis[].out` places of the result. */
typedef struct conv {
    const ts_conv_shape *s;
    ts_builder *b;
    int64_t summed, chunks;     /* images on the partitions at a time, and number of such chunks */
    int64_t blocks, block_rows; /* blocks on the partitions at a time, and the window's rows in each */
    int64_t rounds;             /* of `blocks` blocks each; the last block may be short */
    int64_t slots;              /* buffers of each tile: with 2, loads overlap with matmuls */
    int64_t channels, outputs;  /* computed at a time: a panel of the result */
    int64_t rows, cols;         /* of a block of the input, with the zeros around it */
    bool is_wide;               /* PSUM has places and channels on its partitions, else outputs */
    int64_t taps, pieces;       /* places of a row of the result per matmul, and matmuls for all places */
    int64_t piece_bytes;        /* of PSUM per partition, for the result of a matmul */
} conv;

static int64_t bytes_of(const conv *c) {
    return ts_dtype_get(c->s->dtype)->bytes;
}

static int64_t at_most(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- plan ---- */

/* Places of the input along an axis that `taps` places of the window read for all results. */
static int64_t reach(const ts_conv_axis *a, int64_t taps) {
    return (taps - 1) * a->dilation + 1 + (a->out - 1) * a->stride;
}

/* Chooses what a matmul computes. A piece takes a whole PSUM bank or a power of two's part of one. */
static void choose_pieces(conv *c) {
    const ts_conv_axis *cols = &c->s->axis[1];
    enum { FEW = 32 /* fewer outputs make poor moving operands */ };
    c->is_wide = c->outputs >= FEW;
    int64_t most = c->is_wide ? TS_CONV_PARTS : TS_CONV_BANK;
    c->taps = at_most(cols->out, most / c->channels);
    c->taps = ts_ceil_div(cols->out, ts_ceil_div(cols->out, c->taps));
    c->pieces = c->s->axis[0].out * ts_ceil_div(cols->out, c->taps);
    int64_t bytes = 4 * (c->is_wide ? c->outputs : c->taps * c->channels);
    c->piece_bytes = 4 * TS_CONV_BANK;
    while (c->piece_bytes / 2 >= bytes)
        c->piece_bytes /= 2;
}

/* Whether SBUF holds all tiles and their staging tiles, and half of PSUM all pieces. */
static bool fits(const conv *c) {
    enum { PSUM_BYTES = 8192 /* per partition: half of PSUM, as panels alternate */ };
    const ts_conv_shape *s = c->s;
    int64_t window = c->block_rows * s->axis[1].taps * c->outputs;
    int64_t places = c->rows * c->cols * c->channels;
    return 2 * c->slots * (window + places) * bytes_of(c) <= ts_build_scaled(c->b, TS_CONV_BYTES) &&
           c->pieces * c->piece_bytes <= PSUM_BYTES;
}

/* The estimated cost of a panel with blocks of `block_rows` rows, in cycles: matmuls, rearranging images by
   place, and DMA descriptors, one for each image, channel and block. */
static double cost_of(const conv *c, int64_t block_rows) {
    enum {
        LEAST_MOVING = 64, /* cycles of the shortest matmul */
        DESCRIPTOR = 2,    /* cycles per descriptor */
        LAYING = 2,        /* cycles per rearranged element */
        FP32_PASSES = 4    /* passes of a matmul of f32 */
    };
    int64_t moving = c->is_wide ? c->outputs : c->taps * c->channels;
    int64_t passes = bytes_of(c) == 4 ? FP32_PASSES : 1;
    double places = (double)(block_rows * c->s->axis[1].taps), products = places * (double)c->pieces;
    double laid =
        places * (double)c->outputs + (double)(reach(&c->s->axis[0], block_rows) * c->cols * c->channels);
    double runs = (double)ts_ceil_div(c->s->axis[0].taps, block_rows) * (double)c->summed;
    return products * (double)(passes * (moving > LEAST_MOVING ? moving : LEAST_MOVING)) + LAYING * laid +
           DESCRIPTOR * runs * (double)(c->channels + c->outputs);
}

/* Chooses the cheapest blocks that cover all rows of the window in at most `rounds` rounds. */
static void cut_rows(conv *c, int64_t rounds, int64_t slots) {
    int64_t taps = c->s->axis[0].taps, most = TS_CONV_PARTS / c->summed;
    int64_t fewest = ts_ceil_div(taps, at_most(taps, most * rounds)), last = ts_ceil_div(taps, rounds);
    c->block_rows = fewest;
    for (int64_t rows = fewest + 1; rows <= last; rows++)
        if (cost_of(c, rows) < cost_of(c, c->block_rows)) c->block_rows = rows;
    int64_t blocks = ts_ceil_div(taps, c->block_rows);
    c->blocks = ts_ceil_div(blocks, ts_ceil_div(blocks, most));
    c->rounds = ts_ceil_div(blocks, c->blocks);
    c->rows = reach(&c->s->axis[0], c->block_rows);
    c->slots = c->rounds * c->chunks > 1 ? slots : 1;
}

/* Cuts the window's rows such that all fits. Two slots with short blocks are tried before one slot with long
   blocks, since loads then overlap with matmuls. Returns false if not even blocks of a single row fit. */
static bool cut_to_fit(conv *c) {
    enum { MOST_ROUNDS = 32 };
    choose_pieces(c);
    for (int64_t slots = 2; slots > 0; slots--)
        for (int64_t rounds = 1; rounds <= MOST_ROUNDS; rounds++) {
            cut_rows(c, rounds, slots);
            if (fits(c)) return true;
            if (c->block_rows == 1) break;
        }
    return false;
}

/* Whether a plain contraction over all places would already read long runs from HBM, so that this file has
   nothing to gain: the result has one row, or the windows of the convolution do not overlap. */
static bool is_plain_product(const ts_conv_shape *s) {
    enum { SHORTEST_RUN = 8 };
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    if (rows->out == 1 && cols->dilation == 1) return true;
    return rows->dilation == rows->out && cols->dilation == cols->out && cols->out >= SHORTEST_RUN;
}

/* Plans the gradient, with panels small enough to fit. Returns false if there is no such plan. */
static bool plan(conv *c, const ts_conv_shape *s) {
    *c = (conv){.s = s, .b = s->b};
    c->summed = ts_conv_divisor(s->features, TS_CONV_PARTS);
    c->chunks = s->features / c->summed;
    c->cols = reach(&s->axis[1], s->axis[1].taps);
    c->channels = ts_conv_divisor(s->images, TS_CONV_PARTS);
    c->outputs = ts_conv_divisor(s->outputs, TS_CONV_PARTS);
    if (s->axis[0].spread != 1 || s->axis[1].spread != 1) return false;
    while (!cut_to_fit(c)) {
        int64_t *larger = c->channels >= c->outputs ? &c->channels : &c->outputs;
        if (*larger == 1) return false;
        *larger = ts_conv_divisor(larger == &c->channels ? s->images : s->outputs, *larger - 1);
    }
    return c->cols * c->channels <= INT16_MAX && c->rows * s->axis[1].size <= INT16_MAX &&
           c->block_rows * s->axis[1].taps <= INT16_MAX;
}

/* Swaps the axes of a convolution with a single row, because only rows can be cut into blocks. */
static ts_conv_shape upright(const ts_conv_shape *shape) {
    ts_conv_shape s = *shape;
    const ts_conv_axis *rows = &shape->axis[0];
    if (rows->size == 1 && rows->out == 1 && rows->taps == 1 && rows->low == 0) {
        s.axis[0] = shape->axis[1];
        s.axis[1] = shape->axis[0];
    }
    return s;
}

/* ---- loading ---- */

/* A staging tile, with blocks of images as they are loaded: [(block, image), channel, row, place]. */
typedef struct stage {
    ts_tile tile;
    int64_t rows, cols; /* of a block */
} stage;

/* Elements [first, first + count) of an axis lie in a tile from `place` on. */
typedef struct part {
    int64_t first, count, place;
} part;

/* The part of an axis of `extent` elements in a tile that holds `size` of them from `first` on. `first` may
   be negative: padding. */
static part part_of(int64_t first, int64_t size, int64_t extent) {
    part p = {.first = first < 0 ? 0 : first, .place = first < 0 ? -first : 0};
    p.count = at_most(size - p.place, extent - p.first);
    if (p.count < 0) p.count = 0;
    return p;
}

static ts_ap stage_ap(const conv *c, const stage *t, int64_t parts, int64_t channels, int64_t row,
                      int64_t rows) {
    ts_ap ap = ts_build_ap(c->b, t->tile, c->s->dtype, ts_count_const(parts), ts_count_const(1));
    ap.offset.base += row * t->cols * bytes_of(c);
    ap.dims = 0;
    ts_ap_dim(&ap, t->rows * t->cols, ts_count_const(channels));
    ts_ap_dim(&ap, t->cols, ts_count_const(rows));
    ts_ap_dim(&ap, 1, ts_count_const(t->cols));
    return ap;
}

/* Zeroes rows of all blocks, before loads overwrite the rows that a block has. */
static void clear_rows(const conv *c, const stage *t, int64_t channels, int64_t row, int64_t rows) {
    if (rows <= 0) return;
    ts_ap ap = stage_ap(c, t, c->blocks * c->summed, channels, row, rows);
    ts_emit_memset(c->b, ts_engine_gpsimd, &ap, 0);
}

/* Loads one block. `from` is the start of the panel's first image; `steps` are the steps in HBM between
   images, channels, rows and places. */
static void load_block(const conv *c, const stage *t, int64_t block, int64_t channels, part rows,
                       const ts_ap *from, const int64_t *steps) {
    if (rows.count == 0) return;
    ts_ap src = *from, dst = stage_ap(c, t, c->summed, channels, rows.place, rows.count);
    src.offset.base += rows.first * steps[2];
    dst.part.base = block * c->summed;
    ts_ap_dim(&src, steps[0], ts_count_const(c->summed));
    ts_ap_dim(&src, steps[1], ts_count_const(channels));
    ts_ap_dim(&src, steps[2], ts_count_const(rows.count));
    ts_ap_dim(&src, steps[3], ts_count_const(t->cols));
    ts_emit_dma(c->b, ts_engine_sync, ts_lower_load_queue(c->s->lower), &dst, &src);
}

/* tile[row, place, channel] = staged[channel, row, place]. The tile has `cols` places per row, and the staged
   rows begin at `place`. */
static void lay_by_place(const conv *c, ts_engine engine, const stage *t, int64_t channels, ts_tile tile,
                         int64_t cols, int64_t place) {
    ts_ap from = stage_ap(c, t, c->blocks * c->summed, channels, 0, t->rows);
    ts_ap to = ts_build_ap(c->b, tile, c->s->dtype, from.parts, ts_count_const(1));
    to.offset.base += place * channels * bytes_of(c);
    to.dims = 0;
    ts_ap_dim(&to, 1, from.dim[0].count);
    ts_ap_dim(&to, cols * channels, from.dim[1].count);
    ts_ap_dim(&to, channels, from.dim[2].count);
    ts_emit_copy(c->b, engine, &to, &from);
}

/* Zeroes `count` places from `place` on in each row of the input's tile. */
static void clear_cols(const conv *c, ts_tile tile, int64_t place, int64_t count) {
    if (count <= 0) return;
    ts_ap ap = ts_build_ap(c->b, tile, c->s->dtype, ts_count_const(c->blocks * c->summed), ts_count_const(1));
    ap.offset.base += place * c->channels * bytes_of(c);
    ap.dims = 0;
    ts_ap_dim(&ap, c->cols * c->channels, ts_count_const(c->rows));
    ts_ap_dim(&ap, 1, ts_count_const(count * c->channels));
    ts_emit_memset(c->b, ts_engine_gpsimd, &ap, 0);
}

/* The access pattern in HBM of an image and channel, without dimensions. */
static ts_ap begin_load(const conv *c, const ts_view *view, ts_affine image, int64_t image_step,
                        ts_affine channel, int64_t channel_step) {
    ts_ap src = ts_build_hbm(view->tensor, ts_chip_dtype(view->dtype), ts_view_offset(c->b, view));
    src.offset = ts_build_sum(c->b, src.offset, image, image_step);
    src.offset = ts_build_sum(c->b, src.offset, channel, channel_step);
    return src;
}

/* Tiles of one round: the blocks of the input and of the window, [(block, image), (row, place, channel)], and
   their staging tiles. */
typedef struct blocks {
    ts_tile in, in_stage, window, window_stage;
} blocks;

static blocks make_blocks(const conv *c) {
    const ts_conv_axis *cols = &c->s->axis[1];
    int64_t parts = c->blocks * c->summed, elem = bytes_of(c);
    int64_t places = c->rows * part_of(-cols->low, c->cols, cols->size).count * c->channels;
    int64_t window = c->block_rows * cols->taps * c->outputs * elem;
    int slots = c->rounds > 1 ? 1 : (int)c->slots; /* rounds alternate between two sets of tiles instead */
    blocks made = {
        .in = ts_build_tile(c->b, ts_space_sbuf, parts, c->rows * c->cols * c->channels * elem, slots)};
    made.in_stage = places > 0 ? ts_build_tile(c->b, ts_space_sbuf, parts, places * elem, slots) : made.in;
    made.window = ts_build_tile(c->b, ts_space_sbuf, parts, window, slots);
    made.window_stage = ts_build_tile(c->b, ts_space_sbuf, parts, window, slots);
    return made;
}

static void load_input(const conv *c, const blocks *to, int64_t round, ts_affine image, ts_affine channel) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    int64_t step = c->block_rows * rows->dilation, start = round * c->blocks * step - rows->low;
    part places = part_of(-cols->low, c->cols, cols->size);
    stage t = {.tile = to->in_stage, .rows = c->rows, .cols = places.count};
    clear_cols(c, to->in, 0, places.place);
    clear_cols(c, to->in, places.place + places.count, c->cols - places.place - places.count);
    if (places.count == 0) return;
    ts_ap from = begin_load(c, &s->in, image, s->in_feature, channel, s->in_image);
    from.offset.base += places.first * cols->in_step;
    int64_t first = 0, last = c->rows;
    for (int64_t i = 0; i < c->blocks; i++) {
        part p = part_of(start + i * step, c->rows, rows->size);
        if (p.place > first) first = at_most(p.place, c->rows);
        last = at_most(last, p.place + p.count);
    }
    clear_rows(c, &t, c->channels, 0, first);
    if (last < first) last = first;
    clear_rows(c, &t, c->channels, last, c->rows - last);
    const int64_t steps[4] = {s->in_feature, s->in_image, rows->in_step, cols->in_step};
    for (int64_t i = 0; i < c->blocks; i++)
        load_block(c, &t, i, c->channels, part_of(start + i * step, c->rows, rows->size), &from, steps);
    lay_by_place(c, ts_engine_vector, &t, c->channels, to->in, c->cols, places.place);
}

static void load_window(const conv *c, const blocks *to, int64_t round, ts_affine image, ts_affine output) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    stage t = {.tile = to->window_stage, .rows = c->block_rows, .cols = cols->taps};
    ts_ap from = begin_load(c, &s->weights, image, s->weight_feature, output, s->weight_output);
    const int64_t steps[4] = {s->weight_feature, s->weight_output, rows->tap_step, cols->tap_step};
    int64_t start = round * c->blocks * c->block_rows, end = start + c->blocks * c->block_rows;
    part last = part_of(end - c->block_rows, c->block_rows, rows->taps);
    clear_rows(c, &t, c->outputs, last.count, c->block_rows - last.count);
    for (int64_t i = 0; i < c->blocks; i++)
        load_block(c, &t, i, c->outputs, part_of(start + i * c->block_rows, c->block_rows, rows->taps), &from,
                   steps);
    lay_by_place(c, ts_engine_gpsimd, &t, c->outputs, to->window, cols->taps, 0);
}

/* ---- computing ---- */

/* The part of the result that a piece holds: `taps` places of row `row` from `col` on. */
typedef struct piece {
    int64_t row, col, taps;
} piece;

static piece piece_of(const conv *c, int64_t index) {
    const ts_conv_axis *cols = &c->s->axis[1];
    int64_t in_row = ts_ceil_div(cols->out, c->taps);
    piece p = {.row = index / in_row, .col = index % in_row * c->taps};
    p.taps = at_most(c->taps, cols->out - p.col);
    return p;
}

static ts_ap piece_ap(const conv *c, ts_tile tile, int64_t index, int64_t taps) {
    int64_t places = taps * c->channels;
    ts_ap ap = ts_build_ap(c->b, tile, ts_dtype_f32, ts_count_const(c->is_wide ? places : c->outputs),
                           ts_count_const(c->is_wide ? c->outputs : places));
    ap.offset.base += index * c->piece_bytes;
    return ap;
}

/* Adds to PSUM the products of `count` rows of each block from row `first` on, one place of the window after
   the other. Only the first `block_count` blocks have these rows. */
static void multiply_rows(const conv *c, const blocks *from, ts_tile psum, int64_t first, int64_t count,
                          int64_t block_count) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    int64_t elem = bytes_of(c), row_elems = c->cols * c->channels;
    if (count == 0 || block_count == 0) return;
    ts_count parts = ts_count_const(block_count * c->summed);
    uint32_t row = ts_conv_open(c->b, count), col = ts_conv_open(c->b, cols->taps);
    ts_ap outputs = ts_build_ap(c->b, from->window, s->dtype, parts, ts_count_const(c->outputs));
    outputs.offset.base += first * cols->taps * c->outputs * elem;
    outputs.offset = ts_conv_step(c->b, outputs.offset, cols->taps * c->outputs * elem, count, row);
    outputs.offset = ts_conv_step(c->b, outputs.offset, c->outputs * elem, cols->taps, col);
    for (int64_t i = 0; i < c->pieces; i++) {
        piece p = piece_of(c, i);
        ts_ap places = ts_build_ap(c->b, from->in, s->dtype, parts, ts_count_const(1));
        places.dims = 0;
        ts_ap_dim(&places, cols->stride * c->channels, ts_count_const(p.taps));
        ts_ap_dim(&places, 1, ts_count_const(c->channels));
        int64_t at = p.row * rows->stride + first * rows->dilation;
        places.offset.base += (at * row_elems + p.col * cols->stride * c->channels) * elem;
        places.offset = ts_conv_step(c->b, places.offset, rows->dilation * row_elems * elem, count, row);
        places.offset =
            ts_conv_step(c->b, places.offset, cols->dilation * c->channels * elem, cols->taps, col);
        ts_ap dst = piece_ap(c, psum, i, p.taps);
        ts_emit_matmul(c->b, &dst, c->is_wide ? &places : &outputs, c->is_wide ? &outputs : &places,
                       (ts_accum){.mode = ts_accum_always});
    }
    ts_conv_close(c->b, cols->taps);
    ts_conv_close(c->b, count);
}

/* Adds the products of one round. The rows that a short last block has come first. */
static void multiply(const conv *c, const blocks *from, int64_t round, ts_tile psum) {
    int64_t all = c->blocks * c->block_rows, left = at_most(all, c->s->axis[0].taps - round * all);
    int64_t whole = left / c->block_rows, short_rows = left % c->block_rows;
    multiply_rows(c, from, psum, 0, short_rows, whole + 1);
    multiply_rows(c, from, psum, short_rows, c->block_rows - short_rows, whole);
}

static void store_piece(const conv *c, ts_tile out, int64_t index, ts_affine channel, ts_affine output) {
    const ts_conv_shape *s = c->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    ts_dtype dtype = (ts_dtype)s->out.dtype;
    int64_t elem = ts_dtype_get(dtype)->bytes;
    piece p = piece_of(c, index);
    ts_ap src = piece_ap(c, out, 0, p.taps), dst;
    src.dtype = (uint8_t)dtype;
    src.offset.base += index * c->piece_bytes / 4 * elem;
    dst = begin_load(c, &s->out, channel, s->out_image, output, s->out_output);
    dst.offset.base += p.row * rows->out_step + p.col * cols->out_step;
    if (!c->is_wide) ts_ap_dim(&dst, s->out_output, ts_count_const(c->outputs));
    ts_ap_dim(&dst, cols->out_step, ts_count_const(p.taps));
    ts_ap_dim(&dst, s->out_image, ts_count_const(c->channels));
    if (c->is_wide) ts_ap_dim(&dst, s->out_output, ts_count_const(c->outputs));
    ts_emit_dma(c->b, ts_engine_scalar, TS_STORE_QUEUE, &dst, &src);
}

/* Copies the panel's sums from PSUM to SBUF and stores them to HBM. */
static void read_out(const conv *c, ts_tile psum, ts_affine channel, ts_affine output) {
    ts_dtype dtype = (ts_dtype)c->s->out.dtype;
    int64_t parts = c->is_wide ? c->taps * c->channels : c->outputs, pitch = c->piece_bytes / 4;
    ts_tile out =
        ts_build_tile(c->b, ts_space_sbuf, parts, c->pieces * pitch * ts_dtype_get(dtype)->bytes, 2);
    for (int64_t i = 0; i < c->pieces; i++) {
        int64_t taps = piece_of(c, i).taps;
        ts_ap from = piece_ap(c, psum, i, taps), to = piece_ap(c, out, 0, taps);
        to.dtype = (uint8_t)dtype;
        to.offset.base += i * pitch * ts_dtype_get(dtype)->bytes;
        ts_emit_copy(c->b, ts_engine_scalar, &to, &from);
    }
    for (int64_t i = 0; i < c->pieces; i++)
        store_piece(c, out, i, channel, output);
}

/* Computes the panel that begins at these channels of the input and of the window. */
static void run_panel(const conv *c, ts_affine channel, ts_affine output) {
    int64_t parts = c->is_wide ? c->taps * c->channels : c->outputs;
    ts_tile psum = ts_build_tile(c->b, ts_space_psum, parts, c->pieces * c->piece_bytes, 2);
    ts_ap all = ts_build_ap(c->b, psum, ts_dtype_f32, ts_count_const(parts),
                            ts_count_const(c->pieces * c->piece_bytes / 4));
    ts_emit_memset(c->b, ts_engine_vector, &all, 0);
    uint32_t loop = ts_conv_open(c->b, c->chunks);
    ts_affine image = ts_conv_step(c->b, ts_affine_const(0), c->summed, c->chunks, loop);
    blocks turns[2];
    for (int64_t round = 0; round < c->rounds; round++) {
        blocks *turn = &turns[round % c->slots];
        if (round < c->slots) *turn = make_blocks(c);
        load_input(c, turn, round, image, channel);
        load_window(c, turn, round, image, output);
        multiply(c, turn, round, psum);
    }
    ts_conv_close(c->b, c->chunks);
    read_out(c, psum, channel, output);
}

bool ts_conv_weights_fit(const ts_conv_shape *shape) {
    ts_conv_shape s = upright(shape);
    conv c;
    return !is_plain_product(shape) && plan(&c, &s);
}

void ts_conv_weights(const ts_conv_shape *shape) {
    ts_conv_shape s = upright(shape);
    conv c;
    plan(&c, &s);
    int64_t panels = shape->images / c.channels, output_panels = shape->outputs / c.outputs;
    uint32_t loop = ts_conv_open(c.b, panels), output_loop = ts_conv_open(c.b, output_panels);
    run_panel(&c, ts_conv_step(c.b, ts_affine_const(0), c.channels, panels, loop),
              ts_conv_step(c.b, ts_affine_const(0), c.outputs, output_panels, output_loop));
    ts_conv_close(c.b, output_panels);
    ts_conv_close(c.b, panels);
}

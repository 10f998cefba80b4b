/* Cuts a depthwise convolution into units that SBUF can hold, and loads and stores their tiles. */
#include "base/integer.h"
#include "compiler/contract/conv_depthwise.h"
#include "compiler/lower/box.h"

/* ---- geometry ---- */

/* a modulo b, never negative. */
static int64_t modulo(int64_t a, int64_t b) {
    int64_t r = a % b;
    return r < 0 ? r + b : r;
}

ts_depthwise_walk ts_depthwise_walk_of(const ts_conv_axis *a, int64_t tap, int64_t first, int64_t outs) {
    int64_t place = first * a->stride + ts_conv_first(a, tap);
    if (a->spread == 1)
        return (ts_depthwise_walk){.out_step = 1, .in = place, .in_step = a->stride, .count = outs};
    ts_depthwise_walk w = {.out = modulo(-place, a->spread), .out_step = a->spread, .in_step = 1};
    w.in = (place + w.out) / a->spread;
    w.count = w.out < outs ? ts_ceil_div(outs - w.out, a->spread) : 0;
    return w;
}

/* The elements of x that all taps read for `outs` places of y from `first` on. */
static ts_depthwise_span span_of(const ts_conv_axis *a, int64_t first, int64_t outs) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t tap = 0; tap < a->taps; tap++) {
        ts_depthwise_walk w = ts_depthwise_walk_of(a, tap, first, outs);
        if (w.count == 0) continue;
        int64_t last = w.in + (w.count - 1) * w.in_step;
        if (w.in < low) low = w.in;
        if (last > high) high = last;
    }
    if (low > high) low = high = 0; /* all places of y lie between elements of x */
    ts_depthwise_span s = {.first = low, .size = high - low + 1};
    s.place = low < 0 ? -low : 0;
    int64_t end = a->size - low < s.size ? a->size - low : s.size;
    s.count = end - s.place;
    if (s.count <= 0) s.count = s.place = 0;
    return s;
}

/* ---- plan ---- */

int64_t ts_depthwise_groups(const ts_depthwise *d, int64_t chunk) {
    int64_t left = d->s->groups - chunk * d->chunk;
    return left < d->chunk ? left : d->chunk;
}

/* Elements of y in each partition of the largest unit. */
static int64_t columns(const ts_depthwise *d) {
    return d->together * d->batch * d->rows * d->s->axis[1].out;
}

/* Places of x in an image of the largest unit. */
static int64_t x_places(const ts_depthwise *d) {
    return span_of(&d->s->axis[0], 0, d->rows).size * span_of(&d->s->axis[1], 0, d->s->axis[1].out).size;
}

/* Whether SBUF holds the tiles of two units: x as loaded and with zeros around it, y and products in f32, and
   y in its own type if that is narrower. */
static bool fits(const ts_depthwise *d) {
    int64_t bytes = ts_dtype_get((ts_dtype)d->s->out.dtype)->bytes;
    int64_t x = d->together * d->batch * x_places(d) * ts_dtype_get((ts_dtype)d->s->in.dtype)->bytes;
    int64_t y = columns(d) * (4 + 4 + (bytes < 4 ? bytes : 0));
    int64_t weights = 4 * d->chunks * ts_depthwise_weights(d) * 4;
    return 2 * (2 * x + y) + weights <= ts_build_scaled(d->b, TS_CONV_BYTES);
}

/* Shrinks units until they fit. Units also have to be small enough that loads, work and stores overlap, yet
   large enough that the fixed costs of instructions do not matter. Returns false if no unit fits. */
static bool cut(ts_depthwise *d) {
    enum {
        FEWEST = 1024, /* columns of a unit that are not worth cutting just for overlap */
        ENOUGH = 4096, /* columns that make the fixed costs of instructions negligible */
        UNITS = 4      /* units that are enough to overlap */
    };
    int64_t most = columns(d) / UNITS;
    most = most < FEWEST ? FEWEST : most > ENOUGH ? ENOUGH : most;
    for (;;) {
        bool is_large = columns(d) > most, is_fit = fits(d);
        if (is_fit && !is_large) return true;
        if (d->together > 1)
            d->together = ts_ceil_div(d->together, 2);
        else if (d->batch > 1)
            d->batch = ts_conv_divisor(d->batch, d->batch / 2);
        else if (is_fit && columns(d) <= ENOUGH)
            return true;
        else if (d->rows > 1)
            d->rows = ts_ceil_div(d->rows, 2);
        else
            return is_fit;
    }
}

/* The estimated cost of one tap in cycles, with `chunk` groups and `ways` sets of images on the partitions:
   the work of ScalarE or GpSimdE on all places, and the tap's share of the DMA descriptors. */
static double cost_of(const ts_depthwise *d, int64_t chunk, int64_t ways) {
    enum {
        LEAST = 64,    /* cycles of the shortest instruction */
        ISSUE = 64,    /* cycles to issue an instruction */
        DESCRIPTOR = 4 /* cycles at 1.4 GHz: 40 ns on one of 16 DMA engines */
    };
    const ts_conv_shape *s = d->s;
    double places = (double)(s->images / ways * s->axis[0].out * s->axis[1].out);
    double each = (places > LEAST ? places : LEAST) + ISSUE;
    double runs = (double)((d->depth + 1) * s->groups * d->repeat * ways);
    return each * (double)ts_ceil_div(s->groups, chunk) + DESCRIPTOR * runs / (double)ts_depthwise_weights(d);
}

/* Chooses how many groups and sets of images share the partitions. Several sets require equal chunks. */
static void choose_parts(ts_depthwise *d) {
    const ts_conv_shape *s = d->s;
    int64_t most = TS_CONV_PARTS / d->repeat;
    d->chunk = ts_ceil_div(s->groups, ts_ceil_div(s->groups, most));
    d->ways = s->groups <= most ? ts_conv_divisor(s->images, most / d->chunk) : 1;
    for (int64_t chunk = d->chunk - 1; chunk >= 4; chunk--) {
        if (s->groups % chunk) continue;
        int64_t ways = ts_conv_divisor(s->images, most / chunk);
        if (cost_of(d, chunk, ways) >= cost_of(d, d->chunk, d->ways)) continue;
        d->chunk = chunk;
        d->ways = ways;
    }
    d->chunks = ts_ceil_div(s->groups, d->chunk);
}

bool ts_depthwise_plan(ts_depthwise *d, const ts_conv_shape *s) {
    enum {
        MOST_WEIGHTS = 512, /* weights of a channel y */
        MOST_UNITS = 64,    /* units for a batch of images: keeps the emitted code short */
        FEW_UNITS = 16      /* below this, a trip of the loop has several batches */
    };
    *d =
        (ts_depthwise){.s = s, .b = s->b, .depth = s->features / s->groups, .repeat = s->outputs / s->groups};
    if (d->repeat > TS_CONV_PARTS || ts_depthwise_weights(d) > MOST_WEIGHTS || s->axis[0].size == 0 ||
        s->axis[1].size == 0)
        return false;
    choose_parts(d);
    d->together = d->chunks;
    d->batch = s->images / d->ways;
    d->rows = s->axis[0].out;
    if (!cut(d)) return false;
    int64_t units = ts_ceil_div(d->chunks, d->together) * ts_ceil_div(s->axis[0].out, d->rows);
    int64_t batches = s->images / d->ways / d->batch;
    d->turns = ts_conv_divisor(batches, units < FEW_UNITS ? FEW_UNITS / units : 1);
    d->trips = batches / d->turns;
    int64_t row = span_of(&s->axis[1], 0, s->axis[1].out).size * s->axis[0].stride;
    /* Access patterns have 16-bit steps. */
    bool is_short = x_places(d) <= INT16_MAX && row <= INT16_MAX &&
                    d->rows * s->axis[1].out * s->axis[0].spread <= INT16_MAX;
    return is_short && units <= MOST_UNITS;
}

/* ---- units ---- */

ts_depthwise_walker ts_depthwise_begin(const ts_depthwise *d) {
    return (ts_depthwise_walker){.d = d, .loop = ts_conv_open(d->b, d->trips)};
}

bool ts_depthwise_next(ts_depthwise_walker *walker, ts_depthwise_unit *unit) {
    const ts_depthwise *d = walker->d;
    const ts_conv_axis *rows = &d->s->axis[0], *cols = &d->s->axis[1];
    if (walker->chunk >= d->chunks) return false;
    ts_depthwise_unit u = {
        .chunk = walker->chunk, .row = walker->row, .input = walker->input, .number = walker->number++};
    u.groups = ts_depthwise_groups(d, u.chunk);
    while (u.chunks < d->together && u.chunk + u.chunks < d->chunks &&
           ts_depthwise_groups(d, u.chunk + u.chunks) == u.groups)
        u.chunks++;
    u.parts = d->ways * u.groups * d->repeat;
    u.rows = rows->out - u.row < d->rows ? rows->out - u.row : d->rows;
    u.image = ts_affine_const(walker->turn * d->batch);
    u.image = ts_conv_step(d->b, u.image, d->turns * d->batch, d->trips, walker->loop);
    u.span[0] = span_of(rows, u.row, u.rows);
    u.span[1] = span_of(cols, 0, cols->out);
    if (++walker->input == d->depth) {
        walker->input = 0;
        walker->row += u.rows;
    }
    if (walker->row >= rows->out) {
        walker->row = 0;
        walker->turn++;
    }
    if (walker->turn == d->turns) {
        walker->turn = 0;
        walker->chunk += u.chunks;
    }
    *unit = u;
    return true;
}

void ts_depthwise_end(const ts_depthwise_walker *walker) {
    ts_conv_close(walker->d->b, walker->d->trips);
}

/* ---- tiles ---- */

/* Rows and places of an image in a tile. An image has `size` elements; the part begins at element `first`. */
typedef struct part {
    int64_t size, first;
    int64_t row_step, rows, col_step, cols;
} part;

/* The access pattern of this part of all images in `chunks` chunks from the unit's chunk `first` on. */
static ts_ap part_ap(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, ts_dtype dtype, part p,
                     int64_t first, int64_t chunks) {
    ts_ap ap = ts_build_ap(d->b, tile, dtype, ts_count_const(u->parts), ts_count_const(1));
    ap.offset.base += (first * d->batch * p.size + p.first) * ts_dtype_get(dtype)->bytes;
    ap.dims = 0;
    ts_ap_dim(&ap, p.size, ts_count_const(chunks * d->batch));
    ts_ap_dim(&ap, p.row_step, ts_count_const(p.rows));
    ts_ap_dim(&ap, p.col_step, ts_count_const(p.cols));
    return ap;
}

/* Zeroes these rows and places of all images in a tile of x. */
static void clear(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, int64_t row, int64_t rows,
                  int64_t col, int64_t cols) {
    int64_t width = u->span[1].size;
    if (rows <= 0 || cols <= 0) return;
    part p = {.size = u->span[0].size * width,
              .first = row * width + col,
              .row_step = width,
              .rows = rows,
              .col_step = 1,
              .cols = cols};
    ts_ap ap = part_ap(d, u, tile, (ts_dtype)d->s->in.dtype, p, 0, u->chunks);
    ts_emit_memset(d->b, ts_engine_gpsimd, &ap, 0);
}

static void clear_edges(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile) {
    const ts_depthwise_span *rows = &u->span[0], *cols = &u->span[1];
    int64_t below = rows->place + rows->count, right = cols->place + cols->count;
    clear(d, u, tile, 0, rows->place, 0, cols->size);
    clear(d, u, tile, below, rows->size - below, 0, cols->size);
    clear(d, u, tile, rows->place, rows->count, 0, cols->place);
    clear(d, u, tile, rows->place, rows->count, right, cols->size - right);
}

/* A box between HBM and a tile whose outermost dimension on the partitions is the set of images. */
static ts_box begin_box(const ts_depthwise *d, const ts_depthwise_unit *u, const ts_view *view, ts_tile tile,
                        ts_dtype dtype, int64_t image_step) {
    ts_box box = {.tensor = view->tensor,
                  .hbm_dtype = ts_chip_dtype(view->dtype),
                  .hbm_offset = ts_view_offset(d->b, view),
                  .tile = tile,
                  .tile_dtype = dtype,
                  .parts = ts_count_const(u->parts)};
    box.hbm_offset = ts_build_sum(d->b, box.hbm_offset, u->image, image_step);
    ts_box_part(&box, d->batch * d->turns * d->trips * image_step, ts_count_const(d->ways));
    return box;
}

/* Loads the unit's elements of x into a tile with `width` elements per row and `size` per image, from element
   `place` of each image on. */
static void load_x(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, int64_t place,
                   int64_t width, int64_t size) {
    const ts_conv_shape *s = d->s;
    const ts_depthwise_span *rows = &u->span[0], *cols = &u->span[1];
    ts_dtype dtype = (ts_dtype)s->in.dtype;
    ts_box box = begin_box(d, u, &s->in, tile, dtype, s->in_image);
    box.hbm_offset.base += (u->chunk * d->chunk * d->depth + u->input) * s->in_feature +
                           (rows->first + rows->place) * s->axis[0].in_step +
                           (cols->first + cols->place) * s->axis[1].in_step;
    box.tile_offset.base = place * ts_dtype_get(dtype)->bytes;
    ts_box_part(&box, d->depth * s->in_feature, ts_count_const(u->groups));
    ts_box_part(&box, 0, ts_count_const(d->repeat));
    ts_box_free(&box, d->chunk * d->depth * s->in_feature, d->batch * size, ts_count_const(u->chunks));
    ts_box_free(&box, s->in_image, size, ts_count_const(d->batch));
    ts_box_free(&box, s->axis[0].in_step, width, ts_count_const(rows->count));
    ts_box_free(&box, s->axis[1].in_step, 1, ts_count_const(cols->count));
    ts_emit_load(d->b, ts_engine_sync, ts_lower_load_queue(s->lower), &box);
}

/* If rows need zeros at their ends, x is loaded as long runs into a staging tile and copied between the
 * zeros. */
ts_tile ts_depthwise_load_x(const ts_depthwise *d, const ts_depthwise_unit *u) {
    const ts_depthwise_span *rows = &u->span[0], *cols = &u->span[1];
    ts_dtype dtype = (ts_dtype)d->s->in.dtype;
    int64_t bytes = u->chunks * d->batch * ts_dtype_get(dtype)->bytes, size = rows->size * cols->size;
    ts_tile tile = ts_build_tile(d->b, ts_space_sbuf, u->parts, bytes * size, 1);
    clear_edges(d, u, tile);
    if (rows->count == 0 || cols->count == 0) return tile;
    if (cols->count == cols->size) {
        load_x(d, u, tile, rows->place * cols->size, cols->size, size);
        return tile;
    }
    int64_t held = rows->count * cols->count;
    ts_tile stage = ts_build_tile(d->b, ts_space_sbuf, u->parts, bytes * held, 1);
    load_x(d, u, stage, 0, cols->count, held);
    part p = {.size = held, .row_step = cols->count, .rows = rows->count, .col_step = 1, .cols = cols->count};
    ts_ap from = part_ap(d, u, stage, dtype, p, 0, u->chunks);
    p.size = size;
    p.first = rows->place * cols->size + cols->place;
    p.row_step = cols->size;
    ts_ap to = part_ap(d, u, tile, dtype, p, 0, u->chunks);
    ts_emit_copy(d->b, ts_engine_gpsimd, &to, &from);
    return tile;
}

ts_tile ts_depthwise_make_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_dtype dtype) {
    int64_t elems = u->chunks * d->batch * u->rows * d->s->axis[1].out;
    return ts_build_tile(d->b, ts_space_sbuf, u->parts, elems * ts_dtype_get(dtype)->bytes, 1);
}

void ts_depthwise_make_products(const ts_depthwise *d, ts_depthwise_unit *u) {
    for (int i = 0; i < 2; i++)
        u->product[i] = ts_depthwise_make_y(d, u, ts_dtype_f32);
}

void ts_depthwise_move_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, ts_dtype dtype,
                         bool is_store) {
    const ts_conv_shape *s = d->s;
    const ts_conv_axis *rows = &s->axis[0], *cols = &s->axis[1];
    int64_t size = u->rows * cols->out, step = s->out_output;
    ts_box box = begin_box(d, u, &s->out, tile, dtype, s->out_image);
    box.hbm_offset.base += u->chunk * d->chunk * d->repeat * step + u->row * rows->out_step;
    ts_box_part(&box, step, ts_count_const(u->groups * d->repeat));
    ts_box_free(&box, d->chunk * d->repeat * step, d->batch * size, ts_count_const(u->chunks));
    ts_box_free(&box, s->out_image, size, ts_count_const(d->batch));
    ts_box_free(&box, rows->out_step, cols->out, ts_count_const(u->rows));
    ts_box_free(&box, cols->out_step, 1, ts_count_const(cols->out));
    if (is_store) /* TensorE is idle here, so waiting for y delays nothing */
        ts_emit_store(d->b, ts_engine_tensor, TS_STORE_QUEUE + u->number % TS_STORE_QUEUES, &box);
    else
        ts_emit_load(d->b, ts_engine_sync, ts_lower_load_queue(s->lower), &box);
}

ts_ap ts_depthwise_x(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile,
                     const ts_depthwise_walk walk[2], int64_t first, int64_t chunks) {
    int64_t width = u->span[1].size;
    part p = {.size = u->span[0].size * width,
              .first = (walk[0].in - u->span[0].first) * width + walk[1].in - u->span[1].first,
              .row_step = walk[0].in_step * width,
              .rows = walk[0].count,
              .col_step = walk[1].in_step,
              .cols = walk[1].count};
    return part_ap(d, u, tile, (ts_dtype)d->s->in.dtype, p, first, chunks);
}

ts_ap ts_depthwise_y(const ts_depthwise *d, const ts_depthwise_unit *u, ts_tile tile, ts_dtype dtype,
                     const ts_depthwise_walk walk[2], int64_t first, int64_t chunks) {
    int64_t width = d->s->axis[1].out;
    part p = {.size = u->rows * width,
              .first = walk[0].out * width + walk[1].out,
              .row_step = walk[0].out_step * width,
              .rows = walk[0].count,
              .col_step = walk[1].out_step,
              .cols = walk[1].count};
    return part_ap(d, u, tile, dtype, p, first, chunks);
}

/* ---- weights ---- */

/* Moves the weights of `chunks` equal chunks from chunk `chunk` on. */
static void move_chunks(const ts_depthwise *d, int64_t chunk, int64_t chunks, ts_tile tile, bool is_store) {
    const ts_conv_shape *s = d->s;
    int64_t ways = is_store ? 1 : d->ways, outputs = ts_depthwise_groups(d, chunk) * d->repeat;
    int64_t step = d->chunk * d->repeat * s->weight_output, taps = ts_depthwise_taps(d);
    ts_box box = {.tensor = s->weights.tensor,
                  .hbm_dtype = ts_chip_dtype(s->weights.dtype),
                  .hbm_offset = ts_view_offset(d->b, &s->weights),
                  .tile = tile,
                  .tile_dtype = ts_dtype_f32,
                  .parts = ts_count_const(ways * outputs)};
    box.hbm_offset.base += chunk * step;
    box.tile_offset.base = chunk * ts_depthwise_weights(d) * 4;
    ts_box_part(&box, 0, ts_count_const(ways));
    ts_box_part(&box, s->weight_output, ts_count_const(outputs));
    ts_box_free(&box, step, ts_depthwise_weights(d), ts_count_const(chunks));
    ts_box_free(&box, s->weight_feature, taps, ts_count_const(d->depth));
    for (int i = 0; i < 2; i++) {
        const ts_conv_axis *a = &s->axis[i];
        if (a->tap_step < 0) box.hbm_offset.base += (a->taps - 1) * a->tap_step;
        ts_box_free(&box, a->tap_step < 0 ? -a->tap_step : a->tap_step, i == 0 ? s->axis[1].taps : 1,
                    ts_count_const(a->taps));
    }
    if (is_store)
        ts_emit_store(d->b, ts_engine_tensor, TS_STORE_QUEUE, &box);
    else
        ts_emit_load(d->b, ts_engine_sync, ts_lower_load_queue(s->lower), &box);
}

/* The tile has the order of HBM also for reversed windows; ts_depthwise_weight takes care of those. */
void ts_depthwise_move_w(const ts_depthwise *d, ts_tile tile, bool is_store) {
    bool is_ragged = ts_depthwise_groups(d, d->chunks - 1) < d->chunk;
    if (d->chunks > is_ragged) move_chunks(d, 0, d->chunks - is_ragged, tile, is_store);
    if (is_ragged) move_chunks(d, d->chunks - 1, 1, tile, is_store);
}

int64_t ts_depthwise_weight(const ts_depthwise *d, int64_t input, int64_t row, int64_t col) {
    const ts_conv_axis *rows = &d->s->axis[0], *cols = &d->s->axis[1];
    if (rows->tap_step < 0) row = rows->taps - 1 - row;
    if (cols->tap_step < 0) col = cols->taps - 1 - col;
    return (input * rows->taps + row) * cols->taps + col;
}

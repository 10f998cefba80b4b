/* The gradient of a depthwise convolution's weights. For each tap, GpSimdE multiplies the elements of x that
   the tap reads by the gradient of the result, and ScalarE sums the products along each partition. The two
   engines work on different taps at the same time. */
#include "compiler/contract/conv_depthwise.h"

typedef struct conv {
    ts_depthwise d;
    ts_builder *b;
    ts_tile sums; /* [(set of images, channel y), (chunk, channel x, tap)] */
    ts_tile y;    /* of the unit that was begun last */
    bool is_once; /* a single unit, in a single trip, has all terms of a weight's sum */
} conv;

/* Partitions of the largest unit. */
static int64_t most_parts(const ts_depthwise *d) {
    return d->ways * d->chunk * d->repeat;
}

/* `count` f32 elements of each of the first `parts` partitions, from element `first` on. */
static ts_ap sums_ap(const conv *c, ts_tile tile, int64_t parts, int64_t first, int64_t count) {
    ts_ap ap = ts_build_ap(c->b, tile, ts_dtype_f32, ts_count_const(parts), ts_count_const(count));
    ap.offset.base += first * 4;
    return ap;
}

/* Sets sums[chunk, tap] to the sum of the tap's products, for each chunk of the unit. The sums begin at
   element `first` of their tile. */
static void sum_tap(const conv *c, const ts_depthwise_unit *u, ts_tile x, ts_tile y, int64_t row, int64_t col,
                    ts_tile sums, int64_t first) {
    const ts_depthwise *d = &c->d;
    const ts_conv_axis *rows = &d->s->axis[0], *cols = &d->s->axis[1];
    ts_depthwise_walk walk[2] = {ts_depthwise_walk_of(rows, row, u->row, u->rows),
                                 ts_depthwise_walk_of(cols, col, 0, cols->out)};
    int64_t elems = d->batch * u->rows * cols->out;
    int64_t taps = c->is_once ? ts_depthwise_weights(d) : ts_depthwise_taps(d);
    ts_tile product = u->product[(row * cols->taps + col) % 2];
    ts_ap seen = ts_depthwise_x(d, u, x, walk, 0, u->chunks);
    ts_ap given =
        ts_build_ap(c->b, y, (ts_dtype)d->s->out.dtype, seen.parts, ts_count_const(u->chunks * elems));
    ts_ap all = ts_build_ap(c->b, product, ts_dtype_f32, seen.parts, ts_count_const(u->chunks * elems));
    ts_emit_tensor_tensor(c->b, ts_engine_gpsimd, &all, &seen, &given, ts_alu_multiply);
    for (int64_t i = 0; i < u->chunks; i++) {
        ts_ap own = ts_build_ap(c->b, product, ts_dtype_f32, seen.parts, ts_count_const(elems));
        own.offset.base += i * elems * 4;
        ts_inst_activation *sum = ts_emit_activation(c->b, &own, ts_act_copy, &own, 1);
        sum->reduce =
            sums_ap(c, sums, u->parts,
                    first + i * taps + ts_depthwise_weight(d, c->is_once ? u->input : 0, row, col), 1);
        sum->reduce_cmd = ts_cmd_reset_reduce;
    }
}

/* A unit and its operands in SBUF. */
typedef struct work {
    ts_depthwise_unit unit;
    ts_tile x, y;
} work;

/* Loads the unit's operands. The units of one y share its tile. */
static void begin_unit(conv *c, work *w) {
    const ts_depthwise *d = &c->d;
    ts_dtype dtype = (ts_dtype)d->s->out.dtype;
    w->x = ts_depthwise_load_x(d, &w->unit);
    if (w->unit.input == 0) {
        c->y = ts_depthwise_make_y(d, &w->unit, dtype);
        ts_depthwise_move_y(d, &w->unit, c->y, dtype, false);
    }
    w->y = c->y;
    ts_depthwise_make_products(d, &w->unit);
}

/* Adds the unit's products to the sums. The operands of the next unit are loaded halfway through. */
static void run_unit(conv *c, const work *w, work *next) {
    const ts_depthwise *d = &c->d;
    const ts_depthwise_unit *u = &w->unit;
    int64_t cols = d->s->axis[1].taps, taps = ts_depthwise_taps(d), all = ts_depthwise_weights(d);
    ts_tile sums = c->sums;
    if (!c->is_once) sums = ts_build_tile(c->b, ts_space_sbuf, u->parts, u->chunks * taps * 4, 1);
    for (int64_t tap = 0; tap < taps; tap++) {
        if (tap == taps / 2 && next) begin_unit(c, next);
        sum_tap(c, u, w->x, w->y, tap / cols, tap % cols, sums, c->is_once ? u->chunk * all : 0);
    }
    if (c->is_once) return;
    ts_ap own = sums_ap(c, c->sums, u->parts, u->chunk * all + u->input * taps, 1);
    ts_ap more = sums_ap(c, sums, u->parts, 0, 1);
    own.dims = more.dims = 0;
    ts_ap_dim(&own, all, ts_count_const(u->chunks));
    ts_ap_dim(&own, 1, ts_count_const(taps));
    ts_ap_dim(&more, taps, ts_count_const(u->chunks));
    ts_ap_dim(&more, 1, ts_count_const(taps));
    ts_emit_tensor_tensor(c->b, ts_engine_vector, &own, &own, &more, ts_alu_add);
}

/* Adds up the sums of all sets of images, after moving them from their partitions to those of the first set.
   Returns the tile of the totals. */
static ts_tile sum_ways(const conv *c) {
    const ts_depthwise *d = &c->d;
    int64_t parts = d->chunk * d->repeat, all = d->chunks * ts_depthwise_weights(d);
    if (d->ways == 1) return c->sums;
    ts_tile beside = ts_build_tile(c->b, ts_space_sbuf, parts, d->ways * all * 4, 1);
    for (int64_t way = 0; way < d->ways; way++) {
        ts_ap from = sums_ap(c, c->sums, parts, 0, all), to = sums_ap(c, beside, parts, way * all, all);
        from.part.base += way * parts;
        ts_emit_dma(c->b, ts_engine_sync, ts_lower_load_queue(d->s->lower), &to, &from);
    }
    ts_tile total = ts_build_tile(c->b, ts_space_sbuf, parts, all * 4, 1);
    ts_ap to = sums_ap(c, total, parts, 0, all), from = sums_ap(c, beside, parts, 0, 1);
    from.dims = 0;
    ts_ap_dim(&from, 1, ts_count_const(all));
    ts_ap_dim(&from, all, ts_count_const(d->ways));
    ts_emit_reduce(c->b, &to, &from, ts_alu_add, 1);
    return total;
}

/* The shape of the forward convolution: `in` is its input, `out` the gradient of its result, and `weights`
   the gradient to compute. */
static ts_conv_shape turned(const ts_conv_shape *shape) {
    ts_conv_shape s = *shape;
    s.weights = shape->out;
    s.out = shape->weights;
    s.features = shape->images;
    s.images = shape->features;
    s.in_feature = shape->in_image;
    s.in_image = shape->in_feature;
    s.weight_output = shape->out_output;
    s.weight_feature = shape->out_image;
    s.out_output = shape->weight_output;
    s.out_image = shape->weight_feature;
    for (int i = 0; i < 2; i++) {
        const ts_conv_axis *from = &shape->axis[i];
        ts_conv_axis *a = &s.axis[i];
        a->out = from->taps;
        a->taps = from->out;
        a->out_step = from->tap_step;
        a->tap_step = from->out_step;
        a->stride = from->dilation;
        a->dilation = from->stride;
    }
    return s;
}

bool ts_conv_depthwise_weights_fit(const ts_conv_shape *shape) {
    ts_conv_shape s = turned(shape);
    ts_depthwise d;
    return ts_depthwise_plan(&d, &s);
}

void ts_conv_depthwise_weights(const ts_conv_shape *shape) {
    ts_conv_shape s = turned(shape);
    conv c = {.b = shape->b};
    work works[2];
    ts_depthwise_plan(&c.d, &s);
    int64_t taps = ts_depthwise_weights(&c.d);
    c.is_once = c.d.trips * c.d.turns == 1 && c.d.rows == s.axis[0].out;
    c.sums = ts_build_tile(c.b, ts_space_sbuf, most_parts(&c.d), c.d.chunks * taps * 4, 1);
    if (!c.is_once || ts_depthwise_groups(&c.d, c.d.chunks - 1) < c.d.chunk) {
        ts_ap all = sums_ap(&c, c.sums, most_parts(&c.d), 0, c.d.chunks * taps);
        ts_emit_memset(c.b, ts_engine_vector, &all, 0);
    }
    ts_depthwise_walker walker = ts_depthwise_begin(&c.d);
    bool is_more = ts_depthwise_next(&walker, &works[0].unit);
    begin_unit(&c, &works[0]);
    for (int at = 0; is_more; at ^= 1) {
        is_more = ts_depthwise_next(&walker, &works[at ^ 1].unit);
        run_unit(&c, &works[at], is_more ? &works[at ^ 1] : NULL);
    }
    ts_depthwise_end(&walker);
    ts_depthwise_move_w(&c.d, sum_ways(&c), true);
}

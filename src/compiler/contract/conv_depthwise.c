/* A depthwise convolution. For each tap, ScalarE multiplies the elements of x that the tap reads by each
   channel's weight, and GpSimdE adds the products to y. The two engines work on different taps at the same
   time. */
#include "compiler/contract/conv_depthwise.h"

#include "base/integer.h"

typedef struct conv {
    ts_depthwise d;
    ts_builder *b;
    ts_tile weights; /* [channel, (chunk, tap)] */
    ts_tile y;       /* f32 sums of the current unit */
    ts_tile between; /* [channel, (class, chunk)]: initial values of y (sum_between); 0 = x is not spread */
} conv;

/* Whether the input is dilated. */
static bool is_spread(const ts_conv_shape *s) {
    return s->axis[0].spread > 1 || s->axis[1].spread > 1;
}

/* Partitions of the largest unit. */
static int64_t most_parts(const ts_depthwise *d) {
    return d->ways * d->chunk * d->repeat;
}

/* `count` elements of a tile [channel, (chunk, tap)] from element `offset` on, in the partitions of the
   largest unit: a smaller last chunk is treated like the others. */
static ts_ap taps_ap(const conv *c, ts_tile tile, int64_t offset, int64_t count) {
    ts_ap ap =
        ts_build_ap(c->b, tile, ts_dtype_f32, ts_count_const(most_parts(&c->d)), ts_count_const(count));
    ap.offset.base += offset * 4;
    return ap;
}

/* The channels that a smaller last chunk lacks get zeros, so that they may be computed with. */
static void load_weights(conv *c) {
    const ts_depthwise *d = &c->d;
    int64_t taps = ts_depthwise_weights(d);
    c->weights = ts_build_tile(c->b, ts_space_sbuf, most_parts(d), d->chunks * taps * 4, 1);
    if (ts_depthwise_groups(d, d->chunks - 1) < d->chunk) {
        ts_ap last = taps_ap(c, c->weights, (d->chunks - 1) * taps, taps);
        ts_emit_memset(c->b, ts_engine_gpsimd, &last, 0);
    }
    ts_depthwise_move_w(d, c->weights, false);
}

/* ---- dilated inputs ---- */

/* Along an axis, places of y fall into classes modulo the spread. These are the taps with which the places of
   a class read elements of x; with the others they read the zeros between elements. */
typedef struct tap_set {
    int64_t first, step, count;
} tap_set;

static tap_set taps_of(const ts_conv_axis *a, int64_t class) {
    tap_set t = {.step = 1};
    for (int64_t tap = 0; tap < a->taps; tap++) {
        if ((class + ts_conv_first(a, tap)) % a->spread) continue;
        if (t.count == 0) t.first = tap;
        if (t.count == 1) t.step = tap - t.first;
        t.count++;
    }
    return t;
}

/* The weights of a class's taps: [(chunk, channel x), row, place]. */
static ts_ap class_ap(const conv *c, ts_tile tile, tap_set rows, tap_set cols) {
    const ts_depthwise *d = &c->d;
    const ts_conv_axis *r = &d->s->axis[0], *p = &d->s->axis[1];
    int64_t row = r->tap_step < 0 ? r->taps - 1 - (rows.first + (rows.count - 1) * rows.step) : rows.first;
    int64_t col = p->tap_step < 0 ? p->taps - 1 - (cols.first + (cols.count - 1) * cols.step) : cols.first;
    ts_ap ap = taps_ap(c, tile, row * p->taps + col, 1);
    ap.dims = 0;
    ts_ap_dim(&ap, ts_depthwise_taps(d), ts_count_const(d->chunks * d->depth));
    ts_ap_dim(&ap, rows.step * p->taps, ts_count_const(rows.count));
    ts_ap_dim(&ap, cols.step, ts_count_const(cols.count));
    return ap;
}

/* Fills `between` with the sum of 0 * weight over the taps with which a class reads zeros. The sum is 0
   unless such a weight is infinite or NaN; then the result must be NaN. */
static void sum_between(conv *c) {
    const ts_depthwise *d = &c->d;
    const ts_conv_axis *rows = &d->s->axis[0], *cols = &d->s->axis[1];
    int64_t taps = ts_depthwise_weights(d), all = d->chunks * taps;
    ts_tile zeros = ts_build_tile(c->b, ts_space_sbuf, most_parts(d), all * 4, 1);
    ts_ap from = taps_ap(c, c->weights, 0, all), to = taps_ap(c, zeros, 0, all);
    ts_emit_tensor_scalar(c->b, ts_engine_vector, &to, &from, ts_alu_multiply, ts_scalar_const(0), false);
    c->between =
        ts_build_tile(c->b, ts_space_sbuf, most_parts(d), rows->spread * cols->spread * d->chunks * 4, 1);
    for (int64_t i = 0; i < rows->spread * cols->spread; i++) {
        tap_set r = taps_of(rows, i / cols->spread), p = taps_of(cols, i % cols->spread);
        ts_tile others = ts_build_tile(c->b, ts_space_sbuf, most_parts(d), all * 4, 1);
        ts_ap copy = taps_ap(c, others, 0, all);
        ts_emit_copy(c->b, ts_engine_vector, &copy, &to);
        if (r.count > 0 && p.count > 0) {
            ts_ap own = class_ap(c, others, r, p);
            ts_emit_memset(c->b, ts_engine_vector, &own, 0);
        }
        copy.dims = 0;
        ts_ap_dim(&copy, taps, ts_count_const(d->chunks));
        ts_ap_dim(&copy, 1, ts_count_const(taps));
        ts_ap sum = taps_ap(c, c->between, i * d->chunks, d->chunks);
        ts_emit_reduce(c->b, &sum, &copy, ts_alu_add, 1);
    }
}

/* The places of y of a class, among `outs` from `first` on. */
static ts_depthwise_walk class_walk(const ts_conv_axis *a, int64_t class, int64_t first, int64_t outs) {
    ts_depthwise_walk w = {.out = (class - first % a->spread + a->spread) % a->spread, .out_step = a->spread};
    w.count = w.out < outs ? ts_ceil_div(outs - w.out, a->spread) : 0;
    return w;
}

/* Initializes the unit's y with `between`. */
static void begin_between(const conv *c, const ts_depthwise_unit *u, ts_tile y) {
    const ts_depthwise *d = &c->d;
    const ts_conv_axis *rows = &d->s->axis[0], *cols = &d->s->axis[1];
    for (int64_t i = 0; i < rows->spread * cols->spread; i++) {
        ts_depthwise_walk walk[2] = {class_walk(rows, i / cols->spread, u->row, u->rows),
                                     class_walk(cols, i % cols->spread, 0, cols->out)};
        if (walk[0].count == 0 || walk[1].count == 0) continue;
        for (int64_t chunk = 0; chunk < u->chunks; chunk++) {
            ts_ap to = ts_depthwise_y(d, u, y, ts_dtype_f32, walk, chunk, 1);
            ts_ap from = ts_build_ap(c->b, c->between, ts_dtype_f32, to.parts, ts_count_const(1));
            from.offset.base += (i * d->chunks + u->chunk + chunk) * 4;
            from.dims = to.dims;
            for (int j = 0; j < to.dims; j++)
                from.dim[j] = (ts_dim){.step = 0, .count = to.dim[j].count};
            ts_emit_copy(c->b, ts_engine_gpsimd, &to, &from);
        }
    }
}

/* ---- computing ---- */

/* product = elements of x that the tap reads * its weights, stored densely. If every place of y reads an
   element with the tap, `product` may be y itself. */
static void multiply(const conv *c, const ts_depthwise_unit *u, ts_tile x, int64_t weight,
                     const ts_depthwise_walk walk[2], ts_tile product) {
    const ts_depthwise *d = &c->d;
    int64_t elems = d->batch * walk[0].count * walk[1].count;
    for (int64_t i = 0; i < u->chunks; i++) {
        ts_ap from = ts_depthwise_x(d, u, x, walk, i, 1);
        ts_ap to = ts_build_ap(c->b, product, ts_dtype_f32, from.parts, ts_count_const(elems));
        ts_ap scale = ts_build_ap(c->b, c->weights, ts_dtype_f32, from.parts, ts_count_const(1));
        to.offset.base += i * elems * 4;
        scale.offset.base += ((u->chunk + i) * ts_depthwise_weights(d) + weight) * 4;
        ts_emit_activation(c->b, &to, ts_act_copy, &from, 1)->scale = ts_scalar_ap(&scale);
    }
}

/* Adds the products of one tap to y; the first tap of a y initializes it. */
static void add_tap(const conv *c, const ts_depthwise_unit *u, ts_tile x, int64_t row, int64_t col,
                    ts_tile y) {
    const ts_depthwise *d = &c->d;
    const ts_conv_axis *rows = &d->s->axis[0], *cols = &d->s->axis[1];
    ts_depthwise_walk walk[2] = {ts_depthwise_walk_of(rows, row, u->row, u->rows),
                                 ts_depthwise_walk_of(cols, col, 0, cols->out)};
    int64_t weight = ts_depthwise_weight(d, u->input, row, col), elems = walk[0].count * walk[1].count;
    if (elems == 0) return;
    if (c->between == 0 && u->input == 0 && row == 0 && col == 0) {
        multiply(c, u, x, weight, walk, y);
        return;
    }
    ts_tile product = u->product[(row * cols->taps + col) % 2];
    multiply(c, u, x, weight, walk, product);
    ts_ap sum = ts_depthwise_y(d, u, y, ts_dtype_f32, walk, 0, u->chunks);
    ts_ap more =
        ts_build_ap(c->b, product, ts_dtype_f32, sum.parts, ts_count_const(u->chunks * d->batch * elems));
    ts_emit_tensor_tensor(c->b, ts_engine_gpsimd, &sum, &sum, &more, ts_alu_add);
}

static void begin_unit(const conv *c, ts_depthwise_unit *u, ts_tile *x) {
    *x = ts_depthwise_load_x(&c->d, u);
    ts_depthwise_make_products(&c->d, u);
}

static void store(const conv *c, const ts_depthwise_unit *u) {
    const ts_depthwise *d = &c->d;
    ts_dtype dtype = (ts_dtype)d->s->out.dtype;
    ts_tile result = c->y;
    if (dtype != ts_dtype_f32) {
        result = ts_depthwise_make_y(d, u, dtype);
        ts_count elems = ts_count_const(u->chunks * d->batch * u->rows * d->s->axis[1].out);
        ts_ap from = ts_build_ap(c->b, c->y, ts_dtype_f32, ts_count_const(u->parts), elems);
        ts_ap to = ts_build_ap(c->b, result, dtype, from.parts, elems);
        ts_emit_copy(c->b, ts_engine_gpsimd, &to, &from);
    }
    ts_depthwise_move_y(d, u, result, dtype, true);
}

/* Computes the unit. The x of the next unit is loaded halfway through, so that ScalarE can continue with it.
 */
static void run_unit(conv *c, const ts_depthwise_unit *u, ts_tile x, ts_depthwise_unit *next,
                     ts_tile *next_x) {
    const ts_depthwise *d = &c->d;
    int64_t cols = d->s->axis[1].taps, taps = ts_depthwise_taps(d);
    if (u->input == 0) c->y = ts_depthwise_make_y(d, u, ts_dtype_f32);
    if (u->input == 0 && c->between) begin_between(c, u, c->y);
    for (int64_t tap = 0; tap < taps; tap++) {
        if (tap == taps / 2 && next) begin_unit(c, next, next_x);
        add_tap(c, u, x, tap / cols, tap % cols, c->y);
    }
    if (u->input == d->depth - 1) store(c, u);
}

bool ts_conv_depthwise_fit(const ts_conv_shape *shape) {
    ts_depthwise d;
    return ts_depthwise_plan(&d, shape);
}

void ts_conv_depthwise(const ts_conv_shape *shape) {
    conv c = {.b = shape->b};
    ts_depthwise_unit units[2];
    ts_tile x[2];
    ts_depthwise_plan(&c.d, shape);
    load_weights(&c);
    if (is_spread(shape)) sum_between(&c);
    ts_depthwise_walker walker = ts_depthwise_begin(&c.d);
    bool is_more = ts_depthwise_next(&walker, &units[0]);
    begin_unit(&c, &units[0], &x[0]);
    for (int at = 0; is_more; at ^= 1) {
        is_more = ts_depthwise_next(&walker, &units[at ^ 1]);
        run_unit(&c, &units[at], x[at], is_more ? &units[at ^ 1] : NULL, &x[at ^ 1]);
    }
    ts_depthwise_end(&walker);
}

/* Running sums, products, maxima and minima along an axis (cumsum and similar, which arrive as a
   reduce_window over everything before each element). Uses tensor_tensor_scan, or for exact integers doubling
   steps on GpSimdE. */
#include <string.h>

#include "compiler/lower/group.h"
#include "compiler/lower/lower_window.h"

enum {
    PARTITIONS = 128,
    CHUNK = 4096,
    FEWEST = 4096, /* elements of a row for which splitting it pays */
    FEWEST_PARTS = 8
};

typedef struct running {
    ts_lower *lower;
    ts_builder *b;
    ts_view in, out; /* the running axis is last and walked from its start */
    ts_alu alu;
    ts_dtype dtype;
    ts_dtype wide;   /* type of the running value */
    bool is_word;    /* `wide` is a 32-bit integer */
    bool is_reverse; /* each tile is walked from its end */
    double init;
    uint32_t totals, starts; /* f32[rows]: the sums of the rows, and what they start from */
    enum { RUN_FROM_INIT, RUN_TOTALS, RUN_FROM_STARTS } pass;
    ts_nest nest;
} running;

bool ts_window_is_cumulative(const ts_window *window, const ts_type *operand, ts_cumulative *cumulative) {
    int found = -1;
    for (int i = 0; i < window->rank; i++) {
        if (window->stride[i] != 1 || window->interior[i] != 0) return false;
        if (window->size[i] == 1 && window->low[i] == 0 && window->high[i] == 0) continue;
        bool is_forward = window->low[i] == window->size[i] - 1 && window->high[i] == 0;
        bool is_reverse = window->high[i] == window->size[i] - 1 && window->low[i] == 0;
        if (found >= 0 || !(is_forward || is_reverse) || window->size[i] < operand->dim[i]) return false;
        if (window->dilation[i] != 1) return false;
        *cumulative = (ts_cumulative){.axis = found = i, .is_reverse = !is_forward};
    }
    return found >= 0;
}

/* Cuts the running axis into chunks within a partition; the largest other axis goes on the partitions. */
static void cut(running *r) {
    ts_nest *nest = &r->nest;
    int rank = r->in.rank;
    int64_t most = ts_build_at_most(r->b, CHUNK);
    *nest = (ts_nest){.b = r->b, .rank = rank, .part = -1, .first_free = rank - 1};
    memcpy(nest->size, r->in.dim, sizeof nest->size);
    for (int i = 0; i + 1 < rank; i++) {
        nest->tile[i] = 1;
        if (nest->part < 0 || nest->size[i] > nest->size[nest->part]) nest->part = i;
    }
    if (nest->part >= 0)
        nest->tile[nest->part] = nest->size[nest->part] < PARTITIONS ? nest->size[nest->part] : PARTITIONS;
    nest->tile[rank - 1] = nest->size[rank - 1] < most ? nest->size[rank - 1] : most;
}

static ts_tile new_tile(const running *r, int64_t elems, ts_dtype dtype, int slots) {
    return ts_build_tile(r->b, ts_space_sbuf, ts_nest_max_parts(&r->nest), elems * ts_dtype_get(dtype)->bytes,
                         slots);
}

static ts_ap column_ap(const running *r, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(r->b, tile, dtype, ts_nest_parts(&r->nest), ts_count_const(1));
}

static ts_ap chunk_ap(const running *r, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(r->b, tile, dtype, ts_nest_parts(&r->nest),
                       ts_nest_axis_count(&r->nest, r->nest.rank - 1));
}

/* The chunk in walking order. A reversed chunk is a whole axis. */
static ts_ap walked_ap(const running *r, ts_tile tile, ts_dtype dtype) {
    ts_ap ap = chunk_ap(r, tile, dtype);
    if (!r->is_reverse) return ap;
    ap.offset.base += (r->nest.size[r->nest.rank - 1] - 1) * ts_dtype_get(dtype)->bytes;
    ap.dim[0].step = -1;
    return ap;
}

/* Saves the last value of a chunk for the next one. A chunk that has a successor is full, so the value is at
   a fixed place. */
static void carry_on(const running *r, const ts_ap *carry, ts_tile result, ts_dtype dtype) {
    const ts_nest *nest = &r->nest;
    int axis = nest->rank - 1;
    if (nest->tile[axis] == nest->size[axis]) return;
    ts_ap last = column_ap(r, result, dtype);
    last.offset.base += (nest->tile[axis] - 1) * ts_dtype_get(dtype)->bytes;
    ts_emit_copy(r->b, ts_engine_vector, carry, &last);
}

static ts_tile scan_floats(running *r, ts_tile data, const ts_ap *carry, ts_tile ones) {
    ts_tile result = new_tile(r, r->nest.tile[r->nest.rank - 1], ts_dtype_f32, 2);
    ts_ap dst = walked_ap(r, result, ts_dtype_f32), src = walked_ap(r, data, r->dtype);
    ts_ap one = column_ap(r, ones, ts_dtype_f32);
    one.dim[0] = (ts_dim){.step = 0, .count = ts_nest_axis_count(&r->nest, r->nest.rank - 1)};
    ts_inst_tensor_tensor_scan *inst = (ts_inst_tensor_tensor_scan *)ts_program_append(
        r->b->program, ts_op_tensor_tensor_scan, ts_engine_vector, r->b->loc);
    inst->dst = dst;
    inst->data0 = one;
    inst->data1 = src;
    inst->initial = ts_scalar_ap(carry);
    inst->op0 = ts_alu_multiply;
    inst->op1 = (uint8_t)r->alu;
    carry_on(r, carry, result, ts_dtype_f32);
    return result;
}

/* Elements [from, chunk) of a chunk in walking order; none when it is shorter. */
static ts_ap tail_ap(const running *r, ts_tile tile, int64_t from, int64_t back) {
    ts_ap ap = walked_ap(r, tile, r->wide);
    ap.offset.base += (from - back) * 4 * ap.dim[0].step;
    ts_count *count = &ap.dim[0].count;
    if (count->is_ragged) count->limit.base -= from;
    count->max -= (int32_t)from;
    return ap;
}

static ts_ap head_ap(const running *r, ts_tile tile, int64_t length) {
    ts_ap ap = walked_ap(r, tile, r->wide);
    ts_count *count = &ap.dim[0].count;
    if (count->max > length) count->max = (int32_t)length;
    return ap;
}

/* x[i] = x[i] op x[i - d] for d = 1, 2, 4...: after the last step x[i] covers everything before it. */
static ts_tile scan_words(running *r, ts_tile data, const ts_ap *carry) {
    int64_t chunk = r->nest.tile[r->nest.rank - 1];
    ts_tile now = data, next = new_tile(r, chunk, r->wide, 2);
    ts_ap first = head_ap(r, data, 1);
    ts_emit_tensor_tensor(r->b, ts_engine_gpsimd, &first, &first, carry, r->alu);
    for (int64_t d = 1; d < chunk; d *= 2) {
        ts_ap dst = tail_ap(r, next, d, 0), a = tail_ap(r, now, d, 0), b = tail_ap(r, now, d, d);
        ts_ap kept_to = head_ap(r, next, d), kept_from = head_ap(r, now, d);
        ts_emit_tensor_tensor(r->b, ts_engine_gpsimd, &dst, &a, &b, r->alu);
        ts_emit_copy(r->b, ts_engine_vector, &kept_to, &kept_from);
        ts_tile done = now;
        now = next;
        next = done;
    }
    carry_on(r, carry, now, r->wide);
    return now;
}

/* Widens narrow integers to words. */
static ts_tile widen(const running *r, ts_tile data) {
    ts_tile words = new_tile(r, r->nest.tile[r->nest.rank - 1], r->wide, 2);
    ts_ap to = chunk_ap(r, words, r->wide), from = chunk_ap(r, data, r->dtype);
    ts_emit_copy(r->b, ts_engine_vector, &to, &from);
    return words;
}

/* Rounds floats; cuts words to their low bytes. */
static ts_ap narrow(const running *r, ts_tile result) {
    ts_ap to = chunk_ap(r, new_tile(r, r->nest.tile[r->nest.rank - 1], r->dtype, 2), r->dtype);
    ts_ap from = chunk_ap(r, result, r->wide);
    if (r->is_word) {
        from.dtype = (uint8_t)r->dtype;
        from.dim[0].step = ts_dtype_get(r->wide)->bytes / ts_dtype_get(r->dtype)->bytes;
    }
    ts_emit_copy(r->b, ts_engine_vector, &to, &from);
    return to;
}

/* An operand with one number for each row. */
static ts_ap row_numbers(const running *r, uint32_t tensor) {
    ts_view view = r->out;
    for (int i = 0; i < view.rank; i++)
        view.stride[i] = 0;
    if (r->nest.part >= 0) view.stride[r->nest.part] = 1;
    view.tensor = tensor;
    view.dtype = ts_dtype_f32;
    view.offset = 0;
    view.shift = ts_affine_const(0);
    return ts_nest_hbm_column(&r->nest, &view);
}

static ts_tile load_chunk(running *r) {
    ts_tile data = new_tile(r, r->nest.tile[r->nest.rank - 1], r->dtype, 2);
    ts_ap to = chunk_ap(r, data, r->dtype), from = ts_nest_hbm(&r->nest, &r->in);
    ts_emit_dma(r->b, ts_engine_sync, ts_lower_load_queue(r->lower), &to, &from);
    return data;
}

static void add_chunk(running *r, const ts_ap *carry) {
    ts_ap chunk = chunk_ap(r, load_chunk(r), r->dtype);
    ts_ap sum = column_ap(r, new_tile(r, 1, ts_dtype_f32, 2), ts_dtype_f32);
    ts_emit_reduce(r->b, &sum, &chunk, r->alu, 1);
    ts_emit_tensor_tensor(r->b, ts_engine_vector, carry, carry, &sum, r->alu);
}

static void run_chunk(running *r, const ts_ap *carry, ts_tile ones) {
    ts_tile data = load_chunk(r);
    if (r->is_word && r->dtype != r->wide) data = widen(r, data);
    ts_tile result = r->is_word ? scan_words(r, data, carry) : scan_floats(r, data, carry, ones);
    ts_ap done = r->dtype == r->wide ? chunk_ap(r, result, r->wide) : narrow(r, result);
    ts_ap out = ts_nest_hbm(&r->nest, &r->out);
    ts_emit_dma(r->b, ts_engine_tensor, TS_STORE_QUEUE, &out, &done);
}

static ts_tile make_ones(running *r) {
    if (r->is_word) return 0;
    ts_tile ones = new_tile(r, 1, ts_dtype_f32, 1);
    ts_count parts = ts_count_const(ts_nest_max_parts(&r->nest));
    ts_ap one = ts_build_ap(r->b, ones, ts_dtype_f32, parts, ts_count_const(1));
    ts_emit_memset(r->b, ts_engine_vector, &one, 1);
    return ones;
}

static void run(running *r) {
    cut(r);
    ts_nest *nest = &r->nest;
    int axis = nest->rank - 1;
    ts_tile ones = r->pass == RUN_TOTALS ? 0 : make_ones(r);
    ts_nest_open(nest, 0, axis);
    ts_ap carry = column_ap(r, new_tile(r, 1, r->wide, 1), r->wide);
    if (r->pass == RUN_FROM_STARTS) {
        ts_ap starts = row_numbers(r, r->starts);
        ts_emit_dma(r->b, ts_engine_sync, ts_lower_load_queue(r->lower), &carry, &starts);
    } else {
        ts_emit_memset(r->b, ts_engine_vector, &carry, r->init);
    }
    ts_nest_open(nest, axis, axis + 1);
    if (r->pass == RUN_TOTALS)
        add_chunk(r, &carry);
    else
        run_chunk(r, &carry, ones);
    ts_nest_close(nest, axis, axis + 1);
    if (r->pass == RUN_TOTALS) {
        ts_ap totals = row_numbers(r, r->totals);
        ts_emit_dma(r->b, ts_engine_tensor, TS_STORE_QUEUE, &totals, &carry);
    }
    ts_nest_close(nest, 0, axis);
}

/* ---- few rows ---- */

/* Merges contiguous axes other than the running one. */
static void join_axes(running *r) {
    ts_view kept[2], *views[2] = {&r->in, &r->out};
    int last = r->in.rank - 1;
    int64_t dim = r->in.dim[last], stride[2] = {r->in.stride[last], r->out.stride[last]};
    for (int v = 0; v < 2; v++) {
        kept[v] = *views[v];
        kept[v].rank--;
    }
    ts_views_merge(kept, 2);
    for (int v = 0; v < 2; v++) {
        kept[v].dim[kept[v].rank] = dim;
        kept[v].stride[kept[v].rank++] = stride[v];
        *views[v] = kept[v];
    }
}

/* Whether the rows are adjacent in memory. */
static bool is_joined(const ts_view *view) {
    return view->rank == 1 || (view->rank == 2 && view->stride[0] == view->dim[1] * view->stride[1]);
}

/* The number of parts of each row that are scanned in parallel, to fill the partitions; 1 = the row stays
   whole. */
static int64_t parts_of(const running *r) {
    int64_t dim = r->in.dim[r->in.rank - 1], rows = ts_view_elems(&r->in) / dim;
    if (!is_joined(&r->in) || !is_joined(&r->out) || r->is_word || r->is_reverse || dim < FEWEST ||
        rows > PARTITIONS / 2)
        return 1;
    for (int64_t parts = PARTITIONS / rows; parts >= FEWEST_PARTS; parts--)
        if (dim % parts == 0) return parts;
    return 1;
}

/* starts[row, part] = the sum of what precedes the part */
static void make_starts(const running *r, int64_t rows, int64_t parts) {
    ts_builder *b = r->b;
    ts_tile from = ts_build_tile(b, ts_space_sbuf, rows, parts * 4, 1);
    ts_tile to = ts_build_tile(b, ts_space_sbuf, rows, (parts + 1) * 4, 1);
    ts_ap data = ts_build_ap(b, from, ts_dtype_f32, ts_count_const(rows), ts_count_const(parts)), hbm;
    ts_ap starts = ts_build_ap(b, to, ts_dtype_f32, ts_count_const(rows), ts_count_const(parts)),
          sums = starts;
    hbm = ts_build_hbm(r->totals, ts_dtype_f32, ts_affine_const(0));
    ts_ap_dim(&hbm, parts, ts_count_const(rows));
    ts_ap_dim(&hbm, 1, ts_count_const(parts));
    ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(r->lower), &data, &hbm);
    ts_emit_memset(b, ts_engine_vector, &starts, 1); /* ones, multiplied below until the sums replace them */
    ts_ap ones = starts, first = starts;
    first.dim[0].count = ts_count_const(1);
    sums.offset.base += 4;
    ts_inst_tensor_tensor_scan *inst = (ts_inst_tensor_tensor_scan *)ts_program_append(
        b->program, ts_op_tensor_tensor_scan, ts_engine_vector, b->loc);
    ones.dim[0].step = 0;
    inst->dst = sums;
    inst->data0 = ones;
    inst->data1 = data;
    inst->initial = ts_scalar_const(r->init);
    inst->op0 = ts_alu_multiply;
    inst->op1 = (uint8_t)r->alu;
    ts_emit_memset(b, ts_engine_vector, &first, r->init);
    hbm.tensor = r->starts;
    ts_emit_dma(b, ts_engine_tensor, TS_STORE_QUEUE, &hbm, &starts);
}

/* Scans in parts: sums the parts, computes what each starts from, and scans each from there. */
static void run_parts(running *r, int64_t parts) {
    int64_t dim = r->in.dim[r->in.rank - 1], rows = ts_view_elems(&r->in) / dim;
    ts_view views[2] = {r->in, r->out};
    ts_type type = {.dtype = ts_dtype_f32, .rank = 1, .dim = {rows * parts}};
    ts_views_split(views, 2, r->in.rank - 1, dim / parts);
    r->in = views[0];
    r->out = views[1];
    join_axes(r);
    r->totals = ts_lower_scratch(r->lower, &type, "totals");
    r->starts = ts_lower_scratch(r->lower, &type, "starts");
    double init = r->init;
    r->pass = RUN_TOTALS;
    ts_reduce_identity(r->alu, ts_dtype_f32, &r->init);
    run(r);
    r->init = init;
    make_starts(r, rows, parts);
    r->pass = RUN_FROM_STARTS;
    run(r);
}

/* If the running axis is not contiguous, or runs backwards, the scan works on copies; `out` is then copied to
   its place. */
static ts_view straight(const running *r, const ts_view *view) {
    ts_type type = {.dtype = view->dtype, .rank = view->rank};
    memcpy(type.dim, view->dim, sizeof type.dim);
    ts_view whole = ts_view_of_tensor(TS_VIEW_NO_TENSOR, &type);
    if (!ts_view_is_across(&whole, view) && view->stride[view->rank - 1] > 0) return *view;
    whole.tensor = ts_lower_scratch(r->lower, &type, "straight");
    return whole;
}

/* Puts the running axis last, walked from its start. */
static void order_axes(running *r, const ts_cumulative *c) {
    int perm[TS_VIEW_RANK], rank = r->in.rank, at = 0;
    for (int i = 0; i < rank; i++)
        if (i != c->axis) perm[at++] = i;
    perm[at] = c->axis;
    ts_view *views[2] = {&r->in, &r->out};
    for (int v = 0; v < 2; v++)
        *views[v] = ts_view_permute(views[v], rank, perm);
    /* A reversed axis longer than a tile is walked backwards in memory instead. */
    int64_t dim = r->in.dim[rank - 1];
    if (!c->is_reverse || dim <= ts_build_at_most(r->b, CHUNK)) return;
    for (int v = 0; v < 2; v++) {
        views[v]->offset += (dim - 1) * views[v]->stride[rank - 1];
        views[v]->stride[rank - 1] = -views[v]->stride[rank - 1];
    }
    r->is_reverse = false;
}

/* fp32 holds extremes of narrow integers, but not their sums and products. */
static void choose_wide(running *r) {
    const ts_dtype_info *info = ts_dtype_get(r->dtype);
    bool is_extreme = r->alu == ts_alu_max || r->alu == ts_alu_min;
    r->is_word = info->kind != 'f' && (info->bytes == 4 || !is_extreme);
    r->wide = !r->is_word ? ts_dtype_f32 : info->bytes == 4 ? r->dtype : ts_dtype_i32;
}

ts_status ts_lower_cumulative(ts_lower *lower, ts_op_node *op, const ts_cumulative *cumulative, ts_alu alu) {
    running r = {.lower = lower, .b = &lower->b, .alu = alu, .is_reverse = cumulative->is_reverse};
    ts_view init;
    r.dtype = ts_chip_dtype(op->operands[0]->type.dtype);
    choose_wide(&r);
    TS_TRY(ts_lower_tensor(lower, op->operands[0], &r.in));
    TS_TRY(ts_lower_view(lower, op->operands[1], &init));
    r.init = init.value;
    ts_lower_result(lower, op->results[0]);
    r.out = ((ts_lowered *)op->results[0]->note)->view;
    order_axes(&r, cumulative);
    ts_view in = r.in, out = r.out;
    r.in = straight(&r, &in);
    r.out = straight(&r, &out);
    if (r.in.tensor != in.tensor) TS_TRY(ts_lower_copy(lower, &r.in, &in));
    ts_view done = r.out;
    join_axes(&r);
    int64_t parts = parts_of(&r);
    if (parts > 1)
        run_parts(&r, parts);
    else
        run(&r);
    return done.tensor != out.tensor ? ts_lower_copy(lower, &out, &done) : ts_ok;
}

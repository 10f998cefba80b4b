/* Reductions: kept axes on partitions and in loops, reduced axes along the free dimension. Long ones are
   processed in chunks that an accumulator combines; reductions to few elements take two stages so that all
   lanes work. */
#include "compiler/lower/group.h"

#include <math.h>
#include <string.h>

enum { MAX_FREE = 4096, STAGE_MIN = 1024, LANES = 128 };
/* When the contiguous axis is kept: shorter rows, or fewer elements or lanes, are left to strided DMAs. */
enum { SHORTEST_ROW = 16, FEWEST_ACROSS = 16384, FEWEST_LANES = 64 };

typedef struct reduction {
    ts_lower *lower;
    const ts_op_node *op;
    ts_alu alu;
    ts_dtype dtype; /* element type as the engines see it */
    ts_dtype wide;  /* accumulator type: f32 for floats, i32 where narrow integers would lose bits */
    double identity;
    bool is_word; /* accumulated as 32-bit integers, one instruction per element */
    ts_nest nest;
    int first_reduced;
    bool is_across; /* kept elements are contiguous in HBM and in the tile, instead of reduced ones */
} reduction;

bool ts_reduce_identity(ts_alu alu, unsigned dtype, double *identity) {
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)dtype);
    bool is_signed = info->kind == 's';
    double low = info->kind == 'f' ? -INFINITY : is_signed ? -ldexp(1, info->bytes * 8 - 1) : 0;
    double high = info->kind == 'f' ? INFINITY : ldexp(1, info->bytes * 8 - is_signed) - 1;
    switch (alu) {
    case ts_alu_add:
    case ts_alu_bitwise_or:
    case ts_alu_bitwise_xor: *identity = 0; return true;
    case ts_alu_multiply: *identity = 1; return true;
    case ts_alu_max: *identity = low; return true;
    case ts_alu_min: *identity = high; return true;
    case ts_alu_bitwise_and: *identity = is_signed ? -1 : high; return true;
    default: return false;
    }
}

/* Predicates are bytes 0 and 1, so `and` is min and `or` is max, which tensor_reduce computes in fp32. */
static void soften_predicates(reduction *r, unsigned dtype) {
    if (dtype != ts_dtype_i1) return;
    if (r->alu == ts_alu_bitwise_and) r->alu = ts_alu_min;
    if (r->alu == ts_alu_bitwise_or) r->alu = ts_alu_max;
    if (r->alu == ts_alu_add) r->alu = ts_alu_max;
    if (r->alu == ts_alu_multiply) r->alu = ts_alu_min;
}

/* An extreme of narrow integers is one of them. Sums, products and bitwise results are computed in words,
   whose low bytes are the wrapped result. */
static void choose_wide(reduction *r) {
    const ts_dtype_info *info = ts_dtype_get(r->dtype);
    bool keeps = r->alu == ts_alu_max || r->alu == ts_alu_min;
    r->wide = info->kind == 'f' ? ts_dtype_f32 : info->bytes == 4 || keeps ? r->dtype : ts_dtype_i32;
    r->is_word = info->kind != 'f' && ts_dtype_get(r->wide)->bytes == 4;
}

/* ---- a nest ---- */

static ts_count kept_count(const reduction *r) {
    return r->nest.first_free < r->first_reduced ? ts_nest_free(&r->nest, 0, r->first_reduced)
                                                 : ts_count_const(1);
}

static ts_tile new_tile(reduction *r, int rank, ts_dtype dtype, int slots) {
    int64_t elems = ts_nest_max_free(&r->nest, 0, rank);
    return ts_build_tile(&r->lower->b, ts_space_sbuf, ts_nest_max_parts(&r->nest),
                         elems * ts_dtype_get(dtype)->bytes, slots);
}

/* Operand [parts, kept]. */
static ts_ap kept_ap(reduction *r, ts_tile tile, ts_dtype dtype) {
    return ts_build_ap(&r->lower->b, tile, dtype, ts_nest_parts(&r->nest), kept_count(r));
}

/* Operand [parts, kept, reduced]. */
static ts_ap chunk_ap(reduction *r, ts_tile tile, ts_dtype dtype) {
    ts_ap ap = kept_ap(r, tile, dtype);
    int64_t step = r->is_across ? ts_nest_max_free(&r->nest, 0, r->first_reduced) : 1;
    if (!r->is_across) ap.dim[0].step = ts_nest_max_free(&r->nest, r->first_reduced, r->nest.rank);
    ts_ap_dim(&ap, step, ts_nest_free(&r->nest, r->first_reduced, r->nest.rank));
    return ap;
}

/* Loads the chunk from HBM, run by run. */
static void load_chunk(reduction *r, ts_ap chunk, const ts_view *view) {
    const ts_nest *nest = &r->nest;
    ts_ap from = ts_nest_hbm(nest, view);
    if (r->is_across) {
        ts_ap in_order = from;
        int kept = r->first_reduced - nest->first_free, reduced = nest->rank - r->first_reduced;
        memcpy(&from.dim[1], &in_order.dim[1 + kept], (size_t)reduced * sizeof *from.dim);
        memcpy(&from.dim[1 + reduced], &in_order.dim[1], (size_t)kept * sizeof *from.dim);
        ts_dim first = chunk.dim[0];
        chunk.dim[0] = chunk.dim[1];
        chunk.dim[1] = first;
    }
    ts_emit_dma(&r->lower->b, ts_engine_sync, ts_lower_load_queue(r->lower), &chunk, &from);
}

/* acc = acc op chunk, by one tensor_reduce or, for exact integers, by a loop with one instruction per
   element. */
static void fold_chunk(reduction *r, const ts_ap *acc, ts_ap chunk) {
    ts_builder *b = &r->lower->b;
    if (!r->is_word) {
        ts_ap part = kept_ap(r, new_tile(r, r->first_reduced, r->wide, 2), r->wide);
        ts_emit_reduce(b, &part, &chunk, r->alu, 1);
        ts_emit_tensor_tensor(b, ts_engine_vector, acc, acc, &part, r->alu);
        return;
    }
    if (r->dtype != r->wide) {
        ts_ap words = chunk_ap(r, new_tile(r, r->nest.rank, r->wide, 2), r->wide);
        ts_emit_copy(b, ts_engine_vector, &words, &chunk);
        chunk = words;
    }
    uint32_t loop = ts_build_loop(b, chunk.dim[1].count);
    chunk.dims = 1;
    chunk.offset = ts_build_term(b, chunk.offset, chunk.dim[1].step * ts_dtype_get(r->wide)->bytes, loop);
    ts_emit_tensor_tensor(b, ts_alu_kind(r->alu) == 'b' ? ts_engine_vector : ts_engine_gpsimd, acc, acc,
                          &chunk, r->alu);
    ts_build_end(b);
}

static void set_start(reduction *r, const ts_ap *acc, const ts_view *init) {
    ts_builder *b = &r->lower->b;
    if (init->kind == ts_view_splat) {
        ts_emit_memset(b, ts_engine_vector, acc, init->value);
        return;
    }
    ts_ap start = ts_build_hbm(init->tensor, ts_chip_dtype(init->dtype), ts_view_offset(b, init));
    ts_ap_dim(&start, 0, ts_nest_parts(&r->nest));
    ts_ap_dim(&start, 0, kept_count(r));
    ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(r->lower), acc, &start);
}

/* Rounds floats; cuts integers to their low bytes. */
static ts_ap narrowed(reduction *r, ts_ap acc, ts_dtype dtype) {
    if (dtype == acc.dtype) return acc;
    ts_ap cast = kept_ap(r, new_tile(r, r->first_reduced, dtype, 2), dtype);
    if (r->is_word) {
        acc.dim[0].step *= ts_dtype_get(r->wide)->bytes / ts_dtype_get(dtype)->bytes;
        acc.dtype = (uint8_t)dtype;
    }
    ts_emit_copy(&r->lower->b, ts_engine_vector, &cast, &acc);
    return cast;
}

/* dst (the kept axes of views[0]) = views[1] reduced over the other axes. The views share their dims;
   views[0] has stride 0 on the reduced axes. */
static void reduce_nest(reduction *r, ts_view *views, int kept_rank, const ts_view *init) {
    ts_builder *b = &r->lower->b;
    ts_nest *nest = &r->nest;
    *nest = ts_nest_plan(b, views, 2, kept_rank, ts_build_at_most(b, MAX_FREE));
    for (r->first_reduced = 0; r->first_reduced < nest->rank && views[0].stride[r->first_reduced] != 0;)
        r->first_reduced++;
    r->is_across = nest->first_free < r->first_reduced && r->first_reduced < nest->rank &&
                   views[1].stride[r->first_reduced - 1] == 1;
    ts_nest_open(nest, 0, r->first_reduced);
    ts_ap acc = kept_ap(r, new_tile(r, r->first_reduced, r->wide, 1), r->wide);
    set_start(r, &acc, init);
    ts_nest_open(nest, r->first_reduced, nest->rank);
    ts_ap chunk = chunk_ap(r, new_tile(r, nest->rank, r->dtype, 2), r->dtype);
    load_chunk(r, chunk, &views[1]);
    fold_chunk(r, &acc, chunk);
    ts_nest_close(nest, r->first_reduced, nest->rank);
    ts_ap dst = ts_nest_hbm_column(nest, &views[0]);
    for (int i = nest->first_free; i < r->first_reduced; i++)
        ts_ap_dim(&dst, views[0].stride[i], ts_nest_axis_count(nest, i));
    acc = narrowed(r, acc, dst.dtype);
    ts_emit_dma(b, ts_engine_tensor, TS_STORE_QUEUE, &dst, &acc);
    ts_nest_close(nest, 0, r->first_reduced);
}

/* ---- the op ---- */

/* The number of lanes for a first stage: a divisor of the outermost reduced axis, which becomes a kept axis
   there. 0 when one stage is enough. */
static int64_t stage_lanes(const ts_view *views, int kept_rank) {
    int64_t kept = 1, reduced = 1;
    for (int i = 0; i < views[0].rank; i++)
        *(i < kept_rank ? &kept : &reduced) *= views[0].dim[i];
    if (kept >= LANES / 4 || reduced < STAGE_MIN || kept_rank == views[0].rank) return 0;
    int64_t size = views[0].dim[kept_rank];
    for (int64_t lanes = LANES; lanes > 1; lanes--)
        if (size % lanes == 0) return lanes;
    return 0;
}

static ts_status reduce_views(reduction *r, ts_view *views, int kept_rank, const ts_view *init);

static int64_t lanes_of(int64_t size) {
    int64_t lanes = size < LANES ? size : LANES;
    while (size % lanes != 0)
        lanes--;
    return lanes;
}

/* If the contiguous axis is kept, and there are too few other kept elements to fill the lanes: the lanes that
   splitting the first reduced axis gives; otherwise 0. */
static int64_t across_lanes(const ts_view *views, int kept_rank) {
    int64_t others = 1;
    if (kept_rank == 0 || kept_rank == views[0].rank || views[0].rank + 1 > TS_MAX_RANK) return 0;
    for (int i = 0; i + 1 < kept_rank; i++)
        others *= views[1].dim[i];
    if (views[1].kind != ts_view_tensor || views[1].stride[kept_rank - 1] != 1 ||
        views[1].dim[kept_rank - 1] < SHORTEST_ROW || others >= LANES / 2 ||
        ts_view_elems(&views[1]) < FEWEST_ACROSS || ts_dtype_get(ts_chip_dtype(views[1].dtype))->bytes > 4)
        return 0;
    int64_t lanes = lanes_of(views[1].dim[kept_rank]);
    return lanes >= FEWEST_LANES ? lanes : 0;
}

/* Moves axis `from` of the view to position `to`. */
static ts_view with_axis_moved(const ts_view *view, int from, int to) {
    int perm[TS_VIEW_RANK], at = 0;
    for (int i = 0; i < view->rank; i++) {
        if (at == to) perm[at++] = from;
        if (i != from) perm[at++] = i;
    }
    if (at == to) perm[at++] = from;
    return ts_view_permute(view, view->rank, perm);
}

/* Reduces to `lanes` rows on the partitions, transposes those, and reduces what is then adjacent. */
static ts_status reduce_across(reduction *r, ts_view *views, int kept_rank, int64_t lanes,
                               const ts_view *init) {
    ts_type type = {.dtype = views[0].dtype, .rank = (uint8_t)(kept_rank + 1)}, turned;
    if (ts_dtype_get(type.dtype)->kind == 'f') type.dtype = ts_dtype_f32;
    ts_views_split(views, 2, kept_rank, views[0].dim[kept_rank] / lanes);
    ts_view stage[2], partial;
    for (int v = 0; v < 2; v++)
        stage[v] = with_axis_moved(&views[v], kept_rank, 0);
    memcpy(type.dim, stage[0].dim, (size_t)type.rank * sizeof *type.dim);
    partial = ts_view_of_tensor(ts_lower_scratch(r->lower, &type, "partial"), &type);
    stage[0].tensor = partial.tensor;
    stage[0].dtype = type.dtype;
    stage[0].offset = 0;
    stage[0].shift = (ts_affine){0};
    memset(stage[0].stride, 0, sizeof stage[0].stride);
    memcpy(stage[0].stride, partial.stride, (size_t)type.rank * sizeof *partial.stride);
    ts_view identity = {.kind = ts_view_splat, .value = r->identity};
    reduce_nest(r, stage, kept_rank + 1, &identity);

    turned = type;
    partial = with_axis_moved(&partial, 0, kept_rank);
    memcpy(turned.dim, partial.dim, (size_t)type.rank * sizeof *type.dim);
    ts_view rows = ts_view_of_tensor(ts_lower_scratch(r->lower, &turned, "turned"), &turned);
    TS_TRY(ts_lower_copy(r->lower, &rows, &partial));
    ts_view last[2] = {views[0], rows};
    last[0].rank = rows.rank;
    reduction second = *r;
    second.dtype = ts_chip_dtype(type.dtype);
    return reduce_views(&second, last, kept_rank, init);
}

static ts_status reduce_views(reduction *r, ts_view *views, int kept_rank, const ts_view *init) {
    ts_views_merge(views, 2);
    kept_rank = 0;
    while (kept_rank < views[0].rank && views[0].stride[kept_rank] != 0)
        kept_rank++;
    if (r->alu == ts_alu_add && ts_lower_column_sum(r->lower, views, init)) return ts_ok;
    int64_t across = across_lanes(views, kept_rank);
    if (across > 0) return reduce_across(r, views, kept_rank, across, init);
    int64_t lanes = stage_lanes(views, kept_rank);
    if (lanes == 0 || views[0].rank + 1 > TS_VIEW_RANK || kept_rank + 1 > TS_MAX_RANK) {
        reduce_nest(r, views, kept_rank, init);
        return ts_ok;
    }
    ts_views_split(views, 2, kept_rank, views[0].dim[kept_rank] / lanes);
    ts_type type = {.dtype = views[0].dtype, .rank = (uint8_t)(kept_rank + 1)};
    if (ts_dtype_get(type.dtype)->kind == 'f') type.dtype = ts_dtype_f32;
    memcpy(type.dim, views[0].dim, (size_t)(kept_rank + 1) * sizeof *type.dim);
    ts_view partial = ts_view_of_tensor(ts_lower_scratch(r->lower, &type, "partial"), &type);
    ts_view stage[2] = {views[0], views[1]};
    stage[0].tensor = partial.tensor;
    stage[0].offset = 0;
    stage[0].shift = (ts_affine){0};
    stage[0].dtype = type.dtype;
    memset(stage[0].stride, 0, sizeof stage[0].stride);
    memcpy(stage[0].stride, partial.stride, (size_t)(kept_rank + 1) * sizeof *partial.stride);
    ts_view identity = {.kind = ts_view_splat, .value = r->identity};
    reduce_nest(r, stage, kept_rank + 1, &identity);
    ts_view last[2] = {ts_view_permute(&views[0], kept_rank + 1, (int[]){0, 1, 2, 3, 4, 5, 6, 7, 8}),
                       partial};
    reduction second = *r;
    second.dtype = ts_chip_dtype(type.dtype);
    return reduce_views(&second, last, kept_rank, init);
}

static ts_status refuse(ts_lower *lower, ts_op_node *op, const char *what, const char *remedy) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "%s", what);
    ts_diag_remedy(lower->diag, "%s", remedy);
    return ts_unsupported;
}

static ts_status lower_reduce(ts_lower *lower, ts_op_node *op, bool is_alone) {
    reduction r = {.lower = lower, .op = op};
    int64_t dims[TS_MAX_RANK];
    int reduced_count, rank = op->operands[0]->type.rank, kept = 0, perm[TS_MAX_RANK];
    if (op->operand_count != 2)
        return refuse(lower, op, "a reduction of several operands at once (argmax)",
                      "reduce one array at a time");
    if (!ts_region_alu(op->regions[0], &r.alu))
        return refuse(lower, op, "a reduction by a function that is not one operator",
                      "use sum, prod, max, min, any or all");
    unsigned dtype = op->operands[0]->type.dtype;
    r.dtype = ts_chip_dtype(dtype);
    soften_predicates(&r, dtype);
    choose_wide(&r);
    if (!ts_reduce_identity(r.alu, r.dtype, &r.identity) || (ts_alu_kind(r.alu) == 'b' && !r.is_word))
        return refuse(lower, op, "a reduction of this type", "convert to f32 or a 32-bit integer first");
    ts_view input, init;
    bool is_grouped = false;
    if (!is_alone) TS_TRY(ts_lower_grouped_reduce(lower, op, r.alu, &is_grouped));
    if (is_grouped) return ts_ok;
    TS_TRY(ts_lower_shifted_tensor(lower, op->operands[0], &input));
    TS_TRY(ts_lower_view(lower, op->operands[1], &init));
    if (init.kind == ts_view_iota) TS_TRY(ts_lower_shifted_tensor(lower, op->operands[1], &init));
    ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &reduced_count);
    bool is_reduced[TS_MAX_RANK] = {0};
    for (int i = 0; i < reduced_count; i++)
        is_reduced[dims[i]] = true;
    for (int pass = 0, at = 0; pass < 2; pass++)
        for (int i = 0; i < rank; i++)
            if (is_reduced[i] == (pass == 1)) perm[at++] = i, kept += pass == 0;
    ts_lower_result(lower, op->results[0]);
    ts_view out = ((ts_lowered *)op->results[0]->note)->view;
    if (ts_view_elems(&out) == 0) return ts_ok;
    ts_view views[2] = {out, ts_view_permute(&input, rank, perm)};
    if (ts_view_elems(&views[1]) == 0) {
        ts_view fill = init;
        fill.rank = out.rank;
        memcpy(fill.dim, out.dim, sizeof fill.dim);
        memset(fill.stride, 0, sizeof fill.stride);
        return ts_lower_copy(lower, &out, &fill);
    }
    views[0].rank = (uint8_t)rank;
    memcpy(views[0].dim, views[1].dim, sizeof views[0].dim);
    return reduce_views(&r, views, kept, &init);
}

ts_status ts_lower_reduce(ts_lower *lower, ts_op_node *op) {
    return lower_reduce(lower, op, false);
}

ts_status ts_lower_reduce_alone(ts_lower *lower, ts_op_node *op) {
    return lower_reduce(lower, op, true);
}

/* Reductions: kept axes on partitions and loops, reduced axes along the free dimension; long ones in
   chunks that an accumulator joins, whole-tensor ones in two stages so that all lanes work. */
#include "compiler/lower.h"

#include <math.h>
#include <string.h>

enum { MAX_FREE = 4096, STAGE_MIN = 1024, LANES = 128 };

typedef struct reduction {
    ts_lower *lower;
    const ts_op_node *op;
    ts_alu alu;
    ts_dtype dtype; /* as engines see it */
    double identity;
    bool is_word; /* 32-bit integers: exact on GpSimdE only */
} reduction;

static bool find_identity(reduction *r) {
    const ts_dtype_info *info = ts_dtype_get(r->dtype);
    bool is_signed = info->kind == 's';
    double low = info->kind == 'f' ? -INFINITY : is_signed ? -ldexp(1, info->bytes * 8 - 1) : 0;
    double high = info->kind == 'f' ? INFINITY : ldexp(1, info->bytes * 8 - is_signed) - 1;
    switch (r->alu) {
    case ts_alu_add:
    case ts_alu_bitwise_or:
    case ts_alu_bitwise_xor: r->identity = 0; return true;
    case ts_alu_multiply: r->identity = 1; return true;
    case ts_alu_max: r->identity = low; return true;
    case ts_alu_min: r->identity = high; return true;
    case ts_alu_bitwise_and: r->identity = is_signed ? -1 : high; return true;
    default: return false;
    }
}

/* Predicates are bytes 0 and 1: `and` is min and `or` is max, which tensor_reduce has in fp32. */
static void soften_predicates(reduction *r, unsigned dtype) {
    if (dtype != ts_dtype_i1) return;
    if (r->alu == ts_alu_bitwise_and) r->alu = ts_alu_min;
    if (r->alu == ts_alu_bitwise_or) r->alu = ts_alu_max;
    if (r->alu == ts_alu_add) r->alu = ts_alu_max;
    if (r->alu == ts_alu_multiply) r->alu = ts_alu_min;
}

/* acc[P,K] = acc op data[P,K,R] along R: one tensor_reduce, or for exact integers one GpSimd instruction
   an element in a loop. */
static void fold_chunk(reduction *r, ts_nest *nest, const ts_ap *acc, ts_tile data, int first_reduced) {
    ts_builder *b = &r->lower->b;
    int64_t chunk = ts_nest_max_free(nest, first_reduced, nest->rank);
    ts_count parts = ts_nest_parts(nest), reduced = ts_nest_free(nest, first_reduced, nest->rank);
    ts_count kept =
        nest->first_free < first_reduced ? ts_nest_free(nest, 0, first_reduced) : ts_count_const(1);
    ts_ap source = ts_build_ap(b, data, r->dtype, parts, kept);
    source.dim[0].step = chunk;
    if (!r->is_word) {
        ts_dtype wide = ts_dtype_get(r->dtype)->kind == 'f' ? ts_dtype_f32 : r->dtype;
        int64_t kept_max = ts_nest_max_free(nest, 0, first_reduced);
        ts_tile part =
            ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(nest), kept_max * ts_dtype_get(wide)->bytes, 2);
        ts_ap sum = ts_build_ap(b, part, wide, parts, kept);
        ts_ap_dim(&source, 1, reduced);
        ts_emit_reduce(b, &sum, &source, r->alu, 1);
        ts_emit_tensor_tensor(b, ts_engine_vector, acc, acc, &sum, r->alu);
        return;
    }
    uint32_t loop = ts_build_loop(b, reduced);
    source.offset = ts_build_term(b, source.offset, ts_dtype_get(r->dtype)->bytes, loop);
    ts_emit_tensor_tensor(b, ts_alu_kind(r->alu) == 'b' ? ts_engine_vector : ts_engine_gpsimd, acc, acc,
                          &source, r->alu);
    ts_build_end(b);
}

/* dst (the kept axes of `views[0]`) = views[1] reduced over the axes from first_reduced on; views share
   their dims, views[0] has stride 0 on the reduced ones. Accumulates in fp32 (or exact words). */
static void reduce_nest(reduction *r, ts_view *views, int kept_rank, const ts_view *init) {
    ts_builder *b = &r->lower->b;
    ts_nest nest = ts_nest_plan_split(b, views, 2, kept_rank, MAX_FREE);
    int first_reduced = kept_rank + (nest.rank - views[0].rank);
    first_reduced += views[0].rank - nest.rank;
    for (first_reduced = 0; first_reduced < nest.rank && views[0].stride[first_reduced] != 0;)
        first_reduced++;
    ts_nest_open(&nest, 0, first_reduced);
    ts_dtype wide = ts_dtype_get(r->dtype)->kind == 'f' ? ts_dtype_f32 : r->dtype;
    int64_t kept_max = ts_nest_max_free(&nest, 0, first_reduced);
    ts_count kept =
        nest.first_free < first_reduced ? ts_nest_free(&nest, 0, first_reduced) : ts_count_const(1);
    ts_tile total =
        ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(&nest), kept_max * ts_dtype_get(wide)->bytes, 1);
    ts_ap acc = ts_build_ap(b, total, wide, ts_nest_parts(&nest), kept);
    if (init->kind == ts_view_splat) {
        ts_emit_memset(b, ts_engine_vector, &acc, init->value);
    } else {
        ts_ap start = ts_build_hbm(init->tensor, ts_chip_dtype(init->dtype), ts_view_offset(b, init));
        ts_ap_dim(&start, 0, ts_nest_parts(&nest));
        ts_ap_dim(&start, 0, kept);
        ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(r->lower), &acc, &start);
    }
    ts_nest_open(&nest, first_reduced, nest.rank);
    int64_t elems = ts_nest_max_free(&nest, 0, nest.rank);
    ts_tile data =
        ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(&nest), elems * ts_dtype_get(r->dtype)->bytes, 2);
    ts_ap to = ts_build_ap(b, data, r->dtype, ts_nest_parts(&nest),
                           nest.first_free < first_reduced ? ts_nest_free(&nest, 0, first_reduced)
                                                           : ts_count_const(1));
    to.dim[0].step = ts_nest_max_free(&nest, first_reduced, nest.rank);
    ts_ap_dim(&to, 1, ts_nest_free(&nest, first_reduced, nest.rank));
    ts_ap from = ts_nest_hbm(&nest, &views[1], false);
    ts_emit_dma(b, ts_engine_sync, ts_lower_load_queue(r->lower), &to, &from);
    fold_chunk(r, &nest, &acc, data, first_reduced);
    ts_nest_close(&nest, first_reduced, nest.rank);
    ts_ap dst = ts_nest_hbm_column(&nest, &views[0], false);
    for (int i = nest.first_free; i < first_reduced; i++)
        ts_ap_dim(&dst, views[0].stride[i], ts_nest_axis_count(&nest, i));
    if (dst.dtype != acc.dtype) {
        ts_tile narrow = ts_build_tile(b, ts_space_sbuf, ts_nest_max_parts(&nest),
                                       kept_max * ts_dtype_get(dst.dtype)->bytes, 2);
        ts_ap cast = ts_build_ap(b, narrow, dst.dtype, ts_nest_parts(&nest), kept);
        ts_emit_copy(b, ts_engine_vector, &cast, &acc);
        acc = cast;
    }
    ts_emit_dma(b, ts_engine_tensor, TS_STORE_QUEUE, &dst, &acc);
    ts_nest_close(&nest, 0, first_reduced);
}

/* The outermost reduced axis that can feed the lanes becomes a kept axis of a first stage. Returns the
   lanes it gives, 0 when one stage is enough. */
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

static ts_status reduce_views(reduction *r, ts_view *views, int kept_rank, const ts_view *init) {
    ts_views_merge(views, 2);
    kept_rank = 0;
    while (kept_rank < views[0].rank && views[0].stride[kept_rank] != 0)
        kept_rank++;
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
    stage[0].dtype = type.dtype;
    memset(stage[0].stride, 0, sizeof stage[0].stride);
    memcpy(stage[0].stride, partial.stride, (size_t)(kept_rank + 1) * sizeof *partial.stride);
    ts_view identity = {.kind = ts_view_splat, .value = r->identity};
    reduce_nest(r, stage, kept_rank + 1, &identity);
    ts_view last[2] = {ts_view_permute(&views[0], kept_rank + 1, (int[]){0, 1, 2, 3, 4, 5, 6, 7, 8}),
                       partial};
    reduction wide = *r;
    wide.dtype = ts_chip_dtype(type.dtype);
    return reduce_views(&wide, last, kept_rank, init);
}

static ts_status refuse(ts_lower *lower, ts_op_node *op, const char *what, const char *remedy) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "%s", what);
    ts_diag_remedy(lower->diag, "%s", remedy);
    return ts_unsupported;
}

ts_status ts_lower_reduce(ts_lower *lower, ts_op_node *op) {
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
    r.is_word = dtype == ts_dtype_i32 || dtype == ts_dtype_u32;
    soften_predicates(&r, dtype);
    bool is_wide = r.is_word || dtype == ts_dtype_i1 || ts_dtype_get(dtype)->kind == 'f';
    if (!is_wide || !find_identity(&r) || (ts_alu_kind(r.alu) == 'b' && !r.is_word))
        return refuse(lower, op, "a reduction of this type", "convert to f32 or a 32-bit integer first");
    ts_view input, init;
    TS_TRY(ts_lower_shifted_tensor(lower, op->operands[0], &input));
    TS_TRY(ts_lower_view(lower, op->operands[1], &init));
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

/* Verifier: rules of instructions that select, search, gather or fold along a row. */
#include "arch/verify_shape.h"

static ts_status need_dtype(ts_verifier *v, const char *field, const ts_ap *ap, bool is_right,
                            const char *what, const char *source) {
    if (is_right) return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s is %s, it must be %s (%s)", field, ts_dtype_get(ap->dtype)->name,
                            what, source);
}

static bool is_word(const ts_ap *ap) {
    return ts_ap_is_integer(ap) && ts_dtype_get(ap->dtype)->bytes == 4;
}

/* Checks that the accumulators can fold with the operator (ISA:1254,2515; OLD:1723). */
static ts_status check_fold(ts_verifier *v, const char *field, unsigned op) {
    bool is_right = op == ts_alu_add || op == ts_alu_subtract || op == ts_alu_multiply || op == ts_alu_max ||
                    op == ts_alu_min;
    if (is_right) return ts_ok;
    return ts_verify_refuse(v, ts_input,
                            "%s is %s, accumulators fold with add, subtract, multiply, max or min", field,
                            ts_alu_name(op));
}

static ts_status check_no_bits(ts_verifier *v, const char *field, unsigned op) {
    if (ts_alu_kind(op) != 'b') return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s is %s, which is bitwise: accumulators are fp32", field,
                            ts_alu_name(op));
}

static ts_status check_compare(ts_verifier *v, const char *field, unsigned op) {
    if (ts_alu_kind(op) == 'c') return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s is %s, which does not compare", field, ts_alu_name(op));
}

/* Checks the command of an instruction that has no initial value to load. */
static ts_status check_command(ts_verifier *v, unsigned cmd) {
    if (cmd != ts_cmd_load_reduce) return ts_ok;
    return ts_verify_refuse(v, ts_input, "reduce_cmd=load_reduce, but %s has no value to load",
                            ts_op_get(v->inst->op)->name);
}

static ts_status check_scalar_reduce(ts_verifier *v, const ts_inst_tensor_scalar_reduce *inst) {
    TS_TRY(check_no_bits(v, "op0", inst->op0));
    TS_TRY(check_fold(v, "reduce_op", inst->reduce_op));
    return ts_verify_elementwise(v);
}

static ts_status check_cumulative(ts_verifier *v, const ts_inst_tensor_scalar_cumulative *inst) {
    TS_TRY(check_no_bits(v, "op0", inst->op0));
    TS_TRY(check_fold(v, "op1", inst->op1));
    TS_TRY(need_dtype(v, "dst", &inst->dst, !is_word(&inst->dst), "no 32-bit integer", "ISA:1285"));
    TS_TRY(need_dtype(v, "src", &inst->src, !is_word(&inst->src), "no 32-bit integer", "ISA:1285"));
    if (!ts_cmd_folds(inst->reduce_cmd))
        return ts_verify_refuse(v, ts_input,
                                "reduce_cmd=%s: it begins with reset_reduce, reduce or load_reduce",
                                ts_cmd_name(inst->reduce_cmd));
    return ts_verify_elementwise(v);
}

static ts_status check_partition_reduce(ts_verifier *v, const ts_inst_tensor_partition_reduce *inst) {
    const ts_ap *dst = &inst->dst, *data = &inst->data;
    ts_operators found = {0};
    switch (inst->op) {
    case ts_alu_add:
    case ts_alu_average:
    case ts_alu_max:
    case ts_alu_bitwise_or:
    case ts_alu_bitwise_and: break;
    default:
        return ts_verify_refuse(
            v, ts_input,
            "op is %s, partitions reduce with add, average, max, bitwise_or or bitwise_and (ISA:1246)",
            ts_alu_name(inst->op));
    }
    TS_TRY(ts_verify_operators(v, &found));
    if (found.is_bits) TS_TRY(ts_verify_bits(v, "data", data, dst));
    if (dst->parts.max != 1 || dst->parts.is_ragged)
        return ts_verify_refuse(v, ts_input, "dst has %d partitions, the result one (ISA:1246)",
                                dst->parts.max);
    return ts_agree(v, ts_free_of("dst", dst, 0, dst->dims), ts_free_of("data", data, 0, data->dims));
}

static ts_status check_select_reduce(ts_verifier *v, const ts_inst_select_reduce *inst) {
    const ts_ap *predicate = &inst->predicate, *on_true = &inst->on_true;
    bool is_predicate = ts_ap_is_integer(predicate) && !is_word(predicate);
    TS_TRY(need_dtype(v, "predicate", predicate, is_predicate, "an integer of 8 or 16 bits", "ISA:2899"));
    bool is_value = !is_word(on_true) && on_true->dtype != ts_dtype_tf32;
    TS_TRY(need_dtype(v, "on_true", on_true, is_value, "no tf32 and no 32-bit integer", "ISA:2899"));
    TS_TRY(check_command(v, inst->reduce_cmd));
    return ts_verify_elementwise(v);
}

static ts_status check_range_select(ts_verifier *v, const ts_inst_range_select *inst) {
    bool is_float = ts_ap_is_float(&inst->on_true);
    TS_TRY(need_dtype(v, "on_true", &inst->on_true, is_float, "a float", "ISA:2819"));
    TS_TRY(check_compare(v, "comp_op0", inst->comp_op0));
    TS_TRY(check_compare(v, "comp_op1", inst->comp_op1));
    TS_TRY(check_command(v, inst->reduce_cmd));
    return ts_verify_elementwise(v);
}

/* ---- moving between partitions ---- */

static ts_status same_dtype(ts_verifier *v, const char *field, const ts_ap *ap, const ts_ap *dst) {
    if (ap->dtype == dst->dtype) return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s is %s and dst %s: %s moves bits", field,
                            ts_dtype_get(ap->dtype)->name, ts_dtype_get(dst->dtype)->name,
                            ts_op_get(v->inst->op)->name);
}

static ts_status fixed_partitions(ts_verifier *v, const char *field, const ts_ap *ap) {
    if (!ap->parts.is_ragged) return ts_ok;
    return ts_verify_refuse(v, ts_input, "the partitions of %s vary from trip to trip", field);
}

/* Checks a shuffle. The larger operand decides which start partitions both may have (ISA:2067-2081). */
static ts_status check_shuffle(ts_verifier *v, const ts_inst_nc_stream_shuffle *inst) {
    const ts_ap *dst = &inst->dst, *src = &inst->src;
    int32_t parts = dst->parts.max > src->parts.max ? dst->parts.max : src->parts.max;
    int unit = parts > 64 ? 128 : parts > 32 ? 64 : 32;
    TS_TRY(same_dtype(v, "src", src, dst));
    TS_TRY(fixed_partitions(v, "dst", dst));
    TS_TRY(fixed_partitions(v, "src", src));
    if (!ts_affine_is_multiple(v->program, &dst->part, unit) ||
        !ts_affine_is_multiple(v->program, &src->part, unit))
        return ts_verify_refuse(v, ts_input,
                                "with %d partitions dst and src start at a multiple of %d (ISA:2067-2081)",
                                parts, unit);
    for (int32_t part = 0; part < dst->parts.max; part++) {
        int32_t from = inst->shuffle_mask.from[part % TS_QUADRANT];
        if (from == TS_LANE_KEPT) continue;
        if (from >= TS_QUADRANT || part - part % TS_QUADRANT + from >= src->parts.max)
            return ts_verify_refuse(
                v, ts_input, "shuffle_mask takes partition %d of quadrant %d, src has %d partitions in all",
                from, part / TS_QUADRANT, src->parts.max);
    }
    return ts_agree(v, ts_free_of("dst", dst, 0, dst->dims), ts_free_of("src", src, 0, src->dims));
}

static ts_status check_local_gather(ts_verifier *v, const ts_inst_local_gather *inst) {
    const ts_ap *dst = &inst->dst, *src = &inst->src, *index = &inst->index;
    int32_t group = (int32_t)v->chip->gpsimd_core_partitions, each = inst->num_elem_per_idx;
    ts_extent columns = ts_free_of("index", index, 0, index->dims);
    TS_TRY(same_dtype(v, "src", src, dst));
    TS_TRY(fixed_partitions(v, "src", src));
    TS_TRY(need_dtype(v, "index", index, index->dtype == ts_dtype_u16, "u16", "ISA:1838"));
    if (src->parts.max % group != 0)
        return ts_verify_refuse(v, ts_input,
                                "src has %d partitions, no multiple of %d (chip.def gpsimd_core_partitions)",
                                src->parts.max, group);
    if (each < 1 || each > 32 || (each & (each - 1)) != 0)
        return ts_verify_refuse(v, ts_input, "num_elem_per_idx=%d, it is 1, 2, 4, 8, 16 or 32 (ISA:1838)",
                                each);
    if (inst->num_valid_indices < 1 || (double)inst->num_valid_indices > v->chip->max_gather_indices ||
        inst->num_valid_indices > group * ts_extent_max(&columns))
        return ts_verify_refuse(
            v, ts_input, "num_valid_indices=%lld: index has %lld, at most %.0f (chip.def max_gather_indices)",
            (long long)inst->num_valid_indices, (long long)(group * ts_extent_max(&columns)),
            v->chip->max_gather_indices);
    TS_TRY(ts_agree(v, ts_parts_of("index", index), ts_parts_of("src", src)));
    TS_TRY(ts_agree(v, ts_parts_of("dst", dst), ts_parts_of("src", src)));
    return ts_need_elems(v, "dst", dst, (int32_t)inst->num_valid_indices * each);
}

static ts_status check_n_gather(ts_verifier *v, const ts_inst_nc_n_gather *inst) {
    TS_TRY(same_dtype(v, "data", &inst->data, &inst->dst));
    TS_TRY(need_dtype(v, "indices", &inst->indices, inst->indices.dtype == ts_dtype_u32, "u32", "ISA:1891"));
    TS_TRY(ts_agree(v, ts_parts_of("data", &inst->data), ts_parts_of("dst", &inst->dst)));
    return ts_agree_shape(v, "dst", &inst->dst, "indices", &inst->indices);
}

static ts_status check_sequence(ts_verifier *v, const ts_inst_sequence_bounds *inst) {
    const ts_ap *dst = &inst->dst, *ids = &inst->segment_ids;
    static const ts_count two = {.max = 2};
    ts_extent pairs = ts_free_of("segment_ids", ids, 0, ids->dims);
    bool is_right = ids->dtype == ts_dtype_f32 || ids->dtype == ts_dtype_i32;
    TS_TRY(need_dtype(v, "segment_ids", ids, is_right, "f32 or i32", "ISA:2434"));
    is_right = dst->dtype == ts_dtype_f32 || dst->dtype == ts_dtype_i32;
    TS_TRY(need_dtype(v, "dst", dst, is_right, "f32 or i32", "ISA:2434"));
    if (ids->parts.max != 1 || dst->parts.max != 1 || ids->parts.is_ragged || dst->parts.is_ragged)
        return ts_verify_refuse(v, ts_input, "segment_ids and dst lie in one partition (ISA:2434)");
    pairs.count[pairs.counts++] = &two;
    pairs.what = "pairs of bounds";
    return ts_agree(v, ts_free_of("dst", dst, 0, dst->dims), pairs);
}

/* ---- searching, statistics, random numbers ---- */

static ts_status check_searched(ts_verifier *v, const char *field, const ts_ap *ap) {
    ts_extent columns = ts_free_of(field, ap, 0, ap->dims);
    int64_t most = ts_extent_max(&columns);
    if (most >= 8 && (double)most <= v->chip->max_search_elems) return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s has %lld free elements, 8 to %.0f (chip.def max_search_elems)",
                            field, (long long)most, v->chip->max_search_elems);
}

/* Checks the indices that a search writes. */
static ts_status check_found(ts_verifier *v, const char *field, const ts_ap *ap, const ts_ap *data) {
    bool is_right = ap->dtype == ts_dtype_u16 || ap->dtype == ts_dtype_u32;
    TS_TRY(need_dtype(v, field, ap, is_right, "u16 or u32", "ISA:3169"));
    TS_TRY(ts_agree(v, ts_parts_of(field, ap), ts_parts_of("data", data)));
    return ts_need_elems(v, field, ap, 8);
}

static ts_status check_find(ts_verifier *v, const ts_inst_nc_find_index8 *inst) {
    TS_TRY(check_searched(v, "data", &inst->data));
    TS_TRY(check_found(v, "dst", &inst->dst, &inst->data));
    TS_TRY(ts_agree(v, ts_parts_of("vals", &inst->vals), ts_parts_of("data", &inst->data)));
    return ts_need_elems(v, "vals", &inst->vals, 8);
}

static ts_status check_replace(ts_verifier *v, const ts_inst_nc_match_replace8 *inst) {
    TS_TRY(check_searched(v, "data", &inst->data));
    if (inst->dst_idx.space != ts_space_none) TS_TRY(check_found(v, "dst_idx", &inst->dst_idx, &inst->data));
    TS_TRY(ts_agree(v, ts_parts_of("vals", &inst->vals), ts_parts_of("data", &inst->data)));
    TS_TRY(ts_need_elems(v, "vals", &inst->vals, 8));
    return ts_agree_shape(v, "dst", &inst->dst, "data", &inst->data);
}

/* Checks that dst is one row of `count` results per partition. */
static ts_status check_row(ts_verifier *v, const ts_ap *dst, int32_t count, const char *field,
                           const ts_ap *data) {
    TS_TRY(ts_agree(v, ts_parts_of("dst", dst), ts_parts_of(field, data)));
    return ts_need_elems(v, "dst", dst, count);
}

static ts_status check_statistics(ts_verifier *v, const ts_inst_bn_stats *inst) {
    ts_extent columns = ts_free_of("data", &inst->data, 0, inst->data.dims);
    if ((double)ts_extent_max(&columns) > v->chip->max_bn_stats_elems)
        return ts_verify_refuse(v, ts_input,
                                "data has %lld free elements, at most %.0f (chip.def max_bn_stats_elems)",
                                (long long)ts_extent_max(&columns), v->chip->max_bn_stats_elems);
    return check_row(v, &inst->dst, 6, "data", &inst->data);
}

static ts_status check_aggregate(ts_verifier *v, const ts_inst_bn_aggr *inst) {
    ts_extent columns = ts_free_of("data", &inst->data, 0, inst->data.dims);
    if (ts_extent_max(&columns) % 3 != 0)
        return ts_verify_refuse(v, ts_input, "data has %lld free elements, no triples (ISA:1975)",
                                (long long)ts_extent_max(&columns));
    return check_row(v, &inst->dst, 2, "data", &inst->data);
}

static ts_status check_seed(ts_verifier *v, const ts_inst_set_rng_seed *inst) {
    const ts_ap *seeds = &inst->seeds;
    TS_TRY(need_dtype(v, "seeds", seeds, ts_dtype_get(seeds->dtype)->bytes == 4, "32 bits wide", "ISA:2153"));
    if (seeds->parts.max != 1 || seeds->parts.is_ragged)
        return ts_verify_refuse(v, ts_input, "seeds is one element (ISA:2153)");
    return ts_need_elems(v, "seeds", seeds, 1);
}

static ts_status check_dropout(ts_verifier *v, const ts_inst_dropout *inst) {
    const ts_scalar *prob = &inst->prob;
    TS_TRY(same_dtype(v, "data", &inst->data, &inst->dst));
    TS_TRY(ts_agree_shape(v, "dst", &inst->dst, "data", &inst->data));
    if (!prob->is_ap) return ts_ok;
    bool is_right = ts_ap_is_float(&inst->data) ? ts_ap_is_float(&prob->ap) : prob->ap.dtype == ts_dtype_f32;
    TS_TRY(need_dtype(v, "prob", &prob->ap, is_right, "f32, or any float where data is a float", "ISA:2123"));
    return ts_verify_column(v, "prob", &prob->ap, &inst->dst);
}

static ts_status check_rng(ts_verifier *v, const ts_inst_rng *inst) {
    return need_dtype(v, "dst", &inst->dst, ts_ap_is_integer(&inst->dst), "an integer", "ISA:2087");
}

static ts_status fixed_elems(ts_verifier *v, const char *field, const ts_ap *ap) {
    for (int i = 0; i < ap->dims; i++)
        if (ap->dim[i].count.is_ragged)
            return ts_verify_refuse(v, ts_input, "the elements of %s vary from trip to trip", field);
    return ts_ok;
}

static ts_status check_nonzero(ts_verifier *v, const ts_inst_nonzero_with_count *inst) {
    const ts_ap *dst = &inst->dst, *src = &inst->src;
    bool is_right = src->dtype == ts_dtype_f32 || src->dtype == ts_dtype_i32;
    TS_TRY(ts_need_space(v, "src", src, ts_space_sbuf, "ISA:3221"));
    TS_TRY(ts_need_space(v, "dst", dst, ts_space_sbuf, "ISA:3221"));
    TS_TRY(need_dtype(v, "src", src, is_right, "f32 or i32", "ISA:3221"));
    TS_TRY(need_dtype(v, "dst", dst, dst->dtype == ts_dtype_i32, "i32", "ISA:3221"));
    TS_TRY(ts_agree(v, ts_parts_of("dst", dst), ts_parts_of("src", src)));
    TS_TRY(fixed_elems(v, "src", src));
    int64_t n = 1;
    for (int i = 0; i < src->dims; i++)
        n *= src->dim[i].count.max;
    return ts_need_elems(v, "dst", dst, (int32_t)n + 1);
}

ts_status ts_verify_row(ts_verifier *v) {
    const void *inst = v->inst;
    switch (v->inst->op) {
    case ts_op_activation:
        TS_TRY(check_command(v, ((const ts_inst_activation *)inst)->reduce_cmd));
        return ts_verify_elementwise(v);
    case ts_op_tensor_scalar_reduce: return check_scalar_reduce(v, inst);
    case ts_op_tensor_scalar_cumulative: return check_cumulative(v, inst);
    case ts_op_tensor_partition_reduce: return check_partition_reduce(v, inst);
    case ts_op_affine_select:
        TS_TRY(check_compare(v, "cmp_op", ((const ts_inst_affine_select *)inst)->cmp_op));
        return ts_verify_elementwise(v);
    case ts_op_select_reduce: return check_select_reduce(v, inst);
    case ts_op_range_select: return check_range_select(v, inst);
    case ts_op_nc_stream_shuffle: return check_shuffle(v, inst);
    case ts_op_local_gather: return check_local_gather(v, inst);
    case ts_op_nc_n_gather: return check_n_gather(v, inst);
    case ts_op_nonzero_with_count: return check_nonzero(v, inst);
    case ts_op_sequence_bounds: return check_sequence(v, inst);
    case ts_op_max8: {
        const ts_inst_max8 *max8 = inst;
        TS_TRY(check_searched(v, "src", &max8->src));
        return check_row(v, &max8->dst, 8, "src", &max8->src);
    }
    case ts_op_nc_find_index8: return check_find(v, inst);
    case ts_op_nc_match_replace8: return check_replace(v, inst);
    case ts_op_bn_stats: return check_statistics(v, inst);
    case ts_op_bn_aggr: return check_aggregate(v, inst);
    case ts_op_rng: return check_rng(v, inst);
    case ts_op_set_rng_seed: return check_seed(v, inst);
    case ts_op_dropout: return check_dropout(v, inst);
    default: return ts_verify_elementwise(v);
    }
}

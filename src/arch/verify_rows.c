/* Verifier: rules of instructions that select, search, gather and fold along a row. */
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

/* Operators that the accumulators fold with (ISA:1254,2515; OLD:1723). */
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

/* Commands of instructions that have no value to load. */
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
    default: return ts_verify_elementwise(v);
    }
}

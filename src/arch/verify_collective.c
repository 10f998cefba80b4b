/* Verifier: collectives. They move contiguous runs of HBM between the ranks of groups that a constant
   names. */
#include <string.h>

#include "arch/verify_shape.h"

#define SOURCE "neuron-runtime/about/collectives.rst"

/* Checks that every rank occurs at most once; in pairs, at most once as a source and once as a target. */
static ts_status check_members(ts_verifier *v, const int32_t *ranks, int64_t rows, int64_t size,
                               bool is_pairs) {
    bool is_seen[2][TS_MAX_RANKS] = {{false}};
    for (int64_t i = 0; i < rows * size; i++) {
        int side = is_pairs ? (int)(i % 2) : 0;
        if (ranks[i] < 0 || (uint32_t)ranks[i] >= v->program->ranks)
            return ts_verify_refuse(v, ts_input, "groups names rank %d, the program has %u", ranks[i],
                                    v->program->ranks);
        if (is_seen[side][ranks[i]])
            return ts_verify_refuse(v, ts_input, "groups names rank %d twice", ranks[i]);
        is_seen[side][ranks[i]] = true;
    }
    return ts_ok;
}

/* Checks the constant's shape, and its values if the program has them already. *size: ranks in a row. */
static ts_status check_groups(ts_verifier *v, const ts_inst_collective *inst, int64_t *size) {
    const ts_ap *ap = &inst->groups;
    TS_TRY(ts_need_space(v, "groups", ap, ts_space_hbm, SOURCE));
    const ts_tensor *tensor = &v->program->tensors.data[ap->tensor];
    int64_t elems;
    TS_TRY(ts_verify_run(v, "groups", ap, SOURCE, &elems));
    bool is_pairs = inst->kind == ts_cc_permute;
    if (tensor->kind != ts_tensor_constant || tensor->dtype != ts_dtype_i32 || ap->dtype != ts_dtype_i32 ||
        tensor->rank != 2 || elems != tensor->dim[0] * tensor->dim[1] ||
        !ts_affine_is_constant(&ap->offset) || ap->offset.base != 0)
        return ts_verify_refuse(v, ts_input,
                                "groups is not the whole of a constant i32[rows, ranks of a row]");
    if (is_pairs && tensor->dim[1] != 2)
        return ts_verify_refuse(v, ts_input, "groups has rows of %lld, a permute takes pairs",
                                (long long)tensor->dim[1]);
    *size = tensor->dim[1];
    return tensor->data ? check_members(v, tensor->data, tensor->dim[0], *size, is_pairs) : ts_ok;
}

/* Checks that there is a datapath for the operator and type: integers, 64-bit ones included, for bitwise
   operators, and no sums of predicates. */
static ts_status check_op(ts_verifier *v, unsigned op, ts_dtype dtype) {
    TS_TRY(ts_verify_reduce_op(v, op));
    const ts_dtype_info *type = ts_dtype_get(dtype);
    const bool is_sum = op == ts_alu_add || op == ts_alu_subtract, is_of_bits = ts_alu_kind(op) == 'b';
    const bool is_wide = dtype == ts_dtype_i64 || dtype == ts_dtype_u64;
    if ((type->native || is_wide || dtype == ts_dtype_f8e4m3fn) && !(type->kind == 'f' && is_of_bits) &&
        !(type->kind == 'b' && is_sum))
        return ts_ok;
    return ts_verify_refuse(v, ts_input, "%s of %s: no datapath", ts_alu_name(op), type->name);
}

/* Checks that the destination is the source itself, in place, or does not overlap it. */
static ts_status check_apart(ts_verifier *v, const ts_inst_collective *inst) {
    const ts_ap *dst = &inst->dst, *src = &inst->src;
    if (ts_tensor_place(v->program, dst->tensor) != ts_tensor_place(v->program, src->tensor)) return ts_ok;
    ts_affine from = src->offset;
    from.base = dst->offset.base;
    const bool is_fixed = ts_affine_same(v->program, &from, &dst->offset);
    const int64_t ahead = dst->offset.base - src->offset.base;
    if (is_fixed && (ahead >= src->dim[0].count.max || -ahead >= dst->dim[0].count.max)) return ts_ok;
    if (is_fixed && ahead == 0 && dst->dim[0].count.max == src->dim[0].count.max) return ts_ok;
    return ts_verify_refuse(v, ts_input, "dst and src share memory of tensor '%s'",
                            v->program->tensors.data[dst->tensor].name);
}

ts_status ts_verify_collective(ts_verifier *v, const ts_inst_collective *inst) {
    int64_t to, from, size = 1;
    TS_TRY(ts_verify_run(v, "dst", &inst->dst, SOURCE, &to));
    TS_TRY(ts_verify_run(v, "src", &inst->src, SOURCE, &from));
    TS_TRY(check_groups(v, inst, &size));
    if (inst->dst.dtype != inst->src.dtype)
        return ts_verify_refuse(v, ts_input, "dst is %s, src %s: a collective does not cast",
                                ts_dtype_get(inst->dst.dtype)->name, ts_dtype_get(inst->src.dtype)->name);
    bool is_joined = inst->kind == ts_cc_all_reduce || inst->kind == ts_cc_reduce_scatter;
    if (is_joined)
        TS_TRY(check_op(v, inst->op, inst->src.dtype));
    else if (inst->op != ts_alu_bypass)
        return ts_verify_refuse(v, ts_input, "%s has no operator", ts_cc_name(inst->kind));
    if (inst->kind == ts_cc_reduce_scatter) to *= size;
    if (inst->kind == ts_cc_all_gather) from *= size;
    if (to != from)
        return ts_verify_refuse(
            v, ts_input, "%s of %lld elements by groups of %lld leaves %lld, dst has %lld",
            ts_cc_name(inst->kind), (long long)inst->src.dim[0].count.max, (long long)size,
            (long long)(inst->kind == ts_cc_reduce_scatter ? from / size : from),
            (long long)inst->dst.dim[0].count.max);
    if (inst->kind == ts_cc_all_to_all && to % size != 0)
        return ts_verify_refuse(v, ts_input, "%lld elements do not divide into %lld parts", (long long)to,
                                (long long)size);
    return check_apart(v, inst);
}

/* The custom call ApproxTopK, as jax.lax.approx_max_k and approx_min_k issue it. It is computed exactly, by
   the sort that its comparator describes; after inlining, the comparator is its region. */
#include <string.h>

#include "compiler/rewrite/expand.h"

/* Whether the call has the expected form: arrays, then for each a number that sorts after all others. */
static bool is_wanted(const ts_op_node *op, int64_t *axis) {
    uint32_t count = op->result_count;
    const ts_attr *config = ts_op_attr(op, "mhlo.backend_config");
    if (count == 0 || op->operand_count != 2 * count || op->region_count != 1 || !op->regions[0] ||
        op->regions[0]->arg_count != 2 * count || !config || config->kind != ts_attr_dict)
        return false;
    const ts_type *type = &op->operands[0]->type;
    *axis = -1;
    for (uint32_t i = 0; i < config->count; i++)
        if (strcmp(config->dict[i].name, "reduction_dim") == 0 && config->dict[i].value->kind == ts_attr_int)
            *axis = config->dict[i].value->integer;
    if (*axis < 0 || *axis >= type->rank) return false;
    for (uint32_t i = 0; i < count; i++) {
        ts_type shorter = op->operands[i]->type;
        if (shorter.rank != type->rank || memcmp(shorter.dim, type->dim, sizeof shorter.dim) != 0)
            return false;
        shorter.dim[*axis] = op->results[i]->type.dim[*axis];
        if (shorter.dim[*axis] > type->dim[*axis] || !ts_type_equal(&shorter, &op->results[i]->type))
            return false;
    }
    return true;
}

ts_status ts_expand_top(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    (void)diag;
    int64_t axis;
    if (op->kind != ts_hlo_custom_call || strcmp(ts_op_string(op, "call_target_name"), "ApproxTopK") != 0 ||
        !is_wanted(op, &axis))
        return ts_ok;
    ts_type *types = TS_NEW_ARRAY(&make->module->arena, ts_type, op->result_count);
    for (uint32_t i = 0; i < op->result_count; i++)
        types[i] = op->operands[i]->type;
    ts_named_attr dimension = {"dimension", ts_make_integer(make, axis)};
    ts_op_node *sort = ts_op_new(make->module, make->func, ts_hlo_sort, op->loc, op->result_count,
                                 op->operands, op->result_count, types, 1, &dimension, 1);
    sort->regions[0] = op->regions[0];
    ts_vec_push(&make->block->ops, &make->module->arena, sort);
    const int64_t start[TS_MAX_RANK] = {0};
    for (uint32_t i = 0; i < op->result_count; i++)
        op->results[i]->note = ts_make_slice(make, sort->results[i], start, op->results[i]->type.dim);
    return ts_ok;
}

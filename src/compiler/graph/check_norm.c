/* Checks of batch_norm_training, batch_norm_inference and batch_norm_grad. */
#include "compiler/graph/graph_check.h"

ts_status ts_check_norm(const ts_check *check) {
    static const char *const words[] = {"operand", "scale", "third operand", "fourth operand",
                                        "fifth operand"};
    static const char *const results[] = {"result", "second result", "third result"};
    const ts_op_node *op = check->op;
    const ts_type *whole = &op->operands[0]->type;
    const bool is_gradient = op->kind == ts_hlo_batch_norm_grad;
    const uint32_t count = op->kind == ts_hlo_batch_norm_inference ? 1 : 3;
    const ts_attr *epsilon = ts_op_attr(op, "epsilon");
    int64_t axis = -1;
    if (op->result_count != count) return ts_check_fail(check, "must have %u results", count);
    if (ts_dtype_get(whole->dtype)->kind != 'f') return ts_check_fail(check, "operand must be of floats");
    if (!epsilon || epsilon->kind != ts_attr_float) return ts_check_fail(check, "epsilon must be a number");
    TS_TRY(ts_check_axis(check, "feature_index", whole->rank, &axis));
    ts_type feature = *whole;
    feature.rank = 1;
    feature.dim[0] = whole->dim[axis];
    for (uint32_t i = 1; i < op->operand_count; i++)
        TS_TRY(
            ts_check_same(check, &op->operands[i]->type, is_gradient && i == 4 ? whole : &feature, words[i]));
    for (uint32_t i = 0; i < count; i++)
        TS_TRY(ts_check_same(check, &op->results[i]->type, i == 0 ? whole : &feature, results[i]));
    return ts_ok;
}

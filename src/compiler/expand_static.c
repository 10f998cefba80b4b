/* What one device and static shapes decide: sizes of dimensions, who this device is, and collectives, which
   have nobody else to exchange with. */
#include "compiler/expand.h"

/* Groups name processes; a program for one device has one group of one. */
static bool is_alone(const ts_op_node *op) {
    int64_t groups[2];
    int count;
    return ts_op_ints(op, "replica_groups", groups, 2, &count) && count == 1;
}

/* collective_permute: the only pair that there can be. Without it nothing is received, which gives zeros. */
static bool sends_to_itself(const ts_op_node *op) {
    int64_t pairs[2 * TS_MAX_RANK];
    int count;
    return ts_op_ints(op, "source_target_pairs", pairs, 2 * TS_MAX_RANK, &count) && count == 2;
}

static void pass_through(ts_op_node *op) {
    if (op->operand_count != op->result_count) return;
    for (uint32_t i = 0; i < op->result_count; i++)
        if (!ts_type_equal(&op->operands[i]->type, &op->results[i]->type)) return;
    for (uint32_t i = 0; i < op->result_count; i++)
        op->results[i]->note = op->operands[i];
}

/* A function that returns several values as one, as PyTorch/XLA's loops call them, has been inlined. */
static void take_element(ts_op_node *op) {
    const ts_op_node *tuple = op->operands[0]->def;
    int64_t index = ts_op_int(op, "index", -1);
    if (!tuple || tuple->kind != ts_hlo_tuple || index < 0 || index >= tuple->operand_count) return;
    if (ts_type_equal(&tuple->operands[index]->type, &op->results[0]->type))
        op->results[0]->note = tuple->operands[index];
}

ts_status ts_expand_static(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    (void)diag;
    int64_t axis = ts_op_int(op, "dimension", 0);
    switch (op->kind) {
    case ts_hlo_get_dimension_size:
        if (axis >= 0 && axis < op->operands[0]->type.rank && op->operands[0]->type.dim[axis] >= 0)
            op->results[0]->note =
                ts_make_number(make, &op->results[0]->type, (uint64_t)op->operands[0]->type.dim[axis]);
        break;
    case ts_hlo_get_tuple_element: take_element(op); break;
    case ts_hlo_partition_id:
    case ts_hlo_replica_id: op->results[0]->note = ts_make_number(make, &op->results[0]->type, 0); break;
    case ts_hlo_all_gather:
    case ts_hlo_all_reduce:
    case ts_hlo_all_to_all:
    case ts_hlo_collective_broadcast:
    case ts_hlo_reduce_scatter:
        if (is_alone(op)) pass_through(op);
        break;
    case ts_hlo_collective_permute:
        if (sends_to_itself(op)) pass_through(op);
        break;
    default: break;
    }
    return ts_ok;
}

/* What is known statically: sizes of dimensions, and elements of tuples. */
#include "compiler/rewrite/expand.h"

/* An element of a tuple that an inlined function returned. PyTorch/XLA's loops call functions that return
   their values as a tuple. */
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
    default: break;
    }
    return ts_ok;
}

/* The floating-point operations that the user's program asks of TensorE: the basis of model FLOPs utilisation
   (MFU). */
#include "compiler/passes.h"

static uint64_t dot_flops(const ts_op_node *op) {
    int64_t dims[TS_MAX_RANK], depth = 1;
    int count = 0;
    const ts_type *lhs = &op->operands[0]->type;
    ts_op_ints(op, "lhs_contracting_dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        if (dims[i] >= 0 && dims[i] < lhs->rank) depth *= lhs->dim[dims[i]];
    return 2 * (uint64_t)depth * (uint64_t)ts_type_elems(&op->results[0]->type);
}

static uint64_t convolution_flops(const ts_op_node *op) {
    const ts_type *kernel = &op->operands[1]->type;
    int64_t features = ts_op_int(op, "kernel_output_feature_dimension", 0), depth = 1;
    for (int i = 0; i < kernel->rank; i++)
        if (i != features) depth *= kernel->dim[i];
    return 2 * (uint64_t)depth * (uint64_t)ts_type_elems(&op->results[0]->type);
}

uint64_t ts_op_flops(const ts_op_node *op) {
    if (op->kind == ts_hlo_dot_general) return dot_flops(op);
    return op->kind == ts_hlo_convolution ? convolution_flops(op) : 0;
}

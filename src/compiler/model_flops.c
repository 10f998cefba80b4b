/* What the user's program asks of the PE: the figure that utilisation is measured against. */
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

static uint64_t block_flops(const ts_block *block) {
    uint64_t flops = 0;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        if (op->kind == ts_hlo_dot_general) flops += dot_flops(op);
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) flops += block_flops(op->regions[j]);
    }
    return flops;
}

uint64_t ts_model_flops(const ts_func *func) {
    return block_flops(func->body);
}

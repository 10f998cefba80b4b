/* Pass: shortens a sort of which only the first elements of each line are read, as top_k asks for it, to
   results of that length. Lowering then need not order the rest. */
#include <string.h>

#include "compiler/passes.h"

/* In the note of a sort's result: how many elements along the sort axis are read. */
typedef struct reach {
    int axis;
    int64_t most;
} reach;

static int sort_axis(const ts_op_node *op) {
    int64_t axis = ts_op_int(op, "dimension", -1);
    return (int)(axis < 0 ? axis + op->operands[0]->type.rank : axis);
}

static void note_reach(const ts_op_node *op, ts_value *value) {
    reach *r = value->note;
    int64_t limits[TS_MAX_RANK], whole = value->type.dim[r->axis];
    int count = 0;
    bool is_slice = op->kind == ts_hlo_slice && ts_op_ints(op, "limit_indices", limits, TS_MAX_RANK, &count);
    int64_t most = is_slice && r->axis < count ? limits[r->axis] : whole;
    if (most > r->most) r->most = most;
}

/* A sort comes before its readers, so one walk sees both. */
static void measure(ts_module *module, const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->operand_count; j++)
            if (op->operands[j]->note) note_reach(op, op->operands[j]);
        for (uint32_t j = 0; j < op->result_count && op->kind == ts_hlo_sort; j++) {
            if (op->results[j]->type.rank == 0) continue;
            reach *r = TS_NEW(&module->arena, reach);
            *r = (reach){.axis = sort_axis(op), .most = 1};
            op->results[j]->note = r;
        }
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j] && op->kind != ts_hlo_sort) measure(module, op->regions[j]);
    }
}

static void shorten(const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        int64_t most = 1;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j] && op->kind != ts_hlo_sort) shorten(op->regions[j]);
        for (uint32_t j = 0; j < op->result_count && op->results[j]->note; j++)
            if (((reach *)op->results[j]->note)->most > most) most = ((reach *)op->results[j]->note)->most;
        for (uint32_t j = 0; j < op->result_count && op->results[j]->note; j++) {
            int64_t *dim = &op->results[j]->type.dim[((reach *)op->results[j]->note)->axis];
            if (most < *dim) *dim = most;
        }
    }
}

ts_status ts_sort_first(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    ts_block_clear_notes(main->body);
    measure(module, main->body);
    shorten(main->body);
    ts_block_clear_notes(main->body);
    return ts_ok;
}

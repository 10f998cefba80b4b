/* Pass: splits a sum of a pointwise op's result that leaves few elements into sums of rows and a sum of
   those: a sum over all elements, as norms and losses take it, or one that leaves an element for each channel
   of images. The row sums can join the loop nest that computes the elements, which then need not be stored.
 */
#include <string.h>

#include "compiler/graph/graph_make.h"
#include "compiler/lower/lower.h"
#include "compiler/passes.h"

enum { FEWEST_ELEMS = 1 << 15, ROWS = 128, FEWEST_ROWS = 32 };
/* A sum that keeps so many rows is left alone: the rows fill half of the partitions. */
enum { ENOUGH_KEPT = 64 };

/* The number of leading axes that a sum keeps; -1: it sums over others than the last ones. */
static int kept_axes(const ts_op_node *op) {
    const int rank = op->operands[0]->type.rank, kept = op->results[0]->type.rank;
    int64_t dims[TS_MAX_RANK];
    int count;
    ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        if (dims[i] < kept) return -1;
    return count == rank - kept ? kept : -1;
}

/* The number of leading axes that form rows: as few as fill the partitions. 0 = leave the sum alone. */
static int row_axes(const ts_op_node *op) {
    ts_alu alu;
    if (op->kind != ts_hlo_reduce || op->operand_count != 2 || !ts_region_alu(op->regions[0], &alu) ||
        alu != ts_alu_add)
        return 0;
    const ts_op_node *def = op->operands[0]->def;
    const ts_type *type = &op->operands[0]->type;
    const int kept = kept_axes(op);
    if (kept < 0 || type->dtype != ts_dtype_f32 || ts_type_elems(type) < FEWEST_ELEMS || !def ||
        !ts_hlo_is_pointwise(def->kind))
        return 0;
    int64_t rows = 1;
    int axes = 0;
    while (axes < kept)
        rows *= type->dim[axes++];
    if (rows >= ENOUGH_KEPT) return 0;
    while (axes + 1 < type->rank && rows < ROWS)
        rows *= type->dim[axes++];
    return axes > kept && rows >= FEWEST_ROWS && rows < ts_type_elems(type) ? axes : 0;
}

static void split(ts_module *module, ts_func *main, ts_block *block) {
    ts_block out = {0};
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) split(module, main, op->regions[j]);
        int axes = row_axes(op);
        if (axes > 0) {
            ts_maker make = {.module = module, .func = main, .block = &out, .loc = op->loc};
            int64_t dims[TS_MAX_RANK];
            const int kept = op->results[0]->type.rank;
            for (int axis = kept; axis < axes; axis++)
                dims[axis - kept] = axis;
            op->operands[0] = ts_make_sum(&make, op->operands[0], axes, op->operands[0]->type.rank - axes);
            for (uint32_t j = 0; j < op->attr_count; j++)
                if (strcmp(op->attrs[j].name, "dimensions") == 0)
                    op->attrs[j].value = ts_make_ints(&make, axes - kept, dims);
        }
        ts_vec_push(&out.ops, &module->arena, op);
    }
    ts_block_take_ops(block, &out);
}

ts_status ts_sum_rows(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    split(module, main, main->body);
    return ts_ok;
}

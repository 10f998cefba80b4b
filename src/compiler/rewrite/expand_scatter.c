/* scatter by a function that is not a single operator of the engines, such as x.at[i].apply(f). Where no
   element is updated twice, the old elements are gathered, the function is applied to all of them at once,
   and the result is scattered in their place. The scatter drops windows that are out of bounds, whatever was
   gathered for them. */
#include "compiler/lower/lower_scatter.h"
#include "compiler/rewrite/expand.h"
#include "compiler/rewrite/lift.h"

static int64_t start_count(const ts_op_node *op) {
    const ts_type *indices = &op->operands[1]->type;
    int64_t axis = ts_op_int(op, "index_vector_dim", 0);
    int64_t elems = ts_type_elems(indices);
    return axis < indices->rank && elems > 0 ? elems / indices->dim[axis] : elems;
}

/* Gathers the windows that the scatter would write, in the shape of the updates. */
static ts_value *gather_windows(ts_maker *m, const ts_op_node *op) {
    int64_t window[TS_MAX_RANK], inserted[TS_MAX_RANK], batching[TS_MAX_RANK], index_batching[TS_MAX_RANK];
    int64_t map[TS_MAX_RANK], sizes[TS_MAX_RANK];
    const ts_type *into = &op->operands[0]->type, *updates = &op->operands[2]->type;
    int windows = ts_index_dims(op, "update_window_dims", window), next = 0;
    int inserteds = ts_index_dims(op, "inserted_window_dims", inserted);
    int batches = ts_index_dims(op, "input_batching_dims", batching);
    int maps = ts_index_dims(op, "scatter_dims_to_operand_dims", map);
    ts_index_dims(op, "scatter_indices_batching_dims", index_batching);
    for (int axis = 0; axis < into->rank; axis++) {
        bool is_one = ts_index_has(inserted, inserteds, axis) || ts_index_has(batching, batches, axis);
        sizes[axis] = is_one ? 1 : updates->dim[window[next++]];
    }
    ts_named_attr named[] = {{"offset_dims", ts_make_ints(m, windows, window)},
                             {"collapsed_slice_dims", ts_make_ints(m, inserteds, inserted)},
                             {"operand_batching_dims", ts_make_ints(m, batches, batching)},
                             {"start_indices_batching_dims", ts_make_ints(m, batches, index_batching)},
                             {"start_index_map", ts_make_ints(m, maps, map)},
                             {"index_vector_dim", ts_make_integer(m, ts_op_int(op, "index_vector_dim", 0))},
                             {"slice_sizes", ts_make_ints(m, into->rank, sizes)}};
    ts_op_node *made = ts_op_new(m->module, m->func, ts_hlo_gather, m->loc, 2, op->operands, 1, updates,
                                 sizeof named / sizeof *named, named, 0);
    ts_vec_push(&m->block->ops, &m->module->arena, made);
    return made->results[0];
}

void ts_scatter_once(ts_maker *make, ts_op_node *op) {
    const ts_block *region = op->regions[0];
    bool is_once = ts_op_bool(op, "unique_indices", false) || start_count(op) == 1;
    if (!is_once || !ts_can_lift(region) || ts_block_last(region)->operand_count != 1) return;
    if (ts_type_elems(&op->operands[2]->type) == 0) {
        op->results[0]->note = op->operands[0];
        return;
    }
    ts_value *args[2] = {gather_windows(make, op), op->operands[2]}, *joined;
    ts_lift(make, region, args, &op->operands[2]->type, &joined);
    op->results[0]->note = ts_make_scatter(make, op, ts_hlo_return, op->operands[0], joined);
}

ts_status ts_expand_scatter(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    ts_alu alu;
    (void)diag;
    if (op->kind != ts_hlo_scatter || op->operand_count != 3 || ts_scatter_alu(op, &alu)) return ts_ok;
    ts_scatter_once(make, op);
    return ts_ok;
}

/* gather: rows of the operand at clamped start indices, by indirect DMA. */
#include "compiler/lower/lower_index.h"

#include <string.h>

typedef struct dims {
    int64_t list[TS_MAX_RANK];
    int count;
} dims;

static dims read_dims(const ts_op_node *op, const char *name) {
    dims d = {0};
    d.count = ts_index_dims(op, name, d.list);
    return d;
}

static bool has(const dims *d, int64_t dim) {
    return ts_index_has(d->list, d->count, dim);
}

/* Sets the strides over the result's axes: offset axes walk the operand's window; batch axes walk the start
   indices and the operand's batching axes. */
static void lay_out(ts_indexed *x, const ts_op_node *op, const ts_view *operand, const ts_view *index) {
    dims offset = read_dims(op, "offset_dims"), collapsed = read_dims(op, "collapsed_slice_dims");
    dims batching = read_dims(op, "operand_batching_dims");
    dims index_batching = read_dims(op, "start_indices_batching_dims");
    int64_t vector_axis = ts_op_int(op, "index_vector_dim", 0);
    ts_view *from = &x->view[TS_INDEXED], *starts = &x->view[TS_INDEX];
    int window = 0, batch = 0;
    for (int i = 0; i < x->view[TS_PLAIN].rank; i++) {
        from->dim[i] = starts->dim[i] = x->view[TS_PLAIN].dim[i];
        from->stride[i] = starts->stride[i] = 0;
        if (has(&offset, i)) {
            while (has(&collapsed, window) || has(&batching, window))
                window++;
            from->stride[i] = operand->stride[window++];
            continue;
        }
        starts->stride[i] = index->stride[batch];
        for (int k = 0; k < batching.count; k++)
            if (index_batching.list[k] - (index_batching.list[k] > vector_axis) == batch)
                from->stride[i] += operand->stride[batching.list[k]];
        batch++;
    }
}

ts_status ts_lower_gather(ts_lower *lower, ts_op_node *op) {
    ts_indexed x = {.lower = lower};
    ts_lowered *result = op->results[0]->note;
    const ts_type *type = &op->results[0]->type;
    ts_view operand, index;
    dims map = read_dims(op, "start_index_map"), sizes = read_dims(op, "slice_sizes");
    TS_TRY(ts_lower_view(lower, op->operands[0], &operand));
    if (operand.kind == ts_view_splat) {
        result->view = ts_view_of_splat(operand.dtype, operand.value, type);
        result->has_view = true;
        return ts_ok;
    }
    TS_TRY(ts_lower_tensor(lower, op->operands[0], &operand));
    TS_TRY(ts_lower_tensor(lower, op->operands[1], &index));
    ts_lower_result(lower, op->results[0]);
    if (ts_type_elems(type) == 0) return ts_ok;
    ts_starts_of_view(&x, &index, (int)ts_op_int(op, "index_vector_dim", 0));
    if (x.start_count != map.count || sizes.count != operand.rank)
        return ts_op_fail(lower->module, op, lower->diag, ts_input,
                          "start_index_map does not match the indices");
    for (int k = 0; k < map.count; k++) {
        x.start[k].limit = operand.dim[map.list[k]] - sizes.list[map.list[k]];
        x.start[k].stride = operand.stride[map.list[k]];
    }
    x.view[TS_PLAIN] = result->view;
    x.view[TS_INDEXED] = operand;
    x.view[TS_INDEX] = index;
    x.view[TS_INDEXED].rank = x.view[TS_INDEX].rank = result->view.rank;
    lay_out(&x, op, &operand, &index);
    return ts_indexed_load(&x, op);
}

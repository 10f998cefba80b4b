/* dynamic_slice and dynamic_update_slice: a window at clamped start indices. Starts that are known numbers
   are offsets of a view; the rest drive indirect DMA. */
#include "compiler/lower_index.h"

#include <string.h>

/* Adds the start indices (operands from `first` on) of a window of x->view[TS_PLAIN] in `whole`; leaves in
   x->view[TS_INDEXED] the window with the known starts applied. */
static ts_status read_starts(ts_indexed *x, const ts_op_node *op, uint32_t first, const ts_view *whole) {
    ts_view *window = &x->view[TS_INDEXED];
    *window = *whole;
    memcpy(window->dim, x->view[TS_PLAIN].dim, sizeof window->dim);
    x->view[TS_INDEX] = (ts_view){.kind = ts_view_tensor, .dtype = ts_dtype_i32, .rank = window->rank};
    memcpy(x->view[TS_INDEX].dim, window->dim, sizeof window->dim);
    if (op->operand_count != first + whole->rank)
        return ts_op_fail(x->lower->module, op, x->lower->diag, ts_input,
                          "one start index an axis is needed");
    for (int i = 0; i < whole->rank; i++) {
        ts_value *value = op->operands[first + (uint32_t)i];
        int64_t limit = whole->dim[i] - window->dim[i];
        ts_view start;
        TS_TRY(ts_lower_view(x->lower, value, &start));
        if (limit <= 0) continue;
        if (start.kind != ts_view_tensor) {
            double number = start.kind == ts_view_splat ? start.value : (double)start.offset;
            int64_t at = number < 0 ? 0 : number > (double)limit ? limit : (int64_t)number;
            window->offset += at * window->stride[i];
            continue;
        }
        x->start[x->start_count++] = (ts_start){.tensor = start.tensor,
                                                .dtype = start.dtype,
                                                .offset = start.offset,
                                                .limit = limit,
                                                .stride = whole->stride[i]};
    }
    return ts_ok;
}

ts_status ts_lower_dynamic_slice(ts_lower *lower, ts_op_node *op) {
    ts_indexed x = {.lower = lower};
    ts_lowered *result = op->results[0]->note;
    const ts_type *type = &op->results[0]->type;
    ts_view operand;
    TS_TRY(ts_lower_view(lower, op->operands[0], &operand));
    x.view[TS_PLAIN] = ts_view_of_splat(operand.dtype, operand.value, type);
    TS_TRY(read_starts(&x, op, 1, &operand));
    if (operand.kind == ts_view_splat || x.start_count == 0) {
        result->view = x.view[TS_INDEXED];
        result->has_view = true;
        return ts_ok;
    }
    if (operand.kind != ts_view_tensor) {
        TS_TRY(ts_lower_tensor(lower, op->operands[0], &operand));
        x.start_count = 0;
        TS_TRY(read_starts(&x, op, 1, &operand));
    }
    ts_lower_result(lower, op->results[0]);
    x.view[TS_PLAIN] = result->view;
    if (ts_type_elems(type) == 0) return ts_ok;
    return ts_indexed_load(&x, op);
}

ts_status ts_lower_dynamic_update_slice(ts_lower *lower, ts_op_node *op) {
    ts_indexed x = {.lower = lower};
    ts_view operand, update, whole;
    TS_TRY(ts_lower_view(lower, op->operands[0], &operand));
    TS_TRY(ts_lower_view(lower, op->operands[1], &update));
    x.view[TS_PLAIN] = update;
    TS_TRY(read_starts(&x, op, 2, &operand));
    if (x.start_count > 0) TS_TRY(ts_lower_tensor(lower, op->operands[1], &update));
    ts_lower_result(lower, op->results[0]);
    whole = ((ts_lowered *)op->results[0]->note)->view;
    bool is_covered = ts_view_elems(&update) == ts_view_elems(&whole);
    if (!is_covered) TS_TRY(ts_lower_copy(lower, &whole, &operand));
    if (ts_view_elems(&update) == 0) return ts_ok;
    x.start_count = 0;
    x.view[TS_PLAIN] = update;
    TS_TRY(read_starts(&x, op, 2, &whole));
    if (x.start_count == 0) return ts_lower_copy(lower, &x.view[TS_INDEXED], &update);
    return ts_indexed_store(&x, op, ts_index_any, ts_rmw_none);
}

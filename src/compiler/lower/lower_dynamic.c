/* dynamic_slice and dynamic_update_slice: a window at clamped start indices. Known starts are offsets of a
   view, and starts that count with a loop shift the view; all others drive indirect DMA. */
#include "compiler/graph/counted.h"
#include "compiler/lower/home.h"
#include "compiler/lower/lower_index.h"

#include <string.h>

/* Moves the window to a start that is known up to loop counters. False when the start must be read from
   memory, or would be clamped in only some trips. */
static bool shift_window(ts_lower *lower, ts_view *window, int axis, const ts_view *start, int64_t limit) {
    int64_t low, high, at = start->offset;
    if (!ts_view_bounds(lower, start, &low, &high)) return false;
    if (low >= 0 && high <= limit && ts_view_is_shifted(start)) {
        window->shift = ts_build_sum(&lower->b, window->shift, start->shift, window->stride[axis]);
    } else {
        if (high > 0 && low < limit && low != high) return false;
        at = high <= 0 ? 0 : low >= limit ? limit : low;
    }
    window->offset += at * window->stride[axis];
    return true;
}

bool ts_update_window(ts_lower *lower, const ts_op_node *op, const ts_view *whole, ts_view *window) {
    const ts_type *type = &op->operands[1]->type;
    *window = *whole;
    memcpy(window->dim, type->dim, type->rank * sizeof *type->dim);
    for (int i = 0; i < whole->rank; i++) {
        const ts_lowered *start = op->operands[2 + i]->note;
        int64_t limit = whole->dim[i] - window->dim[i];
        if (limit <= 0) continue;
        if (!start->has_view || !shift_window(lower, window, i, &start->view, limit)) return false;
    }
    return true;
}

/* Adds the start indices (operands from `first` on) of a window with the dims of x->view[TS_PLAIN] in
   `whole`. Known starts are applied to the window, which is left in x->view[TS_INDEXED]. */
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
        TS_TRY(ts_lower_shifted(x->lower, value, &start));
        if (limit <= 0 || shift_window(x->lower, window, i, &start, limit)) continue;
        TS_TRY(ts_lower_tensor(x->lower, value, &start));
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
    TS_TRY(ts_lower_shifted(lower, op->operands[0], &operand));
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

static void set_view(ts_value *value, const ts_view *view) {
    ts_lowered *lowered = value->note;
    lowered->view = *view;
    lowered->has_view = true;
}

/* Whether the update was computed right at its destination (home.c), so that nothing remains to be done. */
static bool is_there(ts_lower *lower, const ts_op_node *op, const ts_view *operand, const ts_view *update) {
    const ts_lowered *old = op->operands[0]->note;
    ts_view window;
    if (old->uses != 1 || !ts_view_is_contiguous(operand) || update->kind != ts_view_tensor ||
        update->tensor != operand->tensor || !ts_update_window(lower, op, operand, &window) ||
        !ts_view_same_start(lower->program, &window, update))
        return false;
    for (int i = 0; i < window.rank; i++)
        if (window.dim[i] != 1 && window.stride[i] != update->stride[i]) return false;
    return true;
}

ts_status ts_lower_dynamic_update_slice(ts_lower *lower, ts_op_node *op) {
    ts_indexed x = {.lower = lower};
    ts_view operand, update, whole;
    TS_TRY(ts_lower_view(lower, op->operands[0], &operand));
    TS_TRY(ts_lower_shifted(lower, op->operands[1], &update));
    if (is_there(lower, op, &operand, &update)) {
        set_view(op->results[0], &operand);
        return ts_ok;
    }
    x.view[TS_PLAIN] = update;
    TS_TRY(read_starts(&x, op, 2, &operand));
    if (x.start_count > 0) TS_TRY(ts_lower_tensor(lower, op->operands[1], &update));
    TS_TRY(ts_home_result(lower, op, &operand));
    whole = ((ts_lowered *)op->results[0]->note)->view;
    bool is_kept = operand.kind == ts_view_tensor && operand.tensor == whole.tensor;
    if (!is_kept && ts_view_elems(&update) != ts_view_elems(&whole))
        TS_TRY(ts_lower_copy(lower, &whole, &operand));
    if (ts_view_elems(&update) == 0) return ts_ok;
    x.start_count = 0;
    x.view[TS_PLAIN] = update;
    TS_TRY(read_starts(&x, op, 2, &whole));
    if (x.start_count == 0) return ts_lower_copy(lower, &x.view[TS_INDEXED], &update);
    return ts_indexed_store(&x, op, ts_index_any, ts_rmw_none);
}

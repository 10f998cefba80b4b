/* Ops that compute nothing: constants, views, concatenate, pad, barriers. */
#include <string.h>

#include "compiler/lower/assemble.h"
#include "compiler/passes.h"

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

/* A dense attribute becomes a constant tensor; scalars and splats stay numbers. */
ts_status ts_lower_constant(ts_lower *lower, ts_op_node *op) {
    const ts_attr *value = ts_op_attr(op, "value");
    const ts_type *type = &op->results[0]->type;
    ts_lowered *lowered = note(op->results[0]);
    double number;
    if (ts_constant_splat(op->results[0], &number)) {
        lowered->view = ts_view_of_splat(type->dtype, number, type);
        lowered->has_view = true;
        return ts_ok;
    }
    lowered->has_view = true;
    uint32_t index =
        ts_build_tensor(&lower->b, ts_tensor_constant, type->dtype, type->rank, type->dim, "constant");
    ts_tensor *tensor = &lower->program->tensors.data[index];
    char *data = ts_arena_alloc(&lower->program->arena, value->data_bytes);
    memcpy(data, value->data, value->data_bytes);
    tensor->data = data;
    lowered->view = ts_view_of_tensor(index, type);
    return ts_ok;
}

ts_status ts_lower_view_op(ts_lower *lower, ts_op_node *op) {
    ts_view operand = {0};
    ts_lowered *lowered = note(op->results[0]);
    if (op->operand_count && !lowered->group && ts_lower_alias(op)) return ts_ok;
    if (op->operand_count) TS_TRY(ts_lower_shifted(lower, op->operands[0], &operand));
    lowered->has_view = true;
    if (ts_view_apply(op, &operand, &lowered->view)) {
        lowered->view.dtype = op->results[0]->type.dtype;
        return ts_ok;
    }
    const ts_type *from = &op->operands[0]->type;
    ts_view whole = ts_view_of_tensor(ts_lower_scratch(lower, from, "contiguous"), from);
    TS_TRY(ts_lower_copy(lower, &whole, &operand));
    if (ts_view_apply(op, &whole, &lowered->view)) return ts_ok;
    return ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "this rearrangement has no view");
}

ts_status ts_lower_concatenate(ts_lower *lower, ts_op_node *op) {
    int64_t axis = ts_op_int(op, "dimension", 0), at = 0;
    ts_lowered *result = note(op->results[0]);
    ts_piece *pieces = TS_NEW_ARRAY(&lower->arena, ts_piece, op->operand_count);
    for (uint32_t i = 0; i < op->operand_count; i++)
        TS_TRY(ts_lower_shifted(lower, op->operands[i], &pieces[i].from));
    if (result->is_reserved)
        result->has_view = true;
    else
        ts_lower_result(lower, op->results[0]);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_view *to = &pieces[i].to;
        *to = result->view;
        to->offset += at * to->stride[axis];
        to->dim[axis] = pieces[i].from.dim[axis];
        at += to->dim[axis];
    }
    if (!result->is_reserved && ts_lower_assemble(lower, &result->view, NULL, pieces, (int)op->operand_count))
        return ts_ok;
    for (uint32_t i = 0; i < op->operand_count; i++)
        TS_TRY(ts_lower_copy(lower, &pieces[i].to, &pieces[i].from));
    return ts_ok;
}

/* Finds where the operand's elements go: element i of an axis goes to low + i * (interior + 1). Elements that
   fall outside are dropped; false when none is left. */
static bool find_inside(const ts_op_node *op, ts_piece *piece) {
    int64_t low[TS_MAX_RANK], interior[TS_MAX_RANK];
    int count;
    ts_op_ints(op, "edge_padding_low", low, TS_MAX_RANK, &count);
    ts_op_ints(op, "interior_padding", interior, TS_MAX_RANK, &count);
    ts_view *to = &piece->to, *from = &piece->from;
    for (int i = 0; i < from->rank; i++) {
        int64_t step = interior[i] + 1, first = low[i] < 0 ? (-low[i] + step - 1) / step : 0;
        int64_t most = to->dim[i] - 1 - low[i], last = from->dim[i] - 1;
        if (most < 0) return false;
        if (last > most / step) last = most / step;
        if (last < first) return false;
        from->offset += first * from->stride[i];
        from->dim[i] = to->dim[i] = last - first + 1;
        to->offset += (low[i] + first * step) * to->stride[i];
        to->stride[i] = step * to->stride[i];
    }
    return true;
}

/* Fills the result with the padding value, then copies the operand into its place. */
ts_status ts_lower_pad(ts_lower *lower, ts_op_node *op) {
    ts_piece piece;
    ts_view value;
    TS_TRY(ts_lower_shifted(lower, op->operands[0], &piece.from));
    TS_TRY(ts_lower_view(lower, op->operands[1], &value));
    ts_lower_result(lower, op->results[0]);
    const ts_view whole = note(op->results[0])->view;
    piece.to = whole;
    bool is_inside = find_inside(op, &piece);
    if (is_inside && value.kind == ts_view_splat && ts_lower_assemble(lower, &whole, &value.value, &piece, 1))
        return ts_ok;
    value.rank = whole.rank;
    memcpy(value.dim, whole.dim, sizeof value.dim);
    memset(value.stride, 0, sizeof value.stride);
    TS_TRY(ts_lower_copy(lower, &whole, &value));
    return is_inside ? ts_lower_copy(lower, &piece.to, &piece.from) : ts_ok;
}

/* Each result is its operand. The op only keeps passes from looking through it. */
ts_status ts_lower_barrier(ts_lower *lower, ts_op_node *op) {
    if (op->operand_count != op->result_count)
        return ts_op_fail(lower->module, op, lower->diag, ts_input, "as many results as operands are needed");
    for (uint32_t i = 0; i < op->operand_count; i++) {
        TS_TRY(ts_lower_shifted(lower, op->operands[i], &note(op->results[i])->view));
        note(op->results[i])->has_view = true;
    }
    return ts_ok;
}

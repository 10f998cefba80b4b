/* Ops that compute nothing: constants, views, concatenate, pad, barriers. */
#include <string.h>

#include "compiler/lower.h"
#include "compiler/passes.h"

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

/* Bytes of a dense attribute of rank >= 1 become a constant tensor; scalars and splats stay numbers. */
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
    ts_view *views = TS_NEW_ARRAY(&lower->arena, ts_view, op->operand_count);
    for (uint32_t i = 0; i < op->operand_count; i++)
        TS_TRY(ts_lower_shifted(lower, op->operands[i], &views[i]));
    if (note(op->results[0])->is_reserved)
        note(op->results[0])->has_view = true;
    else
        ts_lower_result(lower, op->results[0]);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_view part = note(op->results[0])->view;
        part.offset += at * part.stride[axis];
        part.dim[axis] = views[i].dim[axis];
        at += part.dim[axis];
        TS_TRY(ts_lower_copy(lower, &part, &views[i]));
    }
    return ts_ok;
}

/* Fills the result with the padding value, then copies the operand into its place: element i of an axis
   goes to low + i * (interior + 1), and what falls outside is cut off. */
ts_status ts_lower_pad(ts_lower *lower, ts_op_node *op) {
    int64_t low[TS_MAX_RANK], interior[TS_MAX_RANK];
    int count;
    ts_view source, value;
    ts_op_ints(op, "edge_padding_low", low, TS_MAX_RANK, &count);
    ts_op_ints(op, "interior_padding", interior, TS_MAX_RANK, &count);
    TS_TRY(ts_lower_shifted(lower, op->operands[0], &source));
    TS_TRY(ts_lower_view(lower, op->operands[1], &value));
    ts_lower_result(lower, op->results[0]);
    ts_view whole = note(op->results[0])->view, inside = whole, fill = value;
    fill.rank = whole.rank;
    memcpy(fill.dim, whole.dim, sizeof fill.dim);
    memset(fill.stride, 0, sizeof fill.stride);
    TS_TRY(ts_lower_copy(lower, &whole, &fill));
    for (int i = 0; i < source.rank; i++) {
        int64_t step = interior[i] + 1, first = low[i] < 0 ? (-low[i] + step - 1) / step : 0;
        int64_t most = whole.dim[i] - 1 - low[i], last = source.dim[i] - 1;
        if (most < 0) return ts_ok;
        if (last > most / step) last = most / step;
        if (last < first) return ts_ok;
        source.offset += first * source.stride[i];
        source.dim[i] = inside.dim[i] = last - first + 1;
        inside.offset += (low[i] + first * step) * whole.stride[i];
        inside.stride[i] = step * whole.stride[i];
    }
    return ts_lower_copy(lower, &inside, &source);
}

/* Each result is its operand; the op only kept earlier passes from looking through it. */
ts_status ts_lower_barrier(ts_lower *lower, ts_op_node *op) {
    if (op->operand_count != op->result_count)
        return ts_op_fail(lower->module, op, lower->diag, ts_input, "as many results as operands are needed");
    for (uint32_t i = 0; i < op->operand_count; i++) {
        TS_TRY(ts_lower_shifted(lower, op->operands[i], &note(op->results[i])->view));
        note(op->results[i])->has_view = true;
    }
    return ts_ok;
}

/* bitcast_convert: the same bits under another dtype. Between dtypes of one width it joins pointwise groups,
   where it is free; otherwise it is a view of the tensor's bytes in other units. */
#include "compiler/lower/pointwise.h"

/* Splits each element into `parts` smaller ones along a new last axis. */
static ts_view split(const ts_view *view, const ts_type *type, int64_t parts) {
    ts_view result = *view;
    result.offset *= parts;
    for (int i = 0; i < view->rank; i++)
        result.stride[i] *= parts;
    result.rank = type->rank;
    result.dim[type->rank - 1] = parts;
    result.stride[type->rank - 1] = 1;
    return result;
}

/* Joins `parts` elements along the last axis to one; false when they are not contiguous and aligned. */
static bool join(const ts_view *view, int64_t parts, ts_view *result) {
    *result = *view;
    result->rank--;
    if (view->stride[result->rank] != 1 || view->offset % parts != 0) return false;
    result->offset /= parts;
    for (int i = 0; i < result->rank; i++) {
        if (view->stride[i] % parts != 0) return false;
        result->stride[i] /= parts;
    }
    return true;
}

ts_status ts_lower_bitcast(ts_lower *lower, ts_op_node *op) {
    const ts_type *to = &op->results[0]->type;
    unsigned from = op->operands[0]->type.dtype;
    int many = ts_dtype_get((ts_dtype)from)->bytes, few = ts_dtype_get((ts_dtype)to->dtype)->bytes;
    if (from != to->dtype && (from == ts_dtype_i1 || to->dtype == ts_dtype_i1))
        return ts_op_fail(lower->module, op, lower->diag, ts_unsupported, "bits of predicates as numbers");
    if (ts_pointwise_is_relabel(op) && ts_dtype_get((ts_dtype)from)->native &&
        ts_dtype_get((ts_dtype)to->dtype)->native)
        return ts_lower_pointwise(lower, op);
    ts_lowered *result = op->results[0]->note;
    ts_view view;
    TS_TRY(ts_lower_tensor(lower, op->operands[0], &view));
    if (many >= few) {
        result->view = many == few ? view : split(&view, to, many / few);
    } else if (!join(&view, few / many, &result->view)) {
        ts_view whole = ts_view_of_tensor(ts_lower_scratch(lower, &op->operands[0]->type, "materialised"),
                                          &op->operands[0]->type);
        TS_TRY(ts_lower_copy(lower, &whole, &view));
        join(&whole, few / many, &result->view);
    }
    result->view.dtype = to->dtype;
    result->has_view = true;
    return ts_ok;
}

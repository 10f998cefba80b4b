/* dot_general: sorts the axes of both operands into the walks of a contraction. */
#include <string.h>

#include "compiler/contract/dot.h"

/* Permutes the operand's axes to the order batch, free, depth. */
static ts_view order_axes(const ts_op_node *op, bool is_lhs, const ts_view *view, int *batch_rank,
                          int *depth_rank) {
    int64_t batch[TS_MAX_RANK], depth[TS_MAX_RANK];
    bool is_named[TS_MAX_RANK] = {0};
    int perm[TS_MAX_RANK], at = 0;
    ts_op_ints(op, is_lhs ? "lhs_batching_dimensions" : "rhs_batching_dimensions", batch, TS_MAX_RANK,
               batch_rank);
    ts_op_ints(op, is_lhs ? "lhs_contracting_dimensions" : "rhs_contracting_dimensions", depth, TS_MAX_RANK,
               depth_rank);
    for (int i = 0; i < *depth_rank; i++)
        is_named[depth[i]] = true;
    for (int i = 0; i < *batch_rank; i++) {
        is_named[batch[i]] = true;
        perm[at++] = (int)batch[i];
    }
    for (int i = 0; i < view->rank; i++)
        if (!is_named[i]) perm[at++] = i;
    for (int i = 0; i < *depth_rank; i++)
        perm[at++] = (int)depth[i];
    return ts_view_permute(view, view->rank, perm);
}

/* Reads the operand, or its transposed copy if only its second axis is contracted. */
static ts_status read_operand(ts_lower *lower, const ts_op_node *op, bool is_lhs, ts_view *view) {
    ts_value *value = op->operands[is_lhs ? 0 : 1];
    const ts_lowered *lowered = value->note;
    int64_t depth[TS_MAX_RANK];
    int count;
    ts_op_ints(op, is_lhs ? "lhs_contracting_dimensions" : "rhs_contracting_dimensions", depth, TS_MAX_RANK,
               &count);
    if (!lowered->has_turned || count != 1 || depth[0] != 1)
        return ts_lower_shifted_tensor(lower, value, view);
    *view = lowered->turned;
    return ts_ok;
}

static ts_status as_ordered(ts_lower *lower, ts_view *view) {
    ts_type type = {.dtype = view->dtype, .rank = view->rank};
    memcpy(type.dim, view->dim, sizeof type.dim);
    ts_view whole = ts_view_of_tensor(ts_lower_scratch(lower, &type, "ordered"), &type);
    TS_TRY(ts_lower_copy(lower, &whole, view));
    *view = whole;
    return ts_ok;
}

/* Makes the contraction; the views have the axes in the order batch, free, depth. */
static ts_contraction make_contraction(const ts_view *lhs, const ts_view *rhs, const ts_view *out, int batch,
                                       int depth) {
    ts_contraction c = {.lhs = *lhs, .rhs = *rhs, .out = *out};
    int left = lhs->rank - batch - depth, right = rhs->rank - batch - depth;
    for (int i = 0; i < batch; i++)
        ts_walk_add(&c.batch, (ts_axis){lhs->dim[i], {lhs->stride[i], rhs->stride[i], out->stride[i]}});
    for (int i = batch; i < batch + left; i++)
        ts_walk_add(&c.left, (ts_axis){lhs->dim[i], {lhs->stride[i], 0, out->stride[i]}});
    for (int i = batch; i < batch + right; i++)
        ts_walk_add(&c.right, (ts_axis){rhs->dim[i], {0, rhs->stride[i], out->stride[left + i]}});
    for (int i = 0; i < depth; i++) {
        int l = batch + left + i, r = batch + right + i;
        ts_walk_add(&c.depth, (ts_axis){lhs->dim[l], {lhs->stride[l], rhs->stride[r], 0}});
    }
    return c;
}

/* Whether depth axes that are not contiguous leave chunks of few rows. Copies of the operands would give full
   ones. */
static bool is_poor(const ts_dot *d) {
    return d->depth.cut > 0 && d->chunk < TS_DOT_TILE / 4;
}

static ts_status refuse_type(ts_lower *lower, ts_op_node *op) {
    ts_op_fail(lower->module, op, lower->diag, ts_unsupported,
               "TensorE multiplies floats only, not %s by %s into %s",
               ts_dtype_get(op->operands[0]->type.dtype)->name,
               ts_dtype_get(op->operands[1]->type.dtype)->name,
               ts_dtype_get(op->results[0]->type.dtype)->name);
    ts_diag_remedy(lower->diag, "convert the operands to f32 (exact below 2^24) or bf16 first");
    return ts_unsupported;
}

static bool is_float(const ts_value *value) {
    return ts_dtype_get(value->type.dtype)->kind == 'f';
}

ts_status ts_lower_dot(ts_lower *lower, ts_op_node *op) {
    ts_view lhs, rhs;
    int batch, depth;
    if (!is_float(op->operands[0]) || !is_float(op->operands[1]) || !is_float(op->results[0]))
        return refuse_type(lower, op);
    TS_TRY(read_operand(lower, op, true, &lhs));
    TS_TRY(read_operand(lower, op, false, &rhs));
    lhs = order_axes(op, true, &lhs, &batch, &depth);
    rhs = order_axes(op, false, &rhs, &batch, &depth);
    ts_view out = ts_view_of_tensor(0, &op->results[0]->type);
    if (ts_view_elems(&out) == 0 || ts_view_elems(&lhs) == 0) {
        ts_view zero = ts_view_of_splat((ts_dtype)out.dtype, 0, &op->results[0]->type);
        ts_lower_result(lower, op->results[0]);
        return ts_lower_copy(lower, &((ts_lowered *)op->results[0]->note)->view, &zero);
    }
    ts_dot d = {.b = &lower->b,
                .dtype = ts_dot_dtype(op->operands[0]->type.dtype, op->operands[1]->type.dtype)};
    ts_contraction c = make_contraction(&lhs, &rhs, &out, batch, depth);
    if (!ts_dot_plan(&d, &c) || is_poor(&d)) {
        TS_TRY(as_ordered(lower, &lhs));
        TS_TRY(as_ordered(lower, &rhs));
        c = make_contraction(&lhs, &rhs, &out, batch, depth);
        if (!ts_dot_plan(&d, &c))
            return ts_op_fail(lower->module, op, lower->diag, ts_unsupported,
                              "no tiling of these dimensions");
    }
    return ts_lower_contraction(lower, op, &c, d.dtype);
}

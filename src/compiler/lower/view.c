/* Views: composes rearrangements, and brings views to the normal form from which tiling starts. */
#include "compiler/lower/view.h"

#include <string.h>

ts_view ts_view_of_tensor(uint32_t tensor, const ts_type *type) {
    ts_view view = {.kind = ts_view_tensor, .dtype = type->dtype, .rank = type->rank, .tensor = tensor};
    int64_t stride = 1;
    for (int i = type->rank; i-- > 0;) {
        view.dim[i] = type->dim[i];
        view.stride[i] = stride;
        stride *= type->dim[i];
    }
    return view;
}

ts_view ts_view_of_splat(ts_dtype dtype, double value, const ts_type *type) {
    ts_view view = {.kind = ts_view_splat, .dtype = (uint8_t)dtype, .rank = type->rank, .value = value};
    memcpy(view.dim, type->dim, type->rank * sizeof *view.dim);
    return view;
}

int64_t ts_view_elems(const ts_view *view) {
    int64_t elems = 1;
    for (int i = 0; i < view->rank; i++)
        elems *= view->dim[i];
    return elems;
}

bool ts_view_same_start(const ts_program *program, const ts_view *a, const ts_view *b) {
    const ts_term *terms = program->terms.data;
    if (a->kind != ts_view_tensor || b->kind != ts_view_tensor || a->tensor != b->tensor ||
        a->offset != b->offset || a->shift.term_count != b->shift.term_count)
        return false;
    for (uint32_t i = 0; i < a->shift.term_count; i++) {
        const ts_term *x = &terms[a->shift.first_term + i], *y = &terms[b->shift.first_term + i];
        if (x->coef != y->coef || x->loop != y->loop) return false;
    }
    return true;
}

ts_affine ts_view_offset(ts_builder *b, const ts_view *view) {
    return ts_build_sum(b, ts_affine_const(view->offset), view->shift, 1);
}

bool ts_view_is_contiguous(const ts_view *view) {
    if (view->kind != ts_view_tensor || view->offset != 0 || ts_view_is_shifted(view)) return false;
    int64_t stride = 1;
    for (int i = view->rank; i-- > 0;) {
        if (view->dim[i] != 1 && view->stride[i] != stride) return false;
        stride *= view->dim[i];
    }
    return true;
}

static void set_dims(ts_view *view, const ts_type *type) {
    view->rank = type->rank;
    memcpy(view->dim, type->dim, type->rank * sizeof *view->dim);
    memset(view->stride, 0, sizeof view->stride);
}

static ts_view broadcast_in_dim(const ts_op_node *op, const ts_view *operand) {
    ts_view view = *operand;
    int64_t dims[TS_MAX_RANK];
    int count = 0;
    ts_op_ints(op, "broadcast_dimensions", dims, TS_MAX_RANK, &count);
    set_dims(&view, &op->results[0]->type);
    for (int i = 0; i < count && i < operand->rank; i++)
        if (operand->dim[i] != 1) view.stride[dims[i]] = operand->stride[i];
    return view;
}

static ts_view slice(const ts_op_node *op, const ts_view *operand) {
    ts_view view = *operand;
    int64_t start[TS_MAX_RANK] = {0}, step[TS_MAX_RANK];
    int count = 0;
    for (int i = 0; i < operand->rank; i++)
        step[i] = 1;
    ts_op_ints(op, "start_indices", start, TS_MAX_RANK, &count);
    ts_op_ints(op, "strides", step, TS_MAX_RANK, &count);
    set_dims(&view, &op->results[0]->type);
    for (int i = 0; i < operand->rank; i++) {
        view.offset += start[i] * operand->stride[i];
        view.stride[i] = step[i] * operand->stride[i];
    }
    return view;
}

static ts_view reverse(const ts_op_node *op, const ts_view *operand) {
    ts_view view = *operand;
    int64_t dims[TS_MAX_RANK];
    int count = 0;
    ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++) {
        view.offset += (view.dim[dims[i]] - 1) * view.stride[dims[i]];
        view.stride[dims[i]] = -view.stride[dims[i]];
    }
    return view;
}

ts_view ts_view_permute(const ts_view *view, int rank, const int *perm) {
    ts_view result = *view;
    memset(result.stride, 0, sizeof result.stride);
    result.rank = (uint8_t)rank;
    for (int i = 0; i < rank; i++) {
        result.dim[i] = view->dim[perm[i]];
        result.stride[i] = view->stride[perm[i]];
    }
    return result;
}

static ts_view transpose(const ts_op_node *op, const ts_view *operand) {
    int64_t dims[TS_MAX_RANK];
    int perm[TS_MAX_RANK], count = 0;
    ts_op_ints(op, "permutation", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        perm[i] = (int)dims[i];
    return ts_view_permute(operand, count, perm);
}

/* Matches runs of old axes with runs of new axes of equal product, innermost first. A run of several old axes
   must be contiguous. */
bool ts_view_reshape(const ts_view *view, int rank, const int64_t *dim, ts_view *result) {
    ts_view from = *view;
    if (view->kind != ts_view_splat) ts_views_merge(&from, 1);
    *result = *view;
    result->rank = (uint8_t)rank;
    memcpy(result->dim, dim, (size_t)rank * sizeof *dim);
    memset(result->stride, 0, sizeof result->stride);
    if (view->kind == ts_view_splat || ts_view_elems(result) == 0) return true;
    result->offset = from.offset;
    int axis = from.rank - 1;
    int64_t left = axis >= 0 ? from.dim[axis] : 1, stride = axis >= 0 ? from.stride[axis] : 0;
    for (int i = rank; i-- > 0;) {
        if (dim[i] == 1) continue;
        if (left == 1) {
            axis--;
            left = from.dim[axis];
            stride = from.stride[axis];
        }
        if (left % dim[i] != 0) return false;
        result->stride[i] = stride;
        stride *= dim[i];
        left /= dim[i];
    }
    return true;
}

static ts_view iota(const ts_op_node *op) {
    ts_view view = {.kind = ts_view_iota, .dtype = op->results[0]->type.dtype};
    set_dims(&view, &op->results[0]->type);
    view.stride[ts_op_int(op, "iota_dimension", 0)] = 1;
    return view;
}

static bool apply(const ts_op_node *op, const ts_view *operand, ts_view *result) {
    switch (op->kind) {
    case ts_hlo_iota: *result = iota(op); return true;
    case ts_hlo_broadcast_in_dim: *result = broadcast_in_dim(op, operand); return true;
    case ts_hlo_slice: *result = slice(op, operand); return true;
    case ts_hlo_reverse: *result = reverse(op, operand); return true;
    case ts_hlo_transpose: *result = transpose(op, operand); return true;
    case ts_hlo_unrealized_conversion_cast: *result = *operand; return true;
    case ts_hlo_reshape: {
        const ts_type *type = &op->results[0]->type;
        return ts_view_reshape(operand, type->rank, type->dim, result);
    }
    default: return false;
    }
}

/* An iota that does not count is a single number. */
static void settle_iota(ts_view *view) {
    if (ts_view_is_shifted(view)) return;
    for (int i = 0; i < view->rank; i++)
        if (view->dim[i] != 1 && view->stride[i] != 0) return;
    view->kind = ts_view_splat;
    view->value = (double)view->offset;
    view->offset = 0;
}

bool ts_view_apply(const ts_op_node *op, const ts_view *operand, ts_view *result) {
    if (!apply(op, operand, result)) return false;
    if (result->kind == ts_view_iota) settle_iota(result);
    return true;
}

static void drop_axis(ts_view *view, int axis) {
    for (int i = axis; i + 1 < view->rank; i++) {
        view->dim[i] = view->dim[i + 1];
        view->stride[i] = view->stride[i + 1];
    }
    view->rank--;
    view->dim[view->rank] = 0;
    view->stride[view->rank] = 0;
}

static bool lie_together(const ts_view *views, int count, int axis) {
    for (int v = 0; v < count; v++) {
        const ts_view *view = &views[v];
        if (view->kind == ts_view_splat) continue;
        if (view->stride[axis] != view->stride[axis + 1] * view->dim[axis + 1]) return false;
    }
    return true;
}

void ts_views_merge(ts_view *views, int count) {
    for (int axis = views[0].rank; axis-- > 0;)
        if (views[0].dim[axis] == 1)
            for (int v = 0; v < count; v++)
                drop_axis(&views[v], axis);
    for (int axis = views[0].rank - 1; axis-- > 0;) {
        if (!lie_together(views, count, axis)) continue;
        for (int v = 0; v < count; v++) {
            views[v].dim[axis + 1] *= views[v].dim[axis];
            drop_axis(&views[v], axis);
        }
    }
}

void ts_views_split(ts_view *views, int count, int axis, int64_t inner) {
    for (int v = 0; v < count; v++) {
        ts_view *view = &views[v];
        for (int i = view->rank; i > axis; i--) {
            view->dim[i] = view->dim[i - 1];
            view->stride[i] = view->stride[i - 1];
        }
        view->rank++;
        view->dim[axis + 1] = inner;
        view->dim[axis] /= inner;
        view->stride[axis] = view->stride[axis + 1] * inner;
    }
}

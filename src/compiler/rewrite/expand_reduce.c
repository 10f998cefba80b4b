/* reduce, reduce_window and map by functions that are not a single operator of the engines. The function is
   applied to whole arrays. A reduction combines neighbours, which keeps the order of elements; a window of
   any size is combined from windows whose sizes are powers of two. */
#include <string.h>

#include "compiler/lower/lower_argmax.h"
#include "compiler/lower/lower_window.h"
#include "compiler/rewrite/expand.h"
#include "compiler/rewrite/lift.h"

enum { MAX_ARRAYS = 16, MAX_WINDOW = 1 << 20 };

/* ---- reductions ---- */

typedef struct reducer {
    ts_maker *make;
    const ts_op_node *op;
    int count; /* number of arrays that are reduced together */
    ts_value *array[MAX_ARRAYS];
} reducer;

/* out = region(a, b) on two sets of arrays; out may be a. */
static void join(reducer *r, ts_value **out, ts_value *const *a, ts_value *const *b) {
    ts_value *args[2 * MAX_ARRAYS];
    memcpy(args, a, (size_t)r->count * sizeof *a);
    memcpy(args + r->count, b, (size_t)r->count * sizeof *b);
    ts_lift(r->make, r->op->regions[0], args, &a[0]->type, out);
}

/* Slices `size` positions of an axis from `start` on, every `stride`-th. */
static void cut(reducer *r, ts_value *const *from, ts_value **to, int axis, int64_t start, int64_t size,
                int64_t stride) {
    int64_t first[TS_MAX_RANK] = {0}, limit[TS_MAX_RANK], step[TS_MAX_RANK];
    for (int i = 0; i < r->count; i++) {
        for (int k = 0; k < from[i]->type.rank; k++) {
            step[k] = 1;
            limit[k] = from[i]->type.dim[k];
        }
        first[axis] = start;
        step[axis] = stride;
        limit[axis] = start + (size - 1) * stride + 1;
        to[i] = ts_make_strided_slice(r->make, from[i], first, limit, step);
    }
}

/* Reduces the axis to size 1. */
static void reduce_axis(reducer *r, int axis) {
    for (int64_t size = r->array[0]->type.dim[axis]; size > 1; size = (size + 1) / 2) {
        ts_value *even[MAX_ARRAYS], *odd[MAX_ARRAYS], *rest[MAX_ARRAYS];
        cut(r, r->array, even, axis, 0, size / 2, 2);
        cut(r, r->array, odd, axis, 1, size / 2, 2);
        if (size % 2) cut(r, r->array, rest, axis, size - 1, 1, 1);
        join(r, r->array, even, odd);
        for (int i = 0; size % 2 && i < r->count; i++)
            r->array[i] = ts_make_concatenate(r->make, 2, (ts_value *[]){r->array[i], rest[i]}, axis);
    }
}

/* Combines the initial values with what was reduced and gives the results to the op. */
static void finish(reducer *r, ts_op_node *op) {
    ts_value *start[MAX_ARRAYS];
    for (int i = 0; i < r->count; i++) {
        const ts_type *type = &op->results[i]->type;
        start[i] = ts_make_splat(r->make, op->operands[r->count + i], type);
        if (r->array[i]) r->array[i] = ts_make_reshape(r->make, r->array[i], type->rank, type->dim);
    }
    if (r->array[0]) join(r, r->array, start, r->array);
    for (int i = 0; i < r->count; i++)
        op->results[i]->note = r->array[0] ? r->array[i] : start[i];
}

static void expand_reduce(reducer *r, ts_op_node *op) {
    int64_t dims[TS_MAX_RANK];
    int count;
    bool is_reduced[TS_MAX_RANK] = {0};
    ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        is_reduced[dims[i]] = true;
    if (ts_type_elems(&op->operands[0]->type) == 0) {
        memset(r->array, 0, sizeof r->array);
    } else {
        for (int axis = op->operands[0]->type.rank; axis-- > 0;)
            if (is_reduced[axis]) reduce_axis(r, axis);
    }
    finish(r, op);
}

/* ---- windows ---- */

/* Combines windows of `size` elements, `dilation` apart, at every position of the axis, following the bits of
   the size from the top. */
static void slide(reducer *r, int axis, int64_t size, int64_t dilation) {
    ts_value *unit[MAX_ARRAYS], *a[MAX_ARRAYS], *b[MAX_ARRAYS];
    int64_t places = r->array[0]->type.dim[axis], have = 1, bit = 1;
    memcpy(unit, r->array, sizeof unit);
    while (bit * 2 <= size)
        bit *= 2;
    for (bit /= 2; bit > 0; bit /= 2) {
        int64_t left = places - (2 * have - 1) * dilation;
        cut(r, r->array, a, axis, 0, left, 1);
        cut(r, r->array, b, axis, have * dilation, left, 1);
        join(r, r->array, a, b);
        have *= 2;
        if (!(size & bit)) continue;
        left = places - have * dilation;
        cut(r, r->array, a, axis, 0, left, 1);
        cut(r, unit, b, axis, have * dilation, left, 1);
        join(r, r->array, a, b);
        have++;
    }
}

static void expand_window(reducer *r, ts_op_node *op) {
    ts_window w;
    ts_window_read(op, &w);
    for (int i = 0; ts_window_has_padding(&w) && i < r->count; i++)
        r->array[i] =
            ts_make_pad(r->make, r->array[i], op->operands[r->count + i], w.low, w.high, w.interior);
    for (int axis = w.rank; axis-- > 0;) {
        slide(r, axis, w.size[axis], w.dilation[axis]);
        if (w.stride[axis] > 1)
            cut(r, r->array, r->array, axis, 0, op->results[0]->type.dim[axis], w.stride[axis]);
    }
    finish(r, op);
}

/* ---- the ops ---- */

static bool is_native(const ts_op_node *op) {
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (!ts_dtype_get((ts_dtype)op->operands[i]->type.dtype)->native) return false;
    return true;
}

/* Whether the value counts along an axis, as lower_argmax.c demands of indices. */
static bool is_count(const ts_value *value) {
    const ts_op_node *op = value->def;
    while (op && (op->kind == ts_hlo_reshape || op->kind == ts_hlo_broadcast_in_dim))
        op = op->operands[0]->def;
    return op && op->kind == ts_hlo_iota;
}

/* Whether lowering handles the op directly. */
static bool has_lowering(const ts_op_node *op) {
    ts_alu alu;
    if (!is_native(op)) return false;
    if (op->operand_count == 2) return ts_region_alu(op->regions[0], &alu) && alu != ts_alu_bypass;
    bool is_float = ts_dtype_get((ts_dtype)op->operands[0]->type.dtype)->kind == 'f';
    return op->kind == ts_hlo_reduce && op->operand_count == 4 && is_count(op->operands[1]) &&
           ts_region_argmax(op->regions[0], is_float, &alu);
}

static bool is_small_window(const ts_op_node *op) {
    ts_window w;
    int64_t elems = 1;
    ts_window_read(op, &w);
    for (int i = 0; i < w.rank; i++) {
        if (w.size[i] > MAX_WINDOW) return false;
        elems *= w.size[i];
    }
    return elems > 0 && ts_type_elems(&op->results[0]->type) > 0;
}

ts_status ts_expand_reduce(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    (void)diag;
    bool is_map = op->kind == ts_hlo_map, is_window = op->kind == ts_hlo_reduce_window;
    if ((!is_map && !is_window && op->kind != ts_hlo_reduce) || op->region_count != 1) return ts_ok;
    if (!ts_can_lift(op->regions[0]) || op->operand_count == 0 || op->operand_count > 2 * MAX_ARRAYS)
        return ts_ok;
    if (is_map && op->regions[0]->arg_count == op->operand_count) {
        ts_value *result = NULL;
        if (ts_block_last(op->regions[0])->operand_count != 1) return ts_ok;
        ts_lift(make, op->regions[0], op->operands, &op->results[0]->type, &result);
        op->results[0]->note = result;
        return ts_ok;
    }
    const ts_block *region = op->regions[0];
    if (is_map || region->arg_count != op->operand_count || 2 * op->result_count != op->operand_count ||
        ts_block_last(region)->operand_count != op->result_count)
        return ts_ok;
    if (has_lowering(op) || (is_window && !is_small_window(op))) return ts_ok;
    reducer r = {.make = make, .op = op, .count = (int)op->operand_count / 2};
    memcpy(r.array, op->operands, (size_t)r.count * sizeof *r.array);
    if (is_window)
        expand_window(&r, op);
    else
        expand_reduce(&r, op);
    return ts_ok;
}

/* Checks of operations that address parts of tensors: concatenate, pad, dynamic slices, gather, scatter. */
#include "compiler/graph/graph_check.h"

#include <inttypes.h>
#include <string.h>

static ts_status check_concatenate(const ts_check *check) {
    const ts_op_node *op = check->op;
    if (op->operand_count == 0) return ts_check_fail(check, "no operands");
    ts_type must = op->operands[0]->type;
    int64_t axis;
    TS_TRY(ts_check_axis(check, "dimension", must.rank, &axis));
    for (uint32_t i = 1; i < op->operand_count; i++) {
        ts_type part = op->operands[i]->type;
        if (part.rank == must.rank && __builtin_add_overflow(must.dim[axis], part.dim[axis], &must.dim[axis]))
            return ts_check_fail(check, "the operands are too large together");
        if (part.rank == must.rank) part.dim[axis] = must.dim[axis];
        TS_TRY(ts_check_same(check, &part, &must, "an operand, joined to those before,"));
    }
    return ts_check_same(check, &op->results[0]->type, &must, "the result");
}

static ts_status check_pad(const ts_check *check) {
    const ts_op_node *op = check->op;
    ts_type must = op->operands[0]->type;
    int64_t low[2 * TS_MAX_RANK], high[2 * TS_MAX_RANK], interior[2 * TS_MAX_RANK];
    if (!ts_type_is_scalar(&op->operands[1]->type, must.dtype))
        return ts_check_fail(check, "the padding value is %s and must be a scalar of the operand's type",
                             ts_type_name(&op->operands[1]->type).text);
    if (!ts_op_attr(op, "edge_padding_low") || !ts_op_attr(op, "interior_padding"))
        return ts_check_fail(check, "a pad without edge_padding_low or interior_padding");
    TS_TRY(ts_check_list(check, "edge_padding_low", must.rank, 0, low));
    TS_TRY(ts_check_list(check, "edge_padding_high", must.rank, 0, high));
    TS_TRY(ts_check_list(check, "interior_padding", must.rank, 0, interior));
    for (int i = 0; i < must.rank; i++) {
        int64_t extent = ts_window_extent(must.dim[i], interior[i] + 1);
        if (interior[i] < 0 || extent == INT64_MAX || extent + low[i] + high[i] < 0)
            return ts_check_fail(check, "padding of axis %d: %" PRId64 ", %" PRId64 ", interior %" PRId64, i,
                                 low[i], high[i], interior[i]);
        must.dim[i] = extent + low[i] + high[i];
    }
    return ts_check_same(check, &op->results[0]->type, &must, "the result");
}

/* Checks the start indices: scalars of one integer type, one for each axis. */
static ts_status check_starts(const ts_check *check, uint32_t first, int rank) {
    const ts_op_node *op = check->op;
    if (op->operand_count != first + (uint32_t)rank)
        return ts_check_fail(check, "%u operands and must have %d", op->operand_count, (int)first + rank);
    for (uint32_t i = first; i < op->operand_count; i++) {
        const ts_type *type = &op->operands[i]->type;
        char kind = ts_dtype_get(type->dtype)->kind;
        if (type->rank || (kind != 's' && kind != 'u') || type->dtype != op->operands[first]->type.dtype)
            return ts_check_fail(check, "start index %u is %s and must be an integer scalar like the others",
                                 i - first, ts_type_name(type).text);
    }
    return ts_ok;
}

static ts_status check_dynamic_slice(const ts_check *check) {
    const ts_op_node *op = check->op;
    int64_t sizes[2 * TS_MAX_RANK];
    if (op->operand_count == 0) return ts_check_fail(check, "no operands");
    ts_type must = op->operands[0]->type;
    TS_TRY(check_starts(check, 1, must.rank));
    if (!ts_op_attr(op, "slice_sizes")) return ts_check_fail(check, "slice_sizes is missing");
    TS_TRY(ts_check_list(check, "slice_sizes", must.rank, 0, sizes));
    for (int i = 0; i < must.rank; i++) {
        if (sizes[i] < 0 || sizes[i] > must.dim[i])
            return ts_check_fail(check, "a slice of %" PRId64 " of axis %d of %s", sizes[i], i,
                                 ts_type_name(&must).text);
        must.dim[i] = sizes[i];
    }
    return ts_check_same(check, &op->results[0]->type, &must, "the result");
}

static ts_status check_dynamic_update(const ts_check *check) {
    const ts_op_node *op = check->op;
    if (op->operand_count < 2) return ts_check_fail(check, "needs an operand and an update");
    const ts_type *whole = &op->operands[0]->type, *part = &op->operands[1]->type;
    TS_TRY(check_starts(check, 2, whole->rank));
    bool fits = part->rank == whole->rank && part->dtype == whole->dtype;
    for (int i = 0; fits && i < whole->rank; i++)
        fits = part->dim[i] <= whole->dim[i];
    if (!fits)
        return ts_check_fail(check, "an update of %s does not fit into %s", ts_type_name(part).text,
                             ts_type_name(whole).text);
    return ts_check_same(check, &op->results[0]->type, whole, "the result");
}

ts_status ts_check_joining(const ts_check *check) {
    switch (check->op->kind) {
    case ts_hlo_concatenate: return check_concatenate(check);
    case ts_hlo_pad: return check_pad(check);
    case ts_hlo_dynamic_slice: return check_dynamic_slice(check);
    default: return check_dynamic_update(check);
    }
}

/* How index vectors address the operand of a gather or scatter. */
typedef struct indexing {
    const char *names[5]; /* attribute names: window dims, dropped, batching, index batching, index map */
    const ts_type *operand, *indices;
    int64_t window[TS_MAX_RANK], dropped[TS_MAX_RANK], batching[TS_MAX_RANK], index_batching[TS_MAX_RANK],
        map[TS_MAX_RANK], vector_axis;
    int window_count, dropped_count, batching_count, index_batching_count, map_count;
    uint32_t gone; /* bit set: operand axes that have no window axis */
    ts_type batch; /* the axes of the indices without the index vector's axis */
} indexing;

static ts_status check_vectors(const ts_check *check, indexing *x) {
    const ts_type *indices = x->indices;
    char kind = ts_dtype_get(indices->dtype)->kind;
    if (kind != 's' && kind != 'u')
        return ts_check_fail(check, "the indices are %s and must be integers", ts_type_name(indices).text);
    x->vector_axis = ts_op_int(check->op, "index_vector_dim", -1);
    if (x->vector_axis < 0 || x->vector_axis > indices->rank)
        return ts_check_fail(check, "index_vector_dim is %" PRId64 " for indices of rank %d", x->vector_axis,
                             indices->rank);
    int64_t length = x->vector_axis < indices->rank ? indices->dim[x->vector_axis] : 1;
    if (length != x->map_count)
        return ts_check_fail(check, "%s names %d axes for index vectors of %" PRId64, x->names[4],
                             x->map_count, length);
    for (int i = 0; i < indices->rank; i++)
        if (i != x->vector_axis) x->batch.dim[x->batch.rank++] = indices->dim[i];
    return ts_ok;
}

static ts_status check_batching(const ts_check *check, const indexing *x) {
    if (x->batching_count != x->index_batching_count)
        return ts_check_fail(check, "%s and %s differ in length", x->names[2], x->names[3]);
    for (int i = 0; i < x->batching_count; i++) {
        int64_t from = x->batching[i], to = x->index_batching[i];
        if (to == x->vector_axis || x->operand->dim[from] != x->indices->dim[to])
            return ts_check_fail(check, "batching axes %" PRId64 " of %s and %" PRId64 " of %s do not agree",
                                 from, ts_type_name(x->operand).text, to, ts_type_name(x->indices).text);
    }
    return ts_ok;
}

static ts_status check_indexing(const ts_check *check, indexing *x, int window_rank) {
    int rank = x->operand->rank;
    uint32_t mapped = 0;
    TS_TRY(ts_check_axes(check, x->names[0], window_rank, x->window, &x->window_count, NULL));
    TS_TRY(ts_check_axes(check, x->names[1], rank, x->dropped, &x->dropped_count, &x->gone));
    TS_TRY(ts_check_axes(check, x->names[2], rank, x->batching, &x->batching_count, &x->gone));
    TS_TRY(ts_check_axes(check, x->names[3], x->indices->rank, x->index_batching, &x->index_batching_count,
                         NULL));
    TS_TRY(ts_check_axes(check, x->names[4], rank, x->map, &x->map_count, &mapped));
    for (int i = 1; i < x->window_count; i++)
        if (x->window[i] < x->window[i - 1]) return ts_check_fail(check, "%s must ascend", x->names[0]);
    for (int i = 0; i < x->batching_count; i++)
        if (mapped >> x->batching[i] & 1)
            return ts_check_fail(check, "%s and %s share axis %" PRId64, x->names[2], x->names[4],
                                 x->batching[i]);
    if (x->window_count + x->dropped_count + x->batching_count != rank)
        return ts_check_fail(check, "%s, %s and %s name %d axes of the operand's %d", x->names[0],
                             x->names[1], x->names[2], x->window_count + x->dropped_count + x->batching_count,
                             rank);
    TS_TRY(check_vectors(check, x));
    return check_batching(check, x);
}

/* Builds the shape in which window axes stand at their positions and batch axes fill the rest, both in order.
   False when the ranks do not add up. */
static bool interleave(const indexing *x, const int64_t *sizes, ts_type *type) {
    int rank = x->batch.rank + x->window_count, window = 0, batch = 0;
    if (rank > TS_MAX_RANK) return false;
    type->rank = (uint8_t)rank;
    for (int i = 0; i < rank; i++) {
        bool is_window = window < x->window_count && x->window[window] == i;
        if (!is_window && batch == x->batch.rank) return false;
        type->dim[i] = is_window ? sizes[window++] : x->batch.dim[batch++];
    }
    return true;
}

ts_status ts_check_gather(const ts_check *check) {
    const ts_op_node *op = check->op;
    const ts_type *result = &op->results[0]->type;
    indexing x = {.names = {"offset_dims", "collapsed_slice_dims", "operand_batching_dims",
                            "start_indices_batching_dims", "start_index_map"},
                  .operand = &op->operands[0]->type,
                  .indices = &op->operands[1]->type};
    int64_t sizes[2 * TS_MAX_RANK], kept[TS_MAX_RANK] = {0};
    int kept_count = 0, empty_axis = -1;
    ts_type must = {.dtype = x.operand->dtype};
    TS_TRY(check_indexing(check, &x, result->rank));
    if (!ts_op_attr(op, "slice_sizes")) return ts_check_fail(check, "slice_sizes is missing");
    TS_TRY(ts_check_list(check, "slice_sizes", x.operand->rank, 0, sizes));
    for (int i = 0; i < x.operand->rank; i++) {
        bool is_gone = x.gone >> i & 1;
        if (sizes[i] < 0 || sizes[i] > x.operand->dim[i] || (is_gone && sizes[i] > 1))
            return ts_check_fail(check, "slice size %" PRId64 " of axis %d of %s", sizes[i], i,
                                 ts_type_name(x.operand).text);
        if (!is_gone) kept[kept_count++] = sizes[i];
        if (is_gone && sizes[i] == 0) empty_axis = i;
    }
    if (!interleave(&x, kept, &must)) return ts_check_fail(check, "offset_dims do not fit the result");
    if (empty_axis >= 0 && ts_type_elems(&must) != 0)
        return ts_check_fail(check, "takes elements from axis %d of %s, which has none", empty_axis,
                             ts_type_name(x.operand).text);
    return ts_check_same(check, result, &must, "the result");
}

/* Checks that the updates hold one window, no larger than the operand, for each index vector. */
static ts_status check_updates(const ts_check *check, const indexing *x, const ts_type *updates) {
    int64_t sizes[TS_MAX_RANK];
    ts_type must = {.dtype = updates->dtype};
    for (int i = 0, at = 0; i < x->operand->rank; i++) {
        if (x->gone >> i & 1) continue;
        int64_t size = updates->dim[x->window[at]];
        if (size > x->operand->dim[i])
            return ts_check_fail(check, "an update window of %" PRId64 " in axis %d of %s", size, i,
                                 ts_type_name(x->operand).text);
        sizes[at++] = size;
    }
    if (!interleave(x, sizes, &must))
        return ts_check_fail(check, "update_window_dims do not fit the updates");
    return ts_check_same(check, updates, &must, "the updates");
}

ts_status ts_check_scatter(const ts_check *check) {
    const ts_op_node *op = check->op;
    uint32_t count = op->operand_count / 2;
    if (op->operand_count % 2 == 0 || count == 0 || op->result_count != count)
        return ts_check_fail(check, "%u operands and %u results", op->operand_count, op->result_count);
    indexing x = {.names = {"update_window_dims", "inserted_window_dims", "input_batching_dims",
                            "scatter_indices_batching_dims", "scatter_dims_to_operand_dims"},
                  .operand = &op->operands[0]->type,
                  .indices = &op->operands[count]->type};
    const ts_type *updates = &op->operands[count + 1]->type, *types[64];
    if (count > 64) return ts_check_fail(check, "%u inputs; at most 64", count);
    TS_TRY(check_indexing(check, &x, updates->rank));
    TS_TRY(check_updates(check, &x, updates));
    for (uint32_t i = 0; i < count; i++) {
        types[i] = &op->operands[i]->type;
        TS_TRY(ts_check_shape(check, types[i], x.operand, "an input"));
        TS_TRY(ts_check_shape(check, &op->operands[count + 1 + i]->type, updates, "an update"));
        TS_TRY(ts_check_same(check, &op->results[i]->type, types[i], "a result"));
        if (op->operands[count + 1 + i]->type.dtype != types[i]->dtype)
            return ts_check_fail(check, "update %u is of another type than its input", i);
    }
    return ts_check_combiner(check, 0, count, types, false);
}

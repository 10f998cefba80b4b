/* Making ops: a function for each kind of op that passes build. */
#include "compiler/graph/graph_make.h"

#include <string.h>

ts_type ts_type_make(unsigned dtype, int rank, const int64_t *dim) {
    ts_type type = {.kind = ts_type_tensor, .dtype = (uint8_t)dtype, .rank = (uint8_t)rank};
    if (rank > 0) memcpy(type.dim, dim, (size_t)rank * sizeof *dim);
    return type;
}

static ts_value *put(ts_maker *m, ts_hlo kind, uint32_t count, ts_value *const *operands, const ts_type *type,
                     uint32_t attr_count, const ts_named_attr *attrs) {
    ts_op_node *op =
        ts_op_new(m->module, m->func, kind, m->loc, count, operands, 1, type, attr_count, attrs, 0);
    ts_vec_push(&m->block->ops, &m->module->arena, op);
    return op->results[0];
}

static const ts_attr *make_ints(ts_maker *m, int count, const int64_t *values, int rank, const int64_t *dim) {
    ts_arena *arena = &m->module->arena;
    ts_attr *attr = TS_NEW(arena, ts_attr);
    int64_t *data = TS_NEW_ARRAY(arena, int64_t, (size_t)count + 1);
    if (count > 0) memcpy(data, values, (size_t)count * sizeof *values);
    *attr = (ts_attr){.kind = ts_attr_dense, .type = ts_type_make(ts_dtype_i64, rank, dim)};
    attr->data = (const uint8_t *)data;
    attr->data_bytes = (size_t)count * sizeof *data;
    return attr;
}

const ts_attr *ts_make_ints(ts_maker *m, int count, const int64_t *values) {
    int64_t size = count;
    return make_ints(m, count, values, 1, &size);
}

const ts_attr *ts_make_pairs(ts_maker *m, int count, const int64_t *values) {
    int64_t dim[2] = {count, 2};
    return make_ints(m, 2 * count, values, 2, dim);
}

const ts_attr *ts_make_integer(ts_maker *m, int64_t value) {
    ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
    *attr = (ts_attr){.kind = ts_attr_int, .integer = value};
    attr->type = ts_type_make(ts_dtype_i64, 0, NULL);
    return attr;
}

ts_value *ts_make_constant(ts_maker *m, const ts_attr *attr) {
    ts_named_attr named = {.name = "value", .value = attr};
    return put(m, ts_hlo_constant, 0, NULL, &attr->type, 1, &named);
}

ts_value *ts_make_number(ts_maker *m, const ts_type *type, uint64_t number) {
    ts_arena *arena = &m->module->arena;
    ts_attr *attr = TS_NEW(arena, ts_attr);
    uint8_t *data = ts_arena_alloc(arena, sizeof number);
    memcpy(data, &number, sizeof number);
    *attr = (ts_attr){.kind = ts_attr_dense, .type = *type, .is_splat = true, .data = data};
    attr->data_bytes = (size_t)ts_dtype_get((ts_dtype)type->dtype)->bytes;
    return ts_make_constant(m, attr);
}

ts_value *ts_make_unary(ts_maker *m, ts_hlo kind, ts_value *a, const ts_type *type) {
    return put(m, kind, 1, &a, type, 0, NULL);
}

ts_value *ts_make_binary(ts_maker *m, ts_hlo kind, ts_value *a, ts_value *b) {
    return put(m, kind, 2, (ts_value *[]){a, b}, &b->type, 0, NULL);
}

ts_value *ts_make_compare(ts_maker *m, const char *direction, ts_value *a, ts_value *b) {
    ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
    *attr = (ts_attr){.kind = ts_attr_string, .string = direction};
    ts_named_attr named = {.name = "comparison_direction", .value = attr};
    ts_type type = a->type;
    type.dtype = ts_dtype_i1;
    return put(m, ts_hlo_compare, 2, (ts_value *[]){a, b}, &type, 1, &named);
}

ts_value *ts_make_select(ts_maker *m, ts_value *predicate, ts_value *yes, ts_value *no) {
    return put(m, ts_hlo_select, 3, (ts_value *[]){predicate, yes, no}, &no->type, 0, NULL);
}

ts_value *ts_make_tuple(ts_maker *m, int count, ts_value *const *parts, const ts_type *type) {
    return put(m, ts_hlo_tuple, (uint32_t)count, parts, type, 0, NULL);
}

ts_value *ts_make_iota(ts_maker *m, const ts_type *type, int64_t axis) {
    ts_named_attr named = {.name = "iota_dimension", .value = ts_make_integer(m, axis)};
    return put(m, ts_hlo_iota, 0, NULL, type, 1, &named);
}

ts_value *ts_make_splat(ts_maker *m, ts_value *scalar, const ts_type *type) {
    ts_named_attr named = {.name = "broadcast_dimensions", .value = ts_make_ints(m, 0, NULL)};
    return put(m, ts_hlo_broadcast_in_dim, 1, &scalar, type, 1, &named);
}

ts_value *ts_make_broadcast(ts_maker *m, ts_value *a, const ts_type *type, const int64_t *axes) {
    ts_named_attr named = {.name = "broadcast_dimensions", .value = ts_make_ints(m, a->type.rank, axes)};
    return put(m, ts_hlo_broadcast_in_dim, 1, &a, type, 1, &named);
}

ts_value *ts_make_transpose(ts_maker *m, ts_value *a, const int *axes) {
    ts_type type = a->type;
    int64_t permutation[TS_MAX_RANK];
    for (int i = 0; i < type.rank; i++) {
        permutation[i] = axes[i];
        type.dim[i] = a->type.dim[axes[i]];
    }
    ts_named_attr named = {.name = "permutation", .value = ts_make_ints(m, type.rank, permutation)};
    return put(m, ts_hlo_transpose, 1, &a, &type, 1, &named);
}

static ts_block *new_block(ts_maker *m, int count, const ts_type *types) {
    ts_arena *arena = &m->module->arena;
    ts_block *block = TS_NEW(arena, ts_block);
    block->arg_count = (uint32_t)count;
    block->args = TS_NEW_ARRAY(arena, ts_value *, (size_t)count);
    for (uint32_t i = 0; i < block->arg_count; i++) {
        block->args[i] = ts_value_new(m->module, m->func, &types[i]);
        block->args[i]->index = i;
    }
    return block;
}

static void end_block(ts_maker *m, uint32_t count, ts_value *const *values) {
    ts_op_node *last =
        ts_op_new(m->module, m->func, ts_hlo_return, m->loc, count, values, 0, NULL, 0, NULL, 0);
    ts_vec_push(&m->block->ops, &m->module->arena, last);
}

ts_block *ts_make_combiner(ts_maker *m, unsigned dtype, ts_hlo kind) {
    const ts_type scalar = ts_type_make(dtype, 0, NULL), both[2] = {scalar, scalar};
    ts_block *block = new_block(m, 2, both);
    ts_maker inside = *m;
    inside.block = block;
    ts_value *made = block->args[1];
    if (kind != ts_hlo_return) made = ts_make_binary(&inside, kind, block->args[0], block->args[1]);
    end_block(&inside, 1, &made);
    return block;
}

ts_value *ts_make_scatter(ts_maker *m, const ts_op_node *op, ts_hlo kind, ts_value *into, ts_value *updates) {
    ts_value *operands[3] = {into, op->operands[1], updates};
    ts_op_node *made = ts_op_new(m->module, m->func, ts_hlo_scatter, op->loc, 3, operands, 1, &into->type,
                                 op->attr_count, op->attrs, 1);
    made->regions[0] = ts_make_combiner(m, into->type.dtype, kind);
    ts_vec_push(&m->block->ops, &m->module->arena, made);
    return made->results[0];
}

void ts_make_loop(ts_maker *m, int64_t trips, int count, ts_value **carried, ts_make_trip *body,
                  void *context) {
    const uint32_t values = (uint32_t)count + 1;
    ts_value **all = TS_NEW_ARRAY(&m->module->arena, ts_value *, values);
    ts_type *types = TS_NEW_ARRAY(&m->module->arena, ts_type, values);
    types[0] = ts_type_make(ts_dtype_i32, 0, NULL);
    all[0] = ts_make_number(m, &types[0], 0);
    for (int i = 0; i < count; i++) {
        all[i + 1] = carried[i];
        types[i + 1] = carried[i]->type;
    }
    ts_op_node *op =
        ts_op_new(m->module, m->func, ts_hlo_while, m->loc, values, all, values, types, 0, NULL, 2);
    ts_maker test = *m, trip = *m;
    op->regions[0] = test.block = new_block(m, (int)values, types);
    ts_value *most = ts_make_number(&test, &types[0], (uint64_t)trips);
    ts_value *goes_on = ts_make_compare(&test, "LT", test.block->args[0], most);
    end_block(&test, 1, &goes_on);
    op->regions[1] = trip.block = new_block(m, (int)values, types);
    memcpy(all, trip.block->args, values * sizeof *all);
    body(&trip, context, all[0], all + 1);
    all[0] = ts_make_binary(&trip, ts_hlo_add, all[0], ts_make_number(&trip, &types[0], 1));
    end_block(&trip, values, all);
    ts_vec_push(&m->block->ops, &m->module->arena, op);
    memcpy(carried, op->results + 1, (size_t)count * sizeof *carried);
}

ts_value *ts_make_sum(ts_maker *m, ts_value *a, int64_t axis, int count) {
    ts_type type = a->type, scalar = ts_type_make(a->type.dtype, 0, NULL);
    int64_t axes[TS_MAX_RANK];
    type.rank = (uint8_t)(type.rank - count);
    for (int i = (int)axis; i < type.rank; i++)
        type.dim[i] = a->type.dim[i + count];
    for (int i = 0; i < count; i++)
        axes[i] = axis + i;
    ts_value *operands[2] = {a, ts_make_number(m, &scalar, 0)};
    ts_named_attr named = {.name = "dimensions", .value = ts_make_ints(m, count, axes)};
    ts_op_node *op =
        ts_op_new(m->module, m->func, ts_hlo_reduce, m->loc, 2, operands, 1, &type, 1, &named, 1);
    op->regions[0] = ts_make_combiner(m, a->type.dtype, ts_hlo_add);
    ts_vec_push(&m->block->ops, &m->module->arena, op);
    return op->results[0];
}

ts_value *ts_make_product(ts_maker *m, ts_value *a, ts_value *b, int64_t depth_a, int64_t depth_b) {
    ts_type type = ts_type_make(ts_dtype_f32, 0, NULL);
    for (int i = 0; i < a->type.rank; i++)
        if (i != depth_a) type.dim[type.rank++] = a->type.dim[i];
    for (int i = 0; i < b->type.rank; i++)
        if (i != depth_b) type.dim[type.rank++] = b->type.dim[i];
    ts_named_attr named[2] = {{"lhs_contracting_dimensions", ts_make_ints(m, 1, &depth_a)},
                              {"rhs_contracting_dimensions", ts_make_ints(m, 1, &depth_b)}};
    return put(m, ts_hlo_dot_general, 2, (ts_value *[]){a, b}, &type, 2, named);
}

ts_value *ts_make_reshape(ts_maker *m, ts_value *a, int rank, const int64_t *dim) {
    ts_type type = ts_type_make(a->type.dtype, rank, dim);
    return put(m, ts_hlo_reshape, 1, &a, &type, 0, NULL);
}

ts_value *ts_make_bitcast(ts_maker *m, ts_value *a, const ts_type *type) {
    return put(m, ts_hlo_bitcast_convert, 1, &a, type, 0, NULL);
}

ts_value *ts_make_strided_slice(ts_maker *m, ts_value *a, const int64_t *start, const int64_t *limit,
                                const int64_t *stride) {
    int rank = a->type.rank;
    ts_type type = a->type;
    for (int i = 0; i < rank; i++)
        type.dim[i] = (limit[i] - start[i] + stride[i] - 1) / stride[i];
    ts_named_attr named[3] = {{.name = "limit_indices", .value = ts_make_ints(m, rank, limit)},
                              {.name = "start_indices", .value = ts_make_ints(m, rank, start)},
                              {.name = "strides", .value = ts_make_ints(m, rank, stride)}};
    return put(m, ts_hlo_slice, 1, &a, &type, 3, named);
}

ts_value *ts_make_slice(ts_maker *m, ts_value *a, const int64_t *start, const int64_t *limit) {
    int64_t ones[TS_MAX_RANK];
    for (int i = 0; i < TS_MAX_RANK; i++)
        ones[i] = 1;
    return ts_make_strided_slice(m, a, start, limit, ones);
}

ts_value *ts_make_block(ts_maker *m, ts_value *a, int64_t row, int64_t rows, int64_t column,
                        int64_t columns) {
    const int64_t start[3] = {0, row, column}, limit[3] = {a->type.dim[0], row + rows, column + columns};
    return ts_make_slice(m, a, start, limit);
}

ts_value *ts_make_pad(ts_maker *m, ts_value *a, ts_value *fill, const int64_t *low, const int64_t *high,
                      const int64_t *interior) {
    int rank = a->type.rank;
    ts_type type = a->type;
    for (int i = 0; i < rank; i++) {
        int64_t spaced = type.dim[i] ? (type.dim[i] - 1) * (interior[i] + 1) + 1 : 0;
        type.dim[i] = spaced + low[i] + high[i];
    }
    ts_named_attr named[3] = {{.name = "edge_padding_high", .value = ts_make_ints(m, rank, high)},
                              {.name = "edge_padding_low", .value = ts_make_ints(m, rank, low)},
                              {.name = "interior_padding", .value = ts_make_ints(m, rank, interior)}};
    return put(m, ts_hlo_pad, 2, (ts_value *[]){a, fill}, &type, 3, named);
}

ts_value *ts_make_concatenate(ts_maker *m, int count, ts_value *const *parts, int64_t axis) {
    ts_type type = parts[0]->type;
    for (int i = 1; i < count; i++)
        type.dim[axis] += parts[i]->type.dim[axis];
    ts_named_attr named = {.name = "dimension", .value = ts_make_integer(m, axis)};
    return put(m, ts_hlo_concatenate, (uint32_t)count, parts, &type, 1, &named);
}

/* Making ops: building blocks for passes that replace an op by several others. Each function appends its op
   to the maker's block and returns the result. */
#ifndef TS_COMPILER_GRAPH_GRAPH_MAKE_H
#define TS_COMPILER_GRAPH_GRAPH_MAKE_H

#include "compiler/graph/graph.h"

typedef struct ts_maker {
    ts_module *module;
    ts_func *func;
    ts_block *block; /* ops are appended here */
    uint32_t loc;
} ts_maker;

ts_type ts_type_make(unsigned dtype, int rank, const int64_t *dim);

const ts_attr *ts_make_integer(ts_maker *m, int64_t value);
const ts_attr *ts_make_ints(ts_maker *m, int count, const int64_t *values);
const ts_attr *ts_make_pairs(ts_maker *m, int count, const int64_t *values); /* [count, 2] */

/* A constant that holds a dense attribute. */
ts_value *ts_make_constant(ts_maker *m, const ts_attr *attr);
/* A constant with one integer as all its elements; `number` has the bits, zero-extended. */
ts_value *ts_make_number(ts_maker *m, const ts_type *type, uint64_t number);
/* Pointwise ops. The result has the type of the last operand, unless a type is given; compare gives i1. */
ts_value *ts_make_unary(ts_maker *m, ts_hlo kind, ts_value *a, const ts_type *type);
ts_value *ts_make_binary(ts_maker *m, ts_hlo kind, ts_value *a, ts_value *b);
ts_value *ts_make_compare(ts_maker *m, const char *direction, ts_value *a, ts_value *b);
ts_value *ts_make_select(ts_maker *m, ts_value *predicate, ts_value *yes, ts_value *no);
ts_value *ts_make_tuple(ts_maker *m, int count, ts_value *const *parts, const ts_type *type);
ts_value *ts_make_iota(ts_maker *m, const ts_type *type, int64_t axis);
/* A scalar broadcast to `type`. */
ts_value *ts_make_splat(ts_maker *m, ts_value *scalar, const ts_type *type);
/* Axis i of `a` becomes axis axes[i] of the result. */
ts_value *ts_make_broadcast(ts_maker *m, ts_value *a, const ts_type *type, const int64_t *axes);
/* Axis i of the result is axis axes[i] of `a`. */
ts_value *ts_make_transpose(ts_maker *m, ts_value *a, const int *axes);
/* The region (a, b) -> a op b on scalars, or (a, b) -> b for ts_hlo_return. */
ts_block *ts_make_combiner(ts_maker *m, unsigned dtype, ts_hlo kind);
/* A scatter with the indices and dimensions of `op`, of other updates into another array. `kind` combines old
   and new elements; ts_hlo_return replaces the old ones. */
ts_value *ts_make_scatter(ts_maker *m, const ts_op_node *op, ts_hlo kind, ts_value *into, ts_value *updates);
/* A loop of `trips` trips that carries `count` values. `carried` holds their initial values, and on return
   their final ones. `body` builds one trip: it replaces the values in `carried` by the next ones; `trip` is
   the trip's number, i32[]. */
typedef void ts_make_trip(ts_maker *m, void *context, ts_value *trip, ts_value **carried);
void ts_make_loop(ts_maker *m, int64_t trips, int count, ts_value **carried, ts_make_trip *body,
                  void *context);
/* The sum over the `count` axes from `axis` on, which are removed. */
ts_value *ts_make_sum(ts_maker *m, ts_value *a, int64_t axis, int count);
/* The sum of products over an axis of each, both removed: the axes of `a`, then those of `b`; f32. */
ts_value *ts_make_product(ts_maker *m, ts_value *a, ts_value *b, int64_t depth_a, int64_t depth_b);
ts_value *ts_make_reshape(ts_maker *m, ts_value *a, int rank, const int64_t *dim);
ts_value *ts_make_bitcast(ts_maker *m, ts_value *a, const ts_type *type);
ts_value *ts_make_slice(ts_maker *m, ts_value *a, const int64_t *start, const int64_t *limit);
/* Of a [batch, rows, columns], the block of `rows` x `columns` at (row, column). */
ts_value *ts_make_block(ts_maker *m, ts_value *a, int64_t row, int64_t rows, int64_t column, int64_t columns);
ts_value *ts_make_strided_slice(ts_maker *m, ts_value *a, const int64_t *start, const int64_t *limit,
                                const int64_t *stride);
ts_value *ts_make_pad(ts_maker *m, ts_value *a, ts_value *fill, const int64_t *low, const int64_t *high,
                      const int64_t *interior);
ts_value *ts_make_concatenate(ts_maker *m, int count, ts_value *const *parts, int64_t axis);

#endif

/* Making ops: what passes that replace an op by several others build with. */
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

/* A constant of a dense attribute. */
ts_value *ts_make_constant(ts_maker *m, const ts_attr *attr);
/* A constant of one integer. */
ts_value *ts_make_number(ts_maker *m, const ts_type *type, uint64_t number);
/* Pointwise ops whose result has the type of the last operand, or the type given. */
ts_value *ts_make_unary(ts_maker *m, ts_hlo kind, ts_value *a, const ts_type *type);
ts_value *ts_make_binary(ts_maker *m, ts_hlo kind, ts_value *a, ts_value *b);
ts_value *ts_make_compare(ts_maker *m, const char *direction, ts_value *a, ts_value *b);
ts_value *ts_make_select(ts_maker *m, ts_value *predicate, ts_value *yes, ts_value *no);
ts_value *ts_make_tuple(ts_maker *m, int count, ts_value *const *parts, const ts_type *type);
ts_value *ts_make_iota(ts_maker *m, const ts_type *type, int64_t axis);
/* A scalar repeated. */
ts_value *ts_make_splat(ts_maker *m, ts_value *scalar, const ts_type *type);
/* Axis i of `a` is axis axes[i] of the result. */
ts_value *ts_make_broadcast(ts_maker *m, ts_value *a, const ts_type *type, const int64_t *axes);
/* Axis i of the result is axis axes[i] of `a`. */
ts_value *ts_make_transpose(ts_maker *m, ts_value *a, const int *axes);
/* The region (a, b) -> a op b on scalars; (a, b) -> b for ts_hlo_return. */
ts_block *ts_make_combiner(ts_maker *m, unsigned dtype, ts_hlo kind);
/* As the scatter `op` has it, into another array, which `kind` combines with other updates; ts_hlo_return
   replaces. */
ts_value *ts_make_scatter(ts_maker *m, const ts_op_node *op, ts_hlo kind, ts_value *into, ts_value *updates);
/* What a loop of so many trips leaves of its `count` carried values, which begin as `carried` and are
   replaced by them: `body` makes their next ones, in the arrays' place, from them and the trip's number,
   i32[]. */
typedef void ts_make_trip(ts_maker *m, void *context, ts_value *trip, ts_value **carried);
void ts_make_loop(ts_maker *m, int64_t trips, int count, ts_value **carried, ts_make_trip *body,
                  void *context);
/* The sum over `count` axes from `axis` on, which the result does not have. */
ts_value *ts_make_sum(ts_maker *m, ts_value *a, int64_t axis, int count);
ts_value *ts_make_reshape(ts_maker *m, ts_value *a, int rank, const int64_t *dim);
ts_value *ts_make_bitcast(ts_maker *m, ts_value *a, const ts_type *type);
ts_value *ts_make_slice(ts_maker *m, ts_value *a, const int64_t *start, const int64_t *limit);
/* Of [batch, rows, columns], so many from a row and a column on. */
ts_value *ts_make_block(ts_maker *m, ts_value *a, int64_t row, int64_t rows, int64_t column, int64_t columns);
ts_value *ts_make_strided_slice(ts_maker *m, ts_value *a, const int64_t *start, const int64_t *limit,
                                const int64_t *stride);
ts_value *ts_make_pad(ts_maker *m, ts_value *a, ts_value *fill, const int64_t *low, const int64_t *high,
                      const int64_t *interior);
ts_value *ts_make_concatenate(ts_maker *m, int count, ts_value *const *parts, int64_t axis);

#endif

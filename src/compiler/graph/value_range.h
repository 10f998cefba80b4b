/* Bounds of integer values, from iotas, constants and what operations make of them: where they show that fp32
   arithmetic is exact, or that 64-bit integers fit 32 bits. */
#ifndef TS_COMPILER_GRAPH_VALUE_RANGE_H
#define TS_COMPILER_GRAPH_VALUE_RANGE_H

#include "compiler/graph/graph.h"

/* Every element lies in [low, high]. INT64_MIN and INT64_MAX stand for "or beyond". */
typedef struct ts_range {
    int64_t low, high;
} ts_range;

static inline bool ts_dtype_is_integer(unsigned dtype) {
    char kind = ts_dtype_get((ts_dtype)dtype)->kind;
    return kind == 's' || kind == 'u' || kind == 'b';
}

/* Whole range of a dtype; without bounds for floats. */
ts_range ts_range_of_dtype(unsigned dtype);
bool ts_range_is_within(ts_range range, int64_t low, int64_t high);
static inline bool ts_range_fits(ts_range range, unsigned dtype) {
    ts_range all = ts_range_of_dtype(dtype);
    return ts_range_is_within(range, all.low, all.high);
}
/* Exact in fp32, and so are sums and products that pass the same test. */
static inline bool ts_range_is_small(ts_range range) {
    return ts_range_is_within(range, -((int64_t)1 << 24), (int64_t)1 << 24);
}

/* What the op makes of integers in these ranges before its result wraps to its dtype. Without bounds when
   nothing is known. */
ts_range ts_range_apply(const ts_op_node *op, const ts_range *in);

/* Most updates that one element of a scatter's result can have. */
int64_t ts_scatter_updates(const ts_op_node *op);

/* By value id, of every value of the function, regions included. Arguments have the range of their dtype. */
ts_range *ts_value_ranges(const ts_func *func, ts_arena *arena);

#endif

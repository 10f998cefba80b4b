/* Bounds of integer values, derived from iotas, constants and operations. They show where fp32 arithmetic is
   exact, and where 64-bit integers fit in 32 bits. */
#ifndef TS_COMPILER_GRAPH_VALUE_RANGE_H
#define TS_COMPILER_GRAPH_VALUE_RANGE_H

#include "compiler/graph/graph.h"

/* Every element lies in [low, high]. INT64_MIN and INT64_MAX mean that the bound is unknown. */
typedef struct ts_range {
    int64_t low, high;
} ts_range;

static inline bool ts_dtype_is_integer(unsigned dtype) {
    char kind = ts_dtype_get((ts_dtype)dtype)->kind;
    return kind == 's' || kind == 'u' || kind == 'b';
}

/* The range of an integer dtype; unbounded for floats. */
ts_range ts_range_of_dtype(unsigned dtype);
bool ts_range_is_within(ts_range range, int64_t low, int64_t high);
static inline bool ts_range_fits(ts_range range, unsigned dtype) {
    ts_range all = ts_range_of_dtype(dtype);
    return ts_range_is_within(range, all.low, all.high);
}
/* Whether fp32 represents the range exactly. Sums and products are exact too if their ranges pass the same
   test. */
static inline bool ts_range_is_small(ts_range range) {
    return ts_range_is_within(range, -((int64_t)1 << 24), (int64_t)1 << 24);
}

/* The range of the op's result before it wraps to its dtype, given its operands' ranges. Unbounded when
   nothing is known. */
ts_range ts_range_apply(const ts_op_node *op, const ts_range *in);

/* The most updates that one element of a scatter's result can receive. */
int64_t ts_scatter_updates(const ts_op_node *op);

/* The ranges of all values of the function, regions included, by value id; allocated in `arena`. Arguments
   have the range of their dtype. */
ts_range *ts_value_ranges(const ts_func *func, ts_arena *arena);

#endif

/* Triangular matrices in the graph, [batch, n, n] in fp32. The other triangle is not read. */
#ifndef TS_COMPILER_REWRITE_TRIANGULAR_H
#define TS_COMPILER_REWRITE_TRIANGULAR_H

#include "compiler/graph/graph_make.h"

enum { TS_TRIANGLE_BLOCK = 128 /* columns solved at once: the size of TensorE */ };

/* A mask i1[n, n], repeated for every matrix of the batch: whether has(row, column, number). */
typedef bool ts_triangle_part(int64_t row, int64_t column, int64_t number);
ts_value *ts_triangle_mask(ts_maker *m, const ts_type *matrices, ts_triangle_part *has, int64_t number);
ts_triangle_part ts_triangle_diagonal, ts_triangle_lower,
    ts_triangle_upper; /* lower and upper include the diagonal */

/* Batched product: sums over axis `depth_a` (1 or 2) of a and `depth_b` of b. The result is [batch, a's other
   axis, b's other axis]. */
ts_value *ts_triangle_product(ts_maker *m, ts_value *a, ts_value *b, int64_t depth_a, int64_t depth_b);

/* The inverses of all matrices; elements of the other triangle are 0. */
ts_value *ts_triangle_inverse(ts_maker *m, ts_value *a, bool is_lower, bool has_unit_diagonal);
/* Solves a x = right (depth = 2) or a' x = right (depth = 1), given the inverse of `a`. The other triangle of
   `a` must be zero. */
ts_value *ts_triangle_apply(ts_maker *m, ts_value *a, ts_value *inverse, ts_value *right, int64_t depth);

#endif

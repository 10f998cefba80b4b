/* Triangular matrices in the graph: [batch, n, n] in fp32, of which the other triangle is not read. */
#ifndef TS_COMPILER_REWRITE_TRIANGULAR_H
#define TS_COMPILER_REWRITE_TRIANGULAR_H

#include "compiler/graph/graph_make.h"

enum { TS_TRIANGLE_BLOCK = 128 /* columns that are solved for at once: as many as TensorE takes */ };

/* i1[n, n]: whether `has` of the row and the column, repeated for every matrix of a batch. */
typedef bool ts_triangle_part(int64_t row, int64_t column, int64_t number);
ts_value *ts_triangle_mask(ts_maker *m, const ts_type *matrices, ts_triangle_part *has, int64_t number);
ts_triangle_part ts_triangle_diagonal, ts_triangle_lower,
    ts_triangle_upper; /* the latter two have the diagonal */

/* [batch, a's other axis, b's other axis]: sums of products over axis `depth_a` (1 or 2) of a and `depth_b`
 * of b. */
ts_value *ts_triangle_product(ts_maker *m, ts_value *a, ts_value *b, int64_t depth_a, int64_t depth_b);

/* The inverses. */
ts_value *ts_triangle_inverse(ts_maker *m, ts_value *a, bool is_lower, bool has_unit_diagonal);
/* What a times it is `right`, or a' times it with depth 1 instead of 2; `a` has zeros beside its triangle. */
ts_value *ts_triangle_apply(ts_maker *m, ts_value *a, ts_value *inverse, ts_value *right, int64_t depth);

#endif

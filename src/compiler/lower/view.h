/* Views: how the elements of a value lie in memory. Ops that only rearrange elements (broadcast, transpose,
   slice, reshape, reverse, iota) become views and move nothing. */
#ifndef TS_COMPILER_LOWER_VIEW_H
#define TS_COMPILER_LOWER_VIEW_H

#include "compiler/graph/graph.h"
#include "plan/builder.h"

enum { TS_VIEW_RANK = TS_MAX_RANK + 2 }; /* room for axes that tiling splits */

typedef enum ts_view_kind {
    ts_view_tensor, /* element = tensor[offset + sum index_i * stride_i] */
    ts_view_iota,   /* element = offset + sum index_i * stride_i, a number */
    ts_view_splat   /* element = value */
} ts_view_kind;

#define TS_VIEW_NO_TENSOR UINT32_MAX /* a view of a shape whose tensor does not exist yet */

typedef struct ts_view {
    uint8_t kind, dtype, rank;
    uint32_t tensor;
    double value;
    int64_t offset;
    ts_affine shift; /* added to offset: terms in counters of open control loops; its base is 0 */
    int64_t dim[TS_VIEW_RANK], stride[TS_VIEW_RANK]; /* elements */
} ts_view;

/* The dtype as the engines see it. Predicates are bytes 0 and 1, so that bitwise ops apply to them; f8E4M3FN
   is only moved. */
static inline ts_dtype ts_chip_dtype(unsigned dtype) {
    return dtype == ts_dtype_i1 || dtype == ts_dtype_f8e4m3fn ? ts_dtype_u8 : (ts_dtype)dtype;
}

ts_view ts_view_of_tensor(uint32_t tensor, const ts_type *type);
ts_view ts_view_of_splat(ts_dtype dtype, double value, const ts_type *type);
int64_t ts_view_elems(const ts_view *view);
static inline bool ts_view_is_shifted(const ts_view *view) {
    return view->shift.term_count > 0;
}
/* Whether the first elements have the same position for all values of the counters. */
bool ts_view_same_start(const ts_program *program, const ts_view *a, const ts_view *b);
/* offset + shift, in elements. */
ts_affine ts_view_offset(ts_builder *b, const ts_view *view);
/* Whether the view is its whole tensor in order: offset 0, no shift, nothing repeated or skipped. */
bool ts_view_is_contiguous(const ts_view *view);

/* Sets the view of the op's result, given its operand's view. False when no view can express it (a reshape
   that joins axes which are not contiguous): the operand must be copied first. `op` is of the class `view` in
   hlo.def; iota has no operand. */
bool ts_view_apply(const ts_op_node *op, const ts_view *operand, ts_view *result);
bool ts_view_reshape(const ts_view *view, int rank, const int64_t *dim, ts_view *result);
/* Reorders axes: result axis i is axis perm[i] of the view. perm may omit axes of size 1. */
ts_view ts_view_permute(const ts_view *view, int rank, const int *perm);

/* Drops axes of size 1 and merges adjacent axes that are contiguous in all `count` views. The views must
   share their dims, and still do afterwards. */
void ts_views_merge(ts_view *views, int count);
/* Splits `axis` of each view into (size / inner, inner). `inner` must divide the size. */
void ts_views_split(ts_view *views, int count, int axis, int64_t inner);

#endif

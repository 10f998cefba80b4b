/* The iteration space of a group, and what its ops need of it. */
#ifndef TS_COMPILER_LOWER_GROUP_H
#define TS_COMPILER_LOWER_GROUP_H

#include "compiler/contract/contraction.h"
#include "compiler/lower/lower.h"

enum { TS_GROUP_BUDGET = 144 * 1024, TS_GROUP_FREE = 2048 }; /* bytes per partition; elements of a tile */

/* How a shape lies in a group's space, without axes of size 1. */
typedef enum ts_span {
    ts_span_none,
    ts_span_row,  /* the first `kept` axes of the space */
    ts_span_whole /* all axes of the space */
} ts_span;
ts_span ts_group_span(const ts_group *group, const ts_type *type);
/* The dims other than 1, in order. Returns their number. */
int ts_group_dims(const ts_type *type, int64_t *dim);

/* The number of operands that the op reads in the nest: without a reduction's initial value and a
   contraction's operands. */
uint32_t ts_group_operands(const ts_op_node *op);
/* Whether the op only changes its operand's shape. */
bool ts_group_is_alias(const ts_op_node *op);
/* ts_group_open makes an open group with the axes of `space`; ts_group_take adds an op to a group. */
ts_group *ts_group_open(ts_lower *lower, const ts_type *space);
void ts_group_take(ts_group *group, ts_op_node *op);

/* Sums over rows (group_sums.c). Whether the op is such a sum of floats and can join the group. The caller
   must then add it. */
bool ts_group_takes_sum(ts_group *group, ts_op_node *op);
/* Whether the op is such a sum, or changes the shape of one. */
bool ts_group_is_sum(const ts_op_node *op);
/* Moves all such sums and their reshapes to group->apart; false when there are none. */
bool ts_group_split_sums(ts_group *group);

/* Reductions of rows that SBUF does not hold (group_chunked.c). Whether the op, which reduces all but the
   first `kept` axes, can join the group and be folded chunk by chunk. The caller must then add it. */
bool ts_group_takes_chunked(ts_group *group, ts_op_node *op, int kept);
bool ts_group_is_chunked(const ts_op_node *op);
int ts_group_count_chunked(const ts_group *group);

/* Bytes per partition that each free element of the space takes. */
double ts_group_bytes(const ts_group *group);
/* The number of free elements for which SBUF has room: inputs double-buffered, plus the most bytes of values
   live at once. At most TS_GROUP_FREE, unless the reduced axes have more elements. */
int64_t ts_group_capacity(const ts_group *group);
/* Whether a tile can hold the reduced axes whole, also with `more` (unless NULL) in the group. */
bool ts_group_fits(const ts_group *group, ts_op_node *more);

/* The neutral number of an operator; false for operators that do not reduce. */
bool ts_reduce_identity(ts_alu alu, unsigned dtype, double *identity);

#endif

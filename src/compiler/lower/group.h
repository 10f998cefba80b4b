/* The iteration space of a group and what its ops need of it. */
#ifndef TS_COMPILER_LOWER_GROUP_H
#define TS_COMPILER_LOWER_GROUP_H

#include "compiler/contract/contraction.h"
#include "compiler/lower/lower.h"

enum { TS_GROUP_BUDGET = 144 * 1024, TS_GROUP_FREE = 2048 }; /* bytes of 192 KiB; free elements of a tile */

/* How a shape lies in a group's space when axes of size 1 are left out. */
typedef enum ts_span {
    ts_span_none,
    ts_span_row,  /* its first `kept` axes */
    ts_span_whole /* all of it */
} ts_span;
ts_span ts_group_span(const ts_group *group, const ts_type *type);
/* The dims other than 1; returns how many. */
int ts_group_dims(const ts_type *type, int64_t *dim);

/* Operands that the op reads in the nest: not a reduction's initial value, nor those of a contraction. */
uint32_t ts_group_operands(const ts_op_node *op);
/* Whether the op only gives its operand another shape. */
bool ts_group_is_alias(const ts_op_node *op);
/* A new open group over the axes of `space`, and an op added to a group. */
ts_group *ts_group_open(ts_lower *lower, const ts_type *space);
void ts_group_take(ts_group *group, ts_op_node *op);

/* Sums over rows (group_sums.c). Whether the op, a sum of floats, can be one of the group's: then it must be
   taken. */
bool ts_group_takes_sum(ts_group *group, ts_op_node *op);
/* Whether the op is such a sum, or gives one another shape. */
bool ts_group_is_sum(const ts_op_node *op);
/* Moves all of them to group->apart; false when there are none. */
bool ts_group_split_sums(ts_group *group);

/* Bytes of a partition that one free element of the space takes. */
double ts_group_bytes(const ts_group *group);
/* Free elements of the space that fit in SBUF: inputs twice, and the most bytes of values that are alive at
   once. At most TS_GROUP_FREE, unless a reduction's axes are more. */
int64_t ts_group_capacity(const ts_group *group);
/* Whether the axes of the group's reductions are whole in a tile, with `more` (or NULL) in the group. */
bool ts_group_fits(const ts_group *group, ts_op_node *more);

/* What changes nothing under the operator; false for operators that reduce nothing. */
bool ts_reduce_identity(ts_alu alu, unsigned dtype, double *identity);

#endif

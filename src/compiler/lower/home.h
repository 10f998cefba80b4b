/* Homes: the tensor in which a loop keeps a carried value, or a conditional its result. A new value is
   computed right into its home when nothing can read the old value any more; otherwise it is made elsewhere
   and moved. */
#ifndef TS_COMPILER_LOWER_HOME_H
#define TS_COMPILER_LOWER_HOME_H

#include "compiler/lower/lower.h"

/* Requests that `value`, computed in `block`, be computed into the tensor, and also the operands that it may
   overwrite. */
void ts_home_ask(const ts_block *block, ts_value *value, uint32_t tensor);
/* Marks values that the block computes only to update a slice of one of its arguments. */
void ts_home_find_slots(const ts_block *block);
/* The slice into which a marked value should be computed; false when it is not known yet. */
bool ts_home_slot(ts_lower *lower, const ts_value *value, ts_view *view);
/* Whether no value other than `over` is read from the tensor at op number `limit` or later. `over` may be
   read at `limit`. */
bool ts_home_is_free(const ts_lower *lower, uint32_t tensor, uint32_t limit, const ts_value *over);
/* Makes storage for the result of an op that changes part of operand 0, which lies at `operand`. The result
   overwrites the operand if nothing reads that later; otherwise the operand is copied. */
ts_status ts_home_result(ts_lower *lower, const ts_op_node *op, const ts_view *operand);
/* Emits the open groups that read a home, before it is overwritten. `home` is 1 + tensor; 0 does nothing. */
ts_status ts_home_flush(ts_lower *lower, uint32_t home);
/* Called before a group is emitted: does the same for the homes of its results, and drops homes that the
   group cannot overwrite tile by tile. */
ts_status ts_home_settle(ts_lower *lower, ts_group *group);

/* One of several simultaneous assignments to whole tensors. */
typedef struct ts_move {
    uint32_t tensor;
    ts_view from;
    const ts_type *type;
} ts_move;
/* Performs all moves as if at once: each source has its value from before the first move. Changes `moves`. */
ts_status ts_home_move(ts_lower *lower, ts_move *moves, uint32_t count);

#endif

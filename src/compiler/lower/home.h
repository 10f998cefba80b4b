/* Homes: the tensor in which a loop keeps a carried value, or a conditional its result. A new value goes
   right into its home when nobody can read the old one any more; else it is made elsewhere and moved. */
#ifndef TS_COMPILER_LOWER_HOME_H
#define TS_COMPILER_LOWER_HOME_H

#include "compiler/lower/lower.h"

/* Asks that `value`, computed in `block`, be computed into the tensor, and so what it is computed over. */
void ts_home_ask(const ts_block *block, ts_value *value, uint32_t tensor);
/* Marks what the block computes only to update a slice of one of its arguments. */
void ts_home_find_slots(const ts_block *block);
/* The slice that a marked value is to be computed into, when that is known already. */
bool ts_home_slot(ts_lower *lower, const ts_value *value, ts_view *view);
/* Whether no value but `over` reads the tensor at op number `limit` or later; `over` may be read at `limit`.
 */
bool ts_home_is_free(const ts_lower *lower, uint32_t tensor, uint32_t limit, const ts_value *over);
/* Storage for the result of an op that changes operand 0, lying at `operand`, in part: in its place where
   nobody reads that later. */
ts_status ts_home_result(ts_lower *lower, const ts_op_node *op, const ts_view *operand);
/* Emits the open groups that read a home (1 + tensor; 0 = nothing to do) before it is overwritten. */
ts_status ts_home_flush(ts_lower *lower, uint32_t home);
/* Before a group is emitted: the same for all its results, and only the homes stay that it may write tile by
   tile. */
ts_status ts_home_settle(ts_lower *lower, ts_group *group);

/* One of several assignments to whole tensors. */
typedef struct ts_move {
    uint32_t tensor;
    ts_view from;
    const ts_type *type;
} ts_move;
/* All at once: each source is what it was before the first move. */
ts_status ts_home_move(ts_lower *lower, ts_move *moves, uint32_t count);

#endif

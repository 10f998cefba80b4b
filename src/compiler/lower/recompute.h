/* Decides which of a group's values are stored when it is emitted. */
#ifndef TS_COMPILER_LOWER_RECOMPUTE_H
#define TS_COMPILER_LOWER_RECOMPUTE_H

#include "compiler/lower/group.h"

typedef enum ts_fate {
    ts_fate_inside, /* nothing outside the group reads it */
    ts_fate_stored, /* stored in HBM; an alias gets a view of the stored value */
    ts_fate_again   /* its readers, which are pointwise ops, compute it again */
} ts_fate;
/* Sets the fate of each op's result. */
void ts_recompute_choose(ts_lower *lower, const ts_group *group, ts_fate *fate);

/* Whether the result of op `index` has later readers outside the group, directly or through aliases. */
bool ts_recompute_escapes(const ts_group *group, int index);
/* Counts the reads by the group's ops, once they have been emitted. */
void ts_recompute_serve(const ts_group *group);

#endif

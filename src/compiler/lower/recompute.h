/* What becomes of a group's values when it is emitted. */
#ifndef TS_COMPILER_LOWER_RECOMPUTE_H
#define TS_COMPILER_LOWER_RECOMPUTE_H

#include "compiler/lower/group.h"

typedef enum ts_fate {
    ts_fate_inside, /* nobody outside reads it */
    ts_fate_stored, /* in HBM; of an alias: gets a view of what is stored */
    ts_fate_again   /* computed again by its readers, which are pointwise ops */
} ts_fate;
void ts_recompute_choose(ts_lower *lower, const ts_group *group, ts_fate *fate);

/* Whether op number `index` has readers to come outside the group, directly or through aliases. */
bool ts_recompute_escapes(const ts_group *group, int index);
/* Counts the reads of the group's ops, which were emitted just now. */
void ts_recompute_serve(const ts_group *group);

#endif

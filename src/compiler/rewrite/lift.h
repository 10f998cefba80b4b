/* Applies a function of scalars to whole arrays. */
#ifndef TS_COMPILER_REWRITE_LIFT_H
#define TS_COMPILER_REWRITE_LIFT_H

#include "compiler/graph/graph_make.h"

/* Whether the region consists only of constants, pointwise operations and reshapes of scalars. */
bool ts_can_lift(const ts_block *region);
/* results = region(args), element by element. `args` are in the order of the region's arguments and all have
   the dims of `shape`. */
void ts_lift(ts_maker *make, const ts_block *region, ts_value *const *args, const ts_type *shape,
             ts_value **results);

#endif

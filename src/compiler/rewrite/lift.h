/* A function of scalars on whole arrays. */
#ifndef TS_COMPILER_REWRITE_LIFT_H
#define TS_COMPILER_REWRITE_LIFT_H

#include "compiler/graph/graph_make.h"

/* Whether the region is made of constants, pointwise operations and reshapes of scalars, and nothing else. */
bool ts_can_lift(const ts_block *region);
/* results = region(args), element by element; the region's arguments in the same order. `shape`: the dims
   that all arrays have. */
void ts_lift(ts_maker *make, const ts_block *region, ts_value *const *args, const ts_type *shape,
             ts_value **results);

#endif

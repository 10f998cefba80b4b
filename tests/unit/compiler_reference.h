/* A plain interpreter of graphs, against which compiled programs are checked. Every value is an array of
   doubles; each op's result is rounded to its element type, sums and products of dots and reductions only at
   their end. */
#ifndef TS_UNIT_COMPILER_REFERENCE_H
#define TS_UNIT_COMPILER_REFERENCE_H

#include "compiler/graph/graph.h"

/* Runs @main. inputs[i]: one double for each element of argument i; results[i]: likewise for result i,
   allocated in the arena. Overwrites the module's notes. Returns the name of an op that it does not know, or
   NULL. */
const char *ts_reference_run(ts_module *module, ts_arena *arena, const double *const *inputs,
                             double **results);

/* Elements of a tensor as doubles, and back. Integers of 32 bits are exact. */
void ts_reference_widen(unsigned dtype, const void *from, double *to, size_t count);
void ts_reference_narrow(unsigned dtype, const double *from, void *to, size_t count);

#endif

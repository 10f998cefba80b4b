/* Recognising argmax and argmin: the region of the two-array reduction. */
#ifndef TS_COMPILER_LOWER_LOWER_ARGMAX_H
#define TS_COMPILER_LOWER_LOWER_ARGMAX_H

#include "compiler/lower/lower.h"

/* Whether the region over (value, index, value, index) keeps the larger (max) or smaller (min) value with
   its index, NaN before any number when is_float. Found by evaluating it on every order of its arguments,
   which is complete because only comparisons and choices are accepted in it. */
bool ts_region_argmax(const ts_block *region, bool is_float, ts_alu *alu);

#endif

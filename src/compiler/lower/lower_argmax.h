/* Recognises argmax and argmin by the region of a two-array reduction. */
#ifndef TS_COMPILER_LOWER_LOWER_ARGMAX_H
#define TS_COMPILER_LOWER_LOWER_ARGMAX_H

#include "compiler/lower/lower.h"

/* Whether the region over (value, index, value, index) keeps the larger (max) or smaller (min) value with its
   index; with is_float, NaN wins over numbers. The region is evaluated on every order of its arguments. That
   is complete, since only comparisons and selects are accepted in it. */
bool ts_region_argmax(const ts_block *region, bool is_float, ts_alu *alu);

#endif

/* Bounds of the magnitudes of floats, from what operations make of them: where they show that a reciprocal is
   a normal number, or an angle small. */
#ifndef TS_COMPILER_GRAPH_MAGNITUDE_H
#define TS_COMPILER_GRAPH_MAGNITUDE_H

#include "compiler/graph/graph.h"

/* Every element is NaN, infinite, zero, or in magnitude between 2^low and 2^high. */
typedef struct ts_magnitude {
    int16_t low, high;
    bool is_natural;  /* no element is negative */
    bool is_positive; /* nor zero */
    bool is_opposite; /* no element is positive */
} ts_magnitude;

/* By value id, of every value of the function, regions included. Of what is not a float, the whole
   range of fp32. */
ts_magnitude *ts_value_magnitudes(const ts_func *func, ts_arena *arena);

/* The reciprocal of each number is a normal fp32 number. */
static inline bool ts_magnitude_has_reciprocal(ts_magnitude m) {
    return m.low >= -126 && m.high <= 125;
}

#endif

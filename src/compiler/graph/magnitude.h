/* Bounds of the magnitudes of floats, derived from the operations that compute them. They show where a
   reciprocal is a normal number, and where an angle is small. */
#ifndef TS_COMPILER_GRAPH_MAGNITUDE_H
#define TS_COMPILER_GRAPH_MAGNITUDE_H

#include "compiler/graph/graph.h"

/* Every element is NaN, infinite, zero, or of magnitude between 2^low and 2^high. */
typedef struct ts_magnitude {
    int16_t low, high;
    bool is_natural;  /* no element is negative */
    bool is_positive; /* no element is negative or zero */
    bool is_opposite; /* no element is positive */
} ts_magnitude;

/* The magnitudes of all values of the function, regions included, by value id; allocated in `arena`. Values
   that are not floats get the whole range of fp32. */
ts_magnitude *ts_value_magnitudes(const ts_func *func, ts_arena *arena);

/* Whether the reciprocal of each nonzero finite element is a normal fp32 number. */
static inline bool ts_magnitude_has_reciprocal(ts_magnitude m) {
    return m.low >= -126 && m.high <= 125;
}

#endif

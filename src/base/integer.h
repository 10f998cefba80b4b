/* Integer arithmetic missing from C: greatest common divisor and division with a given rounding. */
#ifndef TS_BASE_INTEGER_H
#define TS_BASE_INTEGER_H

#include <stdint.h>

/* Greatest common divisor, never negative; ts_gcd(0, b) is |b|. */
static inline int64_t ts_gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* a / b rounded up; a >= 0, b > 0. */
static inline int64_t ts_ceil_div(int64_t a, int64_t b) {
    return a / b + (a % b > 0);
}

/* a / b rounded down, also for negative a; b > 0. */
static inline int64_t ts_floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

#endif

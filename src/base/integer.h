/* Integer arithmetic that C lacks. */
#ifndef TS_BASE_INTEGER_H
#define TS_BASE_INTEGER_H

#include <stdint.h>

/* Greatest common divisor, never negative; of 0 and b it is |b|. */
static inline int64_t ts_gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* Rounded up; a >= 0, b > 0. */
static inline int64_t ts_ceil_div(int64_t a, int64_t b) {
    return a / b + (a % b > 0);
}

/* Rounded down, also below 0; b > 0. */
static inline int64_t ts_floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

#endif

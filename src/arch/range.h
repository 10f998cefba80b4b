/* Bounds of affine forms and operands over a nest of loops, and equality of ragged counts. */
#ifndef TS_ARCH_RANGE_H
#define TS_ARCH_RANGE_H

#include "arch/program.h"

typedef __int128 ts_wide;

/* The loops open at one instruction, outermost first. */
typedef struct ts_nesting {
    const ts_program *program;
    int depth;
    uint32_t loop[TS_MAX_LOOP_DEPTH];
} ts_nesting;

/* base + sum coef[d] * counter(loop[d]) + something in [low, high] (the rotation). */
typedef struct ts_form {
    ts_wide base, low, high;
    ts_wide coef[TS_MAX_LOOP_DEPTH];
} ts_form;

/* Numbers of a program beyond this have no meaning on the chip, and sums of them could overflow. */
#define TS_RANGE_LIMIT ((int64_t)1 << 44)

/* False when a number, or a value that the form may take, is beyond TS_RANGE_LIMIT. The program's
   structure must have been checked. */
bool ts_form_of(const ts_nesting *nest, const ts_affine *affine, ts_form *form);
void ts_form_add(ts_form *form, const ts_form *other, ts_wide factor);
/* No value that the form takes in the nest is above (below) this; exact without rotation when no trip
   count is ragged. */
ts_wide ts_form_max(const ts_nesting *nest, const ts_form *form);
ts_wide ts_form_min(const ts_nesting *nest, const ts_form *form);

/* One dimension of a reach: `count` steps of `step`. */
typedef struct ts_span {
    int64_t step;
    const ts_count *count;
} ts_span;
enum { TS_MAX_SPANS = TS_AP_DIMS };
/* The lowest and highest of start + sum step * [0, count - 1]. A ragged count is used as what it is: the
   smaller of its two forms, so that start and count may depend on the same loop. False when a number is
   beyond TS_RANGE_LIMIT. */
bool ts_reach(const ts_nesting *nest, const ts_form *start, const ts_span *spans, int count, ts_wide *low,
              ts_wide *high);
/* The same of an affine value. */
bool ts_reach_from(const ts_nesting *nest, const ts_affine *start, const ts_span *spans, int count,
                   ts_wide *low, ts_wide *high);

/* Whether two products of counts are equal at every point, as far as their forms show: ragged counts match
   up to a common factor (min(8*x, 8*y) is 8*min(x, y)). */
bool ts_products_equal(const ts_nesting *nest, const ts_count *const *a, int a_count,
                       const ts_count *const *b, int b_count);

#endif

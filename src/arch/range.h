/* Bounds of affine forms and operands over a nest of loops, and equality of ragged counts. */
#ifndef TS_ARCH_RANGE_H
#define TS_ARCH_RANGE_H

#include "arch/program.h"

typedef __int128 ts_wide;

/* The loops around an instruction, outermost first. */
typedef struct ts_nesting {
    const ts_program *program;
    int depth;
    uint32_t loop[TS_MAX_LOOP_DEPTH];
} ts_nesting;

/* An affine form by depth of loop: base + sum coef[d] * counter(loop[d]) + the rotation's value, which lies
   in [low, high]. */
typedef struct ts_form {
    ts_wide base, low, high;
    ts_wide coef[TS_MAX_LOOP_DEPTH];
} ts_form;

/* Numbers beyond this have no meaning on the chip, and their sums could overflow. */
#define TS_RANGE_LIMIT ((int64_t)1 << 44)

/* Expands an affine form. False when a number, or a value that the form may take, is beyond TS_RANGE_LIMIT.
   Requires that ts_program_check has passed. */
bool ts_form_of(const ts_nesting *nest, const ts_affine *affine, ts_form *form);
/* Adds factor * other to the form. */
void ts_form_add(ts_form *form, const ts_form *other, ts_wide factor);
/* Upper (lower) bound of the form's values in the nest; exact when it has no rotation and no trip count is
   ragged. */
ts_wide ts_form_max(const ts_nesting *nest, const ts_form *form);
ts_wide ts_form_min(const ts_nesting *nest, const ts_form *form);

/* One dimension of an access pattern: `count` elements, `step` apart. */
typedef struct ts_span {
    int64_t step;
    const ts_count *count;
} ts_span;
enum { TS_MAX_SPANS = TS_AP_DIMS };
/* The lowest and highest of start + sum step * [0, count - 1]. A ragged count is bounded by both its maximum
   and its limit, so bounds stay exact where start and count depend on the same loop. False when a number is
   beyond TS_RANGE_LIMIT. */
bool ts_reach(const ts_nesting *nest, const ts_form *start, const ts_span *spans, int count, ts_wide *low,
              ts_wide *high);
/* The same with the start given as an affine form. */
bool ts_reach_from(const ts_nesting *nest, const ts_affine *start, const ts_span *spans, int count,
                   ts_wide *low, ts_wide *high);

/* Whether two products of counts are provably equal at every point. Ragged counts match up to a common
   factor: min(8*x, 8*y) is 8*min(x, y). */
bool ts_products_equal(const ts_nesting *nest, const ts_count *const *a, int a_count,
                       const ts_count *const *b, int b_count);

#endif

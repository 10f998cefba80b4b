/* Counted loops: a `while` that steps an integer from a constant to a constant, and arithmetic on its counter
   that the program's affine forms can hold. */
#ifndef TS_COMPILER_GRAPH_COUNTED_H
#define TS_COMPILER_GRAPH_COUNTED_H

#include "compiler/lower/lower.h"

typedef struct ts_count_loop {
    const ts_block *cond, *body;
    int64_t trips;
} ts_count_loop;

/* The carry that counts the loop's trips, which are filled in; -1 when data ends the loop. */
int ts_counted_find(ts_count_loop *loop, const ts_op_node *op);
/* Whether carry i of a counted loop is first + step * trip in every trip and after the last. */
bool ts_counted_step(const ts_count_loop *loop, const ts_op_node *op, uint32_t i, int64_t *first,
                     int64_t *step);
/* Whether the trips of a counted loop write every element of carry i, which nothing else reads, so that its
   initial value does not matter. */
bool ts_counted_covers(const ts_count_loop *loop, const ts_op_node *op, uint32_t i);

/* The part of `whole` that an update writes, when its starts are numbers of the program that are known by now
   (lower_dynamic.c). */
bool ts_update_window(ts_lower *lower, const ts_op_node *op, const ts_view *whole, ts_view *window);

/* The numbers that a scalar view takes; false when they are not all known integers. */
bool ts_view_bounds(const ts_lower *lower, const ts_view *view, int64_t *low, int64_t *high);

#endif

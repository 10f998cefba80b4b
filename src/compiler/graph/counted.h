/* Counted loops: a `while` that steps an integer from a constant to a constant, and arithmetic on its counter
   that the affine forms of the program can express. */
#ifndef TS_COMPILER_GRAPH_COUNTED_H
#define TS_COMPILER_GRAPH_COUNTED_H

#include "compiler/lower/lower.h"

typedef struct ts_count_loop {
    const ts_block *cond, *body;
    int64_t trips;
} ts_count_loop;

/* Returns the index of the carry that counts the loop's trips, and sets loop->trips; -1 when the trip count
   depends on data. cond and body must be set. */
int ts_counted_find(ts_count_loop *loop, const ts_op_node *op);
/* Whether carry i is first + step * trip at the start of every trip and after the last one, without
   overflow. */
bool ts_counted_step(const ts_count_loop *loop, const ts_op_node *op, uint32_t i, int64_t *first,
                     int64_t *step);
/* Whether the trips of a counted loop write every element of carry i, and nothing else reads it. Its initial
   value is then irrelevant. */
bool ts_counted_covers(const ts_count_loop *loop, const ts_op_node *op, uint32_t i);

/* The view of the part of `whole` that a dynamic_update_slice writes, when its starts are known up to loop
   counters (lower_dynamic.c); false otherwise. */
bool ts_update_window(ts_lower *lower, const ts_op_node *op, const ts_view *whole, ts_view *window);

/* Bounds of the number in a scalar view over all trips of the loops; false when it is not a known integer. */
bool ts_view_bounds(const ts_lower *lower, const ts_view *view, int64_t *low, int64_t *high);

#endif

/* The iteration space of a contraction's result, block by block as it lies in PSUM, as the nest of a group
   that reads it there. */
#ifndef TS_COMPILER_CONTRACT_DOT_SPACE_H
#define TS_COMPILER_CONTRACT_DOT_SPACE_H

#include "compiler/contract/dot.h"
#include "compiler/lower/group.h"

typedef struct ts_dot_space {
    const ts_dot *dot;
    const ts_dot_block *block;
    ts_nest nest;
    int opened[ts_dot_in_block + 1]; /* leading axes whose loops are open at each stage */
    int cols, rows;                  /* axes of the nest: the first of the panel's columns, the partitions */
    struct {
        const ts_walk *walk;
        int axis;
        int64_t scale; /* positions of the walk's axis from one to the next */
        const uint32_t *loop;
        const bool *is_open;
    } axis[TS_VIEW_RANK];
} ts_dot_space;

/* False when the blocks are no tiles of [partitions, free elements] with one loop an axis. */
bool ts_dot_space_make(ts_dot_space *space, const ts_dot *dot, const ts_dot_block *block);
/* The views, over the axes of the result that are not of size 1 in the order batch, left, right, as views
   over the nest. False when one of them has no such form. */
bool ts_dot_space_views(const ts_dot_space *space, ts_view *views, int count);
/* Brings the nest's loops and counts up to date. */
void ts_dot_space_enter(ts_dot_space *space, ts_dot_stage stage);

#endif

/* The iteration space of a contraction's result, block by block in PSUM, as the nest of the group that reads
   it. */
#ifndef TS_COMPILER_CONTRACT_DOT_SPACE_H
#define TS_COMPILER_CONTRACT_DOT_SPACE_H

#include "compiler/contract/dot.h"
#include "compiler/lower/group.h"

typedef struct ts_dot_space {
    const ts_dot *dot;
    const ts_dot_block *block;
    ts_nest nest;
    int opened[ts_dot_in_block + 1]; /* number of leading axes whose loops are open at each stage */
    int cols, rows;                  /* nest axes: the first of the panel's columns; the partitions */
    struct {
        const ts_walk *walk;
        int axis;
        int64_t scale; /* positions of the walk's axis per position of this axis */
        const uint32_t *loop;
        const bool *is_open;
    } axis[TS_VIEW_RANK];
} ts_dot_space;

/* Makes the nest of a planned contraction. False when the blocks are not tiles of [partitions, free elements]
   with one loop per axis. */
bool ts_dot_space_make(ts_dot_space *space, const ts_dot *dot, const ts_dot_block *block);
/* Turns views over the result's axes (batch, left, right, without those of size 1) into views over the nest.
   False when one of them has no such form. */
bool ts_dot_space_views(const ts_dot_space *space, ts_view *views, int count);
/* Updates the nest's loops and counts when the emitter reaches a stage. */
void ts_dot_space_enter(ts_dot_space *space, ts_dot_stage stage);

#endif

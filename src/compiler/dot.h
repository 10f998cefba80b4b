/* A contraction of two tensors as the compiler plans and emits it: two operands, four walks, and what of
   them SBUF holds at a time. dot_general and convolution are contractions. */
#ifndef TS_COMPILER_DOT_H
#define TS_COMPILER_DOT_H

#include "compiler/contraction.h"
#include "compiler/lower.h"

/* out[batch, left, right] = sum over depth of lhs[batch, left, depth] * rhs[batch, right, depth], axes with
   steps in lhs (ts_side_rows), rhs (ts_side_cols) and out. Of the views tensor, dtype and offset count. */
typedef struct ts_contraction {
    ts_view lhs, rhs, out;
    ts_walk batch, left, right, depth;
} ts_contraction;

/* In SBUF as [chunk of depth, (chunk, batch, panel of its walk)]. */
typedef struct ts_dot_operand {
    ts_side side;
    ts_view view;
    const ts_walk *walk;
    bool is_transposed; /* depth is its contiguous axis: loaded row by row and transposed on the PE */
    ts_tile tile;       /* of the open panel */
} ts_dot_operand;

/* Chunks of equal size: for each position of depth's outer axes in a panel, `tiles` times `positions` of
   the cut axis from position `at` on. */
typedef struct ts_dot_group {
    int64_t at, positions, tiles;
    int64_t first, chunks; /* in the panel */
} ts_dot_group;

/* Depth comes in panels of `panel.block` positions of the axis panel.cut, and those in chunks that
   depth.tile positions of the axis depth.cut give. */
typedef struct ts_dot {
    ts_builder *b;
    ts_walk batch, rows, cols, depth, panel;
    ts_dot_operand stationary, moving;
    ts_dtype dtype; /* of the operands in SBUF */
    ts_view out;
    int64_t chunk;  /* depth elements of a whole chunk, <= 128 */
    int64_t chunks; /* in a panel */
    ts_dot_group group[2];
    int groups;
} ts_dot;

enum { TS_DOT_TILE = 128, TS_DOT_BANK = 512, TS_DOT_COLS = 1024, TS_DOT_ROWS = 512 };

/* The narrowest dtype that holds every value of both: fp8 beside another float of at most 16 bits stays
 * narrow. */
ts_dtype ts_dot_dtype(unsigned lhs, unsigned rhs);
/* Decides roles, panels and how each operand is loaded. False when not even the smallest panels fit. */
bool ts_dot_plan(ts_dot *dot, const ts_contraction *c);
/* All of depth is one panel. */
bool ts_dot_is_whole(const ts_dot *dot);
/* Chunks of the last panel may be smaller or missing. */
bool ts_dot_is_ragged(const ts_dot *dot);
/* Positions of depth's outer axes in a panel. */
int64_t ts_dot_outer(const ts_dot *dot, int axis);
int64_t ts_dot_depth(const ts_dot *dot); /* depth elements of a panel */

/* Positions of the cut axis in the chunk of the group with this index. */
ts_count ts_dot_positions(const ts_dot *dot, const ts_dot_group *group, ts_affine index);
/* Elements in the operand's tile from one chunk to the next. */
int64_t ts_dot_chunk_step(const ts_dot *dot, const ts_dot_operand *operand);
/* Loops that a single trip does not need. */
uint32_t ts_dot_open(const ts_dot *dot, int64_t trips);
void ts_dot_close(const ts_dot *dot, int64_t trips);
ts_affine ts_dot_counter(const ts_dot *dot, int64_t trips, uint32_t loop);

/* Of a partition, while a chunk of a transposed operand is turned. */
int64_t ts_dot_turn_bytes(const ts_dot *dot);
/* The open panel of the operand into a new tile. */
void ts_dot_load(ts_lower *lower, const ts_dot *dot, ts_dot_operand *operand);
/* The whole contraction. */
void ts_dot_emit(ts_lower *lower, ts_dot *dot);

#endif

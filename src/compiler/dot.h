/* A dot_general as the compiler plans it: two operands, four walks, and what of them SBUF holds at a time. */
#ifndef TS_COMPILER_DOT_H
#define TS_COMPILER_DOT_H

#include "compiler/contraction.h"
#include "compiler/lower.h"

/* In SBUF as [chunk of depth, (chunk, batch, panel of its walk)]. */
typedef struct ts_dot_operand {
    ts_side side;
    ts_view view;
    const ts_walk *walk;
    bool is_transposed; /* depth is its contiguous axis: loaded row by row and transposed on the PE */
    ts_tile tile;       /* of the open panel */
} ts_dot_operand;

typedef struct ts_dot {
    ts_builder *b;
    ts_walk batch, rows, cols, depth;
    ts_dot_operand stationary, moving;
    ts_dtype dtype; /* of the operands in SBUF */
    ts_view out;
    int64_t chunk;      /* depth elements of a matmul, <= 128 */
    int64_t chunks;     /* in a panel of depth */
    ts_affine depth_at; /* where the panel begins on depth's cut axis */
} ts_dot;

enum { TS_DOT_TILE = 128, TS_DOT_BANK = 512, TS_DOT_COLS = 1024, TS_DOT_ROWS = 512 };

/* Views in the order batch axes, free axes, depth axes, with the number of the first and last kind; decides
   roles, panels and how each operand is loaded. False when the axes need operands that lie in that order. */
bool ts_dot_plan(ts_dot *dot, const ts_view *lhs, const ts_view *rhs, const ts_view *out, int batch_rank,
                 int depth_rank);

#endif

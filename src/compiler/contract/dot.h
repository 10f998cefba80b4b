/* A contraction of two tensors as the compiler plans and emits it: two operands, four walks, and what of
   them SBUF holds at a time. dot_general and convolution are contractions. */
#ifndef TS_COMPILER_CONTRACT_DOT_H
#define TS_COMPILER_CONTRACT_DOT_H

#include "compiler/contract/contraction.h"
#include "compiler/lower/lower.h"

/* out[batch, left, right] = sum over depth of lhs[batch, left, depth] * rhs[batch, right, depth], axes with
   steps in lhs (ts_side_rows), rhs (ts_side_cols) and out. Of the views tensor, dtype and offset count. */
typedef struct ts_contraction {
    ts_view lhs, rhs, out;
    ts_walk batch, left, right, depth;
} ts_contraction;

/* A contraction that waits for its readers. `rows`: axes of the result, those of size 1 left out, before
   those of the right side. */
typedef struct ts_pending {
    ts_op_node *op;
    ts_contraction c;
    ts_dtype dtype; /* of the operands in SBUF */
    int rows;
} ts_pending;
/* Opens a group with it. */
ts_status ts_lower_contraction(ts_lower *lower, ts_op_node *op, const ts_contraction *c, ts_dtype dtype);
/* Emits the contraction with all its group's ops, or nothing when its blocks do not suit them. */
ts_status ts_lower_dot_group(ts_lower *lower, ts_group *group, bool *is_done);
/* Emits it alone and takes it from the group. */
ts_status ts_lower_dot_alone(ts_lower *lower, ts_group *group);

/* In SBUF as [chunk of depth, (chunk, batch, panel of its walk)]; as a ring of row tiles (ts_dot.is_ahead)
   as [chunk of depth, (chunk, tile)] in each slot. */
typedef struct ts_dot_operand {
    ts_side side;
    ts_view view;
    const ts_walk *walk;
    bool is_transposed; /* depth is its contiguous axis: loaded row by row and transposed on the PE */
    ts_tile tile;       /* of the open panel */
    uint32_t kept;      /* where it is kept when it has been turned, see dot_keep.c */
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
    int64_t budget;     /* bytes of a partition that the panels may take; 0 = what a dot alone may */
    int64_t most_cols;  /* of a panel; 0 = TS_DOT_COLS */
    bool is_unswapped;  /* asked for: lhs stationary, its rows on the partitions of the result */
    bool is_swapped;    /* rhs is stationary */
    bool is_rows_outer; /* panels of rows are held while those of columns go by, not the other way round */
    bool is_ahead;      /* the stationary is turned tile by tile, each while an earlier one is multiplied */
    ts_walk batch, rows, cols, depth, panel;
    ts_dot_operand stationary, moving;
    ts_dtype dtype; /* of the operands in SBUF */
    ts_view out;
    int64_t chunk;  /* depth elements of a whole chunk, <= 128 */
    int64_t chunks; /* in a panel */
    ts_dot_group group[2];
    int groups;
} ts_dot;

enum {
    TS_DOT_TILE = 128,
    TS_DOT_BANK = 512,
    TS_DOT_COLS = 1024,
    TS_DOT_ROWS = 1024,
    TS_DOT_PSUM = 8192,
    TS_DOT_ROWS_AHEAD = 3,
    TS_DOT_OUT_BYTES = 8192,
    TS_DOT_OUT_SLOTS = 8
};

/* Copies of a block of the result on its way to HBM: the DMA engines may be busy for a while. */
int ts_dot_out_slots(const ts_dot *dot);
/* A tile of rows against the panel of columns for some batches, in PSUM as [rows, (batch, columns)]. */
typedef struct ts_dot_block {
    ts_tile psum, out;
    int64_t row_tiles, batches, batch_trips; /* batches in PSUM at a time, and how often */
    uint32_t row_loop, batch_loop;
    bool row_is_open, batch_is_open;
    int64_t psum_step; /* bytes in PSUM from one row tile to the next; 0 = each takes the other's place */
    ts_count rows;
    ts_affine number; /* of its row tile among all, where the stationary is a ring of them */
} ts_dot_block;
/* The block's place in PSUM: `elems` elements of fp32 a row. */
ts_ap ts_dot_block_ap(const ts_dot *dot, const ts_dot_block *block, ts_count elems);
ts_dot_block ts_dot_block_of(const ts_dot *dot);

/* Where the loops of a dot stand: those of the batches, of the panels that are held, of the others and,
   innermost, of the block are open. */
typedef enum ts_dot_stage {
    ts_dot_before,
    ts_dot_in_batch,
    ts_dot_in_outer,
    ts_dot_in_inner,
    ts_dot_in_block
} ts_dot_stage;

/* Takes each block of the result from PSUM, in place of a copy and a store. */
typedef struct ts_dot_reader {
    void *context;
    void (*enter)(void *context, ts_dot_stage stage);
    ts_status (*take)(void *context);
} ts_dot_reader;

/* The narrowest dtype that holds every value of both: fp8 beside another float of at most 16 bits stays
 * narrow. */
ts_dtype ts_dot_dtype(unsigned lhs, unsigned rhs);
/* Decides roles, panels and how each operand is loaded. False when not even the smallest panels fit. */
bool ts_dot_plan(ts_dot *dot, const ts_contraction *c);
/* Bytes in PSUM from one row tile to the next where they lie side by side. */
int64_t ts_dot_psum_step(const ts_dot *dot);
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

/* A transfer of the operand into `tile`, from where depth's panel of the open batch begins. */
ts_box ts_dot_box(const ts_dot *dot, const ts_dot_operand *operand, ts_tile tile);
/* Depth's outer axes along the tile, `step` elements a position of the innermost. */
void ts_dot_box_outer(const ts_dot *dot, const ts_dot_operand *operand, ts_box *box, int64_t step);
/* Positions of depth's cut axis from the panel's begin to the axis' end. */
ts_affine ts_dot_depth_left(const ts_dot *dot);
/* Of `count` equal parts of a group's chunks those that one DMA moves: a divisor of all, so that there are
   few pieces, none of them small. */
int64_t ts_dot_piece(const ts_dot *dot, const ts_dot_operand *operand, const ts_dot_group *group,
                     int64_t count);
/* The walk of the other side. */
static inline const ts_walk *ts_dot_other(const ts_dot *dot, const ts_dot_operand *operand) {
    return operand->side == ts_side_rows ? &dot->cols : &dot->rows;
}
/* Adds where the open panel of a walk begins when each takes `step`; the step of all of them. */
int64_t ts_dot_add_panels(const ts_dot *dot, const ts_walk *walk, int64_t step, ts_affine *at);
/* Whether the operand is held, and its next panel comes while the open one is used, a piece with each panel
   of the other side: then its tile is a ring of two. */
bool ts_dot_comes_early(const ts_dot *dot, const ts_dot_operand *operand);
/* The slot of the open panel. */
ts_affine ts_dot_early_slot(const ts_dot *dot, const ts_dot_operand *operand);
/* The first panel, before the loop over panels; a piece of the next, in the loops over the other side's. */
void ts_dot_early_begin(ts_lower *lower, const ts_dot *dot, ts_dot_operand *operand);
void ts_dot_early_piece(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand);
/* The open panel of the operand into a new tile. */
void ts_dot_load(ts_lower *lower, const ts_dot *dot, ts_dot_operand *operand);

/* ---- turning, dot_turn.c ---- */

/* Rows of an operand that are turned together: of some batches of a small panel, or a tile of one batch's. */
typedef struct ts_dot_rows {
    int64_t batches;
    int64_t beside;     /* as many batches again lie beside these in what they come in, 1 = none */
    ts_affine at;       /* of these in it, bytes */
    ts_count positions; /* of the walk's cut axis */
    ts_affine from;     /* in the tensor, elements */
    ts_affine to;       /* in the operand's tile, bytes; its slot as a rotation */
    ts_affine number;   /* counts them: the slot of what they are turned into */
    ts_affine load;     /* counts loads: the slot of what they come in */
} ts_dot_rows;

/* What rows pass through: as they lie in HBM, as fp32 numbers, and those turned. */
typedef struct ts_dot_turn {
    ts_tile raw, wide, psum;
} ts_dot_turn;

/* Chunks of depth that one instruction of Scalar and VectorE takes. */
typedef struct ts_dot_slice {
    const ts_dot_group *group;
    ts_affine chunk;  /* the first one, in the group */
    ts_count chunks;  /* how many */
    ts_affine number; /* counts slices */
} ts_dot_slice;

/* Bytes of a partition that rows and slices take on the way. */
int64_t ts_dot_row_bytes(const ts_dot *dot);
int64_t ts_dot_wide_bytes(const ts_dot *dot);
ts_dot_turn ts_dot_turn_begin(const ts_dot *dot, const ts_dot_operand *operand, int row_slots,
                              int slice_slots);
/* Chunks of a slice at most, the slices of a group, and the one with this index. */
int64_t ts_dot_slice_chunks(const ts_dot *dot, const ts_dot_group *group);
int64_t ts_dot_slices(const ts_dot *dot, const ts_dot_group *group);
ts_dot_slice ts_dot_slice_at(const ts_dot *dot, const ts_dot_group *group, ts_affine index);
/* In this order for a slice: its rows from HBM, their bits as fp32 numbers, these turned into the operand. */
void ts_dot_turn_load(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand,
                      const ts_dot_turn *turn, const ts_dot_rows *rows, ts_engine trigger);
void ts_dot_turn_widen(const ts_dot *dot, const ts_dot_operand *operand, const ts_dot_turn *turn,
                       const ts_dot_rows *rows, const ts_dot_slice *slice);
void ts_dot_turn_slice(const ts_dot *dot, const ts_dot_operand *operand, const ts_dot_turn *turn,
                       const ts_dot_rows *rows, const ts_dot_slice *slice);
/* The open panel of the operand, whose tile exists. */
void ts_dot_turn_panel(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand);

/* ---- keeping what is turned, dot_keep.c ---- */

/* How often each panel of the operand is loaded. */
int64_t ts_dot_times(const ts_dot *dot, const ts_dot_operand *operand);
bool ts_dot_is_kept(const ts_dot *dot, const ts_dot_operand *operand);
/* Before all loops: room in HBM, if need be. */
void ts_dot_keep_begin(ts_lower *lower, const ts_dot *dot, ts_dot_operand *operand);
/* A loop whose one trip is run when the operand's panel is turned, or when it was before; the caller ends it.
 */
void ts_dot_keep_if(const ts_dot *dot, const ts_dot_operand *operand, bool is_first);
/* Stores or loads rows of a ring that are turned; `rows` NULL: the open panel. */
void ts_dot_keep_rows(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand,
                      const ts_dot_rows *rows);
void ts_dot_keep_load(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand,
                      const ts_dot_rows *rows, ts_engine trigger);
/* The open panel of the operand, whose tile exists. */
void ts_dot_keep_panel(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand);

/* ---- turning ahead, dot_ahead.c ---- */

typedef struct ts_dot_ahead {
    ts_lower *lower;
    ts_dot *dot;
    const ts_dot_block *block;
    ts_dot_turn turn;
    struct {
        ts_dot_rows rows;
        ts_count guard;  /* 1 or 0 trips: whether there are such rows now */
        bool is_guarded; /* for most blocks there are none */
        ts_engine trigger;
    } next[2]; /* what is turned meanwhile: the first panel's next tile; the next panel's */
    int count;
} ts_dot_ahead;

/* Whether a dot can: then its stationary is a ring of ts_dot_ring_slots row tiles. */
bool ts_dot_can_go_ahead(const ts_dot *dot);
int64_t ts_dot_ring_slots(const ts_dot *dot);
/* Before the loop over the panels of rows: the first tile. */
void ts_dot_ahead_begin(ts_dot_ahead *ahead, ts_lower *lower, ts_dot *dot, const ts_dot_block *block);
/* At the begin of a block; then for each of its slices, those widened and turned meanwhile. */
void ts_dot_ahead_block(ts_dot_ahead *ahead);
void ts_dot_ahead_widen(const ts_dot_ahead *ahead, const ts_dot_slice *slice);
void ts_dot_ahead_turn(const ts_dot_ahead *ahead, const ts_dot_slice *slice);
void ts_dot_ahead_end(const ts_dot_ahead *ahead);

/* The whole contraction; `block`, filled in on the way, is what `reader` (or NULL) takes. */
ts_status ts_dot_emit(ts_lower *lower, ts_dot *dot, ts_dot_block *block, const ts_dot_reader *reader);

#endif

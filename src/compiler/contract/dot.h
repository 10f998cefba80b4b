/* A contraction of two tensors as the compiler plans and emits it: two operands, four walks, and the panels
   of them that SBUF holds at a time. dot_general and convolution are contractions. */
#ifndef TS_COMPILER_CONTRACT_DOT_H
#define TS_COMPILER_CONTRACT_DOT_H

#include "compiler/contract/contraction.h"
#include "compiler/lower/lower.h"

/* out[batch, left, right] = sum over depth of lhs[batch, left, depth] * rhs[batch, right, depth]. The axes
   have steps in lhs (ts_side_rows), rhs (ts_side_cols) and out. Of the views only tensor, dtype and offset
   are used. */
typedef struct ts_contraction {
    ts_view lhs, rhs, out;
    ts_walk batch, left, right, depth;
} ts_contraction;

/* A contraction that waits for its readers to join its group. `rows` is the number of result axes, without
   those of size 1, that come before the axes of the right side. */
typedef struct ts_pending {
    ts_op_node *op;
    ts_contraction c;
    ts_dtype dtype; /* of the operands in SBUF */
    int rows;
} ts_pending;
/* Opens a group whose first op is the contraction. */
ts_status ts_lower_contraction(ts_lower *lower, ts_op_node *op, const ts_contraction *c, ts_dtype dtype);
/* Emits the contraction together with the other ops of its group. If its blocks do not suit them, emits
   nothing and *is_done is false. */
ts_status ts_lower_dot_group(ts_lower *lower, ts_group *group, bool *is_done);
/* Emits the contraction alone and removes it from the group. */
ts_status ts_lower_dot_alone(ts_lower *lower, ts_group *group);

/* An operand's tile in SBUF: [depth within the chunk, (chunk, batch, panel of its walk)]. A ring of row tiles
   (ts_dot.is_ahead) has [depth within the chunk, (chunk, tile)] in each slot. */
typedef struct ts_dot_operand {
    ts_side side;
    ts_view view;
    const ts_walk *walk;
    bool is_transposed; /* depth is contiguous in HBM: rows are loaded and TensorE transposes them */
    ts_tile tile;       /* holds the open panel */
    uint32_t kept;      /* tensor in HBM for transposed panels (dot_keep.c) */
} ts_dot_operand;

/* Chunks of equal size. For each position of depth's outer axes in a panel there are `tiles` chunks of
   `positions` positions of the cut axis, from position `at` on. */
typedef struct ts_dot_group {
    int64_t at, positions, tiles;
    int64_t first, chunks; /* index of the first chunk in the panel, and number of chunks */
} ts_dot_group;

/* The plan. Depth comes in panels of `panel.block` positions of the axis panel.cut; a panel consists of
   chunks of up to depth.tile positions of the axis depth.cut. */
typedef struct ts_dot {
    ts_builder *b;
    int64_t budget;     /* bytes per partition for all panels; 0 = the default of a dot alone */
    int64_t most_cols;  /* most columns of a panel; 0 = TS_DOT_COLS */
    bool is_unswapped;  /* given by the caller: lhs must be stationary, so that its rows are the result's
                           partitions */
    bool is_swapped;    /* rhs is stationary */
    bool is_rows_outer; /* a panel of rows is held while those of columns pass; otherwise the reverse */
    bool is_ahead;      /* row tiles are transposed while TensorE multiplies earlier ones (dot_ahead.c) */
    ts_walk batch, rows, cols, depth, panel;
    ts_dot_operand stationary, moving;
    ts_dtype dtype; /* of the operands in SBUF */
    ts_view out;
    int64_t chunk;  /* depth elements of a full chunk, at most 128 */
    int64_t chunks; /* chunks in a panel */
    ts_dot_group group[2];
    int groups;
} ts_dot;

enum {
    TS_DOT_TILE = 128,       /* depth and rows of one matmul */
    TS_DOT_BANK = 512,       /* columns of one matmul: fp32 elements of a PSUM bank */
    TS_DOT_COLS = 1024,      /* most columns of a panel by default */
    TS_DOT_ROWS = 1024,      /* most rows of a panel */
    TS_DOT_PSUM = 8192,      /* bytes per partition for sums over panels of depth: half of PSUM */
    TS_DOT_ROWS_AHEAD = 3,   /* tiles of rows being loaded or transposed ahead */
    TS_DOT_OUT_BYTES = 8192, /* bytes per partition for copies of result blocks */
    TS_DOT_OUT_SLOTS = 8     /* most copies */
};

/* The number of copies of a result block on its way to HBM, so that TensorE need not wait while the DMA
   engines are busy. */
int ts_dot_out_slots(const ts_dot *dot);
/* A block of the result in PSUM: a tile of rows by the panel of columns, for some batches, as [rows, (batch,
   columns)]. */
typedef struct ts_dot_block {
    ts_tile psum, out;
    int64_t row_tiles, batches, batch_trips; /* batches in PSUM at a time; number of such sets */
    uint32_t row_loop, batch_loop;
    bool row_is_open, batch_is_open;
    int64_t psum_step; /* bytes in PSUM between row tiles; 0 = they reuse one place */
    ts_count rows;
    ts_affine number; /* number of its row tile over all panels, for a stationary ring */
} ts_dot_block;
/* The block in PSUM: `elems` fp32 elements per row. */
ts_ap ts_dot_block_ap(const ts_dot *dot, const ts_dot_block *block, ts_count elems);
ts_dot_block ts_dot_block_of(const ts_dot *dot);

/* The position in a dot's loop nest: before all loops, or inside those of the batches, of the held panels, of
   the other panels, of the block. */
typedef enum ts_dot_stage {
    ts_dot_before,
    ts_dot_in_batch,
    ts_dot_in_outer,
    ts_dot_in_inner,
    ts_dot_in_block
} ts_dot_stage;

/* Takes each result block from PSUM, instead of a copy and a store. `enter` is called when loops have been
   opened or closed. */
typedef struct ts_dot_reader {
    void *context;
    void (*enter)(void *context, ts_dot_stage stage);
    ts_status (*take)(void *context);
} ts_dot_reader;

/* The narrowest dtype that holds every value of both. fp8 beside another float of at most 16 bits takes the
   other's type. */
ts_dtype ts_dot_dtype(unsigned lhs, unsigned rhs);
/* Plans the contraction: roles, panels, and how each operand is loaded. budget, most_cols and is_unswapped
   are inputs. False when not even the smallest panels fit. */
bool ts_dot_plan(ts_dot *dot, const ts_contraction *c);
/* Bytes in PSUM between row tiles that lie side by side. */
int64_t ts_dot_psum_step(const ts_dot *dot);
/* Whether one panel holds all of depth. */
bool ts_dot_is_whole(const ts_dot *dot);
/* Whether chunks of the last panel of depth can be smaller or missing. */
bool ts_dot_is_ragged(const ts_dot *dot);
/* The number of positions of depth's outer axis `axis` in a panel. */
int64_t ts_dot_outer(const ts_dot *dot, int axis);
int64_t ts_dot_depth(const ts_dot *dot); /* depth elements of a panel */

/* The number of positions of the cut axis in chunk `index` of the group. */
ts_count ts_dot_positions(const ts_dot *dot, const ts_dot_group *group, ts_affine index);
/* Elements in the operand's tile between consecutive chunks. */
int64_t ts_dot_chunk_step(const ts_dot *dot, const ts_dot_operand *operand);
/* Open and close a loop, unless it would have a single trip. ts_dot_counter is the counter, or 0 without a
   loop. */
uint32_t ts_dot_open(const ts_dot *dot, int64_t trips);
void ts_dot_close(const ts_dot *dot, int64_t trips);
ts_affine ts_dot_counter(const ts_dot *dot, int64_t trips, uint32_t loop);

/* A transfer of the operand to `tile`, starting at the open panel of depth in the open batch. The caller adds
   dimensions. */
ts_box ts_dot_box(const ts_dot *dot, const ts_dot_operand *operand, ts_tile tile);
/* Adds depth's outer axes to a transfer, `step` elements of the tile per position of the innermost one. */
void ts_dot_box_outer(const ts_dot *dot, const ts_dot_operand *operand, ts_box *box, int64_t step);
/* Positions of depth's cut axis from the begin of the panel to the end of the axis. */
ts_affine ts_dot_depth_left(const ts_dot *dot);
/* How many of `count` equal parts of a group's chunks one DMA moves. It divides count, so that there are few
   pieces and none is small. */
int64_t ts_dot_piece(const ts_dot *dot, const ts_dot_operand *operand, const ts_dot_group *group,
                     int64_t count);
/* The walk of the other operand. */
static inline const ts_walk *ts_dot_other(const ts_dot *dot, const ts_dot_operand *operand) {
    return operand->side == ts_side_rows ? &dot->cols : &dot->rows;
}
/* Adds the offset of a walk's open panel to *at, if each panel takes `step`. Returns the step over all its
   panels. */
int64_t ts_dot_add_panels(const ts_dot *dot, const ts_walk *walk, int64_t step, ts_affine *at);
/* Whether the operand's next held panel is prefetched while the open one is used, a piece with each panel of
   the other side. Its tile is then a ring of two. */
bool ts_dot_comes_early(const ts_dot *dot, const ts_dot_operand *operand);
/* The slot of the open panel in that ring. */
ts_affine ts_dot_early_slot(const ts_dot *dot, const ts_dot_operand *operand);
/* ts_dot_early_begin loads the first panel, before the loop over panels; ts_dot_early_piece loads a piece of
   the next one, inside the loops over the other side's panels. */
void ts_dot_early_begin(ts_lower *lower, const ts_dot *dot, ts_dot_operand *operand);
void ts_dot_early_piece(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand);
/* Makes a tile for the operand's open panel and loads it. */
void ts_dot_load(ts_lower *lower, const ts_dot *dot, ts_dot_operand *operand);

/* ---- transposing operands on TensorE, dot_turn.c ---- */

/* "Turned" data have been transposed: depth on the partitions. */

/* Rows of an operand that are turned together: those of some batches of a small panel, or a tile of one
   batch. */
typedef struct ts_dot_rows {
    int64_t batches;
    int64_t beside;     /* how many such sets of batches are loaded side by side; 1 = only this one */
    ts_affine at;       /* offset of this set in the loaded tile, bytes */
    ts_count positions; /* number of positions of the walk's cut axis */
    ts_affine from;     /* offset in the tensor, elements */
    ts_affine to;       /* offset in the operand's tile in bytes; its slot as a rotation */
    ts_affine number;   /* running number, which selects the slots for widening and turning */
    ts_affine load;     /* running number of the load, which selects the slot of the loaded tile */
} ts_dot_rows;

/* The buffers that rows pass through: as loaded, as fp32 numbers, and turned in PSUM. */
typedef struct ts_dot_turn {
    ts_tile raw, wide, psum;
} ts_dot_turn;

/* Consecutive chunks of depth that one instruction of ScalarE or VectorE handles. */
typedef struct ts_dot_slice {
    const ts_dot_group *group;
    ts_affine chunk;  /* the first chunk, within the group */
    ts_count chunks;  /* number of chunks */
    ts_affine number; /* running number of the slice */
} ts_dot_slice;

/* Bytes per partition of the loaded rows, and of a widened slice. */
int64_t ts_dot_row_bytes(const ts_dot *dot);
int64_t ts_dot_wide_bytes(const ts_dot *dot);
ts_dot_turn ts_dot_turn_begin(const ts_dot *dot, const ts_dot_operand *operand, int row_slots,
                              int slice_slots);
/* The most chunks of a slice, the number of slices of a group, and the slice with an index. */
int64_t ts_dot_slice_chunks(const ts_dot *dot, const ts_dot_group *group);
int64_t ts_dot_slices(const ts_dot *dot, const ts_dot_group *group);
ts_dot_slice ts_dot_slice_at(const ts_dot *dot, const ts_dot_group *group, ts_affine index);
/* The steps, in this order: load the rows from HBM; for each slice, widen its bits to fp32 numbers; transpose
   those into the operand's tile. */
void ts_dot_turn_load(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand,
                      const ts_dot_turn *turn, const ts_dot_rows *rows, ts_engine trigger);
void ts_dot_turn_widen(const ts_dot *dot, const ts_dot_operand *operand, const ts_dot_turn *turn,
                       const ts_dot_rows *rows, const ts_dot_slice *slice);
void ts_dot_turn_slice(const ts_dot *dot, const ts_dot_operand *operand, const ts_dot_turn *turn,
                       const ts_dot_rows *rows, const ts_dot_slice *slice);
/* Loads and turns the operand's open panel into its tile, which must exist. */
void ts_dot_turn_panel(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand);

/* ---- keeping turned operands in HBM, dot_keep.c ---- */

/* How often each panel of the operand is needed. */
int64_t ts_dot_times(const ts_dot *dot, const ts_dot_operand *operand);
bool ts_dot_is_kept(const ts_dot *dot, const ts_dot_operand *operand);
/* Makes the tensor in HBM, if the operand is to be kept. Called before all loops. */
void ts_dot_keep_begin(ts_lower *lower, const ts_dot *dot, ts_dot_operand *operand);
/* Opens a loop that makes one trip if the operand's panel must still be turned (is_first), or if it was
   turned before (otherwise), and no trip in the other case. The caller closes it. */
void ts_dot_keep_if(const ts_dot *dot, const ts_dot_operand *operand, bool is_first);
/* Store and load turned rows of a ring, or with `rows` NULL the open panel. */
void ts_dot_keep_rows(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand,
                      const ts_dot_rows *rows);
void ts_dot_keep_load(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand,
                      const ts_dot_rows *rows, ts_engine trigger);
/* Turns and stores, or loads, the operand's open panel, whose tile must exist. */
void ts_dot_keep_panel(ts_lower *lower, const ts_dot *dot, const ts_dot_operand *operand);

/* ---- turning row tiles ahead of use, dot_ahead.c ---- */

typedef struct ts_dot_ahead {
    ts_lower *lower;
    ts_dot *dot;
    const ts_dot_block *block;
    ts_dot_turn turn;
    struct {
        ts_dot_rows rows;
        ts_count guard;  /* 1 or 0 trips: whether these rows exist now */
        bool is_guarded; /* for most blocks they do not */
        ts_engine trigger;
    } next[2]; /* what is turned during this block: the first panel's next tile; a tile of the next panel */
    int count;
} ts_dot_ahead;

/* Whether the plan allows it. The stationary operand is then a ring of ts_dot_ring_slots row tiles. */
bool ts_dot_can_go_ahead(const ts_dot *dot);
int64_t ts_dot_ring_slots(const ts_dot *dot);
/* Turns the first tile, before the loop over the panels of rows. */
void ts_dot_ahead_begin(ts_dot_ahead *ahead, ts_lower *lower, ts_dot *dot, const ts_dot_block *block);
/* _block is called at the begin of a block, _widen and _turn for each slice of it, and _end at its end. */
void ts_dot_ahead_block(ts_dot_ahead *ahead);
void ts_dot_ahead_widen(const ts_dot_ahead *ahead, const ts_dot_slice *slice);
void ts_dot_ahead_turn(const ts_dot_ahead *ahead, const ts_dot_slice *slice);
void ts_dot_ahead_end(const ts_dot_ahead *ahead);

/* Emits the whole contraction. `block` is updated on the way, for `reader` to take results from; without a
   reader (NULL) they are stored. */
ts_status ts_dot_emit(ts_lower *lower, ts_dot *dot, ts_dot_block *block, const ts_dot_reader *reader);

#endif

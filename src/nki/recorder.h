/* Recorder: turns what a running NKI kernel does into a ts_program. Instructions are appended as the kernel
   runs, on virtual tiles. ts_recorder_finish folds the redundant copies of the value-returning dialect,
   places the tiles and verifies; after that the recorder takes nothing more. */
#ifndef TS_NKI_RECORDER_H
#define TS_NKI_RECORDER_H

#include "plan/builder.h"
#include "trainstone/nki.h"

typedef uint32_t ts_buffer; /* 1-based handle; 0: none */

/* An array of `blocks` tiles on chip, or a tensor in HBM. */
typedef struct ts_buffer_info {
    uint8_t space, dtype;
    bool is_fixed; /* the kernel chose its addresses, so its storage is never renamed */
    bool is_value; /* result of a value-returning call, written by that call only */
    int32_t part;  /* first partition; fixed buffers only */
    uint32_t blocks;
    uint32_t first; /* on chip: position of its first tile in `current`; HBM: index of its tensor */
    int32_t parts;
    int64_t bytes; /* of a tile, in each partition */
    const char *name;
    uint32_t loc;
} ts_buffer_info;

/* The uses of a tile so far. */
typedef struct ts_tile_use {
    ts_buffer buffer;
    uint32_t reads, writes; /* number of operands */
} ts_tile_use;

/* A loop mark, placed before the instruction at a position. */
typedef struct ts_loop_mark {
    uint32_t position, loc;
    uint32_t tiles; /* number of tiles at that point */
    ts_nki_mark mark;
} ts_loop_mark;

/* Something questionable that is not an error. */
typedef struct ts_record_warning {
    ts_buffer buffer;
    ts_diag diag;
} ts_record_warning;

typedef struct ts_recorder {
    ts_program *program;
    ts_chip chip; /* its SBUF excludes what the compiler keeps for itself */
    ts_builder builder;
    TS_VEC(ts_buffer_info) buffers;
    TS_VEC(ts_tile) current;  /* for each block, the tile that holds it now; 0: nothing was written yet */
    TS_VEC(ts_tile_use) uses; /* by tile */
    TS_VEC(ts_loop_mark) marks;
    TS_VEC(ts_record_warning) warnings;
    TS_VEC(uint32_t)
    statements; /* locations with a DMA, in order of appearance: location i uses queue i mod 16 */
    uint64_t most_instructions;
    uint64_t spilled_out, spilled_in; /* bytes that spilling moves to HBM and back */
} ts_recorder;

/* A recorder for a kernel called `name`. Free it with ts_recorder_free. NULL when there is no memory. */
ts_recorder *ts_recorder_new(const char *name, const ts_chip *chip);
void ts_recorder_free(ts_recorder *recorder);
/* A copy of everything recorded so far, which can be finished on its own. */
ts_recorder *ts_recorder_copy(const ts_recorder *recorder);

/* The row of a source line; added if there is none. */
uint32_t ts_recorder_loc(ts_recorder *recorder, const char *file, int line);

/* Adds an on-chip buffer. 0, with a diag, when the chip has no room for such a tile. */
ts_buffer ts_record_buffer(ts_recorder *recorder, const ts_nki_tile *spec, uint32_t loc, ts_diag *diag);
/* `data`: the contents of a constant, which are copied. */
ts_buffer ts_record_tensor(ts_recorder *recorder, ts_tensor_kind kind, ts_dtype dtype, int rank,
                           const int64_t *dim, const void *data, const char *name, uint32_t loc,
                           ts_diag *diag);
/* Sets a tensor's role in the program, which may be known only after its uses. */
void ts_record_kind(ts_recorder *recorder, ts_buffer tensor, ts_tensor_kind kind, uint32_t number);

/* Appends an instruction with a value for each field of its row. A tensor_copy may leave its engine open. */
ts_status ts_record_inst(ts_recorder *recorder, ts_op op, ts_engine engine, const ts_nki_value *values,
                         int count, uint32_t loc, ts_diag *diag);

/* Adds a loop mark before the next instruction. */
void ts_record_mark(ts_recorder *recorder, ts_nki_mark mark, uint32_t loc);
/* Records one more trip of the innermost open loop, with the instructions of its first trip (repeat.c). */
ts_status ts_record_repeat(ts_recorder *recorder, ts_diag *diag);
/* Fails when the recording has no room for `more` instructions. */
ts_status ts_record_check_room(const ts_recorder *recorder, uint32_t more, uint32_t loc, ts_diag *diag);
/* The line of a row of source lines. */
uint32_t ts_record_line(const ts_recorder *recorder, uint32_t loc);
/* Fills the diag's place from a row of source lines. */
void ts_record_where(const ts_recorder *recorder, uint32_t loc, ts_diag *diag);
/* Adds another tile for a block of the buffer. */
ts_tile ts_record_new_tile(ts_recorder *recorder, ts_buffer buffer);

/* A value-returning call writes a tile of its own, which the kernel then copies, adds to PSUM or multiplies.
   Drops such copies, and turns additions of products into accumulation (fold_values.c). */
void ts_record_fold(ts_recorder *recorder);
/* Refuses reads of tiles that were never written, or that another tile has overwritten (check_reads.c). */
ts_status ts_record_check_reads(ts_recorder *recorder, ts_diag *diag);
/* Warns of elements that were never written but get into results or sums (check_unset.c). */
void ts_record_check_unset(ts_recorder *recorder);
/* Warns when trips of an affine_range depend on each other (check_trips.c). */
void ts_record_check_trips(ts_recorder *recorder);
/* Gives a value that overwrites another a tile of its own (rename.c). */
void ts_record_rename(ts_recorder *recorder);
/* Drops instructions that recompute what the previous trip computed (hoist.c). */
void ts_record_hoist(ts_recorder *recorder);
/* Lets VectorE and ScalarE read a broadcast row in PSUM, where TensorE left it (psum_reads.c). */
void ts_record_read_psum(ts_recorder *recorder);
/* Assigns an engine to copies that have none (balance.c). */
void ts_record_balance(ts_recorder *recorder);
/* Keeps tiles in HBM between uses where SBUF cannot hold all (spill.c). */
ts_status ts_record_spill(ts_recorder *recorder, ts_diag *diag);
/* The queue for DMAs of a source line. */
uint8_t ts_recorder_queue(ts_recorder *recorder, uint32_t loc);
/* Removes dropped instructions, which are NULL, from the code. */
void ts_record_close_gaps(ts_recorder *recorder);
/* Runs all of the passes above, in order. Only the placement of tiles is left to do. */
ts_status ts_recorder_settle(ts_recorder *recorder, ts_diag *diag);
/* What a recorded program writes of a tensor. */
typedef struct ts_fill {
    bool is_whole;       /* every byte, and reads none of it before */
    int64_t left, first; /* bytes that it never writes, and the first of them; 0 where that is not known */
} ts_fill;
ts_fill ts_record_fill(const ts_program *program, uint32_t tensor); /* fills.c */
/* Settles, places and verifies. */
ts_status ts_recorder_finish(ts_recorder *recorder, ts_diag *diag);

#endif

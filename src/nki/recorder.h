/* Recorder: what a running NKI kernel asks for, as a ts_program. Instructions are appended as the kernel
   runs, on virtual tiles; ts_recorder_finish folds what the value-returning dialect writes twice, places the
   tiles and verifies. A recorder that was finished takes nothing more. */
#ifndef TS_NKI_RECORDER_H
#define TS_NKI_RECORDER_H

#include "plan/builder.h"
#include "trainstone/nki.h"

typedef uint32_t ts_buffer; /* 1-based handle; 0 = none */

/* An array of `blocks` tiles on chip, or one tensor in HBM. */
typedef struct ts_buffer_info {
    uint8_t space, dtype;
    bool is_fixed; /* the kernel chose its addresses: its storage is never renamed */
    bool is_value; /* made by a value-returning call, written by that call alone */
    int32_t part;  /* first partition: fixed buffers only */
    uint32_t blocks;
    uint32_t first; /* on chip: position of its first tile in `current`; HBM: index of its tensor */
    int32_t parts;
    int64_t bytes; /* of a tile, in each partition */
    const char *name;
    uint32_t loc;
} ts_buffer_info;

/* What was recorded of one tile so far. */
typedef struct ts_tile_use {
    ts_buffer buffer;
    uint32_t reads, writes; /* operands */
} ts_tile_use;

/* A mark of a loop, before the instruction at a position. */
typedef struct ts_loop_mark {
    uint32_t position, loc;
    uint32_t tiles; /* how many there were */
    ts_nki_mark mark;
} ts_loop_mark;

/* What is questionable and no error. */
typedef struct ts_record_warning {
    ts_buffer buffer;
    ts_diag diag;
} ts_record_warning;

typedef struct ts_recorder {
    ts_program *program;
    ts_chip chip; /* SBUF less what the compiler keeps for itself */
    ts_builder builder;
    TS_VEC(ts_buffer_info) buffers;
    TS_VEC(ts_tile) current;  /* the tile that holds a block now; 0 = nothing was written yet */
    TS_VEC(ts_tile_use) uses; /* by tile */
    TS_VEC(ts_loop_mark) marks;
    TS_VEC(ts_record_warning) warnings;
    TS_VEC(uint32_t)
    statements; /* locs with a DMA, in order of appearance: statement i owns queue i mod 16 */
    uint64_t most_instructions;
    uint64_t spilled_out, spilled_in; /* bytes that spilling moves to HBM and back */
} ts_recorder;

ts_recorder *ts_recorder_new(const char *name, const ts_chip *chip);
void ts_recorder_free(ts_recorder *recorder);
/* Everything recorded so far, to be finished on its own. */
ts_recorder *ts_recorder_copy(const ts_recorder *recorder);

/* The row of a source line; made when there is none. */
uint32_t ts_recorder_loc(ts_recorder *recorder, const char *file, int line);

/* 0 with a diag when the chip has no such tile. */
ts_buffer ts_record_buffer(ts_recorder *recorder, const ts_nki_tile *spec, uint32_t loc, ts_diag *diag);
/* `data` of a constant is copied. */
ts_buffer ts_record_tensor(ts_recorder *recorder, ts_tensor_kind kind, ts_dtype dtype, int rank,
                           const int64_t *dim, const void *data, const char *name, uint32_t loc,
                           ts_diag *diag);
/* A tensor's part in the program, which may be known only after its uses. */
void ts_record_kind(ts_recorder *recorder, ts_buffer tensor, ts_tensor_kind kind, uint32_t number);

/* Appends one instruction: a value for each field of its row. A tensor_copy may leave its engine open. */
ts_status ts_record_inst(ts_recorder *recorder, ts_op op, ts_engine engine, const ts_nki_value *values,
                         int count, uint32_t loc, ts_diag *diag);

void ts_record_mark(ts_recorder *recorder, ts_nki_mark mark, uint32_t loc);
/* One more trip of the innermost open loop, with the instructions of its first (repeat.c). */
ts_status ts_record_repeat(ts_recorder *recorder, ts_diag *diag);
/* Whether the recording takes so many instructions more. */
ts_status ts_record_check_room(const ts_recorder *recorder, uint32_t more, uint32_t loc, ts_diag *diag);
uint32_t ts_record_line(const ts_recorder *recorder, uint32_t loc);
/* Fills where from a row of source lines. */
void ts_record_where(const ts_recorder *recorder, uint32_t loc, ts_diag *diag);
/* One more tile for a block of the buffer. */
ts_tile ts_record_new_tile(ts_recorder *recorder, ts_buffer buffer);

/* Value-returning calls write a tile of their own, which the kernel then copies, adds to PSUM or multiplies:
   drops the copies, and turns additions of products into accumulation (fold_values.c). */
void ts_record_fold(ts_recorder *recorder);
/* Refuses reads of tiles that nothing was written to, or that another tile took over (check_reads.c). */
ts_status ts_record_check_reads(ts_recorder *recorder, ts_diag *diag);
/* Warns of elements that nothing was written to and that get into results or sums (check_unset.c). */
void ts_record_check_unset(ts_recorder *recorder);
/* Warns of trips of affine_range that depend on each other (check_trips.c). */
void ts_record_check_trips(ts_recorder *recorder);
/* Gives values that overwrite others a tile of their own (rename.c). */
void ts_record_rename(ts_recorder *recorder);
/* Drops instructions that make again what they made on the trip before (hoist.c). */
void ts_record_hoist(ts_recorder *recorder);
/* Lets VectorE and ScalarE read a row's broadcast where TensorE left it (psum_reads.c). */
void ts_record_read_psum(ts_recorder *recorder);
/* Gives copies without an engine theirs (balance.c). */
void ts_record_balance(ts_recorder *recorder);
/* Lets tiles lie in HBM between uses where SBUF does not hold all (spill.c). */
ts_status ts_record_spill(ts_recorder *recorder, ts_diag *diag);
/* The queue of the DMAs of a source line. */
uint8_t ts_recorder_queue(ts_recorder *recorder, uint32_t loc);
/* Closes up after dropped instructions, which are NULL. */
void ts_record_close_gaps(ts_recorder *recorder);
/* All of the above, in order: what is left is to place the tiles. */
ts_status ts_recorder_settle(ts_recorder *recorder, ts_diag *diag);
/* Whether a recorded program writes every byte of the tensor, and reads none of it before (fills.c). */
bool ts_record_fills(const ts_program *program, uint32_t tensor);
/* Settle, place, verify. */
ts_status ts_recorder_finish(ts_recorder *recorder, ts_diag *diag);

#endif

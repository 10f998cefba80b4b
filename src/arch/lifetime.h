/* Liveness of on-chip storage: over which code positions its contents are needed. */
#ifndef TS_ARCH_LIFETIME_H
#define TS_ARCH_LIFETIME_H

#include "arch/program.h"

/* One operand of an instruction as a use of storage. */
typedef struct ts_operand_use {
    ts_ap *ap;
    bool is_write, is_read; /* a destination of which some old contents remain is read as well */
} ts_operand_use;
enum { TS_MOST_USES = 8 };
/* Fills `uses` with the instruction's operands in SBUF, PSUM and HBM, without index operands. Returns their
   number. */
int ts_live_uses(ts_inst *inst, ts_operand_use *uses);

/* For each code position, 1 + the innermost loop that contains it, or 0. Allocated in `arena`. */
uint32_t *ts_live_loops(const ts_program *program, ts_arena *arena);

#define TS_LIVE_NEVER UINT32_MAX /* `first` of storage without uses */
/* Extends the live range [first, last] by an access at position `at`; *first is TS_LIVE_NEVER before the
   first access. A loop that contains one access but not all of them is covered whole, since its next trip
   needs the value again. */
void ts_live_cover(const ts_program *program, const uint32_t *loop_of, uint32_t *first, uint32_t *last,
                   uint32_t at);
/* Extends [first, last] over the loops whose counters select a rotating operand's slot. */
void ts_live_cover_rotation(const ts_program *program, const ts_affine *offset, uint32_t *first,
                            uint32_t *last);

/* The live range of a tile and what its first instruction does. */
typedef struct ts_tile_life {
    uint32_t first, last; /* first is TS_LIVE_NEVER when no operand names the tile */
    bool is_set_whole;    /* the first instruction that names the tile writes all bytes that any instruction
                             uses, and reads none */
    uint32_t uses;        /* operands that name the tile */
    uint64_t readers;     /* which ops name it after the first instruction, one bit for each ts_op */
    bool is_kept;         /* a later instruction writes the tile, or lies in another loop than the first */
    bool is_one_slot;     /* all operands of a trip use the same slot, and no later trip needs its contents */
} ts_tile_life;
/* The life of each tile of the program, allocated in `arena`. When a tile's operands differ in their slot,
   its range covers the index's loops whole. */
ts_tile_life *ts_tile_lives(const ts_program *program, ts_arena *arena);

#endif

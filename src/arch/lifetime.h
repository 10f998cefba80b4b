/* Over which code positions a program needs what it keeps on chip. */
#ifndef TS_ARCH_LIFETIME_H
#define TS_ARCH_LIFETIME_H

#include "arch/program.h"

/* One operand of an instruction. */
typedef struct ts_operand_use {
    ts_ap *ap;
    bool is_write, is_read; /* a destination that may keep some of what it held is read, too */
} ts_operand_use;
enum { TS_MOST_USES = 8 };
/* Returns how many: those in SBUF, PSUM and HBM, not their indices. */
int ts_live_uses(ts_inst *inst, ts_operand_use *uses);

/* By code position: 1 + innermost loop that contains it; 0 = none. In `arena`. */
uint32_t *ts_live_loops(const ts_program *program, ts_arena *arena);

#define TS_LIVE_NEVER UINT32_MAX /* `first` of what nothing uses */
/* The positions over which an access at `at` holds its storage, when the other accesses lie at
   [first, last], or nowhere yet with *first = TS_LIVE_NEVER: every loop that contains one of them but not
   all is covered whole, since its next trip needs the value again. */
void ts_live_cover(const ts_program *program, const uint32_t *loop_of, uint32_t *first, uint32_t *last,
                   uint32_t at);
/* Widens [first, last] by the loops that a rotating operand's index counts. */
void ts_live_cover_rotation(const ts_program *program, const ts_affine *offset, uint32_t *first,
                            uint32_t *last);

/* The positions over which a tile's bytes matter. */
typedef struct ts_tile_life {
    uint32_t first, last; /* first = TS_LIVE_NEVER: no operand names it */
    bool is_set_whole; /* the first instruction that names it sets all bytes that any does, and reads none */
    uint32_t uses;     /* operands that name it */
    uint64_t readers;  /* instructions, a bit for each ts_op, that name it after the first one */
    bool is_kept;      /* one of these writes there, or is of another loop than the first */
    bool is_one_slot;  /* all operands in a trip name the same slot, and no later trip needs what it holds */
} ts_tile_life;
/* Of each of the program's tiles. Where operands differ in their slot, over whole loops of the index. */
ts_tile_life *ts_tile_lives(const ts_program *program, ts_arena *arena);

#endif

/* Moves that are put off, and often never made. TensorE transposes values of 16 and 32 bits as 16-bit halves:
   a copy converts the halves to fp32, a product with the identity transposes them, and a second copy joins
   them again. As a rule only that copy reads the floats in between, so the first two moves are put off, and
   the second copy transposes the values themselves. Where the tiles of the program are known, that copy is
   put off, too: a product then reads its stationary operand transposed where the values lie
   (ts_deferred_turned). A load that only products read is put off as well, and they read HBM
   (ts_deferred_lying); so is one that Vector and ScalarE read several times (ts_deferred_near). A move is
   forgotten when an instruction overwrites its whole destination, or touches it once its tile is not needed
   any more (homes.h). Any other access to its destination, and any write to its source, be it in HBM, makes
   the move first, so that no instruction can tell the difference. Private to src/machine. */
#ifndef TS_MACHINE_DEFERRED_H
#define TS_MACHINE_DEFERRED_H

#include "machine/transfer.h"

/* How many moves may be put off, and the bytes of a move's context. */
enum { TS_DEFERRED = 64, TS_DEFERRED_CONTEXT = 768 };

typedef enum ts_deferral_kind {
    ts_put_off_floats, /* 16-bit halves converted to fp32, in the same partition */
    ts_put_off_turn,   /* such floats transposed, read from the halves that they come from */
    ts_put_off_join,   /* halves joined to transposed values */
    ts_put_off_load    /* a DMA from HBM */
} ts_deferral_kind;

typedef struct ts_deferral {
    ts_deferral_kind kind;
    bool is_covered; /* the current instruction overwrites all of `place` */
    ts_area place;   /* what the move writes, without gaps; no two moves share a byte */
    ts_area source;  /* what it reads, in SBUF */
    uint32_t tile;   /* the tile that `place` belongs to */
    ts_operand_set set;
    ts_work work;
    ts_rows from; /* floats: the 16-bit halves */
    /* turn: where the half of the first row lies in each partition of the source, and the distance from one
       row's to the next; bytes. */
    int64_t offset, step;
    ts_window window; /* load: what it reads of HBM */
    ts_lying lying;   /* load: how its bytes lie there */
    _Alignas(16) uint8_t context[TS_DEFERRED_CONTEXT];
} ts_deferral;

/* Areas as arrays of bounds, so that one vectorised pass finds those that overlap another area. */
typedef struct ts_deferred_areas {
    int32_t space[TS_DEFERRED], part[TS_DEFERRED], end[TS_DEFERRED], low[TS_DEFERRED], high[TS_DEFERRED];
} ts_deferred_areas;

/* The moves that are put off, in any order: number i is list[slot[i]]; the slots from `count` on are free.
   `covered` of them have is_covered; when all slots are taken, moves give way in turn. */
struct ts_deferrals {
    int count, covered, next_victim;
    uint8_t slot[TS_DEFERRED];
    ts_deferred_areas places, sources;
    ts_deferral list[TS_DEFERRED];
};

/* Puts off a copy of 16-bit halves to fp32 within SBUF, whose operands are known. False: the copy is another
   one, and the caller makes it. */
bool ts_defer_halves(const ts_operand_set *set, const ts_rows *dst, const ts_rows *src, const ts_work *work);
/* Puts off TensorE's transpose of floats that are put off, and counts it as executed. False: the caller makes
   it. `data` must not have been met yet. */
bool ts_defer_turn(ts_operand_set *set, const ts_rows *dst, const ts_rows *data);
/* A copy of transposed floats to 16-bit halves. True: all of the floats are put off, so the copy is made from
   the values themselves, or put off, and counted as executed. False: the caller makes it. `src` must not have
   been met yet. */
bool ts_defer_join(ts_operand_set *set, const ts_rows *dst, const ts_rows *src);

/* Where the values lie that a move, put off, would transpose into a tile [K, M]. */
typedef struct ts_turned {
    const uint8_t *data; /* element [0, 0]; element [k, m] lies k elements and m steps on */
    int64_t step;        /* bytes */
    ts_area source;
} ts_turned;
/* Whether all of the rows belong to such a tile. If so, `turned` is filled and the rows need not be met. */
bool ts_deferred_turned(const ts_exec *exec, const ts_rows *rows, ts_turned *turned);

/* Puts off a load of rows that only products read, or only instructions that read a partition's bytes where
   ts_deferred_near finds them. False: it is another one, and the caller makes it. */
bool ts_defer_load(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *dst,
                   const ts_work *work, const ts_window *window);
/* If a load that is put off would have set all of the rows, makes them point to HBM, notes that in the set,
   and returns true. Such rows need not be met; whoever reads them waits in the segment or runs it. */
bool ts_deferred_lying(ts_operand_set *set, ts_rows *rows);
/* The same for an instruction that reads the rows in their own partitions, which may then be runs. */
bool ts_deferred_near(ts_operand_set *set, ts_rows *rows);

/* Makes all moves that are put off, before a run whose checks follow every instruction. */
void ts_deferred_settle(ts_exec *exec);
/* Forgets them all: nothing needs their results any more. */
void ts_deferred_drop(ts_core *core);

#endif

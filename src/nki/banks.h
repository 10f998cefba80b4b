/* PSUM banks that a recording uses at each position, for passes that extend the lives of tiles. */
#ifndef TS_NKI_BANKS_H
#define TS_NKI_BANKS_H

#include "nki/recorder.h"

typedef struct ts_bank_life {
    uint32_t first, last;   /* 1-based positions of the first and last use; 0: never used */
    bool is_read_elsewhere; /* by an engine that cannot read PSUM, or beside another operand in PSUM */
} ts_bank_life;

typedef struct ts_banks {
    ts_bank_life *lives; /* for each tile, in any space */
    uint8_t *used;       /* banks in use at each position */
    int count;           /* banks of a core */
    int64_t bytes;       /* of a bank, in each partition */
} ts_banks;

/* Counts the banks of a recording; allocates in `arena`. */
ts_banks ts_banks_find(ts_recorder *recorder, ts_arena *arena);
int ts_banks_of(const ts_banks *banks, const ts_tile_info *tile);
/* Extends the life of a tile in PSUM to the 1-based position `until` if that leaves `spare` banks free
   throughout. Returns whether it did. */
bool ts_banks_keep(ts_banks *banks, const ts_recorder *recorder, ts_tile tile, uint32_t until, int spare);

#endif

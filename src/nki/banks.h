/* How many banks of PSUM a recording has in use at each position, for passes that would let a tile live
 * longer.
 */
#ifndef TS_NKI_BANKS_H
#define TS_NKI_BANKS_H

#include "nki/recorder.h"

typedef struct ts_bank_life {
    uint32_t first, last;   /* 1-based positions; 0 = never */
    bool is_read_elsewhere; /* by an engine that reads no PSUM, or beside another operand in PSUM */
} ts_bank_life;

typedef struct ts_banks {
    ts_bank_life *lives; /* by tile, of whatever space */
    uint8_t *used;       /* by position */
    int count;           /* that a core has */
    int64_t bytes;       /* of each */
} ts_banks;

/* In `arena`. */
ts_banks ts_banks_find(ts_recorder *recorder, ts_arena *arena);
int ts_banks_of(const ts_banks *banks, const ts_tile_info *tile);
/* Whether a tile in PSUM may live until the 1-based position with `spare` banks left all the while; then it
   does. */
bool ts_banks_keep(ts_banks *banks, const ts_recorder *recorder, ts_tile tile, uint32_t until, int spare);

#endif

/* Where the host keeps tiles. A kernel's tiles go round in SBUF, so that few wait for each other, and with
   each at its address all of SBUF would pass through the host's caches: the host lets a tile have the memory
   of one that is no more. Which tiles there are, and for how long, is known of programs without loops whose
   builder still has them. Addresses in messages, in the clock and in checks stay those of the program. */
#ifndef TS_MACHINE_STOWAGE_H
#define TS_MACHINE_STOWAGE_H

#include "arch/chip.h"
#include "arch/tiles.h"

typedef struct ts_stowage ts_stowage;

/* NULL where tiles that live at the same time share bytes, or without host memory: then each lies at its
   address. No two of the lives may be of one tile. */
ts_stowage *ts_stowage_new(const ts_chip *chip, const ts_tile_life *lives, uint32_t count);
void ts_stowage_free(ts_stowage *stowage);

/* One run: for each line of SBUF and of PSUM how far from there its tile lies. */
typedef struct ts_stowing {
    const ts_stowage *stowage;
    uint32_t begun; /* tiles */
    int32_t *moved[2];
} ts_stowing;
/* False without host memory. stowage may be NULL. */
bool ts_stowing_begin(ts_stowing *stowing, const ts_stowage *stowage);
void ts_stowing_end(ts_stowing *stowing);
/* The run has come to a position of the code. */
void ts_stowing_at(ts_stowing *stowing, uint32_t position);
/* What is at `offset` of each partition for the program lies there for the host. */
int64_t ts_stowing_offset(const ts_stowing *stowing, unsigned space, int64_t offset);

#endif

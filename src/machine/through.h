/* Copies between chip and HBM that need not be made: what one instruction leaves in a tile for a DMA alone,
   which stores it, is written where the DMA would put it. Private to src/machine. */
#ifndef TS_MACHINE_THROUGH_H
#define TS_MACHINE_THROUGH_H

#include "machine/segment.h"
#include "machine/transfer.h"

/* A store of `src` that may wait, `pair` with the partitions in dimension `dim` (none: -1). True: the
   instruction that makes src waits, and will write to HBM; the store is done with. */
bool ts_write_through(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *src,
                      const ts_window *window);

#endif

/* Copies between the chip and HBM that need not be made. What one instruction leaves in a tile only for a DMA
   to store is written where the DMA would put it; what a DMA loads only to be read soon is read where it lies
   in HBM. Private to src/machine. */
#ifndef TS_MACHINE_THROUGH_H
#define TS_MACHINE_THROUGH_H

#include "machine/segment.h"

/* A store of `src` that may wait; dimension `dim` of `pair` walks the partitions (-1: none does). True: the
   instruction that makes src waits and will write to HBM itself, so nothing is left to do for the store. */
bool ts_write_through(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *src,
                      const ts_window *window);

/* Whether readers of a load of `dst` should find its bytes in HBM; if so, `lying` says how they lie there. */
bool ts_is_readable(const ts_pair *pair, int dim, const ts_rows *dst, ts_lying *lying);
/* Points rows, which are part of what a load sets, to where it reads them. False: they are neither part of
   one run nor whole runs. */
bool ts_point_to_runs(const ts_lying *lying, const ts_area *place, ts_rows *rows);

/* Notes a load of `dst`, the last instruction of the segment, so that readers can do without it. Those of
 * loads that are read in loops are put off instead (deferred.h). */
void ts_note_load(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *dst,
                  const ts_window *window);
/* Makes rows point to HBM if a load of them waits. Call it once the instruction's operands are known, for
   rows that it reads in its own partitions and before it ends. They must not be met again. */
void ts_read_through(ts_operand_set *set, ts_rows *rows);

/* Rows in HBM that a later instruction writes or reads: for partition p of the work, `bytes` bytes from data
   + p * pitch on. */
typedef struct ts_ahead {
    const uint8_t *data; /* NULL: none */
    int64_t pitch, bytes;
    bool is_written;
} ts_ahead;
/* Says that the last waiting instruction computes for long on what lies in the caches, so that it can
   prefetch what its ts_ahead says, `offset` bytes into its context. It prefetches one thing only: rows to be
   written, for which a core waits longer, before rows to be read. */
void ts_fetch_ahead(const ts_operand_set *set, size_t offset);
/* Rows that a waiting load brings from memory to the partitions of the instruction, which will prefetch them.
   Each load is returned once; data is NULL when there are no more. */
ts_ahead ts_load_ahead(const ts_operand_set *set);

#endif

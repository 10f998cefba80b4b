/* Copies between chip and HBM that need not be made: what one instruction leaves in a tile for a DMA alone,
   which stores it, is written where the DMA would put it; and what a DMA loads to be read soon and no more is
   read where it lies. Private to src/machine. */
#ifndef TS_MACHINE_THROUGH_H
#define TS_MACHINE_THROUGH_H

#include "machine/segment.h"
#include "machine/transfer.h"

/* A store of `src` that may wait, `pair` with the partitions in dimension `dim` (none: -1). True: the
   instruction that makes src waits, and will write to HBM; the store is done with. */
bool ts_write_through(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *src,
                      const ts_window *window);

/* A load of `dst` that waits, the last in the segment. */
void ts_note_load(const ts_operand_set *set, const ts_pair *pair, int dim, const ts_rows *dst,
                  const ts_window *window);
/* Once the instruction's operands are known: rows that it reads, in its own partitions and before it ends,
   point to HBM where a load of them waits. They must not be met again. */
void ts_read_through(ts_operand_set *set, ts_rows *rows);

/* Rows in HBM that a later instruction writes or reads: row p of the work, `bytes` from data + p * pitch on.
 */
typedef struct ts_ahead {
    const uint8_t *data; /* NULL: none */
    int64_t pitch, bytes;
    bool is_written;
} ts_ahead;
/* The last work that waits computes long on what lies in the caches, and can fetch what its ts_ahead says,
   which is `offset` bytes into its context. Both were too much: rows to be written, for which a core waits
   longer, go before others. */
void ts_fetch_ahead(const ts_operand_set *set, size_t offset);
/* Rows that a load which waits brings from memory in the partitions of the instruction, which will fetch
   them: of each load once. */
ts_ahead ts_load_ahead(const ts_operand_set *set);

#endif

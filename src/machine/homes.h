/* Where the machine keeps a program's tiles in its own memory. A program for the chip spreads its tiles over
   SBUF and PSUM, so that loads run ahead and engines do not wait for each other. On the host instructions run
   one after the other, and tiles that share few columns stay in the caches. Values do not change: a tile has
   its bytes to itself while it is needed (ts_tile_row). */
#ifndef TS_MACHINE_HOMES_H
#define TS_MACHINE_HOMES_H

#include "arch/program.h"

typedef struct ts_chip ts_chip;
typedef struct ts_homes ts_homes;

/* Chooses homes for a program that has passed ts_program_verify. The program must outlive them; runs may
   share them. *homes is NULL where tiles stay at their addresses: the program names none, or they do not fit.
   ts_system without host memory. is_poisoned: for runs in which bytes that nothing has set read as NaN. A
   tile that its first instruction does not set as a whole then gets columns that no tile had before, as long
   as there are such. */
ts_status ts_homes_new(const ts_program *program, const ts_chip *chip, bool is_poisoned, ts_homes **homes,
                       ts_diag *diag);
void ts_homes_free(ts_homes *homes);
/* Whether they were made with this `is_poisoned`. */
bool ts_homes_are_for(const ts_homes *homes, bool is_poisoned);

/* Whether the instruction at code position `at`, or a later one, may need what the tile holds. */
bool ts_homes_need(const ts_homes *homes, uint32_t tile, uint32_t at);
/* Whether the instruction at code position `at` is the last use of the tile, and only one operand used it
   before. */
bool ts_homes_pass_on(const ts_homes *homes, uint32_t tile, uint32_t at);
/* How many operands read the tile after the instruction at `at` has set it as a whole, provided that they are
   of the same trip, that nothing else uses the tile, and that their instructions read a partition's bytes
   where ts_read_through finds them; otherwise 0. */
uint32_t ts_homes_readers(const ts_homes *homes, uint32_t tile, uint32_t at);
/* Whether such instructions alone name the tile once its first instruction has set it, but not each once. */
bool ts_homes_by_rows(const ts_homes *homes, uint32_t tile);
/* Whether products use the tile once its first instruction has set it, and nothing else but DMAs. */
bool ts_homes_multiplied(const ts_homes *homes, uint32_t tile);
/* The home of byte `offset` of a partition, which belongs to tile number `tile` (ts_ap.tensor). */
int64_t ts_homes_column(const ts_homes *homes, uint32_t tile, int64_t offset);

/* How many columns to reserve for an on-chip memory of `bytes` a partition: some more than the chip has, so
   that first fit finds room. */
int64_t ts_homes_columns(int64_t bytes);

#endif

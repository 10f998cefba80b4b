/* Where the machine keeps a program's tiles in its own memory. A program for the chip spreads its tiles over
   SBUF and PSUM, so that loads run ahead and engines do not wait for each other. On the host, where
   instructions run one after the other, what lies in few columns stays in the caches. Values are the same: a
   tile's bytes are its own while it is needed (ts_tile_row). */
#ifndef TS_MACHINE_HOMES_H
#define TS_MACHINE_HOMES_H

#include "arch/program.h"

typedef struct ts_chip ts_chip;
typedef struct ts_homes ts_homes;

/* For a program that has passed ts_program_verify; it must outlive the homes, which runs may share. *homes is
   NULL where its tiles stay at their addresses: it names none, or they do not fit. ts_system without host
   memory. is_poisoned: for runs in which what nothing has set reads as NaN. What its first instruction does
   not set as a whole then gets columns that no tile had before, as far as there are such. */
ts_status ts_homes_new(const ts_program *program, const ts_chip *chip, bool is_poisoned, ts_homes **homes,
                       ts_diag *diag);
void ts_homes_free(ts_homes *homes);
bool ts_homes_are_for(const ts_homes *homes, bool is_poisoned);

/* Whether the instruction at code position `at`, or one after it, may need what the tile holds. */
bool ts_homes_need(const ts_homes *homes, uint32_t tile, uint32_t at);
/* Whether the instruction at code position `at` is the last to need it, and one operand alone named it
 * before. */
bool ts_homes_pass_on(const ts_homes *homes, uint32_t tile, uint32_t at);
/* How many operands read what the instruction at `at` sets as a whole, where nothing else is done with the
   tile, all are of the same trip, and the instructions take a partition's bytes from where ts_read_through
   finds them; otherwise 0. */
uint32_t ts_homes_readers(const ts_homes *homes, uint32_t tile, uint32_t at);
/* The column of byte `offset` of the partition, in tile number `tile` (ts_ap.tensor). */
int64_t ts_homes_column(const ts_homes *homes, uint32_t tile, int64_t offset);

/* Columns of a memory on chip that is `bytes` wide: some more than the chip has, so that first fit finds
 * room. */
int64_t ts_homes_columns(int64_t bytes);

#endif

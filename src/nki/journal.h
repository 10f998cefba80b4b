/* Journal: what a kernel asked for while it was recorded, as bytes. A recording follows from these alone, and
   from the chip: two with the same bytes are the same. */
#ifndef TS_NKI_JOURNAL_H
#define TS_NKI_JOURNAL_H

#include "nki/recorder.h"

typedef struct ts_journal {
    uint8_t *data;
    size_t size;    /* of the entries that are closed */
    size_t pending; /* bytes behind them, of the one that is open */
    size_t room;
    bool is_lost; /* too long, without memory, or of calls that failed: it stands for no recording */
} ts_journal;

void ts_journal_free(ts_journal *journal);

/* Open an entry, instead of one that is open: what is called, with all that it depends on. */
void ts_journal_new(ts_journal *journal, const char *kernel);
void ts_journal_share(ts_journal *journal, int cores);
void ts_journal_ranks(ts_journal *journal, int ranks);
void ts_journal_line(ts_journal *journal, const char *file, int line);
void ts_journal_tile(ts_journal *journal, const ts_nki_tile *tile, uint32_t line);
void ts_journal_tensor(ts_journal *journal, ts_tensor_kind kind, int dtype, int rank, const int64_t *dim,
                       const void *data, const char *name, uint32_t line);
void ts_journal_kind(ts_journal *journal, uint32_t tensor, ts_tensor_kind kind, uint32_t number);
void ts_journal_inst(ts_journal *journal, int op, int engine, const ts_nki_value *values, int count,
                     uint32_t line);
void ts_journal_mark(ts_journal *journal, ts_nki_mark mark, uint32_t line);
void ts_journal_repeat(ts_journal *journal);
void ts_journal_finish(ts_journal *journal);
/* Closes it with what the call gave: a handle or a line. */
void ts_journal_close(ts_journal *journal, uint32_t result);

/* Whether the entry of `kept` at *at is the one that is open here: then *at is behind it, *result what it was
   closed with, and nothing is open any more. */
bool ts_journal_follows(ts_journal *journal, const ts_journal *kept, size_t *at, uint32_t *result);
/* Puts the first `size` bytes of `kept` before what is here: entries. */
void ts_journal_begin_with(ts_journal *journal, const ts_journal *kept, size_t size);
/* A recorder that has got the calls of the first `size` bytes, which begin with ts_journal_new; NULL without
   memory. */
ts_recorder *ts_journal_replay(const ts_journal *journal, size_t size, const ts_chip *chip);

#endif

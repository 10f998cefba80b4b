/* Journal: the calls that recorded a kernel, as bytes. A recording depends on its journal and the chip only,
   so two recordings with equal journals are equal. */
#ifndef TS_NKI_JOURNAL_H
#define TS_NKI_JOURNAL_H

#include "nki/recorder.h"

typedef struct ts_journal {
    uint8_t *data;
    size_t size;    /* bytes of closed entries */
    size_t pending; /* bytes of the open entry, which follow them */
    size_t room;
    bool is_lost; /* it became too long, memory ran out, or a call failed: it no longer describes the
                     recording */
} ts_journal;

void ts_journal_free(ts_journal *journal);

/* Each opens an entry, replacing an open one: the call with everything that it depends on. */
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
/* Closes the open entry with the call's result: a handle or a line. */
void ts_journal_close(ts_journal *journal, uint32_t result);

/* Whether the entry of `kept` at *at equals the open entry. If so, moves *at behind it, sets *result to the
   result it was closed with, and drops the open entry. */
bool ts_journal_follows(ts_journal *journal, const ts_journal *kept, size_t *at, uint32_t *result);
/* Inserts the first `size` bytes of `kept`, whole entries, before the contents. */
void ts_journal_begin_with(ts_journal *journal, const ts_journal *kept, size_t size);
/* Makes a recorder by repeating the calls of the first `size` bytes, which begin with ts_journal_new. NULL
   when there is no memory. */
ts_recorder *ts_journal_replay(const ts_journal *journal, size_t size, const ts_chip *chip);

#endif

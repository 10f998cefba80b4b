/* The bytes of a journal. An entry consists of a head, pieces that begin at multiples of eight bytes, and the
   result. */
#include "nki/journal.h"

#include <stdlib.h>
#include <string.h>

#include "arch/dtype.h"

enum { UNIT = 8, MOST_FIELDS = 24 };
/* Longer journals are not worth keeping beside the program. */
static const size_t MOST_BYTES = (size_t)16 << 20;

typedef enum entry_kind {
    entry_new,
    entry_share,
    entry_ranks,
    entry_line,
    entry_tile,
    entry_tensor,
    entry_kind_of,
    entry_inst,
    entry_mark,
    entry_repeat,
    entry_finish
} entry_kind;

typedef struct head {
    uint32_t kind, bytes; /* bytes: including the head, without the result */
} head;

/* A view without its dimensions. There is no padding between the fields, because journals are compared as
   bytes. */
typedef struct place {
    uint32_t buffer, block;
    int32_t part, parts;
    int64_t offset, index_step;
    uint8_t dtype, dims, has_index, zero[5];
} place;

typedef struct tile_entry {
    int64_t parts, bytes;
    uint32_t space, dtype, blocks, is_value, part, line;
    uint64_t has_address;
} tile_entry;

typedef struct tensor_entry {
    uint32_t kind, dtype, rank, line;
    uint64_t bytes; /* of the data */
} tensor_entry;

typedef struct inst_entry {
    int32_t op, engine, count;
    uint32_t line;
} inst_entry;

void ts_journal_free(ts_journal *journal) {
    free(journal->data);
    *journal = (ts_journal){.is_lost = true};
}

/* ---- writing ---- */

static bool has_room(ts_journal *j, size_t more) {
    if (j->is_lost) return false;
    const size_t needed = j->size + j->pending + more;
    if (needed <= j->room) return true;
    size_t room = j->room ? 2 * j->room : 4096;
    while (room < needed)
        room *= 2;
    uint8_t *data = needed <= MOST_BYTES ? realloc(j->data, room) : NULL;
    if (!data) {
        ts_journal_free(j);
        return false;
    }
    j->data = data;
    j->room = room;
    return true;
}

static size_t padded(size_t bytes) {
    return (bytes + UNIT - 1) / UNIT * UNIT;
}

/* Appends bytes; there must be room. */
static void put(ts_journal *j, const void *from, size_t bytes) {
    memcpy(j->data + j->size + j->pending, from, bytes);
    j->pending += bytes;
}

static void put_padded(ts_journal *j, const void *from, size_t bytes) {
    static const uint8_t zeros[UNIT] = {0};
    if (!has_room(j, padded(bytes))) return;
    if (bytes) put(j, from, bytes);
    put(j, zeros, padded(bytes) - bytes);
}

static void put_string(ts_journal *j, const char *text) {
    put_padded(j, text, strlen(text) + 1);
}

static void open_entry(ts_journal *j, entry_kind kind) {
    const head h = {.kind = kind};
    j->pending = 0;
    if (has_room(j, sizeof h)) put(j, &h, sizeof h);
}

/* Completes the head now that the entry's length is known. */
static void end_entry(ts_journal *j) {
    if (j->is_lost) return;
    const uint32_t bytes = (uint32_t)j->pending;
    memcpy(j->data + j->size + offsetof(head, bytes), &bytes, sizeof bytes);
}

static void put_pair(ts_journal *j, entry_kind kind, uint32_t first, uint32_t second) {
    const uint32_t pair[] = {first, second};
    open_entry(j, kind);
    put_padded(j, pair, sizeof pair);
    end_entry(j);
}

void ts_journal_new(ts_journal *j, const char *kernel) {
    open_entry(j, entry_new);
    put_string(j, kernel);
    end_entry(j);
}

void ts_journal_share(ts_journal *j, int cores) {
    put_pair(j, entry_share, (uint32_t)cores, 0);
}

void ts_journal_ranks(ts_journal *j, int ranks) {
    put_pair(j, entry_ranks, (uint32_t)ranks, 0);
}

void ts_journal_line(ts_journal *j, const char *file, int line) {
    const int64_t number = line;
    open_entry(j, entry_line);
    put_padded(j, &number, sizeof number);
    put_string(j, file);
    end_entry(j);
}

void ts_journal_tile(ts_journal *j, const ts_nki_tile *tile, uint32_t line) {
    const tile_entry entry = {.parts = tile->parts,
                              .bytes = tile->bytes,
                              .space = tile->space,
                              .dtype = tile->dtype,
                              .blocks = tile->blocks,
                              .is_value = tile->is_value != 0,
                              .part = (uint32_t)tile->part,
                              .line = line,
                              .has_address = tile->address != NULL};
    open_entry(j, entry_tile);
    put_padded(j, &entry, sizeof entry);
    if (tile->address) put_padded(j, tile->address, tile->blocks * sizeof *tile->address);
    put_string(j, tile->name);
    end_entry(j);
}

void ts_journal_tensor(ts_journal *j, ts_tensor_kind kind, int dtype, int rank, const int64_t *dim,
                       const void *data, const char *name, uint32_t line) {
    uint64_t bytes = data ? (uint64_t)ts_dtype_get((unsigned)dtype)->bytes : 0;
    for (int i = 0; i < rank; i++)
        bytes *= (uint64_t)dim[i];
    const tensor_entry entry = {.kind = kind,
                                .dtype = (uint32_t)dtype,
                                .rank = (uint32_t)rank,
                                .line = line,
                                .bytes = data ? bytes : UINT64_MAX};
    open_entry(j, entry_tensor);
    put_padded(j, &entry, sizeof entry);
    put_padded(j, dim, (size_t)rank * sizeof *dim);
    if (data) put_padded(j, data, bytes);
    put_string(j, name);
    end_entry(j);
}

void ts_journal_kind(ts_journal *j, uint32_t tensor, ts_tensor_kind kind, uint32_t number) {
    const uint32_t words[] = {tensor, kind, number, 0};
    open_entry(j, entry_kind_of);
    put_padded(j, words, sizeof words);
    end_entry(j);
}

/* Appends a view; there must be room. */
static void put_view(ts_journal *j, const ts_nki_view *view) {
    const place p = {.buffer = view->buffer,
                     .block = view->block,
                     .part = view->part,
                     .parts = view->parts,
                     .offset = view->offset,
                     .index_step = view->index ? view->index_step : 0,
                     .dtype = view->dtype,
                     .dims = view->dims,
                     .has_index = view->index != NULL};
    put(j, &p, sizeof p);
    put(j, view->dim, view->dims * sizeof *view->dim);
}

static bool is_written_down(const ts_nki_view *view) {
    const ts_nki_view *index = view->index;
    return view->dims <= TS_NKI_DIMS && (!index || (index->dims <= TS_NKI_DIMS && !index->index));
}

static void put_value(ts_journal *j, const ts_nki_value *value) {
    const uint64_t kind = value->kind;
    put(j, &kind, sizeof kind);
    switch (value->kind) {
    case ts_nki_tensor:
        if (!is_written_down(value->view)) {
            ts_journal_free(j);
            return;
        }
        put_view(j, value->view);
        if (value->view->index) put_view(j, value->view->index);
        return;
    case ts_nki_number: put(j, &value->number, sizeof value->number); return;
    case ts_nki_steps: put(j, value->step, sizeof value->step); return;
    default: return;
    }
}

void ts_journal_inst(ts_journal *j, int op, int engine, const ts_nki_value *values, int count,
                     uint32_t line) {
    const inst_entry entry = {.op = op, .engine = engine, .count = count, .line = line};
    const size_t most = sizeof(uint64_t) + 2 * (sizeof(place) + sizeof values->view->dim);
    open_entry(j, entry_inst);
    if (count > MOST_FIELDS || !has_room(j, sizeof entry + (size_t)count * most)) {
        ts_journal_free(j);
        return;
    }
    put(j, &entry, sizeof entry);
    for (int i = 0; i < count && !j->is_lost; i++)
        put_value(j, &values[i]);
    end_entry(j);
}

void ts_journal_mark(ts_journal *j, ts_nki_mark mark, uint32_t line) {
    put_pair(j, entry_mark, mark, line);
}

void ts_journal_repeat(ts_journal *j) {
    open_entry(j, entry_repeat);
    end_entry(j);
}

void ts_journal_finish(ts_journal *j) {
    open_entry(j, entry_finish);
    end_entry(j);
}

void ts_journal_close(ts_journal *j, uint32_t result) {
    const uint64_t wide = result;
    if (!has_room(j, sizeof wide)) return;
    put(j, &wide, sizeof wide);
    j->size += j->pending;
    j->pending = 0;
}

/* ---- comparing ---- */

bool ts_journal_follows(ts_journal *j, const ts_journal *kept, size_t *at, uint32_t *result) {
    uint64_t wide;
    if (j->is_lost || !j->pending || kept->size < *at + j->pending + sizeof wide ||
        memcmp(kept->data + *at, j->data + j->size, j->pending) != 0)
        return false;
    memcpy(&wide, kept->data + *at + j->pending, sizeof wide);
    *result = (uint32_t)wide;
    *at += j->pending + sizeof wide;
    j->pending = 0;
    return true;
}

void ts_journal_begin_with(ts_journal *j, const ts_journal *kept, size_t size) {
    if (!has_room(j, size)) return;
    memmove(j->data + size, j->data, j->size + j->pending);
    memcpy(j->data, kept->data, size);
    j->size += size;
}

/* ---- replaying ---- */

typedef struct reader {
    const uint8_t *at;
} reader;

static const void *take(reader *r, size_t bytes) {
    const uint8_t *at = r->at;
    r->at += padded(bytes);
    return at;
}

static const char *take_string(reader *r) {
    const char *text = (const char *)r->at;
    r->at += padded(strlen(text) + 1);
    return text;
}

static void take_view(reader *r, ts_nki_view *view, ts_nki_view *index) {
    const place *p = take(r, sizeof *p);
    *view = (ts_nki_view){.buffer = p->buffer,
                          .dtype = p->dtype,
                          .dims = p->dims,
                          .block = p->block,
                          .part = p->part,
                          .parts = p->parts,
                          .offset = p->offset,
                          .index_step = p->index_step};
    memcpy(view->dim, take(r, p->dims * sizeof *view->dim), p->dims * sizeof *view->dim);
    if (!p->has_index) return;
    take_view(r, index, NULL);
    view->index = index;
}

static ts_status replay_inst(ts_recorder *recorder, reader *r, ts_diag *diag) {
    const inst_entry *entry = take(r, sizeof *entry);
    ts_nki_value values[MOST_FIELDS];
    ts_nki_view view[MOST_FIELDS], index[MOST_FIELDS];
    for (int i = 0; i < entry->count; i++) {
        const uint64_t *kind = take(r, sizeof *kind);
        values[i].kind = (ts_nki_kind)*kind;
        if (values[i].kind == ts_nki_tensor) take_view(r, &view[i], &index[i]);
        values[i].view = values[i].kind == ts_nki_tensor ? &view[i] : NULL;
        values[i].number = values[i].kind == ts_nki_number ? *(const double *)take(r, sizeof(double)) : 0;
        if (values[i].kind == ts_nki_steps)
            memcpy(values[i].step, take(r, sizeof values[i].step), sizeof values[i].step);
    }
    return ts_record_inst(recorder, (ts_op)entry->op, (ts_engine)entry->engine, values, entry->count,
                          entry->line, diag);
}

static ts_status replay_tile(ts_recorder *recorder, reader *r, ts_diag *diag) {
    const tile_entry *entry = take(r, sizeof *entry);
    ts_nki_tile tile = {.space = (ts_nki_space)entry->space,
                        .dtype = (uint8_t)entry->dtype,
                        .parts = entry->parts,
                        .bytes = entry->bytes,
                        .blocks = entry->blocks,
                        .is_value = (int)entry->is_value,
                        .part = (int32_t)entry->part};
    if (entry->has_address) tile.address = take(r, tile.blocks * sizeof *tile.address);
    tile.name = take_string(r);
    return ts_record_buffer(recorder, &tile, entry->line, diag) ? ts_ok : diag->status;
}

static ts_status replay_tensor(ts_recorder *recorder, reader *r, ts_diag *diag) {
    const tensor_entry *entry = take(r, sizeof *entry);
    const int64_t *dim = take(r, entry->rank * sizeof *dim);
    const void *data = entry->bytes == UINT64_MAX ? NULL : take(r, entry->bytes);
    const char *name = take_string(r);
    return ts_record_tensor(recorder, (ts_tensor_kind)entry->kind, (ts_dtype)entry->dtype, (int)entry->rank,
                            dim, data, name, entry->line, diag)
               ? ts_ok
               : diag->status;
}

static ts_status replay_entry(ts_recorder *recorder, entry_kind kind, reader *r, ts_diag *diag) {
    const uint32_t *words = (const uint32_t *)(const void *)r->at;
    switch (kind) {
    case entry_ranks: recorder->program->ranks = words[0]; return ts_ok;
    case entry_line: {
        const int64_t *line = take(r, sizeof *line);
        ts_recorder_loc(recorder, (const char *)r->at, (int)*line);
        return ts_ok;
    }
    case entry_tile: return replay_tile(recorder, r, diag);
    case entry_tensor: return replay_tensor(recorder, r, diag);
    case entry_kind_of: ts_record_kind(recorder, words[0], (ts_tensor_kind)words[1], words[2]); return ts_ok;
    case entry_inst: return replay_inst(recorder, r, diag);
    case entry_mark: ts_record_mark(recorder, (ts_nki_mark)words[0], words[1]); return ts_ok;
    case entry_repeat: return ts_record_repeat(recorder, diag);
    default: return ts_ok; /* calls that concern the run, not the recorder */
    }
}

ts_recorder *ts_journal_replay(const ts_journal *journal, size_t size, const ts_chip *chip) {
    ts_diag unknown = {0};
    ts_recorder *recorder = ts_recorder_new((const char *)journal->data + sizeof(head), chip);
    for (size_t at = 0; recorder && at < size;) {
        const head *h = (const head *)(const void *)(journal->data + at);
        reader r = {journal->data + at + sizeof *h};
        if (replay_entry(recorder, (entry_kind)h->kind, &r, &unknown) != ts_ok) {
            ts_recorder_free(recorder);
            return NULL;
        }
        at += h->bytes + sizeof(uint64_t);
    }
    return recorder;
}

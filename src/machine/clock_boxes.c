/* The accesses that the clock remembers, by storage: each has a slot of a table. To find those that meet a
   place, the storage is cut into equal cells, and for each cell there is a bit per slot: whether the access
   reaches into the cell. Slots of other sets (what is a write, what an engine has behind it) are bits at the
   same places, so that whole words of 64 are chosen at once: a row. */
#include <string.h>

#include "machine/clock_core.h"

enum {
    SETS = 3 + 2 * ts_engine_count, /* of slots, in a table */
    FEW = 4,                        /* slots of the smallest table; below 64 there are no cells */
    FEW_ROWS = 4,
    MOST_ROWS = 64,   /* bits of a word */
    FOUND = 256,      /* boxes at once, to begin with */
    CELLS_NEAR = 192, /* at most, of SBUF and PSUM */
    CELLS_HBM = 64,   /* a tensor's tiles reach across many: fewer bits to set */
    LEAST_SHIFT = 9   /* bytes of a cell, as a power of two */
};

static void find_cells(ts_clock *clock, uint32_t storage, uint64_t bytes) {
    uint64_t most = storage < TS_STORAGE_SCRATCH ? CELLS_NEAR : CELLS_HBM;
    uint8_t shift = LEAST_SHIFT;
    while (bytes >> shift > most)
        shift++;
    ts_boxes *table = &clock->storages[storage].table;
    if (table->cells && table->shift > shift) return;
    table->shift = shift;
    table->cells = (uint32_t)(bytes >> shift) + 1;
}

void ts_boxes_init(ts_clock *clock) {
    const ts_program *program = clock->program;
    find_cells(clock, TS_STORAGE_SBUF, (uint64_t)clock->chip[0].sbuf_partition_bytes);
    find_cells(clock, TS_STORAGE_PSUM, (uint64_t)clock->chip[0].psum_partition_bytes);
    uint64_t scratch = 0;
    for (uint32_t t = 0; t < program->tensors.count; t++) {
        const ts_tensor *tensor = &program->tensors.data[t];
        if (clock->storage_of[t] != TS_STORAGE_SCRATCH)
            find_cells(clock, clock->storage_of[t], tensor->bytes);
        else if (tensor->address + tensor->bytes > scratch)
            scratch = tensor->address + tensor->bytes;
    }
    find_cells(clock, TS_STORAGE_SCRATCH, scratch);
    ts_vec_reserve(&clock->found, &clock->arena, FOUND);
    for (uint32_t kind = 0; kind < 2 * clock->storage_count; kind++) {
        ts_storage *storage = &clock->storages[kind / 2];
        storage->limit[kind % 2] = TS_CLOCK_BOXES;
        storage->few[kind % 2] = storage->crowd[kind % 2] = TS_CLOCK_FEW;
    }
}

static void mark_cells(const ts_boxes *table, uint32_t slot, bool is_there) {
    if (!table->grid) return;
    const ts_place *place = &ts_boxes_at(table, slot)->place;
    uint64_t bit = (uint64_t)1 << slot % 64;
    uint32_t first = ts_boxes_cell(table, place->lo), last = ts_boxes_cell(table, place->hi - 1);
    uint64_t *word = &table->grid[(size_t)first * table->words + slot / 64];
    uint64_t row = (uint64_t)1 << slot / 64 % 64;
    for (; first <= last; first++, word += table->words) {
        *word = is_there ? *word | bit : *word & ~bit;
        if (is_there)
            table->rows[first] |= row;
        else if (*word == 0 && table->words <= MOST_ROWS)
            table->rows[first] &= ~row;
    }
}

static void enlist(const ts_boxes *table, uint32_t slot) {
    uint32_t *link = ts_boxes_chain(table, &ts_boxes_at(table, slot)->place);
    table->next[slot] = *link;
    *link = slot + 1;
}

static void delist(const ts_boxes *table, uint32_t slot) {
    uint32_t *link = ts_boxes_chain(table, &ts_boxes_at(table, slot)->place);
    while (*link != slot + 1)
        link = &table->next[*link - 1];
    *link = table->next[slot];
}

static ts_box *new_row(ts_clock *clock, uint32_t boxes) {
    char *row = ts_arena_alloc(&clock->arena, (boxes + 1) * sizeof(ts_box));
    return (ts_box *)(void *)(row + -(uintptr_t)row % sizeof(ts_box));
}

static void make_room(ts_clock *clock, ts_boxes *table, uint32_t room) {
    table->room = room;
    table->words = (room + 63) / 64;
    table->row = TS_NEW_ARRAY(&clock->arena, ts_box *, table->words);
    table->chains = TS_NEW_ARRAY(&clock->arena, uint32_t, 2 * (size_t)room);
    table->next = table->chains + room;
    table->used = TS_NEW_ARRAY(&clock->arena, uint64_t, SETS * (size_t)table->words);
    table->writes = table->used + table->words;
    table->reads = table->writes + table->words;
    table->quiet[0] = table->reads + table->words;
    table->quiet[1] = table->quiet[0] + (size_t)ts_engine_count * table->words;
    if (room < 64) return;
    table->grid = TS_NEW_ARRAY(&clock->arena, uint64_t, (size_t)table->cells * table->words);
    table->rows = TS_NEW_ARRAY(&clock->arena, uint64_t, table->cells);
}

/* Room for more; a box keeps its slot. */
static void grow(ts_clock *clock, ts_boxes *table) {
    ts_boxes old = *table;
    if (2 * old.words > MOST_ROWS) table->kinds[0] = table->kinds[1] = UINT64_MAX;
    make_room(clock, table, !old.room ? FEW : old.room < 64 ? 4 * old.room : 2 * old.room);
    if (!old.room) return;
    memcpy(table->row, old.row, old.words * sizeof *old.row);
    if (old.room < 64) {
        table->row[0] = new_row(clock, table->room);
        memcpy(table->row[0], old.row[0], old.room * sizeof(ts_box));
    }
    for (uint32_t set = 0; set < SETS; set++)
        memcpy(table->used + (size_t)set * table->words, old.used + (size_t)set * old.words,
               old.words * sizeof *old.used);
    for (uint32_t slot = 0; slot < old.room; slot++)
        if (old.used[slot / 64] >> slot % 64 & 1) {
            mark_cells(table, slot, true);
            if (!ts_boxes_at(table, slot)->is_write) enlist(table, slot);
        }
}

/* Whether a row may take one more box of the kind. Reads and writes have rows of their own, so that a read's
   search looks at few: not where there are only few rows, nor where bits of `kinds` stand for several. */
static bool has_room(const ts_boxes *table, uint32_t row, bool is_write) {
    if (table->used[row] == UINT64_MAX) return false;
    if (table->words <= FEW_ROWS || table->words > MOST_ROWS || table->used[row] == 0) return true;
    return !(table->kinds[!is_write] >> row & 1);
}

/* Neighbours share rows, too. */
static uint32_t free_slot(const ts_boxes *table, const ts_place *place, bool is_write) {
    uint32_t word = 0;
    for (uint64_t rows = table->rows ? table->rows[ts_boxes_cell(table, place->lo)] : 0; rows;
         rows &= rows - 1) {
        uint32_t near = (uint32_t)__builtin_ctzll(rows);
        if (near < table->top && has_room(table, near, is_write))
            return 64 * near + (uint32_t)__builtin_ctzll(~table->used[near]);
    }
    while (word < table->top && !has_room(table, word, is_write))
        word++;
    return word < table->words ? 64 * word + (uint32_t)__builtin_ctzll(~table->used[word]) : table->room;
}

static uint32_t find_slot(ts_clock *clock, ts_storage *storage, const ts_place *place, bool is_write) {
    ts_boxes *table = &storage->table;
    uint32_t slot = free_slot(table, place, is_write);
    if (slot >= table->room && table->empty > table->room / 4) {
        ts_boxes_tidy(clock, storage);
        slot = free_slot(table, place, is_write);
    }
    if (slot < table->room) return slot;
    grow(clock, table);
    return free_slot(table, place, is_write);
}

uint32_t ts_boxes_add(ts_clock *clock, ts_storage *storage, const ts_place *place, bool is_write) {
    ts_boxes *table = &storage->table;
    uint32_t slot = find_slot(clock, storage, place, is_write), row = slot / 64;
    if (!table->row[row]) table->row[row] = new_row(clock, table->room < 64 ? table->room : 64);
    uint64_t bit = (uint64_t)1 << slot % 64;
    ts_box *box = ts_boxes_at(table, slot);
    if (table->used[row] == 0 && table->words <= MOST_ROWS) table->kinds[!is_write] &= ~((uint64_t)1 << row);
    table->kinds[is_write] |= (uint64_t)1 << row % 64;
    table->used[row] |= bit;
    (is_write ? table->writes : table->reads)[row] |= bit;
    box->place = *place;
    box->is_write = is_write;
    mark_cells(table, slot, true);
    if (!is_write) enlist(table, slot);
    if (row >= table->top) table->top = row + 1;
    storage->boxes[is_write]++;
    return slot;
}

static void give_back(ts_boxes *table, uint32_t slot) {
    mark_cells(table, slot, false);
    if (!ts_boxes_at(table, slot)->is_write) delist(table, slot);
    table->used[slot / 64] &= ~((uint64_t)1 << slot % 64);
    while (table->top > 0 && table->used[table->top - 1] == 0)
        table->top--;
}

void ts_boxes_drop(ts_clock *clock, ts_storage *storage, uint32_t slot, bool is_kept) {
    ts_boxes *table = &storage->table;
    ts_box *box = ts_boxes_at(table, slot);
    uint64_t others = ~((uint64_t)1 << slot % 64);
    table->writes[slot / 64] &= others;
    table->reads[slot / 64] &= others;
    storage->boxes[box->is_write]--;
    ts_event_drop(clock, box->event);
    box->event = NULL;
    box->look = clock->ticks;
    if (is_kept && !box->is_write)
        table->empty++;
    else
        give_back(table, slot);
}

void ts_boxes_fill(ts_storage *storage, uint32_t slot) {
    storage->table.reads[slot / 64] |= (uint64_t)1 << slot % 64;
    storage->table.empty--;
    storage->boxes[false]++;
}

void ts_boxes_tidy(ts_clock *clock, ts_storage *storage) {
    enum { LONG = 4 }; /* ticks */
    ts_boxes *table = &storage->table;
    for (uint32_t word = 0; word < table->top; word++)
        for (uint64_t slots = table->used[word] & ~table->writes[word] & ~table->reads[word]; slots;
             slots &= slots - 1) {
            uint32_t slot = 64 * word + (uint32_t)__builtin_ctzll(slots);
            if (clock->ticks - ts_boxes_at(table, slot)->look < LONG) continue;
            table->empty--;
            give_back(table, slot);
        }
}

void ts_boxes_move(ts_storage *storage, uint32_t slot, const ts_place *place) {
    ts_boxes *table = &storage->table;
    bool is_write = ts_boxes_at(table, slot)->is_write;
    mark_cells(table, slot, false);
    if (!is_write) delist(table, slot);
    ts_boxes_at(table, slot)->place = *place;
    mark_cells(table, slot, true);
    if (!is_write) enlist(table, slot);
}

void ts_boxes_find(ts_clock *clock, const ts_storage *storage, bool is_write) {
    const ts_boxes *table = &storage->table;
    clock->found.count = 0;
    for (uint32_t word = 0; word < table->top; word++) {
        for (uint64_t slots = (is_write ? table->writes : table->reads)[word]; slots; slots &= slots - 1) {
            uint32_t slot = 64 * word + (uint32_t)__builtin_ctzll(slots);
            ts_found found = {ts_boxes_at(table, slot), slot};
            ts_vec_push(&clock->found, &clock->arena, found);
        }
    }
}

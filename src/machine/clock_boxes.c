/* The accesses that the clock remembers, by storage: each has a slot of a table. To find those that meet a
   place, the storage is cut into equal cells, and for each cell there is a bit per slot: whether the access
   reaches into the cell. Slots of other sets (what is a write, who issued it) are bits at the same places, so
   that whole words of 64 are chosen at once. */
#include <string.h>

#include "machine/clock_core.h"

enum {
    FEW = 16,         /* slots of a table that has no cells */
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
    for (uint32_t i = 0; i < clock->storage_count; i++)
        clock->storages[i].limit[0] = clock->storages[i].limit[1] = TS_CLOCK_BOXES;
}

static void mark_cells(const ts_boxes *table, uint32_t slot, bool is_there) {
    if (!table->grid) return;
    const ts_place *place = &table->box[slot].place;
    uint64_t bit = (uint64_t)1 << slot % 64;
    uint32_t first = ts_boxes_cell(table, place->lo), last = ts_boxes_cell(table, place->hi - 1);
    uint64_t *word = &table->grid[(size_t)first * table->words + slot / 64];
    uint64_t row = (uint64_t)1 << slot / 64 % 64;
    for (; first <= last; first++, word += table->words) {
        *word = is_there ? *word | bit : *word & ~bit;
        if (is_there)
            table->rows[first] |= row;
        else if (*word == 0 && table->words <= 64)
            table->rows[first] &= ~row;
    }
}

/* Room for more; a box keeps its slot. */
static void grow(ts_clock *clock, ts_boxes *table) {
    ts_boxes old = *table;
    table->room = !old.room ? FEW : old.room < 64 ? 64 : 2 * old.room;
    table->words = (table->room + 63) / 64;
    table->box = TS_NEW_ARRAY(&clock->arena, ts_box, table->room + 1);
    table->box = (ts_box *)(void *)((char *)table->box + -(uintptr_t)table->box % sizeof(ts_box));
    table->used = TS_NEW_ARRAY(&clock->arena, uint64_t, 3 * (size_t)table->words);
    table->writes = table->used + table->words;
    table->reads = table->writes + table->words;
    if (table->room > FEW) {
        table->grid = TS_NEW_ARRAY(&clock->arena, uint64_t, (size_t)table->cells * table->words);
        table->rows = TS_NEW_ARRAY(&clock->arena, uint64_t, table->cells);
    }
    if (!old.room) return;
    memcpy(table->box, old.box, old.room * sizeof *old.box);
    memcpy(table->used, old.used, old.words * sizeof *old.used);
    memcpy(table->writes, old.writes, old.words * sizeof *old.used);
    memcpy(table->reads, old.reads, old.words * sizeof *old.used);
    for (uint32_t slot = 0; slot < old.room; slot++)
        if (old.used[slot / 64] >> slot % 64 & 1) mark_cells(table, slot, true);
}

/* Neighbours share rows, so that a search looks at few. */
static uint32_t free_slot(ts_clock *clock, ts_boxes *table, const ts_place *place) {
    uint32_t word = 0;
    for (uint64_t rows = table->rows ? table->rows[ts_boxes_cell(table, place->lo)] : 0; rows;
         rows &= rows - 1) {
        uint32_t near = (uint32_t)__builtin_ctzll(rows);
        if (near < table->top && table->used[near] != UINT64_MAX)
            return 64 * near + (uint32_t)__builtin_ctzll(~table->used[near]);
    }
    while (word < table->top && table->used[word] == UINT64_MAX)
        word++;
    uint32_t slot =
        word < table->words ? 64 * word + (uint32_t)__builtin_ctzll(~table->used[word]) : table->room;
    if (slot >= table->room) grow(clock, table);
    return slot;
}

ts_box *ts_boxes_add(ts_clock *clock, ts_storage *storage, const ts_place *place, bool is_write) {
    ts_boxes *table = &storage->table;
    uint32_t slot = free_slot(clock, table, place);
    uint64_t bit = (uint64_t)1 << slot % 64;
    ts_box *box = &table->box[slot];
    table->used[slot / 64] |= bit;
    (is_write ? table->writes : table->reads)[slot / 64] |= bit;
    box->place = *place;
    box->is_write = is_write;
    mark_cells(table, slot, true);
    if (slot / 64 >= table->top) table->top = slot / 64 + 1;
    storage->boxes[is_write]++;
    return box;
}

void ts_boxes_drop(ts_clock *clock, ts_storage *storage, uint32_t slot) {
    ts_boxes *table = &storage->table;
    const ts_box *box = &table->box[slot];
    uint64_t others = ~((uint64_t)1 << slot % 64);
    mark_cells(table, slot, false);
    table->used[slot / 64] &= others;
    table->writes[slot / 64] &= others;
    table->reads[slot / 64] &= others;
    while (table->top > 0 && table->used[table->top - 1] == 0)
        table->top--;
    storage->boxes[box->is_write]--;
    ts_event_drop(clock, box->event);
}

void ts_boxes_move(ts_storage *storage, uint32_t slot, const ts_place *place) {
    mark_cells(&storage->table, slot, false);
    storage->table.box[slot].place = *place;
    mark_cells(&storage->table, slot, true);
}

void ts_boxes_find(ts_clock *clock, const ts_storage *storage, bool is_write) {
    const ts_boxes *table = &storage->table;
    clock->found.count = 0;
    for (uint32_t word = 0; word < table->top; word++) {
        for (uint64_t slots = (is_write ? table->writes : table->reads)[word]; slots; slots &= slots - 1) {
            uint32_t slot = 64 * word + (uint32_t)__builtin_ctzll(slots);
            ts_found found = {&table->box[slot], slot};
            ts_vec_push(&clock->found, &clock->arena, found);
        }
    }
}

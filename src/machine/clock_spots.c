/* Spots: the places that accesses have had lately. A tile is touched at one place again and again, so what
   else meets a place is found once and kept with it, as links to other spots; whether anything remembered
   lies there changes with every access and is looked up through the links. Two spots are linked when their
   bounds meet and something wrote to one of them.

   To find what meets a new spot, each spot of a storage has a slot, the storage is cut into equal cells, and
   for each cell there is a bit per slot: whether its spot reaches into the cell. */
#include <string.h>

#include "machine/clock_core.h"

enum {
    FEW = 16,         /* slots of a storage that has no cells */
    CELLS_NEAR = 192, /* at most, of SBUF and PSUM */
    CELLS_HBM = 64,   /* a tensor's tiles reach across many: fewer bits to set */
    LEAST_SHIFT = 9,  /* bytes of a cell, as a power of two */
    KEPT_TICKS = 8,   /* that an empty spot in SBUF or PSUM is kept for; in HBM places seldom come back */
    SWEEP_TICKS = 4,
    FIRST_BUCKETS = 10, /* as a power of two */
    LEAST_LINKS = 4
};

static void find_cells(ts_clock *clock, uint32_t storage, uint64_t bytes) {
    uint64_t most = storage < TS_STORAGE_SCRATCH ? CELLS_NEAR : CELLS_HBM;
    uint8_t shift = LEAST_SHIFT;
    while (bytes >> shift > most)
        shift++;
    ts_spots *spots = &clock->storages[storage].spots;
    if (spots->cells && spots->shift > shift) return;
    spots->shift = shift;
    spots->cells = (uint32_t)(bytes >> shift) + 1;
}

static void grow_buckets(ts_clock *clock) {
    ts_spot **old = clock->spot_buckets;
    size_t count = old ? (size_t)1 << clock->spot_bits : 0;
    clock->spot_bits = old ? clock->spot_bits + 2 : FIRST_BUCKETS;
    clock->spot_buckets = TS_NEW_ARRAY(&clock->arena, ts_spot *, (size_t)1 << clock->spot_bits);
    for (size_t i = 0; i < count; i++)
        for (ts_spot *spot = old[i], *next; spot; spot = next) {
            next = spot->next;
            ts_spot **head = &clock->spot_buckets[spot->hash >> (32 - clock->spot_bits)];
            spot->next = *head;
            *head = spot;
        }
}

void ts_spots_init(ts_clock *clock) {
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
    grow_buckets(clock);
}

/* ---- links ---- */

static ts_link *take_links(ts_clock *clock, uint32_t size) {
    void **list = &clock->free_links[__builtin_ctz(size)], *links = *list;
    if (!links) return TS_NEW_ARRAY(&clock->arena, ts_link, size);
    memcpy(list, links, sizeof *list);
    return links;
}

static void give_links(ts_clock *clock, ts_link *links, uint32_t size) {
    void **list = &clock->free_links[__builtin_ctz(size)];
    memcpy(links, list, sizeof *list);
    *list = links;
}

static bool is_dense(const ts_place *place) {
    return place->shape && place->shape->is_dense;
}

static bool covers(const ts_place *a, const ts_place *b) {
    return a->lo <= b->lo && a->hi >= b->hi && a->part <= b->part &&
           a->part + a->parts >= b->part + b->parts && is_dense(a);
}

/* Of `count` equal parts of [0, length), a bit for each that lies within [from, to). */
static uint64_t parts_within(int64_t from, int64_t to, int64_t length, int count) {
    int64_t size = length / count;
    int64_t first = from <= 0 ? 0 : (from + size - 1) / size, last = to >= length ? count : to / size;
    return last > first ? (((uint64_t)1 << (last - first)) - 1) << first : 0;
}

/* Which parts of `b` the place `a` covers: 4 by partitions, 16 by bytes. */
static uint64_t covered_parts(const ts_place *a, const ts_place *b) {
    enum { ROWS = 4, COLUMNS = 16 };
    int64_t length = b->hi - b->lo, top = a->part - b->part, left = a->lo - b->lo;
    if (!is_dense(a) || b->parts % ROWS || length % COLUMNS) return 0;
    uint64_t columns = parts_within(left, left + a->hi - a->lo, length, COLUMNS), covered = 0;
    uint64_t rows = parts_within(top, top + a->parts, b->parts, ROWS);
    for (; columns && rows; rows &= rows - 1)
        covered |= columns << __builtin_ctzll(rows) * COLUMNS;
    return covered;
}

void ts_link_measure(const ts_spot *spot, ts_link *link) {
    link->is_measured = true;
    link->is_inside = covers(&spot->place, &link->spot->place);
    if (!link->is_inside) link->covered = covered_parts(&spot->place, &link->spot->place);
}

static ts_link *add_link(ts_clock *clock, ts_spot *from, ts_spot *to) {
    if (from->link_count == from->link_room) {
        uint32_t room = from->link_room ? 2 * from->link_room : LEAST_LINKS;
        ts_link *links = take_links(clock, room);
        if (from->link_room) {
            memcpy(links, from->links, from->link_count * sizeof *links);
            give_links(clock, from->links, from->link_room);
        }
        from->links = links;
        from->link_room = room;
    }
    ts_link *link = &from->links[from->link_count++];
    *link = (ts_link){.spot = to};
    return link;
}

static void link_both(ts_clock *clock, ts_spot *a, ts_spot *b) {
    add_link(clock, a, b)->back = b->link_count;
    add_link(clock, b, a)->back = a->link_count - 1;
}

/* The last link of the list takes the place of the one removed. */
static void remove_link(ts_spot *from, uint32_t at) {
    ts_link last = from->links[--from->link_count];
    if (at == from->link_count) return;
    from->links[at] = last;
    uint32_t back = last.spot == from ? at : last.back; /* one to itself is its own way back */
    last.spot->links[back].back = at;
}

/* ---- cells ---- */

/* What lies outside of its storage is in the first or the last cell. */
static uint32_t cell_of(const ts_spots *spots, int64_t at) {
    int64_t cell = at >> spots->shift;
    if (cell < 0) return 0;
    return cell < (int64_t)spots->cells ? (uint32_t)cell : spots->cells - 1;
}

static void mark_cells(const ts_spots *spots, const ts_spot *spot, bool is_there) {
    if (!spots->grid) return;
    uint64_t bit = (uint64_t)1 << spot->slot % 64;
    uint32_t last = cell_of(spots, spot->place.hi - 1);
    for (uint32_t cell = cell_of(spots, spot->place.lo); cell <= last; cell++) {
        uint64_t *word = &spots->grid[(size_t)cell * spots->words + spot->slot / 64];
        *word = is_there ? *word | bit : *word & ~bit;
    }
}

static bool is_met(const ts_place *a, const ts_place *b) {
    return a->lo < b->hi && a->hi > b->lo && a->part < b->part + b->parts && a->part + a->parts > b->part;
}

/* Links the spot with all others in its storage that its bounds meet: those that something wrote to, those
   that nothing did, or both. */
static void link_spot(ts_clock *clock, ts_spot *spot, bool is_to_written, bool is_to_others) {
    const ts_spots *spots = &clock->storages[spot->place.storage].spots;
    uint32_t first = cell_of(spots, spot->place.lo), cells = cell_of(spots, spot->place.hi - 1) - first + 1;
    bool is_wide = !spots->grid || cells > 2 * spots->count;
    const uint64_t *bits = is_wide ? spots->used : spots->grid + (size_t)first * spots->words;
    for (uint32_t word = 0; word < spots->words; word++) {
        uint64_t slots = bits[word];
        for (uint32_t cell = 1; cell < cells && !is_wide; cell++)
            slots |= bits[(size_t)cell * spots->words + word];
        if (!is_to_written) slots &= ~spots->written[word];
        if (!is_to_others) slots &= spots->written[word];
        for (; slots; slots &= slots - 1) {
            ts_spot *other = spots->spot[64 * word + (uint32_t)__builtin_ctzll(slots)];
            if (other != spot && is_met(&spot->place, &other->place)) link_both(clock, spot, other);
        }
    }
}

/* ---- spots ---- */

static void remove_spot(ts_clock *clock, ts_spots *spots, ts_spot *spot) {
    uint64_t bit = (uint64_t)1 << spot->slot % 64;
    mark_cells(spots, spot, false);
    spots->used[spot->slot / 64] &= ~bit;
    spots->written[spot->slot / 64] &= ~bit;
    spots->count--;
    ts_spot **at = &clock->spot_buckets[spot->hash >> (32 - clock->spot_bits)];
    while (*at != spot)
        at = &(*at)->next;
    *at = spot->next;
    clock->spot_count--;
    for (uint32_t i = 0; i < spot->link_count; i++)
        if (spot->links[i].spot != spot) remove_link(spot->links[i].spot, spot->links[i].back);
    if (spot->link_room) give_links(clock, spot->links, spot->link_room);
    spot->place.storage = UINT32_MAX; /* for those who remember it */
    ts_slab_give(&clock->spots, spot);
}

/* Empty spots that nothing came back to. */
static void remove_old(ts_clock *clock, uint32_t storage) {
    ts_spots *spots = &clock->storages[storage].spots;
    uint32_t kept = storage < TS_STORAGE_SCRATCH ? KEPT_TICKS : 0;
    spots->swept = clock->ticks;
    for (uint32_t word = 0; word < spots->words; word++)
        for (uint64_t slots = spots->used[word]; slots; slots &= slots - 1) {
            ts_spot *spot = spots->spot[64 * word + (uint32_t)__builtin_ctzll(slots)];
            if (!spot->boxes[0] && !spot->boxes[1] && clock->ticks - spot->tick >= kept)
                remove_spot(clock, spots, spot);
        }
}

/* Room for more spots; a slot keeps its number. */
static void grow(ts_clock *clock, ts_spots *spots) {
    ts_spots old = *spots;
    spots->room = !old.room ? FEW : old.room < 64 ? 64 : 2 * old.room;
    spots->words = (spots->room + 63) / 64;
    spots->spot = TS_NEW_ARRAY(&clock->arena, ts_spot *, spots->room);
    spots->used = TS_NEW_ARRAY(&clock->arena, uint64_t, 2 * (size_t)spots->words);
    spots->written = spots->used + spots->words;
    if (spots->room > FEW)
        spots->grid = TS_NEW_ARRAY(&clock->arena, uint64_t, (size_t)spots->cells * spots->words);
    if (!old.room) return;
    memcpy(spots->spot, old.spot, old.room * sizeof(ts_spot *));
    memcpy(spots->used, old.used, old.words * sizeof *old.used);
    memcpy(spots->written, old.written, old.words * sizeof *old.used);
    for (uint32_t word = 0; word < old.words; word++)
        for (uint64_t slots = old.used[word]; slots; slots &= slots - 1)
            mark_cells(spots, spots->spot[64 * word + (uint32_t)__builtin_ctzll(slots)], true);
}

static uint32_t hash_of(const ts_place *place) {
    uint64_t hash = ((uint64_t)place->lo << 20 ^ (uint64_t)place->hi) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32 ^ (uint64_t)place->part << 8 ^ (uint64_t)place->parts << 24 ^ place->storage;
    return (uint32_t)(hash * 0x9E3779B97F4A7C15u >> 32);
}

ts_spot *ts_spot_new(ts_clock *clock, const ts_place *place) {
    ts_spots *spots = &clock->storages[place->storage].spots;
    if (spots->count == spots->room || clock->ticks - spots->swept >= SWEEP_TICKS)
        remove_old(clock, place->storage);
    if (spots->count == spots->room) grow(clock, spots);
    if (clock->spot_count >> clock->spot_bits) grow_buckets(clock);
    uint32_t word = 0;
    while (spots->used[word] == UINT64_MAX)
        word++;
    ts_spot *spot = ts_slab_take(&clock->arena, &clock->spots, sizeof *spot);
    *spot = (ts_spot){.place = *place, .hash = hash_of(place), .tick = clock->ticks};
    spot->slot = 64 * word + (uint32_t)__builtin_ctzll(~spots->used[word]);
    ts_spot **head = &clock->spot_buckets[spot->hash >> (32 - clock->spot_bits)];
    spot->next = *head;
    *head = spot;
    clock->spot_count++;
    link_spot(clock, spot, true, false);
    spots->used[word] |= (uint64_t)1 << spot->slot % 64;
    spots->spot[spot->slot] = spot;
    spots->count++;
    mark_cells(spots, spot, true);
    return spot;
}

ts_spot *ts_spot_at(ts_clock *clock, const ts_place *place) {
    ts_spot *spot = clock->spot_buckets[hash_of(place) >> (32 - clock->spot_bits)];
    for (; spot; spot = spot->next)
        if (ts_place_is_same(&spot->place, place)) return spot;
    return ts_spot_new(clock, place);
}

void ts_spot_write(ts_clock *clock, ts_spot *spot) {
    if (spot->is_written) return;
    const ts_spots *spots = &clock->storages[spot->place.storage].spots;
    add_link(clock, spot, spot)->back = spot->link_count - 1;
    link_spot(clock, spot, false, true);
    spot->is_written = true;
    spots->written[spot->slot / 64] |= (uint64_t)1 << spot->slot % 64;
}

void ts_spots_find_boxes(ts_clock *clock, uint32_t storage, bool is_write) {
    const ts_spots *spots = &clock->storages[storage].spots;
    clock->found.count = 0;
    for (uint32_t word = 0; word < spots->words; word++)
        for (uint64_t slots = spots->used[word]; slots; slots &= slots - 1) {
            const ts_spot *spot = spots->spot[64 * word + (uint32_t)__builtin_ctzll(slots)];
            for (ts_box *box = spot->boxes[is_write]; box; box = box->next)
                ts_vec_push(&clock->found, &clock->arena, box);
        }
}

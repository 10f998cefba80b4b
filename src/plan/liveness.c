/* Liveness of tiles, and first-fit placement. */
#include "plan/liveness.h"

#include <stdlib.h>
#include <string.h>

bool ts_live_is_condition(const ts_loop *loop) {
    return loop->trip.max == 1 && loop->trip.is_ragged;
}

void ts_live_see(ts_builder *b, const uint32_t *loop_of, const ts_ap *ap, uint32_t at) {
    const ts_program *program = b->program;
    ts_tile_info *tile = &b->tiles.data[ap->tensor - 1];
    ts_live_cover(program, loop_of, &tile->first, &tile->last, at);
    /* All slots of a rotating tile stay live while its loops run, so that trips can overlap. */
    ts_live_cover_rotation(program, &ap->offset, &tile->first, &tile->last);
}

ts_live_item ts_live_item_of(const ts_builder *b, uint32_t tile) {
    const ts_tile_info *info = &b->tiles.data[tile];
    return (ts_live_item){.first = info->first,
                          .last = info->last,
                          .owner = tile,
                          .bytes = info->bytes * info->slots,
                          .address = info->is_fixed ? info->address : 0,
                          .is_lasting = info->is_lasting,
                          .is_fixed = info->is_fixed};
}

uint32_t ts_live_tiles(const ts_builder *b, ts_space space, ts_live_item *items) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->tiles.count; i++)
        if (b->tiles.data[i].space == space && b->tiles.data[i].first != TS_LIVE_NEVER)
            items[count++] = ts_live_item_of(b, i);
    return count;
}

static int by_order(const void *a, const void *b) {
    const ts_live_item *x = a, *y = b;
    uint32_t x_length = x->last - x->first, y_length = y->last - y->first;
    if (x->is_fixed != y->is_fixed) return x->is_fixed ? -1 : 1;
    if (x->is_lasting != y->is_lasting) return x->is_lasting ? -1 : 1;
    if (x->is_lasting && x_length != y_length) return x_length > y_length ? -1 : 1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/* Inserts item `i` into `list`, whose `live` entries are sorted by address. */
static void enter(const ts_live_item *items, uint32_t *list, uint32_t live, uint32_t i) {
    uint32_t slot = live;
    for (; slot > 0 && items[list[slot - 1]].address > items[i].address; slot--)
        list[slot] = list[slot - 1];
    list[slot] = i;
}

/* The last position at which an item holds its memory at the given ease. At TS_LIVE_EASES only real need
   counts. */
static uint32_t held_to(const ts_live_item *item, int ease) {
    return ease < TS_LIVE_EASES && item->far[ease] > item->last ? item->far[ease] : item->last;
}

static bool meet(const ts_live_item *a, const ts_live_item *b, int ease) {
    if (a->is_tight || b->is_tight) ease = TS_LIVE_EASES;
    return a->first <= held_to(b, ease) && b->first <= held_to(a, ease);
}

/* The items that have an address already, as two lists sorted by address. */
typedef struct placed {
    const ts_live_item *items;
    const uint32_t *lasting, *others;
    uint32_t lasting_count, live;
} placed;

/* The lowest address at which the item overlaps no placed item that is live at the same time. */
static int64_t lowest(const placed *p, const ts_live_item *item, int ease) {
    int64_t at = 0;
    uint32_t i = 0, j = 0;
    while (i < p->lasting_count || j < p->live) {
        bool is_lasting = j == p->live || (i < p->lasting_count &&
                                           p->items[p->lasting[i]].address <= p->items[p->others[j]].address);
        const ts_live_item *other = &p->items[is_lasting ? p->lasting[i++] : p->others[j++]];
        if (!meet(other, item, ease)) continue;
        if (other->address >= at + item->bytes) break;
        if (other->address + other->bytes > at) at = other->address + other->bytes;
    }
    return at;
}

/* Places the items in the order of the array. `active` has room for `count` entries. */
static int64_t fit(ts_live_item *items, uint32_t count, uint32_t *active, int64_t capacity) {
    int64_t top = 0;
    placed p = {.items = items, .lasting = active};
    for (uint32_t i = 0; i < count; i++) {
        ts_live_item *item = &items[i];
        uint32_t *others = active + p.lasting_count, kept = 0;
        for (uint32_t j = 0; j < p.live; j++)
            if (items[others[j]].last >= item->first || items[others[j]].far[0] >= item->first)
                others[kept++] = others[j];
        p.live = kept;
        p.others = others;
        if (item->is_fixed) {
            if (item->address + item->bytes > top) top = item->address + item->bytes;
            enter(items, active, p.lasting_count++, i);
            continue;
        }
        item->address = lowest(&p, item, 0);
        for (int e = 1; item->address + item->bytes > capacity && e <= TS_LIVE_EASES; e++)
            item->address = lowest(&p, item, e);
        if (item->is_lasting)
            enter(items, active, p.lasting_count++, i);
        else
            enter(items, others, p.live++, i);
        if (item->address + item->bytes > top) top = item->address + item->bytes;
    }
    return top;
}

static bool is_beyond(const ts_live_item *item, int64_t capacity) {
    return item->address + item->bytes > capacity;
}

/* Marks as tight every item that is live together with one that found no room, or with one that an earlier
   round made tight. A tight item ignores `far`. False when no further item could be marked. */
static bool tighten(ts_live_item *items, uint32_t count, int64_t capacity, uint32_t *busy,
                    uint32_t positions) {
    bool is_tighter = false;
    memset(busy, 0, (positions + 1) * sizeof *busy);
    for (uint32_t i = 0; i < count; i++) {
        const ts_live_item *item = &items[i];
        if (!is_beyond(item, capacity) && (item->is_lasting || !item->is_tight)) continue;
        busy[item->first]++;
        busy[item->last + 1]--;
    }
    /* busy[at]: how many of the positions up to and including `at` have such an item live. */
    for (uint32_t at = 0, live = 0, so_far = 0; at <= positions; at++) {
        live += busy[at];
        busy[at] = so_far += live > 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        ts_live_item *item = &items[i];
        uint32_t before = item->first > 0 ? busy[item->first - 1] : 0;
        if (item->is_tight || busy[item->last] == before) continue;
        item->is_tight = is_tighter = true;
    }
    return is_tighter;
}

int64_t ts_live_fit(ts_live_item *items, uint32_t count, int64_t capacity, ts_arena *arena) {
    uint32_t *active = TS_NEW_ARRAY(arena, uint32_t, count + 1), *busy = NULL, positions = 0;
    qsort(items, count, sizeof *items, by_order);
    for (uint32_t i = 0; i < count; i++)
        if (items[i].last >= positions) positions = items[i].last + 1;
    for (;;) {
        const int64_t top = fit(items, count, active, capacity);
        if (top <= capacity) return top;
        if (!busy) busy = TS_NEW_ARRAY(arena, uint32_t, positions + 1);
        if (!tighten(items, count, capacity, busy, positions)) break;
    }
    for (uint32_t i = 0; i < count; i++)
        items[i].is_tight = true;
    return fit(items, count, active, capacity);
}

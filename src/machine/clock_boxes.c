/* Where the remembered accesses lie, so that those that meet a place are found fast: a grid of nested cell
   sizes in one hash table. Each box is in the level whose cell is at least as long as the box, under the cell
   of its first byte; a search looks at the cells it touches and one before, in every level that is used. */
#include "machine/clock_core.h"

enum { FIRST_SHIFT = 11, LEVEL_SHIFT = 2, FIRST_BUCKET_BITS = 12 };

static int level_shift(int level) {
    return FIRST_SHIFT + LEVEL_SHIFT * level;
}

static int level_of(int64_t bytes) {
    int level = 0;
    while (level < TS_BOX_LEVELS - 1 && bytes > (int64_t)1 << level_shift(level))
        level++;
    return level;
}

static int64_t cell_of(const ts_box *box) {
    return box->place.lo >> level_shift(box->level);
}

static uint32_t bucket_of(const ts_clock *clock, uint32_t plane, int level, int64_t cell) {
    uint64_t key = (uint64_t)cell * 32 + (uint64_t)level + ((uint64_t)plane << 44);
    return (uint32_t)((key * 0x9E3779B97F4A7C15u) >> (64 - clock->bucket_bits));
}

static void link_bucket(ts_clock *clock, ts_box *box) {
    ts_box **head = &clock->buckets[bucket_of(clock, box->place.plane, box->level, cell_of(box))];
    box->next = *head;
    if (box->next) box->next->link = &box->next;
    box->link = head;
    *head = box;
}

static void unlink_bucket(const ts_box *box) {
    *box->link = box->next;
    if (box->next) box->next->link = box->link;
}

static void grow_buckets(ts_clock *clock) {
    clock->bucket_bits = clock->bucket_bits ? clock->bucket_bits + 2 : FIRST_BUCKET_BITS;
    clock->buckets = TS_NEW_ARRAY(&clock->arena, ts_box *, (size_t)1 << clock->bucket_bits);
    for (uint32_t plane = 0; plane < 2 * clock->storage_count; plane++)
        for (int level = 0; level < TS_BOX_LEVELS; level++)
            for (ts_box *box = clock->planes[plane].level[level]; box; box = box->level_next)
                link_bucket(clock, box);
}

void ts_boxes_init(ts_clock *clock) {
    clock->planes = TS_NEW_ARRAY(&clock->arena, ts_plane, (size_t)clock->storage_count * 2);
    for (uint32_t plane = 0; plane < 2 * clock->storage_count; plane++)
        clock->planes[plane].limit = TS_CLOCK_BOXES;
    grow_buckets(clock);
}

void ts_boxes_add(ts_clock *clock, ts_box *box) {
    ts_plane *plane = &clock->planes[box->place.plane];
    box->level = (uint8_t)level_of(box->place.hi - box->place.lo);
    if (++clock->box_count >> clock->bucket_bits) grow_buckets(clock);
    link_bucket(clock, box);
    ts_box **head = &plane->level[box->level];
    box->level_next = *head;
    if (box->level_next) box->level_next->level_link = &box->level_next;
    box->level_link = head;
    *head = box;
    plane->levels |= 1u << box->level;
    plane->level_count[box->level]++;
    plane->count++;
}

void ts_boxes_remove(ts_clock *clock, const ts_box *box) {
    ts_plane *plane = &clock->planes[box->place.plane];
    unlink_bucket(box);
    *box->level_link = box->level_next;
    if (box->level_next) box->level_next->level_link = box->level_link;
    if (--plane->level_count[box->level] == 0) plane->levels &= ~(1u << box->level);
    plane->count--;
    clock->box_count--;
}

static bool in_reach(const ts_place *place, const ts_place *query) {
    return place->lo < query->hi && place->hi > query->lo && place->part < query->part + query->parts &&
           place->part + place->parts > query->part;
}

static void find_in_cell(ts_clock *clock, const ts_place *query, uint32_t index, int level, int64_t cell) {
    ts_box *box = clock->buckets[bucket_of(clock, index, level, cell)];
    for (; box; box = box->next)
        if (in_reach(&box->place, query) && box->level == level && box->place.plane == index &&
            cell_of(box) == cell)
            ts_vec_push(&clock->found, &clock->arena, box);
}

void ts_boxes_find(ts_clock *clock, const ts_place *query, uint32_t index) {
    const ts_plane *plane = &clock->planes[index];
    clock->found.count = 0;
    for (uint32_t levels = plane->levels; levels; levels &= levels - 1) {
        int level = __builtin_ctz(levels);
        int64_t first = (query->lo >> level_shift(level)) - 1;
        int64_t last = (query->hi - 1) >> level_shift(level);
        if (2 * (last - first + 1) >= plane->level_count[level]) {
            for (ts_box *box = plane->level[level]; box; box = box->level_next)
                if (in_reach(&box->place, query)) ts_vec_push(&clock->found, &clock->arena, box);
            continue;
        }
        for (int64_t cell = first; cell <= last; cell++)
            find_in_cell(clock, query, index, level, cell);
    }
}

ts_box *ts_boxes_near(const ts_clock *clock, const ts_place *query) {
    int level = level_of(query->hi - query->lo);
    return clock->buckets[bucket_of(clock, query->plane, level, query->lo >> level_shift(level))];
}

void ts_boxes_all(ts_clock *clock, uint32_t index) {
    const ts_plane *plane = &clock->planes[index];
    clock->found.count = 0;
    for (uint32_t levels = plane->levels; levels; levels &= levels - 1)
        for (ts_box *box = plane->level[__builtin_ctz(levels)]; box; box = box->level_next)
            ts_vec_push(&clock->found, &clock->arena, box);
}

void ts_boxes_move(ts_clock *clock, ts_box **boxes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        unlink_bucket(boxes[i]);
    while (count-- > 0)
        link_bucket(clock, boxes[count]);
}

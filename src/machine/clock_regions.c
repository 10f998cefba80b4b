/* What an access waits for: the accesses that are still the latest to some bytes, found by where they lie.

   Boxes lie in a grid of nested cell sizes: each in the level whose cell is at least as long as the box,
   under the cell of its first byte. A query looks at the cells it touches and one before, in every level that
   is used. */
#include <stdlib.h>
#include <string.h>

#include "machine/clock_core.h"

enum { FIRST_SHIFT = 10, LEVEL_SHIFT = 3, FIRST_BUCKET_BITS = 12 };

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
    return box->lo >> level_shift(box->level);
}

static uint32_t bucket_of(const ts_clock *clock, uint32_t plane, int level, int64_t cell) {
    uint64_t key = (uint64_t)cell * 32 + (uint64_t)level + ((uint64_t)plane << 44);
    return (uint32_t)((key * 0x9E3779B97F4A7C15u) >> (64 - clock->bucket_bits));
}

static void link_bucket(ts_clock *clock, ts_box *box) {
    ts_box **head = &clock->buckets[bucket_of(clock, box->plane, box->level, cell_of(box))];
    box->next = *head;
    if (box->next) box->next->link = &box->next;
    box->link = head;
    *head = box;
}

static void grow_buckets(ts_clock *clock) {
    clock->bucket_bits = clock->bucket_bits ? clock->bucket_bits + 2 : FIRST_BUCKET_BITS;
    clock->buckets = TS_NEW_ARRAY(&clock->arena, ts_box *, (size_t)1 << clock->bucket_bits);
    for (uint32_t plane = 0; plane < 2 * clock->storage_count; plane++)
        for (int level = 0; level < TS_BOX_LEVELS; level++)
            for (ts_box *box = clock->planes[plane].level[level]; box; box = box->level_next)
                link_bucket(clock, box);
}

static void box_insert(ts_clock *clock, ts_box *box) {
    ts_plane *plane = &clock->planes[box->plane];
    box->level = (uint8_t)level_of(box->hi - box->lo);
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

void ts_regions_move(ts_clock *clock, ts_box **boxes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        *boxes[i]->link = boxes[i]->next;
        if (boxes[i]->next) boxes[i]->next->link = boxes[i]->link;
    }
    while (count-- > 0)
        link_bucket(clock, boxes[count]);
}

static void box_remove(ts_clock *clock, ts_box *box) {
    ts_plane *plane = &clock->planes[box->plane];
    *box->link = box->next;
    if (box->next) box->next->link = box->link;
    *box->level_link = box->level_next;
    if (box->level_next) box->level_next->level_link = box->level_link;
    if (--plane->level_count[box->level] == 0) plane->levels &= ~(1u << box->level);
    plane->count--;
    clock->box_count--;
    ts_event_drop(clock, box->event);
    ts_slab_give(&clock->boxes, box);
}

static bool in_reach(const ts_box *box, const ts_box *query) {
    return box->lo < query->hi && box->hi > query->lo && box->part < query->part + query->parts &&
           box->part + box->parts > query->part;
}

static void find_in_cell(ts_clock *clock, uint32_t index, int level, int64_t cell, const ts_box *query) {
    ts_box *box = clock->buckets[bucket_of(clock, index, level, cell)];
    for (; box; box = box->next)
        if (in_reach(box, query) && box->level == level && box->plane == index && cell_of(box) == cell)
            ts_vec_push(&clock->found, &clock->arena, box);
}

/* Fills clock->found with the boxes of a plane whose bounds meet those of the query. */
static void find(ts_clock *clock, uint32_t index, const ts_box *query) {
    const ts_plane *plane = &clock->planes[index];
    clock->found.count = 0;
    for (uint32_t levels = plane->levels; levels; levels &= levels - 1) {
        int level = __builtin_ctz(levels);
        int64_t first = (query->lo >> level_shift(level)) - 1;
        int64_t last = (query->hi - 1) >> level_shift(level);
        if (last - first >= plane->level_count[level]) {
            for (ts_box *box = plane->level[level]; box; box = box->level_next)
                if (in_reach(box, query)) ts_vec_push(&clock->found, &clock->arena, box);
            continue;
        }
        for (int64_t cell = first; cell <= last; cell++)
            find_in_cell(clock, index, level, cell, query);
    }
}

static bool is_dense(const ts_box *box) {
    return box->shape && box->shape->is_dense;
}

static bool covers(const ts_box *a, const ts_box *b) {
    return a->lo <= b->lo && a->hi >= b->hi && a->part <= b->part &&
           a->part + a->parts >= b->part + b->parts && is_dense(a);
}

static bool is_same_place(const ts_box *a, const ts_box *b) {
    return a->lo == b->lo && a->hi == b->hi && a->part == b->part && a->parts == b->parts &&
           a->shape == b->shape && a->shape;
}

/* Two rectangles of one pitch meet where both their rows and their columns do. *is_known false: a row of one
   wraps into the next row's columns of the other, so columns say nothing. */
static bool rectangles_meet(const ts_box *a, const ts_box *b, bool *is_known) {
    int64_t pitch = a->shape->pitch, first_a = a->lo % pitch, first_b = b->lo % pitch;
    int64_t end_a = first_a + a->shape->width, end_b = first_b + b->shape->width;
    *is_known = a->lo >= 0 && b->lo >= 0 && end_a <= pitch && end_b <= pitch;
    return first_a < end_b && first_b < end_a;
}

static ts_ref ref_of(const ts_box *box) {
    ts_ref ref = box->shape->ref;
    ref.offset = box->lo - box->shape->lo;
    ref.part = box->part;
    ref.parts = box->parts;
    return ref;
}

/* The conflict of two boxes whose bounds meet. */
static bool conflicts(ts_clock *clock, const ts_box *a, const ts_box *b) {
    bool is_exact = false;
    if (a->shape && b->shape) {
        if (a->shape->is_dense && b->shape->is_dense) return true;
        if (a->shape->pitch && a->shape->pitch == b->shape->pitch) {
            bool is_known = false, meet = rectangles_meet(a, b, &is_known);
            if (is_known) return meet;
        }
        ts_ref ref_a = ref_of(a), ref_b = ref_of(b);
        if (!ts_ref_overlap(&ref_a, &ref_b, &is_exact)) return false;
    }
    if (!is_exact) clock->record->conservative_waits++;
    return true;
}

/* Whether the dependence could delay `event` at all, given what is known. */
static bool can_delay(const ts_clock *clock, const ts_event *event, const ts_event *earlier, bool is_same) {
    if (!earlier->is_done) return true;
    const ts_times *times = is_same ? &earlier->same : &earlier->ready;
    for (int k = 0; k < clock->sets; k++)
        if (times->at[k] >= event->earliest.at[k] &&
            times->at[k] > clock->engine_free[event->step->engine].at[k])
            return true;
    return false;
}

/* What `event` waits for in an earlier one of its own engine: in order, only for a result. */
static void depend_same(ts_clock *clock, ts_event *event, const ts_box *query, const ts_box *box,
                        bool is_result) {
    bool is_time = is_result && event->step->engine != ts_engine_tensor;
    if (!is_time && (clock->window == 1 || box->event->is_done)) return;
    if (is_time && !can_delay(clock, event, box->event, true)) return;
    if (conflicts(clock, query, box))
        ts_event_depend(clock, event, box->event, is_time ? ts_wait_same : ts_wait_issue);
}

/* A DMA's data is touched outside its engine's order. In program order, an engine that waited once for
 * `ready` has it behind it. */
static void depend(ts_clock *clock, ts_event *event, const ts_box *query, ts_box *box, bool is_result) {
    uint8_t engine = (uint8_t)(1u << query->engine);
    if (query->engine == box->engine && !event->step->is_dma) {
        depend_same(clock, event, query, box, is_result);
        return;
    }
    if ((box->behind[0] | (is_result ? 0 : box->behind[1])) & engine) return;
    ts_event *earlier = box->event;
    if (clock->window == 1) {
        box->behind[0] |= earlier->awaited[0];
        box->behind[1] |= earlier->awaited[1];
        if ((box->behind[0] | (is_result ? 0 : box->behind[1])) & engine) return;
    }
    if (!can_delay(clock, event, earlier, false)) return;
    if (!conflicts(clock, query, box)) return;
    earlier->awaited[!is_result] |= engine;
    ts_event_depend(clock, event, earlier, is_result ? ts_wait_ready : ts_wait_reuse);
}

/* A box in the place of an earlier one, whose times it stands for from now on. */
static void take_over(ts_clock *clock, ts_box *box, ts_event *event, const ts_box *query, uint8_t engine) {
    ts_event_drop(clock, box->event);
    box->event = event;
    box->access = query->access;
    box->engine = engine;
    box->behind[0] = box->behind[1] = 0;
    box->covered = 0;
    event->refs++;
}

/* Of `count` equal parts of [0, length), a bit for each that lies within [from, to). */
static uint64_t parts_within(int64_t from, int64_t to, int64_t length, int count) {
    int64_t size = length / count;
    int64_t first = from <= 0 ? 0 : (from + size - 1) / size, last = to >= length ? count : to / size;
    return last > first ? (((uint64_t)1 << (last - first)) - 1) << first : 0;
}

/* Notes which of the box's parts the write covers: 4 by partitions, 16 by bytes. Whether all of them are by
 * now. */
static bool covers_last(const ts_box *query, ts_box *box) {
    enum { ROWS = 4, COLUMNS = 16 };
    int64_t length = box->hi - box->lo, top = query->part - box->part, left = query->lo - box->lo;
    if (!is_dense(query) || box->parts % ROWS || length % COLUMNS) return false;
    uint64_t columns = parts_within(left, left + query->hi - query->lo, length, COLUMNS);
    uint64_t rows = parts_within(top, top + query->parts, box->parts, ROWS);
    for (; columns && rows; rows &= rows - 1)
        box->covered |= columns << __builtin_ctzll(rows) * COLUMNS;
    return box->covered == UINT64_MAX;
}

/* Nothing that is still to come can be delayed by what was over before every engine's latest instruction. */
static bool is_past(const ts_clock *clock, const ts_box *box) {
    if (!box->event->is_done) return false;
    for (int k = 0; k < clock->sets; k++)
        if (box->event->ready.at[k] > clock->all_free.at[k] || box->event->same.at[k] > clock->all_free.at[k])
            return false;
    return true;
}

/* Whoever touches these bytes later waits for this write, which waited for what it covers. Returns whether an
   earlier write's box took this one over. */
static bool query_write(ts_clock *clock, ts_event *event, const ts_box *query, uint8_t engine) {
    ts_box *own = NULL;
    for (uint32_t plane = query->plane & ~1u; plane <= query->plane; plane++) {
        find(clock, plane, query);
        for (uint32_t i = 0; i < clock->found.count; i++) {
            ts_box *box = clock->found.data[i];
            if (box->event != event) depend(clock, event, query, box, false);
            bool is_same = is_same_place(query, box);
            if (is_same && plane == query->plane && !own)
                own = box;
            else if (is_same || covers(query, box) || is_past(clock, box) || covers_last(query, box))
                box_remove(clock, box);
        }
    }
    if (own) take_over(clock, own, event, query, engine);
    return own != NULL;
}

static int by_place(const void *a, const void *b) {
    const ts_box *x = *(ts_box *const *)a, *y = *(ts_box *const *)b;
    if (x->lo != y->lo) return x->lo < y->lo ? -1 : 1;
    return x->event->sequence < y->event->sequence ? -1 : x->event->sequence > y->event->sequence;
}

/* One event with the latest times of several that are done. */
static ts_event *merge_events(ts_clock *clock, ts_box **boxes, uint32_t count) {
    ts_event *merged = ts_slab_take(&clock->arena, &clock->events, sizeof *merged);
    *merged = (ts_event){0};
    const ts_event *last = boxes[0]->event;
    for (uint32_t i = 0; i < count; i++) {
        const ts_event *event = boxes[i]->event;
        if (event->ready.at[clock->asked] > last->ready.at[clock->asked]) last = event;
        for (int k = 0; k < clock->sets; k++)
            if (event->ready.at[k] > merged->ready.at[k]) merged->ready.at[k] = event->ready.at[k];
    }
    merged->same = merged->ready;
    merged->is_done = true;
    merged->refs = 1;
    merged->step = last->step;
    merged->sequence = last->sequence;
    merged->node = ts_node_hold(last->node);
    return merged;
}

/* One box for several; it keeps their shape when all have the same place. */
static void merge_boxes(ts_clock *clock, ts_box **boxes, uint32_t count) {
    ts_box *box = ts_slab_take(&clock->arena, &clock->boxes, sizeof *box);
    *box = *boxes[0];
    box->event = merge_events(clock, boxes, count);
    box->engine = ts_engine_none;
    box->behind[0] = box->behind[1] = 0;
    int64_t lo = box->lo, hi = box->hi;
    int32_t first = box->part, last = first + box->parts;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_same_place(boxes[0], boxes[i])) box->shape = NULL;
        if (boxes[i]->hi > hi) hi = boxes[i]->hi;
        if (boxes[i]->lo < lo) lo = boxes[i]->lo;
        if (boxes[i]->part < first) first = boxes[i]->part;
        if (boxes[i]->part + boxes[i]->parts > last) last = boxes[i]->part + boxes[i]->parts;
    }
    box->lo = lo;
    box->hi = hi;
    box->part = first;
    box->parts = last - first;
    for (uint32_t i = 0; i < count; i++)
        box_remove(clock, boxes[i]);
    box_insert(clock, box);
}

/* The group of the transfers that read this place; the box's event becomes one when it is the first. NULL
   when something waits for it already: what joined then could wait for that something. */
static ts_event *group_of(ts_clock *clock, ts_box *box) {
    if (box->event->is_group) return box->event->edges ? NULL : box->event;
    ts_event *group = ts_slab_take(&clock->arena, &clock->events, sizeof *group);
    *group = (ts_event){.step = box->event->step, .is_group = true, .is_done = true, .refs = 1};
    ts_event_join(clock, group, box->event);
    ts_event_drop(clock, box->event);
    box->event = group;
    return group;
}

/* A transfer inside one storage would wait for the group that it is in. */
static bool may_join(const ts_clock *clock, const ts_event *event, const ts_box *query) {
    const ts_code *code = &clock->code[event->inst];
    for (int i = 0; i < code->access_count; i++)
        if (code->accesses[i].is_write && code->accesses[i].storage == query->plane / 2) return false;
    return event->step->is_dma;
}

/* A read in the place of earlier ones. An engine ends its instructions in order, so its latest read stands
   for the one before; transfers end in any order and are waited for together. Returns whether an earlier
   read's box stands for this one, too. */
static bool join_reads(ts_clock *clock, ts_event *event, const ts_box *query) {
    int level = level_of(query->hi - query->lo);
    int64_t cell = query->lo >> level_shift(level);
    bool can_join = may_join(clock, event, query);
    ts_box *box = clock->buckets[bucket_of(clock, query->plane, level, cell)];
    for (; box; box = box->next) {
        if (!is_same_place(query, box) || box->plane != query->plane) continue;
        if (event->step->is_dma) {
            bool is_transfer = box->engine == ts_engine_none;
            ts_event *group = is_transfer && can_join ? group_of(clock, box) : NULL;
            if (!group) continue;
            ts_event_join(clock, group, event);
            box->behind[0] = box->behind[1] = 0;
            box->covered = 0;
            return true;
        }
        if (box->engine != query->engine || (clock->window > 1 && !box->event->is_done)) continue;
        take_over(clock, box, event, query, query->engine);
        return true;
    }
    return false;
}

static bool query_read(ts_clock *clock, ts_event *event, const ts_box *query) {
    find(clock, query->plane + 1, query);
    for (uint32_t i = 0; i < clock->found.count; i++) {
        depend(clock, event, query, clock->found.data[i], true);
        if (is_past(clock, clock->found.data[i])) box_remove(clock, clock->found.data[i]);
    }
    return join_reads(clock, event, query);
}

/* Bounds the memory of a run: neighbours whose times are known become one box that waits for the latest. */
static void compact(ts_clock *clock, uint32_t index) {
    enum { TOGETHER = 8 };
    ts_plane *plane = &clock->planes[index];
    ts_box **boxes = malloc(plane->count * sizeof *boxes);
    uint32_t count = 0;
    for (int level = 0; boxes && level < TS_BOX_LEVELS; level++)
        for (ts_box *box = plane->level[level]; box; box = box->level_next)
            if (box->event->is_done) boxes[count++] = box;
    if (count) qsort(boxes, count, sizeof *boxes, by_place);
    for (uint32_t at = 0; at < count;) {
        uint32_t end = at + 1;
        while (end < count && end - at < TOGETHER)
            end++;
        if (end - at > 1) merge_boxes(clock, boxes + at, end - at);
        at = end;
    }
    free(boxes);
    plane->limit = plane->count < TS_CLOCK_BOXES / 2 ? TS_CLOCK_BOXES : plane->count * 2;
}

void ts_regions_tick(ts_clock *clock) {
    for (int k = 0; k < clock->sets; k++) {
        ts_time least = INT64_MAX;
        for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++)
            if (clock->is_used[engine] && clock->engine_free[engine].at[k] < least)
                least = clock->engine_free[engine].at[k];
        clock->all_free.at[k] = least;
    }
}

void ts_regions_access(ts_clock *clock, ts_event *event, const ts_access *access, bool is_write) {
    if (!clock->is_tracked[access->storage]) return;
    int64_t offset = access->ref.offset + access->shift;
    ts_box query = {.lo = offset + access->lo,
                    .hi = offset + access->hi,
                    .part = access->ref.part,
                    .parts = access->ref.parts,
                    .plane = access->storage * 2 + (is_write ? 1 : 0),
                    .engine = event->step->engine,
                    .shape = access->shape,
                    .access = access};
    uint8_t engine = event->step->is_dma ? ts_engine_none : event->step->engine;
    if (is_write ? query_write(clock, event, &query, engine) : query_read(clock, event, &query)) return;
    ts_box *box = ts_slab_take(&clock->arena, &clock->boxes, sizeof *box);
    *box = query;
    box->event = event;
    box->engine = engine;
    event->refs++;
    box_insert(clock, box);
    const ts_plane *plane = &clock->planes[box->plane];
    if (plane->count > plane->limit) compact(clock, box->plane);
}

void ts_regions_init(ts_clock *clock) {
    clock->planes = TS_NEW_ARRAY(&clock->arena, ts_plane, (size_t)clock->storage_count * 2);
    for (uint32_t plane = 0; plane < 2 * clock->storage_count; plane++)
        clock->planes[plane].limit = TS_CLOCK_BOXES;
    grow_buckets(clock);
}

const ts_shape *ts_shape_get(ts_clock *clock, const ts_shape *shape) {
    const ts_ref *ref = &shape->ref;
    uint64_t hash = (uint64_t)ref->space << 8 | ref->dtype;
    for (int i = 0; i < ref->dims; i++)
        hash = (hash ^ (uint64_t)ref->step[i] ^ (uint64_t)ref->count[i] << 32) * 0x9E3779B97F4A7C15u;
    ts_shape **head = &clock->shapes[hash >> 32 & (TS_CLOCK_SHAPES - 1)];
    for (const ts_shape *known = *head; known; known = known->next)
        if (memcmp(&known->ref, ref, sizeof *ref) == 0) return known;
    ts_shape *made = TS_NEW(&clock->arena, ts_shape);
    *made = *shape;
    made->next = *head;
    *head = made;
    return made;
}

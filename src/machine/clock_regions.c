/* What an access waits for: the accesses that are still the latest to some bytes, found by where they lie
   (clock_boxes.c). */
#include <stdlib.h>
#include <string.h>

#include "machine/clock_core.h"

static void drop_box(ts_clock *clock, ts_box *box) {
    ts_boxes_remove(clock, box);
    ts_event_drop(clock, box->event);
    ts_slab_give(&clock->boxes, box);
}

static bool is_dense(const ts_place *place) {
    return place->shape && place->shape->is_dense;
}

static bool covers(const ts_place *a, const ts_place *b) {
    return a->lo <= b->lo && a->hi >= b->hi && a->part <= b->part &&
           a->part + a->parts >= b->part + b->parts && is_dense(a);
}

static bool is_same_place(const ts_place *a, const ts_place *b) {
    return a->lo == b->lo && a->hi == b->hi && a->part == b->part && a->parts == b->parts &&
           a->shape == b->shape && a->shape;
}

/* Two rectangles of one pitch meet where both their rows and their columns do. *is_known false: a row of one
   wraps into the next row's columns of the other, so columns say nothing. */
static bool rectangles_meet(const ts_place *a, const ts_place *b, bool *is_known) {
    int64_t pitch = a->shape->pitch, first_a = a->lo % pitch, first_b = b->lo % pitch;
    int64_t end_a = first_a + a->shape->width, end_b = first_b + b->shape->width;
    *is_known = a->lo >= 0 && b->lo >= 0 && end_a <= pitch && end_b <= pitch;
    return first_a < end_b && first_b < end_a;
}

static ts_ref ref_of(const ts_place *place) {
    ts_ref ref = place->shape->ref;
    ref.offset = place->lo - place->shape->lo;
    ref.part = place->part;
    ref.parts = place->parts;
    return ref;
}

/* The conflict of two boxes whose bounds meet. */
static bool conflicts(ts_clock *clock, const ts_place *a, const ts_place *b) {
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
    const ts_times *free = &clock->engine_free[event->step->engine];
    for (int k = 0; k < clock->sets; k++) {
        ts_time time = is_same ? earlier->of[k].same : earlier->of[k].ready;
        if (time >= event->of[k].earliest && time > free->at[k]) return true;
    }
    return false;
}

/* What `event` waits for in an earlier one of its own engine: in order, only for a result. */
static void depend_same(ts_clock *clock, ts_event *event, const ts_place *query, const ts_box *box,
                        bool is_result) {
    bool is_time = is_result && event->step->engine != ts_engine_tensor;
    if (!is_time && (clock->window == 1 || box->event->is_done)) return;
    if (is_time && !can_delay(clock, event, box->event, true)) return;
    if (conflicts(clock, query, &box->place))
        ts_event_depend(clock, event, box->event, is_time ? ts_wait_same : ts_wait_issue);
}

/* A DMA's data is touched outside its engine's order. In program order, an engine that waited once for
 * `ready` has it behind it. */
static void depend(ts_clock *clock, ts_event *event, const ts_place *query, ts_box *box, bool is_result) {
    uint8_t engine = (uint8_t)(1u << query->engine);
    if (query->engine == box->place.engine && !event->step->is_dma) {
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
    if (!conflicts(clock, query, &box->place)) return;
    earlier->awaited[!is_result] |= engine;
    ts_event_depend(clock, event, earlier, is_result ? ts_wait_ready : ts_wait_reuse);
}

/* A box in the place of an earlier one, whose times it stands for from now on. */
static void take_over(ts_clock *clock, ts_box *box, ts_event *event, const ts_place *query, uint8_t engine) {
    ts_event_drop(clock, box->event);
    box->event = event;
    box->place.access = query->access;
    box->place.engine = engine;
    box->behind[0] = box->behind[1] = 0;
    box->covered = 0;
    box->look = 0;
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
static bool covers_last(const ts_place *query, ts_box *box) {
    enum { ROWS = 4, COLUMNS = 16 };
    int64_t length = box->place.hi - box->place.lo, top = query->part - box->place.part,
            left = query->lo - box->place.lo;
    if (!is_dense(query) || box->place.parts % ROWS || length % COLUMNS) return false;
    uint64_t columns = parts_within(left, left + query->hi - query->lo, length, COLUMNS);
    uint64_t rows = parts_within(top, top + query->parts, box->place.parts, ROWS);
    for (; columns && rows; rows &= rows - 1)
        box->covered |= columns << __builtin_ctzll(rows) * COLUMNS;
    return box->covered == UINT64_MAX;
}

/* Brings up to date what no engine that may still touch the storage starts anything before. Engines that are
   far behind the others are looked at one by one. */
static void find_free(ts_clock *clock, ts_storage *storage) {
    enum { FAR = 10000000 }; /* 10 us */
    ts_time ahead = 0;
    storage->tick = clock->ticks;
    storage->lagging = 0;
    for (int k = 0; k < clock->sets; k++)
        storage->free.at[k] = INT64_MAX;
    for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++)
        if (storage->last[engine] > clock->since && clock->engine_free[engine].at[0] > ahead)
            ahead = clock->engine_free[engine].at[0];
    for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        const ts_times *free = &clock->engine_free[engine];
        if (storage->last[engine] <= clock->since) continue;
        if (free->at[0] < ahead - FAR) {
            storage->lagging |= 1u << engine;
            continue;
        }
        for (int k = 0; k < clock->sets; k++)
            if (free->at[k] < storage->free.at[k]) storage->free.at[k] = free->at[k];
    }
}

static bool was_over(const ts_clock *clock, const ts_event *event, const ts_times *free) {
    for (int k = 0; k < clock->sets; k++)
        if (event->of[k].ready > free->at[k] || event->of[k].same > free->at[k]) return false;
    return true;
}

/* Nothing that is still to come can be delayed by what was over before the latest instruction of every engine
   that may touch its place. What is not past is looked at again some ticks later. */
static bool is_past(ts_clock *clock, ts_box *box) {
    enum { SOON = 1, LATER = 8 };
    if (clock->ticks < box->look || !box->event->is_done) return false;
    ts_storage *storage = &clock->storages[box->place.plane / 2];
    if (storage->tick != clock->ticks) find_free(clock, storage);
    box->look = clock->ticks + SOON;
    if (!was_over(clock, box->event, &storage->free)) return false;
    for (uint32_t engines = storage->lagging; engines; engines &= engines - 1) {
        uint8_t engine = (uint8_t)__builtin_ctz(engines);
        if (was_over(clock, box->event, &clock->engine_free[engine])) continue;
        ts_reach_find(clock);
        if (!ts_reach_may_touch(clock, engine, &box->place)) continue;
        box->look = clock->ticks + LATER;
        return false;
    }
    return true;
}

/* With sync=explicit an engine waits by itself for its own results alone, whatever others do there. */
static bool is_apart(const ts_clock *clock, const ts_place *query, const ts_box *box) {
    return clock->is_explicit && query->engine != box->place.engine;
}

/* Whoever touches these bytes later waits for this write, which waited for what it covers. Returns whether an
   earlier write's box took this one over. */
static bool query_write(ts_clock *clock, ts_event *event, const ts_place *query, uint8_t engine) {
    ts_box *own = NULL;
    for (uint32_t plane = query->plane & ~1u; plane <= query->plane; plane++) {
        ts_boxes_find(clock, query, plane);
        for (uint32_t i = 0; i < clock->found.count; i++) {
            ts_box *box = clock->found.data[i];
            if (is_apart(clock, query, box)) continue;
            if (box->event != event) depend(clock, event, query, box, false);
            bool is_same = is_same_place(query, &box->place);
            if (is_same && plane == query->plane && !own)
                own = box;
            else if (is_same || covers(query, &box->place) || is_past(clock, box) || covers_last(query, box))
                drop_box(clock, box);
        }
    }
    if (own) take_over(clock, own, event, query, engine);
    return own != NULL;
}

static int by_place(const void *a, const void *b) {
    const ts_box *x = *(ts_box *const *)a, *y = *(ts_box *const *)b;
    if (x->place.lo != y->place.lo) return x->place.lo < y->place.lo ? -1 : 1;
    return x->event->sequence < y->event->sequence ? -1 : x->event->sequence > y->event->sequence;
}

/* One event with the latest times of several that are done. */
static ts_event *merge_events(ts_clock *clock, ts_box **boxes, uint32_t count) {
    const ts_event *last = boxes[0]->event;
    ts_event *merged = ts_event_new(clock, last->step);
    for (uint32_t i = 0; i < count; i++) {
        const ts_event *event = boxes[i]->event;
        if (event->of[clock->asked].ready > last->of[clock->asked].ready) last = event;
        for (int k = 0; k < clock->sets; k++)
            if (event->of[k].ready > merged->of[k].ready)
                merged->of[k].same = merged->of[k].ready = event->of[k].ready;
    }
    merged->is_done = true;
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
    box->place.engine = ts_engine_none;
    box->behind[0] = box->behind[1] = 0;
    box->look = 0;
    int64_t lo = box->place.lo, hi = box->place.hi;
    int32_t first = box->place.part, last = first + box->place.parts;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_same_place(&boxes[0]->place, &boxes[i]->place)) box->place.shape = NULL;
        if (boxes[i]->place.hi > hi) hi = boxes[i]->place.hi;
        if (boxes[i]->place.lo < lo) lo = boxes[i]->place.lo;
        if (boxes[i]->place.part < first) first = boxes[i]->place.part;
        if (boxes[i]->place.part + boxes[i]->place.parts > last)
            last = boxes[i]->place.part + boxes[i]->place.parts;
    }
    box->place.lo = lo;
    box->place.hi = hi;
    box->place.part = first;
    box->place.parts = last - first;
    for (uint32_t i = 0; i < count; i++)
        drop_box(clock, boxes[i]);
    ts_boxes_add(clock, box);
}

/* The group of the transfers that read this place; the box's event becomes one when it is the first. NULL
   when something waits for it already: what joined then could wait for that something. */
static ts_event *group_of(ts_clock *clock, ts_box *box) {
    if (box->event->is_group) return box->event->edges ? NULL : box->event;
    ts_event *group = ts_event_new(clock, box->event->step);
    group->is_group = group->is_done = true;
    ts_event_join(clock, group, box->event);
    ts_event_drop(clock, box->event);
    box->event = group;
    return group;
}

/* A transfer inside one storage would wait for the group that it is in. */
static bool may_join(const ts_clock *clock, const ts_event *event, const ts_place *query) {
    const ts_code *code = &clock->code[event->inst];
    for (int i = 0; i < code->access_count; i++)
        if (code->accesses[i].is_write && code->accesses[i].storage == query->plane / 2) return false;
    return event->step->is_dma;
}

/* A read in the place of earlier ones. An engine ends its instructions in order, so its latest read stands
   for the one before; transfers end in any order and are waited for together. Returns whether an earlier
   read's box stands for this one, too. */
static bool join_reads(ts_clock *clock, ts_event *event, const ts_place *query) {
    bool can_join = may_join(clock, event, query);
    for (ts_box *box = ts_boxes_near(clock, query); box; box = box->next) {
        if (!is_same_place(query, &box->place) || box->place.plane != query->plane) continue;
        if (event->step->is_dma) {
            bool is_transfer = box->place.engine == ts_engine_none;
            ts_event *group = is_transfer && can_join ? group_of(clock, box) : NULL;
            if (!group) continue;
            ts_event_join(clock, group, event);
            box->behind[0] = box->behind[1] = 0;
            box->covered = 0;
            box->look = 0;
            return true;
        }
        if (box->place.engine != query->engine || (clock->window > 1 && !box->event->is_done)) continue;
        take_over(clock, box, event, query, query->engine);
        return true;
    }
    return false;
}

static bool query_read(ts_clock *clock, ts_event *event, const ts_place *query) {
    ts_boxes_find(clock, query, query->plane + 1);
    for (uint32_t i = 0; i < clock->found.count; i++) {
        if (is_apart(clock, query, clock->found.data[i])) continue;
        depend(clock, event, query, clock->found.data[i], true);
        if (is_past(clock, clock->found.data[i])) drop_box(clock, clock->found.data[i]);
    }
    return join_reads(clock, event, query);
}

/* Bounds the memory of a run: neighbours whose times are known become one box that waits for the latest. */
static void compact(ts_clock *clock, uint32_t index) {
    enum { TOGETHER = 8 };
    ts_plane *plane = &clock->planes[index];
    ts_arena scratch = {0};
    ts_box **boxes = TS_NEW_ARRAY(&scratch, ts_box *, plane->count);
    uint32_t count = 0;
    ts_boxes_all(clock, index);
    for (uint32_t i = 0; i < clock->found.count; i++)
        if (clock->found.data[i]->event->is_done) boxes[count++] = clock->found.data[i];
    if (count) qsort(boxes, count, sizeof *boxes, by_place);
    for (uint32_t at = 0; at < count;) {
        uint32_t end = at + 1;
        while (end < count && end - at < TOGETHER)
            end++;
        if (end - at > 1) merge_boxes(clock, boxes + at, end - at);
        at = end;
    }
    ts_arena_free(&scratch);
    plane->limit = plane->count < TS_CLOCK_BOXES / 2 ? TS_CLOCK_BOXES : plane->count * 2;
}

/* Forgets the boxes that cannot delay anything any more. */
static void thin_out(ts_clock *clock, uint32_t index) {
    enum { FEW = 32 };
    ts_plane *plane = &clock->planes[index];
    ts_boxes_all(clock, index);
    for (uint32_t i = 0; i < clock->found.count; i++)
        if (is_past(clock, clock->found.data[i])) drop_box(clock, clock->found.data[i]);
    plane->crowd = 2 * plane->count + FEW;
}

void ts_regions_tick(ts_clock *clock) {
    clock->ticks++;
}

void ts_regions_access(ts_clock *clock, ts_event *event, const ts_access *access, bool is_write) {
    if (!clock->storages[access->storage].is_tracked || (clock->is_explicit && event->step->is_dma)) return;
    ts_place query = {.lo = access->offset + access->lo,
                      .hi = access->offset + access->hi,
                      .part = access->part,
                      .parts = access->parts,
                      .plane = access->storage * 2 + (is_write ? 1 : 0),
                      .engine = event->step->engine,
                      .shape = access->shape,
                      .access = access};
    uint8_t engine = event->step->is_dma ? ts_engine_none : event->step->engine;
    if (is_write ? query_write(clock, event, &query, engine) : query_read(clock, event, &query)) return;
    ts_box *box = ts_slab_take(&clock->arena, &clock->boxes, sizeof *box);
    *box = (ts_box){.place = query, .event = event};
    box->place.engine = engine;
    event->refs++;
    ts_boxes_add(clock, box);
    const ts_plane *plane = &clock->planes[query.plane];
    if (plane->count > plane->crowd) thin_out(clock, query.plane);
    if (plane->count > plane->limit && !clock->is_explicit) compact(clock, query.plane);
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

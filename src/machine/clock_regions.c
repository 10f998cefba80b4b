/* What an access waits for: the accesses that are still the latest to some bytes, found through the spot
   where it lies (clock_spots.c). */
#include <stdlib.h>
#include <string.h>

#include "machine/clock_core.h"

static void add_box(ts_clock *clock, ts_box *box, ts_spot *spot) {
    box->spot = spot;
    box->next = spot->boxes[box->is_write];
    spot->boxes[box->is_write] = box;
    clock->storages[spot->place.storage].boxes[box->is_write]++;
}

/* Takes out the box that *at points to. */
static ts_box *remove_box(ts_clock *clock, ts_box **at) {
    ts_box *box = *at;
    *at = box->next;
    clock->storages[box->spot->place.storage].boxes[box->is_write]--;
    return box;
}

static void drop_box_at(ts_clock *clock, ts_box **at) {
    ts_box *box = remove_box(clock, at);
    ts_event_drop(clock, box->event);
    ts_slab_give(&clock->boxes, box);
}

static ts_box **find_box(const ts_box *box) {
    ts_box **at = &box->spot->boxes[box->is_write];
    while (*at != box)
        at = &(*at)->next;
    return at;
}

void ts_box_move(ts_clock *clock, ts_box *box, const ts_place *place) {
    remove_box(clock, find_box(box));
    ts_spot *spot = ts_spot_at(clock, place);
    if (box->is_write) ts_spot_write(clock, spot);
    add_box(clock, box, spot);
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

static ts_meet find_meet(const ts_place *a, const ts_place *b) {
    bool is_exact = false;
    if (!a->shape || !b->shape) return ts_meet_perhaps;
    if (a->shape->is_dense && b->shape->is_dense) return ts_meet_yes;
    if (a->shape->pitch && a->shape->pitch == b->shape->pitch) {
        bool is_known = false, meet = rectangles_meet(a, b, &is_known);
        if (is_known) return meet ? ts_meet_yes : ts_meet_no;
    }
    ts_ref ref_a = ref_of(a), ref_b = ref_of(b);
    if (!ts_ref_overlap(&ref_a, &ref_b, &is_exact)) return ts_meet_no;
    return is_exact ? ts_meet_yes : ts_meet_perhaps;
}

static bool conflicts(ts_clock *clock, const ts_spot *spot, ts_link *link) {
    if (link->meet == ts_meet_unknown) link->meet = (uint8_t)find_meet(&spot->place, &link->spot->place);
    if (link->meet == ts_meet_perhaps) clock->record->conservative_waits++;
    return link->meet != ts_meet_no;
}

/* Whether the dependence could delay `event` at all, given what is known. *is_over: nor any that its engine
   issues later. */
static bool can_delay(const ts_clock *clock, const ts_event *event, const ts_event *earlier, bool is_same,
                      bool *is_over) {
    *is_over = false;
    if (!earlier->is_done) return true;
    const ts_times *free = &clock->engine_free[event->step->engine];
    bool is_ahead = false;
    for (int k = 0; k < clock->sets; k++) {
        ts_time time = is_same ? earlier->of[k].same : earlier->of[k].ready;
        if (time <= free->at[k]) continue;
        if (time >= event->of[k].earliest) return true;
        is_ahead = true;
    }
    *is_over = !is_ahead;
    return false;
}

enum { NOBODY = UINT8_MAX };

/* An access that looks for what it waits for. */
typedef struct query {
    ts_event *event;
    ts_spot *spot;
    uint8_t engine; /* that waits: of a transfer, the one that triggers it */
    uint8_t bit;    /* of that engine */
    bool is_write;
    uint8_t ignored; /* boxes of this engine need no look: it is the same, and in order; none = no such */
} query;

/* What the event waits for in an earlier one of its own engine: in order, only for a result. */
static void depend_same(ts_clock *clock, const query *q, ts_link *link, const ts_box *box) {
    bool is_time = !q->is_write && q->engine != ts_engine_tensor, is_over;
    if (!is_time && box->event->is_done) return;
    if (is_time && !can_delay(clock, q->event, box->event, true, &is_over)) return;
    if (conflicts(clock, q->spot, link))
        ts_event_depend(clock, q->event, box->event, is_time ? ts_wait_same : ts_wait_issue);
}

/* A DMA's data is touched outside its engine's order. In program order, an engine that waited once for
   `ready` has it behind it. Returns whether the box may be past. */
static bool depend(ts_clock *clock, const query *q, ts_link *link, ts_box *box) {
    uint8_t bit = q->bit;
    bool is_own = q->engine == box->engine, is_over;
    if (is_own && !q->event->step->is_dma) {
        depend_same(clock, q, link, box);
        return false;
    }
    ts_event *earlier = box->event;
    if (clock->window == 1 && (earlier->awaited[0] | (q->is_write ? earlier->awaited[1] : 0)) & bit) {
        box->quiet[0] |= bit;
        box->quiet[1] |= earlier->awaited[0] & bit;
        return false;
    }
    if (!can_delay(clock, q->event, earlier, false, &is_over)) {
        if (!is_over) return false;
        box->quiet[0] |= bit;
        box->quiet[1] |= bit;
        return true;
    }
    if (!conflicts(clock, q->spot, link)) return false;
    earlier->awaited[q->is_write] |= bit;
    ts_event_depend(clock, q->event, earlier, q->is_write ? ts_wait_reuse : ts_wait_ready);
    return false;
}

static bool is_quiet(const query *q, const ts_box *box) {
    return box->quiet[!q->is_write] & q->bit || box->engine == q->ignored;
}

/* The box stands for another access from now on. */
static void renew(ts_box *box) {
    box->covered = 0;
    box->look = 0;
    box->quiet[0] = box->quiet[1] = 0;
}

/* A box in the place of an earlier one, whose times it stands for from now on. */
static void take_over(ts_clock *clock, ts_box *box, ts_event *event, const ts_access *access,
                      uint8_t engine) {
    ts_event_drop(clock, box->event);
    box->event = event;
    box->access = access;
    box->engine = engine;
    renew(box);
    event->refs++;
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
    ts_storage *storage = &clock->storages[box->spot->place.storage];
    if (storage->tick != clock->ticks) find_free(clock, storage);
    box->look = clock->ticks + SOON;
    if (!was_over(clock, box->event, &storage->free)) return false;
    for (uint32_t engines = storage->lagging; engines; engines &= engines - 1) {
        uint8_t engine = (uint8_t)__builtin_ctz(engines);
        if (was_over(clock, box->event, &clock->engine_free[engine])) continue;
        ts_reach_find(clock);
        if (!ts_reach_may_touch(clock, engine, &box->spot->place)) continue;
        box->look = clock->ticks + LATER;
        return false;
    }
    return true;
}

/* With sync=explicit an engine waits by itself for its own results alone, whatever others do there. */
static bool is_apart(const ts_clock *clock, const query *q, const ts_box *box) {
    return clock->is_explicit && q->engine != box->engine;
}

/* Whoever touches these bytes later waits for this write, which waited for what it covers. Returns whether an
   earlier write's box took this one over. */
static bool query_write(ts_clock *clock, const query *q, const ts_access *access, uint8_t engine) {
    ts_box *own = NULL;
    for (uint32_t i = 0; i < q->spot->link_count; i++) {
        ts_link *link = &q->spot->links[i];
        if (!link->is_measured) ts_link_measure(q->spot, link);
        bool is_same = link->spot == q->spot, is_gone = is_same || link->is_inside;
        for (int kind = 0; kind < 2; kind++)
            for (ts_box **at = &link->spot->boxes[kind], *box; (box = *at);) {
                if (is_apart(clock, q, box)) {
                    at = &box->next;
                    continue;
                }
                bool may_be_past = !is_quiet(q, box) && box->event != q->event && depend(clock, q, link, box);
                if (is_same && kind && !own) {
                    own = box;
                    at = &box->next;
                } else if (is_gone || (may_be_past && is_past(clock, box)) ||
                           (box->covered |= link->covered) == UINT64_MAX) {
                    drop_box_at(clock, at);
                } else {
                    at = &box->next;
                }
            }
    }
    if (own) take_over(clock, own, q->event, access, engine);
    return own != NULL;
}

static int by_place(const void *a, const void *b) {
    const ts_box *x = *(ts_box *const *)a, *y = *(ts_box *const *)b;
    if (x->spot->place.lo != y->spot->place.lo) return x->spot->place.lo < y->spot->place.lo ? -1 : 1;
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

/* One box for several; it keeps their spot when all have the same. */
static void merge_boxes(ts_clock *clock, ts_box **boxes, uint32_t count) {
    ts_box *box = ts_slab_take(&clock->arena, &clock->boxes, sizeof *box);
    *box = *boxes[0];
    box->event = merge_events(clock, boxes, count);
    box->engine = ts_engine_none;
    box->look = 0;
    box->quiet[0] = box->quiet[1] = 0;
    ts_place all = box->spot->place;
    int32_t last = all.part + all.parts;
    bool is_one = true;
    for (uint32_t i = 0; i < count; i++) {
        const ts_place *place = &boxes[i]->spot->place;
        is_one &= boxes[i]->spot == box->spot;
        if (place->hi > all.hi) all.hi = place->hi;
        if (place->lo < all.lo) all.lo = place->lo;
        if (place->part < all.part) all.part = place->part;
        if (place->part + place->parts > last) last = place->part + place->parts;
    }
    all.parts = last - all.part;
    all.shape = NULL;
    ts_spot *spot = box->spot;
    for (uint32_t i = 0; i < count; i++)
        drop_box_at(clock, find_box(boxes[i]));
    if (!is_one) spot = ts_spot_new(clock, &all);
    if (box->is_write) ts_spot_write(clock, spot);
    add_box(clock, box, spot);
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
static bool may_join(const ts_clock *clock, const query *q) {
    const ts_code *code = &clock->code[q->event->inst];
    for (int i = 0; i < code->access_count; i++)
        if (code->accesses[i].is_write && code->accesses[i].storage == q->spot->place.storage) return false;
    return q->event->step->is_dma;
}

/* A read in the place of earlier ones. An engine ends its instructions in order, so its latest read stands
   for the one before; transfers end in any order and are waited for together. Returns whether an earlier
   read's box stands for this one, too. */
static bool join_reads(ts_clock *clock, const query *q, const ts_access *access) {
    for (ts_box *box = q->spot->boxes[0]; box; box = box->next) {
        if (q->event->step->is_dma) {
            bool can_join = box->engine == ts_engine_none && may_join(clock, q);
            ts_event *group = can_join ? group_of(clock, box) : NULL;
            if (!group) continue;
            ts_event_join(clock, group, q->event);
            renew(box);
            return true;
        }
        if (box->engine != q->engine || (clock->window > 1 && !box->event->is_done)) continue;
        take_over(clock, box, q->event, access, q->engine);
        return true;
    }
    return false;
}

static bool query_read(ts_clock *clock, const query *q, const ts_access *access) {
    for (uint32_t i = 0; i < q->spot->link_count; i++) {
        ts_link *link = &q->spot->links[i];
        for (ts_box **at = &link->spot->boxes[1], *box; (box = *at);) {
            if (!is_apart(clock, q, box) && !is_quiet(q, box) && depend(clock, q, link, box) &&
                is_past(clock, box))
                drop_box_at(clock, at);
            else
                at = &box->next;
        }
    }
    return join_reads(clock, q, access);
}

/* Bounds the memory of a run: neighbours whose times are known become one box that waits for the latest. */
static void compact(ts_clock *clock, uint32_t index, bool is_write) {
    enum { TOGETHER = 8 };
    ts_storage *storage = &clock->storages[index];
    ts_arena scratch = {0};
    ts_box **boxes = TS_NEW_ARRAY(&scratch, ts_box *, storage->boxes[is_write]);
    uint32_t count = 0;
    ts_spots_find_boxes(clock, index, is_write);
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
    uint32_t left = storage->boxes[is_write];
    storage->limit[is_write] = left < TS_CLOCK_BOXES / 2 ? TS_CLOCK_BOXES : left * 2;
}

/* Forgets the boxes that cannot delay anything any more. */
static void thin_out(ts_clock *clock, uint32_t index, bool is_write) {
    enum { FEW = 32 };
    ts_spots_find_boxes(clock, index, is_write);
    for (uint32_t i = 0; i < clock->found.count; i++)
        if (is_past(clock, clock->found.data[i])) drop_box_at(clock, find_box(clock->found.data[i]));
    clock->storages[index].crowd[is_write] = 2 * clock->storages[index].boxes[is_write] + FEW;
}

void ts_regions_tick(ts_clock *clock) {
    clock->ticks++;
}

void ts_regions_sweep(ts_clock *clock) {
    ts_regions_tick(clock);
    for (uint32_t kind = 0; kind < 2 * clock->storage_count; kind++) {
        if (clock->storages[kind / 2].boxes[kind % 2] == 0) continue;
        ts_spots_find_boxes(clock, kind / 2, kind % 2);
        for (uint32_t i = 0; i < clock->found.count; i++)
            clock->found.data[i]->look = 0;
        thin_out(clock, kind / 2, kind % 2);
    }
}

/* Where the access lies now. */
static ts_spot *spot_of(ts_clock *clock, ts_access *access) {
    ts_place place = {.lo = access->offset + access->lo,
                      .hi = access->offset + access->hi,
                      .part = access->part,
                      .parts = access->parts,
                      .storage = access->storage,
                      .shape = access->shape};
    if (!access->spot || !ts_place_is_same(&access->spot->place, &place))
        access->spot = ts_spot_at(clock, &place);
    access->spot->tick = clock->ticks;
    return access->spot;
}

void ts_regions_access(ts_clock *clock, ts_event *event, ts_access *access, bool is_write) {
    if (!clock->storages[access->storage].is_tracked || (clock->is_explicit && event->step->is_dma)) return;
    bool is_dma = event->step->is_dma;
    uint8_t own = event->step->engine, engine = is_dma ? ts_engine_none : own;
    query q = {event, spot_of(clock, access), own, (uint8_t)(1u << own), is_write, NOBODY};
    if (!is_dma && clock->window == 1 && (is_write || own == ts_engine_tensor)) q.ignored = own;
    if (is_write) ts_spot_write(clock, q.spot);
    if (is_write ? query_write(clock, &q, access, engine) : query_read(clock, &q, access)) return;
    ts_box *box = ts_slab_take(&clock->arena, &clock->boxes, sizeof *box);
    *box = (ts_box){.event = event, .access = access, .engine = engine, .is_write = is_write};
    event->refs++;
    add_box(clock, box, q.spot);
    const ts_storage *storage = &clock->storages[access->storage];
    if (storage->boxes[is_write] > storage->crowd[is_write]) thin_out(clock, access->storage, is_write);
    if (storage->boxes[is_write] > storage->limit[is_write] && !clock->is_explicit)
        compact(clock, access->storage, is_write);
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

/* What an access waits for: the accesses that are still the latest to some bytes, found by the place where
   they lie (clock_boxes.c). */
#include <stdlib.h>
#include <string.h>

#include "machine/clock_core.h"

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
    ref.parts = place->end - place->part;
    return ref;
}

/* Whether two places whose bounds meet have bytes in common. */
typedef enum ts_meet { ts_meet_no, ts_meet_yes, ts_meet_perhaps } ts_meet;

/* Loops ask the same of the same shapes at the same distance. */
static ts_meet look_up_meet(ts_clock *clock, const ts_place *a, const ts_place *b) {
    uint64_t key =
        (uint64_t)(uintptr_t)a->shape ^ (uint64_t)(uintptr_t)b->shape << 20 ^ (uint64_t)(a->lo - b->lo);
    ts_pair *pair = &clock->pairs[(key * 0x9E3779B97F4A7C15u >> 32) & (TS_CLOCK_PAIRS - 1)];
    if (pair->a == a->shape && pair->b == b->shape && pair->distance == a->lo - b->lo)
        return (ts_meet)pair->meet;
    ts_ref ref_a = ref_of(a), ref_b = ref_of(b);
    bool is_exact = false, is_met = ts_ref_overlap(&ref_a, &ref_b, &is_exact);
    *pair = (ts_pair){a->shape, b->shape, a->lo - b->lo,
                      !is_met    ? ts_meet_no
                      : is_exact ? ts_meet_yes
                                 : ts_meet_perhaps};
    return (ts_meet)pair->meet;
}

static ts_meet find_meet(ts_clock *clock, const ts_place *a, const ts_place *b) {
    if (!a->shape || !b->shape) return ts_meet_perhaps;
    if (a->shape->is_dense && b->shape->is_dense) return ts_meet_yes;
    if (a->shape->pitch && a->shape->pitch == b->shape->pitch) {
        bool is_known = false, meet = rectangles_meet(a, b, &is_known);
        if (is_known) return meet ? ts_meet_yes : ts_meet_no;
    }
    return look_up_meet(clock, a, b);
}

static bool conflicts(ts_clock *clock, const ts_place *place, const ts_place *other) {
    ts_meet meet = find_meet(clock, place, other);
    if (meet == ts_meet_perhaps) clock->record->conservative_waits++;
    return meet != ts_meet_no;
}

/* Whether the dependence could delay `event` at all, given what is known. *is_over: nor any that its engine
   issues later. */
TS_INLINE bool can_delay_in(const ts_event *event, const ts_event *earlier, const ts_time *free, bool is_same,
                            bool *is_over, int sets) {
    bool is_ahead = false, can = false;
    for (int k = 0; k < sets; k++) {
        ts_time time = is_same ? earlier->of[k].same : earlier->of[k].ready;
        is_ahead |= time > free[k];
        can |= (time > free[k]) & (time >= event->of[k].earliest);
    }
    *is_over = !is_ahead;
    return can;
}

static bool can_delay(const ts_clock *clock, const ts_event *event, const ts_event *earlier, bool is_same,
                      bool *is_over) {
    *is_over = false;
    const ts_time *free = clock->engine_free[event->step->engine].at;
    return !earlier->is_done || TS_WITH_SETS(clock, can_delay_in, event, earlier, free, is_same, is_over);
}

/* An access that looks for what it waits for. */
typedef struct query {
    ts_event *event;
    ts_storage *storage;
    const ts_access *access;
    const ts_place *place;
    uint32_t first, last; /* cells */
    uint8_t engine;       /* that waits: of a transfer, the one that triggers it */
    uint8_t bit;          /* of that engine */
    uint8_t issuer;       /* the same; of a transfer none */
    bool is_write;
} query;

/* What the event waits for in an earlier one of its own engine: in order, only for a result. */
static void depend_same(ts_clock *clock, const query *q, const ts_box *box) {
    bool is_time = !q->is_write && q->engine != ts_engine_tensor, is_over;
    if (!is_time && box->event->is_done) return;
    if (is_time && !can_delay(clock, q->event, box->event, true, &is_over)) return;
    if (conflicts(clock, q->place, &box->place))
        ts_event_depend(clock, q->event, box->event, is_time ? ts_wait_same : ts_wait_issue);
}

static uint64_t *quiet_word(const ts_boxes *table, bool is_read, uint8_t engine, uint32_t row) {
    return &table->quiet[is_read][(size_t)engine * table->words + row];
}

/* The box delays no instruction of the engine any more that overwrites, and none that reads if `is_all`. */
static void hush(const query *q, ts_found found, bool is_all) {
    uint64_t bit = (uint64_t)1 << found.slot % 64;
    for (int is_read = 0; is_read <= is_all; is_read++) {
        found.box->quiet[is_read] |= q->bit;
        *quiet_word(&q->storage->table, is_read, q->engine, found.slot / 64) |= bit;
    }
}

/* A DMA's data is touched outside its engine's order. In program order, an engine that waited once for
   `ready` has it behind it. Returns whether the box may be past. */
static bool depend(ts_clock *clock, const query *q, ts_found found) {
    const ts_box *box = found.box;
    if (q->issuer != ts_engine_none && q->issuer == box->engine) {
        depend_same(clock, q, box);
        return false;
    }
    ts_event *earlier = box->event;
    uint8_t bit = q->bit;
    bool is_over;
    if (clock->window == 1 && (earlier->awaited[0] | (q->is_write ? earlier->awaited[1] : 0)) & bit) {
        hush(q, found, earlier->awaited[0] & bit);
        return false;
    }
    if (!can_delay(clock, q->event, earlier, false, &is_over)) {
        if (is_over) hush(q, found, true);
        return is_over;
    }
    if (!conflicts(clock, q->place, &box->place)) return false;
    earlier->awaited[q->is_write] |= bit;
    ts_event_depend(clock, q->event, earlier, q->is_write ? ts_wait_reuse : ts_wait_ready);
    return false;
}

/* The box stands for another access from now on, which `issuer` made. In program order an engine that writes
   has its own accesses behind it. */
static void renew(const ts_clock *clock, const ts_boxes *table, ts_found found, uint8_t issuer) {
    ts_box *box = found.box;
    uint32_t row = found.slot / 64;
    uint64_t bit = (uint64_t)1 << found.slot % 64;
    for (uint32_t engines = box->quiet[0] | 1u << box->engine; engines; engines &= engines - 1)
        for (int is_read = 0; is_read < 2; is_read++)
            *quiet_word(table, is_read, (uint8_t)__builtin_ctz(engines), row) &= ~bit;
    if (clock->window == 1 && issuer != ts_engine_none) *quiet_word(table, false, issuer, row) |= bit;
    box->engine = issuer;
    box->covered = 0;
    box->look = 0;
    box->quiet[0] = box->quiet[1] = 0;
}

/* A box for the query's access: a new one, or that of an earlier access, whose times it stands for. */
static void fill_box(const ts_clock *clock, const query *q, ts_found found) {
    renew(clock, &q->storage->table, found, q->issuer);
    found.box->event = q->event;
    found.box->access = q->access;
    q->event->refs++;
}

static void take_over(ts_clock *clock, const query *q, ts_found found) {
    ts_event_drop(clock, found.box->event);
    fill_box(clock, q, found);
}

static bool is_dense(const ts_place *place) {
    return place->shape && place->shape->is_dense;
}

static bool covers(const ts_place *a, const ts_place *b) {
    return a->lo <= b->lo && a->hi >= b->hi && a->part <= b->part && a->end >= b->end && is_dense(a);
}

/* Of 1 << shift equal parts of [0, size << shift), a bit for each that lies within [from, to). */
static uint64_t parts_within(int64_t from, int64_t to, int64_t size, int shift) {
    int64_t count = (int64_t)1 << shift;
    int64_t first = from <= 0 ? 0 : (from + size - 1) / size, last = to >= size << shift ? count : to / size;
    return last > first ? (((uint64_t)1 << (last - first)) - 1) << first : 0;
}

/* Which parts of `b` the place `a` covers: 4 by partitions, 16 by bytes. */
static uint64_t covered_parts(const ts_place *a, const ts_place *b) {
    enum { ROWS = 2, COLUMNS = 4 }; /* as powers of two */
    int64_t width = (b->hi - b->lo) >> COLUMNS, height = (b->end - b->part) >> ROWS;
    bool is_even = width << COLUMNS == b->hi - b->lo && height << ROWS == b->end - b->part;
    if (!is_even || a->hi - a->lo < width || a->end - a->part < height || !is_dense(a)) return 0;
    uint64_t columns = parts_within(a->lo - b->lo, a->hi - b->lo, width, COLUMNS), covered = 0;
    if (!columns) return 0;
    for (uint64_t rows = parts_within(a->part - b->part, a->end - b->part, height, ROWS); rows;
         rows &= rows - 1)
        covered |= columns << (__builtin_ctzll(rows) << COLUMNS);
    return covered;
}

/* The rows, modulo 64, that have boxes near the query's place. */
static uint64_t find_rows(const query *q) {
    const uint64_t *cell = q->storage->table.rows;
    if (!cell) return 1;
    uint64_t rows = cell[q->first];
    for (uint32_t at = q->first + 1; at <= q->last; at++)
        rows |= cell[at];
    return rows;
}

/* Of the boxes of a row that are wanted, those near it. */
static uint64_t find_near(const query *q, uint32_t row, uint64_t wanted) {
    const ts_boxes *table = &q->storage->table;
    if (!table->grid || !wanted) return wanted;
    const uint64_t *cell = table->grid + (size_t)q->first * table->words + row;
    uint64_t slots = *cell;
    for (uint32_t left = q->last - q->first; left; left--)
        slots |= *(cell += table->words);
    return slots & wanted;
}

/* With sync=explicit an engine waits by itself for its own results alone, whatever others do there. */
static bool is_apart(const ts_clock *clock, const query *q, const ts_box *box) {
    return clock->is_explicit && q->engine != box->engine;
}

/* Of the boxes of a row those that need no look at their times: its engine has them behind it. Of a transfer,
   which need not be in the order of its engine, they are found one by one. */
static uint64_t find_quiet(const query *q, uint32_t row) {
    return q->issuer == ts_engine_none ? 0 : *quiet_word(&q->storage->table, !q->is_write, q->engine, row);
}

/* The boxes of a row that reach into the cells beside it: it does not cover them. */
static uint64_t find_beyond(const query *q, uint32_t row) {
    const ts_boxes *table = &q->storage->table;
    uint64_t slots = 0;
    if (!table->grid) return 0;
    if (q->first > 0) slots |= table->grid[(size_t)(q->first - 1) * table->words + row];
    if (q->last + 1 < table->cells) slots |= table->grid[(size_t)(q->last + 1) * table->words + row];
    return slots;
}

/* Whether writes have covered it part by part. Whoever waits for the latest of them would wait for the box
   anyhow, but in a what-if in which they did not. */
static bool is_covered_by_now(const ts_clock *clock, const ts_place *place, ts_box *box) {
    if (!clock->has_what_ifs) return false;
    box->covered |= covered_parts(place, &box->place);
    return box->covered == UINT64_MAX;
}

/* Whoever touches these bytes later waits for this write, which waited for what it covers. Returns whether an
   earlier write's box took this one over. */
static bool query_write(ts_clock *clock, const query *q) {
    const ts_boxes *table = &q->storage->table;
    ts_found own = {0};
    for (uint64_t rows = find_rows(q); rows; rows &= rows - 1)
        for (uint32_t row = (uint32_t)__builtin_ctzll(rows); row < table->top; row += 64) {
            uint64_t slots = find_near(q, row, table->writes[row] | table->reads[row]);
            uint64_t loud = slots & ~find_quiet(q, row);
            if (!clock->has_what_ifs) slots = loud | (slots & ~find_beyond(q, row));
            for (; slots; slots &= slots - 1) {
                uint32_t slot = 64 * row + (uint32_t)__builtin_ctzll(slots);
                ts_found found = {&table->row[row][slot % 64], slot};
                ts_box *box = found.box;
                if (!ts_place_meets(q->place, &box->place) || is_apart(clock, q, box)) continue;
                bool is_loud = loud & slots & -slots && !(box->quiet[0] & q->bit);
                bool may_be_past = is_loud && box->event != q->event && depend(clock, q, found);
                bool is_same = ts_place_is_same(q->place, &box->place);
                if (is_same && box->is_write && !own.box)
                    own = found;
                else if (is_same || covers(q->place, &box->place) ||
                         (may_be_past && ts_past(clock, q->storage, box, true)) ||
                         is_covered_by_now(clock, q->place, box))
                    ts_boxes_drop(clock, q->storage, slot, true);
            }
        }
    if (own.box) take_over(clock, q, own);
    return own.box != NULL;
}

static int by_place(const void *a, const void *b) {
    const ts_box *x = ((const ts_found *)a)->box, *y = ((const ts_found *)b)->box;
    if (x->place.lo != y->place.lo) return x->place.lo < y->place.lo ? -1 : 1;
    return x->event->sequence < y->event->sequence ? -1 : x->event->sequence > y->event->sequence;
}

/* One event with the latest times of several that are done. */
static ts_event *merge_events(ts_clock *clock, const ts_found *boxes, uint32_t count) {
    const ts_event *last = boxes[0].box->event;
    ts_event *merged = ts_event_new(clock, last->step);
    for (uint32_t i = 0; i < count; i++) {
        const ts_event *event = boxes[i].box->event;
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

/* One box for several; it keeps their place when all have the same. */
static void merge_boxes(ts_clock *clock, ts_storage *storage, const ts_found *boxes, uint32_t count) {
    const ts_box first = *boxes[0].box;
    ts_event *event = merge_events(clock, boxes, count);
    ts_place all = first.place;
    for (uint32_t i = 0; i < count; i++) {
        const ts_place *place = &boxes[i].box->place;
        if (!ts_place_is_same(place, &first.place)) all.shape = NULL;
        if (place->hi > all.hi) all.hi = place->hi;
        if (place->lo < all.lo) all.lo = place->lo;
        if (place->part < all.part) all.part = place->part;
        if (place->end > all.end) all.end = place->end;
    }
    for (uint32_t i = 0; i < count; i++)
        ts_boxes_drop(clock, storage, boxes[i].slot, false);
    uint32_t slot = ts_boxes_add(clock, storage, &all, first.is_write);
    ts_box *merged = ts_boxes_at(&storage->table, slot);
    renew(clock, &storage->table, (ts_found){merged, slot}, ts_engine_none);
    merged->event = event;
    merged->access = first.access;
    merged->covered = first.covered;
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
    const ts_code *code = &clock->code[q->event->step->inst];
    for (int i = 0; i < code->access_count; i++)
        if (code->accesses[i].is_write && code->accesses[i].storage == q->access->storage) return false;
    return true;
}

/* A read in the place of an earlier one, if its box allows it. An engine ends its instructions in order, so
   its latest read stands for the one before; transfers end in any order and are waited for together. */
static bool join_read(ts_clock *clock, const query *q, ts_found found) {
    ts_box *box = found.box;
    if (!q->event->step->is_dma) {
        if (clock->window > 1 && !box->event->is_done) return false;
        take_over(clock, q, found);
        return true;
    }
    if (ts_past_now(clock, &q->storage->users[false], box->event)) {
        take_over(clock, q, found);
        return true;
    }
    ts_event *group = may_join(clock, q) ? group_of(clock, box) : NULL;
    if (!group) return false;
    ts_event_join(clock, group, q->event);
    renew(clock, &q->storage->table, found, ts_engine_none);
    return true;
}

/* Remembers a read in the box of an earlier one at the same place. */
static bool join_reads(ts_clock *clock, const query *q) {
    const ts_boxes *table = &q->storage->table;
    uint32_t empty = 0;
    for (uint32_t at = table->room ? *ts_boxes_chain(table, q->place) : 0; at; at = table->next[at - 1]) {
        ts_found found = {ts_boxes_at(table, at - 1), at - 1};
        if (!ts_place_is_same(q->place, &found.box->place)) continue;
        if (!found.box->event)
            empty = at;
        else if (found.box->engine == q->issuer && join_read(clock, q, found))
            return true;
    }
    if (!empty) return false;
    ts_boxes_fill(q->storage, empty - 1);
    fill_box(clock, q, (ts_found){ts_boxes_at(table, empty - 1), empty - 1});
    return true;
}

static void query_read(ts_clock *clock, const query *q) {
    const ts_boxes *table = &q->storage->table;
    for (uint64_t rows = find_rows(q) & table->kinds[true]; rows; rows &= rows - 1)
        for (uint32_t row = (uint32_t)__builtin_ctzll(rows); row < table->top; row += 64) {
            uint64_t wanted = table->writes[row] & ~*quiet_word(table, true, q->engine, row);
            for (uint64_t slots = find_near(q, row, wanted); slots; slots &= slots - 1) {
                uint32_t slot = 64 * row + (uint32_t)__builtin_ctzll(slots);
                ts_found found = {&table->row[row][slot % 64], slot};
                ts_box *box = found.box;
                if (ts_place_meets(q->place, &box->place) && !is_apart(clock, q, box) &&
                    depend(clock, q, found) && ts_past(clock, q->storage, box, true))
                    ts_boxes_drop(clock, q->storage, slot, false);
            }
        }
}

/* Bounds the memory of a run: neighbours whose times are known become one box that waits for the latest. */
static void compact(ts_clock *clock, ts_storage *storage, bool is_write) {
    enum { TOGETHER = 8 };
    ts_boxes_find(clock, storage, is_write);
    ts_found *boxes = clock->found.data;
    uint32_t count = 0;
    for (uint32_t i = 0; i < clock->found.count; i++)
        if (boxes[i].box->event->is_done) boxes[count++] = boxes[i];
    if (count) qsort(boxes, count, sizeof *boxes, by_place);
    for (uint32_t at = 0; at < count; at += TOGETHER) {
        uint32_t together = count - at < TOGETHER ? count - at : TOGETHER;
        if (together > 1) merge_boxes(clock, storage, boxes + at, together);
    }
    uint32_t left = storage->boxes[is_write];
    storage->limit[is_write] = left < TS_CLOCK_BOXES / 2 ? TS_CLOCK_BOXES : left * 2;
}

void ts_regions_access(ts_clock *clock, ts_event *event, const ts_access *access, bool is_write) {
    ts_storage *storage = &clock->storages[access->storage];
    bool is_dma = event->step->is_dma;
    if (clock->is_explicit && is_dma) return;
    uint8_t own = event->step->engine;
    query q = {.event = event,
               .storage = storage,
               .access = access,
               .place = &access->place,
               .engine = own,
               .bit = (uint8_t)(1u << own),
               .issuer = is_dma ? ts_engine_none : own,
               .is_write = is_write};
    q.first = ts_boxes_cell(&storage->table, q.place->lo);
    q.last = ts_boxes_cell(&storage->table, q.place->hi - 1);
    if (!is_write) query_read(clock, &q);
    if (is_write ? query_write(clock, &q) : join_reads(clock, &q)) return;
    uint32_t slot = ts_boxes_add(clock, storage, q.place, is_write);
    fill_box(clock, &q, (ts_found){ts_boxes_at(&storage->table, slot), slot});
    if (storage->boxes[is_write] > storage->crowd[is_write]) ts_past_thin_out(clock, storage, is_write, true);
    if (storage->boxes[is_write] > storage->limit[is_write] && !clock->is_explicit)
        compact(clock, storage, is_write);
}

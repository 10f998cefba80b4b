/* The accesses that the clock remembers, by site: the tile or the tensor that an operand names. A site has
   two logs for each engine, of its reads and of its writes, and two for all transfers. Since engines work in
   order, visits that can still delay something are near the end of a log. Visits that nothing can wait for
   any more are forgotten when a log is full, and when the clock checks whether a site can be put to rest. */
#include <stdlib.h>
#include <string.h>

#include "clock/clock_core.h"

enum {
    BLOCK = 64, /* visits per allocation */
    CELLS = 32  /* parts of SBUF, PSUM or scratch, for finding which engines touch the bytes of a site */
};

ts_site *ts_sites_of(const ts_clock *clock, const ts_ap *ap) {
    if (ap->space == ts_space_hbm) return &clock->sites[clock->site_of[ap->tensor]];
    if (ap->tensor) return &clock->sites[TS_STORAGE_PSUM + ap->tensor];
    return &clock->sites[ap->space == ts_space_psum ? TS_STORAGE_PSUM : TS_STORAGE_SBUF];
}

/* ---- which engines touch a site ---- */

void ts_sites_note(const ts_clock *clock, uint32_t at) {
    const ts_inst *inst = clock->program->code.data[at];
    bool is_leave = inst->op == ts_op_leave;
    uint8_t first = is_leave ? ts_engine_tensor : inst->engine;
    uint8_t end = is_leave ? ts_engine_count : inst->engine + 1;
    for (int i = 0; i < clock->code[at].access_count; i++) {
        const ts_access *access = &clock->code[at].accesses[i];
        access->site->is_used = true;
        for (uint8_t engine = first; engine < end; engine++) {
            access->site->last[true][engine] = at + 1;
            if (access->is_write) access->site->last[false][engine] = at + 1;
        }
    }
}

/* One part of a storage, with the last code positions as in ts_site. */
typedef struct cell {
    uint32_t last[2][ts_engine_count];
} cell;

static void raise_last(uint32_t to[2][ts_engine_count], const uint32_t from[2][ts_engine_count]) {
    for (int kind = 0; kind < 2; kind++)
        for (int engine = 0; engine < ts_engine_count; engine++)
            if (from[kind][engine] > to[kind][engine]) to[kind][engine] = from[kind][engine];
}

/* Sites that may share bytes get common last code positions: an engine that touches one site of a cell counts
   as touching all of them. */
static void share_users(ts_clock *clock, uint32_t storage, int64_t bytes) {
    int64_t width = bytes / CELLS + 1;
    cell *cells = TS_NEW_ARRAY(&clock->arena, cell, CELLS);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < clock->site_count; i++) {
            ts_site *site = &clock->sites[i];
            if (site->storage != storage || !site->is_used) continue;
            int64_t end = site->hi < bytes ? site->hi : bytes;
            for (int64_t at = site->lo / width; at * width < end; at++)
                if (pass == 0)
                    raise_last(cells[at].last, site->last);
                else
                    raise_last(site->last, cells[at].last);
        }
}

/* ---- sites ---- */

/* Sites of tiles, whose slots are one site together. */
static void add_tiles(ts_clock *clock) {
    const ts_program *program = clock->program;
    for (uint32_t i = 0; i < program->tiles.count; i++) {
        const ts_tile_row *tile = &program->tiles.data[i];
        ts_site *site = &clock->sites[TS_STORAGE_PSUM + 1 + i];
        site->storage = tile->space == ts_space_psum ? TS_STORAGE_PSUM : TS_STORAGE_SBUF;
        site->lo = tile->address;
        site->hi = tile->address + tile->bytes * (tile->slots > 1 ? tile->slots : 1);
    }
}

static void add_tensors(ts_clock *clock, uint32_t first) {
    const ts_program *program = clock->program;
    for (uint32_t t = 0; t < program->tensors.count; t++) {
        const ts_tensor *tensor = &program->tensors.data[t];
        bool is_scratch = tensor->kind == ts_tensor_scratch;
        ts_site *site = &clock->sites[first + t];
        site->storage = clock->storage_of[t];
        site->lo = is_scratch ? (int64_t)tensor->address : 0;
        site->hi = site->lo + (int64_t)tensor->bytes;
        clock->site_of[t] = is_scratch ? first + t : first + clock->storage_of[t] - TS_STORAGE_TENSOR;
    }
}

void ts_sites_init(ts_clock *clock) {
    const ts_program *program = clock->program;
    uint32_t first = TS_STORAGE_PSUM + 1 + program->tiles.count;
    clock->site_count = first + program->tensors.count;
    clock->sites = TS_NEW_ARRAY(&clock->arena, ts_site, clock->site_count);
    clock->site_of = TS_NEW_ARRAY(&clock->arena, uint32_t, program->tensors.count + 1);
    for (uint32_t storage = TS_STORAGE_SBUF; storage <= TS_STORAGE_PSUM; storage++) {
        clock->sites[storage].storage = storage;
        clock->sites[storage].hi = INT64_MAX;
    }
    add_tiles(clock);
    add_tensors(clock, first);
}

void ts_sites_users(ts_clock *clock) {
    int64_t scratch = (int64_t)clock->program->scratch_bytes;
    share_users(clock, TS_STORAGE_SBUF, (int64_t)clock->chip[0].sbuf_partition_bytes);
    share_users(clock, TS_STORAGE_PSUM, (int64_t)clock->chip[0].psum_partition_bytes);
    share_users(clock, TS_STORAGE_SCRATCH, scratch);
}

void ts_site_wake(ts_clock *clock, ts_site *site) {
    ts_storage *storage = &clock->storages[site->storage];
    enum { LOGS = 2 * ts_engine_count * sizeof(ts_log *) };
    site->is_live = true;
    site->patience = 1;
    site->near.count = 0;
    site->log = ts_slab_take(&clock->arena, &clock->tables, LOGS);
    memset(site->log, 0, LOGS);
    for (uint32_t i = 0; i < storage->live.count; i++) {
        ts_site *other = storage->live.data[i];
        if (other->lo >= site->hi || site->lo >= other->hi) continue;
        ts_vec_push(&site->near, &clock->arena, other);
        ts_vec_push(&other->near, &clock->arena, site);
    }
    ts_vec_push(&storage->live, &clock->arena, site);
}

/* Removes a site from a list, whose last entry takes its place. */
static void take_out(ts_site **sites, uint32_t *count, const ts_site *site) {
    uint32_t at = 0;
    while (sites[at] != site)
        at++;
    sites[at] = sites[--*count];
}

static void put_to_rest(ts_clock *clock, ts_site *site) {
    ts_storage *storage = &clock->storages[site->storage];
    take_out(storage->live.data, &storage->live.count, site);
    for (uint32_t i = 0; i < site->near.count; i++)
        take_out(site->near.data[i]->near.data, &site->near.data[i]->near.count, site);
    ts_slab_give(&clock->tables, site->log);
    site->log = NULL;
    site->is_live = false;
}

/* ---- logs ---- */

void ts_visit_drop(ts_clock *clock, ts_visit *visit) {
    ts_event_drop(clock, visit->event);
    visit->event = NULL;
}

/* In each set, the time before which no engine starts anything that may still come to the site and wait for
   its reads (or writes). It is found once per tick, and the engines only advance. */
static const ts_time *look_free(ts_clock *clock, ts_site *site, bool is_write) {
    if (site->since != clock->since + 1) {
        site->since = clock->since + 1;
        site->users[0] = site->users[1] = 0;
        for (int engine = ts_engine_tensor; engine < ts_engine_count; engine++)
            for (int kind = 0; kind < 2; kind++)
                site->users[kind] |= (uint8_t)((site->last[kind][engine] > clock->since) << engine);
    }
    uint8_t users = site->users[is_write];
    ts_time **free = &clock->users_free[users];
    if (clock->users_tick[users] == clock->ticks) return *free;
    if (!*free) *free = TS_NEW_ARRAY(&clock->arena, ts_time, (size_t)clock->sets);
    clock->users_tick[users] = clock->ticks;
    for (int k = 0; k < clock->sets; k++)
        (*free)[k] = INT64_MAX;
    for (uint32_t engines = users; engines; engines &= engines - 1) {
        const ts_times *own = &clock->engine_free[__builtin_ctz(engines)];
        for (int k = 0; k < clock->sets; k++)
            if (own->at[k] < (*free)[k]) (*free)[k] = own->at[k];
    }
    return *free;
}

/* The same, from the cache if possible. */
TS_INLINE const ts_time *find_free(ts_clock *clock, ts_site *site, bool is_write) {
    uint8_t users = site->users[is_write];
    if (site->since == clock->since + 1 && clock->users_tick[users] == clock->ticks)
        return clock->users_free[users];
    return look_free(clock, site, is_write);
}

/* Whether in every set the event's result was there before `free`. */
TS_INLINE bool was_over(const ts_event *event, const ts_time *free, int sets) {
    bool is = true;
    for (int k = 0; k < sets; k++)
        is &= (event->of[k].ready <= free[k]) & (event->of[k].same <= free[k]);
    return is;
}

/* Whether nothing can wait for the visit any more. */
TS_INLINE bool is_past(const ts_clock *clock, const ts_visit *visit, const ts_time *free) {
    const ts_event *event = visit->event;
    return !event || (event->is_done && TS_WITH_SETS(clock, was_over, event, free));
}

/* Forgets the first visits of a log, as long as nothing can wait for them any more. If the log's engine works
   in order, all visits before a past one are past, which allows long steps; a dropped visit does not tell
   that. */
static void trim(ts_clock *clock, ts_site *site, ts_log *log, uint8_t engine, bool is_write) {
    const ts_time *free = find_free(clock, site, is_write);
    bool is_ordered = clock->is_ordered && engine != ts_engine_none;
    for (uint32_t step = is_ordered ? log->end - log->first : 1; step > 0 && log->first < log->end;) {
        const ts_visit *last = ts_log_at(log, log->first + step - 1);
        bool is_told = log->end - log->first >= step && (step == 1 || last->event);
        if (!is_told || !is_past(clock, last, free)) {
            step /= 2;
            continue;
        }
        for (uint32_t left = step; left > 0; left--, log->first++)
            if (ts_log_at(log, log->first)->event) ts_visit_drop(clock, ts_log_at(log, log->first));
    }
}

/* Closes the gaps that dropped visits left in a log. */
static void close_gaps(ts_log *log) {
    uint32_t end = log->first, *marks = log->behind[0];
    uint32_t moved[2 * ts_engine_count];
    for (int i = 0; i < 2 * ts_engine_count; i++)
        moved[i] = end;
    for (uint32_t n = log->first; n < log->end; n++) {
        if (!ts_log_at(log, n)->event) continue;
        if (end != n) *ts_log_at(log, end) = *ts_log_at(log, n);
        end++;
        for (int i = 0; i < 2 * ts_engine_count; i++)
            if (marks[i] > n) moved[i] = end;
    }
    memcpy(marks, moved, sizeof moved);
    log->end = end;
}

/* A ring of 1 << size visits. Free rings of one size are linked through their first visits; new ones are cut
   from blocks. */
static ts_visit *take_circle(ts_clock *clock, uint32_t size) {
    ts_visit *circle = clock->circles[size];
    uint32_t visits = (uint32_t)1 << size;
    if (circle) {
        memcpy(&clock->circles[size], circle, sizeof circle);
        return circle;
    }
    if (clock->uncut < visits) {
        clock->uncut = visits < BLOCK ? BLOCK : visits;
        char *block = ts_arena_alloc(&clock->arena, ((size_t)clock->uncut + 1) * sizeof *circle);
        clock->cut = (ts_visit *)(void *)(block + -(uintptr_t)block % sizeof *circle);
    }
    circle = clock->cut;
    clock->cut += visits;
    clock->uncut -= visits;
    return circle;
}

static void give_circle(ts_clock *clock, ts_visit *circle, uint32_t size) {
    memcpy(circle, &clock->circles[size], sizeof circle);
    clock->circles[size] = circle;
}

/* Doubles a log's room. */
static void grow(ts_clock *clock, ts_log *log) {
    ts_log old = *log;
    uint32_t size = old.room ? (uint32_t)__builtin_ctz(old.room) + 1 : clock->log_size;
    log->room = (uint32_t)1 << size;
    log->visits = take_circle(clock, size);
    for (uint32_t n = old.first; n < old.end; n++)
        *ts_log_at(log, n) = *ts_log_at(&old, n);
    if (old.room) give_circle(clock, old.visits, size - 1);
}

/* ---- merging ---- */

static int by_place(const void *a, const void *b) {
    const ts_found *x = a, *y = b;
    const ts_place *p = &x->visit->place, *q = &y->visit->place;
    if (p->lo != q->lo) return p->lo < q->lo ? -1 : 1;
    if (p->part != q->part) return p->part < q->part ? -1 : 1;
    if (p->hi != q->hi) return p->hi < q->hi ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* A new event with the later times of two events, which are done. */
static ts_event *merge_events(ts_clock *clock, const ts_event *a, const ts_event *b) {
    const ts_event *last = b->of[clock->asked].ready >= a->of[clock->asked].ready ? b : a;
    ts_event *merged = ts_event_new(clock, last->step);
    for (int k = 0; k < clock->sets; k++) {
        const ts_event *late = b->of[k].ready >= a->of[k].ready ? b : a;
        merged->of[k].same = merged->of[k].ready = late->of[k].ready;
    }
    merged->is_done = true;
    merged->sequence = last->sequence;
    merged->node = ts_node_hold(last->node);
    return merged;
}

/* Makes `to` stand for both visits, and drops `from`. */
static void merge(ts_clock *clock, ts_visit *from, ts_visit *to) {
    ts_event *event = merge_events(clock, from->event, to->event);
    ts_place *all = &to->place;
    const ts_place *place = &from->place;
    if (!ts_place_is_same(place, all)) all->shape = NULL;
    if (place->hi > all->hi) all->hi = place->hi;
    if (place->lo < all->lo) all->lo = place->lo;
    if (place->part < all->part) all->part = place->part;
    if (place->end > all->end) all->end = place->end;
    ts_visit_drop(clock, from);
    ts_visit_drop(clock, to);
    to->event = event;
}

/* Bounds the memory of a run by merging visits that are done: first those of the same place, then, while
   there are too many, neighbouring ones. Whoever meets a merged visit waits for the latest of its parts. */
static void condense(ts_clock *clock, ts_log *log) {
    enum { TOGETHER = 8 /* neighbours that merge into one */ };
    clock->found.count = 0;
    for (uint32_t n = log->first; n < log->end; n++) {
        ts_found found = {.visit = ts_log_at(log, n), .number = n};
        if (found.visit->event && found.visit->event->is_done)
            ts_vec_push(&clock->found, &clock->arena, found);
    }
    ts_found *all = clock->found.data;
    uint32_t count = clock->found.count;
    if (count) qsort(all, count, sizeof *all, by_place);
    for (uint32_t i = 1; i < count; i++)
        if (ts_place_is_same(&all[i - 1].visit->place, &all[i].visit->place))
            merge(clock, all[i - 1].visit, all[i].visit);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (all[i].visit->event) all[kept++] = all[i];
    for (uint32_t i = 1; i < kept && kept > TS_CLOCK_VISITS / 2; i++) {
        if (i % TOGETHER == 0) continue;
        ts_found *latest = all[i].number > all[i - 1].number ? &all[i] : &all[i - 1];
        merge(clock, latest == &all[i] ? all[i - 1].visit : all[i].visit, latest->visit);
        all[i] = *latest;
    }
    close_gaps(log);
}

/* ---- visits ---- */

ts_log *ts_sites_room(ts_clock *clock, ts_site *site, uint8_t engine, bool is_write) {
    ts_log *log = site->log[is_write][engine];
    if (!log) {
        log = site->log[is_write][engine] = ts_slab_take(&clock->arena, &clock->logs, sizeof *log);
        memset(log, 0, sizeof *log);
        grow(clock, log);
        return log;
    }
    trim(clock, site, log, engine, is_write);
    if (2 * (log->end - log->first) > log->room && clock->has_what_ifs) close_gaps(log);
    if (2 * (log->end - log->first) <= log->room) return log;
    if (log->room >= TS_CLOCK_VISITS && !clock->is_explicit) condense(clock, log);
    if (2 * (log->end - log->first) >= log->room) grow(clock, log);
    return log;
}

/* A quick test: whether nothing can wait any more for the latest visit of each log. Earlier ones are then
   usually past, too. */
static bool may_rest(ts_clock *clock, ts_site *site) {
    for (int is_write = 0; is_write < 2; is_write++)
        for (uint32_t logs = site->logs[is_write]; logs; logs &= logs - 1) {
            const ts_log *log = site->log[is_write][__builtin_ctz(logs)];
            if (!is_past(clock, ts_log_at(log, log->end - 1), find_free(clock, site, is_write))) return false;
        }
    return true;
}

static void forget_log(ts_clock *clock, ts_site *site, uint8_t engine, bool is_write) {
    ts_log *log = site->log[is_write][engine];
    site->logs[is_write] &= (uint8_t) ~(1u << engine);
    site->log[is_write][engine] = NULL;
    give_circle(clock, log->visits, (uint32_t)__builtin_ctz(log->room));
    ts_slab_give(&clock->logs, log);
}

bool ts_site_rest(ts_clock *clock, ts_site *site) {
    if (!may_rest(clock, site)) return false;
    for (int is_write = 0; is_write < 2; is_write++)
        for (uint32_t logs = site->logs[is_write]; logs; logs &= logs - 1) {
            uint8_t engine = (uint8_t)__builtin_ctz(logs);
            trim(clock, site, site->log[is_write][engine], engine, is_write);
            if (site->log[is_write][engine]->first == site->log[is_write][engine]->end)
                forget_log(clock, site, engine, is_write);
        }
    if (site->logs[0] | site->logs[1]) return false;
    put_to_rest(clock, site);
    return true;
}

/* Live sites of SBUF, PSUM and scratch take turns. */
void ts_sites_tick(ts_clock *clock) {
    uint32_t tick = clock->ticks++;
    const ts_storage *storage = &clock->storages[tick % TS_STORAGE_TENSOR];
    uint32_t turn = tick / TS_STORAGE_TENSOR;
    if (storage->live.count) ts_site_rest(clock, storage->live.data[turn % storage->live.count]);
}

/* Drops all past visits, wherever they are in their logs. */
void ts_sites_sweep(ts_clock *clock) {
    ts_sites_tick(clock);
    for (uint32_t i = 0; i < 2 * clock->site_count; i++) {
        ts_site *site = &clock->sites[i / 2];
        bool is_write = i % 2;
        const ts_time *free = site->logs[is_write] ? find_free(clock, site, is_write) : NULL;
        for (uint32_t logs = site->logs[is_write]; logs; logs &= logs - 1) {
            const ts_log *log = site->log[is_write][__builtin_ctz(logs)];
            for (uint32_t n = log->first; n < log->end; n++)
                if (ts_log_at(log, n)->event && is_past(clock, ts_log_at(log, n), free))
                    ts_visit_drop(clock, ts_log_at(log, n));
        }
    }
}

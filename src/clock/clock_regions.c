/* Dependences of an access: it waits for earlier accesses to the same bytes. These are looked for in the logs
   of its site, and of the sites that share bytes with it (clock_sites.c), from the latest back. */

#include "clock/clock_core.h"

/* Whether two rectangles of the same pitch, whose rows meet, also meet in their columns. Sets *is_known to
   false if a row wraps around the pitch, so that columns say nothing. */
static bool rectangles_meet(const ts_place *a, const ts_place *b, bool *is_known) {
    int64_t pitch = a->shape->pitch, first_a = a->lo % pitch, first_b = b->lo % pitch;
    int64_t end_a = first_a + a->shape->width, end_b = first_b + b->shape->width;
    *is_known = a->lo >= 0 && b->lo >= 0 && end_a <= pitch && end_b <= pitch;
    return first_a < end_b && first_b < end_a;
}

/* The place as an operand. */
static ts_ref ref_of(const ts_place *place) {
    ts_ref ref = place->shape->ref;
    ref.offset = place->lo - place->shape->lo;
    ref.part = place->part;
    ref.parts = place->end - place->part;
    return ref;
}

/* Whether two places whose bounds meet have bytes in common. */
typedef enum ts_meet { ts_meet_no, ts_meet_yes, ts_meet_perhaps } ts_meet;

/* The exact test, with a cache: loops ask again and again about the same shapes at the same distance. */
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

bool ts_places_conflict(ts_clock *clock, const ts_place *a, const ts_place *b) {
    ts_meet meet = find_meet(clock, a, b);
    if (meet == ts_meet_perhaps) clock->record->conservative_waits++;
    return meet != ts_meet_no;
}

/* Whether waiting for `earlier`, which is done, could delay `event` in some set beyond its other waits. */
TS_INLINE bool can_delay_in(const ts_event *event, const ts_event *earlier, const ts_time *free, bool is_same,
                            int sets) {
    bool can = false;
    for (int k = 0; k < sets; k++) {
        ts_time time = is_same ? earlier->of[k].same : earlier->of[k].ready;
        can |= (time > free[k]) & (time >= event->of[k].earliest);
    }
    return can;
}

/* The same for any earlier event. */
static bool can_delay(const ts_clock *clock, const ts_event *event, const ts_event *earlier, bool is_same) {
    const ts_time *free = clock->engine_free[event->step->engine].at;
    return !earlier->is_done || TS_WITH_SETS(clock, can_delay_in, event, earlier, free, is_same);
}

/* Whether in every set the event's result was there before `free`, when the waiting engine is free. */
TS_INLINE bool was_over(const ts_event *event, const ts_time *free, bool is_same, int sets) {
    bool is = true;
    for (int k = 0; k < sets; k++)
        is &= (is_same ? event->of[k].same : event->of[k].ready) <= free[k];
    return is;
}

/* An access whose dependences are looked for, or all accesses of a burst's members to one site. */
typedef struct query {
    ts_event *event;
    const ts_step *step;
    const ts_place *place; /* of members, their bounds */
    bool is_write;
    bool is_timed;            /* it waits for results of its own engine */
    const ts_member *members; /* NULL: a single access */
    const ts_access *like;    /* one of the members' accesses */
    uint32_t *count; /* members; lowered to exclude those that may wait for what the first does not */
} query;

/* Which visits of a log, up to the one that an access meets, cannot delay such accesses any more. */
typedef enum ts_behind {
    ts_behind_none,
    ts_behind_earlier, /* those before it; it has more members, which others may wait for */
    ts_behind_all
} ts_behind;

/* Whether the visit can delay neither this access nor later ones of its kind and engine. In program order, an
   engine that has waited for a visit's `ready` once need not wait for it again. */
static bool is_behind(const ts_clock *clock, const query *q, const ts_visit *visit, bool is_own) {
    const ts_event *event = visit->event;
    if (!event) return true;
    uint8_t awaited = event->awaited[0] | (q->is_write ? event->awaited[1] : 0);
    if (!is_own && clock->window == 1 && awaited & q->step->engine_bit) return true;
    if (!event->is_done) return false;
    if (is_own && !q->is_timed) return true;
    const ts_time *free = clock->engine_free[q->step->engine].at;
    return TS_WITH_SETS(clock, was_over, event, free, is_own);
}

/* Adds the dependence on an earlier visit of the event's own engine: in program order it waits only for
   results. What it returns holds only if the engine works in order. */
static ts_behind depend_own(ts_clock *clock, const query *q, const ts_visit *visit) {
    if (q->is_timed ? !can_delay(clock, q->event, visit->event, true) : visit->event->is_done)
        return ts_behind_all;
    if (!ts_places_conflict(clock, q->place, &visit->place)) return ts_behind_none;
    ts_event_depend(clock, q->event, visit->event, q->is_timed ? ts_wait_same : ts_wait_issue, 0);
    return ts_behind_all;
}

/* Makes the event wait for the visit, or the member of its burst that has `later` members behind it. */
static ts_behind await(ts_clock *clock, const query *q, ts_event *earlier, uint32_t later) {
    if (!later) earlier->awaited[q->is_write] |= q->step->engine_bit;
    ts_event_depend(clock, q->event, earlier, q->is_write ? ts_wait_reuse : ts_wait_ready, later);
    return later ? ts_behind_earlier : ts_behind_all;
}

/* The dependence of a burst: if the first member does not meet the visit, the burst ends before those that
 * do. */
static ts_behind depend_members(ts_clock *clock, const query *q, const ts_visit *visit) {
    uint32_t m = 0;
    while (m < *q->count && !ts_member_meets(clock, &q->members[m], q->like, &visit->place))
        m++;
    if (m == 0) return await(clock, q, visit->event, 0);
    *q->count = m;
    return ts_behind_none;
}

/* The dependence on a visit of another engine or of a transfer. */
static ts_behind depend(ts_clock *clock, const query *q, const ts_visit *visit) {
    ts_event *earlier = visit->event;
    uint8_t awaited = earlier->awaited[0] | (q->is_write ? earlier->awaited[1] : 0);
    if (clock->window == 1 && awaited & q->step->engine_bit) return ts_behind_all;
    if (!can_delay(clock, q->event, earlier, false)) return ts_behind_all;
    if (q->members) return depend_members(clock, q, visit);
    if (ts_event_is_burst(clock, earlier)) {
        uint32_t later = ts_burst_find(clock, earlier, visit->access, q->place);
        return later < ts_burst_of(clock, earlier)->count ? await(clock, q, earlier, later) : ts_behind_none;
    }
    return ts_places_conflict(clock, q->place, &visit->place) ? await(clock, q, earlier, 0) : ts_behind_none;
}

/* Searches a log from its end back to the visits that can delay the engine no more. These are the visits
   before `behind`, and perhaps further ones; returns the number of the first visit that may still matter. If
   the log's engine works in order, its results come in order, so an access that waits for one need not wait
   for those before it. */
static uint32_t look_back(ts_clock *clock, const query *q, const ts_log *log, bool is_own, bool is_ordered,
                          uint32_t behind) {
    uint32_t low = behind > log->first ? behind : log->first;
    while (low < log->end && is_behind(clock, q, ts_log_at(log, low), is_own))
        low++;
    for (uint32_t n = log->end; n > low;) {
        const ts_visit *visit = ts_log_at(log, --n);
        if (!ts_place_meets(q->place, &visit->place) || !visit->event || visit->event == q->event) continue;
        ts_behind found = is_own ? depend_own(clock, q, visit) : depend(clock, q, visit);
        if (found && is_ordered) return found == ts_behind_all ? n + 1 : n;
    }
    return low;
}

/* Searches the logs of the site's reads, or of its writes. Returns whether none of them can delay the engine
   any more. */
TS_INLINE bool search_logs(ts_clock *clock, const query *q, ts_site *site, bool is_write) {
    const ts_step *step = q->step;
    bool is_calm = true;
    for (uint32_t logs = site->logs[is_write] & step->logs[q->is_write]; logs; logs &= logs - 1) {
        int engine = __builtin_ctz(logs);
        ts_log *log = site->log[is_write][engine];
        bool is_transfers = engine == ts_engine_none, is_own = engine == step->own && !is_transfers;
        uint32_t *behind = &log->behind[!q->is_write][is_own ? ts_engine_none : step->engine];
        if (*behind == log->end) continue;
        *behind = look_back(clock, q, log, is_own, clock->is_ordered && !is_transfers, *behind);
        is_calm &= *behind == log->end;
    }
    return is_calm;
}

/* Searches a site: a read waits for writes, a write for reads and writes. */
TS_INLINE void search(ts_clock *clock, const query *q, ts_site *site) {
    uint8_t *calm = &site->calm[q->step->is_dma][q->is_write];
    if (*calm & q->step->engine_bit) return;
    bool is_calm = search_logs(clock, q, site, true);
    if (q->is_write) is_calm &= search_logs(clock, q, site, false);
    if (is_calm) *calm |= q->step->engine_bit;
}

static bool is_dense(const ts_place *place) {
    return place->shape && place->shape->is_dense;
}

/* Whether a touches all bytes of b. */
static bool covers(const ts_place *a, const ts_place *b) {
    return a->lo <= b->lo && a->hi >= b->hi && a->part <= b->part && a->end >= b->end && is_dense(a);
}

/* Of the 1 << shift equal parts of [0, size << shift), a bit for each part that lies within [from, to). */
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

/* Adds the parts of a visit that a write covers. Returns whether writes have covered all of it. */
static bool is_covered_by_now(const ts_place *place, ts_visit *visit) {
    visit->covered |= covered_parts(place, &visit->place);
    return visit->covered == UINT64_MAX;
}

/* Drops visits that a write covers completely. This matters only for what-ifs in which the write need not
   wait for them: there later accesses must wait for the write alone. Elsewhere they wait for it, and it for
   the visits. */
static void cover(ts_clock *clock, const query *q, const ts_site *site, bool is_write) {
    uint8_t followed = clock->is_explicit ? q->step->engine_bit : 0xff;
    for (uint32_t logs = site->logs[is_write] & followed; logs; logs &= logs - 1) {
        const ts_log *log = site->log[is_write][__builtin_ctz(logs)];
        for (uint32_t n = log->first; n < log->end; n++) {
            ts_visit *visit = ts_log_at(log, n);
            if (!visit->event || visit->event == q->event || !ts_place_meets(q->place, &visit->place))
                continue;
            if (ts_place_is_same(q->place, &visit->place) || covers(q->place, &visit->place) ||
                is_covered_by_now(q->place, visit))
                ts_visit_drop(clock, visit);
        }
    }
}

static void cover_all(ts_clock *clock, const query *q, const ts_site *site) {
    cover(clock, q, site, true);
    cover(clock, q, site, false);
}

/* Searches the live sites that share bytes with the access's own. Such a site is usually of a tile that had
   these bytes before, and soon nothing waits for it any more. Tries to put it to rest now and then. */
TS_INLINE void search_near(ts_clock *clock, const query *q, ts_site *site) {
    enum { LONGEST = 32 }; /* ticks */
    for (uint32_t i = 0; i < site->near.count; i++) {
        ts_site *other = site->near.data[i];
        if (q->place->lo < other->hi && q->place->hi > other->lo) {
            search(clock, q, other);
            if (q->is_write && clock->has_what_ifs) cover_all(clock, q, other);
        }
        if (clock->ticks < other->look) continue;
        if (other->patience < LONGEST) other->patience *= 2;
        other->look = clock->ticks + other->patience;
        if (ts_site_rest(clock, other)) i--; /* the last one has taken its place */
    }
}

/* Replaces the latest visit of a log if it is of the same place; returns whether it did. Accumulation in PSUM
   comes back to one place again and again, and if the engine works in order the latest visit suffices. */
TS_INLINE bool stands_for_latest(ts_clock *clock, ts_event *event, const ts_access *access,
                                 const ts_place *place, ts_log *log) {
    if (log->first == log->end) return false;
    ts_visit *latest = ts_log_at(log, log->end - 1);
    if (!latest->event || !ts_place_is_same(&latest->place, place)) return false;
    ts_event_drop(clock, latest->event);
    latest->event = event;
    latest->access = access;
    latest->covered = 0;
    for (uint32_t *mark = log->behind[0], i = 0; i < 2 * ts_engine_count; i++)
        mark[i] -= mark[i] == log->end;
    return true;
}

/* A new visit may delay others: of a write, all accesses, of a read, only writes. */
TS_INLINE void forget_calm(ts_site *site, bool is_write) {
    site->calm[0][true] = site->calm[1][true] = 0;
    if (is_write) site->calm[0][false] = site->calm[1][false] = 0;
}

/* Looks for what an access, or all accesses of a burst to one site, must wait for. */
TS_INLINE void find_waits(ts_clock *clock, const query *q, ts_site *site) {
    if (!site->is_live) ts_site_wake(clock, site);
    search(clock, q, site);
    if (q->is_write && clock->has_what_ifs) cover_all(clock, q, site);
    search_near(clock, q, site);
}

/* Adds a visit to its site. */
TS_INLINE void add_visit(ts_clock *clock, ts_event *event, const ts_access *access, const ts_place *place,
                         bool is_write) {
    const ts_step *step = event->step;
    ts_site *site = access->site;
    if (!site->is_live) ts_site_wake(clock, site); /* it may have been put to rest since its search */
    event->refs++;
    forget_calm(site, is_write);
    ts_log *log = site->log[is_write][step->own];
    if (log && clock->is_ordered && step->own != ts_engine_none &&
        stands_for_latest(clock, event, access, place, log))
        return;
    if (!log || log->end - log->first == log->room) log = ts_sites_room(clock, site, step->own, is_write);
    ts_visit *visit = ts_log_at(log, log->end++);
    visit->place = *place;
    visit->event = event;
    visit->access = access;
    visit->covered = 0;
    site->logs[is_write] |= (uint8_t)(1u << step->own);
}

/* Adds the dependences of one access, and a visit to its site. */
TS_INLINE void access_site(ts_clock *clock, ts_event *event, const ts_access *access, bool is_write) {
    const ts_step *step = event->step;
    query q = {.event = event,
               .step = step,
               .place = &access->place,
               .is_write = is_write,
               .is_timed = !is_write && step->is_timed};
    find_waits(clock, &q, access->site);
    add_visit(clock, event, access, &access->place, is_write);
}

void ts_regions_read(ts_clock *clock, ts_event *event, const ts_access *access) {
    access_site(clock, event, access, false);
}

void ts_regions_write(ts_clock *clock, ts_event *event, const ts_access *access) {
    access_site(clock, event, access, true);
}

/* ---- bursts ---- */

/* The reads, or the writes, of a burst's members at one site. */
typedef struct patch {
    const ts_access *access; /* one of them */
    ts_place bounds;         /* shape: NULL unless all places are the same */
} patch;

enum { MOST_PATCHES = 8 }; /* of a burst */

/* The number of the patch that an access belongs to, made if it is new; MOST_PATCHES: there are too many. */
static uint32_t patch_of(const ts_touch *touch, patch *patches, uint32_t *count) {
    for (uint32_t i = 0; i < *count; i++)
        if (ts_access_is_like(patches[i].access, touch->access)) return i;
    if (*count == MOST_PATCHES) return MOST_PATCHES;
    patches[*count] = (patch){touch->access, touch->place};
    return (*count)++;
}

/* Whether in every set a member's result is later than that of the member before it. */
TS_INLINE bool is_later(const ts_step *before, const ts_step *step, int sets) {
    bool is = true;
    for (int k = 0; k < sets; k++) {
        const ts_set_costs *a = &before->of[k], *b = &step->of[k];
        is &= a->occupancy + b->stream + b->latency > a->stream + a->latency;
    }
    return is;
}

/* Finds the patches of the members; returns how many members can form a burst at most. */
static uint32_t find_patches(const ts_clock *clock, const ts_member *members, uint32_t count, patch *patches,
                             uint32_t *found) {
    uint32_t of[TS_MEMBER_TOUCHES] = {0}; /* the patches of the member's touches */
    *found = 0;
    for (uint32_t m = 0; m < count; m++) {
        const ts_member *member = &members[m];
        if (m == 0 || member->step != members[m - 1].step) {
            if (m && !TS_WITH_SETS(clock, is_later, members[m - 1].step, member->step)) return m;
            for (uint32_t t = 0; t < member->touches; t++) {
                bool is_known = m && ts_access_is_like(patches[of[t]].access, member->touch[t].access);
                if (!is_known) of[t] = patch_of(&member->touch[t], patches, found);
                if (of[t] == MOST_PATCHES) return m;
            }
        }
        for (uint32_t t = 0; t < member->touches; t++)
            ts_place_widen(&patches[of[t]].bounds, &member->touch[t].place);
    }
    return count;
}

uint32_t ts_regions_burst(ts_clock *clock, ts_event *event, const ts_member *members, uint32_t count) {
    patch patches[MOST_PATCHES];
    uint32_t found, most = find_patches(clock, members, count, patches, &found);
    count = most;
    for (uint32_t i = 0; i < found; i++) {
        const ts_access *access = patches[i].access;
        query q = {.event = event,
                   .step = event->step,
                   .place = &patches[i].bounds,
                   .is_write = access->is_write,
                   .members = members,
                   .like = access,
                   .count = &count};
        find_waits(clock, &q, access->site);
    }
    for (uint32_t t = 0; t < members->touches && count == 1; t++)
        add_visit(clock, event, members->touch[t].access, &members->touch[t].place,
                  members->touch[t].access->is_write);
    if (count == 1) return 1;
    if (count < most) find_patches(clock, members, count, patches, &found);
    for (uint32_t i = 0; i < found; i++) {
        const ts_access *access = patches[i].access;
        add_visit(clock, event, access, &patches[i].bounds, access->is_write);
    }
    return count;
}

/* Transfers touch their data outside the order of the engine that triggers them, so they have a common log of
   their own. An access need not search its engine's own log if program order already says all. With
   sync=explicit, an engine waits by itself only for its own results. */
void ts_regions_open(const ts_clock *clock, ts_step *step) {
    step->engine_bit = (uint8_t)(1u << step->engine);
    step->own = step->is_dma ? ts_engine_none : step->engine;
    step->is_timed = !step->is_dma && step->engine != ts_engine_tensor;
    for (int is_write = 0; is_write < 2; is_write++) {
        bool is_own = step->is_dma || clock->window > 1 || (step->is_timed && !is_write);
        step->logs[is_write] = is_own ? 0xff : (uint8_t)~step->engine_bit;
        if (clock->is_explicit) step->logs[is_write] &= step->engine_bit;
    }
}

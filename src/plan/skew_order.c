/* Stages and order of a body's units: a modulo schedule. A trip begins every `interval`; a unit's start
   within its own trip, divided by the interval, is its stage, and the rest is its place in the skewed body.
   Of the schedules for several intervals the one is taken with which engines that work in order are done
   first. */
#include <string.h>

#include "plan/skew.h"

enum { MOST_INTERVALS = 24, MOST_SCHEDULES = 4, MOST_ATTEMPTS = 16 };
#define INTERVAL_STEP 1.05
#define LEAST_GAIN    0.02 /* of the time without skew */

typedef struct planner {
    ts_skew_body *body;
    ts_skew_unit *units;
    uint32_t count;
    uint32_t *into;                     /* by unit, and one more: its first edge in body->edges */
    uint32_t *out;                      /* by unit: 1 + an edge that comes from it */
    uint32_t *behind;                   /* by edge: 1 + the next one from the same unit */
    bool does_else[2][ts_engine_count]; /* by is_load: whether a unit of the engine is something else */
    uint32_t *needs;                    /* by unit: a bit for each of what it takes up */
    ts_time *place;                     /* by unit: its start within the interval */
    ts_time *floor;                     /* by unit: the least start that is tried */
    ts_time *begun;                     /* by trip looked at and unit: start, in a simulation */
    uint32_t *order, *best_order;
    int *stage, *best_stage;
    int stages, best_stages;
} planner;

static planner make_planner(ts_skew_body *body) {
    ts_arena *arena = body->arena;
    uint32_t count = body->units.count, at = 0;
    planner p = {.body = body,
                 .units = body->units.data,
                 .count = count,
                 .into = TS_NEW_ARRAY(arena, uint32_t, count + 1),
                 .out = TS_NEW_ARRAY(arena, uint32_t, count),
                 .behind = TS_NEW_ARRAY(arena, uint32_t, body->edges.count + 1),
                 .needs = TS_NEW_ARRAY(arena, uint32_t, count),
                 .place = TS_NEW_ARRAY(arena, ts_time, count),
                 .floor = TS_NEW_ARRAY(arena, ts_time, count),
                 .begun = TS_NEW_ARRAY(arena, ts_time, (size_t)TS_SKEW_LOOKED_AT * count),
                 .order = TS_NEW_ARRAY(arena, uint32_t, count),
                 .best_order = TS_NEW_ARRAY(arena, uint32_t, count),
                 .stage = TS_NEW_ARRAY(arena, int, count),
                 .best_stage = TS_NEW_ARRAY(arena, int, count)};
    for (uint32_t i = 0; i < count; i++) {
        while (at < body->edges.count && body->edges.data[at].to < i)
            at++;
        p.into[i] = at;
    }
    p.into[count] = body->edges.count;
    for (uint32_t i = 0; i < count; i++)
        for (int r = 0; r < ts_skew_resources; r++)
            if (p.units[i].busy[r]) p.needs[i] |= 1u << r;
    for (uint32_t i = 0; i < count; i++)
        for (int e = 0; e < ts_engine_count; e++)
            for (int is_load = 0; is_load < 2; is_load++)
                p.does_else[is_load][e] |=
                    p.units[i].busy[e] && !(p.units[i].is_transfer && p.units[i].is_load == is_load);
    for (uint32_t i = 0; i < body->edges.count; i++) {
        p.behind[i] = p.out[body->edges.data[i].from];
        p.out[body->edges.data[i].from] = i + 1;
    }
    return p;
}

static ts_time later(ts_time a, ts_time b) {
    return a > b ? a : b;
}

/* ---- how long an order takes ---- */

/* The engines that a unit occupies, and ports, which are as in program order here. */
static ts_time run_unit(const planner *p, uint32_t unit, int trip, ts_time *free) {
    const ts_skew_unit *u = &p->units[unit];
    ts_time start = 0;
    for (uint32_t i = p->into[unit]; i < p->into[unit + 1]; i++) {
        const ts_skew_edge *edge = &p->body->edges.data[i];
        if (trip < edge->distance) continue;
        start = later(start, p->begun[(size_t)(trip - edge->distance) * p->count + edge->from] + edge->delay);
    }
    for (int r = 0; r < ts_skew_resources; r++)
        if (u->busy[r] && r != ts_skew_dma) start = later(start, free[r]);
    for (int r = 0; r < ts_skew_resources; r++)
        if (u->busy[r]) free[r] = r == ts_skew_dma ? free[r] + u->busy[r] : start + u->busy[r];
    p->begun[(size_t)trip * p->count + unit] = start;
    return start + u->done;
}

/* The time of `trips` trips in the planner's order, with its stages. */
static ts_time time_of(const planner *p, int trips) {
    ts_time free[ts_skew_resources] = {0}, end = 0;
    for (int step = 0; step < trips + p->stages; step++)
        for (uint32_t i = 0; i < p->count; i++) {
            uint32_t unit = p->order[i];
            int trip = step - p->stage[unit];
            if (trip >= 0 && trip < trips) end = later(end, run_unit(p, unit, trip, free));
        }
    return later(end, free[ts_skew_dma]);
}

/* ---- one schedule ---- */

/* How much later than `place` in the interval the unit must start because of one that is placed. */
static ts_time push_of(const ts_skew_unit *u, ts_time place, const ts_skew_unit *other, ts_time other_place,
                       ts_time interval) {
    const ts_time behind = place >= other_place ? place - other_place : place - other_place + interval;
    ts_time push = 0;
    for (int r = 0; r < ts_skew_resources; r++) {
        if (!u->busy[r] || !other->busy[r]) continue;
        if (behind < other->busy[r])
            push = later(push, other->busy[r] - behind);
        else if (behind + u->busy[r] > interval)
            push = later(push, interval - behind + other->busy[r]);
    }
    return push;
}

/* The first time from `from` on at which the unit's engines are free of the units before it, which are
   placed; it may be more than an interval later where there is none. */
static ts_time find_room(const planner *p, uint32_t unit, ts_time from, ts_time interval) {
    const uint32_t needs = p->needs[unit];
    ts_time start = from, place = from % interval;
    for (bool moved = true; moved && start <= from + interval;) {
        moved = false;
        for (uint32_t i = 0; i < unit; i++) {
            if (!(needs & p->needs[i])) continue;
            const ts_time push = push_of(&p->units[unit], place, &p->units[i], p->place[i], interval);
            if (push == 0) continue;
            start += push;
            place = start % interval;
            moved = true;
        }
    }
    p->place[unit] = place;
    return start;
}

/* Gives the unit its start. Where that is too late for units of later trips that are placed already, such as
   the next writer of what this one reads, they are told to start no earlier than suits it. Returns the next
   unit to place, and more than there are when the interval is too short. */
static uint32_t place_unit(const planner *p, uint32_t unit, ts_time interval) {
    ts_skew_unit *u = &p->units[unit];
    ts_time low = p->floor[unit];
    uint32_t next = unit + 1;
    for (uint32_t i = p->into[unit]; i < p->into[unit + 1]; i++) {
        const ts_skew_edge *edge = &p->body->edges.data[i];
        if (edge->from == unit && interval * edge->distance < edge->delay) return UINT32_MAX;
        if (edge->from < unit)
            low = later(low, p->units[edge->from].start + edge->delay - interval * edge->distance);
    }
    u->start = find_room(p, unit, low, interval);
    if (u->start > low + interval) return UINT32_MAX;
    for (uint32_t i = p->out[unit]; i; i = p->behind[i - 1]) {
        const ts_skew_edge *edge = &p->body->edges.data[i - 1];
        ts_time least = u->start + edge->delay - interval * edge->distance;
        if (edge->to >= unit || p->units[edge->to].start >= least) continue;
        p->floor[edge->to] = least;
        if (edge->to < next) next = edge->to;
    }
    return next;
}

static void sort_order(planner *p, ts_time interval) {
    for (uint32_t i = 0; i < p->count; i++) {
        p->place[i] = p->units[i].start % interval;
        uint32_t at = i;
        for (; at > 0 && p->place[p->order[at - 1]] > p->place[i]; at--)
            p->order[at] = p->order[at - 1];
        p->order[at] = i;
    }
}

static bool place_all(planner *p, ts_time interval, int most_stages) {
    memset(p->floor, 0, p->count * sizeof *p->floor);
    for (uint32_t i = 0, attempts = 0; i < p->count;) {
        const uint32_t next = place_unit(p, i, interval);
        if (next > p->count || p->units[i].start >= interval * (most_stages + 1)) return false;
        if (next <= i && ++attempts > MOST_ATTEMPTS) return false;
        i = next;
    }
    return true;
}

/* Whether the unit is a load whose engine does nothing but loads, or the same of a store. What others do when
   does not matter to it, only its order among them. */
static bool is_apart(const planner *p, const ts_skew_unit *u) {
    return u->is_transfer && !p->does_else[u->is_load][u->engine];
}

/* A load right before its first reader. */
static void sink_load(const planner *p, uint32_t unit, ts_time interval) {
    ts_time before = INT64_MAX;
    for (uint32_t i = p->out[unit]; i; i = p->behind[i - 1]) {
        const ts_skew_edge *edge = &p->body->edges.data[i - 1];
        ts_time at = p->units[edge->to].start + interval * edge->distance;
        if (edge->to != unit && at < before) before = at;
    }
    if (before != INT64_MAX) p->units[unit].start = later(p->units[unit].start, before - 1);
}

/* A store right behind what it stores. */
static void raise_store(const planner *p, uint32_t unit, ts_time interval) {
    ts_time after = -1;
    for (uint32_t i = p->into[unit]; i < p->into[unit + 1]; i++) {
        const ts_skew_edge *edge = &p->body->edges.data[i];
        if (edge->from != unit) after = later(after, p->units[edge->from].start - interval * edge->distance);
    }
    if (after + 1 < p->units[unit].start) p->units[unit].start = after + 1;
}

/* Puts transfers beside the instructions that they serve, so that few values are there at once. */
static void settle_transfers(const planner *p, ts_time interval) {
    for (uint32_t i = p->count; i-- > 0;)
        if (is_apart(p, &p->units[i]) && p->units[i].is_load) sink_load(p, i, interval);
    for (uint32_t i = 0; i < p->count; i++)
        if (is_apart(p, &p->units[i]) && !p->units[i].is_load) raise_store(p, i, interval);
}

static bool schedule(planner *p, ts_time interval, int most_stages) {
    if (!place_all(p, interval, most_stages)) return false;
    settle_transfers(p, interval);
    p->stages = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        p->stage[i] = (int)(p->units[i].start / interval);
        if (p->stage[i] > p->stages) p->stages = p->stage[i];
    }
    sort_order(p, interval);
    return true;
}

/* ---- the choice ---- */

static ts_time work_of(const planner *p, int resource) {
    ts_time sum = 0;
    for (uint32_t i = 0; i < p->count; i++)
        sum += p->units[i].busy[resource];
    return sum;
}

static ts_time least_interval(const planner *p) {
    ts_time longest = 1;
    for (int r = 0; r < ts_skew_resources; r++)
        longest = later(longest, work_of(p, r));
    return longest;
}

static void keep_best(planner *p) {
    uint32_t *order = p->order;
    int *stage = p->stage;
    p->order = p->best_order, p->best_order = order;
    p->stage = p->best_stage, p->best_stage = stage;
    p->best_stages = p->stages;
}

/* Tries intervals between the least that is possible and what a trip takes now. Returns the least time of the
   trips looked at, or that without skew. */
static ts_time find_best(planner *p, int trips, ts_time before) {
    ts_time best = before;
    double interval = (double)least_interval(p);
    int most = p->body->trips - 1 < TS_SKEW_MOST_STAGES ? p->body->trips - 1 : TS_SKEW_MOST_STAGES;
    for (int i = 0, found = 0; i < MOST_INTERVALS && found < MOST_SCHEDULES; i++, interval *= INTERVAL_STEP) {
        if (interval * trips > (double)before) break;
        if (!schedule(p, (ts_time)interval, most)) continue;
        found++;
        ts_time time = time_of(p, trips);
        if (time >= best) continue;
        best = time;
        keep_best(p);
    }
    return best;
}

/* Whether TensorE has the most to do of all engines, in a body of which some work is done in some trips only,
   as where a product's operands are turned for its first columns: what lowers products has put that in order.
 */
static bool is_product_bound(const planner *p) {
    ts_time others = 0;
    for (int engine = 0; engine < ts_engine_count; engine++)
        if (engine != ts_engine_tensor) others = later(others, work_of(p, engine));
    return p->body->is_guess && work_of(p, ts_engine_tensor) > others;
}

ts_time ts_skew_choose(ts_skew_body *body) {
    planner p = make_planner(body);
    if (is_product_bound(&p)) return 0;
    const int trips = body->trips < TS_SKEW_LOOKED_AT ? body->trips : TS_SKEW_LOOKED_AT;
    for (uint32_t i = 0; i < p.count; i++)
        p.order[i] = i;
    const ts_time before = time_of(&p, trips), after = find_best(&p, trips, before);
    if ((double)(before - after) < LEAST_GAIN * (double)before) return 0;
    body->order = p.best_order;
    body->stages = p.best_stages;
    for (uint32_t i = 0; i < p.count; i++)
        body->units.data[i].stage = p.best_stage[i];
    return (ts_time)((double)(before - after) / trips * body->trips);
}

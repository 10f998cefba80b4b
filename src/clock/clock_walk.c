/* Walks the clock's state in a fixed order, as far as it can matter in a loop from now on. No engine of the
   loop starts anything before `floor`, so times before it cannot matter: every start is the latest of several
   times, one of which is when its engine is free. Dead accesses, and waits that were left out because others
   imply them, are not part of the state. */
#include "clock/clock_steady.h"

/* Visits one word of the state: hashes, saves or compares it. */
static inline void word(ts_walk *walk, int64_t value) {
    ts_steady *steady = &walk->clock->steady;
    if (walk->mode == ts_walk_compare) {
        if (walk->at >= steady->words.count || steady->words.data[walk->at] != value) walk->is_equal = false;
    } else if (walk->mode == ts_walk_save) {
        ts_vec_push(&steady->words, &walk->clock->arena, value);
    } else if (walk->mode == ts_walk_sign) {
        walk->sign = (walk->sign ^ (uint64_t)value) * 0x9E3779B97F4A7C15u;
        walk->sign ^= walk->sign >> 29;
    }
    walk->at++;
}

static void pointer(ts_walk *walk, const void *value) {
    word(walk, (int64_t)(intptr_t)value);
}

/* Whether an event that is done can still delay anything. */
static bool matters(const ts_walk *walk, const ts_event *event) {
    for (int k = 0; k < walk->clock->sets; k++)
        if (event->of[k].ready >= walk->floor[k] || event->of[k].same >= walk->floor[k]) return true;
    return false;
}

/* Visits a time relative to the floor; one before the floor is like any other such time. */
static void visit_time(ts_walk *walk, int k, ts_time *time) {
    bool is_past = *time < walk->floor[k];
    word(walk, is_past ? -1 : *time - walk->floor[k]);
    if (walk->mode == ts_walk_move && !is_past) *time += walk->step[k];
}

static void visit_times(ts_walk *walk, ts_times *times) {
    for (int k = 0; k < walk->clock->sets; k++)
        visit_time(walk, k, &times->at[k]);
}

/* Visits a reference to the node of `time` (in the set asked for). `is_moved`: the time has been moved
 * already. */
static void visit_node(ts_walk *walk, ts_node **node, ts_time time, bool is_moved) {
    ts_clock *clock = walk->clock;
    ts_steady *steady = &clock->steady;
    ts_time floor = walk->floor[clock->asked];
    if (is_moved) floor += walk->step[clock->asked];
    if (time < floor || !*node || walk->mode == ts_walk_sign) {
        word(walk, -1);
        return;
    }
    uint32_t place = walk->place++;
    if (walk->mode == ts_walk_save) {
        if (!(*node)->anchor) (*node)->anchor = place + 1;
        word(walk, (*node)->anchor);
        ts_vec_push(&steady->pins, &clock->arena, ts_node_hold(*node));
    } else if (walk->mode == ts_walk_compare) {
        if (!(*node)->mark) (*node)->mark = place + 1;
        word(walk, (*node)->mark);
        ts_vec_push(&steady->places, &clock->arena, node);
    } else {
        ts_node *old = *node;
        *node = ts_node_hold(walk->nodes[place]);
        ts_node_drop(clock, old);
        walk->at++;
    }
}

/* Visits the cause of `time`, which has been visited (and moved) already. */
static void visit_cause(ts_walk *walk, ts_cause *cause, ts_time time) {
    bool is_moved = walk->mode == ts_walk_move;
    ts_time floor = walk->floor[walk->clock->asked] + (is_moved ? walk->step[walk->clock->asked] : 0);
    bool is_past = time < floor;
    pointer(walk, is_past ? NULL : cause->step);
    word(walk, is_past ? -1 : (int64_t)cause->kind);
    if (is_moved && !is_past) cause->sequence += walk->instructions;
    visit_node(walk, &cause->node, time, is_moved);
}

/* The event's number in this walk. Events are visited later, in the order of their numbers. */
static uint32_t number(ts_walk *walk, ts_event *event) {
    ts_steady *steady = &walk->clock->steady;
    if (!event->mark) {
        ts_vec_push(&steady->events, &walk->clock->arena, event);
        event->mark = steady->events.count;
    }
    return event->mark;
}

/* Visits the members of a burst. What they touch is visited with the visits. */
static void visit_burst(ts_walk *walk, const ts_event *event) {
    ts_burst *burst = ts_burst_of(walk->clock, event);
    for (uint32_t m = 0; m < burst->count; m++)
        pointer(walk, burst->member[m].step);
    word(walk, burst->first != NULL);
    if (burst->first)
        visit_node(walk, &burst->first, event->of[walk->clock->asked].ready, walk->mode == ts_walk_move);
}

static void visit_event(ts_walk *walk, ts_event *event) {
    uint64_t sequence = walk->clock->sequence - event->sequence;
    int sets = walk->clock->sets, asked = walk->clock->asked;
    pointer(walk, event->step);
    word(walk, (int64_t)event->step->inst);
    word(walk, event->table | event->is_done << 16);
    word(walk, event->waits);
    for (ts_edge *edge = event->edges; edge; edge = edge->next) {
        word(walk, number(walk, edge->consumer));
        word(walk, (int64_t)edge->later << 32 | edge->wait);
    }
    word(walk, -1);
    word(walk, (int64_t)sequence);
    if (!event->is_done) {
        for (int k = 0; k < sets; k++)
            visit_time(walk, k, &event->of[k].earliest);
        visit_cause(walk, &event->cause, event->of[asked].earliest);
    } else {
        for (int k = 0; k < sets; k++) {
            visit_time(walk, k, &event->of[k].same);
            visit_time(walk, k, &event->of[k].ready);
        }
        visit_node(walk, &event->node, event->of[asked].ready, walk->mode == ts_walk_move);
    }
    word(walk, ts_event_count(walk->clock, event));
    if (ts_event_is_burst(walk->clock, event)) visit_burst(walk, event);
    if (walk->mode == ts_walk_move) event->sequence += walk->instructions;
}

/* Visits the events of a lane. */
static void number_lane(ts_walk *walk, const ts_lane *lane) {
    if (walk->mode == ts_walk_sign) {
        word(walk, lane->count);
        word(walk, lane->head ? (int64_t)lane->head->step->inst : -1);
        return;
    }
    for (ts_event *event = lane->head; event; event = event->next)
        word(walk, number(walk, event));
    word(walk, -1);
}

static void visit_engines(ts_walk *walk) {
    ts_clock *clock = walk->clock;
    uint32_t engines = clock->steady.repeat[walk->loop].engines;
    for (int e = ts_engine_tensor; e < ts_engine_count; e++) {
        number_lane(walk, &clock->engine[e]);
        if (!(engines >> e & 1)) continue;
        visit_times(walk, &clock->engine_free[e]);
        visit_cause(walk, &clock->engine_cause[e], clock->engine_free[e].at[clock->asked]);
        for (int port = 0; port < ts_port_count; port++) {
            visit_times(walk, &clock->port_free[port][e]);
            visit_cause(walk, &clock->port_cause[port][e], clock->port_free[port][e].at[clock->asked]);
        }
    }
}

static void visit_transfers(ts_walk *walk) {
    ts_clock *clock = walk->clock;
    for (int queue = 0; queue < clock->queues; queue++) {
        number_lane(walk, &clock->ring[queue]);
        visit_times(walk, &clock->ring_free[queue]);
        visit_node(walk, &clock->ring_node[queue], clock->ring_free[queue].at[clock->asked],
                   walk->mode == ts_walk_move);
    }
    int engines = ts_walk_is_symmetric(clock) ? clock->dma_engines[0] : clock->most_engines;
    for (int i = 0; i < (clock->dma_is_split ? engines : 1); i++) {
        int engine = clock->dma_is_split ? (i + (int)clock->rotation) % engines : 0;
        visit_times(walk, &clock->dma_free[engine]);
        visit_node(walk, &clock->dma_node[engine], clock->dma_free[engine].at[clock->asked],
                   walk->mode == ts_walk_move);
    }
    word(walk, clock->moving.pieces);
    visit_times(walk, &clock->moving.passed);
    visit_node(walk, &clock->moving.node, clock->moving.passed.at[clock->asked], walk->mode == ts_walk_move);
    visit_times(walk, &clock->hbm_free);
    visit_node(walk, &clock->hbm_node, clock->hbm_free.at[clock->asked], walk->mode == ts_walk_move);
    if (walk->mode == ts_walk_move) ts_lanes_forget(clock);
    visit_times(walk, &clock->end);
    visit_cause(walk, &clock->end_cause, clock->end.at[clock->asked]);
}

/* Visits the union of intervals in which some DMA engine is busy. */
static void visit_union(ts_walk *walk) {
    ts_union *set = &walk->clock->dma_union;
    ts_time floor = walk->floor[walk->clock->asked], step = walk->step[walk->clock->asked];
    word(walk, set->closed < floor ? -1 : set->closed - floor);
    if (walk->mode == ts_walk_move && set->closed >= floor) set->closed += step;
    for (int i = 0; i < set->count; i++) {
        if (set->end[i] < floor) continue;
        word(walk, set->start[i] < floor ? -1 : set->start[i] - floor);
        word(walk, set->end[i] - floor);
        if (walk->mode != ts_walk_move) continue;
        set->start[i] += step;
        set->end[i] += step;
    }
    word(walk, -1);
}

/* Visits what an access touches, with its place relative to the current trip. */
static void visit_place(ts_walk *walk, const ts_access *access, ts_place *place) {
    ts_clock *clock = walk->clock;
    const ts_loop *loop = &clock->program->loops.data[walk->loop];
    int64_t shift = 0, part_shift = 0, trip = clock->counters[walk->loop];
    if (access->inst > loop->begin && access->inst < loop->end) {
        shift = ts_repeat_shift(clock->program, access->ap, walk->loop);
        part_shift = ts_repeat_part_shift(clock->program, access->ap, walk->loop);
    }
    pointer(walk, place->shape);
    word(walk, place->lo - shift * trip);
    word(walk, (int64_t)(place->end - place->part) << 32 | (uint32_t)(place->part - part_shift * trip));
    if (walk->mode != ts_walk_move || (!shift && !part_shift)) return;
    place->lo += shift * walk->trips;
    place->hi += shift * walk->trips;
    place->part += (int32_t)(part_shift * walk->trips);
    place->end += (int32_t)(part_shift * walk->trips);
}

/* Visits what the members of a burst touch at a site, of which the visit has the bounds. */
static void visit_members(ts_walk *walk, ts_visit *visit) {
    ts_burst *burst = ts_burst_of(walk->clock, visit->event);
    ts_place bounds = {0};
    for (uint32_t m = 0; m < burst->count; m++)
        for (uint32_t t = 0; t < burst->member[m].touches; t++) {
            ts_touch *touch = &burst->member[m].touch[t];
            if (!ts_access_is_like(touch->access, visit->access)) continue;
            visit_place(walk, touch->access, &touch->place);
            if (bounds.end == 0)
                bounds = touch->place;
            else
                ts_place_widen(&bounds, &touch->place);
        }
    visit->place = bounds;
}

/* Visits a remembered access. */
static void visit_visit(ts_walk *walk, const ts_site *site, ts_found found, bool is_write) {
    ts_visit *visit = found.visit;
    word(walk, (int64_t)(site - walk->clock->sites) << 16 | found.engine << 8 | is_write);
    word(walk, number(walk, visit->event));
    if (ts_event_is_burst(walk->clock, visit->event)) {
        visit_members(walk, visit);
        return;
    }
    if (!visit->place.shape) walk->is_equal = false; /* several merged visits: how they move is unknown */
    visit_place(walk, visit->access, &visit->place);
}

/* Visits what matters in the logs of a site, in order. */
static void visit_site(ts_walk *walk, const ts_site *site, bool is_write) {
    for (uint32_t logs = site->logs[is_write]; logs; logs &= logs - 1) {
        uint8_t engine = (uint8_t)__builtin_ctz(logs);
        const ts_log *log = site->log[is_write][engine];
        for (uint32_t n = log->first; n < log->end; n++) {
            ts_found found = {.visit = ts_log_at(log, n), .number = n, .engine = engine};
            if (!found.visit->event || (found.visit->event->is_done && !matters(walk, found.visit->event)))
                continue;
            visit_visit(walk, site, found, is_write);
        }
    }
}

static void visit_sites(ts_walk *walk) {
    for (uint32_t kind = 0; kind < 2 * walk->clock->site_count; kind++)
        visit_site(walk, &walk->clock->sites[kind / 2], kind % 2);
    word(walk, -1);
}

bool ts_walk_is_symmetric(const ts_clock *clock) {
    for (int k = 1; k < clock->sets; k++)
        if (clock->dma_engines[k] != clock->dma_engines[0]) return false;
    return true;
}

void ts_walk_state(ts_walk *walk) {
    ts_clock *clock = walk->clock;
    ts_steady *steady = &clock->steady;
    steady->events.count = 0;
    walk->at = walk->place = 0;
    walk->is_equal = true;
    word(walk, ts_walk_is_symmetric(clock) ? -1 : (int64_t)clock->rotation);
    word(walk, clock->table);
    word(walk, clock->dma_is_split | clock->held.is_valid << 1);
    visit_engines(walk);
    visit_transfers(walk);
    if (walk->mode == ts_walk_sign) return;
    if (walk->is_equal) visit_union(walk);
    if (walk->is_equal) visit_sites(walk);
    for (uint32_t i = 0; i < steady->events.count && walk->is_equal; i++)
        visit_event(walk, steady->events.data[i]);
    for (uint32_t i = 0; i < steady->events.count; i++)
        steady->events.data[i]->mark = 0;
    if (walk->mode == ts_walk_compare && walk->at != steady->words.count) walk->is_equal = false;
}

/* Bursts. In most programs half of all instructions are TensorE's, and they come in runs: the blocks of a
   tile that is turned, the products that add up in one bank of PSUM. TensorE shares no port with another
   engine and works in order, so within a run only dependences can hold it up. As long as these concern the
   first instruction alone, the others follow it without a gap, and one event is enough for all of them. What
   others wait for is still the member whose bytes they touch, and its time follows from the last one's. */
#include "clock/clock_core.h"

/* log2 of the number of members for which a burst of `count` has room. */
static uint32_t size_of(uint32_t count) {
    return 32 - (uint32_t)__builtin_clz(count - 1);
}

void ts_burst_keep(ts_clock *clock, ts_event *event, const ts_member *members, uint32_t count) {
    uint32_t size = size_of(count), number = clock->free_bursts[size];
    if (number) {
        clock->free_bursts[size] = clock->bursts.data[number - 1]->next;
    } else {
        ts_burst *fresh =
            ts_arena_alloc(&clock->arena, sizeof *fresh + ((size_t)1 << size) * sizeof(ts_member));
        ts_vec_push(&clock->bursts, &clock->arena, fresh);
        number = clock->bursts.count;
    }
    ts_burst *burst = clock->bursts.data[number - 1];
    burst->first = NULL;
    burst->count = count;
    memcpy(burst->member, members, count * sizeof *members);
    event->burst = number;
}

void ts_burst_end(ts_clock *clock, ts_event *event) {
    ts_burst *burst = ts_burst_of(clock, event);
    uint32_t size = size_of(burst->count);
    ts_node_drop(clock, burst->first);
    burst->next = clock->free_bursts[size];
    clock->free_bursts[size] = event->burst;
}

/* The node of a member's start (held): after the first member's, TensorE was held by the members between. */
static ts_node *start_of(ts_clock *clock, const ts_burst *burst, uint32_t member) {
    int asked = clock->asked;
    ts_node *node = ts_node_hold(burst->first);
    for (uint32_t m = 0; m < member;) {
        const ts_step *step = burst->member[m].step;
        ts_time amount = 0;
        for (; m < member && burst->member[m].step->row == step->row; m++)
            amount += burst->member[m].step->of[asked].occupancy;
        ts_cause cause = {.node = node, .kind = ts_cause_other};
        ts_node *next = ts_node_from(clock, &cause, (ts_charge){step->row, ts_step_bound(step), amount});
        ts_node_drop(clock, node);
        node = next;
    }
    return node;
}

ts_node *ts_burst_start(ts_clock *clock, const ts_event *event, ts_node *node, ts_time *start) {
    ts_burst *burst = ts_burst_of(clock, event);
    uint32_t last = burst->count - 1;
    burst->first = node;
    clock->issued.count = burst->count;
    for (uint32_t m = 0; m < last; m++) {
        clock->issued.start[m] = start[0];
        for (int k = 0; k < clock->sets; k++)
            start[k] += burst->member[m].step->of[k].occupancy;
    }
    clock->issued.start[last] = start[0];
    return start_of(clock, burst, last);
}

/* By itself, a member would have its times only when everything before its start has. */
uint32_t ts_burst_room(ts_clock *clock) {
    uint32_t pending = clock->pending;
    if (pending + TS_BURST_MOST <= TS_CLOCK_WINDOW) return TS_BURST_MOST;
    ts_time next = pending ? ts_lanes_time(clock) : INT64_MAX;
    for (uint32_t m = clock->issued.count; m-- > 0 && clock->issued.start[m] > next;)
        pending++;
    return pending < TS_CLOCK_WINDOW ? TS_CLOCK_WINDOW - pending : 0;
}

void ts_burst_ready(const ts_clock *clock, const ts_event *event, uint32_t later, ts_time *ready) {
    const ts_burst *burst = ts_burst_of(clock, event);
    const ts_member *last = &burst->member[burst->count - 1], *member = last - later;
    for (int k = 0; k < clock->sets; k++) {
        const ts_set_costs *end = &last->step->of[k], *own = &member->step->of[k];
        ready[k] = event->of[k].ready - (end->stream + end->latency) + own->stream + own->latency;
    }
    for (; member < last; member++)
        for (int k = 0; k < clock->sets; k++)
            ready[k] -= member->step->of[k].occupancy;
}

ts_cause ts_burst_cause(ts_clock *clock, const ts_event *event, uint32_t later) {
    const ts_burst *burst = ts_burst_of(clock, event);
    uint32_t member = burst->count - 1 - later;
    return (ts_cause){start_of(clock, burst, member), burst->member[member].step, event->sequence - later,
                      ts_cause_ready};
}

bool ts_member_meets(ts_clock *clock, const ts_member *member, const ts_access *like, const ts_place *place) {
    for (uint32_t t = 0; t < member->touches; t++) {
        const ts_touch *touch = &member->touch[t];
        if (ts_access_is_like(touch->access, like) && ts_place_meets(place, &touch->place) &&
            ts_places_conflict(clock, place, &touch->place))
            return true;
    }
    return false;
}

uint32_t ts_burst_find(ts_clock *clock, const ts_event *event, const ts_access *like, const ts_place *place) {
    const ts_burst *burst = ts_burst_of(clock, event);
    uint32_t later = 0;
    while (later < burst->count &&
           !ts_member_meets(clock, &burst->member[burst->count - 1 - later], like, place))
        later++;
    return later;
}

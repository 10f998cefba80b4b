/* The event loop. Engines issue in program order or, in list order, whichever of their next few instructions
   can start first; queues serve transfers in the order of their triggers. The engine or queue that can start
   earliest with the table's constants goes next. The other sets of constants follow the same order. */
#include <string.h>

#include "clock/clock_core.h"

static ts_time later(ts_time a, ts_time b) {
    return a > b ? a : b;
}

void ts_event_end(ts_clock *clock, ts_event *event) {
    ts_node_drop(clock, event->node); /* of an event that is not done: cause.node, the same bytes */
    if (ts_event_is_burst(clock, event)) ts_burst_end(clock, event);
    ts_slab_give(&clock->events, event);
}

/* Whether a cause replaces the known one: it is later, or at the same time and of a later instruction. The
   result thus does not depend on the order in which causes are looked at. */
static bool names(ts_time time, uint64_t sequence, ts_time known, uint64_t known_sequence) {
    return time > known || (time == known && sequence > known_sequence);
}

/* The same for a member of a burst that is not the last one. */
static void apply_member(ts_clock *clock, ts_event *consumer, const ts_event *producer, uint32_t later) {
    ts_time ready[TS_CLOCK_SETS];
    int asked = clock->asked;
    ts_burst_ready(clock, producer, later, ready);
    if (names(ready[asked], producer->sequence - later, consumer->of[asked].earliest,
              consumer->cause.sequence))
        ts_cause_replace(clock, &consumer->cause, ts_burst_cause(clock, producer, later));
    for (int k = 0; k < clock->sets; k++)
        if (ready[k] > consumer->of[k].earliest) consumer->of[k].earliest = ready[k];
}

/* Applies a wait for overwriting, which sets with TS_FREE_REUSE ignore. */
static void apply_reuse(const ts_clock *clock, ts_event *consumer, const ts_event_times *times) {
    for (int k = 0; k < clock->sets; k++)
        if (!(clock->what_if[k].free & TS_FREE_REUSE))
            consumer->of[k].earliest = later(consumer->of[k].earliest, times[k].ready);
}

TS_INLINE void apply_times(ts_event *consumer, const ts_event_times *times, bool is_same, int sets) {
    for (int k = 0; k < sets; k++)
        consumer->of[k].earliest = later(consumer->of[k].earliest, is_same ? times[k].same : times[k].ready);
}

/* Delays the consumer until the producer, which is done, allows it to start. */
static void apply(ts_clock *clock, ts_event *consumer, const ts_event *producer, ts_wait wait) {
    if (wait == ts_wait_issue) return;
    const ts_event_times *times = producer->of;
    bool is_same = wait == ts_wait_same;
    int asked = clock->asked;
    if (names(is_same ? times[asked].same : times[asked].ready, producer->sequence,
              consumer->of[asked].earliest, consumer->cause.sequence))
        ts_cause_set(clock, &consumer->cause, producer->node, producer,
                     wait == ts_wait_same     ? ts_cause_same
                     : producer->step->is_dma ? ts_cause_done
                                              : ts_cause_ready);
    if (wait == ts_wait_reuse && clock->frees_reuse)
        apply_reuse(clock, consumer, times);
    else
        TS_WITH_SETS(clock, apply_times, consumer, times, is_same);
}

static void add_edge(ts_clock *clock, ts_event *consumer, ts_event *producer, ts_wait wait, uint32_t later) {
    ts_edge *edge = ts_slab_take(&clock->arena, &clock->edges, sizeof *edge);
    *edge = (ts_edge){producer->edges, consumer, wait, later};
    producer->edges = edge;
    consumer->waits++;
}

void ts_event_depend(ts_clock *clock, ts_event *consumer, ts_event *producer, ts_wait wait, uint32_t later) {
    if (!producer->is_done)
        add_edge(clock, consumer, producer, wait, later);
    else if (later)
        apply_member(clock, consumer, producer, later);
    else
        apply(clock, consumer, producer, wait);
}

static void lane_push(ts_lane *lane, ts_event *event) {
    event->next = NULL;
    if (lane->tail)
        lane->tail->next = event;
    else
        lane->head = event;
    lane->tail = event;
    lane->count++;
}

/* Removes the event after `before` (NULL: the first event). */
static ts_event *lane_pop(ts_lane *lane, ts_event *before) {
    ts_event **link = before ? &before->next : &lane->head, *event = *link;
    *link = event->next;
    __builtin_prefetch(event->next);
    __builtin_prefetch(event->next ? event->next->of : NULL);
    if (lane->tail == event) lane->tail = before;
    event->next = NULL;
    lane->count--;
    return event;
}

/* Makes the engine's pick be looked for again. */
static void forget_pick(ts_clock *clock, unsigned engine) {
    clock->unpicked |= 1u << engine;
    clock->next.is_known = false;
}

/* The same, after a change of `event`: in program order, this can only change the pick if it is the head. */
static void forget_pick_of(ts_clock *clock, const ts_event *event) {
    uint8_t engine = event->step->engine;
    if (clock->window > 1 || clock->engine[engine].head == event) forget_pick(clock, engine);
}

static void forget_ring(ts_clock *clock) {
    clock->ring_is_known = false;
    clock->next.is_known = false;
}

void ts_lanes_forget(ts_clock *clock) {
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++)
        forget_pick(clock, engine);
    forget_ring(clock);
}

void ts_lanes_push(ts_clock *clock, ts_event *event) {
    ts_lane *lane = &clock->engine[event->step->engine];
    lane_push(lane, event);
    clock->idle &= ~(1u << event->step->engine);
    if (lane->count <= clock->window) forget_pick(clock, event->step->engine);
    clock->pending += ts_event_count(clock, event);
}

/* Marks `event` done, and applies its times to everybody who waits for them. */
static void tell(ts_clock *clock, ts_event *event) {
    event->is_done = true;
    while (event->edges) {
        ts_edge *edge = event->edges;
        ts_event *consumer = edge->consumer;
        event->edges = edge->next;
        consumer->waits--;
        ts_event_depend(clock, consumer, event, edge->wait, edge->later);
        if (consumer->waits == 0) forget_pick_of(clock, consumer);
        if (consumer->waits == 0 && clock->sibling) forget_pick_of(clock->sibling, consumer); /* its own? */
        ts_slab_give(&clock->edges, edge);
    }
}

/* Completes an event whose times are known. */
TS_INLINE void settle(ts_clock *clock, ts_event *event) {
    if (clock->is_explicit && event->signals) ts_semaphores_signal(clock, event);
    tell(clock, event);
    clock->pending -= ts_event_count(clock, event);
    ts_event_drop(clock, event);
}

/* The engine that an instruction on `engine` excludes from a port; ts_engine_none = none. */
static ts_engine port_rival(ts_port port, uint8_t engine) {
    ts_engine rival = port == ts_port_sbuf ? ts_engine_gpsimd : ts_engine_scalar;
    if (engine == ts_engine_vector) return rival;
    return engine == rival ? ts_engine_vector : ts_engine_none;
}

/* Whether `event` needs a function table that is not loaded. */
static bool needs_table(const ts_clock *clock, const ts_event *event) {
    return event->table && event->table != clock->table;
}

/* Sets `start` to when the engine could issue `event`, in the first `sets` sets. */
TS_INLINE void engine_starts(const ts_clock *clock, const ts_event *event, ts_time *start, int sets) {
    const ts_step *step = event->step;
    const ts_times *free = &clock->engine_free[step->engine];
    for (int k = 0; k < sets; k++)
        start[k] = free->at[k];
    if (needs_table(clock, event))
        for (int k = 0; k < sets; k++)
            start[k] += clock->table_load[k];
    for (int k = 0; k < sets; k++)
        start[k] = later(start[k], event->of[k].earliest);
    for (int port = 0; port < ts_port_count; port++) {
        if (!step->port[port]) continue;
        const ts_times *held = &clock->port_free[port][port_rival((ts_port)port, step->engine)];
        for (int k = 0; k < sets; k++)
            if (!clock->has_free_ports[k]) start[k] = later(start[k], held->at[k]);
    }
}

/* A node for the start that engine_starts gave in the set asked for: what did not allow an earlier one. */
TS_INLINE ts_node *start_node(ts_clock *clock, ts_event *event, ts_time start) {
    const ts_step *step = event->step;
    int k = clock->asked;
    ts_charge load = {step->row, ts_bound_scalar, needs_table(clock, event) ? clock->table_load[k] : 0};
    if (start == clock->engine_free[step->engine].at[k] + load.amount)
        return ts_node_from(clock, &clock->engine_cause[step->engine], load);
    if (start == event->of[k].earliest) return ts_node_from(clock, &event->cause, (ts_charge){0});
    for (int port = 0; port < ts_port_count; port++) {
        ts_engine rival = port_rival((ts_port)port, step->engine);
        if (step->port[port] && start == clock->port_free[port][rival].at[k])
            return ts_node_from(clock, &clock->port_cause[port][rival], (ts_charge){0});
    }
    return NULL;
}

/* Moves the end of the run if this event ends later. */
TS_INLINE void note_end(ts_clock *clock, ts_node *node, const ts_event *event, ts_cause_kind kind,
                        const ts_times *end, int sets) {
    int asked = clock->asked;
    if (end->at[asked] > clock->end.at[asked]) ts_cause_set(clock, &clock->end_cause, node, event, kind);
    for (int k = 0; k < sets; k++)
        clock->end.at[k] = later(clock->end.at[k], end->at[k]);
}

/* Holds the ports that the event needs, until it releases its engine. */
TS_INLINE void hold_ports(ts_clock *clock, ts_node *node, const ts_event *event, const ts_times *until,
                          int sets) {
    const ts_step *step = event->step;
    for (int port = 0; port < ts_port_count; port++) {
        if (!step->port[port]) continue;
        ts_times_copy(&clock->port_free[port][step->engine], until, sets);
        forget_pick(clock, port_rival((ts_port)port, step->engine));
        ts_cause_set(clock, &clock->port_cause[port][step->engine], node, event, ts_cause_engine);
    }
}

/* Appends a triggered transfer to its queue. `until` is the end of the trigger. */
static void push_ring(ts_clock *clock, ts_event *event, ts_node *node, const ts_times *until) {
    for (int k = 0; k < clock->sets; k++)
        event->of[k].earliest = until->at[k];
    ts_cause_set(clock, &event->cause, node, event, ts_cause_engine);
    ts_lane *ring = &clock->ring[event->step->queue];
    if (!ring->head) {
        clock->ring_list[clock->rings++] = event->step->queue;
        forget_ring(clock);
    }
    lane_push(ring, event);
}

/* Adds an issued instruction, and the load of a function table before it, to slices and timeline. */
static __attribute__((cold)) void show_issue(ts_clock *clock, const ts_event *event, ts_time start,
                                             ts_time until) {
    int k = clock->asked;
    ts_engine engine = (ts_engine)event->step->engine;
    ts_time free = clock->engine_free[engine].at[k];
    ts_slice slice = {.start = free, .lane = (uint8_t)engine};
    if (event->loads_table) {
        slice.end = free += clock->table_load[k];
        ts_tally_slice(clock, event, slice);
        ts_series_busy(clock, engine, slice.start, slice.end, 1);
    }
    slice.start = start;
    slice.end = until;
    slice.wait = start - free;
    if (slice.wait > 0 && start == event->of[k].earliest) {
        slice.waited = event->cause.kind == ts_cause_done ? ts_waited_dma : ts_waited_result;
        slice.after = (uint32_t)event->cause.sequence;
    } else if (slice.wait > 0) {
        slice.waited = ts_waited_port;
    }
    ts_tally_slice(clock, event, slice);
    ts_series_busy(clock, engine, start, until, 1);
    if (event->step->is_dma) return;
    if (event->step->amounts.transpose_flops > 0 && event->step->amounts.flops == 0)
        ts_series_transpose(clock, start, until);
    ts_series_live(clock, event->step->inst, start, until);
}

/* Issues the pick of an engine. */
TS_INLINE void issue_in(ts_clock *clock, ts_engine engine, int sets) {
    ts_lane *lane = &clock->engine[engine];
    ts_event *event = lane_pop(lane, lane->before);
    if (!lane->head) clock->idle |= 1u << engine;
    forget_pick(clock, engine);
    const ts_step *step = event->step;
    ts_times start, until, result;
    engine_starts(clock, event, start.at, sets);
    ts_node *node = start_node(clock, event, start.at[clock->asked]);
    if (ts_event_is_burst(clock, event)) node = ts_burst_start(clock, event, node, start.at);
    for (int k = 0; k < sets; k++) {
        until.at[k] = start.at[k] + step->of[k].occupancy;
        result.at[k] = start.at[k] + step->of[k].stream + step->of[k].latency;
    }
    if (needs_table(clock, event)) {
        event->loads_table = true;
        clock->table = event->table;
        ts_tally_table(clock, event);
    }
    if (clock->is_shown && !step->is_control)
        show_issue(clock, event, start.at[clock->asked], until.at[clock->asked]);
    ts_times_copy(&clock->engine_free[engine], &until, sets);
    ts_cause_set(clock, &clock->engine_cause[engine], node, event, ts_cause_engine);
    if (step->is_dma) {
        push_ring(clock, event, node, &until);
        ts_node_drop(clock, node);
        return;
    }
    hold_ports(clock, node, event, &until, sets);
    note_end(clock, node, event, ts_cause_result, &result, sets);
    for (int k = 0; k < sets; k++) {
        event->of[k].same = until.at[k] + step->of[k].dependent;
        event->of[k].ready = result.at[k] + clock->semaphore[k];
    }
    ts_node_drop(clock, event->cause.node);
    event->node = node;
    settle(clock, event);
}

TS_INLINE void issue(ts_clock *clock, ts_engine engine) {
    TS_WITH_SETS(clock, issue_in, clock, engine);
}

/* When the queue could start a transfer, in set k. */
static ts_time ring_start(const ts_clock *clock, const ts_event *event, int k) {
    return later(event->of[k].earliest, clock->ring_free[clock->ring_of[k][event->step->queue]].at[k]);
}

/* A node for that start in the set asked for. */
static ts_node *ring_node(ts_clock *clock, const ts_event *event, ts_time start) {
    if (start == event->of[clock->asked].earliest) return ts_node_from(clock, &event->cause, (ts_charge){0});
    ts_charge floor = {event->step->row, ts_bound_dma_queue,
                       event->step->is_collective ? 0 : clock->queue_floor[clock->asked]};
    ts_cause behind = {.node = clock->ring_node[clock->ring_of[clock->asked][event->step->queue]],
                       .kind = ts_cause_other};
    return ts_node_from(clock, &behind, floor);
}

/* Adds a transfer to slices, timeline and the totals of its queue. Its slice begins where the slices of
   earlier transfers of the queue end. */
static void show_transfer(ts_clock *clock, const ts_event *event, ts_time start, ts_time first,
                          ts_time last) {
    int k = clock->asked;
    ts_time *covered = &clock->queue_end[event->step->queue];
    ts_record_queue *queue = &clock->queue[event->step->queue];
    const ts_amounts *amounts = &event->step->amounts;
    ts_slice slice = {.start = later(first, *covered),
                      .end = last,
                      .wait = first - event->of[k].earliest,
                      .after = (uint32_t)event->sequence,
                      .lane = (uint8_t)(TS_LANE_QUEUE + event->step->queue),
                      .waited = ts_waited_queue};
    ts_tally_slice(clock, event, slice);
    *covered = later(*covered, last);
    queue->engines |= 1u << event->step->engine;
    queue->transfers++;
    queue->descriptors += (uint64_t)amounts->descriptors;
    queue->bytes += (uint64_t)amounts->bytes;
    queue->held += start > event->of[k].earliest;
    ts_series_bytes(clock, first, last, (uint64_t)(amounts->hbm_read_bytes + amounts->hbm_write_bytes));
    ts_series_live(clock, event->step->inst, first, last);
}

/* Removes the first transfer of the queue at a position of ring_list. */
static ts_event *ring_pop(ts_clock *clock, int position) {
    uint16_t queue = clock->ring_list[position];
    ts_event *event = lane_pop(&clock->ring[queue], NULL);
    if (!clock->ring[queue].head) clock->ring_list[position] = clock->ring_list[--clock->rings];
    return event;
}

/* Completes a transfer or a collective, whose last byte moved at `done` and has the node `last_byte`. Takes
   over the reference to the node; `done` becomes the completion. */
TS_INLINE void end_transfer(ts_clock *clock, ts_event *event, ts_node *last_byte, ts_times *done) {
    for (int k = 0; k < clock->sets; k++)
        done->at[k] += clock->completion[k];
    ts_node_drop(clock, event->cause.node);
    event->node = last_byte;
    for (int k = 0; k < clock->sets; k++)
        event->of[k].ready = event->of[k].same = done->at[k];
    note_end(clock, event->node, event, ts_cause_done, done, clock->sets);
    settle(clock, event);
}

/* Runs the next piece of the first collective of the stream. */
static void serve_collective(ts_clock *clock, int position) {
    ts_event *event = clock->ring[clock->stream].head;
    ts_time start[TS_CLOCK_SETS];
    forget_ring(clock);
    for (int k = 0; k < clock->sets; k++)
        start[k] = ring_start(clock, event, k);
    bool is_first = clock->moving.pieces == 0;
    ts_node *issued = is_first ? ring_node(clock, event, start[clock->asked])
                               : ts_node_hold(clock->ring_node[clock->stream]);
    bool is_over = !ts_collective_move(clock, event, issued, start);
    ts_node_drop(clock, issued);
    if (!is_over) return;
    ts_times done = clock->ring_free[clock->stream];
    ring_pop(clock, position);
    end_transfer(clock, event, ts_node_hold(clock->ring_node[clock->stream]), &done);
}

/* Serves the queue at a position of ring_list: moves its first transfer. */
static void serve(ts_clock *clock, int position) {
    uint16_t queue = clock->ring_list[position];
    if (queue == clock->stream) {
        serve_collective(clock, position);
        return;
    }
    ts_event *event = ring_pop(clock, position);
    forget_ring(clock);
    const ts_step *step = event->step;
    int asked = clock->asked;
    ts_time start[TS_CLOCK_SETS], first = 0;
    ts_times done;
    for (int k = 0; k < clock->sets; k++)
        start[k] = ring_start(clock, event, k);
    ts_node *issued = ring_node(clock, event, start[asked]), *last_byte = NULL;
    for (int k = 0; k < clock->sets; k++) {
        clock->ring_free[clock->ring_of[k][queue]].at[k] = start[k] + clock->queue_floor[k];
        done.at[k] = start[k] + clock->first_byte[k];
    }
    ts_dma_move(clock, step, issued, &done, &first, &last_byte);
    ts_node **ring = &clock->ring_node[clock->ring_of[asked][queue]];
    ts_node_drop(clock, *ring);
    *ring = issued;
    show_transfer(clock, event, start[asked], first, done.at[asked]);
    end_transfer(clock, event, last_byte, &done);
}

/* Finds the event of a lane that can start first: in program order the head, else any of the next few listed
   events. Transfers of one queue keep their order, and nothing passes an instruction that is not listed. */
static void find_pick(ts_clock *clock, ts_engine engine) {
    ts_lane *lane = &clock->engine[engine];
    ts_event *before = NULL, *event = lane->head;
    lane->pick = lane->before = NULL;
    lane->start = INT64_MAX;
    if (clock->window == 1) {
        if (!event || event->waits) return;
        lane->pick = event;
        engine_starts(clock, event, &lane->start, 1);
        return;
    }
    uint64_t queues[TS_CLOCK_RINGS / 64 + 1] = {0};
    ts_time best = INT64_MAX, free = clock->engine_free[engine].at[0];
    for (int i = 0; event && i < clock->window; i++, before = event, event = event->next) {
        if (!event->step->is_listed && before) return;
        if (event->step->is_dma) {
            uint64_t bit = (uint64_t)1 << event->step->queue % 64, *queue = &queues[event->step->queue / 64];
            bool is_taken = *queue & bit;
            *queue |= bit;
            if (is_taken) continue;
        }
        if (!event->waits) {
            ts_time start;
            engine_starts(clock, event, &start, 1);
            if (start < best) {
                lane->start = best = start;
                lane->pick = event;
                lane->before = before;
                if (start == free) return;
            }
        }
        if (!event->step->is_listed) return;
    }
}

/* Whether an event goes before another; ties go to the earlier instruction. */
static bool is_sooner(const ts_event *event, ts_time start, const ts_event *than, ts_time than_start) {
    return !than || start < than_start || (start == than_start && event->sequence < than->sequence);
}

/* Finds the queue whose first transfer can start first. */
static void find_ring(ts_clock *clock) {
    const ts_event *first = NULL;
    clock->ring_is_known = true;
    clock->ring_pick = -1;
    for (int i = 0; i < clock->rings; i++) {
        const ts_event *event = clock->ring[clock->ring_list[i]].head;
        ts_time start = ring_start(clock, event, 0);
        if (!is_sooner(event, start, first, clock->ring_time)) continue;
        clock->ring_pick = i;
        clock->ring_time = start;
        first = event;
    }
}

/* Finds what goes next: the pick of an engine, or the first transfer of a queue. The time INT64_MAX means
   nothing, because everything waits for the other core. */
static void find_next(ts_clock *clock) {
    const ts_event *first = NULL;
    ts_time best = INT64_MAX;
    clock->next.is_known = true;
    for (; clock->unpicked; clock->unpicked &= clock->unpicked - 1)
        find_pick(clock, (ts_engine)__builtin_ctz(clock->unpicked));
    for (int e = ts_engine_tensor; e < ts_engine_count; e++) {
        const ts_lane *lane = &clock->engine[e];
        if (lane->start > best || !lane->pick || !is_sooner(lane->pick, lane->start, first, best)) continue;
        first = lane->pick;
        best = lane->start;
        clock->next.engine = e;
    }
    if (!clock->ring_is_known) find_ring(clock);
    int ring = clock->ring_pick;
    bool is_ring =
        ring >= 0 && is_sooner(clock->ring[clock->ring_list[ring]].head, clock->ring_time, first, best);
    clock->next.ring = is_ring ? ring : -1;
    clock->next.time = is_ring ? clock->ring_time : best;
}

ts_time ts_lanes_time(ts_clock *clock) {
    if (!clock->next.is_known) find_next(clock);
    return clock->next.time;
}

void ts_lanes_step(ts_clock *clock) {
    if (!clock->next.is_known) find_next(clock);
    if (clock->next.ring >= 0)
        serve(clock, clock->next.ring);
    else
        issue(clock, (ts_engine)clock->next.engine);
}

/* Steady states. A snapshot of the clock is taken at the start of a trip. If a later trip starts in the same
   state, the trips between are a period, and the clock jumps over as many further periods as the loop has
   left. What one period adds to the totals and to the critical path is multiplied. The last period, and trips
   that are no whole period, are stepped. */
#include <stdlib.h>
#include <string.h>

#include "clock/clock_steady.h"

enum {
    FEWEST = 256,       /* instructions that a loop must have run before a snapshot is tried */
    SHORTEST = 512,     /* instructions that a loop must have left to make a snapshot worth it */
    MOST_SNAPSHOTS = 8, /* of one loop */
    LEAST_TRIPS = 3     /* periods that must be left: one to compare, one to jump over, one to step */
};

/* A walk whose floor is the time before which no engine of the loop starts anything, and no queue a transfer
   that waits in it: with constants other than the table's that may be long ago. */
static ts_walk start_walk(ts_clock *clock, uint32_t loop, ts_walk_mode mode) {
    ts_walk walk = {.clock = clock, .loop = loop, .mode = mode};
    uint32_t engines = clock->steady.repeat[loop].engines;
    for (int k = 0; k < clock->sets; k++) {
        walk.floor[k] = INT64_MAX;
        for (int e = ts_engine_tensor; e < ts_engine_count; e++)
            if (engines >> e & 1 && clock->engine_free[e].at[k] < walk.floor[k])
                walk.floor[k] = clock->engine_free[e].at[k];
        for (int i = 0; i < clock->rings; i++)
            for (const ts_event *event = clock->ring[clock->ring_list[i]].head; event; event = event->next)
                if (event->of[k].earliest < walk.floor[k]) walk.floor[k] = event->of[k].earliest;
    }
    return walk;
}

/* ---- totals ---- */

static void save_totals(ts_clock *clock) {
    ts_steady *steady = &clock->steady;
    memcpy(steady->busy, clock->record->busy, sizeof steady->busy);
    steady->conservative_waits = clock->record->conservative_waits;
    steady->collective_busy = clock->record->collective_busy;
    steady->union_length = ts_union_length(&clock->dma_union);
    steady->counts.count = steady->loading.count = steady->loops.count = 0;
    for (uint32_t i = 0; i < clock->steps.count; i++)
        ts_vec_push(&steady->counts, &clock->arena, clock->steps.data[i]->count);
    for (uint32_t i = 0; i < clock->rows.count; i++)
        ts_vec_push(&steady->loading, &clock->arena, clock->rows.data[i].loading);
    for (uint32_t i = 0; i < clock->record->loops.count; i++)
        ts_vec_push(&steady->loops, &clock->arena, clock->record->loops.data[i]);
    memcpy(steady->queue, clock->queue, (size_t)clock->queues * sizeof *steady->queue);
}

/* Adds `times` times what a field has gained since the snapshot. */
#define GROW(now, old, field, times) ((now)->field += ((now)->field - (old)->field) * (times))

static void grow_totals(ts_clock *clock, int64_t periods) {
    ts_steady *steady = &clock->steady;
    uint64_t times = (uint64_t)periods;
    for (int e = 0; e < ts_engine_count; e++)
        GROW(clock->record, steady, busy[e], periods);
    GROW(clock->record, steady, conservative_waits, times);
    GROW(clock->record, steady, collective_busy, periods);
    for (uint32_t i = 0; i < clock->steps.count; i++) {
        uint64_t before = i < steady->counts.count ? steady->counts.data[i] : 0;
        clock->steps.data[i]->count += (clock->steps.data[i]->count - before) * times;
    }
    for (uint32_t i = 0; i < clock->rows.count; i++)
        clock->rows.data[i].loading += (clock->rows.data[i].loading - steady->loading.data[i]) * periods;
    for (uint32_t i = 0; i < clock->record->loops.count; i++) {
        GROW(&clock->record->loops.data[i], &steady->loops.data[i], entries, times);
        GROW(&clock->record->loops.data[i], &steady->loops.data[i], trips, times);
    }
    for (int i = 0; i < clock->queues; i++) {
        GROW(&clock->queue[i], &steady->queue[i], transfers, times);
        GROW(&clock->queue[i], &steady->queue[i], descriptors, times);
        GROW(&clock->queue[i], &steady->queue[i], bytes, times);
        GROW(&clock->queue[i], &steady->queue[i], held, times);
    }
    clock->dma_union.sum += (ts_union_length(&clock->dma_union) - steady->union_length) * periods;
}

/* ---- the critical path ---- */

/* The part of a path from a node of the current state back to the snapshot. The path passes the snapshot at a
   node that some reference held there; the stretch of the node that the same reference holds now is `next`.
   So one period from now, the reference's path will be this stretch behind the current path of `next`. */
typedef struct stretch {
    ts_node *node, *jumped;
    ts_charge *charges;
    uint32_t count, next; /* number of charges; index of the next stretch */
    int64_t visits;       /* how often a path of many periods passes it */
    uint32_t seen;        /* scratch: its number on that path, from 1; 0 = not seen */
} stretch;

/* Adds up the charges of a path from a node back to the snapshot. Returns the node at which the path passes
   the snapshot, NULL if it does not. */
static const ts_node *add_up(ts_clock *clock, stretch *out) {
    TS_VEC(ts_charge) charges = {0};
    ts_node *at = out->node;
    for (; at && !at->anchor; at = at->parent) {
        ts_charge few[TS_NODE_CHARGES];
        uint32_t count;
        const ts_charge *own = ts_node_charges(clock, at, few, &count);
        for (uint32_t c = 0; c < count; c++) {
            ts_time *sum = &clock->charge_sums[own[c].row * ts_bound_count + own[c].bound];
            if (*sum == 0 && own[c].amount > 0) ts_vec_push(&charges, &clock->arena, own[c]);
            *sum += own[c].amount;
        }
    }
    for (uint32_t i = 0; i < charges.count; i++) {
        ts_time *sum = &clock->charge_sums[charges.data[i].row * ts_bound_count + charges.data[i].bound];
        charges.data[i].amount = *sum;
        *sum = 0;
    }
    out->charges = charges.data;
    out->count = charges.count;
    return at;
}

/* The stretches of all nodes of the state; of[i] is the stretch of reference i. Returns NULL if the path of
   some node does not pass the snapshot. */
static stretch *find_stretches(ts_clock *clock, uint32_t *of, uint32_t *found) {
    ts_steady *steady = &clock->steady;
    uint32_t places = steady->places.count, count = 0;
    stretch *all = TS_NEW_ARRAY(&clock->arena, stretch, places + 1);
    for (uint32_t i = 0; i < places; i++) {
        ts_node *node = *steady->places.data[i];
        if (node->mark == i + 1) all[count++].node = node;
        of[i] = node->mark == i + 1 ? count - 1 : of[node->mark - 1];
    }
    for (uint32_t i = 0; i < count; i++) {
        const ts_node *there = add_up(clock, &all[i]);
        if (!there) return NULL;
        all[i].next = of[there->anchor - 1];
    }
    *found = count;
    return all;
}

/* Follows `steps` stretches from one, counts visits, and returns where this ends. Since every path soon runs
   in a cycle, whole rounds of it are counted at once. */
static uint32_t follow(stretch *all, uint32_t count, uint32_t from, int64_t steps) {
    for (uint32_t i = 0; i < count; i++)
        all[i].visits = all[i].seen = 0;
    uint32_t at = from, order = 0;
    while (steps > 0 && !all[at].seen) {
        all[at].seen = ++order;
        all[at].visits++;
        at = all[at].next;
        steps--;
    }
    if (steps == 0) return at;
    uint32_t length = order - all[at].seen + 1, first = all[at].seen;
    for (uint32_t i = 0; i < count; i++)
        if (all[i].seen >= first) all[i].visits += steps / length;
    for (steps %= length; steps > 0; steps--) {
        all[at].visits++;
        at = all[at].next;
    }
    return at;
}

/* The node that will take the place of a node `periods` periods later (held); NULL without host memory. */
static ts_node *jump_node(ts_clock *clock, stretch *all, uint32_t count, uint32_t from, int64_t periods) {
    uint32_t end = follow(all, count, from, periods), charges = 0;
    ts_cause cause = {.node = all[end].node, .kind = ts_cause_other};
    ts_charge *many = malloc((size_t)clock->rows.count * ts_bound_count * sizeof *many);
    if (!many) return NULL;
    ts_node *node = ts_node_from(clock, &cause, (ts_charge){0});
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t c = 0; c < all[i].count && all[i].visits; c++) {
            const ts_charge *own = &all[i].charges[c];
            ts_time *sum = &clock->charge_sums[own->row * ts_bound_count + own->bound];
            if (*sum == 0 && own->amount > 0) many[charges++] = *own;
            *sum += own->amount * all[i].visits;
        }
    node->span = 0;
    for (uint32_t i = 0; i < charges; i++) {
        ts_time *sum = &clock->charge_sums[many[i].row * ts_bound_count + many[i].bound];
        many[i].amount = *sum;
        node->span += *sum;
        *sum = 0;
    }
    ts_node_take(node, many, charges);
    return node;
}

/* ---- the jump ---- */

/* Drops the snapshot. */
static void release(ts_clock *clock) {
    ts_steady *steady = &clock->steady;
    for (uint32_t i = 0; i < steady->pins.count; i++) {
        steady->pins.data[i]->anchor = 0;
        ts_node_drop(clock, steady->pins.data[i]);
    }
    steady->pins.count = steady->words.count = 0;
    steady->is_active = false;
}

/* Forgets the marks that a comparison left on nodes. */
static void unmark(ts_clock *clock) {
    for (uint32_t i = 0; i < clock->steady.places.count; i++)
        (*clock->steady.places.data[i])->mark = 0;
    clock->steady.places.count = 0;
}

/* Advances the rotation of DMA engines. States are compared starting at the engine that serves next, because
   the engines are alike; over a jump, the engines' states therefore move along with the rotation. */
static void turn_engines(ts_clock *clock, int64_t periods) {
    uint32_t engines = (uint32_t)clock->dma_engines[0];
    uint32_t step = (clock->rotation + engines - clock->steady.rotation) % engines;
    step = (uint32_t)(step * (uint64_t)periods % engines);
    clock->rotation = (clock->rotation + step) % engines;
    if (step == 0 || !clock->dma_is_split) return;
    ts_times free[TS_CLOCK_DMA_ENGINES];
    ts_node *node[TS_CLOCK_DMA_ENGINES];
    memcpy(free, clock->dma_free, engines * sizeof *free);
    memcpy(node, clock->dma_node, engines * sizeof *node);
    for (uint32_t engine = 0; engine < engines; engine++) {
        clock->dma_free[(engine + step) % engines] = free[engine];
        clock->dma_node[(engine + step) % engines] = node[engine];
    }
}

/* Moves the clock on by `periods` periods from the state that `compared` found equal to the snapshot. Returns
   whether that was possible. */
static bool jump(ts_clock *clock, const ts_walk *compared, int64_t periods) {
    ts_steady *steady = &clock->steady;
    uint32_t places = steady->places.count, count = 0;
    uint32_t *of = TS_NEW_ARRAY(&clock->arena, uint32_t, places + 1);
    if (!clock->charge_sums)
        clock->charge_sums = TS_NEW_ARRAY(&clock->arena, ts_time, (size_t)clock->rows.count * ts_bound_count);
    stretch *all = find_stretches(clock, of, &count);
    if (!all) return false;
    bool is_made = true;
    uint32_t limit = clock->node_limit;
    clock->node_limit = UINT32_MAX; /* nothing merges while charges are being added up */
    for (uint32_t i = 0; i < count && is_made; i++) {
        all[i].jumped = jump_node(clock, all, count, i, periods);
        is_made = all[i].jumped != NULL;
    }
    clock->node_limit = limit;
    if (is_made) {
        ts_walk walk = *compared;
        int64_t trips = (clock->counters[walk.loop] - steady->trip) * periods;
        walk.mode = ts_walk_move;
        walk.trips = trips;
        walk.instructions = (clock->sequence - steady->sequence) * (uint64_t)periods;
        walk.nodes = TS_NEW_ARRAY(&clock->arena, ts_node *, places + 1);
        for (uint32_t i = 0; i < places; i++)
            walk.nodes[i] = all[of[i]].jumped;
        for (int k = 0; k < clock->sets; k++)
            walk.step[k] = (walk.floor[k] - steady->floor[k]) * periods;
        unmark(clock);
        grow_totals(clock, periods);
        ts_walk_state(&walk);
        turn_engines(clock, periods);
        clock->sequence += walk.instructions;
        clock->counters[walk.loop] += trips;
        clock->record->skipped_iterations += (uint64_t)trips;
        clock->record->skipped_instructions += walk.instructions;
        ts_sites_tick(clock);
    }
    for (uint32_t i = 0; i < count; i++)
        ts_node_drop(clock, all[i].jumped);
    return is_made;
}

/* The number of periods to jump over. The last period is stepped, and so are trips whose ragged counts
   change; the instruction cap must not be passed. */
static int64_t count_periods(const ts_clock *clock, uint32_t loop, int64_t period) {
    const ts_steady *steady = &clock->steady;
    int64_t counter = clock->counters[loop], left = clock->trips[loop] - counter;
    if (steady->repeat[loop].last < clock->trips[loop]) left = steady->repeat[loop].last + 1 - counter;
    int64_t periods = left / period - 1;
    uint64_t instructions = clock->sequence - steady->sequence;
    uint64_t most = instructions ? (clock->instruction_cap - clock->sequence) / instructions : 0;
    return periods < 0 || (uint64_t)periods < most ? periods : (int64_t)most;
}

/* Whether nothing needs every trip, as slices, the timeline and the path over time do. */
static bool may_skip(const ts_clock *clock) {
    return !clock->steady.is_off && clock->bins == 0 && clock->path_cap == 0 && !clock->watch.is_on &&
           !clock->held.is_valid && (clock->slice_cap == 0 || clock->record->slices_truncated);
}

/* Whether a snapshot at this trip may be worth it. */
static bool is_worth_it(ts_clock *clock, uint32_t loop) {
    ts_steady *steady = &clock->steady;
    uint64_t done = clock->sequence - steady->entered;
    int64_t counter = clock->counters[loop], left = clock->trips[loop] - counter;
    if (steady->snapshots == MOST_SNAPSHOTS || counter < steady->next || done < FEWEST || !may_skip(clock))
        return false;
    if (left < LEAST_TRIPS || (double)done / (double)counter * (double)left < SHORTEST) return false;
    ts_repeat *repeat = &steady->repeat[loop];
    if (!repeat->is_known || counter > repeat->last) ts_repeat_find(clock, loop, repeat);
    return repeat->is_able && counter <= repeat->last && counter % repeat->period == 0;
}

/* The number of trips since the state last had its current hash; 0 if no remembered trip had it. */
static int64_t trips_since_sign(ts_clock *clock, uint32_t loop) {
    ts_steady *steady = &clock->steady;
    ts_walk walk = start_walk(clock, loop, ts_walk_sign);
    ts_walk_state(&walk);
    int64_t found = 0;
    for (uint32_t i = 1; i <= TS_CLOCK_SIGNS && i <= steady->signs && !found; i++)
        if (steady->sign[(steady->signs - i) % TS_CLOCK_SIGNS] == walk.sign)
            found = i * steady->repeat[loop].period;
    steady->sign[steady->signs++ % TS_CLOCK_SIGNS] = walk.sign;
    return found;
}

/* Takes a snapshot if the state is likely to recur. */
static void consider(ts_clock *clock, uint32_t loop) {
    enum { FEW_SIGNS = 4 };
    ts_steady *steady = &clock->steady;
    if (!is_worth_it(clock, loop)) return;
    steady->period = trips_since_sign(clock, loop);
    bool is_likely = steady->period || steady->signs >= FEW_SIGNS;
    if (is_likely && !ts_repeat_look(clock, loop, &steady->repeat[loop])) return;
    if (!steady->period || (clock->trips[loop] - clock->counters[loop]) / steady->period < LEAST_TRIPS)
        return;
    ts_walk walk = start_walk(clock, loop, ts_walk_save);
    steady->is_active = true;
    steady->snapshots++;
    steady->trip = clock->counters[loop];
    steady->sequence = clock->sequence;
    steady->rotation = clock->rotation;
    memcpy(steady->floor, walk.floor, sizeof steady->floor);
    save_totals(clock);
    ts_sites_sweep(clock);
    ts_walk_state(&walk);
}

/* One period after the snapshot, compares the state with it, and jumps if they are equal. */
static void compare(ts_clock *clock, uint32_t loop) {
    ts_steady *steady = &clock->steady;
    if (clock->counters[loop] != steady->trip + steady->period) return;
    int64_t periods = count_periods(clock, loop, steady->period);
    bool is_done = false;
    if (periods > 0) {
        ts_walk walk = start_walk(clock, loop, ts_walk_compare);
        ts_sites_sweep(clock);
        ts_walk_state(&walk);
        is_done = walk.is_equal && jump(clock, &walk, periods);
        unmark(clock);
    }
    release(clock);
    if (periods < 1 || is_done) steady->snapshots = MOST_SNAPSHOTS;
    steady->next = clock->counters[loop] + ((int64_t)1 << steady->snapshots);
    steady->signs = 0;
}

void ts_steady_trip(ts_clock *clock, uint32_t loop) {
    if (clock->steady.is_active)
        compare(clock, loop);
    else
        consider(clock, loop);
}

void ts_steady_end(ts_clock *clock) {
    if (clock->steady.is_active) release(clock);
    clock->steady.snapshots = clock->steady.signs = 0;
    clock->steady.next = 0;
}

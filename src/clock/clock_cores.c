/* Two cores of one chip, each with a clock of its own. The cores share HBM, which serves their transfers in
   the order of their starts with the table's constants. So they also share the tree of instants: a transfer
   may wait for one of the other core, and thus for whatever that waited for. One clock at a time holds both.
   All other state belongs to one core, except that a core_wait depends on the other core's core_signal of the
   same number. */

#include "clock/clock_core.h"

void ts_cores_hand_over(const ts_clock *from, ts_clock *to) {
    if (from == to) return;
    to->hbm_free = from->hbm_free;
    to->hbm_node = from->hbm_node;
    to->nodes = from->nodes;
    to->live_nodes = from->live_nodes;
    to->node_limit = from->node_limit;
    to->charge_sums = from->charge_sums;
}

/* Adds rows for the instructions of the other core, so that row numbers differ between cores. What this
   core's path charges to them appears in no row of its record. */
static void skip_rows(ts_clock *clock, uint32_t until) {
    while (clock->rows.count < until)
        ts_vec_push(&clock->rows, &clock->arena, (ts_clock_row){0});
}

ts_status ts_cores_open(ts_clock *clock, ts_clock *before) {
    for (int k = 0; k < clock->sets; k++)
        clock->chip[k].sibling_core_idle = 1; /* its traffic is clocked, not assumed */
    if (before && before->sets != clock->sets)
        return ts_fail(clock->diag, ts_usage, "cores of one chip take as many what-ifs, and a band together");
    if (before) skip_rows(clock, before->rows.count);
    clock->first_row = clock->rows.count;
    TS_TRY(ts_clock_prepare(clock));
    clock->end_row = clock->rows.count;
    if (!before) return ts_ok;
    skip_rows(before, clock->rows.count);
    before->charge_sums = TS_NEW_ARRAY(&before->arena, ts_time, (size_t)clock->rows.count * ts_bound_count);
    return ts_ok;
}

/* If the core_wait of this number has been fetched already, it becomes dependent on the signal. */
void ts_cores_signal(ts_clock *clock, ts_event *event) {
    ts_clock *other = clock->sibling;
    if (!other) return;
    uint32_t number = clock->core_signals.count;
    bool is_awaited = number < other->core_waits.count;
    ts_vec_push(&clock->core_signals, &clock->arena, is_awaited ? NULL : event);
    if (!is_awaited) {
        event->refs++;
        return;
    }
    ts_event *consumer = other->core_waits.data[number];
    ts_event_depend(other, consumer, event, ts_wait_ready, 0);
    consumer->waits--;
}

void ts_cores_wait(ts_clock *clock, ts_event *event) {
    ts_clock *other = clock->sibling;
    if (!other) return;
    uint32_t number = clock->core_waits.count;
    ts_vec_push(&clock->core_waits, &clock->arena, event);
    if (number >= other->core_signals.count) {
        event->waits++; /* for the signal, which is not fetched yet */
        return;
    }
    ts_event *signal = other->core_signals.data[number];
    ts_event_depend(clock, event, signal, ts_wait_ready, 0);
    ts_event_drop(clock, signal);
}

/* Fetches as many instructions as may be pending. */
static ts_status fetch(ts_clock *clock, bool *is_end) {
    while (!*is_end && clock->pending < TS_CLOCK_WINDOW)
        TS_TRY(ts_expand_next(clock, is_end));
    return ts_ok;
}

/* Whether an instruction that is not fetched yet could go before all fetched ones. In program order only the
   next instruction of an engine with an empty lane could, and not before that engine is free. */
static bool could_be_sooner(ts_clock *clock) {
    uint32_t engines = clock->idle & clock->coming;
    if (clock->pending == 0 || clock->window > 1) return true;
    if (!engines) return false;
    ts_time next = ts_lanes_time(clock);
    for (; engines; engines &= engines - 1)
        if (clock->engine_free[__builtin_ctz(engines)].at[0] < next) return true;
    return false;
}

/* Runs a single core. Fetches only as far as is needed to decide what goes next, since then most producers of
   an instruction have their times when it is fetched. */
static ts_status run_one(ts_clock *clock) {
    bool is_end = false;
    do {
        while (!is_end && ts_burst_room(clock) > 0 && could_be_sooner(clock))
            TS_TRY(ts_expand_next(clock, &is_end));
        if (clock->pending) ts_lanes_step(clock);
    } while (!is_end || clock->pending);
    return ts_ok;
}

ts_status ts_cores_run(ts_clock *const *clocks, int count) {
    bool is_end[TS_CLOCK_CORES] = {false};
    ts_clock *holder = clocks[0];
    if (count == 1) return run_one(holder);
    for (;;) {
        ts_clock *next = NULL;
        ts_time best = 0;
        for (int core = 0; core < count; core++) {
            if (!is_end[core] && clocks[core]->pending < TS_CLOCK_WINDOW) {
                ts_cores_hand_over(holder, clocks[core]);
                holder = clocks[core];
            }
            TS_TRY(fetch(clocks[core], &is_end[core]));
        }
        for (int core = 0; core < count; core++) {
            ts_time time = clocks[core]->pending ? ts_lanes_time(clocks[core]) : INT64_MAX;
            if (time == INT64_MAX || (next && time >= best)) continue;
            next = clocks[core];
            best = time;
        }
        if (!next) break;
        ts_cores_hand_over(holder, next);
        holder = next;
        ts_lanes_step(next);
    }
    ts_cores_hand_over(holder, clocks[0]);
    for (int core = 0; core < count; core++)
        if (clocks[core]->pending)
            return ts_fail(clocks[core]->diag, ts_deadlock,
                           "a core_wait of core %d waits for a core_signal that the other core does not have",
                           core);
    return ts_ok;
}

ts_time ts_cores_other(const ts_clock *clock) {
    ts_time sum = 0;
    for (uint32_t row = 1; row < clock->rows.count && clock->has_sibling; row++)
        for (int bound = 0; bound < ts_bound_count && (row < clock->first_row || row >= clock->end_row);
             bound++)
            sum += clock->record->rows.data[row].bounds[bound];
    return sum;
}

/* Semaphores of programs with sync=explicit. An instruction that waits for a value of a semaphore depends on
   the event whose signal gives it that value. Each semaphore counts the instructions of one engine, or the
   transfers of one queue and trigger, in order (verify_sync.c), so a value belongs to exactly one signal. */
#include <string.h>

#include "clock/clock_core.h"

/* The waits and signals of an instruction; NULL: none. */
static const ts_sync *sync_of(const ts_clock *clock, const ts_inst *inst) {
    return inst->sync ? &clock->program->syncs.data[inst->sync - 1] : NULL;
}

void ts_semaphores_init(ts_clock *clock) {
    const ts_program *program = clock->program;
    clock->is_explicit = program->syncing == ts_syncing_explicit;
    uint32_t count = 0;
    for (uint32_t i = 0; i < program->syncs.count; i++) {
        const ts_sync *sync = &program->syncs.data[i];
        if (sync->is_waiting && sync->awaited >= count) count = sync->awaited + 1u;
        if (sync->is_signalling && sync->signalled >= count) count = sync->signalled + 1u;
    }
    clock->semaphores = TS_NEW_ARRAY(&clock->arena, ts_semaphore, count);
    for (uint32_t at = 0; at < program->code.count && count > 0; at++) {
        const ts_inst *inst = program->code.data[at];
        const ts_sync *sync = sync_of(clock, inst);
        if (sync && sync->is_waiting) clock->semaphores[sync->awaited].waiters |= 1u << inst->engine;
    }
}

/* The event of the first signal that gives the semaphore `value` or more; NULL if that signal can delay
   nothing any more, or if there is none. */
static ts_event *find_signal(const ts_semaphore *semaphore, int64_t value) {
    uint32_t low = semaphore->first, high = semaphore->signals.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (semaphore->signals.data[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == semaphore->signals.count || value <= semaphore->forgotten) return NULL;
    return semaphore->signals.data[low].event;
}

/* Whether all engines that ever wait for the semaphore are past the time of the event's signal. */
static bool is_past(const ts_clock *clock, const ts_semaphore *semaphore, const ts_event *event) {
    if (!event->is_done) return false;
    for (uint32_t engines = semaphore->waiters; engines; engines &= engines - 1)
        for (int k = 0; k < clock->sets; k++)
            if (event->of[k].ready > clock->engine_free[__builtin_ctz(engines)].at[k]) return false;
    return true;
}

/* Forgets signals that can delay nothing any more. */
static void forget_past(ts_clock *clock, ts_semaphore *semaphore) {
    while (semaphore->first < semaphore->signals.count) {
        const ts_signal *signal = &semaphore->signals.data[semaphore->first];
        if (!is_past(clock, semaphore, signal->event)) break;
        semaphore->forgotten = signal->value;
        ts_event_drop(clock, signal->event);
        semaphore->first++;
    }
    uint32_t kept = semaphore->signals.count - semaphore->first;
    if (semaphore->first <= kept) return;
    memmove(semaphore->signals.data, semaphore->signals.data + semaphore->first, kept * sizeof(ts_signal));
    semaphore->signals.count = kept;
    semaphore->first = 0;
}

void ts_semaphores_fetch(ts_clock *clock, ts_event *event, const ts_inst *inst) {
    const ts_sync *sync = sync_of(clock, inst);
    if (!sync) return;
    if (sync->is_waiting) {
        int64_t value = ts_affine_value(clock->program, &sync->value, clock->counters);
        ts_event *signal = find_signal(&clock->semaphores[sync->awaited], value);
        if (signal) ts_event_depend(clock, event, signal, ts_wait_ready, 0);
    }
    if (!sync->is_signalling) return;
    ts_semaphore *semaphore = &clock->semaphores[sync->signalled];
    if (!semaphore->waiters) return;
    semaphore->count += sync->amount;
    forget_past(clock, semaphore);
    ts_signal signal = {semaphore->count, event};
    ts_vec_push(&semaphore->signals, &clock->arena, signal);
    event->refs++;
    event->signals = 1 + sync->signalled;
}

/* Transfers of a queue may end out of order, and so may instructions if a what-if takes away a latency. A
   signal then takes effect only after all earlier ones, because the semaphore counts how many of the first
   are over. */
void ts_semaphores_signal(ts_clock *clock, ts_event *event) {
    ts_semaphore *semaphore = &clock->semaphores[event->signals - 1];
    int asked = clock->asked;
    bool is_latest = event->of[asked].ready >= semaphore->latest.at[asked];
    ts_node *other = is_latest ? event->node : semaphore->node;
    ts_node *old = is_latest ? semaphore->node : event->node;
    ts_node_hold(other);
    *(is_latest ? &semaphore->node : &event->node) = other;
    ts_node_drop(clock, old);
    for (int k = 0; k < clock->sets; k++) {
        if (event->of[k].ready < semaphore->latest.at[k]) event->of[k].ready = semaphore->latest.at[k];
        semaphore->latest.at[k] = event->of[k].ready;
    }
}

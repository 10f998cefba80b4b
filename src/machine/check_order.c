/* The happened-before order that semaphores make: vector clocks of engines and queues (check_order.h). */
#include "machine/check_order.h"

static const ts_sync *sync_of(const ts_ordering *order, uint32_t at) {
    uint32_t sync = order->program->code.data[at]->sync;
    return sync ? &order->program->syncs.data[sync - 1] : NULL;
}

static void find_sources(ts_ordering *order) {
    const ts_program *program = order->program;
    enum { QUEUES = UINT8_MAX + 1 };
    uint32_t *number = TS_NEW_ARRAY(order->arena, uint32_t, ts_engine_count * (QUEUES + 1));
    order->source_of = TS_NEW_ARRAY(order->arena, uint32_t, program->code.count + 1);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        uint32_t queue = inst->op == ts_op_dma_copy ? 1u + ((const ts_inst_dma_copy *)inst)->queue : 0;
        uint32_t *own = &number[queue * ts_engine_count + inst->engine];
        if (!*own) *own = ++order->sources;
        order->source_of[at] = *own - 1;
    }
    order->executed = TS_NEW_ARRAY(order->arena, uint32_t, order->sources + 1);
}

static void find_semaphores(ts_ordering *order) {
    const ts_program *program = order->program;
    for (uint32_t i = 0; i < program->syncs.count; i++) {
        const ts_sync *sync = &program->syncs.data[i];
        uint32_t waits = sync->is_waiting ? sync->awaited + 1u : 0;
        uint32_t signals = sync->is_signalling ? sync->signalled + 1u : 0;
        if (waits > order->semaphore_count) order->semaphore_count = waits;
        if (signals > order->semaphore_count) order->semaphore_count = signals;
    }
    order->semaphores = TS_NEW_ARRAY(order->arena, ts_order_semaphore, order->semaphore_count + 1);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_sync *sync = sync_of(order, at);
        if (sync && sync->is_waiting) order->semaphores[sync->awaited].is_named = true;
        if (!sync || !sync->is_signalling) continue;
        order->semaphores[sync->signalled].is_named = true;
        order->semaphores[sync->signalled].source = order->source_of[at];
    }
}

void ts_ordering_begin(ts_ordering *order, const ts_program *program, ts_arena *arena) {
    *order = (ts_ordering){.program = program, .arena = arena};
    find_sources(order);
    find_semaphores(order);
    for (int engine = 0; engine < ts_engine_count; engine++)
        order->over[engine] = TS_NEW_ARRAY(arena, uint32_t, order->sources + 1);
}

/* The signal after which the semaphore is at least `value`; NULL: it always was, or no signal so far is
   enough. */
static const ts_order_signal *find_signal(const ts_order_semaphore *semaphore, int64_t value) {
    uint32_t low = 0, high = semaphore->signals.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (semaphore->signals.data[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return value > 0 && low < semaphore->signals.count ? &semaphore->signals.data[low] : NULL;
}

static void learn(ts_ordering *order, uint8_t engine, const ts_order_semaphore *semaphore,
                  const ts_order_signal *signal) {
    uint32_t *over = order->over[engine];
    if (over[semaphore->source] >= signal->number) return; /* known already, and so is all that it implies */
    for (uint32_t source = 0; source < order->sources; source++)
        if (signal->over[source] > over[source]) over[source] = signal->over[source];
    over[semaphore->source] = signal->number;
    order->kept[engine] = NULL;
}

uint32_t ts_ordering_start(ts_ordering *order, uint32_t at, const int64_t *counters) {
    const ts_sync *sync = sync_of(order, at);
    uint8_t engine = order->program->code.data[at]->engine;
    if (sync && sync->is_waiting) {
        const ts_order_semaphore *semaphore = &order->semaphores[sync->awaited];
        const ts_order_signal *signal =
            find_signal(semaphore, ts_affine_value(order->program, &sync->value, counters));
        if (signal) learn(order, engine, semaphore, signal);
    }
    return ++order->executed[order->source_of[at]];
}

void ts_ordering_signal(ts_ordering *order, uint32_t at, uint32_t number) {
    const ts_sync *sync = sync_of(order, at);
    uint8_t engine = order->program->code.data[at]->engine;
    if (!sync || !sync->is_signalling) return;
    if (!order->kept[engine])
        order->kept[engine] =
            ts_arena_copy(order->arena, order->over[engine], order->sources * sizeof(uint32_t));
    ts_order_semaphore *semaphore = &order->semaphores[sync->signalled];
    uint32_t count = semaphore->signals.count;
    ts_order_signal signal = {.number = number, .at = at, .over = order->kept[engine]};
    signal.value = (count ? semaphore->signals.data[count - 1].value : 0) + sync->amount;
    ts_vec_push(&semaphore->signals, order->arena, signal);
}

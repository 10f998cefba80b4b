/* Verifier: semaphores of programs with sync=explicit. A semaphore counts completed instructions of one
   engine, or completed transfers of one queue that one engine triggers; AWS's profiles likewise name each
   semaphore by its source. A wait therefore says which of the source's instructions have completed. Those
   must precede the wait in program order, because program order is the functional meaning. */
#include "arch/unroll.h"
#include "arch/verify.h"

enum { MOST_POSITIONS = 1 << 24, SEMAPHORES = UINT16_MAX + 1 };

typedef struct counting {
    ts_verifier *v;
    int64_t *count;         /* per semaphore, up to the current instruction */
    const ts_inst **source; /* first instruction that signals it; NULL: none */
    ts_unroll unroll;
} counting;

static const ts_sync *sync_of(const counting *c, const ts_inst *inst) {
    return inst->sync ? &c->v->program->syncs.data[inst->sync - 1] : NULL;
}

static ts_status check_number(ts_verifier *v, unsigned number) {
    if (number < v->chip->semaphores) return ts_ok;
    return ts_verify_refuse(v, ts_input, "S[%u]: a core has S[0] to S[%.0f] (chip.def semaphores)", number,
                            v->chip->semaphores - 1);
}

static bool is_one_source(const ts_inst *a, const ts_inst *b) {
    if (a->engine != b->engine || (a->op == ts_op_dma_copy) != (b->op == ts_op_dma_copy)) return false;
    return a->op != ts_op_dma_copy ||
           ((const ts_inst_dma_copy *)a)->queue == ((const ts_inst_dma_copy *)b)->queue;
}

static ts_status check_source(counting *c, const ts_sync *sync) {
    const ts_inst *inst = c->v->inst, *first = c->source[sync->signalled];
    if (!first) c->source[sync->signalled] = inst;
    if (!first || is_one_source(first, inst)) return ts_ok;
    ts_verify_refuse(
        c->v, ts_input,
        "S[%u] counts other instructions already, %s.%s first: it counts those of one engine, or "
        "the transfers of one queue and trigger",
        sync->signalled, ts_engine_name(first->engine), ts_op_get(first->op)->name);
    ts_diag_remedy(c->v->diag, "signal a semaphore of its own here, and wait for both");
    return ts_input;
}

static ts_status check_inst(counting *c) {
    ts_verifier *v = c->v;
    const ts_sync *sync = sync_of(c, v->inst);
    if (v->inst->op == ts_op_leave) {
        ts_verify_refuse(v, ts_unsupported, "a decision by data in a program with sync=explicit");
        ts_diag_remedy(v->diag, "leave the waits to the clock: without sync=explicit");
        return ts_unsupported;
    }
    if (!sync) return ts_ok;
    if (sync->is_waiting) TS_TRY(check_number(v, sync->awaited));
    if (!sync->is_signalling) return ts_ok;
    TS_TRY(check_number(v, sync->signalled));
    if (v->inst->op == ts_op_dma_copy && sync->amount != v->chip->dma_engines)
        return ts_verify_refuse(v, ts_input,
                                "signal adds %u: a transfer adds %.0f, one for each DMA engine "
                                "(chip.def dma_engines)",
                                sync->amount, v->chip->dma_engines);
    return check_source(c, sync);
}

/* Makes `inst` and the counters of its loops the verifier's current place, for a message. */
static void look_at(counting *c, const ts_inst *inst) {
    ts_verifier *v = c->v;
    v->inst = inst;
    v->nest.depth = c->unroll.depth;
    for (int i = 0; i < c->unroll.depth; i++) {
        v->nest.loop[i] = c->unroll.open[i];
        v->counters[c->unroll.open[i]] = c->unroll.counters[c->unroll.open[i]];
    }
}

/* The semaphore's value after the rest of the program. *is_own: only the waiting engine signals it. */
static int64_t count_rest(counting *c, uint16_t semaphore, bool *is_own) {
    const ts_inst *waiter = c->v->inst, *inst = waiter;
    int64_t count = c->count[semaphore];
    *is_own = true;
    for (; inst; inst = ts_unroll_next(&c->unroll)) {
        const ts_sync *sync = sync_of(c, inst);
        if (!sync || !sync->is_signalling || sync->signalled != semaphore) continue;
        count += sync->amount;
        *is_own &= inst->engine == waiter->engine;
    }
    return count;
}

static ts_status refuse_wait(counting *c, const ts_inst *inst, const ts_sync *sync, int64_t value) {
    char point[200];
    bool is_own;
    int64_t here = c->count[sync->awaited];
    look_at(c, inst);
    ts_verify_point_text(c->v, point, sizeof point);
    int64_t most = count_rest(c, sync->awaited, &is_own);
    if (most < value)
        return ts_verify_refuse(c->v, ts_deadlock,
                                "waits for ever: S[%u] >= %lld%s, and all signals make it %lld",
                                sync->awaited, (long long)value, point, (long long)most);
    if (is_own)
        return ts_verify_refuse(
            c->v, ts_deadlock, "waits for ever: S[%u] >= %lld%s, which is %lld until the same engine goes on",
            sync->awaited, (long long)value, point, (long long)here);
    ts_verify_refuse(c->v, ts_input,
                     "waits for S[%u] >= %lld%s, which the instructions before it make %lld only",
                     sync->awaited, (long long)value, point, (long long)here);
    ts_diag_remedy(c->v->diag,
                   "move what signals it up: the program's order must be one that the waits allow");
    return ts_input;
}

static ts_status count_all(counting *c) {
    ts_verifier *v = c->v;
    const ts_inst *inst;
    ts_arena scratch = {0};
    ts_status status = ts_ok;
    ts_unroll_begin(&c->unroll, v->program, MOST_POSITIONS, &scratch);
    while (status == ts_ok && (inst = ts_unroll_next(&c->unroll))) {
        const ts_sync *sync = sync_of(c, inst);
        if (!sync) continue;
        int64_t value = sync->is_waiting ? ts_affine_value(v->program, &sync->value, c->unroll.counters) : 0;
        if (sync->is_waiting && value > c->count[sync->awaited]) status = refuse_wait(c, inst, sync, value);
        if (status != ts_ok || !sync->is_signalling) continue;
        if ((double)(c->count[sync->signalled] += sync->amount) <= v->chip->semaphore_largest) continue;
        look_at(c, inst);
        status =
            ts_verify_refuse(v, ts_input, "S[%u] passes %.0f, the most it holds (chip.def semaphore_largest)",
                             sync->signalled, v->chip->semaphore_largest);
    }
    if (status == ts_ok && c->unroll.left < 0)
        status =
            ts_fail(v->diag, ts_capacity,
                    "sync=explicit: more than %d instructions and loop marks, whose semaphores are counted "
                    "one by one",
                    MOST_POSITIONS);
    ts_arena_free(&scratch);
    return status;
}

ts_status ts_verify_sync(ts_verifier *v) {
    ts_arena scratch = {0};
    counting c = {.v = v,
                  .count = TS_NEW_ARRAY(&scratch, int64_t, SEMAPHORES),
                  .source = TS_NEW_ARRAY(&scratch, const ts_inst *, SEMAPHORES)};
    ts_status status = ts_ok;
    for (uint32_t i = 0; i < v->program->code.count && status == ts_ok; i++) {
        v->inst = v->program->code.data[i];
        status = check_inst(&c);
    }
    if (status == ts_ok) status = count_all(&c);
    ts_arena_free(&scratch);
    return status;
}

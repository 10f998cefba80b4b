/* The plans that a device keeps: the most recently used, limited in number and bytes. */
#include "runtime/nki_plans.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 64 };
/* Limit of host memory for the journals and programs of all plans. */
static const uint64_t MOST_BYTES = UINT64_C(128) << 20;

struct ts_nki_plans {
    pthread_mutex_t lock;    /* guards the fields below */
    ts_nki_plan *kept[KEPT]; /* most recently used first */
    uint64_t bytes[KEPT], all_bytes;
    int count;
};

static ts_fill *fills_of(const ts_program *program) {
    ts_fill *fills = calloc((size_t)program->tensors.count + 1, sizeof *fills);
    for (uint32_t i = 0; fills && i < program->tensors.count; i++)
        if (program->tensors.data[i].kind == ts_tensor_output) fills[i] = ts_record_fill(program, i);
    return fills;
}

ts_nki_plan *ts_nki_plan_new(ts_journal *journal, ts_executable *executable, ts_diag *warnings,
                             uint32_t warning_count) {
    ts_nki_plan *plan = malloc(sizeof *plan);
    ts_fill *fills = fills_of(ts_executable_program(executable));
    if (plan && fills) {
        *plan = (ts_nki_plan){*journal, executable, fills, warnings, warning_count, 1};
        *journal = (ts_journal){.is_lost = true};
        return plan;
    }
    ts_executable_unload(executable);
    ts_executable_release(executable);
    ts_journal_free(journal);
    free(warnings);
    free(fills);
    free(plan);
    return NULL;
}

void ts_nki_plan_release(ts_nki_plan *plan) {
    if (!plan || atomic_fetch_sub_explicit(&plan->references, 1, memory_order_acq_rel) != 1) return;
    ts_executable_unload(plan->executable);
    ts_executable_release(plan->executable);
    free(plan->warnings);
    free(plan->fills);
    ts_journal_free(&plan->journal);
    free(plan);
}

ts_nki_plans *ts_nki_plans_new(void) {
    ts_nki_plans *plans = calloc(1, sizeof *plans);
    if (plans) pthread_mutex_init(&plans->lock, NULL);
    return plans;
}

/* Removes the last plan. The caller releases it after dropping the lock. */
static ts_nki_plan *drop_last(ts_nki_plans *plans) {
    plans->all_bytes -= plans->bytes[--plans->count];
    return plans->kept[plans->count];
}

void ts_nki_plans_free(ts_nki_plans *plans) {
    if (!plans) return;
    while (plans->count)
        ts_nki_plan_release(drop_last(plans));
    pthread_mutex_destroy(&plans->lock);
    free(plans);
}

static void put_first(ts_nki_plans *plans, int from, ts_nki_plan *plan, uint64_t bytes) {
    memmove(plans->kept + 1, plans->kept, (size_t)from * sizeof *plans->kept);
    memmove(plans->bytes + 1, plans->bytes, (size_t)from * sizeof *plans->bytes);
    plans->kept[0] = plan;
    plans->bytes[0] = bytes;
}

ts_nki_plan *ts_nki_plans_find(ts_nki_plans *plans, const ts_nki_plan *plan, ts_journal *journal, size_t *at,
                               uint32_t *result) {
    ts_nki_plan *found = NULL;
    size_t next = *at;
    pthread_mutex_lock(&plans->lock);
    for (int i = 0; i < plans->count && !found; i++) {
        ts_nki_plan *other = plans->kept[i];
        if (other == plan || other->journal.size < *at ||
            (*at && memcmp(other->journal.data, plan->journal.data, *at) != 0) ||
            !ts_journal_follows(journal, &other->journal, &next, result))
            continue;
        found = other;
        atomic_fetch_add_explicit(&found->references, 1, memory_order_relaxed);
        put_first(plans, i, found, plans->bytes[i]);
    }
    pthread_mutex_unlock(&plans->lock);
    *at = next;
    return found;
}

static uint64_t bytes_of(const ts_nki_plan *plan) {
    const ts_program *program = ts_executable_program(plan->executable);
    return plan->journal.room + program->arena.bytes_used;
}

void ts_nki_plans_keep(ts_nki_plans *plans, ts_nki_plan *plan) {
    const uint64_t bytes = bytes_of(plan);
    ts_nki_plan *dropped[KEPT];
    int count = 0;
    if (plan->journal.is_lost || bytes > MOST_BYTES / 4) return;
    atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
    pthread_mutex_lock(&plans->lock);
    while (plans->count == KEPT || (plans->count && plans->all_bytes + bytes > MOST_BYTES))
        dropped[count++] = drop_last(plans);
    put_first(plans, plans->count++, plan, bytes);
    plans->all_bytes += bytes;
    pthread_mutex_unlock(&plans->lock);
    while (count > 0)
        ts_nki_plan_release(dropped[--count]);
}

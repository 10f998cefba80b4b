/* Two programs on the cores of one chip that wait for each other: each counts its signals, and an exchange of
   tiles is a place that both must reach. The programs run in threads of their own. */
#include <stdlib.h>
#include <time.h>

#include "machine/engine.h"

enum { CORES = 2, LOOK_MS = 50 }; /* how often a wait looks whether the run is cancelled */

struct ts_meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t signals[CORES], waits[CORES], exchanges[CORES];
    const ts_rows *offered[CORES][2]; /* by the parity of the exchange */
    bool is_over[CORES];
};

ts_meeting *ts_meeting_new(void) {
    ts_meeting *meeting = calloc(1, sizeof *meeting);
    if (!meeting) return NULL;
    pthread_mutex_init(&meeting->lock, NULL);
    pthread_cond_init(&meeting->changed, NULL);
    return meeting;
}

void ts_meeting_free(ts_meeting *meeting) {
    if (!meeting) return;
    pthread_cond_destroy(&meeting->changed);
    pthread_mutex_destroy(&meeting->lock);
    free(meeting);
}

void ts_meeting_leave(ts_meeting *meeting, int member) {
    pthread_mutex_lock(&meeting->lock);
    meeting->is_over[member] = true;
    pthread_cond_broadcast(&meeting->changed);
    pthread_mutex_unlock(&meeting->lock);
}

/* Under the lock: until the other core has counted that far. */
static ts_status await(const ts_exec *exec, const uint64_t *count, uint64_t wanted) {
    ts_meeting *meeting = exec->meeting;
    int other = 1 - exec->member;
    while (*count < wanted && !meeting->is_over[other]) {
        if (exec->cancel && atomic_load(exec->cancel))
            return ts_fail(exec->diag, ts_cancelled, "interrupted while it waited for the other core");
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&meeting->changed, &meeting->lock, &until);
    }
    if (*count >= wanted) return ts_ok;
    return ts_fail(exec->diag, ts_deadlock, "waits for the other core, whose program has ended");
}

/* Counts the instruction; what is before it is done. NULL: nobody is to be met. */
static ts_meeting *arrive(ts_exec *exec) {
    exec->stats.instructions++;
    ts_segment_run(exec);
    return exec->meeting;
}

ts_status ts_exec_core_signal(ts_exec *exec, const ts_inst *inst) {
    (void)inst;
    ts_meeting *meeting = arrive(exec);
    if (!meeting) return ts_ok;
    pthread_mutex_lock(&meeting->lock);
    meeting->signals[exec->member]++;
    pthread_cond_broadcast(&meeting->changed);
    pthread_mutex_unlock(&meeting->lock);
    return ts_ok;
}

ts_status ts_exec_core_wait(ts_exec *exec, const ts_inst *inst) {
    (void)inst;
    ts_meeting *meeting = arrive(exec);
    if (!meeting) return ts_ok;
    pthread_mutex_lock(&meeting->lock);
    uint64_t wanted = ++meeting->waits[exec->member];
    ts_status status = await(exec, &meeting->signals[1 - exec->member], wanted);
    pthread_mutex_unlock(&meeting->lock);
    return status;
}

/* Both cores have come; what the other one offers. */
static ts_status meet(const ts_exec *exec, const ts_rows *offer, const ts_rows **other) {
    ts_meeting *meeting = exec->meeting;
    pthread_mutex_lock(&meeting->lock);
    uint64_t number = ++meeting->exchanges[exec->member];
    meeting->offered[exec->member][number % 2] = offer;
    pthread_cond_broadcast(&meeting->changed);
    ts_status status = await(exec, &meeting->exchanges[1 - exec->member], number);
    *other = meeting->offered[1 - exec->member][number % 2];
    pthread_mutex_unlock(&meeting->lock);
    return status;
}

ts_status ts_exchange(ts_exec *exec, const ts_inst_dma_copy *inst) {
    ts_operand_set set = {.exec = exec};
    ts_rows dst, src;
    const ts_rows *other, *done;
    ts_rows_whole(&set, &inst->dst, &dst);
    ts_rows_source(&set, &inst->src, &dst, false, &src);
    if (!ts_operands_ready(&set)) return ts_ok;
    if (!exec->meeting)
        return ts_fail(exec->diag, ts_usage, "tiles are exchanged with the other core, which runs nothing");
    TS_TRY(meet(exec, &src, &other));
    const ts_rows sent = *other; /* the other core's own, which goes on after the second meeting */
    bool fits = sent.dtype == dst.dtype && sent.parts == dst.parts && sent.elems == dst.elems;
    if (fits) ts_rows_copy(&dst, &sent, 0, dst.parts);
    TS_TRY(meet(exec, NULL, &done)); /* the other one has read, too: what it read may change */
    if (fits) return ts_ok;
    return ts_fail(exec->diag, ts_input,
                   "the other core sends %lld x %lld elements of %s, this one takes %lld x %lld of %s",
                   (long long)sent.parts, (long long)sent.elems, ts_dtype_get(sent.dtype)->name,
                   (long long)dst.parts, (long long)dst.elems, ts_dtype_get(dst.dtype)->name);
}

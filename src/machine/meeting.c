/* Programs on several NeuronCores that wait for each other, each run by a thread of its own: rounds, which
   end once all members have come, and the counted signals of NKI's pair of cores. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine/engine.h"
#include "machine/shared.h"

typedef struct member {
    uint64_t signals, waits;
    ts_offer offer;
    bool is_over;
} member;

struct ts_meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int members;
    ts_shared_meeting *shared; /* for members in several processes; nothing below is then used */
    uint64_t rounds;           /* completed: all members have come */
    int arrived;               /* members that have come to the next round */
    int gone;                  /* 1 + the first member whose program has ended; 0: none */
    ts_diag failure;           /* of the first member that failed */
    member member[];
};

ts_meeting *ts_meeting_new(int members) {
    if (members < 1 || members > TS_MAX_RANKS) return NULL;
    ts_meeting *meeting = calloc(1, sizeof *meeting + (size_t)members * sizeof *meeting->member);
    if (!meeting) return NULL;
    meeting->members = members;
    pthread_mutex_init(&meeting->lock, NULL);
    pthread_cond_init(&meeting->changed, NULL);
    return meeting;
}

ts_meeting *ts_meeting_of_processes(ts_shared *shared) {
    ts_meeting *meeting = ts_meeting_new(shared->members);
    if (meeting) meeting->shared = ts_shared_meeting_new(shared);
    if (meeting && meeting->shared) return meeting;
    ts_meeting_free(meeting);
    ts_shared_close(shared);
    return NULL;
}

void ts_meeting_free(ts_meeting *meeting) {
    if (!meeting) return;
    ts_shared_meeting_free(meeting->shared);
    pthread_cond_destroy(&meeting->changed);
    pthread_mutex_destroy(&meeting->lock);
    free(meeting);
}

int ts_meeting_members(const ts_meeting *meeting) {
    return meeting->members;
}

ts_status ts_meeting_leave(ts_meeting *meeting, int number, ts_status status, ts_diag *diag) {
    if (meeting->shared) return ts_shared_meeting_leave(meeting->shared, number, status, diag);
    pthread_mutex_lock(&meeting->lock);
    if (!meeting->member[number].is_over && !meeting->gone) meeting->gone = 1 + number;
    meeting->member[number].is_over = true;
    if (status != ts_ok && meeting->failure.status == ts_ok) {
        if (diag) meeting->failure = *diag;
        meeting->failure.status = status;
    } else if (status == ts_deadlock) {
        status = meeting->failure.status;
        if (diag) *diag = meeting->failure;
    }
    pthread_cond_broadcast(&meeting->changed);
    pthread_mutex_unlock(&meeting->lock);
    return status;
}

static void sleep_a_little(ts_meeting *meeting) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TS_LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&meeting->changed, &meeting->lock, &until);
}

/* Under the lock: waits until *count is `wanted`. Fails with ts_deadlock if a member has ended before. */
static ts_status await(const ts_exec *exec, const uint64_t *count, uint64_t wanted) {
    ts_meeting *meeting = exec->meeting;
    const bool is_pair = exec->program->ranks == 1;
    while (*count < wanted && !meeting->gone) {
        if (exec->cancel && atomic_load(exec->cancel))
            return ts_fail(exec->diag, ts_cancelled, "interrupted while it waited for the other core%s",
                           is_pair ? "" : "s");
        sleep_a_little(meeting);
    }
    if (*count >= wanted) return ts_ok;
    if (is_pair) return ts_fail(exec->diag, ts_deadlock, "waits for the other core, whose program has ended");
    ts_fail(exec->diag, ts_deadlock, "waits for rank %d, whose program has ended", meeting->gone - 1);
    ts_diag_remedy(exec->diag,
                   "make as many collectives on each rank: no loop or branch around one may depend "
                   "on what a rank alone knows");
    return ts_deadlock;
}

/* Under the lock: counts a member that has come. True: it was the last one of the round. */
static bool completes_round(ts_meeting *meeting) {
    if (++meeting->arrived < meeting->members) return false;
    meeting->arrived = 0;
    meeting->rounds++;
    pthread_cond_broadcast(&meeting->changed);
    return true;
}

ts_status ts_meet(const ts_exec *exec, const ts_offer *offer) {
    ts_meeting *meeting = exec->meeting;
    ts_status status = ts_ok;
    if (meeting->shared) return ts_shared_meet(meeting->shared, exec, offer);
    pthread_mutex_lock(&meeting->lock);
    meeting->member[exec->member].offer = *offer;
    uint64_t wanted = meeting->rounds + 1;
    if (!completes_round(meeting)) status = await(exec, &meeting->rounds, wanted);
    if (status != ts_ok) meeting->arrived--; /* the round must not count this member */
    pthread_mutex_unlock(&meeting->lock);
    return status;
}

const ts_offer *ts_meeting_offer(const ts_exec *exec, int number) {
    const ts_meeting *meeting = exec->meeting;
    return meeting->shared ? ts_shared_offer(meeting->shared, exec->member, number)
                           : &meeting->member[number].offer;
}

void ts_meeting_show(const ts_exec *exec, const ts_rows *dst, int64_t first, int64_t last) {
    if (exec->meeting->shared) ts_shared_show(exec->meeting->shared, exec, dst, first, last);
}

ts_status ts_meet_again(const ts_exec *exec) {
    ts_meeting *meeting = exec->meeting;
    if (meeting->shared) return ts_shared_meet_again(meeting->shared, exec);
    pthread_mutex_lock(&meeting->lock);
    uint64_t wanted = meeting->rounds + 1;
    if (!completes_round(meeting))
        while (meeting->rounds < wanted)
            pthread_cond_wait(&meeting->changed, &meeting->lock);
    pthread_mutex_unlock(&meeting->lock);
    return ts_ok;
}

/* ---- NKI's pair ---- */

/* Counts the instruction and runs everything before it. NULL: there is no other core. */
static ts_meeting *arrive(ts_exec *exec) {
    exec->stats.instructions++;
    ts_deferred_load_all(exec);
    ts_segment_run(exec);
    return exec->meeting;
}

/* The number of the other core of a pair. */
static ts_status find_other(const ts_exec *exec, int *other) {
    *other = 1 - exec->member;
    if (exec->meeting->members == 2) return ts_ok;
    return ts_fail(exec->diag, ts_usage, "waits for the other core, where %d run together",
                   exec->meeting->members);
}

ts_status ts_exec_core_signal(ts_exec *exec, const ts_inst *inst) {
    (void)inst;
    ts_meeting *meeting = arrive(exec);
    if (!meeting) return ts_ok;
    pthread_mutex_lock(&meeting->lock);
    meeting->member[exec->member].signals++;
    pthread_cond_broadcast(&meeting->changed);
    pthread_mutex_unlock(&meeting->lock);
    return ts_ok;
}

ts_status ts_exec_core_wait(ts_exec *exec, const ts_inst *inst) {
    (void)inst;
    int other;
    ts_meeting *meeting = arrive(exec);
    if (!meeting) return ts_ok;
    TS_TRY(find_other(exec, &other));
    pthread_mutex_lock(&meeting->lock);
    uint64_t wanted = ++meeting->member[exec->member].waits;
    ts_status status = await(exec, &meeting->member[other].signals, wanted);
    pthread_mutex_unlock(&meeting->lock);
    return status;
}

ts_status ts_exchange(ts_exec *exec, const ts_inst_dma_copy *inst) {
    ts_operand_set set = {.exec = exec};
    ts_offer offer = {.inst = &inst->head};
    ts_rows dst;
    int other;
    ts_deferred_load_all(exec);
    ts_rows_whole(&set, &inst->dst, &dst);
    ts_rows_source(&set, &inst->src, &dst, false, &offer.src);
    if (!ts_operands_ready(&set)) return ts_ok;
    if (!exec->meeting)
        return ts_fail(exec->diag, ts_usage, "tiles are exchanged with the other core, which runs nothing");
    TS_TRY(find_other(exec, &other));
    TS_TRY(ts_meet(exec, &offer));
    const ts_offer *theirs = ts_meeting_offer(exec, other);
    const ts_rows *sent = &theirs->src;
    bool is_exchange = theirs->inst->op == ts_op_dma_copy;
    bool fits =
        is_exchange && sent->dtype == dst.dtype && sent->parts == dst.parts && sent->elems == dst.elems;
    if (fits) ts_rows_copy(&dst, sent, 0, dst.parts);
    /* Once the other core has read, too, what it read may change. */
    if (is_exchange) TS_TRY(ts_meet_again(exec));
    if (fits) return ts_ok;
    if (!is_exchange)
        return ts_fail(exec->diag, ts_input, "the other core is at a %s", ts_op_get(theirs->inst->op)->name);
    return ts_fail(exec->diag, ts_input,
                   "the other core sends %lld x %lld elements of %s, this one takes %lld x %lld of %s",
                   (long long)sent->parts, (long long)sent->elems, ts_dtype_get(sent->dtype)->name,
                   (long long)dst.parts, (long long)dst.elems, ts_dtype_get(dst.dtype)->name);
}

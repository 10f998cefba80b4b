/* A meeting of members in several processes: the ranks of one program that come to its collectives. A member
   that comes copies its offer into its window of the shared memory, and reads those of the others there. It
   also shows there what it computed for all of them. Rounds are counted over all runs, so that a process may
   be whole programs ahead of another, as long as these have no collectives. */
#include <stdlib.h>
#include <string.h>

#include "base/copy.h"
#include "machine/engine.h"
#include "machine/shared.h"

/* A member's offer, as a reader finds it. */
typedef struct view {
    ts_offer offer;
    ts_inst_collective inst;
} view;

struct ts_shared_meeting {
    ts_shared *shared;
    view *views; /* members x members; those of one reader lie together */
};

ts_shared_meeting *ts_shared_meeting_new(ts_shared *shared) {
    const size_t members = (size_t)shared->members;
    ts_shared_meeting *made = calloc(1, sizeof *made);
    if (made) made->views = calloc(members * members, sizeof *made->views);
    if (made && made->views) {
        made->shared = shared;
        return made;
    }
    free(made);
    return NULL;
}

void ts_shared_meeting_free(ts_shared_meeting *meeting) {
    if (!meeting) return;
    ts_shared_close(meeting->shared);
    free(meeting->views);
    free(meeting);
}

/* ---- rounds ---- */

static bool have_come(const ts_shared *shared, uint64_t round) {
    for (int i = 0; i < shared->members; i++)
        if (atomic_load(&shared->area->member[i].rounds) < round) return false;
    return true;
}

/* Fails if the round cannot complete any more, or the run is cancelled. */
static ts_status look(ts_shared *shared, const ts_exec *exec, uint64_t round) {
    if (atomic_load(&shared->area->failure) != ts_failed_not)
        return ts_fail(exec->diag, ts_deadlock, "another rank has failed");
    if (exec->cancel && atomic_load(exec->cancel))
        return ts_fail(exec->diag, ts_cancelled, "interrupted while it waited for the other ranks");
    const int gone = ts_shared_gone(shared);
    /* The process may have come to the round and ended since. */
    if (gone < 0 || have_come(shared, round)) return ts_ok;
    return ts_shared_gone_fail(shared, gone, exec->diag);
}

/* Comes to the next round, and waits for all. */
static ts_status meet(ts_shared *shared, const ts_exec *exec) {
    atomic_uint_fast64_t *own = &shared->area->member[exec->member].rounds;
    const uint64_t round = atomic_fetch_add(own, 1) + 1;
    if (have_come(shared, round)) {
        ts_shared_wake(shared);
        return ts_ok;
    }
    for (;;) {
        const unsigned seen = atomic_load(&shared->area->changed);
        if (have_come(shared, round)) return ts_ok;
        TS_TRY(look(shared, exec, round));
        ts_shared_sleep(shared, seen);
    }
}

ts_status ts_shared_meet_again(ts_shared_meeting *meeting, const ts_exec *exec) {
    return meet(meeting->shared, exec);
}

/* ---- offers ---- */

static ts_status write_note(ts_shared *shared, const ts_exec *exec, const ts_offer *offer) {
    const ts_inst_collective *inst = (const ts_inst_collective *)offer->inst;
    const uint64_t groups = (uint64_t)(offer->rows * offer->columns) * sizeof *offer->groups;
    const uint64_t src_bytes = (uint64_t)offer->src.elems * offer->src.size, from = (groups + 63) / 64 * 64;
    uint8_t *window = ts_shared_window_of(shared, exec->member, from + src_bytes);
    if (!window)
        return ts_fail(exec->diag, ts_capacity, "no host memory to hand %llu bytes to the other processes",
                       (unsigned long long)src_bytes);
    if (groups) memcpy(window, offer->groups, groups);
    ts_copy(window + from, offer->src.base, src_bytes);
    shared->area->member[exec->member].note = (ts_note){.op = offer->inst->op,
                                                        .kind = inst->kind,
                                                        .alu = inst->op,
                                                        .dtype = offer->src.dtype,
                                                        .src_elems = offer->src.elems,
                                                        .dst_elems = offer->dst.elems,
                                                        .rows = offer->rows,
                                                        .columns = offer->columns,
                                                        .src_offset = from,
                                                        .bytes = from + src_bytes};
    return ts_ok;
}

/* Rebuilds a member's offer. Its rows are a copy of the reader's with the member's type and length, and lie
   in the member's window. What the member shows of its result overwrites its src there. */
static ts_status read_note(ts_shared *shared, const ts_exec *exec, const ts_offer *own, int member, view *v) {
    const ts_note *note = &shared->area->member[member].note;
    uint8_t *window = ts_shared_window_of(shared, member, note->bytes);
    if (!window)
        return ts_fail(exec->diag, ts_capacity, "no host memory for what the other processes hand over");
    v->inst = *(const ts_inst_collective *)own->inst;
    v->inst.head.op = (uint16_t)note->op;
    v->inst.kind = note->kind;
    v->inst.op = note->alu;
    v->offer = *own;
    v->offer.inst = &v->inst.head;
    v->offer.groups = (const int32_t *)(const void *)window;
    v->offer.rows = note->rows;
    v->offer.columns = note->columns;
    v->offer.is_copy = true;
    v->offer.src.base = v->offer.dst.base = window + note->src_offset;
    v->offer.src.dtype = v->offer.dst.dtype = note->dtype;
    v->offer.src.elems = note->src_elems;
    v->offer.dst.elems = note->dst_elems;
    return ts_ok;
}

ts_status ts_shared_meet(ts_shared_meeting *meeting, const ts_exec *exec, const ts_offer *offer) {
    ts_shared *shared = meeting->shared;
    TS_TRY(write_note(shared, exec, offer));
    TS_TRY(meet(shared, exec));
    for (int i = 0; i < shared->members; i++)
        TS_TRY(read_note(shared, exec, offer, i, &meeting->views[exec->member * shared->members + i]));
    return ts_ok;
}

const ts_offer *ts_shared_offer(const ts_shared_meeting *meeting, int reader, int member) {
    return &meeting->views[reader * meeting->shared->members + member].offer;
}

void ts_shared_show(ts_shared_meeting *meeting, const ts_exec *exec, const ts_rows *dst, int64_t first,
                    int64_t last) {
    uint8_t *shown = ts_shared_offer(meeting, exec->member, exec->member)->dst.base;
    ts_copy(shown + first * dst->size, dst->base + first * dst->size, (size_t)((last - first) * dst->size));
}

/* ---- who ends ---- */

static void tell_failure(ts_shared *shared, int member, ts_status status, const ts_diag *diag) {
    unsigned not_yet = ts_failed_not;
    ts_shared_area *area = shared->area;
    if (!atomic_compare_exchange_strong(&area->failure, &not_yet, ts_failed_is_written)) return;
    area->failed_member = member;
    if (diag) area->story = *diag;
    area->story.status = status;
    area->story.rule = area->story.source_file = NULL; /* addresses of this process */
    atomic_store(&area->failure, ts_failed_is_told);
    ts_shared_wake(shared);
}

/* Waits while a failure is being written; false if its writer ended before it was complete. */
static bool is_failure_told(ts_shared *shared) {
    while (atomic_load(&shared->area->failure) == ts_failed_is_written && ts_shared_gone(shared) < 0)
        ts_shared_sleep(shared, atomic_load(&shared->area->changed));
    return atomic_load(&shared->area->failure) == ts_failed_is_told;
}

ts_status ts_shared_meeting_leave(ts_shared_meeting *meeting, int member, ts_status status, ts_diag *diag) {
    ts_shared *shared = meeting->shared;
    if (status == ts_ok) return ts_ok; /* the member comes again, with the next program */
    if (status != ts_deadlock || atomic_load(&shared->area->failure) == ts_failed_not) {
        tell_failure(shared, member, status, diag);
        return status;
    }
    if (!is_failure_told(shared) || shared->area->failed_member == member || !diag) return status;
    const ts_diag *story = &shared->area->story;
    *diag = (ts_diag){0};
    ts_fail(diag, story->status, "rank %d failed, and no collective is possible any more: %s",
            shared->area->failed_member, story->message);
    memcpy(diag->op, story->op, sizeof diag->op);
    memcpy(diag->where, story->where, sizeof diag->where);
    memcpy(diag->remedy, story->remedy, sizeof diag->remedy);
    return story->status;
}

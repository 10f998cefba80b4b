/* Runs all ranks of a program at once, each on its device and in a thread of its own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/executable.h"

typedef struct rank {
    ts_executable *executable;
    int number;
    void *const *inputs, *const *outputs;
    const ts_execute_options *options;
    ts_status status;
    ts_diag diag;
    pthread_t thread;
} rank;

static void *run_rank(void *context) {
    rank *r = context;
    r->status = ts_executable_run(r->executable, r->number, r->inputs, r->outputs, r->options, &r->diag);
    return NULL;
}

/* Rank 0 runs on the caller's thread. A rank whose thread cannot be started leaves the meeting at once, so
   that the others do not wait for it. */
static ts_status run_all(rank *ranks, int count, ts_diag *diag) {
    ts_meeting *meeting = ranks->options->meeting;
    int started = 1;
    while (started < count && pthread_create(&ranks[started].thread, NULL, run_rank, &ranks[started]) == 0)
        started++;
    for (int i = started; i < count; i++) {
        ts_fail(&ranks[i].diag, ts_system, "no thread for rank %d of %d", i, count);
        ranks[i].status = ts_meeting_leave(meeting, i, ts_system, &ranks[i].diag);
    }
    run_rank(&ranks[0]);
    for (int i = 1; i < started; i++)
        pthread_join(ranks[i].thread, NULL);
    for (int i = 0; i < count; i++) {
        if (ranks[i].status == ts_ok) continue;
        if (diag) *diag = ranks[i].diag;
        return ranks[i].status;
    }
    return ts_ok;
}

ts_status ts_executable_run_ranks(ts_executable *executable, void *const *const *inputs,
                                  void *const *const *outputs, ts_execute_options *options, ts_diag *diag) {
    const int count = (int)ts_executable_program(executable)->ranks;
    if (count == 1) return ts_executable_run(executable, 0, inputs[0], outputs[0], options, diag);
    ts_meeting *meeting = ts_meeting_new(count);
    rank *ranks = calloc((size_t)count, sizeof *ranks);
    ts_status status = ts_capacity;
    for (int i = 0; ranks && meeting && i < count; i++) {
        options[i].meeting = meeting;
        options[i].member = i;
        ranks[i] = (rank){.executable = executable,
                          .number = i,
                          .inputs = inputs[i],
                          .outputs = outputs[i],
                          .options = &options[i]};
    }
    if (ranks && meeting)
        status = run_all(ranks, count, diag);
    else
        ts_fail(diag, ts_capacity, "no host memory for %d ranks", count);
    free(ranks);
    ts_meeting_free(meeting);
    return status;
}

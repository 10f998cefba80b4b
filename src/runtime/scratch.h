/* The scratch memory of a NeuronCore's programs. They run one after the other, so that one region in HBM, as
   large as the largest of them asks for, serves all, as in AWS's runtime; nothing in it outlives a run. */
#ifndef TS_RUNTIME_SCRATCH_H
#define TS_RUNTIME_SCRATCH_H

#include <pthread.h>

#include "machine/machine.h"

typedef struct ts_scratch {
    pthread_mutex_t lock; /* a run has it */
    ts_machine *machine;
    int core;
    ts_extent *extent; /* NULL: none */
} ts_scratch;

void ts_scratch_init(ts_scratch *scratch, ts_machine *machine, int core);
void ts_scratch_close(ts_scratch *scratch);
/* Whoever takes it has `bytes` of HBM on that core until it gives them back; ts_capacity, and nothing to give
   back, where they do not fit. */
ts_status ts_scratch_take(ts_scratch *scratch, uint64_t bytes, uint8_t **data, ts_diag *diag);
void ts_scratch_give(ts_scratch *scratch);
/* A program goes that asked for so many: if none asked for more, the region goes, too, and the next run makes
   the one that it needs. */
void ts_scratch_leave(ts_scratch *scratch, uint64_t bytes);

#endif

/* Scratch memory of a NeuronCore's programs. They run one at a time, so one region in HBM, as large as the
   largest program needs, serves all, as in AWS's runtime. Its contents do not outlive a run. */
#ifndef TS_RUNTIME_SCRATCH_H
#define TS_RUNTIME_SCRATCH_H

#include <pthread.h>

#include "machine/machine.h"

typedef struct ts_scratch {
    pthread_mutex_t lock; /* held during a run */
    ts_machine *machine;
    int core;
    ts_extent *extent; /* the region; NULL: none */
} ts_scratch;

void ts_scratch_init(ts_scratch *scratch, ts_machine *machine, int core);
void ts_scratch_close(ts_scratch *scratch);
/* Locks the region, with at least `bytes` of HBM, until ts_scratch_give. ts_capacity, without the lock, when
   HBM has no room. */
ts_status ts_scratch_take(ts_scratch *scratch, uint64_t bytes, uint8_t **data, ts_diag *diag);
void ts_scratch_give(ts_scratch *scratch);
/* Called when a program that needed `bytes` is unloaded: if none needed more, the region is freed, and the
   next run allocates what it needs. */
void ts_scratch_leave(ts_scratch *scratch, uint64_t bytes);

#endif

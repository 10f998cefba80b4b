/* Scratch memory that a core's programs share (scratch.h). */
#include "runtime/scratch.h"

static void drop(ts_scratch *scratch, ts_machine *machine) {
    ts_hbm_free(machine, scratch->extent);
    scratch->extent = NULL;
}

ts_status ts_scratch_take(ts_scratch *scratch, ts_machine *machine, int core, uint64_t bytes, uint8_t **data,
                          ts_diag *diag) {
    pthread_mutex_lock(&scratch->lock);
    ts_status status = ts_ok;
    if (scratch->extent && scratch->extent->bytes < bytes) drop(scratch, machine);
    if (!scratch->extent) status = ts_hbm_alloc(machine, core, bytes, &scratch->extent, diag);
    if (status != ts_ok) {
        scratch->extent = NULL;
        pthread_mutex_unlock(&scratch->lock);
        return status;
    }
    *data = scratch->extent->host;
    return ts_ok;
}

void ts_scratch_give(ts_scratch *scratch) {
    pthread_mutex_unlock(&scratch->lock);
}

void ts_scratch_leave(ts_scratch *scratch, ts_machine *machine, uint64_t bytes) {
    if (pthread_mutex_trylock(&scratch->lock) != 0) return; /* another program is using it */
    if (scratch->extent && scratch->extent->bytes <= bytes) drop(scratch, machine);
    pthread_mutex_unlock(&scratch->lock);
}

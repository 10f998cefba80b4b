/* Scratch memory shared by a core's programs (scratch.h). */
#include "runtime/scratch.h"

void ts_scratch_init(ts_scratch *scratch, ts_machine *machine, int core) {
    *scratch = (ts_scratch){.machine = machine, .core = core};
    pthread_mutex_init(&scratch->lock, NULL);
}

static void drop(ts_scratch *scratch) {
    ts_hbm_free(scratch->machine, scratch->extent);
    scratch->extent = NULL;
}

void ts_scratch_close(ts_scratch *scratch) {
    drop(scratch);
    pthread_mutex_destroy(&scratch->lock);
}

ts_status ts_scratch_take(ts_scratch *scratch, uint64_t bytes, uint8_t **data, ts_diag *diag) {
    pthread_mutex_lock(&scratch->lock);
    ts_status status = ts_ok;
    if (scratch->extent && scratch->extent->bytes < bytes) drop(scratch);
    if (!scratch->extent)
        status = ts_hbm_alloc(scratch->machine, scratch->core, bytes, &scratch->extent, diag);
    if (status == ts_ok)
        *data = scratch->extent->host;
    else
        pthread_mutex_unlock(&scratch->lock);
    return status;
}

void ts_scratch_give(ts_scratch *scratch) {
    pthread_mutex_unlock(&scratch->lock);
}

void ts_scratch_leave(ts_scratch *scratch, uint64_t bytes) {
    if (pthread_mutex_trylock(&scratch->lock) != 0) return; /* another program is using it */
    if (scratch->extent && scratch->extent->bytes <= bytes) drop(scratch);
    pthread_mutex_unlock(&scratch->lock);
}

/* Thread pool: runs n independent tasks on a fixed number of threads, the caller among them. */
#ifndef TS_BASE_POOL_H
#define TS_BASE_POOL_H

#include "base/status.h"

typedef struct ts_pool ts_pool;
typedef void ts_task(void *context, int index);

/* `threads` >= 1 includes the calling thread, so 1 starts no worker. Idle workers spin briefly, then
   sleep. */
ts_status ts_pool_new(int threads, ts_pool **pool, ts_diag *diag);
/* Stops the workers; no job may be running. */
void ts_pool_free(ts_pool *pool);
int ts_pool_threads(const ts_pool *pool);
/* Calls task(context, i) once for each i in [0, count) and returns when all calls are done. Several threads
   may call it; their calls run one after the other. With pool NULL the caller runs all tasks itself. */
void ts_pool_run(ts_pool *pool, ts_task *task, void *context, int count);

#endif

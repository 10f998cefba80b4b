/* The process's list of live clients, its latest program, and its counts of runs. */
#ifndef TS_RUNTIME_CLIENT_REGISTRY_H
#define TS_RUNTIME_CLIENT_REGISTRY_H

#include "runtime/executable.h"

/* Counts a client. ts_usage in a child forked from a process that has clients. */
ts_status ts_registry_enter(ts_diag *diag);
/* Counts out a client that ts_registry_enter counted. */
void ts_registry_leave(void);
/* Makes `runtime` the one whose live page this process shows, or NULL before that runtime is freed. */
void ts_registry_show(ts_runtime *runtime);
/* The flag that ts_cancel sets, for ts_execute_options.cancel. */
const atomic_bool *ts_registry_cancel(void);
/* The function that ts_on_host_call was given, or NULL. */
ts_host_call *ts_registry_host_call(void);
/* Counts a run of a program that calls the host: 1 when it is queued, -1 when it has ended. */
void ts_registry_host_runs(int change);
/* Takes a reference to the executable that ran last, for ts_last_run_json, and counts the run if
   ts_count_runs was called. */
void ts_registry_ran(ts_executable *executable);

#endif

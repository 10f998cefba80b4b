/* The process's one list of live clients, and the program that ran last in any of them. */
#ifndef TS_RUNTIME_CLIENT_REGISTRY_H
#define TS_RUNTIME_CLIENT_REGISTRY_H

#include "runtime/executable.h"

/* ts_usage in a child forked from a process that has clients. */
ts_status ts_registry_enter(ts_diag *diag);
void ts_registry_leave(void);
/* The runtime whose live page this process shows; NULL before it goes. */
void ts_registry_show(ts_runtime *runtime);
/* True once ts_cancel was called: what ts_execute_options.cancel takes. */
const atomic_bool *ts_registry_cancel(void);
/* What ts_on_host_call was given, or NULL. */
ts_host_call *ts_registry_host_call(void);
/* A run of a program that calls the host is queued (1), or has ended (-1). */
void ts_registry_host_runs(int change);
/* Remembers an executable, on a reference of its own, for ts_last_run_json, and counts its run when that was
   asked for. */
void ts_registry_ran(ts_executable *executable);

#endif

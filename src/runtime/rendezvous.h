/* How the processes of one distributed program find each other. */
#ifndef TS_RUNTIME_RENDEZVOUS_H
#define TS_RUNTIME_RENDEZVOUS_H

#include <stdatomic.h>

#include "runtime/runtime.h"

enum {
    TS_RENDEZVOUS_SECONDS = 300
}; /* long, because one process may first have to fill compilation caches or prepare data */

/* Waits until all processes have arrived; *meeting is that of all their devices. Fails after `seconds`, when
   a process has ended or is of another build, and when *cancel is set. */
ts_status ts_rendezvous(const ts_processes *processes, int seconds, const atomic_bool *cancel,
                        ts_meeting **meeting, ts_diag *diag);

#endif

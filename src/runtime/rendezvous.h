/* Where the processes of one program find each other. */
#ifndef TS_RUNTIME_RENDEZVOUS_H
#define TS_RUNTIME_RENDEZVOUS_H

#include <stdatomic.h>

#include "runtime/runtime.h"

enum {
    TS_RENDEZVOUS_SECONDS = 300
}; /* compilation caches and data sets are made before it, on one process at times */

/* Returns when all processes are there, with the meeting of all their devices. Fails after `seconds`, when
   one of them has ended or is of another build, and when *cancel. */
ts_status ts_rendezvous(const ts_processes *processes, int seconds, const atomic_bool *cancel,
                        ts_meeting **meeting, ts_diag *diag);

#endif

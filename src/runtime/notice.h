/* Messages about running programs, for users who asked for them. */
#ifndef TS_RUNTIME_NOTICE_H
#define TS_RUNTIME_NOTICE_H

#include <stdatomic.h>

#include "base/text.h"
#include "machine/check.h"

/* Writes what a run's checks found, unless it equals what was written last for this device (*told) or for any
   device that runs the program (*told_by_any); both are hashes, 0 at first. The rank is named when there are
   several. */
void ts_notice_checks(const ts_checks *checks, int rank, int ranks, uint64_t *told,
                      atomic_uint_fast64_t *told_by_any);

#endif

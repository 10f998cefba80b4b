/* What a user who asked for it is told while programs run. */
#ifndef TS_RUNTIME_NOTICE_H
#define TS_RUNTIME_NOTICE_H

#include <stdatomic.h>

#include "base/text.h"
#include "machine/check.h"

/* What a run's checks found, unless the last that was told was the same, of this device or of any that runs
   the program: hashes, 0 at first. The rank is told where there are several. */
void ts_notice_checks(const ts_checks *checks, int rank, int ranks, uint64_t *told,
                      atomic_uint_fast64_t *told_by_any);

#endif

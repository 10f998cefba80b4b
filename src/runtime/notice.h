/* What a user who asked for it is told while programs run. */
#ifndef TS_RUNTIME_NOTICE_H
#define TS_RUNTIME_NOTICE_H

#include "base/text.h"
#include "machine/check.h"

/* What a run's checks found, unless the last that was told was the same: `told` is its hash, 0 at first. */
void ts_notice_checks(const ts_checks *checks, uint64_t *told);

#endif

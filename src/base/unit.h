/* Unit of work: what ends, as one, when the host has no memory for an arena or a text. The doors of the
   library run their work in one, so that hundreds of allocations inside need no check. */
#ifndef TS_BASE_UNIT_H
#define TS_BASE_UNIT_H

#include "base/status.h"

typedef ts_status ts_unit_work(void *context);

/* Calls work(context) and returns what it returns. Where an arena or a text finds no memory the work ends at
   once: everything that arenas and texts took since it began is freed, but for what belongs to `kept`, and
   the result is ts_capacity with the words "WHAT: no host memory". `kept` are arenas and texts of the caller,
   NULL at the end; they stay as they are and are the caller's to free. Arenas that lay in freed memory are
   gone with it. Work may hold nothing else that would have to be given back, and no lock. Units nest; each
   thread has its own. */
ts_status ts_unit_run(const void *const *kept, ts_unit_work *work, void *context, const char *what,
                      ts_diag *diag);

/* For arenas and texts: memory that an owner took or grew, in a unit or not. add and move end the unit when
   they cannot note it, after freeing it; drop forgets what its owner frees. */
void ts_unit_add(void *memory, const void *owner);
void ts_unit_drop(void *memory);
/* Ends the unit. Outside of one it aborts: the only abort for want of memory. */
_Noreturn void ts_unit_fail(void);

#endif

/* Unit of work: a call that ends as a whole when an arena or a text finds no host memory. The library's entry
   points run their work in a unit, so that the hundreds of allocations inside need no checks. */
#ifndef TS_BASE_UNIT_H
#define TS_BASE_UNIT_H

#include "base/status.h"

typedef ts_status ts_unit_work(void *context);

/* Calls work(context) and returns its status. When an arena or a text finds no memory, the work ends at once
   (by longjmp): everything that arenas and texts allocated since the unit began is freed, except what belongs
   to `kept`, and the result is ts_capacity with the message "WHAT: no host memory". `kept` is a
   NULL-terminated list of arenas and texts of the caller, which stay valid and remain the caller's to free.
   The struct of an arena may itself lie in memory that is freed. The work must hold no lock and no other
   resource that would have to be released. Units nest; each thread has its own stack of them. */
ts_status ts_unit_run(const void *const *kept, ts_unit_work *work, void *context, const char *what,
                      ts_diag *diag);

/* For the implementations of arenas and texts. ts_unit_add notes that `owner` allocated `memory`, inside a
   unit or not; when it cannot, it frees the memory and ends the unit. ts_unit_drop forgets memory that its
   owner is about to free. */
void ts_unit_add(void *memory, const void *owner);
void ts_unit_drop(void *memory);
/* Ends the current unit. Outside of a unit it aborts the process: the library's only abort for want of
   memory. */
_Noreturn void ts_unit_fail(void);

#endif

/* Cache of finished recordings, kept by the device: recording the same kernel again gets its executable at
   once. */
#ifndef TS_RUNTIME_NKI_PLANS_H
#define TS_RUNTIME_NKI_PLANS_H

#include "nki/journal.h"
#include "nki/recorder.h"
#include "runtime/executable.h"

/* A finished recording; immutable. Counts references; thread-safe. */
typedef struct ts_nki_plan {
    ts_journal journal;
    ts_executable *executable;
    ts_fill *fills; /* by tensor: what the program writes of it, an output */
    ts_diag *warnings;
    uint32_t warning_count;
    atomic_int references;
} ts_nki_plan;

/* Takes over all arguments. Without memory it frees them and returns NULL. */
ts_nki_plan *ts_nki_plan_new(ts_journal *journal, ts_executable *executable, ts_diag *warnings,
                             uint32_t warning_count);
void ts_nki_plan_release(ts_nki_plan *plan);

typedef struct ts_nki_plans ts_nki_plans;
ts_nki_plans *ts_nki_plans_new(void); /* NULL without memory */
void ts_nki_plans_free(ts_nki_plans *plans);

/* Finds a plan whose journal begins with the first *at bytes of the journal of `plan` (NULL: with nothing)
   and continues with the open entry, as in ts_journal_follows. The caller gets a reference. NULL when there
   is none. */
ts_nki_plan *ts_nki_plans_find(ts_nki_plans *plans, const ts_nki_plan *plan, ts_journal *journal, size_t *at,
                               uint32_t *result);
/* Adds the plan, with a reference of its own, unless it is too large; the least recently used ones are
   dropped for it. */
void ts_nki_plans_keep(ts_nki_plans *plans, ts_nki_plan *plan);

#endif

/* What recordings of kernels became, kept by the device: who records the same again has it at once. */
#ifndef TS_RUNTIME_NKI_PLANS_H
#define TS_RUNTIME_NKI_PLANS_H

#include "nki/journal.h"
#include "runtime/executable.h"

/* Does not change any more. Counted, thread-safe. */
typedef struct ts_nki_plan {
    ts_journal journal;
    ts_executable *executable;
    bool *fills; /* by tensor: whether it is an output of which the program writes all (ts_record_fills) */
    ts_diag *warnings;
    uint32_t warning_count;
    atomic_int references;
} ts_nki_plan;

/* Takes all of these over; NULL without memory, and then they are freed. */
ts_nki_plan *ts_nki_plan_new(ts_journal *journal, ts_executable *executable, ts_diag *warnings,
                             uint32_t warning_count);
void ts_nki_plan_release(ts_nki_plan *plan);

typedef struct ts_nki_plans ts_nki_plans;
ts_nki_plans *ts_nki_plans_new(void); /* NULL without memory */
void ts_nki_plans_free(ts_nki_plans *plans);

/* The plan, on a reference of the caller's, whose journal begins with the first *at bytes of that of `plan`
   (NULL: with nothing) and goes on with the open entry, as ts_journal_follows says. NULL: none does. */
ts_nki_plan *ts_nki_plans_find(ts_nki_plans *plans, const ts_nki_plan *plan, ts_journal *journal, size_t *at,
                               uint32_t *result);
/* Keeps the plan, on a reference of its own, unless it is too large; others go for it. */
void ts_nki_plans_keep(ts_nki_plans *plans, ts_nki_plan *plan);

#endif

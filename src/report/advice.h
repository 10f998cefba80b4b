/* Advice on what to change: each rule looks for one pattern in the record, states it with two figures, and
   asks the clock for a what-if. */
#ifndef TS_REPORT_ADVICE_H
#define TS_REPORT_ADVICE_H

#include "report/report.h"

enum { TS_MOST_ADVICE = 32 };

typedef struct ts_advice {
    ts_report_remedy remedy;
    ts_what_if what_if;
    ts_chip chip; /* the what-if's chip, when it edits one */
    bool has_chip;
    bool is_list;         /* clocked with engines that may start any of their next few instructions */
    unsigned of;          /* the bound that selects the line; ts_bound_count: the changed instructions do */
    float *work, *bytes;  /* of the what-if, for the rule to fill in */
    ts_time most;         /* upper limit of the gain; 0: none */
    uint32_t first_found; /* position in the list, which keeps equal gains in order */
} ts_advice;

typedef struct ts_advisor {
    ts_report *report;
    ts_advice at[TS_MOST_ADVICE];
    int count;
} ts_advisor;

/* Adds a remedy of a rule that applies. `method` as in ts_report_remedy; the texts are borrowed. Returns it
   for the rule to complete. */
ts_advice *ts_advise(ts_advisor *to, const char *id, const char *method, unsigned of, const char *title,
                     const char *action, const char *cost);
/* Gives the advice's what-if a factor for the work, or for the bytes, of each instruction; all start as 1. */
void ts_advise_work(ts_advisor *to, ts_advice *advice);
void ts_advise_bytes(ts_advisor *to, ts_advice *advice);
/* Copies the text into the report's arena and frees it. */
const char *ts_advise_text(ts_advisor *to, ts_text *out);
/* Adds a note that is not a remedy: "HBM is full to 93 %". Frees the text. */
void ts_advise_note(ts_advisor *to, const char *id, ts_text *out);

/* Busy time of an operation on an engine; ts_engine_none: on all engines. */
ts_time ts_advise_busy(const ts_report *report, unsigned op, unsigned engine);
/* Elements of each partition that an operand visits; and whether two operands are the same elements. */
int64_t ts_advise_elems(const ts_ap *ap);
bool ts_advise_same(const ts_program *program, const ts_ap *a, const ts_ap *b);

void ts_advise_transfers(ts_advisor *to);   /* advice_transfers.c: A3, A5, A6, A11, A19, A22 */
void ts_advise_matmuls(ts_advisor *to);     /* advice_engines.c: A4, A7, A8 */
void ts_advise_engines(ts_advisor *to);     /* A1, A2, A9, A10, A12, A13, A14, A18 */
void ts_advise_collectives(ts_advisor *to); /* advice_collectives.c: A15 */
void ts_advise_step(ts_advisor *to); /* advice_step.c: A16, A17, and limits without a remedy: A19, A20, A22 */

#endif

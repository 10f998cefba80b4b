/* What to change: each rule looks for one pattern in the record, states it in two figures, and leaves a
   what-if to clock. */
#ifndef TS_REPORT_ADVICE_H
#define TS_REPORT_ADVICE_H

#include "report/report.h"

enum { TS_MOST_ADVICE = 32 };

typedef struct ts_advice {
    ts_report_remedy remedy;
    ts_what_if what_if;
    ts_chip chip; /* of the what-if, when it edits one */
    bool has_chip;
    bool is_list; /* clocked with engines that take of their next instructions what can start first */
    unsigned of;  /* bound by which the line is chosen; ts_bound_count = by the instructions it changes */
    float *work, *bytes;  /* of the what-if, to fill in */
    ts_time most;         /* no change gains more than that; 0 = no such limit */
    uint32_t first_found; /* position in the list, to keep equal gains in order */
} ts_advice;

typedef struct ts_advisor {
    ts_report *report;
    ts_advice at[TS_MOST_ADVICE];
    int count;
} ts_advisor;

/* A rule that applies. `method` as in ts_report_remedy; text is borrowed. */
ts_advice *ts_advise(ts_advisor *to, const char *id, const char *method, unsigned of, const char *title,
                     const char *action, const char *cost);
/* The same with parts of each instruction's work, or of its bytes, all 1 so far. */
void ts_advise_work(ts_advisor *to, ts_advice *advice);
void ts_advise_bytes(ts_advisor *to, ts_advice *advice);
/* Takes the text over and frees it. */
const char *ts_advise_text(ts_advisor *to, ts_text *out);
/* A line that is no remedy: "HBM is full to 93 %". */
void ts_advise_note(ts_advisor *to, const char *id, ts_text *out);

/* Engine time of an operation; ts_engine_none: on any. */
ts_time ts_advise_busy(const ts_report *report, unsigned op, unsigned engine);
/* Elements of a partition that an operand visits, and whether both are the same place. */
int64_t ts_advise_elems(const ts_ap *ap);
bool ts_advise_same(const ts_program *program, const ts_ap *a, const ts_ap *b);

void ts_advise_transfers(ts_advisor *to);   /* advice_transfers.c: A3, A5, A6, A11, A19, A22 */
void ts_advise_matmuls(ts_advisor *to);     /* advice_engines.c: A4, A7, A8 */
void ts_advise_engines(ts_advisor *to);     /* A1, A2, A9, A10, A12, A13, A14, A18 */
void ts_advise_collectives(ts_advisor *to); /* advice_collectives.c: A15 */
void ts_advise_step(ts_advisor *to); /* advice_step.c: A16, A17, and what no remedy helps: A19, A20, A22 */

#endif

/* The report's parts about collectives. */
#ifndef TS_REPORT_REPORT_COLLECTIVES_H
#define TS_REPORT_REPORT_COLLECTIVES_H

#include "report/report.h"

const char *ts_report_collective_kind(const ts_report *report, const ts_report_collective *collective);
/* Like "all_reduce of 4.00 MiB on 32 ranks of 16 chips: ring, 62 steps, 252 us alone, bounded by a rank's
   sends". */
void ts_report_collective_words(const ts_report *report, const ts_report_collective *collective,
                                ts_text *out);
void ts_report_collectives_json(const ts_report *report, ts_text *out);
void ts_page_collectives(const ts_report *report, ts_text *out); /* page_collectives.c */

#endif

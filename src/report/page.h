/* The page's sections in their order. Sizes are in SVG units. */
#ifndef TS_REPORT_PAGE_H
#define TS_REPORT_PAGE_H

#include "report/report.h"

enum { TS_PAGE_WIDTH = 1056, TS_PAGE_LABEL = 96, TS_PAGE_TICKS = 12, TS_PAGE_PHASES = 24 };

/* Distance of an axis's ticks: 1, 2 or 5 times a power of ten, such that the span has 4 to 10 of them. */
double ts_page_tick_step(double span);
/* Labels of an axis of time that is as wide as the page's drawings, at a height. */
void ts_page_ticks(ts_time span, double y, ts_text *out);

void ts_page_over_time(const ts_report *report, ts_text *out); /* page_time.c */
void ts_page_loop(const ts_report *report, ts_text *out);      /* page_loop.c */
void ts_page_memory(const ts_report *report, ts_text *out);
double ts_page_time_height(const ts_report *report);
void ts_page_listing(const ts_report *report, ts_text *out); /* page_listing.c */
void ts_page_modules(const ts_report *report, ts_text *out);
void ts_page_roofline(const ts_report *report, ts_text *out); /* page_charts.c */
void ts_page_dma(const ts_report *report, ts_text *out);
void ts_page_sure(const ts_report *report, ts_text *out);

#endif

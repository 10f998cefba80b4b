/* Formats of figures, common to all forms of the report. */
#ifndef TS_REPORT_FIGURES_H
#define TS_REPORT_FIGURES_H

#include "arch/record.h"

/* Three significant digits and a suitable unit: "437 us". */
void ts_figure_time(ts_text *out, ts_time time);
/* The unit that suits `scale`, and a time in it, for columns and sentences with a single unit. */
const char *ts_figure_unit(ts_time scale);
double ts_figure_in(ts_time time, ts_time scale);
/* A time in the unit of `scale`, without the unit, with as many digits as suit the column. */
void ts_figure_column(ts_text *out, ts_time time, ts_time scale);
/* Like "1.5 MiB". */
void ts_figure_bytes(ts_text *out, double bytes);
/* 1234567 as "1.23 M"; numbers below 10000 in full. */
void ts_figure_count(ts_text *out, double count);
/* Like "12.3 %", "0.4 %", "100 %". */
void ts_figure_percent(ts_text *out, double share);
double ts_figure_share(ts_time part, ts_time whole);
/* Dollars with three significant digits: "$0.36", "$1.6e-07". */
void ts_figure_dollars(ts_text *out, double value);
/* A bound as words: "DMA descriptors". */
const char *ts_figure_bound(unsigned bound);
/* The bound with most of a time that is divided among them. */
unsigned ts_figure_main_bound(const ts_time bounds[ts_bound_count]);
/* An engine as a word, "GpSimd"; "" for what is none. */
const char *ts_figure_engine(unsigned engine);
/* Who does the work of a row; for a transfer not the engine that triggers it. */
const char *ts_figure_mover(const ts_record_row *row);

#endif

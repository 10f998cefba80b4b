/* Packets of a Perfetto trace: tracks, names that travel once, slices, counters. Field numbers are those of
   perfetto_trace.proto. */
#ifndef TS_REPORT_PFWRITER_H
#define TS_REPORT_PFWRITER_H

#include "report/report.h"

/* Tracks by their ids: children of the process, in this order on the screen. */
enum {
    TS_PF_PROCESS = 1,
    TS_PF_MODULES,
    TS_PF_LINES,
    TS_PF_PATH,
    TS_PF_COUNTERS = 8, /* and those behind it */
    TS_PF_LANES = 16    /* + lane of a slice */
};

typedef enum ts_pf_argument {
    ts_pf_op,
    ts_pf_line,
    ts_pf_start,
    ts_pf_duration,
    ts_pf_wait,
    ts_pf_waits_for,
    ts_pf_shape,
    ts_pf_bytes,
    ts_pf_variable,
    ts_pf_argument_count
} ts_pf_argument;

typedef struct ts_pfwriter {
    const ts_report *report;
    ts_text *out;
    ts_text event, packet, part;
    uint32_t collective_name, bound_name, module_name; /* names of kinds of collectives, bounds and modules
                                                          come behind those of operations, from here */
} ts_pfwriter;

/* `unit` NULL: a track of slices, else of a counter. */
void ts_pf_track(ts_pfwriter *w, uint64_t id, const char *name, int rank, const char *unit);
/* The names of operations, bounds, modules and lines, once, before the first event. */
void ts_pf_names(ts_pfwriter *w);

/* A slice: begin, what it holds, add; then end. Name: an operation's number, or one of the names behind. */
void ts_pf_begin(ts_pfwriter *w, uint64_t track, uint32_t name);
void ts_pf_number(ts_pfwriter *w, ts_pf_argument argument, uint64_t value);
void ts_pf_word(ts_pfwriter *w, ts_pf_argument argument, const char *word);
void ts_pf_place(ts_pfwriter *w, uint32_t loc);     /* its operation and its source line */
void ts_pf_shape_of(ts_pfwriter *w, uint32_t inst); /* "[128,512] bf16", what it writes at most */
void ts_pf_flow(ts_pfwriter *w, uint64_t id, bool is_end);
void ts_pf_add(ts_pfwriter *w, ts_time at);
void ts_pf_end(ts_pfwriter *w, uint64_t track, ts_time at);
void ts_pf_count(ts_pfwriter *w, uint64_t track, ts_time at, double value);
void ts_pf_free(ts_pfwriter *w);

#endif

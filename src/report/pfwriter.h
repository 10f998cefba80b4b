/* Writer of the packets of a Perfetto trace: tracks, interned names, slices and counters. Field numbers are
   those of perfetto_trace.proto. */
#ifndef TS_REPORT_PFWRITER_H
#define TS_REPORT_PFWRITER_H

#include "report/report.h"

/* Ids of tracks: all are children of the process and appear in this order. */
enum {
    TS_PF_PROCESS = 1,
    TS_PF_MODULES,
    TS_PF_LINES,
    TS_PF_PATH,
    TS_PF_COUNTERS = 8, /* the first of several */
    TS_PF_LANES = 16    /* + lane of the slice */
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
    uint32_t collective_name, bound_name, module_name; /* first of the names of kinds of collectives, bounds
                                                          and modules, which follow those of operations */
} ts_pfwriter;

/* Describes a track. `unit` NULL: a track of slices; otherwise of a counter. */
void ts_pf_track(ts_pfwriter *w, uint64_t id, const char *name, int rank, const char *unit);
/* Writes the names of operations, bounds, modules and lines, once, before the first event. */
void ts_pf_names(ts_pfwriter *w);

/* Writes a slice in three steps: ts_pf_begin, its arguments, ts_pf_add; ts_pf_end closes it later. `name` is
   the number of an operation or of one of the later names. */
void ts_pf_begin(ts_pfwriter *w, uint64_t track, uint32_t name);
void ts_pf_number(ts_pfwriter *w, ts_pf_argument argument, uint64_t value);
void ts_pf_word(ts_pfwriter *w, ts_pf_argument argument, const char *word);
void ts_pf_place(ts_pfwriter *w, uint32_t loc);     /* its operation and its source line */
void ts_pf_shape_of(ts_pfwriter *w, uint32_t inst); /* the largest shape it writes: "[128,512] bf16" */
void ts_pf_flow(ts_pfwriter *w, uint64_t id, bool is_end);
void ts_pf_add(ts_pfwriter *w, ts_time at);
void ts_pf_end(ts_pfwriter *w, uint64_t track, ts_time at);
void ts_pf_count(ts_pfwriter *w, uint64_t track, ts_time at, double value);
void ts_pf_free(ts_pfwriter *w);

#endif

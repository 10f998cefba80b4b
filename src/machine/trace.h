/* The control trace of a run: what each `leave` decided, in the order executed. Data decides it, so the clock
   needs it to time a program whose control depends on data. */
#ifndef TS_MACHINE_TRACE_H
#define TS_MACHINE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Run lengths: the number of decisions to stay, then that of decisions to leave, and so on in turn; the first
   may be 0. Zeroed = empty. */
typedef struct ts_trace {
    uint64_t *runs;
    size_t count, capacity;
} ts_trace;

/* Appends a decision. False without host memory. */
bool ts_trace_add(ts_trace *trace, bool is_left);
bool ts_trace_equal(const ts_trace *a, const ts_trace *b);
bool ts_trace_copy(ts_trace *to, const ts_trace *from); /* into an empty trace; false: no host memory */
void ts_trace_free(ts_trace *trace);                    /* frees what it owns; empty again */

/* A place in a trace. Zeroed = its start. */
typedef struct ts_trace_reader {
    size_t run;
    uint64_t used; /* of that run */
} ts_trace_reader;
/* Reads the next decision. False at the end of the trace. */
bool ts_trace_next(const ts_trace *trace, ts_trace_reader *reader, bool *is_left);

#endif

/* Control traces: run-length lists of decisions. */
#include "machine/trace.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_RUNS = 16 };

bool ts_trace_add(ts_trace *trace, bool is_left) {
    /* Runs with an even number stay in the loop, the others leave it. */
    while (trace->count == 0 || (trace->count - 1) % 2 != is_left) {
        if (trace->count == trace->capacity) {
            size_t capacity = trace->capacity ? 2 * trace->capacity : FIRST_RUNS;
            uint64_t *runs = realloc(trace->runs, capacity * sizeof *runs);
            if (!runs) return false;
            trace->runs = runs;
            trace->capacity = capacity;
        }
        trace->runs[trace->count++] = 0;
    }
    trace->runs[trace->count - 1]++;
    return true;
}

bool ts_trace_equal(const ts_trace *a, const ts_trace *b) {
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->runs, b->runs, a->count * sizeof *a->runs) == 0);
}

bool ts_trace_copy(ts_trace *to, const ts_trace *from) {
    if (from->count == 0) return true;
    to->runs = malloc(from->count * sizeof *from->runs);
    if (!to->runs) return false;
    memcpy(to->runs, from->runs, from->count * sizeof *from->runs);
    to->count = to->capacity = from->count;
    return true;
}

void ts_trace_free(ts_trace *trace) {
    free(trace->runs);
    *trace = (ts_trace){0};
}

bool ts_trace_next(const ts_trace *trace, ts_trace_reader *reader, bool *is_left) {
    while (reader->run < trace->count && reader->used == trace->runs[reader->run]) {
        reader->run++;
        reader->used = 0;
    }
    if (reader->run == trace->count) return false;
    reader->used++;
    *is_left = reader->run % 2;
    return true;
}

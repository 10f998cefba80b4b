/* The phases of a step: stretches in which most of the critical path belongs to one outermost part of the
   program, such as forward and backward. */
#include <string.h>

#include "report/report.h"

enum { BINS = 250, MOST_PARTS = 16, MOST_PHASES = 12, LEAST = BINS / 25 };

typedef struct run {
    uint32_t module; /* 1 + index; 0: the launch, or nothing on the path */
    int start, count;
} run;

static uint32_t outermost(const ts_report *report, uint32_t module) {
    while (module && report->modules.data[module - 1].parent)
        module = report->modules.data[module - 1].parent;
    return module;
}

/* Finds the part that each bin belongs to. False when there are too many parts for a clear order. */
static bool find_parts(ts_report *report, uint32_t part_of[BINS]) {
    const ts_record *record = &report->record;
    ts_time(*times)[BINS] = ts_arena_array(&report->arena, MOST_PARTS, sizeof *times);
    uint32_t parts[MOST_PARTS];
    int count = 0;
    for (uint32_t i = 0; i < record->path.count; i++) {
        const ts_path_step *step = &record->path.data[i];
        uint32_t module = outermost(report, report->module_of[step->loc]);
        int at = 0;
        if (step->bound == ts_bound_launch || module == 0) continue;
        while (at < count && parts[at] != module)
            at++;
        if (at == MOST_PARTS) return false;
        if (at == count) parts[count++] = module;
        for (ts_time t = step->start; t < step->end;) {
            ts_time bin = t * BINS / record->total, next = ((bin + 1) * record->total + BINS - 1) / BINS;
            if (next > step->end) next = step->end;
            times[at][bin < BINS ? bin : BINS - 1] += next - t;
            t = next;
        }
    }
    for (int bin = 0; bin < BINS; bin++) {
        int best = -1;
        for (int at = 0; at < count; at++)
            if (times[at][bin] > 0 && (best < 0 || times[at][bin] > times[best][bin])) best = at;
        part_of[bin] = best < 0 ? 0 : parts[best];
    }
    return count > 0;
}

static int drop(run *runs, int count, int at) {
    memmove(runs + at, runs + at + 1, (size_t)(count - at - 1) * sizeof *runs);
    return count - 1;
}

/* Merges the shortest run, if it is too short for a phase, into its longer neighbour. */
static int merge_shortest(run *runs, int count) {
    int least = 0;
    for (int i = 1; i < count; i++)
        if (runs[i].count < runs[least].count) least = i;
    if (count < 2 || runs[least].count >= LEAST) return 0;
    bool goes_left = least + 1 == count || (least > 0 && runs[least - 1].count >= runs[least + 1].count);
    int to = goes_left ? least - 1 : least + 1;
    if (!goes_left) runs[to].start = runs[least].start;
    runs[to].count += runs[least].count;
    count = drop(runs, count, least);
    for (int i = count - 1; i > 0; i--) {
        if (runs[i].module != runs[i - 1].module) continue;
        runs[i - 1].count += runs[i].count;
        count = drop(runs, count, i);
    }
    return count;
}

void ts_report_phases(ts_report *report) {
    uint32_t part_of[BINS];
    run runs[BINS];
    int count = 0;
    if (report->record.path_truncated || report->record.path_is_coarse || report->record.total < BINS ||
        !find_parts(report, part_of))
        return;
    for (int bin = 0; bin < BINS; bin++) {
        if (count && runs[count - 1].module == part_of[bin])
            runs[count - 1].count++;
        else
            runs[count++] = (run){part_of[bin], bin, 1};
    }
    for (int left = count; left; left = merge_shortest(runs, count))
        count = left;
    int named = 0;
    for (int i = 0; i < count; i++)
        named += runs[i].module != 0;
    if (named < 2 || count > MOST_PHASES) return;
    for (int i = 0; i < count; i++) {
        if (runs[i].module == 0) continue;
        ts_time end = report->record.total * (runs[i].start + runs[i].count) / BINS;
        ts_report_phase phase = {runs[i].module - 1, report->record.total * runs[i].start / BINS, end};
        ts_vec_push(&report->phases, &report->arena, phase);
    }
}

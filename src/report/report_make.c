/* Makes a report: the runs of the clock that it needs, and the order of its parts. */
#include <string.h>

#include "base/unit.h"
#include "report/report.h"

/* Gains take some ten runs of the clock, so programs with more executed instructions than this are reported
   without them and without the tornado chart, and the report says so. */
static const uint64_t MOST_CLOCKED = 10000000;

/* The loop of at least three trips whose instructions cost most. Loops with fewer trips count for the nearest
   longer loop around them. */
static int hottest_loop(ts_report *report) {
    const ts_record *record = &report->record;
    ts_time *times = TS_NEW_ARRAY(&report->arena, ts_time, record->loops.count + 1);
    int best = -1;
    for (uint32_t loop = 0; loop < record->loops.count; loop++) {
        int at = (int)loop;
        while (at >= 0 &&
               record->loops.data[at].trips < TS_REPORT_LOOP_TRIPS * record->loops.data[at].entries)
            at = (int)report->program->loops.data[at].parent - 1;
        if (at >= 0 && record->loops.data[at].entries) times[at] += record->loops.data[loop].bound;
    }
    for (uint32_t loop = 0; loop < record->loops.count; loop++)
        if (times[loop] > 0 && (best < 0 || times[loop] > times[best])) best = (int)loop;
    if (best >= 0) report->loop_time = times[best];
    return best;
}

const ts_loc *ts_report_loop_place(const ts_report *report) {
    const ts_program *program = report->program;
    uint32_t begin = program->loops.data[report->loop].begin, loc = program->code.data[begin]->loc;
    return ts_report_loc(report, loc ? loc : program->code.data[begin + 1]->loc);
}

/* Whether the trips that begin at these times take equally long, to within a fifth. */
static bool is_steady(const ts_time at[TS_REPORT_LOOP_TRIPS]) {
    ts_time first = at[1] - at[0], second = at[2] - at[1];
    return first > 0 && second > 0 && first * 5 >= second * 4 && second * 5 >= first * 4;
}

/* Uses the first instruction that an engine or a queue executes once per trip, at even intervals. */
ts_time ts_report_loop_period(const ts_report *report) {
    const ts_record *record = &report->loop_record;
    for (uint32_t i = 0; i < record->slices.count; i++) {
        const ts_slice *first = &record->slices.data[i];
        ts_time at[TS_REPORT_LOOP_TRIPS];
        int count = 0;
        for (uint32_t j = i; j < record->slices.count; j++) {
            const ts_slice *slice = &record->slices.data[j];
            if (slice->inst != first->inst || slice->lane != first->lane) continue;
            if (count < TS_REPORT_LOOP_TRIPS) at[count] = slice->start;
            count++;
        }
        if (count == TS_REPORT_LOOP_TRIPS && is_steady(at)) return (at[2] - at[0]) / 2;
    }
    return 0;
}

/* Clocks three trips from the middle of the loop's middle entry. */
static ts_status clock_loop(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    enum { SLICES = 4000 };
    report->loop = hottest_loop(report);
    if (report->loop < 0) return ts_ok;
    const ts_record_loop *loop = &report->record.loops.data[report->loop];
    int64_t trips = (int64_t)(loop->trips / loop->entries);
    ts_clock_options clock = ts_report_clock_options(options);
    clock.slice_cap = SLICES;
    clock.watch = (ts_watch){.is_on = true,
                             .loop = (uint32_t)report->loop,
                             .entry = loop->entries / 2,
                             .first = (trips - TS_REPORT_LOOP_TRIPS) / 2,
                             .count = TS_REPORT_LOOP_TRIPS};
    report->clock_runs++;
    return ts_clock_run(report->program, &report->record.chip, &clock, &report->loop_record, diag);
}

static void count_bytes(ts_report *report) {
    for (uint32_t i = 0; i < report->program->tensors.count; i++) {
        const ts_tensor *tensor = &report->program->tensors.data[i];
        if (tensor->kind == ts_tensor_input) report->argument_bytes += tensor->bytes;
        if (tensor->kind == ts_tensor_output && tensor->alias < 0) report->result_bytes += tensor->bytes;
        if (tensor->kind == ts_tensor_constant) report->constant_bytes += tensor->bytes;
    }
    report->scratch_bytes = report->program->scratch_bytes;
}

/* The parts of the report that need no more runs of the clock. */
static void read_record(ts_report *report) {
    count_bytes(report);
    ts_report_arrange(report);
    ts_report_modules(report);
    ts_report_phases(report);
    ts_report_collectives(report);
    report->has_memory = report->record.lives.count > 0;
    if (report->has_memory) ts_report_memory(report);
}

static ts_status view_within(void *context) {
    read_record(context);
    return ts_ok;
}

ts_status ts_report_view(const ts_program *program, const ts_record *record, const ts_instance *instance,
                         ts_report *report, ts_diag *diag) {
    const void *const kept[] = {&report->arena, NULL};
    memset(report, 0, sizeof *report);
    report->program = program;
    report->instance = ts_instance_with(instance, program->ranks);
    report->loop = report->second = -1;
    report->is_view = true;
    report->record = *record;
    return ts_unit_run(kept, view_within, report, "a report", diag);
}

typedef struct job {
    ts_report *report;
    const ts_chip *chip;
    const ts_report_options *options;
    ts_diag *diag;
} job;

static ts_status make_within(void *context) {
    job *j = context;
    ts_report *report = j->report;
    ts_clock_options clock = ts_report_clock_options(j->options);
    clock.band = true;
    clock.bins = TS_REPORT_BINS;
    clock.path_cap = j->options->slice_cap ? TS_REPORT_SLICES : 1 << 16;
    clock.slice_cap = j->options->slice_cap;
    report->clock_runs = 1;
    TS_TRY(ts_clock_run(report->program, j->chip, &clock, &report->record, j->diag));
    read_record(report);
    TS_TRY(clock_loop(report, j->options, j->diag));
    report->has_gains = !j->options->without_gains && report->record.instructions <= MOST_CLOCKED;
    TS_TRY(ts_report_prices(report, j->options, j->diag));
    if (!report->has_gains) return ts_ok;
    TS_TRY(ts_report_gains(report, j->options, j->diag));
    return ts_report_advise(report, j->options, j->diag);
}

ts_status ts_report_make(const ts_program *program, const ts_chip *chip, const ts_report_options *options,
                         ts_report *report, ts_diag *diag) {
    job j = {.report = report, .chip = chip, .options = options, .diag = diag};
    const void *const kept[] = {&report->arena, &report->record.arena, &report->loop_record.arena, NULL};
    memset(report, 0, sizeof *report);
    report->program = program;
    report->instance = ts_instance_with(options->instance, program->ranks);
    report->sources = options->sources;
    report->source_count = options->source_count;
    report->loop = report->second = -1;
    return ts_unit_run(kept, make_within, &j, "a report", diag);
}

void ts_report_free(ts_report *report) {
    if (!report->is_view) ts_record_free(&report->record);
    ts_record_free(&report->loop_record);
    ts_arena_free(&report->arena);
    memset(report, 0, sizeof *report);
}

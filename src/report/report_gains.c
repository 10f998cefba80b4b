/* What the step gains when a resource or a source line is free, and how far it moves when a number of the
   chip goes through its range. Each is clocked with the program's order of instructions unchanged. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/report.h"

enum { LINES = 10 };

/* Everything to clock, as one list. NULL: not asked for, because there is nothing to gain. */
typedef struct asks {
    ts_report_ask *list;
    int count;
    const ts_report_ask *bound[ts_bound_count], *pair[ts_bound_count], *line[LINES];
    const ts_report_ask *(*lean)[2]; /* for each row of the chip */
} asks;

static const ts_report_ask *ask(asks *to, ts_what_if what_if) {
    to->list[to->count].what_if = what_if;
    return &to->list[to->count++];
}

static ts_time gain_of(const ts_report *report, const ts_report_ask *ask) {
    return ask && ask->total < report->record.total ? report->record.total - ask->total : 0;
}

/* Asks for each bound free, and for each other bound free together with the largest. A bound without a share
   of the step gains nothing. */
static void ask_bounds(const ts_report *report, asks *to) {
    uint32_t largest = 1u << report->bounds.data[0].bound;
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        uint32_t own = 1u << report->bounds.data[i].bound;
        to->bound[i] = report->bounds.data[i].time ? ask(to, (ts_what_if){.free = own}) : NULL;
        to->pair[i] = i ? ask(to, (ts_what_if){.free = largest | own}) : NULL;
    }
}

static void read_bounds(ts_report *report, const asks *from) {
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        report->bounds.data[i].has_gain = true;
        report->bounds.data[i].gain = gain_of(report, from->bound[i]);
        ts_time both = gain_of(report, from->pair[i]);
        if (both <= report->second_gain) continue;
        report->second = (int)report->bounds.data[i].bound;
        report->second_gain = both;
    }
}

static void ask_lines(ts_report *report, asks *to) {
    const ts_program *program = report->program;
    for (uint32_t i = 0; i < LINES && i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        if (line->time == 0) continue;
        float *work = TS_NEW_ARRAY(&report->arena, float, program->code.count + 1);
        for (uint32_t at = 0; at < program->code.count; at++) {
            const ts_loc *loc = ts_report_loc(report, program->code.data[at]->loc);
            const char *file = loc->file ? loc->file : "";
            bool is_own = strcmp(file, line->file) == 0 && (file[0] ? loc->line : 0) == line->line;
            work[at] = is_own ? 0 : 1;
        }
        to->line[i] = ask(to, (ts_what_if){.work = work});
    }
}

static void read_lines(ts_report *report, const asks *from) {
    for (uint32_t i = 0; i < LINES && i < report->lines.count; i++) {
        report->lines.data[i].has_gain = true;
        report->lines.data[i].gain = gain_of(report, from->line[i]);
    }
}

static int by_width(const void *a, const void *b) {
    const ts_report_lean *x = a, *y = b;
    ts_time p = x->high - x->low, q = y->high - y->low;
    if (p != q) return p > q ? -1 : 1;
    return x->param < y->param ? -1 : x->param > y->param;
}

/* Asks for each row of the chip at its fast and its slow end (ts_chip_corner). Edited rows stay. */
static void ask_leans(ts_report *report, asks *to) {
    const ts_chip *chip = &report->record.chip;
    ts_chip corner[2];
    ts_chip_corner(chip, true, &corner[0]);
    ts_chip_corner(chip, false, &corner[1]);
    for (int i = 0; i < ts_param_count(); i++) {
        ts_chip *edited = TS_NEW_ARRAY(&report->arena, ts_chip, 2);
        size_t offset = ts_param_at(i)->offset;
        bool moves = false;
        for (int end = 0; end < 2; end++) {
            edited[end] = *chip;
            memcpy((char *)&edited[end] + offset, (const char *)&corner[end] + offset, sizeof(double));
            moves |= ts_param_value(&edited[end], i) != ts_param_value(chip, i);
        }
        for (int end = 0; moves && end < 2; end++)
            to->lean[i][end] = ask(to, (ts_what_if){.chip = &edited[end]});
    }
}

static void read_leans(ts_report *report, const asks *from) {
    for (int i = 0; i < ts_param_count(); i++) {
        if (!from->lean[i][0]) continue;
        ts_report_lean lean = {.param = i, .low = from->lean[i][0]->total, .high = from->lean[i][1]->total};
        if (lean.low == lean.high) continue;
        ts_vec_push(&report->leans, &report->arena, lean);
    }
    if (report->leans.count) qsort(report->leans.data, report->leans.count, sizeof(ts_report_lean), by_width);
}

ts_status ts_report_gains(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    asks *all = TS_NEW(&report->arena, asks);
    int params = ts_param_count();
    all->list = TS_NEW_ARRAY(&report->arena, ts_report_ask, 2 * ts_bound_count + LINES + 2 * (size_t)params);
    all->lean = ts_arena_array(&report->arena, (size_t)params, sizeof *all->lean);
    ask_bounds(report, all);
    ask_lines(report, all);
    ask_leans(report, all);
    TS_TRY(ts_report_clock(report, options, all->list, all->count, diag));
    read_bounds(report, all);
    read_lines(report, all);
    read_leans(report, all);
    return ts_ok;
}

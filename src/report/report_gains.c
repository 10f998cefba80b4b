/* What the step gains when a resource or a source line costs nothing, and how far it moves when a number of
   the chip goes through its range: each by clocking the program in the same order again. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/report.h"

enum { LINES = 10 };

static ts_time gain_of(const ts_report *report, ts_time total) {
    return total < report->record.total ? report->record.total - total : 0;
}

static ts_status bound_gains(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    ts_what_if what_ifs[2 * ts_bound_count] = {{0}};
    ts_time totals[2 * ts_bound_count];
    int count = (int)report->bounds.count;
    uint32_t largest = 1u << report->bounds.data[0].bound;
    for (int i = 0; i < count; i++) {
        what_ifs[i].free = 1u << report->bounds.data[i].bound;
        what_ifs[count + i].free = largest | what_ifs[i].free;
    }
    TS_TRY(ts_report_clock(report, options, what_ifs, 2 * count, totals, diag));
    for (int i = 0; i < count; i++) {
        report->bounds.data[i].has_gain = true;
        report->bounds.data[i].gain = gain_of(report, totals[i]);
        if (i == 0 || gain_of(report, totals[count + i]) <= report->second_gain) continue;
        report->second = (int)report->bounds.data[i].bound;
        report->second_gain = gain_of(report, totals[count + i]);
    }
    return ts_ok;
}

static ts_status line_gains(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    const ts_program *program = report->program;
    int count = report->lines.count < LINES ? (int)report->lines.count : LINES;
    ts_what_if what_ifs[LINES] = {{0}};
    ts_time totals[LINES];
    for (int i = 0; i < count; i++) {
        float *work = TS_NEW_ARRAY(&report->arena, float, program->code.count + 1);
        const ts_report_line *line = &report->lines.data[i];
        for (uint32_t at = 0; at < program->code.count; at++) {
            const ts_loc *loc = &program->locs.data[program->code.data[at]->loc];
            const char *file = loc->file ? loc->file : "";
            bool is_own = strcmp(file, line->file) == 0 && (file[0] ? loc->line : 0) == line->line;
            work[at] = is_own ? 0 : 1;
        }
        what_ifs[i].work = work;
    }
    TS_TRY(ts_report_clock(report, options, what_ifs, count, totals, diag));
    for (int i = 0; i < count; i++) {
        report->lines.data[i].has_gain = true;
        report->lines.data[i].gain = gain_of(report, totals[i]);
    }
    return ts_ok;
}

static int by_width(const void *a, const void *b) {
    const ts_report_lean *x = a, *y = b;
    ts_time p = x->high - x->low, q = y->high - y->low;
    if (p != q) return p > q ? -1 : 1;
    return x->param < y->param ? -1 : x->param > y->param;
}

/* One row of the chip at its fast and its slow end, as ts_chip_corner has them. Rows that were edited stay.
 */
static ts_status leans(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    const ts_chip *chip = &report->record.chip;
    ts_chip corner[2], edited[2];
    ts_chip_corner(chip, true, &corner[0]);
    ts_chip_corner(chip, false, &corner[1]);
    for (int i = 0; i < ts_param_count(); i++) {
        ts_what_if what_ifs[2] = {{.chip = &edited[0]}, {.chip = &edited[1]}};
        ts_time totals[2];
        size_t offset = ts_param_at(i)->offset;
        bool moves = false;
        for (int end = 0; end < 2; end++) {
            edited[end] = *chip;
            memcpy((char *)&edited[end] + offset, (const char *)&corner[end] + offset, sizeof(double));
            moves |= ts_param_value(&edited[end], i) != ts_param_value(chip, i);
        }
        if (!moves) continue;
        TS_TRY(ts_report_clock(report, options, what_ifs, 2, totals, diag));
        ts_report_lean lean = {.param = i, .low = totals[0], .high = totals[1]};
        if (lean.low == lean.high) continue;
        ts_vec_push(&report->leans, &report->arena, lean);
    }
    if (report->leans.count) qsort(report->leans.data, report->leans.count, sizeof(ts_report_lean), by_width);
    return ts_ok;
}

ts_status ts_report_gains(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    TS_TRY(bound_gains(report, options, diag));
    TS_TRY(line_gains(report, options, diag));
    return leans(report, options, diag);
}

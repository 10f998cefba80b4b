/* Checks what holds for the report of every program. */
#ifndef TS_UNIT_REPORT_SUPPORT_H
#define TS_UNIT_REPORT_SUPPORT_H

#include "clock_programs.h"

#include "report/report.h"

static inline void make(const ts_program *program, bool without_gains, ts_report *report) {
    ts_chip chip = table_chip();
    ts_diag diag = {0};
    ts_report_options options = {
        .instance = ts_instance_get("trn1.2xlarge"), .slice_cap = 2000, .without_gains = without_gains};
    if (ts_report_make(program, &chip, &options, report, &diag) != ts_ok) fail_msg("%s", diag.message);
}

static inline void check_sums(const ts_report *report) {
    const ts_record *record = &report->record;
    ts_time bounds = 0, lines = 0, modules = 0;
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        bounds += report->bounds.data[i].time;
        if (i) assert_true(report->bounds.data[i - 1].time >= report->bounds.data[i].time);
    }
    assert_int_equal(bounds, record->total);
    for (uint32_t i = 0; i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        ts_time sum = 0, rows = 0;
        for (int b = 0; b < ts_bound_count; b++)
            sum += line->bounds[b];
        for (uint32_t r = 0; r < line->row_count; r++)
            rows += report->rows.data[line->first_row + r].bound;
        assert_int_equal(sum, line->time);
        assert_int_equal(rows, line->time);
        lines += line->time;
    }
    assert_int_equal(lines + record->launch, record->total);
    for (uint32_t i = 0; i < report->modules.count; i++)
        if (report->modules.data[i].parent == 0) modules += report->modules.data[i].time;
    assert_int_equal(modules, lines);
}

/* Checks that the timeline and the critical path cover the step exactly once. */
static inline void check_timeline(const ts_report *report) {
    const ts_record *record = &report->record;
    ts_time path = 0, at = 0;
    for (int b = 0; b < ts_bound_count; b++) {
        ts_time sum = 0;
        for (uint32_t bin = 0; bin < record->series.count; bin++)
            sum += record->series.bound[b][bin];
        assert_int_equal(sum, record->bound[b]);
    }
    for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
        ts_time sum = 0;
        for (uint32_t bin = 0; bin < record->series.count; bin++) {
            assert_true(record->series.busy[engine][bin] <= record->series.width);
            sum += record->series.busy[engine][bin];
        }
        assert_int_equal(sum, record->busy[engine]);
    }
    for (uint32_t bin = 0; bin < record->series.count; bin++) {
        assert_in_range(record->series.transposes[bin], 0, record->series.busy[ts_engine_tensor][bin]);
        assert_in_range(report->sbuf_fill[bin], 0, report->sbuf_peak);
    }
    for (uint32_t i = 0; i < report->phases.count; i++) {
        const ts_report_phase *phase = &report->phases.data[i];
        assert_true(phase->start < phase->end && phase->end <= record->total);
        assert_true(i == 0 || report->phases.data[i - 1].end <= phase->start);
        assert_int_equal(report->modules.data[phase->module].parent, 0);
    }
    for (uint32_t i = 0; i < record->path.count; i++) {
        assert_true(record->path.data[i].start >= at);
        at = record->path.data[i].end;
        path += record->path.data[i].end - record->path.data[i].start;
    }
    if (!record->path_is_coarse && !record->path_truncated) assert_int_equal(path, record->total);
}

static inline void check_gains(const ts_report *report, const char *name) {
    assert_true(report->has_gains);
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        const ts_report_bound *bound = &report->bounds.data[i];
        assert_true(bound->has_gain && bound->gain >= 0);
        if (bound->gain > bound->time)
            fail_msg("%s: %s gains %lld of %lld", name, ts_bound_name(bound->bound), (long long)bound->gain,
                     (long long)bound->time);
    }
    for (uint32_t i = 0; i < report->lines.count; i++)
        if (report->lines.data[i].has_gain)
            assert_in_range(report->lines.data[i].gain, 0, report->lines.data[i].time);
    for (uint32_t i = 0; i < report->remedies.count; i++) {
        const ts_report_remedy *remedy = &report->remedies.data[i];
        assert_true(remedy->gain > 0 && remedy->gain < report->record.total &&
                    remedy->gain <= report->together);
        assert_true(remedy->evidence[0] && remedy->action[0]);
        if (i) assert_true(report->remedies.data[i - 1].gain >= remedy->gain);
    }
    for (uint32_t i = 0; i < report->leans.count; i++)
        assert_true(report->leans.data[i].low <= report->record.total &&
                    report->leans.data[i].high >= report->record.total);
}

static inline void check_text(const ts_report *report) {
    ts_text text = {0};
    int lines = 0;
    ts_report_text(report, &text);
    for (const char *at = text.data; *at; lines++) {
        size_t length = strcspn(at, "\n");
        assert_in_range(length, 0, 100);
        assert_true(at[length] == '\n');
        at += length + 1;
    }
    assert_in_range(lines, 6, 25);
    ts_text_free(&text);
}

static inline void check_page(const ts_report *report, const char *name) {
    ts_text page = {0};
    ts_report_html(report, &page);
    if (page.length >= 1500000) fail_msg("%s: the page has %zu bytes", name, page.length);
    ts_text_free(&page);
}

static inline void check_program(const ts_program *program, const char *name) {
    ts_chip chip = table_chip();
    ts_record record;
    ts_report report;
    clock_run(program, &chip, &record);
    check_invariants(&record);
    ts_record_free(&record);
    make(program, false, &report);
    check_sums(&report);
    check_timeline(&report);
    check_gains(&report, name);
    check_text(&report);
    check_page(&report, name);
    ts_report_free(&report);
}

static inline const ts_report_remedy *find_remedy(const ts_report *report, const char *id) {
    for (uint32_t i = 0; i < report->remedies.count; i++)
        if (strcmp(report->remedies.data[i].id, id) == 0) return &report->remedies.data[i];
    return NULL;
}

#endif

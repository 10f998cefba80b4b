/* Clocks a program for many what-ifs: several in each run, the runs in parallel. The distribution over runs
   depends on the number of what-ifs only, so that a report does not depend on the number of threads. */
#include "report/report.h"

typedef struct part {
    const ts_program *program;
    const ts_report *report;
    const ts_report_options *options;
    ts_report_ask *asks[TS_WHAT_IFS];
    int count;
    ts_status status;
    ts_diag diag;
} part;

ts_clock_options ts_report_clock_options(const ts_report_options *options) {
    return (ts_clock_options){.trace = options->trace, .trips = options->trips};
}

static void clock_part(void *context, int index) {
    part *p = (part *)context + index;
    ts_clock_options clock = ts_report_clock_options(p->options);
    ts_what_if what_ifs[TS_WHAT_IFS];
    ts_record record;
    for (int i = 0; i < p->count; i++)
        what_ifs[i] = p->asks[i]->what_if;
    clock.what_ifs = what_ifs;
    clock.what_if_count = p->count;
    p->status = ts_clock_run(p->program, &p->report->record.chip, &clock, &record, &p->diag);
    if (p->status != ts_ok) return;
    for (int i = 0; i < p->count; i++)
        p->asks[i]->total = record.what_if[i];
    ts_record_free(&record);
}

/* Divides the asks with this issue order into parts of nearly equal size. Returns the number of parts. */
static int share_out(const ts_program *program, bool is_list, ts_report_ask *asks, int count, part *parts) {
    int left = 0, made = 0;
    for (int i = 0; i < count; i++)
        left += asks[i].is_list == is_list;
    int runs = (left + TS_WHAT_IFS - 1) / TS_WHAT_IFS;
    for (int i = 0; i < count; i++) {
        if (asks[i].is_list != is_list) continue;
        part *p = &parts[made];
        p->program = program;
        p->asks[p->count++] = &asks[i];
        left--;
        if (p->count < (left + p->count + runs - made - 1) / (runs - made)) continue;
        made++;
    }
    return made;
}

ts_status ts_report_clock(ts_report *report, const ts_report_options *options, ts_report_ask *asks, int count,
                          ts_diag *diag) {
    part *parts = TS_NEW_ARRAY(&report->arena, part, (size_t)count / TS_WHAT_IFS + 2);
    ts_program list = *report->program;
    list.order = ts_order_list;
    int runs = share_out(report->program, false, asks, count, parts);
    runs += share_out(&list, true, asks, count, parts + runs);
    for (int i = 0; i < runs; i++) {
        parts[i].report = report;
        parts[i].options = options;
    }
    ts_pool_run(options->pool, clock_part, parts, runs);
    report->clock_runs += runs;
    for (int i = 0; i < runs; i++) {
        if (parts[i].status == ts_ok) continue;
        if (diag) *diag = parts[i].diag;
        return parts[i].status;
    }
    return ts_ok;
}

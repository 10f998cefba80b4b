/* What the step takes and costs on each instance, on as many cores as run the program together (usually
   one). */
#include <string.h>

#include "report/report.h"

enum { MOST_CHIPS = 16 };

/* The program's time on a chip; 0: not clocked, or it does not fit. */
typedef struct chip_time {
    const char *name;
    ts_time total;
} chip_time;

static bool is_same(const ts_chip *a, const ts_chip *b) {
    for (int i = 0; i < ts_param_count(); i++)
        if (ts_param_value(a, i) != ts_param_value(b, i)) return false;
    return true;
}

/* Clocks the program on a chip. For instances with the report's own chip, edited or not, the report's total
   is used. */
static ts_status clock_chip(ts_report *report, const ts_report_options *options, const ts_chip *chip,
                            ts_time *total, ts_diag *diag) {
    ts_clock_options clock = ts_report_clock_options(options);
    ts_record record;
    *total = report->record.total;
    if (strcmp(chip->name, report->record.chip.name) == 0 || is_same(chip, &report->record.chip))
        return ts_ok;
    *total = 0;
    if (!report->has_gains || ts_program_verify(report->program, chip, NULL) != ts_ok) return ts_ok;
    report->clock_runs++;
    TS_TRY(ts_clock_run(report->program, chip, &clock, &record, diag));
    *total = record.total;
    ts_record_free(&record);
    return ts_ok;
}

ts_status ts_report_prices(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    chip_time chips[MOST_CHIPS];
    int count = 0;
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *instance = ts_instance_at(i);
        ts_chip chip;
        int at = 0;
        if (ts_chip_get(instance->chip, &chip, NULL) != ts_ok) continue;
        if (instance->cores < (int)report->program->ranks) continue;
        while (at < count && strcmp(chips[at].name, instance->chip) != 0)
            at++;
        if (at == MOST_CHIPS) continue;
        if (at == count) {
            chips[count++].name = instance->chip;
            TS_TRY(clock_chip(report, options, &chip, &chips[at].total, diag));
        }
        ts_report_price price = {.instance = instance, .total = chips[at].total};
        if (price.total) ts_vec_push(&report->prices, &report->arena, price);
    }
    return ts_ok;
}

double ts_report_step_usd(const ts_report_price *price) {
    return price->instance->usd_per_hour > 0
               ? (double)price->total * 1e-12 / 3600 * price->instance->usd_per_hour
               : 0;
}

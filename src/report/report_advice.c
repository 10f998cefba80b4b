/* Collects the rules' remedies, clocks their gains, and keeps the best. */
#include "report/advice.h"

#include <stdlib.h>
#include <string.h>

ts_advice *ts_advise(ts_advisor *to, const char *id, const char *method, unsigned of, const char *title,
                     const char *action, const char *cost) {
    ts_advice *advice = &to->at[to->count];
    *advice = (ts_advice){.of = of, .first_found = (uint32_t)to->count, .chip = to->report->record.chip};
    advice->remedy =
        (ts_report_remedy){.id = id, .method = method, .title = title, .action = action, .cost = cost};
    to->count++;
    return advice;
}

static float *all_of_it(ts_report *report) {
    uint32_t count = report->program->code.count;
    float *parts = TS_NEW_ARRAY(&report->arena, float, count + 1);
    for (uint32_t at = 0; at < count; at++)
        parts[at] = 1;
    return parts;
}

void ts_advise_work(ts_advisor *to, ts_advice *advice) {
    advice->what_if.work = advice->work = all_of_it(to->report);
}

void ts_advise_bytes(ts_advisor *to, ts_advice *advice) {
    advice->what_if.bytes = advice->bytes = all_of_it(to->report);
}

const char *ts_advise_text(ts_advisor *to, ts_text *out) {
    const char *copy = ts_arena_string(&to->report->arena, out->data ? out->data : "");
    ts_text_free(out);
    return copy;
}

void ts_advise_note(ts_advisor *to, const char *id, ts_text *out) {
    ts_report_note note = {.id = id, .text = ts_advise_text(to, out)};
    ts_vec_push(&to->report->notes, &to->report->arena, note);
}

ts_time ts_advise_busy(const ts_report *report, unsigned op, unsigned engine) {
    ts_time sum = 0;
    for (uint32_t i = 0; i < report->record.rows.count; i++) {
        const ts_record_row *row = &report->record.rows.data[i];
        if (row->op == op && (engine == ts_engine_none || row->engine == engine)) sum += row->busy;
    }
    return sum;
}

int64_t ts_advise_elems(const ts_ap *ap) {
    int64_t elems = 1;
    for (int d = 0; d < ap->dims; d++)
        elems *= ap->dim[d].count.max;
    return elems;
}

bool ts_advise_same(const ts_program *program, const ts_ap *a, const ts_ap *b) {
    return a->space == b->space && a->parts.max == b->parts.max && ts_advise_elems(a) == ts_advise_elems(b) &&
           ts_affine_same(program, &a->offset, &b->offset) && ts_affine_same(program, &a->part, &b->part);
}

/* ---- gains ---- */

static ts_time gain(ts_time before, ts_time after) {
    return after < before ? before - after : 0;
}

static ts_time within(const ts_advice *advice, ts_time gain) {
    return advice->most > 0 && gain > advice->most ? advice->most : gain;
}

/* An upper limit of the what-if's gain: the part of the critical path that it can remove. */
static ts_time most_gain(const ts_report *report, const ts_advice *advice) {
    const ts_record *record = &report->record;
    bool is_bounded = !advice->has_chip && !advice->is_list && advice->what_if.free < 1u << ts_bound_count;
    ts_time most = 0;
    if (advice->most > 0) return advice->most;
    if (!is_bounded || advice->work || advice->bytes) return record->total;
    for (unsigned bound = 0; bound < ts_bound_count; bound++)
        if (advice->what_if.free >> bound & 1) most += record->bound[bound];
    return most;
}

/* Gains from half a percent of the step are shown. */
static bool is_worth(const ts_report *report, ts_time gain) {
    return gain > 0 && gain * 200 >= report->record.total;
}

static ts_report_ask ask_for(const ts_advice *advice) {
    ts_report_ask ask = {.what_if = advice->what_if, .is_list = advice->is_list};
    if (advice->has_chip) ask.what_if.chip = &advice->chip;
    return ask;
}

static ts_status clock_gains(ts_advisor *advisor, const ts_report_options *options, ts_diag *diag) {
    ts_report *report = advisor->report;
    ts_report_ask asks[TS_MOST_ADVICE];
    ts_advice *asked[TS_MOST_ADVICE];
    int count = 0;
    for (int i = 0; i < advisor->count; i++) {
        if (!is_worth(report, most_gain(report, &advisor->at[i]))) continue;
        asks[count] = ask_for(&advisor->at[i]);
        asked[count++] = &advisor->at[i];
    }
    TS_TRY(ts_report_clock(report, options, asks, count, diag));
    for (int i = 0; i < count; i++)
        asked[i]->remedy.gain = within(asked[i], gain(report->record.total, asks[i].total));
    return ts_ok;
}

static void multiply(ts_report *report, const float **to, const float *by) {
    if (!by) return;
    float *parts = all_of_it(report);
    for (uint32_t at = 0; at < report->program->code.count; at++)
        parts[at] = (*to ? (*to)[at] : 1) * by[at];
    *to = parts;
}

/* Adds one what-if to `all`. Of an edited chip, the numbers that differ from the report's chip are taken. */
static void join(ts_report *report, const ts_advice *one, ts_what_if *all, ts_chip *chip) {
    const ts_chip *asked = &report->record.chip;
    all->free |= one->what_if.free;
    multiply(report, &all->work, one->what_if.work);
    multiply(report, &all->bytes, one->what_if.bytes);
    for (int p = 0; one->has_chip && p < ts_param_count(); p++)
        if (ts_param_value(&one->chip, p) != ts_param_value(asked, p))
            memcpy((char *)chip + ts_param_at(p)->offset, (const char *)&one->chip + ts_param_at(p)->offset,
                   sizeof(double));
}

/* Asks for the gain with all numbers of the chip at the fast, and at the slow, end of their ranges. */
static void ask_bands(const ts_advice *advice, const ts_chip *asked, ts_chip corners[2],
                      ts_report_ask asks[2]) {
    for (int end = 0; end < 2; end++) {
        ts_chip_corner(advice->has_chip ? &advice->chip : asked, end == 0, &corners[end]);
        asks[end] = ask_for(advice);
        asks[end].what_if.chip = &corners[end];
    }
}

/* Clocks each remedy that is shown at both ends of the ranges, and together with those before it. */
static ts_status clock_shown(ts_advisor *advisor, int shown, const ts_report_options *options,
                             ts_diag *diag) {
    ts_report *report = advisor->report;
    ts_report_ask asks[3 * TS_REPORT_REMEDIES] = {{.is_list = false}}, *together = asks + 2 * shown;
    ts_chip corners[TS_REPORT_REMEDIES][2], chips[TS_REPORT_REMEDIES];
    for (int i = 0; i < shown; i++) {
        const ts_advice *advice = &advisor->at[i];
        ask_bands(advice, &report->record.chip, corners[i], asks + 2 * i);
        if (i) together[i] = together[i - 1];
        chips[i] = i ? chips[i - 1] : report->record.chip;
        together[i].what_if.chip = &chips[i];
        together[i].is_list |= advice->is_list;
        join(report, advice, &together[i].what_if, &chips[i]);
    }
    TS_TRY(ts_report_clock(report, options, asks, 3 * shown, diag));
    for (int i = 0; i < shown; i++) {
        ts_report_remedy *remedy = &advisor->at[i].remedy;
        remedy->gain_fast = within(&advisor->at[i], gain(report->record.total_low, asks[2 * i].total));
        remedy->gain_slow = within(&advisor->at[i], gain(report->record.total_high, asks[2 * i + 1].total));
        ts_time so_far = gain(report->record.total, together[i].total);
        if (so_far > report->together) report->together = so_far;
        if (remedy->gain > report->together) report->together = remedy->gain;
        remedy->gain_so_far = report->together;
    }
    return ts_ok;
}

/* ---- lines ---- */

static uint32_t line_of_bound(const ts_report *report, unsigned bound) {
    uint32_t best = 0;
    if (report->lines.count == 0) return 0;
    for (uint32_t i = 1; i < report->lines.count; i++)
        if (report->lines.data[i].bounds[bound] > report->lines.data[best].bounds[bound]) best = i;
    return report->lines.data[best].bounds[bound] > 0 ? best + 1 : 0;
}

/* The line on which the instructions that the advice changes cost most. */
static uint32_t line_of_codes(ts_report *report, const ts_advice *advice) {
    const ts_program *program = report->program;
    uint64_t *ops = TS_NEW_ARRAY(&report->arena, uint64_t, program->locs.count + 1);
    ts_time most = 0;
    uint32_t best = 0;
    if (!advice->work && !advice->bytes) return 0;
    for (uint32_t at = 0; at < program->code.count; at++)
        if ((advice->work && advice->work[at] < 1) || (advice->bytes && advice->bytes[at] < 1))
            ops[program->code.data[at]->loc] |= (uint64_t)1 << program->code.data[at]->op;
    for (uint32_t i = 0; i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        ts_time sum = 0;
        for (uint32_t r = line->first_row; r < line->first_row + line->row_count; r++)
            if (ops[report->rows.data[r].loc] >> report->rows.data[r].op & 1)
                sum += report->rows.data[r].bound;
        if (sum <= most) continue;
        most = sum;
        best = i + 1;
    }
    return best;
}

static int by_gain(const void *a, const void *b) {
    const ts_advice *x = a, *y = b;
    if (x->remedy.gain != y->remedy.gain) return x->remedy.gain > y->remedy.gain ? -1 : 1;
    return x->first_found < y->first_found ? -1 : x->first_found > y->first_found;
}

ts_status ts_report_advise(ts_report *report, const ts_report_options *options, ts_diag *diag) {
    ts_advisor *advisor = TS_NEW(&report->arena, ts_advisor);
    advisor->report = report;
    ts_advise_transfers(advisor);
    ts_advise_matmuls(advisor);
    ts_advise_engines(advisor);
    ts_advise_collectives(advisor);
    ts_advise_step(advisor);
    TS_TRY(clock_gains(advisor, options, diag));
    qsort(advisor->at, (size_t)advisor->count, sizeof advisor->at[0], by_gain);
    int shown = 0;
    while (shown < advisor->count && shown < TS_REPORT_REMEDIES &&
           is_worth(report, advisor->at[shown].remedy.gain))
        shown++;
    TS_TRY(clock_shown(advisor, shown, options, diag));
    for (int i = 0; i < shown; i++) {
        ts_advice *advice = &advisor->at[i];
        advice->remedy.line =
            advice->of < ts_bound_count ? line_of_bound(report, advice->of) : line_of_codes(report, advice);
        ts_vec_push(&report->remedies, &report->arena, advice->remedy);
    }
    return ts_ok;
}

/* What to change: the rules that apply, their gains from the clock, and the best of them. */
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

static bool same_affine(const ts_program *program, const ts_affine *a, const ts_affine *b) {
    if (a->base != b->base || a->term_count != b->term_count || a->rotation != b->rotation) return false;
    for (uint32_t t = 0; t < a->term_count; t++) {
        const ts_term *x = &program->terms.data[a->first_term + t],
                      *y = &program->terms.data[b->first_term + t];
        if (x->coef != y->coef || x->loop != y->loop) return false;
    }
    return true;
}

bool ts_advise_same(const ts_program *program, const ts_ap *a, const ts_ap *b) {
    return a->space == b->space && a->parts.max == b->parts.max && ts_advise_elems(a) == ts_advise_elems(b) &&
           same_affine(program, &a->offset, &b->offset) && same_affine(program, &a->part, &b->part);
}

/* ---- gains ---- */

static ts_time gain(ts_time before, ts_time after) {
    return after < before ? before - after : 0;
}

/* The same program, its engines free to take of their next instructions what can start first. */
static ts_program as_list(const ts_program *program) {
    ts_program list = *program;
    list.order = ts_order_list;
    return list;
}

static ts_status clock_list(ts_report *report, const ts_report_options *options, const ts_what_if *what_ifs,
                            int count, ts_time *own, ts_time *totals, ts_diag *diag) {
    ts_program list = as_list(report->program);
    ts_clock_options clock = {.trace = options->trace, .trips = options->trips};
    ts_record record;
    clock.what_ifs = what_ifs;
    clock.what_if_count = count;
    TS_TRY(ts_clock_run(&list, &report->record.chip, &clock, &record, diag));
    *own = record.total;
    for (int i = 0; i < count; i++)
        totals[i] = record.what_if[i];
    ts_record_free(&record);
    report->clock_runs++;
    return ts_ok;
}

static ts_status clock_gains(ts_advisor *advisor, const ts_report_options *options, ts_diag *diag) {
    ts_report *report = advisor->report;
    ts_what_if what_ifs[TS_MOST_ADVICE];
    ts_time totals[TS_MOST_ADVICE];
    for (int i = 0; i < advisor->count; i++) {
        what_ifs[i] = advisor->at[i].what_if;
        if (advisor->at[i].has_chip) what_ifs[i].chip = &advisor->at[i].chip;
    }
    TS_TRY(ts_report_clock(report, options, what_ifs, advisor->count, totals, diag));
    for (int i = 0; i < advisor->count; i++) {
        if (advisor->at[i].is_list) TS_TRY(clock_list(report, options, NULL, 0, &totals[i], NULL, diag));
        advisor->at[i].remedy.gain = gain(report->record.total, totals[i]);
    }
    return ts_ok;
}

/* The gain with every number of the chip at the fast, and at the slow end of its range. */
static ts_status clock_bands(ts_advisor *advisor, int shown, const ts_report_options *options,
                             ts_diag *diag) {
    ts_report *report = advisor->report;
    for (int i = 0; i < shown; i++) {
        ts_advice *advice = &advisor->at[i];
        ts_chip corner[2];
        ts_what_if what_ifs[2] = {advice->what_if, advice->what_if};
        ts_time totals[2], own;
        for (int end = 0; end < 2; end++) {
            ts_chip_corner(advice->has_chip ? &advice->chip : &report->record.chip, end == 0, &corner[end]);
            what_ifs[end].chip = &corner[end];
        }
        if (advice->is_list)
            TS_TRY(clock_list(report, options, what_ifs, 2, &own, totals, diag));
        else
            TS_TRY(ts_report_clock(report, options, what_ifs, 2, totals, diag));
        advice->remedy.gain_fast = gain(report->record.total_low, totals[0]);
        advice->remedy.gain_slow = gain(report->record.total_high, totals[1]);
    }
    return ts_ok;
}

static void multiply(ts_report *report, const float **to, const float *by) {
    if (!by) return;
    float *parts = all_of_it(report);
    for (uint32_t at = 0; at < report->program->code.count; at++)
        parts[at] = (*to ? (*to)[at] : 1) * by[at];
    *to = parts;
}

/* `all` with one more. Chips that were edited join where they differ from the one asked for. */
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

/* The gain of each remedy together with those before it. */
static ts_status clock_together(ts_advisor *advisor, int shown, const ts_report_options *options,
                                ts_diag *diag) {
    ts_report *report = advisor->report;
    ts_what_if all[TS_REPORT_REMEDIES] = {{0}};
    ts_chip chips[TS_REPORT_REMEDIES];
    ts_time totals[TS_REPORT_REMEDIES], own;
    bool is_list = false;
    for (int i = 0; i < shown; i++) {
        if (i) all[i] = all[i - 1];
        chips[i] = i ? chips[i - 1] : report->record.chip;
        all[i].chip = &chips[i];
        join(report, &advisor->at[i], &all[i], &chips[i]);
    }
    TS_TRY(ts_report_clock(report, options, all, shown, totals, diag));
    for (int i = 0; i < shown; i++) {
        is_list |= advisor->at[i].is_list;
        if (is_list) TS_TRY(clock_list(report, options, &all[i], 1, &own, &totals[i], diag));
        ts_time so_far = gain(report->record.total, totals[i]);
        if (so_far > report->together) report->together = so_far;
        if (advisor->at[i].remedy.gain > report->together) report->together = advisor->at[i].remedy.gain;
        advisor->at[i].remedy.gain_so_far = report->together;
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
    ts_advise_step(advisor);
    TS_TRY(clock_gains(advisor, options, diag));
    qsort(advisor->at, (size_t)advisor->count, sizeof advisor->at[0], by_gain);
    int shown = 0;
    while (shown < advisor->count && shown < TS_REPORT_REMEDIES &&
           advisor->at[shown].remedy.gain * 200 >= report->record.total && advisor->at[shown].remedy.gain > 0)
        shown++;
    TS_TRY(clock_bands(advisor, shown, options, diag));
    if (shown) TS_TRY(clock_together(advisor, shown, options, diag));
    for (int i = 0; i < shown; i++) {
        ts_advice *advice = &advisor->at[i];
        advice->remedy.line =
            advice->of < ts_bound_count ? line_of_bound(report, advice->of) : line_of_codes(report, advice);
        ts_vec_push(&report->remedies, &report->arena, advice->remedy);
    }
    return ts_ok;
}

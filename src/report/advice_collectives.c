/* Rules about collectives: A15. */
#include "report/advice.h"
#include "report/figures.h"

/* Sums over the step's collectives, each counted as often as it runs. */
typedef struct parts {
    ts_time latency, all, sums; /* time alone: its latency, all of it, and that of all_reduces */
    ts_time wide;               /* time for moving float32 */
    uint64_t small, count;      /* collectives below the size from which a ring is used; all */
} parts;

static const ts_inst_collective *inst_of(const ts_report *report, const ts_report_collective *at) {
    return (const ts_inst_collective *)report->program->code.data[at->inst];
}

static parts add_up(const ts_report *report) {
    parts sum = {0};
    for (uint32_t i = 0; i < report->collectives.count; i++) {
        const ts_report_collective *at = &report->collectives.data[i];
        const ts_inst_collective *inst = inst_of(report, at);
        ts_time count = (ts_time)at->count, alone = at->cost.latency + at->cost.move;
        sum.latency += count * at->cost.latency;
        sum.all += count * alone;
        if (inst->kind == ts_cc_all_reduce) sum.sums += count * alone;
        if (inst->src.dtype == ts_dtype_f32) sum.wide += count * at->cost.move;
        if ((double)at->plan.message <= report->record.chip.cc_mesh_max_bytes) sum.small += at->count;
        sum.count += at->count;
    }
    return sum;
}

/* Collectives can be hidden behind the rest of the step, and so by no more than its time. */
static void exposed(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    ts_time rest = record->total - record->launch - record->collective_busy;
    if (rest <= 0) return;
    ts_advice *advice =
        ts_advise(to, "A15", "bound", ts_bound_collective, "Move collectives behind other work",
                  "all-reduce gradients in buckets while the backward pass makes the next ones, and start "
                  "what the next layer "
                  "needs before the work that does not need it",
                  "");
    advice->what_if.free = 1u << ts_bound_collective;
    advice->most = rest;
    ts_text out = {0};
    ts_text_format(&out, "%llu collectives work ", (unsigned long long)record->collectives);
    ts_figure_time(&out, record->collective_busy);
    ts_text_add(&out, ", and for ");
    ts_figure_time(&out, record->bound[ts_bound_collective]);
    ts_text_add(&out, " the step waits for them alone; without any at work it goes on for ");
    ts_figure_time(&out, rest);
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* If all shared one start, only the time for moving their bytes would remain. */
static void larger(ts_advisor *to, const parts *sum) {
    if (sum->count < 2 || sum->latency * 3 < sum->all) return;
    ts_advice *advice =
        ts_advise(to, "A15", "bound", ts_bound_collective, "Fewer, larger collectives",
                  "concatenate small gradients, or whatever else is summed at one time, before the "
                  "collective: one of a few MB instead of many",
                  "");
    advice->has_chip = true;
    advice->chip.cc_start_us = advice->chip.cc_hop_us = 0;
    ts_text out = {0};
    ts_text_format(&out, "%llu of %llu collectives are smaller than ", (unsigned long long)sum->small,
                   (unsigned long long)sum->count);
    ts_figure_bytes(&out, to->report->record.chip.cc_mesh_max_bytes);
    ts_text_format(&out, "; %.0f %% of their time is latency, not bytes",
                   100 * ts_figure_share(sum->latency, sum->all));
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* A reduce_scatter has half of an all_reduce's steps and bytes. */
static void scattered(ts_advisor *to, const parts *sum) {
    ts_report *report = to->report;
    if (sum->sums * 3 < sum->all) return;
    ts_advice *advice = ts_advise(
        to, "A15", "bound", ts_bound_collective, "Leave each rank its part of the sum",
        "reduce_scatter gradients, update a part of the weights on each rank (ZeRO-1), and gather them "
        "where they are used; or keep activations in parts between layers",
        "the gather, where all need all of it");
    ts_advise_work(to, advice);
    for (uint32_t i = 0; i < report->collectives.count; i++) {
        const ts_report_collective *at = &report->collectives.data[i];
        if (inst_of(report, at)->kind == ts_cc_all_reduce) advice->work[at->inst] = 0.5F;
    }
    ts_text out = {0};
    ts_figure_time(&out, sum->sums);
    ts_text_format(&out, ", %.0f %% of what collectives take, are all_reduces, half of each a gather",
                   100 * ts_figure_share(sum->sums, sum->all));
    advice->remedy.evidence = ts_advise_text(to, &out);
}

static void narrower(ts_advisor *to, const parts *sum) {
    ts_report *report = to->report;
    if (sum->wide * 3 < sum->all) return;
    ts_advice *advice = ts_advise(to, "A15", "edit", ts_bound_collective, "Send bf16",
                                  "cast what is summed or gathered to jnp.bfloat16",
                                  "8 bits of mantissa instead of 24; sums are rounded once");
    ts_advise_bytes(to, advice);
    for (uint32_t i = 0; i < report->collectives.count; i++) {
        const ts_report_collective *at = &report->collectives.data[i];
        if (inst_of(report, at)->src.dtype == ts_dtype_f32) advice->bytes[at->inst] = 0.5F;
    }
    ts_text out = {0};
    ts_figure_time(&out, sum->wide);
    ts_text_format(&out, ", %.0f %% of what collectives take, is moving float32",
                   100 * ts_figure_share(sum->wide, sum->all));
    advice->remedy.evidence = ts_advise_text(to, &out);
}

void ts_advise_collectives(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    if (record->collectives == 0 || record->bound[ts_bound_collective] * 50 < record->total) return;
    parts sum = add_up(to->report);
    exposed(to);
    larger(to, &sum);
    scattered(to, &sum);
    narrower(to, &sum);
}

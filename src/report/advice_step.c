/* Rules about the step as a whole: launches, the optimizer, and limits that no change of the program
   moves. */
#include <string.h>

#include "report/advice.h"
#include "report/figures.h"

static void launches(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    if (record->launch * 5 <= record->total) return;
    ts_advice *advice = ts_advise(
        to, "A16", "bound", ts_bound_count, "Launch less often",
        "several steps in one program: jax.lax.scan over batches, or trainstone run --steps; of a kernel: "
        "more data in a call, or its place in a jitted step",
        "");
    advice->what_if.free = 1u << ts_bound_launch;
    ts_text out = {0};
    ts_figure_time(&out, record->launch);
    ts_text_format(&out, " of the step is the launch, %.0f %%",
                   100 * ts_figure_share(record->launch, record->total));
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* An optimizer that runs alone: the part after the gradient waits for DMA while TensorE is idle. */
static void optimizer(ts_advisor *to) {
    ts_report *report = to->report;
    const ts_program *program = report->program;
    const char *beside = ts_report_phase_of(program, "");
    ts_time all = 0, dma = 0, tensor = 0;
    if (!beside[0]) return; /* the program has no gradient */
    for (uint32_t i = 0; i < report->record.rows.count; i++) {
        const ts_record_row *row = &report->record.rows.data[i];
        const char *name = program->locs.data[row->loc].name;
        if (row->engine == ts_engine_none || !name || !name[0] ||
            strcmp(ts_report_phase_of(program, name), beside) != 0)
            continue;
        all += row->bound;
        for (unsigned b = ts_bound_dma_bytes; b <= ts_bound_dma_latency; b++)
            dma += row->bounds[b];
        if (row->engine == ts_engine_tensor && row->op != ts_op_dma_copy) tensor += row->busy;
    }
    if (dma * 10 < report->record.total || dma * 2 < all || tensor * 10 > all) return;
    ts_advice *advice =
        ts_advise(to, "A17", "bound", ts_bound_count, "Update weights while the gradient is computed",
                  "apply the optimizer to each layer's gradient as soon as it is there, in the backward "
                  "pass, when DMA has time; or keep its moments in bf16",
                  "");
    ts_advise_work(to, advice);
    for (uint32_t at = 0; at < program->code.count; at++) {
        const char *name = program->locs.data[program->code.data[at]->loc].name;
        if (name && name[0] && strcmp(ts_report_phase_of(program, name), beside) == 0) advice->work[at] = 0;
    }
    ts_text out = {0};
    ts_figure_time(&out, all);
    ts_text_add(&out, " of the step come after the gradient, ");
    ts_figure_time(&out, dma);
    ts_text_add(&out, " of them wait for DMA; Tensor works ");
    ts_figure_time(&out, tensor);
    ts_text_add(&out, " there");
    advice->remedy.evidence = ts_advise_text(to, &out);
}

/* The share of the step in which the DMA engines, all together, move payload. */
static double moving_share(const ts_report *report) {
    for (uint32_t i = 0; i < report->bounds.count; i++)
        if (report->bounds.data[i].bound == ts_bound_dma_bytes) return report->bounds.data[i].busy;
    return 0;
}

static void at_the_roof(ts_advisor *to) {
    const ts_record *record = &to->report->record;
    double seconds = (double)record->total * 1e-12, peak = record->chip.peak_bf16_tflops * 1e12;
    double rate = record->chip.dma_engine_bytes_per_ns * record->chip.dma_engines * 1e9;
    double moved = (double)(record->hbm_read_bytes + record->hbm_write_bytes);
    double used = seconds > 0 ? (double)record->pe_flops / (peak * seconds) : 0;
    double moving = moving_share(to->report);
    ts_text out = {0};
    if (record->bound[ts_bound_tensor] * 100 > record->total * 85 && used > 0.8) {
        ts_text_format(&out,
                       "At the roof: Tensor bounds %.0f %% of the step and multiplies at %.0f %% of its bf16 "
                       "peak. What is left on one core is fewer FLOPs",
                       100 * ts_figure_share(record->bound[ts_bound_tensor], record->total), 100 * used);
        ts_advise_note(to, "A20", &out);
    }
    if (moving > 0.7 && moved > 0 && (double)record->pe_flops / moved < peak / rate) {
        ts_text_format(&out,
                       "At the roof: the DMA engines move payload for %.0f %% of the step, for %.3g FLOP a "
                       "byte where the PE array needs %.3g. Only fewer bytes help",
                       100 * moving, (double)record->pe_flops / moved, peak / rate);
        ts_advise_note(to, "A19", &out);
    }
}

static void capacity(ts_advisor *to) {
    const ts_report *report = to->report;
    double used = (double)(report->argument_bytes + report->result_bytes + report->scratch_bytes +
                           report->constant_bytes);
    double most = report->record.chip.hbm_bytes / report->record.chip.cores;
    if (used <= 0.9 * most) return;
    ts_text out = {0};
    ts_text_add(&out, "HBM is nearly full: ");
    ts_figure_bytes(&out, used);
    ts_text_add(&out, " of a core's ");
    ts_figure_bytes(&out, most);
    ts_text_add(&out, ", of them ");
    ts_figure_bytes(&out, (double)report->scratch_bytes);
    ts_text_add(&out,
                " for values between operations (jax.checkpoint recomputes them, a smaller batch has fewer)");
    ts_advise_note(to, "A22", &out);
}

void ts_advise_step(ts_advisor *to) {
    launches(to);
    optimizer(to);
    at_the_roof(to);
    capacity(to);
}

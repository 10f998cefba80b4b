/* trainstone time: runs the clock alone, without data or weights. */
#include "cli/console.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "clock/clock.h"
#include "report/figures.h"
#include "report/report.h"

static void add_lane(ts_text *out, const ts_slice *slice) {
    if (slice->lane >= TS_LANE_QUEUE)
        ts_text_format(out, "queue%d", slice->lane - TS_LANE_QUEUE);
    else if (slice->lane == TS_LANE_COLLECTIVE)
        ts_text_add(out, "collectives");
    else
        ts_text_add(out, ts_engine_name(slice->lane));
}

static void add_slices(const ts_record *record, const ts_program *program, ts_text *out) {
    ts_text_format(out, "\nfirst %u slices%s\n%12s %12s  %-8s %s\n", record->slices.count,
                   record->slices_truncated ? " (there are more)" : "", "start us", "end us", "lane",
                   "instruction");
    for (uint32_t i = 0; i < record->slices.count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        ts_text_format(out, "%12.3f %12.3f  ", (double)slice->start / 1e6, (double)slice->end / 1e6);
        size_t start = out->length;
        add_lane(out, slice);
        while (out->length - start < 9)
            ts_text_add(out, " ");
        ts_inst_print(program, program->code.data[slice->inst], out);
        if (out->data[out->length - 1] != '\n') ts_text_add(out, "\n");
    }
}

/* The record's object with "slices" as its last member. */
static void add_json(const ts_record *record, const ts_program *program, const ts_instance *instance,
                     int slices, ts_text *out) {
    ts_record_json(record, program, instance, out);
    while (out->length &&
           (out->data[out->length - 1] == '\n' || (slices && out->data[out->length - 1] == '}'))) {
        bool is_brace = out->data[--out->length] == '}';
        out->data[out->length] = '\0';
        if (is_brace) break;
    }
    if (slices) {
        ts_text_add(out, ", \"slices\": [");
        for (uint32_t i = 0; i < record->slices.count; i++) {
            const ts_slice *slice = &record->slices.data[i];
            ts_text_format(out, "%s{\"start_ps\": %lld, \"end_ps\": %lld, \"lane\": \"", i ? ", " : "",
                           (long long)slice->start, (long long)slice->end);
            add_lane(out, slice);
            ts_text_format(out, "\", \"position\": %u, \"op\": \"%s\"}", slice->inst,
                           ts_op_get(program->code.data[slice->inst]->op)->name);
        }
        ts_text_format(out, "], \"slices_truncated\": %s}", record->slices_truncated ? "true" : "false");
    }
    ts_text_add(out, "\n");
}

static ts_status show(const ts_arguments *arguments, const ts_record *record, const ts_program *program,
                      const ts_instance *instance, ts_text *out, ts_diag *diag) {
    ts_report report;
    ts_status status = ts_report_view(program, record, instance, &report, diag);
    if (status == ts_ok) ts_report_text_styled(&report, ts_console_style(), out);
    if (status == ts_ok && arguments->slices) add_slices(record, program, out);
    ts_report_free(&report);
    return status;
}

static ts_status clock_program(const ts_arguments *arguments, const ts_session *session, ts_text *out,
                               ts_diag *diag) {
    const ts_program *program = ts_executable_program(session->executable);
    const ts_instance *instance = ts_runtime_instance(session->runtime);
    ts_clock_options options = {.slice_cap = (uint32_t)arguments->slices,
                                .band = true,
                                .trips = (uint64_t)arguments->trips,
                                .bins = arguments->json ? 0 : 2};
    ts_record record = {0};
    ts_progress *progress = ts_progress_start("clocking");
    ts_status status = ts_clock_run(program, ts_runtime_chip(session->runtime), &options, &record, diag);
    ts_progress_stop(progress);
    if (status == ts_ok && arguments->is_strict) status = ts_record_require_sources(&record, diag);
    if (status == ts_ok && arguments->json)
        add_json(&record, program, instance, arguments->slices, out);
    else if (status == ts_ok)
        status = show(arguments, &record, program, instance, out, diag);
    ts_record_free(&record);
    return status;
}

/* Prints each core's time alone, and what waiting for HBM that the other core uses adds to it. */
static ts_status add_alone(const ts_session *session, const ts_clock_core *core, int number, ts_text *out,
                           ts_diag *diag) {
    ts_clock_options options = {.trips = core->options->trips};
    ts_record alone = {0};
    TS_TRY(ts_clock_run(core->program, ts_runtime_chip(session->runtime), &options, &alone, diag));
    ts_text_format(out, "core %d   alone ", number);
    ts_figure_time(out, alone.total);
    ts_text_add(out, ", beside the other ");
    ts_figure_time(out, core->record->total);
    ts_text_add(out, "; of its path the other holds ");
    ts_figure_time(out, core->record->other_core);
    ts_text_add(out, "\n");
    ts_record_free(&alone);
    return ts_ok;
}

static void add_imbalance(const ts_clock_core cores[TS_CLOCK_CORES], ts_text *out) {
    ts_report_rank ranks[TS_CLOCK_CORES];
    for (int core = 0; core < TS_CLOCK_CORES; core++)
        ranks[core] = (ts_report_rank){cores[core].program, cores[core].record, "core", core};
    if (ts_report_imbalance(ranks, TS_CLOCK_CORES, out)) ts_text_add(out, "\n");
}

static ts_status show_cores(const ts_arguments *arguments, const ts_session *session,
                            const ts_clock_core cores[TS_CLOCK_CORES], ts_text *out, ts_diag *diag) {
    const ts_instance *instance = ts_runtime_instance(session->runtime);
    if (arguments->json) ts_text_add(out, "{\"cores\": [");
    for (int core = 0; core < TS_CLOCK_CORES; core++) {
        ts_record *record = cores[core].record;
        if (arguments->is_strict) TS_TRY(ts_record_require_sources(record, diag));
        if (arguments->json) {
            if (core > 0) ts_text_add(out, ", ");
            add_json(record, cores[core].program, instance, arguments->slices, out);
            out->data[--out->length] = '\0';
        } else {
            TS_TRY(show(arguments, record, cores[core].program, instance, out, diag));
            ts_text_add(out, "\n");
        }
    }
    if (arguments->json)
        ts_text_add(out, "]}\n");
    else
        add_imbalance(cores, out);
    for (int core = 0; core < TS_CLOCK_CORES && !arguments->json; core++)
        TS_TRY(add_alone(session, &cores[core], core, out, diag));
    return ts_ok;
}

/* Clocks two programs on the two cores of one chip. */
static ts_status clock_cores(const ts_arguments *arguments, const ts_session *session, ts_text *out,
                             ts_diag *diag) {
    ts_clock_options options = {.slice_cap = (uint32_t)arguments->slices,
                                .band = true,
                                .trips = (uint64_t)arguments->trips,
                                .bins = arguments->json ? 0 : 2};
    ts_record records[TS_CLOCK_CORES] = {0};
    const ts_clock_core cores[TS_CLOCK_CORES] = {
        {ts_executable_program(session->executable), &options, &records[0]},
        {ts_executable_program(session->sibling), &options, &records[1]}};
    ts_progress *progress = ts_progress_start("clocking");
    ts_status status = ts_clock_run_cores(cores, TS_CLOCK_CORES, ts_runtime_chip(session->runtime), diag);
    ts_progress_stop(progress);
    if (status == ts_ok) status = show_cores(arguments, session, cores, out, diag);
    for (int core = 0; core < TS_CLOCK_CORES; core++)
        ts_record_free(&records[core]);
    return status;
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    ts_session session;
    ts_status status = ts_session_open(arguments, 1, &session, diag);
    if (status == ts_ok) status = ts_session_load(arguments, NULL, &session, diag);
    bool has_sibling = arguments->files.count > 1;
    if (status == ts_ok && has_sibling) status = ts_session_load_sibling(arguments, &session, diag);
    if (status == ts_ok) status = (has_sibling ? clock_cores : clock_program)(arguments, &session, out, diag);
    ts_session_close(&session);
    return status;
}

static const ts_option options[] = {
    TS_OPTION_INSTANCE,
    TS_OPTION_CHIP,
    TS_OPTIONS_CAST,
    TS_OPTION("slices", 0, "N", number, slices, 1, 1000000,
              "Also list the first N slices of the timeline (1 to 1000000): start and end in us, engine or "
              "DMA queue, instruction."),
    TS_OPTION("trips", 0, "N", number, trips, 1, 1000000000,
              "Trips of each loop whose length depends on data (1 to 1000000000, default 1). Every branch of "
              "a conditional is counted, since no data says which is taken: an upper bound. trainstone run "
              "times what the data decided."),
    TS_OPTION_STRICT,
    TS_OPTION_JSON,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_time = {
    .name = "time",
    .summary = "predict the time of a program; needs no data",
    .synopsis = "PROG [PROG] [OPTION...]",
    .about =
        "Predicts how long one execution of PROG takes on one NeuronCore of the modelled chip, and why. "
        "No instruction is executed and no weights are needed: but for loops and branches that data "
        "decides (--trips), the time does not depend on the values. PROG is a .mlirbc or a .trn, as for "
        "trainstone run.\n"
        "\n"
        "The time comes with a band: the model's constants have ranges (trainstone chip shows them with "
        "their sources), and the band is what the ranges leave open. To ask what another chip would do, "
        "edit its numbers in a file and give that file to --chip.\n"
        "\n"
        "Two programs are launched together on the two cores of one chip, which share its HBM: each gets a "
        "record, and a line says what it takes alone.",
    .examples = "trainstone time step.mlirbc\n"
                "trainstone time step.mlirbc --slices 20\n"
                "trainstone time step.mlirbc step.mlirbc\n"
                "printf 'chip trn1\\ndma_engine_bytes_per_ns = 8.5\\n' > half.chip && trainstone time "
                "step.mlirbc --chip ./half.chip",
    .options = options,
    .least_files = 1,
    .most_files = 2,
    .file = "PROG",
    .run = run,
};

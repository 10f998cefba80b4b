/* trainstone run: runs a program on the modelled chip with values from .npy files, and says how long the chip
   would have taken. */
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/ranks.h"
#include "cli/steps.h"
#include "cli/verbs.h"
#include "report/report.h"

static ts_status execute(const ts_arguments *arguments, ts_session *session, ts_ranks *ranks, ts_diag *diag) {
    for (int i = 0; i < ranks->count; i++) {
        ranks->options[i].poison = arguments->poison;
        ranks->options[i].cancel = ts_interrupt_flag();
    }
    ts_progress *progress = arguments->quiet ? NULL : ts_progress_start("running");
    ts_interrupt_enter(ts_phase_run);
    ts_status status = ts_ranks_run(session, ranks, diag);
    ts_interrupt_enter(ts_phase_prepare);
    ts_progress_stop(progress);
    /* A signal that came too late to cancel the run still ends the command. */
    if (status == ts_ok && atomic_load(ts_interrupt_flag()))
        status = ts_fail(diag, ts_cancelled, "interrupted");
    return status;
}

static ts_status write_outputs(const ts_arguments *arguments, const ts_ranks *ranks, ts_diag *diag) {
    if (!arguments->out) return ts_ok;
    ts_interrupt_enter(ts_phase_write);
    ts_status status = ts_ranks_write(ranks, arguments->out, diag);
    ts_interrupt_enter(ts_phase_prepare);
    return status;
}

/* Prints what can affect bits: this CPU's kernels, and how engines round. */
static void describe_numerics(const ts_runtime *runtime, ts_text *out) {
    uint32_t seed;
    ts_host host = ts_runtime_host(runtime);
    ts_text_format(out, "host kernels %s%s\n", ts_isa_name(host.isa),
                   host.is_repro ? ", the bits of any CPU (--repro)" : "");
    if (ts_runtime_rounding(runtime, &seed) == ts_rounding_stochastic)
        ts_text_format(out, "rounding stochastic, seed %u\n", seed);
    ts_text_add(out, "\n");
}

/* Prints what checks found, before the record. */
static void describe_checks(const ts_arguments *arguments, const ts_session *session, const ts_ranks *ranks,
                            ts_text *out) {
    if (!ts_runtime_checks(session->runtime) || arguments->json) return;
    size_t before = out->length;
    ts_ranks_findings(ranks, out);
    bool has_races = ts_runtime_checks(session->runtime) >> ts_check_races & 1;
    bool is_explicit = ts_executable_program(session->executable)->syncing == ts_syncing_explicit;
    if (out->length == before && !arguments->quiet)
        ts_text_format(out, "checks found nothing%s\n",
                       has_races && !is_explicit ? "; races: the clock derives the waits, so there are none"
                                                 : "");
    if (out->length > before && !arguments->quiet) ts_text_add(out, "\n");
}

/* Inserts the findings as the last member of the record's object. */
static void add_findings(const ts_ranks *ranks, ts_text *out) {
    const bool has_checks = ranks && ranks->options[0].checks;
    while (has_checks && out->length && out->data[out->length - 1] != '}')
        out->data[--out->length] = '\0';
    if (!has_checks || !out->length) return;
    out->data[--out->length] = '\0';
    ts_text_add(out, ", ");
    ts_ranks_findings_json(ranks, out);
    ts_text_add(out, "}\n");
}

/* Prints the record of one run as JSON, as a summary, or not at all. */
static ts_status describe_record(const ts_arguments *arguments, const ts_session *session,
                                 const ts_record *record, const ts_ranks *ranks, ts_text *out,
                                 ts_diag *diag) {
    const ts_program *program = ts_executable_program(session->executable);
    const ts_instance *instance = ts_runtime_instance(session->runtime);
    if (arguments->json) {
        ts_record_json(record, program, instance, out);
        add_findings(ranks, out);
        if (out->length && out->data[out->length - 1] != '\n') ts_text_add(out, "\n");
    } else if (!arguments->quiet) {
        ts_report report;
        describe_numerics(session->runtime, out);
        ts_status status = ts_report_view(program, record, instance, &report, diag);
        if (status == ts_ok) ts_report_text_styled(&report, ts_console_style(), out);
        ts_report_free(&report);
        if (status == ts_ok && ranks && ranks->count > 1)
            status = ts_ranks_imbalance(session, ranks, out, diag);
        return status;
    }
    return ts_ok;
}

static void describe_outputs(const ts_arguments *arguments, const ts_session *session, int ranks,
                             ts_text *out) {
    char folder[32] = "";
    if (ranks > 1) snprintf(folder, sizeof folder, "/rank_0..%d", ranks - 1);
    if (arguments->json || arguments->quiet) return;
    for (int i = 0; i < ts_executable_outputs(session->executable); i++) {
        if (arguments->out)
            ts_text_format(out, "%s%s/output_%d.npy  ", arguments->out, folder, i);
        else
            ts_text_format(out, "output %d, not kept (no --out)  ", i);
        ts_tensor_add(out, ts_executable_output(session->executable, i));
        ts_text_add(out, "\n");
    }
}

static ts_status run_arrays(const ts_arguments *arguments, ts_session *session, ts_ranks *ranks, ts_text *out,
                            ts_diag *diag) {
    const ts_record *record = NULL;
    TS_TRY(ts_session_load(arguments, NULL, session, diag));
    TS_TRY(ts_ranks_make(session, ranks, diag));
    TS_TRY(ts_ranks_read(session, arguments, ranks, diag));
    int count = ts_executable_outputs(session->executable);
    if (arguments->out) TS_TRY(ts_ranks_check_folder(ranks, arguments->out, count, diag));
    TS_TRY(ts_ranks_for_outputs(session, ranks, diag));
    TS_TRY(execute(arguments, session, ranks, diag));
    TS_TRY(ts_executable_record(session->executable, &record, diag));
    if (arguments->is_strict) TS_TRY(ts_record_require_sources(record, diag));
    TS_TRY(write_outputs(arguments, ranks, diag));
    describe_outputs(arguments, session, ranks->count, out);
    describe_checks(arguments, session, ranks, out);
    return describe_record(arguments, session, record, ranks, out, diag);
}

static ts_status run_steps(const ts_arguments *arguments, ts_session *session, ts_text *out, ts_diag *diag) {
    const ts_record *record = NULL;
    TS_TRY(ts_session_load(arguments, NULL, session, diag));
    TS_TRY(ts_steps_run(arguments, session, out, diag));
    TS_TRY(ts_executable_record(session->executable, &record, diag));
    if (arguments->is_strict) TS_TRY(ts_record_require_sources(record, diag));
    return describe_record(arguments, session, record, NULL, out, diag);
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    ts_session session;
    ts_ranks ranks = {0};
    ts_status status = ts_session_open(arguments, 0, &session, diag);
    if (status == ts_ok && ts_steps_wanted(arguments))
        status = run_steps(arguments, &session, out, diag);
    else if (status == ts_ok)
        status = run_arrays(arguments, &session, &ranks, out, diag);
    ts_ranks_free(&ranks);
    ts_session_close(&session);
    return status;
}

static const ts_option options[] = {
    TS_OPTION("input", 'i', "FILE...", list, inputs, 0, 0,
              "One .npy file for each input of the program, in its order. May be given several times; takes "
              "every word up to the next option. A program of several NeuronCores takes one set of files for "
              "all of them, or a set for each, one after the other."),
    TS_OPTION("out", 'o', "DIR", word, out, 0, 0,
              "Folder for the results, made when missing: output_0.npy, output_1.npy, ... All appear "
              "together or none does. Without it the program runs and its values are dropped. Those of "
              "several NeuronCores go to rank_0/, rank_1/, ... in it."),
    TS_OPTION("steps", 's', "N", number, steps, 1, TS_MOST_STEPS,
              "Run PROG so many times, its results carried to the arguments that PROG's .json names: "
              "training without Python. With --out, results that are not carried get the step as their first "
              "axis. Default: as many as the shortest stream has."),
    TS_OPTION("stream", 0, "ARG=FILE...", list, streams, 0, 0,
              "A .npy file with one more axis in front than argument ARG: each step takes the next slice. "
              "ARG is a name of PROG's .json, such as batch.x."),
    TS_OPTION("load", 0, "FILE", word, load, 0, 0,
              "Arguments that are not streamed, by name, from this .safetensors file. Default: the one "
              "beside PROG."),
    TS_OPTION("save", 0, "FILE", word, save, 0, 0,
              "Write the arguments as the last step leaves them, without the streamed ones, to this "
              ".safetensors file. --load takes it."),
    TS_OPTION_INSTANCE,
    TS_OPTION_CHIP,
    TS_OPTION("threads", 0, "N", number, threads, 1, 1024,
              "Host threads, 1 to 1024; results have the same bits for any number. Default: "
              "TRAINSTONE_THREADS, else all CPUs."),
    TS_OPTIONS_CAST,
    TS_OPTION("stochastic-rounding", 0, NULL, flag, is_stochastic, 0, 0,
              "What engines and DMA narrow from fp32 rounds stochastically instead of to nearest even. "
              "Default: NEURON_RT_STOCHASTIC_ROUNDING_EN."),
    TS_OPTION("stochastic-rounding-seed", 0, "N", word, rounding_seed, 0, 0,
              "Seed of its generator, 0 to 4294967295: one seed gives the same bits on every run. Default: "
              "NEURON_RT_STOCHASTIC_ROUNDING_SEED, else 0."),
    TS_OPTION("repro", 0, NULL, flag, is_repro, 0, 0,
              "Results have the bits that any CPU gives. Without it bf16 matmuls take what this CPU has for "
              "them, which may count subnormal numbers as 0. Default: TRAINSTONE_REPRO."),
    TS_OPTION("poison", 0, NULL, flag, poison, 0, 0,
              "Fill the chip's memories with NaN bytes first, so that a read of what nobody wrote shows."),
    TS_OPTION(
        "check", 0, "KINDS", word, checks, 0, 0,
        "Look for what the chip lets pass in silence: unset (reads of what nobody wrote), nan (where a NaN "
        "in a result comes from), overflow (casts past the range of a type), rounding (which way "
        "stochastic rounding went), races (what no semaphore orders, in a program with sync=explicit), some "
        "of "
        "them with commas, or all. Default: TRAINSTONE_CHECK."),
    TS_OPTION("find-nan", 0, NULL, flag, finds_nan, 0, 0, "The same as --check nan."),
    TS_OPTION_STRICT,
    TS_OPTION_JSON,
    TS_OPTION("quiet", 'q', NULL, flag, quiet, 0, 0, "Print nothing but errors (and --json)."),
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_run = {
    .name = "run",
    .summary = "run a program on the modelled chip: values and predicted time",
    .synopsis = "PROG --input FILE... --out DIR [OPTION...]",
    .about =
        "Runs PROG on the modelled instance, on one NeuronCore or on as many as PROG is for, writes its "
        "results, and prints what the chip would have done: predicted time with its band, what bounds it, "
        "how busy each engine is, which source lines cost most.\n"
        "\n"
        "PROG is a StableHLO portable artifact (.mlirbc, versions 1.13 to 1.17), compiled here first, or a "
        ".trn from trainstone compile. In JAX:\n"
        "  exported = jax.export.export(jax.jit(step, keep_unused=True), platforms=[\"neuron\"])(x, y)\n"
        "  open(\"step.mlirbc\", \"wb\").write(exported.mlir_module_serialized)\n"
        "\n"
        "With --steps PROG runs again and again, each step on what the last one left. Python writes "
        "train.mlirbc, the arguments in train.safetensors, and in train.json which results are carried:\n"
        "  trainstone.export(train, state, batch, path=\"train\")\n"
        "\n"
        "Arrays are .npy files in C or Fortran order, little-endian. bf16 travels as uint16 bits, f8 as "
        "uint8 bits; what ml_dtypes saves (<V2, |V1, <f1) is taken where the program wants that type.",
    .examples = "trainstone run step.mlirbc --input x.npy y.npy --out results\n"
                "trainstone run step.mlirbc --input x.npy y.npy --out results --json > record.json\n"
                "trainstone run train.mlirbc --steps 100 --stream batch.x=xs.npy batch.y=ys.npy --save "
                "final.safetensors",
    .options = options,
    .least_files = 1,
    .most_files = 1,
    .file = "PROG",
    .run = run,
};

/* trainstone chip: every number of the modelled chip with its range, basis and source; and the instances. */
#include "arch/chip.h"

#include "cli/session.h"
#include "cli/verbs.h"

static void instances_json(ts_text *out) {
    ts_text_add(out, "{\"instances\": [");
    for (int i = 0; i < ts_instance_count(); i++) {
        ts_text_add(out, i ? ",\n  " : "\n  ");
        ts_instance_json(ts_instance_at(i), out);
    }
    ts_text_add(out, "]}\n");
}

/* Right-aligned; a dash for 0, which stands for a number that the documents do not give. */
static void add_cell(ts_text *out, int width, double value) {
    if (value == 0)
        ts_text_format(out, " %*s", width, "-");
    else
        ts_text_format(out, " %*.*g", width, 6, value);
}

static void instances_text(ts_text *out) {
    ts_text_format(out, "%-15s %-5s %5s %5s %8s %8s %9s %9s %6s  %s\n", "instance", "chip", "chips", "cores",
                   "HBM GiB", "GiB/s", "bf16 TF/s", "fp32 TF/s", "USD/h", "source");
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *row = ts_instance_at(i);
        ts_text_format(out, "%-15s %-5s %5d %5d", row->name, row->chip, row->chips, row->cores);
        add_cell(out, 8, row->hbm_gib);
        add_cell(out, 8, row->hbm_gib_s);
        add_cell(out, 9, row->bf16_tflops);
        add_cell(out, 9, row->fp32_tflops);
        add_cell(out, 6, row->usd_per_hour);
        ts_text_format(out, "  %s\n", row->source);
    }
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    if (arguments->instances) {
        if (arguments->json)
            instances_json(out);
        else
            instances_text(out);
        return ts_ok;
    }
    if (arguments->markdown) {
        ts_chip_markdown(out);
        return ts_ok;
    }
    ts_session session;
    ts_status status = ts_session_open(arguments, 1, &session, diag);
    if (status == ts_ok && arguments->json) {
        ts_chip_json(ts_runtime_chip(session.runtime), out);
        ts_text_add(out, "\n");
    } else if (status == ts_ok) {
        ts_chip_print(ts_runtime_chip(session.runtime), out);
    }
    ts_session_close(&session);
    return status;
}

static const ts_option options[] = {
    TS_OPTION_INSTANCE,
    TS_OPTION_CHIP,
    TS_OPTION("instances", 0, NULL, flag, instances, 0, 0,
              "List the instances instead: chips, NeuronCores, HBM, peak rates, published price."),
    TS_OPTION("markdown", 0, NULL, flag, markdown, 0, 0, "The table of docs/chip.md."),
    TS_OPTION_JSON,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_chip = {
    .name = "chip",
    .summary = "every number of the modelled chip, with its source",
    .synopsis = "[OPTION...]",
    .about = "Prints the parameters of the modelled chip, one a line: value, unit, whether it is documented, "
             "derived or assumed, and the source. The model uses no other numbers.\n"
             "\n"
             "The text is a chip file: change values and give it to --chip of run, time or compile to ask "
             "\"what if\".",
    .examples = "trainstone chip\n"
                "trainstone chip --instances\n"
                "trainstone chip > what_if.chip && trainstone chip --chip what_if.chip --json",
    .options = options,
    .least_files = 0,
    .most_files = 0,
    .file = "FILE",
    .run = run,
};

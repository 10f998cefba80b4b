/* trainstone report, explain and diff: where a step's time goes, and what to change. */
#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "cli/console.h"
#include "cli/report_files.h"
#include "cli/verbs.h"
#include "report/report.h"

typedef void writer(const ts_report *report, ts_text *out);

static void write_text(const ts_report *report, ts_text *out) {
    ts_report_text_styled(report, ts_console_style(), out);
}

static void write_trace(const ts_report *report, ts_text *out) {
    ts_report_pftrace(report, &report->record, out);
}

typedef struct form {
    const char *name; /* of --output-format, and of the option that names its file */
    writer *write;
    size_t file; /* field of ts_arguments with that name; 0: none, the text is only printed */
} form;
#define IN_FILE(field) offsetof(ts_arguments, field)
static const form forms[] = {{"text", write_text, 0},
                             {"html", ts_report_html, IN_FILE(html)},
                             {"json", ts_report_json, IN_FILE(json_file)},
                             {"pftrace", write_trace, IN_FILE(pftrace)},
                             {"summary-text", ts_report_summary_text, IN_FILE(summary_text)},
                             {"summary-json", ts_report_summary_json, IN_FILE(summary_json)}};
enum { FORMS = sizeof forms / sizeof forms[0] };

/* NULL: none was asked for. */
static const char *file_of(const ts_arguments *arguments, const form *of) {
    return of->file ? *(const char *const *)((const char *)arguments + of->file) : NULL;
}

/* The form that --output-format names; NULL without it. */
static ts_status find_form(const char *word, const form **found, ts_diag *diag) {
    const char *names[FORMS];
    *found = NULL;
    for (int i = 0; word && i < FORMS; i++) {
        names[i] = forms[i].name;
        if (strcmp(word, forms[i].name) == 0) *found = &forms[i];
    }
    if (!word || *found) return ts_ok;
    ts_fail(diag, ts_usage, "a report has no form \"%s\"", word);
    const char *near = ts_nearest(word, names, FORMS);
    ts_diag_remedy(diag, "%s%s%s",
                   near ? "did you mean " : "one of text, html, json, pftrace, summary-text, summary-json",
                   near ? near : "", near ? "?" : "");
    return ts_usage;
}

/* The form of standard output, where there is room for one: what was asked for, else the text, or nothing
   when quiet. */
static ts_status find_shown(const ts_arguments *arguments, const form **shown, ts_diag *diag) {
    TS_TRY(find_form(arguments->output_format, shown, diag));
    if (arguments->quiet) *shown = NULL;
    for (int i = 0; i < FORMS; i++) {
        if (!ts_is_standard_output(file_of(arguments, &forms[i])) || *shown == &forms[i]) continue;
        if (*shown) {
            ts_fail(diag, ts_usage, "standard output takes one form of a report, not %s and %s",
                    (*shown)->name, forms[i].name);
            ts_diag_remedy(diag, "name a file for one of them: --%s FILE", forms[i].name);
            return ts_usage;
        }
        *shown = &forms[i];
    }
    if (!*shown && !arguments->quiet) *shown = &forms[0];
    return ts_ok;
}

static ts_status write_files(const ts_arguments *arguments, const ts_report *report, ts_diag *diag) {
    for (int i = 0; i < FORMS; i++) {
        const char *path = file_of(arguments, &forms[i]);
        if (!path || ts_is_standard_output(path)) continue;
        ts_text text = {0};
        forms[i].write(report, &text);
        ts_status status = ts_file_write(path, text.data, text.length, diag);
        ts_text_free(&text);
        TS_TRY(status);
    }
    return ts_ok;
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    ts_reported reported = {0};
    const form *shown = NULL;
    TS_TRY(find_shown(arguments, &shown, diag));
    ts_status status = ts_reported_open(arguments, arguments->files.data[0], true, &reported, diag);
    if (status == ts_ok) status = write_files(arguments, &reported.report, diag);
    if (status == ts_ok && shown) shown->write(&reported.report, out);
    ts_reported_close(&reported);
    return status;
}

static ts_status explain(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    ts_reported reported;
    ts_status status = ts_reported_open(arguments, arguments->files.data[0], true, &reported, diag);
    if (status == ts_ok) ts_report_explain(&reported.report, arguments->lines ? arguments->lines : 10, out);
    ts_reported_close(&reported);
    return status;
}

static ts_status diff(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    ts_reported before, after;
    ts_status status = ts_reported_open(arguments, arguments->files.data[0], false, &before, diag);
    after = (ts_reported){0};
    if (status == ts_ok) status = ts_reported_open(arguments, arguments->files.data[1], false, &after, diag);
    if (status == ts_ok && arguments->json)
        ts_report_diff_json(&before.report, &after.report, out);
    else if (status == ts_ok)
        ts_report_diff(&before.report, &after.report, out);
    ts_reported_close(&before);
    ts_reported_close(&after);
    return status;
}

#define TRIPS                                                                                                \
    TS_OPTION("trips", 0, "N", number, trips, 1, 1000000000,                                                 \
              "Trips of each loop whose length depends on data, as for trainstone time.")
#define NO_SOURCE                                                                                            \
    TS_OPTION("no-source", 0, NULL, flag, no_source, 0, 0,                                                   \
              "Leave the text of source lines out: names and numbers only.")

static const ts_option options[] = {
    TS_OPTION("html", 0, "FILE", target, html, 0, 0, "One page that opens in a browser without network."),
    TS_OPTION("json", 0, "FILE", target, json_file, 0, 0, "All figures: trainstone.report/1.0."),
    TS_OPTION("pftrace", 0, "FILE", target, pftrace, 0, 0,
              "A timeline of engines, queues and the critical path for ui.perfetto.dev."),
    TS_OPTION("summary-text", 0, "FILE", target, summary_text, 0, 0,
              "Figures under neuron-profile's names, a line each."),
    TS_OPTION("summary-json", 0, "FILE", target, summary_json, 0, 0, "The same as one flat JSON object."),
    TS_OPTION("output-format", 0, "FORM", word, output_format, 0, 0,
              "What is printed: text (default), json, summary-text, summary-json, html or pftrace."),
    NO_SOURCE,
    TRIPS,
    TS_OPTION_INSTANCE,
    TS_OPTION_CHIP,
    TS_OPTION("quiet", 'q', NULL, flag, quiet, 0, 0, "Print nothing: only write the files."),
    TS_OPTION_STRICT,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_report = {
    .name = "report",
    .summary = "where a step's time goes, and what to change",
    .synopsis = "PROG|RECORD [--html FILE] [OPTION...]",
    .about = "Clocks a program, a .mlirbc or a .trn, and tells what bounds its step, what each source line "
             "costs, and what would help. Every gain is clocked: the program runs on the clock again, in the "
             "same order, with one thing changed.\n\nA FILE \"-\" is standard output, which has that form "
             "alone.\n\n"
             "RECORD is a NAME.json that TRAINSTONE_OUT=FOLDER "
             "collected from any script:\n"
             "  TRAINSTONE_OUT=records python train.py\n"
             "  trainstone report records/jit_train_step.json --html step.html",
    .examples = "trainstone report step.mlirbc --html step.html\n"
                "trainstone report step.mlirbc --pftrace step.pftrace --json step.report.json",
    .options = options,
    .least_files = 1,
    .most_files = 1,
    .file = "PROG",
    .run = run,
};

static const ts_option explain_options[] = {
    TS_OPTION("lines", 'n', "N", number, lines, 1, 1000, "So many lines (default 10)."),
    NO_SOURCE,
    TRIPS,
    TS_OPTION_INSTANCE,
    TS_OPTION_CHIP,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_explain = {
    .name = "explain",
    .summary = "the most expensive source lines: why, and what to try",
    .synopsis = "PROG|RECORD [OPTION...]",
    .about =
        "Lists the source lines that cost most of a step, with what the step waits for there, the "
        "instructions that the line became, the clocked gain if their own work were free, and what to try.",
    .examples = "trainstone explain step.mlirbc\ntrainstone explain step.mlirbc --lines 3",
    .options = explain_options,
    .least_files = 1,
    .most_files = 1,
    .file = "PROG",
    .run = explain,
};

static const ts_option diff_options[] = {
    TS_OPTION_JSON, NO_SOURCE, TRIPS, TS_OPTION_INSTANCE, TS_OPTION_CHIP, TS_OPTION_HELP, TS_OPTION_END,
};

const ts_verb ts_verb_diff = {
    .name = "diff",
    .summary = "what changed in time between two programs or records",
    .synopsis = "BEFORE AFTER [OPTION...]",
    .about = "Clocks two programs or collected records and compares the step, what bounds it, and the source "
             "lines.",
    .examples = "trainstone diff step.mlirbc train.mlirbc\ntrainstone diff step.mlirbc train.mlirbc --json",
    .options = diff_options,
    .least_files = 2,
    .most_files = 2,
    .file = "BEFORE and AFTER",
    .run = diff,
};

/* trainstone version. */
#include "cli/verbs.h"
#include "trainstone/trainstone.h"

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    (void)diag;
    ts_text_format(out, arguments->json ? "{\"version\": \"%s\"}\n" : "trainstone %s\n", ts_version());
    return ts_ok;
}

static const ts_option options[] = {
    TS_OPTION_JSON,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_version = {
    .name = "version",
    .summary = "the version",
    .synopsis = "[OPTION...]",
    .about = "Prints the version of Trainstone.",
    .examples = "trainstone version",
    .options = options,
    .least_files = 0,
    .most_files = 0,
    .file = "FILE",
    .run = run,
};

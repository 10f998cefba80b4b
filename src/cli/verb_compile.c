/* trainstone compile: compiles a StableHLO program to a .trn, and shows what each pass made of it. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "report/figures.h"

static ts_status encode(const ts_program *program, bool is_text, uint8_t **data, size_t *size,
                        ts_diag *diag) {
    if (!is_text) return ts_program_encode(program, data, size, diag);
    ts_text text = {0};
    ts_program_print(program, &text);
    *data = malloc(text.length);
    *size = text.length;
    if (*data) memcpy(*data, text.data, text.length);
    ts_text_free(&text);
    return *data ? ts_ok : ts_fail(diag, ts_capacity, "no host memory for the text of %s", program->name);
}

static ts_status write_program(const ts_arguments *arguments, const ts_program *program, size_t *size,
                               ts_diag *diag) {
    uint8_t *data = NULL;
    TS_TRY(encode(program, arguments->is_text, &data, size, diag));
    ts_interrupt_enter(ts_phase_write);
    ts_status status = ts_is_standard_output(arguments->out)
                           ? ts_console_write(&(ts_text){.data = (char *)data, .length = *size}, diag)
                           : ts_file_write(arguments->out, data, *size, diag);
    ts_interrupt_enter(ts_phase_prepare);
    free(data);
    return status;
}

static void describe(const ts_arguments *arguments, const ts_session *session, size_t size, ts_text *out) {
    const ts_program *program = ts_executable_program(session->executable);
    int inputs = ts_executable_inputs(session->executable),
        outputs = ts_executable_outputs(session->executable);
    if (arguments->json) {
        ts_text_add(out, "{\"program\": ");
        ts_text_quote(out, program->name);
        ts_text_format(out, ", \"chip\": \"%s\", \"path\": ", program->chip);
        ts_text_quote(out, arguments->out);
        ts_text_format(out,
                       ", \"bytes\": %zu, \"instructions\": %u, \"loops\": %u, \"inputs\": %d, \"outputs\": "
                       "%d, \"scratch_bytes\": %llu, \"model_flops\": %llu}\n",
                       size, program->code.count - 2 * program->loops.count, program->loops.count, inputs,
                       outputs, (unsigned long long)program->scratch_bytes,
                       (unsigned long long)program->model_flops);
        return;
    }
    ts_text_format(out, "%s: %s for %s, %u instructions in %u loops, %d input%s, %d output%s, scratch ",
                   arguments->out, program->name, program->chip,
                   program->code.count - 2 * program->loops.count, program->loops.count, inputs,
                   inputs == 1 ? "" : "s", outputs, outputs == 1 ? "" : "s");
    ts_figure_bytes(out, (double)program->scratch_bytes);
    ts_text_add(out, ", file ");
    ts_figure_bytes(out, (double)size);
    ts_text_add(out, "\n");
}

static ts_status compile(const ts_arguments *arguments, ts_session *session, ts_text *out, ts_diag *diag) {
    ts_compile_options options = {.dump_pass = arguments->dump, .dump = out};
    size_t size = 0;
    TS_TRY(ts_session_load(arguments, arguments->dump ? &options : NULL, session, diag));
    if (arguments->dump && out->length == 0) {
        ts_fail(diag, ts_usage, "%.200s is compiled already: no pass runs on it", arguments->files.data[0]);
        ts_diag_remedy(diag, "--dump=PASS needs the .mlirbc");
        return ts_usage;
    }
    if (!arguments->out) return ts_ok;
    TS_TRY(write_program(arguments, ts_executable_program(session->executable), &size, diag));
    if (!arguments->dump && !ts_is_standard_output(arguments->out)) describe(arguments, session, size, out);
    return ts_ok;
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    if (!arguments->out && !arguments->dump) {
        ts_fail(diag, ts_usage, "trainstone compile has nowhere to put the program");
        ts_diag_remedy(diag, "name a file, -o step.trn, or a pass to look at, --dump=PASS");
        return ts_usage;
    }
    if (ts_is_standard_output(arguments->out) && (arguments->dump || arguments->json)) {
        ts_fail(diag, ts_usage, "-o - and --%s both write to standard output",
                arguments->dump ? "dump" : "json");
        ts_diag_remedy(diag, "give -o a file, such as step.trn");
        return ts_usage;
    }
    ts_session session;
    ts_status status = ts_session_open(arguments, 1, &session, diag);
    if (status == ts_ok) status = compile(arguments, &session, out, diag);
    ts_session_close(&session);
    if (status != ts_ok && arguments->dump)
        ts_console_write(out, NULL); /* a pass before the one that failed */
    return status;
}

static const ts_option options[] = {
    TS_OPTION("output", 'o', "FILE", target, out, 0, 0,
              "The program made, a .trn. The file is never half-written. \"-\": standard output."),
    TS_OPTION("text", 0, NULL, flag, is_text, 0, 0,
              "Write the text form, which can be read and edited, instead of the binary one. trainstone run "
              "takes both."),
    TS_OPTION("dump", 0, "PASS", word, dump, 0, 0,
              "Print the program as it is after a pass of the compiler, such as inline, fold, lower or "
              "place. A name that is no pass lists them all. -o may then be left out."),
    TS_OPTION(
        "optlevel", 'O', "N", number, level, 1, 3,
        "1, 2 or 3, as neuronx-cc takes it. This compiler has one level: all three give the same program."),
    TS_OPTIONS_CAST,
    TS_OPTION_INSTANCE,
    TS_OPTION_CHIP,
    TS_OPTION_JSON,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_compile = {
    .name = "compile",
    .summary = "compile a StableHLO program to NeuronCore instructions",
    .synopsis = "PROG -o FILE.trn [OPTION...]",
    .about = "Compiles PROG, a StableHLO portable artifact (.mlirbc), for one NeuronCore of the modelled "
             "chip, or for as many as its module says that run it together. The .trn holds instructions, "
             "loops, constants and the lines of the user's source they "
             "came from; trainstone run, time and print take it, on the same kind of chip. A .trn given as "
             "PROG is checked and written again, which turns one form into the other.",
    .examples = "trainstone compile step.mlirbc -o step.trn\n"
                "trainstone compile step.mlirbc -o step.txt.trn --text\n"
                "trainstone compile step.mlirbc --dump=fold",
    .options = options,
    .least_files = 1,
    .most_files = 1,
    .file = "PROG",
    .run = run,
};

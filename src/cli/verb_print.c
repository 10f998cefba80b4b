/* trainstone print: a program as text, either the graph that was read or the instruction listing. */
#include <stdlib.h>
#include <string.h>

#include "arch/program.h"
#include "base/file.h"
#include "cli/verbs.h"
#include "compiler/graph/graph.h"

static ts_status print_graph(const uint8_t *data, size_t size, const char *path, ts_text *out,
                             ts_diag *diag) {
    ts_module *module = NULL;
    TS_TRY(ts_module_read(data, size, path, &module, diag));
    ts_module_print(module, out);
    ts_module_free(module);
    return ts_ok;
}

static ts_status print_program(const uint8_t *data, size_t size, const char *path, ts_text *out,
                               ts_diag *diag) {
    ts_program *program = NULL;
    bool is_text = true;
    for (size_t i = 0; i < size && i < 256; i++)
        if ((data[i] < 0x20 && data[i] != '\n' && data[i] != '\r' && data[i] != '\t') || data[i] >= 0x7f)
            is_text = false;
    if (is_text && memchr(data, 0, size)) return ts_fail(diag, ts_input, "%s: a zero byte inside text", path);
    /* ts_file_read ended the bytes with a zero. */
    ts_status status = is_text ? ts_program_parse((const char *)data, path, &program, diag)
                               : ts_program_decode(data, size, &program, diag);
    if (status == ts_ok) ts_program_print(program, out);
    if (program) ts_program_free(program);
    if (status != ts_ok) ts_diag_where(diag, path, 0);
    return status;
}

static ts_status fail_empty(const char *path, ts_diag *diag) {
    ts_fail(diag, ts_input, "%s: empty", path);
    ts_diag_remedy(diag, "a program is what trainstone.export or trainstone compile wrote: write it again");
    return ts_input;
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    const char *path = arguments->files.data[0];
    uint8_t *data = NULL;
    size_t size = 0;
    TS_TRY(ts_file_read(path, &data, &size, diag));
    bool is_bytecode = size >= 4 && memcmp(data, "ML\xefR", 4) == 0;
    ts_status status = size == 0     ? fail_empty(path, diag)
                       : is_bytecode ? print_graph(data, size, path, out, diag)
                                     : print_program(data, size, path, out, diag);
    free(data);
    return status;
}

static const ts_option options[] = {
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_print = {
    .name = "print",
    .summary = "show a program as text",
    .synopsis = "PROG",
    .about = "Prints PROG on standard output. For a .mlirbc: its operations with their shapes, as the "
             "compiler reads them. For a .trn: its instructions with loops, operands and source lines. That "
             "listing is a .trn itself: save it, edit it, run it.",
    .examples = "trainstone print step.mlirbc\n"
                "trainstone compile step.mlirbc -o step.trn && trainstone print step.trn > edited.trn",
    .options = options,
    .least_files = 1,
    .most_files = 1,
    .file = "PROG",
    .run = run,
};

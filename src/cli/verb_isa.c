/* trainstone isa: the instruction set that the model executes. */
#include <string.h>

#include "arch/isa.h"
#include "cli/verbs.h"

static void add_row_json(const ts_op_info *info, ts_text *out) {
    ts_text_format(out, "{\"name\": \"%s\", \"engines\": \"%s\", \"since\": %d, \"fields\": [", info->name,
                   info->engines, info->since);
    for (int i = 0; i < info->field_count; i++)
        ts_text_format(out, "%s{\"kind\": \"%s\", \"name\": \"%s\"}", i ? ", " : "",
                       ts_kind_name(info->fields[i].kind), info->fields[i].name);
    const char *const keys[] = {"cost", "semantics", "source"};
    const char *const values[] = {info->cost, info->semantics, info->source};
    ts_text_add(out, "]");
    for (int i = 0; i < 3; i++) {
        ts_text_format(out, ", \"%s\": ", keys[i]);
        ts_text_quote(out, values[i]);
    }
    ts_text_add(out, "}");
}

static void add_row_text(const ts_op_info *info, ts_text *out) {
    ts_text_format(out, "%s (engines %s)\n  ", info->name, info->engines);
    for (int i = 0; i < info->field_count; i++)
        ts_text_format(out, "%s%s:%s", i ? " " : "", info->fields[i].name,
                       ts_kind_name(info->fields[i].kind));
    ts_text_format(out, "\n  what    %s\n  cycles  %s\n  source  %s\n", info->semantics, info->cost,
                   info->source);
}

static const ts_op_info *find(const char *name) {
    for (unsigned op = ts_op_none + 1; op < ts_op_count; op++)
        if (strcmp(ts_op_get(op)->name, name) == 0) return ts_op_get(op);
    return NULL;
}

static ts_status fail_name(const char *name, ts_diag *diag) {
    const char *names[ts_op_count];
    for (unsigned op = ts_op_none + 1; op < ts_op_count; op++)
        names[op - 1] = ts_op_get(op)->name;
    const char *near = ts_nearest(name, names, ts_op_count - 1);
    ts_fail(diag, ts_usage, "there is no instruction \"%.60s\"", name);
    ts_diag_remedy(diag, near ? "did you mean %s? trainstone isa lists all" : "trainstone isa lists all",
                   near);
    return ts_usage;
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    if (arguments->markdown) {
        ts_isa_markdown(out);
        return ts_ok;
    }
    const ts_op_info *only = NULL;
    if (arguments->files.count && !(only = find(arguments->files.data[0])))
        return fail_name(arguments->files.data[0], diag);
    const char *between = arguments->json ? "{\"instructions\": [\n  " : "";
    for (unsigned op = ts_op_none + 1; op < ts_op_count; op++) {
        const ts_op_info *info = ts_op_get(op);
        if (only && info != only) continue;
        ts_text_add(out, between);
        (arguments->json ? add_row_json : add_row_text)(info, out);
        between = arguments->json ? ",\n  " : "\n";
    }
    if (arguments->json) ts_text_add(out, "]}\n");
    return ts_ok;
}

static const ts_option options[] = {
    TS_OPTION("markdown", 0, NULL, flag, markdown, 0, 0, "The page docs/isa.md."),
    TS_OPTION_JSON,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_isa = {
    .name = "isa",
    .summary = "the instruction set that the model executes",
    .synopsis = "[NAME] [OPTION...]",
    .about =
        "Prints the instructions of the model, or the one called NAME: engines that may execute it (T "
        "tensor, V vector, "
        "S scalar, G gpsimd, Y sync; DMA: triggered by any; SEQ: the sequencer of any), operands in text "
        "order, meaning, cycles, source.",
    .examples = "trainstone isa nc_matmul\n"
                "trainstone isa --json",
    .options = options,
    .least_files = 0,
    .most_files = 1,
    .file = "NAME",
    .run = run,
};

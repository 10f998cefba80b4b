/* Reader of the .json that trainstone.export writes beside a program. */
#include "cli/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json_read.h"

enum { FORMAT = 1 };

const char *ts_bundle_path(ts_arena *arena, const char *program, const char *suffix) {
    const char *slash = strrchr(program, '/'), *dot = strrchr(slash ? slash : program, '.');
    size_t stem = dot && dot != program && dot != slash + 1 ? (size_t)(dot - program) : strlen(program);
    return ts_arena_format(arena, "%.*s%s", (int)stem, program, suffix);
}

static ts_status read_names(ts_bundle *bundle, const ts_json *list, const char *what, const char *path,
                            int count, const char ***names, ts_diag *diag) {
    if (!list || list->kind != ts_json_array || list->count != (uint32_t)count)
        return ts_fail(diag, ts_input, "%.200s: %s are not those of the program, which has %d", path, what,
                       count);
    *names = TS_NEW_ARRAY(&bundle->arena, const char *, (size_t)count);
    for (int i = 0; i < count; i++) {
        const char *name = (*names)[i] = ts_json_text(ts_json_get(&list->items[i], "name"));
        if (!name) return ts_fail(diag, ts_input, "%.200s: number %d of the %s has no name", path, i, what);
        for (int j = 0; j < i; j++)
            if (strcmp((*names)[j], name) == 0)
                return ts_fail(diag, ts_input, "%.200s: two of the %s are named \"%.100s\"", path, what,
                               name);
    }
    return ts_ok;
}

static bool is_same(const ts_tensor *a, const ts_tensor *b) {
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dim, b->dim, a->rank * sizeof a->dim[0]) == 0;
}

static ts_status read_pair(ts_bundle *bundle, const ts_executable *executable, const char *output,
                           const ts_json *value, const char *path, ts_diag *diag) {
    const char *argument = ts_json_text(value);
    int from = ts_bundle_find(bundle->outputs, bundle->output_count, output, strlen(output));
    int to =
        argument ? ts_bundle_find(bundle->arguments, bundle->argument_count, argument, strlen(argument)) : -1;
    if (from < 0 || to < 0)
        return ts_fail(diag, ts_input, "%.200s: carry \"%.80s\": \"%.80s\" names no %s", path, output,
                       argument ? argument : "", from < 0 ? "result" : "argument");
    if (bundle->source[to] >= 0)
        return ts_fail(diag, ts_input, "%.200s: carry: two results become \"%.100s\"", path, argument);
    if (!is_same(ts_executable_input(executable, to), ts_executable_output(executable, from)))
        return ts_fail(diag, ts_input, "%.200s: carry: \"%.80s\" and \"%.80s\" differ in type", path, output,
                       argument);
    bundle->source[to] = from;
    bundle->target[from] = to;
    return ts_ok;
}

static ts_status read_manifest(const ts_json *root, const ts_executable *executable, const char *path,
                               ts_bundle *bundle, ts_diag *diag) {
    const ts_json *format = ts_json_get(root, "trainstone"), *carry = ts_json_get(root, "carry");
    if (!format || !format->is_integer || format->integer != FORMAT)
        return ts_fail(diag, ts_input, "%.300s: not what trainstone.export writes (\"trainstone\": %d)", path,
                       FORMAT);
    TS_TRY(read_names(bundle, ts_json_get(root, "arguments"), "arguments", path, bundle->argument_count,
                      &bundle->arguments, diag));
    TS_TRY(read_names(bundle, ts_json_get(root, "outputs"), "outputs", path, bundle->output_count,
                      &bundle->outputs, diag));
    bundle->source = TS_NEW_ARRAY(&bundle->arena, int, (size_t)bundle->argument_count);
    bundle->target = TS_NEW_ARRAY(&bundle->arena, int, (size_t)bundle->output_count);
    for (int i = 0; i < bundle->argument_count; i++)
        bundle->source[i] = -1;
    for (int i = 0; i < bundle->output_count; i++)
        bundle->target[i] = -1;
    if (!carry || carry->kind != ts_json_object)
        return ts_fail(diag, ts_input, "%.300s: carry is no object", path);
    for (uint32_t i = 0; i < carry->count; i++)
        TS_TRY(read_pair(bundle, executable, carry->names[i], &carry->items[i], path, diag));
    return ts_ok;
}

ts_status ts_bundle_read(const char *program, const ts_executable *executable, ts_bundle *bundle,
                         ts_diag *diag) {
    uint8_t *text;
    size_t size;
    const ts_json *root;
    *bundle = (ts_bundle){.argument_count = ts_executable_inputs(executable),
                          .output_count = ts_executable_outputs(executable)};
    const char *path = ts_bundle_path(&bundle->arena, program, ".json");
    ts_status status = ts_file_read(path, &text, &size, diag);
    if (status != ts_ok) {
        ts_diag_remedy(diag, "trainstone.export(fn, *args, path=...) in Python writes it with the program");
        return status;
    }
    status = ts_json_read(&bundle->arena, (const char *)text, size, path, &root, diag);
    free(text);
    TS_TRY(status);
    status = read_manifest(root, executable, path, bundle, diag);
    if (status != ts_ok)
        ts_diag_remedy(
            diag,
            "export the program anew: trainstone.export(fn, *args, path=...) in Python writes this file too");
    return status;
}

void ts_bundle_free(ts_bundle *bundle) {
    ts_arena_free(&bundle->arena);
    *bundle = (ts_bundle){0};
}

/* The next character of a name in the form that files use: JAX's brackets and quotes become dots or
   nothing. */
static char next_of(const char **at, const char *end, bool is_plain) {
    while (*at < end) {
        char c = *(*at)++;
        if (is_plain || !strchr("[]'\"", c)) return c;
        if (c == '[') return '.';
    }
    return '\0';
}

static bool is_name(const char *name, const char *typed, size_t length, bool is_plain) {
    const char *at = typed, *end = typed + length;
    char c;
    while ((c = next_of(&at, end, is_plain)) != '\0')
        if (*name++ != c) return false;
    return *name == '\0';
}

int ts_bundle_find(const char *const *names, int count, const char *name, size_t length) {
    for (int form = 0; form < 2; form++)
        for (int i = 0; i < count; i++)
            if (is_name(names[i], name, length, form == 0)) return i;
    return -1;
}

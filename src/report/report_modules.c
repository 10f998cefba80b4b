/* The step by phase, scope and function, from the names that JAX gave operations and from call stacks. */
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

enum { DEEPEST = TS_REPORT_DEEPEST, MOST_FRAMES = 32, MOST_MODULES = 4000 };

typedef struct path {
    const char *part[DEEPEST];
    int count;
} path;

static void add_part(path *to, const char *part) {
    if (!part[0] || to->count == DEEPEST) return;
    if (to->count && strcmp(to->part[to->count - 1], part) == 0) return;
    to->part[to->count++] = part;
}

/* Strips the wrappers of transformations from a segment: "transpose(jvp(block))" becomes "block", "jvp()"
   becomes "". */
static const char *unwrap(ts_arena *arena, const char *segment, size_t length) {
    static const char *const wrappers[] = {"jvp(",        "transpose(",           "vmap(", "jit(", "remat(",
                                           "checkpoint(", "rematted_computation("};
    for (bool is_found = true; is_found;) {
        is_found = false;
        for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
            size_t size = strlen(wrappers[i]);
            if (length > size && memcmp(segment, wrappers[i], size) == 0 && segment[length - 1] == ')') {
                segment += size;
                length -= size + 1;
                is_found = true;
            }
        }
    }
    return ts_arena_string_n(arena, segment, length);
}

/* Words that JAX inserts where it lowers a scan or a call; they are no scopes of the user's. */
static bool is_plumbing(const char *part) {
    static const char *const words[] = {"while", "body", "cond", "closed_call"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(part, words[i]) == 0) return true;
    return false;
}

/* Adds the scopes and the operation of a name such as "jit(step)/jvp(block)/dot_general". The first segment
   is the program itself and is skipped. */
static void add_name(ts_arena *arena, path *to, const char *name) {
    const char *start = name;
    int depth = 0, number = 0;
    for (const char *at = name;; at++) {
        if (*at == '(') depth++;
        if (*at == ')') depth--;
        if (*at && (*at != '/' || depth > 0)) continue;
        const char *part = unwrap(arena, start, (size_t)(at - start));
        if (*at == '\0' || (number > 0 && !is_plumbing(part))) add_part(to, part);
        number++;
        if (!*at) break;
        start = at + 1;
    }
}

const char *ts_report_phase_of(const ts_program *program, const char *name) {
    bool has_gradient = false;
    for (uint32_t i = 0; i < program->locs.count && !has_gradient; i++)
        has_gradient = program->locs.data[i].name && strstr(program->locs.data[i].name, "transpose(");
    if (!has_gradient) return "";
    if (strstr(name, "transpose(")) return "backward";
    return strstr(name, "jvp(") ? "forward" : "beside the gradient";
}

static bool is_frame(const char *name) {
    return name && name[0] && name[0] != '<' && !strchr(name, '(') && !strchr(name, '/');
}

/* Whether a function is the one that was jitted: "jit_step" comes from a function "step". */
static bool is_own(const ts_program *program, const char *function) {
    const char *last = strrchr(function, '.');
    return program->name && strncmp(program->name, "jit_", 4) == 0 &&
           strcmp(program->name + 4, last ? last + 1 : function) == 0;
}

static path path_of(ts_report *report, const ts_report_line *line, uint32_t index) {
    const ts_program *program = report->program;
    const ts_loc *loc = &program->locs.data[index];
    const char *name = loc->name ? loc->name : "", *frames[MOST_FRAMES];
    path result = {0}, names = {0};
    int depth = 0;
    if (index == 0) {
        add_part(&result, "(no source)");
        return result;
    }
    add_part(&result, ts_report_phase_of(program, name));
    for (uint32_t at = loc->parent; at && depth < MOST_FRAMES; at = program->locs.data[at - 1].parent)
        if (is_frame(program->locs.data[at - 1].name))
            frames[depth++] = ts_report_function(&report->arena, program->locs.data[at - 1].name);
    int own = depth - 1; /* the frame of the program's own function, or else the outermost */
    for (int i = depth - 1; i >= 0; i--)
        if (is_own(program, frames[i])) own = i;
    for (int i = own - 1; i >= 0; i--)
        if (result.count < DEEPEST - 3) add_part(&result, frames[i]);
    if (own >= 0 && result.count < DEEPEST - 2 && !is_own(program, line->function))
        add_part(&result, line->function);
    add_name(&report->arena, &names, name);
    if (names.count == 0) add_part(&names, line->function[0] ? line->function : "(unnamed)");
    for (int i = 0; i < names.count; i++)
        if (result.count < DEEPEST - 1 || i == names.count - 1) add_part(&result, names.part[i]);
    return result;
}

static uint32_t find_child(ts_report *report, uint32_t parent, const char *name, int depth) {
    for (uint32_t i = parent; i < report->modules.count; i++)
        if (report->modules.data[i].parent == parent && strcmp(report->modules.data[i].name, name) == 0)
            return i + 1;
    if (report->modules.count >= MOST_MODULES) return 0;
    ts_report_module module = {.name = name, .parent = parent, .depth = depth};
    ts_vec_push(&report->modules, &report->arena, module);
    return report->modules.count;
}

static void add_row(ts_report *report, const ts_report_line *line, const ts_record_row *row) {
    uint32_t loc = row->loc < report->program->locs.count ? row->loc : 0, parent = 0;
    path at = path_of(report, line, loc);
    for (int i = 0; i < at.count; i++) {
        uint32_t child = find_child(report, parent, at.part[i], i + 1);
        if (child == 0) break;
        ts_report_module *module = &report->modules.data[child - 1];
        module->time += row->bound;
        for (int bound = 0; bound < ts_bound_count; bound++)
            module->bounds[bound] += row->bounds[bound];
        parent = child;
    }
    report->module_of[loc] = parent;
}

void ts_report_modules(ts_report *report) {
    report->module_of = TS_NEW_ARRAY(&report->arena, uint32_t, report->program->locs.count + 1);
    for (uint32_t l = 0; l < report->lines.count; l++) {
        const ts_report_line *line = &report->lines.data[l];
        for (uint32_t r = line->first_row; r < line->first_row + line->row_count; r++)
            if (report->rows.data[r].bound > 0) add_row(report, line, &report->rows.data[r]);
    }
}

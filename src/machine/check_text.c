/* The names of checks, and their findings as text for people and as JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "machine/check_run.h"

static const char *const NAMES[ts_check_kinds] = {"unset", "nan", "overflow", "rounding", "races"};
static const char *const REMEDIES[ts_check_kinds] = {
    "write it first: a memset, or a transfer that covers it",
    "keep the operands in the function's domain, or select another value with jnp.where before it, not after",
    "scale the values, or cast to a wider type",
    NULL,
    NULL,
};

ts_status ts_check_parse(const char *text, const char *source, uint32_t *kinds, ts_diag *diag) {
    for (*kinds = 0; *text;) {
        size_t length = strcspn(text, ",");
        int kind = 0;
        while (kind < ts_check_kinds &&
               (strlen(NAMES[kind]) != length || strncmp(NAMES[kind], text, length) != 0))
            kind++;
        if (kind < ts_check_kinds) {
            *kinds |= 1u << kind;
        } else if (length == 3 && strncmp(text, "all", 3) == 0) {
            *kinds = (1u << ts_check_kinds) - 1;
        } else {
            ts_fail(diag, ts_usage, "%s: \"%.*s\" is no check", source, length < 40 ? (int)length : 40, text);
            ts_diag_remedy(diag,
                           "write some of unset, nan, overflow, rounding and races with commas, or all");
            return ts_usage;
        }
        text += length + (text[length] == ',');
    }
    return ts_ok;
}

ts_checks *ts_checks_new(const ts_program *program, uint32_t kinds) {
    ts_checks *checks = calloc(1, sizeof *checks);
    if (!checks) return NULL;
    checks->program = program;
    checks->kinds = kinds;
    for (int kind = 0; kind < ts_check_races; kind++) {
        checks->findings[kind] = calloc((size_t)program->code.count + 1, sizeof(ts_finding));
        if (checks->findings[kind]) continue;
        ts_checks_free(checks);
        return NULL;
    }
    return checks;
}

void ts_checks_free(ts_checks *checks) {
    if (!checks) return;
    for (int kind = 0; kind < ts_check_kinds; kind++)
        free(checks->findings[kind]);
    for (uint32_t t = 0; checks->tensor && t < checks->program->tensors.count; t++)
        free(checks->tensor[t]);
    ts_arena_free(&checks->races.arena);
    free(checks->tensor);
    free(checks->sbuf);
    free(checks->psum);
    free(checks->scratch);
    free(checks->sbuf_origin);
    free(checks->psum_origin);
    free(checks->tensor_origin);
    free(checks);
}

const ts_finding *ts_checks_find(const ts_checks *checks, ts_check_kind kind, uint32_t number) {
    if (kind == ts_check_races)
        return number < checks->races.list.count ? &checks->races.list.data[number].finding : NULL;
    for (uint32_t at = 0; at <= checks->program->code.count; at++) {
        const ts_finding *finding = &checks->findings[kind][at];
        if (finding->count == 0 || (kind == ts_check_nan && !finding->is_in_result)) continue;
        if (number-- == 0) return finding;
    }
    return NULL;
}

static const ts_loc *loc_of(const ts_checks *checks, const ts_finding *finding) {
    static const ts_loc unknown = {.file = "", .name = ""};
    if (finding->at == TS_AT_ENDS) return &unknown;
    uint32_t loc = checks->program->code.data[finding->at]->loc;
    return loc > 0 && loc < checks->program->locs.count ? &checks->program->locs.data[loc] : &unknown;
}

static const char *tensor_kind(const ts_tensor *tensor) {
    switch (tensor->kind) {
    case ts_tensor_input: return "argument";
    case ts_tensor_output: return "result";
    case ts_tensor_constant: return "constant";
    default: return "scratch tensor";
    }
}

static void add_where(const ts_checks *checks, const ts_finding *finding, ts_text *out) {
    if (finding->space == ts_space_hbm) {
        const ts_tensor *tensor = &checks->program->tensors.data[finding->tensor];
        int64_t size = ts_dtype_get((ts_dtype)tensor->dtype)->bytes;
        ts_text_format(out, "element %lld of %s %s", (long long)(finding->byte / (size ? size : 1)),
                       tensor_kind(tensor), tensor->name);
    } else {
        ts_text_format(out, "byte %lld of partition %d of %s", (long long)finding->byte, finding->part,
                       finding->space == ts_space_sbuf ? "SBUF" : "PSUM");
    }
}

static void add_subject(const ts_checks *checks, const ts_finding *finding, ts_text *out) {
    const ts_loc *loc = loc_of(checks, finding);
    if (finding->at == TS_AT_ENDS) {
        ts_text_format(out, "program %s", checks->program->name ? checks->program->name : "");
        return;
    }
    ts_text_add(out, ts_op_get(checks->program->code.data[finding->at]->op)->name);
    if (loc->name && *loc->name) ts_text_format(out, " (%s)", loc->name);
    if (*loc->file) ts_text_format(out, " at %s:%u", loc->file, loc->line);
}

/* Whether the NaN may come from the memory of another rank, whose own run reports where it was made. */
static bool is_between_ranks(const ts_checks *checks, const ts_finding *finding) {
    return finding->at != TS_AT_ENDS && checks->program->ranks > 1 &&
           checks->program->code.data[finding->at]->op == ts_op_collective;
}

static void add_story(const ts_checks *checks, ts_check_kind kind, const ts_finding *finding, ts_text *out) {
    switch (kind) {
    case ts_check_unset:
        ts_text_add(out, finding->at == TS_AT_ENDS ? ": nothing has written " : " reads ");
        add_where(checks, finding, out);
        if (finding->at != TS_AT_ENDS) ts_text_add(out, ", which nothing has written");
        break;
    case ts_check_nan:
        ts_text_add(out, finding->at == TS_AT_ENDS ? ": there is a NaN in " : " makes a NaN in ");
        add_where(checks, finding, out);
        if (finding->is_source_inf) ts_text_add(out, "; its operands held infinities");
        if (is_between_ranks(checks, finding)) ts_text_add(out, "; or it came from another rank");
        break;
    case ts_check_overflow:
        ts_text_format(out, " casts %llu values to %s that it cannot hold, the largest %g",
                       (unsigned long long)finding->elements, ts_dtype_get((ts_dtype)finding->dtype)->name,
                       (double)finding->largest);
        break;
    default:
        ts_text_format(out, " rounds %llu values, %llu up, %llu down", (unsigned long long)finding->elements,
                       (unsigned long long)finding->up, (unsigned long long)finding->down);
    }
    if (finding->count > 1) ts_text_format(out, "; in %llu executions", (unsigned long long)finding->count);
}

static void add_finding(const ts_checks *checks, ts_check_kind kind, const ts_finding *finding,
                        ts_text *out) {
    ts_text_format(out, "check %s: ", NAMES[kind]);
    if (kind == ts_check_races) {
        ts_race_text(checks->program, (const ts_race *)finding, out);
        return;
    }
    add_subject(checks, finding, out);
    add_story(checks, kind, finding, out);
    ts_text_add(out, "\n");
    if (finding->at == TS_AT_ENDS || kind == ts_check_rounding) return;
    ts_text_add(out, "  instruction: ");
    ts_inst_print(checks->program, checks->program->code.data[finding->at], out);
    if (out->data[out->length - 1] != '\n') ts_text_add(out, "\n");
    ts_text_format(out, "  remedy: %s\n", REMEDIES[kind]);
}

void ts_checks_text(const ts_checks *checks, ts_text *out) {
    enum { MOST = 20 };
    const ts_finding *finding;
    for (int kind = 0; kind < ts_check_kinds; kind++) {
        uint32_t number = 0;
        for (; (finding = ts_checks_find(checks, (ts_check_kind)kind, number)); number++)
            if (number < MOST) add_finding(checks, (ts_check_kind)kind, finding, out);
        if (number > MOST)
            ts_text_format(out, "check %s: %u more instructions\n", NAMES[kind], number - MOST);
    }
    if (checks->races.is_cut) ts_text_add(out, "check races: there may be more, the search ended here\n");
}

static void add_object(const ts_checks *checks, ts_check_kind kind, const ts_finding *finding, ts_text *out) {
    const ts_loc *loc = loc_of(checks, finding);
    ts_text line = {0}, where = {0};
    if (kind == ts_check_races) {
        ts_text_add(out, "{");
        ts_race_json(checks->program, (const ts_race *)finding, out);
        ts_text_add(out, "}");
        return;
    }
    if (finding->at != TS_AT_ENDS)
        ts_inst_print(checks->program, checks->program->code.data[finding->at], &line);
    while (line.length && line.data[line.length - 1] == '\n')
        line.data[--line.length] = '\0';
    add_where(checks, finding, &where);
    ts_text_format(out, "{\"kind\": \"%s\", \"executions\": %llu, \"instruction\": ", NAMES[kind],
                   (unsigned long long)finding->count);
    ts_text_quote(out, line.data ? line.data : "");
    ts_text_add(out, ", \"op\": ");
    ts_text_quote(out, loc->name ? loc->name : "");
    ts_text_add(out, ", \"file\": ");
    ts_text_quote(out, loc->file);
    ts_text_format(out, ", \"line\": %u, \"where\": ", loc->line);
    ts_text_quote(out, where.data);
    if (kind == ts_check_overflow || kind == ts_check_rounding)
        ts_text_format(out, ", \"values\": %llu", (unsigned long long)finding->elements);
    if (kind == ts_check_rounding)
        ts_text_format(out, ", \"up\": %llu, \"down\": %llu", (unsigned long long)finding->up,
                       (unsigned long long)finding->down);
    ts_text_add(out, "}");
    ts_text_free(&line);
    ts_text_free(&where);
}

void ts_checks_json(const ts_checks *checks, ts_text *out) {
    const ts_finding *finding;
    bool is_first = true;
    ts_text_add(out, "\"findings\": [");
    for (int kind = 0; kind < ts_check_kinds; kind++)
        for (uint32_t n = 0; (finding = ts_checks_find(checks, (ts_check_kind)kind, n)); n++) {
            if (!is_first) ts_text_add(out, ",\n ");
            is_first = false;
            add_object(checks, (ts_check_kind)kind, finding, out);
        }
    ts_text_add(out, "]");
}

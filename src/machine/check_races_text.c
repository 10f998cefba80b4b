/* Races as text for people and as JSON. */
#include <inttypes.h>

#include "arch/isa.h"
#include "machine/check_races.h"

static const ts_loc *loc_of(const ts_program *program, uint32_t at) {
    static const ts_loc unknown = {.file = "", .name = ""};
    uint32_t loc = program->code.data[at]->loc;
    return loc > 0 && loc < program->locs.count ? &program->locs.data[loc] : &unknown;
}

/* Appends text such as "vector.tensor_copy (jit(f)/mul) at f.py:12", with the queue of a transfer. */
static void add_instruction(const ts_program *program, uint32_t at, ts_text *out) {
    const ts_inst *inst = program->code.data[at];
    const ts_loc *loc = loc_of(program, at);
    ts_text_format(out, "%s.%s", ts_engine_name(inst->engine), ts_op_get(inst->op)->name);
    if (inst->op == ts_op_dma_copy)
        ts_text_format(out, " on queue %u", ((const ts_inst_dma_copy *)inst)->queue);
    if (*loc->name) ts_text_format(out, " (%s)", loc->name);
    if (*loc->file) ts_text_format(out, " at %s:%u", loc->file, loc->line);
}

static void add_where(const ts_program *program, const ts_race *race, ts_text *out) {
    const ts_finding *where = &race->finding;
    ts_text_format(out, "bytes %" PRId64 " to %" PRId64, where->byte, where->byte + race->bytes - 1);
    if (where->space == ts_space_hbm)
        ts_text_format(out, " of %s", program->tensors.data[where->tensor].name);
    else
        ts_text_format(out, " of partitions %d to %d of %s", where->part, where->part + race->parts - 1,
                       where->space == ts_space_sbuf ? "SBUF" : "PSUM");
}

static void add_remedy(const ts_program *program, const ts_race *race, ts_text *out) {
    const ts_inst *inst = program->code.data[race->finding.at];
    bool has_wait = inst->sync && program->syncs.data[inst->sync - 1].is_waiting;
    if (!race->has_signal)
        ts_text_format(
            out, "let the earlier one signal a semaphore that nothing uses, signal=S[%u]+=%" PRIu32 ", and ",
            race->semaphore, race->amount);
    if (has_wait)
        ts_text_format(out, "put %s.event_semaphore wait=S[%u]>=%" PRId64 " before it",
                       ts_engine_name(inst->engine), race->semaphore, race->value);
    else
        ts_text_format(out, "add wait=S[%u]>=%" PRId64 " to it", race->semaphore, race->value);
    ts_text_add(out, race->point);
    if (race->has_signal && race->signal != race->first) {
        ts_text_add(out, "; ");
        add_instruction(program, race->signal, out);
        ts_text_add(out, " signals it");
    }
}

void ts_race_text(const ts_program *program, const ts_race *race, ts_text *out) {
    add_instruction(program, race->finding.at, out);
    ts_text_add(out, race->writes[1] ? " writes " : " reads ");
    add_where(program, race, out);
    ts_text_add(out, race->point);
    ts_text_add(out, ", which ");
    add_instruction(program, race->first, out);
    ts_text_add(out, race->writes[0] ? " writes" : " reads");
    ts_text_add(out, ", and no semaphore orders the two\n  instruction: ");
    ts_inst_print(program, program->code.data[race->finding.at], out);
    ts_text_add(out, "\n  earlier: ");
    ts_inst_print(program, program->code.data[race->first], out);
    ts_text_add(out, "\n  remedy: ");
    add_remedy(program, race, out);
    ts_text_add(out, "\n");
}

static void add_quoted(ts_text *out, const char *name, ts_text *text) {
    ts_text_format(out, ", \"%s\": ", name);
    ts_text_quote(out, text->data ? text->data : "");
    ts_text_free(text);
}

static void add_place(const ts_program *program, uint32_t at, const char *prefix, ts_text *out) {
    const ts_loc *loc = loc_of(program, at);
    ts_text line = {0};
    ts_inst_print(program, program->code.data[at], &line);
    ts_text_format(out, ", \"%sinstruction\": ", prefix);
    ts_text_quote(out, line.data);
    ts_text_free(&line);
    ts_text_format(out, ", \"%sop\": ", prefix);
    ts_text_quote(out, loc->name);
    ts_text_format(out, ", \"%sfile\": ", prefix);
    ts_text_quote(out, loc->file);
    ts_text_format(out, ", \"%sline\": %u, \"%sengine\": \"%s\"", prefix, loc->line, prefix,
                   ts_engine_name(program->code.data[at]->engine));
}

void ts_race_json(const ts_program *program, const ts_race *race, ts_text *out) {
    ts_text where = {0}, remedy = {0}, point = {0};
    ts_text_add(out, "\"kind\": \"races\"");
    add_place(program, race->finding.at, "", out);
    add_place(program, race->first, "earlier_", out);
    ts_text_format(out, ", \"access\": \"%s\", \"earlier_access\": \"%s\"",
                   race->writes[1] ? "write" : "read", race->writes[0] ? "write" : "read");
    add_where(program, race, &where);
    add_quoted(out, "where", &where);
    ts_text_add(&point, *race->point ? race->point + 4 : "");
    add_quoted(out, "trips", &point);
    add_remedy(program, race, &remedy);
    add_quoted(out, "remedy", &remedy);
}

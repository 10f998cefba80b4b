/* Packets of a Perfetto trace. */
#include "report/pfwriter.h"

#include "report/figures.h"
#include "report/protobuf.h"

enum {
    /* TracePacket */
    P_TIMESTAMP = 8,
    P_SEQUENCE = 10,
    P_EVENT = 11,
    P_INTERNED = 12,
    P_FLAGS = 13,
    P_TRACK = 60,
    FLAG_CLEARED = 1,
    FLAG_NEEDS = 2,
    /* InternedData; each row has 1 iid, 2 string */
    I_NAMES = 2,
    I_ARGUMENTS = 3,
    I_WORDS = 29,
    /* TrackDescriptor */
    T_UUID = 1,
    T_NAME = 2,
    T_PROCESS = 3,
    T_PARENT = 5,
    T_COUNTER = 8,
    T_ORDERING = 11,
    T_RANK = 12,
    T_EXPLICIT = 3,
    /* TrackEvent */
    E_ANNOTATION = 4,
    E_TYPE = 9,
    E_NAME = 10,
    E_TRACK = 11,
    E_COUNTER = 44,
    E_FLOW = 47,
    E_FLOW_END = 48,
    BEGIN = 1,
    END = 2,
    COUNTER = 4,
    /* DebugAnnotation */
    A_NAME = 1,
    A_UINT = 3,
    A_STRING = 6,
    A_WORD = 17
};

static void flush(ts_pfwriter *w, bool is_first) {
    ts_pb_varint(&w->packet, P_SEQUENCE, 1);
    ts_pb_varint(&w->packet, P_FLAGS, is_first ? FLAG_CLEARED | FLAG_NEEDS : FLAG_NEEDS);
    ts_pb_message(w->out, 1, &w->packet);
}

void ts_pf_track(ts_pfwriter *w, uint64_t id, const char *name, int rank, const char *unit) {
    ts_text track = {0}, inner = {0};
    ts_pb_varint(&track, T_UUID, id);
    ts_pb_string(&track, T_NAME, name);
    if (id == TS_PF_PROCESS) {
        ts_pb_varint(&inner, 1, 1);
        ts_pb_string(&inner, 6, name);
        ts_pb_string(&inner, 8, "modelled");
        ts_pb_message(&track, T_PROCESS, &inner);
        ts_pb_varint(&track, T_ORDERING, T_EXPLICIT);
    } else {
        ts_pb_varint(&track, T_PARENT, TS_PF_PROCESS);
        ts_pb_varint(&track, T_RANK, (uint64_t)rank);
    }
    if (unit) {
        ts_pb_string(&inner, 6, unit);
        ts_pb_message(&track, T_COUNTER, &inner);
    }
    ts_pb_message(&w->packet, P_TRACK, &track);
    flush(w, id == TS_PF_PROCESS);
    ts_text_free(&track);
    ts_text_free(&inner);
}

static void intern(ts_pfwriter *w, ts_text *interned, unsigned table, uint32_t id, const char *string) {
    ts_pb_varint(&w->part, 1, id);
    ts_pb_string(&w->part, 2, string);
    ts_pb_message(interned, table, &w->part);
}

/* Interns each location's operation and line as words 2 * loc + 1 and 2 * loc + 2. */
static void intern_places(ts_pfwriter *w, ts_text *interned) {
    const ts_program *program = w->report->program;
    ts_text place = {0};
    for (uint32_t i = 0; i < program->locs.count; i++) {
        const ts_loc *loc = ts_report_loc(w->report, i);
        const char *name = program->locs.data[i].name;
        place.length = 0;
        ts_report_place(loc->file ? loc->file : "", loc->line, &place);
        intern(w, interned, I_WORDS, 2 * i + 1, name ? name : "");
        intern(w, interned, I_WORDS, 2 * i + 2, place.data);
    }
    ts_text_free(&place);
}

static const ts_ap *destination(const ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int f = 0; f < info->field_count; f++) {
        if (info->fields[f].kind != ts_kind_dst) continue;
        const ts_ap *ap = (const ts_ap *)(const void *)((const char *)inst + info->fields[f].offset);
        if (ap->space != ts_space_none) return ap;
    }
    return NULL;
}

/* Interns the destination's shape of each instruction that has one, as words behind those of the
   locations. */
static void intern_shapes(ts_pfwriter *w, ts_text *interned) {
    const ts_program *program = w->report->program;
    ts_text shape = {0};
    for (uint32_t i = 0; i < program->code.count; i++) {
        const ts_ap *dst = destination(program->code.data[i]);
        if (!dst) continue;
        shape.length = 0;
        ts_text_add(&shape, "[");
        if (dst->space != ts_space_hbm) ts_text_format(&shape, "%lld", (long long)dst->parts.max);
        for (int d = 0; d < dst->dims; d++)
            ts_text_format(&shape, "%s%lld", d || dst->space != ts_space_hbm ? "," : "",
                           (long long)dst->dim[d].count.max);
        ts_text_format(&shape, "] %s", ts_dtype_get(dst->dtype)->name);
        intern(w, interned, I_WORDS, 2 * program->locs.count + 1 + i, shape.data);
    }
    ts_text_free(&shape);
}

void ts_pf_names(ts_pfwriter *w) {
    static const char *const arguments[ts_pf_argument_count] = {
        "op", "line", "start_ps", "dur_ps", "evt_wait_time_ns", "wait_on", "shape", "bytes", "variable"};
    const ts_report *report = w->report;
    ts_text interned = {0}, place = {0};
    for (unsigned op = 1; op < ts_op_count; op++)
        intern(w, &interned, I_NAMES, op, ts_op_get(op)->name);
    w->collective_name = ts_op_count;
    for (unsigned kind = 0; kind < ts_cc_count; kind++)
        intern(w, &interned, I_NAMES, w->collective_name + kind, ts_cc_name(kind));
    w->bound_name = w->collective_name + ts_cc_count;
    for (unsigned bound = 0; bound < ts_bound_count; bound++)
        intern(w, &interned, I_NAMES, w->bound_name + bound, ts_figure_bound(bound));
    w->module_name = w->bound_name + ts_bound_count;
    for (uint32_t i = 0; i < report->modules.count; i++)
        intern(w, &interned, I_NAMES, w->module_name + i, report->modules.data[i].name);
    for (uint32_t i = 0; i < report->lines.count; i++) {
        place.length = 0;
        ts_report_place(report->lines.data[i].file, report->lines.data[i].line, &place);
        intern(w, &interned, I_NAMES, w->module_name + report->modules.count + i, place.data);
    }
    for (uint32_t i = 0; i < ts_pf_argument_count; i++)
        intern(w, &interned, I_ARGUMENTS, i + 1, arguments[i]);
    intern_places(w, &interned);
    intern_shapes(w, &interned);
    ts_pb_message(&w->packet, P_INTERNED, &interned);
    flush(w, false);
    ts_text_free(&interned);
    ts_text_free(&place);
}

void ts_pf_begin(ts_pfwriter *w, uint64_t track, uint32_t name) {
    ts_pb_varint(&w->event, E_TYPE, BEGIN);
    ts_pb_varint(&w->event, E_TRACK, track);
    ts_pb_varint(&w->event, E_NAME, name);
}

static void annotate(ts_pfwriter *w, ts_pf_argument argument, unsigned field, uint64_t value) {
    ts_pb_varint(&w->part, A_NAME, argument + 1);
    ts_pb_varint(&w->part, field, value);
    ts_pb_message(&w->event, E_ANNOTATION, &w->part);
}

void ts_pf_number(ts_pfwriter *w, ts_pf_argument argument, uint64_t value) {
    annotate(w, argument, A_UINT, value);
}

void ts_pf_word(ts_pfwriter *w, ts_pf_argument argument, const char *word) {
    ts_pb_varint(&w->part, A_NAME, argument + 1);
    ts_pb_string(&w->part, A_STRING, word);
    ts_pb_message(&w->event, E_ANNOTATION, &w->part);
}

void ts_pf_place(ts_pfwriter *w, uint32_t loc) {
    const char *name = w->report->program->locs.data[loc].name;
    if (name && name[0]) annotate(w, ts_pf_op, A_WORD, 2 * (uint64_t)loc + 1);
    annotate(w, ts_pf_line, A_WORD, 2 * (uint64_t)loc + 2);
}

void ts_pf_shape_of(ts_pfwriter *w, uint32_t inst) {
    const ts_program *program = w->report->program;
    if (destination(program->code.data[inst]))
        annotate(w, ts_pf_shape, A_WORD, 2 * (uint64_t)program->locs.count + 1 + inst);
}

void ts_pf_flow(ts_pfwriter *w, uint64_t id, bool is_end) {
    ts_pb_fixed64(&w->event, is_end ? E_FLOW_END : E_FLOW, id);
}

void ts_pf_add(ts_pfwriter *w, ts_time at) {
    ts_pb_varint(&w->packet, P_TIMESTAMP, (uint64_t)(at / 1000));
    ts_pb_message(&w->packet, P_EVENT, &w->event);
    flush(w, false);
}

void ts_pf_end(ts_pfwriter *w, uint64_t track, ts_time at) {
    ts_pb_varint(&w->event, E_TYPE, END);
    ts_pb_varint(&w->event, E_TRACK, track);
    ts_pf_add(w, at);
}

void ts_pf_count(ts_pfwriter *w, uint64_t track, ts_time at, double value) {
    ts_pb_varint(&w->event, E_TYPE, COUNTER);
    ts_pb_varint(&w->event, E_TRACK, track);
    ts_pb_double(&w->event, E_COUNTER, value);
    ts_pf_add(w, at);
}

void ts_pf_free(ts_pfwriter *w) {
    ts_text_free(&w->event);
    ts_text_free(&w->packet);
    ts_text_free(&w->part);
}

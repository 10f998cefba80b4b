/* A timeline for ui.perfetto.dev: a track for each engine and DMA queue, the critical path, counters, and
   flows from what produced a value to what waited for it. Field numbers are those of perfetto_trace.proto. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/protobuf.h"
#include "report/report.h"

enum {
    /* TracePacket */
    P_TIMESTAMP = 8,
    P_SEQUENCE = 10,
    P_EVENT = 11,
    P_INTERNED = 12,
    P_FLAGS = 13,
    P_TRACK = 60,
    /* TrackDescriptor */
    T_UUID = 1,
    T_NAME = 2,
    T_PROCESS = 3,
    T_PARENT = 5,
    T_COUNTER = 8,
    T_ORDERING = 11,
    T_RANK = 12,
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
    /* our tracks */
    PROCESS = 1,
    PATH = 2,
    COUNTERS = 3,
    LANES = 16
};

typedef struct writer {
    const ts_report *report;
    ts_text *out;
    ts_text event, packet, part;
    uint32_t name_count;
    uint32_t op_name[ts_op_count], bound_name[ts_bound_count], argument_name[8];
} writer;

static void flush(writer *w, bool is_first) {
    ts_pb_varint(&w->packet, P_SEQUENCE, 1);
    ts_pb_varint(&w->packet, P_FLAGS, is_first ? 3 : 2);
    ts_pb_message(w->out, 1, &w->packet);
}

static void add_track(writer *w, uint64_t id, const char *name, int rank, bool is_counter, const char *unit) {
    ts_text track = {0}, inner = {0};
    ts_pb_varint(&track, T_UUID, id);
    ts_pb_string(&track, T_NAME, name);
    if (id == PROCESS) {
        ts_pb_varint(&inner, 1, 1);
        ts_pb_string(&inner, 6, name);
        ts_pb_string(&inner, 8, "modelled");
        ts_pb_message(&track, T_PROCESS, &inner);
        ts_pb_varint(&track, T_ORDERING, 3);
    } else {
        ts_pb_varint(&track, T_PARENT, PROCESS);
        ts_pb_varint(&track, T_RANK, (uint64_t)rank);
    }
    if (is_counter) {
        ts_pb_string(&inner, 6, unit);
        ts_pb_message(&track, T_COUNTER, &inner);
    }
    ts_pb_message(&w->packet, P_TRACK, &track);
    flush(w, id == PROCESS);
    ts_text_free(&track);
    ts_text_free(&inner);
}

/* Names travel once, before the first event. */
static void add_names(writer *w) {
    static const char *const arguments[] = {"op", "line", "start_ps", "dur_ps", "evt_wait_time_ns", "bytes"};
    ts_text interned = {0};
    for (unsigned op = 1; op < ts_op_count; op++) {
        w->op_name[op] = ++w->name_count;
        ts_pb_varint(&w->part, 1, w->name_count);
        ts_pb_string(&w->part, 2, ts_op_get(op)->name);
        ts_pb_message(&interned, 2, &w->part);
    }
    for (unsigned bound = 0; bound < ts_bound_count; bound++) {
        w->bound_name[bound] = ++w->name_count;
        ts_pb_varint(&w->part, 1, w->name_count);
        ts_pb_string(&w->part, 2, ts_figure_bound(bound));
        ts_pb_message(&interned, 2, &w->part);
    }
    for (unsigned i = 0; i < sizeof arguments / sizeof arguments[0]; i++) {
        w->argument_name[i] = i + 1;
        ts_pb_varint(&w->part, 1, i + 1);
        ts_pb_string(&w->part, 2, arguments[i]);
        ts_pb_message(&interned, 3, &w->part);
    }
    ts_pb_message(&w->packet, P_INTERNED, &interned);
    flush(w, false);
    ts_text_free(&interned);
}

static void add_number(writer *w, unsigned argument, uint64_t value) {
    ts_pb_varint(&w->part, 1, w->argument_name[argument]);
    ts_pb_varint(&w->part, 4, value);
    ts_pb_message(&w->event, E_ANNOTATION, &w->part);
}

static void add_word(writer *w, unsigned argument, const char *word) {
    ts_pb_varint(&w->part, 1, w->argument_name[argument]);
    ts_pb_string(&w->part, 6, word);
    ts_pb_message(&w->event, E_ANNOTATION, &w->part);
}

static void add_event(writer *w, ts_time at) {
    ts_pb_varint(&w->packet, P_TIMESTAMP, (uint64_t)(at / 1000));
    ts_pb_message(&w->packet, P_EVENT, &w->event);
    flush(w, false);
}

static void begin(writer *w, uint64_t track, uint32_t name) {
    ts_pb_varint(&w->event, E_TYPE, BEGIN);
    ts_pb_varint(&w->event, E_TRACK, track);
    ts_pb_varint(&w->event, E_NAME, name);
}

static void end(writer *w, uint64_t track, ts_time start, ts_time until) {
    ts_pb_varint(&w->event, E_TYPE, END);
    ts_pb_varint(&w->event, E_TRACK, track);
    add_event(w,
              until / 1000 > start / 1000 ? until : start + 1000); /* a slice needs a nanosecond to be seen */
}

static void add_place(writer *w, uint32_t loc) {
    const ts_loc *row = &w->report->program->locs.data[loc];
    ts_text place = {0};
    if (row->name && row->name[0]) add_word(w, 0, row->name);
    ts_report_place(row->file ? row->file : "", row->line, &place);
    add_word(w, 1, place.data);
    ts_text_free(&place);
}

static void add_tracks(writer *w, const ts_record *record) {
    static const char *const engines[] = {"", "Tensor", "Vector", "Scalar", "GpSimd", "Sync"};
    bool is_used[256] = {false};
    add_track(w, PROCESS, "NeuronCore 0", 0, false, NULL);
    add_track(w, PATH, "bound by", 0, false, NULL);
    for (uint32_t i = 0; i < record->slices.count; i++)
        is_used[record->slices.data[i].lane] = true;
    for (unsigned lane = 0; lane < 256; lane++) {
        if (!is_used[lane]) continue;
        ts_text name = {0};
        if (lane >= TS_LANE_QUEUE)
            ts_text_format(&name, "queue %u", lane - TS_LANE_QUEUE);
        else
            ts_text_add(&name, lane < ts_engine_count ? engines[lane] : "?");
        add_track(w, LANES + lane, name.data, 10 + (int)lane, false, NULL);
        ts_text_free(&name);
    }
    add_track(w, COUNTERS, "HBM GB/s", 300, true, "GB/s");
}

static void add_path(writer *w, const ts_record *record) {
    for (uint32_t i = 0; i < record->path.count; i++) {
        const ts_path_step *step = &record->path.data[i];
        ts_time next = i + 1 < record->path.count ? record->path.data[i + 1].start : record->total;
        if (step->end / 1000 == step->start / 1000)
            continue; /* nothing to see, and it would cover its neighbour */
        begin(w, PATH, w->bound_name[step->bound]);
        if (step->bound != ts_bound_launch) add_place(w, step->loc);
        add_event(w, step->start);
        end(w, PATH, step->start, step->end < next ? step->end : next);
    }
}

/* Flows: an instruction that waited for another's result, both of which are shown. A transfer's data comes
   from its queue's slice, anything else from its engine's. */
static void find_flows(const ts_record *record, uint8_t *is_source) {
    uint32_t count = record->slices.count, most = 0;
    for (uint32_t i = 0; i < count; i++)
        if (record->slices.data[i].sequence > most) most = record->slices.data[i].sequence;
    uint32_t *last = calloc((size_t)most + 1, sizeof *last); /* 1 + slice that ends a sequence */
    if (!last) return;
    for (uint32_t i = 0; i < count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        uint32_t *at = &last[slice->sequence];
        if (*at == 0 || record->slices.data[*at - 1].end <= slice->end) *at = i + 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        bool waits = slice->waited == ts_waited_result || slice->waited == ts_waited_dma;
        if (waits && slice->after && slice->after <= most && last[slice->after])
            is_source[last[slice->after] - 1] = 1;
    }
    free(last);
}

static void add_slices(writer *w, const ts_record *record) {
    uint8_t *is_source = calloc((size_t)record->slices.count + 1, 1);
    if (!is_source) return;
    find_flows(record, is_source);
    for (uint32_t i = 0; i < record->slices.count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        const ts_inst *inst = w->report->program->code.data[slice->inst];
        begin(w, LANES + slice->lane, w->op_name[inst->op]);
        add_place(w, inst->loc);
        add_number(w, 2, (uint64_t)slice->start);
        add_number(w, 3, (uint64_t)(slice->end - slice->start));
        if (slice->wait) add_number(w, 4, (uint64_t)(slice->wait / 1000));
        if (is_source[i]) ts_pb_fixed64(&w->event, E_FLOW, slice->sequence);
        if ((slice->waited == ts_waited_result || slice->waited == ts_waited_dma) && slice->after)
            ts_pb_fixed64(&w->event, E_FLOW_END, slice->after);
        add_event(w, slice->start);
        end(w, LANES + slice->lane, slice->start, slice->end);
    }
    free(is_source);
}

static void add_counters(writer *w) {
    const ts_series *series = &w->report->record.series;
    uint64_t shown = UINT64_MAX;
    for (uint32_t bin = 0; bin < series->count; bin++) {
        if (series->hbm_bytes[bin] == shown) continue;
        shown = series->hbm_bytes[bin];
        ts_pb_varint(&w->event, E_TYPE, COUNTER);
        ts_pb_varint(&w->event, E_TRACK, COUNTERS);
        ts_pb_double(&w->event, E_COUNTER, (double)shown * 1000 / (double)series->width);
        add_event(w, series->width * (ts_time)bin);
    }
}

void ts_report_pftrace(const ts_report *report, const ts_record *record, ts_text *out) {
    writer w = {.report = report, .out = out};
    add_tracks(&w, record);
    add_names(&w);
    add_path(&w, record);
    add_slices(&w, record);
    add_counters(&w);
    ts_text_free(&w.event);
    ts_text_free(&w.packet);
    ts_text_free(&w.part);
}

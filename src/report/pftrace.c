/* The timeline for ui.perfetto.dev: the critical path by module, source line and bound; a track for each
   engine and DMA queue; counters; and flows from the producer of a value to the instruction that waited for
   it. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/pfwriter.h"

enum { HBM = TS_PF_COUNTERS, DMA, SBUF, PSUM, PENDING };

/* ---- tracks ---- */

/* Like "queue 3 (sync, gpsimd)": the queue, and the engines that trigger its transfers. */
static void queue_name(const ts_record *record, unsigned queue, ts_text *out) {
    ts_text_format(out, "queue %u", queue);
    for (uint32_t i = 0; i < record->queues.count; i++) {
        if (record->queues.data[i].queue != queue) continue;
        bool is_first = true;
        for (unsigned engine = ts_engine_tensor; engine < ts_engine_count; engine++) {
            if (!(record->queues.data[i].engines >> engine & 1)) continue;
            ts_text_format(out, "%s%s", is_first ? " (" : ", ", ts_engine_name(engine));
            is_first = false;
        }
        ts_text_add(out, is_first ? "" : ")");
    }
}

static void add_tracks(ts_pfwriter *w, const ts_record *record) {
    bool is_used[256] = {false};
    ts_text name = {0};
    ts_pf_track(w, TS_PF_PROCESS, "NeuronCore 0", 0, NULL);
    ts_pf_track(w, TS_PF_MODULES, "module", 0, NULL);
    ts_pf_track(w, TS_PF_LINES, "source line", 1, NULL);
    ts_pf_track(w, TS_PF_PATH, "bound by", 2, NULL);
    for (uint32_t i = 0; i < record->slices.count; i++)
        is_used[record->slices.data[i].lane] = true;
    for (unsigned lane = 0; lane < 256; lane++) {
        if (!is_used[lane]) continue;
        name.length = 0;
        if (lane >= TS_LANE_QUEUE)
            queue_name(record, lane - TS_LANE_QUEUE, &name);
        else if (lane == TS_LANE_COLLECTIVE)
            ts_text_add(&name, "collectives");
        else
            ts_text_add(&name, ts_figure_engine(lane));
        ts_pf_track(w, TS_PF_LANES + lane, name.data, 10 + (int)lane, NULL);
    }
    ts_pf_track(w, HBM, "HBM GB/s", 300, "GB/s");
    ts_pf_track(w, DMA, "DMA engines busy", 301, "");
    ts_pf_track(w, SBUF, "SBUF KiB a partition", 302, "KiB");
    ts_pf_track(w, PSUM, "PSUM KiB a partition", 303, "KiB");
    ts_pf_track(w, PENDING, "pending DMA", 304, "");
    ts_text_free(&name);
}

/* ---- the critical path ---- */

/* Nested slices on one track. Names that two neighbouring stretches have in common continue across them.
   Times are cut to nanoseconds. */
typedef struct nesting {
    uint64_t track;
    uint32_t name[TS_REPORT_DEEPEST];
    int depth;
    ts_time at; /* end of the open slices */
} nesting;

static void close_to(ts_pfwriter *w, nesting *open, int depth) {
    while (open->depth > depth) {
        ts_pf_end(w, open->track, open->at);
        open->depth--;
    }
}

static void nest(ts_pfwriter *w, nesting *open, const uint32_t *name, int depth, ts_time start, ts_time end) {
    int shared = 0;
    if (end / 1000 == start / 1000) return; /* too short to show */
    if (open->at < start) close_to(w, open, 0);
    while (shared < depth && shared < open->depth && name[shared] == open->name[shared])
        shared++;
    close_to(w, open, shared);
    for (int i = shared; i < depth; i++) {
        ts_pf_begin(w, open->track, name[i]);
        ts_pf_add(w, start);
        open->name[i] = name[i];
    }
    open->depth = depth;
    open->at = end;
}

/* For each location, 1 + index of its line, or 0. */
static uint32_t *lines_of_locs(const ts_report *report, ts_arena *arena) {
    uint32_t *lines = TS_NEW_ARRAY(arena, uint32_t, report->program->locs.count);
    for (uint32_t i = 0; i < report->lines.count; i++)
        for (uint32_t r = 0; r < report->lines.data[i].row_count; r++)
            lines[report->rows.data[report->lines.data[i].first_row + r].loc] = i + 1;
    return lines;
}

static void add_path(ts_pfwriter *w, const ts_record *record) {
    const ts_report *report = w->report;
    nesting modules = {.track = TS_PF_MODULES}, lines = {.track = TS_PF_LINES};
    ts_arena scratch = {0};
    const uint32_t *line_of = lines_of_locs(report, &scratch);
    const uint32_t *module_of = report->module_of;
    for (uint32_t i = 0; i < record->path.count; i++) {
        const ts_path_step *step = &record->path.data[i];
        ts_time next = i + 1 < record->path.count ? record->path.data[i + 1].start : record->total;
        ts_time end = step->end < next ? step->end : next;
        if (end / 1000 == step->start / 1000) continue;
        ts_pf_begin(w, TS_PF_PATH, w->bound_name + step->bound);
        if (step->bound != ts_bound_launch) ts_pf_place(w, step->loc);
        ts_pf_add(w, step->start);
        ts_pf_end(w, TS_PF_PATH, end);
        if (step->bound == ts_bound_launch) continue;
        uint32_t names[TS_REPORT_DEEPEST], line = line_of[step->loc];
        int depth = 0;
        for (uint32_t at = module_of[step->loc]; at; at = report->modules.data[at - 1].parent)
            depth++;
        uint32_t at = module_of[step->loc];
        for (int d = depth - 1; d >= 0; d--) {
            names[d] = w->module_name + at - 1;
            at = report->modules.data[at - 1].parent;
        }
        nest(w, &modules, names, depth, step->start, end);
        names[0] = w->module_name + report->modules.count + line - 1;
        nest(w, &lines, names, line ? 1 : 0, step->start, end);
    }
    close_to(w, &modules, 0);
    close_to(w, &lines, 0);
    ts_arena_free(&scratch);
}

/* ---- engines and queues ---- */

/* Marks the slices that flows leave from. A flow leads from a slice to those that waited for it, and is
   identified by the sequence of the former. A DMA's flow leaves from its queue. */
static void find_flows(const ts_record *record, uint8_t *is_source) {
    uint32_t count = record->slices.count, most = 0;
    for (uint32_t i = 0; i < count; i++)
        if (record->slices.data[i].sequence > most) most = record->slices.data[i].sequence;
    ts_arena scratch = {0};
    uint32_t *last = TS_NEW_ARRAY(&scratch, uint32_t, (size_t)most + 1); /* by sequence, 1 + its last slice */
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
    ts_arena_free(&scratch);
}

/* Adds a transfer's arguments: mean bytes of its executions, and the tensor it moves. */
static void add_transfer(ts_pfwriter *w, const ts_slice *slice, const ts_inst *inst) {
    const ts_report *report = w->report;
    const ts_life *life = &report->record.lives.data[slice->inst];
    if (life->count) ts_pf_number(w, ts_pf_bytes, life->bytes / life->count);
    const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
    const ts_ap *hbm = inst->op == ts_op_collective     ? &((const ts_inst_collective *)inst)->dst
                       : inst->op != ts_op_dma_copy     ? NULL
                       : dma->src.space == ts_space_hbm ? &dma->src
                                                        : &dma->dst;
    if (!hbm || hbm->space != ts_space_hbm) return;
    const char *name = report->program->tensors.data[hbm->tensor].name;
    if (name && name[0]) ts_pf_word(w, ts_pf_variable, name);
}

static void add_slices(ts_pfwriter *w, const ts_record *record) {
    static const char *const waits[] = {"", "port", "result", "dma", "queue"};
    ts_arena scratch = {0};
    uint8_t *is_source = ts_arena_alloc(&scratch, record->slices.count);
    find_flows(record, is_source);
    for (uint32_t i = 0; i < record->slices.count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        const ts_inst *inst = w->report->program->code.data[slice->inst];
        bool is_collective = slice->lane == TS_LANE_COLLECTIVE;
        ts_pf_begin(w, TS_PF_LANES + slice->lane,
                    is_collective ? w->collective_name + ((const ts_inst_collective *)inst)->kind : inst->op);
        ts_pf_place(w, inst->loc);
        ts_pf_number(w, ts_pf_start, (uint64_t)slice->start);
        ts_pf_number(w, ts_pf_duration, (uint64_t)(slice->end - slice->start));
        if (slice->wait) ts_pf_number(w, ts_pf_wait, (uint64_t)(slice->wait / 1000));
        if (slice->wait) ts_pf_word(w, ts_pf_waits_for, waits[slice->waited]);
        if (slice->lane >= TS_LANE_QUEUE || is_collective)
            add_transfer(w, slice, inst);
        else
            ts_pf_shape_of(w, slice->inst);
        if (is_source[i]) ts_pf_flow(w, slice->sequence, false);
        if ((slice->waited == ts_waited_result || slice->waited == ts_waited_dma) && slice->after)
            ts_pf_flow(w, slice->after, true);
        ts_pf_add(w, slice->start);
        /* Perfetto shows slices of at least one nanosecond. */
        bool is_seen = slice->end / 1000 > slice->start / 1000;
        ts_pf_end(w, TS_PF_LANES + slice->lane, is_seen ? slice->end : slice->start + 1000);
    }
    ts_arena_free(&scratch);
}

/* ---- counters ---- */

static void add_rates(ts_pfwriter *w) {
    const ts_series *series = &w->report->record.series;
    uint64_t bytes = UINT64_MAX;
    ts_time busy = -1;
    for (uint32_t bin = 0; bin < series->count; bin++) {
        ts_time at = series->width * (ts_time)bin;
        if (series->hbm_bytes[bin] != bytes)
            ts_pf_count(w, HBM, at, (double)series->hbm_bytes[bin] * 1000 / (double)series->width);
        if (series->busy[ts_engine_none][bin] != busy)
            ts_pf_count(w, DMA, at, (double)series->busy[ts_engine_none][bin] / (double)series->width);
        bytes = series->hbm_bytes[bin];
        busy = series->busy[ts_engine_none][bin];
    }
}

typedef struct change {
    ts_time at;
    int32_t by;
} change;

static int by_time(const void *a, const void *b) {
    const change *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->by < y->by ? -1 : x->by > y->by;
}

/* Bytes of a partition in use, at each change (in nanoseconds). */
static void add_fill(ts_pfwriter *w, bool is_psum, uint64_t track) {
    const ts_report *report = w->report;
    const ts_chip *chip = &report->record.chip;
    int64_t most = (int64_t)(is_psum ? chip->psum_partition_bytes : chip->sbuf_partition_bytes);
    ts_arena scratch = {0};
    change *changes = TS_NEW_ARRAY(&scratch, change, 2 * (size_t)report->boxes.count);
    uint32_t count = 0;
    int64_t bytes = 0, shown = -1;
    for (uint32_t i = 0; i < report->boxes.count; i++) {
        const ts_report_box *box = &report->boxes.data[i];
        if (box->is_psum != is_psum) continue;
        changes[count++] = (change){box->first, box->high - box->low};
        changes[count++] = (change){box->last, box->low - box->high};
    }
    qsort(changes, count, sizeof *changes, by_time);
    for (uint32_t i = 0; i < count; i++) {
        bytes += changes[i].by;
        int64_t used = bytes < most ? bytes : most;
        if ((i + 1 < count && changes[i + 1].at / 1000 == changes[i].at / 1000) || used == shown) continue;
        ts_pf_count(w, track, changes[i].at, (double)used / 1024);
        shown = used;
    }
    ts_arena_free(&scratch);
}

/* Transfers, of those shown, that have been triggered and are not complete. */
static void add_pending(ts_pfwriter *w, const ts_record *record) {
    ts_arena scratch = {0};
    change *changes = TS_NEW_ARRAY(&scratch, change, 2 * (size_t)record->slices.count + 1);
    uint32_t count = 0;
    int32_t pending = 0, shown = -1;
    for (uint32_t i = 0; i < record->slices.count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        if (slice->lane < TS_LANE_QUEUE) continue;
        changes[count++] = (change){slice->start > slice->wait ? slice->start - slice->wait : 0, 1};
        changes[count++] = (change){slice->end, -1};
    }
    qsort(changes, count, sizeof *changes, by_time);
    for (uint32_t i = 0; i < count; i++) {
        pending += changes[i].by;
        if ((i + 1 < count && changes[i + 1].at / 1000 == changes[i].at / 1000) || pending == shown) continue;
        ts_pf_count(w, PENDING, changes[i].at, pending);
        shown = pending;
    }
    ts_arena_free(&scratch);
}

void ts_report_pftrace(const ts_report *report, const ts_record *record, ts_text *out) {
    ts_pfwriter w = {.report = report, .out = out};
    add_tracks(&w, record);
    ts_pf_names(&w);
    add_path(&w, record);
    add_slices(&w, record);
    add_rates(&w);
    add_fill(&w, false, SBUF);
    add_fill(&w, true, PSUM);
    add_pending(&w, record);
    ts_pf_free(&w);
}

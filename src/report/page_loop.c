/* The page's drawing of three trips of the costliest loop, instruction by instruction. */
#include "report/figures.h"
#include "report/page.h"
#include "report/svg.h"

enum { LABEL = TS_PAGE_LABEL, ROW = 30 };
static const double PLOT = TS_PAGE_WIDTH - LABEL;

static const char *lane_color(unsigned lane) {
    static const char *const colors[] = {"wa", "pe", "ve", "ac", "gp", "wa"};
    if (lane == TS_LANE_COLLECTIVE) return "cc";
    return lane >= TS_LANE_QUEUE ? "dm" : colors[lane < ts_engine_count ? lane : 0];
}

/* Writes what a queue does in these trips: "load", "store", or both. */
static void add_ways(const ts_report *report, unsigned lane, ts_text *out) {
    bool is_load = false, is_store = false;
    for (uint32_t i = 0; i < report->loop_record.slices.count; i++) {
        const ts_slice *slice = &report->loop_record.slices.data[i];
        const ts_inst *inst = report->program->code.data[slice->inst];
        if (slice->lane != lane || inst->op != ts_op_dma_copy) continue;
        const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
        is_load |= dma->dst.space != ts_space_hbm;
        is_store |= dma->dst.space == ts_space_hbm;
    }
    if (is_load != is_store) ts_text_add(out, is_load ? " load" : " store");
}

static void add_lane_name(unsigned lane, ts_text *out) {
    if (lane >= TS_LANE_QUEUE)
        ts_text_format(out, "q%u", lane - TS_LANE_QUEUE);
    else if (lane == TS_LANE_COLLECTIVE)
        ts_text_add(out, "CC-cores");
    else
        ts_text_add(out, ts_figure_engine(lane));
}

/* A transfer is labelled with its tensor in HBM, any other slice with its operation. */
static const char *slice_name(const ts_report *report, const ts_slice *slice) {
    const ts_inst *inst = report->program->code.data[slice->inst];
    if (slice->lane >= TS_LANE_QUEUE && inst->op == ts_op_dma_copy) {
        const ts_inst_dma_copy *dma = (const ts_inst_dma_copy *)inst;
        const ts_ap *hbm = dma->src.space == ts_space_hbm ? &dma->src : &dma->dst;
        if (hbm->space == ts_space_hbm) return report->program->tensors.data[hbm->tensor].name;
    }
    if (slice->lane == TS_LANE_COLLECTIVE) return ts_cc_name(((const ts_inst_collective *)inst)->kind);
    return ts_op_get(inst->op)->name;
}

/* The slice whose end `slice` waited for (of a transfer, its queue's); NULL when it is not drawn. */
static const ts_slice *awaited(const ts_record *record, const ts_slice *slice) {
    const ts_slice *found = NULL;
    for (uint32_t i = 0; i < record->slices.count && slice->after; i++) {
        const ts_slice *at = &record->slices.data[i];
        if (at->sequence == slice->after && at != slice && (!found || at->end >= found->end)) found = at;
    }
    return found;
}

/* Describes the wait, naming what was waited for if that is drawn. */
static void add_words(const ts_slice *slice, const ts_slice *on, ts_text *out) {
    static const char *const words[] = {"", "waits for the port", "waits for a result", "waits for a DMA",
                                        "waits for its queue or DMA engines"};
    ts_text_add(out, on ? "waits for " : words[slice->waited]);
    if (on) add_lane_name(on->lane, out);
}

static void add_wait(const ts_report *report, const ts_slice *slice, double x, double y, double scale,
                     ts_text *out) {
    double width = (double)slice->wait * scale;
    if (slice->wait == 0 || width < 3 || slice->lane >= TS_LANE_QUEUE) return;
    const ts_slice *on = awaited(&report->loop_record, slice);
    ts_text tip = {0}, words = {0};
    add_words(slice, on, &words);
    ts_text_format(&tip, "%s, ", words.data);
    ts_figure_time(&tip, slice->wait);
    if (on) ts_text_format(&tip, ": %s", slice_name(report, on));
    ts_svg_rect(out, x - width, y + 4, width, 16, "idle", tip.data);
    ts_svg_fit(out, x - width + 4, y + 16, width - 8, "mu sm", words.data);
    ts_text_free(&tip);
    ts_text_free(&words);
}

/* Draws an arrow from the end of a transfer to the instruction that waited for it. */
static void add_arrow(double x1, double y1, double x2, double y2, ts_text *out) {
    double tip = y2 > y1 ? -5 : 5;
    ts_text_format(
        out, "<path class=\"fl\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1fm-3 %.0fl3 %.0fl3 %.0f\"/>", x1,
        y1, x1, (y1 + y2) / 2, x2, (y1 + y2) / 2, x2, y2, tip, -tip, tip);
}

static void add_slice(const ts_report *report, const ts_slice *slice, double x, double y, double width,
                      ts_text *out) {
    const ts_inst *inst = report->program->code.data[slice->inst];
    const ts_loc *loc = ts_report_loc(report, inst->loc);
    const char *op = report->program->locs.data[inst->loc].name;
    ts_text tip = {0};
    const char *name = slice_name(report, slice);
    ts_text_format(&tip, "%s%s%s, ", ts_op_get(inst->op)->name,
                   slice->lane >= TS_LANE_QUEUE && name[0] ? " of " : "",
                   slice->lane >= TS_LANE_QUEUE ? name : "");
    ts_figure_time(&tip, slice->end - slice->start);
    ts_text_add(&tip, ", ");
    ts_report_place(loc->file ? loc->file : "", loc->line, &tip);
    if (op && op[0]) ts_text_format(&tip, ", %s", op);
    ts_svg_rect(out, x, y, width < 1 ? 1 : width, 24, lane_color(slice->lane), tip.data);
    ts_svg_fit(out, x + 4, y + 16, width - 8, "in sm", name);
    ts_text_free(&tip);
}

static void add_lede(const ts_report *report, uint32_t shown, bool has_arrows, ts_text *out) {
    const ts_record *record = &report->loop_record;
    const ts_record_loop *loop = &report->record.loops.data[report->loop];
    const ts_loc *loc = ts_report_loop_place(report);
    ts_time period = ts_report_loop_period(report);
    ts_text place = {0};
    ts_report_place(loc->file ? loc->file : "", loc->line, &place);
    ts_text_add(out, "<section><h2>The hottest loop</h2><p class=lede>");
    ts_html_text(out, place.data);
    ts_text_free(&place);
    ts_text_add(out, ": ");
    ts_figure_count(out, (double)loop->trips);
    ts_text_add(out, " trips in a step; three from the middle are drawn");
    if (period > 0) {
        ts_text_add(out, ", one every ");
        ts_figure_time(out, period);
    }
    ts_text_add(out, ". Dashed: an engine waits. ");
    if (has_arrows) ts_text_add(out, "Arrows lead from a DMA to what waited for it. ");
    if (record->slices.count > shown || record->slices_truncated)
        ts_text_add(out, "Only the first slices fit here. ");
    ts_text_add(out, "All of them bound ");
    ts_figure_time(out, report->loop_time);
    ts_text_add(out, ", ");
    ts_figure_percent(out, ts_figure_share(report->loop_time, report->record.total));
    ts_text_add(out, " of the step.</p>");
}

/* Assigns a row to each lane in use, queues above engines; -1: not in use. Returns the number of rows. */
static int find_rows(const ts_record *record, uint32_t count, int row[256]) {
    int rows = 0;
    for (int l = 255; l >= 0; l--) {
        int at = l >= TS_LANE_QUEUE ? 255 - l + TS_LANE_QUEUE : l;
        row[at] = -1;
        for (uint32_t i = 0; i < count && row[at] < 0; i++)
            if (record->slices.data[i].lane == at) row[at] = rows++;
    }
    return rows;
}

static void add_tracks(const ts_report *report, const int row[256], ts_text *out) {
    ts_text name = {0};
    for (int l = 0; l < 256; l++) {
        if (row[l] < 0) continue;
        name.length = 0;
        add_lane_name((unsigned)l, &name);
        if (l >= TS_LANE_QUEUE) add_ways(report, (unsigned)l, &name);
        ts_svg_text(out, 0, ROW * row[l] + 17, "", 's', name.data);
        ts_svg_rect(out, LABEL, ROW * row[l], PLOT, 24, "tr", NULL);
    }
    ts_text_free(&name);
}

/* The drawn transfer that an instruction noticeably waited for; NULL: none. */
static const ts_slice *arrow_from(const ts_report *report, const ts_slice *slice, const int row[256],
                                  double scale) {
    if (slice->waited != ts_waited_dma || (double)slice->wait * scale < 3) return NULL;
    const ts_slice *on = awaited(&report->loop_record, slice);
    return on && on->lane >= TS_LANE_QUEUE && row[on->lane] >= 0 ? on : NULL;
}

static void add_arrows(const ts_report *report, const int row[256], uint32_t count, ts_time first,
                       double scale, ts_text *out) {
    for (uint32_t i = 0; i < count; i++) {
        const ts_slice *slice = &report->loop_record.slices.data[i];
        const ts_slice *on = arrow_from(report, slice, row, scale);
        if (!on) continue;
        bool is_below = row[slice->lane] > row[on->lane];
        add_arrow(LABEL + (double)(on->end - first) * scale, ROW * row[on->lane] + (is_below ? 24 : 0),
                  LABEL + (double)(slice->start - first) * scale,
                  ROW * row[slice->lane] + (is_below ? 0 : 24), out);
    }
}

void ts_page_loop(const ts_report *report, ts_text *out) {
    enum { MOST = 900 };
    const ts_record *record = &report->loop_record;
    uint32_t count = record->slices.count < MOST ? record->slices.count : MOST;
    if (report->loop < 0 || count == 0) return;
    ts_time first = record->slices.data[0].start, last = 0;
    int row[256];
    for (uint32_t i = 0; i < count; i++)
        if (record->slices.data[i].end > last) last = record->slices.data[i].end;
    double height = ROW * find_rows(record, count, row) + 4, scale = PLOT / (double)(last - first);
    bool has_arrows = false;
    for (uint32_t i = 0; i < count && !has_arrows; i++)
        has_arrows = arrow_from(report, &record->slices.data[i], row, scale) != NULL;
    add_lede(report, count, has_arrows, out);
    ts_svg_open(out, NULL, TS_PAGE_WIDTH, height + 26, "Three trips of the hottest loop");
    add_tracks(report, row, out);
    for (uint32_t i = 0; i < count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        double x = LABEL + (double)(slice->start - first) * scale, y = ROW * row[slice->lane];
        if (x - (double)slice->wait * scale >= LABEL) add_wait(report, slice, x, y, scale, out);
        add_slice(report, slice, x, y, (double)(slice->end - slice->start) * scale, out);
    }
    add_arrows(report, row, count, first, scale, out);
    ts_page_ticks(last - first, height + 16, out);
    ts_svg_close(out);
    ts_text_add(out, "</section>");
}

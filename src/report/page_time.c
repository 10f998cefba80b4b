/* What happens when: engines over the step, three trips of the hottest loop, and SBUF and PSUM. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/page.h"
#include "report/svg.h"

enum { LABEL = 96, LANE = 34, STEP = 42, TICKS = 12 };
static const double PLOT = TS_PAGE_WIDTH - LABEL;

typedef struct plot_lane {
    const char *name, *color;
    unsigned engine;
    double most; /* of a bin, in widths */
} plot_lane;

static int lanes_of(const ts_report *report, plot_lane *lanes) {
    const plot_lane all[] = {{"Tensor", "pe", ts_engine_tensor, 1},
                             {"Vector", "ve", ts_engine_vector, 1},
                             {"Scalar", "ac", ts_engine_scalar, 1},
                             {"GpSimd", "gp", ts_engine_gpsimd, 1},
                             {"DMA engines", "dm", ts_engine_none, report->record.chip.dma_engines}};
    int count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ts_time sum = 0;
        for (uint32_t bin = 0; bin < report->record.series.count; bin++)
            sum += report->record.series.busy[all[i].engine][bin];
        if (sum > 0) lanes[count++] = all[i];
    }
    return count;
}

double ts_page_time_height(const ts_report *report) {
    plot_lane lanes[8];
    return 26 + STEP * lanes_of(report, lanes);
}

/* Steps at 1, 2 or 5 times a power of ten, 4 to 10 of them. */
static double tick_step(double span) {
    double step = pow(10, floor(log10(span / 4)));
    if (span / step > 10) step *= span / (step * 5) >= 4 ? 5 : 2;
    return step;
}

static void add_axis(double span, const char *unit, double x0, double width, double bottom, ts_text *out) {
    double step = tick_step(span);
    for (int i = 0; i < TICKS; i++) {
        double t = i * step, x = x0 + t / span * width;
        ts_text_format(out, "<line x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%.1f\" class=\"gl\"%s/>", x, x,
                       bottom, t > span ? " style=\"display:none\"" : "");
        ts_text_format(
            out, "<text class=\"ax mu\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\"%s>%.6g%s%s</text>", x,
            bottom + 17, t > span ? " style=\"display:none\"" : "", t, i ? "" : " ", i ? "" : unit);
    }
}

static void add_lane(const ts_series *series, const plot_lane *lane, double bins, ts_text *out) {
    ts_text_format(out, "<path class=\"%s\" d=\"M0 %d", lane->color, LANE);
    double last = LANE;
    for (uint32_t bin = 0; bin < series->count; bin++) {
        double share = (double)series->busy[lane->engine][bin] / ((double)series->width * lane->most);
        double y = LANE - LANE * (share > 1 ? 1 : share);
        if (fabs(y - last) >= 0.05) ts_text_format(out, "H%u V%.1f", bin, y);
        last = y;
    }
    ts_text_format(out, "H%.3f V%d Z\"/>", bins, LANE);
}

static void add_bound_strip(const ts_series *series, ts_text *out) {
    uint32_t start = 0;
    int shown = -1;
    for (uint32_t bin = 0; bin <= series->count; bin++) {
        int best = -1;
        for (int b = 0; b < ts_bound_count && bin < series->count; b++)
            if (series->bound[b][bin] > 0 && (best < 0 || series->bound[b][bin] > series->bound[best][bin]))
                best = b;
        if (bin > 0 && best != shown && shown >= 0)
            ts_svg_rect(out, start, 0, bin - start, 16, ts_page_color((unsigned)shown), NULL);
        if (best != shown) start = bin;
        shown = best;
    }
}

void ts_page_over_time(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    const ts_series *series = &record->series;
    if (series->count == 0) return;
    plot_lane lanes[8];
    int count = lanes_of(report, lanes);
    double bins = (double)record->total / (double)series->width, height = ts_page_time_height(report);
    ts_text_add(out, "<section><h2>Over time</h2><p class=lede>Share of each engine that is busy; the strip "
                     "on top is what bounds the step at that moment. Drag to zoom, double-click to go back. "
                     "<span id=now></span></p>");
    ts_svg_open(out, "tl", TS_PAGE_WIDTH, height + 26, "Engines over the step");
    ts_svg_text(out, 0, 12, "mu", 's', "bound by");
    ts_text_format(out,
                   "<svg class=z x=\"%d\" y=\"0\" width=\"%.0f\" height=\"16\" viewBox=\"0 0 %.3f 16\" "
                   "preserveAspectRatio=\"none\">",
                   LABEL, PLOT, bins);
    add_bound_strip(series, out);
    ts_text_add(out, "</svg>");
    for (int i = 0; i < count; i++) {
        double y = 24 + STEP * i;
        ts_time sum = 0;
        for (uint32_t bin = 0; bin < series->count; bin++)
            sum += series->busy[lanes[i].engine][bin];
        ts_svg_rect(out, LABEL, y, PLOT, LANE, "tr", NULL);
        ts_svg_text(out, 0, y + 15, "", 's', lanes[i].name);
        ts_text share = {0};
        ts_figure_percent(&share, (double)sum / lanes[i].most / (double)record->total);
        ts_svg_text(out, 0, y + 31, "mu", 's', share.data);
        ts_text_free(&share);
        ts_text_format(out,
                       "<svg class=z x=\"%d\" y=\"%.0f\" width=\"%.0f\" height=\"%d\" viewBox=\"0 0 %.3f "
                       "%d\" preserveAspectRatio=\"none\">",
                       LABEL, y, PLOT, LANE, bins, LANE);
        add_lane(series, &lanes[i], bins, out);
        ts_text_add(out, "</svg>");
    }
    add_axis(ts_figure_in(record->total, record->total), ts_figure_unit(record->total), LABEL, PLOT, height,
             out);
    ts_text_format(out,
                   "<line id=cur class=cur y1=\"0\" y2=\"%.0f\" style=\"display:none\"/><rect id=brush "
                   "class=brush y=\"0\" height=\"%.0f\" width=\"0\"/><rect id=hit x=\"%d\" y=\"0\" "
                   "width=\"%.0f\" height=\"%.0f\" fill=\"transparent\"/>",
                   height, height, LABEL, PLOT, height);
    ts_svg_close(out);
    ts_text_add(out, "</section>");
}

/* ---- the hottest loop ---- */

static const char *lane_color(unsigned lane) {
    static const char *const colors[] = {"wa", "pe", "ve", "ac", "gp", "wa"};
    return lane >= TS_LANE_QUEUE ? "dm" : colors[lane < ts_engine_count ? lane : 0];
}

static void lane_name(unsigned lane, ts_text *out) {
    static const char *const names[] = {"", "Tensor", "Vector", "Scalar", "GpSimd", "Sync"};
    out->length = 0;
    if (lane >= TS_LANE_QUEUE)
        ts_text_format(out, "queue %u", lane - TS_LANE_QUEUE);
    else
        ts_text_add(out, names[lane < ts_engine_count ? lane : 0]);
}

static void add_wait(const ts_report *report, const ts_slice *slice, double x, double y, double scale,
                     ts_text *out) {
    static const char *const words[] = {"", "waits for the port", "waits for a result", "waits for a DMA",
                                        "waits for its queue or DMA engines"};
    double width = (double)slice->wait * scale;
    if (slice->wait == 0 || width < 3 || slice->lane >= TS_LANE_QUEUE) return;
    ts_text tip = {0};
    ts_text_format(&tip, "%s, ", words[slice->waited]);
    ts_figure_time(&tip, slice->wait);
    for (uint32_t i = 0; i < report->loop_record.slices.count && slice->after; i++)
        if (report->loop_record.slices.data[i].sequence == slice->after) {
            const ts_inst *inst = report->program->code.data[report->loop_record.slices.data[i].inst];
            ts_text_format(&tip, ": %s", ts_op_get(inst->op)->name);
            break;
        }
    ts_svg_rect(out, x - width, y + 4, width, 16, "idle", tip.data);
    ts_svg_fit(out, x - width + 4, y + 16, width - 8, "mu sm", words[slice->waited]);
    ts_text_free(&tip);
}

static void add_slice(const ts_report *report, const ts_slice *slice, double x, double y, double width,
                      ts_text *out) {
    const ts_inst *inst = report->program->code.data[slice->inst];
    const ts_loc *loc = &report->program->locs.data[inst->loc];
    ts_text tip = {0};
    ts_text_format(&tip, "%s, ", ts_op_get(inst->op)->name);
    ts_figure_time(&tip, slice->end - slice->start);
    ts_text_add(&tip, ", ");
    ts_report_place(loc->file ? loc->file : "", loc->line, &tip);
    if (loc->name && loc->name[0]) ts_text_format(&tip, ", %s", loc->name);
    ts_svg_rect(out, x, y, width < 1 ? 1 : width, 24, lane_color(slice->lane), tip.data);
    ts_svg_fit(out, x + 4, y + 16, width - 8, "in sm", ts_op_get(inst->op)->name);
    ts_text_free(&tip);
}

void ts_page_loop(const ts_report *report, ts_text *out) {
    enum { MOST = 900, ROW = 30 };
    const ts_record *record = &report->loop_record;
    uint32_t count = record->slices.count < MOST ? record->slices.count : MOST;
    if (report->loop < 0 || count == 0) return;
    const ts_record_loop *loop = &report->record.loops.data[report->loop];
    ts_time first = record->slices.data[0].start, last = 0;
    int row[256], rows = 0;
    memset(row, -1, sizeof row);
    for (uint32_t i = 0; i < count; i++)
        if (record->slices.data[i].end > last) last = record->slices.data[i].end;
    for (int l = 255; l >= 0; l--) { /* queues above, then engines */
        int at = l >= TS_LANE_QUEUE ? 255 - l + TS_LANE_QUEUE : l;
        bool is_used = false;
        for (uint32_t i = 0; i < count && !is_used; i++)
            is_used = record->slices.data[i].lane == at;
        if (is_used) row[at] = rows++;
    }
    double scale = PLOT / (double)(last - first), height = ROW * rows + 4;
    const ts_inst *begin = report->program->code.data[report->program->loops.data[report->loop].begin];
    uint32_t body = report->program->loops.data[report->loop].begin + 1;
    const ts_loc *loc =
        &report->program->locs.data[begin->loc ? begin->loc : report->program->code.data[body]->loc];
    ts_text place = {0};
    ts_report_place(loc->file ? loc->file : "", loc->line, &place);
    ts_text_add(out, "<section><h2>The hottest loop</h2><p class=lede>");
    ts_html_text(out, place.data);
    ts_text_add(out, ": ");
    ts_figure_count(out, (double)loop->trips);
    ts_text_add(out, " trips in a step; three from the middle are drawn. Dashed: an engine waits. ");
    if (record->slices.count > count || record->slices_truncated)
        ts_text_add(out, "Only the first slices fit here. ");
    ts_text_add(out, "All of them bound ");
    ts_figure_time(out, report->loop_time);
    ts_text_add(out, ", ");
    ts_figure_percent(out, ts_figure_share(report->loop_time, report->record.total));
    ts_text_add(out, " of the step.</p>");
    ts_svg_open(out, NULL, TS_PAGE_WIDTH, height + 26, "Three trips of the hottest loop");
    for (int l = 0; l < 256; l++) {
        if (row[l] < 0) continue;
        place.length = 0;
        lane_name((unsigned)l, &place);
        ts_svg_text(out, 0, ROW * row[l] + 17, "", 's', place.data);
        ts_svg_rect(out, LABEL, ROW * row[l], PLOT, 24, "tr", NULL);
    }
    for (uint32_t i = 0; i < count; i++) {
        const ts_slice *slice = &record->slices.data[i];
        double x = LABEL + (double)(slice->start - first) * scale, y = ROW * row[slice->lane];
        if (x - (double)slice->wait * scale >= LABEL) add_wait(report, slice, x, y, scale, out);
        add_slice(report, slice, x, y, (double)(slice->end - slice->start) * scale, out);
    }
    ts_time span = last - first;
    double step = tick_step(ts_figure_in(span, span));
    for (int i = 0; i < TICKS && i * step <= ts_figure_in(span, span); i++) {
        double x = LABEL + i * step / ts_figure_in(span, span) * PLOT;
        place.length = 0;
        ts_text_format(&place, "%.6g%s%s", i * step, i ? "" : " ", i ? "" : ts_figure_unit(span));
        ts_svg_text(out, x, height + 16, "mu", 'm', place.data);
    }
    ts_text_free(&place);
    ts_svg_close(out);
    ts_text_add(out, "</section>");
}

/* ---- memory ---- */

static void add_box(const ts_report *report, const ts_report_box *box, double x, double y, double width,
                    double height, ts_text *out) {
    static const char *const colors[] = {"m0", "m1", "m2", "m3", "m4"};
    static const char *const words[] = {"argument", "reloaded from HBM", "constant", "computed", "PSUM"};
    const ts_loc *loc = &report->program->locs.data[box->loc];
    const char *name = box->tensor ? report->program->tensors.data[box->tensor - 1].name : "";
    ts_text tip = {0}, place = {0};
    ts_report_place(loc->file ? loc->file : "", loc->line, &place);
    ts_text_format(&tip, "%s%s%s, ", words[box->kind], name[0] ? " " : "", name);
    ts_figure_bytes(&tip, box->high - box->low);
    ts_text_format(&tip, " of %d partitions, ", box->parts);
    ts_figure_time(&tip, box->last - box->first);
    ts_text_format(&tip, ", %s", place.data);
    ts_svg_rect(out, x, y, width < 0.7 ? 0.7 : width, height < 0.7 ? 0.7 : height, colors[box->kind],
                tip.data);
    if (height >= 14)
        ts_svg_fit(out, x + 4, y + height / 2 + 4, width - 8, "in sm", name[0] ? name : place.data);
    ts_text_free(&tip);
    ts_text_free(&place);
}

static double area_of(const ts_report_box *box) {
    return (double)(box->high - box->low) * (double)(box->last - box->first);
}

static int by_area(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

/* The area that the largest `most` boxes of a space have at least; 0 when all fit. */
static double least_area(const ts_report *report, bool is_psum, uint32_t most) {
    ts_arena scratch = {0};
    double *areas = TS_NEW_ARRAY(&scratch, double, report->boxes.count), least = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < report->boxes.count; i++)
        if (report->boxes.data[i].is_psum == is_psum) areas[count++] = area_of(&report->boxes.data[i]);
    qsort(areas, count, sizeof *areas, by_area);
    if (count > most) least = areas[most - 1];
    ts_arena_free(&scratch);
    return least;
}

/* Returns how many boxes are left out: they are the smallest. */
static uint32_t add_space(const ts_report *report, bool is_psum, double top, double height, double most,
                          ts_text *out) {
    enum { MOST_BOXES = 1800 };
    const ts_record *record = &report->record;
    double least = least_area(report, is_psum, MOST_BOXES);
    uint32_t shown = 0, left_out = 0;
    ts_svg_rect(out, LABEL, top, PLOT, height, "tr", NULL);
    for (uint32_t i = 0; i < report->boxes.count; i++) {
        const ts_report_box *box = &report->boxes.data[i];
        if (box->is_psum != is_psum) continue;
        double x = LABEL + (double)box->first / (double)record->total * PLOT;
        double width = (double)(box->last - box->first) / (double)record->total * PLOT;
        double low = box->low / most, high = box->high / most;
        if (area_of(box) < least || shown == MOST_BOXES || low > 1) {
            left_out++;
            continue;
        }
        shown++;
        if (high > 1) high = 1;
        add_box(report, box, x, top + height * (1 - high), width, height * (high - low), out);
    }
    return left_out;
}

void ts_page_memory(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    if (report->boxes.count == 0) return;
    double most = 1024;
    for (uint32_t i = 0; i < report->boxes.count; i++)
        if (!report->boxes.data[i].is_psum && report->boxes.data[i].high > most)
            most = report->boxes.data[i].high;
    ts_text_format(
        out,
        "<section><h2>On-chip memory</h2><p class=lede>Bytes of a partition over the step; each box lives "
        "from its first write to its last use. Peak %.3g of %.0f KiB in SBUF, %.3g of %.0f KiB in PSUM. ",
        report->sbuf_peak / 1024.0, record->chip.sbuf_partition_bytes / 1024, report->psum_peak / 1024.0,
        record->chip.psum_partition_bytes / 1024);
    ts_text_add(out, "<br><span class=lgi><i class=\"k m0\"></i>arguments</span><span class=lgi><i class=\"k "
                     "m1\"></i>reloaded from HBM</span><span class=lgi><i class=\"k "
                     "m2\"></i>constants</span><span class=lgi><i class=\"k m3\"></i>computed</span><span "
                     "class=lgi><i class=\"k m4\"></i>PSUM</span></p>");
    ts_svg_open(out, NULL, TS_PAGE_WIDTH, 330, "SBUF and PSUM over the step");
    ts_svg_text(out, 0, 100, "", 's', "SBUF");
    ts_text label = {0};
    ts_text_format(&label, "0 to %.3g KiB", most / 1024);
    ts_svg_text(out, 0, 118, "mu", 's', label.data);
    ts_svg_text(out, 0, 252, "", 's', "PSUM");
    ts_svg_text(out, 0, 270, "mu", 's', "0 to 16 KiB");
    ts_text_free(&label);
    uint32_t left_out = add_space(report, false, 0, 200, most, out) +
                        add_space(report, true, 216, 84, record->chip.psum_partition_bytes, out);
    double span = ts_figure_in(record->total, record->total), step = tick_step(span);
    for (int i = 0; i < TICKS && i * step <= span; i++) {
        ts_text tick = {0};
        ts_text_format(&tick, "%.6g%s%s", i * step, i ? "" : " ", i ? "" : ts_figure_unit(record->total));
        ts_svg_text(out, LABEL + i * step / span * PLOT, 318, "mu", 'm', tick.data);
        ts_text_free(&tick);
    }
    ts_svg_close(out);
    if (left_out) ts_text_format(out, "<p class=note>The %u smallest boxes are left out.</p>", left_out);
    ts_text_add(out, "</section>");
}

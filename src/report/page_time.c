/* The page's timelines: engines over the step, and the contents of SBUF and PSUM. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/page.h"
#include "report/svg.h"

enum { LABEL = TS_PAGE_LABEL, LANE = 34, STEP = 42 };
static const double PLOT = TS_PAGE_WIDTH - LABEL;

typedef struct plot_lane {
    const char *name, *color;
    const ts_time *values; /* one for each bin; NULL: draws bytes of SBUF in use */
    double most;           /* largest possible value of a bin */
} plot_lane;

static int lanes_of(const ts_report *report, plot_lane *lanes) {
    const ts_series *series = &report->record.series;
    double width = (double)series->width;
    const plot_lane all[] = {
        {"Tensor", "pe", series->busy[ts_engine_tensor], width},
        {"Vector", "ve", series->busy[ts_engine_vector], width},
        {"Scalar", "ac", series->busy[ts_engine_scalar], width},
        {"GpSimd", "gp", series->busy[ts_engine_gpsimd], width},
        {"DMA engines", "dm", series->busy[ts_engine_none], width * report->record.chip.dma_engines},
        {"Collectives", "cc", series->collectives, width}};
    int count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ts_time sum = 0;
        for (uint32_t bin = 0; bin < series->count; bin++)
            sum += all[i].values[bin];
        if (sum > 0) lanes[count++] = all[i];
    }
    if (report->sbuf_peak > 0)
        lanes[count++] = (plot_lane){"SBUF", "m0", NULL, report->record.chip.sbuf_partition_bytes};
    return count;
}

/* Top of the first lane: below the names of phases if there are any. */
static double top_of(const ts_report *report) {
    return report->phases.count ? TS_PAGE_PHASES : 0;
}

double ts_page_time_height(const ts_report *report) {
    plot_lane lanes[8];
    return top_of(report) + 26 + STEP * lanes_of(report, lanes);
}

double ts_page_tick_step(double span) {
    double step = pow(10, floor(log10(span / 4)));
    if (span / step > 10) step *= span / (step * 5) >= 4 ? 5 : 2;
    return step;
}

void ts_page_ticks(ts_time span, double y, ts_text *out) {
    double whole = ts_figure_in(span, span), step = ts_page_tick_step(whole);
    for (int i = 0; i < TS_PAGE_TICKS && i * step <= whole; i++) {
        ts_text tick = {0};
        ts_text_format(&tick, "%.6g%s%s", i * step, i ? "" : " ", i ? "" : ts_figure_unit(span));
        ts_svg_text(out, LABEL + i * step / whole * PLOT, y, "mu", 'm', tick.data);
        ts_text_free(&tick);
    }
}

static void add_axis(double span, const char *unit, double x0, double width, double top, double bottom,
                     ts_text *out) {
    double step = ts_page_tick_step(span);
    for (int i = 0; i < TS_PAGE_TICKS; i++) {
        double t = i * step, x = x0 + t / span * width;
        ts_text_format(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"gl\"%s/>", x, top,
                       x, bottom, t > span ? " style=\"display:none\"" : "");
        ts_text_format(
            out, "<text class=\"ax mu\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\"%s>%.6g%s%s</text>", x,
            bottom + 17, t > span ? " style=\"display:none\"" : "", t, i ? "" : " ", i ? "" : unit);
    }
}

/* Opens a part of the drawing that zooms; its x axis counts bins. */
static void open_zoomed(double y, int height, double bins, ts_text *out) {
    ts_text_format(out,
                   "<svg class=z x=\"%d\" y=\"%.0f\" width=\"%.0f\" height=\"%d\" viewBox=\"0 0 %.3f "
                   "%d\" preserveAspectRatio=\"none\">",
                   LABEL, y, PLOT, height, bins, height);
}

static double height_of(const ts_report *report, const ts_time *values, double most, uint32_t bin) {
    double share = (values ? (double)values[bin] : (double)report->sbuf_fill[bin]) / most;
    return LANE * (share > 1 ? 1 : share);
}

static void add_curve(const ts_report *report, const char *color, const ts_time *values, double most,
                      double bins, ts_text *out) {
    ts_text_format(out, "<path class=\"%s\" d=\"M0 %d", color, LANE);
    double last = LANE;
    for (uint32_t bin = 0; bin < report->record.series.count; bin++) {
        double y = LANE - height_of(report, values, most, bin);
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

/* Draws the names of phases, which fit the whole step only, and brackets that zoom with the lanes. */
static void add_phases(const ts_report *report, double bins, ts_text *out) {
    double total = (double)report->record.total;
    if (report->phases.count == 0) return;
    ts_text_add(out, "<g id=ph>");
    for (uint32_t i = 0; i < report->phases.count; i++) {
        const ts_report_phase *phase = &report->phases.data[i];
        double x = LABEL + PLOT * (double)phase->start / total;
        ts_text name = {0};
        ts_text_format(&name, "%s ", report->modules.data[phase->module].name);
        ts_figure_time(&name, phase->end - phase->start);
        ts_svg_fit(out, x + 3, 12, PLOT * (double)(phase->end - phase->start) / total - 6, "sm", name.data);
        ts_text_free(&name);
    }
    ts_text_add(out, "</g>");
    open_zoomed(17, 3, bins, out);
    for (uint32_t i = 0; i < report->phases.count; i++) {
        const ts_report_phase *phase = &report->phases.data[i];
        double gap = bins / 600, x = bins * (double)phase->start / total;
        ts_svg_rect(out, x + gap, 0, bins * (double)phase->end / total - x - 2 * gap, 2, "br", NULL);
    }
    ts_text_add(out, "</svg>");
}

/* Draws a lane with its name and its engine's busy share of the step. */
static void add_lane(const ts_report *report, const plot_lane *lane, double y, double bins, ts_text *out) {
    const ts_series *series = &report->record.series;
    ts_text share = {0};
    ts_time sum = 0;
    for (uint32_t bin = 0; bin < series->count && lane->values; bin++)
        sum += lane->values[bin];
    if (lane->values)
        ts_figure_percent(&share,
                          (double)sum * (double)series->width / lane->most / (double)report->record.total);
    else
        ts_figure_bytes(&share, report->sbuf_peak);
    ts_svg_rect(out, LABEL, y, PLOT, LANE, "tr", NULL);
    ts_svg_text(out, 0, y + 15, "", 's', lane->name);
    ts_svg_text(out, 0, y + 31, "mu", 's', share.data);
    ts_text_free(&share);
    open_zoomed(y, LANE, bins, out);
    add_curve(report, lane->color, lane->values, lane->most, bins, out);
    if (lane->values == series->busy[ts_engine_tensor] && report->record.pe_transpose_flops > 0)
        add_curve(report, "tp", series->transposes, lane->most, bins, out);
    ts_text_add(out, "</svg>");
}

void ts_page_over_time(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    const ts_series *series = &record->series;
    if (series->count == 0) return;
    plot_lane lanes[8];
    int count = lanes_of(report, lanes);
    double bins = (double)record->total / (double)series->width, height = ts_page_time_height(report);
    double top = top_of(report);
    ts_text_add(out, "<section><h2>Over time</h2><p class=lede>Share of each engine that is busy, and bytes "
                     "of SBUF in use; the strip on top is what bounds the step at that moment. ");
    ts_text_add(out, record->pe_transpose_flops > 0 ? "Lighter: transposes. " : "");
    ts_text_add(out, "Drag to zoom, double-click to go back. <span id=now></span></p>");
    ts_svg_open(out, "tl", TS_PAGE_WIDTH, height + 26, "Engines over the step");
    add_phases(report, bins, out);
    ts_svg_text(out, 0, top + 12, "mu", 's', "bound by");
    open_zoomed(top, 16, bins, out);
    add_bound_strip(series, out);
    ts_text_add(out, "</svg>");
    for (int i = 0; i < count; i++)
        add_lane(report, &lanes[i], top + 24 + STEP * i, bins, out);
    add_axis(ts_figure_in(record->total, record->total), ts_figure_unit(record->total), LABEL, PLOT, top,
             height, out);
    ts_text_format(out,
                   "<line id=cur class=cur y1=\"%.0f\" y2=\"%.0f\" style=\"display:none\"/><rect id=brush "
                   "class=brush y=\"%.0f\" height=\"%.0f\" width=\"0\"/><rect id=hit x=\"%d\" y=\"%.0f\" "
                   "width=\"%.0f\" height=\"%.0f\" fill=\"transparent\"/>",
                   top, height, top, height - top, LABEL, top, PLOT, height - top);
    ts_svg_close(out);
    ts_text_add(out, "</section>");
}

/* ---- memory ---- */

static void add_box(const ts_report *report, const ts_report_box *box, double x, double y, double width,
                    double height, ts_text *out) {
    static const char *const colors[] = {"m0", "m1", "m2", "m3", "m4"};
    static const char *const words[] = {"argument", "reloaded from HBM", "constant", "computed", "PSUM"};
    const ts_loc *loc = ts_report_loc(report, box->loc);
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

/* The area of the smallest of a space's `most` largest boxes; 0 when there are no more boxes than that. */
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

/* Draws the boxes of a space. Returns how many, the smallest, were left out. */
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

/* Names a space, and the bytes of a partition that the drawing beside covers. */
static void add_space_name(const char *name, double bytes, double y, ts_text *out) {
    ts_text range = {0};
    ts_text_format(&range, "0 to %.3g KiB", bytes / 1024);
    ts_svg_text(out, 0, y, "", 's', name);
    ts_svg_text(out, 0, y + 18, "mu", 's', range.data);
    ts_text_free(&range);
}

void ts_page_memory(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    const double psum = record->chip.psum_partition_bytes;
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
        psum / 1024);
    ts_text_add(out, "<br><span class=lgi><i class=\"k m0\"></i>arguments</span><span class=lgi><i class=\"k "
                     "m1\"></i>reloaded from HBM</span><span class=lgi><i class=\"k "
                     "m2\"></i>constants</span><span class=lgi><i class=\"k m3\"></i>computed</span><span "
                     "class=lgi><i class=\"k m4\"></i>PSUM</span></p>");
    ts_svg_open(out, NULL, TS_PAGE_WIDTH, 330, "SBUF and PSUM over the step");
    add_space_name("SBUF", most, 100, out);
    add_space_name("PSUM", psum, 252, out);
    uint32_t left_out =
        add_space(report, false, 0, 200, most, out) + add_space(report, true, 216, 84, psum, out);
    ts_page_ticks(record->total, 318, out);
    ts_svg_close(out);
    if (left_out) ts_text_format(out, "<p class=note>The %u smallest boxes are left out.</p>", left_out);
    ts_text_add(out, "</section>");
}

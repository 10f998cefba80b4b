/* Roofline, transfer sizes, and what the prediction leans on. */
#include <math.h>
#include <string.h>

#include "report/figures.h"
#include "report/page.h"
#include "report/svg.h"

enum { WIDTH = 520, HEIGHT = 320, LEFT = 52, TOP = 26, RIGHT = 438, BOTTOM = 278 };

/* Decades of both axes. */
typedef struct axes {
    double x_low, x_high, y_low, y_high; /* log10 */
} axes;

static double to_x(const axes *a, double value) {
    return LEFT + (log10(value) - a->x_low) / (a->x_high - a->x_low) * (RIGHT - LEFT);
}

static double to_y(const axes *a, double value) {
    return BOTTOM - (log10(value) - a->y_low) / (a->y_high - a->y_low) * (BOTTOM - TOP);
}

static void add_grid(const axes *a, ts_text *out) {
    ts_text word = {0};
    for (int d = (int)a->x_low; d <= (int)a->x_high; d++) {
        double x = to_x(a, pow(10, d));
        ts_svg_line(out, x, TOP, x, BOTTOM, "gl");
        word.length = 0;
        ts_text_format(&word, "%g", pow(10, d));
        ts_svg_text(out, x, BOTTOM + 16, "mu", 'm', word.data);
    }
    for (int d = (int)a->y_low; d <= (int)a->y_high; d++) {
        double y = to_y(a, pow(10, d));
        ts_svg_line(out, LEFT, y, RIGHT, y, "gl");
        word.length = 0;
        ts_text_format(&word, "%g", pow(10, d));
        ts_svg_text(out, LEFT - 6, y + 4, "mu", 'e', word.data);
    }
    ts_text_free(&word);
    ts_svg_text(out, 0, 12, "mu", 's', "TFLOP/s");
    ts_svg_text(out, RIGHT, HEIGHT - 6, "mu", 'e', "FLOP per byte of HBM");
}

/* A roof of a peak and a bandwidth, in TFLOP/s and bytes/ns. */
static void add_roof(const axes *a, double peak, double bandwidth, const char *classes, const char *name,
                     ts_text *out) {
    double ridge = peak * 1000 / bandwidth, low = pow(10, a->x_low), high = pow(10, a->x_high);
    double start = bandwidth * low / 1000;
    if (start < pow(10, a->y_low)) low = pow(10, a->y_low) * 1000 / bandwidth, start = pow(10, a->y_low);
    if (ridge < high && low < ridge)
        ts_text_format(out, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1f\"/>", classes,
                       to_x(a, low), to_y(a, start), to_x(a, ridge), to_y(a, peak), to_x(a, high),
                       to_y(a, peak));
    ts_svg_text(out, RIGHT + 5, to_y(a, peak) + 4, "mu sm", 's', name);
}

static bool has_point(const ts_report *report, const ts_report_line *line, double *intensity, double *speed) {
    ts_time work = ts_report_line_work(report, line);
    if (line->flops == 0 || line->hbm_bytes == 0 || work <= 0) return false;
    *intensity = (double)line->flops / (double)line->hbm_bytes;
    *speed = (double)line->flops / (double)work; /* FLOP/ps = TFLOP/s */
    return true;
}

void ts_page_roofline(const ts_report *report, ts_text *out) {
    const ts_report_roofs roofs = ts_report_roofline(report);
    axes a = {.x_low = 0, .x_high = 4, .y_low = 0, .y_high = 2};
    double intensity, speed;
    int points = 0;
    for (uint32_t i = 0; i < report->lines.count; i++) {
        if (!has_point(report, &report->lines.data[i], &intensity, &speed)) continue;
        points++;
        if (floor(log10(intensity)) < a.x_low) a.x_low = floor(log10(intensity));
        if (ceil(log10(intensity)) > a.x_high) a.x_high = ceil(log10(intensity));
        if (floor(log10(speed)) < a.y_low) a.y_low = floor(log10(speed));
    }
    if (points == 0) return;
    ts_text_add(out, "<div><h2>Roofline</h2><p class=lede>A dot for each source line that multiplies; area "
                     "by its time.</p>");
    ts_svg_open(out, NULL, WIDTH, HEIGHT, "Roofline");
    add_grid(&a, out);
    ts_text name = {0};
    ts_text_format(&name, "%.0f bf16", roofs.bf16);
    add_roof(&a, roofs.bf16, roofs.hbm, "rf", name.data, out);
    name.length = 0;
    ts_text_format(&name, "%.0f fp32", roofs.fp32);
    add_roof(&a, roofs.fp32, roofs.dma, "rf dash", name.data, out);
    enum { MOST_LABELS = 6 };
    double label_y[MOST_LABELS];
    for (uint32_t i = 0, labels = 0; i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        if (!has_point(report, line, &intensity, &speed)) continue;
        double x = to_x(&a, intensity), y = to_y(&a, speed);
        double radius = 3 + 12 * sqrt(ts_figure_share(line->time, report->record.total));
        name.length = 0;
        ts_report_place(line->file, line->line, &name);
        size_t place = name.length;
        ts_text_format(&name, ": %.3g TFLOP/s at %.3g FLOP/B, ", speed, intensity);
        ts_figure_time(&name, line->time);
        ts_text_format(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"pt pe\" data-t=\"", x, y,
                       radius);
        ts_html_text(out, name.data);
        ts_text_add(out, "\"/>");
        name.data[place] = '\0';
        bool is_clear = true;
        for (uint32_t other = 0; other < labels && other < MOST_LABELS; other++)
            is_clear &= fabs(label_y[other] - y) >= 15;
        if (labels < MOST_LABELS && is_clear) {
            bool is_left = x > RIGHT - 130;
            ts_svg_text(out, is_left ? x - radius - 4 : x + radius + 4, y + 4, "sm", is_left ? 'e' : 's',
                        name.data);
            label_y[labels++] = y;
        }
    }
    ts_text_free(&name);
    ts_svg_close(out);
    ts_text_add(out, "<p class=note>Solid: HBM and bf16. Dashed: DMA engines and fp32.</p></div>");
}

void ts_page_dma(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    uint64_t bytes = 0, descriptors = 0, small = 0;
    int first = TS_DMA_SIZES, last = 0;
    for (int i = 0; i < TS_DMA_SIZES; i++) {
        bytes += record->sizes[i].bytes;
        descriptors += record->sizes[i].descriptors;
        if (i < 9) small += record->sizes[i].bytes;
        if (record->sizes[i].descriptors == 0) continue;
        if (i < first) first = i;
        last = i;
    }
    if (bytes == 0) return;
    if (first > 2) first = 2;
    if (last < 15) last = 15;
    ts_text_add(out, "<div><h2>DMA efficiency</h2><p class=lede>");
    ts_figure_bytes(out, (double)bytes);
    ts_text_add(out, " in ");
    ts_figure_count(out, (double)record->dma_transfers);
    ts_text_add(out, " transfers and ");
    ts_figure_count(out, (double)descriptors);
    ts_text_format(out, " descriptors on %u queues; %.0f %% of the bytes in pieces under 512 B.</p>",
                   record->queues.count, 100.0 * (double)small / (double)bytes);
    ts_svg_open(out, NULL, WIDTH, HEIGHT, "Bytes by descriptor size");
    double slot = (double)(WIDTH - LEFT - 10) / (last - first + 1), height = BOTTOM - TOP;
    ts_text word = {0}, path = {0};
    for (int percent = 0; percent <= 100; percent += 25) {
        double y = BOTTOM - height * percent / 100;
        ts_svg_line(out, LEFT, y, WIDTH - 10, y, "gl");
        word.length = 0;
        ts_text_format(&word, "%d %%", percent);
        ts_svg_text(out, LEFT - 6, y + 4, "mu", 'e', word.data);
    }
    for (int i = first; i <= last; i++) {
        double share = (double)record->sizes[i].bytes / (double)bytes, x = LEFT + slot * (i - first);
        double size = 1.5 * (double)(1 << i), move = size / record->chip.dma_engine_bytes_per_ns;
        double efficiency = move / (move + record->chip.dma_descriptor_ns);
        word.length = 0;
        ts_text_format(&word, "%d to %d B: %.1f %% of the bytes, %llu descriptors", 1 << i, (2 << i) - 1,
                       100 * share, (unsigned long long)record->sizes[i].descriptors);
        ts_svg_rect(out, x + 2, BOTTOM - height * share, slot - 4, height * share, "dm", word.data);
        ts_text_format(&path, "%s%.1f %.1f", i == first ? "M" : "L", x + slot / 2,
                       BOTTOM - height * efficiency);
        if (i % 2) continue;
        word.length = 0;
        ts_text_format(&word, i < 10 ? "%d" : "%dK", i < 10 ? 1 << i : 1 << (i - 10));
        ts_svg_text(out, x + slot / 2, BOTTOM + 16, "mu", 'm', word.data);
    }
    ts_text_format(out, "<path class=ef d=\"%s\"/>", path.data);
    ts_svg_text(out, WIDTH - 10, HEIGHT - 6, "mu", 'e', "bytes a descriptor");
    ts_text_free(&word);
    ts_text_free(&path);
    ts_svg_close(out);
    ts_text_add(out, "<p class=note>Bars: share of the bytes. Line: share of the DMA engines' rate that "
                     "pieces of that size reach.</p></div>");
}

void ts_page_sure(const ts_report *report, ts_text *out) {
    enum { SHOWN = 8, ROW = 26, ZERO = 740, SPAN = 200 };
    const ts_record *record = &report->record;
    uint32_t count = report->leans.count < SHOWN ? report->leans.count : SHOWN;
    ts_text_add(out, "<section><h2>How sure is this</h2><p class=lede>Modelled, not measured: the band is ");
    ts_figure_time(out, record->total_low);
    ts_text_add(out, " to ");
    ts_figure_time(out, record->total_high);
    ts_text_format(out,
                   ", every number of the chip at one end of its range. %s%u assumed numbers carry no "
                   "published figure.</p>",
                   count ? "Each bar moves one of them. " : "", record->assumptions.count);
    if (count) {
        ts_time most = 1;
        for (uint32_t i = 0; i < count; i++) {
            const ts_report_lean *lean = &report->leans.data[i];
            if (record->total - lean->low > most) most = record->total - lean->low;
            if (lean->high - record->total > most) most = lean->high - record->total;
        }
        double scale = (double)SPAN / (double)most;
        ts_svg_open(out, NULL, TS_PAGE_WIDTH, count * ROW + 30, "What the band is made of");
        ts_text word = {0};
        for (uint32_t i = 0; i < count; i++) {
            const ts_report_lean *lean = &report->leans.data[i];
            const ts_param *param = ts_param_at(lean->param);
            double y = ROW * i;
            ts_svg_fit(out, 0, y + 17, 275, "", param->name);
            word.length = 0;
            ts_text_format(&word, "%.4g in %.4g to %.4g %s", ts_param_value(&record->chip, lean->param),
                           param->low, param->high, param->unit);
            ts_svg_text(out, 285, y + 17, "mu", 's', word.data);
            ts_svg_text(out, TS_PAGE_WIDTH, y + 17, "mu", 'e', ts_basis_name(param->basis));
            word.length = 0;
            ts_text_add(&word, "step ");
            ts_figure_time(&word, lean->low);
            double left = (double)(record->total - lean->low) * scale,
                   right = (double)(lean->high - record->total) * scale;
            ts_svg_rect(out, ZERO - left, y + 5, left, 17, "lo", word.data);
            word.length = 0;
            ts_text_add(&word, "step ");
            ts_figure_time(&word, lean->high);
            ts_svg_rect(out, ZERO, y + 5, right, 17, "hi", word.data);
        }
        ts_svg_line(out, ZERO, 0, ZERO, count * ROW + 4, "gr");
        for (int side = -1; side <= 1; side++) {
            word.length = 0;
            if (side) ts_text_add(&word, side < 0 ? "-" : "+");
            ts_figure_time(&word, side ? most : record->total);
            ts_svg_text(out, ZERO + side * SPAN, count * ROW + 22, "mu", 'm', word.data);
        }
        ts_text_free(&word);
        ts_svg_close(out);
    }
    if (record->assumptions.count) ts_text_add(out, "<p class=note>Assumed: ");
    for (uint32_t i = 0; i < record->assumptions.count; i++) {
        const ts_param *param = ts_param_at(record->assumptions.data[i]);
        ts_text_format(out, "%s%s %.6g %s", i ? ", " : "", param->name, param->value, param->unit);
    }
    if (record->assumptions.count) ts_text_add(out, ".</p>");
    if (record->conservative_waits)
        ts_text_format(
            out, "<p class=note>%llu waits were decided by bounding boxes: the step may be shorter.</p>",
            (unsigned long long)record->conservative_waits);
    ts_text_add(out, "</section>");
}

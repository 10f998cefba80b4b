/* The page's roofline, its chart of transfer sizes, and the tornado chart of the chip's numbers. */
#include <math.h>
#include <string.h>

#include "report/figures.h"
#include "report/page.h"
#include "report/svg.h"

enum { WIDTH = 520, HEIGHT = 320, LEFT = 52, TOP = 26, RIGHT = 438, BOTTOM = 278 };

/* Ranges of both axes, in whole decades. */
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

/* Draws a roof with a peak in TFLOP/s and a bandwidth in bytes/ns. */
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

/* Finds decades that show the chip's roofs and all points. False when there are no points. */
static bool find_axes(const ts_report *report, axes *a) {
    double intensity, speed;
    bool has_any = false;
    *a = (axes){.x_low = 0, .x_high = 4, .y_low = 0, .y_high = 2};
    for (uint32_t i = 0; i < report->lines.count; i++) {
        if (!has_point(report, &report->lines.data[i], &intensity, &speed)) continue;
        has_any = true;
        if (floor(log10(intensity)) < a->x_low) a->x_low = floor(log10(intensity));
        if (ceil(log10(intensity)) > a->x_high) a->x_high = ceil(log10(intensity));
        if (floor(log10(speed)) < a->y_low) a->y_low = floor(log10(speed));
    }
    return has_any;
}

static void add_roofs(const axes *a, ts_report_roofs roofs, ts_text *out) {
    ts_text name = {0};
    ts_text_format(&name, "%.0f bf16", roofs.bf16);
    add_roof(a, roofs.bf16, roofs.hbm, "rf", name.data, out);
    name.length = 0;
    ts_text_format(&name, "%.0f fp32", roofs.fp32);
    add_roof(a, roofs.fp32, roofs.dma, "rf dash", name.data, out);
    ts_text_free(&name);
}

enum { MOST_LABELS = 6 };
typedef struct labels {
    double y[MOST_LABELS];
    int count;
} labels;

/* Writes a name beside its point unless another name is in the way. */
static void add_label(labels *all, double x, double y, double radius, const char *name, ts_text *out) {
    if (all->count == MOST_LABELS) return;
    for (int i = 0; i < all->count; i++)
        if (fabs(all->y[i] - y) < 15) return;
    bool is_left = x > RIGHT - 130;
    ts_svg_text(out, is_left ? x - radius - 4 : x + radius + 4, y + 4, "sm", is_left ? 'e' : 's', name);
    all->y[all->count++] = y;
}

static void add_points(const ts_report *report, const axes *a, ts_text *out) {
    double intensity, speed;
    labels all = {.count = 0};
    ts_text name = {0};
    for (uint32_t i = 0; i < report->lines.count; i++) {
        const ts_report_line *line = &report->lines.data[i];
        if (!has_point(report, line, &intensity, &speed)) continue;
        double x = to_x(a, intensity), y = to_y(a, speed);
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
        add_label(&all, x, y, radius, name.data, out);
    }
    ts_text_free(&name);
}

void ts_page_roofline(const ts_report *report, ts_text *out) {
    axes a;
    if (!find_axes(report, &a)) return;
    ts_text_add(out, "<div><h2>Roofline</h2><p class=lede>A dot for each source line that multiplies; area "
                     "by its time.</p>");
    ts_svg_open(out, NULL, WIDTH, HEIGHT, "Roofline");
    add_grid(&a, out);
    add_roofs(&a, ts_report_roofline(report), out);
    add_points(report, &a, out);
    ts_svg_close(out);
    ts_text_add(out, "<p class=note>Solid: HBM and bf16. Dashed: DMA engines and fp32.</p></div>");
}

/* Transfers by the size of their descriptors: element i has those from 2^i to less than 2^(i+1) bytes. */
typedef struct sizes {
    const ts_record *record;
    uint64_t bytes, descriptors, small; /* small: bytes moved by descriptors under 512 bytes */
    int first, last;                    /* range of sizes that is shown */
    double slot, height;                /* width of a bar's slot; height of a bar of all bytes */
} sizes;

static sizes add_up_sizes(const ts_record *record) {
    sizes s = {.record = record, .first = TS_DMA_SIZES, .height = BOTTOM - TOP};
    for (int i = 0; i < TS_DMA_SIZES; i++) {
        s.bytes += record->sizes[i].bytes;
        s.descriptors += record->sizes[i].descriptors;
        if (i < 9) s.small += record->sizes[i].bytes;
        if (record->sizes[i].descriptors == 0) continue;
        if (i < s.first) s.first = i;
        s.last = i;
    }
    if (s.first > 2) s.first = 2;
    if (s.last < 15) s.last = 15;
    s.slot = (double)(WIDTH - LEFT - 10) / (s.last - s.first + 1);
    return s;
}

static void add_percents(const sizes *s, ts_text *out) {
    ts_text word = {0};
    for (int percent = 0; percent <= 100; percent += 25) {
        double y = BOTTOM - s->height * percent / 100;
        ts_svg_line(out, LEFT, y, WIDTH - 10, y, "gl");
        word.length = 0;
        ts_text_format(&word, "%d %%", percent);
        ts_svg_text(out, LEFT - 6, y + 4, "mu", 'e', word.data);
    }
    ts_text_free(&word);
}

/* Draws a bar for each size, and over them a line for the share of a DMA engine's rate that such descriptors
   reach. */
static void add_sizes(const sizes *s, ts_text *out) {
    ts_text word = {0}, path = {0};
    const ts_chip *chip = &s->record->chip;
    for (int i = s->first; i <= s->last; i++) {
        double share = (double)s->record->sizes[i].bytes / (double)s->bytes;
        double x = LEFT + s->slot * (i - s->first);
        double size = 1.5 * (double)(1 << i), move = size / chip->dma_engine_bytes_per_ns;
        double efficiency = move / (move + chip->dma_descriptor_ns);
        word.length = 0;
        ts_text_format(&word, "%d to %d B: %.1f %% of the bytes, %llu descriptors", 1 << i, (2 << i) - 1,
                       100 * share, (unsigned long long)s->record->sizes[i].descriptors);
        ts_svg_rect(out, x + 2, BOTTOM - s->height * share, s->slot - 4, s->height * share, "dm", word.data);
        ts_text_format(&path, "%s%.1f %.1f", i == s->first ? "M" : "L", x + s->slot / 2,
                       BOTTOM - s->height * efficiency);
        if (i % 2) continue;
        word.length = 0;
        ts_text_format(&word, i < 10 ? "%d" : "%dK", i < 10 ? 1 << i : 1 << (i - 10));
        ts_svg_text(out, x + s->slot / 2, BOTTOM + 16, "mu", 'm', word.data);
    }
    ts_text_format(out, "<path class=ef d=\"%s\"/>", path.data);
    ts_text_free(&word);
    ts_text_free(&path);
}

void ts_page_dma(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    const sizes s = add_up_sizes(record);
    if (s.bytes == 0) return;
    ts_text_add(out, "<div><h2>DMA efficiency</h2><p class=lede>");
    ts_figure_bytes(out, (double)s.bytes);
    ts_text_add(out, " in ");
    ts_figure_count(out, (double)record->dma_transfers);
    ts_text_add(out, " transfers and ");
    ts_figure_count(out, (double)s.descriptors);
    ts_text_format(out, " descriptors on %u queues; %.0f %% of the bytes in pieces under 512 B.</p>",
                   record->queues.count, 100.0 * (double)s.small / (double)s.bytes);
    ts_svg_open(out, NULL, WIDTH, HEIGHT, "Bytes by descriptor size");
    add_percents(&s, out);
    add_sizes(&s, out);
    ts_svg_text(out, WIDTH - 10, HEIGHT - 6, "mu", 'e', "bytes a descriptor");
    ts_svg_close(out);
    ts_text_add(out, "<p class=note>Bars: share of the bytes. Line: share of the DMA engines' rate that "
                     "pieces of that size reach.</p></div>");
}

/* The step's own time is at SURE_ZERO; the largest change is SURE_SPAN away. */
enum { SURE_ROW = 26, SURE_ZERO = 740, SURE_SPAN = 200 };

/* Draws how far one number of the chip moves the step in both directions. */
static void add_lean(const ts_record *record, const ts_report_lean *lean, double y, double scale,
                     ts_text *out) {
    const ts_param *param = ts_param_at(lean->param);
    double left = (double)(record->total - lean->low) * scale,
           right = (double)(lean->high - record->total) * scale;
    ts_text word = {0};
    ts_svg_fit(out, 0, y + 17, 275, "", param->name);
    ts_text_format(&word, "%.4g in %.4g to %.4g %s", ts_param_value(&record->chip, lean->param), param->low,
                   param->high, param->unit);
    ts_svg_text(out, 285, y + 17, "mu", 's', word.data);
    ts_svg_text(out, TS_PAGE_WIDTH, y + 17, "mu", 'e', ts_basis_name(param->basis));
    word.length = 0;
    ts_text_add(&word, "step ");
    ts_figure_time(&word, lean->low);
    ts_svg_rect(out, SURE_ZERO - left, y + 5, left, 17, "lo", word.data);
    word.length = 0;
    ts_text_add(&word, "step ");
    ts_figure_time(&word, lean->high);
    ts_svg_rect(out, SURE_ZERO, y + 5, right, 17, "hi", word.data);
    ts_text_free(&word);
}

static void add_leans(const ts_report *report, uint32_t count, ts_text *out) {
    const ts_record *record = &report->record;
    ts_time most = 1;
    for (uint32_t i = 0; i < count; i++) {
        const ts_report_lean *lean = &report->leans.data[i];
        if (record->total - lean->low > most) most = record->total - lean->low;
        if (lean->high - record->total > most) most = lean->high - record->total;
    }
    ts_svg_open(out, NULL, TS_PAGE_WIDTH, count * SURE_ROW + 30, "What the band is made of");
    for (uint32_t i = 0; i < count; i++)
        add_lean(record, &report->leans.data[i], SURE_ROW * i, (double)SURE_SPAN / (double)most, out);
    ts_svg_line(out, SURE_ZERO, 0, SURE_ZERO, count * SURE_ROW + 4, "gr");
    ts_text word = {0};
    for (int side = -1; side <= 1; side++) {
        word.length = 0;
        if (side) ts_text_add(&word, side < 0 ? "-" : "+");
        ts_figure_time(&word, side ? most : record->total);
        ts_svg_text(out, SURE_ZERO + side * SURE_SPAN, count * SURE_ROW + 22, "mu", 'm', word.data);
    }
    ts_text_free(&word);
    ts_svg_close(out);
}

static void add_assumptions(const ts_record *record, ts_text *out) {
    if (record->assumptions.count == 0) return;
    ts_text_add(out, "<p class=note>Assumed: ");
    for (uint32_t i = 0; i < record->assumptions.count; i++) {
        const ts_param *param = ts_param_at(record->assumptions.data[i]);
        ts_text_format(out, "%s%s %.6g %s", i ? ", " : "", param->name, param->value, param->unit);
    }
    ts_text_add(out, ".</p>");
}

void ts_page_sure(const ts_report *report, ts_text *out) {
    enum { SHOWN = 8 };
    const ts_record *record = &report->record;
    uint32_t count = report->leans.count < SHOWN ? report->leans.count : SHOWN;
    ts_text_add(out, "<section><h2>How sure is this</h2><p class=lede>Modelled, not measured: the band is ");
    ts_figure_time(out, record->total_low);
    ts_text_add(out, " to ");
    ts_figure_time(out, record->total_high);
    ts_text_format(out,
                   ", every number of the chip at one end of its range. %s%u assumed number%s no published "
                   "figure.</p>",
                   count ? "Each bar moves one of them. " : "", record->assumptions.count,
                   record->assumptions.count == 1 ? " has" : "s have");
    if (count) add_leans(report, count, out);
    add_assumptions(record, out);
    if (record->conservative_waits)
        ts_text_format(
            out, "<p class=note>%llu waits were decided by bounding boxes: the step may be shorter.</p>",
            (unsigned long long)record->conservative_waits);
    ts_text_add(out, "</section>");
}

/* The page's source listing with the cost of each line, and its chart of the step by module. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/page.h"
#include "report/svg.h"

enum { MOST_LINES = 120, AROUND = 1 };

/* The text of a source line; NULL when the file is not available. */
static const char *source_line(const ts_report *report, const char *file, uint32_t line, size_t *length) {
    for (int s = 0; s < report->source_count; s++) {
        const char *at = report->sources[s].text;
        if (!at || strcmp(report->sources[s].file, file) != 0) continue;
        for (uint32_t number = 1; at && number < line; number++) {
            at = strchr(at, '\n');
            if (at) at++;
        }
        if (!at || !*at) return NULL;
        *length = strcspn(at, "\r\n");
        return at;
    }
    return NULL;
}

static void add_segments(const ts_report_line *line, ts_time most, ts_text *out) {
    for (unsigned b = 0; b < ts_bound_count; b++) {
        double width = 180.0 * ts_figure_share(line->bounds[b], most);
        if (width < 0.5) continue;
        ts_text_format(out, "<span class=%s style=\"width:%.1fpx\" data-t=\"%s ", ts_page_color(b), width,
                       ts_figure_bound(b));
        ts_figure_time(out, line->bounds[b]);
        ts_text_add(out, "\"></span>");
    }
}

static void add_detail(const ts_report *report, uint32_t index, ts_text *out) {
    enum { ROWS = 8 };
    const ts_report_line *line = &report->lines.data[index];
    ts_text place = {0};
    for (uint32_t r = line->first_row; r < line->first_row + line->row_count && r < line->first_row + ROWS;
         r++) {
        const ts_record_row *row = &report->rows.data[r];
        ts_text_format(out, "<tr class=\"sub s%u\" hidden><td class=n>", index + 1);
        ts_figure_column(out, row->bound, report->record.total);
        ts_text_add(out, "<td class=n>");
        ts_figure_percent(out, ts_figure_share(row->bound, report->record.total));
        ts_text_format(out, "<td>%s &times; %llu<td class=n>%s<td colspan=2><code>", ts_op_get(row->op)->name,
                       (unsigned long long)row->count, ts_figure_mover(row));
        ts_html_text(
            out, report->program->locs.data[row->loc].name ? report->program->locs.data[row->loc].name : "");
        ts_text_add(out, "</code>");
        place.length = 0;
        ts_report_library_place(report, row->loc, &place);
        ts_html_text(out, place.data ? place.data : "");
        if (row->bytes) {
            ts_text_add(out, " ");
            ts_figure_bytes(out, (double)row->bytes);
            ts_text_format(out, ", %llu descriptors", (unsigned long long)row->descriptors);
        }
        ts_text_add(out, "</tr>");
    }
    ts_text_free(&place);
    if (!line->has_gain) return;
    ts_text_format(
        out, "<tr class=\"sub s%u\" hidden><td colspan=6>With this line's own work free the step takes ",
        index + 1);
    ts_figure_time(out, line->gain);
    ts_text_add(out, " less.</tr>");
}

static void add_line(const ts_report *report, uint32_t index, ts_time most, ts_text *out) {
    const ts_report_line *line = &report->lines.data[index];
    double share = ts_figure_share(line->time, report->record.total);
    size_t length = 0;
    const char *source = source_line(report, line->file, line->line, &length);
    ts_text_format(out, "<tr class=\"ln%s\" data-l=\"%u\" tabindex=0 aria-expanded=false><td class=n>",
                   share >= 0.12 ? " hot" : "", index + 1);
    ts_figure_column(out, line->time, report->record.total);
    ts_text_add(out, "<td class=n>");
    ts_figure_percent(out, share);
    ts_text_add(out, "<td class=seg>");
    add_segments(line, most, out);
    ts_text_add(out, "<td class=n>");
    if (line->flops) ts_figure_percent(out, ts_report_line_mfu(report, line));
    ts_text_add(out, "<td class=code>");
    if (line->line) ts_text_format(out, "<b>%u</b>", line->line);
    if (source)
        ts_html_text_n(out, source, length < 110 ? length : 110);
    else
        ts_html_text(out, line->file[0] ? line->op : "instructions without a location");
    ts_text_add(out, "</tr>");
    add_detail(report, index, out);
}

static void add_quiet(const ts_report *report, const char *file, uint32_t line, ts_text *out) {
    size_t length = 0;
    const char *source = source_line(report, file, line, &length);
    if (!source) return;
    ts_text_format(out, "<tr class=q><td><td><td><td><td class=code><b>%u</b>", line);
    ts_html_text_n(out, source, length < 110 ? length : 110);
    ts_text_add(out, "</tr>");
}

typedef struct place {
    uint32_t index;
    const ts_report_line *line;
    ts_time file_time;
} place;

static int by_file(const void *a, const void *b) {
    const place *x = a, *y = b;
    int order = strcmp(x->line->file, y->line->file);
    if (order && x->file_time != y->file_time) return x->file_time > y->file_time ? -1 : 1;
    if (order) return order;
    return x->line->line < y->line->line ? -1 : x->line->line > y->line->line;
}

/* The `count` costliest lines by file, the costliest file first. */
static place *arrange(const ts_report *report, uint32_t count, ts_arena *scratch) {
    const ts_report_line *lines = report->lines.data;
    place *places = TS_NEW_ARRAY(scratch, place, count);
    for (uint32_t i = 0; i < count; i++) {
        places[i] = (place){.index = i, .line = &lines[i]};
        for (uint32_t j = 0; j < count; j++)
            if (strcmp(lines[j].file, lines[i].file) == 0) places[i].file_time += lines[j].time;
    }
    qsort(places, count, sizeof *places, by_file);
    return places;
}

/* The lines with those around them, and a mark where some are left out. */
static void add_places(const ts_report *report, const place *places, uint32_t count, ts_text *out) {
    const char *file = NULL;
    uint32_t last = 0; /* line shown, of this file */
    for (uint32_t i = 0; i < count; i++) {
        const ts_report_line *line = places[i].line;
        if (!file || strcmp(file, line->file) != 0) {
            ts_text_add(out, "<tr class=file><td colspan=5>");
            ts_html_text(out, line->file[0] ? line->file : "(no source)");
            ts_text_add(out, "</tr>");
            file = line->file;
            last = 0;
        }
        for (uint32_t n = line->line > AROUND ? line->line - AROUND : 1; n < line->line; n++)
            if (n > last) add_quiet(report, file, n, out);
        add_line(report, places[i].index, report->lines.data[0].time, out);
        last = line->line;
        if (i + 1 < count && strcmp(places[i + 1].line->file, file) == 0 &&
            places[i + 1].line->line > last + AROUND + 1)
            ts_text_add(out, "<tr class=q><td><td><td><td><td class=code><b></b>...</tr>");
    }
}

void ts_page_listing(const ts_report *report, ts_text *out) {
    uint32_t count = report->lines.count < MOST_LINES ? report->lines.count : MOST_LINES;
    if (count == 0) return;
    ts_arena scratch = {0};
    ts_text_format(
        out,
        "<section id=source><h2>By source line</h2><p class=lede>Time on the critical path, coloured by what "
        "bounds it. Open a line to see its instructions; its moments show above.</p><table "
        "class=src><thead><tr><th class=n>%s<th class=n>of step<th>bound by<th class=n>MFU<th></tr></thead>",
        ts_figure_unit(report->record.total));
    add_places(report, arrange(report, count, &scratch), count, out);
    ts_text_add(out, "</table>");
    if (report->lines.count > count)
        ts_text_format(out, "<p class=note>%u cheaper lines are left out.</p>", report->lines.count - count);
    ts_text_add(out, "</section>");
    ts_arena_free(&scratch);
}

/* ---- modules ---- */

/* Draws the children of a module side by side, the largest first. */
static void add_children(const ts_report *report, uint32_t parent, double x, double width, int depth,
                         ts_text *out) {
    enum { ROW = 26, DEEPEST = 6 };
    double at = x;
    if (depth >= DEEPEST) return;
    uint32_t count = 0;
    for (uint32_t i = parent; i < report->modules.count; i++)
        count += report->modules.data[i].parent == parent;
    ts_arena scratch = {0};
    const ts_report_module **list = TS_NEW_ARRAY(&scratch, const ts_report_module *, count);
    count = 0;
    for (uint32_t i = parent; i < report->modules.count; i++) {
        const ts_report_module *module = &report->modules.data[i];
        if (module->parent != parent) continue;
        uint32_t to = count++;
        for (; to > 0 && list[to - 1]->time < module->time; to--)
            list[to] = list[to - 1];
        list[to] = module;
    }
    for (uint32_t i = 0; i < count; i++) {
        const ts_report_module *module = list[i];
        double share = (double)module->time / (double)report->record.total, own = share * TS_PAGE_WIDTH;
        unsigned best = ts_figure_main_bound(module->bounds);
        if (own < 0.5 || at + own > x + width + 1) continue;
        ts_text tip = {0};
        ts_text_format(&tip, "%s: ", module->name);
        ts_figure_time(&tip, module->time);
        ts_text_add(&tip, ", ");
        ts_figure_percent(&tip, share);
        ts_text_format(&tip, ", most by %s", ts_figure_bound(best));
        ts_svg_rect(out, at, depth * ROW, own > 1.5 ? own - 1 : own, ROW - 2, ts_page_color(best), tip.data);
        bool is_faded = best == ts_bound_dma_latency || best == ts_bound_dma_queue;
        ts_svg_fit(out, at + 5, depth * ROW + 16, own - 8, is_faded ? "sm" : "in sm", module->name);
        ts_text_free(&tip);
        add_children(report, (uint32_t)(module - report->modules.data) + 1, at, own, depth + 1, out);
        at += own;
    }
    ts_arena_free(&scratch);
}

void ts_page_modules(const ts_report *report, ts_text *out) {
    int deepest = 0;
    for (uint32_t i = 0; i < report->modules.count; i++)
        if (report->modules.data[i].depth > deepest) deepest = report->modules.data[i].depth;
    if (deepest == 0) return;
    ts_text_add(out, "<section><h2>By module</h2><p class=lede>The same time by phase, function or scope, "
                     "and operation. Width is time, colour is what bounds most of it.</p>");
    ts_svg_open(out, NULL, TS_PAGE_WIDTH, (deepest < 6 ? deepest : 6) * 26, "The step by module");
    add_children(report, 0, 0, TS_PAGE_WIDTH, 0, out);
    ts_svg_close(out);
    ts_text_add(out, "</section>");
}

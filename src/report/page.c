/* The report as a self-contained HTML page; its sections follow the questions that a reader asks. */
#include <string.h>

#include "report/embed.h"
#include "report/figures.h"
#include "report/page.h"
#include "report/report_collectives.h"
#include "report/svg.h"

static void big(ts_text *out, const char *label, const char *value, const char *unit) {
    ts_text_format(out, "<div><dt>%s</dt><dd>%s <small>%s</small></dd><p>", label, value, unit);
}

/* A time without its unit, which big() shows smaller. */
static void add_number(ts_text *out, ts_time time) {
    size_t start = out->length;
    ts_figure_time(out, time);
    const char *space = strchr(out->data + start, ' ');
    if (!space) return;
    out->length = (size_t)(space - out->data);
    out->data[out->length] = '\0';
}

static void add_step_time(const ts_record *record, ts_text *out) {
    ts_text number = {0};
    add_number(&number, record->total);
    big(out, "Step time", number.data, ts_figure_unit(record->total));
    ts_figure_time(out, record->total_low);
    ts_text_add(out, " to ");
    ts_figure_time(out, record->total_high);
    ts_text_add(out, " with the model's uncertainty</p></div>");
    ts_text_free(&number);
}

/* MFU, or of a kernel, which has no source program whose FLOPs could be counted, what its matmuls do. */
static void add_utilization(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    bool is_kernel = record->model_flops == 0 && record->pe_flops > 0;
    ts_text number = {0};
    if (record->model_flops)
        ts_text_format(&number, "%.3g", 100 * ts_record_mfu(record));
    else if (is_kernel)
        ts_text_format(&number, "%.3g", ts_record_tflops(record));
    else
        ts_text_add(&number, "-");
    big(out, is_kernel ? "Matmuls" : "MFU", number.data,
        record->model_flops ? "%"
        : is_kernel         ? "TFLOP/s"
                            : "");
    ts_text_free(&number);
    ts_text_format(out,
                   record->model_flops || is_kernel ? "of %.4g TFLOP/s bf16" : "no matmul in the program",
                   record->chip.peak_bf16_tflops);
    if (ts_report_mfu_ceiling(report) >= 0) {
        ts_text_add(out, ", at most ");
        ts_figure_percent(out, ts_report_mfu_ceiling(report));
        ts_text_add(out, " with this much HBM traffic");
    }
    ts_text_add(out, "</p></div>");
}

static void add_rate(const ts_record *record, ts_text *out) {
    double rate = record->total > 0 ? 1e12 / (double)record->total : 0;
    ts_text number = {0};
    if (rate < 999.5)
        ts_text_format(&number, "%.3g", rate);
    else
        ts_figure_count(&number, rate);
    big(out, "Steps a second", number.data, "");
    if (record->ranks > 1)
        ts_text_format(out, "on %u NeuronCores, launches included</p></div>", record->ranks);
    else
        ts_text_add(out, "on one NeuronCore, launches included</p></div>");
    ts_text_free(&number);
}

static void add_dollars(const ts_report *report, ts_text *out) {
    double hour = ts_report_hour_usd(report);
    ts_text number = {0};
    if (hour > 0)
        ts_figure_dollars(&number, 1e6 * (double)report->record.total * 1e-12 / 3600 * hour);
    else
        ts_text_add(&number, "-");
    big(out, "A million steps", number.data, "");
    ts_text_format(out, "%s%s</p></div>", report->instance ? "on " : "no instance given",
                   report->instance ? report->instance->name : "");
    ts_text_free(&number);
}

static void add_first_change(const ts_report *report, ts_text *out) {
    if (!report->remedies.count) {
        big(out, "First change to try", "-", "");
        ts_text_add(out, report->has_gains ? "nothing found that gains 0.5 %</p></div>"
                                           : "gains were not clocked</p></div>");
        return;
    }
    const ts_report_remedy *remedy = &report->remedies.data[0];
    ts_text_add(out, "<div class=go><dt>First change to try</dt><dd>&minus;");
    add_number(out, remedy->gain);
    ts_text_format(out, " <small>%s</small></dd><p>%s", ts_figure_unit(remedy->gain),
                   remedy->method[0] == 'b' ? "at most: " : "");
    ts_html_text(out, remedy->title);
    ts_text_add(out, "</p></div>");
}

static void add_figures(const ts_report *report, ts_text *out) {
    ts_text_add(out, "<dl class=kf>");
    add_step_time(&report->record, out);
    add_utilization(report, out);
    add_rate(&report->record, out);
    add_dollars(report, out);
    add_first_change(report, out);
    ts_text_add(out, "</dl>");
}

static void add_stack(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    double x = 0;
    ts_text_add(out, "<div class=fit>");
    ts_svg_open(out, NULL, TS_PAGE_WIDTH, 56, "Where the step goes");
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        const ts_report_bound *bound = &report->bounds.data[i];
        double share = ts_figure_share(bound->time, record->total), width = share * TS_PAGE_WIDTH;
        if (bound->time == 0) continue;
        ts_text tip = {0};
        ts_text_format(&tip, "%s ", ts_figure_bound(bound->bound));
        ts_figure_time(&tip, bound->time);
        ts_text_format(&tip, ", %.1f %%", 100 * share);
        ts_svg_rect(out, x, 20, width, 34, ts_page_color(bound->bound), tip.data);
        if (width > 70) ts_svg_fit(out, x + 2, 13, width - 4, "", ts_figure_bound(bound->bound));
        ts_text_free(&tip);
        tip = (ts_text){0};
        ts_text_format(&tip, "%.0f %%", 100 * share);
        bool is_faded = bound->bound == ts_bound_dma_latency || bound->bound == ts_bound_dma_queue;
        ts_svg_fit(out, x + 8, 42, width - 12, is_faded ? "lb" : "in", tip.data);
        ts_text_free(&tip);
        x += width;
    }
    ts_svg_close(out);
    ts_text_add(out, "</div>");
}

static void add_bar(ts_time time, ts_time most, const char *color, bool is_pale, ts_text *out) {
    ts_text_format(out, "<td class=bar><span class=\"%s%s\" style=\"width:%.1f%%\"></span>", color,
                   is_pale ? " pale" : "", 100 * ts_figure_share(time, most));
}

static void add_bound(const ts_report *report, const ts_report_bound *bound, ts_text *out) {
    const char *color = ts_page_color(bound->bound);
    ts_time total = report->record.total, most = report->bounds.data[0].time;
    ts_text_format(out, "<tr><th><i class=\"k %s\"></i>%s<td class=n>", color, ts_figure_bound(bound->bound));
    ts_figure_column(out, bound->time, total);
    add_bar(bound->time, most, color, false, out);
    ts_text_add(out, "<td class=n>");
    ts_figure_percent(out, ts_figure_share(bound->time, total));
    ts_text_add(out, "<td class=n>");
    if (bound->busy >= 0) ts_figure_percent(out, bound->busy);
    ts_text_add(out, "<td class=n>");
    if (bound->has_gain) {
        ts_text_add(out, bound->gain ? "&minus;" : "");
        ts_figure_column(out, bound->gain, total);
        add_bar(bound->gain, most, color, true, out);
    } else {
        ts_text_add(out, "<td>");
    }
    ts_text_add(out, "</tr>");
}

/* What the bounds without a row of their own take together. */
static void add_rest(ts_time rest, ts_time total, ts_text *out) {
    if (rest == 0) return;
    ts_text_add(out, "<tr><th><i class=k></i>rest<td class=n>");
    ts_figure_column(out, rest, total);
    ts_text_add(out, "<td><td class=n>");
    ts_figure_percent(out, ts_figure_share(rest, total));
    ts_text_add(out, "<td><td><td></tr>");
}

static void add_bounds(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_time rest = 0;
    ts_text_add(
        out, "<section><h2>Where the step goes</h2><p class=lede>Walking back from the end, every picosecond "
             "belongs to the one thing that the step waited for: the rows add up to it. The right column is "
             "the same program clocked again, in the same order, with that resource taking no time.</p>");
    add_stack(report, out);
    ts_text_format(out,
                   "<table class=res><thead><tr><th>Resource<th class=n>bounds, %s<th><th class=n>of step<th "
                   "class=n>busy<th class=n>if it were free<th></tr></thead>",
                   ts_figure_unit(record->total));
    for (uint32_t i = 0; i < report->bounds.count; i++) {
        const ts_report_bound *bound = &report->bounds.data[i];
        if (bound->time * 2000 < record->total && bound->busy < 0.1)
            rest += bound->time;
        else
            add_bound(report, bound, out);
    }
    add_rest(rest, record->total, out);
    ts_text_add(out, "</table>");
    const ts_report_bound *first = report->bounds.data;
    if (ts_report_has_next(report)) {
        ts_text_format(out, "<p class=say>Freeing %s alone gains only ", ts_figure_bound(first->bound));
        ts_figure_time(out, first->gain);
        ts_text_format(out, ": %s is right behind. Both together gain ",
                       ts_figure_bound((unsigned)report->second));
        ts_figure_time(out, report->second_gain);
        ts_text_add(out, ".</p>");
    }
    ts_text_add(out, "</section>");
}

/* The smallest and largest gain within the model's uncertainty. */
static void add_range(const ts_report_remedy *remedy, ts_text *out) {
    ts_time ends[3] = {remedy->gain_fast, remedy->gain_slow, remedy->gain}, least = ends[0], most = ends[0];
    for (int i = 1; i < 3; i++) {
        least = ends[i] < least ? ends[i] : least;
        most = ends[i] > most ? ends[i] : most;
    }
    ts_text_add(out, least ? "range &minus;" : "range ");
    ts_figure_time(out, least);
    ts_text_add(out, " to &minus;");
    ts_figure_time(out, most);
}

static void add_notes(const ts_report *report, ts_text *out) {
    for (uint32_t i = 0; i < report->notes.count; i++) {
        ts_text_add(out, "<p class=say>");
        ts_html_text(out, report->notes.data[i].text);
        ts_text_add(out, ".</p>");
    }
}

/* What the remedy numbered `index` gains, alone and with those above it. */
static void add_gain(const ts_report *report, uint32_t index, ts_text *out) {
    const ts_report_remedy *remedy = &report->remedies.data[index];
    ts_time total = report->record.total, left = total - remedy->gain;
    ts_text_format(out, "<div class=g><b>%s&minus;", remedy->method[0] == 'b' ? "&le; " : "");
    ts_figure_time(out, remedy->gain);
    ts_text_format(out, "</b><span class=bar2><span style=\"width:%.1f%%\"></span></span><small>",
                   100 * ts_figure_share(remedy->gain, report->remedies.data[0].gain));
    ts_figure_time(out, left);
    ts_text_format(out, ", %.2f&times;<br>", (double)total / (double)left);
    add_range(remedy, out);
    if (index) {
        ts_text_add(out, "<br>with those above &minus;");
        ts_figure_time(out, remedy->gain_so_far);
    }
    ts_text_add(out, "</small></div>");
}

static void add_link(const ts_report *report, uint32_t line, ts_text *out) {
    const ts_report_line *to = &report->lines.data[line - 1];
    ts_text place = {0};
    ts_report_place(to->file, to->line, &place);
    ts_text_format(out, " <a href=\"#l%u\" data-l=\"%u\">", line, line);
    ts_html_text(out, place.data);
    ts_text_add(out, "</a>");
    ts_text_free(&place);
}

static void add_remedy(const ts_report *report, uint32_t index, ts_text *out) {
    const ts_report_remedy *remedy = &report->remedies.data[index];
    ts_text_add(out, "<li>");
    add_gain(report, index, out);
    ts_text_add(out, "<div><b>");
    ts_html_text(out, remedy->title);
    ts_text_add(out, "</b>");
    if (remedy->line) add_link(report, remedy->line, out);
    ts_text_add(out, "<p>");
    ts_html_text(out, remedy->evidence);
    ts_text_add(out, ".</p><p class=mu>Try: ");
    ts_html_text(out, remedy->action);
    ts_text_add(out, ".");
    if (remedy->cost[0]) {
        ts_text_add(out, " It costs: ");
        ts_html_text(out, remedy->cost);
        ts_text_add(out, ".");
    }
    ts_text_add(out, "</p></div></li>");
}

static void add_remedies(const ts_report *report, ts_text *out) {
    ts_time total = report->record.total;
    if (report->remedies.count == 0) {
        add_notes(report, out);
        return;
    }
    ts_text_add(out, "<section><h2>What to change</h2><p class=lede>Each gain is clocked: the program again, "
                     "in the same order, with the change made (or, where it says at most, with all of the "
                     "cost gone). Gains overlap: all of them together gain ");
    ts_figure_time(out, report->together);
    ts_text_format(out, " (%.2f&times;).</p><ol class=rem>",
                   (double)total / (double)(total - report->together));
    for (uint32_t i = 0; i < report->remedies.count; i++)
        add_remedy(report, i, out);
    ts_text_add(out, "</ol>");
    add_notes(report, out);
    ts_text_add(out, "</section>");
}

static void add_price(const ts_report *report, const ts_report_price *price, ts_text *out) {
    const ts_instance *instance = price->instance;
    double dollars = 1e6 * ts_report_step_usd(price);
    ts_text_format(out, "<tr><th>%s<td class=n>%d<td class=n>", instance->name, instance->cores);
    ts_figure_time(out, price->total);
    if (dollars > 0) {
        ts_text_format(out, "<td class=n>%.3f<td class=n>", instance->usd_per_hour);
        ts_figure_dollars(out, dollars);
        ts_text_add(out, "<td class=n>");
        ts_figure_dollars(out, dollars * report->program->ranks / instance->cores);
    } else {
        ts_text_add(out, "<td class=n>-<td class=n>-<td class=n>-");
    }
    ts_text_format(out, "<td class=mu>%s</tr>",
                   instance == report->instance ? "this report"
                   : dollars > 0                ? ""
                                                : "no published price");
}

static void add_cost(const ts_report *report, ts_text *out) {
    if (report->prices.count == 0) return;
    ts_text_add(out, "<section><h2>Cost</h2><p class=lede>");
    if (report->program->ranks == 1)
        ts_text_add(out, "One NeuronCore takes the step");
    else
        ts_text_format(out, "%u NeuronCores take the step together", report->program->ranks);
    ts_text_add(out, "; the others of the "
                     "instance are paid for and idle, unless they run programs of their own. On another "
                     "chip it is the same program, clocked with that chip's numbers.</p><table "
                     "class=cost><thead><tr><th>Instance<th class=n>cores<th class=n>step<th class=n>$/h<th "
                     "class=n>$ per million steps<th class=n>with every core busy<th></tr></thead>");
    for (uint32_t i = 0; i < report->prices.count; i++)
        add_price(report, &report->prices.data[i], out);
    ts_text_add(out, "</table><p class=note>On-demand prices as AWS's benchmark pages published them in 2022 "
                     "and 2023; <code>trainstone chip --instances</code> has the sources.</p></section>");
}

static void add_counters(const ts_report *report, ts_text *out) {
    ts_text lines = {0};
    ts_report_summary_text(report, &lines);
    ts_text_add(out, "<details><summary>All counters, under Neuron's names</summary><table class=ctr>");
    for (const char *at = lines.data; at && *at;) {
        size_t name = strcspn(at, " \n"), end = strcspn(at, "\n"), value = name;
        while (at[value] == ' ')
            value++;
        ts_text_format(out, "<tr><th>%.*s<td class=n>%.*s</tr>", (int)name, at, (int)(end - value),
                       at + value);
        at += end + (at[end] ? 1 : 0);
    }
    ts_text_add(out, "</table></details>");
    ts_text_free(&lines);
}

/* A JSON string in which nothing can end the script element. */
static void add_string(const char *string, ts_text *out) {
    ts_text quoted = {0};
    ts_text_quote(&quoted, string);
    for (const char *at = quoted.data; *at; at++) {
        if (*at == '<')
            ts_text_add(out, "\\u003c");
        else
            ts_text_add_n(out, at, 1);
    }
    ts_text_free(&quoted);
}

/* When a line is on the critical path. Stretches that a screen cannot show apart are merged. */
static void add_moments(const ts_report *report, const ts_report_line *line, ts_text *out) {
    enum { MOST = 400 };
    const ts_record *record = &report->record;
    ts_time start = -1, end = 0, gap = record->total / 2000;
    int count = 0;
    for (uint32_t i = 0; i <= record->path.count; i++) {
        const ts_path_step *step = i < record->path.count ? &record->path.data[i] : NULL;
        const ts_loc *loc = step ? ts_report_loc(report, step->loc) : NULL;
        bool is_own = step && step->bound != ts_bound_launch && loc->line == line->line &&
                      strcmp(loc->file ? loc->file : "", line->file) == 0;
        if (start >= 0 && (!step || (is_own && step->start > end + gap))) {
            if (count++ < MOST)
                ts_text_format(out, "%s[%.6g,%.6g]", count > 1 ? "," : "", ts_figure_in(start, record->total),
                               ts_figure_in(end, record->total));
            start = -1;
        }
        if (!is_own) continue;
        if (start < 0) start = step->start;
        end = step->end;
    }
}

static void add_data(const ts_report *report, ts_text *out) {
    enum { LINES = 40 };
    const ts_record *record = &report->record;
    uint32_t lines = report->lines.count < LINES ? report->lines.count : LINES;
    ts_text_add(out, "<script type=\"application/json\" id=d>{\"schema\":\"trainstone.report/1.0\"");
    ts_text_format(out,
                   ",\"total\":%.9g,\"unit\":\"%s\",\"bins\":%.6g,\"top\":%d,\"height\":%.0f,\"lines\":{",
                   ts_figure_in(record->total, record->total), ts_figure_unit(record->total),
                   record->series.width ? (double)record->total / (double)record->series.width : 0,
                   report->phases.count ? TS_PAGE_PHASES : 0, ts_page_time_height(report));
    for (uint32_t i = 0; i < lines; i++) {
        ts_text_format(out, "%s\"%u\":[", i ? "," : "", i + 1);
        add_moments(report, &report->lines.data[i], out);
        ts_text_add(out, "]");
    }
    ts_text_add(out, "},\"names\":{");
    for (uint32_t i = 0; i < lines; i++) {
        ts_text place = {0};
        ts_text_format(out, "%s\"%u\":", i ? "," : "", i + 1);
        ts_report_place(report->lines.data[i].file, report->lines.data[i].line, &place);
        add_string(place.data, out);
        ts_text_free(&place);
    }
    ts_text_add(out, "}}</script>");
}

static void add_head(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_text_add(
        out, "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=\"Content-Security-Policy\" "
             "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\"><meta "
             "name=viewport content=\"width=device-width,initial-scale=1\"><title>Trainstone: ");
    ts_html_text(out, record->program_name);
    ts_text_add(out, ", ");
    ts_figure_time(out, record->total);
    ts_text_add(out, " a step</title><style>");
    ts_text_add(out, ts_page_style);
    ts_text_add(out, "</style><header><span><b>");
    ts_html_text(out, record->program_name[0] ? record->program_name : "program");
    ts_text_add(out, "</b> &middot; ");
    ts_report_machine(report, out);
    ts_text_add(out, "</span><span>modelled, not measured</span></header><main><h1>");
    ts_text verdict = {0};
    ts_report_verdict(report, &verdict);
    const char *full = strstr(verdict.data, ". ");
    size_t time = strlen("A step takes ");
    ts_text_add(out, "A step takes <em>");
    ts_html_text_n(out, verdict.data + time, full ? (size_t)(full - verdict.data) - time : 0);
    ts_text_add(out, "</em>");
    ts_html_text(out, full ? full : "");
    ts_text_free(&verdict);
    ts_text_add(out, "</h1>");
}

/* Ends with the files whose text the page holds, and what it is no claim to. */
static void add_footer(const ts_report *report, ts_text *out) {
    bool is_first = true;
    ts_text_format(out,
                   "<footer>Made by <code>trainstone report</code> from %d runs of the clock. "
                   "Source lines inside: ",
                   report->clock_runs);
    for (int s = 0; s < report->source_count; s++) {
        if (!report->sources[s].text) continue;
        ts_text_add(out, is_first ? "" : ", ");
        ts_html_text(out, report->sources[s].file);
        is_first = false;
    }
    ts_text_add(out, is_first ? "none" : "");
    ts_text_add(out, ". Press d for dark or light. Trainstone is an independent model; AWS, Trainium and "
                     "Neuron are Amazon's marks.</footer></main><div id=tt role=tooltip hidden></div>");
}

void ts_report_html(const ts_report *report, ts_text *out) {
    add_head(report, out);
    add_figures(report, out);
    if (report->record.assumed_trips)
        ts_text_format(out,
                       "<p class=note>Timed without data: %llu trip(s) of each loop that data ends, and "
                       "every branch of each conditional.</p>",
                       (unsigned long long)report->record.assumed_trips);
    add_bounds(report, out);
    add_remedies(report, out);
    ts_page_over_time(report, out);
    ts_page_listing(report, out);
    ts_page_modules(report, out);
    ts_page_collectives(report, out);
    ts_page_loop(report, out);
    ts_page_memory(report, out);
    ts_text_add(out, "<section class=two>");
    ts_page_roofline(report, out);
    ts_page_dma(report, out);
    ts_text_add(out, "</section>");
    add_cost(report, out);
    ts_page_sure(report, out);
    add_counters(report, out);
    add_footer(report, out);
    add_data(report, out);
    ts_text_add(out, "<script>");
    ts_text_add(out, ts_page_script);
    ts_text_add(out, "</script></html>\n");
}

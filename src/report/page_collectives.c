/* The page's table of collectives: the algorithm of each, and what bounds it. */
#include "report/figures.h"
#include "report/page.h"
#include "report/report_collectives.h"
#include "report/svg.h"

static void add_row(const ts_report *report, const ts_report_collective *at, ts_text *out) {
    const ts_loc *loc = ts_report_loc(report, report->program->code.data[at->inst]->loc);
    ts_text place = {0};
    ts_report_place(loc->file ? loc->file : "", loc->line, &place);
    ts_text_add(out, "<tr><th>");
    ts_html_text(out, place.data);
    ts_text_format(out, "<td>%s &times; %llu<td class=n>", ts_report_collective_kind(report, at),
                   (unsigned long long)at->count);
    ts_figure_bytes(out, (double)at->plan.message);
    ts_text_format(out, "<td class=n>%d<td class=n>%d<td>%s<td class=n>%d<td class=n>", at->plan.members,
                   at->plan.chips, ts_cc_algorithm_name(at->plan.algorithm), at->plan.steps);
    ts_figure_time(out, at->cost.latency + at->cost.move);
    ts_text_format(out, "<td>%s</tr>", ts_cc_limit_name(at->cost.limit));
    ts_text_free(&place);
}

void ts_page_collectives(const ts_report *report, ts_text *out) {
    enum { MOST = 40 };
    const ts_record *record = &report->record;
    if (report->collectives.count == 0) return;
    ts_text_format(
        out,
        "<section><h2>Collectives</h2><p class=lede>%u ranks run the program together. Their CC-cores work ",
        record->ranks);
    ts_figure_time(out, record->collective_busy);
    ts_text_add(out, " of the step, of which nothing else hides ");
    ts_figure_time(out, record->bound[ts_bound_collective]);
    ts_text_add(out, ". A core sends ");
    ts_figure_bytes(out, (double)record->link_bytes);
    ts_text_add(
        out, " over NeuronLink, the mean of all.</p><table class=cost><thead><tr><th>Line<th>Collective<th "
             "class=n>message<th class=n>ranks<th class=n>chips<th>algorithm<th class=n>steps<th "
             "class=n>alone<th>bounded by</tr></thead>");
    for (uint32_t i = 0; i < report->collectives.count && i < MOST; i++)
        add_row(report, &report->collectives.data[i], out);
    ts_text_add(out, "</table>");
    if (report->collectives.count > MOST)
        ts_text_format(out, "<p class=note>%u more are left out.</p>", report->collectives.count - MOST);
    ts_text_add(out, "</section>");
}

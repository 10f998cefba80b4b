/* Explains the costliest lines: where their time goes, what they were compiled to, and what to try. */
#include <string.h>

#include "report/figures.h"
#include "report/report.h"
#include "report/report_collectives.h"

static void add_source(const ts_report *report, const ts_report_line *line, ts_text *out) {
    for (int s = 0; s < report->source_count; s++) {
        const char *at = report->sources[s].text;
        if (!at || strcmp(report->sources[s].file, line->file) != 0) continue;
        for (uint32_t number = 1; at && number < line->line; number++) {
            at = strchr(at, '\n');
            if (at) at++;
        }
        if (!at) return;
        while (*at == ' ' || *at == '\t')
            at++;
        ts_text_add(out, "   | ");
        ts_text_add_n(out, at, strcspn(at, "\r\n"));
        ts_text_add(out, "\n");
        return;
    }
}

static void add_waits(const ts_report_line *line, ts_text *out) {
    bool used[ts_bound_count] = {false};
    ts_text_add(out, "   why   ");
    for (int rank = 0; rank < 4; rank++) {
        int best = -1;
        for (int b = 0; b < ts_bound_count; b++)
            if (!used[b] && line->bounds[b] > 0 && (best < 0 || line->bounds[b] > line->bounds[best]))
                best = b;
        if (best < 0 || line->bounds[best] * 50 < line->time) break;
        used[best] = true;
        ts_text_format(out, "%s%s ", rank ? ", " : "", ts_figure_bound((unsigned)best));
        ts_figure_time(out, line->bounds[best]);
    }
    if (line->has_gain) {
        ts_text_add(out, "; with its own work free the step takes ");
        ts_figure_time(out, line->gain);
        ts_text_add(out, " less");
    }
    ts_text_add(out, "\n");
}

static void add_work(const ts_report_line *line, ts_text *out) {
    ts_text_add(out, "   work  ");
    ts_figure_count(out, (double)line->count);
    ts_text_add(out, " instructions");
    if (line->descriptors) {
        ts_text_add(out, ", ");
        ts_figure_bytes(out, (double)line->bytes);
        ts_text_add(out, " by DMA in ");
        ts_figure_count(out, (double)line->descriptors);
        ts_text_add(out, " descriptors of ");
        ts_figure_bytes(out, (double)line->bytes / (double)line->descriptors);
    }
    if (line->flops) {
        ts_text_add(out, ", ");
        ts_figure_count(out, (double)line->flops);
        ts_text_add(out, "FLOP on Tensor");
    }
    ts_text_add(out, "\n");
}

static void add_rows(const ts_report *report, const ts_report_line *line, ts_text *out) {
    enum { ROWS = 3 };
    for (uint32_t r = line->first_row; r < line->first_row + line->row_count && r < line->first_row + ROWS;
         r++) {
        const ts_record_row *row = &report->rows.data[r];
        if (row->bound == 0) break;
        ts_text_format(out, "         %5.1f %%  %-20s %-7s x %-6llu %s",
                       100 * ts_figure_share(row->bound, line->time), ts_op_get(row->op)->name,
                       ts_figure_mover(row), (unsigned long long)row->count,
                       report->program->locs.data[row->loc].name);
        ts_report_library_place(report, row->loc, out);
        ts_text_add(out, "\n");
    }
}

/* Lists a line's collectives; equal ones share a row. */
static void add_collectives(const ts_report *report, uint32_t line, ts_text *out) {
    enum { MOST = 3 };
    struct kind {
        ts_text words;
        uint64_t count;
    } kinds[MOST] = {0};
    int shown = 0;
    for (uint32_t i = 0; i < report->collectives.count; i++) {
        const ts_report_collective *collective = &report->collectives.data[i];
        if (collective->line != line + 1) continue;
        ts_text words = {0};
        ts_report_collective_words(report, collective, &words);
        int k = 0;
        while (k < shown && strcmp(kinds[k].words.data, words.data) != 0)
            k++;
        if (k < MOST) kinds[k].count += collective->count ? collective->count : 1;
        if (k == shown && k < MOST)
            kinds[shown++].words = words;
        else
            ts_text_free(&words);
    }
    for (int k = 0; k < shown; k++) {
        ts_text_format(out, "   cc    %s", kinds[k].words.data);
        if (kinds[k].count > 1) ts_text_format(out, ", x %llu", (unsigned long long)kinds[k].count);
        ts_text_add(out, "\n");
        ts_text_free(&kinds[k].words);
    }
}

/* Names the remedy against what bounds the line most. */
static void add_try(const ts_report *report, const ts_report_line *line, uint32_t index, ts_text *out) {
    for (uint32_t i = 0; i < report->remedies.count; i++) {
        const ts_report_remedy *remedy = &report->remedies.data[i];
        if (remedy->line != index + 1) continue;
        ts_text_format(out, "   try   %s: %s\n", remedy->title, remedy->action);
        return;
    }
    static const char *const tries[ts_bound_count] = {
        [ts_bound_tensor] = "bf16 operands; larger tiles; fewer transposes",
        [ts_bound_vector] = "bf16 on both sides of sums and products, or a scalar on one side; fewer passes",
        [ts_bound_scalar] = "functions of one table in a row; fewer activations",
        [ts_bound_gpsimd] = "a spelling that Tensor or Vector can do: a one-hot matmul for a gather",
        [ts_bound_dma_bytes] = "bf16 where values are stored; fewer passes over them",
        [ts_bound_dma_descriptors] =
            "longer contiguous rows: keep the sliced or transposed axis out of the last place",
        [ts_bound_dma_queue] = "fewer, larger transfers",
        [ts_bound_dma_latency] =
            "fuse dependent operations; larger batches, so that each round trip carries more",
        [ts_bound_collective] = "fewer, larger messages; work that does not need them beside them",
        [ts_bound_wait] = "longer instructions, or independent work between dependent ones",
    };
    unsigned best = ts_figure_main_bound(line->bounds);
    if (tries[best]) ts_text_format(out, "   try   %s\n", tries[best]);
}

void ts_report_explain(const ts_report *report, int lines, ts_text *out) {
    ts_report_verdict(report, out);
    ts_text_add(out, "\n");
    for (uint32_t i = 0; i < report->lines.count && i < (uint32_t)lines; i++) {
        const ts_report_line *line = &report->lines.data[i];
        if (line->time == 0) break;
        ts_text_format(out, "\n%2u ", i + 1);
        ts_report_place(line->file, line->line, out);
        if (line->function[0]) ts_text_format(out, "  in %s", line->function);
        ts_text_add(out, "   ");
        ts_figure_time(out, line->time);
        ts_text_add(out, ", ");
        ts_figure_percent(out, ts_figure_share(line->time, report->record.total));
        ts_text_add(out, " of the step\n");
        add_source(report, line, out);
        add_waits(line, out);
        add_work(line, out);
        add_rows(report, line, out);
        add_collectives(report, i, out);
        add_try(report, line, i, out);
    }
}

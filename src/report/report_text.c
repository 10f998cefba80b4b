/* The report for a terminal: at most 25 lines of 100 columns, ASCII unless the terminal can show more. */
#include <string.h>

#include "report/figures.h"
#include "report/report.h"

enum {
    COLUMNS = 100,
    BAR_AT = 28,
    BAR = 14,
    BOUNDS = 5,
    LINES = 4,
    REMEDIES = 3
}; /* so that everything fits in 25 lines */

/* Ends the line that begins at `start`, cut to the page's width. */
static void end_line(ts_text *out, size_t start) {
    if (out->length - start > COLUMNS) {
        out->length = start + COLUMNS - 2;
        ts_text_add(out, "..");
    }
    while (out->length > start && out->data[out->length - 1] == ' ')
        out->data[--out->length] = '\0';
    ts_text_add(out, "\n");
}

static void pad(ts_text *out, size_t start, size_t column) {
    while (out->length - start < column)
        ts_text_add(out, " ");
}

static void right(ts_text *out, size_t start, size_t column, const char *word) {
    pad(out, start, column - (strlen(word) < column ? strlen(word) : column));
    ts_text_add(out, word);
}

bool ts_report_has_next(const ts_report *report) {
    const ts_report_bound *first = report->bounds.data;
    return report->second >= 0 && first->has_gain && first->gain * 2 < first->time;
}

void ts_report_verdict(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    const ts_report_bound *bound = report->bounds.data;
    ts_text_add(out, "A step takes ");
    ts_figure_time(out, record->total);
    ts_text_add(out, ". ");
    if (bound[0].bound == ts_bound_launch && ts_figure_share(bound[0].time, record->total) > 0.3)
        ts_text_format(out, "Launching the program is %.0f %% of it",
                       100 * ts_figure_share(bound[0].time, record->total));
    else if (bound[1].time * 20 > record->total && (bound[0].time - bound[1].time) * 20 < record->total)
        ts_text_format(out, "%s and %s share %.0f %% of it", ts_figure_bound(bound[0].bound),
                       ts_figure_bound(bound[1].bound),
                       100 * ts_figure_share(bound[0].time + bound[1].time, record->total));
    else
        ts_text_format(
            out, "%s bound%s %.0f %% of it", ts_figure_bound(bound[0].bound),
            strchr("sS", ts_figure_bound(bound[0].bound)[strlen(ts_figure_bound(bound[0].bound)) - 1]) ? ""
                                                                                                       : "s",
            100 * ts_figure_share(bound[0].time, record->total));
    if (report->lines.count && report->lines.data[0].file[0]) {
        const ts_report_line *line = &report->lines.data[0];
        ts_text_add(out, "; ");
        ts_report_place(line->file, line->line, out);
        if (line->function[0]) ts_text_format(out, " in %s", line->function);
        ts_text_add(out, " costs most, ");
        ts_figure_time(out, line->time);
    }
    ts_text_add(out, ".");
}

static bool is_own_chip(const ts_report *report) {
    return strcmp(report->instance->chip, report->record.chip.name) == 0;
}

void ts_report_machine(const ts_report *report, ts_text *out) {
    const ts_chip *chip = &report->record.chip;
    ts_text_add(out, report->instance ? report->instance->name : chip->name);
    if (report->instance && report->program->ranks > (uint32_t)report->instance->cores)
        ts_text_format(out, ", which has %d of its %u cores", report->instance->cores,
                       report->program->ranks);
    else if (report->instance)
        ts_text_format(out, ", %u of %d cores", report->program->ranks, report->instance->cores);
    if (report->instance && !is_own_chip(report)) ts_text_format(out, ", with chip %s", chip->name);
    if (ts_chip_is_edited(chip)) ts_text_add(out, ", edited chip");
}

double ts_report_hour_usd(const ts_report *report) {
    return report->instance && is_own_chip(report) ? report->instance->usd_per_hour : 0;
}

static void add_head(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    size_t start = out->length;
    ts_text_format(out, "%s   ", record->program_name[0] ? record->program_name : "program");
    ts_report_machine(report, out);
    ts_text_add(out, "   modelled, not measured");
    end_line(out, start);
    start = out->length;
    ts_text_add(out, "one step   ");
    ts_figure_time(out, record->total);
    ts_text_add(out, "  (");
    ts_figure_time(out, record->total_low);
    ts_text_add(out, " .. ");
    ts_figure_time(out, record->total_high);
    ts_text_add(out, ")");
    if (record->model_flops)
        ts_text_format(out, "   MFU %.3g %% of %.4g TFLOP/s bf16", 100 * ts_record_mfu(record),
                       record->chip.peak_bf16_tflops);
    else if (record->pe_flops) /* a kernel: what its matmuls are for is not known */
        ts_text_format(out, "   matmuls at %.3g of %.4g TFLOP/s bf16", ts_record_tflops(record),
                       record->chip.peak_bf16_tflops);
    if (ts_report_mfu_ceiling(report) >= 0) {
        ts_text_add(out, ", at most ");
        ts_figure_percent(out, ts_report_mfu_ceiling(report));
    }
    end_line(out, start);
}

/* Appends a bar of `eighths` eighths of a column, in block characters. */
static void add_blocks(int eighths, ts_text *out) {
    static const char *const parts[] = {"",       "\u258f", "\u258e", "\u258d",
                                        "\u258c", "\u258b", "\u258a", "\u2589"};
    for (; eighths >= 8; eighths -= 8)
        ts_text_add(out, "\u2588");
    ts_text_add(out, parts[eighths]);
}

/* Replaces the ASCII bar of the line that begins at `start` by one in the terminal's style. The rest of the
   line keeps its column. */
static void style_bar(ts_text *out, size_t start, double share, ts_bound bound, ts_report_style style) {
    static const int colors[ts_bound_count] = {39, 34, 33, 35, 93, 32, 32, 32, 32, 36, 90};
    int eighths = (int)(share * BAR * 8 + 0.5), columns = (eighths + 7) / 8;
    if (!style.has_blocks && !style.has_color) return;
    if (!style.has_blocks) columns = (int)(share * BAR + 0.5);
    ts_text tail = {0};
    ts_text_add(&tail, out->data + start + BAR_AT + BAR);
    out->length = start + BAR_AT;
    if (style.has_color) ts_text_format(out, "\033[%dm", colors[bound]);
    if (style.has_blocks) add_blocks(eighths, out);
    for (int i = 0; !style.has_blocks && i < columns; i++)
        ts_text_add(out, "#");
    if (style.has_color) ts_text_add(out, "\033[0m");
    ts_text_format(out, "%*s%s", BAR - columns, "", tail.data);
    ts_text_free(&tail);
}

/* One row, which takes the rank-th place. */
static void add_bound(const ts_report *report, uint32_t rank, ts_report_style style, ts_text *out) {
    const ts_report_bound *bound = &report->bounds.data[rank];
    const ts_record *record = &report->record;
    double share = ts_figure_share(bound->time, record->total);
    ts_text word = {0};
    size_t start = out->length;
    ts_text_format(out, " %s", ts_figure_bound(bound->bound));
    ts_figure_column(&word, bound->time, record->total);
    right(out, start, BAR_AT - 2, word.data);
    pad(out, start, BAR_AT);
    for (int b = 0; b < (int)(share * BAR + 0.5); b++)
        ts_text_add(out, "#");
    pad(out, start, BAR_AT + BAR + 1);
    ts_text_format(out, "%4.0f %%  ", 100 * share);
    ts_text_format(out, bound->busy < 0 ? "     -" : "%4.0f %%", 100 * bound->busy);
    if (bound->has_gain) {
        word.length = 0;
        ts_text_add(&word, bound->gain ? "-" : "");
        ts_figure_column(&word, bound->gain, record->total);
        ts_text_format(&word, " %s", ts_figure_unit(record->total));
        right(out, start, 74, word.data);
    }
    if (rank == 0 && ts_report_has_next(report))
        ts_text_format(out, "   %s is next", ts_figure_bound((unsigned)report->second));
    ts_text_free(&word);
    end_line(out, start);
    style_bar(out, start, share, bound->bound, style);
}

static void add_rest(ts_time rest, ts_time total, ts_text *out) {
    size_t start = out->length;
    ts_text word = {0};
    ts_text_add(out, " rest");
    ts_figure_column(&word, rest, total);
    right(out, start, BAR_AT - 2, word.data);
    ts_text_free(&word);
    end_line(out, start);
}

static void add_bounds(const ts_report *report, ts_report_style style, ts_text *out) {
    const ts_record *record = &report->record;
    ts_time rest = record->total;
    size_t start = out->length + 1;
    ts_text_format(out, "\n bound by          bounds %-3s", ts_figure_unit(record->total));
    pad(out, start, 42);
    ts_text_add(out, report->has_gains ? "of step    busy   if it were free" : "of step    busy");
    end_line(out, start);
    for (uint32_t i = 0; i < report->bounds.count && i < BOUNDS; i++) {
        ts_time time = report->bounds.data[i].time;
        if (ts_figure_share(time, record->total) < 0.005) break;
        rest -= time;
        add_bound(report, i, style, out);
    }
    if (rest > 0) add_rest(rest, record->total, out);
}

static void add_lines(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    size_t start = out->length + 1;
    ts_text_format(out, "\n source line");
    ts_text word = {0};
    ts_text_format(&word, "%s", ts_figure_unit(record->total));
    right(out, start, 36, word.data);
    ts_text_add(out, "   of step   bound by          work");
    end_line(out, start);
    uint32_t most = LINES - (record->collectives > 0); /* one less when the line about links is shown */
    for (uint32_t i = 0; i < report->lines.count && i < most; i++) {
        const ts_report_line *line = &report->lines.data[i];
        if (ts_figure_share(line->time, record->total) < 0.03) break;
        start = out->length;
        ts_text_add(out, " ");
        word.length = 0;
        ts_report_place(line->file, line->line, &word);
        const char *place = word.length > 26 ? word.data + word.length - 26 : word.data;
        ts_text_add(out, place);
        word.length = 0;
        ts_figure_column(&word, line->time, record->total);
        right(out, start, 36, word.data);
        ts_text_format(out, "   %5.1f %%   %-16s  ", 100 * ts_figure_share(line->time, record->total),
                       ts_figure_bound(ts_figure_main_bound(line->bounds)));
        ts_text_format(out, "%s%s%s", line->function, line->function[0] && line->op[0] ? ", " : "", line->op);
        end_line(out, start);
    }
    ts_text_free(&word);
}

static void add_remedies(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    if (report->remedies.count) ts_text_add(out, "\n");
    for (uint32_t i = 0; i < report->remedies.count && i < REMEDIES; i++) {
        const ts_report_remedy *remedy = &report->remedies.data[i];
        size_t start = out->length;
        ts_text word = {0};
        ts_text_add(&word, "-");
        ts_figure_column(&word, remedy->gain, record->total);
        ts_text_format(&word, " %s", ts_figure_unit(record->total));
        ts_text_add(out, i ? "    " : "try ");
        right(out, start, 14, word.data);
        ts_text_format(out, "  %.2fx  %s", (double)record->total / (double)(record->total - remedy->gain),
                       remedy->method[0] == 'b' ? "at most: " : "");
        ts_text_format(out, "%s", remedy->title);
        if (remedy->line) {
            ts_text_add(out, " (");
            ts_report_place(report->lines.data[remedy->line - 1].file,
                            report->lines.data[remedy->line - 1].line, out);
            ts_text_add(out, ")");
        }
        ts_text_free(&word);
        end_line(out, start);
    }
}

static void add_memory(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    size_t start = out->length;
    ts_text_add(out, "memory   HBM ");
    ts_figure_bytes(out, (double)(report->argument_bytes + report->result_bytes + report->scratch_bytes +
                                  report->constant_bytes));
    ts_text_add(out, ", moved ");
    ts_figure_bytes(out, (double)(record->hbm_read_bytes + record->hbm_write_bytes));
    if (report->has_memory)
        ts_text_format(out, "   SBUF %.3g of %.0f KiB a partition   PSUM %.3g of %.0f KiB",
                       report->sbuf_peak / 1024.0, record->chip.sbuf_partition_bytes / 1024,
                       report->psum_peak / 1024.0, record->chip.psum_partition_bytes / 1024);
    end_line(out, start);
}

static void add_links(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    size_t start = out->length;
    if (record->collectives == 0) return;
    ts_text_format(out, "links    %llu collective%s, ", (unsigned long long)record->collectives,
                   record->collectives == 1 ? "" : "s");
    ts_figure_bytes(out, (double)record->collective_bytes);
    ts_text_add(out, "; ");
    ts_figure_bytes(out, (double)record->link_bytes);
    ts_text_add(out, " a core over NeuronLink; busy ");
    ts_figure_time(out, record->collective_busy);
    ts_text_add(out, ", exposed ");
    ts_figure_time(out, record->bound[ts_bound_collective]);
    end_line(out, start);
}

/* Names the routines outside of the documented instruction set, and the line that runs most of them. */
static void add_off_engine(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_time busy[ts_op_count] = {0}, sum = 0, most = 0;
    uint32_t loc = 0;
    size_t start = out->length;
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_record_row *row = &record->rows.data[i];
        if (!ts_op_is_off_engine(row->op)) continue;
        busy[row->op] += row->busy;
        if (row->busy > most) loc = row->loc;
        if (row->busy > most) most = row->busy;
    }
    for (unsigned op = 1; op < ts_op_count; op++) {
        if (busy[op] == 0) continue;
        ts_text_format(out, sum ? ", %s " : "off engine  %s ", ts_op_get(op)->name);
        ts_figure_time(out, busy[op]);
        sum += busy[op];
    }
    if (sum == 0) return;
    ts_text_add(out, " (assumed cost), ");
    const ts_loc *place = ts_report_loc(report, loc);
    ts_report_place(place->file ? place->file : "", place->line, out);
    end_line(out, start);
}

static void add_lean(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    size_t start = out->length;
    if (report->leans.count == 0 && record->assumptions.count == 0) return;
    ts_text_format(out, "lean on  %u assumed number%s", record->assumptions.count,
                   record->assumptions.count == 1 ? "" : "s");
    if (report->leans.count) {
        const ts_report_lean *lean = report->leans.data;
        ts_text_format(out, "; %s moves the step by ", ts_param_at(lean->param)->name);
        ts_figure_time(out, lean->low - record->total);
        ts_text_add(out, " .. +");
        ts_figure_time(out, lean->high - record->total);
    } else {
        for (uint32_t i = 0; i < record->assumptions.count; i++) {
            const char *name = ts_param_at(record->assumptions.data[i])->name;
            if (out->length - start + strlen(name) > COLUMNS - 14) {
                ts_text_format(out, " and %u more", record->assumptions.count - i);
                break;
            }
            ts_text_format(out, "%s%s", i ? ", " : ": ", name);
        }
    }
    end_line(out, start);
}

static void add_cost(const ts_report *report, ts_text *out) {
    double price = ts_report_hour_usd(report);
    const char *name = report->instance->name;
    if (price > 0) {
        ts_figure_dollars(out, 1e6 * (double)report->record.total * 1e-12 / 3600 * price);
        ts_text_format(out, " per million steps on %s, of which ", name);
        uint32_t ranks = report->program->ranks;
        if (ranks == 1)
            ts_text_add(out, "one core is used");
        else
            ts_text_format(out, "%u of %d cores are used", ranks, report->instance->cores);
    } else if (is_own_chip(report)) {
        ts_text_format(out, "-, as no document read has a price of %s", name);
    } else {
        ts_text_format(out, "-, as %s has no chip %s: --instance names one that has", name,
                       report->record.chip.name);
    }
}

static void add_foot(const ts_report *report, ts_text *out) {
    const ts_record *record = &report->record;
    ts_text_add(out, "\n");
    add_memory(report, out);
    add_links(report, out);
    add_off_engine(report, out);
    size_t start = out->length;
    if (report->instance) {
        ts_text_add(out, "cost     ");
        add_cost(report, out);
        end_line(out, start);
    }
    add_lean(report, out);
    start = out->length;
    if (record->assumed_trips) {
        ts_text_format(
            out, "note     timed without data: %llu trip(s) of each loop that data ends, every branch taken",
            (unsigned long long)record->assumed_trips);
        end_line(out, start);
    } else if (report->notes.count) {
        ts_text_format(out, "note     %s", report->notes.data[0].text);
        end_line(out, start);
    } else if (!report->has_gains) {
        ts_text_add(out, "note     what would help, by how much, and every source line: trainstone report");
        end_line(out, start);
    }
}

void ts_report_text(const ts_report *report, ts_text *out) {
    ts_report_text_styled(report, (ts_report_style){0}, out);
}

void ts_report_text_styled(const ts_report *report, ts_report_style style, ts_text *out) {
    add_head(report, out);
    add_bounds(report, style, out);
    if (report->lines.count) add_lines(report, out);
    add_remedies(report, out);
    add_foot(report, out);
}

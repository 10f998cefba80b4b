/* Arranges the rows of the record by bound and by source line. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/report.h"

const ts_loc *ts_report_loc(const ts_report *report, uint32_t loc) {
    return &report->program->locs.data[loc < report->program->locs.count ? report->user_locs[loc] : 0];
}

/* Charges locations in library frames to the user's line that called them. */
static void find_user_locs(ts_report *report) {
    const ts_loc *locs = report->program->locs.data;
    uint32_t count = report->program->locs.count;
    report->user_locs = TS_NEW_ARRAY(&report->arena, uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++)
        report->user_locs[i] = ts_loc_user(locs, count, i);
}

void ts_report_library_place(const ts_report *report, uint32_t loc, ts_text *out) {
    if (loc >= report->program->locs.count || report->user_locs[loc] == loc) return;
    const ts_loc *place = &report->program->locs.data[loc];
    if (!place->file || !place->file[0]) return;
    ts_text_add(out, "  ");
    ts_report_place(place->file, place->line, out);
}

void ts_report_place(const char *file, uint32_t line, ts_text *out) {
    if (!file[0]) {
        ts_text_add(out, "(no source)");
        return;
    }
    const char *name = strrchr(file, '/');
    ts_text_format(out, "%s:%u", name && name[1] ? name + 1 : file, line);
}

/* ---- lines ---- */

typedef struct keyed_row {
    const char *file;
    uint32_t line;
    ts_record_row row;
} keyed_row;

static int by_place(const void *a, const void *b) {
    const keyed_row *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    if (order) return order;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    if (x->row.bound != y->row.bound) return x->row.bound > y->row.bound ? -1 : 1;
    if (x->row.busy != y->row.busy) return x->row.busy > y->row.busy ? -1 : 1;
    if (x->row.loc != y->row.loc) return x->row.loc < y->row.loc ? -1 : 1;
    if (x->row.op != y->row.op) return x->row.op < y->row.op ? -1 : 1;
    return x->row.engine < y->row.engine ? -1 : x->row.engine > y->row.engine;
}

static int by_time(const void *a, const void *b) {
    const ts_report_line *x = a, *y = b;
    if (x->time != y->time) return x->time > y->time ? -1 : 1;
    int order = strcmp(x->file, y->file);
    if (order) return order;
    return x->line < y->line ? -1 : x->line > y->line;
}

const char *ts_report_function(ts_arena *arena, const char *name) {
    static const char LOCALS[] = "<locals>.", LAMBDA[] = ".<lambda>";
    char *copy = ts_arena_string(arena, name), *at;
    while ((at = strstr(copy, LOCALS)))
        memmove(at, at + sizeof LOCALS - 1, strlen(at + sizeof LOCALS - 1) + 1);
    size_t length = strlen(copy), end = sizeof LAMBDA - 1;
    while (length > end && strcmp(copy + length - end, LAMBDA) == 0)
        copy[length -= end] = '\0';
    return copy;
}

/* The function that contains a location: the name of another location at the same place that JAX named after
   its frame. */
static const char *function_of(ts_report *report, const ts_loc *place) {
    for (uint32_t i = 1; i < report->program->locs.count; i++) {
        const ts_loc *loc = &report->program->locs.data[i];
        if (loc->line != place->line || !loc->name || !loc->name[0] || strchr(loc->name, '/')) continue;
        if (loc->name[0] == '<' || strchr(loc->name, '(') || strcmp(loc->file, place->file) != 0) continue;
        return ts_report_function(&report->arena, loc->name);
    }
    return "";
}

/* The last part of a name such as "jit(step)/jvp()/dot_general". */
static const char *op_of(const ts_loc *loc) {
    if (!loc->name) return "";
    const char *last = loc->name;
    int depth = 0;
    for (const char *at = loc->name; *at; at++) {
        if (*at == '(') depth++;
        if (*at == ')') depth--;
        if (*at == '/' && depth == 0) last = at + 1;
    }
    return last;
}

static void add_row(ts_report *report, ts_report_line *line, const ts_record_row *row) {
    line->time += row->bound;
    for (int bound = 0; bound < ts_bound_count; bound++)
        line->bounds[bound] += row->bounds[bound];
    if (row->op != ts_op_collective) /* a collective's time is that of the collectives' stream */
        line->busy[row->op == ts_op_dma_copy ? ts_engine_none : row->engine] += row->busy;
    line->count += row->count;
    line->flops += row->flops;
    line->bytes += row->bytes;
    line->hbm_bytes += row->hbm_bytes;
    line->descriptors += row->descriptors;
    line->elems += row->elems;
    line->row_count++;
    ts_vec_push(&report->rows, &report->arena, *row);
}

static void find_lines(ts_report *report) {
    const ts_record *record = &report->record;
    keyed_row *rows = TS_NEW_ARRAY(&report->arena, keyed_row, record->rows.count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->rows.count; i++) {
        const ts_record_row *row = &record->rows.data[i];
        if (row->engine == ts_engine_none) continue; /* the launch */
        const ts_loc *loc = ts_report_loc(report, row->loc);
        rows[count++] =
            (keyed_row){loc->file ? loc->file : "", loc->file && loc->file[0] ? loc->line : 0, *row};
    }
    qsort(rows, count, sizeof *rows, by_place);
    ts_report_line *line = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!line || line->line != rows[i].line || strcmp(line->file, rows[i].file) != 0) {
            const ts_loc *loc = ts_report_loc(report, rows[i].row.loc);
            ts_report_line next = {.file = rows[i].file,
                                   .line = rows[i].line,
                                   .loc = rows[i].row.loc,
                                   .op = op_of(&report->program->locs.data[rows[i].row.loc]),
                                   .first_row = report->rows.count};
            next.function = next.file[0] ? function_of(report, loc) : "";
            ts_vec_push(&report->lines, &report->arena, next);
            line = &report->lines.data[report->lines.count - 1];
        }
        add_row(report, line, &rows[i].row);
    }
    if (report->lines.count) qsort(report->lines.data, report->lines.count, sizeof *line, by_time);
}

ts_time ts_report_line_work(const ts_report *report, const ts_report_line *line) {
    ts_time work = line->time;
    int engines = (int)report->record.chip.dma_engines;
    for (unsigned engine = 0; engine < ts_engine_count; engine++) {
        ts_time busy =
            engine == ts_engine_none ? line->busy[engine] / (engines > 0 ? engines : 1) : line->busy[engine];
        if (busy > work) work = busy;
    }
    return work;
}

double ts_report_line_mfu(const ts_report *report, const ts_report_line *line) {
    ts_time work = ts_report_line_work(report, line);
    return work > 0 ? (double)line->flops / (double)work / report->record.chip.peak_bf16_tflops : 0;
}

ts_report_roofs ts_report_roofline(const ts_report *report) {
    const ts_chip *chip = &report->record.chip;
    return (ts_report_roofs){
        .bf16 = chip->peak_bf16_tflops,
        .fp32 = chip->peak_bf16_tflops / chip->fp32_matmul_passes,
        .hbm = chip->hbm_bytes_per_ns / ts_hbm_sharers(report->program, chip),
        .dma = chip->dma_engines * chip->dma_engine_bytes_per_ns,
    };
}

/* ---- bounds ---- */

static double busy_share(const ts_record *record, unsigned bound) {
    static const ts_engine engines[ts_bound_count] = {[ts_bound_tensor] = ts_engine_tensor,
                                                      [ts_bound_vector] = ts_engine_vector,
                                                      [ts_bound_scalar] = ts_engine_scalar,
                                                      [ts_bound_gpsimd] = ts_engine_gpsimd};
    if (bound == ts_bound_dma_bytes || bound == ts_bound_dma_descriptors) {
        double all = record->chip.dma_engines * (double)record->total, bytes = 0, both = 0;
        for (int i = 0; i < TS_DMA_SIZES; i++) {
            double of_descriptors = (double)record->sizes[i].descriptor_time;
            both += (double)record->sizes[i].time;
            bytes += (double)record->sizes[i].time - of_descriptors;
        }
        double part = bound == ts_bound_dma_bytes ? bytes : both - bytes;
        return all > 0 && part > 0 ? part / all : 0;
    }
    if (bound == ts_bound_collective && record->collectives)
        return ts_figure_share(record->collective_busy, record->total);
    if (engines[bound] == ts_engine_none) return -1;
    return ts_figure_share(record->busy[engines[bound]], record->total);
}

static int by_bound(const void *a, const void *b) {
    const ts_report_bound *x = a, *y = b;
    if (x->time != y->time) return x->time > y->time ? -1 : 1;
    return x->bound < y->bound ? -1 : x->bound > y->bound;
}

void ts_report_arrange(ts_report *report) {
    const ts_record *record = &report->record;
    find_user_locs(report);
    find_lines(report);
    for (unsigned b = 0; b < ts_bound_count; b++) {
        ts_report_bound bound = {
            .bound = (ts_bound)b, .time = record->bound[b], .busy = busy_share(record, b)};
        for (uint32_t i = 1; i < report->lines.count; i++)
            if (report->lines.data[i].bounds[b] > report->lines.data[bound.line].bounds[b]) bound.line = i;
        ts_vec_push(&report->bounds, &report->arena, bound);
    }
    qsort(report->bounds.data, report->bounds.count, sizeof *report->bounds.data, by_bound);
}

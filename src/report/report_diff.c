/* The differences between two reports: the step, its bounds and its lines. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/report.h"

enum { SHOWN = 10 };

typedef struct change {
    const ts_report_line *before, *after; /* NULL: the line does not occur */
    ts_time delta;
} change;

static int by_size(const void *a, const void *b) {
    const change *x = a, *y = b;
    ts_time p = x->delta < 0 ? -x->delta : x->delta, q = y->delta < 0 ? -y->delta : y->delta;
    if (p != q) return p > q ? -1 : 1;
    const ts_report_line *l = x->after ? x->after : x->before, *m = y->after ? y->after : y->before;
    int order = strcmp(l->file, m->file);
    return order ? order : l->line < m->line ? -1 : l->line > m->line;
}

/* Every line of either report once, the largest change first. */
static uint32_t find_changes(const ts_report *before, const ts_report *after, change **changes,
                             ts_arena *arena) {
    uint32_t most = before->lines.count + after->lines.count;
    ts_line_pair *pairs = TS_NEW_ARRAY(arena, ts_line_pair, most);
    *changes = TS_NEW_ARRAY(arena, change, most);
    uint32_t count = ts_report_match(before, after, pairs, arena);
    for (uint32_t i = 0; i < count; i++) {
        const ts_report_line *old = pairs[i].before, *new = pairs[i].after;
        (*changes)[i] = (change){old, new, (new ? new->time : 0) - (old ? old->time : 0)};
    }
    if (count) qsort(*changes, count, sizeof **changes, by_size);
    return count;
}

static void add_signed(ts_text *out, ts_time delta, ts_time scale) {
    ts_text word = {0};
    ts_text_add(&word, delta > 0 ? "+" : "");
    ts_figure_column(&word, delta, scale);
    ts_text_format(out, "%12s", word.data);
    ts_text_free(&word);
}

static void add_triple(ts_text *out, const char *name, ts_time before, ts_time after, ts_time scale) {
    ts_text word = {0};
    ts_text_format(out, "  %-34.34s", name);
    ts_figure_column(&word, before, scale);
    ts_text_format(out, "%12s", word.data);
    word.length = 0;
    ts_figure_column(&word, after, scale);
    ts_text_format(out, "%12s", word.data);
    ts_text_free(&word);
    add_signed(out, after - before, scale);
    ts_text_add(out, "\n");
}

void ts_report_diff(const ts_report *before, const ts_report *after, ts_text *out) {
    ts_time a = before->record.total, b = after->record.total, scale = a > b ? a : b;
    ts_text_format(out, "%s -> %s: a step takes ", before->record.program_name, after->record.program_name);
    ts_figure_time(out, a);
    ts_text_add(out, " -> ");
    ts_figure_time(out, b);
    if (a == b)
        ts_text_add(out, ", the same\n\n");
    else
        ts_text_format(out, ", %.2fx %s\n\n", a > b ? (double)a / (double)b : (double)b / (double)a,
                       a > b ? "faster" : "slower");
    ts_text_format(out, "  %-34s%12s%12s%12s\n", ts_figure_unit(scale), "before", "after", "change");
    for (unsigned bound = 0; bound < ts_bound_count; bound++)
        if (before->record.bound[bound] || after->record.bound[bound])
            add_triple(out, ts_figure_bound(bound), before->record.bound[bound], after->record.bound[bound],
                       scale);
    add_triple(out, "step", a, b, scale);
    ts_arena scratch = {0};
    change *changes;
    uint32_t count = find_changes(before, after, &changes, &scratch);
    if (count && changes[0].delta != 0) ts_text_add(out, "\n  source lines that changed most\n");
    for (uint32_t i = 0; i < count && i < SHOWN && changes[i].delta != 0; i++) {
        const ts_report_line *line = changes[i].after ? changes[i].after : changes[i].before;
        ts_text name = {0};
        ts_report_place(line->file, line->line, &name);
        if (line->function[0]) ts_text_format(&name, " %s", line->function);
        add_triple(out, name.data, changes[i].before ? changes[i].before->time : 0,
                   changes[i].after ? changes[i].after->time : 0, scale);
        ts_text_free(&name);
    }
    ts_arena_free(&scratch);
}

void ts_report_diff_json(const ts_report *before, const ts_report *after, ts_text *out) {
    ts_text_format(
        out, "{\"schema\": \"trainstone.diff/1.0\", \"before_ps\": %lld, \"after_ps\": %lld, \"bound\": {",
        (long long)before->record.total, (long long)after->record.total);
    for (unsigned bound = 0; bound < ts_bound_count; bound++)
        ts_text_format(out, "%s\"%s\": [%lld, %lld]", bound ? ", " : "", ts_bound_name(bound),
                       (long long)before->record.bound[bound], (long long)after->record.bound[bound]);
    ts_text_add(out, "}, \"lines\": [");
    ts_arena scratch = {0};
    change *changes;
    uint32_t count = find_changes(before, after, &changes, &scratch);
    for (uint32_t i = 0; i < count; i++) {
        const ts_report_line *line = changes[i].after ? changes[i].after : changes[i].before;
        ts_text_add(out, i ? ",\n {\"file\": " : "\n {\"file\": ");
        ts_text_quote(out, line->file);
        ts_text_format(out, ", \"line\": %u", line->line);
        if (changes[i].before && changes[i].after)
            ts_text_format(out, ", \"before_line\": %u", changes[i].before->line);
        ts_text_format(out, ", \"before_ps\": %lld, \"after_ps\": %lld}",
                       (long long)(changes[i].before ? changes[i].before->time : 0),
                       (long long)(changes[i].after ? changes[i].after->time : 0));
    }
    ts_arena_free(&scratch);
    ts_text_add(out, "]}\n");
}

/* Which line of one report is which line of another, after an edit has moved lines: those of a function, in
   their order, by what they compute; then, since functions get other names, those of a file. */
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

/* More pairs than this are not compared: their lines are told apart by their numbers. */
enum { MOST_PAIRS = 1 << 20, SAME_OP = 2, SAME_NUMBER = 1 };

/* The lines of one report that have no partner yet, by file, function and number. */
typedef struct side {
    const ts_report_line **line;
    uint32_t count;
} side;

static int compare(const ts_report_line *a, const ts_report_line *b, bool by_function) {
    int order = strcmp(a->file, b->file);
    return order || !by_function ? order : strcmp(a->function, b->function);
}

/* For qsort_r. */
static int by_place(const void *a, const void *b, void *by_function) {
    const ts_report_line *x = *(const ts_report_line *const *)a, *y = *(const ts_report_line *const *)b;
    int order = compare(x, y, *(const bool *)by_function);
    return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

static side list_lines(const ts_report *report, ts_arena *arena) {
    side s = {TS_NEW_ARRAY(arena, const ts_report_line *, report->lines.count), report->lines.count};
    for (uint32_t i = 0; i < s.count; i++)
        s.line[i] = &report->lines.data[i];
    return s;
}

static uint32_t likeness(const ts_report_line *a, const ts_report_line *b) {
    return (strcmp(a->op, b->op) == 0 ? SAME_OP : 0) + (a->line == b->line ? SAME_NUMBER : 0);
}

/* Lines [0, n) and [0, m) paired in order, so that they are as much alike as they can be. Partners leave the
   lists as NULL. */
static void align(const ts_report_line **a, uint32_t n, const ts_report_line **b, uint32_t m, ts_arena *arena,
                  ts_line_pair *pairs, uint32_t *count) {
    uint32_t width = m + 1;
    bool is_long = (uint64_t)n * m > MOST_PAIRS;
    uint32_t *best = is_long ? NULL : TS_NEW_ARRAY(arena, uint32_t, ((size_t)n + 1) * width);
    for (uint32_t i = n; best && i-- > 0;)
        for (uint32_t j = m; j-- > 0;) {
            uint32_t with = likeness(a[i], b[j]) + best[(i + 1) * width + j + 1];
            uint32_t without = best[(i + 1) * width + j], skip = best[i * width + j + 1];
            if (without < skip) without = skip;
            best[i * width + j] = with > without ? with : without;
        }
    for (uint32_t i = 0, j = 0; i < n && j < m;) {
        uint32_t alike = likeness(a[i], b[j]);
        bool is_pair = best ? alike && best[i * width + j] == alike + best[(i + 1) * width + j + 1]
                            : a[i]->line == b[j]->line;
        bool is_before =
            best ? best[(i + 1) * width + j] >= best[i * width + j + 1] : a[i]->line < b[j]->line;
        if (is_pair) {
            pairs[(*count)++] = (ts_line_pair){a[i], b[j]};
            a[i++] = b[j++] = NULL;
        } else if (is_before) {
            i++;
        } else {
            j++;
        }
    }
}

/* Aligns the lines of each function, or file, that both sides have. */
static void match(side *a, side *b, bool by_function, ts_arena *arena, ts_line_pair *pairs, uint32_t *count) {
    if (a->count) qsort_r(a->line, a->count, sizeof *a->line, by_place, &by_function);
    if (b->count) qsort_r(b->line, b->count, sizeof *b->line, by_place, &by_function);
    for (uint32_t i = 0, j = 0, n, m; i < a->count && j < b->count; i = n, j = m) {
        int order_of = compare(a->line[i], b->line[j], by_function);
        for (n = i; n < a->count && order_of <= 0 && compare(a->line[n], a->line[i], by_function) == 0;)
            n++;
        for (m = j; m < b->count && order_of >= 0 && compare(b->line[m], b->line[j], by_function) == 0;)
            m++;
        if (order_of == 0) align(a->line + i, n - i, b->line + j, m - j, arena, pairs, count);
    }
}

static void drop_partners(side *s) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->line[i]) s->line[kept++] = s->line[i];
    s->count = kept;
}

uint32_t ts_report_match(const ts_report *before, const ts_report *after, ts_line_pair *pairs,
                         ts_arena *arena) {
    side a = list_lines(before, arena), b = list_lines(after, arena);
    uint32_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        match(&a, &b, pass == 0, arena, pairs, &count);
        drop_partners(&a);
        drop_partners(&b);
    }
    for (uint32_t i = 0; i < a.count; i++)
        pairs[count++] = (ts_line_pair){a.line[i], NULL};
    for (uint32_t i = 0; i < b.count; i++)
        pairs[count++] = (ts_line_pair){NULL, b.line[i]};
    return count;
}

/* Makes graphs (as text, docs/hlo.md) out of fuzzer bytes: each byte is a choice, so that small mutations
   change one operation, size or attribute. Types are right by construction; sizes are ragged, large, 1 and 0.
 */
#ifndef TS_FUZZ_RANDOM_GRAPH_H
#define TS_FUZZ_RANDOM_GRAPH_H

#include <inttypes.h>

#include "base/text.h"
#include "compiler/graph/graph.h"

enum { GRAPH_VALUES = 64, GRAPH_RANK = 5, GRAPH_OPS = 10 };

typedef struct shape {
    const char *dtype;
    int rank;
    int64_t dim[TS_MAX_RANK];
} shape;

typedef struct graph {
    const uint8_t *at, *end; /* choices left; 0 once they are used up */
    ts_text text;
    shape values[GRAPH_VALUES];
    int count, next; /* values to choose from; numbers given */
    int numbers[GRAPH_VALUES];
} graph;

static unsigned choose(graph *g, unsigned count) {
    return g->at < g->end ? *g->at++ % count : 0;
}

static int64_t choose_dim(graph *g) {
    static const int64_t dims[] = {4,   3,   1,   2,   5,   7,   8,    9,    16,    31,
                                   100, 127, 128, 129, 200, 513, 1000, 2048, 50257, 0};
    return dims[choose(g, sizeof dims / sizeof *dims)];
}

static int64_t choose_small(graph *g, int64_t low, int64_t high) {
    return low + (int64_t)choose(g, (unsigned)(high - low + 1));
}

static int choose_value(graph *g) {
    return g->count - 1 - (int)choose(g, (unsigned)g->count);
}

static bool is_float(const shape *s) {
    return s->dtype[0] == 'f' || s->dtype[0] == 'b';
}

static int64_t elems(const shape *s) {
    return ts_type_elems(&(ts_type){
        .rank = (uint8_t)s->rank,
        .dim = {s->dim[0], s->dim[1], s->dim[2], s->dim[3], s->dim[4], s->dim[5], s->dim[6], s->dim[7]}});
}

static void put_type(graph *g, const shape *s) {
    ts_text_format(&g->text, "%s[", s->dtype);
    for (int i = 0; i < s->rank; i++)
        ts_text_format(&g->text, "%s%" PRId64, i ? "," : "", s->dim[i]);
    ts_text_add(&g->text, "]");
}

static void put_list(graph *g, const char *name, const int64_t *list, int count, bool is_last) {
    ts_text_format(&g->text, "%s = [", name);
    for (int i = 0; i < count; i++)
        ts_text_format(&g->text, "%s%" PRId64, i ? ", " : "", list[i]);
    ts_text_add(&g->text, is_last ? "]} " : "], ");
}

/* "  %N = NAME " and the number of the value. */
static int begin(graph *g, const char *name) {
    ts_text_format(&g->text, "  %%%d = %s ", g->next, name);
    return g->next++;
}

static void keep(graph *g, int number, const shape *s) {
    int at = g->count < GRAPH_VALUES ? g->count++ : GRAPH_VALUES - 1;
    g->values[at] = *s;
    g->numbers[at] = number;
}

static void finish(graph *g, int number, const shape *s) {
    ts_text_add(&g->text, " : ");
    put_type(g, s);
    ts_text_add(&g->text, "\n");
    keep(g, number, s);
}

static void put_operand(graph *g, int value) {
    ts_text_format(&g->text, "%%%d", g->numbers[value]);
}

/* A fresh constant: a splat, as most are. */
static int make_constant(graph *g, const shape *s) {
    static const char *const floats[] = {"1.5", "0.0", "-inf", "1.0", "-0.0", "inf", "nan", "3.0e38"};
    static const char *const ints[] = {"1", "0", "2", "3", "100", "1", "5", "7"};
    unsigned which = choose(g, 8);
    int number = begin(g, "constant");
    ts_text_add(&g->text, s->dtype[0] == 'i' && s->dtype[1] == '1' && !s->dtype[2] ? ints[which & 1]
                          : is_float(s)                                            ? floats[which]
                                                                                   : ints[which]);
    finish(g, number, s);
    return g->count - 1;
}

/* A value of the very type: one that is there, or a constant. */
static int find_like(graph *g, const shape *s) {
    unsigned skip = choose(g, 3);
    for (int i = g->count; i-- > 0;) {
        const shape *v = &g->values[i];
        if (v->dtype != s->dtype || v->rank != s->rank || memcmp(v->dim, s->dim, (size_t)s->rank * 8) != 0)
            continue;
        if (skip-- == 0) return i;
    }
    return make_constant(g, s);
}

#endif

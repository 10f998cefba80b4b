/* Makes graphs (as text, docs/hlo.md) out of fuzzer bytes: each byte is a choice, so that small mutations
   change one operation, size or attribute. Types are right by construction; sizes are ragged, large, 1 and 0.
 */
#ifndef TS_FUZZ_RANDOM_GRAPH_H
#define TS_FUZZ_RANDOM_GRAPH_H

#include <inttypes.h>

#include "base/text.h"
#include "compiler/graph.h"

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

static void put_pointwise(graph *g) {
    static const char *const unary[] = {"negate",
                                        "abs",
                                        "exponential",
                                        "log",
                                        "sqrt",
                                        "rsqrt",
                                        "tanh",
                                        "logistic",
                                        "floor",
                                        "ceil",
                                        "sign",
                                        "cosine",
                                        "sine",
                                        "log_plus_one",
                                        "exponential_minus_one",
                                        "cbrt",
                                        "round_nearest_even",
                                        "not",
                                        "popcnt"};
    static const char *const binary[] = {"add",
                                         "multiply",
                                         "subtract",
                                         "divide",
                                         "maximum",
                                         "minimum",
                                         "power",
                                         "remainder",
                                         "atan2",
                                         "and",
                                         "or",
                                         "xor",
                                         "shift_left",
                                         "shift_right_logical",
                                         "shift_right_arithmetic"};
    static const char *const directions[] = {"LT", "EQ", "NE", "GE", "GT", "LE"};
    static const char *const dtypes[] = {"f32", "bf16", "i32", "i1",     "f16",
                                         "u32", "i8",   "u8",  "f8e5m2", "i16"};
    int a = choose_value(g), b, c, number;
    shape s = g->values[a], predicate = s;
    predicate.dtype = "i1";
    switch (choose(g, 5)) {
    case 0:
        number = begin(g, unary[choose(g, sizeof unary / sizeof *unary)]);
        put_operand(g, a);
        break;
    case 1:
        b = find_like(g, &s);
        number = begin(g, binary[choose(g, sizeof binary / sizeof *binary)]);
        put_operand(g, a);
        ts_text_add(&g->text, ", ");
        put_operand(g, b);
        break;
    case 2:
        b = find_like(g, &s);
        number = begin(g, "compare");
        ts_text_format(&g->text, "%s ", directions[choose(g, 6)]);
        put_operand(g, a);
        ts_text_add(&g->text, ", ");
        put_operand(g, b);
        s.dtype = "i1";
        break;
    case 3:
        b = find_like(g, &s);
        c = find_like(g, &predicate);
        number = begin(g, "select");
        put_operand(g, c);
        ts_text_add(&g->text, ", ");
        put_operand(g, a);
        ts_text_add(&g->text, ", ");
        put_operand(g, b);
        break;
    default:
        number = begin(g, "convert");
        put_operand(g, a);
        s.dtype = dtypes[choose(g, sizeof dtypes / sizeof *dtypes)];
        break;
    }
    finish(g, number, &s);
}

/* A permutation of the axes by the choices. */
static void choose_axes(graph *g, int rank, int64_t *axes) {
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    for (int i = 0; i < rank; i++) {
        int other = i + (int)choose(g, (unsigned)(rank - i));
        int64_t axis = axes[i];
        axes[i] = axes[other];
        axes[other] = axis;
    }
}

static void sort_axes(int64_t *axes, int count) {
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && axes[j] < axes[j - 1]; j--) {
            int64_t axis = axes[j];
            axes[j] = axes[j - 1];
            axes[j - 1] = axis;
        }
}

static void put_reshape(graph *g, int a, shape s) {
    int64_t total = elems(&s);
    unsigned how = choose(g, 3);
    if (how == 0 || s.rank == 0) { /* flat */
        s.rank = 1;
        s.dim[0] = total;
    } else if (how == 1 && s.rank < GRAPH_RANK) { /* split the last axis */
        int64_t part = choose_small(g, 1, 8), last = s.dim[s.rank - 1];
        if (last % part) part = 1;
        s.dim[s.rank - 1] = last / part;
        s.dim[s.rank++] = part;
    } else if (s.rank > 1) { /* join two */
        int at = (int)choose(g, (unsigned)s.rank - 1);
        if (__builtin_mul_overflow(s.dim[at], s.dim[at + 1], &s.dim[at])) s.dim[at] = INT64_MAX;
        memmove(&s.dim[at + 1], &s.dim[at + 2], (size_t)(s.rank - at - 2) * 8);
        s.rank--;
    }
    int number = begin(g, "reshape");
    put_operand(g, a);
    finish(g, number, &s);
}

static void put_slice(graph *g, int a, shape s) {
    int64_t start[TS_MAX_RANK], limit[TS_MAX_RANK], step[TS_MAX_RANK];
    for (int i = 0; i < s.rank; i++) {
        start[i] = choose_small(g, 0, 3);
        if (start[i] > s.dim[i]) start[i] = s.dim[i];
        limit[i] = s.dim[i] - choose_small(g, 0, 3);
        if (limit[i] < start[i]) limit[i] = start[i];
        step[i] = choose_small(g, 1, 4);
        s.dim[i] = (limit[i] - start[i] + step[i] - 1) / step[i];
    }
    int number = begin(g, "slice");
    put_operand(g, a);
    ts_text_add(&g->text, " {");
    put_list(g, "start_indices", start, s.rank, false);
    put_list(g, "limit_indices", limit, s.rank, false);
    put_list(g, "strides", step, s.rank, true);
    finish(g, number, &s);
}

static void put_broadcast(graph *g, int a, const shape *from) {
    shape s = {.dtype = from->dtype, .rank = from->rank};
    int64_t axes[TS_MAX_RANK];
    int more = (int)choose(g, 3);
    if (s.rank + more > TS_MAX_RANK) more = TS_MAX_RANK - s.rank;
    s.rank += more;
    choose_axes(g, s.rank, axes);
    if (choose(g, 2)) sort_axes(axes, from->rank);
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = choose_dim(g);
    for (int i = 0; i < from->rank; i++)
        if (from->dim[i] != 1 || choose(g, 2)) s.dim[axes[i]] = from->dim[i];
    int number = begin(g, "broadcast_in_dim");
    put_operand(g, a);
    ts_text_add(&g->text, " {");
    put_list(g, "broadcast_dimensions", axes, from->rank, true);
    finish(g, number, &s);
}

static void put_view(graph *g) {
    int a = choose_value(g), number;
    shape s = g->values[a], from = s;
    int64_t axes[TS_MAX_RANK];
    switch (choose(g, 6)) {
    case 0: put_reshape(g, a, s); return;
    case 1: put_slice(g, a, s); return;
    case 2: put_broadcast(g, a, &from); return;
    case 3:
        choose_axes(g, s.rank, axes);
        number = begin(g, "transpose");
        put_operand(g, a);
        ts_text_add(&g->text, " {");
        put_list(g, "permutation", axes, s.rank, true);
        for (int i = 0; i < s.rank; i++)
            s.dim[i] = from.dim[axes[i]];
        break;
    case 4: {
        choose_axes(g, s.rank, axes);
        int count = (int)choose(g, (unsigned)s.rank + 1);
        number = begin(g, "reverse");
        put_operand(g, a);
        ts_text_add(&g->text, " {");
        put_list(g, "dimensions", axes, count, true);
        break;
    }
    default:
        if (s.rank == 0) return;
        number = begin(g, "iota");
        ts_text_format(&g->text, "{iota_dimension = %u}", choose(g, (unsigned)s.rank));
        break;
    }
    finish(g, number, &s);
}

static void put_joining(graph *g) {
    int a = choose_value(g), b, number;
    shape s = g->values[a], scalar = {.dtype = s.dtype}, index = {.dtype = "i32"};
    int64_t low[TS_MAX_RANK], high[TS_MAX_RANK], interior[TS_MAX_RANK];
    switch (choose(g, 4)) {
    case 0: { /* concatenate */
        if (s.rank == 0) return;
        int axis = (int)choose(g, (unsigned)s.rank);
        b = find_like(g, &s);
        number = begin(g, "concatenate");
        put_operand(g, a);
        ts_text_add(&g->text, ", ");
        put_operand(g, b);
        ts_text_format(&g->text, " {dimension = %d}", axis);
        s.dim[axis] *= 2;
        break;
    }
    case 1: /* pad */
        for (int i = 0; i < s.rank; i++) {
            low[i] = choose_small(g, -2, 5);
            high[i] = choose_small(g, -2, 5);
            interior[i] = choose_small(g, 0, 3);
            int64_t extent = s.dim[i] ? (s.dim[i] - 1) * (interior[i] + 1) + 1 : 0;
            if (extent + low[i] + high[i] < 0) low[i] = high[i] = 0;
            s.dim[i] = extent + low[i] + high[i];
        }
        b = find_like(g, &scalar);
        number = begin(g, "pad");
        put_operand(g, a);
        ts_text_add(&g->text, ", ");
        put_operand(g, b);
        ts_text_add(&g->text, " {");
        put_list(g, "edge_padding_low", low, s.rank, false);
        put_list(g, "edge_padding_high", high, s.rank, false);
        put_list(g, "interior_padding", interior, s.rank, true);
        break;
    default: { /* dynamic_slice, dynamic_update_slice */
        bool is_update = choose(g, 2);
        shape part = s;
        for (int i = 0; i < s.rank; i++)
            if (choose(g, 2))
                part.dim[i] = choose_small(g, 0, 3) < s.dim[i] ? choose_small(g, 0, 1) : s.dim[i];
        for (int i = 0; i < s.rank; i++)
            if (part.dim[i] > s.dim[i]) part.dim[i] = s.dim[i];
        b = is_update ? find_like(g, &part) : 0;
        int start = find_like(g, &index);
        number = begin(g, is_update ? "dynamic_update_slice" : "dynamic_slice");
        put_operand(g, a);
        if (is_update) {
            ts_text_add(&g->text, ", ");
            put_operand(g, b);
        }
        for (int i = 0; i < s.rank; i++) {
            ts_text_add(&g->text, ", ");
            put_operand(g, start);
        }
        if (!is_update) {
            ts_text_add(&g->text, " {");
            put_list(g, "slice_sizes", part.dim, s.rank, true);
            s = part;
        }
        break;
    }
    }
    finish(g, number, &s);
}

static void put_dot(graph *g) {
    int a = choose_value(g);
    shape lhs = g->values[a], rhs = {.dtype = lhs.dtype}, s = {.dtype = choose(g, 3) ? lhs.dtype : "f32"};
    int64_t axes[TS_MAX_RANK], rhs_axes[TS_MAX_RANK];
    int batch = (int)choose(g, (unsigned)lhs.rank + 1);
    int inner = (int)choose(g, (unsigned)(lhs.rank - batch) + 1);
    choose_axes(g, lhs.rank, axes);
    rhs.rank = batch + inner + (int)choose(g, 3);
    if (rhs.rank > TS_MAX_RANK) rhs.rank = TS_MAX_RANK;
    choose_axes(g, rhs.rank, rhs_axes);
    for (int i = 0; i < rhs.rank; i++)
        rhs.dim[rhs_axes[i]] = i < batch + inner ? lhs.dim[axes[i]] : choose_dim(g);
    for (int i = 0; i < batch; i++)
        s.dim[s.rank++] = lhs.dim[axes[i]];
    for (int side = 0; side < 2; side++)
        for (int axis = 0; axis < (side ? rhs.rank : lhs.rank); axis++) {
            bool is_used = false;
            for (int i = 0; i < batch + inner; i++)
                is_used |= (side ? rhs_axes : axes)[i] == axis;
            if (!is_used && s.rank < TS_MAX_RANK) s.dim[s.rank++] = (side ? rhs.dim : lhs.dim)[axis];
        }
    int b = find_like(g, &rhs), number = begin(g, "dot_general");
    put_operand(g, a);
    ts_text_add(&g->text, ", ");
    put_operand(g, b);
    ts_text_add(&g->text, " {");
    put_list(g, "lhs_batching_dimensions", axes, batch, false);
    put_list(g, "rhs_batching_dimensions", rhs_axes, batch, false);
    put_list(g, "lhs_contracting_dimensions", axes + batch, inner, false);
    put_list(g, "rhs_contracting_dimensions", rhs_axes + batch, inner, true);
    finish(g, number, &s);
}

static void put_combiner(graph *g, const char *dtype) {
    static const char *const kinds[] = {"add", "maximum", "minimum", "multiply", "and", "or", "subtract"};
    int a = g->next, b = a + 1, c = b + 1;
    g->next += 3;
    unsigned kind = choose(g, 8);
    ts_text_format(&g->text, " (%%%d: %s[], %%%d: %s[]) {\n", a, dtype, b, dtype);
    if (kind < 7) ts_text_format(&g->text, "    %%%d = %s %%%d, %%%d\n", c, kinds[kind], a, b);
    ts_text_format(&g->text, "    return %%%d\n  }\n", kind < 7 ? c : b);
}

static void put_reduce(graph *g) {
    int a = choose_value(g);
    shape s = g->values[a], scalar = {.dtype = s.dtype}, out = {.dtype = s.dtype};
    int64_t axes[TS_MAX_RANK], size[TS_MAX_RANK], stride[TS_MAX_RANK], base[TS_MAX_RANK],
        dilation[TS_MAX_RANK], padding[2 * TS_MAX_RANK];
    bool is_window = choose(g, 2);
    int init = find_like(g, &scalar), number;
    if (is_window) {
        out = s;
        for (int i = 0; i < s.rank; i++) {
            size[i] = choose(g, 4) ? choose_small(g, 1, 4) : s.dim[i] ? s.dim[i] : 1;
            stride[i] = choose_small(g, 1, 3);
            base[i] = choose(g, 4) ? 1 : choose_small(g, 1, 3);
            dilation[i] = choose(g, 4) ? 1 : choose_small(g, 1, 3);
            padding[2 * i] = choose(g, 3) ? 0 : choose_small(g, -1, 3);
            padding[2 * i + 1] = choose(g, 3) ? 0 : choose(g, 2) ? size[i] - 1 : choose_small(g, -1, 3);
            int64_t extent =
                (s.dim[i] ? (s.dim[i] - 1) * base[i] + 1 : 0) + padding[2 * i] + padding[2 * i + 1];
            int64_t span = (size[i] - 1) * dilation[i] + 1;
            out.dim[i] = extent <= 0 || span > extent ? 0 : (extent - span) / stride[i] + 1;
        }
        number = begin(g, "reduce_window");
    } else {
        int count = (int)choose(g, (unsigned)s.rank + 1);
        choose_axes(g, s.rank, axes);
        for (int axis = 0; axis < s.rank; axis++) {
            bool is_gone = false;
            for (int i = 0; i < count; i++)
                is_gone |= axes[i] == axis;
            if (!is_gone) out.dim[out.rank++] = s.dim[axis];
        }
        number = begin(g, "reduce");
        size[0] = count;
    }
    put_operand(g, a);
    ts_text_add(&g->text, ", ");
    put_operand(g, init);
    ts_text_add(&g->text, " {");
    if (is_window) {
        put_list(g, "window_dimensions", size, s.rank, false);
        put_list(g, "window_strides", stride, s.rank, false);
        put_list(g, "base_dilations", base, s.rank, false);
        put_list(g, "window_dilations", dilation, s.rank, false);
        put_list(g, "padding", padding, 2 * s.rank, true);
    } else {
        put_list(g, "dimensions", axes, (int)size[0], true);
    }
    ts_text_add(&g->text, " : ");
    put_type(g, &out);
    put_combiner(g, s.dtype);
    keep(g, number, &out);
}

/* Gather and scatter with any division of the operand's axes into window, dropped and batching axes. */
static void put_indexed(graph *g) {
    int a = choose_value(g), updates = 0;
    shape s = g->values[a], indices = {.dtype = choose(g, 4) ? "i32" : "u32"}, window = {.dtype = s.dtype};
    bool is_scatter = choose(g, 2);
    int64_t axes[TS_MAX_RANK], index_axes[TS_MAX_RANK], sizes[TS_MAX_RANK], offset[TS_MAX_RANK];
    int batching = (int)choose(g, (unsigned)(s.rank > 2 ? 2 : s.rank) + 1) / 2;
    int dropped = (int)choose(g, (unsigned)(s.rank - batching) + 1), kept = s.rank - batching - dropped;
    int mapped = (int)choose(g, (unsigned)(s.rank - batching) + 1);
    choose_axes(g, s.rank, axes); /* batching, dropped, kept */
    indices.rank = batching + (int)choose(g, 2) + 1;
    int vector = (int)choose(g, (unsigned)indices.rank + (mapped == 1));
    for (int i = 0; i < indices.rank; i++)
        indices.dim[i] = choose_dim(g);
    if (vector < indices.rank) indices.dim[vector] = mapped;
    for (int i = 0, at = 0; i < batching; i++, at++) {
        at += at == vector;
        index_axes[i] = at;
        if (at < indices.rank) indices.dim[at] = s.dim[axes[i]];
    }
    sort_axes(axes + batching, dropped);
    for (int i = 0; i < s.rank; i++)
        sizes[i] = choose(g, 2)                       ? s.dim[i]
                   : choose_small(g, 0, 2) < s.dim[i] ? choose_small(g, 0, 1)
                                                      : s.dim[i];
    for (int i = 0; i < batching + dropped; i++)
        sizes[axes[i]] = s.dim[axes[i]] ? 1 : 0;
    int batch_rank = indices.rank - (vector < indices.rank), from = 0, to = 0;
    if (batch_rank + kept > TS_MAX_RANK) return;
    int64_t places[TS_MAX_RANK], kept_axes[TS_MAX_RANK];
    choose_axes(g, batch_rank + kept, places);
    memcpy(offset, places, sizeof offset);
    sort_axes(offset, kept);
    memcpy(kept_axes, axes + batching + dropped, (size_t)kept * 8);
    sort_axes(kept_axes, kept);
    window.rank = batch_rank + kept;
    for (int i = 0, k = 0; i < window.rank; i++) {
        if (k < kept && offset[k] == i) {
            window.dim[i] = sizes[kept_axes[k++]];
            continue;
        }
        from += from == vector;
        window.dim[i] = indices.dim[from++];
        to++;
    }
    int64_t map[TS_MAX_RANK];
    choose_axes(g, s.rank - batching, map);
    for (int i = 0; i < mapped; i++)
        map[i] = axes[batching + map[i]];
    int index = find_like(g, &indices);
    if (is_scatter) updates = find_like(g, &window);
    int number = begin(g, is_scatter ? "scatter" : "gather");
    put_operand(g, a);
    ts_text_add(&g->text, ", ");
    put_operand(g, index);
    if (is_scatter) {
        ts_text_add(&g->text, ", ");
        put_operand(g, updates);
    }
    ts_text_format(&g->text, " {index_vector_dim = %d, ", vector);
    put_list(g, is_scatter ? "update_window_dims" : "offset_dims", offset, kept, false);
    put_list(g, is_scatter ? "inserted_window_dims" : "collapsed_slice_dims", axes + batching, dropped,
             false);
    put_list(g, is_scatter ? "input_batching_dims" : "operand_batching_dims", axes, batching, false);
    put_list(g, is_scatter ? "scatter_indices_batching_dims" : "start_indices_batching_dims", index_axes,
             batching, false);
    if (!is_scatter) put_list(g, "slice_sizes", sizes, s.rank, false);
    put_list(g, is_scatter ? "scatter_dims_to_operand_dims" : "start_index_map", map, mapped, true);
    ts_text_add(&g->text, " : ");
    put_type(g, is_scatter ? &s : &window);
    if (is_scatter)
        put_combiner(g, s.dtype);
    else
        ts_text_add(&g->text, "\n");
    keep(g, number, is_scatter ? &s : &window);
}

static void put_random_op(graph *g) {
    switch (choose(g, 8)) {
    case 0:
    case 1: put_pointwise(g); break;
    case 2:
    case 3: put_view(g); break;
    case 4: put_joining(g); break;
    case 5: put_dot(g); break;
    case 6: put_reduce(g); break;
    default: put_indexed(g); break;
    }
}

/* @main of one to three arguments that returns the last values made. Free g->text. */
static void make_graph(graph *g, const uint8_t *data, size_t size) {
    static const char *const dtypes[] = {"f32", "bf16", "i32", "f16", "u32", "i1", "i8"};
    *g = (graph){.at = data, .end = data + size};
    int arguments = 1 + (int)choose(g, 3), results = 1 + (int)choose(g, 3);
    ts_text_add(&g->text, "func @main(");
    for (int i = 0; i < arguments; i++) {
        shape s = {.dtype = dtypes[choose(g, 7)], .rank = (int)choose(g, GRAPH_RANK)};
        for (int k = 0; k < s.rank; k++)
            s.dim[k] = choose_dim(g);
        ts_text_format(&g->text, "%s%%%d: ", i ? ", " : "", g->next);
        put_type(g, &s);
        keep(g, g->next++, &s);
    }
    ts_text head = g->text;
    g->text = (ts_text){0};
    for (int i = 0; i < GRAPH_OPS && g->at < g->end; i++)
        put_random_op(g);
    ts_text body = g->text;
    g->text = head;
    if (results > g->count) results = g->count;
    ts_text_add(&g->text, ") -> (");
    for (int i = 0; i < results; i++) {
        ts_text_add(&g->text, i ? ", " : "");
        put_type(g, &g->values[g->count - 1 - i]);
    }
    ts_text_add(&g->text, ") {\n");
    if (body.data) ts_text_add(&g->text, body.data);
    ts_text_add(&g->text, "  return ");
    for (int i = 0; i < results; i++)
        ts_text_format(&g->text, "%s%%%d", i ? ", " : "", g->numbers[g->count - 1 - i]);
    ts_text_add(&g->text, "\n}\n");
    ts_text_free(&body);
}

#endif

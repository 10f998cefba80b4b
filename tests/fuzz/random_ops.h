/* Random operations without regions, for random_graph.h: pointwise, views, joining, products. */
#ifndef TS_FUZZ_RANDOM_OPS_H
#define TS_FUZZ_RANDOM_OPS_H

#include "random_graph.h"

/* Names of operations that take the element type: those of floats, of integers, and of both. */
static const char *choose_name(graph *g, const shape *s, bool is_binary) {
    static const char *const floats[2][17] = {
        {"exponential", "log", "sqrt", "rsqrt", "tanh", "logistic", "floor", "ceil", "cosine", "sine", "tan",
         "log_plus_one", "exponential_minus_one", "cbrt", "round_nearest_even", "round_nearest_afz"},
        {"divide", "atan2", "power"}};
    static const char *const ints[2][7] = {
        {"not", "popcnt", "count_leading_zeros"},
        {"and", "or", "xor", "shift_left", "shift_right_logical", "shift_right_arithmetic", "divide"}};
    static const char *const both[2][8] = {
        {"negate", "abs", "sign"},
        {"add", "multiply", "subtract", "maximum", "minimum", "remainder", "power", "divide"}};
    static const unsigned counts[2][3] = {{16, 3, 3}, {3, 7, 8}};
    bool is_predicate = strcmp(s->dtype, "i1") == 0;
    if (is_predicate) return is_binary ? ints[1][choose(g, 3)] : "not";
    bool is_unsigned = s->dtype[0] == 'u';
    if (choose(g, 2))
        return is_unsigned && !is_binary ? "negate" : both[is_binary][choose(g, counts[is_binary][2])];
    return is_float(s) ? floats[is_binary][choose(g, counts[is_binary][0])]
                       : ints[is_binary][choose(g, counts[is_binary][1])];
}

static void put_pointwise(graph *g) {
    static const char *const directions[] = {"LT", "EQ", "NE", "GE", "GT", "LE"};
    static const char *const dtypes[] = {"f32", "bf16", "i32", "i1",     "f16",
                                         "u32", "i8",   "u8",  "f8e5m2", "i16"};
    int a = choose_value(g), b, c, number;
    shape s = g->values[a], predicate = s;
    predicate.dtype = "i1";
    switch (choose(g, 5)) {
    case 0:
        number = begin(g, choose_name(g, &s, false));
        put_operand(g, a);
        break;
    case 1:
        b = find_like(g, &s);
        number = begin(g, choose_name(g, &s, true));
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
            if (choose(g, 6) == 5) high[i] = choose_dim(g);
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

#endif

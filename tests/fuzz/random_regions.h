/* Random operations that reduce, index, sort, convolve or branch, for random_graph.h, and whole graphs of all
 * kinds. */
#ifndef TS_FUZZ_RANDOM_REGIONS_H
#define TS_FUZZ_RANDOM_REGIONS_H

#include "random_ops.h"

static void put_combiner(graph *g, const char *dtype) {
    static const char *const kinds[] = {"add", "maximum", "minimum", "multiply"};
    int a = g->next, b = a + 1, c = b + 1;
    unsigned kind = choose(g, 6);
    const char *name = kind < 4 ? kinds[kind] : choose_name(g, &(shape){.dtype = dtype}, true);
    g->next += 3;
    ts_text_format(&g->text, " (%%%d: %s[], %%%d: %s[]) {\n", a, dtype, b, dtype);
    if (kind < 5) ts_text_format(&g->text, "    %%%d = %s %%%d, %%%d\n", c, name, a, b);
    ts_text_format(&g->text, "    return %%%d\n  }\n", kind < 5 ? c : b);
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
            size[i] = choose(g, 4) ? choose_small(g, 1, 4) : choose(g, 2) ? choose_dim(g) : s.dim[i];
            if (size[i] == 0) size[i] = 1;
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

/* Sort of one or two operands by a comparison of the first. */
static void put_sort(graph *g) {
    static const char *const directions[] = {"LT", "GT", "LE"};
    int a = choose_value(g);
    shape s = g->values[a], other = s;
    if (s.rank == 0) return;
    bool is_pair = choose(g, 2);
    other.dtype = choose(g, 2) ? "i32" : s.dtype;
    int b = is_pair ? find_like(g, &other) : a, number = g->next;
    g->next += 1 + is_pair;
    ts_text_format(&g->text, is_pair ? "  %%%d, %%%d = sort " : "  %%%d = sort ", number, number + 1);
    put_operand(g, a);
    if (is_pair) {
        ts_text_add(&g->text, ", ");
        put_operand(g, b);
    }
    ts_text_format(&g->text, " {dimension = %u, is_stable = %s} : ", choose(g, (unsigned)s.rank),
                   choose(g, 2) ? "true" : "false");
    put_type(g, &s);
    if (is_pair) {
        ts_text_add(&g->text, ", ");
        put_type(g, &other);
    }
    ts_text_add(&g->text, " (");
    int first = g->next;
    g->next += is_pair ? 5 : 3;
    for (int i = 0; i < (is_pair ? 4 : 2); i++)
        ts_text_format(&g->text, "%s%%%d: %s[]", i ? ", " : "", first + i, i < 2 ? s.dtype : other.dtype);
    int verdict = g->next - 1;
    ts_text_format(&g->text, ") {\n    %%%d = compare %s %%%d, %%%d%s : i1[]\n    return %%%d\n  }\n",
                   verdict, directions[choose(g, 3)], first, first + 1,
                   is_float(&s) && choose(g, 2) ? " {compare_type = TOTALORDER}" : "", verdict);
    keep(g, number, &s);
    if (is_pair) keep(g, number + 1, &other);
}

/* Layouts by the choices, strides, padding, dilations and groups. */
static void put_convolution(graph *g) {
    int a = choose_value(g);
    shape lhs = g->values[a], rhs = {.dtype = lhs.dtype, .rank = lhs.rank}, s = rhs;
    if (lhs.rank < 2) return;
    int spatial = lhs.rank - 2;
    int64_t in[TS_MAX_RANK], kernel[TS_MAX_RANK], out[TS_MAX_RANK], stride[TS_MAX_RANK], base[TS_MAX_RANK],
        dilation[TS_MAX_RANK], padding[2 * TS_MAX_RANK];
    choose_axes(g, lhs.rank, in); /* batch, feature, spatial */
    choose_axes(g, lhs.rank, kernel);
    choose_axes(g, lhs.rank, out);
    int64_t groups = choose(g, 3) ? 1 : choose_small(g, 1, 4),
            batches = choose(g, 4) ? 1 : choose_small(g, 1, 3);
    if (lhs.dim[in[1]] % groups) groups = 1;
    if (groups > 1 || lhs.dim[in[0]] % batches) batches = 1;
    rhs.dim[kernel[0]] = lhs.dim[in[1]] / groups;
    rhs.dim[kernel[1]] = choose_small(g, 1, 5) * groups * batches;
    s.dim[out[0]] = lhs.dim[in[0]] / batches;
    s.dim[out[1]] = rhs.dim[kernel[1]];
    for (int i = 0; i < spatial; i++) {
        int64_t size = choose(g, 6) ? choose_small(g, 1, 4) : choose_dim(g), from = lhs.dim[in[2 + i]];
        if (size == 0) size = 1;
        stride[i] = choose_small(g, 1, 3);
        base[i] = choose(g, 3) ? 1 : 2;
        dilation[i] = choose(g, 3) ? 1 : 2;
        padding[2 * i] = choose(g, 2) ? 0 : choose_small(g, -1, 3);
        padding[2 * i + 1] = choose(g, 2) ? 0 : choose_small(g, -1, 3);
        rhs.dim[kernel[2 + i]] = size;
        int64_t extent = (from ? (from - 1) * base[i] + 1 : 0) + padding[2 * i] + padding[2 * i + 1];
        int64_t span = (size - 1) * dilation[i] + 1;
        s.dim[out[2 + i]] = extent <= 0 || span > extent ? 0 : (extent - span) / stride[i] + 1;
    }
    int b = find_like(g, &rhs), number = begin(g, "convolution");
    put_operand(g, a);
    ts_text_add(&g->text, ", ");
    put_operand(g, b);
    ts_text_format(
        &g->text,
        " {input_batch_dimension = %d, input_feature_dimension = %d, kernel_input_feature_dimension = %d, "
        "kernel_output_feature_dimension = %d, output_batch_dimension = %d, output_feature_dimension = %d, "
        "feature_group_count = %d, batch_group_count = %d, ",
        (int)in[0], (int)in[1], (int)kernel[0], (int)kernel[1], (int)out[0], (int)out[1], (int)groups,
        (int)batches);
    put_list(g, "input_spatial_dimensions", in + 2, spatial, false);
    put_list(g, "kernel_spatial_dimensions", kernel + 2, spatial, false);
    put_list(g, "output_spatial_dimensions", out + 2, spatial, false);
    put_list(g, "window_strides", stride, spatial, false);
    put_list(g, "padding", padding, 2 * spatial, false);
    put_list(g, "lhs_dilation", base, spatial, false);
    put_list(g, "rhs_dilation", dilation, spatial, true);
    finish(g, number, &s);
}

static void put_select_and_scatter(graph *g) {
    int a = choose_value(g);
    shape s = g->values[a], source = s, scalar = {.dtype = s.dtype};
    int64_t size[TS_MAX_RANK], stride[TS_MAX_RANK];
    for (int i = 0; i < s.rank; i++) {
        size[i] = choose(g, 5) ? choose_small(g, 1, 3) : choose_dim(g);
        if (size[i] == 0) size[i] = 1;
        stride[i] = choose_small(g, 1, 3);
        source.dim[i] = size[i] > s.dim[i] ? 0 : (s.dim[i] - size[i]) / stride[i] + 1;
    }
    int b = find_like(g, &source), init = find_like(g, &scalar), number = begin(g, "select_and_scatter");
    put_operand(g, a);
    ts_text_add(&g->text, ", ");
    put_operand(g, b);
    ts_text_add(&g->text, ", ");
    put_operand(g, init);
    ts_text_add(&g->text, " {");
    put_list(g, "window_dimensions", size, s.rank, false);
    put_list(g, "window_strides", stride, s.rank, true);
    ts_text_add(&g->text, " : ");
    put_type(g, &s);
    int first = g->next;
    g->next += 3;
    ts_text_format(
        &g->text,
        " (%%%d: %s[], %%%d: %s[]) {\n    %%%d = compare %s %%%d, %%%d : i1[]\n    return %%%d\n  }", first,
        s.dtype, first + 1, s.dtype, first + 2, choose(g, 4) ? "GE" : "LT", first, first + 1, first + 2);
    put_combiner(g, s.dtype);
    keep(g, number, &s);
}

static void put_random_op(graph *g, int depth);

/* Operations of a region that may use outer values; theirs are gone behind it. Returns a value like `s`. */
static void put_body(graph *g, const shape *s, int depth) {
    int count = g->count;
    for (int i = (int)choose(g, 3); i > 0; i--)
        put_random_op(g, depth + 1);
    int value = find_like(g, s);
    ts_text_add(&g->text, "    return ");
    put_operand(g, value);
    ts_text_add(&g->text, "\n  }\n");
    g->count = count;
}

static void put_case(graph *g, int depth) {
    int a = choose_value(g), branches = 1 + (int)choose(g, 3);
    shape s = g->values[a], index = {.dtype = "i32"};
    int which = find_like(g, &index), number = begin(g, "case");
    put_operand(g, which);
    ts_text_add(&g->text, " : ");
    put_type(g, &s);
    for (int i = 0; i < branches; i++) {
        ts_text_add(&g->text, " () {\n");
        put_body(g, &s, depth);
    }
    keep(g, number, &s);
}

/* Counts up to a constant or to a value; the second value is carried. */
static void put_while(graph *g, int depth) {
    int a = choose_value(g);
    shape s = g->values[a], index = {.dtype = "i32"};
    int start = find_like(g, &index), limit = find_like(g, &index), number = g->next;
    ts_text_format(&g->text, "  %%%d, %%%d = while %%%d, %%%d : i32[], ", number, number + 1,
                   g->numbers[start], g->numbers[a]);
    put_type(g, &s);
    int i = number + 2, x = number + 3, test = number + 4, j = number + 5, y = number + 6, one = number + 7,
        next = number + 8;
    g->next += 9;
    ts_text_format(&g->text, " (%%%d: i32[], %%%d: ", i, x);
    put_type(g, &s);
    ts_text_format(&g->text,
                   ") {\n    %%%d = compare LT %%%d, %%%d : i1[]\n    return %%%d\n  } (%%%d: i32[], %%%d: ",
                   test, i, g->numbers[limit], test, j, y);
    put_type(g, &s);
    ts_text_format(&g->text, ") {\n    %%%d = constant %u : i32[]\n    %%%d = add %%%d, %%%d : i32[]\n", one,
                   1 + choose(g, 2), next, j, one);
    int count = g->count;
    keep(g, j, &index);
    keep(g, y, &s);
    for (int k = (int)choose(g, 4); k > 0; k--)
        put_random_op(g, depth + 1);
    int value = find_like(g, &s);
    ts_text_format(&g->text, "    return %%%d, %%%d\n  }\n", next, g->numbers[value]);
    g->count = count;
    keep(g, number, &index);
    keep(g, number + 1, &s);
}

static void put_random_op(graph *g, int depth) {
    if (g->count > GRAPH_VALUES - 16) return;
    switch (choose(g, 14)) {
    case 0:
    case 1: put_pointwise(g); break;
    case 2:
    case 3: put_view(g); break;
    case 4: put_joining(g); break;
    case 5: put_dot(g); break;
    case 6: put_reduce(g); break;
    case 7: put_indexed(g); break;
    case 8: put_sort(g); break;
    case 9: put_convolution(g); break;
    case 10: put_select_and_scatter(g); break;
    case 11:
        if (depth < 2) put_case(g, depth);
        break;
    default:
        if (depth < 2) put_while(g, depth);
        break;
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
        put_random_op(g, 0);
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

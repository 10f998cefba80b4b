/* The custom calls ResizeNearest, ResizeBilinear and their gradients, as torch_xla issues them, with
   PyTorch's sample points. The two spatial axes are resized one after the other. Nearest resizing only picks
   elements and never multiplies them, so that infinities stay in place. Bilinear weights form a matrix, and
   the gradient uses its transpose. The calls' images have channels last, but PyTorch's data have the width
   last, which is the layout used here. */
#include <math.h>
#include <string.h>

#include "compiler/rewrite/expand.h"

enum { HEIGHT = 2, WIDTH = 3, RANK = 4 }; /* axes of [batch, channels, height, width] */

typedef struct resizing {
    ts_maker *m;
    bool is_gradient, is_bilinear;
    bool aligns_corners, has_half_pixels;
} resizing;

/* The position in the original of element `at` of `to`, in PyTorch's own arithmetic. */
static float sample_point(const resizing *r, int64_t at, int64_t from, int64_t to) {
    if (r->aligns_corners) return to > 1 ? (float)at * ((float)(from - 1) / (float)(to - 1)) : 0;
    float scale = (float)from / (float)to;
    if (!r->has_half_pixels) return (float)at * scale;
    return r->is_bilinear ? fmaxf(scale * ((float)at + 0.5f) - 0.5f, 0) : ((float)at + 0.5f) * scale;
}

static int64_t nearest(const resizing *r, int64_t at, int64_t from, int64_t to) {
    float point = sample_point(r, at, from, to);
    int64_t index = (int64_t)(r->aligns_corners ? roundf(point) : floorf(point));
    return index < from ? index : from - 1;
}

/* ---- nearest, integer factors ---- */

/* Splits an axis of size whole * part into two axes [whole, part]. */
static ts_value *cut_axis(ts_maker *m, ts_value *a, int axis, int64_t whole, int64_t part) {
    int64_t dim[RANK + 1];
    for (int i = 0; i < RANK; i++)
        dim[i + (i > axis)] = a->type.dim[i];
    dim[axis] = whole;
    dim[axis + 1] = part;
    return ts_make_reshape(m, a, RANK + 1, dim);
}

static ts_value *repeat(ts_maker *m, ts_value *a, int axis, int64_t factor) {
    ts_type type = ts_type_make(a->type.dtype, RANK + 1, a->type.dim);
    int64_t axes[RANK], dim[RANK];
    for (int i = 0; i < RANK; i++) {
        axes[i] = i + (i > axis);
        type.dim[axes[i]] = dim[i] = a->type.dim[i];
    }
    type.dim[axis + 1] = factor;
    dim[axis] *= factor;
    return ts_make_reshape(m, ts_make_broadcast(m, a, &type, axes), RANK, dim);
}

static ts_value *zero_of(ts_maker *m, const ts_value *a) {
    ts_type scalar = ts_type_make(a->type.dtype, 0, NULL);
    return ts_make_number(m, &scalar, 0);
}

static ts_value *thin(ts_maker *m, ts_value *a, int axis, int64_t first, int64_t step) {
    int64_t start[RANK] = {0}, limit[RANK], stride[RANK] = {1, 1, 1, 1};
    memcpy(limit, a->type.dim, sizeof limit);
    start[axis] = first;
    stride[axis] = step;
    return ts_make_strided_slice(m, a, start, limit, stride);
}

static ts_value *spread(ts_maker *m, ts_value *a, int axis, int64_t first, int64_t step) {
    int64_t low[RANK] = {0}, high[RANK] = {0}, interior[RANK] = {0};
    low[axis] = first;
    high[axis] = step - 1 - first;
    interior[axis] = step - 1;
    return ts_make_pad(m, a, zero_of(m, a), low, high, interior);
}

/* ---- nearest, other factors ---- */

static ts_value *pick(ts_maker *m, ts_value *a, int axis, const int32_t *indices, int64_t count) {
    const int64_t at[2] = {count, 1}, into = axis;
    int64_t others[RANK - 1], sizes[RANK];
    ts_type type = a->type;
    for (int i = 0, n = 0; i < RANK; i++) {
        if (i != axis) others[n++] = i;
        sizes[i] = i == axis ? 1 : type.dim[i];
    }
    type.dim[axis] = count;
    ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
    *attr = (ts_attr){.kind = ts_attr_dense, .type = ts_type_make(ts_dtype_i32, 2, at)};
    attr->data_bytes = (size_t)count * sizeof *indices;
    attr->data = ts_arena_copy(&m->module->arena, indices, attr->data_bytes);
    ts_named_attr named[] = {{"collapsed_slice_dims", ts_make_ints(m, 1, &into)},
                             {"index_vector_dim", ts_make_integer(m, 1)},
                             {"offset_dims", ts_make_ints(m, RANK - 1, others)},
                             {"slice_sizes", ts_make_ints(m, RANK, sizes)},
                             {"start_index_map", ts_make_ints(m, 1, &into)}};
    ts_value *operands[2] = {a, ts_make_constant(m, attr)};
    ts_op_node *op = ts_op_new(m->module, m->func, ts_hlo_gather, m->loc, 2, operands, 1, &type, 5, named, 0);
    ts_vec_push(&m->block->ops, &m->module->arena, op);
    return op->results[0];
}

/* Gradient of pick: each element of the original sums the elements made from it. All have as many summands as
   the most copied one; missing summands are zeros behind the last element. */
static ts_value *pick_back(ts_maker *m, ts_value *a, int axis, const int32_t *source, int64_t from) {
    int64_t to = a->type.dim[axis], most = 1, low[RANK] = {0}, high[RANK] = {0}, none[RANK] = {0};
    int64_t *count = TS_NEW_ARRAY(&m->module->arena, int64_t, (size_t)from);
    for (int64_t i = 0; i < to; i++)
        if (++count[source[i]] > most) most = count[source[i]];
    int32_t *indices = TS_NEW_ARRAY(&m->module->arena, int32_t, (size_t)(from * most));
    for (int64_t i = 0; i < from * most; i++)
        indices[i] = (int32_t)to;
    memset(count, 0, (size_t)from * sizeof *count);
    for (int64_t i = 0; i < to; i++)
        indices[source[i] * most + count[source[i]]++] = (int32_t)i;
    high[axis] = 1;
    a = pick(m, ts_make_pad(m, a, zero_of(m, a), low, high, none), axis, indices, from * most);
    return ts_make_sum(m, cut_axis(m, a, axis, from, most), axis + 1, 1);
}

/* Resizes an axis from `from` to `to` elements; the value of a gradient has `to`. */
static ts_value *resize_nearest(const resizing *r, ts_value *a, int axis, int64_t from, int64_t to) {
    int32_t *source = TS_NEW_ARRAY(&r->m->module->arena, int32_t, (size_t)to);
    bool repeats = to % from == 0, thins = from % to == 0;
    for (int64_t i = 0; i < to; i++) {
        source[i] = (int32_t)nearest(r, i, from, to);
        repeats = repeats && source[i] == i / (to / from);
        thins = thins && source[i] == source[0] + i * (from / to);
    }
    if (repeats && r->is_gradient)
        return ts_make_sum(r->m, cut_axis(r->m, a, axis, from, to / from), axis + 1, 1);
    if (repeats) return repeat(r->m, a, axis, to / from);
    if (thins) return (r->is_gradient ? spread : thin)(r->m, a, axis, source[0], from / to);
    return r->is_gradient ? pick_back(r->m, a, axis, source, from) : pick(r->m, a, axis, source, to);
}

/* ---- bilinear ---- */

/* The weights as f32[to, from]. */
static ts_value *weights(const resizing *r, int64_t from, int64_t to) {
    const int64_t dim[2] = {to, from};
    float *data = TS_NEW_ARRAY(&r->m->module->arena, float, (size_t)(from * to));
    for (int64_t i = 0; i < to; i++) {
        float point = sample_point(r, i, from, to);
        int64_t first = (int64_t)point < from ? (int64_t)point : from - 1;
        float part = fminf(point - (float)first, 1);
        data[i * from + first] += 1 - part;
        data[i * from + (first + 1 < from ? first + 1 : first)] += part;
    }
    ts_attr *attr = TS_NEW(&r->m->module->arena, ts_attr);
    *attr = (ts_attr){.kind = ts_attr_dense, .type = ts_type_make(ts_dtype_f32, 2, dim)};
    attr->data = (const uint8_t *)data;
    attr->data_bytes = (size_t)(from * to) * sizeof *data;
    return ts_make_constant(r->m, attr);
}

/* Both products keep the rows along the width contiguous. */
static ts_value *resize_bilinear(const resizing *r, ts_value *a, int axis, int64_t from, int64_t to) {
    static const int rows_back[RANK] = {1, 2, 0, 3};
    int64_t depth = r->is_gradient ? 0 : 1;
    ts_value *matrix = weights(r, from, to);
    if (axis == WIDTH) return ts_make_product(r->m, a, matrix, axis, depth);
    return ts_make_transpose(r->m, ts_make_product(r->m, matrix, a, depth, axis), rows_back);
}

/* ---- the call ---- */

/* Reads align_corners and half_pixel_centers: two digits between quotes. */
static bool read_config(resizing *r, const char *text) {
    char digits[3] = {0};
    for (int n = 0; *text; text++) {
        if (*text == '"') continue;
        if ((*text != '0' && *text != '1') || n == 2) return false;
        digits[n++] = *text;
    }
    r->aligns_corners = digits[0] == '1';
    r->has_half_pixels = digits[1] == '1';
    return digits[1] != 0;
}

static bool is_resizing(const ts_op_node *op, resizing *r) {
    static const char *const names[2] = {"ResizeNearest", "ResizeBilinear"};
    if (op->kind != ts_hlo_custom_call || op->operand_count != 1 || op->result_count != 1) return false;
    const char *target = ts_op_string(op, "call_target_name");
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(target, names[i], length) != 0) continue;
        r->is_bilinear = i == 1;
        r->is_gradient = strcmp(target + length, "Grad") == 0;
        if (!r->is_gradient && target[length]) return false;
        return read_config(r, ts_op_string(op, "backend_config"));
    }
    return false;
}

ts_status ts_expand_resize(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    /* Puts the channels second; its own inverse. */
    static const int turned[RANK] = {0, 3, 2, 1};
    (void)diag;
    resizing r = {.m = make};
    if (!is_resizing(op, &r)) return ts_ok;
    ts_value *a = op->operands[0];
    const ts_type *to = &op->results[0]->type;
    bool is_float = a->type.kind == ts_type_tensor && ts_dtype_get((ts_dtype)a->type.dtype)->kind == 'f';
    if (a->type.kind != ts_type_tensor || a->type.rank != RANK || to->rank != RANK ||
        to->dtype != a->type.dtype || to->dim[0] != a->type.dim[0] || to->dim[3] != a->type.dim[3] ||
        ts_type_elems(&a->type) <= 0 || ts_type_elems(to) <= 0 ||
        (!is_float && (r.is_bilinear || r.is_gradient)))
        return ts_ok;
    ts_type fp32 = a->type;
    fp32.dtype = ts_dtype_f32;
    bool is_widened = a->type.dtype != ts_dtype_f32 && (r.is_bilinear || r.is_gradient);
    if (is_widened) a = ts_make_unary(make, ts_hlo_convert, a, &fp32);
    a = ts_make_transpose(make, a, turned);
    for (int axis = WIDTH; axis >= HEIGHT; axis--) {
        int64_t given = a->type.dim[axis], wanted = to->dim[turned[axis]];
        if (given == wanted) continue;
        int64_t from = r.is_gradient ? wanted : given, resized = r.is_gradient ? given : wanted;
        a = (r.is_bilinear ? resize_bilinear : resize_nearest)(&r, a, axis, from, resized);
    }
    a = ts_make_transpose(make, a, turned);
    op->results[0]->note = is_widened ? ts_make_unary(make, ts_hlo_convert, a, to) : a;
    return ts_ok;
}

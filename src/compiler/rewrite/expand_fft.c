/* fft: discrete Fourier transforms as products with matrices of cosines and sines, which TensorE computes. A
   length above 128 is one matrix where fft_cost.c says so, or split in two factors (Cooley-Tukey):
   transforms along the first, a turn of each element, transforms along the second. A long one without factors
   is a convolution (Bluestein), by transforms of a length that has some. Each product moves the axis that it
   transforms to the end, so that the axes of a transform of several are back in their order after the last of
   them. */
#include <string.h>

#include "compiler/rewrite/complex.h"
#include "compiler/rewrite/expand.h"
#include "compiler/rewrite/fft_numbers.h"

enum { WIDEST = TS_FFT_WIDEST, LONGEST = TS_FFT_LONGEST };

/* A transform along one axis. */
typedef struct transform {
    ts_maker *m;
    int sign; /* of the angles: -1 forwards, 1 back */
    double scale;
} transform;

static ts_value *constant_of(ts_maker *m, int rank, const int64_t *dim, const float *data) {
    ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
    *attr = (ts_attr){.kind = ts_attr_dense, .type = ts_type_make(ts_dtype_f32, rank, dim)};
    attr->data = (const uint8_t *)data;
    attr->data_bytes = (size_t)ts_type_elems(&attr->type) * sizeof *data;
    return ts_make_constant(m, attr);
}

/* An f32 constant of [rows, columns] with the cosines (or sines) of row * column / length of a turn, times
   the scale; row r also times weights[r], if given. */
static ts_value *turns(const transform *t, int64_t rows, int64_t columns, int64_t length, bool is_sine,
                       const double *weights) {
    ts_arena *arena = &t->m->module->arena;
    const int64_t dim[2] = {rows, columns};
    float *data = TS_NEW_ARRAY(arena, float, (size_t)(rows * columns) + 1);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) {
            ts_turn by = ts_turn_of(t->sign, r * c % length, length);
            data[r * columns + c] =
                (float)(t->scale * (weights ? weights[r] : 1) * (is_sine ? by.sine : by.cosine));
        }
    return constant_of(t->m, 2, dim, data);
}

static ts_complex apply(ts_maker *m, ts_complex a, ts_value *cosines, ts_value *sines, int axis) {
    ts_value *re = ts_make_product(m, a.re, cosines, axis, 0), *im = ts_make_product(m, a.re, sines, axis, 0);
    if (!a.im) return (ts_complex){re, im};
    re = ts_make_binary(m, ts_hlo_subtract, re, ts_make_product(m, a.im, sines, axis, 0));
    im = ts_make_binary(m, ts_hlo_add, im, ts_make_product(m, a.im, cosines, axis, 0));
    return (ts_complex){re, im};
}

/* Each element at (second index `axis`, transformed first index in the last axis) turns by their product. */
static ts_complex turn(const transform *t, ts_complex a, int axis, int64_t length) {
    const ts_type *type = &a.re->type;
    const int64_t axes[2] = {axis, type->rank - 1};
    transform unscaled = *t;
    unscaled.scale = 1;
    ts_complex by;
    by.re = turns(&unscaled, type->dim[axes[0]], type->dim[axes[1]], length, false, NULL);
    by.im = turns(&unscaled, type->dim[axes[0]], type->dim[axes[1]], length, true, NULL);
    by.re = ts_make_broadcast(t->m, by.re, type, axes);
    by.im = ts_make_broadcast(t->m, by.im, type, axes);
    return ts_complex_multiply(t->m, a, by);
}

static ts_value *reshape_axis(ts_maker *m, ts_value *a, int axis, int64_t first, int64_t second) {
    int64_t dim[TS_MAX_RANK + 1];
    int rank = 0;
    for (int i = 0; i < a->type.rank; i++) {
        dim[rank++] = i == axis ? first : a->type.dim[i];
        if (i == axis) dim[rank++] = second;
    }
    return ts_make_reshape(m, a, rank, dim);
}

/* Joins the last two axes, the last one first. */
static ts_value *join_swapped(ts_maker *m, ts_value *a) {
    int axes[TS_MAX_RANK], rank = a->type.rank;
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    axes[rank - 2] = rank - 1;
    axes[rank - 1] = rank - 2;
    a = ts_make_transpose(m, a, axes);
    int64_t dim[TS_MAX_RANK];
    memcpy(dim, a->type.dim, sizeof dim);
    dim[rank - 2] *= dim[rank - 1];
    return ts_make_reshape(m, a, rank - 1, dim);
}

static ts_complex along(const transform *t, ts_complex a, int axis);

/* Each element turns, and is scaled, by its place along an axis. */
static ts_complex multiply(ts_maker *m, ts_complex a, int axis, const ts_turn *by, double scale) {
    const ts_type *type = &a.re->type;
    const int64_t axes[1] = {axis}, *count = &type->dim[axis];
    float *re = TS_NEW_ARRAY(&m->module->arena, float, (size_t)*count);
    float *im = TS_NEW_ARRAY(&m->module->arena, float, (size_t)*count);
    for (int64_t i = 0; i < *count; i++) {
        re[i] = (float)(scale * by[i].cosine);
        im[i] = (float)(scale * by[i].sine);
    }
    ts_complex turn = {ts_make_broadcast(m, constant_of(m, 1, count, re), type, axes),
                       ts_make_broadcast(m, constant_of(m, 1, count, im), type, axes)};
    if (a.im) return ts_complex_multiply(m, a, turn);
    return (ts_complex){ts_make_binary(m, ts_hlo_multiply, a.re, turn.re),
                        ts_make_binary(m, ts_hlo_multiply, a.re, turn.im)};
}

static ts_value *widen(ts_maker *m, ts_value *a, int axis, int64_t count) {
    const int64_t none[TS_MAX_RANK] = {0};
    int64_t high[TS_MAX_RANK] = {0};
    const ts_type scalar = ts_type_make(ts_dtype_f32, 0, NULL);
    high[axis] = count - a->type.dim[axis];
    return ts_make_pad(m, a, ts_make_number(m, &scalar, 0), none, high, none);
}

/* The first elements of the last axis. */
static ts_complex first_of(ts_maker *m, ts_complex a, int64_t count) {
    int64_t start[TS_MAX_RANK] = {0}, limit[TS_MAX_RANK];
    memcpy(limit, a.re->type.dim, sizeof limit);
    limit[a.re->type.rank - 1] = count;
    return (ts_complex){ts_make_slice(m, a.re, start, limit), ts_make_slice(m, a.im, start, limit)};
}

/* Transforms by Bluestein's algorithm. */
static ts_complex by_chirp(const transform *t, ts_complex a, int axis) {
    ts_maker *m = t->m;
    ts_arena *arena = &m->module->arena;
    int64_t length = a.re->type.dim[axis], room = ts_chirp_room(length);
    int last = a.re->type.rank - 1;
    const ts_turn *chirp = ts_chirp(arena, t->sign, length);
    const transform there = {m, -1, 1}, back = {m, 1, 1};
    a = multiply(m, a, axis, chirp, 1);
    a = along(&there, (ts_complex){widen(m, a.re, axis, room), widen(m, a.im, axis, room)}, axis);
    a = multiply(m, a, last, ts_chirp_kernel(arena, t->sign, length, room), 1);
    return multiply(m, first_of(m, along(&back, a, last), length), last, chirp, t->scale);
}

/* Transforms along an axis, which becomes the last one. A real operand has no imaginary part. Element t1 * n2
   + t2 of a split axis, and element k1 + n1 * k2 of its transform, are at (t1, t2) and (k1, k2). */
static ts_complex along(const transform *t, ts_complex a, int axis) {
    ts_maker *m = t->m;
    int64_t length = a.re->type.dim[axis], first = ts_fft_factor(length);
    if (length > LONGEST && first == 1) return by_chirp(t, a, axis);
    if (ts_fft_is_matrix(length, ts_type_elems(&a.re->type) / length, a.im ? 4 : 2, length))
        return apply(m, a, turns(t, length, length, length, false, NULL),
                     turns(t, length, length, length, true, NULL), axis);
    transform rest = *t;
    rest.scale = 1;
    a.re = reshape_axis(m, a.re, axis, first, length / first);
    if (a.im) a.im = reshape_axis(m, a.im, axis, first, length / first);
    a = along(&rest, turn(&rest, along(t, a, axis), axis, length), axis);
    return (ts_complex){join_swapped(m, a.re), join_swapped(m, a.im)};
}

/* ---- real transforms ---- */

/* The first half of the transform of a real operand; the other half mirrors it. The axis becomes the last. */
static ts_complex from_real(const transform *t, ts_value *a, int axis) {
    int64_t length = a->type.dim[axis], half = length / 2 + 1;
    ts_complex real = {a, NULL};
    if (ts_fft_is_matrix(length, ts_type_elems(&a->type) / length, 2, half))
        return apply(t->m, real, turns(t, length, half, length, false, NULL),
                     turns(t, length, half, length, true, NULL), axis);
    return first_of(t->m, along(t, real, axis), half);
}

/* Elements 1 to (length - 1) / 2 along an axis, backwards, behind all of them. */
static ts_value *mirror(ts_maker *m, ts_value *a, int axis, int64_t length, bool is_negated) {
    int64_t start[TS_MAX_RANK] = {0}, limit[TS_MAX_RANK], dimension = axis;
    memcpy(limit, a->type.dim, sizeof limit);
    start[axis] = 1;
    limit[axis] = (length - 1) / 2 + 1;
    ts_value *part = ts_make_slice(m, a, start, limit);
    ts_named_attr named = {"dimensions", ts_make_ints(m, 1, &dimension)};
    ts_op_node *op =
        ts_op_new(m->module, m->func, ts_hlo_reverse, m->loc, 1, &part, 1, &part->type, 1, &named, 0);
    ts_vec_push(&m->block->ops, &m->module->arena, op);
    ts_value *back = op->results[0];
    if (is_negated) back = ts_make_unary(m, ts_hlo_negate, back, &back->type);
    return ts_make_concatenate(m, 2, (ts_value *[]){a, back}, axis);
}

/* The real result of `length` elements from the first half of its transform. The axis becomes the last. */
static ts_value *to_real(const transform *t, ts_complex a, int axis, int64_t length) {
    int64_t half = length / 2 + 1;
    if (!ts_fft_is_matrix(length, ts_type_elems(&a.re->type) / half, 2, half)) {
        a.re = mirror(t->m, a.re, axis, length, false);
        a.im = mirror(t->m, a.im, axis, length, true);
        return along(t, a, axis).re;
    }
    double *weights = TS_NEW_ARRAY(&t->m->module->arena, double, (size_t)half);
    for (int64_t k = 0; k < half; k++)
        weights[k] = k == 0 || 2 * k == length ? 1 : 2;
    ts_value *cosines = turns(t, half, length, length, false, weights);
    ts_value *sines = turns(t, half, length, length, true, weights);
    return ts_make_binary(t->m, ts_hlo_subtract, ts_make_product(t->m, a.re, cosines, axis, 0),
                          ts_make_product(t->m, a.im, sines, axis, 0));
}

/* ---- the op ---- */

typedef struct fft {
    const char *type;
    int64_t length[3];
    int count; /* of lengths: the last axes */
} fft;

static bool is_type(const fft *f, const char *type) {
    return strcmp(f->type, type) == 0;
}

/* The first of the transformed axes becomes the last one. */
static ts_value *rotate(ts_maker *m, ts_value *a, int count) {
    int axes[TS_MAX_RANK], rank = a->type.rank;
    for (int i = 0; i < rank; i++)
        axes[i] = i < rank - count ? i : i + 1 < rank ? i + 1 : rank - count;
    return count > 1 ? ts_make_transpose(m, a, axes) : a;
}

/* Joins the axes in front of the transformed ones, so that splitting an axis always finds room for another.
 */
static ts_value *flatten(ts_maker *m, ts_value *a, int count) {
    int64_t dim[1 + 3] = {1};
    int ahead = a->type.rank - count;
    for (int i = 0; i < ahead; i++)
        dim[0] *= a->type.dim[i];
    memcpy(dim + 1, a->type.dim + ahead, (size_t)count * sizeof *dim);
    return ts_make_reshape(m, a, 1 + count, dim);
}

static ts_value *expand(ts_maker *m, const ts_op_node *op, const fft *f) {
    ts_value *operand = op->operands[0];
    bool is_real = is_type(f, "RFFT"), is_back = is_type(f, "IFFT") || is_type(f, "IRFFT");
    const ts_type *type = &op->results[0]->type;
    transform t = {m, is_back ? 1 : -1, 1};
    ts_complex a;
    if (is_real) {
        a = from_real(&t, flatten(m, operand, f->count), f->count);
        for (int i = 0; i < f->count - 1; i++)
            a = along(&t, a, 1);
        a = (ts_complex){rotate(m, a.re, f->count), rotate(m, a.im, f->count)};
        return ts_complex_join(m, (ts_complex){ts_make_reshape(m, a.re, type->rank, type->dim),
                                               ts_make_reshape(m, a.im, type->rank, type->dim)});
    }
    a = ts_complex_split(m, operand);
    a = (ts_complex){flatten(m, a.re, f->count), flatten(m, a.im, f->count)};
    bool ends_real = is_type(f, "IRFFT");
    for (int i = 0; i < f->count - ends_real; i++) {
        t.scale = is_back ? 1.0 / (double)f->length[i] : 1;
        a = along(&t, a, 1);
    }
    t.scale = 1.0 / (double)f->length[f->count - 1];
    if (ends_real)
        return ts_make_reshape(m, to_real(&t, a, 1, f->length[f->count - 1]), type->rank, type->dim);
    return ts_complex_join(m, (ts_complex){ts_make_reshape(m, a.re, type->rank, type->dim),
                                           ts_make_reshape(m, a.im, type->rank, type->dim)});
}

/* Whether types and lengths fit each other. */
static bool is_sound(const ts_op_node *op, const fft *f) {
    const ts_type *from = &op->operands[0]->type, *to = &op->results[0]->type;
    bool is_real = is_type(f, "RFFT"), ends_real = is_type(f, "IRFFT");
    if (!is_real && !ends_real && !is_type(f, "FFT") && !is_type(f, "IFFT")) return false;
    if (from->rank != to->rank || from->rank < f->count) return false;
    if (from->dtype != (is_real ? ts_dtype_f32 : ts_dtype_c64)) return false;
    if (to->dtype != (ends_real ? ts_dtype_f32 : ts_dtype_c64)) return false;
    for (int i = 0; i < from->rank; i++) {
        int at = i - (from->rank - f->count);
        bool is_last = i == from->rank - 1;
        int64_t length = at < 0 ? from->dim[i] : f->length[at];
        if (length < 0 || from->dim[i] != (is_last && ends_real ? length / 2 + 1 : length)) return false;
        if (to->dim[i] != (is_last && is_real ? length / 2 + 1 : length)) return false;
    }
    return true;
}

/* Axes that splitting adds to those of an array. */
static int axes_for(int64_t length) {
    int count = 0;
    for (; length > WIDEST && ts_fft_factor(length) > 1; length /= ts_fft_factor(length))
        count++;
    return length > LONGEST ? count + axes_for(ts_chirp_room(length)) : count;
}

ts_status ts_expand_fft(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    if (op->kind != ts_hlo_fft) return ts_ok;
    fft f = {.type = ts_op_string(op, "fft_type")};
    const ts_type *from = &op->operands[0]->type;
    if (from->dtype == ts_dtype_f64 || from->dtype == ts_dtype_c128 || from->rank == TS_MAX_RANK)
        return ts_ok;
    if (!ts_op_ints(op, "fft_length", f.length, 3, &f.count) || f.count < 1 || !is_sound(op, &f))
        return ts_op_fail(make->module, op, diag, ts_input, "fft_type and fft_length do not fit the operand");
    if (ts_type_elems(&op->results[0]->type) == 0 || ts_type_elems(from) == 0) {
        op->results[0]->note = ts_make_number(make, &op->results[0]->type, 0);
        return ts_ok;
    }
    for (int i = 0; i < f.count; i++)
        if (axes_for(f.length[i]) > TS_MAX_RANK - 1 - 3)
            return ts_op_fail(make->module, op, diag, ts_capacity, "a transform of length %lld",
                              (long long)f.length[i]);
    op->results[0]->note = expand(make, op, &f);
    return ts_ok;
}

/* triangular_solve by blocks. The blocks on the diagonal are inverted all at once; then the right side is
   solved block by block, with products for the updates. A block's inverse grows from those of its halves:
   with X the inverse of its diagonal halves and B the part beside them, X - X B X is the inverse of twice the
   size. */
#include <string.h>

#include "base/bits.h"
#include "base/integer.h"
#include "compiler/rewrite/expand.h"
#include "compiler/rewrite/triangular.h"

enum { MAX_BLOCKS = 64 };

/* ---- masks ---- */

bool ts_triangle_diagonal(int64_t row, int64_t column, int64_t number) {
    return row == column && row >= number;
}

bool ts_triangle_lower(int64_t row, int64_t column, int64_t number) {
    return row >= column + number;
}

bool ts_triangle_upper(int64_t row, int64_t column, int64_t number) {
    return column >= row + number;
}

/* In diagonal blocks of size 2 * 2^number: the lower left or upper right quarter. */
static bool is_left_quarter(int64_t row, int64_t column, int64_t number) {
    return ((row >> number) ^ (column >> number)) == 1 && row > column;
}

static bool is_right_quarter(int64_t row, int64_t column, int64_t number) {
    return is_left_quarter(column, row, number);
}

ts_value *ts_triangle_mask(ts_maker *m, const ts_type *matrices, ts_triangle_part *has, int64_t number) {
    const int64_t size[2] = {matrices->dim[1], matrices->dim[2]}, axes[2] = {1, 2};
    ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
    uint8_t *data = TS_NEW_ARRAY(&m->module->arena, uint8_t, (size_t)(size[0] * size[1]) + 1);
    for (int64_t row = 0; row < size[0]; row++)
        for (int64_t column = 0; column < size[1]; column++)
            data[row * size[1] + column] = has(row, column, number);
    *attr = (ts_attr){.kind = ts_attr_dense, .type = ts_type_make(ts_dtype_i1, 2, size), .data = data};
    attr->data_bytes = (size_t)(size[0] * size[1]);
    ts_type type = *matrices;
    type.dtype = ts_dtype_i1;
    return ts_make_broadcast(m, ts_make_constant(m, attr), &type, axes);
}

/* ---- inverses ---- */

static ts_value *number(ts_maker *m, const ts_type *type, float value) {
    return ts_make_number(m, type, ts_float_bits(value));
}

ts_value *ts_triangle_product(ts_maker *m, ts_value *a, ts_value *b, int64_t depth_a, int64_t depth_b) {
    const int64_t batch = 0, dims[3] = {a->type.dim[0], a->type.dim[3 - depth_a], b->type.dim[3 - depth_b]};
    ts_type type = ts_type_make(ts_dtype_f32, 3, dims);
    ts_value *operands[2] = {a, b};
    ts_named_attr named[4] = {{"lhs_batching_dimensions", ts_make_ints(m, 1, &batch)},
                              {"lhs_contracting_dimensions", ts_make_ints(m, 1, &depth_a)},
                              {"rhs_batching_dimensions", ts_make_ints(m, 1, &batch)},
                              {"rhs_contracting_dimensions", ts_make_ints(m, 1, &depth_b)}};
    ts_op_node *op =
        ts_op_new(m->module, m->func, ts_hlo_dot_general, m->loc, 2, operands, 1, &type, 4, named, 0);
    ts_vec_push(&m->block->ops, &m->module->arena, op);
    return op->results[0];
}

ts_value *ts_triangle_inverse(ts_maker *m, ts_value *a, bool is_lower, bool has_unit_diagonal) {
    const ts_type *type = &a->type;
    ts_value *zero = number(m, type, 0), *one = number(m, type, 1);
    ts_value *diagonal = ts_triangle_mask(m, type, ts_triangle_diagonal, 0), *inverse = one;
    if (!has_unit_diagonal)
        inverse = ts_make_binary(m, ts_hlo_divide, one, ts_make_select(m, diagonal, a, one));
    inverse = ts_make_select(m, diagonal, inverse, zero);
    for (int64_t level = 0; (int64_t)1 << level < type->dim[1]; level++) {
        ts_value *mask = ts_triangle_mask(m, type, is_lower ? is_left_quarter : is_right_quarter, level);
        ts_value *beside = ts_make_select(m, mask, a, zero);
        ts_value *product =
            ts_triangle_product(m, ts_triangle_product(m, inverse, beside, 2, 1), inverse, 2, 1);
        inverse = ts_make_binary(m, ts_hlo_subtract, inverse, product);
    }
    return inverse;
}

/* Multiplying by the inverse alone has an error in proportion to the matrix's condition. One step of
   refinement, solving for the residual, brings the error near that of substitution. */
ts_value *ts_triangle_apply(ts_maker *m, ts_value *a, ts_value *inverse, ts_value *right, int64_t depth) {
    ts_value *first = ts_triangle_product(m, inverse, right, depth, 1);
    ts_value *left = ts_make_binary(m, ts_hlo_subtract, right, ts_triangle_product(m, a, first, depth, 1));
    return ts_make_binary(m, ts_hlo_add, first, ts_triangle_product(m, inverse, left, depth, 1));
}

/* ---- solving ---- */

typedef struct system {
    ts_maker *m;
    bool is_lower, has_unit_diagonal;
    int64_t batch, size, block, blocks; /* block * blocks >= size */
    ts_value *matrix, *right;           /* [batch, size, size], [batch, size, columns] */
} system;

static ts_value *lengthen(system *s, ts_value *a, int64_t rows, int64_t columns) {
    ts_type scalar = ts_type_make(ts_dtype_f32, 0, NULL);
    const int64_t none[3] = {0}, more[3] = {0, rows - a->type.dim[1], columns - a->type.dim[2]};
    return ts_make_pad(s->m, a, number(s->m, &scalar, 0), none, more, none);
}

/* Clears the other triangle, and sets a unit diagonal to ones. */
static void clean(system *s) {
    const ts_type *type = &s->matrix->type;
    ts_triangle_part *has = s->is_lower ? ts_triangle_lower : ts_triangle_upper;
    ts_value *mask = ts_triangle_mask(s->m, type, has, s->has_unit_diagonal), *zero = number(s->m, type, 0);
    s->matrix = ts_make_select(s->m, mask, s->matrix, zero);
    if (!s->has_unit_diagonal) return;
    mask = ts_triangle_mask(s->m, type, ts_triangle_diagonal, 0);
    s->matrix = ts_make_select(s->m, mask, number(s->m, type, 1), s->matrix);
}

/* Extends the matrix with the identity to whole blocks. */
static void fill_up(system *s) {
    int64_t size = s->block * s->blocks, end = s->size;
    if (size == end) return;
    s->matrix = lengthen(s, s->matrix, size, size);
    ts_value *more = ts_triangle_mask(s->m, &s->matrix->type, ts_triangle_diagonal, end);
    s->matrix = ts_make_select(s->m, more, number(s->m, &s->matrix->type, 1), s->matrix);
    s->right = lengthen(s, s->right, size, s->right->type.dim[2]);
    s->size = size;
}

/* The inverses of all diagonal blocks, [batch * blocks, block, block]. */
static ts_value *invert_diagonal(system *s) {
    int64_t n = s->block;
    const int64_t one[4] = {s->batch, 1, n, n}, all[3] = {s->batch * s->blocks, n, n};
    ts_value *diagonal[MAX_BLOCKS];
    for (int64_t i = 0; i < s->blocks; i++)
        diagonal[i] = ts_make_reshape(s->m, ts_make_block(s->m, s->matrix, i * n, n, i * n, n), 4, one);
    ts_value *joined = ts_make_concatenate(s->m, (int)s->blocks, diagonal, 1);
    return ts_triangle_inverse(s->m, ts_make_reshape(s->m, joined, 3, all), s->is_lower,
                               s->has_unit_diagonal);
}

static ts_value *solve(system *s) {
    int64_t n = s->block, columns = s->right->type.dim[2], end = s->size;
    clean(s);
    fill_up(s);
    const int64_t split[4] = {s->batch, s->blocks, n, n}, one[3] = {s->batch, n, n};
    ts_value *inverses = ts_make_reshape(s->m, invert_diagonal(s), 4, split), *solved[MAX_BLOCKS];
    for (int64_t step = 0; step < s->blocks; step++) {
        int64_t i = s->is_lower ? step : s->blocks - 1 - step;
        const int64_t start[4] = {0, i, 0, 0}, limit[4] = {s->batch, i + 1, n, n};
        ts_value *inverse = ts_make_reshape(s->m, ts_make_slice(s->m, inverses, start, limit), 3, one);
        ts_value *rest = ts_make_block(s->m, s->right, i * n, n, 0, columns);
        if (step > 0) { /* the known rows: those before block i, or those after it */
            int64_t from = s->is_lower ? 0 : i + 1;
            ts_value *known = ts_make_concatenate(s->m, (int)step, s->is_lower ? solved : solved + from, 1);
            ts_value *beside = ts_make_block(s->m, s->matrix, i * n, n, from * n, step * n);
            rest =
                ts_make_binary(s->m, ts_hlo_subtract, rest, ts_triangle_product(s->m, beside, known, 2, 1));
        }
        ts_value *block = ts_make_block(s->m, s->matrix, i * n, n, i * n, n);
        solved[i] = ts_triangle_apply(s->m, block, inverse, rest, 2);
    }
    ts_value *all = ts_make_concatenate(s->m, (int)s->blocks, solved, 1);
    return ts_make_block(s->m, all, 0, end, 0, columns);
}

/* ---- the op ---- */

static ts_value *turned(ts_maker *m, ts_value *a) {
    static const int axes[3] = {0, 2, 1};
    return ts_make_transpose(m, a, axes);
}

/* X op(A) = B is op(A)' X' = B'. */
static void expand(ts_maker *make, ts_op_node *op) {
    const ts_type *left = &op->operands[0]->type, *right = &op->operands[1]->type,
                  *result = &op->results[0]->type;
    int last = left->rank - 1;
    bool is_left = ts_op_bool(op, "left_side", true);
    bool is_turned = strcmp(ts_op_string(op, "transpose_a"), "NO_TRANSPOSE") != 0;
    system s = {.m = make, .batch = 1, .size = left->dim[last]};
    s.is_lower = ts_op_bool(op, "lower", true);
    s.has_unit_diagonal = ts_op_bool(op, "unit_diagonal", false);
    for (int i = 0; i + 1 < last; i++)
        s.batch *= left->dim[i];
    const int64_t dims[3] = {s.batch, s.size, s.size},
                  sides[3] = {s.batch, right->dim[last - 1], right->dim[last]};
    s.matrix = ts_make_reshape(make, op->operands[0], 3, dims);
    s.right = ts_make_reshape(make, op->operands[1], 3, sides);
    if (is_turned == is_left) {
        s.matrix = turned(make, s.matrix);
        s.is_lower = !s.is_lower;
    }
    if (!is_left) s.right = turned(make, s.right);
    s.blocks = ts_ceil_div(s.size, TS_TRIANGLE_BLOCK);
    s.block = ts_ceil_div(s.size, s.blocks);
    ts_value *solved = solve(&s);
    if (!is_left) solved = turned(make, solved);
    op->results[0]->note = ts_make_reshape(make, solved, result->rank, result->dim);
}

ts_status ts_expand_triangular(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    if (op->kind != ts_hlo_triangular_solve) return ts_ok;
    const ts_type *left = &op->operands[0]->type, *right = &op->operands[1]->type;
    int last = left->rank - 1;
    if (left->kind != ts_type_tensor || left->dtype != ts_dtype_f32 || right->dtype != ts_dtype_f32 ||
        left->rank < 2 || left->rank != right->rank || left->dim[last] != left->dim[last - 1] ||
        ts_type_elems(left) <= 0 || ts_type_elems(right) <= 0 || !ts_type_equal(right, &op->results[0]->type))
        return ts_ok;
    int64_t side = right->dim[ts_op_bool(op, "left_side", true) ? last - 1 : last];
    bool is_same = side == left->dim[last];
    for (int i = 0; i + 1 < last; i++)
        is_same = is_same && left->dim[i] == right->dim[i];
    if (!is_same) return ts_op_fail(make->module, op, diag, ts_input, "the operands' sizes do not agree");
    if (side > (int64_t)MAX_BLOCKS * TS_TRIANGLE_BLOCK)
        return ts_op_fail(make->module, op, diag, ts_unsupported,
                          "a triangle of %lld columns, at most %d run", (long long)side,
                          MAX_BLOCKS * TS_TRIANGLE_BLOCK);
    expand(make, op);
    return ts_ok;
}

/* Cholesky factorisation by blocks of columns. In the block on the diagonal, one column after another is
   subtracted from the rest; the square roots are taken at the end. The rows beside the block follow by its
   inverse, and the remainder below is updated by a product. The result is the upper triangle U with A = U' U,
   whose rows are contiguous. */
#include <math.h>

#include "base/bits.h"
#include "compiler/rewrite/expand.h"
#include "compiler/rewrite/triangular.h"

/* The graph grows with the number of columns, so their number is limited. */
enum { MAX_COLUMNS = 2048, MAX_BLOCKS = MAX_COLUMNS / TS_TRIANGLE_BLOCK };

typedef struct factors {
    ts_maker *m;
    int64_t batch, size;
    ts_value *flaw; /* [batch]: 0, or NaN where the matrix is not positive definite */
} factors;

static ts_value *number(factors *f, const ts_type *type, float value) {
    return ts_make_number(f->m, type, ts_float_bits(value));
}

static ts_value *binary(factors *f, ts_hlo kind, ts_value *a, ts_value *b) {
    return ts_make_binary(f->m, kind, a, b);
}

/* Reshapes a slice of one row or column, or of one element, to [batch, count]. */
static ts_value *line(factors *f, ts_value *slice, int64_t count) {
    const int64_t dims[2] = {f->batch, count};
    return ts_make_reshape(f->m, slice, 2, dims);
}

static ts_value *spread(factors *f, ts_value *value, const ts_type *type, int64_t axis) {
    const int64_t axes[2] = {0, axis};
    return ts_make_broadcast(f->m, value, type, axes);
}

/* Adds 0 to the flaw if all pivots are positive, otherwise NaN. */
static void note_flaws(factors *f, ts_value *pivots) {
    const ts_type *type = &pivots->type;
    ts_value *is_good = ts_make_compare(f->m, "GT", pivots, number(f, type, 0));
    ts_value *flaws = ts_make_select(f->m, is_good, number(f, type, 0), number(f, type, NAN));
    ts_value *sum = ts_make_sum(f->m, flaws, 1, 1);
    f->flaw = f->flaw ? binary(f, ts_hlo_add, f->flaw, sum) : sum;
}

/* Factors a symmetric block, reading only its upper triangle. Both sides of each product are then the same
   row; the two triangles differ by rounding, which small pivots would amplify. Rows above the current one are
   not masked, since they are not read again. */
static ts_value *factor_block(factors *f, ts_value *a) {
    const int64_t n = a->type.dim[1], dims[2] = {f->batch, n}, batch[1] = {0};
    ts_type matrix = a->type, lines = ts_type_make(ts_dtype_f32, 2, dims);
    ts_value *rows[TS_TRIANGLE_BLOCK], *pivots[TS_TRIANGLE_BLOCK];
    for (int64_t j = 0; j < n; j++) {
        rows[j] = ts_make_block(f->m, a, j, 1, 0, n);
        pivots[j] = line(f, ts_make_block(f->m, a, j, 1, j, 1), 1);
        if (j + 1 == n) break;
        ts_value *row = line(f, rows[j], n), *pivot = ts_make_reshape(f->m, pivots[j], 1, &f->batch);
        ts_value *scaled = binary(f, ts_hlo_divide, row, ts_make_broadcast(f->m, pivot, &lines, batch));
        ts_value *product =
            binary(f, ts_hlo_multiply, spread(f, scaled, &matrix, 1), spread(f, row, &matrix, 2));
        a = binary(f, ts_hlo_subtract, a, product);
    }
    ts_value *all = ts_make_concatenate(f->m, (int)n, rows, 1);
    ts_value *pivot = ts_make_concatenate(f->m, (int)n, pivots, 1);
    note_flaws(f, pivot);
    ts_value *root = ts_make_unary(f->m, ts_hlo_sqrt, pivot, &lines);
    ts_value *scaled = binary(f, ts_hlo_divide, all, spread(f, root, &matrix, 1));
    return ts_make_select(f->m, ts_triangle_mask(f->m, &matrix, ts_triangle_upper, 0), scaled,
                          number(f, &matrix, 0));
}

/* Rows of U: zeros before the block, the block's factor, and what stands beside it. */
static ts_value *join_row(factors *f, int64_t before, ts_value *block, ts_value *beside) {
    const int64_t dims[3] = {f->batch, block->type.dim[1], before};
    ts_type left = ts_type_make(ts_dtype_f32, 3, dims);
    ts_value *parts[3];
    int count = 0;
    if (before > 0) parts[count++] = number(f, &left, 0);
    parts[count++] = block;
    if (beside) parts[count++] = beside;
    return ts_make_concatenate(f->m, count, parts, 2);
}

static ts_value *factor(factors *f, ts_value *a) {
    ts_value *rows[MAX_BLOCKS];
    int count = 0;
    for (int64_t at = 0; at < f->size; at += TS_TRIANGLE_BLOCK) {
        int64_t left = f->size - at, n = left < TS_TRIANGLE_BLOCK ? left : TS_TRIANGLE_BLOCK;
        ts_value *block = factor_block(f, ts_make_block(f->m, a, 0, n, 0, n)), *beside = NULL;
        if (n < left) {
            ts_value *inverse = ts_triangle_inverse(f->m, block, false, false);
            beside = ts_triangle_apply(f->m, block, inverse, ts_make_block(f->m, a, 0, n, n, left - n), 1);
            a = binary(f, ts_hlo_subtract, ts_make_block(f->m, a, n, left - n, n, left - n),
                       ts_triangle_product(f->m, beside, beside, 1, 1));
        }
        rows[count++] = join_row(f, at, block, beside);
    }
    return ts_make_concatenate(f->m, count, rows, 1);
}

ts_status ts_expand_cholesky(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    static const int turned[3] = {0, 2, 1};
    if (op->kind != ts_hlo_cholesky) return ts_ok;
    const ts_type *type = &op->operands[0]->type;
    int last = type->rank - 1;
    if (type->kind != ts_type_tensor || type->dtype != ts_dtype_f32 || type->rank < 2 ||
        type->dim[last] != type->dim[last - 1] || ts_type_elems(type) <= 0 ||
        !ts_type_equal(type, &op->results[0]->type))
        return ts_ok;
    factors f = {.m = make, .batch = 1, .size = type->dim[last]};
    if (f.size > MAX_COLUMNS)
        return ts_op_fail(make->module, op, diag, ts_unsupported,
                          "a Cholesky factor of %lld columns, at most %d run", (long long)f.size,
                          MAX_COLUMNS);
    for (int i = 0; i + 1 < last; i++)
        f.batch *= type->dim[i];
    const int64_t dims[3] = {f.batch, f.size, f.size}, batch[1] = {0};
    bool is_lower = ts_op_bool(op, "lower", false);
    ts_value *a = ts_make_reshape(make, op->operands[0], 3, dims);
    ts_value *given = ts_triangle_mask(make, &a->type, is_lower ? ts_triangle_lower : ts_triangle_upper, 0);
    ts_value *upper = factor(&f, ts_make_select(make, given, a, ts_make_transpose(make, a, turned)));
    upper = binary(&f, ts_hlo_add, upper, ts_make_broadcast(make, f.flaw, &upper->type, batch));
    ts_value *result = is_lower ? ts_make_transpose(make, upper, turned) : upper;
    op->results[0]->note = ts_make_reshape(make, result, type->rank, type->dim);
    return ts_ok;
}

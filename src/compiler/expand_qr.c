/* The custom calls Qr and ProductOfElementaryHouseholderReflectors as LAPACK defines them (sgeqr2, sorg2r):
   one reflection a column, on whole matrices, so that vectors of unequal lengths are masks. */
#include <string.h>

#include "base/bits.h"
#include "compiler/expand.h"

enum { MAX_REFLECTIONS = 64 };

typedef struct factors {
    ts_maker *make;
    int64_t batch, rows, cols;
    ts_type matrix, column, row, scalar; /* [batch, rows, cols], [batch, rows], [batch, cols], [batch] */
    ts_value *row_number, *col_number;   /* i32[batch, rows], i32[batch, rows, cols] */
} factors;

static ts_value *number(factors *f, const ts_type *type, float value) {
    return ts_make_number(f->make, type, ts_float_bits(value));
}

static ts_value *binary(factors *f, ts_hlo kind, ts_value *a, ts_value *b) {
    return ts_make_binary(f->make, kind, a, b);
}

static ts_value *test(factors *f, const char *direction, ts_value *a, int64_t number) {
    return ts_make_compare(f->make, direction, a, ts_make_number(f->make, &a->type, (uint64_t)number));
}

static ts_value *choose(factors *f, ts_value *predicate, ts_value *yes, ts_value *no) {
    return ts_make_select(f->make, predicate, yes, no);
}

/* A value of [batch], [batch, rows] or [batch, cols] over a larger type; `axis` is where its second axis
 * goes. */
static ts_value *spread(factors *f, ts_value *value, const ts_type *type, int64_t axis) {
    const int64_t axes[2] = {0, axis};
    return ts_make_broadcast(f->make, value, type, axes);
}

static factors begin(ts_maker *make, const ts_type *type) {
    factors f = {
        .make = make, .batch = 1, .rows = type->dim[type->rank - 2], .cols = type->dim[type->rank - 1]};
    for (int i = 0; i + 2 < type->rank; i++)
        f.batch *= type->dim[i];
    const int64_t dims[3] = {f.batch, f.rows, f.cols}, row[2] = {f.batch, f.cols};
    f.matrix = ts_type_make(ts_dtype_f32, 3, dims);
    f.column = ts_type_make(ts_dtype_f32, 2, dims);
    f.row = ts_type_make(ts_dtype_f32, 2, row);
    f.scalar = ts_type_make(ts_dtype_f32, 1, dims);
    ts_type row_numbers = ts_type_make(ts_dtype_i32, 2, dims), numbers = ts_type_make(ts_dtype_i32, 3, dims);
    f.row_number = ts_make_iota(make, &row_numbers, 1);
    f.col_number = ts_make_iota(make, &numbers, 2);
    return f;
}

static ts_value *column_of(factors *f, ts_value *matrix, int64_t j) {
    const int64_t start[3] = {0, 0, j}, limit[3] = {f->batch, f->rows, j + 1};
    return ts_make_reshape(f->make, ts_make_slice(f->make, matrix, start, limit), 2, f->column.dim);
}

/* matrix - tau v (v' matrix) */
static ts_value *reflect(factors *f, ts_value *matrix, ts_value *v, ts_value *tau) {
    ts_value *wide = spread(f, v, &f->matrix, 1);
    ts_value *w = ts_make_sum(f->make, binary(f, ts_hlo_multiply, wide, matrix), 1, 1);
    w = binary(f, ts_hlo_multiply, spread(f, tau, &f->row, 0), w);
    return binary(f, ts_hlo_subtract, matrix, binary(f, ts_hlo_multiply, wide, spread(f, w, &f->matrix, 2)));
}

/* 1 in row j, `below` under it, 0 above. */
static ts_value *vector(factors *f, int64_t j, ts_value *below) {
    ts_value *v = choose(f, test(f, "GT", f->row_number, j), below, number(f, &f->column, 0));
    return choose(f, test(f, "EQ", f->row_number, j), number(f, &f->column, 1), v);
}

/* Column j becomes (its rows above j, beta, the reflection's vector), those right of it are reflected. */
static ts_value *factor_column(factors *f, ts_value *matrix, int64_t j, ts_value **tau) {
    ts_value *column = column_of(f, matrix, j), *zeros = number(f, &f->column, 0);
    ts_value *zero = number(f, &f->scalar, 0), *one = number(f, &f->scalar, 1);
    ts_value *is_below = test(f, "GT", f->row_number, j), *is_at = test(f, "EQ", f->row_number, j);
    ts_value *x = choose(f, is_below, column, zeros);
    ts_value *alpha = ts_make_sum(f->make, choose(f, is_at, column, zeros), 1, 1);
    ts_value *rest = ts_make_sum(f->make, binary(f, ts_hlo_multiply, x, x), 1, 1);
    ts_value *is_done = ts_make_compare(f->make, "EQ", rest, zero);
    ts_value *norm = binary(f, ts_hlo_add, binary(f, ts_hlo_multiply, alpha, alpha), rest);
    norm = ts_make_unary(f->make, ts_hlo_sqrt, norm, &f->scalar);
    ts_value *minus = ts_make_unary(f->make, ts_hlo_negate, norm, &f->scalar);
    ts_value *beta = choose(f, ts_make_compare(f->make, "GE", alpha, zero), minus, norm);
    beta = choose(f, is_done, alpha, beta);
    *tau = binary(f, ts_hlo_divide, binary(f, ts_hlo_subtract, beta, alpha), beta);
    *tau = choose(f, is_done, zero, *tau);
    ts_value *scale = choose(f, is_done, one, binary(f, ts_hlo_subtract, alpha, beta));
    ts_value *below = binary(f, ts_hlo_divide, column, spread(f, scale, &f->column, 0));
    ts_value *reflected = reflect(f, matrix, vector(f, j, below), *tau);
    ts_value *kept = choose(f, is_at, spread(f, beta, &f->column, 0), choose(f, is_below, below, column));
    ts_value *is_right = test(f, "GT", f->col_number, j), *is_here = test(f, "EQ", f->col_number, j);
    return choose(f, is_right, reflected, choose(f, is_here, spread(f, kept, &f->matrix, 1), matrix));
}

static ts_value *as_matrix(factors *f, ts_value *value) {
    return ts_make_reshape(f->make, value, 3, f->matrix.dim);
}

static void factor(factors *f, ts_op_node *op, const ts_type *second) {
    const int64_t count = f->rows < f->cols ? f->rows : f->cols, dims[2] = {f->batch, 1};
    const ts_type *first = &op->operands[0]->type;
    ts_value *matrix = as_matrix(f, op->operands[0]), *taus[MAX_REFLECTIONS];
    for (int64_t j = 0; j < count; j++) {
        matrix = factor_column(f, matrix, j, &taus[j]);
        taus[j] = ts_make_reshape(f->make, taus[j], 2, dims);
    }
    ts_value *all = ts_make_concatenate(f->make, (int)count, taus, 1);
    ts_value *both[2] = {ts_make_reshape(f->make, matrix, first->rank, first->dim),
                         ts_make_reshape(f->make, all, second->rank, second->dim)};
    for (uint32_t i = 0; i < op->result_count; i++)
        op->results[i]->note = both[i];
    if (op->result_count == 1) op->results[0]->note = ts_make_tuple(f->make, 2, both, &op->results[0]->type);
}

static void multiply_reflections(factors *f, ts_op_node *op, int64_t count) {
    const int64_t dims[2] = {f->batch, count};
    const ts_type *type = &op->results[0]->type;
    ts_type rows = f->col_number->type;
    ts_value *vectors = as_matrix(f, op->operands[0]);
    ts_value *taus = ts_make_reshape(f->make, op->operands[1], 2, dims);
    ts_value *is_diagonal = ts_make_compare(f->make, "EQ", ts_make_iota(f->make, &rows, 1), f->col_number);
    ts_value *product = ts_make_unary(f->make, ts_hlo_convert, is_diagonal, &f->matrix);
    for (int64_t j = count; j-- > 0;) {
        const int64_t start[2] = {0, j}, limit[2] = {f->batch, j + 1};
        ts_value *tau = ts_make_reshape(f->make, ts_make_slice(f->make, taus, start, limit), 1, dims);
        product = reflect(f, product, vector(f, j, column_of(f, vectors, j)), tau);
    }
    op->results[0]->note = ts_make_reshape(f->make, product, type->rank, type->dim);
}

/* As XLA's own call of two results is spelt; its parts' types are those that they must have. */
static bool is_tuple(const ts_op_node *op) {
    return op->result_count == 1 && op->results[0]->type.kind == ts_type_tuple;
}

static ts_type tau_type(const ts_type *matrices, int64_t count) {
    ts_type type = *matrices;
    type.rank--;
    type.dim[type.rank - 1] = count;
    return type;
}

ts_status ts_expand_qr(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    if (op->kind != ts_hlo_custom_call) return ts_ok;
    const char *target = ts_op_string(op, "call_target_name");
    bool is_factor =
        strcmp(target, "Qr") == 0 && op->operand_count == 1 && (op->result_count == 2 || is_tuple(op));
    bool is_product = strcmp(target, "ProductOfElementaryHouseholderReflectors") == 0 &&
                      op->operand_count == 2 && op->result_count == 1;
    if (!is_factor && !is_product) return ts_ok;
    const ts_type *type = &op->operands[0]->type;
    if (type->kind != ts_type_tensor || type->dtype != ts_dtype_f32 || type->rank < 2 ||
        ts_type_elems(type) <= 0 || !(is_tuple(op) || ts_type_equal(type, &op->results[0]->type)))
        return ts_ok;
    factors f = begin(make, type);
    int64_t smaller = f.rows < f.cols ? f.rows : f.cols;
    ts_type in_tuple = tau_type(type, smaller);
    const ts_type *taus = !is_factor     ? &op->operands[1]->type
                          : is_tuple(op) ? &in_tuple
                                         : &op->results[1]->type;
    int64_t count = taus->rank > 0 ? taus->dim[taus->rank - 1] : 0;
    if (taus->dtype != ts_dtype_f32 || count < 1 || count > smaller || (is_factor && count != smaller) ||
        ts_type_elems(taus) != f.batch * count)
        return ts_ok;
    if (count > MAX_REFLECTIONS)
        return ts_op_fail(make->module, op, diag, ts_unsupported, "QR of %lld columns, at most %d run",
                          (long long)count, MAX_REFLECTIONS);
    if (is_factor)
        factor(&f, op, taus);
    else
        multiply_reflections(&f, op, count);
    return ts_ok;
}

/* The custom calls Qr and ProductOfElementaryHouseholderReflectors as LAPACK defines them (sgeqr2, sorg2r).
   There is one reflection for each column; since the vectors differ in length they are masked. A matrix of
   many columns is factored in panels, each in a loop over its columns. The part to the right of a panel is
   reflected by the whole panel at once, by products: H1 H2 .. = 1 - V T V', where T is the inverse of 1 +
   diag(tau) (V' V above its diagonal), times diag(tau) (Schreiber and Van Loan 1989). */
#include <string.h>

#include "base/bits.h"
#include "compiler/rewrite/expand.h"
#include "compiler/rewrite/triangular.h"

/* Columns of a panel; and a limit, since the graph grows with the number of panels. */
enum { PANEL = 64, MAX_REFLECTIONS = 2048, MAX_PANELS = MAX_REFLECTIONS / PANEL };

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

/* A column, given by its number or, inside a loop, by the trip. */
typedef struct place {
    int64_t number;
    ts_value *trip; /* i32[], or NULL outside a loop */
} place;

static ts_value *test(factors *f, const char *direction, ts_value *a, place j) {
    ts_value *number = j.trip ? ts_make_splat(f->make, j.trip, &a->type)
                              : ts_make_number(f->make, &a->type, (uint64_t)j.number);
    return ts_make_compare(f->make, direction, a, number);
}

static ts_value *choose(factors *f, ts_value *predicate, ts_value *yes, ts_value *no) {
    return ts_make_select(f->make, predicate, yes, no);
}

/* Broadcasts [batch], [batch, rows] or [batch, cols] to a larger type. The second axis becomes axis
   `axis`. */
static ts_value *spread(factors *f, ts_value *value, const ts_type *type, int64_t axis) {
    const int64_t axes[2] = {0, axis};
    return ts_make_broadcast(f->make, value, type, axes);
}

static factors begin(ts_maker *make, int64_t batch, int64_t rows, int64_t cols) {
    factors f = {.make = make, .batch = batch, .rows = rows, .cols = cols};
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

static ts_value *column_of(factors *f, ts_value *matrix, place j) {
    if (j.trip) {
        ts_value *is_here = test(f, "EQ", f->col_number, j);
        return ts_make_sum(f->make, choose(f, is_here, matrix, number(f, &f->matrix, 0)), 2, 1);
    }
    const int64_t start[3] = {0, 0, j.number}, limit[3] = {f->batch, f->rows, j.number + 1};
    return ts_make_reshape(f->make, ts_make_slice(f->make, matrix, start, limit), 2, f->column.dim);
}

/* matrix - tau v (v' matrix) */
static ts_value *reflect(factors *f, ts_value *matrix, ts_value *v, ts_value *tau) {
    ts_value *wide = spread(f, v, &f->matrix, 1);
    ts_value *w = ts_make_sum(f->make, binary(f, ts_hlo_multiply, wide, matrix), 1, 1);
    w = binary(f, ts_hlo_multiply, spread(f, tau, &f->row, 0), w);
    return binary(f, ts_hlo_subtract, matrix, binary(f, ts_hlo_multiply, wide, spread(f, w, &f->matrix, 2)));
}

/* A reflection's vector: 1 in row j, `below` under it, 0 above. */
static ts_value *vector(factors *f, place j, ts_value *below) {
    ts_value *v = choose(f, test(f, "GT", f->row_number, j), below, number(f, &f->column, 0));
    return choose(f, test(f, "EQ", f->row_number, j), number(f, &f->column, 1), v);
}

/* Factors column j: it becomes (its rows above j, beta, the reflection's vector), and the columns to its
   right are reflected. */
static ts_value *factor_column(factors *f, ts_value *matrix, place j, ts_value **tau) {
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

/* ---- panels ---- */

typedef struct panel {
    factors *f;
    ts_value *matrix; /* [batch, rows, cols]: R, and below its diagonal the vectors */
    ts_value *taus;   /* [batch, reflections] */
} panel;

static void factor_trip(ts_maker *m, void *context, ts_value *trip, ts_value **carried) {
    factors inside = *(factors *)context;
    ts_value *tau;
    inside.make = m;
    const place j = {.trip = trip};
    carried[0] = factor_column(&inside, carried[0], j, &tau);
    ts_type numbers = carried[1]->type;
    numbers.dtype = ts_dtype_i32;
    ts_value *is_here = test(&inside, "EQ", ts_make_iota(m, &numbers, 1), j);
    carried[1] = choose(&inside, is_here, spread(&inside, tau, &carried[1]->type, 0), carried[1]);
}

static panel factor_in_loop(factors *f, ts_value *matrix) {
    ts_value *carried[2] = {matrix, number(f, &f->row, 0)};
    ts_make_loop(f->make, f->cols, 2, carried, factor_trip, f);
    return (panel){f, carried[0], carried[1]};
}

static panel factor_at_length(factors *f, ts_value *matrix) {
    const int64_t count = f->rows < f->cols ? f->rows : f->cols, dims[2] = {f->batch, 1};
    ts_value *taus[PANEL];
    for (int64_t j = 0; j < count; j++) {
        matrix = factor_column(f, matrix, (place){.number = j}, &taus[j]);
        taus[j] = ts_make_reshape(f->make, taus[j], 2, dims);
    }
    return (panel){f, matrix, ts_make_concatenate(f->make, (int)count, taus, 1)};
}

/* V, the matrix of vectors: ones on the diagonal, zeros above it. */
static ts_value *vectors_of(const panel *p) {
    factors *f = p->f;
    ts_type numbers = f->col_number->type;
    ts_value *rows = ts_make_iota(f->make, &numbers, 1);
    ts_value *v =
        choose(f, ts_make_compare(f->make, "GT", rows, f->col_number), p->matrix, number(f, &f->matrix, 0));
    return choose(f, ts_make_compare(f->make, "EQ", rows, f->col_number), number(f, &f->matrix, 1), v);
}

static ts_value *triangle_of(const panel *p, ts_value *v) {
    factors *f = p->f;
    ts_value *products = ts_triangle_product(f->make, v, v, 1, 1);
    ts_value *scaled = binary(f, ts_hlo_multiply, spread(f, p->taus, &products->type, 1), products);
    ts_value *inverse = ts_triangle_inverse(f->make, scaled, false, true);
    return binary(f, ts_hlo_multiply, inverse, spread(f, p->taus, &products->type, 2));
}

/* matrix - V T V' matrix; with is_opposite, T' instead of T, which applies the reflections in the opposite
   order. */
static ts_value *reflect_by_all(const panel *p, ts_value *matrix, bool is_opposite) {
    ts_maker *m = p->f->make;
    ts_value *v = vectors_of(p), *triangle = triangle_of(p, v);
    ts_value *w = ts_triangle_product(m, v, matrix, 1, 1);
    w = ts_triangle_product(m, triangle, w, is_opposite ? 1 : 2, 1);
    return binary(p->f, ts_hlo_subtract, matrix, ts_triangle_product(m, v, w, 2, 1));
}

/* ---- the ops ---- */

static ts_value *join(ts_maker *m, ts_value *a, ts_value *b, int64_t axis) {
    return b ? ts_make_concatenate(m, 2, (ts_value *[]){a, b}, axis) : a;
}

/* Factors panel after panel, each on what the earlier ones leave, and joins the parts from the last panel to
   the first. */
static panel factor_panels(factors *f, ts_value *matrix) {
    ts_maker *m = f->make;
    const int64_t count = f->rows < f->cols ? f->rows : f->cols;
    ts_value *left[MAX_PANELS], *above[MAX_PANELS], *taus[MAX_PANELS], *rest = matrix;
    int panels = 0;
    for (int64_t at = 0; at < count; at += PANEL, panels++) {
        int64_t rows = f->rows - at, cols = f->cols - at, width = count - at < PANEL ? count - at : PANEL;
        factors narrow = begin(m, f->batch, rows, width);
        panel p = factor_in_loop(&narrow, ts_make_block(m, rest, 0, rows, 0, width));
        left[panels] = p.matrix;
        taus[panels] = p.taus;
        above[panels] = NULL;
        if (cols > width) {
            ts_value *right = reflect_by_all(&p, ts_make_block(m, rest, 0, rows, width, cols - width), true);
            above[panels] = ts_make_block(m, right, 0, width, 0, cols - width);
            rest = rows > width ? ts_make_block(m, right, width, rows - width, 0, cols - width) : NULL;
        } else {
            rest = NULL;
        }
    }
    while (panels-- > 0) {
        int64_t rows = left[panels]->type.dim[1], width = left[panels]->type.dim[2];
        ts_value *top = join(m, ts_make_block(m, left[panels], 0, width, 0, width), above[panels], 2),
                 *below = NULL;
        if (rows > width)
            below = join(m, ts_make_block(m, left[panels], width, rows - width, 0, width), rest, 2);
        rest = join(m, top, below, 1);
    }
    return (panel){f, rest, ts_make_concatenate(m, (int)((count + PANEL - 1) / PANEL), taus, 1)};
}

static ts_value *as_matrix(factors *f, ts_value *value) {
    return ts_make_reshape(f->make, value, 3, f->matrix.dim);
}

static void factor(factors *f, ts_op_node *op, int64_t count, const ts_type *second) {
    const ts_type *first = &op->operands[0]->type;
    ts_value *matrix = as_matrix(f, op->operands[0]);
    panel p = count <= PANEL ? factor_at_length(f, matrix) : factor_panels(f, matrix);
    ts_value *both[2] = {ts_make_reshape(f->make, p.matrix, first->rank, first->dim),
                         ts_make_reshape(f->make, p.taus, second->rank, second->dim)};
    for (uint32_t i = 0; i < op->result_count; i++)
        op->results[i]->note = both[i];
    if (op->result_count == 1) op->results[0]->note = ts_make_tuple(f->make, 2, both, &op->results[0]->type);
}

/* Applies the panels' reflections to `product`, from the last panel to the first. */
static ts_value *multiply_panels(factors *f, ts_value *vectors, ts_value *taus, int64_t count,
                                 ts_value *product) {
    ts_maker *m = f->make;
    for (int64_t end = count, at; end > 0; end = at) {
        at = (end - 1) / PANEL * PANEL;
        int64_t rows = f->rows - at, width = end - at;
        const int64_t start[2] = {0, at}, limit[2] = {f->batch, end};
        factors narrow = begin(m, f->batch, rows, width);
        panel p = {&narrow, ts_make_block(m, vectors, at, rows, at, width),
                   ts_make_slice(m, taus, start, limit)};
        ts_value *below = reflect_by_all(&p, ts_make_block(m, product, at, rows, 0, f->cols), false);
        product = at > 0 ? join(m, ts_make_block(m, product, 0, at, 0, f->cols), below, 1) : below;
    }
    return product;
}

static void multiply_reflections(factors *f, ts_op_node *op, int64_t count) {
    const int64_t dims[2] = {f->batch, count};
    const ts_type *type = &op->results[0]->type;
    ts_type rows = f->col_number->type;
    ts_value *vectors = as_matrix(f, op->operands[0]);
    ts_value *taus = ts_make_reshape(f->make, op->operands[1], 2, dims);
    ts_value *is_diagonal = ts_make_compare(f->make, "EQ", ts_make_iota(f->make, &rows, 1), f->col_number);
    ts_value *product = ts_make_unary(f->make, ts_hlo_convert, is_diagonal, &f->matrix);
    if (count > PANEL) product = multiply_panels(f, vectors, taus, count, product);
    for (int64_t j = count > PANEL ? 0 : count; j-- > 0;) {
        const int64_t start[2] = {0, j}, limit[2] = {f->batch, j + 1};
        const place here = {.number = j};
        ts_value *tau = ts_make_reshape(f->make, ts_make_slice(f->make, taus, start, limit), 1, dims);
        product = reflect(f, product, vector(f, here, column_of(f, vectors, here)), tau);
    }
    op->results[0]->note = ts_make_reshape(f->make, product, type->rank, type->dim);
}

/* XLA's own call returns a tuple; the types of its parts follow from the operand. */
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
    const int64_t *sizes = type->dim + type->rank - 2;
    factors f = begin(make, ts_type_elems(type) / sizes[0] / sizes[1], sizes[0], sizes[1]);
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
        factor(&f, op, count, taus);
    else
        multiply_reflections(&f, op, count);
    return ts_ok;
}

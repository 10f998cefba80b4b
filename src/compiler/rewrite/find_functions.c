/* Finds functions of ScalarE that the program spells out, by the formulas of functions.def. The first walk
   tries each operation as the last one of a formula, up to a factor: its operands, written as polynomials
   (polynomial.h) of x and of the values that are not sums or products, are compared with the formula's. The
   second walk replaces what was found. Other operations of a formula stay while something else reads them. */
#include <math.h>
#include <string.h>

#include "compiler/graph/graph_make.h"
#include "compiler/passes.h"
#include "compiler/rewrite/formula.h"

enum {
    FAR = 12,        /* operations between a formula's last one and the one that its row names, its mark */
    MOST_NODES = 64, /* values that are searched for marks */
    MOST_MARKS = 6,  /* marks that are tried */
    MOST_X = 10,     /* values below a mark that are tried as x */
    MOST_DEPTH = 48, /* depth of the operations expanded to a polynomial */
    MOST_POWER = 4,
    UNREACHED = 255
};

typedef struct row {
    ts_hlo kind, mark;
    ts_formula *formula;
} row;

static const struct {
    ts_hlo kind, mark;
    const char *text;
} table[] = {
#define FUNCTION(name, mark, text) {ts_hlo_##name, ts_hlo_##mark, text},
#include "compiler/rewrite/functions.def"
};
enum { ROWS = sizeof table / sizeof *table };

/* What is known of a value; indexed by its id. */
typedef struct fact {
    const ts_value *value;
    ts_hlo kind;            /* the value is number * by * kind(x); none = nothing was found */
    const ts_value *x, *by; /* by = NULL stands for 1 */
    double number;
    uint32_t looked;  /* the last try in which depends_on_x was computed */
    uint8_t distance; /* operations to the nearest mark below; UNREACHED = too far */
    bool depends_on_x;
} fact;

typedef struct finder {
    ts_module *module;
    ts_func *main;
    row rows[ROWS];
    bool is_called[ts_hlo_count]; /* by a formula; functions that none calls are final */
    fact *facts;
    const ts_value *x;  /* the value that stands for the formula's variable */
    uint32_t tried;     /* number of the current try */
    bool is_whole;      /* treat a final function as one atom, rather than expand what it is made of */
    bool has_met_whole; /* whether is_whole made a difference in this try */
} finder;

/* An operation near a root that a row of functions.def may name, and its operand. */
typedef struct mark {
    ts_hlo kind;
    const ts_value *of;
} mark;

/* A formula that is being compared, and the value found for each of its calls. */
typedef struct match {
    finder *f;
    const ts_formula *formula;
    double tolerance;
    const ts_value *found[TS_FORMULA_CALLS];
} match;

static fact *fact_of(const finder *f, const ts_value *value) {
    return &f->facts[value->id];
}

static bool is_float(const ts_type *type) {
    return type->kind == ts_type_tensor &&
           (type->dtype == ts_dtype_f32 || type->dtype == ts_dtype_bf16 || type->dtype == ts_dtype_f16);
}

static bool is_mark(unsigned kind) {
    for (int i = 0; i < ROWS; i++)
        if (table[i].mark == kind) return true;
    return false;
}

/* Whether the kind is a function that was found and that no formula calls. */
static bool is_final(const finder *f, unsigned kind) {
    return kind != ts_hlo_none && !f->is_called[kind];
}

static void note_calls(finder *f, const ts_formula *formula) {
    for (int i = 0; i < formula->count; i++)
        f->is_called[formula->call[i].kind] = true;
}

/* Whether the value is exactly kind(x), without factors. */
static bool is_plain(const fact *of) {
    return of->kind && !of->by && of->number == 1;
}

/* ---- values as polynomials ---- */

static bool is_whole(finder *f, const ts_value *value) {
    bool is_one = is_final(f, fact_of(f, value)->kind);
    f->has_met_whole |= is_one;
    return is_one && f->is_whole;
}

/* Whether the value was found to be a function that formulas call. */
static bool is_read(const finder *f, const ts_value *value) {
    const fact *of = fact_of(f, value);
    return is_plain(of) && !is_final(f, of->kind);
}

static bool depends_on_x(finder *f, const ts_value *value, int depth) {
    fact *of = fact_of(f, value);
    if (value == f->x) return true;
    const ts_op_node *op = value->def;
    if (!op || depth == MOST_DEPTH || !ts_hlo_is_pointwise(op->kind)) return false;
    if (of->looked == f->tried) return of->depends_on_x;
    of->looked = f->tried;
    of->depends_on_x = false;
    if (is_whole(f, value)) return false;
    for (uint32_t i = 0; i < op->operand_count && !of->depends_on_x; i++)
        of->depends_on_x = depends_on_x(f, op->operands[i], depth + 1);
    return of->depends_on_x;
}

/* How expand() treats an op: as a sum, a product, a multiple or a small power of its operands, or as an
   atom. */
typedef enum how { as_atom, as_sum, as_product, as_multiple, as_power } how;

static how how_to_expand(const ts_op_node *op, double *number) {
    switch (op->kind) {
    case ts_hlo_add:
    case ts_hlo_subtract: *number = op->kind == ts_hlo_add ? 1 : -1; return as_sum;
    case ts_hlo_multiply: return as_product;
    case ts_hlo_negate: *number = -1; return as_multiple;
    case ts_hlo_convert: *number = 1; return is_float(&op->operands[0]->type) ? as_multiple : as_atom;
    case ts_hlo_divide:
        if (!ts_constant_splat(op->operands[1], number) || *number == 0) return as_atom;
        *number = 1 / *number;
        return as_multiple;
    case ts_hlo_power:
        if (!ts_constant_splat(op->operands[1], number) || *number != rint(*number)) return as_atom;
        return *number >= 2 && *number <= MOST_POWER ? as_power : as_atom;
    default: return as_atom;
    }
}

/* Expands a value to a polynomial. A value that does not depend on x is one atom, however it is computed. */
static void expand(finder *f, const ts_value *value, int depth, ts_poly *out) {
    const ts_op_node *op = value->def;
    double number;
    ts_poly a, b;
    ts_poly_atom(out, value->id);
    if (value == f->x || !op || !is_float(&value->type) || depth == MOST_DEPTH || is_read(f, value)) return;
    if (ts_constant_splat(value, &number)) {
        ts_poly_number(out, number);
        return;
    }
    how way = how_to_expand(op, &number);
    if (way == as_atom || !depends_on_x(f, value, 0)) return;
    expand(f, op->operands[0], depth + 1, &a);
    if (way == as_sum || way == as_product) expand(f, op->operands[1], depth + 1, &b);
    if (way == as_sum) ts_poly_add(&a, &b, number);
    if (way == as_product) ts_poly_multiply(&a, &b);
    if (way == as_power) ts_poly_copy(&b, &a);
    for (int i = 1; way == as_power && i < (int)number; i++)
        ts_poly_multiply(&a, &b);
    if (way == as_multiple) {
        ts_poly_number(&b, number);
        ts_poly_multiply(&a, &b);
    }
    if (a.count >= 0) ts_poly_copy(out, &a);
}

/* ---- comparing polynomials with a formula's ---- */

static bool match_poly(match *m, const ts_poly *want, const ts_poly *have, ts_poly_term *by);

static bool match_value(match *m, const ts_poly *want, const ts_value *value) {
    ts_poly have;
    expand(m->f, value, 0, &have);
    return match_poly(m, want, &have, NULL);
}

static bool match_args(match *m, const ts_formula_call *call, const ts_op_node *op, bool is_swapped) {
    match before = *m;
    for (int i = 0; i < call->count; i++)
        if (!match_value(m, call->arg[i], op->operands[is_swapped ? call->count - 1 - i : i])) {
            *m = before;
            return false;
        }
    return true;
}

/* The same comparison with its sides swapped. */
static const char *mirrored(const char *direction) {
    static const char *const pairs[][2] = {{"LT", "GT"}, {"GT", "LT"}, {"LE", "GE"}, {"GE", "LE"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (strcmp(pairs[i][0], direction) == 0) return pairs[i][1];
    return direction;
}

static bool match_call(match *m, const ts_formula_call *call, const ts_value *value) {
    const ts_op_node *op = value->def;
    const fact *of = fact_of(m->f, value);
    if (is_plain(of) && of->kind == call->kind) return match_value(m, call->arg[0], of->x);
    if (!op || op->kind != call->kind || op->operand_count != (uint32_t)call->count) return false;
    bool is_either = op->kind == ts_hlo_maximum || op->kind == ts_hlo_minimum, is_same = true;
    if (op->kind == ts_hlo_compare) {
        const char *direction = ts_op_string(op, "comparison_direction");
        if (strcmp(ts_op_string(op, "compare_type"), "TOTALORDER") == 0) return false;
        is_same = strcmp(direction, call->direction) == 0;
        is_either = strcmp(mirrored(direction), call->direction) == 0;
    }
    return (is_same && match_args(m, call, op, false)) || (is_either && match_args(m, call, op, true));
}

static bool has_atom(const ts_poly *poly, uint32_t atom) {
    for (int i = 0; i < poly->count; i++)
        for (int j = 0; j < poly->term[i].count; j++)
            if (poly->term[i].factor[j].atom == atom) return true;
    return false;
}

/* Finds the atom of `have` that matches the formula's call. That is the value found before or, where the
   program computes it twice, another one. */
static bool find_call(match *m, uint32_t call, const ts_poly *have) {
    if (m->found[call] && has_atom(have, m->found[call]->id)) return true;
    for (int i = 0; i < have->count; i++)
        for (int j = 0; j < have->term[i].count; j++) {
            const ts_value *value = m->f->facts[have->term[i].factor[j].atom].value;
            if (value == m->f->x || !match_call(m, &m->formula->call[call], value)) continue;
            m->found[call] = value;
            return true;
        }
    return false;
}

/* Rewrites the formula's polynomial in terms of the atoms of values. */
static bool substitute(match *m, const ts_poly *want, const ts_poly *have, ts_poly *out) {
    ts_poly_number(out, 0);
    for (int i = 0; i < want->count; i++) {
        ts_poly term, factor;
        ts_poly_number(&term, want->term[i].number);
        for (int j = 0; j < want->term[i].count; j++) {
            const ts_factor *at = &want->term[i].factor[j];
            if (at->atom != TS_FORMULA_X && !find_call(m, at->atom - 1, have)) return false;
            ts_poly_atom(&factor, at->atom == TS_FORMULA_X ? m->f->x->id : m->found[at->atom - 1]->id);
            factor.term[0].factor[0].power = at->power;
            ts_poly_multiply(&term, &factor);
        }
        ts_poly_add(out, &term, 1);
    }
    return out->count >= 0;
}

/* Whether have = want or, if `by` is not NULL, have = by * want. */
static bool match_poly(match *m, const ts_poly *want, const ts_poly *have, ts_poly_term *by) {
    ts_poly mine;
    if (!by && want->count != have->count) return false;
    if (!substitute(m, want, have, &mine)) return false;
    return by ? ts_poly_divide(have, &mine, m->tolerance, by) : ts_poly_equal(have, &mine, m->tolerance);
}

/* ---- candidates ---- */

/* The operation that the formula consists of, if it is not a sum or product; otherwise NULL. */
static const ts_formula_call *single_call(const ts_formula *formula) {
    const ts_poly_term *term = &formula->body.term[0];
    bool is_single = formula->body.count == 1 && term->number == 1 && term->count == 1 &&
                     term->factor[0].power == 1 && term->factor[0].atom != TS_FORMULA_X;
    return is_single ? &formula->call[term->factor[0].atom - 1] : NULL;
}

static bool is_arithmetic(unsigned kind) {
    return kind == ts_hlo_add || kind == ts_hlo_subtract || kind == ts_hlo_multiply;
}

/* Relative tolerance for numbers: a few roundings to the type. */
static double tolerance_of(const ts_value *root, const ts_value *x) {
    if (root->type.dtype == ts_dtype_bf16 || x->type.dtype == ts_dtype_bf16) return 0x1p-6;
    return root->type.dtype == ts_dtype_f16 || x->type.dtype == ts_dtype_f16 ? 0x1p-9 : 0x1p-20;
}

/* Lists values below `from`, nearest first, that may be x: they have the root's shape. */
static int list_below(const ts_value *from, const ts_type *shape, const ts_value **out) {
    int count = 0;
    out[count++] = from;
    for (int i = 0; i < count; i++) {
        const ts_op_node *op = out[i]->def;
        if (!op || !ts_hlo_is_pointwise(op->kind)) continue;
        for (uint32_t j = 0; j < op->operand_count; j++) {
            const ts_value *value = op->operands[j];
            bool is_new = count < MOST_X && (!value->def || value->def->kind != ts_hlo_constant) &&
                          value->type.rank == shape->rank;
            for (int k = 0; k < count && is_new; k++)
                is_new = out[k] != value;
            if (is_new) out[count++] = value;
        }
    }
    return count;
}

static void add_mark(mark *out, int *count, unsigned kind, const ts_value *of) {
    if (is_mark(kind) && *count < MOST_MARKS) out[(*count)++] = (mark){(ts_hlo)kind, of};
}

/* Lists the marks near the root, nearest first. */
static int list_marks(const finder *f, const ts_op_node *root, mark *out) {
    const ts_value *queue[MOST_NODES];
    int count = 0, marks = 0;
    queue[count++] = root->results[0];
    for (int i = 0; i < count; i++) {
        const ts_op_node *op = queue[i]->def;
        const fact *of = fact_of(f, queue[i]);
        if (i > 0 && is_plain(of)) add_mark(out, &marks, of->kind, of->x);
        if (i > 0) add_mark(out, &marks, op->kind, op->operands[0]);
        for (uint32_t j = 0; j < op->operand_count; j++) {
            const ts_value *value = op->operands[j];
            bool is_new = count < MOST_NODES && value->def && fact_of(f, value)->distance < FAR;
            for (int k = 0; k < count && is_new; k++)
                is_new = queue[k] != value;
            if (is_new) queue[count++] = value;
        }
    }
    return marks;
}

/* Whether there is at most one other factor, which has as many elements as the root. */
static bool is_simple(const finder *f, const ts_op_node *root, const ts_poly_term *by) {
    if (by->count > 1 || (by->count == 1 && by->factor[0].power != 1)) return false;
    return by->count == 0 ||
           ts_type_elems(&f->facts[by->factor[0].atom].value->type) == ts_type_elems(&root->results[0]->type);
}

static bool try_row(finder *f, const row *r, ts_op_node *root, const ts_poly *have) {
    match m = {.f = f, .formula = r->formula, .tolerance = tolerance_of(root->results[0], f->x)};
    const ts_formula_call *single = single_call(r->formula);
    ts_poly_term by = {.number = 1};
    if (single ? single->kind != root->kind || !match_call(&m, single, root->results[0])
               : !is_arithmetic(root->kind) || !match_poly(&m, &r->formula->body, have, &by))
        return false;
    if (!is_simple(f, root, &by)) return false;
    fact *of = fact_of(f, root->results[0]);
    of->kind = r->kind;
    of->x = f->x;
    of->number = fabs(by.number - 1) > m.tolerance ? by.number : 1;
    of->by = by.count ? f->facts[by.factor[0].atom].value : NULL;
    return true;
}

static bool try_x(finder *f, ts_hlo kind, ts_op_node *root) {
    ts_poly have;
    f->tried++;
    f->has_met_whole = false;
    expand(f, root->results[0], 0, &have);
    for (int i = 0; i < ROWS; i++)
        if (f->rows[i].mark == kind && try_row(f, &f->rows[i], root, &have)) return true;
    return false;
}

/* Tries the root with all marks and values of x. Final functions among the factors are treated as atoms if
   that makes a match. */
static bool try_root(finder *f, ts_op_node *root) {
    const ts_value *below[MOST_X];
    mark marks[MOST_MARKS];
    int count = list_marks(f, root, marks);
    for (int i = 0; i < count; i++) {
        int values = list_below(marks[i].of, &root->results[0]->type, below);
        for (int j = 0; j < values; j++) {
            if (!is_float(&below[j]->type)) continue;
            f->x = below[j];
            f->is_whole = true;
            if (try_x(f, marks[i].kind, root)) return true;
            f->is_whole = false;
            if (f->has_met_whole && try_x(f, marks[i].kind, root)) return true;
        }
    }
    return false;
}

static bool may_be_root(const ts_op_node *op) {
    if (op->result_count != 1 || !is_float(&op->results[0]->type)) return false;
    return is_arithmetic(op->kind) || op->kind == ts_hlo_select || op->kind == ts_hlo_divide ||
           op->kind == ts_hlo_exponential;
}

static void note(finder *f, const ts_value *value) {
    fact *of = fact_of(f, value);
    const ts_op_node *op = value->def;
    of->value = value;
    of->distance = UNREACHED;
    if (!op || !ts_hlo_is_pointwise(op->kind)) return;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        uint8_t distance = fact_of(f, op->operands[i])->distance;
        if (distance < FAR && distance + 1 < of->distance) of->distance = (uint8_t)(distance + 1);
    }
    if (is_mark(op->kind)) of->distance = 0;
}

static void find(finder *f, const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        note(f, block->args[i]);
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) find(f, op->regions[j]);
        for (uint32_t j = 0; j < op->result_count; j++)
            note(f, op->results[j]);
        if (!may_be_root(op) || fact_of(f, op->results[0])->distance > FAR || !try_root(f, op)) continue;
        fact *of = fact_of(f, op->results[0]);
        if (is_plain(of) && is_mark(of->kind)) of->distance = 0;
    }
}

/* ---- replacing ---- */

static ts_value *as_dtype(ts_maker *make, const ts_value *value, const ts_type *type) {
    return value->type.dtype == type->dtype ? (ts_value *)value
                                            : ts_make_unary(make, ts_hlo_convert, (ts_value *)value, type);
}

static ts_value *number_of(ts_maker *make, const ts_type *type, double number) {
    const float narrow = (float)number;
    uint64_t bits = 0;
    ts_dtype_narrow((ts_dtype)type->dtype, &narrow, &bits, 1);
    return ts_make_number(make, type, bits);
}

static void become(ts_op_node *op, ts_hlo kind, uint32_t count, ts_value *a, ts_value *b) {
    op->kind = (uint16_t)kind;
    op->attr_count = 0;
    op->operand_count = count;
    op->operands[0] = a;
    if (count == 2) op->operands[1] = b;
}

/* Replaces the op by by * number * kind(x). */
static void replace(finder *f, ts_block *block, ts_op_node *op) {
    const fact *of = fact_of(f, op->results[0]);
    const ts_type *type = &op->results[0]->type;
    ts_maker make = {.module = f->module, .func = f->main, .block = block, .loc = op->loc};
    ts_value *x = (ts_value *)of->x, *by = NULL;
    if (is_plain(of) && x->type.dtype == type->dtype) {
        become(op, of->kind, 1, x, NULL);
        return;
    }
    ts_value *value = as_dtype(&make, ts_make_unary(&make, of->kind, x, &x->type), type);
    if (of->number != 1) by = number_of(&make, type, of->number);
    if (by && of->by) value = ts_make_binary(&make, ts_hlo_multiply, value, by);
    if (of->by) by = as_dtype(&make, of->by, type);
    if (by)
        become(op, ts_hlo_multiply, 2, by, value);
    else
        become(op, ts_hlo_convert, 1, value, NULL);
}

static void replace_found(finder *f, ts_block *block) {
    ts_block out = {0};
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) replace_found(f, op->regions[j]);
        ts_hlo kind = op->result_count == 1 ? fact_of(f, op->results[0])->kind : ts_hlo_none;
        if (ts_hlo_is_pointwise(kind)) replace(f, &out, op);
        ts_vec_push(&out.ops, &f->module->arena, op);
    }
    ts_block_take_ops(block, &out);
}

/* Without a mark there is nothing to find, and the formulas need not be parsed. */
static bool has_mark(const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        if (is_mark(op->kind)) return true;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j] && has_mark(op->regions[j])) return true;
    }
    return false;
}

ts_status ts_find_functions(ts_module *module, ts_func *main, ts_diag *diag) {
    if (!has_mark(main->body)) return ts_ok;
    ts_arena scratch = {0};
    finder f = {.module = module, .main = main};
    ts_status status = ts_ok;
    f.facts = TS_NEW_ARRAY(&scratch, fact, main->value_count);
    for (int i = 0; i < ROWS && status == ts_ok; i++) {
        f.rows[i] = (row){table[i].kind, table[i].mark, ts_formula_parse(table[i].text, &scratch)};
        if (!f.rows[i].formula)
            status = ts_fail(diag, ts_usage, "the formula of %s is none: '%s'", ts_hlo_name(table[i].kind),
                             table[i].text);
        else
            note_calls(&f, f.rows[i].formula);
    }
    if (status == ts_ok) {
        find(&f, main->body);
        replace_found(&f, main->body);
    }
    ts_arena_free(&scratch);
    return status;
}

/* Complex arithmetic by parts, and the conversion of a complex value to its parts and back. A bitcast joins
   the parts along a last axis of size 2. */
#include "compiler/rewrite/complex.h"

#include <string.h>

#include "base/bits.h"

bool ts_is_complex(const ts_value *value) {
    return value->type.kind == ts_type_tensor && value->type.rank < TS_MAX_RANK &&
           value->type.dtype == ts_dtype_c64;
}

ts_type ts_complex_part(const ts_type *type) {
    ts_type part = *type;
    part.dtype = ts_dtype_f32;
    return part;
}

ts_type ts_complex_pair(const ts_type *type) {
    ts_type pair = ts_complex_part(type);
    pair.dim[pair.rank++] = 2;
    return pair;
}

/* ---- parts ---- */

static ts_value *part_of(ts_maker *m, ts_value *pair, const ts_type *type, int part) {
    int64_t start[TS_MAX_RANK] = {0}, limit[TS_MAX_RANK];
    memcpy(limit, pair->type.dim, sizeof limit);
    start[type->rank] = part;
    limit[type->rank] = part + 1;
    return ts_make_reshape(m, ts_make_slice(m, pair, start, limit), type->rank, type->dim);
}

/* The concatenation that ts_complex_join made, or NULL. */
static const ts_op_node *joined(const ts_value *value) {
    const ts_op_node *cast = value->def;
    if (!cast || cast->kind != ts_hlo_bitcast_convert) return NULL;
    const ts_op_node *both = cast->operands[0]->def;
    if (!both || both->kind != ts_hlo_concatenate || both->operand_count != 2) return NULL;
    for (int i = 0; i < 2; i++) {
        const ts_op_node *column = both->operands[i]->def;
        if (!column || column->kind != ts_hlo_reshape || column->operands[0]->type.rank != value->type.rank)
            return NULL;
    }
    return both;
}

ts_complex ts_complex_split(ts_maker *m, ts_value *value) {
    if (!ts_is_complex(value)) return ts_complex_real(m, value);
    const ts_op_node *both = joined(value);
    if (both) return (ts_complex){both->operands[0]->def->operands[0], both->operands[1]->def->operands[0]};
    ts_type type = ts_complex_pair(&value->type);
    ts_value *pair = ts_make_bitcast(m, value, &type);
    return (ts_complex){part_of(m, pair, &value->type, 0), part_of(m, pair, &value->type, 1)};
}

ts_value *ts_complex_join(ts_maker *m, ts_complex a) {
    ts_type type = a.re->type, column = ts_complex_pair(&a.re->type);
    type.dtype = ts_dtype_c64;
    column.dim[type.rank] = 1;
    ts_value *parts[2] = {ts_make_reshape(m, a.re, column.rank, column.dim),
                          ts_make_reshape(m, a.im, column.rank, column.dim)};
    return ts_make_bitcast(m, ts_make_concatenate(m, 2, parts, type.rank), &type);
}

ts_complex ts_complex_of_constant(ts_maker *m, const ts_op_node *op) {
    const ts_attr *old = ts_op_attr(op, "value");
    size_t count = old->data_bytes / 8;
    ts_value *parts[2];
    for (int part = 0; part < 2; part++) {
        ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
        uint32_t *words = TS_NEW_ARRAY(&m->module->arena, uint32_t, count + 1);
        for (size_t i = 0; i < count; i++)
            memcpy(&words[i], old->data + 8 * i + 4 * part, sizeof *words);
        *attr = *old;
        attr->type.dtype = ts_dtype_f32;
        attr->data = (const uint8_t *)words;
        attr->data_bytes = 4 * count;
        parts[part] = ts_make_constant(m, attr);
    }
    return (ts_complex){parts[0], parts[1]};
}

/* ---- arithmetic ---- */

static ts_value *add(ts_maker *m, ts_value *a, ts_value *b) {
    return ts_make_binary(m, ts_hlo_add, a, b);
}

static ts_value *subtract(ts_maker *m, ts_value *a, ts_value *b) {
    return ts_make_binary(m, ts_hlo_subtract, a, b);
}

static ts_value *multiply(ts_maker *m, ts_value *a, ts_value *b) {
    return ts_make_binary(m, ts_hlo_multiply, a, b);
}

static ts_value *divide(ts_maker *m, ts_value *a, ts_value *b) {
    return ts_make_binary(m, ts_hlo_divide, a, b);
}

static ts_value *of(ts_maker *m, ts_hlo kind, ts_value *a) {
    return ts_make_unary(m, kind, a, &a->type);
}

ts_value *ts_complex_number(ts_maker *m, const ts_value *like, double number) {
    ts_type type = ts_complex_part(&like->type);
    return ts_make_number(m, &type, ts_float_bits((float)number));
}

ts_complex ts_complex_real(ts_maker *m, ts_value *re) {
    return (ts_complex){re, ts_complex_number(m, re, 0)};
}

ts_complex ts_complex_add(ts_maker *m, ts_complex a, ts_complex b) {
    return (ts_complex){add(m, a.re, b.re), add(m, a.im, b.im)};
}

ts_complex ts_complex_subtract(ts_maker *m, ts_complex a, ts_complex b) {
    return (ts_complex){subtract(m, a.re, b.re), subtract(m, a.im, b.im)};
}

ts_complex ts_complex_negate(ts_maker *m, ts_complex a) {
    return (ts_complex){of(m, ts_hlo_negate, a.re), of(m, ts_hlo_negate, a.im)};
}

ts_complex ts_complex_conjugate(ts_maker *m, ts_complex a) {
    return (ts_complex){a.re, of(m, ts_hlo_negate, a.im)};
}

ts_complex ts_complex_multiply(ts_maker *m, ts_complex a, ts_complex b) {
    return (ts_complex){subtract(m, multiply(m, a.re, b.re), multiply(m, a.im, b.im)),
                        add(m, multiply(m, a.re, b.im), multiply(m, a.im, b.re))};
}

ts_complex ts_complex_select(ts_maker *m, ts_value *predicate, ts_complex yes, ts_complex no) {
    return (ts_complex){ts_make_select(m, predicate, yes.re, no.re),
                        ts_make_select(m, predicate, yes.im, no.im)};
}

/* By Smith's method: with the divisor's larger part taken out, no square overflows. */
ts_complex ts_complex_divide(ts_maker *m, ts_complex a, ts_complex b) {
    ts_value *is_real =
        ts_make_compare(m, "GE", of(m, ts_hlo_abs, b.re), of(m, ts_hlo_abs, b.im)); /* the larger part */
    ts_value *large = ts_make_select(m, is_real, b.re, b.im), *small = ts_make_select(m, is_real, b.im, b.re);
    ts_value *ratio = divide(m, small, large), *zero = ts_complex_number(m, b.re, 0);
    ratio = ts_make_select(m, ts_make_compare(m, "EQ", small, zero), small, ratio); /* x / 0 is infinite */
    ts_value *whole = add(m, large, multiply(m, small, ratio));
    ts_value *first = ts_make_select(m, is_real, a.re, a.im),
             *second = ts_make_select(m, is_real, a.im, a.re);
    ts_value *re = divide(m, add(m, first, multiply(m, second, ratio)), whole);
    ts_value *im = divide(m, subtract(m, second, multiply(m, first, ratio)), whole);
    return (ts_complex){re, ts_make_select(m, is_real, im, of(m, ts_hlo_negate, im))};
}

ts_value *ts_complex_is_equal(ts_maker *m, ts_complex a, ts_complex b) {
    return ts_make_binary(m, ts_hlo_and, ts_make_compare(m, "EQ", a.re, b.re),
                          ts_make_compare(m, "EQ", a.im, b.im));
}

/* max * sqrt(1 + (min / max)^2). */
ts_value *ts_complex_abs(ts_maker *m, ts_complex a) {
    ts_value *x = of(m, ts_hlo_abs, a.re), *y = of(m, ts_hlo_abs, a.im);
    ts_value *most = ts_make_binary(m, ts_hlo_maximum, x, y),
             *least = ts_make_binary(m, ts_hlo_minimum, x, y);
    ts_value *ratio = divide(m, least, most), *one = ts_complex_number(m, x, 1);
    ts_value *abs = multiply(m, most, of(m, ts_hlo_sqrt, add(m, one, multiply(m, ratio, ratio))));
    return ts_make_select(m, ts_make_compare(m, "EQ", most, least),
                          multiply(m, most, ts_complex_number(m, x, 1.4142135623730951)), abs);
}

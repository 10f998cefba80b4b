/* Bounds of the magnitudes of floats, in one walk in program order. */
#include "compiler/graph/magnitude.h"

#include <math.h>
#include <string.h>

#include "compiler/lower/lower.h"
#include "compiler/passes.h"

enum { LEAST = -149, LEAST_NORMAL = -126, MOST = 128 }; /* exponents of fp32; bf16 and fp16 lie within */

static const ts_magnitude UNKNOWN = {LEAST, MOST, false, false, false};

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* A magnitude clamped to fp32's range. Numbers beyond it round to zero or infinity, which every magnitude
   allows. */
static ts_magnitude within(int low, int high, bool is_natural, bool is_positive) {
    bool may_vanish = low < LEAST_NORMAL;
    return (ts_magnitude){(int16_t)larger(smaller(low, MOST), LEAST),
                          (int16_t)larger(smaller(high, MOST), LEAST), is_natural, is_positive && !may_vanish,
                          false};
}

static ts_magnitude without_positive(ts_magnitude m) {
    m.is_natural = m.is_positive = false;
    m.is_opposite = true;
    return m;
}

/* The magnitude of a sum whose terms may cancel. */
static ts_magnitude up_to(int high) {
    return within(LEAST, high, false, false);
}

/* The magnitude of a value that is only zeros, infinities and NaN. */
static ts_magnitude without_numbers(bool is_natural, bool is_positive) {
    return within(MOST, LEAST, is_natural, is_positive);
}

static ts_magnitude join(ts_magnitude a, ts_magnitude b) {
    ts_magnitude both = within(smaller(a.low, b.low), larger(a.high, b.high), a.is_natural && b.is_natural,
                               a.is_positive && b.is_positive);
    both.is_opposite = a.is_opposite && b.is_opposite;
    return both;
}

static ts_magnitude negate(ts_magnitude m) {
    ts_magnitude other = within(m.low, m.high, m.is_opposite, false);
    other.is_opposite = m.is_natural;
    return other;
}

/* A lower bound of a sum or maximum of two values of which one is positive or none is negative. */
static int least_of(ts_magnitude a, ts_magnitude b) {
    if (a.is_positive && b.is_positive) return larger(a.low, b.low);
    return a.is_positive ? a.low : b.is_positive ? b.low : smaller(a.low, b.low);
}

static ts_magnitude add(ts_magnitude a, ts_magnitude b) {
    int high = larger(a.high, b.high) + 1;
    if (a.is_natural && b.is_natural)
        return within(least_of(a, b), high, true, a.is_positive || b.is_positive);
    ts_magnitude sum = up_to(high);
    sum.is_opposite = a.is_opposite && b.is_opposite;
    return sum;
}

/* Adds the sign of a product or quotient to its magnitude. */
static ts_magnitude with_sign(ts_magnitude m, ts_magnitude a, ts_magnitude b) {
    m.is_natural |= (a.is_natural && b.is_natural) || (a.is_opposite && b.is_opposite);
    m.is_opposite = !m.is_natural && ((a.is_natural && b.is_opposite) || (a.is_opposite && b.is_natural));
    return m;
}

static ts_magnitude multiply(ts_magnitude a, ts_magnitude b, bool is_square) {
    ts_magnitude product = within(a.low + b.low, a.high + b.high, is_square, a.is_positive && b.is_positive);
    return with_sign(product, a, b);
}

/* base^exponent, for a base of at least 1. */
static ts_magnitude power(ts_magnitude base, ts_magnitude exponent) {
    if (base.low < 0 || !base.is_positive || exponent.high > 7) return UNKNOWN;
    int most = larger(base.high, 0) * (exponent.high > 0 ? 1 << exponent.high : 1);
    return within(exponent.is_natural ? 0 : -most, exponent.is_opposite ? 0 : most, true, true);
}

/* The least b with 2^b >= number; 0 for numbers up to 1. */
static int bits_of(double number) {
    return number > 1 ? ilogb(number) + (number > ldexp(1, ilogb(number))) : 0;
}

/* A dot: a sum of products. Their number follows from the element counts of operands and result. */
static ts_magnitude of_dot(const ts_op_node *op, ts_magnitude a, ts_magnitude b) {
    double terms =
               (double)ts_type_elems(&op->operands[0]->type) * (double)ts_type_elems(&op->operands[1]->type),
           results = (double)ts_type_elems(&op->results[0]->type);
    return up_to(a.high + b.high + (results > 0 ? bits_of(sqrt(terms / results)) : 0));
}

static ts_magnitude largest(ts_magnitude a, ts_magnitude b) {
    bool is_positive = a.is_positive || b.is_positive;
    return within(is_positive ? least_of(a, b) : smaller(a.low, b.low), larger(a.high, b.high),
                  a.is_natural || b.is_natural, is_positive);
}

/* clamp(low, x, high) stays within the larger of its bounds. */
static ts_magnitude clamp(const ts_magnitude *in) {
    ts_magnitude m = join(largest(in[0], in[1]), in[2]);
    m.high = (int16_t)larger(in[0].high, in[2].high);
    return m;
}

static int half_down(int number) {
    return number >> 1;
}

static ts_magnitude of_number(double number) {
    if (number == 0 || !isfinite(number)) return without_numbers(number >= 0, number > 0);
    int low = ilogb(number), high = low + (fabs(number) > ldexp(1, low));
    ts_magnitude m = within(low, high, number > 0, number > 0);
    return number < 0 ? without_positive(m) : m;
}

static ts_magnitude of_integers(ts_range range) {
    double most = fmax(fabs((double)range.low), fabs((double)range.high));
    bool is_bounded = range.low > INT64_MIN && range.high < INT64_MAX;
    ts_magnitude m = within(0, is_bounded ? bits_of(most) : 64, range.low >= 0, range.low > 0);
    return range.high <= 0 && range.low < 0 ? without_positive(m) : m;
}

static ts_magnitude of_iota(const ts_op_node *op) {
    int64_t axis = ts_op_int(op, "iota_dimension", 0);
    return within(0, bits_of((double)op->results[0]->type.dim[axis]), true, false);
}

/* The magnitude of the elements of an fp32 constant. */
static ts_magnitude of_constant(const ts_op_node *op) {
    const ts_attr *attr = ts_op_attr(op, "value");
    ts_magnitude all = without_numbers(true, true);
    if (op->results[0]->type.dtype != ts_dtype_f32 || !attr || attr->kind != ts_attr_dense || attr->is_splat)
        return UNKNOWN;
    for (size_t at = 0; at + sizeof(float) <= attr->data_bytes; at += sizeof(float)) {
        float number;
        memcpy(&number, (const char *)attr->data + at, sizeof number);
        all = join(all, of_number((double)number));
    }
    return all;
}

static ts_magnitude of_reduction(const ts_op_node *op, ts_magnitude data, ts_magnitude start) {
    ts_alu alu;
    if (op->operand_count != 2 || op->region_count != 1 || !ts_region_alu(op->regions[0], &alu))
        return UNKNOWN;
    if (alu == ts_alu_max || alu == ts_alu_min) return join(data, start);
    if (alu != ts_alu_add || !data.is_natural || !start.is_natural) return UNKNOWN;
    int64_t results = ts_type_elems(&op->results[0]->type);
    int64_t terms = results > 0 ? ts_type_elems(&op->operands[0]->type) / results : 0;
    int more = terms > 0 ? ilogb((double)terms) + 1 : 0;
    if (ts_softmax_is_sum(op->results[0])) return within(0, more, true, true);
    return within(smaller(data.low, start.low), larger(data.high + more, start.high) + 1, true,
                  terms > 0 && (data.is_positive || start.is_positive));
}

static ts_magnitude of_op(const ts_op_node *op, const ts_magnitude *in, ts_magnitude all,
                          const ts_range *ranges) {
    const ts_magnitude a = in[0], b = in[1];
    if (ts_hlo_picks(op->kind)) return a;
    switch (op->kind) {
    case ts_hlo_abs: return within(a.low, a.high, true, a.is_positive);
    case ts_hlo_constant: return of_constant(op);
    case ts_hlo_iota: return of_iota(op);
    case ts_hlo_negate: return negate(a);
    case ts_hlo_add: return add(a, b);
    case ts_hlo_subtract: return add(a, negate(b));
    case ts_hlo_multiply: return multiply(a, b, op->operands[0] == op->operands[1]);
    case ts_hlo_divide: return with_sign(within(a.low - b.high, a.high - b.low, false, false), a, b);
    case ts_hlo_power: return power(a, b);
    case ts_hlo_dot_general: return of_dot(op, a, b);
    case ts_hlo_maximum: return largest(a, b);
    case ts_hlo_minimum: return join(a, b);
    case ts_hlo_clamp: return clamp(in);
    case ts_hlo_sqrt: return within(half_down(a.low), half_down(a.high + 1), true, a.is_positive);
    case ts_hlo_rsqrt: return within(half_down(-a.high), half_down(1 - a.low), true, false);
    case ts_hlo_exponential: return within(LEAST, a.is_opposite ? 0 : MOST, true, false);
    case ts_hlo_softplus: return within(LEAST, MOST, true, false);
    case ts_hlo_logistic: return within(LEAST, 0, true, false);
    case ts_hlo_cosine:
    case ts_hlo_erf:
    case ts_hlo_sine:
    case ts_hlo_tanh: return up_to(0);
    case ts_hlo_select: return join(in[1], in[2]);
    case ts_hlo_reduce: return of_reduction(op, a, b);
    case ts_hlo_convert:
        return ts_dtype_get((ts_dtype)op->operands[0]->type.dtype)->kind == 'f'
                   ? with_sign(within(a.low, a.high, a.is_natural, false), a, of_number(1))
                   : of_integers(ranges[op->operands[0]->id]);
    case ts_hlo_concatenate: return all;
    case ts_hlo_pad:
    case ts_hlo_dynamic_update_slice: return join(a, b);
    default: return UNKNOWN;
    }
}

static ts_magnitude of_result(const ts_op_node *op, const ts_magnitude *magnitudes, const ts_range *ranges) {
    ts_magnitude in[3] = {UNKNOWN, UNKNOWN, UNKNOWN}, all = without_numbers(true, true);
    double number;
    if (op->result_count != 1 || op->results[0]->type.kind != ts_type_tensor ||
        ts_dtype_get((ts_dtype)op->results[0]->type.dtype)->kind != 'f')
        return UNKNOWN;
    if (ts_constant_splat(op->results[0], &number)) return of_number(number);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        const ts_magnitude m = magnitudes[op->operands[i]->id];
        if (i < 3) in[i] = m;
        all = join(all, m);
    }
    return of_op(op, in, all, ranges);
}

static void walk(const ts_block *block, ts_magnitude *magnitudes, const ts_range *ranges) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        magnitudes[block->args[i]->id] = UNKNOWN;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) walk(op->regions[j], magnitudes, ranges);
        for (uint32_t j = 0; j < op->result_count; j++)
            magnitudes[op->results[j]->id] = of_result(op, magnitudes, ranges);
    }
}

ts_magnitude *ts_value_magnitudes(const ts_func *func, ts_arena *arena) {
    ts_magnitude *magnitudes = TS_NEW_ARRAY(arena, ts_magnitude, func->value_count);
    walk(func->body, magnitudes, ts_value_ranges(func, arena));
    return magnitudes;
}

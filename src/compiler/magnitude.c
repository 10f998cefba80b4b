/* Bounds of the magnitudes of floats: one walk in program order. */
#include "compiler/magnitude.h"

#include <math.h>

#include "compiler/lower.h"
#include "compiler/passes.h"

enum { LEAST = -149, LEAST_NORMAL = -126, MOST = 128 }; /* of fp32; bf16 and f16 lie within */

static const ts_magnitude UNKNOWN = {LEAST, MOST, false, false};

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* Numbers beyond the range round to zero or infinity, which every magnitude allows. */
static ts_magnitude within(int low, int high, bool is_natural, bool is_positive) {
    bool may_vanish = low < LEAST_NORMAL;
    return (ts_magnitude){(int16_t)larger(smaller(low, MOST), LEAST),
                          (int16_t)larger(smaller(high, MOST), LEAST), is_natural,
                          is_positive && !may_vanish};
}

/* Of nothing but zeros, infinities and NaN. */
static ts_magnitude without_numbers(bool is_natural, bool is_positive) {
    return within(MOST, LEAST, is_natural, is_positive);
}

static ts_magnitude join(ts_magnitude a, ts_magnitude b) {
    return within(smaller(a.low, b.low), larger(a.high, b.high), a.is_natural && b.is_natural,
                  a.is_positive && b.is_positive);
}

/* The least of a sum or of the larger of two, of which one or both are positive. */
static int least_of(ts_magnitude a, ts_magnitude b) {
    if (a.is_positive && b.is_positive) return larger(a.low, b.low);
    return a.is_positive ? a.low : b.is_positive ? b.low : smaller(a.low, b.low);
}

static ts_magnitude add(ts_magnitude a, ts_magnitude b) {
    if (!a.is_natural || !b.is_natural) return UNKNOWN; /* they may cancel */
    return within(least_of(a, b), larger(a.high, b.high) + 1, true, a.is_positive || b.is_positive);
}

static ts_magnitude multiply(ts_magnitude a, ts_magnitude b, bool is_square) {
    bool is_natural = is_square || (a.is_natural && b.is_natural);
    return within(a.low + b.low, a.high + b.high, is_natural, a.is_positive && b.is_positive);
}

static ts_magnitude largest(ts_magnitude a, ts_magnitude b) {
    bool is_positive = a.is_positive || b.is_positive;
    return within(is_positive ? least_of(a, b) : smaller(a.low, b.low), larger(a.high, b.high),
                  a.is_natural || b.is_natural, is_positive);
}

static int half_down(int number) {
    return number >> 1;
}

static ts_magnitude of_number(double number) {
    if (number == 0 || !isfinite(number)) return without_numbers(number >= 0, number > 0);
    int high = ilogb(number);
    return within(high, high + 1, number > 0, number > 0);
}

static ts_magnitude of_integer(unsigned dtype) {
    char kind = ts_dtype_get((ts_dtype)dtype)->kind;
    return within(0, 64, kind == 'u' || kind == 'b', false);
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

static ts_magnitude of_op(const ts_op_node *op, const ts_magnitude *in, ts_magnitude all) {
    const ts_magnitude a = in[0], b = in[1];
    if (ts_hlo_picks(op->kind)) return a;
    switch (op->kind) {
    case ts_hlo_abs: return within(a.low, a.high, true, a.is_positive);
    case ts_hlo_negate: return within(a.low, a.high, false, false);
    case ts_hlo_add: return add(a, b);
    case ts_hlo_multiply: return multiply(a, b, op->operands[0] == op->operands[1]);
    case ts_hlo_divide: return within(a.low - b.high, a.high - b.low, a.is_natural && b.is_natural, false);
    case ts_hlo_maximum: return largest(a, b);
    case ts_hlo_minimum: return join(a, b);
    case ts_hlo_clamp: return join(largest(in[0], in[1]), in[2]);
    case ts_hlo_sqrt: return within(half_down(a.low), half_down(a.high + 1), true, a.is_positive);
    case ts_hlo_rsqrt: return within(half_down(-a.high), half_down(1 - a.low), true, false);
    case ts_hlo_exponential:
    case ts_hlo_softplus: return within(LEAST, MOST, true, false);
    case ts_hlo_logistic: return within(LEAST, 0, true, false);
    case ts_hlo_select: return join(in[1], in[2]);
    case ts_hlo_reduce: return of_reduction(op, a, b);
    case ts_hlo_convert:
        return ts_dtype_get((ts_dtype)op->operands[0]->type.dtype)->kind == 'f'
                   ? within(a.low, a.high, a.is_natural, false)
                   : of_integer(op->operands[0]->type.dtype);
    case ts_hlo_concatenate: return all;
    case ts_hlo_pad:
    case ts_hlo_dynamic_update_slice: return join(a, b);
    default: return UNKNOWN;
    }
}

static ts_magnitude of_result(const ts_op_node *op, const ts_magnitude *magnitudes) {
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
    return of_op(op, in, all);
}

static void walk(const ts_block *block, ts_magnitude *magnitudes) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        magnitudes[block->args[i]->id] = UNKNOWN;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) walk(op->regions[j], magnitudes);
        for (uint32_t j = 0; j < op->result_count; j++)
            magnitudes[op->results[j]->id] = of_result(op, magnitudes);
    }
}

ts_magnitude *ts_value_magnitudes(const ts_func *func, ts_arena *arena) {
    ts_magnitude *magnitudes = TS_NEW_ARRAY(arena, ts_magnitude, func->value_count);
    walk(func->body, magnitudes);
    return magnitudes;
}

/* Conversions in pointwise groups: convert, bitcasts of equal width, reduce_precision. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compiler/lower/pointwise.h"
#include "compiler/lower/recipe.h"

static bool is_plain_integer(unsigned dtype) {
    char kind = ts_dtype_get((ts_dtype)dtype)->kind;
    return kind == 's' || kind == 'u';
}

bool ts_pointwise_is_relabel(const ts_op_node *op) {
    unsigned from = op->operands[0]->type.dtype, to = op->results[0]->type.dtype;
    bool is_same_width = ts_dtype_get((ts_dtype)from)->bytes == ts_dtype_get((ts_dtype)to)->bytes;
    if (op->kind == ts_hlo_bitcast_convert) return is_same_width && from != ts_dtype_i1 && to != ts_dtype_i1;
    return op->kind == ts_hlo_convert && is_same_width && is_plain_integer(from) && is_plain_integer(to);
}

static bool is_half(unsigned dtype) {
    return dtype == ts_dtype_bf16 || dtype == ts_dtype_f16;
}

/* Whether the op computes in fp32 whatever float type it reads, and converts what it writes. */
static bool is_casting(const ts_op_node *op) {
    if (ts_pointwise_is_operator(op) || op->kind == ts_hlo_negate)
        return ts_dtype_is_float(op->results[0]->type.dtype);
    return ts_pointwise_act(op->kind) != ts_act_count;
}

bool ts_pointwise_is_cast_by_others(const ts_emitter *e, int index, const ts_value_form *in) {
    const ts_op_node *op = e->group->ops[index];
    if (op->kind != ts_hlo_convert || in->kind != ts_form_tile) return false;
    unsigned from = op->operands[0]->type.dtype, to = op->results[0]->type.dtype;
    if (from == ts_dtype_f32 && is_half(to) && in->dtype == to) return true; /* its producer wrote it so */
    if (!is_half(from) || to != ts_dtype_f32 || e->fate[index] == ts_fate_stored ||
        in->axes != ts_pointwise_all_axes(e))
        return false;
    for (int i = index + 1; i < e->group->op_count; i++) {
        const ts_op_node *reader = e->group->ops[i];
        bool is_row = reader->kind == ts_hlo_reduce && !ts_group_is_sum(reader);
        for (uint32_t j = 0; j < ts_group_operands(reader); j++)
            if (reader->operands[j] == op->results[0] && !is_row && !is_casting(reader)) return false;
    }
    return true;
}

int ts_pointwise_caster(const ts_emitter *e, int index) {
    const ts_op_node *op = e->group->ops[index];
    if (op->results[0]->type.dtype != ts_dtype_f32 || e->fate[index] == ts_fate_stored || !is_casting(op))
        return index;
    int reader = ts_pointwise_only_reader(e, index);
    if (reader < 0 || e->group->ops[reader]->kind != ts_hlo_convert ||
        !is_half(e->group->ops[reader]->results[0]->type.dtype))
        return index;
    return reader;
}

static ts_dtype signed_dtype(int bytes) {
    return bytes == 1 ? ts_dtype_i8 : bytes == 2 ? ts_dtype_i16 : ts_dtype_i32;
}

/* Floats round to nearest even. To integers they truncate and saturate, and NaN gives 0, as the engines
   convert. Integers keep their low bits, and are sign-extended when they grow. */
ts_status ts_pointwise_convert(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                               const ts_value_form *from) {
    unsigned source = op->operands[0]->type.dtype, target = op->results[0]->type.dtype;
    const ts_dtype_info *narrow = ts_dtype_get((ts_dtype)target), *wide = ts_dtype_get((ts_dtype)source);
    ts_ap src = ts_pointwise_ap(e, from), to = *dst;
    if (target == ts_dtype_i1) {
        ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &src, ts_alu_not_equal, ts_scalar_const(0), false);
        return ts_ok;
    }
    if (is_plain_integer(source) && is_plain_integer(target)) {
        if (narrow->bytes < wide->bytes) {
            ts_pointwise_low_bytes(e, dst, from);
            return ts_ok;
        }
        if (wide->kind == 's') to.dtype = (uint8_t)signed_dtype(narrow->bytes);
    }
    ts_emit_copy(e->b, ts_pointwise_copier(e, target, source), &to, &src);
    return ts_ok;
}

/* Rounds the mantissa to nearest even on its bits. Numbers beyond the smaller exponent range become infinity
   or zero of the same sign; NaN stays. Subnormal numbers of fp16 are normal in the engines; they are rounded
   to a multiple of 2^(-14 - mantissa) by adding a number whose last place that is. */
ts_status ts_pointwise_reduce_precision(ts_emitter *e, const ts_op_node *op, const ts_value_form *dst,
                                        const ts_value_form *from) {
    char text[800] = "t = a;";
    int64_t mantissa = ts_op_int(op, "mantissa_bits", 23), exponent = ts_op_int(op, "exponent_bits", 8);
    size_t at = strlen(text);
    if (mantissa < 23) {
        int cut = (int)(23 - mantissa);
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "b.i32 = a.i32 logical_shift_right %d bitwise_and 1;"
                               "gpsimd b.i32 = b.i32 add %d;"
                               "gpsimd t.i32 = a.i32 add b.i32;"
                               "t.i32 = t.i32 bitwise_and %lld;",
                               cut, (1 << (cut - 1)) - 1, -(1LL << cut));
    }
    bool is_half = op->results[0]->type.dtype == ts_dtype_f16;
    if (is_half && exponent >= 5 && mantissa < 10) {
        double shift = ldexp(1.5, (int)(9 - mantissa));
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "s.i32 = a.i32 bitwise_and 0x80000000;"
                               "d = a add %a subtract %a;"
                               "d.i32 = d.i32 bitwise_or s.i32;"
                               "p.u8 = a abs_max 0 is_lt %a;"
                               "t ?= d if p.u8;",
                               shift, shift, ldexp(1, -14));
    }
    if (exponent < (is_half ? 5 : 8)) {
        int bias = (1 << (exponent - 1)) - 1;
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "s.i32 = a.i32 bitwise_and 0x80000000;"
                               "i.i32 = s.i32 bitwise_or 0x7f800000;"
                               "p.u8 = t abs_max 0 is_ge %a;"
                               "t ?= i if p.u8;"
                               "p.u8 = t abs_max 0 is_lt %a;"
                               "t ?= s if p.u8;",
                               ldexp(1, bias + 1), ldexp(1, 1 - bias));
    }
    snprintf(text + at, sizeof text - at, "p.u8 = a not_equal a; t ?= a if p.u8; r = t");
    ts_recipe recipe = {ts_hlo_reduce_precision, text, 0};
    const ts_value_form *in[1] = {from};
    return ts_recipe_emit(e, &recipe, dst, in, 1);
}

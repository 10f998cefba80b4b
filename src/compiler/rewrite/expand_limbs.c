/* Products and sums of integers, on engines that multiply and add floats. An integer is split into limbs: a
   sum of numbers of few bits times powers of two. dot_general, convolution and select_and_scatter are linear
   in the limbs, and every sum of limbs stays at most 2^24, where fp32 is exact. The partial results are added
   in integers as wide as the result, which wrap. */
#include <string.h>

#include "compiler/graph/value_range.h"
#include "compiler/rewrite/expand.h"

enum { EXACT_BITS = 24, MAX_LIMBS = 64 };

/* An operand as limbs of `width` bits, lowest first. The last limb carries the sign. */
typedef struct limbs {
    int count, width;
    ts_value *limb[MAX_LIMBS];
} limbs;

static const ts_dtype_info *info_of(const ts_value *value) {
    return ts_dtype_get((ts_dtype)value->type.dtype);
}

static int bits_of(const ts_value *value) {
    return value->type.dtype == ts_dtype_i1 ? 1 : info_of(value)->bytes * 8;
}

static bool is_integer(const ts_value *value) {
    return value->type.kind == ts_type_tensor && ts_dtype_is_integer(value->type.dtype) &&
           value->type.dtype != ts_dtype_i4 && value->type.dtype != ts_dtype_u4;
}

/* The number of bits of a limb's largest magnitude: it is 2^n or a little less. */
static int magnitude(const ts_value *value, int width) {
    bool is_signed = info_of(value)->kind == 's', is_one = bits_of(value) <= width;
    return is_one ? bits_of(value) - is_signed : width;
}

static ts_value *as(ts_maker *make, ts_value *value, unsigned dtype) {
    ts_type type = value->type;
    if (type.dtype == dtype) return value;
    type.dtype = (uint8_t)dtype;
    return ts_make_unary(make, ts_hlo_convert, value, &type);
}

static ts_value *with(ts_maker *make, ts_hlo kind, ts_value *a, uint64_t number) {
    return ts_make_binary(make, kind, a, ts_make_number(make, &a->type, number));
}

static limbs split(ts_maker *make, ts_value *value, int width, unsigned dtype) {
    int bits = bits_of(value);
    limbs l = {.count = (bits + width - 1) / width, .width = width};
    bool is_signed = info_of(value)->kind == 's';
    unsigned narrow = is_signed ? ts_dtype_i32 : ts_dtype_u32;
    ts_value *word = l.count == 1 || bits == 64 ? value : as(make, value, narrow);
    ts_hlo shift = is_signed ? ts_hlo_shift_right_arithmetic : ts_hlo_shift_right_logical;
    for (int i = 0; i < l.count; i++) {
        ts_value *limb = i ? with(make, shift, word, (uint64_t)(i * width)) : word;
        if (i + 1 < l.count) limb = with(make, ts_hlo_and, limb, ((uint64_t)1 << width) - 1);
        if (bits == 64) limb = as(make, limb, narrow);
        l.limb[i] = as(make, limb, dtype);
    }
    return l;
}

/* *sum += part << shift, in integers of 32 bits or, with bits = 64, of 64. */
static void add_part(ts_maker *make, ts_value **sum, ts_value *part, int shift, int bits) {
    part = as(make, part, ts_dtype_i32);
    if (bits == 64) part = as(make, part, ts_dtype_i64);
    if (shift) part = with(make, ts_hlo_shift_left, part, (uint64_t)shift);
    *sum = *sum ? ts_make_binary(make, ts_hlo_add, *sum, part) : part;
}

/* The op applied to these operands, with an fp32 result. */
static ts_value *in_floats(ts_maker *make, const ts_op_node *op, ts_value *const *operands) {
    ts_type type = op->results[0]->type;
    type.dtype = ts_dtype_f32;
    ts_op_node *copy = ts_op_new(make->module, make->func, (ts_hlo)op->kind, op->loc, op->operand_count,
                                 operands, 1, &type, op->attr_count, op->attrs, op->region_count);
    if (op->region_count) memcpy(copy->regions, op->regions, op->region_count * sizeof *copy->regions);
    ts_vec_push(&make->block->ops, &make->module->arena, copy);
    return copy->results[0];
}

/* ---- dot_general and convolution ---- */

/* The number of products in each sum. */
static int64_t depth_of(const ts_op_node *op) {
    const ts_type *rhs = &op->operands[1]->type;
    int64_t dims[TS_MAX_RANK], depth = 1;
    int count;
    if (op->kind == ts_hlo_convolution) {
        int64_t out = rhs->dim[ts_op_int(op, "kernel_output_feature_dimension", 0)];
        return out ? ts_type_elems(rhs) / out : 0;
    }
    ts_op_ints(op, "rhs_contracting_dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        depth *= rhs->dim[dims[i]];
    return depth;
}

/* The widest limbs whose sums are exact: at most 8 bits, which bf16 holds. 0 when there are none. */
static int product_width(const ts_op_node *op) {
    int64_t depth = depth_of(op);
    for (int width = 8; width > 0; width--) {
        int bits = magnitude(op->operands[0], width) + magnitude(op->operands[1], width);
        if (depth <= (int64_t)1 << (EXACT_BITS - bits)) return width;
    }
    return 0;
}

static void multiply(ts_maker *make, ts_op_node *op, int width) {
    limbs a = split(make, op->operands[0], width, ts_dtype_bf16);
    limbs b = split(make, op->operands[1], width, ts_dtype_bf16);
    ts_value *sum = NULL;
    int bits = bits_of(op->results[0]);
    for (int i = 0; i < a.count; i++)
        for (int j = 0; j < b.count && (i + j) * width < bits; j++)
            add_part(make, &sum, in_floats(make, op, (ts_value *[]){a.limb[i], b.limb[j]}), (i + j) * width,
                     bits);
    op->results[0]->note = as(make, sum, op->results[0]->type.dtype);
}

static ts_status expand_product(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    if (!is_integer(op->operands[0]) || !is_integer(op->operands[1]) || !is_integer(op->results[0]))
        return ts_ok;
    int width = product_width(op);
    if (width == 0)
        return ts_op_fail(make->module, op, diag, ts_unsupported,
                          "integer sums of more than 2^22 products, which fp32 does not hold exactly");
    multiply(make, op, width);
    return ts_ok;
}

/* ---- select_and_scatter ---- */

/* The width of limbs of the source: an element can be selected by as many windows as a window has
   elements. */
static int source_width(const ts_op_node *op) {
    int64_t dims[TS_MAX_RANK], elems = 1;
    int count, width = EXACT_BITS;
    ts_op_ints(op, "window_dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        elems *= dims[i];
    while (width > 0 && elems > (int64_t)1 << (EXACT_BITS - width))
        width--;
    return width;
}

static ts_status expand_scatter(ts_maker *make, ts_op_node *op) {
    const ts_op_node *adds = op->regions[1] && op->regions[1]->ops.count ? op->regions[1]->ops.data[0] : NULL;
    int width = source_width(op);
    ts_value *operand = op->operands[0], *source = op->operands[1], *init = op->operands[2], *sum = NULL;
    ts_type scalar = ts_type_make(ts_dtype_f32, 0, NULL);
    if (!is_integer(source) || bits_of(source) == 64 || source->type.dtype == ts_dtype_i1 || width == 0 ||
        !adds || adds->kind != ts_hlo_add)
        return ts_ok;
    limbs s = split(make, source, width, ts_dtype_f32);
    ts_value *zero = ts_make_number(make, &scalar, 0);
    for (int i = 0; i < s.count; i++)
        add_part(make, &sum, in_floats(make, op, (ts_value *[]){operand, s.limb[i], zero}), i * width, 32);
    ts_value *start = ts_make_splat(make, init, &op->results[0]->type);
    op->results[0]->note = ts_make_binary(make, ts_hlo_add, as(make, sum, op->results[0]->type.dtype), start);
    return ts_ok;
}

ts_status ts_expand_limbs(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    bool is_linear = op->kind == ts_hlo_dot_general || op->kind == ts_hlo_convolution ||
                     op->kind == ts_hlo_select_and_scatter;
    if (is_linear && ts_type_elems(&op->results[0]->type) == 0) {
        op->results[0]->note = ts_make_number(make, &op->results[0]->type, 0);
        return ts_ok;
    }
    switch (op->kind) {
    case ts_hlo_dot_general:
    case ts_hlo_convolution: return expand_product(make, op, diag);
    case ts_hlo_select_and_scatter: return expand_scatter(make, op);
    default: return ts_ok;
    }
}

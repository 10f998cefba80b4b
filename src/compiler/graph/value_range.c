/* Bounds of integer values, in one walk in program order. */
#include "compiler/graph/value_range.h"

#include <string.h>

#include "compiler/lower/lower_index.h"

static const ts_range UNKNOWN = {INT64_MIN, INT64_MAX};

ts_range ts_range_of_dtype(unsigned dtype) {
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)dtype);
    int bits = info->bytes * 8;
    if (dtype == ts_dtype_i4 || dtype == ts_dtype_u4) bits = 4;
    if (info->kind == 'b') return (ts_range){0, 1};
    if (info->kind == 's' && bits < 64)
        return (ts_range){-((int64_t)1 << (bits - 1)), ((int64_t)1 << (bits - 1)) - 1};
    if (info->kind == 'u') return (ts_range){0, bits < 64 ? ((int64_t)1 << bits) - 1 : INT64_MAX};
    return UNKNOWN;
}

bool ts_range_is_within(ts_range range, int64_t low, int64_t high) {
    return range.low >= low && range.high <= high;
}

static ts_range join(ts_range a, ts_range b) {
    return (ts_range){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool has_bounds(ts_range r) {
    return r.low != INT64_MIN && r.high != INT64_MAX;
}

static ts_range multiply(ts_range a, ts_range b) {
    int64_t corner[4];
    ts_range r = {INT64_MAX, INT64_MIN};
    bool is_lost = __builtin_mul_overflow(a.low, b.low, &corner[0]);
    is_lost |= __builtin_mul_overflow(a.low, b.high, &corner[1]);
    is_lost |= __builtin_mul_overflow(a.high, b.low, &corner[2]);
    is_lost |= __builtin_mul_overflow(a.high, b.high, &corner[3]);
    if (is_lost) return UNKNOWN;
    for (int i = 0; i < 4; i++)
        r = join(r, (ts_range){corner[i], corner[i]});
    return r;
}

/* The least 2^k - 1 that is at least `number`, which is not negative. */
static int64_t all_ones(int64_t number) {
    int64_t ones = 0;
    while (ones < number)
        ones = ones * 2 + 1;
    return ones;
}

static ts_range bits(unsigned kind, ts_range a, ts_range b) {
    bool is_natural = a.low >= 0 && b.low >= 0;
    if (kind == ts_hlo_and) {
        if (is_natural) return (ts_range){0, smaller(a.high, b.high)};
        return a.low >= 0 ? (ts_range){0, a.high} : b.low >= 0 ? (ts_range){0, b.high} : UNKNOWN;
    }
    return is_natural && has_bounds(a) && has_bounds(b) ? (ts_range){0, all_ones(larger(a.high, b.high))}
                                                        : UNKNOWN;
}

/* Shift counts at or beyond the width give 0. */
static ts_range shift(unsigned kind, ts_range a, ts_range b, int width) {
    if (b.low < 0 || a.low < 0) return UNKNOWN;
    if (kind == ts_hlo_shift_left) {
        if (b.high > 62 || a.high > INT64_MAX >> b.high) return UNKNOWN;
        return (ts_range){b.high >= width ? 0 : a.low << b.low, a.high << b.high};
    }
    int64_t low = b.high >= width ? 0 : b.high > 62 ? 0 : a.low >> b.high;
    if (a.high == INT64_MAX) { /* a.high is unknown: as large as the width allows */
        if (b.low < 1 || width < 64) return b.low >= width ? (ts_range){0, 0} : (ts_range){0, INT64_MAX};
        return (ts_range){low, b.low >= 64 ? 0 : (int64_t)(UINT64_MAX >> b.low)};
    }
    return (ts_range){low, b.low >= width || b.low > 62 ? 0 : a.high >> b.low};
}

static ts_range divide(ts_range a, ts_range b) {
    if (b.low <= 0 || a.low < 0) return UNKNOWN;
    return (ts_range){b.high == INT64_MAX ? 0 : a.low / b.high,
                      a.high == INT64_MAX && b.low == 1 ? INT64_MAX : a.high / b.low};
}

static ts_range modulo(ts_range a, ts_range b) {
    if (b.low <= 0 || b.high == INT64_MAX) return UNKNOWN;
    return (ts_range){a.low >= 0 ? 0 : larger(a.low, 1 - b.high),
                      a.high < 0 ? 0 : smaller(a.high, b.high - 1)};
}

static ts_range add(ts_range a, ts_range b) {
    ts_range r;
    if (!has_bounds(a) || !has_bounds(b)) return UNKNOWN;
    bool is_lost = __builtin_add_overflow(a.low, b.low, &r.low);
    is_lost |= __builtin_add_overflow(a.high, b.high, &r.high);
    return is_lost ? UNKNOWN : r;
}

static ts_range negate(ts_range a) {
    return has_bounds(a) ? (ts_range){-a.high, -a.low} : UNKNOWN;
}

ts_range ts_range_apply(const ts_op_node *op, const ts_range *in) {
    const ts_range a = in[0], b = op->operand_count > 1 ? in[1] : in[0];
    unsigned from = op->operands[0]->type.dtype;
    int width = ts_dtype_get((ts_dtype)from)->bytes * 8;
    switch (op->kind) {
    case ts_hlo_abs:
        if (a.low >= 0) return a;
        return has_bounds(a) ? (ts_range){0, larger(-a.low, a.high)} : UNKNOWN;
    case ts_hlo_add: return add(a, b);
    case ts_hlo_subtract: return add(a, negate(b));
    case ts_hlo_negate: return negate(a);
    case ts_hlo_multiply: return has_bounds(a) && has_bounds(b) ? multiply(a, b) : UNKNOWN;
    case ts_hlo_divide: return divide(a, b);
    case ts_hlo_remainder: return modulo(a, b);
    case ts_hlo_maximum: return (ts_range){larger(a.low, b.low), larger(a.high, b.high)};
    case ts_hlo_minimum: return (ts_range){smaller(a.low, b.low), smaller(a.high, b.high)};
    case ts_hlo_clamp: {
        /* min(max(x, low), high) */
        int64_t low = larger(in[1].low, a.low), high = larger(in[1].high, a.high);
        return (ts_range){smaller(low, in[2].low), smaller(high, in[2].high)};
    }
    case ts_hlo_and:
    case ts_hlo_or:
    case ts_hlo_xor: return bits(op->kind, a, b);
    case ts_hlo_not:
        return has_bounds(a) && ts_dtype_get((ts_dtype)from)->kind == 's'
                   ? (ts_range){-1 - a.high, -1 - a.low}
                   : UNKNOWN;
    case ts_hlo_shift_left:
    case ts_hlo_shift_right_logical: return shift(op->kind, a, b, width);
    case ts_hlo_shift_right_arithmetic:
        if (a.high >= (width < 64 ? (int64_t)1 << (width - 1) : INT64_MAX)) return UNKNOWN; /* sign bit */
        if (a.low >= 0) return shift(ts_hlo_shift_right_logical, a, b, width);
        return has_bounds(a) ? (ts_range){a.low, larger(a.high, 0)} : UNKNOWN;
    case ts_hlo_popcnt:
    case ts_hlo_count_leading_zeros: return (ts_range){0, width};
    case ts_hlo_sign: return (ts_range){a.low >= 0 ? 0 : -1, a.high <= 0 ? 0 : 1};
    case ts_hlo_select: return join(in[1], in[2]);
    case ts_hlo_convert: return a;
    default: return UNKNOWN;
    }
}

static int64_t element(unsigned dtype, const uint8_t *at) {
    int64_t value = 0;
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)dtype);
    memcpy(&value, at, (size_t)info->bytes);
    int spare = 64 - info->bytes * 8;
    return info->kind == 's' ? (int64_t)((uint64_t)value << spare) >> spare : value;
}

static ts_range of_constant(const ts_op_node *op) {
    const ts_attr *attr = ts_op_attr(op, "value");
    unsigned dtype = op->results[0]->type.dtype;
    size_t bytes = (size_t)ts_dtype_get((ts_dtype)dtype)->bytes;
    ts_range r = {INT64_MAX, INT64_MIN}, all = ts_range_of_dtype(dtype);
    if (!attr || attr->kind != ts_attr_dense || attr->data_bytes < bytes ||
        ts_dtype_get((ts_dtype)dtype)->kind == 'c')
        return all;
    for (size_t at = 0; at + bytes <= attr->data_bytes; at += bytes) {
        int64_t value = element(dtype, attr->data + at);
        if (dtype == ts_dtype_u64 && value < 0) return all;
        r = join(r, (ts_range){value, value});
    }
    return r;
}

static ts_range of_iota(const ts_op_node *op) {
    const ts_type *type = &op->results[0]->type;
    int64_t axis = ts_op_int(op, "iota_dimension", 0);
    int64_t size = axis >= 0 && axis < type->rank ? type->dim[axis] : 0;
    return size > 0 ? (ts_range){0, size - 1} : UNKNOWN;
}

int64_t ts_scatter_updates(const ts_op_node *op) {
    const ts_type *type = &op->operands[op->operand_count - 1]->type;
    int64_t window[TS_MAX_RANK], count = 1;
    int windows = ts_index_dims(op, "update_window_dims", window);
    for (int i = 0; i < type->rank; i++)
        if (!ts_index_has(window, windows, i)) count *= type->dim[i];
    return count;
}

/* The range of an element of a scatter's result after any number of its updates. */
static ts_range of_scatter(const ts_op_node *op, const ts_range *ranges) {
    ts_alu alu;
    if (op->operand_count != 3 || !ts_region_alu(op->regions[0], &alu)) return UNKNOWN;
    ts_range old = ranges[op->operands[0]->id], update = ranges[op->operands[2]->id];
    if (alu == ts_alu_bypass || alu == ts_alu_max || alu == ts_alu_min) return join(old, update);
    if (alu != ts_alu_add || !has_bounds(update)) return UNKNOWN;
    int64_t most = ts_scatter_updates(op);
    return add(old, multiply(join(update, (ts_range){0, 0}), (ts_range){most, most}));
}

static ts_range of_op(const ts_op_node *op, const ts_range *ranges) {
    ts_range in[3] = {UNKNOWN, UNKNOWN, UNKNOWN}, all = {INT64_MAX, INT64_MIN};
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_range r = ranges[op->operands[i]->id];
        if (i < 3) in[i] = r;
        all = join(all, r);
    }
    if (ts_hlo_picks(op->kind)) return in[0];
    switch (op->kind) {
    case ts_hlo_constant: return of_constant(op);
    case ts_hlo_iota: return of_iota(op);
    case ts_hlo_rank: return (ts_range){0, ts_op_int(op, "ranks", 1) - 1};
    case ts_hlo_optimization_barrier: return UNKNOWN; /* its results are its operands: not tracked */
    case ts_hlo_concatenate: return all;
    case ts_hlo_pad:
    case ts_hlo_dynamic_update_slice: return join(in[0], in[1]);
    case ts_hlo_convert:
        if (ts_dtype_is_integer(op->operands[0]->type.dtype)) return in[0];
        return UNKNOWN;
    default: break;
    }
    bool is_pointwise = op->operand_count > 0 && op->operand_count <= 3 && op->region_count == 0;
    return is_pointwise ? ts_range_apply(op, in) : UNKNOWN;
}

static ts_range of_result(const ts_op_node *op, uint32_t j, const ts_range *ranges) {
    if (op->kind == ts_hlo_sort) return ranges[op->operands[j]->id];
    if (j > 0) return UNKNOWN;
    return op->kind == ts_hlo_scatter ? of_scatter(op, ranges) : of_op(op, ranges);
}

/* The range of a region's argument. A sort compares elements of its operands; a scatter combines intermediate
   results. */
static ts_range of_argument(const ts_op_node *owner, uint32_t i, const ts_range *ranges) {
    if (owner && owner->kind == ts_hlo_sort) return ranges[owner->operands[i / 2]->id];
    if (owner && owner->kind == ts_hlo_scatter) return of_scatter(owner, ranges);
    return UNKNOWN;
}

static void walk(const ts_op_node *owner, const ts_block *block, ts_range *ranges) {
    for (uint32_t i = 0; i < block->arg_count; i++) {
        ts_range r = of_argument(owner, i, ranges), own = ts_range_of_dtype(block->args[i]->type.dtype);
        ranges[block->args[i]->id] = ts_range_is_within(r, own.low, own.high) ? r : own;
    }
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) walk(op, op->regions[j], ranges);
        for (uint32_t j = 0; j < op->result_count; j++) {
            unsigned dtype = op->results[j]->type.dtype;
            ts_range r = UNKNOWN, own = ts_range_of_dtype(dtype);
            if (op->results[j]->type.kind == ts_type_tensor && ts_dtype_is_integer(dtype))
                r = of_result(op, j, ranges);
            if (owner && owner->kind == ts_hlo_scatter) r = of_scatter(owner, ranges);
            ranges[op->results[j]->id] = ts_range_is_within(r, own.low, own.high) ? r : own;
        }
    }
}

ts_range *ts_value_ranges(const ts_func *func, ts_arena *arena) {
    ts_range *ranges = TS_NEW_ARRAY(arena, ts_range, func->value_count);
    walk(NULL, func->body, ranges);
    return ranges;
}

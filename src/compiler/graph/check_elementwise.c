/* Checks of pointwise operations and of views (broadcast, slice, transpose, ...), and the helpers that all
   checks share. */
#include "compiler/graph/graph_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

ts_type_text ts_type_name(const ts_type *type) {
    static const char *const others[] = {"tensor", "token", "tuple", "other"};
    ts_type_text name = {""};
    if (type->kind != ts_type_tensor) {
        snprintf(name.text, sizeof name.text, "%s", others[type->kind & 3]);
        return name;
    }
    int at = snprintf(name.text, sizeof name.text, "%s[", ts_dtype_get(type->dtype)->name);
    for (int i = 0; i < type->rank && at < (int)sizeof name.text - 24; i++) {
        const char *comma = i ? "," : "";
        size_t room = sizeof name.text - (size_t)at;
        at += type->dim[i] < 0 ? snprintf(name.text + at, room, "%s?", comma)
                               : snprintf(name.text + at, room, "%s%" PRId64, comma, type->dim[i]);
    }
    snprintf(name.text + at, sizeof name.text - (size_t)at, "]");
    return name;
}

ts_status ts_check_same(const ts_check *check, const ts_type *is, const ts_type *must, const char *what) {
    if (ts_type_equal(is, must)) return ts_ok;
    return ts_check_fail(check, "%s is %s and must be %s", what, ts_type_name(is).text,
                         ts_type_name(must).text);
}

static bool same_shape(const ts_type *a, const ts_type *b) {
    return a->rank == b->rank && (a->rank == 0 || memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) == 0);
}

ts_status ts_check_shape(const ts_check *check, const ts_type *is, const ts_type *must, const char *what) {
    if (same_shape(is, must)) return ts_ok;
    return ts_check_fail(check, "%s is %s and must have the shape of %s", what, ts_type_name(is).text,
                         ts_type_name(must).text);
}

bool ts_type_is_scalar(const ts_type *type, ts_dtype dtype) {
    return type->kind == ts_type_tensor && type->rank == 0 &&
           (dtype == ts_dtype_none || type->dtype == dtype);
}

ts_status ts_check_list(const ts_check *check, const char *name, int count, int64_t if_absent, int64_t *out) {
    int given;
    if (!ts_op_attr(check->op, name)) {
        for (int i = 0; i < count; i++)
            out[i] = if_absent;
        return ts_ok;
    }
    if (!ts_op_ints(check->op, name, out, 2 * TS_MAX_RANK, &given) || given != count)
        return ts_check_fail(check, "%s must be a list of %d integers", name, count);
    for (int i = 0; i < count; i++)
        if (out[i] >= (int64_t)1 << TS_CHECK_PARAM || out[i] <= -((int64_t)1 << TS_CHECK_PARAM))
            return ts_check_fail(check, "%s holds %" PRId64 ", which is out of range", name, out[i]);
    return ts_ok;
}

ts_status ts_check_axes(const ts_check *check, const char *name, int rank, int64_t *out, int *count,
                        uint32_t *taken) {
    uint32_t mine = 0, *bits = taken ? taken : &mine;
    *count = 0;
    if (!ts_op_attr(check->op, name)) return ts_ok;
    if (!ts_op_ints(check->op, name, out, TS_MAX_RANK, count))
        return ts_check_fail(check, "%s must be a list of at most %d integers", name, TS_MAX_RANK);
    for (int i = 0; i < *count; i++) {
        if (out[i] < 0 || out[i] >= rank)
            return ts_check_fail(check, "%s names axis %" PRId64 " of %d", name, out[i], rank);
        if (*bits >> out[i] & 1)
            return ts_check_fail(check, "%s names axis %" PRId64 " a second time", name, out[i]);
        *bits |= 1u << out[i];
    }
    return ts_ok;
}

ts_status ts_check_axis(const ts_check *check, const char *name, int rank, int64_t *axis) {
    *axis = ts_op_int(check->op, name, -1);
    if (*axis >= 0 && *axis < rank) return ts_ok;
    return ts_check_fail(check, "%s is %" PRId64 " and must be an axis of %d", name, *axis, rank);
}

/* A set of element types, by the kind letters of dtype.def: b predicate, s and u integer, f float, c
   complex. */
typedef struct kinds {
    const char *letters, *words;
} kinds;

/* The element types that StableHLO allows. Operations that are not listed allow all. */
static kinds kinds_of(unsigned op) {
    switch (op) {
    case ts_hlo_and:
    case ts_hlo_not:
    case ts_hlo_or:
    case ts_hlo_xor: return (kinds){"bsu", "integers or predicates"};
    case ts_hlo_count_leading_zeros:
    case ts_hlo_popcnt:
    case ts_hlo_shift_left:
    case ts_hlo_shift_right_arithmetic:
    case ts_hlo_shift_right_logical: return (kinds){"su", "integers"};
    case ts_hlo_ceil:
    case ts_hlo_cosine_small:
    case ts_hlo_erf:
    case ts_hlo_floor:
    case ts_hlo_gelu:
    case ts_hlo_gelu_dx:
    case ts_hlo_gelu_apprx_tanh:
    case ts_hlo_gelu_apprx_tanh_dx:
    case ts_hlo_gelu_apprx_sigmoid:
    case ts_hlo_gelu_apprx_sigmoid_dx:
    case ts_hlo_is_finite:
    case ts_hlo_mish:
    case ts_hlo_reduce_precision:
    case ts_hlo_round_nearest_afz:
    case ts_hlo_round_nearest_even:
    case ts_hlo_silu:
    case ts_hlo_silu_dx:
    case ts_hlo_sine_small:
    case ts_hlo_softplus: return (kinds){"f", "floats"};
    case ts_hlo_atan2:
    case ts_hlo_cbrt:
    case ts_hlo_cosine:
    case ts_hlo_exponential:
    case ts_hlo_exponential_minus_one:
    case ts_hlo_log:
    case ts_hlo_log_plus_one:
    case ts_hlo_logistic:
    case ts_hlo_rsqrt:
    case ts_hlo_sine:
    case ts_hlo_sqrt:
    case ts_hlo_tan:
    case ts_hlo_tanh: return (kinds){"fc", "floats or complex numbers"};
    case ts_hlo_abs:
    case ts_hlo_sign: return (kinds){"sfc", "signed numbers"};
    case ts_hlo_divide:
    case ts_hlo_negate:
    case ts_hlo_power:
    case ts_hlo_remainder:
    case ts_hlo_subtract: return (kinds){"sufc", "numbers"};
    default: return (kinds){NULL, NULL};
    }
}

static ts_status check_kind(const ts_check *check) {
    kinds may = kinds_of(check->op->kind);
    const ts_type *type = &check->op->operands[0]->type;
    if (!may.letters || strchr(may.letters, ts_dtype_get((ts_dtype)type->dtype)->kind)) return ts_ok;
    return ts_check_fail(check, "operand 0 is %s and must be of %s", ts_type_name(type).text, may.words);
}

/* All operands must share one element type, and so must the result of operations that do not change it. A
   select's predicate is i1. */
static ts_status check_dtypes(const ts_check *check) {
    const ts_op_node *op = check->op;
    const ts_type *result = &op->results[0]->type;
    bool is_select = op->kind == ts_hlo_select,
         is_test = op->kind == ts_hlo_compare || op->kind == ts_hlo_is_finite;
    unsigned dtype = op->operands[is_select]->type.dtype;
    if (op->kind == ts_hlo_convert) return ts_ok;
    if (is_select && op->operands[0]->type.dtype != ts_dtype_i1)
        return ts_check_fail(check, "the predicate is %s and must be i1",
                             ts_type_name(&op->operands[0]->type).text);
    for (uint32_t i = is_select; i < op->operand_count; i++)
        if (op->operands[i]->type.dtype != dtype)
            return ts_check_fail(check, "operand %u is %s where the others are %s", i,
                                 ts_type_name(&op->operands[i]->type).text,
                                 ts_dtype_get((ts_dtype)dtype)->name);
    if (is_test) dtype = ts_dtype_i1;
    if (op->kind == ts_hlo_abs && ts_dtype_get((ts_dtype)dtype)->kind == 'c')
        dtype = dtype == ts_dtype_c64 ? ts_dtype_f32 : ts_dtype_f64;
    if (result->dtype == dtype) return ts_ok;
    return ts_check_fail(check, "the result is %s and must be of %s", ts_type_name(result).text,
                         ts_dtype_get((ts_dtype)dtype)->name);
}

static ts_status check_compare(const ts_check *check) {
    static const char *const words[] = {"EQ", "NE", "GE", "GT", "LE", "LT"};
    const char *direction = ts_op_string(check->op, "comparison_direction");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], direction) == 0) return ts_ok;
    return ts_check_fail(check, "comparison_direction must be EQ, NE, GE, GT, LE or LT");
}

static ts_status check_precision(const ts_check *check) {
    if (ts_op_int(check->op, "exponent_bits", 8) >= 1 && ts_op_int(check->op, "mantissa_bits", 23) >= 0)
        return ts_ok;
    return ts_check_fail(check, "exponent_bits must be positive and mantissa_bits natural");
}

ts_status ts_check_elementwise(const ts_check *check) {
    const ts_op_node *op = check->op;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        const ts_type *type = &op->operands[i]->type;
        bool may_be_scalar = (op->kind == ts_hlo_select && i == 0) || (op->kind == ts_hlo_clamp && i != 1);
        if (may_be_scalar && type->rank == 0) continue;
        char what[24];
        snprintf(what, sizeof what, "operand %u", i);
        TS_TRY(ts_check_shape(check, type, &op->results[0]->type, what));
    }
    if (op->kind == ts_hlo_compare) TS_TRY(check_compare(check));
    if (op->kind == ts_hlo_reduce_precision) TS_TRY(check_precision(check));
    TS_TRY(check_kind(check));
    return check_dtypes(check);
}

static ts_status check_constant(const ts_check *check) {
    const ts_attr *value = ts_op_attr(check->op, "value");
    if (!value || value->kind != ts_attr_dense)
        return ts_check_fail(check, "a constant without a dense value");
    TS_TRY(ts_check_same(check, &check->op->results[0]->type, &value->type, "the result"));
    int64_t elems = value->is_splat ? 1 : ts_type_elems(&value->type);
    if (value->data && (int64_t)value->data_bytes == elems * ts_dtype_get(value->type.dtype)->bytes)
        return ts_ok;
    return ts_check_fail(check, "the value has %zu bytes for %" PRId64 " elements", value->data_bytes, elems);
}

static ts_status check_broadcast(const ts_check *check) {
    const ts_type *from = &check->op->operands[0]->type, *to = &check->op->results[0]->type;
    int64_t dims[TS_MAX_RANK];
    int count;
    TS_TRY(ts_check_axes(check, "broadcast_dimensions", to->rank, dims, &count, NULL));
    if (count != from->rank)
        return ts_check_fail(check, "broadcast_dimensions has %d axes for the operand's %d", count,
                             from->rank);
    for (int i = 0; i < count; i++)
        if (from->dim[i] != 1 && from->dim[i] != to->dim[dims[i]])
            return ts_check_fail(check, "axis %d of %s does not broadcast to axis %" PRId64 " of %s", i,
                                 ts_type_name(from).text, dims[i], ts_type_name(to).text);
    return ts_ok;
}

static ts_status check_slice(const ts_check *check) {
    const ts_type *from = &check->op->operands[0]->type;
    int64_t start[2 * TS_MAX_RANK], limit[2 * TS_MAX_RANK], step[2 * TS_MAX_RANK];
    ts_type must = *from;
    if (!ts_op_attr(check->op, "start_indices") || !ts_op_attr(check->op, "limit_indices"))
        return ts_check_fail(check, "a slice without start_indices or limit_indices");
    TS_TRY(ts_check_list(check, "start_indices", from->rank, 0, start));
    TS_TRY(ts_check_list(check, "limit_indices", from->rank, 0, limit));
    TS_TRY(ts_check_list(check, "strides", from->rank, 1, step));
    for (int i = 0; i < from->rank; i++) {
        if (start[i] < 0 || limit[i] < start[i] || limit[i] > from->dim[i] || step[i] < 1)
            return ts_check_fail(check, "%" PRId64 ":%" PRId64 ":%" PRId64 " is no slice of axis %d of %s",
                                 start[i], limit[i], step[i], i, ts_type_name(from).text);
        must.dim[i] = (limit[i] - start[i] + step[i] - 1) / step[i];
    }
    return ts_check_same(check, &check->op->results[0]->type, &must, "the result");
}

static ts_status check_transpose(const ts_check *check) {
    const ts_type *from = &check->op->operands[0]->type;
    int64_t perm[TS_MAX_RANK];
    int count;
    ts_type must = *from;
    TS_TRY(ts_check_axes(check, "permutation", from->rank, perm, &count, NULL));
    if (count != from->rank) return ts_check_fail(check, "permutation has %d axes for %d", count, from->rank);
    for (int i = 0; i < count; i++)
        must.dim[i] = from->dim[perm[i]];
    return ts_check_same(check, &check->op->results[0]->type, &must, "the result");
}

static int bits_of(unsigned dtype) {
    if (dtype == ts_dtype_i1) return 1;
    if (dtype == ts_dtype_i4 || dtype == ts_dtype_u4) return 4;
    return ts_dtype_get((ts_dtype)dtype)->bytes * 8;
}

/* When the width of elements changes, the side with the narrower ones has one more axis, the last, whose size
   is the ratio. */
static ts_status check_bitcast(const ts_check *check) {
    const ts_type *from = &check->op->operands[0]->type, *to = &check->op->results[0]->type;
    int many_bits = bits_of(to->dtype), few_bits = bits_of(from->dtype);
    const ts_type *few = from, *many = to;
    if (many_bits == few_bits) return ts_check_shape(check, to, from, "the result");
    if (many_bits > few_bits) {
        few = to, many = from;
        few_bits = many_bits, many_bits = bits_of(from->dtype);
    }
    bool fits = many->rank == few->rank + 1 && many->dim[few->rank] == few_bits / many_bits &&
                (few->rank == 0 || memcmp(many->dim, few->dim, few->rank * sizeof *few->dim) == 0);
    if (fits) return ts_ok;
    return ts_check_fail(check, "%s does not cast to %s bit by bit", ts_type_name(from).text,
                         ts_type_name(to).text);
}

ts_status ts_check_view(const ts_check *check) {
    const ts_op_node *op = check->op;
    const ts_type *to = &op->results[0]->type;
    int64_t axes[TS_MAX_RANK];
    int count;
    if (op->kind == ts_hlo_constant) return check_constant(check);
    if (op->kind == ts_hlo_iota) return ts_check_axis(check, "iota_dimension", to->rank, axes);
    if (op->kind == ts_hlo_bitcast_convert) return check_bitcast(check);
    const ts_type *from = &op->operands[0]->type;
    if (from->dtype != to->dtype)
        return ts_check_fail(check, "the result is %s from %s", ts_type_name(to).text,
                             ts_type_name(from).text);
    switch (op->kind) {
    case ts_hlo_broadcast_in_dim: return check_broadcast(check);
    case ts_hlo_slice: return check_slice(check);
    case ts_hlo_transpose: return check_transpose(check);
    case ts_hlo_reverse:
        TS_TRY(ts_check_axes(check, "dimensions", from->rank, axes, &count, NULL));
        return ts_check_same(check, to, from, "the result");
    case ts_hlo_reshape:
        if (ts_type_elems(from) == ts_type_elems(to)) return ts_ok;
        return ts_check_fail(check, "%s does not reshape to %s", ts_type_name(from).text,
                             ts_type_name(to).text);
    default: return ts_check_same(check, to, from, "the result");
    }
}

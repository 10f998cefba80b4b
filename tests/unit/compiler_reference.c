/* A plain interpreter of graphs, which tests compare compiled programs with. */
#include "compiler_reference.h"

#include <math.h>
#include <string.h>

#include "reference_window.h"

typedef struct run {
    ts_module *module;
    ts_arena *arena;
    const char *unknown;
} run;

void ts_reference_widen(unsigned dtype, const void *from, double *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float value;
        if (dtype == ts_dtype_i32)
            to[i] = ((const int32_t *)from)[i];
        else if (dtype == ts_dtype_u32)
            to[i] = ((const uint32_t *)from)[i];
        else {
            ts_dtype_widen((ts_dtype)dtype, (const char *)from + i * (size_t)ts_dtype_get(dtype)->bytes,
                           &value, 1);
            to[i] = value;
        }
    }
}

void ts_reference_narrow(unsigned dtype, const double *from, void *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float value = (float)from[i];
        if (dtype == ts_dtype_i32)
            ((int32_t *)to)[i] = (int32_t)from[i];
        else if (dtype == ts_dtype_u32)
            ((uint32_t *)to)[i] = (uint32_t)from[i];
        else
            ts_dtype_narrow((ts_dtype)dtype, &value, (char *)to + i * (size_t)ts_dtype_get(dtype)->bytes, 1);
    }
}

/* x rounded to the type; integers wrap. */
static double rounded(unsigned dtype, double x) {
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)dtype);
    char bytes[8];
    if (info->kind == 's' || info->kind == 'u') {
        double span = ldexp(1, info->bytes * 8), low = fmod(x, span);
        if (low < 0) low += span;
        return info->kind == 's' && low >= span / 2 ? low - span : low + 0.0; /* no -0 */
    }
    if (dtype == ts_dtype_i1) return x != 0;
    ts_reference_narrow(dtype, &x, bytes, 1);
    ts_reference_widen(dtype, bytes, &x, 1);
    return x;
}

/* x truncated toward zero and saturated to the type's range; NaN becomes 0. */
static double saturated(unsigned dtype, double x) {
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)dtype);
    double low = info->kind == 's' ? -ldexp(1, info->bytes * 8 - 1) : 0;
    double high = ldexp(1, info->bytes * 8 - (info->kind == 's')) - 1;
    return isnan(x) ? 0 : fmin(fmax(trunc(x), low), high);
}

static size_t elems_of(const ts_value *value) {
    return (size_t)ts_type_elems(&value->type);
}

/* Finds the coordinates of element `at`. */
static void unravel(const ts_type *type, int64_t at, int64_t *index) {
    for (int i = type->rank; i-- > 0;) {
        index[i] = at % type->dim[i];
        at /= type->dim[i];
    }
}

static int64_t ravel(const ts_type *type, const int64_t *index) {
    int64_t at = 0;
    for (int i = 0; i < type->rank; i++)
        at = at * type->dim[i] + index[i];
    return at;
}

/* ---- pointwise ---- */

static double compare(const char *direction, double a, double b) {
    if (strcmp(direction, "EQ") == 0) return a == b;
    if (strcmp(direction, "NE") == 0) return a != b;
    if (strcmp(direction, "LT") == 0) return a < b;
    if (strcmp(direction, "LE") == 0) return a <= b;
    if (strcmp(direction, "GT") == 0) return a > b;
    return a >= b;
}

/* +0 is larger than -0. */
static double larger(double a, double b) {
    return a > b || (a == b && !signbit(a)) ? a : b;
}

/* Operators on integers of any width. The caller wraps the result to the width. */
static double binary_integer(unsigned kind, unsigned dtype, double a, double b, bool *is_known) {
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)dtype);
    uint32_t bits = (uint32_t)info->bytes * 8, mask = bits < 32 ? (1u << bits) - 1 : UINT32_MAX;
    int64_t x = (int64_t)a, y = (int64_t)b;
    uint32_t ux = (uint32_t)x & mask, uy = (uint32_t)y & mask;
    switch (kind) {
    case ts_hlo_multiply: return (double)(ux * uy);
    case ts_hlo_divide: return y == 0 ? -1 : (double)(x / y);
    case ts_hlo_remainder: return y == 0 ? a : (double)(x % y);
    case ts_hlo_and: return (double)(ux & uy);
    case ts_hlo_or: return (double)(ux | uy);
    case ts_hlo_xor: return (double)(ux ^ uy);
    case ts_hlo_shift_left: return uy >= bits ? 0 : (double)(ux << uy);
    case ts_hlo_shift_right_logical: return uy >= bits ? 0 : (double)(ux >> uy);
    case ts_hlo_shift_right_arithmetic: {
        int64_t sign = (int64_t)1 << (bits - 1), wide = ((int64_t)ux ^ sign) - sign;
        return (double)(wide >> (uy >= bits ? bits - 1 : uy));
    }
    case ts_hlo_power: {
        uint32_t result = 1;
        if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
        for (; uy; uy >>= 1, ux *= ux)
            if (uy & 1) result *= ux;
        return (double)result;
    }
    default: *is_known = false; return 0;
    }
}

static double apply(const ts_op_node *op, const double *in, bool *is_known) {
    unsigned dtype = op->operands[0]->type.dtype;
    double a = in[0], b = op->operand_count > 1 ? in[1] : 0;
    bool is_float = ts_dtype_get(dtype)->kind == 'f';
    switch (op->kind) {
    case ts_hlo_abs: return fabs(a);
    case ts_hlo_add: return a + b;
    case ts_hlo_subtract: return a - b;
    case ts_hlo_negate: return -a;
    case ts_hlo_maximum: return isnan(a) || isnan(b) ? NAN : larger(a, b);
    case ts_hlo_minimum: return isnan(a) || isnan(b) ? NAN : -larger(-a, -b);
    case ts_hlo_sign: return isnan(a) || a == 0 ? a : a > 0 ? 1 : -1;
    case ts_hlo_compare: return compare(ts_op_string(op, "comparison_direction"), a, b);
    case ts_hlo_select: return a != 0 ? in[1] : in[2];
    case ts_hlo_clamp: return isnan(a) || isnan(b) || isnan(in[2]) ? NAN : -larger(-larger(b, a), -in[2]);
    case ts_hlo_is_finite: return isfinite(a);
    case ts_hlo_not: return dtype == ts_dtype_i1 ? a == 0 : -1 - a;
    case ts_hlo_convert:
        if (op->results[0]->type.dtype == ts_dtype_i1) return a != 0;
        if (ts_dtype_get(op->results[0]->type.dtype)->kind == 'f' || !is_float) return a;
        return saturated(op->results[0]->type.dtype, a);
    default: break;
    }
    if (!is_float && dtype != ts_dtype_i1) return binary_integer(op->kind, dtype, a, b, is_known);
    switch (op->kind) {
    case ts_hlo_multiply: return a * b;
    case ts_hlo_and: return a != 0 && b != 0;
    case ts_hlo_or: return a != 0 || b != 0;
    case ts_hlo_xor: return (a != 0) != (b != 0);
    case ts_hlo_divide: return a / b;
    case ts_hlo_remainder: return fmod(a, b);
    case ts_hlo_power: return pow(a, b);
    case ts_hlo_atan2: return atan2(a, b);
    case ts_hlo_cbrt: return cbrt(a);
    case ts_hlo_ceil: return ceil(a);
    case ts_hlo_cosine:
    case ts_hlo_cosine_small: return cos(a);
    case ts_hlo_erf: return erf(a);
    case ts_hlo_exponential: return exp(a);
    case ts_hlo_exponential_minus_one: return expm1(a);
    case ts_hlo_floor: return floor(a);
    case ts_hlo_log: return log(a);
    case ts_hlo_log_plus_one: return log1p(a);
    case ts_hlo_logistic: return 1 / (1 + exp(-a));
    case ts_hlo_round_nearest_afz: return round(a);
    case ts_hlo_round_nearest_even: return rint(a);
    case ts_hlo_rsqrt: return 1 / sqrt(a);
    case ts_hlo_sine:
    case ts_hlo_sine_small: return sin(a);
    case ts_hlo_sqrt: return sqrt(a);
    case ts_hlo_tan: return tan(a);
    case ts_hlo_tanh: return tanh(a);
    default: *is_known = false; return 0;
    }
}

static bool eval_pointwise(const ts_op_node *op, double *out) {
    bool is_known = true;
    size_t count = elems_of(op->results[0]);
    for (size_t i = 0; i < count && is_known; i++) {
        double in[3] = {0};
        for (uint32_t j = 0; j < op->operand_count; j++) {
            const double *from = op->operands[j]->note;
            in[j] = from[op->operands[j]->type.rank == 0 ? 0 : i];
        }
        out[i] = apply(op, in, &is_known);
    }
    return is_known;
}

/* ---- rearrangement ---- */

static void ints(const ts_op_node *op, const char *name, int64_t if_absent, int64_t *out) {
    int count;
    for (int i = 0; i < TS_MAX_RANK; i++)
        out[i] = if_absent;
    ts_op_ints(op, name, out, TS_MAX_RANK, &count);
}

static bool eval_view(const ts_op_node *op, double *out) {
    const ts_type *to = &op->results[0]->type, *from = op->operand_count ? &op->operands[0]->type : to;
    const double *in = op->operand_count ? op->operands[0]->note : NULL;
    int64_t a[TS_MAX_RANK], b[TS_MAX_RANK], index[TS_MAX_RANK], source[TS_MAX_RANK] = {0};
    ints(op,
         op->kind == ts_hlo_slice       ? "start_indices"
         : op->kind == ts_hlo_transpose ? "permutation"
         : op->kind == ts_hlo_reverse   ? "dimensions"
                                        : "broadcast_dimensions",
         -1, a);
    ints(op, "strides", 1, b);
    for (int64_t at = 0; at < ts_type_elems(to); at++) {
        unravel(to, at, index);
        for (int i = 0; i < from->rank; i++)
            source[i] = index[i];
        switch (op->kind) {
        case ts_hlo_iota: out[at] = (double)index[ts_op_int(op, "iota_dimension", 0)]; continue;
        case ts_hlo_reshape:
        case ts_hlo_unrealized_conversion_cast: out[at] = in[at]; continue;
        case ts_hlo_slice:
            for (int i = 0; i < from->rank; i++)
                source[i] = a[i] + index[i] * b[i];
            break;
        case ts_hlo_transpose:
            for (int i = 0; i < from->rank; i++)
                source[a[i]] = index[i];
            break;
        case ts_hlo_reverse:
            for (int i = 0; i < TS_MAX_RANK; i++)
                if (a[i] >= 0) source[a[i]] = from->dim[a[i]] - 1 - index[a[i]];
            break;
        case ts_hlo_broadcast_in_dim:
            for (int i = 0; i < from->rank; i++)
                source[i] = from->dim[i] == 1 ? 0 : index[a[i]];
            break;
        default: return false;
        }
        out[at] = in[ravel(from, source)];
    }
    return true;
}

static bool eval_concatenate(const ts_op_node *op, double *out) {
    int64_t axis = ts_op_int(op, "dimension", 0), start = 0, index[TS_MAX_RANK];
    for (uint32_t i = 0; i < op->operand_count; i++) {
        const ts_type *from = &op->operands[i]->type;
        const double *in = op->operands[i]->note;
        for (int64_t at = 0; at < ts_type_elems(from); at++) {
            unravel(from, at, index);
            index[axis] += start;
            out[ravel(&op->results[0]->type, index)] = in[at];
        }
        start += from->dim[axis];
    }
    return true;
}

static bool eval_pad(const ts_op_node *op, double *out) {
    const ts_type *from = &op->operands[0]->type, *to = &op->results[0]->type;
    const double *in = op->operands[0]->note, *value = op->operands[1]->note;
    int64_t low[TS_MAX_RANK], interior[TS_MAX_RANK], index[TS_MAX_RANK];
    ints(op, "edge_padding_low", 0, low);
    ints(op, "interior_padding", 0, interior);
    for (size_t i = 0; i < elems_of(op->results[0]); i++)
        out[i] = value[0];
    for (int64_t at = 0; at < ts_type_elems(from); at++) {
        bool is_inside = true;
        unravel(from, at, index);
        for (int i = 0; i < from->rank; i++) {
            index[i] = low[i] + index[i] * (interior[i] + 1);
            is_inside &= index[i] >= 0 && index[i] < to->dim[i];
        }
        if (is_inside) out[ravel(to, index)] = in[at];
    }
    return true;
}

/* ---- dot and reduce ---- */

static bool eval_dot(const ts_op_node *op, double *out) {
    const ts_type *types[2] = {&op->operands[0]->type, &op->operands[1]->type};
    const double *in[2] = {op->operands[0]->note, op->operands[1]->note};
    static const char *const names[2][2] = {{"lhs_batching_dimensions", "lhs_contracting_dimensions"},
                                            {"rhs_batching_dimensions", "rhs_contracting_dimensions"}};
    int64_t batch[2][TS_MAX_RANK], depth[2][TS_MAX_RANK], index[2][TS_MAX_RANK], at[TS_MAX_RANK], total = 1;
    int batches = 0, depths = 0;
    for (int s = 0; s < 2; s++) {
        ts_op_ints(op, names[s][0], batch[s], TS_MAX_RANK, &batches);
        ts_op_ints(op, names[s][1], depth[s], TS_MAX_RANK, &depths);
    }
    for (int i = 0; i < depths; i++)
        total *= types[0]->dim[depth[0][i]];
    for (int64_t to = 0; to < ts_type_elems(&op->results[0]->type); to++) {
        unravel(&op->results[0]->type, to, at);
        for (int s = 0, free = batches; s < 2; s++)
            for (int axis = 0; axis < types[s]->rank; axis++) {
                int where = -1;
                for (int i = 0; i < batches; i++)
                    if (batch[s][i] == axis) where = i;
                for (int i = 0; i < depths; i++)
                    if (depth[s][i] == axis) where = TS_MAX_RANK;
                if (where < 0) where = free++;
                index[s][axis] = where == TS_MAX_RANK ? 0 : at[where];
            }
        double sum = 0;
        for (int64_t k = 0; k < total; k++) {
            int64_t rest = k;
            for (int i = depths; i-- > 0;) {
                int64_t size = types[0]->dim[depth[0][i]];
                index[0][depth[0][i]] = index[1][depth[1][i]] = rest % size;
                rest /= size;
            }
            sum += in[0][ravel(types[0], index[0])] * in[1][ravel(types[1], index[1])];
        }
        out[to] = sum;
    }
    return true;
}

static bool eval_block(run *r, const ts_block *block, double **results);

/* Reduces in double precision, in an order that does not matter to the tests. */
static bool eval_reduce(run *r, const ts_op_node *op) {
    uint32_t count = op->operand_count / 2;
    const ts_type *from = &op->operands[0]->type, *to = &op->results[0]->type;
    const ts_block *region = op->regions[0];
    int64_t dims[TS_MAX_RANK], index[TS_MAX_RANK], kept[TS_MAX_RANK];
    int reduced;
    ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &reduced);
    for (uint32_t i = 0; i < count; i++) {
        double *out = op->results[i]->note = TS_NEW_ARRAY(r->arena, double, elems_of(op->results[i]));
        for (size_t at = 0; at < elems_of(op->results[i]); at++)
            out[at] = ((double *)op->operands[count + i]->note)[0];
    }
    double values[64], *results[32];
    for (int64_t at = 0; at < ts_type_elems(from); at++) {
        int rank = 0;
        unravel(from, at, index);
        for (int i = 0; i < from->rank; i++) {
            bool is_reduced = false;
            for (int k = 0; k < reduced; k++)
                is_reduced |= dims[k] == i;
            if (!is_reduced) kept[rank++] = index[i];
        }
        int64_t where = ravel(to, kept);
        for (uint32_t i = 0; i < count; i++) {
            values[i] = ((double *)op->results[i]->note)[where];
            values[count + i] = ((double *)op->operands[i]->note)[at];
            region->args[i]->note = &values[i];
            region->args[count + i]->note = &values[count + i];
        }
        if (!eval_block(r, region, results)) return false;
        for (uint32_t i = 0; i < count; i++)
            ((double *)op->results[i]->note)[where] = results[i][0];
    }
    return true;
}

/* ---- windows ---- */

static bool apply_region(void *context, const ts_block *region, double *arguments, double *results) {
    double *values[8];
    for (uint32_t i = 0; i < region->arg_count; i++)
        region->args[i]->note = &arguments[i];
    if (!eval_block(context, region, values)) return false;
    double kept[8];
    for (uint32_t i = 0; i < region->ops.data[region->ops.count - 1]->operand_count; i++)
        kept[i] = values[i][0];
    memcpy(results, kept, region->ops.data[region->ops.count - 1]->operand_count * sizeof *kept);
    return true;
}

static bool eval_reduce_window(run *r, const ts_op_node *op) {
    double *out[8];
    for (uint32_t i = 0; i < op->result_count; i++)
        out[i] = op->results[i]->note = TS_NEW_ARRAY(r->arena, double, elems_of(op->results[i]));
    return ts_reference_reduce_window(op, out, apply_region, r);
}

/* ---- control ---- */

static bool eval_call(run *r, const ts_op_node *op) {
    bool is_composite = op->kind == ts_hlo_composite;
    const ts_func *callee =
        ts_module_func(r->module, ts_op_string(op, is_composite ? "decomposition" : "callee"));
    double *results[64];
    for (uint32_t i = 0; i < op->operand_count; i++)
        callee->body->args[i]->note = op->operands[i]->note;
    if (!eval_block(r, callee->body, results)) return false;
    for (uint32_t i = 0; i < op->result_count; i++)
        op->results[i]->note = results[i];
    return true;
}

static void eval_constant(const ts_op_node *op, double *out) {
    const ts_attr *value = ts_op_attr(op, "value");
    size_t count = elems_of(op->results[0]), size = (size_t)ts_dtype_get(value->type.dtype)->bytes;
    for (size_t i = 0; i < count; i++)
        ts_reference_widen(value->type.dtype, value->data + (value->is_splat ? 0 : i * size), &out[i], 1);
}

static bool eval_op(run *r, const ts_op_node *op) {
    if (op->kind == ts_hlo_call || op->kind == ts_hlo_composite) return eval_call(r, op);
    if (op->kind == ts_hlo_reduce) return eval_reduce(r, op);
    if (op->kind == ts_hlo_reduce_window) return eval_reduce_window(r, op);
    if (op->kind == ts_hlo_optimization_barrier) {
        for (uint32_t i = 0; i < op->result_count; i++)
            op->results[i]->note = op->operands[i]->note;
        return true;
    }
    if (op->result_count != 1) return false;
    size_t count = elems_of(op->results[0]);
    double *out = op->results[0]->note = TS_NEW_ARRAY(r->arena, double, count);
    bool is_known = true;
    switch (op->kind) {
    case ts_hlo_constant: eval_constant(op, out); break;
    case ts_hlo_concatenate: is_known = eval_concatenate(op, out); break;
    case ts_hlo_pad: is_known = eval_pad(op, out); break;
    case ts_hlo_convolution: ts_reference_convolution(op, out); break;
    case ts_hlo_select_and_scatter:
        is_known = ts_reference_select_and_scatter(op, out, apply_region, r);
        break;
    case ts_hlo_dot_general: is_known = eval_dot(op, out); break;
    case ts_hlo_iota:
    case ts_hlo_broadcast_in_dim:
    case ts_hlo_reshape:
    case ts_hlo_reverse:
    case ts_hlo_slice:
    case ts_hlo_transpose:
    case ts_hlo_unrealized_conversion_cast: is_known = eval_view(op, out); break;
    default: is_known = eval_pointwise(op, out); break;
    }
    for (size_t i = 0; i < count && is_known; i++)
        out[i] = rounded(op->results[0]->type.dtype, out[i]);
    return is_known;
}

static bool eval_block(run *r, const ts_block *block, double **results) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        if (op->kind == ts_hlo_return) {
            for (uint32_t j = 0; j < op->operand_count; j++)
                results[j] = op->operands[j]->note;
            return true;
        }
        if (!eval_op(r, op)) {
            if (!r->unknown) r->unknown = ts_hlo_name(op->kind);
            return false;
        }
    }
    return false;
}

const char *ts_reference_run(ts_module *module, ts_arena *arena, const double *const *inputs,
                             double **results) {
    run r = {.module = module, .arena = arena};
    const ts_block *body = ts_module_func(module, "main")->body;
    for (uint32_t i = 0; i < body->arg_count; i++)
        body->args[i]->note = (void *)(uintptr_t)inputs[i];
    return eval_block(&r, body, results) ? NULL : r.unknown ? r.unknown : "return";
}

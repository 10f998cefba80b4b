/* Folding of constants: the result is rounded after each op as the engines round; e^x and ln x are exact
   before that. */
#include <math.h>
#include <string.h>

#include "compiler/passes.h"

bool ts_constant_splat(const ts_value *value, double *number) {
    const ts_op_node *def = value->def;
    if (!def || def->kind != ts_hlo_constant || value->type.kind != ts_type_tensor) return false;
    const ts_attr *attr = ts_op_attr(def, "value");
    const ts_dtype_info *info = ts_dtype_get(value->type.dtype);
    if (!attr || attr->kind != ts_attr_dense || !info->native || attr->data_bytes < (size_t)info->bytes)
        return false;
    if (!attr->is_splat && ts_type_elems(&value->type) != 1) return false;
    int32_t word;
    float narrow;
    if (value->type.dtype == ts_dtype_i32 || value->type.dtype == ts_dtype_u32) {
        memcpy(&word, attr->data, sizeof word);
        *number = value->type.dtype == ts_dtype_i32 ? (double)word : (double)(uint32_t)word;
        return true;
    }
    ts_dtype_widen((ts_dtype)value->type.dtype, attr->data, &narrow, 1);
    *number = narrow;
    return true;
}

bool ts_constant_is(const ts_value *value, double number) {
    double found;
    return ts_constant_splat(value, &found) && found == number;
}

static double round_float(unsigned dtype, float value) {
    uint8_t bytes[8];
    if (dtype == ts_dtype_f32) return value;
    ts_dtype_narrow((ts_dtype)dtype, &value, bytes, 1);
    ts_dtype_widen((ts_dtype)dtype, bytes, &value, 1);
    return value;
}

static bool is_true(const char *direction, double a, double b) {
    static const char words[6][3] = {"EQ", "NE", "LT", "LE", "GT", "GE"};
    const bool truth[6] = {a == b, a != b, a<b, a <= b, a> b, a >= b};
    for (int i = 0; i < 6; i++)
        if (strcmp(words[i], direction) == 0) return truth[i];
    return false;
}

/* Counts +0 as larger than -0. */
static float larger(float a, float b) {
    return a > b || (a == b && !signbit(a)) ? a : b;
}

static bool fold_float(const ts_op_node *op, const double *in, double *out) {
    unsigned dtype = op->results[0]->type.dtype;
    float a = (float)in[0], b = op->operand_count > 1 ? (float)in[1] : 0, value;
    switch (op->kind) {
    case ts_hlo_add: value = a + b; break;
    case ts_hlo_subtract: value = a - b; break;
    case ts_hlo_multiply: value = a * b; break;
    case ts_hlo_divide: value = a / b; break;
    case ts_hlo_maximum: value = isnan(a) || isnan(b) ? NAN : larger(a, b); break;
    case ts_hlo_minimum: value = isnan(a) || isnan(b) ? NAN : -larger(-a, -b); break;
    case ts_hlo_negate: value = -a; break;
    case ts_hlo_abs: value = fabsf(a); break;
    case ts_hlo_sqrt: value = sqrtf(a); break;
    case ts_hlo_log: value = (float)log(in[0]); break;
    case ts_hlo_exponential: value = (float)exp(in[0]); break;
    default: return false;
    }
    *out = round_float(dtype, value);
    return true;
}

/* Integers of 32 bits, which wrap. */
static bool fold_word(const ts_op_node *op, const double *in, double *out) {
    bool is_signed = op->results[0]->type.dtype == ts_dtype_i32;
    int64_t a = (int64_t)in[0], b = op->operand_count > 1 ? (int64_t)in[1] : 0;
    uint32_t value;
    switch (op->kind) {
    case ts_hlo_add: value = (uint32_t)(a + b); break;
    case ts_hlo_subtract: value = (uint32_t)(a - b); break;
    case ts_hlo_multiply: value = (uint32_t)a * (uint32_t)b; break;
    case ts_hlo_maximum: value = (uint32_t)(a > b ? a : b); break;
    case ts_hlo_minimum: value = (uint32_t)(a < b ? a : b); break;
    case ts_hlo_negate: value = (uint32_t)-a; break;
    case ts_hlo_and: value = (uint32_t)a & (uint32_t)b; break;
    case ts_hlo_or: value = (uint32_t)a | (uint32_t)b; break;
    case ts_hlo_xor: value = (uint32_t)a ^ (uint32_t)b; break;
    case ts_hlo_not: value = ~(uint32_t)a; break;
    default: return false;
    }
    *out = is_signed ? (double)(int32_t)value : (double)value;
    return true;
}

static bool fold_predicate(const ts_op_node *op, const double *in, double *out) {
    bool a = in[0] != 0, b = op->operand_count > 1 && in[1] != 0;
    switch (op->kind) {
    case ts_hlo_and: *out = a && b; return true;
    case ts_hlo_or: *out = a || b; return true;
    case ts_hlo_xor: *out = a != b; return true;
    case ts_hlo_not: *out = !a; return true;
    default: return false;
    }
}

static bool fold_convert(unsigned from, unsigned to, double in, double *out) {
    if (to == ts_dtype_i1) {
        *out = in != 0;
        return true;
    }
    bool to_word = to == ts_dtype_i32 || to == ts_dtype_u32;
    if (ts_dtype_get(to)->kind == 'f') {
        *out = round_float(to, (float)in);
        return true;
    }
    /* Integers keep their low bits. Floats are folded to integers only where they are in range. */
    if (!to_word || (ts_dtype_get(from)->kind == 'f' && !(fabs(in) < 0x1p31))) return false;
    if (to == ts_dtype_u32 && ts_dtype_get(from)->kind == 'f' && in <= -1) return false;
    int64_t value = (int64_t)in;
    *out = to == ts_dtype_i32 ? (double)(int32_t)(uint32_t)value : (double)(uint32_t)value;
    return true;
}

bool ts_fold_number(const ts_op_node *op, const double *in, double *out) {
    unsigned from = op->operands[0]->type.dtype, to = op->results[0]->type.dtype;
    if (!ts_dtype_get(from)->native || !ts_dtype_get(to)->native) return false;
    switch (op->kind) {
    case ts_hlo_convert: return fold_convert(from, to, in[0], out);
    case ts_hlo_compare: *out = is_true(ts_op_string(op, "comparison_direction"), in[0], in[1]); return true;
    case ts_hlo_select: *out = in[0] != 0 ? in[1] : in[2]; return true;
    default: break;
    }
    if (ts_dtype_get(to)->kind == 'f') return fold_float(op, in, out);
    if (to == ts_dtype_i32 || to == ts_dtype_u32) return fold_word(op, in, out);
    return to == ts_dtype_i1 && fold_predicate(op, in, out);
}

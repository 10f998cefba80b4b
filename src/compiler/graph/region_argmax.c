/* Recognises argmax and argmin: evaluates a region of comparisons and selects on sample pairs of every
   order. */
#include <math.h>
#include <string.h>

#include "compiler/lower/lower_argmax.h"

enum { MAX_OPS = 32 };

typedef struct evaluation {
    const ts_block *region;
    double args[4];
    double results[MAX_OPS];
} evaluation;

static bool find(const evaluation *e, const ts_value *value, double *number) {
    for (uint32_t i = 0; i < e->region->arg_count; i++)
        if (e->region->args[i] == value) {
            *number = e->args[i];
            return true;
        }
    for (uint32_t i = 0; i < e->region->ops.count; i++)
        if (e->region->ops.data[i]->result_count == 1 && e->region->ops.data[i]->results[0] == value) {
            *number = e->results[i];
            return true;
        }
    return false;
}

static bool compare(const ts_op_node *op, double a, double b, double *result) {
    const char *direction = ts_op_string(op, "comparison_direction");
    if (strcmp(ts_op_string(op, "compare_type"), "TOTALORDER") == 0) return false;
    if (strcmp(direction, "EQ") == 0)
        *result = a == b;
    else if (strcmp(direction, "NE") == 0)
        *result = a != b;
    else if (strcmp(direction, "LT") == 0)
        *result = a < b;
    else if (strcmp(direction, "LE") == 0)
        *result = a <= b;
    else if (strcmp(direction, "GT") == 0)
        *result = a > b;
    else if (strcmp(direction, "GE") == 0)
        *result = a >= b;
    else
        return false;
    return true;
}

static bool evaluate_op(const ts_op_node *op, const double *in, double *result) {
    switch (op->kind) {
    case ts_hlo_compare: return compare(op, in[0], in[1], result);
    case ts_hlo_and: *result = in[0] != 0 && in[1] != 0; break;
    case ts_hlo_or: *result = in[0] != 0 || in[1] != 0; break;
    case ts_hlo_xor: *result = (in[0] != 0) != (in[1] != 0); break;
    case ts_hlo_not: *result = in[0] == 0; break;
    case ts_hlo_select: *result = in[0] != 0 ? in[1] : in[2]; break;
    case ts_hlo_maximum: *result = isnan(in[0]) || isnan(in[1]) ? NAN : in[0] > in[1] ? in[0] : in[1]; break;
    case ts_hlo_minimum: *result = isnan(in[0]) || isnan(in[1]) ? NAN : in[0] < in[1] ? in[0] : in[1]; break;
    default: return false;
    }
    /* on numbers these would be bitwise operations */
    bool is_logic =
        op->kind == ts_hlo_and || op->kind == ts_hlo_or || op->kind == ts_hlo_xor || op->kind == ts_hlo_not;
    return !is_logic || op->results[0]->type.dtype == ts_dtype_i1;
}

static bool evaluate(evaluation *e, double *value, double *index) {
    for (uint32_t i = 0; i < e->region->ops.count; i++) {
        const ts_op_node *op = e->region->ops.data[i];
        double in[3] = {0};
        if (op->operand_count > 3) return false;
        for (uint32_t k = 0; k < op->operand_count; k++)
            if (!find(e, op->operands[k], &in[k])) return false;
        if (op->kind == ts_hlo_return) {
            *value = in[0];
            *index = in[1];
            return op->operand_count == 2;
        }
        if (!evaluate_op(op, in, &e->results[i])) return false;
    }
    return false;
}

/* Which of the pair must win: -1 the first, 1 the second, 0 either. */
static int winner(double a, double b, bool is_max) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b) ? 0 : isnan(a) ? -1 : 1;
    if (a == b) return 0;
    return (a > b) == is_max ? -1 : 1;
}

static bool is_same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

bool ts_region_argmax(const ts_block *region, bool is_float, ts_alu *alu) {
    static const double samples[] = {0, 1, 2, 3, -0.0, -1, INFINITY, -INFINITY, NAN};
    int count = is_float ? 9 : 4;
    if (!region || region->arg_count != 4 || region->ops.count > MAX_OPS) return false;
    bool is_max = true, is_min = true;
    for (int i = 0; i < count * count * 9; i++) {
        double a = samples[i % count], b = samples[i / count % count], value, index;
        double ai = i / (count * count) % 3, bi = i / (count * count) / 3;
        evaluation e = {.region = region, .args = {a, ai, b, bi}};
        if (!evaluate(&e, &value, &index)) return false;
        for (int pass = 0; pass < 2; pass++) {
            int wins = winner(a, b, pass == 0);
            bool holds = wins < 0   ? is_same(value, a) && index == ai
                         : wins > 0 ? is_same(value, b) && index == bi
                                    : is_same(value, a) && (index == ai || index == bi);
            if (!holds) *(pass == 0 ? &is_max : &is_min) = false;
        }
    }
    *alu = is_max ? ts_alu_max : ts_alu_min;
    return is_max != is_min;
}

/* Emits one operation of a pointwise group: dispatch by dtype and kind, float arithmetic, select,
   comparisons. */
#include <math.h>
#include <string.h>

#include "compiler/lower/pointwise.h"
#include "compiler/lower/recipe.h"
#include "compiler/passes.h"

static ts_alu alu_of(unsigned hlo) {
    switch (hlo) {
    case ts_hlo_add: return ts_alu_add;
    case ts_hlo_subtract: return ts_alu_subtract;
    case ts_hlo_multiply: return ts_alu_multiply;
    case ts_hlo_divide: return ts_alu_divide;
    case ts_hlo_maximum: return ts_alu_max;
    case ts_hlo_minimum: return ts_alu_min;
    case ts_hlo_remainder: return ts_alu_mod;
    case ts_hlo_power: return ts_alu_pow;
    default: return ts_alu_bypass;
    }
}

ts_alu ts_pointwise_compare_alu(const ts_op_node *op) {
    static const struct {
        const char *direction;
        ts_alu alu;
    } rows[] = {{"EQ", ts_alu_is_equal}, {"NE", ts_alu_not_equal}, {"LT", ts_alu_is_lt},
                {"LE", ts_alu_is_le},    {"GT", ts_alu_is_gt},     {"GE", ts_alu_is_ge}};
    const char *direction = ts_op_string(op, "comparison_direction");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].direction, direction) == 0) return rows[i].alu;
    return ts_alu_bypass;
}

static bool is_total_order(const ts_op_node *op) {
    return op->kind == ts_hlo_compare && strcmp(ts_op_string(op, "compare_type"), "TOTALORDER") == 0 &&
           ts_dtype_is_float(op->operands[0]->type.dtype);
}

ts_act ts_pointwise_act(unsigned hlo) {
    switch (hlo) {
    case ts_hlo_abs: return ts_act_abs;
    case ts_hlo_erf: return ts_act_erf;
    case ts_hlo_exponential: return ts_act_exp;
    case ts_hlo_log: return ts_act_log;
    case ts_hlo_gelu: return ts_act_gelu;
    case ts_hlo_gelu_dx: return ts_act_gelu_dx;
    case ts_hlo_gelu_apprx_tanh: return ts_act_gelu_apprx_tanh;
    case ts_hlo_gelu_apprx_sigmoid: return ts_act_gelu_apprx_sigmoid;
    case ts_hlo_gelu_apprx_sigmoid_dx: return ts_act_gelu_apprx_sigmoid_dx;
    case ts_hlo_logistic: return ts_act_sigmoid;
    case ts_hlo_mish: return ts_act_mish;
    case ts_hlo_rsqrt: return ts_act_rsqrt;
    case ts_hlo_sign: return ts_act_sign;
    case ts_hlo_silu: return ts_act_silu;
    case ts_hlo_silu_dx: return ts_act_silu_dx;
    case ts_hlo_softplus: return ts_act_softplus;
    case ts_hlo_sqrt: return ts_act_sqrt;
    case ts_hlo_tanh: return ts_act_tanh;
    default: return ts_act_count;
    }
}

/* A select between two numbers as arithmetic: predicate (0 or 1) * factor + start. With is_opposite the
   negated predicate is used. */
typedef struct choice {
    float factor, start;
    bool is_opposite;
} choice;

/* Whether the arithmetic is exact, including the signs of zeros. */
static bool is_exact(float yes, float no) {
    const float factor = yes - no;
    bool has_minus_zero = (yes == 0 && signbit(yes)) || (no == 0 && signbit(no));
    return isfinite(factor) && isfinite(no) && factor + no == yes && !has_minus_zero;
}

static bool find_choice(const ts_op_node *op, choice *c) {
    double first, second;
    if (!ts_constant_splat(op->operands[1], &first) || !ts_constant_splat(op->operands[2], &second))
        return false;
    const float yes = (float)first, no = (float)second;
    if ((double)yes != first || (double)no != second) return false;
    *c = (choice){yes - no, no, false};
    if (is_exact(yes, no)) return true;
    *c = (choice){no - yes, yes, true};
    return is_exact(no, yes);
}

bool ts_pointwise_takes_number(const ts_emitter *e, const ts_op_node *op, uint32_t operand) {
    unsigned dtype = op->operands[op->operand_count - 1]->type.dtype;
    choice c;
    if (op->kind == ts_hlo_select) return operand == 2 || (operand == 1 && find_choice(op, &c));
    if (!ts_dtype_is_float(dtype)) return ts_pointwise_int_takes_number(e, op, operand);
    if (op->kind == ts_hlo_clamp) return operand != 1;
    return op->operand_count == 2 && !ts_recipe_find(op->kind) && !is_total_order(op);
}

static ts_value_form *find_form(ts_emitter *e, const ts_value *value) {
    for (int i = 0; i < e->input_count; i++)
        if (e->inputs[i].value == value) return &e->inputs[i].form;
    for (int i = 0; i < e->group->op_count; i++)
        if (e->group->ops[i]->results[0] == value) return &e->forms[i];
    return NULL;
}

/* Whether a number or column can be the scalar operand of tensor_scalar: fp32 in arithmetic, an integer of
   the data's width for bitwise ops. GpSimdE's integer operations take only a number. */
static bool is_scalar(const ts_value_form *form, const ts_value_form *data, bool is_bits, bool is_integer) {
    if (form->kind == ts_form_immediate) return !is_integer || fabs(form->value) <= 0x1p24;
    if (form->kind == ts_form_tile || is_integer) return false;
    return is_bits ? ts_dtype_get(form->dtype)->bytes == ts_dtype_get(data->dtype)->bytes
                   : form->dtype == ts_dtype_f32;
}

void ts_pointwise_binary(ts_emitter *e, ts_engine engine, const ts_ap *dst, ts_alu alu,
                         const ts_value_form *a, const ts_value_form *b) {
    bool is_bits = ts_alu_kind(alu) == 'b';
    bool is_integer = engine == ts_engine_gpsimd && ts_dtype_is_word(a->dtype) && !is_bits;
    bool a_scalar = is_scalar(a, b, is_bits, is_integer), b_scalar = is_scalar(b, a, is_bits, is_integer);
    bool is_reversed = !b_scalar || (a->kind == ts_form_immediate && b->kind != ts_form_immediate);
    const ts_value_form *scalar = is_reversed ? a : b, *data = is_reversed ? b : a;
    if ((a_scalar || b_scalar) && (data->kind != ts_form_immediate || data->tile)) {
        ts_ap column, data_ap = ts_pointwise_ap(e, data);
        if (scalar->kind == ts_form_column) column = ts_pointwise_column(e, scalar);
        ts_scalar operand =
            scalar->kind == ts_form_immediate ? ts_scalar_const(scalar->value) : ts_scalar_ap(&column);
        ts_pointwise_busy(e, engine, 1, 1);
        ts_emit_tensor_scalar(e->b, engine, dst, &data_ap, alu, operand, is_reversed);
        return;
    }
    ts_pointwise_busy(e, engine, 2, 1);
    ts_ap a_ap = ts_pointwise_ap(e, a), b_ap = ts_pointwise_ap(e, b);
    ts_emit_tensor_tensor(e->b, engine, dst, &a_ap, &b_ap, alu);
}

/* The negation of the predicate, which consecutive selects share. */
static ts_value_form opposite_of(ts_emitter *e, const ts_value_form *pred) {
    if (e->opposite.tile && e->opposite_of == pred->tile) return e->opposite;
    const uint32_t axes = e->axes;
    e->axes = pred->axes;
    e->opposite = ts_pointwise_tile(e, pred->dtype, 1);
    e->opposite_of = pred->tile;
    ts_ap from = ts_pointwise_ap(e, pred), to = ts_pointwise_ap(e, &e->opposite);
    ts_pointwise_busy(e, ts_engine_vector, 1, 1);
    ts_emit_tensor_scalar(e->b, ts_engine_vector, &to, &from, ts_alu_is_equal, ts_scalar_const(0), false);
    e->axes = axes;
    return e->opposite;
}

/* Emits a select between two numbers. False, with nothing emitted, if it is not one or would be rounded. */
static bool emit_choice(ts_emitter *e, const ts_op_node *op, const ts_ap *dst, const ts_value_form *pred) {
    choice c;
    if (!find_choice(op, &c)) return false;
    if (pred->kind == ts_form_immediate) {
        bool is_factor = (pred->value != 0) != c.is_opposite;
        ts_emit_memset(e->b, ts_engine_vector, dst, (double)(is_factor ? c.factor + c.start : c.start));
        return true;
    }
    const ts_value_form by = c.is_opposite ? opposite_of(e, pred) : *pred;
    ts_ap data = ts_pointwise_ap(e, &by);
    ts_pointwise_busy(e, ts_engine_vector, 1, 1);
    ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &data, ts_alu_multiply,
                                                        ts_scalar_const((double)c.factor), false);
    inst->op1 = ts_alu_add;
    inst->operand1 = ts_scalar_const((double)c.start);
    return true;
}

static void emit_select(ts_emitter *e, const ts_ap *dst, const ts_value_form *pred, const ts_value_form *yes,
                        const ts_value_form *no) {
    if (no->kind == ts_form_immediate) {
        ts_pointwise_busy(e, ts_engine_vector, 1, 1);
        ts_emit_memset(e->b, ts_engine_vector, dst, no->value);
    } else {
        ts_ap no_ap = ts_pointwise_ap(e, no);
        ts_emit_copy(e->b, ts_pointwise_copier(e, dst->dtype, no->dtype), dst, &no_ap);
    }
    ts_pointwise_busy(e, ts_engine_vector, 2, 1);
    ts_ap pred_ap = ts_pointwise_ap(e, pred), yes_ap = ts_pointwise_ap(e, yes);
    ts_emit_copy_predicated(e->b, dst, &yes_ap, &pred_ap);
}

ts_status ts_pointwise_refuse(ts_emitter *e, const ts_op_node *op) {
    ts_op_fail(e->lower->module, op, e->lower->diag, ts_unsupported, "no lowering for this operation on %s",
               ts_dtype_get(op->operands[0]->type.dtype)->name);
    ts_diag_remedy(e->lower->diag, "use f32 or 32-bit integers, or another form of the operation");
    return ts_unsupported;
}

/* The integer whose signed order is the total order of floats: in negative floats all bits but the sign are
   flipped. */
static ts_value_form order_key(ts_emitter *e, const ts_value_form *form) {
    int bytes = ts_dtype_get(form->dtype)->bytes;
    ts_dtype dtype = bytes == 1 ? ts_dtype_i8 : bytes == 2 ? ts_dtype_i16 : ts_dtype_i32;
    ts_value_form key = ts_pointwise_tile(e, dtype, 1), bits = *form;
    if (bits.kind == ts_form_immediate) bits.kind = ts_form_column;
    bits.dtype = dtype;
    ts_ap to = ts_pointwise_ap(e, &key), from = ts_pointwise_ap(e, &bits);
    ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(
        e->b, ts_engine_vector, &to, &from, ts_alu_arith_shift_right, ts_scalar_const(bytes * 8 - 1), false);
    inst->op1 = ts_alu_bitwise_and;
    inst->operand1 = ts_scalar_const((double)(((int64_t)1 << (bytes * 8 - 1)) - 1));
    ts_emit_tensor_tensor(e->b, ts_engine_vector, &to, &to, &from, ts_alu_bitwise_xor);
    return key;
}

static void compare_total_order(ts_emitter *e, const ts_op_node *op, const ts_ap *dst,
                                const ts_value_form *const *in) {
    ts_value_form a = order_key(e, in[0]), b = order_key(e, in[1]);
    ts_engine engine = a.dtype == ts_dtype_i32 ? ts_engine_gpsimd : ts_engine_vector;
    ts_pointwise_binary(e, engine, dst, ts_pointwise_compare_alu(op), &a, &b);
}

static ts_status emit_float_unary(ts_emitter *e, int index, const ts_ap *dst, const ts_value_form *a) {
    const ts_op_node *op = e->group->ops[index];
    if (op->kind == ts_hlo_negate) {
        ts_value_form minus = {.kind = ts_form_immediate, .dtype = a->dtype, .value = -1};
        ts_pointwise_arithmetic(e, index, ts_alu_multiply, a, &minus);
        return ts_ok;
    }
    if (op->kind == ts_hlo_is_finite) {
        ts_ap src = ts_pointwise_ap(e, a);
        ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &src, ts_alu_abs_max,
                                                            ts_scalar_const(0), false);
        inst->op1 = ts_alu_is_lt;
        inst->operand1 = ts_scalar_const(INFINITY);
        return ts_ok;
    }
    ts_act func = ts_pointwise_act(op->kind);
    if (func == ts_act_count) return ts_pointwise_refuse(e, op);
    ts_pointwise_function(e, index, func, a);
    return ts_ok;
}

static ts_status emit_float(ts_emitter *e, int index, const ts_value_form *const *in) {
    const ts_op_node *op = e->group->ops[index];
    const ts_value_form *result = &e->forms[index];
    ts_ap dst = ts_pointwise_ap(e, result);
    const ts_recipe *recipe = ts_recipe_find(op->kind);
    if (recipe) return ts_recipe_emit(e, recipe, result, in, (int)op->operand_count);
    if (op->kind == ts_hlo_reduce_precision) return ts_pointwise_reduce_precision(e, op, result, in[0]);
    if (op->operand_count == 1) return emit_float_unary(e, index, &dst, in[0]);
    if (is_total_order(op)) {
        compare_total_order(e, op, &dst, in);
        return ts_ok;
    }
    if (op->kind == ts_hlo_clamp) {
        ts_pointwise_binary(e, ts_engine_vector, &dst, ts_alu_max, in[1], in[0]);
        ts_pointwise_binary(e, ts_engine_vector, &dst, ts_alu_min, result, in[2]);
        return ts_ok;
    }
    ts_alu alu = op->kind == ts_hlo_compare ? ts_pointwise_compare_alu(op) : alu_of(op->kind);
    if (alu == ts_alu_bypass) return ts_pointwise_refuse(e, op);
    if (alu == ts_alu_pow)
        ts_pointwise_binary(e, ts_engine_gpsimd, &dst, alu, in[0], in[1]);
    else if (alu != ts_alu_multiply || in[0] != in[1] || !ts_pointwise_square(e, index, in[0]))
        ts_pointwise_arithmetic(e, index, alu, in[0], in[1]);
    return ts_ok;
}

double ts_pointwise_start(const ts_emitter *e, const ts_op_node *op) {
    for (int i = 0; i < e->input_count; i++)
        if (e->inputs[i].value == op->operands[1]) return e->views[TS_EMIT_INPUTS + i].value;
    return 0;
}

/* Reduces rows in fp32. The initial value is applied only if it differs from the neutral number. */
static ts_status emit_reduce(ts_emitter *e, int index, const ts_value_form *in) {
    const ts_op_node *op = e->group->ops[index];
    const ts_value_form *start = find_form(e, op->operands[1]);
    ts_alu alu;
    double identity;
    int reduced;
    if (!start || !ts_region_alu(op->regions[0], &alu) ||
        !ts_reduce_identity(alu, op->operands[0]->type.dtype, &identity))
        return ts_pointwise_refuse(e, op);
    bool is_made = e->has_sum >> index & 1;
    e->axes = ts_pointwise_row_axes(e);
    ts_value_form wide = is_made ? e->sums[index] : ts_pointwise_tile(e, ts_dtype_f32, 1);
    ts_ap sum = ts_pointwise_ap(e, &wide);
    if (!is_made && (alu != ts_alu_add || !ts_pointwise_sum(e, in, &wide))) {
        ts_ap data = ts_pointwise_reduced_ap(e, in, &reduced);
        e->axes = ts_pointwise_all_axes(e);
        ts_pointwise_busy(e, ts_engine_vector, 1, 1);
        e->axes = ts_pointwise_row_axes(e);
        ts_emit_reduce(e->b, &sum, &data, alu, reduced);
    }
    if (ts_group_is_chunked(op)) {
        ts_pointwise_chunked_fold(e, index, alu, &wide);
        return ts_ok;
    }
    if (start->value != identity)
        ts_emit_tensor_scalar(e->b, ts_engine_vector, &sum, &sum, alu, ts_scalar_const(start->value), false);
    e->forms[index] = wide;
    ts_dtype dtype = ts_chip_dtype(op->results[0]->type.dtype);
    if (dtype == ts_dtype_f32) return ts_ok;
    e->forms[index] = ts_pointwise_tile(e, dtype, 1);
    ts_ap to = ts_pointwise_ap(e, &e->forms[index]);
    ts_emit_copy(e->b, ts_engine_vector, &to, &sum);
    return ts_ok;
}

ts_status ts_pointwise_emit(ts_emitter *e, int index) {
    const ts_op_node *op = e->group->ops[index];
    const ts_value_form *in[3] = {0};
    for (uint32_t i = 0; i < ts_group_operands(op); i++)
        in[i] = find_form(e, op->operands[i]);
    e->b->loc = op->loc;
    if (op->kind == ts_hlo_reduce && ts_group_is_sum(op)) {
        ts_pointwise_sums_add(e, index, in[0]);
        return ts_ok;
    }
    if (op->kind == ts_hlo_reduce) return emit_reduce(e, index, in[0]);
    if (ts_group_is_alias(op)) {
        e->forms[index] = *in[0];
        return ts_ok;
    }
    ts_value_form *result = &e->forms[index];
    if (ts_pointwise_is_relabel(op)) {
        *result = *in[0];
        if (result->kind == ts_form_immediate) result->kind = ts_form_column;
        result->dtype = ts_chip_dtype(op->results[0]->type.dtype);
        return ts_ok;
    }
    if (ts_pointwise_is_cast_by_others(e, index, in[0])) {
        *result = *in[0];
        return ts_ok;
    }
    e->axes = 0;
    for (uint32_t i = 0; i < op->operand_count; i++)
        e->axes |= in[i]->axes;
    int caster = ts_pointwise_caster(e, index);
    bool is_stored = e->fate[caster] == ts_fate_stored;
    *result = ts_pointwise_tile(e, e->group->ops[caster]->results[0]->type.dtype, is_stored ? 2 : 1);
    ts_ap dst = ts_pointwise_ap(e, result);
    if (op->kind == ts_hlo_convert) return ts_pointwise_convert(e, op, &dst, in[0]);
    if (op->kind == ts_hlo_select) {
        if (!emit_choice(e, op, &dst, in[0]) && !ts_pointwise_select(e, index, in))
            emit_select(e, &dst, in[0], in[1], in[2]);
        return ts_ok;
    }
    if (!ts_dtype_is_float(op->operands[op->operand_count - 1]->type.dtype))
        return ts_pointwise_int(e, op, &dst, in);
    return emit_float(e, index, in);
}

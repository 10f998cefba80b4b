/* Pointwise groups as instructions: one nest that loads the inputs, applies each op to tiles in SBUF, and
   stores what others need. */
#include "compiler/lower.h"

#include <math.h>
#include <string.h>

enum { SBUF_BUDGET = 160 * 1024, MAX_FREE = 2048 };

/* How a value is at hand inside the nest. */
typedef enum form_kind { form_immediate, form_column, form_tile } form_kind;
typedef struct form {
    form_kind kind;
    ts_tile tile;
    ts_dtype dtype; /* as engines see it */
    double value;   /* immediate; the column of an immediate that needs one lies in `tile` */
} form;

typedef struct input {
    ts_value *value;
    form form;
    bool needs_column; /* an immediate that some instruction can only read from memory */
} input;

typedef struct emitter {
    ts_lower *lower;
    ts_builder *b;
    ts_group *group;
    input inputs[TS_GROUP_INPUTS + 4];
    ts_view views[TS_GROUP_INPUTS + 5]; /* 0: the space itself; 1 + i: input i */
    int input_count;
    form forms[TS_GROUP_OPS]; /* of each op's result */
    ts_nest nest;
} emitter;

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

static bool is_float(unsigned dtype) {
    return ts_dtype_get(dtype)->kind == 'f';
}

static bool is_word(unsigned dtype) {
    return dtype == ts_dtype_i32 || dtype == ts_dtype_u32;
}

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
    case ts_hlo_and: return ts_alu_bitwise_and;
    case ts_hlo_or: return ts_alu_bitwise_or;
    case ts_hlo_xor: return ts_alu_bitwise_xor;
    case ts_hlo_shift_left: return ts_alu_logical_shift_left;
    case ts_hlo_shift_right_logical: return ts_alu_logical_shift_right;
    case ts_hlo_shift_right_arithmetic: return ts_alu_arith_shift_right;
    default: return ts_alu_bypass;
    }
}

static ts_alu compare_alu(const ts_op_node *op) {
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

static ts_act act_of(unsigned hlo) {
    switch (hlo) {
    case ts_hlo_abs: return ts_act_abs;
    case ts_hlo_exponential: return ts_act_exp;
    case ts_hlo_log: return ts_act_log;
    case ts_hlo_logistic: return ts_act_sigmoid;
    case ts_hlo_rsqrt: return ts_act_rsqrt;
    case ts_hlo_sign: return ts_act_sign;
    case ts_hlo_sqrt: return ts_act_sqrt;
    case ts_hlo_tanh: return ts_act_tanh;
    default: return ts_act_count;
    }
}

/* Float arithmetic and compares with a number take it as an immediate of tensor_scalar; everything else
   reads operands from memory. */
static bool takes_immediate(const ts_op_node *op, uint32_t operand) {
    if (!is_float(op->operands[operand]->type.dtype)) return false;
    if (op->kind == ts_hlo_clamp) return operand != 1;
    if (op->kind == ts_hlo_select) return operand == 2;
    return op->operand_count == 2;
}

static form *find_form(emitter *e, const ts_value *value) {
    for (int i = 0; i < e->input_count; i++)
        if (e->inputs[i].value == value) return &e->inputs[i].form;
    for (int i = 0; i < e->group->op_count; i++)
        if (e->group->ops[i]->results[0] == value) return &e->forms[i];
    return NULL;
}

static ts_ap form_ap(const emitter *e, const form *f) {
    ts_ap ap = ts_build_ap(e->b, f->tile, f->dtype, ts_nest_parts(&e->nest),
                           ts_nest_free(&e->nest, 0, e->nest.rank));
    if (f->kind != form_tile) ap.dim[0].step = 0;
    return ap;
}

static form new_tile(emitter *e, unsigned dtype, int slots) {
    form f = {.kind = form_tile, .dtype = ts_chip_dtype(dtype)};
    int64_t bytes = ts_nest_max_free(&e->nest, 0, e->nest.rank) * ts_dtype_get(f.dtype)->bytes;
    f.tile = ts_build_tile(e->b, ts_space_sbuf, ts_nest_max_parts(&e->nest), bytes, slots);
    return f;
}

static form new_column(emitter *e, unsigned dtype, int slots) {
    form f = {.kind = form_column, .dtype = ts_chip_dtype(dtype)};
    f.tile =
        ts_build_tile(e->b, ts_space_sbuf, ts_nest_max_parts(&e->nest), ts_dtype_get(f.dtype)->bytes, slots);
    return f;
}

static ts_ap column_ap(const emitter *e, const form *f, bool is_full) {
    ts_count parts = is_full ? ts_count_const(ts_nest_max_parts(&e->nest)) : ts_nest_parts(&e->nest);
    return ts_build_ap(e->b, f->tile, f->dtype, parts, ts_count_const(1));
}

/* ---- inputs ---- */

static bool add_input(emitter *e, ts_value *value, bool needs_column) {
    int i = 0;
    while (i < e->input_count && e->inputs[i].value != value)
        i++;
    if (i == e->input_count) {
        if (e->input_count == TS_GROUP_INPUTS + 4) return false;
        e->inputs[e->input_count++].value = value;
    }
    e->inputs[i].needs_column |= needs_column;
    return true;
}

/* The input's view over the group's space: scalars (clamp bounds, a scalar predicate) repeat. */
static ts_view space_view(const ts_view *space, const ts_view *view) {
    ts_view result = *view;
    if (view->rank == space->rank) return result;
    result.rank = space->rank;
    memcpy(result.dim, space->dim, sizeof result.dim);
    memset(result.stride, 0, sizeof result.stride);
    return result;
}

/* An instruction has one immediate: of two numbers the first is read from memory. */
static void mark_number_pairs(emitter *e) {
    for (int i = 0; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        input *first = NULL;
        bool is_pair = op->operand_count == 2;
        for (int j = 0; is_pair && j < 2; j++) {
            int at = 0;
            while (at < e->input_count && e->inputs[at].value != op->operands[j])
                at++;
            is_pair = at < e->input_count && e->views[at + 1].kind == ts_view_splat;
            if (is_pair && j == 0) first = &e->inputs[at];
        }
        if (is_pair) first->needs_column = true;
    }
}

static ts_status collect_inputs(emitter *e) {
    const ts_type *type = &e->group->ops[0]->results[0]->type;
    e->views[0] = ts_view_of_tensor(0, type);
    for (int i = 0; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        for (uint32_t j = 0; j < op->operand_count; j++) {
            if (note(op->operands[j])->group == e->group) continue;
            if (!add_input(e, op->operands[j], !takes_immediate(op, j)))
                return ts_op_fail(e->lower->module, op, e->lower->diag, ts_unsupported,
                                  "a fused group with too many inputs");
        }
    }
    for (int i = 0; i < e->input_count; i++) {
        ts_view view;
        TS_TRY(ts_lower_view(e->lower, e->inputs[i].value, &view));
        e->views[i + 1] = space_view(&e->views[0], &view);
    }
    mark_number_pairs(e);
    return ts_ok;
}

/* Free elements that fit when every value of the group has its own tile. */
static int64_t capacity(const emitter *e) {
    int64_t bytes = 0;
    for (int i = 0; i < e->input_count; i++)
        bytes += 2 * ts_dtype_get(ts_chip_dtype(e->views[i + 1].dtype))->bytes;
    for (int i = 0; i < e->group->op_count; i++)
        bytes += 2 * ts_dtype_get(ts_chip_dtype(e->group->ops[i]->results[0]->type.dtype))->bytes;
    int64_t elems = SBUF_BUDGET / bytes;
    return elems > MAX_FREE ? MAX_FREE : elems;
}

/* Loads before the loops what no trip changes; called again inside for the rest. */
static void load_inputs(emitter *e, bool is_hoisted) {
    for (int i = 0; i < e->input_count; i++) {
        input *in = &e->inputs[i];
        const ts_view *view = &e->views[i + 1];
        bool is_invariant = view->kind == ts_view_splat ||
                            (view->kind == ts_view_tensor && ts_nest_is_invariant(&e->nest, view));
        if (is_invariant != is_hoisted) continue;
        if (view->kind == ts_view_splat) {
            if (in->needs_column) {
                in->form = new_column(e, view->dtype, 1);
                ts_ap ap = column_ap(e, &in->form, true);
                ts_emit_memset(e->b, ts_engine_vector, &ap, view->value);
            }
            in->form.kind = form_immediate;
            in->form.dtype = ts_chip_dtype(view->dtype);
            in->form.value = view->value;
        } else if (view->kind == ts_view_iota) {
            in->form = new_tile(e, view->dtype, 2);
            ts_lower_iota(e->lower, &e->nest, in->form.tile, view);
        } else if (ts_nest_is_column(&e->nest, view)) {
            in->form = new_column(e, view->dtype, is_hoisted ? 1 : 2);
            ts_ap dst = column_ap(e, &in->form, is_hoisted);
            ts_ap src = ts_nest_hbm_column(&e->nest, view, is_hoisted);
            ts_emit_dma(e->b, ts_engine_sync, ts_lower_load_queue(e->lower), &dst, &src);
        } else {
            in->form = new_tile(e, view->dtype, is_hoisted ? 1 : 2);
            ts_ap src = ts_nest_hbm(&e->nest, view, is_hoisted), dst = form_ap(e, &in->form);
            if (is_hoisted)
                dst = ts_build_ap(e->b, in->form.tile, in->form.dtype,
                                  ts_count_const(ts_nest_max_parts(&e->nest)),
                                  ts_count_const(ts_nest_max_free(&e->nest, 0, e->nest.rank)));
            ts_emit_dma(e->b, ts_engine_sync, ts_lower_load_queue(e->lower), &dst, &src);
        }
    }
}

/* ---- ops ---- */

/* dst = a op b, choosing the instruction by where the operands are. */
static void emit_binary(emitter *e, const ts_ap *dst, ts_alu op, const form *a, const form *b) {
    bool is_bits = ts_alu_kind(op) == 'b';
    bool is_exact = is_word(a->dtype) && !is_bits; /* 32-bit integers: GpSimdE is exact, VectorE is fp32 */
    ts_engine engine = is_exact || op == ts_alu_pow ? ts_engine_gpsimd : ts_engine_vector;
    bool can_scalar = is_float(a->dtype) && !is_bits;
    bool b_scalar = b->kind == form_immediate || (b->kind == form_column && b->dtype == ts_dtype_f32);
    bool a_scalar = a->kind == form_immediate || (a->kind == form_column && a->dtype == ts_dtype_f32);
    if (can_scalar && (b_scalar || a_scalar)) {
        bool is_reversed = !b_scalar || (a_scalar && a->kind == form_immediate && b->kind != form_immediate);
        const form *scalar = is_reversed ? a : b, *data = is_reversed ? b : a;
        if (data->kind != form_immediate || data->tile) {
            ts_ap column, data_ap = form_ap(e, data);
            if (scalar->kind == form_column) column = column_ap(e, scalar, false);
            ts_scalar operand =
                scalar->kind == form_immediate ? ts_scalar_const(scalar->value) : ts_scalar_ap(&column);
            ts_emit_tensor_scalar(e->b, engine, dst, &data_ap, op, operand, is_reversed);
            return;
        }
    }
    ts_ap a_ap = form_ap(e, a), b_ap = form_ap(e, b);
    ts_emit_tensor_tensor(e->b, engine, dst, &a_ap, &b_ap, op);
}

static void emit_select(emitter *e, const ts_ap *dst, const form *pred, const form *yes, const form *no) {
    if (no->kind == form_immediate) {
        ts_emit_memset(e->b, ts_engine_vector, dst, no->value);
    } else {
        ts_ap no_ap = form_ap(e, no);
        ts_emit_copy(e->b, ts_engine_vector, dst, &no_ap);
    }
    ts_ap pred_ap = form_ap(e, pred), yes_ap = form_ap(e, yes);
    ts_emit_copy_predicated(e->b, dst, &yes_ap, &pred_ap);
}

/* Integers keep their low bytes: narrowing reads only those, widening extends by the source's sign and the
   bytes stand for the target. */
static void emit_integer_convert(emitter *e, unsigned source, unsigned target, const ts_ap *dst,
                                 const ts_ap *src) {
    static const ts_dtype with_sign[5] = {[1] = ts_dtype_i8, [2] = ts_dtype_i16, [4] = ts_dtype_i32};
    int from = ts_dtype_get(source)->bytes, to = ts_dtype_get(target)->bytes;
    ts_ap low = *src, whole = *dst;
    if (to <= from) {
        low.dtype = whole.dtype;
        low.dim[0].step *= from / to;
    } else if (ts_dtype_get(source)->kind == 's') {
        whole.dtype = (uint8_t)with_sign[to];
    }
    ts_emit_copy(e->b, ts_engine_vector, &whole, &low);
}

static ts_status emit_convert(emitter *e, const ts_op_node *op, const ts_ap *dst, const form *from) {
    unsigned source = op->operands[0]->type.dtype, target = op->results[0]->type.dtype;
    ts_ap src = form_ap(e, from);
    if (target == ts_dtype_i1 && source != ts_dtype_i1) {
        ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &src, ts_alu_not_equal, ts_scalar_const(0), false);
        return ts_ok;
    }
    if (!is_float(source) && !is_float(target)) {
        emit_integer_convert(e, source, target, dst, &src);
        return ts_ok;
    }
    ts_emit_copy(e->b, ts_engine_vector, dst, &src);
    return ts_ok;
}

static ts_status refuse(emitter *e, const ts_op_node *op) {
    ts_op_fail(e->lower->module, op, e->lower->diag, ts_unsupported,
               "no lowering for this operation on %s yet", ts_dtype_get(op->operands[0]->type.dtype)->name);
    ts_diag_remedy(e->lower->diag, "use f32 or 32-bit integers, or another form of the operation");
    return ts_unsupported;
}

static ts_status emit_unary(emitter *e, const ts_op_node *op, const ts_ap *dst, const form *a) {
    unsigned dtype = op->operands[0]->type.dtype;
    ts_ap src = form_ap(e, a);
    switch (op->kind) {
    case ts_hlo_convert: return emit_convert(e, op, dst, a);
    case ts_hlo_negate:
        if (!is_float(dtype)) return refuse(e, op);
        ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &src, ts_alu_multiply, ts_scalar_const(-1), false);
        return ts_ok;
    case ts_hlo_not:
        if (dtype != ts_dtype_i1) return refuse(e, op);
        ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &src, ts_alu_is_equal, ts_scalar_const(0), false);
        return ts_ok;
    case ts_hlo_is_finite: {
        ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(e->b, ts_engine_vector, dst, &src, ts_alu_abs_max,
                                                            ts_scalar_const(0), false);
        inst->op1 = ts_alu_is_lt;
        inst->operand1 = ts_scalar_const(INFINITY);
        return ts_ok;
    }
    default: break;
    }
    ts_act func = act_of(op->kind);
    if (func == ts_act_count || !is_float(dtype)) return refuse(e, op);
    ts_emit_activation(e->b, dst, func, &src, 1);
    return ts_ok;
}

static ts_status emit_op(emitter *e, int index) {
    const ts_op_node *op = e->group->ops[index];
    const form *in[3] = {0};
    for (uint32_t i = 0; i < op->operand_count; i++)
        in[i] = find_form(e, op->operands[i]);
    unsigned dtype = op->operands[0]->type.dtype;
    e->b->loc = op->loc;
    e->forms[index] = new_tile(e, op->results[0]->type.dtype, 1);
    ts_ap dst = form_ap(e, &e->forms[index]);
    if (op->operand_count == 1) return emit_unary(e, op, &dst, in[0]);
    if (op->kind == ts_hlo_select) {
        emit_select(e, &dst, in[0], in[1], in[2]);
        return ts_ok;
    }
    if (op->kind == ts_hlo_clamp) {
        emit_binary(e, &dst, ts_alu_max, in[1], in[0]);
        emit_binary(e, &dst, ts_alu_min, &e->forms[index], in[2]);
        return ts_ok;
    }
    ts_alu alu = op->kind == ts_hlo_compare ? compare_alu(op) : alu_of(op->kind);
    bool is_known =
        is_float(dtype) || is_word(dtype) || op->kind == ts_hlo_compare || ts_alu_kind(alu) == 'b' ||
        (dtype == ts_dtype_i1 && (alu == ts_alu_max || alu == ts_alu_min || alu == ts_alu_multiply));
    if (alu == ts_alu_bypass || !is_known || (is_word(dtype) && alu == ts_alu_pow)) return refuse(e, op);
    emit_binary(e, &dst, alu, in[0], in[1]);
    return ts_ok;
}

/* Values that somebody outside the group reads. */
static bool escapes(const emitter *e, int index) {
    const ts_value *value = e->group->ops[index]->results[0];
    uint32_t inside = 0;
    for (int i = 0; i < e->group->op_count; i++)
        for (uint32_t j = 0; j < e->group->ops[i]->operand_count; j++)
            inside += e->group->ops[i]->operands[j] == value;
    return note(value)->uses > inside;
}

static void store_results(emitter *e) {
    int queue = 0;
    for (int i = 0; i < e->group->op_count; i++) {
        if (!escapes(e, i)) continue;
        e->b->loc = e->group->ops[i]->loc;
        ts_view view = e->views[0];
        view.tensor = ts_lower_result(e->lower, e->group->ops[i]->results[0]);
        view.dtype = e->group->ops[i]->results[0]->type.dtype;
        ts_ap dst = ts_nest_hbm(&e->nest, &view, false), src = form_ap(e, &e->forms[i]);
        ts_emit_dma(e->b, ts_engine_tensor, TS_STORE_QUEUE + queue++ % TS_STORE_QUEUES, &dst, &src);
    }
}

ts_status ts_lower_group(ts_lower *lower, ts_group *group) {
    emitter e = {.lower = lower, .b = &lower->b, .group = group};
    TS_TRY(collect_inputs(&e));
    if (ts_view_elems(&e.views[0]) == 0) {
        for (int i = 0; i < group->op_count; i++)
            ts_lower_result(lower, group->ops[i]->results[0]);
        return ts_ok;
    }
    ts_views_merge(e.views, e.input_count + 1);
    e.nest = ts_nest_plan_split(e.b, e.views, e.input_count + 1, e.views[0].rank, capacity(&e));
    e.b->loc = group->ops[0]->loc;
    load_inputs(&e, true);
    ts_nest_open(&e.nest, 0, e.nest.rank);
    load_inputs(&e, false);
    for (int i = 0; i < group->op_count; i++)
        TS_TRY(emit_op(&e, i));
    store_results(&e);
    ts_nest_close(&e.nest, 0, e.nest.rank);
    return ts_ok;
}

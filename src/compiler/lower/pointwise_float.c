/* Float arithmetic in a group: chooses the instruction and the engine. A number or a row value is an
   instruction's scalar operand. An operation with such a scalar is merged into its only reader: as the first
   of two operators, or as the scale or bias of a function. */
#include <math.h>

#include "arch/cost.h"
#include "compiler/lower/pointwise.h"

/* Elements: the shortest row that is worth an instruction of its own, and the least work that is worth moving
   to ScalarE. */
enum { SHORTEST_ROW = 128, SHORTEST_SHARED = 256 };

/* ---- engine load ---- */

static double cycles_to_ns(const ts_emitter *e, ts_engine engine, double cycles, double count) {
    ts_engine_cost cost = ts_engine_cost_get(e->b->chip, engine);
    return (cycles + count * cost.overhead_cycles) / cost.ghz;
}

void ts_pointwise_busy(ts_emitter *e, ts_engine engine, double passes, double count) {
    e->busy[engine] += cycles_to_ns(e, engine, passes * (double)ts_pointwise_elems(e, e->axes), count);
}

/* Whether ScalarE, in one pass, would end this work no later than VectorE would in `passes` passes. */
static bool is_for_scalar(const ts_emitter *e, double passes, double count) {
    double elems = (double)ts_pointwise_elems(e, e->axes);
    return elems >= SHORTEST_SHARED &&
           e->busy[ts_engine_scalar] + cycles_to_ns(e, ts_engine_scalar, elems, count) <=
               e->busy[ts_engine_vector] + cycles_to_ns(e, ts_engine_vector, passes * elems, count);
}

ts_engine ts_pointwise_copier(ts_emitter *e, unsigned dst, unsigned src) {
    bool can_share = ts_dtype_is_float(dst) && ts_dtype_is_float(src);
    ts_engine engine = can_share && is_for_scalar(e, 1, 1) ? ts_engine_scalar : ts_engine_vector;
    ts_pointwise_busy(e, engine, 1, 1);
    return engine;
}

/* ---- scalars ---- */

/* Whether the form can be the scalar operand of an instruction over all axes but `rows`: a number or, in
   fp32, one element per partition. Adds the axes over which it varies to `rows`. */
static bool is_scalar(const ts_emitter *e, const ts_value_form *form, uint32_t *rows) {
    if (form->kind == ts_form_immediate) return true;
    if (form->dtype != ts_dtype_f32 || form->kind == ts_form_later) return false;
    uint32_t more = *rows | (form->axes & e->axes);
    if (more && (ts_pointwise_elems(e, e->axes & ~more) < SHORTEST_ROW || !ts_pointwise_can_fix(e, more)))
        return false;
    *rows = more;
    return true;
}

static ts_scalar scalar_of(const ts_emitter *e, const ts_value_form *form) {
    if (form->kind == ts_form_immediate) return ts_scalar_const(form->value);
    ts_ap column = ts_pointwise_column(e, form);
    return ts_scalar_ap(&column);
}

static bool is_plain(ts_alu alu) {
    return alu == ts_alu_add || alu == ts_alu_subtract || alu == ts_alu_multiply;
}

static double passes_of(const ts_emitter *e, ts_alu alu, double plain) {
    return alu == ts_alu_divide ? e->b->chip->vector_divide_cycles : plain;
}

/* dst = data op scalar [op scalar], one instruction for each position of `rows`. */
static void emit_steps(ts_emitter *e, const ts_value_form *dst, const ts_value_form *data,
                       const ts_step *step, int count, uint32_t rows) {
    bool can_share = is_plain(step[0].alu) && is_plain(step[count - 1].alu) &&
                     ts_dtype_is_float(dst->dtype) && ts_dtype_is_float(data->dtype);
    double each = (double)ts_pointwise_elems(e, rows), passes = 1;
    ts_engine engine = ts_engine_vector;
    for (int i = 0; i < count; i++)
        passes = passes_of(e, step[i].alu, passes);
    if (can_share && is_for_scalar(e, passes, each)) engine = ts_engine_scalar;
    ts_pointwise_busy(e, engine, passes, each);
    ts_pointwise_fix(e, rows);
    ts_ap to = ts_pointwise_ap(e, dst), from = ts_pointwise_ap(e, data);
    ts_inst_tensor_scalar *inst = ts_emit_tensor_scalar(e->b, engine, &to, &from, step[0].alu,
                                                        scalar_of(e, &step[0].scalar), step[0].is_reversed);
    if (count == 2) {
        inst->op1 = (uint8_t)step[1].alu;
        inst->operand1 = scalar_of(e, &step[1].scalar);
        inst->reverse1 = step[1].is_reversed;
    }
    ts_pointwise_release(e);
}

/* ---- operations merged into their reader ---- */

bool ts_pointwise_is_operator(const ts_op_node *op) {
    switch (op->kind) {
    case ts_hlo_add:
    case ts_hlo_subtract:
    case ts_hlo_multiply:
    case ts_hlo_divide:
    case ts_hlo_maximum:
    case ts_hlo_minimum: return true;
    default: return false;
    }
}

/* Whether a function can take the operation along: a multiplication becomes its scale, an addition or
   subtraction its bias. */
static bool is_taken_by_function(const ts_op_node *op, const ts_step *step) {
    return ts_pointwise_act(op->kind) != ts_act_count && is_plain(step->alu);
}

int ts_pointwise_only_reader(const ts_emitter *e, int index) {
    const ts_value *value = e->group->ops[index]->results[0];
    int reader = -1;
    for (int i = index + 1; i < e->group->op_count; i++) {
        if (!(e->needed >> i & 1)) continue;
        for (uint32_t j = 0; j < ts_group_operands(e->group->ops[i]); j++) {
            if (e->group->ops[i]->operands[j] != value) continue;
            if (reader >= 0) return -1;
            reader = i;
        }
    }
    return reader;
}

/* Whether the operation can wait: nothing is rounded between it and its reader, which can take it. */
static bool can_wait(const ts_emitter *e, int index, const ts_step *step) {
    if (e->fate[index] == ts_fate_stored || e->forms[index].dtype != ts_dtype_f32) return false;
    int reader = ts_pointwise_only_reader(e, index);
    if (reader < 0) return false;
    const ts_op_node *op = e->group->ops[reader];
    return ts_pointwise_is_operator(op) || is_taken_by_function(op, step);
}

static void settle(ts_emitter *e, int index) {
    const ts_later *later = &e->later[index];
    uint32_t axes = e->axes, loc = e->b->loc, rows = 0;
    e->axes = e->forms[index].axes;
    e->b->loc = e->group->ops[index]->loc;
    e->forms[index] = ts_pointwise_tile(e, ts_dtype_f32, 1);
    is_scalar(e, &later->step.scalar, &rows);
    emit_steps(e, &e->forms[index], &later->data, &later->step, 1, rows);
    e->axes = axes;
    e->b->loc = loc;
}

/* ---- operators ---- */

static bool is_in_psum(const ts_emitter *e, const ts_value_form *form) {
    return form->kind == ts_form_tile && e->b->tiles.data[form->tile - 1].space == ts_space_psum;
}

/* (data op scalar) op other, where the parenthesis is the operation for which `from` waits. An operation
   whose value repeats along some axis is not merged: it is computed once. */
static bool take_along(ts_emitter *e, const ts_value_form *result, ts_alu alu, const ts_value_form *from,
                       const ts_value_form *other, bool is_reversed) {
    const ts_later *later = &e->later[from->later];
    uint32_t rows = 0;
    if (from->axes != e->axes || !is_scalar(e, &later->step.scalar, &rows)) return false;
    ts_step steps[2] = {later->step, {alu, is_reversed, *other}};
    uint32_t both = rows;
    if (is_scalar(e, other, &both)) {
        emit_steps(e, result, &later->data, steps, 2, both);
        return true;
    }
    if (alu == ts_alu_divide || is_in_psum(e, other) || is_in_psum(e, &later->data)) return false;
    ts_pointwise_busy(e, ts_engine_vector, 2, (double)ts_pointwise_elems(e, rows));
    ts_pointwise_fix(e, rows);
    ts_ap to = ts_pointwise_ap(e, result), data = ts_pointwise_ap(e, &later->data),
          side = ts_pointwise_ap(e, other);
    ts_emit_scalar_tensor_tensor(e->b, &to, &data, later->step.alu, scalar_of(e, &later->step.scalar),
                                 later->step.is_reversed, alu, &side, is_reversed);
    ts_pointwise_release(e);
    return true;
}

static bool take_one_along(ts_emitter *e, const ts_value_form *result, ts_alu alu, const ts_value_form *a,
                           const ts_value_form *b) {
    if (a->kind == ts_form_later && b->kind == ts_form_later) settle(e, b->later);
    if (a->kind == ts_form_later && take_along(e, result, alu, a, b, false)) return true;
    if (b->kind == ts_form_later && take_along(e, result, alu, b, a, true)) return true;
    if (a->kind == ts_form_later) settle(e, a->later);
    if (b->kind == ts_form_later) settle(e, b->later);
    return false;
}

static bool is_memory(const ts_value_form *form) {
    return form->kind != ts_form_immediate || form->tile;
}

/* data op scalar, emitted here or left to the reader. */
static bool take_scalar(ts_emitter *e, int index, ts_alu alu, const ts_value_form *data,
                        const ts_value_form *scalar, bool is_reversed) {
    ts_value_form *result = &e->forms[index];
    uint32_t rows = 0;
    bool is_row = scalar->kind == ts_form_tile;
    if (!is_memory(data) || data->kind == ts_form_later || !is_scalar(e, scalar, &rows)) return false;
    if (is_row && alu == ts_alu_divide) return false; /* VectorE's divide takes many passes */
    ts_step step = {alu, is_reversed, *scalar};
    if (data->kind != ts_form_immediate && can_wait(e, index, &step)) {
        e->later[index] = (ts_later){*data, step};
        *result =
            (ts_value_form){.kind = ts_form_later, .dtype = ts_dtype_f32, .axes = e->axes, .later = index};
        return true;
    }
    emit_steps(e, result, data, &step, 1, rows);
    return true;
}

/* An fp32 tile with one element per row. */
static ts_value_form row_tile(ts_emitter *e, uint32_t axes) {
    uint32_t before = e->axes;
    e->axes = axes;
    ts_value_form form = ts_pointwise_tile(e, ts_dtype_f32, 1);
    e->axes = before;
    return form;
}

/* row = row alu number; with is_reversed, number alu row. */
static ts_value_form row_step(ts_emitter *e, const ts_value_form *form, ts_alu alu, double number,
                              bool is_reversed) {
    ts_value_form result = row_tile(e, form->axes);
    uint32_t before = e->axes;
    e->axes = form->axes;
    ts_ap to = ts_pointwise_ap(e, &result), from = ts_pointwise_ap(e, form);
    ts_emit_tensor_scalar(e->b, ts_engine_vector, &to, &from, alu, ts_scalar_const(number), is_reversed);
    ts_pointwise_busy(e, ts_engine_vector, passes_of(e, alu, 1), 1);
    e->axes = before;
    return result;
}

/* dst = func(data * scale + bias) for each row, and optionally the row's sum. */
typedef struct function {
    ts_act func;
    const ts_value_form *data, *scale, *bias; /* scale and bias may be NULL */
    double factor;                            /* the scale if `scale` is NULL */
    uint32_t rows;
    const ts_value_form *sum; /* NULL = no sum */
} function;

static void emit_function(ts_emitter *e, const ts_value_form *dst, const function *f) {
    ts_pointwise_busy(e, ts_engine_scalar, 1, (double)ts_pointwise_elems(e, f->rows));
    ts_pointwise_fix(e, f->rows);
    ts_ap to = ts_pointwise_ap(e, dst), from = ts_pointwise_ap(e, f->data);
    ts_inst_activation *inst = ts_emit_activation(e->b, &to, f->func, &from, f->factor);
    if (f->scale) inst->scale = scalar_of(e, f->scale);
    if (f->bias) inst->bias = ts_pointwise_column(e, f->bias);
    if (f->sum) {
        inst->reduce = ts_pointwise_column(e, f->sum);
        inst->reduce_cmd = ts_cmd_reset_reduce;
    }
    ts_pointwise_release(e);
}

/* The number as a column, since a function reads its bias from memory. The column is set once, before the
   group's loops. NULL when the group has too many of them. */
static const ts_value_form *number_column(ts_emitter *e, double value) {
    int i = 0;
    while (i < e->number_count && e->numbers[i].value != value)
        i++;
    if (i == TS_EMIT_NUMBERS) return NULL;
    if (i < e->number_count) return &e->numbers[i].form;
    e->numbers[e->number_count++] = (ts_number_column){value, row_tile(e, 0)};
    ts_count parts = ts_count_const(ts_nest_max_parts(&e->nest)); /* all partitions: no loop is open there */
    ts_ap all = ts_build_ap(e->b, e->numbers[i].form.tile, ts_dtype_f32, parts, ts_count_const(1));
    ts_emit_memset(e->b, ts_engine_gpsimd, &all, value);
    ts_build_move(e->b, e->b->program->code.count - 1, e->begin);
    return &e->numbers[i].form;
}

/* Makes data + scalar, data - scalar or scalar - data a function's bias. `minus` is storage for the negative
   of a row. False when there would be too many number columns. */
static bool take_bias(ts_emitter *e, function *f, const ts_step *step, ts_value_form *minus) {
    bool is_minus = step->alu == ts_alu_subtract && !step->is_reversed;
    double number = step->scalar.value;
    if (step->alu == ts_alu_subtract && step->is_reversed) f->factor = -1;
    if (step->scalar.kind == ts_form_immediate)
        return (f->bias = number_column(e, is_minus ? -number : number)) != NULL;
    f->bias = &step->scalar;
    if (!is_minus) return true;
    *minus = row_step(e, &step->scalar, ts_alu_multiply, -1, false);
    f->bias = minus;
    return true;
}

/* Sets the function's input: `in` or, if that is a waiting operation which the function can take along, the
   operation's data. */
static void take_input(ts_emitter *e, function *f, const ts_value_form *in, ts_value_form *minus) {
    uint32_t rows = f->rows;
    f->data = in;
    if (in->kind != ts_form_later) return;
    const ts_later *later = &e->later[in->later];
    const ts_step *step = &later->step;
    bool is_taken = is_plain(step->alu) && is_scalar(e, &step->scalar, &rows);
    if (is_taken && step->alu == ts_alu_multiply) {
        if (step->scalar.kind == ts_form_immediate)
            f->factor = step->scalar.value;
        else
            f->scale = &step->scalar;
    } else {
        is_taken = is_taken && take_bias(e, f, step, minus);
    }
    if (!is_taken) {
        f->factor = 1;
        settle(e, in->later);
        return;
    }
    f->data = &later->data;
    f->rows = rows;
}

/* 1 / x on ScalarE, which rounds it as VectorE does. False, with nothing emitted, if ScalarE would end later
   or the op is something else. */
static bool take_reciprocal(ts_emitter *e, int index, ts_alu alu, const ts_value_form *a,
                            const ts_value_form *b) {
    bool is_one = a->kind == ts_form_immediate && a->value == 1;
    function f = {.func = ts_act_reciprocal, .factor = 1};
    ts_value_form minus;
    if (alu != ts_alu_divide || !is_one || b->kind == ts_form_immediate ||
        !is_for_scalar(e, e->b->chip->vector_divide_cycles, 1))
        return false;
    take_input(e, &f, b, &minus);
    emit_function(e, &e->forms[index], &f);
    return true;
}

static bool is_same(const ts_value_form *a, const ts_value_form *b) {
    return a->kind == b->kind && a->tile == b->tile && a->axes == b->axes && a->stride == b->stride &&
           a->start == b->start;
}

/* c * x * x with a number c > 0, as in an optimizer's second moment: one pass of ScalarE, which squares
   sqrt(c) * x. False, with nothing emitted, if the op is something else or ScalarE would end later. */
static bool take_scaled_square(ts_emitter *e, int index, ts_alu alu, const ts_value_form *a,
                               const ts_value_form *b) {
    const ts_value_form *product = a->kind == ts_form_later ? a : b, *x = product == a ? b : a;
    if (alu != ts_alu_multiply || product->kind != ts_form_later || x->kind != ts_form_tile) return false;
    const ts_later *later = &e->later[product->later];
    const ts_value_form *c = &later->step.scalar;
    bool is_positive = c->kind == ts_form_immediate && c->value > 0;
    if (later->step.alu != ts_alu_multiply || !is_positive || !is_same(&later->data, x)) return false;
    if (!is_for_scalar(e, 2, 1)) return false;
    function f = {.func = ts_act_square, .data = x, .factor = sqrt(c->value)};
    emit_function(e, &e->forms[index], &f);
    return true;
}

void ts_pointwise_arithmetic(ts_emitter *e, int index, ts_alu alu, const ts_value_form *a,
                             const ts_value_form *b) {
    ts_value_form *result = &e->forms[index];
    if (take_reciprocal(e, index, alu, a, b) || take_scaled_square(e, index, alu, a, b)) return;
    if (take_one_along(e, result, alu, a, b)) return;
    bool is_left_number = a->kind == ts_form_immediate && b->kind != ts_form_immediate;
    if (!is_left_number && take_scalar(e, index, alu, a, b, false)) return;
    if (take_scalar(e, index, alu, b, a, true)) return;
    ts_ap to = ts_pointwise_ap(e, result), a_ap = ts_pointwise_ap(e, a), b_ap = ts_pointwise_ap(e, b);
    bool is_half = is_in_psum(e, a) || is_in_psum(e, b);
    ts_pointwise_busy(e, ts_engine_vector, passes_of(e, alu, is_half ? 1 : 2), 1);
    ts_emit_tensor_tensor(e->b, ts_engine_vector, &to, &a_ap, &b_ap, alu);
}

/* ---- functions ---- */

/* The index of the group's reduction that folds the value's rows, if one instruction per row can compute it
   as a by-product; otherwise -1. */
static int find_fold(const ts_emitter *e, int index, ts_alu fold) {
    const ts_value *value = e->group->ops[index]->results[0];
    uint32_t rows = ts_pointwise_row_axes(e), all = ts_pointwise_all_axes(e);
    ts_alu alu;
    if (e->axes != all || value->type.dtype != ts_dtype_f32) return -1;
    if (ts_pointwise_elems(e, all & ~rows) < SHORTEST_ROW || !ts_pointwise_can_fix(e, rows)) return -1;
    for (int i = index + 1; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        if (op->kind == ts_hlo_reduce && !ts_group_is_sum(op) && e->needed >> i & 1 &&
            op->operands[0] == value && ts_region_alu(op->regions[0], &alu) && alu == fold)
            return i;
    }
    return -1;
}

/* The tile for a reduction that is computed as a by-product. */
static const ts_value_form *fold_tile(ts_emitter *e, int index) {
    e->sums[index] = row_tile(e, ts_pointwise_row_axes(e));
    e->has_sum |= (uint64_t)1 << index;
    return &e->sums[index];
}

static void add_sum(ts_emitter *e, function *f, int index) {
    if (index < 0) return;
    f->rows |= ts_pointwise_row_axes(e);
    f->sum = fold_tile(e, index);
}

void ts_pointwise_function(ts_emitter *e, int index, ts_act func, const ts_value_form *in) {
    function f = {.func = func, .factor = 1};
    ts_value_form minus;
    int sum = find_fold(e, index, ts_alu_add);
    if (sum >= 0) f.rows = ts_pointwise_row_axes(e);
    take_input(e, &f, in, &minus);
    add_sum(e, &f, sum);
    emit_function(e, &e->forms[index], &f);
}

bool ts_pointwise_square(ts_emitter *e, int index, const ts_value_form *in) {
    function f = {.func = ts_act_square, .data = in, .factor = 1};
    int sum = find_fold(e, index, ts_alu_add);
    double rows = sum >= 0 ? (double)ts_pointwise_elems(e, ts_pointwise_row_axes(e)) : 1;
    if (in->kind == ts_form_immediate || in->kind == ts_form_later) return false;
    if (!is_for_scalar(e, sum >= 0 ? 3 : 2, rows)) return false;
    add_sum(e, &f, sum);
    emit_function(e, &e->forms[index], &f);
    return true;
}

bool ts_pointwise_sum(ts_emitter *e, const ts_value_form *in, const ts_value_form *sum) {
    uint32_t rows = ts_pointwise_row_axes(e), all = ts_pointwise_all_axes(e), before = e->axes;
    function f = {.func = ts_act_copy, .data = in, .factor = 1, .rows = rows, .sum = sum};
    if (in->kind != ts_form_tile || !ts_dtype_is_float(in->dtype) || in->axes != all || is_in_psum(e, in))
        return false;
    e->axes = all;
    bool is_taken = ts_pointwise_elems(e, all & ~rows) >= SHORTEST_ROW && ts_pointwise_can_fix(e, rows) &&
                    is_for_scalar(e, 1, (double)ts_pointwise_elems(e, rows));
    if (is_taken) emit_function(e, in, &f);
    e->axes = before;
    return is_taken;
}

/* ---- select ---- */

bool ts_pointwise_select(ts_emitter *e, int index, const ts_value_form *const *in) {
    const bool is_reversed = in[2]->kind != ts_form_immediate;
    const ts_value_form *data = in[is_reversed ? 2 : 1], *number = in[is_reversed ? 1 : 2];
    if (number->kind != ts_form_immediate || data->kind == ts_form_immediate ||
        !ts_dtype_is_float(data->dtype) || data->dtype == ts_dtype_tf32) /* see ISA:2899 */
        return false;
    const int most = find_fold(e, index, ts_alu_max);
    const uint32_t rows = most >= 0 ? ts_pointwise_row_axes(e) : 0;
    const ts_value_form *largest = most >= 0 ? fold_tile(e, most) : NULL;
    ts_pointwise_busy(e, ts_engine_vector, is_in_psum(e, data) ? 1 : 2, (double)ts_pointwise_elems(e, rows));
    ts_pointwise_fix(e, rows);
    ts_ap to = ts_pointwise_ap(e, &e->forms[index]), from = ts_pointwise_ap(e, data),
          predicate = ts_pointwise_ap(e, in[0]);
    ts_inst_select_reduce *inst =
        ts_emit_select_reduce(e->b, &to, &predicate, &from, number->value, is_reversed);
    if (largest) {
        inst->reduce = ts_pointwise_column(e, largest);
        inst->reduce_cmd = ts_cmd_reset_reduce;
    }
    ts_pointwise_release(e);
    return true;
}

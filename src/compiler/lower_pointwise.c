/* Pointwise groups as instructions: one nest that loads the inputs, applies each op to tiles in SBUF, and
   stores what others need. */
#include <string.h>

#include "compiler/pointwise.h"
#include "compiler/recipe.h"

enum { SBUF_BUDGET = 144 * 1024, MAX_FREE = 2048 };

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

static uint32_t all_axes(const ts_nest *nest) {
    return ((1u << nest->rank) - 1) & ~((1u << nest->first_free) - 1);
}

/* Neighbouring axes that a form holds, or that it repeats along. */
typedef struct axis_run {
    int axis; /* the outermost of them, the only one whose count may be ragged */
    int64_t inner, step;
    bool is_held;
} axis_run;

/* Over `axes` of the nest; is_full: with the largest counts. */
static ts_ap form_ap(const ts_emitter *e, const ts_value_form *form, uint32_t axes, bool is_full) {
    const ts_nest *nest = &e->nest;
    ts_count parts = is_full ? ts_count_const(ts_nest_max_parts(nest)) : ts_nest_parts(nest);
    ts_ap ap = ts_build_ap(e->b, form->tile, form->dtype, parts, ts_count_const(1));
    axis_run run[TS_VIEW_RANK];
    int runs = 0;
    int64_t step = 1;
    for (int i = nest->rank; i-- > nest->first_free;) {
        if (!(axes >> i & 1)) continue;
        bool is_held = form->axes >> i & 1;
        int64_t inner = 1;
        if (runs > 0 && run[runs - 1].is_held == is_held) {
            runs--;
            inner = run[runs].inner * nest->tile[run[runs].axis];
        }
        run[runs++] = (axis_run){i, inner, is_held ? step / inner : 0, is_held};
        if (is_held) step *= nest->tile[i];
    }
    if (runs == 0) return ap;
    ap.dims = 0;
    while (runs-- > 0)
        ts_ap_dim(&ap, run[runs].step,
                  is_full ? ts_count_const(nest->tile[run[runs].axis] * run[runs].inner)
                          : ts_nest_axis_times(nest, run[runs].axis, run[runs].inner));
    return ap;
}

ts_ap ts_pointwise_ap(const ts_emitter *e, const ts_value_form *form) {
    return form_ap(e, form, e->axes, false);
}

ts_value_form ts_pointwise_tile(ts_emitter *e, unsigned dtype, int slots) {
    ts_value_form form = {.kind = e->axes ? ts_form_tile : ts_form_column, .dtype = ts_chip_dtype(dtype)};
    int64_t bytes = ts_dtype_get(form.dtype)->bytes;
    for (int i = 0; i < e->nest.rank; i++)
        if (e->axes >> i & 1) bytes *= e->nest.tile[i];
    form.axes = e->axes;
    form.tile = ts_build_tile(e->b, ts_space_sbuf, ts_nest_max_parts(&e->nest), bytes, slots);
    return form;
}

ts_ap ts_pointwise_column(const ts_emitter *e, const ts_value_form *form, bool is_full) {
    return form_ap(e, form, 0, is_full);
}

/* ---- inputs ---- */

static bool add_input(ts_emitter *e, ts_value *value, bool needs_column) {
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
static void mark_number_pairs(ts_emitter *e) {
    for (int i = 0; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        ts_group_input *first = NULL;
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

static ts_status collect_inputs(ts_emitter *e) {
    const ts_type *type = &e->group->ops[0]->results[0]->type;
    e->views[0] = ts_view_of_tensor(0, type);
    for (int i = 0; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        for (uint32_t j = 0; j < op->operand_count; j++) {
            if (note(op->operands[j])->group == e->group) continue;
            if (!add_input(e, op->operands[j], !ts_pointwise_takes_number(e, op, j)))
                return ts_op_fail(e->lower->module, op, e->lower->diag, ts_unsupported,
                                  "a fused group with too many inputs");
        }
    }
    for (int i = 0; i < e->input_count; i++) {
        ts_view view;
        TS_TRY(ts_lower_along(e->lower, e->inputs[i].value, &view));
        e->views[i + 1] = space_view(&e->views[0], &view);
    }
    mark_number_pairs(e);
    return ts_ok;
}

/* Values that somebody outside the group reads. */
static bool escapes(const ts_emitter *e, int index) {
    const ts_value *value = e->group->ops[index]->results[0];
    uint32_t inside = 0;
    for (int i = 0; i < e->group->op_count; i++)
        for (uint32_t j = 0; j < e->group->ops[i]->operand_count; j++)
            inside += e->group->ops[i]->operands[j] == value;
    return note(value)->uses > inside;
}

static int bytes_of(const ts_value *value) {
    return ts_dtype_get(ts_chip_dtype(value->type.dtype))->bytes;
}

/* Bytes an element that an op needs beside its result: a recipe's registers, words of narrow integers. */
static int working_bytes(const ts_op_node *op) {
    const ts_recipe *recipe = ts_recipe_find(op->kind);
    enum { WORD = 4 };
    if (recipe) return WORD * (ts_recipe_registers(recipe) + 3);
    if (op->kind == ts_hlo_reduce_precision) return WORD * 7;
    return ts_dtype_is_float(op->results[0]->type.dtype) ? 0 : WORD * 3;
}

/* The last op of the group that reads op `index`'s result; the end when somebody outside does. */
static int last_reader(const ts_emitter *e, int index) {
    const ts_value *value = e->group->ops[index]->results[0];
    int last = index;
    for (int i = index + 1; i < e->group->op_count; i++)
        for (uint32_t j = 0; j < e->group->ops[i]->operand_count; j++)
            if (e->group->ops[i]->operands[j] == value)
                last = ts_pointwise_is_relabel(e->group->ops[i]) ? e->group->op_count : i;
    return escapes(e, index) ? e->group->op_count : last;
}

/* Free elements that fit: inputs twice, and the most bytes of values that are alive at once. */
static int64_t capacity(const ts_emitter *e) {
    int64_t inputs = 0, most = 0;
    int last[TS_GROUP_OPS];
    for (int i = 0; i < e->input_count; i++)
        inputs += 2 * ts_dtype_get(ts_chip_dtype(e->views[i + 1].dtype))->bytes;
    for (int i = 0; i < e->group->op_count; i++) {
        int64_t alive = working_bytes(e->group->ops[i]);
        last[i] = last_reader(e, i);
        for (int j = 0; j <= i; j++)
            if (last[j] >= i) alive += bytes_of(e->group->ops[j]->results[0]);
        if (alive > most) most = alive;
    }
    int64_t elems = SBUF_BUDGET / (inputs + most);
    return elems > MAX_FREE ? MAX_FREE : elems;
}

/* A number is an immediate, with a column beside it where an instruction can only read memory. */
static void take_number(ts_emitter *e, ts_group_input *in, const ts_view *view) {
    e->axes = 0;
    if (in->needs_column) {
        in->form = ts_pointwise_tile(e, view->dtype, 1);
        ts_ap ap = form_ap(e, &in->form, 0, true);
        ts_emit_memset(e->b, ts_engine_vector, &ap, view->value);
    }
    in->form.kind = ts_form_immediate;
    in->form.dtype = ts_chip_dtype(view->dtype);
    in->form.value = view->value;
}

/* Loads before the loops what no trip changes; called again inside for the rest. */
static void load_inputs(ts_emitter *e, bool is_hoisted) {
    for (int i = 0; i < e->input_count; i++) {
        ts_group_input *in = &e->inputs[i];
        const ts_view *view = &e->views[i + 1];
        bool is_invariant = view->kind == ts_view_splat ||
                            (view->kind == ts_view_tensor && ts_nest_is_invariant(&e->nest, view));
        if (is_invariant != is_hoisted) continue;
        e->axes = all_axes(&e->nest);
        if (view->kind == ts_view_splat) {
            take_number(e, in, view);
        } else if (view->kind == ts_view_iota) {
            in->form = ts_pointwise_tile(e, view->dtype, 2);
            ts_lower_iota(e->lower, &e->nest, in->form.tile, view);
        } else {
            e->axes &= ts_nest_axes(&e->nest, view);
            in->form = ts_pointwise_tile(e, view->dtype, is_hoisted ? 1 : 2);
            ts_ap src = ts_nest_hbm_axes(&e->nest, view, e->axes, is_hoisted);
            ts_ap dst = form_ap(e, &in->form, e->axes, is_hoisted);
            ts_emit_dma(e->b, ts_engine_sync, ts_lower_load_queue(e->lower), &dst, &src);
        }
    }
}

/* ---- results ---- */

/* A store repeats nothing: what varies over fewer axes is spread first. */
static ts_ap whole_tile(ts_emitter *e, const ts_value_form *form) {
    e->axes = all_axes(&e->nest);
    ts_ap from = ts_pointwise_ap(e, form);
    if (form->axes == e->axes) return from;
    ts_value_form whole = ts_pointwise_tile(e, form->dtype, 1);
    ts_ap to = ts_pointwise_ap(e, &whole);
    ts_emit_copy(e->b, ts_engine_vector, &to, &from);
    return to;
}

static void store_results(ts_emitter *e) {
    int queue = 0;
    for (int i = 0; i < e->group->op_count; i++) {
        if (!escapes(e, i)) continue;
        e->b->loc = e->group->ops[i]->loc;
        ts_view view = e->views[0];
        view.tensor = ts_lower_result(e->lower, e->group->ops[i]->results[0]);
        const ts_view *whole = &note(e->group->ops[i]->results[0])->view;
        view.dtype = whole->dtype;
        view.offset = whole->offset;
        view.shift = whole->shift;
        ts_ap dst = ts_nest_hbm(&e->nest, &view, false), src = whole_tile(e, &e->forms[i]);
        ts_emit_dma(e->b, ts_engine_tensor, TS_STORE_QUEUE + queue++ % TS_STORE_QUEUES, &dst, &src);
    }
}

ts_status ts_lower_group(ts_lower *lower, ts_group *group) {
    ts_emitter e = {.lower = lower, .b = &lower->b, .group = group};
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
        TS_TRY(ts_pointwise_emit(&e, i));
    store_results(&e);
    ts_nest_close(&e.nest, 0, e.nest.rank);
    return ts_ok;
}

/* Emits pointwise groups: one nest that loads the inputs, applies each op to tiles in SBUF, and stores the
   results that others need. */
#include <string.h>

#include "compiler/contract/dot.h"
#include "compiler/lower/pointwise.h"
#include "compiler/lower/recipe.h"

static ts_lowered *note(const ts_value *value) {
    return value->note;
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

/* A view over the group's space. Its axes other than 1 are the first ones of the space; it repeats along the
   others. */
static ts_view space_view(const ts_group *group, const ts_view *view) {
    ts_view result = *view;
    int at = 0;
    result.rank = (uint8_t)group->rank;
    memset(result.stride, 0, sizeof result.stride);
    memcpy(result.dim, group->dim, (size_t)group->rank * sizeof *group->dim);
    for (int i = 0; i < view->rank; i++)
        if (view->dim[i] != 1) result.stride[at++] = view->stride[i];
    return result;
}

/* An instruction has one immediate. Of two numbers, the first is read from memory. */
static void mark_number_pairs(ts_emitter *e) {
    for (int i = 0; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        ts_group_input *first = NULL;
        bool is_pair = op->operand_count == 2;
        for (int j = 0; is_pair && j < 2; j++) {
            int at = 0;
            while (at < e->input_count && e->inputs[at].value != op->operands[j])
                at++;
            is_pair = at < e->input_count && e->views[TS_EMIT_INPUTS + at].kind == ts_view_splat;
            if (is_pair && j == 0) first = &e->inputs[at];
        }
        if (is_pair) first->needs_column = true;
    }
}

/* Makes the views of whole results and of row results. */
static void make_spaces(ts_emitter *e) {
    const ts_group *group = e->group;
    for (int i = TS_EMIT_WHOLE; i <= TS_EMIT_ROW; i++) {
        ts_type type = {.dtype = ts_dtype_f32,
                        .rank = (uint8_t)(i == TS_EMIT_WHOLE ? group->rank : group->kept)};
        memcpy(type.dim, group->dim, sizeof group->dim);
        ts_view view = ts_view_of_tensor(TS_VIEW_NO_TENSOR, &type);
        e->views[i] = space_view(group, &view);
    }
}

static ts_status collect_inputs(ts_emitter *e) {
    for (int i = 0; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        uint32_t operands = op->kind == ts_hlo_reduce ? op->operand_count : ts_group_operands(op);
        for (uint32_t j = 0; j < operands; j++) {
            if (note(op->operands[j])->group == e->group) continue;
            bool is_start = j >= ts_group_operands(op);
            if (!add_input(e, op->operands[j], !is_start && !ts_pointwise_takes_number(e, op, j)))
                return ts_op_fail(e->lower->module, op, e->lower->diag, ts_unsupported,
                                  "a fused group with too many inputs");
        }
    }
    for (int i = 0; i < e->input_count; i++) {
        ts_view view;
        TS_TRY(ts_lower_shifted(e->lower, e->inputs[i].value, &view));
        if (!e->has_spans || !ts_pointwise_spans(&view))
            TS_TRY(ts_lower_along(e->lower, e->inputs[i].value, &view));
        e->views[TS_EMIT_INPUTS + i] = space_view(e->group, &view);
    }
    mark_number_pairs(e);
    return ts_ok;
}

/* A number becomes an immediate, with a column besides if an instruction can only read memory. */
static void take_number(ts_emitter *e, ts_group_input *in, const ts_view *view) {
    e->axes = 0;
    if (in->needs_column) {
        in->form = ts_pointwise_tile(e, view->dtype, 1);
        ts_ap ap = ts_pointwise_column(e, &in->form);
        ts_emit_memset(e->b, ts_engine_vector, &ap, view->value);
    }
    in->form.kind = ts_form_immediate;
    in->form.dtype = ts_chip_dtype(view->dtype);
    in->form.value = view->value;
}

static void load_input(ts_emitter *e, ts_group_input *in, const ts_view *view, bool is_looped) {
    e->axes = ts_pointwise_all_axes(e);
    if (view->kind == ts_view_splat) {
        take_number(e, in, view);
    } else if (view->kind == ts_view_iota) {
        in->form = ts_pointwise_tile(e, view->dtype, is_looped ? 2 : 1);
        ts_lower_iota(e->lower, &e->nest, in->form.tile, view);
    } else {
        e->axes &= ts_nest_axes(&e->nest, view);
        in->form = ts_pointwise_tile(e, view->dtype, is_looped ? 2 : 1);
        ts_ap src = ts_nest_hbm_axes(&e->nest, view, e->axes), dst = ts_pointwise_ap(e, &in->form);
        ts_emit_dma(e->b, ts_engine_sync, ts_lower_load_queue(e->lower), &dst, &src);
    }
}

void ts_pointwise_load(ts_emitter *e, int opened, bool is_looped) {
    for (int i = 0; i < e->input_count; i++) {
        const ts_view *view = &e->views[TS_EMIT_INPUTS + i];
        int depth = view->kind == ts_view_splat ? 0 : ts_nest_depth(&e->nest, view);
        if (depth > opened || e->inputs[i].is_loaded) continue;
        e->inputs[i].is_loaded = true;
        if (!ts_pointwise_load_span(e, i, is_looped)) load_input(e, &e->inputs[i], view, is_looped);
    }
}

/* Opens the loops, and loads each input as soon as the loops that change it are open. */
static void open_and_load(ts_emitter *e) {
    ts_pointwise_load(e, 0, false);
    for (int i = 0; i < e->nest.rank; i++) {
        if (i == e->first_reduced) ts_pointwise_chunked_open(e);
        ts_nest_open(&e->nest, i, i + 1);
        ts_pointwise_load(e, i + 1, true);
    }
}

/* ---- results ---- */

/* Repeats a value that varies over fewer axes in SBUF, since a store cannot repeat elements. */
static ts_ap spread(ts_emitter *e, const ts_value_form *form, uint32_t axes) {
    e->axes = axes;
    ts_ap from = ts_pointwise_ap(e, form);
    if (form->axes == axes) return from;
    ts_value_form whole = ts_pointwise_tile(e, form->dtype, 1);
    ts_ap to = ts_pointwise_ap(e, &whole);
    ts_emit_copy(e->b, ts_engine_vector, &to, &from);
    return to;
}

void ts_pointwise_store(ts_emitter *e, int index, const ts_value_form *form, int queue) {
    const ts_op_node *op = e->group->ops[index];
    bool is_whole = ts_group_span(e->group, &op->results[0]->type) == ts_span_whole;
    ts_view view = e->views[is_whole ? TS_EMIT_WHOLE : TS_EMIT_ROW];
    uint32_t axes = is_whole ? ts_pointwise_all_axes(e) : ts_pointwise_row_axes(e);
    e->b->loc = op->loc;
    view.tensor = ts_lower_result(e->lower, op->results[0]);
    const ts_view *whole = &note(op->results[0])->view;
    view.dtype = whole->dtype;
    view.offset = whole->offset;
    view.shift = whole->shift;
    ts_ap dst = ts_nest_hbm_axes(&e->nest, &view, axes), src = spread(e, form, axes);
    ts_emit_dma(e->b, ts_engine_gpsimd, queue, &dst, &src);
}

/* GpSimdE triggers the stores, because the trigger waits for the data to be stored; SyncE and TensorE have
   the next nest to load and multiply. */
static void store_results(ts_emitter *e) {
    int queue = 0;
    for (int i = 0; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        bool is_late = ts_lowered_is_late(op->results[0]);
        if (ts_group_is_alias(op) || is_late || e->fate[i] != ts_fate_stored) continue;
        ts_pointwise_store(e, i, &e->forms[i], TS_STORE_QUEUE + queue++ % TS_STORE_QUEUES);
    }
}

/* For readers outside: makes views of stored values under other shapes, and marks values that are not
   stored. */
static ts_status settle_others(ts_emitter *e) {
    for (int i = 0; i < e->group->op_count; i++) {
        ts_op_node *op = e->group->ops[i];
        ts_lowered *result = note(op->results[0]);
        result->is_again = e->fate[i] == ts_fate_again || (result->is_again && e->fate[i] == ts_fate_inside);
        if (ts_group_is_alias(op) && e->fate[i] == ts_fate_stored && !result->has_view)
            TS_TRY(ts_lower_view_op(e->lower, op));
    }
    return ts_ok;
}

/* If only rows of the space are used, the rows become the space. */
static void trim(ts_group *group) {
    bool is_used = group->is_reducing || group->dot;
    for (int i = 0; i < group->op_count && !is_used; i++)
        is_used = !ts_group_is_alias(group->ops[i]) &&
                  ts_group_span(group, &group->ops[i]->results[0]->type) == ts_span_whole;
    if (!is_used) group->rank = group->kept;
}

int ts_pointwise_views(const ts_emitter *e) {
    return TS_EMIT_INPUTS + e->input_count + e->column_count;
}

/* Elements of a tile, reduced to make room for inputs that are loaded with gaps. */
static int64_t capacity(const ts_emitter *e) {
    const int64_t elems = ts_group_capacity(e->group);
    double bytes = ts_group_bytes(e->group), more = 0;
    for (int i = 0; i < e->input_count && e->has_spans; i++) {
        const ts_view *view = &e->views[TS_EMIT_INPUTS + i];
        if (!ts_pointwise_spans(view)) continue;
        more += 2.0 * ts_dtype_get(ts_chip_dtype(view->dtype))->bytes *
                (double)(ts_pointwise_span_factor(view) - 1);
    }
    if (more == 0) return elems;
    int64_t fewer = (int64_t)((double)e->group->budget / (bytes + more));
    return fewer < elems ? fewer : elems;
}

/* Puts axes of rows on the partitions; with sums over rows, only axes that all of them sum. */
static void plan_nest(ts_emitter *e) {
    int count = ts_pointwise_views(e), kept = 0;
    ts_views_merge(e->views, count);
    int rank = e->views[0].rank;
    while (kept < rank && e->views[TS_EMIT_ROW].stride[kept] != 0)
        kept++;
    int across = kept;
    for (int i = 0; i < e->column_count; i++)
        while (across > 0 && e->views[e->column[i].view].stride[across - 1] != 0)
            across--;
    e->nest = ts_nest_plan(e->b, e->views, count, across, capacity(e));
    e->first_reduced = kept + e->nest.rank - rank;
}

/* Finds the ops to emit: values that their readers compute again are emitted here only if a stored result
   depends on them. */
static uint64_t find_needed(const ts_emitter *e) {
    const ts_group *group = e->group;
    uint64_t needed = 0;
    for (int i = group->op_count; i-- > 0;) {
        bool is_read = e->fate[i] == ts_fate_stored;
        for (int j = i + 1; j < group->op_count && !is_read; j++)
            for (uint32_t k = 0; needed >> j & 1 && k < ts_group_operands(group->ops[j]); k++)
                is_read |= group->ops[j]->operands[k] == group->ops[i]->results[0];
        needed |= (uint64_t)is_read << i;
    }
    return needed;
}

static ts_status make_views(ts_emitter *e) {
    make_spaces(e);
    TS_TRY(collect_inputs(e));
    ts_pointwise_sum_views(e);
    return ts_ok;
}

ts_status ts_pointwise_begin(ts_emitter *e) {
    ts_recompute_choose(e->lower, e->group, e->fate);
    e->needed = find_needed(e);
    return make_views(e);
}

ts_status ts_pointwise_compute(ts_emitter *e, int first) {
    for (int i = first; i < e->group->op_count; i++)
        if (e->needed >> i & 1) TS_TRY(ts_pointwise_emit(e, i));
    store_results(e);
    return ts_ok;
}

ts_status ts_pointwise_end(ts_emitter *e) {
    TS_TRY(settle_others(e));
    ts_recompute_serve(e->group);
    return ts_ok;
}

/* Whether rows are whole in a tile; ts_group_fits ensures this when ops join. */
static bool has_whole_rows(const ts_emitter *e) {
    for (int i = e->first_reduced; i < e->nest.rank && e->group->is_reducing; i++)
        if (e->nest.tile[i] < e->nest.size[i]) return false;
    return true;
}

/* Chooses the nest. If it cannot load inputs with gaps, those are copied without gaps first. */
static ts_status choose_nest(ts_emitter *e) {
    plan_nest(e);
    if (ts_pointwise_spans_fit(e)) return ts_ok;
    e->has_spans = false;
    TS_TRY(make_views(e));
    plan_nest(e);
    return ts_ok;
}

static ts_status emit_group(ts_lower *lower, ts_group *group) {
    ts_emitter e = {.lower = lower, .b = &lower->b, .group = group, .has_spans = true};
    TS_TRY(ts_pointwise_begin(&e));
    if (ts_view_elems(&e.views[TS_EMIT_WHOLE]) > 0) {
        TS_TRY(choose_nest(&e));
        if (!ts_pointwise_sums_fit(&e) && ts_group_split_sums(group)) return emit_group(lower, group);
        if (!has_whole_rows(&e))
            return ts_op_fail(lower->module, group->ops[0], lower->diag, ts_unsupported,
                              "a tile that does not hold the rows of a reduction");
        e.b->loc = group->ops[0]->loc;
        e.begin = e.b->program->code.count;
        ts_pointwise_sums_open(&e);
        open_and_load(&e);
        TS_TRY(ts_pointwise_compute(&e, 0));
        ts_nest_close(&e.nest, e.first_reduced, e.nest.rank);
        ts_pointwise_chunked_close(&e);
        ts_nest_close(&e.nest, 0, e.first_reduced);
        ts_pointwise_sums_close(&e);
    } else {
        for (int i = 0; i < group->op_count; i++)
            if (!ts_group_is_alias(group->ops[i])) ts_lower_result(lower, group->ops[i]->results[0]);
    }
    return ts_pointwise_end(&e);
}

ts_status ts_lower_group(ts_lower *lower, ts_group *group) {
    trim(group);
    if (group->dot) {
        bool is_done;
        TS_TRY(ts_lower_dot_group(lower, group, &is_done));
        if (is_done) return ts_ok;
        TS_TRY(ts_lower_dot_alone(lower, group));
        if (group->op_count == 0) return ts_ok;
    }
    return emit_group(lower, group);
}

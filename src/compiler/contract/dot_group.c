/* A contraction as the first op of a group: its readers take the result from PSUM, block by block, instead of
   from HBM (bias, activation, residual, casts, softmax of scores). */
#include <string.h>

#include "compiler/contract/dot_space.h"
#include "compiler/lower/pointwise.h"
#include "compiler/lower/recipe.h"

/* Bytes per partition of 192 KiB for everything, and for the group's tiles; and the fewest columns of a
   block. In smaller blocks the fixed cost of the readers' instructions outweighs the gain: a nest of their
   own has larger tiles. */
enum { ALL_BYTES = 176 * 1024, GROUP_BYTES = 104 * 1024, SMALLEST_BLOCK = 128 };

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

typedef struct dot_group {
    ts_emitter e;
    ts_dot dot;
    ts_dot_block block;
    ts_dot_space space;
} dot_group;

/* ---- opening ---- */

/* The number of result axes before those of the right side, without axes of size 1; -1 when the result's axes
   are not in the order batch, left, right. */
static int count_rows(const ts_contraction *c) {
    const ts_walk *walks[] = {&c->batch, &c->left, &c->right};
    int64_t last = INT64_MAX;
    int axes = 0;
    for (int w = 0; w < 3; w++)
        for (int i = 0; i < walks[w]->count; i++) {
            const ts_axis *axis = &walks[w]->axis[i];
            if (axis->size == 1) continue;
            if (axis->step[ts_side_out] >= last) return -1;
            last = axis->step[ts_side_out];
            axes += w < 2;
        }
    return axes;
}

ts_status ts_lower_contraction(ts_lower *lower, ts_op_node *op, const ts_contraction *c, ts_dtype dtype) {
    ts_pending *pending = TS_NEW(&lower->arena, ts_pending);
    *pending = (ts_pending){.op = op, .c = *c, .dtype = dtype, .rows = count_rows(c)};
    ts_group *group = ts_group_open(lower, &op->results[0]->type);
    group->dot = pending;
    ts_group_take(group, op);
    return pending->rows < 0 ? ts_lower_close_group(lower, group) : ts_ok;
}

/* ---- alone ---- */

static ts_dot begin(ts_lower *lower, const ts_pending *pending) {
    return (ts_dot){.b = &lower->b, .dtype = pending->dtype};
}

/* Gives the result's axes the steps of the view, which may have axes of size 1 elsewhere. False when the
   walks have cut one of its axes. */
static bool set_out(ts_contraction *c, const ts_view *out) {
    ts_walk *walks[] = {&c->batch, &c->left, &c->right};
    int at = 0;
    for (int w = 0; w < 3; w++)
        for (int i = 0; i < walks[w]->count; i++) {
            ts_axis *axis = &walks[w]->axis[i];
            if (axis->size == 1) continue;
            while (at < out->rank && out->dim[at] == 1)
                at++;
            if (at == out->rank || out->dim[at] != axis->size) return false;
            axis->step[ts_side_out] = out->stride[at++];
        }
    c->out = *out;
    return true;
}

ts_status ts_lower_dot_alone(ts_lower *lower, ts_group *group) {
    const ts_pending *pending = group->dot;
    ts_value *result = pending->op->results[0];
    ts_dot d = begin(lower, pending);
    ts_dot_block block;
    ts_contraction c = pending->c, plain = c;
    ts_view own = ts_view_of_tensor(0, &result->type);
    bool is_simple = pending->rows >= 0 && set_out(&plain, &own);
    if (!is_simple || !ts_lower_layout(lower, result)) ts_lower_result(lower, result);
    c.out = note(result)->view;
    if (is_simple) set_out(&c, &note(result)->view);
    group->dot = NULL;
    group->op_count--;
    memmove(group->ops, group->ops + 1, (size_t)group->op_count * sizeof *group->ops);
    note(result)->group = NULL;
    lower->b.loc = pending->op->loc;
    if (!ts_dot_plan(&d, &c))
        return ts_op_fail(lower->module, pending->op, lower->diag, ts_unsupported,
                          "no tiling of these dimensions");
    return ts_dot_emit(lower, &d, &block, NULL);
}

/* ---- with its readers ---- */

static bool plan(dot_group *g) {
    const ts_group *group = g->e.group;
    bool has_rows = group->kept < group->rank;
    for (int64_t cols = TS_DOT_COLS; cols >= TS_DOT_BANK; cols /= 2) {
        g->dot = begin(g->e.lower, group->dot);
        g->dot.is_unswapped = has_rows || group->sums;
        g->dot.most_cols = cols;
        if (!ts_dot_plan(&g->dot, &group->dot->c)) return false;
        g->block = ts_dot_block_of(&g->dot);
        int64_t free = g->block.batches * ts_walk_panel(&g->dot.cols);
        double bytes = ts_group_bytes(group) * (double)free;
        if (free < SMALLEST_BLOCK) return false;
        if (bytes > (double)ts_build_scaled(g->dot.b, GROUP_BYTES)) continue;
        g->dot.budget = ts_build_scaled(g->dot.b, ALL_BYTES) - (int64_t)bytes;
        if (!ts_dot_plan(&g->dot, &group->dot->c)) continue;
        g->block = ts_dot_block_of(&g->dot);
        return !has_rows || (ts_walk_panels(&g->dot.cols) == 1 && g->dot.cols.cut == 0);
    }
    return false;
}

static void enter(void *context, ts_dot_stage stage) {
    dot_group *g = context;
    ts_dot_space_enter(&g->space, stage);
    g->e.nest = g->space.nest;
    if (stage == ts_dot_before) ts_pointwise_sums_open(&g->e);
    ts_pointwise_load(&g->e, g->space.opened[stage], stage > ts_dot_before);
}

/* GpSimdE cannot access PSUM (ISA:399). Ops that only reinterpret bits pass the access on to their readers,
   which may not be able to either. */
static bool can_read_psum(const ts_op_node *op) {
    if (ts_group_is_sum(op)) return false;
    if (op->kind == ts_hlo_bitcast_convert || op->kind == ts_hlo_reduce_precision || op->kind == ts_hlo_power)
        return false;
    const ts_recipe *recipe = ts_recipe_find(op->kind);
    return !recipe || !ts_recipe_has_gpsimd(recipe);
}

/* Whether the value is the product, or one of the ops in `same`, which are the product in another shape. */
static bool is_product(const ts_emitter *e, uint64_t same, const ts_value *value) {
    for (int i = 0; i < e->group->op_count; i++)
        if (same >> i & 1 && e->group->ops[i]->results[0] == value) return true;
    return false;
}

/* Whether every reader of the product, as it is or in another shape, can take it from PSUM, and as one
   operand only: no instruction has both there. */
static bool is_read_there(const ts_emitter *e) {
    uint64_t same = 1;
    for (int i = 1; i < e->group->op_count; i++) {
        const ts_op_node *op = e->group->ops[i];
        int reads = 0;
        for (uint32_t j = 0; j < ts_group_operands(op); j++)
            reads += is_product(e, same, op->operands[j]);
        if (reads == 1 && ts_group_is_alias(op))
            same |= (uint64_t)1 << i;
        else if (reads > 1 || (reads == 1 && !can_read_psum(op)))
            return false;
    }
    return true;
}

/* Readers take fp32 from PSUM, which costs VectorE less than two operands in SBUF. The result is copied to
   SBUF once if it must be rounded, or if a reader cannot access PSUM. */
static void take_result(dot_group *g) {
    ts_emitter *e = &g->e;
    const ts_op_node *op = e->group->ops[0];
    ts_dtype dtype = ts_chip_dtype(op->results[0]->type.dtype);
    uint32_t axes = ts_pointwise_all_axes(e);
    ts_value_form psum = {.kind = ts_form_tile, .tile = g->block.psum, .dtype = ts_dtype_f32, .axes = axes};
    e->forms[0] = psum;
    if (dtype == ts_dtype_f32 && is_read_there(e) && e->fate[0] == ts_fate_inside && g->block.psum_step == 0)
        return;
    e->axes = axes;
    e->b->loc = op->loc;
    e->forms[0] = ts_pointwise_tile(e, dtype, 1);
    ts_ap to = ts_pointwise_ap(e, &e->forms[0]), from = ts_pointwise_ap(e, &psum);
    from.offset = ts_dot_block_ap(&g->dot, &g->block, ts_count_const(1)).offset;
    ts_emit_copy(e->b, ts_engine_scalar, &to, &from);
}

static ts_status take(void *context) {
    dot_group *g = context;
    take_result(g);
    return ts_pointwise_compute(&g->e, 1);
}

ts_status ts_lower_dot_group(ts_lower *lower, ts_group *group, bool *is_done) {
    dot_group *g = TS_NEW(&lower->arena, dot_group);
    g->e = (ts_emitter){.lower = lower, .b = &lower->b, .group = group};
    *is_done = false;
    if (group->op_count == 1 || !plan(g) || !ts_dot_space_make(&g->space, &g->dot, &g->block)) return ts_ok;
    TS_TRY(ts_pointwise_begin(&g->e));
    if (!ts_dot_space_views(&g->space, g->e.views, ts_pointwise_views(&g->e))) return ts_ok;
    g->e.nest = g->space.nest;
    if (!ts_pointwise_sums_fit(&g->e))
        return ts_group_split_sums(group) ? ts_lower_dot_group(lower, group, is_done) : ts_ok;
    g->e.first_reduced = group->kept < group->rank ? g->space.cols : g->space.nest.rank;
    ts_dot_reader reader = {.context = g, .enter = enter, .take = take};
    lower->b.loc = group->dot->op->loc;
    g->e.begin = lower->b.program->code.count;
    TS_TRY(ts_dot_emit(lower, &g->dot, &g->block, &reader));
    ts_pointwise_sums_close(&g->e);
    *is_done = true;
    return ts_pointwise_end(&g->e);
}

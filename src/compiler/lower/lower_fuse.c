/* Grouping: decides which ops share a loop nest, greedily in program order. */
#include <string.h>

#include "compiler/contract/dot.h"
#include "compiler/lower/group.h"
#include "compiler/lower/home.h"

enum { FEWEST_ROWS = 32, MOST_ROW_OPS = 12 };

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

/* The number of distinct values from outside that the group's ops read. */
static int count_inputs(const ts_group *group) {
    int count = 0;
    const ts_value *seen[TS_GROUP_OPS * 3];
    for (int i = 0; i < group->op_count; i++)
        for (uint32_t j = 0; j < ts_group_operands(group->ops[i]); j++) {
            const ts_value *value = group->ops[i]->operands[j];
            bool is_new = note(value)->group != group;
            for (int k = 0; k < count && is_new; k++)
                is_new = seen[k] != value;
            if (is_new) seen[count++] = value;
        }
    return count;
}

void ts_group_take(ts_group *group, ts_op_node *op) {
    group->ops[group->op_count++] = op;
    group->is_reducing =
        group->is_reducing || (op->kind == ts_hlo_reduce && !ts_lowered_is_late(op->results[0]));
    note(op->results[0])->group = group;
}

static void forget(ts_lower *lower, const ts_group *group) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lower->open_groups.count; i++)
        if (lower->open_groups.data[i] != group) lower->open_groups.data[kept++] = lower->open_groups.data[i];
    lower->open_groups.count = kept;
}

ts_group *ts_group_open(ts_lower *lower, const ts_type *space) {
    ts_group *group = TS_NEW(&lower->arena, ts_group);
    group->budget = ts_build_scaled(&lower->b, TS_GROUP_BUDGET);
    group->rank = group->kept = ts_group_dims(space, group->dim);
    ts_vec_push(&lower->open_groups, &lower->arena, group);
    return group;
}

ts_status ts_lower_close_group(ts_lower *lower, ts_group *group) {
    forget(lower, group);
    TS_TRY(ts_home_settle(lower, group));
    TS_TRY(ts_lower_group(lower, group));
    for (int i = 0; i < group->op_count; i++)
        note(group->ops[i]->results[0])->group = NULL;
    for (int i = 0; i < group->apart_count; i++) {
        ts_op_node *op = group->apart[i];
        TS_TRY(op->kind == ts_hlo_reduce ? ts_lower_reduce_alone(lower, op) : ts_lower_view_op(lower, op));
    }
    return ts_ok;
}

ts_status ts_lower_computed_again(ts_lower *lower, ts_value *value) {
    TS_TRY(ts_lower_pointwise(lower, value->def));
    note(value)->group->wanted = value;
    return ts_lower_close_group(lower, note(value)->group);
}

ts_status ts_lower_close_groups(ts_lower *lower) {
    while (lower->open_groups.count)
        TS_TRY(ts_lower_close_group(lower, lower->open_groups.data[0]));
    return ts_ok;
}

/* ---- joining ---- */

static bool has_room(const ts_group *group, int ops, int inputs) {
    return group->op_count + ops < TS_GROUP_OPS && count_inputs(group) + inputs < TS_GROUP_INPUTS;
}

/* The kept axes of the union of two groups; -1 when their spaces or their row values differ. */
static int shared_kept(const ts_group *a, const ts_group *b) {
    bool is_prefix = b->kept == b->rank && b->rank == a->kept;
    if ((a->rank != b->rank && !is_prefix) || memcmp(a->dim, b->dim, (size_t)b->rank * sizeof *b->dim) != 0)
        return -1;
    if (a->rank != b->rank || b->kept == b->rank) return a->kept;
    return a->kept == a->rank || a->kept == b->kept ? b->kept : -1;
}

/* Whether the rows of the group's contraction, if it has one, are those of its left side. */
static bool suits_dot(const ts_group *group, int kept) {
    return !group->dot || kept == group->rank || kept == group->dot->rows;
}

static bool fits_together(const ts_group *a, const ts_group *b, ts_op_node *op) {
    ts_group both = *a;
    both.kept = shared_kept(a, b);
    if ((a->dot && b->dot) || !suits_dot(a, both.kept) || (b->dot && a->rank != b->rank)) return false;
    if (!suits_dot(b, both.kept)) return false;
    int chunked = ts_group_count_chunked(a) + ts_group_count_chunked(b);
    if (chunked > TS_GROUP_CHUNKED || (chunked && (a->dot || b->dot))) return false;
    both.sums = a->sums + b->sums;
    if (both.sums > TS_GROUP_SUMS || (b->sums && a->rank != b->rank)) return false;
    if (both.kept < 0 || !has_room(a, b->op_count + 1, count_inputs(b) + 3)) return false;
    for (int i = 0; i < b->op_count; i++)
        both.ops[both.op_count++] = b->ops[i];
    both.is_reducing = a->is_reducing || b->is_reducing;
    return ts_group_fits(&both, op);
}

static void unite(ts_lower *lower, ts_group *group, ts_group *other) {
    group->kept = shared_kept(group, other);
    group->sums += other->sums;
    forget(lower, other);
    if (other->dot) { /* the contraction stays the first op */
        group->dot = other->dot;
        memmove(group->ops + 1, group->ops, (size_t)group->op_count++ * sizeof *group->ops);
        group->ops[0] = other->ops[0];
        note(other->ops[0]->results[0])->group = group;
    }
    for (int i = other->dot != NULL; i < other->op_count; i++)
        ts_group_take(group, other->ops[i]);
}

/* Chooses the group that may take `op`: the union of the open groups that compute its operands, as far as
   they are compatible; others are closed. Open groups never depend on each other, because any op that reads a
   group's value from outside closes the group first. So every union is sound. */
static ts_status choose_group(ts_lower *lower, ts_op_node *op, ts_group **chosen) {
    *chosen = NULL;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_group *group = note(op->operands[i])->group;
        if (!group || group == *chosen) continue;
        ts_span span = ts_group_span(group, &op->results[0]->type);
        bool fits = span != ts_span_none && !ts_lowered_is_late(op->operands[i]) &&
                    span == ts_group_span(group, &op->operands[i]->type) && has_room(group, 1, 3) &&
                    ts_group_fits(group, op);
        bool is_larger = *chosen && group->rank > (*chosen)->rank;
        if (fits && *chosen)
            fits = is_larger ? fits_together(group, *chosen, op) : fits_together(*chosen, group, op);
        if (!fits) {
            TS_TRY(ts_lower_close_group(lower, group));
        } else if (!*chosen) {
            *chosen = group;
        } else {
            ts_group *other = is_larger ? *chosen : group;
            if (is_larger) *chosen = group;
            unite(lower, *chosen, other);
        }
    }
    return ts_ok;
}

ts_status ts_lower_pointwise(ts_lower *lower, ts_op_node *op) {
    ts_group *group;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        const ts_lowered *operand = note(op->operands[i]);
        if (operand->is_again && !operand->group) TS_TRY(ts_lower_pointwise(lower, op->operands[i]->def));
    }
    TS_TRY(choose_group(lower, op, &group));
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_view view;
        if (note(op->operands[i])->group && note(op->operands[i])->group == group) continue;
        TS_TRY(ts_lower_shifted(lower, op->operands[i], &view));
    }
    ts_group_take(group ? group : ts_group_open(lower, &op->results[0]->type), op);
    return ts_ok;
}

/* ---- reductions ---- */

/* The number of leading axes that a reduction keeps; -1 when it reduces others than the last ones, or keeps
   too few rows to fill the partitions. */
static int find_kept(const ts_op_node *op) {
    const ts_type *type = &op->operands[0]->type;
    int64_t dims[TS_MAX_RANK], rows = 1;
    int count, kept = 0;
    bool is_reduced[TS_MAX_RANK] = {0}, has_reduced = false;
    ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        is_reduced[dims[i]] = true;
    for (int i = 0; i < type->rank; i++) {
        if (type->dim[i] == 1) continue;
        if (is_reduced[i]) {
            has_reduced = true;
            continue;
        }
        if (has_reduced) return -1;
        rows *= type->dim[i];
        kept++;
    }
    return has_reduced && rows >= FEWEST_ROWS ? kept : -1;
}

/* Whether the reduction can join the group: `kept` agrees with the group's rows, or the group has none
   yet. */
static bool takes_rows(const ts_group *group, ts_op_node *op, int kept) {
    if (ts_group_span(group, &op->operands[0]->type) != ts_span_whole) return false;
    if (ts_lowered_is_late(op->operands[0])) return false;
    if ((group->kept != kept && group->kept != group->rank) || !suits_dot(group, kept)) return false;
    ts_group with = *group;
    with.kept = kept;
    with.is_reducing = true;
    return has_room(group, 1, 0) && ts_group_fits(&with, op);
}

ts_status ts_lower_grouped_reduce(ts_lower *lower, ts_op_node *op, ts_alu alu, bool *is_done) {
    ts_value *operand = op->operands[0];
    ts_view view, init;
    double identity;
    int kept = find_kept(op);
    bool is_native =
        ts_dtype_get(operand->type.dtype)->kind == 'f' && ts_dtype_get(operand->type.dtype)->native;
    *is_done = false;
    TS_TRY(ts_lower_shifted(lower, op->operands[1], &init));
    ts_group *around = note(operand)->group;
    if (kept < 0 && is_native && alu == ts_alu_add && init.kind == ts_view_splat && around &&
        has_room(around, 1, 1) && ts_group_takes_sum(around, op)) {
        ts_group_take(around, op);
        *is_done = true;
        return ts_ok;
    }
    if (kept < 0 || !is_native || ts_type_elems(&operand->type) == 0 || init.kind != ts_view_splat ||
        !ts_reduce_identity(alu, operand->type.dtype, &identity))
        return ts_ok;
    ts_group *group = note(operand)->group;
    if (group && !takes_rows(group, op, kept) && !ts_group_takes_chunked(group, op, kept)) group = NULL;
    if (!group) {
        TS_TRY(ts_lower_shifted(lower, operand, &view));
        int last = operand->type.rank - 1;
        while (operand->type.dim[last] == 1)
            last--;
        ts_group alone = {
            .kept = kept, .is_reducing = true, .budget = ts_build_scaled(&lower->b, TS_GROUP_BUDGET)};
        alone.rank = ts_group_dims(&operand->type, alone.dim);
        if (view.kind != ts_view_tensor || view.stride[last] != 1 || !ts_group_fits(&alone, op)) return ts_ok;
        group = ts_group_open(lower, &operand->type);
    }
    group->kept = kept;
    ts_group_take(group, op);
    *is_done = true;
    return ts_ok;
}

/* ---- reshapes within a group ---- */

/* Whether the operand's axes, without those of size 1, are the first ones of the result, in order. */
static bool keeps_order(const ts_op_node *op) {
    const ts_type *from = &op->operands[0]->type, *to = &op->results[0]->type;
    int64_t dims[TS_MAX_RANK];
    int count = 0, at = 0, axis = 0, before = 0;
    ts_op_ints(op, "broadcast_dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < from->rank; i++) {
        if (from->dim[i] == 1) continue;
        while (axis < dims[i])
            at += to->dim[axis++] != 1;
        if (axis > dims[i] || to->dim[axis] != from->dim[i]) return false;
        if (before++ != at) return false;
    }
    return true;
}

/* If the op repeats the group's values along new last axes, and the group has no rows: extends the space, so
   that the group's values become its rows. */
static bool grow(ts_group *group, const ts_op_node *op) {
    ts_group larger = *group;
    int64_t rows = 1;
    larger.rank = ts_group_dims(&op->results[0]->type, larger.dim);
    larger.kept = group->rank;
    for (int i = 0; i < group->rank; i++)
        rows *= group->dim[i];
    if (group->dot || group->sums || group->kept != group->rank || larger.rank <= group->rank ||
        group->op_count > MOST_ROW_OPS || rows < FEWEST_ROWS || ts_type_elems(&op->results[0]->type) == 0)
        return false;
    *group = larger;
    return true;
}

bool ts_lower_alias(ts_op_node *op) {
    if (op->kind != ts_hlo_reshape && op->kind != ts_hlo_broadcast_in_dim) return false;
    ts_group *group = note(op->operands[0])->group;
    if (!group || !has_room(group, 1, 0) || !ts_group_fits(group, op)) return false;
    if (note(op->operands[0])->is_chunked) return false;
    ts_span from = ts_group_span(group, &op->operands[0]->type);
    ts_span to = ts_group_span(group, &op->results[0]->type);
    if (note(op->operands[0])->is_sum) {
        if (op->kind != ts_hlo_reshape) return false;
        note(op->results[0])->is_sum = true;
    } else if (op->kind == ts_hlo_reshape) {
        if (from != to) return false;
    } else if (!keeps_order(op) || (to == ts_span_none && !grow(group, op))) {
        return false;
    }
    ts_group_take(group, op);
    return true;
}

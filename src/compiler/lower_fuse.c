/* Grouping of pointwise ops: which of them share one loop nest. Greedy, in program order. */
#include "compiler/home.h"
#include "compiler/lower.h"

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

static bool same_shape(const ts_type *a, const ts_type *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

/* Distinct values from outside that the group's ops read. */
static int count_inputs(const ts_group *group) {
    int count = 0;
    const ts_value *seen[TS_GROUP_OPS * 3];
    for (int i = 0; i < group->op_count; i++)
        for (uint32_t j = 0; j < group->ops[i]->operand_count; j++) {
            const ts_value *value = group->ops[i]->operands[j];
            bool is_new = note(value)->group != group;
            for (int k = 0; k < count && is_new; k++)
                is_new = seen[k] != value;
            if (is_new) seen[count++] = value;
        }
    return count;
}

static void take(ts_group *group, ts_op_node *op) {
    group->ops[group->op_count++] = op;
    note(op->results[0])->group = group;
}

static void forget(ts_lower *lower, const ts_group *group) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lower->open_groups.count; i++)
        if (lower->open_groups.data[i] != group) lower->open_groups.data[kept++] = lower->open_groups.data[i];
    lower->open_groups.count = kept;
}

ts_status ts_lower_close_group(ts_lower *lower, ts_group *group) {
    forget(lower, group);
    TS_TRY(ts_home_settle(lower, group));
    ts_status status = ts_lower_group(lower, group);
    for (int i = 0; i < group->op_count; i++)
        note(group->ops[i]->results[0])->group = NULL;
    return status;
}

ts_status ts_lower_close_groups(ts_lower *lower) {
    while (lower->open_groups.count)
        TS_TRY(ts_lower_close_group(lower, lower->open_groups.data[0]));
    return ts_ok;
}

/* The group that may take `op`: the union of the open groups that compute its operands of equal shape,
   as far as they fit together; those that do not fit are closed. Open groups never depend on each
   other, because whoever reads a group's value from outside closes it first: so any union is sound. */
static ts_status choose_group(ts_lower *lower, ts_op_node *op, ts_group **chosen) {
    *chosen = NULL;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_group *group = note(op->operands[i])->group;
        if (!group || group == *chosen) continue;
        bool fits = same_shape(&op->operands[i]->type, &op->results[0]->type) &&
                    group->op_count + 1 < TS_GROUP_OPS && count_inputs(group) + 3 < TS_GROUP_INPUTS;
        if (fits && *chosen)
            fits = (*chosen)->op_count + group->op_count + 1 < TS_GROUP_OPS &&
                   count_inputs(*chosen) + count_inputs(group) + 3 < TS_GROUP_INPUTS;
        if (!fits) {
            TS_TRY(ts_lower_close_group(lower, group));
        } else if (!*chosen) {
            *chosen = group;
        } else {
            forget(lower, group);
            for (int k = 0; k < group->op_count; k++)
                take(*chosen, group->ops[k]);
        }
    }
    return ts_ok;
}

ts_status ts_lower_pointwise(ts_lower *lower, ts_op_node *op) {
    ts_group *group;
    TS_TRY(choose_group(lower, op, &group));
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_view view;
        if (note(op->operands[i])->group && note(op->operands[i])->group == group) continue;
        TS_TRY(ts_lower_shifted(lower, op->operands[i], &view));
    }
    if (!group) {
        group = TS_NEW(&lower->arena, ts_group);
        ts_vec_push(&lower->open_groups, &lower->arena, group);
    }
    take(group, op);
    return ts_ok;
}

/* Chooses values that are cheaper to compute again than to store: pointwise values that only pointwise ops
   read, computed in few steps from one tensor of the same size that is in HBM anyway (parts of GELU and
   softmax that the gradient reads much later). Such a value is not stored; its op joins the group of the next
   reader. */
#include "compiler/lower/recompute.h"

#include "compiler/contract/dot.h"
#include "compiler/lower/pointwise.h"
#include "compiler/lower/recipe.h"

/* Costs in engine cycles per free element: of a pass of an engine, of one that reads two tensors, and of a
   byte to or from HBM (chip.def: 1.4 GHz, 128 lanes, hbm_bytes_per_ns). The number of steps is limited, since
   nothing would overlap with longer chains. */
enum { PASS = 1, PASS_OF_TWO = 2, BYTE = 1, MOST_STEPS = 16, MOST_READERS = 4, MANY = 100 };

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

static int find(const ts_group *group, const ts_value *value) {
    for (int i = 0; i < group->op_count; i++)
        if (group->ops[i]->results[0] == value) return i;
    return -1;
}

static bool reads_value(const ts_op_node *op, const ts_value *value) {
    for (uint32_t i = 0; i < ts_group_operands(op); i++)
        if (op->operands[i] == value) return true;
    return false;
}

static bool is_dot(const ts_group *group, int index) {
    return group->dot && group->dot->op == group->ops[index];
}

/* The number of reads of the value by ops of the group that have not been emitted before; with is_near, by
   pointwise ops only. */
static uint32_t reads_inside(const ts_group *group, const ts_value *value, bool is_near) {
    uint32_t count = 0;
    for (int i = 0; i < group->op_count; i++) {
        const ts_op_node *op = group->ops[i];
        if (note(op->results[0])->is_emitted || (is_near && !ts_hlo_is_pointwise(op->kind))) continue;
        for (uint32_t j = 0; j < ts_group_operands(op); j++)
            count += op->operands[j] == value;
    }
    return count;
}

bool ts_recompute_escapes(const ts_group *group, int index) {
    const ts_value *value = group->ops[index]->results[0];
    if (value == group->wanted) return true;
    for (int i = 0; i < group->op_count; i++)
        if (ts_group_is_alias(group->ops[i]) && group->ops[i]->operands[0] == value &&
            ts_recompute_escapes(group, i))
            return true;
    return note(value)->uses - note(value)->served > reads_inside(group, value, false);
}

void ts_recompute_serve(const ts_group *group) {
    for (int i = 0; i < group->op_count; i++) {
        const ts_op_node *op = group->ops[i];
        if (note(op->results[0])->is_emitted) continue;
        for (uint32_t j = 0; j < ts_group_operands(op); j++) {
            note(op->operands[j])->served++;
            note(op->operands[j])->near_served += ts_hlo_is_pointwise(op->kind);
        }
    }
    for (int i = 0; i < group->op_count; i++)
        note(group->ops[i]->results[0])->is_emitted = true;
}

/* The cost of an op. Integers take several instructions, some on GpSimdE. */
static int steps_of(const ts_op_node *op) {
    const ts_type *type = &op->results[0]->type;
    bool is_plain = ts_dtype_is_float(type->dtype) || type->dtype == ts_dtype_i1;
    if (!ts_hlo_is_pointwise(op->kind) || !is_plain || op->kind == ts_hlo_reduce_precision ||
        !ts_dtype_is_float(op->operands[op->operand_count - 1]->type.dtype))
        return MANY;
    if (ts_recipe_find(op->kind)) return MOST_STEPS / 2;
    int tensors = 0;
    for (uint32_t i = 0; i < op->operand_count; i++)
        tensors += note(op->operands[i])->group || note(op->operands[i])->view.kind == ts_view_tensor;
    return tensors > 1 ? PASS_OF_TWO : PASS;
}

/* The ops that compute a value from tensors in HBM. */
typedef struct chain {
    const ts_group *group;
    const ts_fate *fate;
    uint64_t ops, rows; /* bit sets of ops: computed again; read as stored row values */
    int steps;
    const ts_value *leaf; /* the tensor of full size that they read; NULL = none */
    int leaves;
    bool is_chosen;
} chain;

static void add_leaf(chain *c, const ts_value *value) {
    if (c->leaf == value) return;
    c->leaf = value;
    c->leaves++;
}

static bool repeats(const ts_view *view) {
    for (int i = 0; i < view->rank; i++)
        if (view->dim[i] != 1 && view->stride[i] == 0) return true;
    return false;
}

static void follow(chain *c, int index);

/* Follows reshapes of a row value: it is stored, and all its names refer to it. */
static void follow_alias(chain *c, int at) {
    const ts_group *group = c->group;
    while (at >= 0 && ts_group_is_alias(group->ops[at])) {
        c->rows |= (uint64_t)1 << at;
        at = find(group, group->ops[at]->operands[0]);
    }
    if (at >= 0 && ts_group_span(group, &group->ops[at]->results[0]->type) == ts_span_row)
        c->rows |= (uint64_t)1 << at;
    else
        c->steps += MANY;
}

static void follow_operand(chain *c, const ts_value *value) {
    const ts_group *group = c->group;
    int at = find(group, value);
    bool is_whole = ts_group_span(group, &value->type) == ts_span_whole;
    if (at < 0) {
        const ts_view *view = &note(value)->view;
        if (is_whole && view->kind == ts_view_tensor && !repeats(view)) add_leaf(c, value);
    } else if (ts_group_is_alias(group->ops[at])) {
        follow_alias(c, at);
    } else if (!is_whole) {
        c->rows |= (uint64_t)1 << at;
    } else if (c->fate[at] == ts_fate_stored || is_dot(group, at)) {
        add_leaf(c, value);
    } else {
        follow(c, at);
    }
}

static void follow(chain *c, int index) {
    const ts_op_node *op = c->group->ops[index];
    if (c->ops >> index & 1 || c->steps > MOST_STEPS) return;
    c->ops |= (uint64_t)1 << index;
    c->steps += steps_of(op);
    for (uint32_t i = 0; i < op->operand_count; i++)
        follow_operand(c, op->operands[i]);
}

/* Whether all later readers are pointwise ops of this block. */
static bool is_near(const ts_lower *lower, const ts_group *group, int index) {
    const ts_value *value = group->ops[index]->results[0];
    const ts_lowered *lowered = note(value);
    uint32_t left = lowered->uses - lowered->served - reads_inside(group, value, false);
    uint32_t near_left = lowered->near_uses - lowered->near_served - reads_inside(group, value, true);
    for (int i = 0; i < group->op_count; i++)
        if (ts_group_is_alias(group->ops[i]) && group->ops[i]->operands[0] == value) return false;
    return left == near_left && left <= MOST_READERS && !lowered->output && !lowered->home &&
           !lowered->slot && lowered->region == lower->region;
}

static int64_t bytes_of(const ts_value *value) {
    return ts_dtype_get(ts_chip_dtype(value->type.dtype))->bytes;
}

/* Extends the lifetime of everything that the chain reads to the value's last reader. */
static void keep_leaves(const chain *c, uint32_t last_use) {
    for (int i = 0; i < c->group->op_count; i++) {
        if (!(c->ops >> i & 1)) continue;
        for (uint32_t j = 0; j < c->group->ops[i]->operand_count; j++) {
            ts_lowered *operand = note(c->group->ops[i]->operands[j]);
            if (operand->last_use < last_use) operand->last_use = last_use;
        }
    }
}

/* Whether readers may compute the value again, considering this value alone. */
static bool find_chain(ts_lower *lower, const ts_group *group, int index, const ts_fate *fate, chain *c) {
    const ts_type *type = &group->ops[index]->results[0]->type;
    *c = (chain){.group = group, .fate = fate};
    if (ts_group_is_alias(group->ops[index]) || ts_group_span(group, type) != ts_span_whole ||
        !is_near(lower, group, index))
        return false;
    follow(c, index);
    return c->steps <= MOST_STEPS && c->leaves <= 1;
}

/* Values computed from one leaf are decided together, since their readers load it once. The stores and loads
   saved must outweigh the passes of all their ops. */
static bool is_worth_it(const ts_group *group, const chain *chains, const ts_value *leaf,
                        const ts_fate *fate) {
    uint64_t ops = 0;
    int64_t saved = leaf ? -BYTE * bytes_of(leaf) : 0;
    int at = leaf ? find(group, leaf) : -1;
    if (at >= 0 && fate[at] == ts_fate_inside) saved *= 2; /* it would be stored for this purpose only */
    for (int i = 0; i < group->op_count; i++) {
        if (!chains[i].is_chosen || chains[i].leaf != leaf) continue;
        const ts_value *value = group->ops[i]->results[0];
        saved += BYTE * bytes_of(value) *
                 (1 + note(value)->uses - note(value)->served - reads_inside(group, value, false));
        ops |= chains[i].ops;
    }
    for (int i = 0; i < group->op_count; i++)
        if (ops >> i & 1) saved -= steps_of(group->ops[i]);
    return saved > 0;
}

static void choose(const chain *c, int index, ts_fate *fate) {
    for (int i = 0; i < c->group->op_count; i++) {
        if (c->rows >> i & 1) fate[i] = ts_fate_stored;
        if (c->ops >> i & 1 && fate[i] == ts_fate_inside) fate[i] = ts_fate_again;
        if (c->group->ops[i]->results[0] == c->leaf) fate[i] = ts_fate_stored;
    }
    keep_leaves(c, note(c->group->ops[index]->results[0])->last_use);
}

/* The only op that reads the value of op `index` among those computed again; -1 when there are several. */
static int only_way(const ts_group *group, int index, const ts_fate *fate) {
    int way = -1;
    for (int i = index + 1; i < group->op_count; i++) {
        if (fate[i] != ts_fate_again || !reads_value(group->ops[i], group->ops[index]->results[0])) continue;
        if (way >= 0) return -1;
        way = i;
    }
    return way;
}

/* A leaf that is stored only for values that are computed again, all through one op, need not be stored if
   that op's result can be instead, such as a contraction's sum with its bias. */
static void advance_leaf(const ts_group *group, int leaf, const bool *escapes, ts_fate *fate) {
    for (int way; !escapes[leaf] && (way = only_way(group, leaf, fate)) >= 0; leaf = way) {
        const ts_value *from = group->ops[leaf]->results[0], *to = group->ops[way]->results[0];
        if (ts_group_span(group, &to->type) != ts_span_whole || bytes_of(to) > bytes_of(from)) return;
        fate[leaf] = ts_fate_inside;
        fate[way] = ts_fate_stored;
    }
}

void ts_recompute_choose(ts_lower *lower, const ts_group *group, ts_fate *fate) {
    chain chains[TS_GROUP_OPS];
    bool escapes[TS_GROUP_OPS];
    for (int i = 0; i < group->op_count; i++)
        fate[i] = group->ops[i]->results[0] == group->wanted ? ts_fate_stored : ts_fate_inside;
    for (int i = 0; i < group->op_count; i++) {
        escapes[i] = fate[i] == ts_fate_stored || ts_recompute_escapes(group, i);
        chains[i].is_chosen = false;
        if (!escapes[i] || fate[i] == ts_fate_stored) continue;
        bool is_chosen = find_chain(lower, group, i, fate, &chains[i]);
        chains[i].is_chosen = is_chosen;
        if (!is_chosen) fate[i] = ts_fate_stored;
    }
    for (int i = 0; i < group->op_count; i++) {
        if (!chains[i].is_chosen || is_worth_it(group, chains, chains[i].leaf, fate)) continue;
        chains[i].is_chosen = false;
        fate[i] = ts_fate_stored;
    }
    for (int i = 0; i < group->op_count; i++)
        if (chains[i].is_chosen) choose(&chains[i], i, fate);
    for (int i = 0; i < group->op_count; i++)
        if (fate[i] == ts_fate_stored && !ts_group_is_alias(group->ops[i]) &&
            ts_group_span(group, &group->ops[i]->results[0]->type) == ts_span_whole)
            advance_leaf(group, i, escapes, fate);
}

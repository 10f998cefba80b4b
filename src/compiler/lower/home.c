/* Homes of carried values and of conditional results: when they may be overwritten. */
#include "compiler/lower/home.h"

#include <string.h>

#include "compiler/graph/counted.h"
#include "compiler/lower/group.h"

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

static bool is_in(const ts_block *block, const ts_op_node *op) {
    const ts_op_node *last = ts_block_last(block);
    return op->number >= block->ops.data[0]->number && op->number <= last->number;
}

void ts_home_ask(const ts_block *block, ts_value *value, uint32_t tensor) {
    for (;;) {
        const ts_op_node *op = value->def;
        if (!op || !is_in(block, op) || note(value)->home) return;
        note(value)->home = tensor + 1;
        uint32_t over = op->kind == ts_hlo_while ? value->index : 0;
        bool is_over =
            op->kind == ts_hlo_dynamic_update_slice || op->kind == ts_hlo_while || op->kind == ts_hlo_reshape;
        if (!is_over || note(op->operands[over])->uses != 1) return;
        value = op->operands[over];
    }
}

/* ---- slots ---- */

static bool has_slots(const ts_op_node *op) {
    return ts_hlo_is_pointwise(op->kind) || op->kind == ts_hlo_dot_general ||
           (op->kind == ts_hlo_reduce && op->operand_count == 2);
}

/* The op whose result the update moves element by element, in order; NULL otherwise. */
static const ts_op_node *source_of(const ts_value *update) {
    const ts_op_node *op = update->def;
    while (op && (op->kind == ts_hlo_reshape || op->kind == ts_hlo_broadcast_in_dim)) {
        const ts_type *from = &op->operands[0]->type, *to = &op->results[0]->type;
        int64_t dims[TS_MAX_RANK];
        int count = 0;
        if (ts_type_elems(from) != ts_type_elems(to)) return NULL;
        if (op->kind == ts_hlo_broadcast_in_dim)
            ts_op_ints(op, "broadcast_dimensions", dims, TS_MAX_RANK, &count);
        for (int i = 1; i < count; i++)
            if (dims[i] < dims[i - 1]) return NULL;
        op = op->operands[0]->def;
    }
    return op && has_slots(op) ? op : NULL;
}

void ts_home_find_slots(const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        if (op->kind != ts_hlo_dynamic_update_slice || op->operands[0]->def) continue;
        if (note(op->operands[0])->uses != 1) continue;
        const ts_op_node *source = source_of(op->operands[1]);
        if (!source || !is_in(block, source) || note(source->results[0])->slot) continue;
        note(source->results[0])->slot = op;
    }
}

bool ts_home_slot(ts_lower *lower, const ts_value *value, ts_view *view) {
    const ts_op_node *update = note(value)->slot;
    ts_view window, rest;
    if (!update || update->number < lower->at) return false;
    const ts_lowered *whole = note(update->operands[0]), *result = note(update->results[0]);
    if (!whole->has_view || !ts_view_is_contiguous(&whole->view) || result->home != whole->view.tensor + 1)
        return false;
    const ts_type *type = &value->type;
    if (!ts_update_window(lower, update, &whole->view, &window) ||
        !ts_view_reshape(&window, type->rank, type->dim, view))
        return false;
    rest = *view;
    rest.offset = 0;
    rest.shift = (ts_affine){0};
    return ts_view_is_contiguous(&rest);
}

/* ---- when is a home free ---- */

static bool reads_late(const ts_value *value, uint32_t tensor, uint32_t limit, const ts_value *over) {
    const ts_lowered *lowered = note(value);
    bool is_there =
        lowered->has_view && lowered->view.kind == ts_view_tensor && lowered->view.tensor == tensor;
    if (!is_there && !(lowered->has_whole && lowered->whole.tensor == tensor)) return false;
    return value == over ? lowered->last_use > limit : lowered->last_use >= limit;
}

bool ts_home_is_free(const ts_lower *lower, uint32_t tensor, uint32_t limit, const ts_value *over) {
    for (uint32_t b = 0; b < lower->blocks.count; b++) {
        const ts_block *block = lower->blocks.data[b];
        for (uint32_t i = 0; i < block->arg_count; i++)
            if (reads_late(block->args[i], tensor, limit, over)) return false;
        for (uint32_t i = 0; i < block->ops.count && block->ops.data[i]->number <= lower->at; i++)
            for (uint32_t j = 0; j < block->ops.data[i]->result_count; j++)
                if (reads_late(block->ops.data[i]->results[j], tensor, limit, over)) return false;
    }
    return true;
}

/* Whether the result can overwrite the operand: a scratch tensor of this region that nothing reads later. (A
   tensor from an outer region is read again in the next trip.) */
static bool is_in_place(ts_lower *lower, const ts_op_node *op, const ts_view *operand) {
    const ts_lowered *old = note(op->operands[0]), *result = note(op->results[0]);
    if (!ts_view_is_contiguous(operand) || old->region != lower->region || result->output || result->home)
        return false;
    return lower->program->tensors.data[operand->tensor].kind == ts_tensor_scratch &&
           ts_home_is_free(lower, operand->tensor, lower->at, op->operands[0]);
}

ts_status ts_home_result(ts_lower *lower, const ts_op_node *op, const ts_view *operand) {
    ts_lowered *result = note(op->results[0]);
    if (!is_in_place(lower, op, operand)) {
        ts_lower_result_over(lower, op->results[0], ts_view_is_contiguous(operand) ? op->operands[0] : NULL);
        return ts_ok;
    }
    TS_TRY(ts_home_flush(lower, operand->tensor + 1));
    result->view = *operand;
    result->has_view = true;
    return ts_ok;
}

/* ---- groups ---- */

/* Whether the value comes from outside the group and lies in the tensor. */
static bool reads(const ts_group *group, const ts_value *value, uint32_t tensor) {
    const ts_lowered *lowered = note(value);
    return lowered->group != group && lowered->has_view && lowered->view.kind == ts_view_tensor &&
           lowered->view.tensor == tensor;
}

static bool group_reads(const ts_group *group, uint32_t tensor) {
    for (int i = 0; i < group->op_count; i++)
        for (uint32_t j = 0; j < group->ops[i]->operand_count; j++)
            if (reads(group, group->ops[i]->operands[j], tensor)) return true;
    return false;
}

ts_status ts_home_flush(ts_lower *lower, uint32_t home) {
    for (uint32_t i = 0; home && i < lower->open_groups.count;) {
        if (group_reads(lower->open_groups.data[i], home - 1)) {
            TS_TRY(ts_lower_close_group(lower, lower->open_groups.data[i]));
            i = 0;
        } else {
            i++;
        }
    }
    return ts_ok;
}

/* Whether the group reads each element of the tensor before it writes that element. Its tiles are disjoint,
   so it may then write in place. */
static bool reads_in_place(const ts_group *group, uint32_t tensor) {
    const ts_type *space = &group->ops[0]->results[0]->type;
    for (int i = 0; i < group->op_count; i++)
        for (uint32_t j = 0; j < group->ops[i]->operand_count; j++) {
            const ts_value *value = group->ops[i]->operands[j];
            if (!reads(group, value, tensor)) continue;
            if (j >= ts_group_operands(group->ops[i])) return false;
            const ts_view *view = &note(value)->view;
            bool is_whole = ts_view_is_contiguous(view) && view->rank == space->rank &&
                            memcmp(view->dim, space->dim, space->rank * sizeof *view->dim) == 0;
            if (!is_whole) return false;
        }
    return true;
}

/* If two groups read each other's homes, the one that is emitted first gives up its home: when the second is
   settled, the first is no longer among the open groups. */
ts_status ts_home_settle(ts_lower *lower, ts_group *group) {
    for (int i = 0; i < group->op_count; i++) {
        ts_lowered *lowered = note(group->ops[i]->results[0]);
        if (!lowered->home) continue;
        bool is_mine = reads_in_place(group, lowered->home - 1) &&
                       ts_home_is_free(lower, lowered->home - 1, lower->at, NULL);
        for (uint32_t k = 0; is_mine && k < lower->open_groups.count; k++)
            is_mine = !group_reads(lower->open_groups.data[k], lowered->home - 1);
        if (!is_mine) lowered->home = 0;
    }
    return ts_ok;
}

/* ---- moves ---- */

static bool is_there(const ts_move *move) {
    return move->from.kind == ts_view_tensor && move->from.tensor == move->tensor &&
           ts_view_is_contiguous(&move->from);
}

static bool reads_tensor(const ts_move *move, uint32_t tensor) {
    return move->from.kind == ts_view_tensor && move->from.tensor == tensor;
}

static ts_status save(ts_lower *lower, ts_move *move) {
    ts_view whole = ts_view_of_tensor(ts_lower_scratch(lower, move->type, "moved"), move->type);
    TS_TRY(ts_lower_copy(lower, &whole, &move->from));
    move->from = whole;
    return ts_ok;
}

ts_status ts_home_move(ts_lower *lower, ts_move *moves, uint32_t count) {
    /* A home that another move reads is saved first. This is rare. */
    for (uint32_t i = 0; i < count; i++) {
        bool is_read = false;
        if (is_there(&moves[i])) continue;
        for (uint32_t j = 0; j < count; j++)
            is_read |= reads_tensor(&moves[i], moves[j].tensor) && (i == j || !is_there(&moves[j]));
        if (is_read) TS_TRY(save(lower, &moves[i]));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_there(&moves[i])) continue;
        ts_view whole = ts_view_of_tensor(moves[i].tensor, moves[i].type);
        TS_TRY(ts_lower_copy(lower, &whole, &moves[i].from));
    }
    return ts_ok;
}

/* Folding: one walk simplifies each op and merges equal ones; a second one drops what nothing reads. */
#include <string.h>

#include "compiler/passes.h"

/* While folding, a value's note is its replacement; NULL = itself. */
static ts_value *standin(ts_value *value) {
    return value->note ? value->note : value;
}

static void count_uses(uint32_t *uses, const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->operand_count; j++)
            uses[op->operands[j]->id]++;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) count_uses(uses, op->regions[j]);
    }
}

uint32_t *ts_count_uses(const ts_func *main, ts_arena *arena) {
    uint32_t *uses = TS_NEW_ARRAY(arena, uint32_t, main->value_count + 1);
    count_uses(uses, main->body);
    return uses;
}

/* Whether an op has effects besides its results, or equal ones must not be merged; also ops whose regions
   contain such an op. */
static bool has_effect(const ts_op_node *op);

static bool has_effects(const ts_block *block) {
    for (uint32_t i = 0; i + 1 < block->ops.count; i++) /* all but the return */
        if (has_effect(block->ops.data[i])) return true;
    return false;
}

static bool has_effect(const ts_op_node *op) {
    switch (op->kind) {
    case ts_hlo_return:
    case ts_hlo_sdy_return:
    case ts_hlo_infeed:
    case ts_hlo_outfeed:
    case ts_hlo_send:
    case ts_hlo_recv: return true;
    case ts_hlo_custom_call:
        return ts_op_is_host_call(op) ? ts_op_bool(op, "has_side_effect", false) : !ts_op_is_kernel(op);
    default: break;
    }
    for (uint32_t i = 0; i < op->region_count; i++)
        if (op->regions[i] && has_effects(op->regions[i])) return true;
    return false;
}

static bool can_merge(const ts_op_node *op) {
    return op->region_count == 0 && op->result_count > 0 && !has_effect(op) &&
           op->kind != ts_hlo_optimization_barrier && op->kind != ts_hlo_rng &&
           op->kind != ts_hlo_custom_call;
}

static void fold_block(ts_fold_state *state, ts_block *block, bool is_merging) {
    ts_block folded = {0};
    ts_block *outer = state->block;
    ts_cse *table = is_merging ? ts_cse_new(&state->module->arena, 2 * block->ops.count) : NULL;
    state->block = &folded;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->operand_count; j++)
            op->operands[j] = standin(op->operands[j]);
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) fold_block(state, op->regions[j], false);
        uint32_t before = folded.ops.count;
        ts_value *value = ts_simplify(state, op);
        for (uint32_t j = before; table && j < folded.ops.count; j++) {
            ts_op_node *same = can_merge(folded.ops.data[j]) ? ts_cse_find(table, folded.ops.data[j]) : NULL;
            if (same && value == folded.ops.data[j]->results[0]) value = same->results[0];
        }
        if (value) {
            op->results[0]->note = value;
            continue;
        }
        ts_op_node *same = table && can_merge(op) ? ts_cse_find(table, op) : NULL;
        for (uint32_t j = 0; same && j < op->result_count; j++)
            op->results[j]->note = same->results[j];
        if (!same) ts_vec_push(&folded.ops, &state->module->arena, op);
    }
    ts_block_take_ops(block, &folded);
    state->block = outer;
}

/* Drops ops that nothing needs, from the last to the first. */
static void drop_dead(ts_block *block, uint8_t *is_live) {
    uint32_t kept = block->ops.count;
    for (uint32_t i = block->ops.count; i-- > 0;) {
        ts_op_node *op = block->ops.data[i];
        bool is_needed = has_effect(op);
        for (uint32_t j = 0; j < op->result_count && !is_needed; j++)
            is_needed = is_live[op->results[j]->id];
        if (!is_needed) continue;
        for (uint32_t j = 0; j < op->operand_count; j++)
            is_live[op->operands[j]->id] = 1;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) drop_dead(op->regions[j], is_live);
        block->ops.data[--kept] = op;
    }
    uint32_t count = block->ops.count - kept;
    if (count) memmove(block->ops.data, block->ops.data + kept, count * sizeof *block->ops.data);
    block->ops.count = count;
}

ts_status ts_fold(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    ts_arena scratch = {0};
    ts_fold_state state = {.module = module, .func = main, .uses_count = main->value_count};
    state.uses = ts_count_uses(main, &scratch);
    ts_block_clear_notes(main->body);
    fold_block(&state, main->body, true);
    drop_dead(main->body, TS_NEW_ARRAY(&scratch, uint8_t, main->value_count));
    ts_block_clear_notes(main->body);
    ts_arena_free(&scratch);
    return ts_ok;
}

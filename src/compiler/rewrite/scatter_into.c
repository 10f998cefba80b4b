/* Pass: a + scatter(zeros, indices, updates) becomes scatter(a, indices, updates). The gradient of a gather,
   such as a loss that picks the logit of each label, is an array of zeros except for the gathered elements.
   After this pass that array need not be filled, stored and loaded just to be added. */
#include "compiler/lower/lower_scatter.h"
#include "compiler/passes.h"

/* The op that defines `value`, if it is an adding scatter into zeros and `value` has no other use; else NULL.
   `uses` is the number of uses of each value, by id. */
static ts_op_node *scatter_of(const uint32_t *uses, const ts_value *value) {
    ts_op_node *op = value->def;
    ts_alu alu;
    if (!op || op->kind != ts_hlo_scatter || op->operand_count != 3 || uses[value->id] != 1) return NULL;
    bool is_sum = ts_scatter_alu(op, &alu) && alu == ts_alu_add;
    return is_sum && ts_constant_is(op->operands[0], 0) ? op : NULL;
}

static bool reads(const ts_op_node *op, const ts_value *value) {
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (op->operands[i] == value) return true;
    return false;
}

/* Whether the value is stored in HBM anyway: all its `uses` uses are by ops from position `from` on that read
   stored tensors, such as contractions, and none is by an op that could be fused with its computation. */
static bool is_stored(const ts_block *block, uint32_t from, const ts_value *value, uint32_t uses) {
    for (uint32_t i = from; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        if (!reads(op, value)) continue;
        bool is_whole = op->kind == ts_hlo_dot_general || op->kind == ts_hlo_convolution ||
                        op->kind == ts_hlo_scatter || op->kind == ts_hlo_gather;
        if (!is_whole) return false;
        for (uint32_t j = 0; j < op->operand_count; j++)
            uses -= op->operands[j] == value;
    }
    return uses == 0;
}

static bool is_in(const ts_block *block, uint32_t before, const ts_op_node *op) {
    for (uint32_t i = 0; i < before; i++)
        if (block->ops.data[i] == op) return true;
    return false;
}

/* Turns the sum at position `at` into a scatter into the other summand and removes the original scatter from
   the block, which shifts the later ops. Returns false, with nothing changed, if the sum does not qualify. */
static bool join(const uint32_t *uses, ts_block *block, uint32_t at) {
    ts_op_node *sum = block->ops.data[at];
    if (sum->kind != ts_hlo_add) return false;
    ts_op_node *scatter = scatter_of(uses, sum->operands[1]);
    ts_value *into = sum->operands[scatter ? 0 : 1];
    if (!scatter) scatter = scatter_of(uses, sum->operands[0]);
    const ts_value *result = sum->results[0];
    if (!scatter || !into->def || !ts_hlo_is_pointwise(into->def->kind) || uses[into->id] != 1 ||
        !is_in(block, at, scatter) || !is_stored(block, at + 1, result, uses[result->id]))
        return false;
    scatter->operands[0] = into;
    sum->kind = ts_hlo_scatter;
    sum->loc = scatter->loc;
    sum->operand_count = scatter->operand_count;
    sum->operands = scatter->operands;
    sum->attr_count = scatter->attr_count;
    sum->attrs = scatter->attrs;
    sum->region_count = scatter->region_count;
    sum->regions = scatter->regions;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < block->ops.count; i++)
        if (block->ops.data[i] != scatter) block->ops.data[kept++] = block->ops.data[i];
    block->ops.count = kept;
    return true;
}

static void walk(const uint32_t *uses, ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) walk(uses, op->regions[j]);
        if (join(uses, block, i)) i--;
    }
}

ts_status ts_scatter_into(ts_module *module, ts_func *main, ts_diag *diag) {
    ts_arena scratch = {0};
    (void)module, (void)diag;
    walk(ts_count_uses(main, &scratch), main->body);
    ts_arena_free(&scratch);
    return ts_ok;
}

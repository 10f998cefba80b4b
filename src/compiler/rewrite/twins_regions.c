/* Values of 64 bits that enter and leave regions: operands and results of loops, conditions and the like, the
   arguments of their regions and what these return. The graph on both sides of the border keeps whole values,
   which a pass's form opens and closes there. */
#include "compiler/rewrite/twins.h"

/* Room for the values of an op or a block when each may become two. */
typedef struct values {
    ts_value **data;
    uint32_t count;
} values;

static values new_values(ts_maker *m, uint32_t count) {
    return (values){TS_NEW_ARRAY(&m->module->arena, ts_value *, 2 * (size_t)count + 1), 0};
}

static void open_operands(ts_maker *m, ts_op_node *op, const ts_twins_form *form) {
    values parts = new_values(m, op->operand_count);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_value *operand = op->operands[i];
        bool is_whole = form->is_whole(operand);
        if (is_whole) form->open(m, operand, &parts.data[parts.count]);
        if (!is_whole) parts.data[parts.count] = operand;
        parts.count += is_whole ? (uint32_t)form->count : 1;
    }
    op->operands = parts.data;
    op->operand_count = parts.count;
}

/* The block's arguments in that form; its first ops close them again. */
static void open_arguments(ts_maker *m, ts_block *block, const ts_twins_form *form) {
    ts_block front = {0};
    ts_maker inside = {.module = m->module, .func = m->func, .block = &front, .loc = m->loc};
    values args = new_values(m, block->arg_count);
    for (uint32_t i = 0; i < block->arg_count; i++) {
        ts_value *arg = block->args[i], **parts = &args.data[args.count];
        bool is_whole = form->is_whole(arg);
        ts_type type = is_whole ? form->type(&arg->type) : arg->type;
        for (int p = 0; p < (is_whole ? form->count : 1); p++) {
            parts[p] = is_whole ? ts_value_new(m->module, m->func, &type) : arg;
            parts[p]->index = args.count++;
        }
        if (is_whole) ts_block_replace_uses(block, arg, form->close(&inside, parts, &arg->type));
    }
    for (uint32_t i = 0; i < block->ops.count; i++)
        ts_vec_push(&front.ops, &m->module->arena, block->ops.data[i]);
    ts_block_take_ops(block, &front);
    block->args = args.data;
    block->arg_count = args.count;
}

static void open_region(ts_maker *m, ts_block *block, const ts_twins_form *form) {
    open_arguments(m, block, form);
    ts_op_node *last = block->ops.data[--block->ops.count];
    ts_maker inside = {.module = m->module, .func = m->func, .block = block, .loc = last->loc};
    open_operands(&inside, last, form);
    ts_vec_push(&block->ops, &m->module->arena, last);
}

void ts_twins_carry(ts_maker *m, ts_op_node *op, const ts_twins_form *form) {
    ts_type *types = TS_NEW_ARRAY(&m->module->arena, ts_type, 2 * (size_t)op->result_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < op->result_count; i++) {
        bool is_whole = form->is_whole(op->results[i]);
        for (int p = 0; p < (is_whole ? form->count : 1); p++)
            types[count++] = is_whole ? form->type(&op->results[i]->type) : op->results[i]->type;
    }
    open_operands(m, op, form);
    ts_op_node *copy = ts_op_new(m->module, m->func, (ts_hlo)op->kind, op->loc, op->operand_count,
                                 op->operands, count, types, op->attr_count, op->attrs, op->region_count);
    for (uint32_t r = 0; r < op->region_count; r++) {
        copy->regions[r] = op->regions[r];
        if (copy->regions[r]) open_region(m, copy->regions[r], form);
    }
    ts_vec_push(&m->block->ops, &m->module->arena, copy);
    ts_value **parts = copy->results;
    for (uint32_t i = 0; i < op->result_count; i++) {
        bool is_whole = form->is_whole(op->results[i]);
        op->results[i]->note = is_whole ? form->close(m, parts, &op->results[i]->type) : parts[0];
        parts += is_whole ? form->count : 1;
    }
}

bool ts_twins_any(const ts_op_node *op, bool (*is_whole)(const ts_value *value)) {
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (is_whole(op->operands[i])) return true;
    for (uint32_t i = 0; i < op->result_count; i++)
        if (is_whole(op->results[i])) return true;
    return false;
}

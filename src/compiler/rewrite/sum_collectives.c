/* A sum of several all_reduce results becomes one all_reduce of the ranks' own sums. In tensor-parallel
   layers, the gradient of an input that several products share is such a sum. Floats are added in another
   order then. */
#include <string.h>

#include "compiler/graph/graph_make.h"
#include "compiler/passes.h"

typedef struct summer {
    ts_module *module;
    ts_func *main;
    uint32_t *uses; /* by value id; values made later have one reader */
    uint32_t known;
    uint32_t block,
        blocks; /* number of the current block, and of blocks seen; an op's `number` is that of its block */
} summer;

/* The op that makes the value, if it has this kind, is in this block, and the value has one reader; otherwise
   NULL. */
static ts_op_node *only(const summer *s, const ts_value *value, unsigned kind) {
    bool is_single = value->id >= s->known || s->uses[value->id] == 1;
    ts_op_node *op = value->def;
    return is_single && op && op->kind == kind && op->number == s->block ? op : NULL;
}

static ts_op_node *joined_sum(const summer *s, const ts_value *value) {
    ts_op_node *op = only(s, value, ts_hlo_all_reduce);
    return op && strcmp(ts_op_string(op, "op"), "add") == 0 ? op : NULL;
}

/* The terms of a sum: two all_reduces over the same groups and possibly another value. */
typedef struct terms {
    ts_op_node *a, *b;
    ts_op_node *inner; /* the inner sum of a and `other`; NULL if there is no other value */
    ts_value *other;
} terms;

static bool find_terms(const summer *s, const ts_op_node *op, terms *t) {
    for (int i = 0; i < 2; i++) {
        t->b = joined_sum(s, op->operands[i]);
        if (!t->b) continue;
        t->inner = NULL;
        t->a = joined_sum(s, op->operands[1 - i]);
        ts_op_node *inner = only(s, op->operands[1 - i], ts_hlo_add);
        for (int j = 0; inner && !t->a && j < 2; j++) {
            t->a = joined_sum(s, inner->operands[j]);
            t->inner = inner;
            t->other = inner->operands[1 - j];
        }
        if (t->a && t->a != t->b && ts_attr_equal(ts_op_attr(t->a, "ranks"), ts_op_attr(t->b, "ranks")))
            return true;
    }
    return false;
}

/* Marks an op as replaced; it is left out when the block is put together. */
static void drop(ts_op_node *op) {
    op->kind = ts_hlo_none;
}

static void put_sum(summer *s, ts_block *out, ts_op_node *op, const terms *t) {
    ts_maker m = {.module = s->module, .func = s->main, .block = out, .loc = t->b->loc};
    ts_value *own = ts_make_binary(&m, ts_hlo_add, t->a->operands[0], t->b->operands[0]);
    ts_op_node *joined = ts_op_new(s->module, s->main, ts_hlo_all_reduce, t->b->loc, 1, &own, 1, &own->type,
                                   t->b->attr_count, t->b->attrs, 0);
    ts_vec_push(&out->ops, &s->module->arena, joined);
    joined->number = s->block;
    drop(t->a);
    drop(t->b);
    if (t->inner) {
        drop(t->inner);
        op->operands[0] = t->other;
        op->operands[1] = joined->results[0];
    } else { /* the op keeps its own result, for its readers */
        op->kind = ts_hlo_reshape;
        op->operand_count = 1;
        op->operands[0] = joined->results[0];
    }
    ts_vec_push(&out->ops, &s->module->arena, op);
}

static void sum_block(summer *s, ts_block *block) {
    ts_block out = {0};
    uint32_t kept = 0, number = ++s->blocks;
    for (uint32_t i = 0; i < block->ops.count; i++)
        block->ops.data[i]->number = number;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        terms t;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) sum_block(s, op->regions[j]);
        s->block = number;
        if (op->kind == ts_hlo_add && find_terms(s, op, &t))
            put_sum(s, &out, op, &t);
        else
            ts_vec_push(&out.ops, &s->module->arena, op);
    }
    for (uint32_t i = 0; i < out.ops.count; i++)
        if (out.ops.data[i]->kind != ts_hlo_none) out.ops.data[kept++] = out.ops.data[i];
    out.ops.count = kept;
    ts_block_take_ops(block, &out);
}

ts_status ts_sum_collectives(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    ts_arena scratch = {0};
    summer s = {.module = module, .main = main, .known = main->value_count};
    s.uses = ts_count_uses(main, &scratch);
    sum_block(&s, main->body);
    ts_arena_free(&scratch);
    return ts_ok;
}

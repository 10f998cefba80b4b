/* The walk that replaces ops by others that compute them. */
#include "compiler/rewrite/expand.h"

#include "compiler/passes.h"

typedef struct expansion {
    ts_module *module;
    ts_func *main;
    ts_expander *const *expanders;
    int count;
    ts_diag *diag;
} expansion;

static ts_status expand_op(const expansion *e, ts_block *out, ts_op_node *op) {
    ts_maker make = {.module = e->module, .func = e->main, .block = out, .loc = op->loc};
    for (int i = 0; i < e->count; i++) {
        TS_TRY(e->expanders[i](&make, op, e->diag));
        if (op->result_count > 0 && op->results[0]->note) return ts_ok;
    }
    ts_vec_push(&out->ops, &e->module->arena, op);
    return ts_ok;
}

static ts_status expand_block(const expansion *e, ts_block *block) {
    ts_block out = {0};
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->operand_count; j++)
            if (op->operands[j]->note) op->operands[j] = op->operands[j]->note;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) TS_TRY(expand_block(e, op->regions[j]));
        TS_TRY(expand_op(e, &out, op));
    }
    ts_block_take_ops(block, &out);
    return ts_ok;
}

ts_status ts_expand_ops(ts_module *module, ts_func *main, ts_expander *const *expanders, int count,
                        ts_diag *diag) {
    expansion e = {.module = module, .main = main, .expanders = expanders, .count = count, .diag = diag};
    ts_block_clear_notes(main->body);
    TS_TRY(expand_block(&e, main->body));
    ts_block_clear_notes(main->body);
    return ts_ok;
}

ts_status ts_expand(ts_module *module, ts_func *main, ts_diag *diag) {
    static ts_expander *const list[] = {ts_expand_static,     ts_expand_rng,  ts_expand_reduce,
                                        ts_expand_scatter,    ts_expand_qr,   ts_expand_cholesky,
                                        ts_expand_triangular, ts_expand_norm, ts_expand_resize};
    return ts_expand_ops(module, main, list, sizeof list / sizeof *list, diag);
}

ts_status ts_expand_ranks(ts_module *module, ts_func *main, ts_diag *diag) {
    static ts_expander *const list[] = {ts_expand_collectives};
    return ts_expand_ops(module, main, list, 1, diag);
}

ts_status ts_expand_sorts(ts_module *module, ts_func *main, ts_diag *diag) {
    static ts_expander *const list[] = {ts_expand_top};
    return ts_expand_ops(module, main, list, 1, diag);
}

ts_status ts_split_integers(ts_module *module, ts_func *main, ts_diag *diag) {
    static ts_expander *const limbs[] = {ts_expand_limbs}, *const wide[] = {ts_expand_wide};
    static ts_expander *const rows[] = {ts_expand_wide_rows};
    TS_TRY(ts_expand_ops(module, main, limbs, 1, diag));
    TS_TRY(ts_expand_ops(module, main, rows, 1, diag));
    return ts_expand_ops(module, main, wide, 1, diag);
}

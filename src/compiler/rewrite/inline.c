/* Inlining: replaces calls and composites by the ops of the functions that they call, so that later passes
   see one function. */
#include <string.h>

#include "compiler/passes.h"

enum { MAX_DEPTH = 64, MAX_OPS = 1 << 22, PLACES = 1 << 10 };

/* A location of a callee, as called from one caller. */
typedef struct placed {
    struct placed *next;
    uint32_t loc, caller, result;
} placed;

typedef struct inliner {
    ts_module *module;
    ts_func *main; /* new values get ids of this function */
    ts_diag *diag;
    const ts_func *active[MAX_DEPTH]; /* functions that are being inlined, outermost first */
    int depth;
    uint32_t op_count;
    placed *places[PLACES]; /* hash table */
} inliner;

static ts_status put_block(inliner *in, const ts_block *from, ts_block *to, uint32_t caller);

/* Looks up the operands' copies; a callee's value holds its copy in its note. */
static ts_status map_operands(inliner *in, const ts_op_node *op, ts_value **out) {
    for (uint32_t i = 0; i < op->operand_count; i++) {
        out[i] = op->operands[i]->note;
        if (!out[i])
            return ts_op_fail(in->module, op, in->diag, ts_input, "operand %u is used before it is computed",
                              i);
    }
    return ts_ok;
}

static bool has_file(const ts_module *module, uint32_t loc) {
    return loc != 0 && loc < module->locs.count && module->locs.data[loc].file[0] != '\0';
}

/* The names that JAX gives to operations of an outlined function start at that function. The caller's name is
   put in front, unless the name starts at the program already. */
static const char *join_names(inliner *in, const char *caller, const char *name) {
    size_t root = strcspn(caller, "/");
    if (!name[0] || !caller[root] || strncmp(name, caller, root + 1) == 0) return name;
    return ts_arena_format(&in->module->arena, "%s/%s", caller, name);
}

/* The location of a copied op: its own, under the name of its caller. */
static uint32_t place_of(inliner *in, uint32_t loc, uint32_t caller) {
    ts_module *module = in->module;
    if (!has_file(module, loc)) return caller;
    if (caller == 0) return loc;
    ts_loc row = module->locs.data[loc];
    const char *name = join_names(in, module->locs.data[caller].name, row.name);
    if (name == row.name) return loc;
    placed **at = &in->places[(loc * 2654435761u ^ caller * 40503u) % PLACES];
    for (; *at; at = &(*at)->next)
        if ((*at)->loc == loc && (*at)->caller == caller) return (*at)->result;
    row.name = name;
    if (row.parent == 0) row.parent = caller + 1;
    *at = TS_NEW(&module->arena, placed);
    **at = (placed){.loc = loc, .caller = caller, .result = module->locs.count};
    ts_vec_push(&module->locs, &module->arena, row);
    return module->locs.count - 1;
}

/* Copies a region to a new block with arguments of its own. */
static ts_status copy_region(inliner *in, const ts_block *from, ts_block **copy, uint32_t caller) {
    *copy = NULL;
    if (!from) return ts_ok;
    ts_block *block = TS_NEW(&in->module->arena, ts_block);
    block->arg_count = from->arg_count;
    block->args = TS_NEW_ARRAY(&in->module->arena, ts_value *, from->arg_count);
    for (uint32_t i = 0; i < from->arg_count; i++) {
        block->args[i] = ts_value_new(in->module, in->main, &from->args[i]->type);
        block->args[i]->index = i;
        from->args[i]->note = block->args[i];
    }
    *copy = block;
    return put_block(in, from, block, caller);
}

static ts_status put_copy(inliner *in, const ts_op_node *op, ts_block *to, uint32_t caller) {
    ts_arena *arena = &in->module->arena;
    ts_value **operands = TS_NEW_ARRAY(arena, ts_value *, op->operand_count);
    ts_type *types = TS_NEW_ARRAY(arena, ts_type, op->result_count);
    TS_TRY(map_operands(in, op, operands));
    for (uint32_t i = 0; i < op->result_count; i++)
        types[i] = op->results[i]->type;
    if (++in->op_count > MAX_OPS)
        return ts_fail(in->diag, ts_capacity, "the program inlines to more than %d operations", MAX_OPS);
    ts_op_node *copy =
        ts_op_new(in->module, in->main, (ts_hlo)op->kind, place_of(in, op->loc, caller), op->operand_count,
                  operands, op->result_count, types, op->attr_count, op->attrs, op->region_count);
    for (uint32_t i = 0; i < op->region_count; i++)
        TS_TRY(copy_region(in, op->regions[i], &copy->regions[i], in->depth ? caller : copy->loc));
    for (uint32_t i = 0; i < op->result_count; i++)
        op->results[i]->note = copy->results[i];
    ts_vec_push(&to->ops, arena, copy);
    return ts_ok;
}

/* Inlines a call: the callee's arguments are replaced by the operands, and the call's results by what the
   callee returns. */
static ts_status put_call(inliner *in, const ts_op_node *op, const char *symbol, ts_block *to,
                          uint32_t caller) {
    const ts_func *callee = ts_module_func(in->module, symbol);
    if (!callee || !callee->body || callee->body->ops.count == 0)
        return ts_op_fail(in->module, op, in->diag, ts_input, "no function @%s", symbol);
    for (int i = 0; i < in->depth; i++)
        if (in->active[i] == callee)
            return ts_op_fail(in->module, op, in->diag, ts_unsupported, "@%s calls itself", symbol);
    const ts_block *body = callee->body;
    const ts_op_node *last = ts_block_last(body);
    if (in->depth == MAX_DEPTH || body->arg_count != op->operand_count || last->kind != ts_hlo_return ||
        last->operand_count != op->result_count)
        return ts_op_fail(in->module, op, in->diag, ts_input, "the call does not fit @%s", symbol);
    ts_value **operands = TS_NEW_ARRAY(&in->module->arena, ts_value *, op->operand_count);
    TS_TRY(map_operands(in, op, operands));
    for (uint32_t i = 0; i < body->arg_count; i++) {
        if (!ts_type_equal(&body->args[i]->type, &op->operands[i]->type))
            return ts_op_fail(in->module, op, in->diag, ts_input, "operand %u does not fit @%s", i, symbol);
        body->args[i]->note = operands[i];
    }
    in->active[in->depth++] = callee;
    TS_TRY(put_block(in, body, to, place_of(in, op->loc, caller)));
    in->depth--;
    for (uint32_t i = 0; i < op->result_count; i++) {
        ts_value *value = last->operands[i]->note;
        if (!value || !ts_type_equal(&value->type, &op->results[i]->type))
            return ts_op_fail(in->module, op, in->diag, ts_input, "result %u does not fit @%s", i, symbol);
        op->results[i]->note = value;
    }
    return ts_ok;
}

/* Composites and custom calls of JAX and PyTorch that one instruction computes: erf. */
static ts_hlo named_op(const ts_op_node *op) {
    static const struct {
        const char *name;
        ts_hlo kind;
    } rows[] = {{"chlo.erf", ts_hlo_erf}, {"mhlo.erf", ts_hlo_erf}};
    if (op->operand_count != 1 || op->result_count != 1 ||
        !ts_type_equal(&op->operands[0]->type, &op->results[0]->type) ||
        ts_dtype_get(op->operands[0]->type.dtype)->kind != 'f')
        return ts_hlo_none;
    const char *name = ts_op_string(op, op->kind == ts_hlo_composite ? "name" : "call_target_name");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0) return rows[i].kind;
    return ts_hlo_none;
}

static bool calls_nothing(const ts_block *block) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        unsigned kind = block->ops.data[i]->kind;
        if (kind == ts_hlo_call || kind == ts_hlo_composite || kind == ts_hlo_custom_call) return false;
        if (block->ops.data[i]->region_count > 0) return false;
    }
    return true;
}

/* A custom call that names one computation gets it as its region. */
static ts_status put_custom_call(inliner *in, const ts_op_node *op, ts_block *to, uint32_t caller) {
    const ts_attr *called = ts_op_attr(op, "called_computations");
    if (!called || called->kind != ts_attr_array || called->count != 1 || op->region_count > 0 ||
        called->array[0]->kind != ts_attr_string)
        return put_copy(in, op, to, caller);
    const ts_func *callee = ts_module_func(in->module, called->array[0]->string);
    if (!callee || !callee->body || !calls_nothing(callee->body)) return put_copy(in, op, to, caller);
    ts_op_node whole = *op;
    ts_block *region = callee->body;
    whole.region_count = 1;
    whole.regions = &region;
    return put_copy(in, &whole, to, caller);
}

static ts_status put_op(inliner *in, const ts_op_node *op, ts_block *to, uint32_t caller) {
    bool is_composite = op->kind == ts_hlo_composite;
    if (op->kind == ts_hlo_call) return put_call(in, op, ts_op_string(op, "callee"), to, caller);
    if (!is_composite && op->kind != ts_hlo_custom_call) return put_copy(in, op, to, caller);
    ts_hlo kind = named_op(op);
    if (kind == ts_hlo_none)
        return is_composite ? put_call(in, op, ts_op_string(op, "decomposition"), to, caller)
                            : put_custom_call(in, op, to, caller);
    ts_op_node plain = *op;
    plain.kind = (uint16_t)kind;
    plain.attr_count = 0;
    return put_copy(in, &plain, to, caller);
}

/* Copies the ops of a block, without the return if it is a function's body. */
static ts_status put_block(inliner *in, const ts_block *from, ts_block *to, uint32_t caller) {
    const ts_func *func = in->depth ? in->active[in->depth - 1] : NULL;
    bool is_body = func && func->body == from;
    for (uint32_t i = 0; i < from->ops.count; i++) {
        if (is_body && i + 1 == from->ops.count) break;
        TS_TRY(put_op(in, from->ops.data[i], to, caller));
    }
    return ts_ok;
}

ts_status ts_inline(ts_module *module, ts_func *main, ts_diag *diag) {
    inliner in = {.module = module, .main = main, .diag = diag};
    ts_block *body = TS_NEW(&module->arena, ts_block);
    body->arg_count = main->body->arg_count;
    body->args = main->body->args;
    for (uint32_t i = 0; i < body->arg_count; i++)
        body->args[i]->note = body->args[i];
    TS_TRY(put_block(&in, main->body, body, 0));
    main->body = body;
    module->funcs.data[0] = main;
    module->funcs.count = 1;
    return ts_ok;
}

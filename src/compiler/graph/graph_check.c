/* The module check. It covers what every pass relies on: scopes, types, terminators, calls, and then each
   operation by the rules of its family (check_*.c). */
#include "compiler/graph/graph_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/unit.h"

enum {
    MAX_DEPTH = 256,           /* nesting of regions and calls, over which passes recurse */
    MAX_INLINED_OPS = 1 << 21, /* operations of a function after all calls are inlined */
    MAX_BYTES_LOG2 = 46 /* size of a tensor; empty dimensions count as 1 so that strides cannot overflow */
};

static const char STATIC_SHAPES[] = "export the program with static shapes";

typedef enum visit { unvisited, running, visited } visit;

/* The size of a function after inlining. */
typedef struct func_cost {
    visit state;
    uint64_t ops;
    int depth;
} func_cost;

typedef struct checker {
    ts_check check; /* of the operation being checked */
    ts_arena arena;
    const ts_value **defined; /* by value id, for the function being checked; NULL = not in scope */
    const ts_func **sorted;   /* the module's functions, by name */
    func_cost *costs;         /* in the order of `sorted` */
    const ts_func *func;
    int nesting; /* regions and calls around the operation whose cost is counted */
} checker;

static ts_status walk_func(checker *c, uint32_t index, func_cost *cost);

static ts_status fail_func(checker *c, const ts_func *func, ts_status status, const char *what) {
    return ts_fail(c->check.diag, status, "function @%.64s %s", func->name, what);
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const ts_func *const *)a)->name, (*(const ts_func *const *)b)->name);
}

static int64_t find_func(const checker *c, const char *name) {
    uint32_t low = 0, high = c->check.module->funcs.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(name, c->sorted[middle]->name);
        if (order == 0) return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* What is wrong with a value's type and the status for it, or NULL. */
static const char *type_fault(const ts_type *type, ts_status *status) {
    *status = ts_input;
    if (type->kind == ts_type_token || type->kind == ts_type_tuple) return NULL;
    if (type->kind != ts_type_tensor) return "has a type that is no tensor";
    if (type->dtype == ts_dtype_none || type->dtype >= ts_dtype_count) return "has no element type";
    if (type->rank > TS_MAX_RANK) return "has too many dimensions";
    int64_t bytes = ts_dtype_get((ts_dtype)type->dtype)->bytes;
    for (int i = 0; i < type->rank; i++) {
        if (type->dim[i] < -1) return "has a negative dimension";
        *status = ts_unsupported;
        if (type->dim[i] < 0) return "has a dimension that is known only at run time";
        *status = ts_capacity;
        if (__builtin_mul_overflow(bytes, type->dim[i] ? type->dim[i] : 1, &bytes) || bytes >> MAX_BYTES_LOG2)
            return "is larger than 2^46 bytes";
        *status = ts_input;
    }
    return NULL;
}

static ts_status op_type_fault(checker *c, const char *fault, ts_status status, const ts_type *type) {
    ts_op_fail(c->check.module, c->check.op, c->check.diag, status, "a value of type %s %s",
               ts_type_name(type).text, fault);
    if (status == ts_unsupported) ts_diag_remedy(c->check.diag, "%s", STATIC_SHAPES);
    if (status == ts_capacity)
        ts_diag_remedy(c->check.diag, "%s", "use smaller shapes: no chip's HBM holds this");
    return status;
}

static ts_status define(checker *c, const ts_value *value) {
    ts_status status;
    const char *fault = type_fault(&value->type, &status);
    if (fault) {
        if (c->check.op) return op_type_fault(c, fault, status, &value->type);
        ts_fail(c->check.diag, status, "argument %u of @%.64s %s: %s", value->index, c->func->name, fault,
                ts_type_name(&value->type).text);
        if (status == ts_unsupported) ts_diag_remedy(c->check.diag, "%s", STATIC_SHAPES);
        return status;
    }
    if (value->id >= c->func->value_count || c->defined[value->id])
        return fail_func(c, c->func, ts_input, "uses a value number twice");
    c->defined[value->id] = value;
    return ts_ok;
}

static void forget_block(checker *c, const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        c->defined[block->args[i]->id] = NULL;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->result_count; j++)
            c->defined[op->results[j]->id] = NULL;
    }
}

static const int8_t operand_counts[ts_hlo_count] = {
#define HLO(name, operands, class) [ts_hlo_##name] = operands,
#include "compiler/graph/hlo.def"
};

typedef enum op_class { class_none, class_pointwise, class_view, class_own, class_control } op_class;
static const uint8_t op_classes[ts_hlo_count] = {
#define HLO(name, operands, class) [ts_hlo_##name] = class_##class,
#include "compiler/graph/hlo.def"
};

/* How many regions an operation must have; -1 = any number. */
static int region_count(unsigned kind) {
    switch (kind) {
    case ts_hlo_if:
    case ts_hlo_select_and_scatter:
    case ts_hlo_while: return 2;
    case ts_hlo_all_reduce:
    case ts_hlo_map:
    case ts_hlo_reduce:
    case ts_hlo_reduce_scatter:
    case ts_hlo_reduce_window:
    case ts_hlo_scatter:
    case ts_hlo_sdy_manual_computation:
    case ts_hlo_sort: return 1;
    case ts_hlo_case:
    case ts_hlo_composite:
    case ts_hlo_custom_call:
    case ts_hlo_sdy_other: return -1;
    default: return 0;
    }
}

static bool has_one_result(unsigned kind) {
    switch (kind) {
    case ts_hlo_bitcast_convert:
    case ts_hlo_collective_broadcast:
    case ts_hlo_collective_permute:
    case ts_hlo_concatenate:
    case ts_hlo_constant:
    case ts_hlo_convolution:
    case ts_hlo_dot_general:
    case ts_hlo_dynamic_slice:
    case ts_hlo_dynamic_update_slice:
    case ts_hlo_gather:
    case ts_hlo_pad:
    case ts_hlo_partition_id:
    case ts_hlo_rank:
    case ts_hlo_reduce_scatter:
    case ts_hlo_replica_id:
    case ts_hlo_sdy_sharding_constraint:
    case ts_hlo_select_and_scatter: return true;
    default: return op_classes[kind] == class_pointwise || op_classes[kind] == class_view;
    }
}

static bool is_terminator(const ts_op_node *op) {
    return op->kind == ts_hlo_return || op->kind == ts_hlo_sdy_return;
}

static ts_status check_operands(checker *c) {
    const ts_op_node *op = c->check.op;
    bool needs_tensors = op_classes[op->kind] != class_none && op_classes[op->kind] != class_control;
    for (uint32_t i = 0; i < op->operand_count; i++) {
        const ts_value *value = op->operands[i];
        if (value->id >= c->func->value_count || c->defined[value->id] != value)
            return ts_check_fail(&c->check,
                                 "operand %u is used before its definition or outside of its scope", i);
        if (needs_tensors && value->type.kind != ts_type_tensor)
            return ts_check_fail(&c->check, "operand %u is a %s", i, ts_type_name(&value->type).text);
    }
    for (uint32_t i = 0; i < op->result_count; i++) {
        ts_status status;
        const char *fault = type_fault(&op->results[i]->type, &status);
        if (fault) return op_type_fault(c, fault, status, &op->results[i]->type);
        if (needs_tensors && op->results[i]->type.kind != ts_type_tensor)
            return ts_check_fail(&c->check, "a result is a %s", ts_type_name(&op->results[i]->type).text);
        if (op->results[i]->def != op || op->results[i]->index != i)
            return ts_check_fail(&c->check, "result %u belongs to another operation", i);
    }
    return ts_ok;
}

static ts_status check_counts(checker *c) {
    const ts_op_node *op = c->check.op;
    if (op->kind == ts_hlo_none || op->kind >= ts_hlo_count) return ts_check_fail(&c->check, "no operation");
    int operands = operand_counts[op->kind], regions = region_count(op->kind);
    if (operands >= 0 && op->operand_count != (uint32_t)operands)
        return ts_check_fail(&c->check, "%u operands and must have %d", op->operand_count, operands);
    if (regions >= 0 && op->region_count != (uint32_t)regions)
        return ts_check_fail(&c->check, "%u regions and must have %d", op->region_count, regions);
    if (op->kind == ts_hlo_case && op->region_count == 0) return ts_check_fail(&c->check, "no branches");
    if (has_one_result(op->kind) && op->result_count != 1)
        return ts_check_fail(&c->check, "%u results and must have 1", op->result_count);
    if (is_terminator(op) && op->result_count) return ts_check_fail(&c->check, "a terminator with results");
    for (uint32_t i = 0; i < op->region_count; i++)
        if (!op->regions[i] || op->regions[i]->ops.count == 0)
            return ts_check_fail(&c->check, "region %u is empty", i);
    return check_operands(c);
}

static ts_status check_family(const ts_check *check) {
    switch (check->op->kind) {
    case ts_hlo_concatenate:
    case ts_hlo_pad:
    case ts_hlo_dynamic_slice:
    case ts_hlo_dynamic_update_slice: return ts_check_joining(check);
    case ts_hlo_dot_general: return ts_check_dot(check);
    case ts_hlo_convolution: return ts_check_convolution(check);
    case ts_hlo_gather: return ts_check_gather(check);
    case ts_hlo_scatter: return ts_check_scatter(check);
    case ts_hlo_reduce:
    case ts_hlo_reduce_window:
    case ts_hlo_select_and_scatter:
    case ts_hlo_sort: return ts_check_reduction(check);
    case ts_hlo_while:
    case ts_hlo_if:
    case ts_hlo_case:
    case ts_hlo_optimization_barrier:
    case ts_hlo_rng_bit_generator: return ts_check_control(check);
    case ts_hlo_batch_norm_grad:
    case ts_hlo_batch_norm_inference:
    case ts_hlo_batch_norm_training: return ts_check_norm(check);
    case ts_hlo_all_gather:
    case ts_hlo_all_reduce:
    case ts_hlo_all_to_all:
    case ts_hlo_collective_broadcast:
    case ts_hlo_collective_permute:
    case ts_hlo_partition_id:
    case ts_hlo_rank:
    case ts_hlo_reduce_scatter:
    case ts_hlo_replica_id: return ts_check_collective(check);
    case ts_hlo_constant:
    case ts_hlo_bitcast_convert:
    case ts_hlo_sdy_sharding_constraint: return ts_check_view(check);
    default: break;
    }
    if (op_classes[check->op->kind] == class_pointwise) return ts_check_elementwise(check);
    if (op_classes[check->op->kind] == class_view) return ts_check_view(check);
    return ts_ok;
}

/* Checks a call's operands and results against the function, and adds the callee's cost to the caller's. */
static ts_status check_call(checker *c, int depth, func_cost *cost) {
    const ts_op_node *op = c->check.op;
    const char *name = ts_op_string(op, op->kind == ts_hlo_call ? "callee" : "decomposition");
    int64_t index = find_func(c, name);
    if (index < 0) return ts_check_fail(&c->check, "calls @%.64s, which does not exist", name);
    const ts_func *callee = c->sorted[index];
    if (callee->body->arg_count != op->operand_count || callee->result_count != op->result_count)
        return ts_check_fail(&c->check, "@%.64s takes %u and gives %u values; called with %u and %u", name,
                             callee->body->arg_count, callee->result_count, op->operand_count,
                             op->result_count);
    for (uint32_t i = 0; i < op->operand_count; i++)
        TS_TRY(ts_check_same(&c->check, &op->operands[i]->type, &callee->body->args[i]->type, "an operand"));
    for (uint32_t i = 0; i < op->result_count; i++)
        TS_TRY(ts_check_same(&c->check, &op->results[i]->type, &callee->result_types[i], "a result"));
    ts_check caller = c->check;
    const ts_func *func = c->func;
    func_cost inner;
    TS_TRY(walk_func(c, (uint32_t)index, &inner));
    c->check = caller;
    c->func = func;
    cost->ops += inner.ops;
    if (cost->depth < depth + inner.depth) cost->depth = depth + inner.depth;
    return ts_ok;
}

static ts_status fail_nesting(checker *c) {
    return ts_op_fail(c->check.module, c->check.op, c->check.diag, ts_unsupported,
                      "regions and calls nest deeper than %d", MAX_DEPTH);
}

static ts_status walk_costs(checker *c, const ts_block *block, int depth, func_cost *cost) {
    if (++c->nesting > MAX_DEPTH) return fail_nesting(c);
    if (cost->depth < depth) cost->depth = depth;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        c->check.op = op;
        cost->ops++;
        if (op->kind == ts_hlo_call || op->kind == ts_hlo_composite) TS_TRY(check_call(c, depth + 1, cost));
        if (cost->depth > MAX_DEPTH) return fail_nesting(c);
        if (cost->ops > MAX_INLINED_OPS)
            return ts_op_fail(c->check.module, op, c->check.diag, ts_unsupported,
                              "with its calls inlined, @%.64s has more than %d operations", c->func->name,
                              MAX_INLINED_OPS);
        for (uint32_t r = 0; r < op->region_count; r++)
            TS_TRY(walk_costs(c, op->regions[r], depth + 1, cost));
    }
    c->nesting--;
    return ts_ok;
}

/* Checks that calls form no cycle, and that the function stays within the limits once inlined. Depth counts
   from the function's body. */
static ts_status walk_func(checker *c, uint32_t index, func_cost *cost) {
    func_cost *own = &c->costs[index];
    if (own->state == running) return ts_check_fail(&c->check, "@%.64s calls itself", c->sorted[index]->name);
    if (own->state == unvisited) {
        func_cost sum = {.state = visited};
        own->state = running;
        c->func = c->sorted[index];
        TS_TRY(walk_costs(c, c->func->body, 0, &sum));
        *own = sum;
    }
    *cost = *own;
    return ts_ok;
}

static ts_status check_block(checker *c, const ts_block *block, bool is_sdy, int depth);

static ts_status check_op(checker *c, const ts_op_node *op, int depth) {
    c->check.op = op;
    TS_TRY(check_counts(c));
    for (uint32_t i = 0; i < op->region_count; i++) {
        bool is_sdy = op->kind == ts_hlo_sdy_manual_computation || op->kind == ts_hlo_sdy_other;
        TS_TRY(check_block(c, op->regions[i], is_sdy, depth + 1));
        c->check.op = op;
    }
    TS_TRY(check_family(&c->check));
    for (uint32_t i = 0; i < op->result_count; i++)
        TS_TRY(define(c, op->results[i]));
    return ts_ok;
}

static ts_status check_block(checker *c, const ts_block *block, bool is_sdy, int depth) {
    unsigned terminator = is_sdy ? ts_hlo_sdy_return : ts_hlo_return;
    if (depth > MAX_DEPTH)
        return ts_op_fail(c->check.module, c->check.op, c->check.diag, ts_unsupported,
                          "regions nest deeper than %d", MAX_DEPTH);
    for (uint32_t i = 0; i < block->arg_count; i++)
        TS_TRY(define(c, block->args[i]));
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        c->check.op = op;
        if ((op->kind == terminator) != (i == block->ops.count - 1))
            return ts_check_fail(&c->check, "a block must end in %s and have no other",
                                 ts_hlo_name(terminator));
        TS_TRY(check_op(c, op, depth));
    }
    forget_block(c, block);
    return ts_ok;
}

static ts_status check_arg_attrs(checker *c, const ts_attr *attrs, uint32_t count) {
    if (!attrs) return ts_ok;
    bool fits = attrs->kind == ts_attr_array && attrs->count == count;
    for (uint32_t i = 0; fits && i < count; i++)
        fits = attrs->array[i]->kind == ts_attr_dict;
    return fits ? ts_ok
                : fail_func(c, c->func, ts_input, "has attributes that are not one dictionary a value");
}

static ts_status check_func(checker *c, const ts_func *func) {
    c->func = func;
    c->check.op = NULL;
    if (!func->body || func->body->ops.count == 0) return fail_func(c, func, ts_input, "has no body");
    TS_TRY(check_arg_attrs(c, func->arg_attrs, func->body->arg_count));
    TS_TRY(check_arg_attrs(c, func->result_attrs, func->result_count));
    TS_TRY(check_block(c, func->body, false, 0));
    const ts_op_node *last = ts_block_last(func->body);
    c->check.op = last;
    if (last->operand_count != func->result_count)
        return ts_check_fail(&c->check, "returns %u values where @%.64s has %u results", last->operand_count,
                             func->name, func->result_count);
    for (uint32_t i = 0; i < func->result_count; i++)
        TS_TRY(
            ts_check_same(&c->check, &last->operands[i]->type, &func->result_types[i], "a returned value"));
    return ts_ok;
}

static ts_status sort_funcs(checker *c) {
    const ts_module *module = c->check.module;
    uint32_t count = module->funcs.count;
    c->sorted = TS_NEW_ARRAY(&c->arena, const ts_func *, count);
    c->costs = TS_NEW_ARRAY(&c->arena, func_cost, count);
    for (uint32_t i = 0; i < count; i++)
        c->sorted[i] = module->funcs.data[i];
    if (count) qsort(c->sorted, count, sizeof *c->sorted, compare_names);
    for (uint32_t i = 1; i < count; i++)
        if (strcmp(c->sorted[i]->name, c->sorted[i - 1]->name) == 0)
            return fail_func(c, c->sorted[i], ts_input, "is defined twice");
    return ts_ok;
}

static ts_status check_module(checker *c) {
    const ts_module *module = c->check.module;
    uint32_t most = 0;
    TS_TRY(sort_funcs(c));
    for (uint32_t i = 0; i < module->funcs.count; i++)
        if (module->funcs.data[i]->value_count > most) most = module->funcs.data[i]->value_count;
    c->defined = TS_NEW_ARRAY(&c->arena, const ts_value *, most);
    for (uint32_t i = 0; i < module->funcs.count; i++)
        TS_TRY(check_func(c, module->funcs.data[i]));
    c->check.op = NULL;
    for (uint32_t i = 0; i < module->funcs.count; i++) {
        func_cost cost;
        TS_TRY(walk_func(c, i, &cost));
    }
    return ts_ok;
}

static ts_status check_within(void *context) {
    checker *c = context;
    ts_status status = check_module(c);
    ts_arena_free(&c->arena);
    return status;
}

ts_status ts_module_check(const ts_module *module, ts_diag *diag) {
    checker c = {.check = {.module = module, .diag = diag}};
    ts_status status = ts_unit_run(NULL, check_within, &c, "checking a program", diag);
    if (status == ts_input)
        ts_diag_remedy(diag, "%s", "the program breaks StableHLO's rules: see what wrote or changed it");
    return status;
}

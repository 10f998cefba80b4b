/* Rewrites collectives to the form of the instruction: one operand, groups by rank (attribute `ranks`), and
   an operator of the engines (attribute `op`) instead of a region. */
#include <inttypes.h>
#include <string.h>

#include "compiler/graph/collective.h"
#include "compiler/lower/lower.h"
#include "compiler/rewrite/expand.h"

typedef struct exchange {
    ts_maker *make;
    const ts_op_node *op;
    ts_groups groups;
    ts_alu join; /* the operator that combines two elements; bypass for collectives that only move them */
    ts_diag *diag;
} exchange;

#define fail(x, status, ...) ts_op_fail((x)->make->module, (x)->op, (x)->diag, (status), __VA_ARGS__)

static const ts_attr *rank_attr(exchange *x) {
    ts_attr *attr = TS_NEW(&x->make->module->arena, ts_attr);
    int64_t dim[2] = {x->groups.rows, x->groups.size};
    *attr = (ts_attr){.kind = ts_attr_dense, .type = ts_type_make(ts_dtype_i64, 2, dim)};
    attr->data = (const uint8_t *)x->groups.rank;
    attr->data_bytes = (size_t)(dim[0] * dim[1]) * sizeof *x->groups.rank;
    return attr;
}

/* Predicates are bits to the engines, so their sums and products become bitwise operators. */
static ts_alu join_predicates(ts_alu alu) {
    if (alu == ts_alu_add || alu == ts_alu_max) return ts_alu_bitwise_or;
    return alu == ts_alu_multiply || alu == ts_alu_min ? ts_alu_bitwise_and : alu;
}

static const ts_attr *join_attr(exchange *x, unsigned dtype) {
    bool is_predicate = ts_dtype_get((ts_dtype)dtype)->kind == 'b';
    ts_attr *attr = TS_NEW(&x->make->module->arena, ts_attr);
    *attr = (ts_attr){.kind = ts_attr_string,
                      .string = ts_alu_name(is_predicate ? join_predicates(x->join) : x->join)};
    return attr;
}

/* Appends the collective for one operand. */
static ts_value *put(exchange *x, ts_value *operand, const ts_type *type) {
    static const char *const dims[] = {"all_gather_dim", "concat_dimension", "scatter_dimension",
                                       "split_dimension"};
    ts_module *module = x->make->module;
    ts_named_attr attrs[4];
    uint32_t count = 0;
    if (x->join != ts_alu_bypass)
        attrs[count++] = (ts_named_attr){.name = "op", .value = join_attr(x, type->dtype)};
    for (uint32_t i = 0; i < x->op->attr_count; i++)
        for (int j = 0; j < 4 && count < 3; j++)
            if (strcmp(x->op->attrs[i].name, dims[j]) == 0) attrs[count++] = x->op->attrs[i];
    attrs[count++] = (ts_named_attr){.name = "ranks", .value = rank_attr(x)};
    ts_op_node *op = ts_op_new(module, x->make->func, (ts_hlo)x->op->kind, x->make->loc, 1, &operand, 1, type,
                               count, attrs, 0);
    ts_vec_push(&x->make->block->ops, &module->arena, op);
    return op->results[0];
}

static ts_status find_join(exchange *x) {
    x->join = ts_alu_bypass;
    if (x->op->region_count == 0) return ts_ok;
    if (ts_region_alu(x->op->regions[0], &x->join) && x->join != ts_alu_bypass) return ts_ok;
    fail(x, ts_unsupported, "joins elements by a function that is not one operator");
    ts_diag_remedy(x->diag, "%s", "use sum, product, max, min, and, or, xor");
    return ts_unsupported;
}

/* The number of members for which the op's shapes are made; 0 = any. */
static int64_t parts_of(const ts_op_node *op, const ts_type *from, const ts_type *to) {
    int64_t axis;
    switch (op->kind) {
    case ts_hlo_all_gather: axis = ts_op_int(op, "all_gather_dim", 0); break;
    case ts_hlo_reduce_scatter: axis = ts_op_int(op, "scatter_dimension", 0); break;
    case ts_hlo_all_to_all: return ts_op_int(op, "split_count", 0);
    default: return 0;
    }
    int64_t more = from->dim[axis] > to->dim[axis] ? from->dim[axis] : to->dim[axis];
    int64_t less = from->dim[axis] > to->dim[axis] ? to->dim[axis] : from->dim[axis];
    return less > 0 ? more / less : 0;
}

static ts_status check_parts(exchange *x) {
    for (uint32_t i = 0; i < x->op->operand_count; i++) {
        int64_t parts = parts_of(x->op, &x->op->operands[i]->type, &x->op->results[i]->type);
        for (int row = 0; parts > 0 && row < x->groups.rows; row++)
            if (ts_groups_in_row(&x->groups, row) != parts)
                return fail(x, ts_input, "its shapes are those of groups of %" PRId64 ", group %d has %d",
                            parts, row, ts_groups_in_row(&x->groups, row));
    }
    return ts_ok;
}

/* Whether every rank would only exchange with itself, so that the result is the operand. */
static bool is_own(const exchange *x) {
    const ts_groups *groups = &x->groups;
    bool is_pairs = x->op->kind == ts_hlo_collective_permute;
    int rows = 0;
    for (int i = 0; i < groups->rows; i++) {
        bool is_same =
            is_pairs ? groups->rank[2 * i] == groups->rank[2 * i + 1] : ts_groups_in_row(groups, i) <= 1;
        if (!is_same) return false;
        rows += is_pairs || ts_groups_in_row(groups, i) == 1;
    }
    return (uint32_t)rows == ts_module_ranks(x->make->module);
}

static ts_value *expand_operand(exchange *x, uint32_t i) {
    ts_value *operand = x->op->operands[i];
    const ts_type *type = &x->op->results[i]->type;
    if (is_own(x)) return operand;
    if (ts_module_ranks(x->make->module) == 1) /* a permute without pairs sends nothing */
        return ts_make_number(x->make, type, 0);
    return put(x, operand, type);
}

static ts_value *own_number(ts_maker *m, const ts_op_node *op) {
    const ts_type *type = &op->results[0]->type;
    uint32_t partitions = m->module->partitions, replicas = m->module->replicas;
    bool is_partition = op->kind == ts_hlo_partition_id;
    if ((is_partition ? partitions : replicas) == 1) return ts_make_number(m, type, 0);
    ts_named_attr count = {.name = "ranks", .value = ts_make_integer(m, partitions * replicas)};
    ts_op_node *rank = ts_op_new(m->module, m->func, ts_hlo_rank, m->loc, 0, NULL, 1, type, 1, &count, 0);
    ts_vec_push(&m->block->ops, &m->module->arena, rank);
    if ((is_partition ? replicas : partitions) == 1) return rank->results[0];
    return ts_make_binary(m, is_partition ? ts_hlo_remainder : ts_hlo_divide, rank->results[0],
                          ts_make_number(m, type, partitions));
}

ts_status ts_expand_collectives(ts_maker *make, ts_op_node *op, ts_diag *diag) {
    exchange x = {.make = make, .op = op, .diag = diag};
    if (op->kind == ts_hlo_partition_id || op->kind == ts_hlo_replica_id)
        op->results[0]->note = own_number(make, op);
    if (!ts_hlo_is_collective(op->kind)) return ts_ok;
    TS_TRY(ts_groups_find(make->module, op, &make->module->arena, &x.groups, diag));
    TS_TRY(check_parts(&x));
    TS_TRY(find_join(&x));
    for (uint32_t i = 0; i < op->operand_count; i++)
        op->results[i]->note = expand_operand(&x, i);
    return ts_ok;
}

/* The iteration space of a group: how shapes lie in it, and how much of it SBUF holds at a time. */
#include "compiler/lower/group.h"

#include <string.h>

#include "compiler/contract/dot.h"
#include "compiler/lower/pointwise.h"
#include "compiler/lower/recipe.h"
#include "compiler/lower/recompute.h"
#include "compiler/passes.h"

int ts_group_dims(const ts_type *type, int64_t *dim) {
    int rank = 0;
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i] != 1) dim[rank++] = type->dim[i];
    return rank;
}

ts_span ts_group_span(const ts_group *group, const ts_type *type) {
    int64_t dim[TS_MAX_RANK];
    int rank = ts_group_dims(type, dim);
    if (rank != group->rank && rank != group->kept) return ts_span_none;
    if (memcmp(dim, group->dim, (size_t)rank * sizeof *dim) != 0) return ts_span_none;
    return rank == group->rank ? ts_span_whole : ts_span_row;
}

uint32_t ts_group_operands(const ts_op_node *op) {
    if (op->kind == ts_hlo_dot_general || op->kind == ts_hlo_convolution) return 0;
    return op->kind == ts_hlo_reduce ? 1 : op->operand_count;
}

bool ts_group_is_alias(const ts_op_node *op) {
    return op->kind == ts_hlo_reshape || op->kind == ts_hlo_broadcast_in_dim;
}

/* ---- bytes ---- */

static int bytes_of(const ts_value *value) {
    return ts_dtype_get(ts_chip_dtype(value->type.dtype))->bytes;
}

static bool has_words_only(const ts_op_node *op) {
    bool is = ts_dtype_is_word(op->results[0]->type.dtype);
    for (uint32_t i = 0; i < op->operand_count; i++)
        is &= ts_dtype_is_word(op->operands[i]->type.dtype);
    return is;
}

/* Bytes per element that an op needs besides its result: a recipe's registers, or narrow integers widened to
   words. */
static int working_bytes(const ts_op_node *op) {
    const ts_recipe *recipe = ts_recipe_find(op->kind);
    enum { WORD = 4 };
    if (recipe) return WORD * (ts_recipe_registers(recipe) + 3);
    if (op->kind == ts_hlo_reduce_precision) return WORD * 7;
    if (has_words_only(op)) return op->kind == ts_hlo_clamp ? WORD : 0;
    return ts_dtype_is_float(op->results[0]->type.dtype) ? 0 : WORD * 3;
}

static bool reads(const ts_op_node *op, const ts_value *value) {
    for (uint32_t i = 0; i < ts_group_operands(op); i++)
        if (op->operands[i] == value) return true;
    return false;
}

/* Index of the last op that reads the result of op `index`. op_count for results that are stored, or read
   through another op that only renames them. */
static int last_reader(const ts_group *group, int index, bool is_stored) {
    const ts_value *value = group->ops[index]->results[0];
    int last = index;
    if (is_stored) return group->op_count;
    for (int i = index + 1; i < group->op_count; i++) {
        if (!reads(group->ops[i], value)) continue;
        if (ts_group_is_alias(group->ops[i]) || ts_pointwise_is_relabel(group->ops[i]))
            return group->op_count;
        last = i;
    }
    return last;
}

/* Elements of the reduced axes; 1 if nothing is reduced. */
static int64_t row_elems(const ts_group *group) {
    int64_t elems = 1;
    for (int i = group->kept; i < group->rank; i++)
        elems *= group->dim[i];
    return elems;
}

/* Whether instructions take the value as an immediate or from one element per partition. */
static bool is_number(const ts_value *value) {
    double number;
    return ts_type_elems(&value->type) == 1 || ts_constant_splat(value, &number);
}

static double input_bytes(const ts_group *group) {
    const ts_value *seen[TS_GROUP_OPS * 3];
    double bytes = 0, row = (double)row_elems(group);
    int count = 0;
    for (int i = 0; i < group->op_count; i++)
        for (uint32_t j = 0; j < ts_group_operands(group->ops[i]); j++) {
            const ts_value *value = group->ops[i]->operands[j];
            bool is_new = true;
            for (int k = 0; k < group->op_count && is_new; k++)
                is_new = group->ops[k]->results[0] != value;
            for (int k = 0; k < count && is_new; k++)
                is_new = seen[k] != value;
            if (!is_new || is_number(value)) continue;
            seen[count++] = value;
            bytes += 2 * bytes_of(value) / (ts_group_span(group, &value->type) == ts_span_whole ? 1 : row);
        }
    return bytes;
}

enum { SUM_BYTES = 4 };

double ts_group_bytes(const ts_group *group) {
    int last[TS_GROUP_OPS];
    double most = 0, size[TS_GROUP_OPS];
    int64_t row = row_elems(group);
    for (int i = 0; i < group->op_count; i++) {
        const ts_op_node *op = group->ops[i];
        bool is_row = ts_group_span(group, &op->results[0]->type) == ts_span_row;
        const bool is_stored = ts_recompute_escapes(group, i);
        last[i] = last_reader(group, i, is_stored);
        size[i] = ts_group_is_alias(op) || ts_group_is_sum(op)
                      ? 0
                      : (double)bytes_of(op->results[0]) / (is_row ? (double)row : 1);
        if (is_stored) size[i] *= 2; /* one is stored while the next trip computes */
        double alive = (double)working_bytes(op) / (is_row ? (double)row : 1);
        for (int j = 0; j <= i; j++)
            if (last[j] >= i) alive += size[j];
        if (alive > most) most = alive;
    }
    return input_bytes(group) + most + SUM_BYTES * group->sums;
}

int64_t ts_group_capacity(const ts_group *group) {
    int64_t row = row_elems(group);
    int64_t wanted = group->is_reducing && row > TS_GROUP_FREE ? row : TS_GROUP_FREE;
    double elems = (double)group->budget / ts_group_bytes(group); /* infinite where numbers are all it has */
    return elems > (double)wanted ? wanted : (int64_t)elems;
}

bool ts_group_fits(const ts_group *group, ts_op_node *more) {
    if (!group->is_reducing) return true;
    ts_group with = *group;
    if (more) with.ops[with.op_count++] = more;
    if (ts_group_capacity(&with) < row_elems(&with)) return false;
    if (!group->dot) return true;
    /* If its blocks do not suit the group, the contraction's result becomes an input. */
    ts_group without = with;
    memmove(without.ops, without.ops + 1, (size_t)--without.op_count * sizeof *without.ops);
    return row_elems(group) <= TS_DOT_COLS && ts_group_capacity(&without) >= row_elems(&with);
}

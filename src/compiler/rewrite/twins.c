/* Values of 64 bits as two of 32: split, joined, moved. */
#include "compiler/rewrite/twins.h"

#include <string.h>

ts_type ts_twins_type(const ts_type *whole, unsigned dtype) {
    ts_type pair = *whole;
    pair.dtype = (uint8_t)dtype;
    pair.dim[pair.rank++] = 2;
    return pair;
}

static ts_value *one_of(ts_maker *m, ts_value *pair, const ts_type *whole, int index) {
    int64_t start[TS_MAX_RANK] = {0}, limit[TS_MAX_RANK];
    memcpy(limit, pair->type.dim, sizeof limit);
    start[whole->rank] = index;
    limit[whole->rank] = index + 1;
    return ts_make_reshape(m, ts_make_slice(m, pair, start, limit), whole->rank, whole->dim);
}

/* The concatenation that ts_twins_join made, or NULL. */
static const ts_op_node *joined(const ts_value *whole, unsigned dtype) {
    const ts_op_node *cast = whole->def;
    if (!cast || cast->kind != ts_hlo_bitcast_convert) return NULL;
    const ts_op_node *both = cast->operands[0]->def;
    if (!both || both->kind != ts_hlo_concatenate || both->operand_count != 2) return NULL;
    for (int i = 0; i < 2; i++) {
        const ts_op_node *column = both->operands[i]->def;
        if (!column || column->kind != ts_hlo_reshape || both->operands[i]->type.dtype != dtype ||
            column->operands[0]->type.rank != whole->type.rank)
            return NULL;
    }
    return both;
}

ts_twins ts_twins_of_constant(ts_maker *m, const ts_op_node *op, unsigned dtype) {
    const ts_attr *old = ts_op_attr(op, "value");
    size_t count = old->data_bytes / 8;
    ts_value *made[2];
    for (int index = 0; index < 2; index++) {
        ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
        uint32_t *words = TS_NEW_ARRAY(&m->module->arena, uint32_t, count + 1);
        for (size_t i = 0; i < count; i++)
            memcpy(&words[i], old->data + 8 * i + 4 * index, sizeof *words);
        *attr = *old;
        attr->type.dtype = (uint8_t)dtype;
        attr->data = (const uint8_t *)words;
        attr->data_bytes = 4 * count;
        made[index] = ts_make_constant(m, attr);
    }
    return (ts_twins){made[0], made[1]};
}

ts_twins ts_twins_split(ts_maker *m, ts_value *whole, unsigned dtype) {
    const ts_op_node *both = joined(whole, dtype);
    if (both) return (ts_twins){both->operands[0]->def->operands[0], both->operands[1]->def->operands[0]};
    ts_type type = ts_twins_type(&whole->type, dtype);
    ts_value *pair = ts_make_bitcast(m, whole, &type);
    return (ts_twins){one_of(m, pair, &whole->type, 0), one_of(m, pair, &whole->type, 1)};
}

ts_value *ts_twins_join(ts_maker *m, ts_twins pair, const ts_type *whole) {
    ts_type column = ts_twins_type(whole, pair.first->type.dtype);
    column.dim[whole->rank] = 1;
    ts_value *columns[2] = {ts_make_reshape(m, pair.first, column.rank, column.dim),
                            ts_make_reshape(m, pair.second, column.rank, column.dim)};
    return ts_make_bitcast(m, ts_make_concatenate(m, 2, columns, whole->rank), whole);
}

bool ts_twins_can_move(const ts_op_node *op) {
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (op->operands[i]->type.rank == TS_MAX_RANK) return false; /* no room for the axis of size 2 */
    switch (op->kind) {
    case ts_hlo_broadcast_in_dim:
    case ts_hlo_concatenate:
    case ts_hlo_dynamic_slice:
    case ts_hlo_dynamic_update_slice:
    case ts_hlo_gather:
    case ts_hlo_pad:
    case ts_hlo_reshape:
    case ts_hlo_reverse:
    case ts_hlo_select:
    case ts_hlo_slice:
    case ts_hlo_transpose: return op->result_count == 1;
    default: return false;
    }
}

ts_twins ts_twins_move(ts_maker *m, const ts_op_node *op, unsigned dtype) {
    ts_value **operands[2], *results[2];
    ts_type type = op->results[0]->type;
    for (int index = 0; index < 2; index++)
        operands[index] = TS_NEW_ARRAY(&m->module->arena, ts_value *, op->operand_count);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_value *operand = op->operands[i];
        ts_twins pair = {operand, operand};
        if (operand->type.dtype == type.dtype) pair = ts_twins_split(m, operand, dtype);
        operands[0][i] = pair.first;
        operands[1][i] = pair.second;
    }
    type.dtype = (uint8_t)dtype;
    for (int index = 0; index < 2; index++) {
        ts_op_node *copy = ts_op_new(m->module, m->func, (ts_hlo)op->kind, op->loc, op->operand_count,
                                     operands[index], 1, &type, op->attr_count, op->attrs, 0);
        ts_vec_push(&m->block->ops, &m->module->arena, copy);
        results[index] = copy->results[0];
    }
    return (ts_twins){results[0], results[1]};
}

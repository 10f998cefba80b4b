/* Conversion of a 64-bit value to two 32-bit halves and back. A bitcast joins the halves along a last axis of
   size 2. Splitting a joined value returns its halves without adding ops. */
#include <string.h>

#include "compiler/rewrite/wide.h"

bool ts_is_wide(const ts_value *value) {
    return value->type.kind == ts_type_tensor && value->type.rank < TS_MAX_RANK &&
           (value->type.dtype == ts_dtype_i64 || value->type.dtype == ts_dtype_u64);
}

ts_type ts_wide_pair(const ts_type *type) {
    ts_type pair = *type;
    pair.dtype = ts_dtype_u32;
    pair.dim[pair.rank++] = 2;
    return pair;
}

static ts_value *half_of(ts_maker *m, ts_value *pair, const ts_type *type, int half) {
    int64_t start[TS_MAX_RANK] = {0}, limit[TS_MAX_RANK];
    memcpy(limit, pair->type.dim, sizeof limit);
    start[type->rank] = half;
    limit[type->rank] = half + 1;
    return ts_make_reshape(m, ts_make_slice(m, pair, start, limit), type->rank, type->dim);
}

/* The concatenation that `join` made, or NULL. */
static ts_op_node *joined(const ts_value *value) {
    const ts_op_node *cast = value->def;
    if (!cast || cast->kind != ts_hlo_bitcast_convert) return NULL;
    ts_op_node *both = cast->operands[0]->def;
    if (!both || both->kind != ts_hlo_concatenate || both->operand_count != 2) return NULL;
    for (int i = 0; i < 2; i++)
        if (!both->operands[i]->def || both->operands[i]->def->kind != ts_hlo_reshape ||
            both->operands[i]->type.dtype != ts_dtype_u32 ||
            both->operands[i]->def->operands[0]->type.rank != value->type.rank)
            return NULL;
    return both;
}

ts_wide ts_wide_of_constant(ts_maker *m, const ts_op_node *op) {
    const ts_attr *old = ts_op_attr(op, "value");
    size_t count = old->data_bytes / 8;
    ts_wide w;
    for (int half = 0; half < 2; half++) {
        ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
        uint32_t *words = TS_NEW_ARRAY(&m->module->arena, uint32_t, count + 1);
        for (size_t i = 0; i < count; i++)
            memcpy(&words[i], old->data + 8 * i + 4 * half, sizeof *words);
        *attr = *old;
        attr->type.dtype = ts_dtype_u32;
        attr->data = (const uint8_t *)words;
        attr->data_bytes = 4 * count;
        *(half ? &w.high : &w.low) = ts_make_constant(m, attr);
    }
    return w;
}

ts_wide ts_wide_split(ts_maker *m, ts_value *value) {
    const ts_op_node *both = joined(value);
    if (both) return (ts_wide){both->operands[0]->def->operands[0], both->operands[1]->def->operands[0]};
    ts_type type = ts_wide_pair(&value->type);
    ts_value *pair = ts_make_bitcast(m, value, &type);
    return (ts_wide){half_of(m, pair, &value->type, 0), half_of(m, pair, &value->type, 1)};
}

ts_value *ts_wide_join(ts_maker *m, ts_wide w, const ts_type *type) {
    ts_type column = ts_wide_pair(type);
    column.dim[type->rank] = 1;
    ts_value *halves[2] = {ts_make_reshape(m, w.low, column.rank, column.dim),
                           ts_make_reshape(m, w.high, column.rank, column.dim)};
    return ts_make_bitcast(m, ts_make_concatenate(m, 2, halves, type->rank), type);
}

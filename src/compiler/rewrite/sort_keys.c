/* Pass: makes every sort compare its operands directly. What a comparator computes from its arguments before
   comparing becomes an operand of the sort, computed once for each element, and the comparator becomes a
   plain one. */
#include <math.h>
#include <string.h>

#include "compiler/lower/sort.h"
#include "compiler/passes.h"

enum { MAX_OPS = 256 };

typedef struct maker {
    ts_module *module;
    ts_func *func;
    ts_diag *diag;
    ts_block *block; /* new ops are appended here */
    ts_op_node *sort;
    const ts_block *comparator;
    ts_value *copies[MAX_OPS]; /* by op of the comparator: its value for whole arrays */
} maker;

/* ---- new ops ---- */

static ts_value *put(maker *m, ts_block *block, ts_hlo kind, uint32_t operand_count,
                     ts_value *const *operands, const ts_type *type, uint32_t attr_count,
                     const ts_named_attr *attrs) {
    ts_op_node *op = ts_op_new(m->module, m->func, kind, m->sort->loc, operand_count, operands, 1, type,
                               attr_count, attrs, 0);
    ts_vec_push(&block->ops, &m->module->arena, op);
    return op->results[0];
}

/* The type of `dtype` in the shape of the sorted arrays. */
static ts_type whole(const maker *m, unsigned dtype) {
    ts_type type = m->sort->operands[0]->type;
    type.dtype = (uint8_t)dtype;
    return type;
}

static ts_value *put_constant(maker *m, unsigned dtype, const void *data, size_t bytes) {
    ts_attr *attr = TS_NEW(&m->module->arena, ts_attr);
    *attr = (ts_attr){.kind = ts_attr_dense, .type = whole(m, dtype), .is_splat = true, .data_bytes = bytes};
    attr->data = ts_arena_copy(&m->module->arena, data, bytes);
    ts_named_attr named = {.name = "value", .value = attr};
    return put(m, m->block, ts_hlo_constant, 0, NULL, &attr->type, 1, &named);
}

static ts_value *put_number(maker *m, unsigned dtype, float number) {
    uint8_t bytes[8];
    ts_dtype_narrow((ts_dtype)dtype, &number, bytes, 1);
    return put_constant(m, dtype, bytes, (size_t)ts_dtype_get(dtype)->bytes);
}

static ts_value *put_compare(maker *m, ts_block *block, const char *direction, const char *kind, ts_value *a,
                             ts_value *b) {
    ts_attr *words = TS_NEW_ARRAY(&m->module->arena, ts_attr, 2);
    words[0] = (ts_attr){.kind = ts_attr_string, .string = direction};
    words[1] = (ts_attr){.kind = ts_attr_string, .string = kind};
    ts_named_attr attrs[] = {{"comparison_direction", &words[0]}, {"compare_type", &words[1]}};
    ts_type type = a->type;
    type.dtype = ts_dtype_i1;
    return put(m, block, ts_hlo_compare, 2, (ts_value *[]){a, b}, &type, 2, attrs);
}

static ts_value *put_select(maker *m, ts_value *choice, ts_value *yes, ts_value *no) {
    return put(m, m->block, ts_hlo_select, 3, (ts_value *[]){choice, yes, no}, &yes->type, 0, NULL);
}

/* ---- the comparator's values for whole arrays ---- */

static int position(const maker *m, const ts_value *value) {
    for (uint32_t i = 0; i < m->comparator->ops.count; i++)
        if (value->def == m->comparator->ops.data[i]) return (int)i;
    return -1;
}

/* Broadcasts a scalar from outside the comparator. */
static ts_value *spread(maker *m, ts_value *value) {
    ts_attr *dims = TS_NEW(&m->module->arena, ts_attr);
    *dims = (ts_attr){.kind = ts_attr_dense, .type = {.dtype = ts_dtype_i64, .rank = 1}, .data = NULL};
    ts_named_attr named = {"broadcast_dimensions", dims};
    ts_type type = whole(m, value->type.dtype);
    return put(m, m->block, ts_hlo_broadcast_in_dim, 1, &value, &type, 1, &named);
}

/* The comparator's value for all elements; NULL when an op has no form for whole arrays. */
static ts_value *spread_value(maker *m, ts_value *value) {
    if (!value->def && value->index < m->comparator->arg_count && m->comparator->args[value->index] == value)
        return m->sort->operands[value->index / 2];
    int at = position(m, value);
    if (at < 0) return value->type.rank == 0 ? spread(m, value) : NULL;
    if (m->copies[at]) return m->copies[at];
    const ts_op_node *op = value->def;
    const ts_attr *number = ts_op_attr(op, "value");
    bool is_scalar_view = op->kind == ts_hlo_reshape || op->kind == ts_hlo_broadcast_in_dim;
    if (op->kind == ts_hlo_constant && number && number->kind == ts_attr_dense && value->type.rank == 0) {
        m->copies[at] = put_constant(m, value->type.dtype, number->data, number->data_bytes);
    } else if (is_scalar_view && value->type.rank == 0 && op->operands[0]->type.rank == 0) {
        m->copies[at] = spread_value(m, op->operands[0]);
    } else if (ts_hlo_is_pointwise(op->kind) && op->operand_count <= 3) {
        ts_value *operands[3];
        for (uint32_t i = 0; i < op->operand_count; i++) {
            operands[i] = spread_value(m, op->operands[i]);
            if (!operands[i]) return NULL;
        }
        ts_type type = whole(m, value->type.dtype);
        m->copies[at] =
            put(m, m->block, (ts_hlo)op->kind, op->operand_count, operands, &type, op->attr_count, op->attrs);
    }
    return m->copies[at];
}

/* Maps all zeros to one zero and all NaN to one NaN, so that the order of bits is that of FLOAT
   comparisons. */
static ts_value *canonical(maker *m, ts_value *value) {
    unsigned dtype = value->type.dtype;
    ts_value *zero = put_number(m, dtype, 0), *nan = put_number(m, dtype, NAN);
    ts_value *is_zero = put_compare(m, m->block, "EQ", "FLOAT", value, zero);
    ts_value *is_nan = put_compare(m, m->block, "NE", "FLOAT", value, value);
    return put_select(m, is_nan, nan, put_select(m, is_zero, zero, value));
}

/* ---- the sort ---- */

static const char *compare_kind(unsigned dtype) {
    char kind = ts_dtype_get(dtype)->kind;
    return kind == 'f' ? "TOTALORDER" : kind == 's' ? "SIGNED" : "UNSIGNED";
}

/* Builds before_0 or (equal_0 and (before_1 or ...)); `at` has the operand of each key. */
static ts_block *plain_comparator(maker *m, const ts_sort_key *keys, const int *at, int count) {
    ts_block *block = TS_NEW(&m->module->arena, ts_block);
    block->arg_count = 2 * m->sort->operand_count;
    block->args = TS_NEW_ARRAY(&m->module->arena, ts_value *, block->arg_count);
    ts_type scalar = {.dtype = ts_dtype_i1};
    for (uint32_t i = 0; i < block->arg_count; i++) {
        scalar.dtype = m->sort->operands[i / 2]->type.dtype;
        block->args[i] = ts_value_new(m->module, m->func, &scalar);
        block->args[i]->index = i;
    }
    ts_value *result = NULL;
    scalar.dtype = ts_dtype_i1;
    for (int k = count; k-- > 0;) {
        ts_value *a = block->args[2 * at[k]], *b = block->args[2 * at[k] + 1];
        const char *kind = compare_kind(a->type.dtype);
        ts_value *before = put_compare(m, block, keys[k].is_descending ? "GT" : "LT", kind, a, b);
        if (result) {
            ts_value *rest[] = {put_compare(m, block, "EQ", kind, a, b), result};
            ts_value *both[] = {before, put(m, block, ts_hlo_and, 2, rest, &scalar, 0, NULL)};
            before = put(m, block, ts_hlo_or, 2, both, &scalar, 0, NULL);
        }
        result = before;
    }
    ts_op_node *last =
        ts_op_new(m->module, m->func, ts_hlo_return, m->sort->loc, 1, &result, 0, NULL, 0, NULL, 0);
    ts_vec_push(&block->ops, &m->module->arena, last);
    return block;
}

ts_block *ts_sort_comparator(ts_module *module, ts_func *func, ts_op_node *sort, const ts_sort_key *keys,
                             const int *at, int count) {
    maker m = {.module = module, .func = func, .sort = sort};
    return plain_comparator(&m, keys, at, count);
}

/* Adds an operand to the sort, with a result that nothing reads. Returns its index. */
static int add_operand(maker *m, ts_value *value) {
    ts_op_node *op = m->sort;
    ts_arena *arena = &m->module->arena;
    uint32_t count = op->operand_count;
    ts_value **operands = TS_NEW_ARRAY(arena, ts_value *, count + 1);
    ts_value **results = TS_NEW_ARRAY(arena, ts_value *, count + 1);
    memcpy(operands, op->operands, count * sizeof *operands);
    memcpy(results, op->results, count * sizeof *results);
    operands[count] = value;
    results[count] = ts_value_new(m->module, m->func, &value->type);
    results[count]->def = op;
    results[count]->index = count;
    op->operands = operands;
    op->results = results;
    op->operand_count = op->result_count = count + 1;
    return (int)count;
}

static ts_status refuse(const maker *m, const char *what) {
    ts_op_fail(m->module, m->sort, m->diag, ts_unsupported, "%s", what);
    ts_diag_remedy(m->diag, "compare values of equal form on both sides, such as lt(f(x), f(y)), or their "
                            "lexicographic order, as jax.lax.sort does");
    return ts_unsupported;
}

static ts_status make_plain(maker *m) {
    ts_sort_key keys[TS_SORT_KEYS];
    int at[TS_SORT_KEYS], count = ts_sort_order(m->comparator, keys);
    bool is_plain = true;
    if (count < 0) return refuse(m, "the comparator is no order of at most 8 keys that is known");
    if (count == 0) return ts_ok;
    for (int k = 0; k < count; k++) {
        at[k] = ts_sort_operand(m->comparator, &keys[k]);
        if (at[k] >= 0 && keys[k].is_total) continue;
        is_plain = false;
        ts_value *value = spread_value(m, (ts_value *)keys[k].value);
        if (!value) return refuse(m, "the comparator compares what has no form for whole arrays");
        at[k] = add_operand(m, keys[k].is_total ? value : canonical(m, value));
    }
    if (!is_plain) m->sort->regions[0] = plain_comparator(m, keys, at, count);
    return ts_ok;
}

static ts_status walk(ts_module *module, ts_func *func, ts_block *block, ts_diag *diag) {
    ts_block made = {0};
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t r = 0; r < op->region_count; r++)
            if (op->regions[r] && op->kind != ts_hlo_sort) TS_TRY(walk(module, func, op->regions[r], diag));
        if (op->kind == ts_hlo_sort) {
            maker m = {module, func, diag, &made, op, op->regions[0], {NULL}};
            TS_TRY(make_plain(&m));
        }
        ts_vec_push(&made.ops, &module->arena, op);
    }
    ts_block_take_ops(block, &made);
    return ts_ok;
}

ts_status ts_sort_keys(ts_module *module, ts_func *main, ts_diag *diag) {
    return walk(module, main, main->body, diag);
}

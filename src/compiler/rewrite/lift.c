/* Applies a function of scalars (the region of a reduce, map or scatter) to whole arrays. */
#include "compiler/rewrite/lift.h"

enum { MAX_VALUES = 128 };

typedef struct lifting {
    ts_maker *make;
    const ts_type *shape; /* only its dims are used */
    int count;            /* number of scalars whose arrays are known */
    const ts_value *scalar[MAX_VALUES];
    ts_value *array[MAX_VALUES];
} lifting;

static ts_value *find(const lifting *l, const ts_value *scalar) {
    for (int i = 0; i < l->count; i++)
        if (l->scalar[i] == scalar) return l->array[i];
    return NULL;
}

static void learn(lifting *l, const ts_value *scalar, ts_value *array) {
    l->scalar[l->count] = scalar;
    l->array[l->count++] = array;
}

static ts_type shaped(const ts_type *shape, unsigned dtype) {
    ts_type type = *shape;
    type.dtype = (uint8_t)dtype;
    return type;
}

static ts_value *lift_value(lifting *l, ts_value *scalar) {
    ts_value *known = find(l, scalar);
    if (known) return known;
    ts_type type = shaped(l->shape, scalar->type.dtype);
    return ts_make_splat(l->make, scalar, &type);
}

static void lift_op(lifting *l, const ts_op_node *op) {
    ts_module *module = l->make->module;
    ts_value **operands = TS_NEW_ARRAY(&module->arena, ts_value *, op->operand_count + 1);
    for (uint32_t i = 0; i < op->operand_count; i++)
        operands[i] = lift_value(l, op->operands[i]);
    ts_type type = shaped(l->shape, op->results[0]->type.dtype);
    if (op->kind == ts_hlo_constant) type = op->results[0]->type;
    ts_op_node *copy = ts_op_new(module, l->make->func, (ts_hlo)op->kind, op->loc, op->operand_count,
                                 operands, 1, &type, op->attr_count, op->attrs, 0);
    ts_vec_push(&l->make->block->ops, &module->arena, copy);
    ts_value *value = copy->results[0];
    if (op->kind == ts_hlo_constant) {
        type = shaped(l->shape, type.dtype);
        value = ts_make_splat(l->make, value, &type);
    }
    learn(l, op->results[0], value);
}

bool ts_can_lift(const ts_block *region) {
    if (!region || region->ops.count == 0 || region->ops.count + region->arg_count > MAX_VALUES) return false;
    for (uint32_t i = 0; i + 1 < region->ops.count; i++) {
        const ts_op_node *op = region->ops.data[i];
        bool is_known = op->kind == ts_hlo_constant || ts_hlo_is_pointwise(op->kind);
        bool is_shape = op->kind == ts_hlo_reshape || op->kind == ts_hlo_broadcast_in_dim;
        if (op->result_count != 1 || op->region_count > 0 || op->results[0]->type.kind != ts_type_tensor ||
            op->results[0]->type.rank != 0 || !(is_known || is_shape))
            return false;
    }
    return ts_block_last(region)->kind == ts_hlo_return;
}

void ts_lift(ts_maker *make, const ts_block *region, ts_value *const *args, const ts_type *shape,
             ts_value **results) {
    lifting l = {.make = make, .shape = shape};
    for (uint32_t i = 0; i < region->arg_count; i++)
        learn(&l, region->args[i], args[i]);
    for (uint32_t i = 0; i + 1 < region->ops.count; i++) {
        const ts_op_node *op = region->ops.data[i];
        if (op->kind == ts_hlo_reshape || op->kind == ts_hlo_broadcast_in_dim)
            learn(&l, op->results[0], lift_value(&l, op->operands[0]));
        else
            lift_op(&l, op);
    }
    const ts_op_node *last = ts_block_last(region);
    for (uint32_t i = 0; i < last->operand_count; i++)
        results[i] = lift_value(&l, last->operands[i]);
}

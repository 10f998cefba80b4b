/* Recognises the sum that a softmax divides by, as frameworks write it: the exponentials of values minus
   their maximum, of which one is 1. */
#include <math.h>
#include <string.h>

#include "compiler/lower/lower.h"
#include "compiler/passes.h"

/* A value below views. axis[i]: the axis of the outermost shape that the value's axis i corresponds to; -1
   for axes of size 1. */
typedef struct shaped {
    const ts_value *value;
    int axis[TS_MAX_RANK];
} shaped;

static bool strip_broadcast(shaped *s, const ts_op_node *op) {
    const ts_type *from = &op->operands[0]->type;
    int64_t dims[TS_MAX_RANK];
    int count = 0, axis[TS_MAX_RANK];
    ts_op_ints(op, "broadcast_dimensions", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < from->rank; i++)
        axis[i] = from->dim[i] == 1 ? -1 : s->axis[dims[i]];
    memcpy(s->axis, axis, sizeof axis);
    s->value = op->operands[0];
    return true;
}

/* Follows a reshape that only adds or removes axes of size 1. */
static bool strip_reshape(shaped *s, const ts_op_node *op) {
    const ts_type *from = &op->operands[0]->type, *to = &op->results[0]->type;
    int axis[TS_MAX_RANK], at = 0;
    for (int i = 0; i < from->rank; i++) {
        axis[i] = -1;
        if (from->dim[i] == 1) continue;
        while (at < to->rank && to->dim[at] == 1)
            at++;
        if (at == to->rank || to->dim[at] != from->dim[i]) return false;
        axis[i] = s->axis[at++];
    }
    memcpy(s->axis, axis, sizeof axis);
    s->value = op->operands[0];
    return true;
}

/* Skips conversions between floats. All keep 0, 1 and the property of being more than 1; with is_exact, only
   conversions to wider floats, which keep every number, are skipped. */
static const ts_value *below_converts(const ts_value *value, bool is_exact) {
    for (const ts_op_node *op; (op = value->def) && op->kind == ts_hlo_convert; value = op->operands[0]) {
        const ts_dtype_info *from = ts_dtype_get((ts_dtype)op->operands[0]->type.dtype);
        if (from->kind != 'f' || (is_exact && (from->bytes != 2 || value->type.dtype != ts_dtype_f32))) break;
    }
    return value;
}

/* Skips views, conversions and maximum(-inf, x). */
static bool strip(shaped *s, bool is_exact) {
    for (const ts_op_node *op; (op = (s->value = below_converts(s->value, is_exact))->def);) {
        bool is_same = op->kind == ts_hlo_maximum && ts_constant_is(op->operands[0], -INFINITY);
        if (is_same)
            s->value = op->operands[1];
        else if (op->kind == ts_hlo_broadcast_in_dim ? !strip_broadcast(s, op)
                                                     : op->kind != ts_hlo_reshape || !strip_reshape(s, op))
            return op->kind != ts_hlo_reshape;
    }
    return true;
}

static shaped shaped_of(const ts_value *value) {
    shaped s = {.value = value};
    for (int i = 0; i < value->type.rank; i++)
        s.axis[i] = i;
    return s;
}

/* The value as a reduction by this operator that starts from its neutral number, with a bit for each reduced
   axis; NULL if the value is something else. */
static const ts_op_node *reduction(const shaped *s, ts_alu alu, double start, uint32_t *axes) {
    const ts_op_node *op = s->value->def;
    int64_t dims[TS_MAX_RANK];
    ts_alu found;
    int count = 0;
    if (!op || op->kind != ts_hlo_reduce || op->operand_count != 2 ||
        !ts_constant_is(op->operands[1], start) || !ts_region_alu(op->regions[0], &found) || found != alu)
        return NULL;
    ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &count);
    *axes = 0;
    for (int i = 0; i < count; i++)
        *axes |= 1u << dims[i];
    return op;
}

/* Whether the reduction's result is broadcast back along the axes that it reduced. */
static bool is_in_place(const shaped *s, const ts_op_node *op, uint32_t axes) {
    int at = 0;
    for (int i = 0; i < op->operands[0]->type.rank; i++) {
        if (axes >> i & 1) continue;
        if (s->axis[at] >= 0 && s->axis[at] != i) return false;
        at++;
    }
    return true;
}

bool ts_softmax_is_sum(const ts_value *value) {
    uint32_t axes, others;
    shaped below = shaped_of(value);
    const ts_op_node *sum = strip(&below, false) ? reduction(&below, ts_alu_add, 0, &axes) : NULL;
    const ts_op_node *power = sum ? below_converts(sum->operands[0], false)->def : NULL;
    bool is_power = power && power->kind == ts_hlo_exponential;
    const ts_op_node *apart = is_power ? below_converts(power->operands[0], false)->def : NULL;
    if (!apart || apart->kind != ts_hlo_subtract) return false;
    shaped largest = shaped_of(apart->operands[1]);
    const ts_op_node *most =
        strip(&largest, true) ? reduction(&largest, ts_alu_max, -INFINITY, &others) : NULL;
    return most && below_converts(most->operands[0], true) == below_converts(apart->operands[0], true) &&
           axes == others && is_in_place(&largest, most, others);
}

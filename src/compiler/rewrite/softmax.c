/* The sum that a softmax divides by, as frameworks write it: exponentials of values less their largest, so
   that one of them is 1. */
#include <math.h>
#include <string.h>

#include "compiler/lower/lower.h"
#include "compiler/passes.h"

/* A value under another shape, and which axis of that shape each of its own is; -1 for those of size 1. */
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

/* Only axes of size 1 come and go. */
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

/* Below conversions between floats: all keep 0, 1 and what is more than 1; only `is_exact` ones, to wider
   floats, keep every number. */
static const ts_value *below_converts(const ts_value *value, bool is_exact) {
    for (const ts_op_node *op; (op = value->def) && op->kind == ts_hlo_convert; value = op->operands[0]) {
        const ts_dtype_info *from = ts_dtype_get((ts_dtype)op->operands[0]->type.dtype);
        if (from->kind != 'f' || (is_exact && (from->bytes != 2 || value->type.dtype != ts_dtype_f32))) break;
    }
    return value;
}

/* To what it is made of; the larger of a value and -inf is that value. */
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

/* The reduction by the operator, from a number that changes nothing, that it is; a bit for each of its axes.
 */
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

/* Whether the reduction's result stands where the axes that it keeps are. */
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

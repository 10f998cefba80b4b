/* Simplifications of single ops, all exact: constant results, identities, and cheaper forms. */
#include <math.h>
#include <string.h>

#include "compiler/graph/convolution.h"
#include "compiler/graph/graph_make.h"
#include "compiler/lower/lower.h"
#include "compiler/passes.h"

static ts_value *put(ts_fold_state *state, ts_op_node *op) {
    ts_vec_push(&state->block->ops, &state->module->arena, op);
    return op->results[0];
}

static ts_value *put_number(ts_fold_state *state, uint32_t loc, const ts_type *type, double number) {
    ts_arena *arena = &state->module->arena;
    ts_attr *attr = TS_NEW(arena, ts_attr);
    uint8_t *data = ts_arena_alloc(arena, 8);
    const float narrow = (float)number;
    *attr = (ts_attr){.kind = ts_attr_dense, .type = *type, .is_splat = true};
    attr->data_bytes = (size_t)ts_dtype_get(type->dtype)->bytes;
    attr->data = data;
    if (type->dtype == ts_dtype_i32 || type->dtype == ts_dtype_u32) {
        const uint32_t word =
            (uint32_t)(int64_t)number; /* in range: read from a constant of this type, or folded to one */
        memcpy(data, &word, sizeof word);
    } else {
        ts_dtype_narrow((ts_dtype)type->dtype, &narrow, data, 1);
    }
    ts_named_attr named = {.name = "value", .value = attr};
    return put(state,
               ts_op_new(state->module, state->func, ts_hlo_constant, loc, 0, NULL, 1, type, 1, &named, 0));
}

/* ---- constants ---- */

static ts_value *fold_constant(ts_fold_state *state, ts_op_node *op) {
    double in[3], out;
    if (op->result_count != 1 || op->operand_count == 0 || op->operand_count > 3) return NULL;
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (!ts_constant_splat(op->operands[i], &in[i])) return NULL;
    bool is_view = op->kind == ts_hlo_broadcast_in_dim || op->kind == ts_hlo_reshape ||
                   op->kind == ts_hlo_transpose || op->kind == ts_hlo_reverse || op->kind == ts_hlo_slice;
    if (is_view) return put_number(state, op->loc, &op->results[0]->type, in[0]);
    if (!ts_hlo_is_pointwise(op->kind) || !ts_fold_number(op, in, &out)) return NULL;
    return put_number(state, op->loc, &op->results[0]->type, out);
}

/* ---- identities ---- */

static bool are_all(const ts_op_node *op, const char *name, int64_t want) {
    int64_t values[2 * TS_MAX_RANK];
    int count;
    if (!ts_op_ints(op, name, values, 2 * TS_MAX_RANK, &count)) return false;
    for (int i = 0; i < count; i++)
        if (values[i] != want) return false;
    return true;
}

static bool counts_up(const ts_op_node *op, const char *name) {
    int64_t values[TS_MAX_RANK];
    int count;
    if (!ts_op_ints(op, name, values, TS_MAX_RANK, &count)) return false;
    for (int i = 0; i < count; i++)
        if (values[i] != i) return false;
    return true;
}

/* Rearrangements that change nothing, given that operand and result have the same type. */
static bool is_still(const ts_op_node *op) {
    int64_t dims[TS_MAX_RANK];
    int count;
    switch (op->kind) {
    case ts_hlo_unrealized_conversion_cast:
    case ts_hlo_convert:
    case ts_hlo_reshape: return true;
    case ts_hlo_broadcast_in_dim: return counts_up(op, "broadcast_dimensions");
    case ts_hlo_transpose: return counts_up(op, "permutation");
    case ts_hlo_slice: return are_all(op, "start_indices", 0) && are_all(op, "strides", 1);
    case ts_hlo_reverse: return ts_op_ints(op, "dimensions", dims, TS_MAX_RANK, &count) && count == 0;
    case ts_hlo_concatenate: return op->operand_count == 1;
    case ts_hlo_pad:
        return are_all(op, "edge_padding_low", 0) && are_all(op, "edge_padding_high", 0) &&
               are_all(op, "interior_padding", 0);
    default: return false;
    }
}

/* Whether x op number == x for every x, including signed zeros and NaN. */
static bool is_neutral(unsigned kind, unsigned dtype, double number) {
    bool is_float = ts_dtype_get(dtype)->kind == 'f';
    switch (kind) {
    case ts_hlo_add: return number == 0 && (!is_float || signbit(number));
    case ts_hlo_subtract: return number == 0 && !signbit(number);
    case ts_hlo_multiply:
    case ts_hlo_divide: return number == 1 && dtype != ts_dtype_i1;
    case ts_hlo_maximum: return is_float && number == -INFINITY;
    case ts_hlo_minimum: return is_float && number == INFINITY;
    case ts_hlo_and: return dtype == ts_dtype_i1 && number != 0;
    case ts_hlo_or: return number == 0;
    case ts_hlo_xor: return number == 0;
    default: return false;
    }
}

static ts_value *drop_neutral(const ts_op_node *op) {
    double number;
    if (op->operand_count != 2 || !ts_type_equal(&op->operands[0]->type, &op->results[0]->type)) return NULL;
    unsigned dtype = op->results[0]->type.dtype;
    if (ts_constant_splat(op->operands[1], &number) && is_neutral(op->kind, dtype, number))
        return op->operands[0];
    bool is_symmetric = op->kind != ts_hlo_subtract && op->kind != ts_hlo_divide;
    if (is_symmetric && ts_constant_splat(op->operands[0], &number) && is_neutral(op->kind, dtype, number))
        return op->operands[1];
    return NULL;
}

static ts_value *pick_select(const ts_op_node *op) {
    double number;
    if (op->kind != ts_hlo_select) return NULL;
    if (op->operands[1] == op->operands[2]) return op->operands[1];
    if (!ts_constant_splat(op->operands[0], &number)) return NULL;
    return op->operands[number != 0 ? 1 : 2];
}

/* convert(convert(x)) back to x's type, if the type in between holds every value of x. */
static ts_value *undo_widening(const ts_op_node *op) {
    const ts_op_node *first = op->operands[0]->def;
    if (op->kind != ts_hlo_convert || !first || first->kind != ts_hlo_convert) return NULL;
    unsigned from = first->operands[0]->type.dtype, wide = op->operands[0]->type.dtype;
    if (from != op->results[0]->type.dtype) return NULL;
    const ts_dtype_info *narrow = ts_dtype_get(from), *between = ts_dtype_get(wide);
    bool is_exact = (narrow->kind == 'f' && wide == ts_dtype_f32) ||
                    (narrow->kind != 'f' && narrow->bytes < 4 && between->bytes == 4);
    return is_exact ? first->operands[0] : NULL;
}

/* A bitcast to another dtype and back. */
static ts_value *undo_bitcast(const ts_op_node *op) {
    const ts_op_node *first = op->operands[0]->def;
    if (op->kind != ts_hlo_bitcast_convert || !first || first->kind != ts_hlo_bitcast_convert) return NULL;
    return ts_type_equal(&first->operands[0]->type, &op->results[0]->type) ? first->operands[0] : NULL;
}

/* ---- cheaper forms ---- */

/* x / 2^k rounds exactly as x * 2^-k. */
static ts_value *divide_by_power(ts_fold_state *state, const ts_op_node *op) {
    double number;
    int exponent;
    if (op->kind != ts_hlo_divide || ts_dtype_get(op->results[0]->type.dtype)->kind != 'f' ||
        !ts_constant_splat(op->operands[1], &number))
        return NULL;
    if (fabs(frexp(number, &exponent)) != 0.5 || exponent < -12 || exponent > 14) return NULL;
    ts_value *inverse = put_number(state, op->loc, &op->operands[1]->type, 1 / number);
    return put(state,
               ts_op_new(state->module, state->func, ts_hlo_multiply, op->loc, 2,
                         (ts_value *[]){op->operands[0], inverse}, 1, &op->results[0]->type, 0, NULL, 0));
}

/* A reduction over axes of size 1 is a reshape, if it starts from the operator's neutral number. */
static ts_value *reduce_of_ones(ts_fold_state *state, const ts_op_node *op) {
    ts_alu alu;
    double init;
    if (op->kind != ts_hlo_reduce || op->operand_count != 2 || op->region_count != 1 ||
        ts_type_elems(&op->operands[0]->type) != ts_type_elems(&op->results[0]->type) ||
        ts_type_elems(&op->results[0]->type) == 0)
        return NULL;
    if (!ts_region_alu(op->regions[0], &alu) || !ts_constant_splat(op->operands[1], &init)) return NULL;
    static const struct {
        ts_alu alu;
        ts_hlo kind;
    } rows[] = {{ts_alu_add, ts_hlo_add},         {ts_alu_multiply, ts_hlo_multiply},
                {ts_alu_max, ts_hlo_maximum},     {ts_alu_min, ts_hlo_minimum},
                {ts_alu_bitwise_and, ts_hlo_and}, {ts_alu_bitwise_or, ts_hlo_or}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* StableHLO allows the initial value 0 to enter a sum any number of times. */
        bool is_sum = rows[i].alu == ts_alu_add && init == 0;
        if (rows[i].alu != alu || !(is_sum || is_neutral(rows[i].kind, op->results[0]->type.dtype, init)))
            continue;
        return put(state, ts_op_new(state->module, state->func, ts_hlo_reshape, op->loc, 1, op->operands, 1,
                                    &op->results[0]->type, 0, NULL, 0));
    }
    return NULL;
}

static const ts_named_attr *find_attr(const ts_op_node *op, const char *name) {
    for (uint32_t i = 0; i < op->attr_count; i++)
        if (strcmp(op->attrs[i].name, name) == 0) return &op->attrs[i];
    return NULL;
}

/* transpose(dot(a, b)) that moves b's free axes before a's is dot(b, a). */
static ts_value *swap_dot(ts_fold_state *state, const ts_op_node *op) {
    const ts_op_node *dot = op->operands[0]->def;
    if (op->kind != ts_hlo_transpose || !dot || dot->kind != ts_hlo_dot_general) return NULL;
    if (dot->results[0]->id >= state->uses_count || state->uses[dot->results[0]->id] != 1) return NULL;
    static const char *const pairs[4] = {"lhs_batching_dimensions", "rhs_batching_dimensions",
                                         "lhs_contracting_dimensions", "rhs_contracting_dimensions"};
    int64_t dims[TS_MAX_RANK], perm[TS_MAX_RANK];
    int batch, depth, count;
    if (!ts_op_ints(dot, pairs[0], dims, TS_MAX_RANK, &batch)) batch = 0;
    if (!ts_op_ints(dot, pairs[2], dims, TS_MAX_RANK, &depth)) depth = 0;
    if (!ts_op_ints(op, "permutation", perm, TS_MAX_RANK, &count)) return NULL;
    int left = dot->operands[0]->type.rank - batch - depth, right = count - batch - left;
    for (int i = 0; i < count; i++) {
        int want = i < batch ? i : i < batch + right ? i + left : i - right;
        if (perm[i] != want) return NULL;
    }
    ts_named_attr *attrs = TS_NEW_ARRAY(&state->module->arena, ts_named_attr, dot->attr_count);
    memcpy(attrs, dot->attrs, dot->attr_count * sizeof *attrs);
    for (uint32_t i = 0; i < dot->attr_count; i++)
        for (int j = 0; j < 4; j++) {
            const ts_named_attr *other = find_attr(dot, pairs[j ^ 1]);
            if (strcmp(attrs[i].name, pairs[j]) != 0) continue;
            if (!other) return NULL;
            attrs[i].value = other->value;
            break;
        }
    ts_value *operands[2] = {dot->operands[1], dot->operands[0]};
    return put(state, ts_op_new(state->module, state->func, ts_hlo_dot_general, dot->loc, 2, operands, 1,
                                &op->results[0]->type, dot->attr_count, attrs, 0));
}

/* transpose(all_reduce(dot)) becomes all_reduce(transpose(dot)) where the dot absorbs the transpose. */
static ts_value *turn_joined(ts_fold_state *state, const ts_op_node *op) {
    const ts_op_node *joined = op->operands[0]->def;
    if (op->kind != ts_hlo_transpose || !joined || joined->kind != ts_hlo_all_reduce) return NULL;
    if (joined->results[0]->id >= state->uses_count || state->uses[joined->results[0]->id] != 1) return NULL;
    const ts_type *type = &op->results[0]->type;
    ts_op_node *turned = ts_op_new(state->module, state->func, ts_hlo_transpose, op->loc, 1, joined->operands,
                                   1, type, op->attr_count, op->attrs, 0);
    ts_value *value = swap_dot(state, turned);
    if (!value) return NULL;
    return put(state, ts_op_new(state->module, state->func, ts_hlo_all_reduce, joined->loc, 1, &value, 1,
                                type, joined->attr_count, joined->attrs, 0));
}

/* transpose(convolution(x, y)) of the gradient of depthwise weights is a convolution that gives it so: a
   channel's weights come from its partition, in whatever order. */
static ts_value *turn_weights(ts_fold_state *state, const ts_op_node *op) {
    static const char *const names[2] = {"output_batch_dimension", "output_feature_dimension"};
    ts_op_node *made = op->operands[0]->def;
    if (op->kind != ts_hlo_transpose || !made || made->kind != ts_hlo_convolution) return NULL;
    if (made->results[0]->id >= state->uses_count || state->uses[made->results[0]->id] != 1) return NULL;
    ts_conv conv;
    int64_t perm[TS_MAX_RANK], back[TS_MAX_RANK], places[TS_MAX_RANK];
    int count;
    ts_conv_read(made, &conv);
    if (!ts_conv_is_depthwise(made, &conv) || !ts_conv_gives_weights(made, &conv)) return NULL;
    if (!ts_op_ints(op, "permutation", perm, TS_MAX_RANK, &count)) return NULL;
    for (int i = 0; i < count; i++)
        back[perm[i]] = i;
    for (int i = 0; i < conv.spatial; i++)
        places[i] = back[conv.out_axis[i]];
    ts_maker m = {.module = state->module, .func = state->func, .loc = made->loc};
    ts_named_attr *attrs = TS_NEW_ARRAY(&state->module->arena, ts_named_attr, made->attr_count + 3);
    uint32_t at = 0;
    for (uint32_t i = 0; i < made->attr_count; i++)
        if (strcmp(made->attrs[i].name, names[0]) != 0 && strcmp(made->attrs[i].name, names[1]) != 0 &&
            strcmp(made->attrs[i].name, "output_spatial_dimensions") != 0)
            attrs[at++] = made->attrs[i];
    attrs[at++] = (ts_named_attr){.name = names[0], .value = ts_make_integer(&m, back[conv.out_batch])};
    attrs[at++] = (ts_named_attr){.name = names[1], .value = ts_make_integer(&m, back[conv.out_feature])};
    attrs[at++] =
        (ts_named_attr){.name = "output_spatial_dimensions", .value = ts_make_ints(&m, conv.spatial, places)};
    return put(state, ts_op_new(state->module, state->func, ts_hlo_convolution, made->loc, 2, made->operands,
                                1, &op->results[0]->type, at, attrs, 0));
}

/* With one partition, shardings mean nothing. */
static bool has_one_partition(const ts_module *module) {
    for (uint32_t i = 0; i < module->attr_count; i++)
        if (strcmp(module->attrs[i].name, "mhlo.num_partitions") == 0)
            return module->attrs[i].value->kind == ts_attr_int && module->attrs[i].value->integer == 1;
    return true;
}

ts_value *ts_simplify(ts_fold_state *state, ts_op_node *op) {
    if (op->result_count != 1 || op->results[0]->type.kind != ts_type_tensor) return NULL;
    if (op->kind == ts_hlo_sdy_sharding_constraint && has_one_partition(state->module))
        return op->operands[0];
    ts_value *value = fold_constant(state, op);
    if (value) return value;
    if (op->operand_count > 0 && ts_type_equal(&op->operands[0]->type, &op->results[0]->type) && is_still(op))
        return op->operands[0];
    if ((value = drop_neutral(op)) || (value = pick_select(op)) ||
        (op->operand_count == 1 && ((value = undo_widening(op)) || (value = undo_bitcast(op)))))
        return value;
    if ((value = divide_by_power(state, op)) || (value = reduce_of_ones(state, op))) return value;
    if (op->operand_count != 1) return NULL;
    if ((value = turn_joined(state, op)) || (value = turn_weights(state, op))) return value;
    return swap_dot(state, op);
}

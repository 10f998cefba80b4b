/* f8E4M3FN, for which NeuronCore-v2 has no datapath. Values are kept as bytes and converted to fp32 for
   arithmetic (to bf16, which is exact, before a product). The codes equal those of the chip's IEEE-style
   fp8_e4m3 except at the top exponent, which holds numbers here. So the engines' own casts do the conversion;
   large numbers are halved first. */
#include "compiler/graph/graph_make.h"
#include "compiler/passes.h"

enum {
    FP32_HALF = 0x3f000000,
    FP32_ONE = 0x3f800000,
    FP32_TWO = 0x40000000,
    FP32_NAN = 0x7fc00000,
    FP32_128 = 0x43000000,
    FP32_464 = 0x43e80000
};

typedef struct expander {
    ts_module *module;
    ts_func *main;
    bool *was_fp8; /* by id, of the values that the pass found */
    uint32_t known;
} expander;

static bool is_fp8(const ts_value *value) {
    return value->type.kind == ts_type_tensor && value->type.dtype == ts_dtype_f8e4m3fn;
}

static ts_type as_type(const ts_value *value, unsigned dtype) {
    ts_type type = value->type;
    type.dtype = (uint8_t)dtype;
    return type;
}

static ts_value *number(ts_maker *m, const ts_value *like, uint64_t value) {
    return ts_make_number(m, &like->type, value);
}

static ts_value *with(ts_maker *m, ts_hlo kind, ts_value *a, uint64_t value) {
    return ts_make_binary(m, kind, a, number(m, a, value));
}

static ts_value *convert(ts_maker *m, ts_value *value, unsigned dtype) {
    ts_type type = as_type(value, dtype);
    return value->type.dtype == dtype ? value : ts_make_unary(m, ts_hlo_convert, value, &type);
}

static ts_value *relabel(ts_maker *m, ts_value *value, unsigned dtype) {
    ts_type type = as_type(value, dtype);
    return ts_make_bitcast(m, value, &type);
}

/* 8 where `is_large`, otherwise 0: one step of the exponent field. */
static ts_value *exponent_step(ts_maker *m, ts_value *is_large) {
    ts_type bytes = as_type(is_large, ts_dtype_u8);
    return with(m, ts_hlo_multiply, ts_make_unary(m, ts_hlo_convert, is_large, &bytes), 8);
}

/* Converts bytes to fp32. */
static ts_value *decode(ts_maker *m, ts_value *bytes) {
    ts_value *magnitude = with(m, ts_hlo_and, bytes, 0x7f);
    ts_value *is_large = ts_make_compare(m, "GE", magnitude, number(m, bytes, 0x78));
    ts_value *halved = ts_make_binary(m, ts_hlo_subtract, bytes, exponent_step(m, is_large));
    ts_value *value = convert(m, relabel(m, halved, ts_dtype_f8e4m3), ts_dtype_f32);
    ts_value *scale = ts_make_select(m, is_large, number(m, value, FP32_TWO), number(m, value, FP32_ONE));
    value = ts_make_binary(m, ts_hlo_multiply, value, scale);
    ts_value *is_nan = ts_make_compare(m, "EQ", magnitude, number(m, bytes, 0x7f));
    return ts_make_select(m, is_nan, number(m, value, FP32_NAN), value);
}

/* Converts fp32 to bytes, rounding to nearest even. NaN and magnitudes beyond 448 plus half a step give
   NaN. */
static ts_value *encode(ts_maker *m, ts_value *value) {
    ts_type plain = as_type(value, ts_dtype_f32);
    ts_value *magnitude = ts_make_unary(m, ts_hlo_abs, value, &plain);
    ts_value *is_large = ts_make_compare(m, "GE", magnitude, number(m, value, FP32_128));
    ts_value *scale = ts_make_select(m, is_large, number(m, value, FP32_HALF), number(m, value, FP32_ONE));
    ts_value *narrow = convert(m, ts_make_binary(m, ts_hlo_multiply, value, scale), ts_dtype_f8e4m3);
    ts_value *bytes = relabel(m, narrow, ts_dtype_u8);
    ts_value *is_number = ts_make_compare(m, "LE", magnitude, number(m, value, FP32_464));
    ts_value *nan = with(m, ts_hlo_or, bytes, 0x7f);
    bytes = ts_make_binary(m, ts_hlo_add, bytes, exponent_step(m, is_large));
    return ts_make_select(m, is_number, bytes, nan);
}

/* Ops that move elements without looking at them, or pass them on as `while` does. */
static bool moves(unsigned kind) {
    switch (kind) {
    case ts_hlo_all_gather:
    case ts_hlo_all_to_all:
    case ts_hlo_broadcast_in_dim:
    case ts_hlo_case:
    case ts_hlo_collective_broadcast:
    case ts_hlo_collective_permute:
    case ts_hlo_concatenate:
    case ts_hlo_constant:
    case ts_hlo_dynamic_slice:
    case ts_hlo_dynamic_update_slice:
    case ts_hlo_gather:
    case ts_hlo_if:
    case ts_hlo_optimization_barrier:
    case ts_hlo_pad:
    case ts_hlo_reshape:
    case ts_hlo_return:
    case ts_hlo_reverse:
    case ts_hlo_select:
    case ts_hlo_slice:
    case ts_hlo_transpose:
    case ts_hlo_while: return true;
    default: return false;
    }
}

static bool found(const expander *x, const ts_value *value) {
    return value->id < x->known && x->was_fp8[value->id];
}

static ts_value *bytes_of(ts_value *value) {
    return value->note ? value->note : value;
}

/* Gives a constant its bytes (u8), or the numbers that they stand for (fp32). */
static void retype_constant(expander *x, ts_op_node *op, ts_dtype dtype) {
    const ts_attr *old = ts_op_attr(op, "value");
    ts_attr *attr = TS_NEW(&x->module->arena, ts_attr);
    *attr = *old;
    attr->type.dtype = (uint8_t)dtype;
    if (dtype == ts_dtype_f32) {
        float *values = TS_NEW_ARRAY(&x->module->arena, float, old->data_bytes + 1);
        ts_dtype_widen(ts_dtype_f8e4m3fn, old->data, values, old->data_bytes);
        attr->data = (const uint8_t *)values;
        attr->data_bytes = old->data_bytes * sizeof *values;
    }
    op->attrs = TS_NEW(&x->module->arena, ts_named_attr);
    op->attrs[0] = (ts_named_attr){.name = "value", .value = attr};
    op->attr_count = 1;
}

static void put(expander *x, ts_maker *m, ts_op_node *op) {
    ts_vec_push(&m->block->ops, &x->module->arena, op);
}

static void put_move(expander *x, ts_maker *m, ts_op_node *op, bool is_end) {
    for (uint32_t i = 0; i < op->operand_count; i++) {
        if (!found(x, op->operands[i])) continue;
        ts_value *bytes = bytes_of(op->operands[i]);
        op->operands[i] = is_end ? relabel(m, bytes, ts_dtype_f8e4m3fn) : bytes;
    }
    if (op->kind == ts_hlo_constant && is_fp8(op->results[0])) retype_constant(x, op, ts_dtype_u8);
    for (uint32_t i = 0; i < op->result_count; i++)
        if (is_fp8(op->results[i])) op->results[i]->type.dtype = ts_dtype_u8;
    put(x, m, op);
}

/* Bitcasts and conversions: only their fp8 side changes. */
static void put_convert(expander *x, ts_maker *m, ts_op_node *op) {
    ts_value *operand = bytes_of(op->operands[0]), *result = op->results[0];
    bool is_bits = op->kind == ts_hlo_bitcast_convert;
    if (found(x, op->operands[0])) op->operands[0] = is_bits ? operand : decode(m, operand);
    if (!is_fp8(result)) {
        bool is_same = op->operands[0]->type.dtype == result->type.dtype &&
                       op->operands[0]->type.rank == result->type.rank;
        if (is_same) result->note = op->operands[0];
        if (!is_same) put(x, m, op);
        return;
    }
    result->type.dtype = is_bits ? ts_dtype_u8 : ts_dtype_f32;
    bool is_same =
        op->operands[0]->type.dtype == result->type.dtype && op->operands[0]->type.rank == result->type.rank;
    if (!is_same) put(x, m, op);
    ts_value *value = is_same ? op->operands[0] : result;
    if (!is_bits) value = encode(m, value);
    if (value != result) result->note = value;
}

/* Regions of reductions and sorts compute in fp32. */
static void widen_region(expander *x, ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        if (is_fp8(block->args[i])) block->args[i]->type.dtype = ts_dtype_f32;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        if (op->kind == ts_hlo_constant && is_fp8(op->results[0])) retype_constant(x, op, ts_dtype_f32);
        for (uint32_t j = 0; j < op->result_count; j++)
            if (is_fp8(op->results[j])) op->results[j]->type.dtype = ts_dtype_f32;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) widen_region(x, op->regions[j]);
    }
}

static void put_compute(expander *x, ts_maker *m, ts_op_node *op) {
    bool is_product = op->kind == ts_hlo_dot_general || op->kind == ts_hlo_convolution;
    for (uint32_t i = 0; i < op->region_count; i++)
        if (op->regions[i]) widen_region(x, op->regions[i]);
    for (uint32_t i = 0; i < op->operand_count; i++) {
        ts_value *value = bytes_of(op->operands[i]);
        if (found(x, op->operands[i])) value = decode(m, value);
        op->operands[i] = found(x, op->operands[i]) && is_product ? convert(m, value, ts_dtype_bf16) : value;
    }
    put(x, m, op);
    for (uint32_t i = 0; i < op->result_count; i++) {
        if (!is_fp8(op->results[i])) continue;
        op->results[i]->type.dtype = ts_dtype_f32;
        op->results[i]->note = encode(m, op->results[i]);
    }
}

static bool touches_fp8(const expander *x, const ts_op_node *op) {
    bool touches = false;
    for (uint32_t i = 0; i < op->operand_count; i++)
        touches |= found(x, op->operands[i]);
    for (uint32_t i = 0; i < op->result_count; i++)
        touches |= is_fp8(op->results[i]);
    return touches;
}

static void expand_block(expander *x, ts_block *block, bool is_body) {
    ts_block out = {0};
    ts_maker m = {.module = x->module, .func = x->main, .block = &out};
    for (uint32_t i = 0; i < block->arg_count; i++) {
        if (!is_fp8(block->args[i])) continue;
        if (is_body)
            block->args[i]->note = relabel(&m, block->args[i], ts_dtype_u8);
        else
            block->args[i]->type.dtype = ts_dtype_u8;
    }
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        m.loc = op->loc;
        bool is_move = moves(op->kind) || ts_op_is_host_call(op);
        for (uint32_t j = 0; is_move && j < op->region_count; j++)
            if (op->regions[j]) expand_block(x, op->regions[j], false);
        for (uint32_t j = 0; j < op->operand_count; j++)
            if (!found(x, op->operands[j])) op->operands[j] = bytes_of(op->operands[j]);
        if (!touches_fp8(x, op))
            put(x, &m, op);
        else if (is_move)
            put_move(x, &m, op, is_body && op->kind == ts_hlo_return);
        else if (op->kind == ts_hlo_convert || op->kind == ts_hlo_bitcast_convert)
            put_convert(x, &m, op);
        else
            put_compute(x, &m, op);
    }
    ts_block_take_ops(block, &out);
}

/* Marks the fp8 values and clears the notes. Returns whether there is anything to do. */
static bool see_block(expander *x, const ts_block *block) {
    bool has_any = false;
    for (uint32_t i = 0; i < block->arg_count; i++) {
        has_any |= x->was_fp8[block->args[i]->id] = is_fp8(block->args[i]);
        block->args[i]->note = NULL;
    }
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->result_count; j++) {
            has_any |= x->was_fp8[op->results[j]->id] = is_fp8(op->results[j]);
            op->results[j]->note = NULL;
        }
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) has_any |= see_block(x, op->regions[j]);
    }
    return has_any;
}

ts_status ts_expand_fp8(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    expander x = {.module = module,
                  .main = main,
                  .was_fp8 = TS_NEW_ARRAY(&module->arena, bool, main->value_count),
                  .known = main->value_count};
    if (see_block(&x, main->body)) expand_block(&x, main->body, true);
    return ts_ok;
}

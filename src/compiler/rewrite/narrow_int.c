/* Narrowing: 64-bit integers, for which the chip has no datapath, become 32-bit ones where ranges show that
   every value fits. Integers with only one possible value become constants. */
#include <string.h>

#include "compiler/graph/value_range.h"
#include "compiler/passes.h"

enum { FITS_U32 = 1, FITS_I32 = 2 };

typedef struct narrower {
    ts_module *module;
    ts_func *main;
    const ts_range *ranges;
    uint32_t *parent; /* union-find forest over ids: values of one tree must share a dtype */
    uint8_t *fits;    /* by root: which types hold all values of the tree */
} narrower;

static bool is_wide(const ts_value *value) {
    return value->type.kind == ts_type_tensor &&
           (value->type.dtype == ts_dtype_i64 || value->type.dtype == ts_dtype_u64);
}

static uint32_t root_of(narrower *n, uint32_t id) {
    while (n->parent[id] != id)
        id = n->parent[id] = n->parent[n->parent[id]];
    return id;
}

static void tie(narrower *n, const ts_value *a, const ts_value *b) {
    uint32_t x = root_of(n, a->id), y = root_of(n, b->id);
    if (x == y) return;
    n->parent[y] = x;
    n->fits[x] &= n->fits[y];
}

static void keep(narrower *n, const ts_value *value) {
    if (is_wide(value)) n->fits[root_of(n, value->id)] = 0;
}

/* Ops that give the same numbers in 32 bits if operands and results fit. */
static bool is_width_free(unsigned kind) {
    switch (kind) {
    case ts_hlo_abs:
    case ts_hlo_add:
    case ts_hlo_and:
    case ts_hlo_broadcast_in_dim:
    case ts_hlo_clamp:
    case ts_hlo_compare:
    case ts_hlo_concatenate:
    case ts_hlo_constant:
    case ts_hlo_convert:
    case ts_hlo_divide:
    case ts_hlo_iota:
    case ts_hlo_maximum:
    case ts_hlo_minimum:
    case ts_hlo_multiply:
    case ts_hlo_negate:
    case ts_hlo_or:
    case ts_hlo_pad:
    case ts_hlo_remainder:
    case ts_hlo_reshape:
    case ts_hlo_reverse:
    case ts_hlo_select:
    case ts_hlo_shift_left:
    case ts_hlo_shift_right_arithmetic:
    case ts_hlo_shift_right_logical:
    case ts_hlo_sign:
    case ts_hlo_slice:
    case ts_hlo_subtract:
    case ts_hlo_transpose:
    case ts_hlo_xor: return true;
    default: return false;
    }
}

static ts_value *value_at(const ts_op_node *op, uint32_t i) {
    return i < op->operand_count ? op->operands[i] : op->results[i - op->operand_count];
}

/* Ops that take indices. Their indices may have any integer dtype, but all of one op the same. */
static bool has_indices(unsigned kind) {
    return kind == ts_hlo_dynamic_slice || kind == ts_hlo_dynamic_update_slice || kind == ts_hlo_gather ||
           kind == ts_hlo_scatter;
}

static bool is_index(const ts_op_node *op, uint32_t i) {
    switch (op->kind) {
    case ts_hlo_dynamic_slice: return i >= 1 && i < op->operand_count;
    case ts_hlo_dynamic_update_slice: return i >= 2 && i < op->operand_count;
    case ts_hlo_gather: return i == 1;
    case ts_hlo_scatter: return i == op->operand_count / 2; /* the indices come between inputs and updates */
    default: return false;
    }
}

static bool has_own_region(const ts_op_node *op) {
    return op && (op->kind == ts_hlo_scatter || op->kind == ts_hlo_sort);
}

/* The operand whose elements an argument of a sort's or scatter's region takes. */
static const ts_value *operand_of_argument(const ts_op_node *owner, uint32_t i) {
    return owner->operands[owner->kind == ts_hlo_sort ? i / 2 : i % owner->result_count];
}

static void see_op(narrower *n, const ts_op_node *owner, const ts_op_node *op) {
    if (op->kind == ts_hlo_return && owner && owner->kind == ts_hlo_scatter) return;
    for (uint32_t i = 0; i < op->operand_count && op->kind == ts_hlo_sort; i++)
        if (is_wide(op->operands[i])) tie(n, op->operands[i], op->results[i]);
    if (op->kind == ts_hlo_sort) return;
    uint32_t all = op->operand_count + op->result_count;
    for (uint32_t pass = 0; pass < 2; pass++) {
        const ts_value *first = NULL;
        for (uint32_t i = 0; i < all; i++) {
            const ts_value *value = value_at(op, i);
            if (!is_wide(value) || is_index(op, i) != (pass == 1)) continue;
            if (!has_indices(op->kind) && !is_width_free(op->kind)) keep(n, value);
            if (first) tie(n, first, value);
            first = value;
        }
    }
}

static void see_block(narrower *n, const ts_op_node *owner, const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++) {
        if (!is_wide(block->args[i])) continue;
        if (has_own_region(owner))
            tie(n, block->args[i], operand_of_argument(owner, i));
        else
            keep(n, block->args[i]);
    }
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) see_block(n, op, op->regions[j]);
        see_op(n, owner, op);
    }
}

static void start_value(narrower *n, const ts_value *value) {
    ts_range range = n->ranges[value->id];
    if (is_wide(value))
        n->fits[value->id] = (uint8_t)((ts_range_fits(range, ts_dtype_u32) ? FITS_U32 : 0) |
                                       (ts_range_fits(range, ts_dtype_i32) ? FITS_I32 : 0));
}

static void start(narrower *n, const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        start_value(n, block->args[i]);
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) start(n, op->regions[j]);
        for (uint32_t j = 0; j < op->result_count; j++)
            start_value(n, op->results[j]);
    }
}

/* ---- rewriting ---- */

static void narrow_constant(narrower *n, ts_op_node *op, unsigned dtype) {
    ts_arena *arena = &n->module->arena;
    const ts_attr *old = ts_op_attr(op, "value");
    ts_attr *attr = TS_NEW(arena, ts_attr);
    size_t count = old->data_bytes / 8;
    uint32_t *words = TS_NEW_ARRAY(arena, uint32_t, count);
    for (size_t i = 0; i < count; i++)
        memcpy(&words[i], old->data + 8 * i, sizeof *words);
    *attr = *old;
    attr->type.dtype = (uint8_t)dtype;
    attr->data = (const uint8_t *)words;
    attr->data_bytes = 4 * count;
    for (uint32_t i = 0; i < op->attr_count; i++)
        if (strcmp(op->attrs[i].name, "value") == 0) op->attrs[i].value = attr;
}

static void rewrite_value(narrower *n, ts_value *value, const uint8_t *roots) {
    if (!is_wide(value)) return;
    unsigned dtype = roots[root_of(n, value->id)];
    if (dtype == ts_dtype_none) return;
    value->type.dtype = (uint8_t)dtype;
    if (!value->def) return;
    if (value->def->kind == ts_hlo_constant) narrow_constant(n, value->def, dtype);
    /* In 32 bits, numbers from 2^31 on would be negative to an arithmetic shift. */
    if (value->def->kind == ts_hlo_shift_right_arithmetic && dtype == ts_dtype_u32)
        value->def->kind = ts_hlo_shift_right_logical;
}

/* Makes an op a constant if its integers can have only one value. */
static void make_constant(narrower *n, ts_op_node *op) {
    if (op->result_count != 1 || op->kind == ts_hlo_constant || op->region_count > 0) return;
    ts_value *value = op->results[0];
    ts_range range = n->ranges[value->id];
    const ts_dtype_info *info = ts_dtype_get((ts_dtype)value->type.dtype);
    bool is_one = value->type.kind == ts_type_tensor && ts_dtype_is_integer(value->type.dtype) &&
                  info->native && range.low == range.high && ts_type_elems(&value->type) > 0;
    if (!is_one) return;
    ts_arena *arena = &n->module->arena;
    ts_attr *attr = TS_NEW(arena, ts_attr);
    uint8_t *data = ts_arena_alloc(arena, 8);
    memcpy(data, &range.low, sizeof range.low);
    *attr = (ts_attr){.kind = ts_attr_dense, .type = value->type, .is_splat = true, .data = data};
    attr->data_bytes = (size_t)info->bytes;
    op->attrs = TS_NEW(arena, ts_named_attr);
    op->attrs[0] = (ts_named_attr){.name = "value", .value = attr};
    op->attr_count = 1;
    op->operand_count = 0;
    op->kind = ts_hlo_constant;
}

/* Whether an op's regions are functions of elements, of which the lowering wants the operator itself, even
   where the elements at hand leave it one result only. */
static bool has_functions(const ts_op_node *op) {
    return op->kind != ts_hlo_while && op->kind != ts_hlo_case && op->kind != ts_hlo_if;
}

static void rewrite_block(narrower *n, const ts_op_node *owner, const ts_block *block, const uint8_t *roots) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        rewrite_value(n, block->args[i], roots);
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) rewrite_block(n, op, op->regions[j], roots);
        for (uint32_t j = 0; j < op->result_count; j++)
            rewrite_value(n, op->results[j], roots);
        if (!owner || !has_functions(owner)) make_constant(n, op);
    }
}

ts_status ts_narrow_int(ts_module *module, ts_func *main, ts_diag *diag) {
    (void)diag;
    ts_arena scratch = {0};
    narrower n = {.module = module,
                  .main = main,
                  .ranges = ts_value_ranges(main, &scratch),
                  .parent = TS_NEW_ARRAY(&scratch, uint32_t, main->value_count),
                  .fits = TS_NEW_ARRAY(&scratch, uint8_t, main->value_count)};
    uint8_t *roots = TS_NEW_ARRAY(&scratch, uint8_t, main->value_count);
    for (uint32_t i = 0; i < main->value_count; i++)
        n.parent[i] = i;
    start(&n, main->body);
    see_block(&n, NULL, main->body);
    for (uint32_t i = 0; i < main->value_count; i++) {
        uint8_t fits = n.fits[root_of(&n, i)];
        roots[root_of(&n, i)] = fits & FITS_I32   ? ts_dtype_i32
                                : fits & FITS_U32 ? ts_dtype_u32
                                                  : ts_dtype_none;
    }
    rewrite_block(&n, NULL, main->body, roots);
    ts_arena_free(&scratch);
    return ts_ok;
}

/* The graph's building blocks: modules, values, ops, types, attribute access, and errors that point at the
   user's source. */
#include "compiler/graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ts_hlo_name(unsigned kind) {
    static const char *const names[ts_hlo_count] = {
        "none",
#define HLO(name, ...) #name,
#include "compiler/graph/hlo.def"
    };
    return kind < ts_hlo_count ? names[kind] : names[0];
}

int64_t ts_type_elems(const ts_type *type) {
    int64_t elems = 1;
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i] < 0) return -1;
    for (int i = 0; i < type->rank; i++) {
        if (type->dim[i] == 0) return 0;
        if (__builtin_mul_overflow(elems, type->dim[i], &elems)) elems = INT64_MAX;
    }
    return elems;
}

int64_t ts_type_bytes(const ts_type *type) {
    int64_t bytes;
    if (__builtin_mul_overflow(ts_type_elems(type), ts_dtype_get(type->dtype)->bytes, &bytes))
        return INT64_MAX;
    return bytes;
}

bool ts_type_equal(const ts_type *a, const ts_type *b) {
    if (a->kind != b->kind || a->dtype != b->dtype || a->rank != b->rank) return false;
    return a->rank == 0 || memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) == 0;
}

bool ts_hlo_is_pointwise(unsigned kind) {
    static const bool is_pointwise[ts_hlo_count] = {
#define CLASS_pointwise            true
#define CLASS_view                 false
#define CLASS_own                  false
#define CLASS_control              false
#define CLASS_none                 false
#define HLO(name, operands, class) [ts_hlo_##name] = CLASS_##class,
#include "compiler/graph/hlo.def"
#undef CLASS_pointwise
#undef CLASS_view
#undef CLASS_own
#undef CLASS_control
#undef CLASS_none
    };
    return kind < ts_hlo_count && is_pointwise[kind];
}

bool ts_hlo_picks(unsigned kind) {
    switch (kind) {
    case ts_hlo_broadcast_in_dim:
    case ts_hlo_reshape:
    case ts_hlo_reverse:
    case ts_hlo_slice:
    case ts_hlo_transpose:
    case ts_hlo_dynamic_slice:
    case ts_hlo_gather: return true;
    default: return false;
    }
}

ts_module *ts_module_new(void) {
    ts_arena arena = {0};
    ts_module *module = TS_NEW(&arena, ts_module);
    module->arena = arena;
    module->name = "";
    module->replicas = module->partitions = 1;
    ts_vec_push(&module->locs, &module->arena, ((ts_loc){.file = "", .name = ""}));
    return module;
}

void ts_module_free(ts_module *module) {
    if (!module) return;
    ts_arena arena = module->arena; /* the module itself lies in it */
    ts_arena_free(&arena);
}

ts_func *ts_module_func(const ts_module *module, const char *name) {
    for (uint32_t i = 0; i < module->funcs.count; i++)
        if (strcmp(module->funcs.data[i]->name, name) == 0) return module->funcs.data[i];
    return NULL;
}

ts_value *ts_value_new(ts_module *module, ts_func *func, const ts_type *type) {
    ts_value *value = TS_NEW(&module->arena, ts_value);
    value->type = *type;
    value->id = func->value_count++;
    return value;
}

ts_op_node *ts_op_new(ts_module *module, ts_func *func, ts_hlo kind, uint32_t loc, uint32_t operand_count,
                      ts_value *const *operands, uint32_t result_count, const ts_type *result_types,
                      uint32_t attr_count, const ts_named_attr *attrs, uint32_t region_count) {
    ts_arena *arena = &module->arena;
    ts_op_node *op = TS_NEW(arena, ts_op_node);
    *op = (ts_op_node){.kind = (uint16_t)kind,
                       .loc = loc,
                       .operand_count = operand_count,
                       .result_count = result_count,
                       .attr_count = attr_count,
                       .region_count = region_count};
    op->operands = ts_arena_copy(arena, operands, operand_count * sizeof *operands);
    op->results = TS_NEW_ARRAY(arena, ts_value *, result_count);
    for (uint32_t i = 0; i < result_count; i++) {
        op->results[i] = ts_value_new(module, func, &result_types[i]);
        op->results[i]->def = op;
        op->results[i]->index = i;
    }
    op->attrs = ts_arena_copy(arena, attrs, attr_count * sizeof *attrs);
    op->regions = TS_NEW_ARRAY(arena, ts_block *, region_count);
    return op;
}

const ts_attr *ts_op_attr(const ts_op_node *op, const char *name) {
    for (uint32_t i = 0; i < op->attr_count; i++)
        if (strcmp(op->attrs[i].name, name) == 0)
            return op->attrs[i].value->kind == ts_attr_none ? NULL : op->attrs[i].value;
    return NULL;
}

/* One integer element of a dense attribute, sign- or zero-extended. */
static int64_t dense_int(const ts_attr *attr, int64_t index) {
    const ts_dtype_info *info = ts_dtype_get(attr->type.dtype);
    const uint8_t *at = attr->data + (attr->is_splat ? 0 : (size_t)index * (size_t)info->bytes);
    uint64_t bits = 0;
    for (int i = 0; i < info->bytes; i++)
        bits |= (uint64_t)at[i] << (8 * i);
    if (info->kind != 's' || info->bytes == 8) return (int64_t)bits;
    uint64_t sign = (uint64_t)1 << (8 * info->bytes - 1);
    return (int64_t)((bits ^ sign) - sign);
}

static bool dense_ints(const ts_attr *attr, int64_t *out, int max, int *count) {
    char kind = ts_dtype_get(attr->type.dtype)->kind;
    int64_t elems = ts_type_elems(&attr->type);
    if ((kind != 'b' && kind != 's' && kind != 'u') || elems < 0 || elems > max - *count) return false;
    for (int64_t i = 0; i < elems; i++)
        out[(*count)++] = dense_int(attr, i);
    return true;
}

/* Appends the integers of an attribute; nested lists (padding pairs) row by row. Recursion is bounded, since
   readers bound the nesting. */
static bool append_ints(const ts_attr *attr, int64_t *out, int max, int *count) {
    if (attr->kind == ts_attr_dense) return dense_ints(attr, out, max, count);
    if (attr->kind == ts_attr_int || attr->kind == ts_attr_bool) {
        if (*count >= max) return false;
        out[(*count)++] = attr->kind == ts_attr_int ? attr->integer : attr->boolean;
        return true;
    }
    if (attr->kind != ts_attr_array) return false;
    for (uint32_t i = 0; i < attr->count; i++)
        if (!append_ints(attr->array[i], out, max, count)) return false;
    return true;
}

bool ts_op_ints(const ts_op_node *op, const char *name, int64_t *out, int max, int *count) {
    const ts_attr *attr = ts_op_attr(op, name);
    *count = 0;
    if (attr && (attr->kind == ts_attr_dense || attr->kind == ts_attr_array) &&
        append_ints(attr, out, max, count))
        return true;
    *count = 0;
    return false;
}

int64_t ts_op_int(const ts_op_node *op, const char *name, int64_t if_absent) {
    const ts_attr *attr = ts_op_attr(op, name);
    int64_t value;
    int count = 0;
    if (!attr || !append_ints(attr, &value, 1, &count) || count != 1) return if_absent;
    return value;
}

bool ts_op_bool(const ts_op_node *op, const char *name, bool if_absent) {
    return ts_op_int(op, name, if_absent) != 0;
}

const char *ts_op_string(const ts_op_node *op, const char *name) {
    const ts_attr *attr = ts_op_attr(op, name);
    return attr && attr->kind == ts_attr_string ? attr->string : "";
}

uint32_t ts_module_user_loc(const ts_module *module, uint32_t loc) {
    return ts_loc_user(module->locs.data, module->locs.count, loc);
}

ts_status ts_op_fail(const ts_module *module, const ts_op_node *op, ts_diag *diag, ts_status status,
                     const char *format, ...) {
    char message[sizeof diag->message], name[sizeof diag->op];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ts_fail(diag, status, "%s", message);
    const char *hlo = ts_hlo_name(op->kind);
    if (strncmp(hlo, "sdy_", 4) == 0)
        snprintf(name, sizeof name, "sdy.%s", hlo + 4);
    else
        snprintf(name, sizeof name, "stablehlo.%s", hlo);
    ts_diag_op(diag, name);
    uint32_t loc = ts_module_user_loc(module, op->loc);
    if (loc) ts_diag_where(diag, module->locs.data[loc].file, (int)module->locs.data[loc].line);
    return status;
}

int ts_block_argument(const ts_block *block, const ts_value *value) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        if (block->args[i] == value) return (int)i;
    return -1;
}

void ts_block_take_ops(ts_block *block, const ts_block *from) {
    block->ops.data = from->ops.data;
    block->ops.count = from->ops.count;
    block->ops.capacity = from->ops.capacity;
}

void ts_block_replace_uses(const ts_block *block, const ts_value *old, ts_value *by) {
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->operand_count; j++)
            if (op->operands[j] == old) op->operands[j] = by;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) ts_block_replace_uses(op->regions[j], old, by);
    }
}

void ts_block_clear_notes(const ts_block *block) {
    for (uint32_t i = 0; i < block->arg_count; i++)
        block->args[i]->note = NULL;
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->result_count; j++)
            op->results[j]->note = NULL;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) ts_block_clear_notes(op->regions[j]);
    }
}

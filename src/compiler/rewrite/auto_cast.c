/* --auto-cast: computes fp32 operations in a narrower type where the caller asks for it (the flags of
   neuronx-cc, compiler/neuronx-cc/api-reference-guide/index.rst). Arguments and results of the program keep
   their types. */
#include <string.h>

#include "compiler/compile.h"
#include "compiler/graph/graph_make.h"
#include "compiler/passes.h"

typedef struct caster {
    ts_module *module;
    ts_func *main;
    unsigned dtype;       /* the type to cast to */
    const bool *was_fp32; /* by value id, as the pass found the values */
} caster;

static ts_value *cast(ts_maker *make, ts_value *value, unsigned dtype) {
    ts_type type = value->type;
    type.dtype = (uint8_t)dtype;
    return ts_make_unary(make, ts_hlo_convert, value, &type);
}

static ts_maker maker_at(const caster *c, ts_block *block, uint32_t loc) {
    return (ts_maker){.module = c->module, .func = c->main, .block = block, .loc = loc};
}

/* ---- matmult: casts the operands of TensorE ---- */

static bool is_view(const ts_op_node *op) {
    return op && (op->kind == ts_hlo_transpose || op->kind == ts_hlo_reshape || op->kind == ts_hlo_reverse ||
                  op->kind == ts_hlo_broadcast_in_dim);
}

/* Casts the value to the narrower type. The operand of a transpose or other view is cast before the view,
   where it can be read in long runs. Folding merges equal casts. */
static ts_value *cast_under_views(const caster *c, ts_maker *make, ts_value *value) {
    const ts_op_node *op = value->def;
    if (!is_view(op)) return cast(make, value, c->dtype);
    ts_value *operand = cast_under_views(c, make, op->operands[0]);
    ts_type type = value->type;
    type.dtype = (uint8_t)c->dtype;
    ts_op_node *view = ts_op_new(c->module, c->main, (ts_hlo)op->kind, op->loc, 1, &operand, 1, &type,
                                 op->attr_count, op->attrs, 0);
    ts_vec_push(&make->block->ops, &c->module->arena, view);
    return view->results[0];
}

static void cast_operands(const caster *c, ts_block *block) {
    ts_block out = {0};
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        ts_maker make = maker_at(c, &out, op->loc);
        bool is_product = op->kind == ts_hlo_dot_general || op->kind == ts_hlo_convolution;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) cast_operands(c, op->regions[j]);
        for (uint32_t j = 0; is_product && j < op->operand_count; j++)
            if (op->operands[j]->type.dtype == ts_dtype_f32)
                op->operands[j] = cast_under_views(c, &make, op->operands[j]);
        ts_vec_push(&out.ops, &c->module->arena, op);
    }
    ts_block_take_ops(block, &out);
}

/* ---- all: casts every value but the program's arguments and results, and what depends on bits ---- */

static void retype_constant(const caster *c, ts_op_node *op) {
    ts_arena *arena = &c->module->arena;
    const ts_attr *old = ts_op_attr(op, "value");
    ts_attr *attr = TS_NEW(arena, ts_attr);
    size_t bytes = (size_t)ts_dtype_get((ts_dtype)c->dtype)->bytes, count = old->data_bytes / sizeof(float);
    uint8_t *data = ts_arena_alloc(arena, count * bytes + 1);
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, old->data + i * sizeof value, sizeof value);
        ts_dtype_narrow((ts_dtype)c->dtype, &value, data + i * bytes, 1);
    }
    *attr = *old;
    attr->type.dtype = (uint8_t)c->dtype;
    attr->data = data;
    attr->data_bytes = count * bytes;
    for (uint32_t i = 0; i < op->attr_count; i++)
        if (strcmp(op->attrs[i].name, "value") == 0) op->attrs[i].value = attr;
}

static bool is_fp32(const ts_value *value) {
    return value->type.kind == ts_type_tensor && value->type.dtype == ts_dtype_f32;
}

static ts_value *as_fp32(const caster *c, ts_maker *make, ts_value *value) {
    return c->was_fp32[value->id] && !is_fp32(value) ? cast(make, value, ts_dtype_f32) : value;
}

/* Leaves the op in fp32: it looks at bits, or returns the program's results. */
static void keep_op(const caster *c, ts_op_node *op, ts_maker *make) {
    for (uint32_t i = 0; i < op->operand_count; i++)
        op->operands[i] = as_fp32(c, make, op->operands[i]);
    ts_vec_push(&make->block->ops, &c->module->arena, op);
    for (uint32_t i = 0; i < op->result_count; i++)
        if (is_fp32(op->results[i])) op->results[i]->note = cast(make, op->results[i], c->dtype);
}

static void retype_op(const caster *c, ts_op_node *op, ts_maker *make) {
    for (uint32_t i = 0; i < op->operand_count; i++)
        if (op->operands[i]->note) op->operands[i] = op->operands[i]->note;
    for (uint32_t i = 0; i < op->result_count; i++) {
        if (!is_fp32(op->results[i])) continue;
        if (op->kind == ts_hlo_constant) retype_constant(c, op);
        op->results[i]->type.dtype = (uint8_t)c->dtype;
    }
    ts_vec_push(&make->block->ops, &c->module->arena, op);
}

static void retype_block(const caster *c, ts_block *block, bool is_body) {
    ts_block out = {0};
    ts_maker make = maker_at(c, &out, 0);
    for (uint32_t i = 0; i < block->arg_count; i++) {
        if (!is_fp32(block->args[i])) continue;
        if (is_body)
            block->args[i]->note = cast(&make, block->args[i], c->dtype);
        else
            block->args[i]->type.dtype = (uint8_t)c->dtype;
    }
    for (uint32_t i = 0; i < block->ops.count; i++) {
        ts_op_node *op = block->ops.data[i];
        make.loc = op->loc;
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) retype_block(c, op->regions[j], false);
        if (op->kind == ts_hlo_bitcast_convert || (is_body && op->kind == ts_hlo_return))
            keep_op(c, op, &make);
        else
            retype_op(c, op, &make);
    }
    ts_block_take_ops(block, &out);
}

/* Marks the fp32 values and clears the notes of a block. */
static void see_block(const ts_block *block, bool *was_fp32) {
    for (uint32_t i = 0; i < block->arg_count; i++) {
        was_fp32[block->args[i]->id] = is_fp32(block->args[i]);
        block->args[i]->note = NULL;
    }
    for (uint32_t i = 0; i < block->ops.count; i++) {
        const ts_op_node *op = block->ops.data[i];
        for (uint32_t j = 0; j < op->result_count; j++) {
            was_fp32[op->results[j]->id] = is_fp32(op->results[j]);
            op->results[j]->note = NULL;
        }
        for (uint32_t j = 0; j < op->region_count; j++)
            if (op->regions[j]) see_block(op->regions[j], was_fp32);
    }
}

ts_status ts_auto_cast_run(ts_module *module, ts_func *main, ts_auto_cast mode, ts_dtype type) {
    caster c = {.module = module, .main = main, .dtype = type ? type : ts_dtype_bf16};
    if (mode == ts_auto_cast_matmult) cast_operands(&c, main->body);
    if (mode != ts_auto_cast_all) return ts_ok;
    bool *was_fp32 = TS_NEW_ARRAY(&module->arena, bool, main->value_count);
    see_block(main->body, was_fp32);
    c.was_fp32 = was_fp32;
    retype_block(&c, main->body, true);
    return ts_ok;
}

/* ---- the flags' words ---- */

typedef struct word {
    const char *name;
    int value;
} word;

static ts_status find_word(const word *words, const char *what, const char *source, const char *text,
                           size_t length, int *value, ts_diag *diag) {
    for (const word *w = words; w->name; w++)
        if (strlen(w->name) == length && memcmp(w->name, text, length) == 0) {
            *value = w->value;
            return ts_ok;
        }
    ts_fail(diag, ts_usage, "%s is \"%.*s\"", source, length < 40 ? (int)length : 40, text);
    ts_diag_remedy(diag, "%s", what);
    return ts_usage;
}

/* The documentation of mixed precision spells it `matmul` (neuronx-cc-training-mixed-precision.rst). */
ts_status ts_auto_cast_parse(const char *text, size_t length, const char *source, ts_auto_cast *mode,
                             ts_diag *diag) {
    static const word words[] = {{"none", ts_auto_cast_none},
                                 {"matmult", ts_auto_cast_matmult},
                                 {"matmul", ts_auto_cast_matmult},
                                 {"all", ts_auto_cast_all},
                                 {NULL, 0}};
    int value = 0;
    TS_TRY(find_word(words, "one of none, matmult, all", source, text, length, &value, diag));
    *mode = (ts_auto_cast)value;
    return ts_ok;
}

ts_status ts_auto_cast_type_parse(const char *text, size_t length, const char *source, ts_dtype *type,
                                  ts_diag *diag) {
    static const word words[] = {{"bf16", ts_dtype_bf16},
                                 {"fp16", ts_dtype_f16},
                                 {"tf32", ts_dtype_tf32},
                                 {"fp8_e4m3", ts_dtype_f8e4m3},
                                 {NULL, 0}};
    int value = 0;
    TS_TRY(find_word(words, "one of bf16, fp16, tf32, fp8_e4m3", source, text, length, &value, diag));
    *type = (ts_dtype)value;
    return ts_ok;
}

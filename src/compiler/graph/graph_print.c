/* Text form of the graph: one op a line, types after the colon, large constants as a table at the end.
   docs/hlo.md describes it; graph_parse.c reads it. */
#include "compiler/graph/graph.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INLINE_ELEMS = 32, /* dense attributes of more elements go to the table at the end */
    LIST_ELEMS = 1024  /* i64 attributes of rank 1 and 2 read as lists up to here */
};

typedef struct printer {
    const ts_module *module;
    ts_text *out;
    ts_arena arena;
    TS_VEC(const ts_attr *) blobs;
    uint32_t *slots; /* open addressing over data pointers: 1 + index into blobs, 0 = free */
    uint32_t slot_count;
} printer;

static void print_attr(printer *p, const ts_attr *attr);

static bool is_plain_name(const char *name) {
    if (name[0] == '\0' || (name[0] >= '0' && name[0] <= '9')) return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$")] == '\0';
}

static void print_name(ts_text *out, const char *name) {
    if (is_plain_name(name))
        ts_text_add(out, name);
    else
        ts_text_quote(out, name);
}

static void print_type(ts_text *out, const ts_type *type) {
    static const char *const others[] = {"tensor", "token", "tuple", "other"};
    if (type->kind != ts_type_tensor) {
        ts_text_add(out, others[type->kind <= ts_type_other ? type->kind : ts_type_other]);
        return;
    }
    ts_text_format(out, "%s[", ts_dtype_get(type->dtype)->name);
    for (int i = 0; i < type->rank; i++) {
        if (i) ts_text_add(out, ",");
        if (type->dim[i] < 0)
            ts_text_add(out, "?");
        else
            ts_text_format(out, "%" PRId64, type->dim[i]);
    }
    ts_text_add(out, "]");
}

/* A decimal point, exponent or word tells floats from integers. */
static void print_double(ts_text *out, double value) {
    size_t start = out->length;
    ts_text_double(out, value);
    if (!strpbrk(out->data + start, ".enif")) ts_text_add(out, ".0");
}

static void print_bits(ts_text *out, const uint8_t *at, int bytes) {
    ts_text_add(out, "0x");
    for (int i = bytes; i-- > 0;)
        ts_text_format(out, "%02x", at[i]);
}

/* Bytes of `value` in this dtype, as the parser makes them. */
static void narrow(ts_dtype dtype, double value, uint8_t *out) {
    float single = (float)value;
    if (dtype == ts_dtype_f64)
        memcpy(out, &value, sizeof value);
    else
        ts_dtype_narrow(dtype, &single, out, 1);
}

static bool widen(ts_dtype dtype, const uint8_t *at, double *value) {
    float wide = 0;
    if (dtype == ts_dtype_f64) {
        memcpy(value, at, sizeof *value);
        return true;
    }
    if (!ts_dtype_get(dtype)->native) return false;
    ts_dtype_widen(dtype, at, &wide, 1);
    *value = wide;
    return true;
}

/* The fewest digits that read back to the same bits; the bits themselves for NaN payloads and for types that
   have no conversion here. */
static void print_float(ts_text *out, ts_dtype dtype, const uint8_t *at) {
    size_t bytes = (size_t)ts_dtype_get(dtype)->bytes;
    uint8_t back[8] = {0};
    char digits[40];
    double value;
    bool is_known = widen(dtype, at, &value) && !isnan(value);
    for (int precision = 1; is_known && precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        narrow(dtype, strtod(digits, NULL), back);
        if (memcmp(back, at, bytes) != 0) continue;
        ts_text_add(out, digits);
        if (!strpbrk(digits, ".enif")) ts_text_add(out, ".0");
        return;
    }
    print_bits(out, at, (int)bytes);
}

static void print_element(ts_text *out, ts_dtype dtype, const uint8_t *at) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    uint64_t bits = 0;
    if (info->kind == 'c' || info->kind == 0) {
        print_bits(out, at, info->bytes);
        return;
    }
    if (info->kind == 'f') {
        print_float(out, dtype, at);
        return;
    }
    for (int i = 0; i < info->bytes; i++)
        bits |= (uint64_t)at[i] << (8 * i);
    if (info->kind != 's') {
        ts_text_format(out, "%" PRIu64, bits);
        return;
    }
    uint64_t sign = (uint64_t)1 << (8 * info->bytes - 1);
    ts_text_format(out, "%" PRId64, (int64_t)((bits ^ sign) - sign));
}

static uint32_t hash_pointer(const void *pointer) {
    uint64_t bits = (uint64_t)(uintptr_t)pointer * 0x9e3779b97f4a7c15u;
    return (uint32_t)(bits >> 32);
}

static void insert_blob(printer *p, uint32_t index) {
    uint32_t slot = hash_pointer(p->blobs.data[index]->data) & (p->slot_count - 1);
    while (p->slots[slot])
        slot = (slot + 1) & (p->slot_count - 1);
    p->slots[slot] = index + 1;
}

/* Number of the blob that holds this attribute's bytes, new or met before. */
static uint32_t blob_of(printer *p, const ts_attr *attr) {
    if (2 * (p->blobs.count + 1) > p->slot_count) {
        p->slot_count = p->slot_count ? p->slot_count * 2 : 64;
        p->slots = TS_NEW_ARRAY(&p->arena, uint32_t, p->slot_count);
        for (uint32_t i = 0; i < p->blobs.count; i++)
            insert_blob(p, i);
    }
    for (uint32_t slot = hash_pointer(attr->data) & (p->slot_count - 1); p->slots[slot];
         slot = (slot + 1) & (p->slot_count - 1)) {
        const ts_attr *known = p->blobs.data[p->slots[slot] - 1];
        if (known->data == attr->data && known->data_bytes == attr->data_bytes) return p->slots[slot] - 1;
    }
    ts_vec_push(&p->blobs, &p->arena, attr);
    insert_blob(p, p->blobs.count - 1);
    return p->blobs.count - 1;
}

static size_t stored_elems(const ts_attr *attr) {
    int bytes = ts_dtype_get(attr->type.dtype)->bytes;
    return bytes > 0 ? attr->data_bytes / (size_t)bytes : 0;
}

/* One number when a splat (or a single element), else a list or a reference into the blob table. */
static void print_payload(printer *p, const ts_attr *attr) {
    size_t count = stored_elems(attr), bytes = (size_t)ts_dtype_get(attr->type.dtype)->bytes;
    if (count > INLINE_ELEMS) {
        ts_text_format(p->out, "blob %u", blob_of(p, attr));
        return;
    }
    if (!attr->is_splat) ts_text_add(p->out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i) ts_text_add(p->out, ", ");
        print_element(p->out, attr->type.dtype, attr->data + i * bytes);
    }
    if (!attr->is_splat) ts_text_add(p->out, "]");
}

static int64_t dense_at(const ts_attr *attr, int64_t index) {
    int64_t value;
    memcpy(&value, attr->data + (attr->is_splat ? 0 : index * 8), sizeof value);
    return value;
}

static void print_row(printer *p, const ts_attr *attr, int64_t first, int64_t count) {
    ts_text_add(p->out, "[");
    for (int64_t i = 0; i < count; i++)
        ts_text_format(p->out, "%s%" PRId64, i ? ", " : "", dense_at(attr, first + i));
    ts_text_add(p->out, "]");
}

/* Short i64 arrays (axes, sizes, padding pairs) as the lists that people write. */
static bool print_as_list(printer *p, const ts_attr *attr) {
    const ts_type *type = &attr->type;
    if (type->dtype != ts_dtype_i64 || type->rank < 1 || type->rank > 2) return false;
    int64_t elems = ts_type_elems(type);
    if (elems < 0 || elems > LIST_ELEMS || type->dim[0] > LIST_ELEMS) return false;
    if (type->rank == 1) {
        print_row(p, attr, 0, elems);
        return true;
    }
    ts_text_add(p->out, "[");
    for (int64_t row = 0; row < type->dim[0]; row++) {
        if (row) ts_text_add(p->out, ", ");
        print_row(p, attr, row * type->dim[1], type->dim[1]);
    }
    ts_text_add(p->out, "]");
    return true;
}

static void print_dense(printer *p, const ts_attr *attr) {
    if (print_as_list(p, attr)) return;
    ts_text_add(p->out, "dense<");
    print_type(p->out, &attr->type);
    ts_text_add(p->out, " ");
    print_payload(p, attr);
    ts_text_add(p->out, ">");
}

/* Enum words print bare; every other string is quoted. */
static void print_string(ts_text *out, const char *string) {
    bool is_word = string[0] >= 'A' && string[0] <= 'Z';
    if (is_word && string[strspn(string, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0')
        ts_text_add(out, string);
    else
        ts_text_quote(out, string);
}

static void print_dict(printer *p, uint32_t count, const ts_named_attr *attrs, const char *skip) {
    bool is_first = true;
    ts_text_add(p->out, "{");
    for (uint32_t i = 0; i < count; i++) {
        if (skip && strcmp(attrs[i].name, skip) == 0) continue;
        if (!is_first) ts_text_add(p->out, ", ");
        is_first = false;
        print_name(p->out, attrs[i].name);
        ts_text_add(p->out, " = ");
        print_attr(p, attrs[i].value);
    }
    ts_text_add(p->out, "}");
}

static void print_attr(printer *p, const ts_attr *attr) {
    switch (attr->kind) {
    case ts_attr_none: ts_text_add(p->out, "none"); break;
    case ts_attr_bool: ts_text_add(p->out, attr->boolean ? "true" : "false"); break;
    case ts_attr_int: ts_text_format(p->out, "%" PRId64, attr->integer); break;
    case ts_attr_float: print_double(p->out, attr->number); break;
    case ts_attr_string: print_string(p->out, attr->string); break;
    case ts_attr_array:
        ts_text_add(p->out, "[");
        for (uint32_t i = 0; i < attr->count; i++) {
            if (i) ts_text_add(p->out, ", ");
            print_attr(p, attr->array[i]);
        }
        ts_text_add(p->out, "]");
        break;
    case ts_attr_dict: print_dict(p, attr->count, attr->dict, NULL); break;
    case ts_attr_type: print_type(p->out, &attr->type); break;
    case ts_attr_dense: print_dense(p, attr); break;
    case ts_attr_opaque:
        ts_text_add(p->out, "opaque ");
        ts_text_quote(p->out, attr->string);
        break;
    }
}

static void indent(ts_text *out, int depth) {
    for (int i = 0; i < depth; i++)
        ts_text_add(out, "  ");
}

static void print_loc(printer *p, uint32_t loc) {
    uint32_t user = ts_module_user_loc(p->module, loc);
    if (!user) return;
    const ts_loc *row = &p->module->locs.data[user];
    ts_text_add(p->out, " @");
    ts_text_quote(p->out, row->file);
    if (row->line) ts_text_format(p->out, ":%u", row->line);
    if (row->line && row->column) ts_text_format(p->out, ":%u", row->column);
}

static void print_block(printer *p, const ts_block *block, int depth);

static void print_arg(printer *p, const ts_value *arg, bool is_first) {
    ts_text_format(p->out, "%s%%%u: ", is_first ? "" : ", ", arg->id);
    print_type(p->out, &arg->type);
}

static void print_region(printer *p, const ts_block *block, int depth) {
    if (!block) {
        ts_text_add(p->out, " empty");
        return;
    }
    ts_text_add(p->out, " (");
    for (uint32_t i = 0; i < block->arg_count; i++)
        print_arg(p, block->args[i], i == 0);
    ts_text_add(p->out, ") {\n");
    print_block(p, block, depth + 1);
    indent(p->out, depth);
    ts_text_add(p->out, "}");
}

static bool may_lead(unsigned kind) {
    return kind == ts_hlo_call || kind == ts_hlo_compare || kind == ts_hlo_constant;
}

/* The attribute that reads better right behind the op's name, or NULL when it is absent or of another
   form: call @f, compare LT, constant 1.0. */
static const char *lead_attr(const ts_op_node *op) {
    const char *name = op->kind == ts_hlo_call      ? "callee"
                       : op->kind == ts_hlo_compare ? "comparison_direction"
                                                    : "value";
    ts_attr_kind kind = op->kind == ts_hlo_constant ? ts_attr_dense : ts_attr_string;
    if (!may_lead(op->kind)) return NULL;
    const ts_attr *attr = ts_op_attr(op, name);
    if (!attr || attr->kind != kind) return NULL;
    if (op->kind == ts_hlo_constant &&
        (op->result_count != 1 || !ts_type_equal(&attr->type, &op->results[0]->type)))
        return NULL;
    return name;
}

static void print_lead(printer *p, const ts_op_node *op, const char *lead) {
    const ts_attr *attr = ts_op_attr(op, lead);
    if (op->kind == ts_hlo_call) {
        ts_text_add(p->out, " @");
        print_name(p->out, attr->string);
    } else if (op->kind == ts_hlo_constant) {
        ts_text_add(p->out, " ");
        print_payload(p, attr);
    } else {
        ts_text_add(p->out, " ");
        print_string(p->out, attr->string);
    }
}

static void print_op(printer *p, const ts_op_node *op, int depth) {
    const char *lead = lead_attr(op);
    indent(p->out, depth);
    for (uint32_t i = 0; i < op->result_count; i++)
        ts_text_format(p->out, "%s%%%u", i ? ", " : "", op->results[i]->id);
    ts_text_format(p->out, "%s%s", op->result_count ? " = " : "", ts_hlo_name(op->kind));
    if (lead) print_lead(p, op, lead);
    for (uint32_t i = 0; i < op->operand_count; i++)
        ts_text_format(p->out, "%s%%%u", i ? ", " : " ", op->operands[i]->id);
    /* Such an operation without its leading attribute prints its attributes even if there are none; otherwise
       the parser would take what follows for the leading attribute. */
    if (op->attr_count > (lead != NULL) || (!lead && may_lead(op->kind))) {
        ts_text_add(p->out, " ");
        print_dict(p, op->attr_count, op->attrs, lead);
    }
    for (uint32_t i = 0; i < op->result_count; i++) {
        ts_text_add(p->out, i ? ", " : " : ");
        print_type(p->out, &op->results[i]->type);
    }
    print_loc(p, op->loc);
    for (uint32_t i = 0; i < op->region_count; i++)
        print_region(p, op->regions[i], depth);
    ts_text_add(p->out, "\n");
}

static void print_block(printer *p, const ts_block *block, int depth) {
    for (uint32_t i = 0; i < block->ops.count; i++)
        print_op(p, block->ops.data[i], depth);
}

static void print_arg_attrs(printer *p, const ts_attr *attrs, uint32_t index) {
    if (!attrs || attrs->kind != ts_attr_array || index >= attrs->count) return;
    const ts_attr *dict = attrs->array[index];
    if (dict->kind != ts_attr_dict || dict->count == 0) return;
    ts_text_add(p->out, " ");
    print_dict(p, dict->count, dict->dict, NULL);
}

static void print_func(printer *p, const ts_func *func) {
    ts_text_add(p->out, func->is_public ? "func @" : "func private @");
    print_name(p->out, func->name);
    ts_text_add(p->out, "(");
    for (uint32_t i = 0; i < func->body->arg_count; i++) {
        print_arg(p, func->body->args[i], i == 0);
        print_arg_attrs(p, func->arg_attrs, i);
    }
    ts_text_add(p->out, ")");
    if (func->result_count) ts_text_add(p->out, " -> (");
    for (uint32_t i = 0; i < func->result_count; i++) {
        if (i) ts_text_add(p->out, ", ");
        print_type(p->out, &func->result_types[i]);
        print_arg_attrs(p, func->result_attrs, i);
    }
    ts_text_add(p->out, func->result_count ? ") {\n" : " {\n");
    print_block(p, func->body, 1);
    ts_text_add(p->out, "}\n");
}

static void print_blobs(printer *p) {
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < p->blobs.count; i++) {
        const ts_attr *attr = p->blobs.data[i];
        ts_text_format(p->out, "blob %u = \"", i);
        for (size_t at = 0; at < attr->data_bytes; at++) {
            char pair[2] = {digits[attr->data[at] >> 4], digits[attr->data[at] & 15]};
            ts_text_add_n(p->out, pair, 2);
        }
        ts_text_add(p->out, "\"\n");
    }
}

void ts_module_print(const ts_module *module, ts_text *out) {
    printer p = {.module = module, .out = out};
    ts_text_add(out, "module @");
    print_name(out, module->name);
    if (module->attr_count) {
        ts_text_add(out, " ");
        print_dict(&p, module->attr_count, module->attrs, NULL);
    }
    ts_text_add(out, "\n");
    for (uint32_t i = 0; i < module->ops.count; i++)
        print_op(&p, module->ops.data[i], 0);
    for (uint32_t i = 0; i < module->funcs.count; i++)
        print_func(&p, module->funcs.data[i]);
    print_blobs(&p);
    ts_arena_free(&p.arena);
}

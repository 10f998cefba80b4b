/* Common subexpression elimination: a hash table of ops by kind, operands, attributes and types. */
#include <string.h>

#include "base/file.h"
#include "compiler/passes.h"

struct ts_cse {
    ts_op_node **slots;
    uint32_t mask; /* number of slots, a power of two, minus 1 */
};

ts_cse *ts_cse_new(ts_arena *arena, uint32_t op_count) {
    ts_cse *table = TS_NEW(arena, ts_cse);
    uint32_t size = 16;
    while (size < 2 * op_count)
        size *= 2;
    table->slots = TS_NEW_ARRAY(arena, ts_op_node *, size);
    table->mask = size - 1;
    return table;
}

static bool equal_named(const ts_named_attr *a, const ts_named_attr *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(a[i].name, b[i].name) != 0 || !ts_attr_equal(a[i].value, b[i].value)) return false;
    return true;
}

/* Recursion is bounded, since readers bound the nesting of attributes. */
bool ts_attr_equal(const ts_attr *a, const ts_attr *b) {
    if (a == b) return true;
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case ts_attr_none: return true;
    case ts_attr_bool: return a->boolean == b->boolean;
    case ts_attr_int: return a->integer == b->integer;
    case ts_attr_float: return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    case ts_attr_string: return strcmp(a->string, b->string) == 0;
    case ts_attr_type: return ts_type_equal(&a->type, &b->type);
    case ts_attr_dict: return a->count == b->count && equal_named(a->dict, b->dict, a->count);
    case ts_attr_dense:
        return ts_type_equal(&a->type, &b->type) && a->is_splat == b->is_splat &&
               a->data_bytes == b->data_bytes &&
               (a->data_bytes == 0 || memcmp(a->data, b->data, a->data_bytes) == 0);
    case ts_attr_array:
        if (a->count != b->count) return false;
        for (uint32_t i = 0; i < a->count; i++)
            if (!ts_attr_equal(a->array[i], b->array[i])) return false;
        return true;
    case ts_attr_opaque: return false;
    }
    return false;
}

static bool equal_op(const ts_op_node *a, const ts_op_node *b) {
    if (a->kind != b->kind || a->operand_count != b->operand_count || a->result_count != b->result_count ||
        a->attr_count != b->attr_count)
        return false;
    if (memcmp(a->operands, b->operands, a->operand_count * sizeof *a->operands) != 0) return false;
    for (uint32_t i = 0; i < a->result_count; i++)
        if (!ts_type_equal(&a->results[i]->type, &b->results[i]->type)) return false;
    return equal_named(a->attrs, b->attrs, a->attr_count);
}

/* Hashes only the first bytes of dense data; the comparison looks at all of it. */
static uint64_t hash_op(const ts_op_node *op) {
    uint64_t hash = ts_hash(&op->kind, sizeof op->kind, 0);
    hash = ts_hash(op->operands, op->operand_count * sizeof *op->operands, hash);
    const ts_type *type = &op->results[0]->type;
    hash = ts_hash(type->dim, type->rank * sizeof *type->dim, hash);
    for (uint32_t i = 0; i < op->attr_count; i++) {
        const ts_attr *attr = op->attrs[i].value;
        hash = ts_hash(&attr->integer, sizeof attr->integer, hash);
        if (attr->kind == ts_attr_dense)
            hash = ts_hash(attr->data, attr->data_bytes < 64 ? attr->data_bytes : 64, hash);
        if (attr->kind == ts_attr_string) hash = ts_hash(attr->string, strlen(attr->string), hash);
    }
    return hash;
}

ts_op_node *ts_cse_find(ts_cse *table, ts_op_node *op) {
    uint32_t slot = (uint32_t)hash_op(op) & table->mask;
    for (uint32_t tries = 0; tries <= table->mask; tries++, slot = (slot + 1) & table->mask) {
        if (!table->slots[slot]) {
            table->slots[slot] = op;
            return NULL;
        }
        if (equal_op(table->slots[slot], op)) return table->slots[slot];
    }
    return NULL;
}

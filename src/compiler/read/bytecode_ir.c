/* Operations, regions and values of MLIR bytecode: fills the module from the IR section. */
#include "compiler/read/bytecode.h"

#include <stdio.h>
#include <string.h>

enum {
    HAS_ATTRS = 1,
    HAS_RESULTS = 2,
    HAS_OPERANDS = 4,
    HAS_SUCCESSORS = 8,
    HAS_REGIONS = 0x10,
    HAS_USE_LISTS = 0x20,
    HAS_PROPERTIES = 0x40,
    SECTION_IR = 4,
    MAX_VALUES = 1 << 24 /* values of a function, as in the text form */
};

/* An operation that is being read. */
typedef struct record {
    const uint8_t *at;
    ts_bc_op_name *name;
    uint8_t mask;
    uint32_t loc;
    TS_VEC(ts_named_attr) attrs;
    uint32_t result_count, operand_count, region_count;
    ts_type *result_types;
    ts_value **operands;
    uint32_t first_result; /* position of the results in the scope */
    bool is_isolated;
} record;

static ts_status read_block(ts_bc *b, ts_cursor *c, ts_block *block, uint32_t *next, uint32_t end);

static ts_status refuse_dialect(ts_bc *b, const uint8_t *at, const char *dialect, const char *name) {
    ts_bc_unsupported(b, at, "the operation %s.%s; the reader takes the dialects vhlo, builtin and sdy",
                      dialect, name);
    ts_diag_remedy(
        b->diag, "%s",
        "write a portable artifact: trainstone.export, or StableHLO's serialize_portable_artifact");
    return ts_unsupported;
}

static bool spells(const char *name, const char *op, unsigned version) {
    size_t length = strlen(op);
    char suffix[16];
    snprintf(suffix, sizeof suffix, "_v%u", version);
    return strncmp(name, op, length) == 0 && strcmp(name + length, suffix) == 0;
}

static bool find_vhlo(const char *name, ts_bc_op_name *row, const char **properties) {
    static const struct {
        const char *op;
        unsigned version;
        uint16_t hlo;
        const char *properties;
    } table[] = {
#define VHLO(op, version, hlo, properties) {#op, version, ts_hlo_##hlo, properties},
#include "compiler/read/vhlo.def"
    };
    if (strcmp(name, "func_v1") == 0) {
        row->is_func = true;
        *properties = "arg_attrs function_type res_attrs sym_name sym_visibility";
        return true;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!spells(name, table[i].op, table[i].version)) continue;
        row->hlo = table[i].hlo;
        *properties = table[i].properties;
        return true;
    }
    return false;
}

static bool find_sdy(const char *name, ts_bc_op_name *row, const char **properties) {
    static const struct {
        const char *op;
        uint16_t hlo;
        const char *properties;
    } table[] = {
#define SDY(op, hlo, properties) {#op, ts_hlo_##hlo, properties},
#include "compiler/read/vhlo.def"
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(name, table[i].op) != 0) continue;
        row->hlo = table[i].hlo;
        *properties = table[i].properties;
        return true;
    }
    return false;
}

static bool find_builtin(const char *name, ts_bc_op_name *row, const char **properties) {
    *properties = "";
    row->hlo = ts_hlo_unrealized_conversion_cast;
    if (strcmp(name, "unrealized_conversion_cast") == 0) return true;
    row->is_module = strcmp(name, "module") == 0;
    *properties = "sym_name? sym_visibility?";
    return row->is_module;
}

/* Splits "name other? ..." into one property per word; `?` marks an optional one. */
static void split_properties(ts_bc *b, ts_bc_op_name *row, const char *words) {
    TS_VEC(ts_bc_property) list = {0};
    while (*words) {
        size_t length = strcspn(words, " ?");
        ts_bc_property property = {ts_arena_string_n(&b->module->arena, words, length), words[length] == '?'};
        ts_vec_push(&list, &b->scratch, property);
        words += length + strspn(words + length, "? ");
    }
    row->properties = list.data;
    row->property_count = list.count;
}

static ts_status find_op(ts_bc *b, const uint8_t *at, ts_bc_op_name *row) {
    const char *dialect, *properties = "";
    const ts_bc_dialect_row *owner = &b->dialects[row->dialect];
    if (row->is_known) return ts_ok;
    TS_TRY(ts_bc_string_at(b, at, owner->name, &dialect));
    TS_TRY(ts_bc_string_at(b, at, row->name, &row->spelling));
    switch (owner->dialect) {
    case ts_bc_vhlo: row->is_known = find_vhlo(row->spelling, row, &properties); break;
    case ts_bc_sdy: row->is_known = find_sdy(row->spelling, row, &properties); break;
    case ts_bc_builtin: row->is_known = find_builtin(row->spelling, row, &properties); break;
    case ts_bc_foreign: return refuse_dialect(b, at, dialect, row->spelling);
    }
    if (!row->is_known) return ts_bc_unsupported(b, at, "the operation %.32s.%.64s", dialect, row->spelling);
    split_properties(b, row, properties);
    return ts_ok;
}

/* Adds an attribute. VHLO's `none`, for an absent value, is left out. */
static ts_status add_attr(ts_bc *b, record *r, const uint8_t *at, const char *name, uint32_t index) {
    ts_named_attr named = {.name = name};
    TS_TRY(ts_bc_attr(b, at, index, &named.value));
    if (named.value->kind == ts_attr_none) return ts_ok;
    TS_TRY(ts_bc_spend(b, at, b->attrs[index].weight));
    for (uint32_t i = 0; i < r->attrs.count; i++)
        if (strcmp(r->attrs.data[i].name, name) == 0)
            return ts_bc_fail(b, at, "attribute %.64s comes twice", name);
    if (r->attrs.count == TS_BC_LIST) return ts_bc_fail(b, at, "more than %d attributes", TS_BC_LIST);
    ts_vec_push(&r->attrs, &b->scratch, named);
    return ts_ok;
}

/* Attributes with names: those outside the operation's definition and, before version 5, all of them. */
static ts_status read_attr_dict(ts_bc *b, ts_cursor *c, record *r) {
    const ts_attr *dict;
    uint32_t index;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->attr_count, "attribute", &index));
    TS_TRY(ts_bc_attr(b, at, index, &dict));
    if (dict->kind != ts_attr_dict) return ts_bc_fail(b, at, "an operation's attributes are no dictionary");
    TS_TRY(ts_bc_spend(b, at, b->attrs[index].weight));
    for (uint32_t i = 0; i < dict->count; i++) {
        if (dict->dict[i].value->kind == ts_attr_none) continue;
        for (uint32_t j = 0; j < r->attrs.count; j++)
            if (strcmp(r->attrs.data[j].name, dict->dict[i].name) == 0)
                return ts_bc_fail(b, at, "attribute %.64s comes twice", dict->dict[i].name);
        ts_vec_push(&r->attrs, &b->scratch, dict->dict[i]);
    }
    return ts_ok;
}

/* Properties come without names, in the order of vhlo.def's list; each is an attribute's index. */
static ts_status read_properties(ts_bc *b, ts_cursor *c, record *r) {
    uint32_t index;
    TS_TRY(ts_bc_index(b, c, b->property_count, "property", &index));
    ts_cursor body = b->properties[index];
    for (uint32_t i = 0; i < r->name->property_count; i++) {
        const ts_bc_property *property = &r->name->properties[i];
        bool is_given = true;
        uint64_t value;
        const uint8_t *at = body.at;
        if (property->is_optional)
            TS_TRY(ts_bc_flagged(b, &body, &value, &is_given));
        else
            TS_TRY(ts_bc_varint(b, &body, &value));
        if (is_given && value >= b->attr_count)
            return ts_bc_fail(b, at, "names attribute %ju of %u", (uintmax_t)value, b->attr_count);
        if (is_given) TS_TRY(add_attr(b, r, at, property->name, (uint32_t)value));
    }
    return ts_bc_done_with(b, &body, "an operation's properties");
}

/* Reads and drops the order of uses, which only matters to MLIR's printer. */
static ts_status skip_use_lists(ts_bc *b, ts_cursor *c, uint32_t value_count) {
    uint32_t lists = 1, count;
    uint64_t number;
    bool is_pair;
    if (value_count > 1) TS_TRY(ts_bc_count(b, c, 1, &lists));
    for (uint32_t i = 0; i < lists; i++) {
        if (value_count > 1) TS_TRY(ts_bc_varint(b, c, &number));
        const uint8_t *at = c->at;
        TS_TRY(ts_bc_flagged(b, c, &number, &is_pair));
        if (number > (uint64_t)(c->end - c->at))
            return ts_bc_fail(b, at, "a use list longer than the section");
        count = (uint32_t)number;
        for (uint32_t j = 0; j < count; j++)
            TS_TRY(ts_bc_varint(b, c, &number));
    }
    return ts_ok;
}

/* Makes room for `count` more values in the scope, all undefined. */
static ts_status reserve_values(ts_bc *b, const uint8_t *at, uint32_t count) {
    ts_bc_scope *scope = b->scope;
    if (count > MAX_VALUES || scope->count > MAX_VALUES)
        return ts_bc_unsupported(b, at, "more than %d values in one function", MAX_VALUES);
    if (count > scope->capacity - scope->count) {
        uint32_t capacity = scope->count + count + scope->capacity;
        ts_value **values = TS_NEW_ARRAY(&b->scratch, ts_value *, capacity);
        if (scope->count) memcpy(values, scope->values, scope->count * sizeof *values);
        scope->values = values;
        scope->capacity = capacity;
    }
    if (count) memset(scope->values + scope->count, 0, count * sizeof *scope->values);
    scope->count += count;
    return ts_ok;
}

/* Gives the next `count` value numbers of a region to an operation. `next` is the region's first free number,
   `end` the limit that the region announced. */
static ts_status take_values(ts_bc *b, const uint8_t *at, uint32_t count, uint32_t *next, uint32_t end,
                             uint32_t *first) {
    if (count > end - *next) return ts_bc_fail(b, at, "a region has more values than it announces");
    *first = *next;
    *next += count;
    return ts_ok;
}

static ts_status read_results(ts_bc *b, ts_cursor *c, record *r, uint32_t *next, uint32_t end) {
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_count(b, c, 1, &r->result_count));
    TS_TRY(take_values(b, at, r->result_count, next, end, &r->first_result));
    r->result_types = TS_NEW_ARRAY(&b->scratch, ts_type, r->result_count);
    for (uint32_t i = 0; i < r->result_count; i++) {
        uint32_t type;
        at = c->at;
        TS_TRY(ts_bc_index(b, c, b->type_count, "type", &type));
        TS_TRY(ts_bc_value_type(b, at, type, &r->result_types[i]));
    }
    return ts_ok;
}

static ts_status read_operands(ts_bc *b, ts_cursor *c, record *r) {
    TS_TRY(ts_bc_count(b, c, 1, &r->operand_count));
    r->operands = TS_NEW_ARRAY(&b->scratch, ts_value *, r->operand_count);
    for (uint32_t i = 0; i < r->operand_count; i++) {
        uint32_t index;
        const uint8_t *at = c->at;
        TS_TRY(ts_bc_index(b, c, b->scope->count, "value", &index));
        r->operands[i] = b->scope->values[index];
        if (!r->operands[i]) return ts_bc_fail(b, at, "uses value %u before it is defined", index);
    }
    return ts_ok;
}

/* Reads an operation up to its regions. */
static ts_status read_head(ts_bc *b, ts_cursor *c, record *r, uint32_t *next, uint32_t end) {
    uint64_t regions;
    if (r->mask & HAS_ATTRS) TS_TRY(read_attr_dict(b, c, r));
    if (r->mask & HAS_PROPERTIES) TS_TRY(read_properties(b, c, r));
    if (r->mask & HAS_RESULTS) TS_TRY(read_results(b, c, r, next, end));
    if (r->mask & HAS_OPERANDS) TS_TRY(read_operands(b, c, r));
    if (r->mask & HAS_SUCCESSORS) return ts_bc_unsupported(b, c->at, "branches between blocks");
    if (r->mask & HAS_USE_LISTS) TS_TRY(skip_use_lists(b, c, r->result_count));
    if (!(r->mask & HAS_REGIONS)) return ts_ok;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_flagged(b, c, &regions, &r->is_isolated));
    if (regions > (uint64_t)(c->end - c->at)) return ts_bc_fail(b, at, "%ju regions", (uintmax_t)regions);
    r->region_count = (uint32_t)regions;
    return ts_ok;
}

static ts_status read_region(ts_bc *b, ts_cursor *c, ts_block **out) {
    uint32_t blocks, values;
    const uint8_t *at = c->at;
    *out = NULL;
    TS_TRY(ts_bc_count(b, c, 1, &blocks));
    if (blocks == 0) return ts_ok;
    if (blocks > 1) return ts_bc_unsupported(b, at, "a region of %u blocks", blocks);
    if (b->region_depth >= TS_BC_DEPTH) return ts_bc_fail(b, at, "regions nest deeper than %d", TS_BC_DEPTH);
    at = c->at;
    TS_TRY(ts_bc_count(b, c, 1, &values));
    ts_block *block = TS_NEW(&b->module->arena, ts_block);
    uint32_t first = b->scope->count, next = first;
    TS_TRY(reserve_values(b, at, values));
    b->region_depth++;
    TS_TRY(read_block(b, c, block, &next, first + values));
    b->region_depth--;
    if (next != first + values)
        return ts_bc_fail(b, at, "a region announces %u values and has %u", values, next - first);
    b->scope->count = first;
    *out = block;
    return ts_ok;
}

/* Isolated regions are in a section of their own, with a scope that does not see outer values. */
static ts_status read_regions(ts_bc *b, ts_cursor *c, record *r, ts_block **regions) {
    ts_cursor inner = {0}, *from = c;
    ts_bc_scope fresh = {0}, *outer = b->scope;
    if (r->is_isolated && r->region_count) {
        unsigned id;
        const uint8_t *at = c->at;
        TS_TRY(ts_bc_section(b, c, &id, &inner));
        if (id != SECTION_IR) return ts_bc_fail(b, at, "section %u where a region's must come", id);
        from = &inner;
        b->scope = &fresh;
    }
    for (uint32_t i = 0; i < r->region_count; i++)
        TS_TRY(read_region(b, from, &regions[i]));
    b->scope = outer;
    return from == c ? ts_ok : ts_bc_done_with(b, from, "a region");
}

static const ts_attr *find_attr(const record *r, const char *name) {
    for (uint32_t i = 0; i < r->attrs.count; i++)
        if (strcmp(r->attrs.data[i].name, name) == 0) return r->attrs.data[i].value;
    return NULL;
}

/* The attributes of arguments or results: one dictionary for each. The file writes an empty list when there
   are none. */
static ts_status find_dicts(ts_bc *b, const record *r, const char *name, uint32_t count,
                            const ts_attr **out) {
    const ts_attr *list = find_attr(r, name);
    *out = NULL;
    if (!list || (list->kind == ts_attr_array && list->count == 0)) return ts_ok;
    bool fits = list->kind == ts_attr_array && list->count == count;
    for (uint32_t i = 0; fits && i < count; i++)
        fits = list->array[i]->kind == ts_attr_dict;
    if (!fits) return ts_bc_fail(b, r->at, "%s is not a list of %u dictionaries", name, count);
    *out = list;
    return ts_ok;
}

static ts_status read_func(ts_bc *b, ts_cursor *c, record *r) {
    const ts_attr *name = find_attr(r, "sym_name"), *visibility = find_attr(r, "sym_visibility");
    const ts_attr *type = find_attr(r, "function_type");
    if (b->func) return ts_bc_unsupported(b, r->at, "a function inside a function");
    if (!name || name->kind != ts_attr_string || !type || r->region_count != 1)
        return ts_bc_fail(b, r->at, "a function without a name, type or body");
    ts_func *func = TS_NEW(&b->module->arena, ts_func);
    func->name = name->string;
    func->is_public =
        !visibility || visibility->kind != ts_attr_string || strcmp(visibility->string, "private") != 0;
    TS_TRY(ts_bc_function_results(b, r->at, type, &func->result_count, &func->result_types));
    b->func = func;
    TS_TRY(read_regions(b, c, r, &func->body));
    b->func = NULL;
    /* A declaration without body is dropped: calling it is reported as an unknown function. */
    if (!func->body) return ts_ok;
    ts_vec_push(&b->module->funcs, &b->module->arena, func);
    TS_TRY(find_dicts(b, r, "arg_attrs", func->body->arg_count, &func->arg_attrs));
    return find_dicts(b, r, "res_attrs", func->result_count, &func->result_attrs);
}

static ts_status read_plain_op(ts_bc *b, ts_cursor *c, record *r, ts_block *block) {
    ts_module *module = b->module;
    ts_func outside = {.name = ""};
    bool is_mesh =
        r->name->hlo == ts_hlo_sdy_mesh && !r->result_count && !r->operand_count && !r->region_count;
    if (!b->func && !is_mesh) return ts_bc_fail(b, r->at, "%s outside of any function", r->name->spelling);
    ts_op_node *op = ts_op_new(module, b->func ? b->func : &outside, (ts_hlo)r->name->hlo, r->loc,
                               r->operand_count, r->operands, r->result_count, r->result_types,
                               r->attrs.count, r->attrs.data, r->region_count);
    module->op_count++;
    TS_TRY(read_regions(b, c, r, op->regions));
    /* Results are defined here, since an operation's own regions do not see them. */
    for (uint32_t i = 0; i < r->result_count; i++)
        b->scope->values[r->first_result + i] = op->results[i];
    if (block)
        ts_vec_push(&block->ops, &module->arena, op);
    else
        ts_vec_push(&module->ops, &module->arena, op);
    return ts_ok;
}

static ts_status start_op(ts_bc *b, ts_cursor *c, record *r) {
    uint32_t index;
    *r = (record){.at = c->at};
    TS_TRY(ts_bc_index(b, c, b->op_name_count, "operation name", &index));
    r->name = &b->op_names[index];
    TS_TRY(ts_bc_byte(b, c, &r->mask));
    if (r->mask & 0x80) return ts_bc_fail(b, c->at - 1, "an operation's mask is 0x%02x", r->mask);
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->attr_count, "attribute", &index));
    TS_TRY(ts_bc_loc(b, at, index, &r->loc));
    return find_op(b, r->at, r->name);
}

static ts_status read_rest(ts_bc *b, ts_cursor *c, record *r, ts_block *block, uint32_t *next, uint32_t end) {
    TS_TRY(read_head(b, c, r, next, end));
    if (r->name->is_module) return ts_bc_unsupported(b, r->at, "a module inside a module");
    if (r->name->is_func) return read_func(b, c, r);
    return read_plain_op(b, c, r, block);
}

/* Adds the operation and the user's line to a failure. The innermost operation does so first, and wins. */
static ts_status blame(ts_bc *b, const record *r, ts_status status) {
    char name[64];
    uint32_t loc = ts_module_user_loc(b->module, r->loc);
    static const char *const dialects[] = {"builtin.", "vhlo.", "sdy.", ""};
    if (r->name && r->name->spelling) {
        snprintf(name, sizeof name, "%s%s", dialects[b->dialects[r->name->dialect].dialect],
                 r->name->spelling);
        ts_diag_op(b->diag, name);
    }
    if (loc) ts_diag_where(b->diag, b->module->locs.data[loc].file, (int)b->module->locs.data[loc].line);
    return status;
}

static ts_status read_op(ts_bc *b, ts_cursor *c, ts_block *block, uint32_t *next, uint32_t end) {
    record r;
    ts_status status = start_op(b, c, &r);
    if (status == ts_ok) status = read_rest(b, c, &r, block, next, end);
    return status == ts_ok ? ts_ok : blame(b, &r, status);
}

static ts_status read_args(ts_bc *b, ts_cursor *c, ts_block *block, uint32_t *next, uint32_t end) {
    uint32_t first = 0;
    uint8_t has_use_lists;
    const uint8_t *at = c->at;
    if (!b->func) return ts_bc_fail(b, at, "arguments outside of any function");
    TS_TRY(ts_bc_count(b, c, 1, &block->arg_count));
    TS_TRY(take_values(b, at, block->arg_count, next, end, &first));
    block->args = TS_NEW_ARRAY(&b->module->arena, ts_value *, block->arg_count);
    for (uint32_t i = 0; i < block->arg_count; i++) {
        uint64_t index;
        bool has_loc;
        ts_type type;
        at = c->at;
        TS_TRY(ts_bc_flagged(b, c, &index, &has_loc));
        if (index >= b->type_count)
            return ts_bc_fail(b, at, "names type %ju of %u", (uintmax_t)index, b->type_count);
        TS_TRY(ts_bc_value_type(b, at, (uint32_t)index, &type));
        if (has_loc) TS_TRY(ts_bc_index(b, c, b->attr_count, "attribute", &(uint32_t){0}));
        block->args[i] = ts_value_new(b->module, b->func, &type);
        block->args[i]->index = i;
        b->scope->values[first + i] = block->args[i];
    }
    TS_TRY(ts_bc_byte(b, c, &has_use_lists));
    return has_use_lists ? skip_use_lists(b, c, block->arg_count) : ts_ok;
}

static ts_status read_block(ts_bc *b, ts_cursor *c, ts_block *block, uint32_t *next, uint32_t end) {
    uint64_t ops;
    bool has_args;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_flagged(b, c, &ops, &has_args));
    if (ops > (uint64_t)(c->end - c->at))
        return ts_bc_fail(b, at, "a block of %ju operations", (uintmax_t)ops);
    if (has_args) TS_TRY(read_args(b, c, block, next, end));
    for (uint64_t i = 0; i < ops; i++)
        TS_TRY(read_op(b, c, b->func ? block : NULL, next, end));
    return ts_ok;
}

/* Reads builtin.module: its attributes, then one region of functions and meshes. */
static ts_status read_module(ts_bc *b, ts_cursor *c) {
    record r;
    uint32_t next = 0;
    ts_block *body;
    TS_TRY(start_op(b, c, &r));
    if (!r.name->is_module) return ts_bc_fail(b, r.at, "the file holds %s and no module", r.name->spelling);
    TS_TRY(read_head(b, c, &r, &next, 0));
    const ts_attr *name = find_attr(&r, "sym_name");
    if (name && name->kind == ts_attr_string) b->module->name = name->string;
    ts_named_attr *attrs = TS_NEW_ARRAY(&b->module->arena, ts_named_attr, r.attrs.count);
    for (uint32_t i = 0; i < r.attrs.count; i++)
        if (strcmp(r.attrs.data[i].name, "sym_name") != 0) attrs[b->module->attr_count++] = r.attrs.data[i];
    b->module->attrs = attrs;
    if (r.region_count != 1) return ts_bc_fail(b, r.at, "a module of %u regions", r.region_count);
    TS_TRY(read_regions(b, c, &r, &body));
    if (!body) return ts_bc_fail(b, r.at, "the module is empty");
    return ts_ok;
}

ts_status ts_bc_read_ir(ts_bc *b) {
    ts_cursor c = b->sections[SECTION_IR];
    ts_bc_scope scope = {0};
    uint64_t ops;
    bool has_args;
    const uint8_t *at = c.at;
    b->scope = &scope;
    TS_TRY(ts_bc_flagged(b, &c, &ops, &has_args));
    if (ops != 1 || has_args) return ts_bc_fail(b, at, "the file does not hold exactly one module");
    TS_TRY(read_module(b, &c));
    return ts_bc_done_with(b, &c, "the operation section");
}

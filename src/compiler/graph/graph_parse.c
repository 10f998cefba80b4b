/* Text form of the graph, ops and functions: what graph_print.c writes and tests write by hand. */
#include "compiler/graph/graph_lex.h"

#include <stdlib.h>
#include <string.h>

#include "base/unit.h"

enum { MAX_VALUES = 1 << 24 }; /* value numbers of a function: passes allocate by them */

static ts_status parse_block(ts_parser *p, ts_block *block);

static uint32_t hash_name(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

static ts_name_slot *find_name(ts_name_slot *names, uint32_t capacity, const char *name) {
    uint32_t slot = hash_name(name) & (capacity - 1);
    while (names[slot].name && strcmp(names[slot].name, name) != 0)
        slot = (slot + 1) & (capacity - 1);
    return &names[slot];
}

static void grow_names(ts_parser *p) {
    uint32_t capacity = p->name_capacity ? p->name_capacity * 2 : 64;
    ts_name_slot *names = TS_NEW_ARRAY(&p->scratch, ts_name_slot, capacity);
    for (uint32_t i = 0; i < p->name_capacity; i++)
        if (p->names[i].name) *find_name(names, capacity, p->names[i].name) = p->names[i];
    p->names = names;
    p->name_capacity = capacity;
}

/* %12 or %word, without its sign. */
static ts_status parse_value_name(ts_parser *p, const char **name, const char **at) {
    const char *word;
    size_t length;
    ts_lex_skip(p);
    *at = p->at;
    TS_TRY(ts_lex_expect(p, "%"));
    TS_TRY(ts_lex_word(p, "the name of a value", &word, &length));
    *name = ts_arena_string_n(&p->scratch, word, length);
    return ts_ok;
}

/* A number is kept as the value's id; words are numbered in order. One function uses one spelling. */
static ts_status number_value(ts_parser *p, const char *name, const char *at, uint32_t *id) {
    bool is_number = name[strspn(name, "0123456789")] == '\0';
    *(is_number ? &p->has_numbers : &p->has_words) = true;
    if (p->has_numbers && p->has_words)
        return ts_parse_fail(p, at, "a function names its values by numbers or by words, not both");
    if (!is_number) {
        *id = p->func->value_count++;
        return ts_ok;
    }
    unsigned long number = strlen(name) < 10 ? strtoul(name, NULL, 10) : MAX_VALUES;
    if (number >= MAX_VALUES) return ts_parse_fail(p, at, "value numbers stay below %d", MAX_VALUES);
    if (name[0] == '0' && name[1]) return ts_parse_fail(p, at, "value numbers have no leading zero");
    *id = (uint32_t)number;
    if (*id >= p->func->value_count) p->func->value_count = *id + 1;
    return ts_ok;
}

static ts_status define(ts_parser *p, const char *name, const char *at, ts_value *value) {
    if (2 * (p->name_count + 1) > p->name_capacity) grow_names(p);
    ts_name_slot *slot = find_name(p->names, p->name_capacity, name);
    if (slot->name) return ts_parse_fail(p, at, "%%%s is defined twice", name);
    *slot = (ts_name_slot){name, value};
    p->name_count++;
    return number_value(p, name, at, &value->id);
}

static ts_status parse_operand(ts_parser *p, ts_value **value) {
    const char *name, *at;
    TS_TRY(parse_value_name(p, &name, &at));
    ts_name_slot *slot = p->name_capacity ? find_name(p->names, p->name_capacity, name) : NULL;
    if (!slot || !slot->name) return ts_parse_fail(p, at, "%%%s is not defined yet", name);
    *value = slot->value;
    return ts_ok;
}

/* @"file":line:column after an op. */
static ts_status parse_loc(ts_parser *p, uint32_t *loc) {
    *loc = 0;
    if (!ts_lex_accept(p, "@")) return ts_ok;
    ts_loc row = {.name = ""};
    uint64_t number;
    TS_TRY(ts_lex_string(p, &row.file));
    if (ts_lex_accept(p, ":")) {
        TS_TRY(ts_lex_uint(p, UINT32_MAX, &number));
        row.line = (uint32_t)number;
        if (ts_lex_accept(p, ":")) {
            TS_TRY(ts_lex_uint(p, UINT32_MAX, &number));
            row.column = (uint32_t)number;
        }
    }
    *loc = p->module->locs.count;
    ts_vec_push(&p->module->locs, &p->module->arena, row);
    return ts_ok;
}

/* (%a: f32[], %b: f32[]) after the opening parenthesis. Functions have attributes behind the types. */
static ts_status parse_args(ts_parser *p, ts_block *block, const ts_attr **arg_attrs) {
    ts_arena *arena = &p->module->arena;
    TS_VEC(ts_value *) args = {0};
    TS_VEC(const ts_attr *) dicts = {0};
    bool has_attrs = false;
    while (!ts_lex_accept(p, ")")) {
        const char *name, *at;
        ts_type type;
        if (args.count) TS_TRY(ts_lex_expect(p, ","));
        TS_TRY(parse_value_name(p, &name, &at));
        TS_TRY(ts_lex_expect(p, ":"));
        TS_TRY(ts_parse_type(p, &type));
        uint32_t count = p->func->value_count;
        ts_value *value = ts_value_new(p->module, p->func, &type);
        p->func->value_count = count;
        value->index = args.count;
        TS_TRY(define(p, name, at, value));
        ts_vec_push(&args, arena, value);
        ts_attr *dict = TS_NEW(arena, ts_attr);
        dict->kind = ts_attr_dict;
        if (arg_attrs && ts_lex_accept(p, "{")) {
            ts_named_attr *attrs;
            TS_TRY(ts_parse_dict(p, &dict->count, &attrs));
            dict->dict = attrs;
            has_attrs = true;
        }
        ts_vec_push(&dicts, arena, dict);
    }
    block->args = args.data;
    block->arg_count = args.count;
    if (has_attrs) {
        ts_attr *array = TS_NEW(arena, ts_attr);
        *array = (ts_attr){.kind = ts_attr_array, .count = dicts.count, .array = dicts.data};
        *arg_attrs = array;
    }
    return ts_ok;
}

static ts_status parse_region(ts_parser *p, ts_block **region) {
    *region = NULL;
    if (ts_lex_accept_word(p, "empty")) return ts_ok;
    TS_TRY(ts_lex_expect(p, "("));
    *region = TS_NEW(&p->module->arena, ts_block);
    TS_TRY(parse_args(p, *region, NULL));
    TS_TRY(ts_lex_expect(p, "{"));
    return parse_block(p, *region);
}

/* An op while it is read. */
typedef struct draft {
    const char *at;
    ts_hlo kind;
    uint32_t loc;
    TS_VEC(const char *) names;
    TS_VEC(const char *) places;
    TS_VEC(ts_value *) operands;
    TS_VEC(ts_named_attr) attrs;
    TS_VEC(ts_type) types;
    ts_payload payload;
    bool has_payload;
} draft;

static ts_hlo find_hlo(const char *word, size_t length) {
    for (unsigned kind = 1; kind < ts_hlo_count; kind++) {
        const char *name = ts_hlo_name(kind);
        if (strlen(name) == length && memcmp(name, word, length) == 0) return (ts_hlo)kind;
    }
    return ts_hlo_none;
}

static ts_status parse_results(ts_parser *p, draft *d) {
    ts_lex_skip(p);
    if (*p->at != '%') return ts_ok;
    do {
        const char *name, *at;
        TS_TRY(parse_value_name(p, &name, &at));
        ts_vec_push(&d->names, &p->scratch, name);
        ts_vec_push(&d->places, &p->scratch, at);
    } while (ts_lex_accept(p, ","));
    return ts_lex_expect(p, "=");
}

static void add_attr(ts_parser *p, draft *d, const char *name, const ts_attr *value) {
    ts_named_attr named = {name, value};
    ts_vec_push(&d->attrs, &p->scratch, named);
}

/* call @f, compare LT, constant 1.0: the attribute that stands before the operands. */
static ts_status parse_lead(ts_parser *p, draft *d) {
    bool is_call = d->kind == ts_hlo_call && ts_lex_accept(p, "@");
    ts_lex_skip(p);
    if (d->kind == ts_hlo_constant && *p->at != '{' && *p->at != '%') {
        d->has_payload = true;
        return ts_parse_payload(p, &d->payload);
    }
    if (!is_call && (d->kind != ts_hlo_compare || *p->at == '%' || *p->at == '{')) return ts_ok;
    ts_attr *attr = TS_NEW(&p->module->arena, ts_attr);
    attr->kind = ts_attr_string;
    TS_TRY(ts_lex_name(p, &attr->string));
    add_attr(p, d, is_call ? "callee" : "comparison_direction", attr);
    return ts_ok;
}

static ts_status parse_attrs(ts_parser *p, draft *d) {
    uint32_t count;
    ts_named_attr *attrs;
    if (!ts_lex_accept(p, "{")) return ts_ok;
    const char *at = p->at;
    TS_TRY(ts_parse_dict(p, &count, &attrs));
    for (uint32_t i = 0; i < count; i++) {
        bool is_payload = d->has_payload && strcmp(attrs[i].name, "value") == 0;
        if (is_payload || (d->attrs.count && strcmp(d->attrs.data[0].name, attrs[i].name) == 0))
            return ts_parse_fail(p, at, "%s is given twice", attrs[i].name);
    }
    for (uint32_t i = 0; i < count; i++)
        add_attr(p, d, attrs[i].name, attrs[i].value);
    return ts_ok;
}

/* Pointwise ops may leave out their type when the operands give it. */
static ts_status infer_type(ts_parser *p, draft *d) {
    uint32_t from = d->kind == ts_hlo_select || d->kind == ts_hlo_clamp ? 1 : 0;
    bool is_predicate = d->kind == ts_hlo_compare || d->kind == ts_hlo_is_finite;
    if (!ts_hlo_is_pointwise(d->kind) || d->kind == ts_hlo_convert || d->names.count != 1 ||
        d->operands.count <= from)
        return ts_parse_fail(p, p->at, "expected `:` and the type of each result");
    ts_type type = d->operands.data[from]->type;
    if (is_predicate) type.dtype = ts_dtype_i1;
    ts_vec_push(&d->types, &p->scratch, type);
    return ts_ok;
}

static ts_status parse_types(ts_parser *p, draft *d) {
    if (!ts_lex_accept(p, ":")) return d->names.count ? infer_type(p, d) : ts_ok;
    do {
        ts_type type;
        TS_TRY(ts_parse_type(p, &type));
        ts_vec_push(&d->types, &p->scratch, type);
    } while (ts_lex_accept(p, ","));
    if (d->types.count != d->names.count)
        return ts_parse_fail(p, d->at, "%u results with %u types", d->names.count, d->types.count);
    return ts_ok;
}

static ts_status finish_payload(ts_parser *p, draft *d) {
    if (!d->has_payload) return ts_ok;
    const ts_attr *value;
    if (d->types.count != 1) return ts_parse_fail(p, d->at, "a constant has one result");
    TS_TRY(ts_parse_payload_finish(p, &d->payload, &d->types.data[0], &value));
    add_attr(p, d, "value", value);
    return ts_ok;
}

/* Regions see outer values; the results are defined after them. */
static ts_status parse_regions(ts_parser *p, ts_op_node *op) {
    TS_VEC(ts_block *) regions = {0};
    if (p->region_depth >= TS_PARSE_DEPTH)
        return ts_parse_fail(p, p->at, "regions nest deeper than %d", TS_PARSE_DEPTH);
    p->region_depth++;
    while (ts_lex_skip(p), *p->at == '(' || strncmp(p->at, "empty", 5) == 0) {
        ts_block *region;
        TS_TRY(parse_region(p, &region));
        ts_vec_push(&regions, &p->module->arena, region);
    }
    p->region_depth--;
    op->regions = regions.data;
    op->region_count = regions.count;
    return ts_ok;
}

static ts_status parse_op(ts_parser *p, ts_op_node **out) {
    draft d = {0};
    const char *word;
    size_t length;
    TS_TRY(parse_results(p, &d));
    ts_lex_skip(p);
    d.at = p->at;
    TS_TRY(ts_lex_word(p, "an operation", &word, &length));
    d.kind = find_hlo(word, length);
    if (d.kind == ts_hlo_none)
        return ts_parse_fail(p, d.at, "`%.*s` is no operation", (int)(length < 48 ? length : 48), word);
    TS_TRY(parse_lead(p, &d));
    ts_lex_skip(p);
    for (bool more = *p->at == '%'; more; more = ts_lex_accept(p, ",")) {
        ts_value *value = NULL;
        TS_TRY(parse_operand(p, &value));
        ts_vec_push(&d.operands, &p->scratch, value);
    }
    TS_TRY(parse_attrs(p, &d));
    TS_TRY(parse_types(p, &d));
    TS_TRY(finish_payload(p, &d));
    TS_TRY(parse_loc(p, &d.loc));
    /* Ids come from the names, not from the counter that ts_op_new moves. */
    uint32_t count = p->func->value_count;
    ts_op_node *op = ts_op_new(p->module, p->func, d.kind, d.loc, d.operands.count, d.operands.data,
                               d.types.count, d.types.data, d.attrs.count, d.attrs.data, 0);
    p->func->value_count = count;
    TS_TRY(parse_regions(p, op));
    for (uint32_t i = 0; i < d.names.count; i++)
        TS_TRY(define(p, d.names.data[i], d.places.data[i], op->results[i]));
    p->module->op_count++;
    *out = op;
    return ts_ok;
}

static ts_status parse_block(ts_parser *p, ts_block *block) {
    while (!ts_lex_accept(p, "}")) {
        ts_op_node *op;
        if (*p->at == '\0') return ts_parse_fail(p, p->at, "the text ends inside a block: a `}` is missing");
        TS_TRY(parse_op(p, &op));
        ts_vec_push(&block->ops, &p->module->arena, op);
    }
    return ts_ok;
}

static ts_status parse_results_of_func(ts_parser *p, ts_func *func) {
    ts_arena *arena = &p->module->arena;
    TS_VEC(ts_type) types = {0};
    TS_VEC(const ts_attr *) dicts = {0};
    bool has_attrs = false;
    if (!ts_lex_accept(p, "->")) return ts_ok;
    TS_TRY(ts_lex_expect(p, "("));
    while (!ts_lex_accept(p, ")")) {
        ts_type type;
        if (types.count) TS_TRY(ts_lex_expect(p, ","));
        TS_TRY(ts_parse_type(p, &type));
        ts_vec_push(&types, arena, type);
        ts_attr *dict = TS_NEW(arena, ts_attr);
        dict->kind = ts_attr_dict;
        if (ts_lex_accept(p, "{")) {
            ts_named_attr *attrs;
            TS_TRY(ts_parse_dict(p, &dict->count, &attrs));
            dict->dict = attrs;
            has_attrs = true;
        }
        ts_vec_push(&dicts, arena, dict);
    }
    func->result_types = types.data;
    func->result_count = types.count;
    if (has_attrs) {
        ts_attr *array = TS_NEW(arena, ts_attr);
        *array = (ts_attr){.kind = ts_attr_array, .count = dicts.count, .array = dicts.data};
        func->result_attrs = array;
    }
    return ts_ok;
}

static void enter_func(ts_parser *p, ts_func *func) {
    p->func = func;
    p->names = NULL;
    p->name_count = p->name_capacity = 0;
    p->has_numbers = p->has_words = false;
}

static ts_status parse_func(ts_parser *p) {
    ts_func *func = TS_NEW(&p->module->arena, ts_func);
    enter_func(p, func);
    func->is_public = !ts_lex_accept_word(p, "private");
    TS_TRY(ts_lex_expect(p, "@"));
    TS_TRY(ts_lex_name(p, &func->name));
    func->body = TS_NEW(&p->module->arena, ts_block);
    TS_TRY(ts_lex_expect(p, "("));
    TS_TRY(parse_args(p, func->body, &func->arg_attrs));
    TS_TRY(parse_results_of_func(p, func));
    TS_TRY(ts_lex_expect(p, "{"));
    TS_TRY(parse_block(p, func->body));
    ts_vec_push(&p->module->funcs, &p->module->arena, func);
    return ts_ok;
}

static ts_status parse_header(ts_parser *p) {
    if (!ts_lex_accept_word(p, "module")) return ts_ok;
    TS_TRY(ts_lex_expect(p, "@"));
    TS_TRY(ts_lex_name(p, &p->module->name));
    if (!ts_lex_accept(p, "{")) return ts_ok;
    ts_named_attr *attrs;
    TS_TRY(ts_parse_dict(p, &p->module->attr_count, &attrs));
    p->module->attrs = attrs;
    return ts_ok;
}

typedef struct blob {
    const uint8_t *data;
    size_t size;
} blob;

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static ts_status parse_blob(ts_parser *p, uint64_t number, blob *out) {
    uint64_t given;
    ts_lex_skip(p);
    const char *at = p->at, *hex;
    TS_TRY(ts_lex_uint(p, UINT32_MAX, &given));
    if (given != number) return ts_parse_fail(p, at, "blob %ju comes next", (uintmax_t)number);
    TS_TRY(ts_lex_expect(p, "="));
    TS_TRY(ts_lex_string(p, &hex));
    size_t length = strlen(hex);
    uint8_t *data = ts_arena_alloc(&p->module->arena, length / 2);
    for (size_t i = 0; i < length; i++) {
        int digit = hex_value(hex[i]);
        if (digit < 0 || length % 2) return ts_parse_fail(p, at, "a blob is pairs of the digits 0-9 a-f");
        data[i / 2] = (uint8_t)(data[i / 2] * 16 + digit);
    }
    *out = (blob){data, length / 2};
    return ts_ok;
}

static ts_status resolve_blobs(ts_parser *p, const blob *blobs, uint32_t count) {
    for (uint32_t i = 0; i < p->blob_uses.count; i++) {
        const ts_blob_use *use = &p->blob_uses.data[i];
        if (use->number >= count)
            return ts_parse_fail(p, use->at, "blob %ju is missing", (uintmax_t)use->number);
        const blob *found = &blobs[use->number];
        if ((int64_t)found->size != ts_type_bytes(&use->attr->type))
            return ts_parse_fail(p, use->at, "blob %ju has %zu bytes, its type %jd", (uintmax_t)use->number,
                                 found->size, (intmax_t)ts_type_bytes(&use->attr->type));
        use->attr->data = found->data;
        use->attr->data_bytes = found->size;
        use->attr->is_splat = ts_type_elems(&use->attr->type) == 1;
    }
    return ts_ok;
}

static ts_status parse_module(ts_parser *p) {
    TS_VEC(blob) blobs = {0};
    ts_func outside = {.name = ""};
    TS_TRY(parse_header(p));
    while (ts_lex_skip(p), *p->at) {
        if (ts_lex_accept_word(p, "func")) {
            TS_TRY(parse_func(p));
        } else if (ts_lex_accept_word(p, "blob")) {
            blob next;
            TS_TRY(parse_blob(p, blobs.count, &next));
            ts_vec_push(&blobs, &p->scratch, next);
        } else {
            ts_op_node *op;
            const char *at = p->at;
            enter_func(p, &outside);
            TS_TRY(parse_op(p, &op));
            if (op->kind != ts_hlo_sdy_mesh) return ts_parse_fail(p, at, "expected `func`");
            ts_vec_push(&p->module->ops, &p->module->arena, op);
        }
    }
    return resolve_blobs(p, blobs.data, blobs.count);
}

static ts_status parse_within(void *context) {
    ts_parser *p = context;
    p->module = ts_module_new();
    ts_status status = parse_module(p);
    ts_arena_free(&p->scratch);
    if (status != ts_ok) ts_module_free(p->module);
    return status;
}

ts_status ts_module_parse(const char *text, const char *path, ts_module **module, ts_diag *diag) {
    ts_parser p = {.text = text, .at = text, .path = path, .diag = diag};
    ts_status status = ts_unit_run(NULL, parse_within, &p, path, diag);
    *module = status == ts_ok ? p.module : NULL;
    return status;
}

/* Types of MLIR bytecode, as the VHLO and builtin dialects encode them, to types of the graph. */
#include "compiler/read/bytecode.h"

#include <string.h>

/* Type codes without a body. An entry without dtype is a type that the graph cannot represent. */
typedef struct plain_type {
    uint8_t code;
    uint8_t dtype; /* ts_dtype */
    const char *word;
} plain_type;

static const plain_type vhlo_types[] = {
    {0, ts_dtype_i1, "i1"},
    {2, ts_dtype_bf16, "bf16"},
    {3, ts_dtype_f16, "f16"},
    {4, ts_dtype_f32, "f32"},
    {5, ts_dtype_f64, "f64"},
    {6, ts_dtype_f8e4m3fn, "f8E4M3FN"},
    {7, ts_dtype_f8e5m2, "f8E5M2"},
    {9, ts_dtype_none, "index"},
    {10, ts_dtype_i4, "i4"},
    {11, ts_dtype_i8, "i8"},
    {12, ts_dtype_i16, "i16"},
    {13, ts_dtype_i32, "i32"},
    {14, ts_dtype_i64, "i64"},
    {15, ts_dtype_u4, "ui4"},
    {16, ts_dtype_u8, "ui8"},
    {17, ts_dtype_u16, "ui16"},
    {18, ts_dtype_u32, "ui32"},
    {19, ts_dtype_u64, "ui64"},
    {26, ts_dtype_none, "witness"},
    {27, ts_dtype_none, "f8E4M3FNUZ"},
    {28, ts_dtype_none, "f8E5M2FNUZ"},
    {29, ts_dtype_none, "f8E4M3B11FNUZ"},
    {31, ts_dtype_none, "i2"},
    {32, ts_dtype_none, "ui2"},
    {33, ts_dtype_none, "none"},
    {34, ts_dtype_none, "tf32"},
    {35, ts_dtype_f8e4m3, "f8E4M3"},
    {36, ts_dtype_f8e3m4, "f8E3M4"},
    {37, ts_dtype_none, "f4E2M1FN"},
    {38, ts_dtype_none, "f6E2M3FN"},
    {39, ts_dtype_none, "f6E3M2FN"},
    {40, ts_dtype_none, "f8E8M0FNU"},
};

static const plain_type builtin_types[] = {
    {1, ts_dtype_none, "index"},
    {3, ts_dtype_bf16, "bf16"},
    {4, ts_dtype_f16, "f16"},
    {5, ts_dtype_f32, "f32"},
    {6, ts_dtype_f64, "f64"},
    {7, ts_dtype_none, "f80"},
    {8, ts_dtype_none, "f128"},
    {12, ts_dtype_none, "none"},
    {21, ts_dtype_none, "tf32"},
    {22, ts_dtype_f8e5m2, "f8E5M2"},
    {23, ts_dtype_f8e4m3, "f8E4M3"},
    {24, ts_dtype_f8e4m3fn, "f8E4M3FN"},
    {25, ts_dtype_none, "f8E5M2FNUZ"},
    {26, ts_dtype_none, "f8E4M3FNUZ"},
    {27, ts_dtype_none, "f8E4M3B11FNUZ"},
    {28, ts_dtype_f8e3m4, "f8E3M4"},
    {29, ts_dtype_none, "f4E2M1FN"},
    {30, ts_dtype_none, "f6E2M3FN"},
    {31, ts_dtype_none, "f6E3M2FN"},
    {32, ts_dtype_none, "f8E8M0FNU"},
};

static void set_word(ts_bc_entry *entry, const char *word) {
    entry->type = (ts_type){.kind = ts_type_other};
    entry->type_word = word;
}

static bool set_plain(ts_bc_entry *entry, const plain_type *table, size_t count, uint64_t code) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].code != code) continue;
        if (table[i].dtype)
            entry->type = (ts_type){.dtype = table[i].dtype};
        else
            set_word(entry, table[i].word);
        entry->type_word = table[i].word;
        return true;
    }
    return false;
}

/* The builtin dialect writes narrow floats as text. */
static ts_status text_type(ts_bc *b, ts_bc_entry *entry) {
    const char *text = (const char *)entry->body.at;
    size_t size = (size_t)(entry->body.end - entry->body.at);
    if (size == 0 || text[size - 1] != '\0') return ts_bc_fail(b, entry->body.at, "a type's text has no end");
    for (size_t i = 0; i < sizeof vhlo_types / sizeof *vhlo_types; i++)
        if (strcmp(vhlo_types[i].word, text) == 0) {
            set_plain(entry, vhlo_types, sizeof vhlo_types / sizeof *vhlo_types, vhlo_types[i].code);
            return ts_ok;
        }
    set_word(entry, ts_arena_string_n(&b->scratch, text, size < 64 ? size - 1 : 64));
    return ts_ok;
}

static ts_status read_dims(ts_bc *b, ts_cursor *c, ts_type *type) {
    uint32_t rank;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_count(b, c, 1, &rank));
    if (rank > TS_MAX_RANK)
        return ts_bc_unsupported(b, at, "a tensor of %u dimensions; at most %d are supported", rank,
                                 TS_MAX_RANK);
    type->rank = (uint8_t)rank;
    for (uint32_t i = 0; i < rank; i++) {
        int64_t dim;
        at = c->at;
        TS_TRY(ts_bc_signed(b, c, &dim));
        /* INT64_MIN marks a dynamic dimension. */
        if (dim < 0 && dim != INT64_MIN)
            return ts_bc_fail(b, at, "a tensor's dimension is %jd", (intmax_t)dim);
        type->dim[i] = dim < 0 ? -1 : dim;
    }
    return ts_ok;
}

static ts_status read_tensor(ts_bc *b, ts_cursor *c, ts_bc_entry *entry) {
    const ts_bc_entry *element;
    ts_type type = {0};
    TS_TRY(read_dims(b, c, &type));
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_type_ref(b, c, &element));
    if (element->type.kind == ts_type_tensor && element->type.rank > 0)
        return ts_bc_fail(b, at, "a tensor of tensors");
    if (element->type.kind != ts_type_tensor) {
        set_word(entry, element->type_word);
        return ts_ok;
    }
    type.dtype = element->type.dtype;
    entry->type = type;
    entry->type_word = "tensor";
    return ts_ok;
}

static ts_status read_complex(ts_bc *b, ts_cursor *c, ts_bc_entry *entry) {
    const ts_bc_entry *element;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_type_ref(b, c, &element));
    bool is_c64 = element->type.dtype == ts_dtype_f32, is_c128 = element->type.dtype == ts_dtype_f64;
    if (element->type.kind != ts_type_tensor || element->type.rank || (!is_c64 && !is_c128))
        return ts_bc_fail(b, at, "complex of %s", element->type_word);
    entry->type = (ts_type){.dtype = is_c64 ? ts_dtype_c64 : ts_dtype_c128};
    entry->type_word = "complex";
    return ts_ok;
}

static ts_status read_integer(ts_bc *b, ts_cursor *c, ts_bc_entry *entry) {
    uint64_t code;
    TS_TRY(ts_bc_varint(b, c, &code));
    /* Signless (0) counts as signed, as in StableHLO. */
    bool is_unsigned = (code & 3) == 2;
    ts_dtype dtype = ts_dtype_none;
    switch (code >> 2) {
    case 1: dtype = is_unsigned ? ts_dtype_none : ts_dtype_i1; break;
    case 4: dtype = is_unsigned ? ts_dtype_u4 : ts_dtype_i4; break;
    case 8: dtype = is_unsigned ? ts_dtype_u8 : ts_dtype_i8; break;
    case 16: dtype = is_unsigned ? ts_dtype_u16 : ts_dtype_i16; break;
    case 32: dtype = is_unsigned ? ts_dtype_u32 : ts_dtype_i32; break;
    case 64: dtype = is_unsigned ? ts_dtype_u64 : ts_dtype_i64; break;
    default: break;
    }
    entry->type = (ts_type){.dtype = (uint8_t)dtype};
    entry->type_word = "integer";
    if (!dtype)
        set_word(entry,
                 ts_arena_format(&b->scratch, "%si%ju", is_unsigned ? "u" : "", (uintmax_t)(code >> 2)));
    return ts_ok;
}

static ts_status skip_type_list(ts_bc *b, ts_cursor *c) {
    uint32_t count, index;
    TS_TRY(ts_bc_count(b, c, 1, &count));
    for (uint32_t i = 0; i < count; i++)
        TS_TRY(ts_bc_index(b, c, b->type_count, "type", &index));
    return ts_ok;
}

static ts_status read_function(ts_bc *b, ts_cursor *c, ts_bc_entry *entry) {
    set_word(entry, "function");
    TS_TRY(skip_type_list(b, c));
    return skip_type_list(b, c);
}

/* A type that the graph only names: the rest of the entry is skipped. */
static void skip_rest(ts_cursor *c, ts_bc_entry *entry, const char *word) {
    set_word(entry, word);
    c->at = c->end;
}

static ts_status vhlo_type(ts_bc *b, ts_cursor *c, ts_bc_entry *entry) {
    uint64_t code;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_varint(b, c, &code));
    if (set_plain(entry, vhlo_types, sizeof vhlo_types / sizeof *vhlo_types, code)) return ts_ok;
    switch (code) {
    case 1: return read_complex(b, c, entry);
    case 8: return read_function(b, c, entry);
    case 20: return read_tensor(b, c, entry);
    case 21: skip_rest(c, entry, "tensor with an encoding"); return ts_ok;
    case 22:
        /* A token orders effects, and the program's own order does that already: it becomes a value without
           elements. */
        entry->type = (ts_type){.dtype = ts_dtype_i1, .rank = 1};
        return ts_ok;
    case 23:
        entry->type = (ts_type){.kind = ts_type_tuple};
        entry->type_word = "tuple";
        return skip_type_list(b, c);
    case 24:
    case 30: skip_rest(c, entry, "quantized tensor"); return ts_ok;
    case 25: skip_rest(c, entry, "tensor of unknown rank"); return ts_ok;
    case 41: skip_rest(c, entry, "buffer"); return ts_ok;
    case 42: skip_rest(c, entry, "future"); return ts_ok;
    default: return ts_bc_unsupported(b, at, "vhlo type code %ju", (uintmax_t)code);
    }
}

static ts_status builtin_type(ts_bc *b, ts_cursor *c, ts_bc_entry *entry) {
    uint64_t code;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_varint(b, c, &code));
    if (set_plain(entry, builtin_types, sizeof builtin_types / sizeof *builtin_types, code)) return ts_ok;
    switch (code) {
    case 0: return read_integer(b, c, entry);
    case 2: return read_function(b, c, entry);
    case 9: return read_complex(b, c, entry);
    case 10:
    case 11: skip_rest(c, entry, "memref"); return ts_ok;
    case 13: return read_tensor(b, c, entry);
    case 14: skip_rest(c, entry, "tensor with an encoding"); return ts_ok;
    case 15:
        entry->type = (ts_type){.kind = ts_type_tuple};
        entry->type_word = "tuple";
        return skip_type_list(b, c);
    case 16:
    case 17: skip_rest(c, entry, "memref"); return ts_ok;
    case 18: skip_rest(c, entry, "tensor of unknown rank"); return ts_ok;
    case 19:
    case 20: skip_rest(c, entry, "vector"); return ts_ok;
    default: return ts_bc_unsupported(b, at, "builtin type code %ju", (uintmax_t)code);
    }
}

static ts_status decode(ts_bc *b, ts_bc_entry *entry) {
    ts_cursor c = entry->body;
    if (entry->is_text) return text_type(b, entry);
    switch (b->dialects[entry->dialect].dialect) {
    case ts_bc_vhlo: TS_TRY(vhlo_type(b, &c, entry)); break;
    case ts_bc_builtin: TS_TRY(builtin_type(b, &c, entry)); break;
    default: skip_rest(&c, entry, "type of another dialect"); break;
    }
    return ts_bc_done_with(b, &c, "a type");
}

ts_status ts_bc_type(ts_bc *b, const uint8_t *at, uint32_t index, const ts_bc_entry **out) {
    if (index >= b->type_count) return ts_bc_fail(b, at, "names type %u of %u", index, b->type_count);
    ts_bc_entry *entry = &b->types[index];
    *out = entry;
    if (entry->state == ts_bc_done) return ts_ok;
    if (entry->state == ts_bc_busy) return ts_bc_fail(b, at, "type %u contains itself", index);
    if (b->depth >= TS_BC_DEPTH) return ts_bc_fail(b, at, "types nest deeper than %d", TS_BC_DEPTH);
    entry->state = ts_bc_busy;
    b->depth++;
    TS_TRY(decode(b, entry));
    b->depth--;
    entry->state = ts_bc_done;
    return ts_ok;
}

ts_status ts_bc_type_ref(ts_bc *b, ts_cursor *c, const ts_bc_entry **entry) {
    uint32_t index;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->type_count, "type", &index));
    return ts_bc_type(b, at, index, entry);
}

ts_status ts_bc_value_type(ts_bc *b, const uint8_t *at, uint32_t index, ts_type *type) {
    const ts_bc_entry *entry;
    TS_TRY(ts_bc_type(b, at, index, &entry));
    if (entry->type.kind == ts_type_other)
        return ts_bc_unsupported(b, at, "a value of type %s", entry->type_word);
    *type = entry->type;
    return ts_ok;
}

ts_status ts_bc_function_results(ts_bc *b, const uint8_t *at, const ts_attr *attr, uint32_t *count,
                                 ts_type **types) {
    uint64_t code;
    uint32_t result;
    const ts_bc_entry *type;
    ts_cursor c;
    if (attr->kind != ts_attr_type) return ts_bc_fail(b, at, "a function's type is not given as a type");
    TS_TRY(ts_bc_type(b, at, (uint32_t)attr->integer, &type));
    bool is_function = type->type.kind == ts_type_other && strcmp(type->type_word, "function") == 0;
    if (!is_function || type->is_text) return ts_bc_fail(b, at, "a function's type is no function type");
    c = type->body;
    TS_TRY(ts_bc_varint(b, &c, &code));
    TS_TRY(skip_type_list(b, &c));
    TS_TRY(ts_bc_count(b, &c, 1, count));
    TS_TRY(ts_bc_spend(b, at, (uint64_t)*count * 16));
    *types = TS_NEW_ARRAY(&b->module->arena, ts_type, *count);
    for (uint32_t i = 0; i < *count; i++) {
        TS_TRY(ts_bc_index(b, &c, b->type_count, "type", &result));
        TS_TRY(ts_bc_value_type(b, at, result, &(*types)[i]));
    }
    return ts_ok;
}

/* Attributes of MLIR bytecode, as the VHLO and builtin dialects encode them, to attributes of the graph. */
#include "compiler/read/bytecode.h"

#include <string.h>

/* Weights saturate here, so that sums over nested shared entries cannot overflow. */
enum { WEIGHT_MAX = 1 << 24 };

/* The enum words of a VHLO attribute, by value. */
typedef struct enum_words {
    uint8_t code, count;
    const char *words[6];
} enum_words;

static const enum_words vhlo_enums[] = {
    {3, 6, {"EQ", "NE", "GE", "GT", "LE", "LT"}},
    {4, 5, {"NOTYPE", "FLOAT", "TOTALORDER", "SIGNED", "UNSIGNED"}},
    {5,
     5,
     {"API_VERSION_UNSPECIFIED", "API_VERSION_ORIGINAL", "API_VERSION_STATUS_RETURNING",
      "API_VERSION_STATUS_RETURNING_UNIFIED", "API_VERSION_TYPED_FFI"}},
    {7, 4, {"FFT", "IFFT", "RFFT", "IRFFT"}},
    {11, 3, {"DEFAULT", "HIGH", "HIGHEST"}},
    {12, 3, {"DEFAULT", "THREE_FRY", "PHILOX"}},
    {13, 3, {NULL, "UNIFORM", "NORMAL"}},
    {16, 4, {"TRANSPOSE_INVALID", "NO_TRANSPOSE", "TRANSPOSE", "ADJOINT"}},
    {19, 3, {"DEFAULT", "HIGHEST", "TOLERANCE"}},
};

static void add_weight(uint64_t *weight, uint64_t more) {
    *weight = *weight + more > WEIGHT_MAX ? WEIGHT_MAX : *weight + more;
}

static ts_status read_enum(ts_bc *b, ts_cursor *c, const enum_words *row, ts_attr *attr) {
    uint64_t value;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_varint(b, c, &value));
    if (value >= row->count || !row->words[value])
        return ts_bc_fail(b, at, "vhlo attribute code %u has the unknown value %ju", row->code,
                          (uintmax_t)value);
    attr->kind = ts_attr_string;
    attr->string = row->words[value];
    return ts_ok;
}

static ts_status child(ts_bc *b, ts_cursor *c, const ts_attr **attr, uint64_t *weight) {
    uint32_t index;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->attr_count, "attribute", &index));
    TS_TRY(ts_bc_attr(b, at, index, attr));
    add_weight(weight, b->attrs[index].weight);
    return ts_ok;
}

static ts_status read_array(ts_bc *b, ts_cursor *c, ts_attr *attr, uint64_t *weight) {
    TS_TRY(ts_bc_count(b, c, 1, &attr->count));
    const ts_attr **items = TS_NEW_ARRAY(&b->module->arena, const ts_attr *, attr->count);
    for (uint32_t i = 0; i < attr->count; i++)
        TS_TRY(child(b, c, &items[i], weight));
    attr->kind = ts_attr_array;
    attr->array = items;
    return ts_ok;
}

static ts_status read_dict(ts_bc *b, ts_cursor *c, ts_attr *attr, uint64_t *weight) {
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_count(b, c, 2, &attr->count));
    if (attr->count > TS_BC_LIST)
        return ts_bc_fail(b, at, "a dictionary of more than %d attributes", TS_BC_LIST);
    ts_named_attr *items = TS_NEW_ARRAY(&b->module->arena, ts_named_attr, attr->count);
    for (uint32_t i = 0; i < attr->count; i++) {
        at = c->at;
        TS_TRY(ts_bc_attr_string(b, c, &items[i].name));
        add_weight(weight, strlen(items[i].name) / 8);
        TS_TRY(child(b, c, &items[i].value, weight));
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(items[i].name, items[j].name) == 0)
                return ts_bc_fail(b, at, "a dictionary names %.64s twice", items[i].name);
    }
    attr->kind = ts_attr_dict;
    attr->dict = items;
    return ts_ok;
}

/* A string with a zero byte inside (a binary configuration) becomes the text of its bytes. */
static ts_status read_string(ts_bc *b, ts_cursor *c, ts_attr *attr, uint64_t *weight) {
    uint32_t index;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->string_count, "string", &index));
    const ts_bc_string *string = &b->strings[index];
    add_weight(weight, string->length / 8);
    attr->kind = ts_attr_string;
    if (!memchr(string->at, 0, string->length)) return ts_bc_string_at(b, at, index, &attr->string);
    TS_TRY(ts_bc_spend(b, at, string->length));
    char *hex = ts_arena_alloc(&b->module->arena, 2 * string->length + 1);
    for (size_t i = 0; i < string->length; i++) {
        hex[2 * i] = "0123456789abcdef"[string->at[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[string->at[i] & 15];
    }
    attr->kind = ts_attr_opaque;
    attr->string = hex;
    return ts_ok;
}

/* An integer of up to 8 bits is one byte; a wider one, up to 64 bits, is a zigzag varint of its zero-extended
   bits. */
static ts_status read_bits(ts_bc *b, ts_cursor *c, int width, uint64_t *bits) {
    uint8_t byte;
    int64_t wide;
    if (width <= 8) {
        TS_TRY(ts_bc_byte(b, c, &byte));
        *bits = byte;
        return ts_ok;
    }
    TS_TRY(ts_bc_signed(b, c, &wide));
    *bits = (uint64_t)wide;
    return ts_ok;
}

static int64_t extend(uint64_t bits, int width, bool is_signed) {
    if (width == 64) return (int64_t)bits;
    bits &= ((uint64_t)1 << width) - 1;
    uint64_t sign = is_signed ? (uint64_t)1 << (width - 1) : 0;
    return (int64_t)((bits ^ sign) - sign);
}

static int width_of(ts_dtype dtype) {
    if (dtype == ts_dtype_i1) return 1;
    if (dtype == ts_dtype_i4 || dtype == ts_dtype_u4) return 4;
    return ts_dtype_get(dtype)->bytes * 8;
}

static ts_status read_integer(ts_bc *b, ts_cursor *c, ts_attr *attr) {
    const ts_bc_entry *type;
    const uint8_t *at = c->at;
    uint64_t bits;
    TS_TRY(ts_bc_type_ref(b, c, &type));
    char kind = ts_dtype_get(type->type.dtype)->kind;
    bool is_index = type->type.kind == ts_type_other && strcmp(type->type_word, "index") == 0;
    bool is_integer =
        type->type.kind == ts_type_tensor && type->type.rank == 0 && strchr("bsu", kind) && kind;
    if (!is_index && !is_integer)
        return ts_bc_unsupported(b, at, "an integer attribute of type %s", type->type_word);
    int width = is_index ? 64 : width_of(type->type.dtype);
    TS_TRY(read_bits(b, c, width, &bits));
    attr->integer = extend(bits, width, kind == 's');
    attr->kind = kind == 'b' ? ts_attr_bool : ts_attr_int;
    attr->boolean = kind == 'b' && attr->integer != 0;
    if (kind == 'b') attr->integer = 0;
    return ts_ok;
}

static ts_status read_float(ts_bc *b, ts_cursor *c, ts_attr *attr) {
    const ts_bc_entry *type;
    const uint8_t *at = c->at;
    uint64_t bits;
    uint8_t bytes[8];
    float value;
    TS_TRY(ts_bc_type_ref(b, c, &type));
    ts_dtype dtype = type->type.dtype;
    if (type->type.kind != ts_type_tensor || type->type.rank || ts_dtype_get(dtype)->kind != 'f')
        return ts_bc_unsupported(b, at, "a float attribute of type %s", type->type_word);
    TS_TRY(read_bits(b, c, ts_dtype_get(dtype)->bytes * 8, &bits));
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(bits >> (8 * i));
    attr->kind = ts_attr_float;
    if (dtype == ts_dtype_f64) {
        memcpy(&attr->number, bytes, sizeof attr->number);
    } else if (ts_dtype_get(dtype)->native) {
        ts_dtype_widen(dtype, bytes, &value, 1);
        attr->number = value;
    } else {
        attr->kind = ts_attr_opaque;
        attr->string = ts_arena_format(&b->module->arena, "%s 0x%02x", ts_dtype_get(dtype)->name, bytes[0]);
    }
    return ts_ok;
}

/* In the graph a predicate is 0 or 1 and a 4-bit element is extended to its byte. */
static void normalise(uint8_t *data, size_t count, unsigned dtype) {
    for (size_t i = 0; i < count; i++) {
        if (dtype == ts_dtype_i1) data[i] = data[i] != 0;
        if (dtype == ts_dtype_i4 || dtype == ts_dtype_u4) data[i] &= 15;
        if (dtype == ts_dtype_i4 && data[i] & 8) data[i] |= 0xf0;
    }
}

/* Predicates are packed, least significant bit first; a splat is one byte, all ones for true. Older writers
   use a byte for each. A single byte for up to eight elements counts as packed unless it is 0xFF or 0. */
static ts_status read_predicates(ts_bc *b, const uint8_t *at, const uint8_t *blob, size_t size,
                                 ts_attr *attr) {
    uint64_t elems = (uint64_t)ts_type_elems(&attr->type), packed = elems / 8 + (elems % 8 != 0);
    if (elems == 0 && size == 1) size = 0; /* a splat of an empty tensor */
    bool is_packed = size == packed && size != elems;
    bool is_splat = size == 1 && elems > 0 && (blob[0] == 0xFF || !is_packed || blob[0] == 0);
    if (!is_splat && !is_packed && size != elems)
        return ts_bc_fail(b, at, "%zu bytes for %ju predicates", size, (uintmax_t)elems);
    attr->is_splat = is_splat || elems == 1;
    attr->data_bytes = attr->is_splat ? 1 : (size_t)elems;
    uint8_t *data = ts_arena_alloc(&b->module->arena, attr->data_bytes);
    for (size_t i = 0; i < attr->data_bytes; i++)
        data[i] = is_packed && !is_splat ? blob[i / 8] >> (i % 8) & 1 : blob[i] != 0;
    attr->data = data;
    return ts_ok;
}

/* An attribute of which only the name is kept: no operation that the compiler supports needs its content. */
static void skip_rest(ts_cursor *c, ts_attr *attr, const char *name) {
    c->at = c->end;
    attr->kind = ts_attr_opaque;
    attr->string = name;
}

static ts_status read_dense(ts_bc *b, ts_cursor *c, ts_attr *attr) {
    const ts_bc_entry *type;
    const uint8_t *at = c->at, *blob;
    size_t size;
    TS_TRY(ts_bc_type_ref(b, c, &type));
    if (type->type.kind != ts_type_tensor && type->type_word && strcmp(type->type_word, "index") == 0) {
        skip_rest(c, attr, "layout"); /* of a custom_call's operand; JAX writes the default layout */
        return ts_ok;
    }
    if (type->type.kind != ts_type_tensor)
        return ts_bc_unsupported(b, at, "a tensor constant of element type %s", type->type_word);
    attr->kind = ts_attr_dense;
    attr->type = type->type;
    int64_t total = ts_type_bytes(&attr->type), elems = ts_type_elems(&attr->type);
    if (elems < 0) return ts_bc_fail(b, at, "a constant of unknown shape");
    at = c->at;
    TS_TRY(ts_bc_blob(b, c, &blob, &size));
    if (attr->type.dtype == ts_dtype_i1) return read_predicates(b, at, blob, size, attr);
    size_t each = (size_t)ts_dtype_get(attr->type.dtype)->bytes;
    if (size == each && elems == 0) size = 0; /* a splat of an empty tensor */
    attr->is_splat = size == each && elems > 0;
    if (!attr->is_splat && (int64_t)size != total)
        return ts_bc_fail(b, at, "%zu bytes of elements for a tensor of %jd", size, (intmax_t)total);
    uint8_t *data = ts_arena_copy(&b->module->arena, blob, size);
    normalise(data, size, attr->type.dtype);
    attr->data = data;
    attr->data_bytes = size;
    return ts_ok;
}

/* array<i64: 1, 2>: the element type, the count, and the bytes of the elements. */
static ts_status read_dense_array(ts_bc *b, ts_cursor *c, ts_attr *attr) {
    const ts_bc_entry *type;
    const uint8_t *at = c->at, *blob;
    uint64_t count;
    size_t size;
    TS_TRY(ts_bc_type_ref(b, c, &type));
    if (type->type.kind != ts_type_tensor || type->type.rank)
        return ts_bc_unsupported(b, at, "an array of %s", type->type_word);
    TS_TRY(ts_bc_varint(b, c, &count));
    TS_TRY(ts_bc_blob(b, c, &blob, &size));
    size_t each = (size_t)ts_dtype_get(type->type.dtype)->bytes;
    if (count != size / each || size % each)
        return ts_bc_fail(b, at, "%zu bytes for an array of %ju", size, (uintmax_t)count);
    attr->kind = ts_attr_dense;
    attr->type = (ts_type){.dtype = type->type.dtype, .rank = 1, .dim = {(int64_t)count}};
    uint8_t *data = ts_arena_copy(&b->module->arena, blob, size);
    normalise(data, size, attr->type.dtype);
    attr->data = data;
    attr->data_bytes = size;
    attr->is_splat = count == 1;
    return ts_ok;
}

static ts_status read_type_attr(ts_bc *b, ts_cursor *c, ts_attr *attr) {
    const ts_bc_entry *type;
    uint32_t index;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->type_count, "type", &index));
    TS_TRY(ts_bc_type(b, at, index, &type));
    if (type->type.kind == ts_type_other && strcmp(type->type_word, "none") == 0) return ts_ok;
    attr->kind = ts_attr_type;
    attr->type = type->type;
    attr->integer = index;
    return ts_ok;
}

/* Result accuracy: absolute and relative tolerance, ULPs, mode. The default is read as absent. */
static ts_status read_accuracy(ts_bc *b, ts_cursor *c, ts_attr *attr) {
    uint64_t absolute, relative;
    int64_t ulps;
    double tolerance[2];
    const char *mode;
    TS_TRY(read_bits(b, c, 64, &absolute));
    TS_TRY(read_bits(b, c, 64, &relative));
    TS_TRY(ts_bc_signed(b, c, &ulps));
    TS_TRY(ts_bc_attr_string(b, c, &mode));
    if (strcmp(mode, "DEFAULT") == 0 && !absolute && !relative && !ulps) return ts_ok;
    memcpy(&tolerance[0], &absolute, 8);
    memcpy(&tolerance[1], &relative, 8);
    attr->kind = ts_attr_opaque;
    attr->string = ts_arena_format(&b->module->arena, "atol=%.17g rtol=%.17g ulps=%jd mode=%.32s",
                                   tolerance[0], tolerance[1], (intmax_t)ulps, mode);
    return ts_ok;
}

static ts_status vhlo_attr(ts_bc *b, ts_cursor *c, ts_attr *attr, uint64_t *weight) {
    uint64_t code, value;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_varint(b, c, &code));
    for (size_t i = 0; i < sizeof vhlo_enums / sizeof *vhlo_enums; i++)
        if (vhlo_enums[i].code == code) return read_enum(b, c, &vhlo_enums[i], attr);
    switch (code) {
    case 1: return read_array(b, c, attr, weight);
    case 2:
        TS_TRY(ts_bc_varint(b, c, &value));
        attr->kind = ts_attr_bool;
        attr->boolean = value != 0;
        return ts_ok;
    case 6: return read_dict(b, c, attr, weight);
    case 8: return read_float(b, c, attr);
    case 9: return read_integer(b, c, attr);
    case 10: skip_rest(c, attr, "output_operand_alias"); return ts_ok;
    case 14: return read_string(b, c, attr, weight);
    case 15: return read_dense(b, c, attr);
    case 17: return read_type_attr(b, c, attr);
    case 18: skip_rest(c, attr, "type_extensions"); return ts_ok;
    case 20: return read_accuracy(b, c, attr);
    case 21: skip_rest(c, attr, "sub_axis_info"); return ts_ok;
    case 22: skip_rest(c, attr, "axis_ref"); return ts_ok;
    case 23: skip_rest(c, attr, "replica_group_mesh_axes"); return ts_ok;
    case 24: skip_rest(c, attr, "mesh_axis"); return ts_ok;
    case 25: skip_rest(c, attr, "mesh"); return ts_ok;
    default: return ts_bc_unsupported(b, at, "vhlo attribute code %ju", (uintmax_t)code);
    }
}

static ts_status refuse_resource(ts_bc *b, const uint8_t *at) {
    ts_bc_unsupported(b, at, "a constant kept outside the program (dense_resource)");
    ts_diag_remedy(b->diag, "%s", "export with the constants inline, or pass them as arguments");
    return ts_unsupported;
}

static ts_status builtin_attr(ts_bc *b, ts_cursor *c, ts_attr *attr, uint64_t *weight) {
    uint64_t code;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_varint(b, c, &code));
    switch (code) {
    case 0: return read_array(b, c, attr, weight);
    case 1: return read_dict(b, c, attr, weight);
    case 2: return read_string(b, c, attr, weight);
    case 3:
        TS_TRY(read_string(b, c, attr, weight));
        return ts_bc_index(b, c, b->type_count, "type", &(uint32_t){0});
    case 4: attr->kind = ts_attr_string; return ts_bc_attr_string(b, c, &attr->string);
    case 6: return read_type_attr(b, c, attr);
    case 7:
        attr->kind = ts_attr_bool;
        attr->boolean = true;
        return ts_ok;
    case 8: return read_integer(b, c, attr);
    case 9: return read_float(b, c, attr);
    case 5:
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
    case 15:
    case 22: skip_rest(c, attr, code == 5 ? "symbol" : "location"); return ts_ok;
    case 16: return refuse_resource(b, at);
    case 17: return read_dense_array(b, c, attr);
    case 18: return read_dense(b, c, attr);
    case 19: skip_rest(c, attr, "dense_string"); return ts_ok;
    case 20: skip_rest(c, attr, "sparse"); return ts_ok;
    case 21: skip_rest(c, attr, "distinct"); return ts_ok;
    default: return ts_bc_unsupported(b, at, "builtin attribute code %ju", (uintmax_t)code);
    }
}

static ts_status text_attr(ts_bc *b, const ts_bc_entry *entry, ts_attr *attr, uint64_t *weight) {
    const char *text = (const char *)entry->body.at;
    size_t size = (size_t)(entry->body.end - entry->body.at);
    if (size == 0 || memchr(text, 0, size) != text + size - 1)
        return ts_bc_fail(b, entry->body.at, "an attribute's text has no end");
    attr->kind = ts_attr_opaque;
    attr->string = ts_arena_string_n(&b->module->arena, text, size - 1);
    add_weight(weight, size / 8);
    return ts_ok;
}

static ts_status decode(ts_bc *b, ts_bc_entry *entry) {
    ts_cursor c = entry->body;
    ts_attr *attr = TS_NEW(&b->module->arena, ts_attr);
    entry->attr = attr;
    entry->weight = 1;
    if (entry->is_text) return text_attr(b, entry, attr, &entry->weight);
    switch (b->dialects[entry->dialect].dialect) {
    case ts_bc_vhlo: TS_TRY(vhlo_attr(b, &c, attr, &entry->weight)); break;
    case ts_bc_builtin: TS_TRY(builtin_attr(b, &c, attr, &entry->weight)); break;
    case ts_bc_sdy: TS_TRY(ts_bc_sdy_attr(b, &c, attr, &entry->weight)); break;
    default: skip_rest(&c, attr, "attribute of another dialect"); break;
    }
    return ts_bc_done_with(b, &c, "an attribute");
}

ts_status ts_bc_attr(ts_bc *b, const uint8_t *at, uint32_t index, const ts_attr **attr) {
    if (index >= b->attr_count) return ts_bc_fail(b, at, "names attribute %u of %u", index, b->attr_count);
    ts_bc_entry *entry = &b->attrs[index];
    if (entry->state == ts_bc_busy) return ts_bc_fail(b, at, "attribute %u contains itself", index);
    if (entry->state == ts_bc_unread) {
        if (b->depth >= TS_BC_DEPTH) return ts_bc_fail(b, at, "attributes nest deeper than %d", TS_BC_DEPTH);
        entry->state = ts_bc_busy;
        b->depth++;
        TS_TRY(decode(b, entry));
        b->depth--;
        entry->state = ts_bc_done;
    }
    *attr = entry->attr;
    return ts_ok;
}

ts_status ts_bc_attr_ref(ts_bc *b, ts_cursor *c, const ts_attr **attr) {
    uint32_t index;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_index(b, c, b->attr_count, "attribute", &index));
    return ts_bc_attr(b, at, index, attr);
}

ts_status ts_bc_attr_string(ts_bc *b, ts_cursor *c, const char **string) {
    const ts_attr *attr;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_attr_ref(b, c, &attr));
    if (attr->kind != ts_attr_string) return ts_bc_fail(b, at, "an attribute that must be a string is none");
    *string = attr->string;
    return ts_ok;
}

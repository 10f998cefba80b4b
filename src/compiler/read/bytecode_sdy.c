/* Attributes of the Shardy dialect (meshes, shardings). The compiler does not interpret them; they are kept
   in their text form. */
#include "compiler/read/bytecode.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1 << 16 }; /* most characters of one attribute */

static ts_status separate(ts_bc *b, const ts_cursor *c, ts_text *text, uint32_t index) {
    if (index) ts_text_add(text, ", ");
    if (text->length > TEXT_MAX)
        return ts_bc_fail(b, c->at, "a sharding of more than %d characters", TEXT_MAX);
    return ts_ok;
}

/* Appends `format` with the number in place of its #. */
static ts_status add_number(ts_bc *b, ts_cursor *c, ts_text *text, const char *format) {
    int64_t value;
    TS_TRY(ts_bc_signed(b, c, &value));
    char digits[32];
    snprintf(digits, sizeof digits, "%jd", (intmax_t)value);
    for (; *format; format++) {
        if (*format == '#')
            ts_text_add(text, digits);
        else
            ts_text_add_n(text, format, 1);
    }
    return ts_ok;
}

static ts_status add_attr(ts_bc *b, ts_cursor *c, ts_text *text, bool is_quoted) {
    const ts_attr *attr;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_attr_ref(b, c, &attr));
    if (attr->kind == ts_attr_string && is_quoted)
        ts_text_quote(text, attr->string);
    else if (attr->kind == ts_attr_string || attr->kind == ts_attr_opaque)
        ts_text_add(text, attr->string);
    else
        return ts_bc_fail(b, at, "a sharding holds an attribute that is none of Shardy's");
    return ts_ok;
}

static ts_status add_attrs(ts_bc *b, ts_cursor *c, ts_text *text, const char *open, const char *close) {
    uint32_t count;
    TS_TRY(ts_bc_count(b, c, 1, &count));
    ts_text_add(text, open);
    for (uint32_t i = 0; i < count; i++) {
        TS_TRY(separate(b, c, text, i));
        TS_TRY(add_attr(b, c, text, true));
    }
    ts_text_add(text, close);
    return ts_ok;
}

static ts_status add_numbers(ts_bc *b, ts_cursor *c, ts_text *text, const char *open, const char *close) {
    uint32_t count;
    TS_TRY(ts_bc_count(b, c, 1, &count));
    ts_text_add(text, open);
    for (uint32_t i = 0; i < count; i++) {
        TS_TRY(separate(b, c, text, i));
        TS_TRY(add_number(b, c, text, "#"));
    }
    ts_text_add(text, close);
    return ts_ok;
}

static ts_status add_name(ts_bc *b, ts_cursor *c, ts_text *text) {
    const char *name;
    TS_TRY(ts_bc_string_ref(b, c, &name));
    ts_text_quote(text, name);
    return ts_ok;
}

/* <["data"=2], device_ids=[1, 0]> */
static ts_status mesh(ts_bc *b, ts_cursor *c, ts_text *text) {
    TS_TRY(add_attrs(b, c, text, "<[", "]"));
    ts_cursor peek = *c;
    uint32_t count;
    TS_TRY(ts_bc_count(b, &peek, 1, &count));
    if (count)
        TS_TRY(add_numbers(b, c, text, ", device_ids=[", "]"));
    else
        *c = peek;
    ts_text_add(text, ">");
    return ts_ok;
}

/* "data" or "data":(1)2 */
static ts_status axis(ts_bc *b, ts_cursor *c, ts_text *text) {
    uint64_t index;
    bool has_part;
    const ts_attr *part;
    TS_TRY(add_name(b, c, text));
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_flagged(b, c, &index, &has_part));
    if (!has_part) return ts_ok;
    if (index >= b->attr_count)
        return ts_bc_fail(b, at, "names attribute %ju of %u", (uintmax_t)index, b->attr_count);
    TS_TRY(ts_bc_attr(b, at, (uint32_t)index, &part));
    if (part->kind != ts_attr_opaque)
        return ts_bc_fail(b, at, "an axis is split by something else than a pair");
    ts_text_add(text, ":");
    ts_text_add(text, part->string);
    return ts_ok;
}

/* {"data", "model", ?}p1: `?` marks an open dimension, p its priority. */
static ts_status dimension(ts_bc *b, ts_cursor *c, ts_text *text) {
    uint8_t is_closed;
    uint64_t priority;
    bool has_priority;
    TS_TRY(add_attrs(b, c, text, "{", ""));
    TS_TRY(ts_bc_byte(b, c, &is_closed));
    TS_TRY(ts_bc_flagged(b, c, &priority, &has_priority));
    bool has_axes = text->data[text->length - 1] != '{';
    ts_text_add(text, is_closed ? "}" : has_axes ? ", ?}" : "?}");
    if (has_priority) ts_text_format(text, "p%ju", (uintmax_t)priority);
    return ts_ok;
}

/* <@mesh, [dimensions], replicated={...}, unreduced={...}> */
static ts_status sharding(ts_bc *b, ts_cursor *c, ts_text *text, uint64_t code) {
    const ts_attr *mesh_attr;
    ts_cursor peek = *c;
    TS_TRY(ts_bc_attr_ref(b, &peek, &mesh_attr));
    ts_text_add(text, mesh_attr->kind == ts_attr_string ? "<@" : "<");
    TS_TRY(add_attr(b, c, text, false));
    TS_TRY(add_attrs(b, c, text, ", [", "]"));
    for (int list = 0; list < (code == 6 ? 1 : 2); list++) {
        uint32_t count;
        peek = *c;
        TS_TRY(ts_bc_count(b, &peek, 1, &count));
        if (count)
            TS_TRY(add_attrs(b, c, text, list ? ", unreduced={" : ", replicated={", "}"));
        else
            *c = peek;
    }
    if (code == 17) TS_TRY(add_number(b, c, text, ", reduction=#"));
    ts_text_add(text, ">");
    return ts_ok;
}

static ts_status body(ts_bc *b, ts_cursor *c, uint64_t code, const uint8_t *at, ts_text *text) {
    switch (code) {
    case 0: return add_attrs(b, c, text, "{", "}");
    case 1: TS_TRY(add_name(b, c, text)); return add_number(b, c, text, "=#");
    case 2: return mesh(b, c, text);
    case 3: TS_TRY(add_number(b, c, text, "(#)")); return add_number(b, c, text, "#");
    case 4: return axis(b, c, text);
    case 5: return dimension(b, c, text);
    case 6:
    case 15:
    case 17: return sharding(b, c, text, code);
    case 7:
    case 16: return add_attrs(b, c, text, "[", "]");
    case 8: return add_numbers(b, c, text, "[", "]");
    case 9: return add_attrs(b, c, text, "[", "]");
    case 10:
        c->at = c->end;
        ts_text_add(text, "op_sharding_rule");
        return ts_ok;
    case 11:
    case 12:
    case 14: return add_attrs(b, c, text, "{", "}");
    case 13:
        TS_TRY(add_attrs(b, c, text, "{", "}: "));
        TS_TRY(add_number(b, c, text, "#->"));
        return add_number(b, c, text, "#");
    default: return ts_bc_unsupported(b, at, "sdy attribute code %ju", (uintmax_t)code);
    }
}

ts_status ts_bc_sdy_attr(ts_bc *b, ts_cursor *c, ts_attr *attr, uint64_t *weight) {
    uint64_t code;
    const uint8_t *at = c->at;
    ts_text text = {0};
    TS_TRY(ts_bc_varint(b, c, &code));
    ts_text_add(&text, "");
    ts_status status = body(b, c, code, at, &text);
    if (status == ts_ok) status = ts_bc_spend(b, at, text.length);
    attr->kind = ts_attr_opaque;
    if (status == ts_ok) attr->string = ts_arena_string(&b->module->arena, text.data);
    *weight += text.length / 8;
    ts_text_free(&text);
    return status;
}

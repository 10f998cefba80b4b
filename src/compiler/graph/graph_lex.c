/* Text form of the graph: words, numbers, types and attributes. */
#include "compiler/graph/graph_lex.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ts_status ts_parse_fail(ts_parser *p, const char *at, const char *format, ...) {
    char message[256];
    unsigned line = 1, column = 1;
    for (const char *c = p->text; c < at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return ts_fail(p->diag, ts_input, "%s:%u:%u: %s", p->path, line, column, message);
}

void ts_lex_skip(ts_parser *p) {
    for (;;) {
        p->at += strspn(p->at, " \t\r\n");
        if (p->at[0] != '/' || p->at[1] != '/') return;
        p->at += strcspn(p->at, "\n");
    }
}

bool ts_lex_accept(ts_parser *p, const char *punctuation) {
    ts_lex_skip(p);
    size_t length = strlen(punctuation);
    if (strncmp(p->at, punctuation, length) != 0) return false;
    p->at += length;
    return true;
}

static bool is_word_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

bool ts_lex_accept_word(ts_parser *p, const char *word) {
    ts_lex_skip(p);
    size_t length = strlen(word);
    if (strncmp(p->at, word, length) != 0 || is_word_char(p->at[length])) return false;
    p->at += length;
    return true;
}

ts_status ts_lex_expect(ts_parser *p, const char *punctuation) {
    if (ts_lex_accept(p, punctuation)) return ts_ok;
    if (*p->at == '\0') return ts_parse_fail(p, p->at, "the text ends where `%s` should come", punctuation);
    return ts_parse_fail(p, p->at, "expected `%s`, found `%c`", punctuation, *p->at);
}

ts_status ts_lex_word(ts_parser *p, const char *wanted, const char **word, size_t *length) {
    ts_lex_skip(p);
    *word = p->at;
    while (is_word_char(*p->at))
        p->at++;
    *length = (size_t)(p->at - *word);
    if (*length == 0) return ts_parse_fail(p, p->at, "expected %s", wanted);
    return ts_ok;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Reads an escaped character after its backslash: \" \\ \n \t or \u00XX, a byte. */
static bool read_escape(ts_parser *p, char *out) {
    switch (*p->at++) {
    case '"': *out = '"'; return true;
    case '\\': *out = '\\'; return true;
    case 'n': *out = '\n'; return true;
    case 't': *out = '\t'; return true;
    case 'u':
        if (strncmp(p->at, "00", 2) != 0 || hex_digit(p->at[2]) < 0 || hex_digit(p->at[3]) < 0) return false;
        *out = (char)(hex_digit(p->at[2]) * 16 + hex_digit(p->at[3]));
        p->at += 4;
        return *out != '\0';
    default: p->at--; return false;
    }
}

ts_status ts_lex_string(ts_parser *p, const char **string) {
    TS_TRY(ts_lex_expect(p, "\""));
    const char *start = p->at;
    size_t length = 0;
    while (p->at[length] != '"') {
        if (p->at[length] == '\0') return ts_parse_fail(p, start, "the string has no end");
        length += p->at[length] == '\\' && p->at[length + 1] != '\0' ? 2 : 1;
    }
    char *out = ts_arena_alloc(&p->module->arena, length + 1), *to = out;
    while (*p->at != '"') {
        char c = *p->at++;
        if (c == '\\' && !read_escape(p, &c))
            return ts_parse_fail(p, p->at, "unknown escape: use \\\" \\\\ \\n \\t or \\u00XX");
        *to++ = c;
    }
    p->at++;
    *string = out;
    return ts_ok;
}

ts_status ts_lex_name(ts_parser *p, const char **name) {
    const char *word;
    size_t length;
    ts_lex_skip(p);
    if (*p->at == '"') return ts_lex_string(p, name);
    TS_TRY(ts_lex_word(p, "a name", &word, &length));
    *name = ts_arena_string_n(&p->module->arena, word, length);
    return ts_ok;
}

ts_status ts_lex_uint(ts_parser *p, uint64_t max, uint64_t *value) {
    ts_lex_skip(p);
    if (!isdigit((unsigned char)*p->at)) return ts_parse_fail(p, p->at, "expected a number");
    *value = 0;
    const char *start = p->at;
    for (; isdigit((unsigned char)*p->at); p->at++) {
        unsigned digit = (unsigned)(*p->at - '0');
        if (*value > (max - digit) / 10)
            return ts_parse_fail(p, start, "the number is larger than %ju", (uintmax_t)max);
        *value = *value * 10 + digit;
    }
    return ts_ok;
}

ts_status ts_parse_type(ts_parser *p, ts_type *type) {
    static const char *const others[] = {"token", "tuple", "other"};
    const char *word;
    size_t length;
    *type = (ts_type){0};
    TS_TRY(ts_lex_word(p, "a type such as f32[4,8]", &word, &length));
    for (int i = 0; i < 3; i++)
        if (strlen(others[i]) == length && memcmp(word, others[i], length) == 0) {
            type->kind = (uint8_t)(ts_type_token + i);
            return ts_ok;
        }
    type->dtype = (uint8_t)ts_dtype_parse(word, length);
    if (type->dtype == ts_dtype_none)
        return ts_parse_fail(p, word, "`%.*s` is no element type", (int)(length < 32 ? length : 32), word);
    if (!ts_lex_accept(p, "[") || ts_lex_accept(p, "]")) return ts_ok;
    do {
        if (type->rank == TS_MAX_RANK) return ts_parse_fail(p, p->at, "more than %d dimensions", TS_MAX_RANK);
        uint64_t dim = 0;
        bool is_dynamic = ts_lex_accept(p, "?");
        if (!is_dynamic) TS_TRY(ts_lex_uint(p, INT64_MAX, &dim));
        type->dim[type->rank++] = is_dynamic ? -1 : (int64_t)dim;
    } while (ts_lex_accept(p, ","));
    return ts_lex_expect(p, "]");
}

/* The length of a number's token: sign, digits, and letters (hex, exponent, inf, nan, true, false). */
static size_t number_length(const char *at) {
    size_t length = *at == '-' || *at == '+';
    while (is_word_char(at[length]) ||
           ((at[length] == '-' || at[length] == '+') && length > 0 &&
            (at[length - 1] == 'e' || at[length - 1] == 'E') && strncmp(at, "0x", 2) != 0))
        length++;
    return length;
}

static bool is_float_token(const char *at, size_t length) {
    if (length > 1 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) return false;
    for (size_t i = 0; i < length; i++)
        if (strchr(".eEinfa", at[i])) return true;
    return false;
}

static bool token_double(const char *at, size_t length, double *value) {
    char buffer[64], *end;
    if (length == 0 || length >= sizeof buffer) return false;
    memcpy(buffer, at, length);
    buffer[length] = '\0';
    *value = strtod(buffer, &end);
    return *end == '\0';
}

static bool token_int(const char *at, size_t length, bool *is_negative, uint64_t *magnitude) {
    *is_negative = length > 0 && at[0] == '-';
    *magnitude = 0;
    size_t i = *is_negative;
    if (i == length) return false;
    for (; i < length; i++) {
        if (!isdigit((unsigned char)at[i])) return false;
        unsigned digit = (unsigned)(at[i] - '0');
        if (*magnitude > (UINT64_MAX - digit) / 10) return false;
        *magnitude = *magnitude * 10 + digit;
    }
    return true;
}

/* Reads the bits of an element: 0x and two digits a byte, most significant byte first. */
static bool element_bits(const char *at, size_t length, int bytes, uint8_t *out) {
    if (length != 2 + 2 * (size_t)bytes) return false;
    for (int i = 0; i < bytes; i++) {
        int high = hex_digit(at[2 + 2 * i]), low = hex_digit(at[3 + 2 * i]);
        if (high < 0 || low < 0) return false;
        out[bytes - 1 - i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool element_int(const char *at, size_t length, const ts_dtype_info *info, int bits, uint8_t *out) {
    bool is_negative;
    uint64_t magnitude, value;
    if (info->kind == 'b' && length == 4 && memcmp(at, "true", 4) == 0) return out[0] = 1, true;
    if (info->kind == 'b' && length == 5 && memcmp(at, "false", 5) == 0) return out[0] = 0, true;
    if (!token_int(at, length, &is_negative, &magnitude)) return false;
    uint64_t top = (uint64_t)1 << (bits - 1);
    uint64_t most = info->kind != 's' ? top + (top - 1) : is_negative ? top : top - 1;
    if (magnitude > most || (is_negative && info->kind != 's' && magnitude)) return false;
    value = is_negative ? 0 - magnitude : magnitude;
    for (int i = 0; i < info->bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
    return true;
}

static bool read_element(const char *at, ts_dtype dtype, uint8_t *out) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    size_t length = number_length(at);
    double value;
    if (length > 1 && at[0] == '0' && at[1] == 'x') return element_bits(at, length, info->bytes, out);
    if (info->kind == 'b') return element_int(at, length, info, 1, out);
    if (info->kind == 's' || info->kind == 'u')
        return element_int(at, length, info,
                           dtype == ts_dtype_i4 || dtype == ts_dtype_u4 ? 4 : info->bytes * 8, out);
    if (info->kind != 'f' || !token_double(at, length, &value)) return false;
    if (dtype == ts_dtype_f64) {
        memcpy(out, &value, sizeof value);
        return true;
    }
    if (!info->native) return false;
    float narrow = (float)value;
    ts_dtype_narrow(dtype, &narrow, out, 1);
    return true;
}

static ts_status parse_elements(ts_parser *p, ts_payload *payload, int depth) {
    if (depth > TS_MAX_RANK) return ts_parse_fail(p, p->at, "lists nest deeper than %d", TS_MAX_RANK);
    if (ts_lex_accept(p, "]")) return ts_ok;
    do {
        ts_lex_skip(p);
        if (ts_lex_accept(p, "[")) {
            TS_TRY(parse_elements(p, payload, depth + 1));
            continue;
        }
        size_t length = number_length(p->at);
        if (length == 0) return ts_parse_fail(p, p->at, "expected a number");
        ts_vec_push(&payload->numbers, &p->scratch, p->at);
        p->at += length;
    } while (ts_lex_accept(p, ","));
    return ts_lex_expect(p, "]");
}

ts_status ts_parse_payload(ts_parser *p, ts_payload *payload) {
    ts_lex_skip(p);
    *payload = (ts_payload){.at = p->at};
    payload->is_blob = ts_lex_accept_word(p, "blob");
    if (payload->is_blob) return ts_lex_uint(p, UINT32_MAX, &payload->blob);
    payload->is_list = ts_lex_accept(p, "[");
    if (payload->is_list) return parse_elements(p, payload, 1);
    size_t length = number_length(p->at);
    if (length == 0) return ts_parse_fail(p, p->at, "expected a number, a list of numbers, or `blob`");
    ts_vec_push(&payload->numbers, &p->scratch, p->at);
    p->at += length;
    return ts_ok;
}

ts_status ts_parse_payload_finish(ts_parser *p, const ts_payload *payload, const ts_type *type,
                                  const ts_attr **attr) {
    int64_t elems = ts_type_elems(type);
    const ts_dtype_info *info = ts_dtype_get(type->dtype);
    ts_attr *dense = TS_NEW(&p->module->arena, ts_attr);
    *dense = (ts_attr){.kind = ts_attr_dense, .type = *type};
    *attr = dense;
    if (type->kind != ts_type_tensor || info->bytes == 0 || elems < 0)
        return ts_parse_fail(p, payload->at, "elements need a tensor type with known dimensions");
    if (payload->is_blob) {
        ts_blob_use use = {dense, payload->blob, payload->at};
        ts_vec_push(&p->blob_uses, &p->scratch, use);
        return ts_ok;
    }
    if (payload->is_list && payload->numbers.count != (uint64_t)elems)
        return ts_parse_fail(p, payload->at, "%u elements for a type of %jd", payload->numbers.count,
                             (intmax_t)elems);
    dense->data_bytes = payload->numbers.count * (size_t)info->bytes;
    uint8_t *data = ts_arena_alloc(&p->module->arena, dense->data_bytes);
    for (uint32_t i = 0; i < payload->numbers.count; i++)
        if (!read_element(payload->numbers.data[i], type->dtype, data + i * (size_t)info->bytes)) {
            const char *at = payload->numbers.data[i];
            return ts_parse_fail(p, at, "this is no %s element", info->name);
        }
    dense->data = data;
    dense->is_splat = payload->numbers.count == 1;
    return ts_ok;
}

static ts_status parse_dense(ts_parser *p, const ts_attr **attr) {
    ts_type type;
    ts_payload payload;
    TS_TRY(ts_lex_expect(p, "<"));
    TS_TRY(ts_parse_type(p, &type));
    TS_TRY(ts_parse_payload(p, &payload));
    TS_TRY(ts_parse_payload_finish(p, &payload, &type, attr));
    return ts_lex_expect(p, ">");
}

static ts_status parse_array(ts_parser *p, ts_attr *out) {
    TS_VEC(const ts_attr *) items = {0};
    out->kind = ts_attr_array;
    if (ts_lex_accept(p, "]")) return ts_ok;
    do {
        const ts_attr *item;
        TS_TRY(ts_parse_attr(p, &item));
        ts_vec_push(&items, &p->module->arena, item);
    } while (ts_lex_accept(p, ","));
    out->array = items.data;
    out->count = items.count;
    return ts_lex_expect(p, "]");
}

ts_status ts_parse_dict(ts_parser *p, uint32_t *count, ts_named_attr **attrs) {
    TS_VEC(ts_named_attr) items = {0};
    *count = 0;
    *attrs = NULL;
    if (ts_lex_accept(p, "}")) return ts_ok;
    do {
        ts_named_attr item;
        ts_lex_skip(p);
        const char *at = p->at;
        TS_TRY(ts_lex_name(p, &item.name));
        for (uint32_t i = 0; i < items.count; i++)
            if (strcmp(items.data[i].name, item.name) == 0)
                return ts_parse_fail(p, at, "attribute given twice");
        TS_TRY(ts_lex_expect(p, "="));
        TS_TRY(ts_parse_attr(p, &item.value));
        if (items.count == 8192) return ts_parse_fail(p, at, "more than 8192 attributes in one place");
        ts_vec_push(&items, &p->module->arena, item);
    } while (ts_lex_accept(p, ","));
    *attrs = items.data;
    *count = items.count;
    return ts_lex_expect(p, "}");
}

static ts_status parse_number(ts_parser *p, ts_attr *out) {
    size_t length = number_length(p->at);
    const char *at = p->at;
    bool is_negative;
    uint64_t magnitude;
    p->at += length;
    if (is_float_token(at, length)) {
        out->kind = ts_attr_float;
        return token_double(at, length, &out->number) ? ts_ok : ts_parse_fail(p, at, "this is no number");
    }
    out->kind = ts_attr_int;
    if (!token_int(at, length, &is_negative, &magnitude))
        return ts_parse_fail(p, at, "this is no 64-bit integer");
    if (magnitude > (uint64_t)INT64_MAX + is_negative)
        return ts_parse_fail(p, at, "this is no 64-bit integer");
    out->integer = (int64_t)(is_negative ? 0 - magnitude : magnitude);
    return ts_ok;
}

/* A word is a keyword or a type; any other word, such as LT, is a string. */
static ts_status parse_word(ts_parser *p, ts_attr *out) {
    const char *start = p->at, *word;
    size_t length;
    if (ts_lex_accept_word(p, "none")) return ts_ok;
    out->kind = ts_attr_bool;
    if (ts_lex_accept_word(p, "true")) return out->boolean = true, ts_ok;
    if (ts_lex_accept_word(p, "false")) return ts_ok;
    out->kind = ts_attr_float;
    if (ts_lex_accept_word(p, "inf")) return out->number = INFINITY, ts_ok;
    if (ts_lex_accept_word(p, "nan")) return out->number = NAN, ts_ok;
    if (ts_lex_accept_word(p, "opaque")) {
        out->kind = ts_attr_opaque;
        return ts_lex_string(p, &out->string);
    }
    TS_TRY(ts_lex_word(p, "an attribute", &word, &length));
    bool is_other = length == 5 && (memcmp(word, "token", 5) == 0 || memcmp(word, "tuple", 5) == 0 ||
                                    memcmp(word, "other", 5) == 0);
    if (is_other || (*p->at == '[' && ts_dtype_parse(word, length) != ts_dtype_none)) {
        p->at = start;
        out->kind = ts_attr_type;
        return ts_parse_type(p, &out->type);
    }
    out->kind = ts_attr_string;
    out->string = ts_arena_string_n(&p->module->arena, word, length);
    return ts_ok;
}

static ts_status parse_attr_body(ts_parser *p, ts_attr *out) {
    uint32_t count;
    ts_named_attr *dict;
    if (ts_lex_accept(p, "[")) return parse_array(p, out);
    if (ts_lex_accept(p, "{")) {
        TS_TRY(ts_parse_dict(p, &count, &dict));
        *out = (ts_attr){.kind = ts_attr_dict, .count = count, .dict = dict};
        return ts_ok;
    }
    bool is_symbol = ts_lex_accept(p, "@");
    if (is_symbol || *p->at == '"') {
        out->kind = ts_attr_string;
        return is_symbol ? ts_lex_name(p, &out->string) : ts_lex_string(p, &out->string);
    }
    if (strncmp(p->at, "-inf", 4) == 0 || strncmp(p->at, "-nan", 4) == 0 || *p->at == '-' ||
        isdigit((unsigned char)*p->at))
        return parse_number(p, out);
    return parse_word(p, out);
}

ts_status ts_parse_attr(ts_parser *p, const ts_attr **attr) {
    if (p->depth >= TS_PARSE_DEPTH) return ts_parse_fail(p, p->at, "nesting deeper than %d", TS_PARSE_DEPTH);
    if (ts_lex_accept_word(p, "dense")) return parse_dense(p, attr);
    ts_attr *out = TS_NEW(&p->module->arena, ts_attr);
    *attr = out;
    p->depth++;
    TS_TRY(parse_attr_body(p, out));
    p->depth--;
    return ts_ok;
}

/* JSON reader (RFC 8259): recursive descent with a depth limit; numbers do not depend on the process's
   locale. */
#include "base/json_read.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/unit.h"

enum { LONGEST_NUMBER = 400 };

typedef TS_VEC(ts_json) json_items;
typedef TS_VEC(const char *) json_names;

typedef struct reader {
    ts_arena *arena;
    const char *at, *start, *end;
    const char *path;
    ts_diag *diag;
    locale_t locale;
    ts_json *root;
    int depth;
} reader;

static ts_status fail(reader *r, const char *what) {
    int line = 1;
    for (const char *c = r->start; c < r->at; c++)
        line += *c == '\n';
    return ts_fail(r->diag, ts_input, "%.300s: JSON, line %d: %s", r->path, line, what);
}

static void skip_space(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

static bool take(reader *r, char c) {
    skip_space(r);
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

/* ---- strings ---- */

static bool read_hex(reader *r, unsigned *code) {
    *code = 0;
    if (r->end - r->at < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = *r->at++;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16) return false;
        *code = *code * 16 + digit;
    }
    return true;
}

static char *put_utf8(char *to, unsigned code) {
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* Reads an escape after its backslash and appends its UTF-8 form, which is never longer than the escape: the
   copy has room for it. */
static ts_status read_escape(reader *r, char **to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    unsigned code, low;
    if (r->at == r->end) return fail(r, "a string without end");
    char c = *r->at++;
    const char *plain = c ? strchr(from, c) : NULL;
    if (plain) {
        *(*to)++ = into[plain - from];
        return ts_ok;
    }
    if (c != 'u' || !read_hex(r, &code)) return fail(r, "an unknown escape in a string");
    if (code == 0) return fail(r, "a zero character in a string");
    if (code >= 0xd800 && code < 0xe000) {
        bool is_pair = code < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u';
        if (is_pair) r->at += 2;
        if (!is_pair || !read_hex(r, &low) || low < 0xdc00 || low >= 0xe000)
            return fail(r, "half of a surrogate pair in a string");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = put_utf8(*to, code);
    return ts_ok;
}

static ts_status read_string(reader *r, const char **string) {
    if (!take(r, '"')) return fail(r, "a string is expected");
    const char *close = r->at;
    for (; close < r->end && *close != '"'; close++)
        if (*close == '\\' && close + 1 < r->end) close++;
    if (close == r->end) return fail(r, "a string without end");
    char *copy = ts_arena_alloc(r->arena, (size_t)(close - r->at) + 1), *to = copy;
    while (r->at < close) {
        unsigned char c = (unsigned char)*r->at++;
        if (c == '\\')
            TS_TRY(read_escape(r, &to));
        else if (c < 0x20)
            return fail(r, "a control character in a string");
        else
            *to++ = (char)c;
    }
    r->at = close + 1;
    *string = copy;
    return ts_ok;
}

/* ---- numbers and words ---- */

static bool is_digit(const reader *r) {
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static bool skip_digits(reader *r) {
    if (!is_digit(r)) return false;
    while (is_digit(r))
        r->at++;
    return true;
}

static ts_status read_number(reader *r, ts_json *value) {
    const char *start = r->at;
    char digits[LONGEST_NUMBER + 1];
    bool is_whole = true, is_right;
    r->at += *r->at == '-';
    if (r->at < r->end && *r->at == '0') {
        r->at++;
        is_right = true;
    } else {
        is_right = skip_digits(r);
    }
    if (is_right && r->at < r->end && *r->at == '.') {
        r->at++;
        is_whole = false;
        is_right = skip_digits(r);
    }
    if (is_right && r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
        is_whole = false;
        is_right = skip_digits(r);
    }
    size_t length = (size_t)(r->at - start);
    if (!is_right || is_digit(r) || length > LONGEST_NUMBER) return fail(r, "a malformed number");
    memcpy(digits, start, length);
    digits[length] = '\0';
    *value = (ts_json){.kind = ts_json_number, .number = strtod_l(digits, NULL, r->locale)};
    int64_t sign = digits[0] == '-' ? -1 : 1;
    value->is_integer = is_whole;
    for (const char *c = digits + (sign < 0); *c && value->is_integer; c++)
        value->is_integer = !__builtin_mul_overflow(value->integer, (int64_t)10, &value->integer) &&
                            !__builtin_add_overflow(value->integer, sign * (*c - '0'), &value->integer);
    if (!value->is_integer) value->integer = 0;
    return ts_ok;
}

static bool take_word(reader *r, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

/* ---- values ---- */

static ts_status read_value(reader *r, ts_json *value);

static ts_status read_array(reader *r, ts_json *value) {
    json_items items = {0};
    r->at++;
    for (bool is_first = true; !take(r, ']'); is_first = false) {
        ts_json item;
        if (!is_first && !take(r, ',')) return fail(r, "a comma or ] is expected");
        TS_TRY(read_value(r, &item));
        ts_vec_push(&items, r->arena, item);
    }
    *value = (ts_json){.kind = ts_json_array, .count = items.count, .items = items.data};
    return ts_ok;
}

/* Whether a name occurs twice: readers could differ on which member counts, so such objects are refused. */
static bool has_double(reader *r, const json_names *names) {
    uint32_t size = 16;
    while (size < 2 * (uint64_t)names->count)
        size *= 2;
    ts_arena scratch = {0};
    const char **slots = TS_NEW_ARRAY(&scratch, const char *, size);
    bool is_double = false;
    for (uint32_t i = 0; i < names->count && !is_double; i++) {
        uint32_t at = (uint32_t)ts_hash(names->data[i], strlen(names->data[i]), 0) & (size - 1);
        while (slots[at] && strcmp(slots[at], names->data[i]) != 0)
            at = (at + 1) & (size - 1);
        is_double = slots[at] != NULL;
        slots[at] = names->data[i];
    }
    ts_arena_free(&scratch);
    if (is_double) fail(r, "a name that comes twice in one object");
    return is_double;
}

static ts_status read_object(reader *r, ts_json *value) {
    json_items items = {0};
    json_names names = {0};
    r->at++;
    for (bool is_first = true; !take(r, '}'); is_first = false) {
        ts_json item;
        const char *name;
        if (!is_first && !take(r, ',')) return fail(r, "a comma or } is expected");
        TS_TRY(read_string(r, &name));
        if (!take(r, ':')) return fail(r, "a colon is expected");
        TS_TRY(read_value(r, &item));
        ts_vec_push(&names, r->arena, name);
        ts_vec_push(&items, r->arena, item);
    }
    if (has_double(r, &names)) return ts_input;
    *value =
        (ts_json){.kind = ts_json_object, .count = items.count, .items = items.data, .names = names.data};
    return ts_ok;
}

static ts_status read_nested(reader *r, ts_json *value) {
    if (r->depth == TS_JSON_DEPTH) return fail(r, "deeper than 64 levels");
    r->depth++;
    TS_TRY(*r->at == '[' ? read_array(r, value) : read_object(r, value));
    r->depth--;
    return ts_ok;
}

static ts_status read_value(reader *r, ts_json *value) {
    skip_space(r);
    *value = (ts_json){0};
    if (r->at == r->end) return fail(r, "the text ends where a value is expected");
    switch (*r->at) {
    case '[':
    case '{': return read_nested(r, value);
    case '"': value->kind = ts_json_string; return read_string(r, &value->string);
    case 't': value->boolean = true; break;
    case 'f':
    case 'n': break;
    default:
        if (*r->at == '-' || is_digit(r)) return read_number(r, value);
        return fail(r, "a value is expected");
    }
    if (take_word(r, "null")) return ts_ok;
    value->kind = ts_json_bool;
    if (take_word(r, "true") || take_word(r, "false")) return ts_ok;
    return fail(r, "an unknown word");
}

static ts_status read_within(void *context) {
    reader *r = context;
    r->root = TS_NEW(r->arena, ts_json);
    TS_TRY(read_value(r, r->root));
    skip_space(r);
    return r->at == r->end ? ts_ok : fail(r, "something follows the value");
}

ts_status ts_json_read(ts_arena *arena, const char *text, size_t size, const char *path, const ts_json **root,
                       ts_diag *diag) {
    reader r = {.arena = arena, .at = text, .start = text, .end = text + size, .path = path, .diag = diag};
    const void *const kept[] = {arena, NULL};
    *root = NULL;
    r.locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!r.locale) return ts_fail(diag, ts_system, "%.300s: no host memory to read it", path);
    ts_status status = ts_unit_run(kept, read_within, &r, path, diag);
    freelocale(r.locale);
    if (status == ts_ok) *root = r.root;
    return status;
}

const ts_json *ts_json_get(const ts_json *json, const char *name) {
    if (!json || json->kind != ts_json_object) return NULL;
    for (uint32_t i = 0; i < json->count; i++)
        if (strcmp(json->names[i], name) == 0) return &json->items[i];
    return NULL;
}

const char *ts_json_text(const ts_json *json) {
    return json && json->kind == ts_json_string ? json->string : NULL;
}

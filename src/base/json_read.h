/* JSON reader: builds a tree in an arena. Input is not trusted: depth, numbers, strings and names are
   checked. */
#ifndef TS_BASE_JSON_READ_H
#define TS_BASE_JSON_READ_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

typedef enum ts_json_kind {
    ts_json_null,
    ts_json_bool,
    ts_json_number,
    ts_json_string,
    ts_json_array,
    ts_json_object
} ts_json_kind;

typedef struct ts_json ts_json;
struct ts_json {
    ts_json_kind kind;
    bool boolean;
    bool is_integer; /* number: written without fraction or exponent, and fits in 64 bits */
    int64_t integer;
    double number;
    const char *string; /* UTF-8, zero-terminated, without zero bytes inside */
    uint32_t count;     /* elements of an array, members of an object */
    ts_json *items;
    const char **names; /* object: name of each item; no two are equal */
};

enum { TS_JSON_DEPTH = 64 };

/* Reads a text of `size` bytes that consists of one value and white space. ts_input, with path, line and
   reason, for anything else. */
ts_status ts_json_read(ts_arena *arena, const char *text, size_t size, const char *path, const ts_json **root,
                       ts_diag *diag);
/* The member `name` of an object; NULL when `json` is NULL, is not an object or has no such member. */
const ts_json *ts_json_get(const ts_json *json, const char *name);
/* The text of a string; NULL for anything else. */
const char *ts_json_text(const ts_json *json);

#endif

/* JSON as read: a tree in an arena. Trusts nothing: depth, numbers, strings and names are checked. */
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
    bool is_integer; /* of a number: written without fraction and exponent, and within 64 bits */
    int64_t integer;
    double number;
    const char *string; /* UTF-8, terminated; never with a zero byte inside */
    uint32_t count;     /* of array and object */
    ts_json *items;
    const char **names; /* of object; no two are equal */
};

enum { TS_JSON_DEPTH = 64 };

/* Reads `size` bytes that hold one value and white space. ts_input with path, line and reason otherwise. */
ts_status ts_json_read(ts_arena *arena, const char *text, size_t size, const char *path, const ts_json **root,
                       ts_diag *diag);
/* NULL when `json` is NULL, no object, or has no such name. */
const ts_json *ts_json_get(const ts_json *json, const char *name);
/* The text of a string, NULL of anything else. */
const char *ts_json_text(const ts_json *json);

#endif

/* A strict JSON reader that only tells whether a text is a single value, for tests of printed JSON. */
#ifndef TS_UNIT_JSON_CHECK_H
#define TS_UNIT_JSON_CHECK_H

#include <stdbool.h>
#include <string.h>

static inline const char *json_space(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

static inline const char *json_string(const char *at) {
    if (*at++ != '"') return NULL;
    for (; *at && *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) return NULL;
        if (*at == '\\' && !strchr("\"\\/bfnrtu", *++at)) return NULL;
    }
    return *at ? at + 1 : NULL;
}

static inline const char *json_digits(const char *at) {
    const char *first = at;
    while (*at >= '0' && *at <= '9')
        at++;
    return at > first ? at : NULL;
}

static inline const char *json_number(const char *at) {
    if (*at == '-') at++;
    if (*at == '0' && at[1] >= '0' && at[1] <= '9') return NULL;
    if (!(at = json_digits(at))) return NULL;
    if (*at == '.' && !(at = json_digits(at + 1))) return NULL;
    if (*at == 'e' || *at == 'E') {
        at++;
        if (*at == '+' || *at == '-') at++;
        at = json_digits(at);
    }
    return at;
}

/* The end of the value at `at`; NULL when there is no value. */
static inline const char *json_value(const char *at, int depth) {
    at = json_space(at);
    if (depth > 32) return NULL;
    if (*at == '"') return json_string(at);
    if (strncmp(at, "true", 4) == 0 || strncmp(at, "null", 4) == 0) return at + 4;
    if (strncmp(at, "false", 5) == 0) return at + 5;
    if (*at != '{' && *at != '[') return json_number(at);
    char close = *at == '{' ? '}' : ']';
    at = json_space(at + 1);
    if (*at == close) return at + 1;
    for (;;) {
        if (close == '}') {
            at = json_string(json_space(at));
            if (!at || *(at = json_space(at)) != ':') return NULL;
            at++;
        }
        at = json_value(at, depth + 1);
        if (!at) return NULL;
        at = json_space(at);
        if (*at == close) return at + 1;
        if (*at++ != ',') return NULL;
    }
}

static inline bool is_json(const char *text) {
    const char *end = json_value(text, 0);
    return end && *json_space(end) == 0;
}

#endif

/* What the two halves of the text parser share: graph_lex.c reads words, types and attributes,
   graph_parse.c reads ops and functions. */
#ifndef TS_COMPILER_GRAPH_GRAPH_LEX_H
#define TS_COMPILER_GRAPH_GRAPH_LEX_H

#include "compiler/graph/graph.h"

enum {
    TS_PARSE_DEPTH = 68
}; /* nesting of attributes and of regions: what the bytecode reader takes prints */

/* A dense attribute whose bytes stand in the blob table at the end of the text. */
typedef struct ts_blob_use {
    ts_attr *attr;
    uint64_t number;
    const char *at;
} ts_blob_use;

typedef struct ts_name_slot {
    const char *name; /* NULL = free */
    ts_value *value;
} ts_name_slot;

typedef struct ts_parser {
    const char *text, *at, *path;
    ts_module *module;
    ts_diag *diag;
    ts_arena scratch;
    int depth, region_depth;
    TS_VEC(ts_blob_use) blob_uses;
    /* of the function being read */
    ts_func *func;
    ts_name_slot *names; /* open addressing */
    uint32_t name_count, name_capacity;
    bool has_numbers, has_words; /* which spellings of %value occurred */
} ts_parser;

/* Fails with path:line:column of `at`. */
ts_status ts_parse_fail(ts_parser *p, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ts_lex_skip(ts_parser *p); /* white space and comments */
bool ts_lex_accept(ts_parser *p, const char *punctuation);
bool ts_lex_accept_word(ts_parser *p, const char *word);
ts_status ts_lex_expect(ts_parser *p, const char *punctuation);
/* Letters, digits and _ . $; length 0 is an error that says what was wanted. */
ts_status ts_lex_word(ts_parser *p, const char *wanted, const char **word, size_t *length);
ts_status ts_lex_string(ts_parser *p, const char **string); /* double-quoted, in the module's arena */
ts_status ts_lex_name(ts_parser *p, const char **name);     /* word or quoted */
ts_status ts_lex_uint(ts_parser *p, uint64_t max, uint64_t *value);

ts_status ts_parse_type(ts_parser *p, ts_type *type);
ts_status ts_parse_attr(ts_parser *p, const ts_attr **attr);
/* { name = attr, ... } after its opening brace. */
ts_status ts_parse_dict(ts_parser *p, uint32_t *count, ts_named_attr **attrs);
/* The elements of a dense attribute: a number, a list, or a reference into the blob table. The type may be
   filled in later, before ts_parse_payload_finish. */
typedef struct ts_payload {
    const char *at; /* where it stands */
    bool is_list, is_blob;
    uint64_t blob;
    TS_VEC(const char *) numbers; /* start of each element's token */
} ts_payload;
ts_status ts_parse_payload(ts_parser *p, ts_payload *payload);
ts_status ts_parse_payload_finish(ts_parser *p, const ts_payload *payload, const ts_type *type,
                                  const ts_attr **attr);

#endif

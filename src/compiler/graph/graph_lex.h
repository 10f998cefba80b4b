/* Shared by the two halves of the text parser: graph_lex.c reads words, types and attributes, graph_parse.c
   reads ops and functions. */
#ifndef TS_COMPILER_GRAPH_GRAPH_LEX_H
#define TS_COMPILER_GRAPH_GRAPH_LEX_H

#include "compiler/graph/graph.h"

enum {
    TS_PARSE_DEPTH = 68
}; /* nesting of attributes and of regions; enough for all that the bytecode reader accepts */

/* A dense attribute whose bytes are in the blob table at the end of the text. */
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
    /* state of the function being read */
    ts_func *func;
    ts_name_slot *names; /* hash table, open addressing */
    uint32_t name_count, name_capacity;
    bool has_numbers, has_words; /* spellings of %value seen so far: %12, %word */
} ts_parser;

/* Fails with ts_input and the path:line:column of `at`. */
ts_status ts_parse_fail(ts_parser *p, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ts_lex_skip(ts_parser *p); /* skips white space and comments */
/* accept: consumes the token if it comes next. expect: fails unless it comes next. */
bool ts_lex_accept(ts_parser *p, const char *punctuation);
bool ts_lex_accept_word(ts_parser *p, const char *word);
ts_status ts_lex_expect(ts_parser *p, const char *punctuation);
/* Reads letters, digits and _ . $. An empty word is an error; `wanted` says in the message what was
   expected. */
ts_status ts_lex_word(ts_parser *p, const char *wanted, const char **word, size_t *length);
ts_status ts_lex_string(ts_parser *p, const char **string); /* double-quoted; copied to the module's arena */
ts_status ts_lex_name(ts_parser *p, const char **name);     /* a word, or a quoted string */
ts_status ts_lex_uint(ts_parser *p, uint64_t max, uint64_t *value);

ts_status ts_parse_type(ts_parser *p, ts_type *type);
ts_status ts_parse_attr(ts_parser *p, const ts_attr **attr);
/* Reads name = attr, ... } after the opening brace. */
ts_status ts_parse_dict(ts_parser *p, uint32_t *count, ts_named_attr **attrs);
/* The elements of a dense attribute: a number, a list, or a reference into the blob table. Parsed before the
   type is known; ts_parse_payload_finish converts them to the type. */
typedef struct ts_payload {
    const char *at; /* its position in the text */
    bool is_list, is_blob;
    uint64_t blob;
    TS_VEC(const char *) numbers; /* start of each element's token */
} ts_payload;
ts_status ts_parse_payload(ts_parser *p, ts_payload *payload);
ts_status ts_parse_payload_finish(ts_parser *p, const ts_payload *payload, const ts_type *type,
                                  const ts_attr **attr);

#endif

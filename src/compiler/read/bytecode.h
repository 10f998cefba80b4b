/* The bytecode reader's state, shared by its files: bytecode.c reads the sections, bytecode_attr.c,
   bytecode_sdy.c and bytecode_type.c decode entries when they are first named, bytecode_loc.c locations,
   bytecode_ir.c the operations. Nothing of the file is trusted: every index, count and length is compared
   with what the file holds before it is used. */
#ifndef TS_COMPILER_READ_BYTECODE_H
#define TS_COMPILER_READ_BYTECODE_H

#include "compiler/graph/graph.h"

enum {
    TS_BC_SECTIONS = 9,
    TS_BC_DEPTH = 64,      /* nesting of attributes, types and regions */
    TS_BC_LOC_DEPTH = 512, /* of locations: a frame of the call stack each */
    TS_BC_LIST = 4096      /* attributes of one operation or dictionary */
};

/* A part of the file being read. */
typedef struct ts_cursor {
    const uint8_t *at, *end;
} ts_cursor;

typedef enum ts_bc_dialect { ts_bc_builtin, ts_bc_vhlo, ts_bc_sdy, ts_bc_foreign } ts_bc_dialect;

typedef enum ts_bc_state { ts_bc_unread, ts_bc_busy, ts_bc_done } ts_bc_state;

typedef struct ts_bc_string {
    const uint8_t *at;
    size_t length;
    const char *copy; /* in the module's arena, once asked for */
} ts_bc_string;

/* One attribute or type of the file, decoded when first named. */
typedef struct ts_bc_entry {
    ts_cursor body;
    uint32_t dialect;  /* index into dialects */
    bool is_text;      /* assembly text instead of the dialect's own encoding */
    uint8_t state;     /* of value or type */
    uint8_t loc_state; /* of loc */
    uint32_t loc;      /* attributes that are locations: row of module->locs */
    uint64_t weight;   /* attributes and text characters that it prints as */
    const ts_attr *attr;
    ts_type type;
    const char *type_word; /* of types that the graph has no form for */
} ts_bc_entry;

typedef struct ts_bc_property {
    const char *name;
    bool is_optional;
} ts_bc_property;

typedef struct ts_bc_op_name {
    uint32_t dialect, name;
    bool is_known;  /* the rest is filled in */
    bool is_func;   /* vhlo.func */
    bool is_module; /* builtin.module */
    uint16_t hlo;   /* ts_hlo */
    uint32_t property_count;
    const ts_bc_property *properties; /* of vhlo.def */
    const char *spelling;
} ts_bc_op_name;

typedef struct ts_bc_dialect_row {
    uint32_t name;
    ts_bc_dialect dialect;
} ts_bc_dialect_row;

/* Values by number. An isolated region starts a new one. */
typedef struct ts_bc_scope {
    ts_value **values;
    uint32_t count, capacity;
} ts_bc_scope;

typedef struct ts_bc {
    const uint8_t *data;
    size_t size;
    const char *path;
    ts_diag *diag;
    ts_module *module;
    ts_arena scratch;
    uint64_t version;
    ts_cursor sections[TS_BC_SECTIONS];
    bool has_section[TS_BC_SECTIONS];
    ts_bc_string *strings;
    ts_bc_dialect_row *dialects;
    ts_bc_op_name *op_names;
    ts_bc_entry *attrs, *types;
    ts_cursor *properties;
    uint32_t string_count, dialect_count, op_name_count, attr_count, type_count, property_count;
    uint64_t budget; /* attributes and characters that shared entries may still expand to */
    int depth, region_depth;
    ts_func *func;
    ts_bc_scope *scope;
} ts_bc;

/* Fails with ts_input, naming the file and the byte. */
ts_status ts_bc_fail(ts_bc *b, const uint8_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
ts_status ts_bc_unsupported(ts_bc *b, const uint8_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes from the budget; fails when shared entries would expand beyond all proportion to the file. */
ts_status ts_bc_spend(ts_bc *b, const uint8_t *at, uint64_t weight);

/* bytecode_cursor.c: primitive encodings. */
ts_status ts_bc_byte(ts_bc *b, ts_cursor *c, uint8_t *value);
ts_status ts_bc_varint(ts_bc *b, ts_cursor *c, uint64_t *value);
ts_status ts_bc_signed(ts_bc *b, ts_cursor *c, int64_t *value);
/* A varint that counts things of at least `bytes_each` bytes still to come. */
ts_status ts_bc_count(ts_bc *b, ts_cursor *c, size_t bytes_each, uint32_t *count);
/* A varint below `limit`; `what` names the table in the message. */
ts_status ts_bc_index(ts_bc *b, ts_cursor *c, uint32_t limit, const char *what, uint32_t *index);
/* A varint shifted left by one with a flag in its lowest bit. */
ts_status ts_bc_flagged(ts_bc *b, ts_cursor *c, uint64_t *value, bool *flag);
ts_status ts_bc_blob(ts_bc *b, ts_cursor *c, const uint8_t **data, size_t *size);
ts_status ts_bc_section(ts_bc *b, ts_cursor *c, unsigned *id, ts_cursor *body);
ts_status ts_bc_done_with(ts_bc *b, const ts_cursor *c, const char *what); /* nothing may be left */

/* Index into the string section. Strings with a zero byte inside are refused. */
ts_status ts_bc_string_at(ts_bc *b, const uint8_t *at, uint32_t index, const char **string);
ts_status ts_bc_string_ref(ts_bc *b, ts_cursor *c, const char **string);

/* Entries by index, decoded once. Fail on cycles. */
ts_status ts_bc_attr(ts_bc *b, const uint8_t *at, uint32_t index, const ts_attr **attr);
ts_status ts_bc_attr_ref(ts_bc *b, ts_cursor *c, const ts_attr **attr);
/* An attribute that must be a string, such as a name. */
ts_status ts_bc_attr_string(ts_bc *b, ts_cursor *c, const char **string);
ts_status ts_bc_type(ts_bc *b, const uint8_t *at, uint32_t index, const ts_bc_entry **entry);
ts_status ts_bc_type_ref(ts_bc *b, ts_cursor *c, const ts_bc_entry **entry);
/* A type that a value can have: the graph must have a form for it. */
ts_status ts_bc_value_type(ts_bc *b, const uint8_t *at, uint32_t index, ts_type *type);
/* The result types of the function type that a type attribute holds. The reader keeps the type's index in
   `integer` of type attributes. */
ts_status ts_bc_function_results(ts_bc *b, const uint8_t *at, const ts_attr *attr, uint32_t *count,
                                 ts_type **types);
ts_status ts_bc_sdy_attr(ts_bc *b, ts_cursor *c, ts_attr *attr, uint64_t *weight);
ts_status ts_bc_loc(ts_bc *b, const uint8_t *at, uint32_t index, uint32_t *row);

/* The IR section: fills module->funcs. */
ts_status ts_bc_read_ir(ts_bc *b);

#endif

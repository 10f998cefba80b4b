/* The state of the bytecode reader, shared by its files: bytecode.c reads the sections; bytecode_attr.c,
   bytecode_sdy.c and bytecode_type.c decode entries at first use; bytecode_loc.c reads locations and
   bytecode_ir.c the operations. The file is not trusted: every index, count and length is compared with what
   the file holds before it is used. */
#ifndef TS_COMPILER_READ_BYTECODE_H
#define TS_COMPILER_READ_BYTECODE_H

#include "compiler/graph/graph.h"

enum {
    TS_BC_SECTIONS = 9,
    TS_BC_DEPTH = 64,      /* nesting of attributes, types and regions */
    TS_BC_LOC_DEPTH = 512, /* nesting of locations: a level for each frame of the call stack */
    TS_BC_LIST = 4096      /* most attributes of one operation or dictionary */
};

/* The rest of a part of the file that is being read. */
typedef struct ts_cursor {
    const uint8_t *at, *end;
} ts_cursor;

typedef enum ts_bc_dialect { ts_bc_builtin, ts_bc_vhlo, ts_bc_sdy, ts_bc_foreign } ts_bc_dialect;

typedef enum ts_bc_state { ts_bc_unread, ts_bc_busy, ts_bc_done } ts_bc_state;

typedef struct ts_bc_string {
    const uint8_t *at;
    size_t length;
    const char *copy; /* in the module's arena, made at first use */
} ts_bc_string;

/* An attribute or type of the file, decoded at first use. */
typedef struct ts_bc_entry {
    ts_cursor body;
    uint32_t dialect;  /* index into dialects */
    bool is_text;      /* the body is assembly text instead of the dialect's encoding */
    uint8_t state;     /* ts_bc_state of attr or type */
    uint8_t loc_state; /* ts_bc_state of loc */
    uint32_t loc;      /* for attributes that are locations: row of module->locs */
    uint64_t weight;   /* size of its expansion: attributes, and characters / 8 */
    const ts_attr *attr;
    ts_type type;
    const char *type_word; /* name of a type that the graph cannot represent, or NULL */
} ts_bc_entry;

typedef struct ts_bc_property {
    const char *name;
    bool is_optional;
} ts_bc_property;

typedef struct ts_bc_op_name {
    uint32_t dialect, name;
    bool is_known;  /* the fields below are filled in */
    bool is_func;   /* vhlo.func */
    bool is_module; /* builtin.module */
    uint16_t hlo;   /* ts_hlo */
    uint32_t property_count;
    const ts_bc_property *properties; /* from vhlo.def */
    const char *spelling;
} ts_bc_op_name;

typedef struct ts_bc_dialect_row {
    uint32_t name;
    ts_bc_dialect dialect;
} ts_bc_dialect_row;

/* The values of a function or isolated region, by number. Regions that are not isolated share their parent's
   scope. */
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
    uint64_t budget; /* expansion (in the unit of weight) that shared entries may still cause */
    int depth, region_depth;
    ts_func *func;
    ts_bc_scope *scope;
} ts_bc;

/* Fails with ts_input, naming the file and the byte offset of `at`. */
ts_status ts_bc_fail(ts_bc *b, const uint8_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with ts_unsupported. */
ts_status ts_bc_unsupported(ts_bc *b, const uint8_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes `weight` from the budget. Fails when shared entries would expand out of proportion to the file's
   size. */
ts_status ts_bc_spend(ts_bc *b, const uint8_t *at, uint64_t weight);

/* bytecode_cursor.c: primitive encodings. */
ts_status ts_bc_byte(ts_bc *b, ts_cursor *c, uint8_t *value);
ts_status ts_bc_varint(ts_bc *b, ts_cursor *c, uint64_t *value);
ts_status ts_bc_signed(ts_bc *b, ts_cursor *c, int64_t *value);
/* Reads a varint that counts things of at least `bytes_each` bytes each that follow in the cursor. */
ts_status ts_bc_count(ts_bc *b, ts_cursor *c, size_t bytes_each, uint32_t *count);
/* Reads a varint that must be below `limit`; `what` names the table in the message. */
ts_status ts_bc_index(ts_bc *b, ts_cursor *c, uint32_t limit, const char *what, uint32_t *index);
/* Reads a varint whose lowest bit is a flag and whose other bits are the value. */
ts_status ts_bc_flagged(ts_bc *b, ts_cursor *c, uint64_t *value, bool *flag);
/* A length and its bytes, which stay in the file's memory; and a section with its id. */
ts_status ts_bc_blob(ts_bc *b, ts_cursor *c, const uint8_t **data, size_t *size);
ts_status ts_bc_section(ts_bc *b, ts_cursor *c, unsigned *id, ts_cursor *body);
ts_status ts_bc_done_with(ts_bc *b, const ts_cursor *c, const char *what); /* fails before its end */

/* The string with an index into the string section, as a copy in the module's arena. Strings with a zero byte
   inside are refused. */
ts_status ts_bc_string_at(ts_bc *b, const uint8_t *at, uint32_t index, const char **string);
ts_status ts_bc_string_ref(ts_bc *b, ts_cursor *c, const char **string);

/* Attributes and types by index, each decoded once; cycles are refused. _ref reads the index from the cursor
   first. */
ts_status ts_bc_attr(ts_bc *b, const uint8_t *at, uint32_t index, const ts_attr **attr);
ts_status ts_bc_attr_ref(ts_bc *b, ts_cursor *c, const ts_attr **attr);
/* Reads a reference to an attribute that must be a string, such as a name. */
ts_status ts_bc_attr_string(ts_bc *b, ts_cursor *c, const char **string);
ts_status ts_bc_type(ts_bc *b, const uint8_t *at, uint32_t index, const ts_bc_entry **entry);
ts_status ts_bc_type_ref(ts_bc *b, ts_cursor *c, const ts_bc_entry **entry);
/* A type for a value; ts_unsupported when the graph cannot represent it. */
ts_status ts_bc_value_type(ts_bc *b, const uint8_t *at, uint32_t index, ts_type *type);
/* The result types of the function type in a type attribute. For this the reader keeps the type's index in
   the attribute's `integer`. */
ts_status ts_bc_function_results(ts_bc *b, const uint8_t *at, const ts_attr *attr, uint32_t *count,
                                 ts_type **types);
/* A Shardy attribute as opaque text, and a location as row of module->locs. */
ts_status ts_bc_sdy_attr(ts_bc *b, ts_cursor *c, ts_attr *attr, uint64_t *weight);
ts_status ts_bc_loc(ts_bc *b, const uint8_t *at, uint32_t index, uint32_t *row);

/* Reads the IR section and fills module->funcs. */
ts_status ts_bc_read_ir(ts_bc *b);

#endif

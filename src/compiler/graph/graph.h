/* The compiler's graph: a StableHLO module as ops, values, regions and attributes, with shapes and the user's
   source locations. bytecode.c or graph_parse.c makes it; the passes change it in place. */
#ifndef TS_COMPILER_GRAPH_GRAPH_H
#define TS_COMPILER_GRAPH_GRAPH_H

#include "arch/dtype.h"
#include "arch/program.h"
#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

/* One constant for each row of hlo.def: ts_hlo_add and so on. */
typedef enum ts_hlo {
    ts_hlo_none,
#define HLO(name, ...) ts_hlo_##name,
#include "compiler/graph/hlo.def"
    ts_hlo_count
} ts_hlo;
const char *ts_hlo_name(unsigned kind);  /* the name without dialect: "dot_general" */
bool ts_hlo_is_pointwise(unsigned kind); /* whether hlo.def calls it pointwise */
bool ts_hlo_picks(unsigned kind); /* whether each element of its result is an element of its first operand */

typedef enum ts_type_kind { ts_type_tensor, ts_type_token, ts_type_tuple, ts_type_other } ts_type_kind;
typedef struct ts_type {
    uint8_t kind;  /* ts_type_kind */
    uint8_t dtype; /* ts_dtype; none unless kind is tensor */
    uint8_t rank;
    int64_t dim[TS_MAX_RANK]; /* -1 = dynamic */
} ts_type;
/* Product of dims; 1 for a scalar, -1 with a dynamic dimension, INT64_MAX when it overflows. */
int64_t ts_type_elems(const ts_type *type);
int64_t ts_type_bytes(const ts_type *type); /* Product of dims times element size; special values as above */
bool ts_type_equal(const ts_type *a, const ts_type *b);

typedef struct ts_attr ts_attr;
typedef struct ts_named_attr {
    const char *name;
    const ts_attr *value;
} ts_named_attr;

typedef enum ts_attr_kind {
    ts_attr_none, /* VHLO's "type none", which stands for an absent attribute */
    ts_attr_bool,
    ts_attr_int,
    ts_attr_float,
    ts_attr_string, /* strings, symbols, and enum words such as "LT" */
    ts_attr_array,
    ts_attr_dict,
    ts_attr_type,
    ts_attr_dense,
    ts_attr_opaque /* read but not interpreted; `string` holds a printable form */
} ts_attr_kind;
struct ts_attr {
    ts_attr_kind kind;
    bool boolean;
    int64_t integer;
    double number;
    const char *string;
    uint32_t count; /* array, dict */
    const ts_attr *const *array;
    const ts_named_attr *dict;
    ts_type type; /* of a type attribute, or of a dense attribute */
    /* dense: elements in row-major order, little-endian; one byte for each i1 and i4 element. A single
       element when is_splat. */
    const uint8_t *data;
    size_t data_bytes;
    bool is_splat;
};

typedef struct ts_op_node ts_op_node;
typedef struct ts_block ts_block;

typedef struct ts_value {
    ts_type type;
    ts_op_node *def; /* NULL for a block argument */
    uint32_t index;  /* result or argument position */
    uint32_t id;     /* unique in its function; printed as %id */
    void *note;      /* for the use of the running pass */
} ts_value;

struct ts_op_node {
    uint16_t kind;   /* ts_hlo */
    uint32_t loc;    /* index into module->locs; 0 = unknown */
    uint32_t number; /* for the use of the running pass */
    uint32_t operand_count, result_count, attr_count, region_count;
    ts_value **operands;
    ts_value **results;
    ts_named_attr *attrs;
    ts_block **regions; /* one block each; NULL = empty region */
};

struct ts_block {
    uint32_t arg_count;
    ts_value **args;
    TS_VEC(ts_op_node *) ops; /* the last one is return */
};
/* The op that ends the block. */
static inline ts_op_node *ts_block_last(const ts_block *block) {
    return block->ops.data[block->ops.count - 1];
}
/* Position among the block's arguments; -1 for other values. */
int ts_block_argument(const ts_block *block, const ts_value *value);
/* Replaces the block's ops by those of `from`. */
void ts_block_take_ops(ts_block *block, const ts_block *from);
/* Replaces `old` by `by` in the operands of all ops of the block and its regions. */
void ts_block_replace_uses(const ts_block *block, const ts_value *old, ts_value *by);
/* Sets `note` of all values of the block and its regions to NULL. */
void ts_block_clear_notes(const ts_block *block);

typedef struct ts_func {
    const char *name;
    bool is_public;
    ts_block *body;
    const ts_attr *arg_attrs, *result_attrs; /* arrays of dicts, or NULL */
    uint32_t result_count;
    ts_type *result_types;
    uint32_t value_count; /* number of ids given so far */
} ts_func;

typedef struct ts_module {
    ts_arena arena; /* owns everything below */
    const char *name;
    TS_VEC(ts_func *) funcs;
    TS_VEC(ts_op_node *) ops; /* module-level ops other than functions: sdy_mesh */
    TS_VEC(ts_loc) locs;      /* row 0 = unknown */
    const ts_named_attr *attrs;
    uint32_t attr_count;
    uint32_t op_count;             /* number of ops as read, in all functions and regions */
    uint32_t replicas, partitions; /* set by ts_module_find_ranks, each at least 1 */
} ts_module;

ts_module *ts_module_new(void);
void ts_module_free(ts_module *module);
ts_func *ts_module_func(const ts_module *module, const char *name); /* NULL if absent */
/* The location in `loc`'s call chain that users regard as theirs: the innermost frame outside Python's
   standard library and installed packages, else the innermost frame with a file. Returns its row in
   module->locs; 0 = unknown. */
uint32_t ts_module_user_loc(const ts_module *module, uint32_t loc);

ts_value *ts_value_new(ts_module *module, ts_func *func, const ts_type *type);
/* Makes an op with fresh result values that is not in a block yet. Arrays are copied into the module's
   arena. */
ts_op_node *ts_op_new(ts_module *module, ts_func *func, ts_hlo kind, uint32_t loc, uint32_t operand_count,
                      ts_value *const *operands, uint32_t result_count, const ts_type *result_types,
                      uint32_t attr_count, const ts_named_attr *attrs, uint32_t region_count);

const ts_attr *ts_op_attr(const ts_op_node *op, const char *name); /* NULL if absent or of kind none */
/* Reads a list of integers from a dense or array attribute. False when it is absent or has more than `max`
   entries. */
bool ts_op_ints(const ts_op_node *op, const char *name, int64_t *out, int max, int *count);
/* Scalar attributes; `if_absent` is returned also when the attribute has another kind. */
int64_t ts_op_int(const ts_op_node *op, const char *name, int64_t if_absent);
bool ts_op_bool(const ts_op_node *op, const char *name, bool if_absent);
const char *ts_op_string(const ts_op_node *op, const char *name); /* "" if absent */
/* Whether both hold the same value in the same representation. Opaque attributes are never equal. */
bool ts_attr_equal(const ts_attr *a, const ts_attr *b);

/* Readers of bytecode and of text. The input is not trusted: errors are ts_input or ts_unsupported and carry,
   inside an op, its source location. `path` names the input in messages. The caller frees the module with
   ts_module_free. */
ts_status ts_module_read(const uint8_t *data, size_t size, const char *path, ts_module **module,
                         ts_diag *diag);
ts_status ts_module_parse(const char *text, const char *path, ts_module **module, ts_diag *diag);
/* Appends the text form, which ts_module_parse reads back to the same module. */
void ts_module_print(const ts_module *module, ts_text *out);

/* Fails with `status`; adds the op's name and the file and line of its innermost user frame to the diag. */
ts_status ts_op_fail(const ts_module *module, const ts_op_node *op, ts_diag *diag, ts_status status,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Checks what every pass may rely on: operand counts, values defined before their use and in scope, types,
   StableHLO's constraints on each op. Returns ts_input or ts_unsupported. */
ts_status ts_module_check(const ts_module *module, ts_diag *diag);

#endif

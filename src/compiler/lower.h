/* Lowering: from graph ops to loop nests of instructions, each op reading and writing HBM. Pointwise ops
   of one shape gather in groups that share a nest. */
#ifndef TS_COMPILER_LOWER_H
#define TS_COMPILER_LOWER_H

#include "compiler/graph.h"
#include "compiler/nest.h"
#include "compiler/view.h"
#include "plan/builder.h"

enum {
    TS_GROUP_OPS = 48,
    TS_GROUP_INPUTS = 24,
    TS_LOAD_QUEUE = 0, /* first of TS_LOAD_QUEUES queues that loads rotate over */
    TS_LOAD_QUEUES = 4,
    TS_STORE_QUEUE = 8,
    TS_STORE_QUEUES = 2
};

/* Pointwise ops of one shape whose values stay in SBUF between them. Open until somebody outside needs
   one of its values; then it is emitted as one nest. */
typedef struct ts_group {
    ts_op_node *ops[TS_GROUP_OPS];
    int op_count;
} ts_group;

/* What lowering knows of a value (ts_value.note). */
typedef struct ts_lowered {
    ts_view view;
    bool has_view;
    ts_group *group; /* group that computes it, while that is open */
    int32_t output;  /* 1 + position among main's results it is first returned at; 0 = not returned */
    uint32_t uses;   /* operand positions that name it */
} ts_lowered;

typedef struct ts_lower {
    ts_module *module;
    ts_func *func;
    ts_program *program;
    ts_builder b;
    ts_arena arena; /* scratch of this pass */
    ts_diag *diag;
    TS_VEC(ts_group *) open_groups;
    int next_queue; /* rotates loads over queues */
} ts_lower;

/* Lowers @main, already inlined, into the program (unplaced tiles in lower->b). */
ts_status ts_lower_main(ts_lower *lower);

/* The view of a value, emitting the open group that computes it. */
ts_status ts_lower_view(ts_lower *lower, ts_value *value, ts_view *view);
/* The same as a tensor view: splats and iotas are written to HBM. */
ts_status ts_lower_tensor(ts_lower *lower, ts_value *value, ts_view *view);
/* Storage for a value about to be computed; its view becomes the whole tensor. */
uint32_t ts_lower_result(ts_lower *lower, ts_value *value);
/* A scratch tensor with the dims of a type. */
uint32_t ts_lower_scratch(ts_lower *lower, const ts_type *type, const char *name);
/* dst = src element by element, both views of equal dims; src may be a splat or iota. */
ts_status ts_lower_copy(ts_lower *lower, const ts_view *dst, const ts_view *src);
/* Writes the numbers of an iota view's tile of the nest into SBUF. */
void ts_lower_iota(ts_lower *lower, const ts_nest *nest, ts_tile tile, const ts_view *view);
int ts_lower_load_queue(ts_lower *lower);
/* Refuses values that the engines have no datapath for, naming the op. */
ts_status ts_lower_check_dtypes(ts_lower *lower, const ts_op_node *op);

/* One for each kind of op; all results get their views. lower.c has the table. */
ts_status ts_lower_constant(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_view_op(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_barrier(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_concatenate(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_pad(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_pointwise(ts_lower *lower, ts_op_node *op); /* joins or opens a group */
ts_status ts_lower_close_group(ts_lower *lower, ts_group *group);
ts_status ts_lower_group(ts_lower *lower, ts_group *group); /* emits the nest */
ts_status ts_lower_reduce(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_argmax(ts_lower *lower, ts_op_node *op); /* reduce of two operands: value and index */
ts_status ts_lower_dot(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_gather(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_scatter(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_dynamic_slice(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_dynamic_update_slice(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_reduce_window(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_select_and_scatter(ts_lower *lower, ts_op_node *op);

/* The one operator of a two-argument region such as reduce's, or ts_alu_bypass when the region returns
   its second argument. False for anything else. */
bool ts_region_alu(const ts_block *region, ts_alu *alu);

#endif

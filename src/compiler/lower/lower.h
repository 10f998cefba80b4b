/* Lowering: from graph ops to loop nests of instructions, each op reading and writing HBM. Pointwise ops
   of one shape gather in groups that share a nest. */
#ifndef TS_COMPILER_LOWER_LOWER_H
#define TS_COMPILER_LOWER_LOWER_H

#include "compiler/graph/graph.h"
#include "compiler/graph/value_range.h"
#include "compiler/lower/nest.h"
#include "compiler/lower/view.h"
#include "plan/builder.h"

enum {
    TS_GROUP_OPS = 64,
    TS_GROUP_INPUTS = 24,
    TS_GROUP_SUMS = 4,
    TS_LOAD_QUEUE = 0, /* first of TS_LOAD_QUEUES queues that loads rotate over */
    TS_LOAD_QUEUES = 4,
    TS_STORE_QUEUE = 8,
    TS_STORE_QUEUES = 4
};

/* Ops whose values stay in SBUF between them: pointwise ops, reductions of trailing axes, and reshapes and
   broadcasts between what these need. They share an iteration space, of which axes of size 1 are left out.
   A value varies over all axes or, as what a reduction gives, over the first `kept` (kept = rank while there
   are none of these); a sum over rows, which is stored when the nest ends, over the last. Open until somebody
   outside needs one of its values; then it is emitted as one nest. */
typedef struct ts_group {
    ts_op_node *ops[TS_GROUP_OPS];
    int op_count;
    int rank, kept;
    int64_t dim[TS_MAX_RANK];
    bool is_reducing;                     /* some op reduces: its axes must be whole in a tile */
    const struct ts_pending *dot;         /* the first op is this contraction; NULL = it is none */
    int64_t budget;                       /* bytes of a partition for its tiles */
    const ts_value *wanted;               /* to be stored, whoever reads it; NULL = none */
    int sums;                             /* sums over rows among the ops (group_sums.c) */
    ts_op_node *apart[2 * TS_GROUP_SUMS]; /* those that the nest did not suit, and their other shapes */
    int apart_count;
} ts_group;

/* What lowering knows of a value (ts_value.note). */
typedef struct ts_lowered {
    ts_view view;
    bool has_view, has_whole;
    ts_view whole;   /* a copy in a tensor of its own, for readers that need one */
    bool has_turned; /* of a matrix that a loop does not change: its copy with the first axis contiguous */
    ts_view turned;
    ts_group *group;    /* group that computes it, while that is open */
    int32_t output;     /* 1 + position among main's results it is first returned at; 0 = not returned */
    uint32_t uses;      /* operand positions that name it, in regions too */
    uint32_t near_uses; /* of these, by pointwise ops of the block that computes it */
    uint32_t served, near_served; /* of both, by groups that were emitted */
    bool is_emitted;              /* the op that computes it was, in a group */
    bool is_again;                /* it lies nowhere: its readers compute it again */
    bool is_sum;                  /* over its group's rows, or such a sum under another shape */
    const ts_block *block;        /* that computes it */
    const ts_op_node *reader;     /* the last op that reads it */
    bool is_reserved;  /* `view` is storage that parts of the value are computed into, before its op comes */
    uint32_t last_use; /* number of the last op that reads it */
    uint32_t region;   /* it is defined in; what is emitted in a region that may not run holds only there */
    const ts_op_node *slot; /* the update that puts the value into a slice of a home; NULL = none */
    uint32_t home;          /* 1 + tensor that its storage should be, once free (home.c); 0 = any */
} ts_lowered;

typedef struct ts_lower {
    ts_module *module;
    ts_func *func;
    ts_program *program;
    ts_builder b;
    ts_arena arena; /* scratch of this pass */
    ts_diag *diag;
    const ts_range *ranges; /* of integer values, by value id */
    int32_t *donors;        /* by result: the argument that it was asked to take over, or -1 */
    TS_VEC(ts_group *) open_groups;
    int next_queue;  /* rotates loads over queues */
    uint64_t repeat; /* trips of the open control loops multiplied; data-dependent ones count as one */
    uint32_t at;     /* number of the op being lowered: in program order, an op before those of its regions */
    uint32_t region, region_count;   /* being lowered, and entered so far; 0 = the function's body */
    TS_VEC(const ts_block *) blocks; /* being lowered, outermost first */
} ts_lower;

/* Lowers @main, already inlined, into the program (unplaced tiles in lower->b). */
ts_status ts_lower_main(ts_lower *lower);

/* The view of a value, emitting the open group that computes it. */
ts_status ts_lower_view(ts_lower *lower, ts_value *value, ts_view *view);
/* The same for callers that address by ts_view_offset: the view may be shifted by control loops' counters. */
ts_status ts_lower_shifted(ts_lower *lower, ts_value *value, ts_view *view);
/* The same as a tensor view: splats and iotas are written to HBM, what a DMA would move element by element is
   copied. */
ts_status ts_lower_tensor(ts_lower *lower, ts_value *value, ts_view *view);
ts_status ts_lower_shifted_tensor(ts_lower *lower, ts_value *value, ts_view *view);
/* The same as ts_lower_shifted, for reading in the order of a contiguous tensor: what lies across it is
 * copied. */
ts_status ts_lower_along(ts_lower *lower, ts_value *value, ts_view *view);
/* The same in the order of a contiguous tensor and nothing else. */
ts_status ts_lower_whole(ts_lower *lower, ts_value *value, ts_view *view);
/* Storage for a value about to be computed; its view becomes the whole tensor. */
uint32_t ts_lower_result(ts_lower *lower, ts_value *value);
/* The same for an op that may write its result over one operand, `over`, where it lies. */
uint32_t ts_lower_result_over(ts_lower *lower, ts_value *value, const ts_value *over);
/* Storage for a contraction's result where its reader wants it. False, and nothing made, where it has no
 * wish. */
bool ts_lower_layout(ts_lower *lower, ts_value *value);
/* A scratch tensor with the dims of a type. */
uint32_t ts_lower_scratch(ts_lower *lower, const ts_type *type, const char *name);
/* dst = src element by element, both views of equal dims; src may be a splat or iota. */
ts_status ts_lower_copy(ts_lower *lower, const ts_view *dst, const ts_view *src);
/* Whether a copy between views of equal dims changes which axis is contiguous, and that copy by VectorE. */
bool ts_view_is_across(const ts_view *dst, const ts_view *src);
void ts_lower_transposed(ts_lower *lower, const ts_view *dst, const ts_view *src);
/* Whether two axes, a short one innermost in one of them, lie the other way round in the other. */
bool ts_view_is_swapped(const ts_view *dst, const ts_view *src);
/* Such a copy; false, and nothing emitted, where it is none. The views are merged. */
bool ts_lower_swapped(ts_lower *lower, const ts_view *dst, const ts_view *src, ts_status *status);
/* Whether a view's elements lie close together but not side by side, and a copy of it. */
bool ts_view_is_stepped(const ts_view *view);
ts_status ts_lower_stepped(ts_lower *lower, const ts_view *dst, const ts_view *src);
/* Writes the numbers of an iota view's tile of the nest into SBUF. */
void ts_lower_iota(ts_lower *lower, const ts_nest *nest, ts_tile tile, const ts_view *view);
int ts_lower_load_queue(ts_lower *lower);
/* Refuses values that the engines have no datapath for, naming the op. */
ts_status ts_lower_check_dtypes(ts_lower *lower, const ts_op_node *op);

/* Lowers the ops of a region in order, but for its return; then no group is open. */
ts_status ts_lower_block(ts_lower *lower, const ts_block *block);
/* The same as part of the block that is being lowered; groups stay open. */
ts_status ts_lower_inline(ts_lower *lower, const ts_block *block);
ts_status ts_lower_close_groups(ts_lower *lower);

/* One for each kind of op; all results get their views. lower.c has the table. */
ts_status ts_lower_constant(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_view_op(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_barrier(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_concatenate(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_pad(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_pointwise(ts_lower *lower, ts_op_node *op); /* joins or opens a group */
ts_status ts_lower_close_group(ts_lower *lower, ts_group *group);
ts_status ts_lower_group(ts_lower *lower, ts_group *group); /* emits the nest */
/* A value that was left to its readers, for one that needs it in HBM. */
ts_status ts_lower_computed_again(ts_lower *lower, ts_value *value);
/* Whether a reduction by one operator joined or opened a group. */
ts_status ts_lower_grouped_reduce(ts_lower *lower, ts_op_node *op, ts_alu alu, bool *is_done);
/* Whether the result is an operand that an open group computes under another shape, and joined that group. */
bool ts_lower_alias(ts_op_node *op);
ts_status ts_lower_bitcast(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_reduce(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_reduce_alone(ts_lower *lower, ts_op_node *op); /* in no group */
/* views[0] = init + the sum of views[1] over the axes where views[0] has stride 0. False, and nothing
   emitted, where the contiguous axis is summed or there are too few rows. */
bool ts_lower_column_sum(ts_lower *lower, const ts_view *views, const ts_view *init);
ts_status ts_lower_argmax(ts_lower *lower, ts_op_node *op); /* reduce of two operands: value and index */
ts_status ts_lower_dot(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_convolution(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_gather(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_scatter(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_dynamic_slice(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_dynamic_update_slice(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_reduce_window(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_select_and_scatter(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_sort(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_collective(ts_lower *lower, ts_op_node *op);
/* What rank 0 has in a run of HBM becomes that of all ranks. */
void ts_lower_from_first(ts_lower *lower, const ts_ap *bytes);
ts_status ts_lower_rank(ts_lower *lower, ts_op_node *op); /* which of the program's NeuronCores this is */
/* custom_call of a recorded NKI kernel (lower_kernel.c). */
ts_status ts_lower_kernel(ts_lower *lower, ts_op_node *op);
/* custom_call of a function of the host (lower_host_call.c). */
ts_status ts_lower_host_call(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_while(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_case(ts_lower *lower, ts_op_node *op); /* case and if */

/* Arithmetic on loop counters that stays a number of the program: true when the op's result got a view. */
ts_status ts_lower_counted(ts_lower *lower, ts_op_node *op, bool *is_done);

/* The one operator of a two-argument region such as reduce's, or ts_alu_bypass when the region returns
   its second argument. False for anything else. */
bool ts_region_alu(const ts_block *region, ts_alu *alu);

#endif

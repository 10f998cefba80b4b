/* Lowering: turns graph ops into loop nests of instructions. Each nest reads its inputs from HBM and writes
   its results to HBM; pointwise ops and others that fit join groups, which share one nest. */
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
    TS_GROUP_CHUNKED = 4,
    TS_LOAD_QUEUE = 0, /* first of TS_LOAD_QUEUES queues that loads take in turn; stores likewise */
    TS_LOAD_QUEUES = 4,
    TS_STORE_QUEUE = 8,
    TS_STORE_QUEUES = 4
};

/* A group: ops that share a loop nest, so that values between them stay in SBUF. They are pointwise ops,
   reductions of trailing axes, and reshapes and broadcasts between those. They share an iteration space, in
   which axes of size 1 are left out. A value varies over all axes of the space or, after a reduction, over
   the first `kept` ones (kept = rank while nothing is reduced). A sum over rows varies over the last axes and
   is stored when the nest ends. A group stays open until an op outside needs one of its values; then it is
   emitted as one nest. */
typedef struct ts_group {
    ts_op_node *ops[TS_GROUP_OPS];
    int op_count;
    int rank, kept;
    int64_t dim[TS_MAX_RANK];
    bool is_reducing;             /* some op reduces, so the reduced axes must be whole in a tile */
    const struct ts_pending *dot; /* the contraction that is the first op; NULL = none */
    int64_t budget;               /* bytes per partition for its tiles */
    const ts_value *wanted; /* a value that must be stored whether or not something reads it; NULL = none */
    int sums;               /* number of sums over rows among the ops (group_sums.c) */
    ts_op_node *apart[2 * TS_GROUP_SUMS]; /* sums, and their reshapes, that the nest could not take */
    int apart_count;
} ts_group;

/* What lowering knows of a value; stored in ts_value.note. */
typedef struct ts_lowered {
    ts_view view;
    bool has_view, has_whole;
    ts_view whole;   /* a contiguous copy in a tensor of its own, for readers that need one */
    bool has_turned; /* `turned` is a copy with the first axis contiguous, of a matrix that a loop does not
                        change */
    ts_view turned;
    ts_group *group;    /* the open group that computes it; NULL = none */
    int32_t output;     /* 1 + index of the first of main's results that returns it; 0 = not returned */
    uint32_t uses;      /* number of operands that refer to it, also in regions */
    uint32_t near_uses; /* those by pointwise ops of the block that computes it */
    uint32_t served, near_served; /* how many of both belong to groups that have been emitted */
    bool is_emitted;              /* the op that computes it has been emitted, in a group */
    bool is_again;                /* it is not stored: its readers compute it again */
    bool is_sum;                  /* a sum over its group's rows, possibly reshaped */
    bool is_chunked;              /* a reduction whose rows its group has chunk by chunk (group_chunked.c) */
    const ts_block *block;        /* the block that computes it */
    const ts_op_node *reader;     /* the last op that reads it */
    bool is_reserved;             /* `view` is storage for parts of the value, computed before its op */
    uint32_t last_use;            /* number of the last op that reads it */
    uint32_t region;              /* region where `view` is valid: a conditional region's code may not run */
    const ts_op_node *slot;       /* the update that puts the value into a slice of a home; NULL = none */
    uint32_t home; /* 1 + tensor into which it should be computed, once that is free (home.c); 0 = any */
} ts_lowered;
/* Whether the value's group has it only when its nest, or a row of it, is over: no op of the group reads it.
 */
static inline bool ts_lowered_is_late(const ts_value *value) {
    const ts_lowered *lowered = value->note;
    return lowered->is_sum || lowered->is_chunked;
}

typedef struct ts_lower {
    ts_module *module;
    ts_func *func;
    ts_program *program;
    ts_builder b;
    ts_arena arena; /* memory for this pass only */
    ts_diag *diag;
    const ts_range *ranges; /* ranges of integer values, by value id */
    int32_t *donors;        /* by result: the argument whose buffer it should reuse, or -1 */
    TS_VEC(ts_group *) open_groups;
    int next_queue;  /* next queue for a load */
    uint64_t repeat; /* product of the open control loops' trips; 1 for those that data end */
    uint32_t at;     /* number of the op being lowered, in program order: an op comes before its regions */
    uint32_t region, region_count;   /* current region, and regions entered so far; 0 = the body */
    TS_VEC(const ts_block *) blocks; /* blocks being lowered, outermost first */
} ts_lower;

/* Lowers @main, which has been inlined, to the program of lower->b. Tiles are not placed. */
ts_status ts_lower_main(ts_lower *lower);

/* The view of a value. Emits the open group that computes it, if any. */
ts_status ts_lower_view(ts_lower *lower, ts_value *value, ts_view *view);
/* The same for callers that address by ts_view_offset: the view may be shifted by counters of control
   loops. */
ts_status ts_lower_shifted(ts_lower *lower, ts_value *value, ts_view *view);
/* The same as a tensor view. Splats and iotas are written to HBM, and a view that a DMA would move element by
   element is copied. */
ts_status ts_lower_tensor(ts_lower *lower, ts_value *value, ts_view *view);
ts_status ts_lower_shifted_tensor(ts_lower *lower, ts_value *value, ts_view *view);
/* As ts_lower_shifted, for readers that go in row-major order: a view whose last axis is not contiguous is
   copied. */
ts_status ts_lower_along(ts_lower *lower, ts_value *value, ts_view *view);
/* As a contiguous tensor. */
ts_status ts_lower_whole(ts_lower *lower, ts_value *value, ts_view *view);
/* Makes storage for a value that is about to be computed. Its view becomes the whole tensor, which is
   returned. */
uint32_t ts_lower_result(ts_lower *lower, ts_value *value);
/* The same for an op that may overwrite one operand, `over`, element by element. */
uint32_t ts_lower_result_over(ts_lower *lower, ts_value *value, const ts_value *over);
/* Makes storage for a contraction's result in the layout that its reader wants. False, with nothing made,
   when the reader has no preference. */
bool ts_lower_layout(ts_lower *lower, ts_value *value);
/* Makes a scratch tensor with the dims of a type. */
uint32_t ts_lower_scratch(ts_lower *lower, const ts_type *type, const char *name);
/* dst = src, element by element. Both views have equal dims; src may be a splat or iota. */
ts_status ts_lower_copy(ts_lower *lower, const ts_view *dst, const ts_view *src);
/* Whether a copy between views of equal dims changes which axis is contiguous; and such a copy by VectorE. */
bool ts_view_is_across(const ts_view *dst, const ts_view *src);
void ts_lower_transposed(ts_lower *lower, const ts_view *dst, const ts_view *src);
/* Whether two axes, the innermost of one view being short, are exchanged in the other. */
bool ts_view_is_swapped(const ts_view *dst, const ts_view *src);
/* Makes such a copy, of merged views. False, with nothing emitted, when it is not one. */
bool ts_lower_swapped(ts_lower *lower, const ts_view *dst, const ts_view *src, ts_status *status);
/* Whether a view's elements lie close together but are not adjacent; and a copy of such a view. */
bool ts_view_is_stepped(const ts_view *view);
ts_status ts_lower_stepped(ts_lower *lower, const ts_view *dst, const ts_view *src);
/* Writes the numbers of an iota view for the nest's current tile to SBUF. */
void ts_lower_iota(ts_lower *lower, const ts_nest *nest, ts_tile tile, const ts_view *view);
/* The queue for the next load. */
int ts_lower_load_queue(ts_lower *lower);
/* ts_unsupported, naming the op, when it uses a type for which the engines have no datapath. */
ts_status ts_lower_check_dtypes(ts_lower *lower, const ts_op_node *op);

/* Lowers the ops of a region in order, without its return, and closes all groups. */
ts_status ts_lower_block(ts_lower *lower, const ts_block *block);
/* Lowers them as part of the current block; groups stay open. */
ts_status ts_lower_inline(ts_lower *lower, const ts_block *block);
ts_status ts_lower_close_groups(ts_lower *lower);

/* The lowering of each kind of op. On return all results have views or belong to an open group. lower.c has
   the table. */
ts_status ts_lower_constant(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_view_op(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_barrier(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_concatenate(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_pad(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_pointwise(ts_lower *lower, ts_op_node *op); /* joins or opens a group */
ts_status ts_lower_close_group(ts_lower *lower, ts_group *group);
ts_status ts_lower_group(ts_lower *lower, ts_group *group); /* emits the nest */
/* Computes a value that was left to its readers, for a reader that needs it in HBM. */
ts_status ts_lower_computed_again(ts_lower *lower, ts_value *value);
/* *is_done: whether a reduction by one operator joined or opened a group. */
ts_status ts_lower_grouped_reduce(ts_lower *lower, ts_op_node *op, ts_alu alu, bool *is_done);
/* Whether the result is an operand of an open group under another shape, and joined that group. */
bool ts_lower_alias(ts_op_node *op);
ts_status ts_lower_bitcast(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_reduce(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_reduce_alone(ts_lower *lower, ts_op_node *op); /* in a nest of its own */
/* views[0] = init + the sum of views[1] over the axes on which views[0] has stride 0. False, with nothing
   emitted, when the contiguous axis is summed or there are too few rows. */
bool ts_lower_column_sum(ts_lower *lower, const ts_view *views, const ts_view *init);
ts_status ts_lower_argmax(ts_lower *lower, ts_op_node *op); /* reduce of two operands, value and index */
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
/* Copies a run of bytes in HBM from rank 0 to all ranks. */
void ts_lower_from_first(ts_lower *lower, const ts_ap *bytes);
ts_status ts_lower_rank(ts_lower *lower, ts_op_node *op); /* the number of this NeuronCore in the program */
/* A custom_call of a recorded NKI kernel (lower_kernel.c). */
ts_status ts_lower_kernel(ts_lower *lower, ts_op_node *op);
/* A custom_call of a function on the host (lower_host_call.c). */
ts_status ts_lower_host_call(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_while(ts_lower *lower, ts_op_node *op);
ts_status ts_lower_case(ts_lower *lower, ts_op_node *op); /* case and if */

/* Arithmetic on loop counters. *is_done: the result became a view, and no instruction is needed. */
ts_status ts_lower_counted(ts_lower *lower, ts_op_node *op, bool *is_done);

/* The single operator of a region (a, b), as a reduce has it; ts_alu_bypass if the region returns b. False
   for any other region. */
bool ts_region_alu(const ts_block *region, ts_alu *alu);

#endif

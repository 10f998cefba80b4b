/* The passes of the compiler, each in its own file; passes.c runs them in order. */
#ifndef TS_COMPILER_PASSES_H
#define TS_COMPILER_PASSES_H

#include "compiler/compile.h"
#include "compiler/graph/graph.h"

/* Inlines calls and composites, so that only @main is left. optimization_barrier stays and keeps passes from
   looking through it. Every value gets its own id and an empty note. */
ts_status ts_inline(ts_module *module, ts_func *main, ts_diag *diag);

/* Rewrites collectives to the form of the instruction (expand_collectives.c). */
ts_status ts_expand_ranks(ts_module *module, ts_func *main, ts_diag *diag);

/* Rewrites ops that sorts can compute as sorts. */
ts_status ts_expand_sorts(ts_module *module, ts_func *main, ts_diag *diag);

/* Makes every sort's comparator compare its arguments directly: what it computes from them first becomes one
   more operand of the sort. ts_unsupported for a comparator that defines no known order. */
ts_status ts_sort_keys(ts_module *module, ts_func *main, ts_diag *diag);

/* A loop that adds one product to a carried sum on each trip becomes one product after the loop. Fold
   afterwards. */
ts_status ts_late_sums(ts_module *module, ts_func *main, ts_diag *diag);

/* Splits large sums of a pointwise op's result that leave few elements into sums of rows and a sum of those.
 */
ts_status ts_sum_rows(ts_module *module, ts_func *main, ts_diag *diag);

/* Turns sums with values that were scattered into zeros into scatters into the other summand, where the sum
   is stored anyway. Fold afterwards. */
ts_status ts_scatter_into(ts_module *module, ts_func *main, ts_diag *diag);

/* Shortens the results of sorts to the elements that are read. Fold afterwards: slices may have become
   identities. */
ts_status ts_sort_first(ts_module *module, ts_func *main, ts_diag *diag);

/* Folds constant splats with the chip's arithmetic, removes exact identities, merges equal ops and drops dead
   ones. No op that is left is the identity. */
ts_status ts_fold(ts_module *module, ts_func *main, ts_diag *diag);

/* Replaces operations on complex numbers by operations on their parts, and Fourier transforms by products of
   matrices. */
ts_status ts_split_complex(ts_module *module, ts_func *main, ts_diag *diag);

/* Replaces ops that can be computed by others (expand.h). */
ts_status ts_expand(ts_module *module, ts_func *main, ts_diag *diag);

/* Rewrites integers to what the engines have: their products and sums become those of floats of few bits, and
   64-bit values that could not be narrowed become pairs of 32-bit ones. Fold afterwards. */
ts_status ts_split_integers(ts_module *module, ts_func *main, ts_diag *diag);

/* Removes f8E4M3FN from all values but the function's arguments and results: it becomes bytes, converted to
   fp32 for arithmetic. */
ts_status ts_expand_fp8(ts_module *module, ts_func *main, ts_diag *diag);

/* Computes the fp32 operations that `mode` names in `type` (ts_dtype_none means bf16). The function's
   arguments and results keep their types. Fold afterwards. */
ts_status ts_auto_cast_run(ts_module *module, ts_func *main, ts_auto_cast mode, ts_dtype type);

/* Replaces operations that spell out a function of ScalarE by that function (functions.def). Fold
   afterwards. */
ts_status ts_find_functions(ts_module *module, ts_func *main, ts_diag *diag);

/* Makes 64-bit integers 32-bit where their values are known to fit, and integers that can have only one value
   constants. Fold afterwards. */
ts_status ts_narrow_int(ts_module *module, ts_func *main, ts_diag *diag);

/* Replaces sines and cosines of angles that are known to be small by ops of their own. */
ts_status ts_small_angles(ts_module *module, ts_func *main, ts_diag *diag);

/* Replaces quotients by products with a reciprocal, where the reciprocal is a normal number. Fold
   afterwards. */
ts_status ts_split_divisions(ts_module *module, ts_func *main, ts_diag *diag);

/* Lays images between convolutions out channel by channel, as far as the ops between them allow. Folds the
   result. */
ts_status ts_channels_first(ts_module *module, ts_func *main, ts_diag *diag);

/* A sum of all_reduce results becomes one all_reduce of the sum. */
ts_status ts_sum_collectives(ts_module *module, ts_func *main, ts_diag *diag);

/* Merges small all_reduces that do not depend on each other. */
ts_status ts_combine_collectives(ts_module *module, ts_func *main, ts_diag *diag);

/* The number of uses of each value as an operand, by value id; allocated in `arena`. */
uint32_t *ts_count_uses(const ts_func *main, ts_arena *arena);

/* State of folding one function. */
typedef struct ts_fold_state {
    ts_module *module;
    ts_func *func;
    ts_block *block;      /* new ops are appended here */
    const uint32_t *uses; /* by value id, counted before folding; values made since have none */
    uint32_t uses_count;
} ts_fold_state;
/* Returns a value that can replace the op's result, or NULL. New ops are appended to state->block. */
ts_value *ts_simplify(ts_fold_state *state, ts_op_node *op);
/* Common subexpressions: a table of up to `op_count` ops of one block, allocated in `arena`. */
typedef struct ts_cse ts_cse;
ts_cse *ts_cse_new(ts_arena *arena, uint32_t op_count);
/* Returns an op of the table that equals `op`. If there is none, adds `op` and returns NULL. */
ts_op_node *ts_cse_find(ts_cse *table, ts_op_node *op);

/* The number that all elements of the value have, if it is a constant of a type that the engines compute
   with; false otherwise. */
bool ts_constant_splat(const ts_value *value, double *number);
bool ts_constant_is(const ts_value *value, double number);
/* Folds an op on such numbers, rounding as the chip does. False when the op must run on the chip. */
bool ts_fold_number(const ts_op_node *op, const double *operands, double *result);

/* Whether the value is the sum that a softmax divides by, possibly broadcast or reshaped (softmax.c). It is
   then NaN, or 1 or more. */
bool ts_softmax_is_sum(const ts_value *value);

/* Whether the op is a custom_call of a recorded NKI kernel (lower_kernel.c). Such a call has no effect but
   its results. */
bool ts_op_is_kernel(const ts_op_node *op);
/* Whether the op is a custom_call of a function on the host (lower_host_call.c); its attribute
   has_side_effect says whether it has other effects than its results. */
bool ts_op_is_host_call(const ts_op_node *op);
/* Floating-point operations of a dot or convolution, 2 for each multiply-add; 0 for other ops. */
uint64_t ts_op_flops(const ts_op_node *op);

#endif

/* The passes of the compiler, each in its own file; passes.c runs them in order. */
#ifndef TS_COMPILER_PASSES_H
#define TS_COMPILER_PASSES_H

#include "compiler/compile.h"
#include "compiler/graph/graph.h"

/* Leaves one function, @main, without calls and composites; optimization_barrier stays and keeps passes
   from looking through it. Every value has id and note of its own. */
ts_status ts_inline(ts_module *module, ts_func *main, ts_diag *diag);

/* Collectives as the instruction has them (expand_collectives.c). */
ts_status ts_expand_ranks(ts_module *module, ts_func *main, ts_diag *diag);

/* Ops that sorts compute as those. */
ts_status ts_expand_sorts(ts_module *module, ts_func *main, ts_diag *diag);

/* Every sort's comparator compares its arguments alone: what it computes from them first becomes one more
   operand. ts_unsupported for a comparator that is no known order. */
ts_status ts_sort_keys(ts_module *module, ts_func *main, ts_diag *diag);

/* Sums of products that a loop carries, of which each trip adds one, as one product after the loop. Fold
   afterwards. */
ts_status ts_late_sums(ts_module *module, ts_func *main, ts_diag *diag);

/* Large sums of everything that a pointwise op computes, as sums of the sums of its rows. */
ts_status ts_sum_rows(ts_module *module, ts_func *main, ts_diag *diag);

/* Results of sorts no longer than what is read of them. Fold afterwards: slices may have become identities.
 */
ts_status ts_sort_first(ts_module *module, ts_func *main, ts_diag *diag);

/* Constant splats folded with the chip's arithmetic, exact identities removed, equal ops merged, dead
   ops dropped. No op that is left is the identity. */
ts_status ts_fold(ts_module *module, ts_func *main, ts_diag *diag);

/* Ops that others compute (expand.h) as those. */
ts_status ts_expand(ts_module *module, ts_func *main, ts_diag *diag);

/* Integers as the engines have them: products and sums as those of floats that hold few bits, 64-bit values
   that did not narrow as pairs of 32-bit ones. Fold again afterwards. */
ts_status ts_split_integers(ts_module *module, ts_func *main, ts_diag *diag);

/* No value is f8E4M3FN but the function's arguments and results: the others are bytes, and fp32 where
   computed with. */
ts_status ts_expand_fp8(ts_module *module, ts_func *main, ts_diag *diag);

/* The fp32 operations that `mode` names computed in `type` (none: bf16); the function's arguments and results
   keep their types. Fold afterwards. */
ts_status ts_auto_cast_run(ts_module *module, ts_func *main, ts_auto_cast mode, ts_dtype type);

/* Functions of ScalarE in place of the operations that spell them out (functions.def). Fold afterwards. */
ts_status ts_find_functions(ts_module *module, ts_func *main, ts_diag *diag);

/* 64-bit integers whose values are known to fit become 32-bit ones; integers of one possible value constants.
   Fold again afterwards. */
ts_status ts_narrow_int(ts_module *module, ts_func *main, ts_diag *diag);

/* Sines and cosines of angles known to be small as ops of their own. */
ts_status ts_small_angles(ts_module *module, ts_func *main, ts_diag *diag);

/* Quotients as products with a reciprocal, where that is a normal number. Fold afterwards. */
ts_status ts_split_divisions(ts_module *module, ts_func *main, ts_diag *diag);

/* Images between convolutions lie channel by channel, as far as their ops allow; folded afterwards. */
ts_status ts_channels_first(ts_module *module, ts_func *main, ts_diag *diag);

/* Sums of what all_reduces leave as one all_reduce. */
ts_status ts_sum_collectives(ts_module *module, ts_func *main, ts_diag *diag);

/* Small all_reduces that do not depend on each other as one. */
ts_status ts_combine_collectives(ts_module *module, ts_func *main, ts_diag *diag);

/* How many operands name each value, by its id. */
uint32_t *ts_count_uses(const ts_func *main, ts_arena *arena);

/* State of folding one function. */
typedef struct ts_fold_state {
    ts_module *module;
    ts_func *func;
    ts_block *block;      /* where ops go now */
    const uint32_t *uses; /* by value id, as folding began: 0 for values made since */
    uint32_t uses_count;
} ts_fold_state;
/* A value that stands for the op's result, or NULL. New ops are appended to `block`. */
ts_value *ts_simplify(ts_fold_state *state, ts_op_node *op);
/* Looks for an op that computes the same; a table lives as long as its block. */
typedef struct ts_cse ts_cse;
ts_cse *ts_cse_new(ts_arena *arena, uint32_t op_count);
/* The op in the table that equals `op`, which is added when there is none. */
ts_op_node *ts_cse_find(ts_cse *table, ts_op_node *op);

/* The number that every element of the value has, when it is a constant of a native type. */
bool ts_constant_splat(const ts_value *value, double *number);
bool ts_constant_is(const ts_value *value, double number);
/* The same of an op applied to numbers, rounded as the chip rounds; false when it must run there. */
bool ts_fold_number(const ts_op_node *op, const double *operands, double *result);

/* Whether the value is, under whatever shape, the sum that a softmax divides by (softmax.c): NaN, or 1 or
   more. */
bool ts_softmax_is_sum(const ts_value *value);

/* A custom_call of a recorded NKI kernel (lower_kernel.c): it has no effect but its results. */
bool ts_op_is_kernel(const ts_op_node *op);
/* A custom_call of a function of the host (lower_host_call.c); has_side_effect says whether it has one. */
bool ts_op_is_host_call(const ts_op_node *op);
/* 2 x multiply-adds of a dot or convolution; 0 for other ops. */
uint64_t ts_op_flops(const ts_op_node *op);

#endif

/* Expansion: ops that others compute, replaced by those; one file a family, expand.c walks. */
#ifndef TS_COMPILER_REWRITE_EXPAND_H
#define TS_COMPILER_REWRITE_EXPAND_H

#include "compiler/graph/graph_make.h"

/* Builds what computes the op with `make` and puts what stands for each result into its note. Returns with
   the notes NULL when the op is none of its own. */
typedef ts_status ts_expander(ts_maker *make, ts_op_node *op, ts_diag *diag);

/* The first expander that takes an op has it. Operands are already those of the new graph. */
ts_status ts_expand_ops(ts_module *module, ts_func *main, ts_expander *const *expanders, int count,
                        ts_diag *diag);

/* Collectives by rank, of one operand each, as the instruction has them; which rank this is. */
ts_expander ts_expand_collectives;
/* Sizes of dimensions, elements of tuples. */
ts_expander ts_expand_static;
/* rng_bit_generator as the integer operations that compute it. */
ts_expander ts_expand_rng;
/* reduce, reduce_window and map by any pointwise function. */
ts_expander ts_expand_reduce;
/* scatter by any pointwise function, where no element is met twice. */
ts_expander ts_expand_scatter;
/* LAPACK's QR factorisation, as jnp.linalg.qr and jax.random.orthogonal ask for it. */
ts_expander ts_expand_qr;
/* torch_xla's custom calls for nearest and bilinear resizing of images. */
ts_expander ts_expand_resize;
/* Linear algebra of fp32: cholesky and triangular_solve. */
ts_expander ts_expand_cholesky, ts_expand_triangular;
/* dot_general, convolution and select_and_scatter of integers, exact as floats of few bits. */
ts_expander ts_expand_limbs;
/* Batch norms and their gradients. */
ts_expander ts_expand_norm;
/* ApproxTopK, as jax.lax.approx_max_k asks for it. */
ts_expander ts_expand_top;
/* scatter and sort of 64-bit integers; runs while their regions still compare and combine whole ones. */
ts_expander ts_expand_wide_rows;
/* 64-bit integers as pairs of 32-bit ones. */
ts_expander ts_expand_wide;

#endif

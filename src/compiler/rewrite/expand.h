/* Expansion: replaces ops that the engines lack by others that compute them. There is one file per family;
   expand.c walks the graph. */
#ifndef TS_COMPILER_REWRITE_EXPAND_H
#define TS_COMPILER_REWRITE_EXPAND_H

#include "compiler/graph/graph_make.h"

/* Appends ops that compute `op` with `make` and stores the replacement of each result in its note. An
   expander that does not handle the op leaves the notes NULL and returns ts_ok. */
typedef ts_status ts_expander(ts_maker *make, ts_op_node *op, ts_diag *diag);

/* Walks all ops and lets the first expander that handles an op replace it. Operands have been replaced
   before. */
ts_status ts_expand_ops(ts_module *module, ts_func *main, ts_expander *const *expanders, int count,
                        ts_diag *diag);

/* Collectives in the form of the instruction: one operand, members by rank. Also partition_id and
   replica_id. */
ts_expander ts_expand_collectives;
/* get_dimension_size and get_tuple_element. */
ts_expander ts_expand_static;
/* rng_bit_generator, as integer operations. */
ts_expander ts_expand_rng;
/* reduce, reduce_window and map by any pointwise function. */
ts_expander ts_expand_reduce;
/* scatter by any pointwise function, where no element is updated twice. ts_scatter_once does the same for an
   op of one array by any function at all; where elements may be updated twice it does nothing. */
ts_expander ts_expand_scatter;
void ts_scatter_once(ts_maker *make, ts_op_node *op);
/* LAPACK's QR factorisation, as jnp.linalg.qr and jax.random.orthogonal call it. */
ts_expander ts_expand_qr;
/* torch_xla's custom calls for nearest and bilinear resizing of images. */
ts_expander ts_expand_resize;
/* cholesky and triangular_solve in fp32. */
ts_expander ts_expand_cholesky, ts_expand_triangular;
/* dot_general, convolution and select_and_scatter of integers, computed exactly by floats of few bits. */
ts_expander ts_expand_limbs;
/* Batch norms and their gradients. */
ts_expander ts_expand_norm;
/* ApproxTopK, as jax.lax.approx_max_k calls it; computed exactly. */
ts_expander ts_expand_top;
/* Complex values that enter and leave regions, as their parts; then all else, with ts_expand_fft. */
ts_expander ts_expand_complex_regions;
/* Fourier transforms of fp32, as products of complex matrices. */
ts_expander ts_expand_fft;
/* scatter and sort of 64-bit integers. Runs before ts_expand_wide, while their regions still work on whole
   integers. */
ts_expander ts_expand_wide_rows;
/* All other operations on 64-bit integers, as pairs of 32-bit ones. */
ts_expander ts_expand_wide;

#endif

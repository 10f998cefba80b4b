/* The part of compiler_reference.h for convolutions and windows. The notes of operands are their values. */
#ifndef TS_UNIT_REFERENCE_WINDOW_H
#define TS_UNIT_REFERENCE_WINDOW_H

#include "compiler/graph/graph.h"

/* Runs a region on scalars; false when it contains an unknown op. */
typedef bool ts_reference_apply(void *run, const ts_block *region, double *arguments, double *results);

void ts_reference_convolution(const ts_op_node *op, double *out);
bool ts_reference_reduce_window(const ts_op_node *op, double *const *out, ts_reference_apply *apply,
                                void *run);
bool ts_reference_select_and_scatter(const ts_op_node *op, double *out, ts_reference_apply *apply, void *run);

#endif

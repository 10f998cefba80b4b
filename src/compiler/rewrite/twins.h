/* Values of 64 bits that the engines lack, as two arrays of 32 bits: the halves of integers (wide.h), the
   parts of complex numbers (complex.h). Where such a value stays whole, a bitcast joins the two along a last
   axis of size 2; folding drops joins that nothing reads. */
#ifndef TS_COMPILER_REWRITE_TWINS_H
#define TS_COMPILER_REWRITE_TWINS_H

#include "compiler/graph/graph_make.h"

typedef struct ts_twins {
    ts_value *first, *second;
} ts_twins;

/* The type of the pair in one array: of `dtype`, which has 32 bits, with the axis of size 2 last. */
ts_type ts_twins_type(const ts_type *whole, unsigned dtype);
/* Splitting a joined value returns what was joined without adding ops. */
ts_twins ts_twins_split(ts_maker *m, ts_value *whole, unsigned dtype);
ts_value *ts_twins_join(ts_maker *m, ts_twins pair, const ts_type *whole);
ts_twins ts_twins_of_constant(ts_maker *m, const ts_op_node *op, unsigned dtype);

/* Whether an operation only moves elements, so that each of the pair can be moved alone; and that. Operands
   of the result's type are split, others are shared. */
bool ts_twins_can_move(const ts_op_node *op);
ts_twins ts_twins_move(ts_maker *m, const ts_op_node *op, unsigned dtype);

#endif

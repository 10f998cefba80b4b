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

/* What values of 64 bits are where they enter and leave regions: `count` values of one type each, at most 2.
 */
typedef struct ts_twins_form {
    bool (*is_whole)(const ts_value *value); /* whether it is a value of 64 bits that this form is for */
    int count;
    ts_type (*type)(const ts_type *whole);
    void (*open)(ts_maker *m, ts_value *whole, ts_value **parts);
    ts_value *(*close)(ts_maker *m, ts_value *const *parts, const ts_type *whole);
} ts_twins_form;

/* twins_regions.c: whether an operand or a result of the op is such a value; the op with such operands and
   results, arguments of its regions and what these return in that form. Replaces the op, in its results'
   notes. */
bool ts_twins_any(const ts_op_node *op, bool (*is_whole)(const ts_value *value));
void ts_twins_carry(ts_maker *m, ts_op_node *op, const ts_twins_form *form);

#endif

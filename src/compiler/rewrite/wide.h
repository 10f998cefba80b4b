/* 64-bit integers as two 32-bit halves: the arithmetic that passes build them with. */
#ifndef TS_COMPILER_REWRITE_WIDE_H
#define TS_COMPILER_REWRITE_WIDE_H

#include "compiler/graph/graph_make.h"

/* Both u32, of the value's shape. */
typedef struct ts_wide {
    ts_value *low, *high;
} ts_wide;

/* Integers of 64 bits that have room for the axis of their halves. */
bool ts_is_wide(const ts_value *value);
/* u32, with that axis last. */
ts_type ts_wide_pair(const ts_type *type);
ts_wide ts_wide_split(ts_maker *m, ts_value *value);
ts_value *ts_wide_join(ts_maker *m, ts_wide w, const ts_type *type);
ts_wide ts_wide_of_constant(ts_maker *m, const ts_op_node *op);

/* `of` is any value of the shape; its dtype does not count. */
ts_wide ts_wide_number(ts_maker *m, const ts_value *of, uint64_t number);
ts_wide ts_wide_add(ts_maker *m, ts_wide a, ts_wide b);
ts_wide ts_wide_subtract(ts_maker *m, ts_wide a, ts_wide b);
ts_wide ts_wide_multiply(ts_maker *m, ts_wide a, ts_wide b);
/* The quotient towards 0, or the rest, which has the dividend's sign. */
ts_wide ts_wide_divide(ts_maker *m, ts_wide a, ts_wide b, bool is_signed, bool wants_rest);
ts_wide ts_wide_negate(ts_maker *m, ts_wide a);
ts_wide ts_wide_bits(ts_maker *m, ts_hlo kind, ts_wide a, ts_wide b); /* and, or, xor */
ts_wide ts_wide_select(ts_maker *m, ts_value *predicate, ts_wide yes, ts_wide no);
/* One of the six directions of compare. */
ts_value *ts_wide_compare(ts_maker *m, const char *direction, ts_wide a, ts_wide b, bool is_signed);
ts_value *ts_wide_is_negative(ts_maker *m, ts_wide a);
/* shift_left, shift_right_logical or shift_right_arithmetic by u32 counts; 64 or more shifts all bits out. */
ts_wide ts_wide_shift(ts_maker *m, ts_hlo kind, ts_wide a, ts_value *count);
ts_value *ts_wide_leading_zeros(ts_maker *m, ts_wide a); /* u32 */

/* Conversions; `type` has the dtype of the result, the operand's shape. Integers of at most 32 bits and i1;
   floats round to nearest even, and saturate on the way back. */
ts_wide ts_wide_of_word(ts_maker *m, ts_value *a);
ts_value *ts_wide_to_word(ts_maker *m, ts_wide a, const ts_type *type);
ts_wide ts_wide_of_float(ts_maker *m, ts_value *a, bool is_signed);
ts_value *ts_wide_to_float(ts_maker *m, ts_wide a, bool is_signed, const ts_type *type);

/* i32 that stands for the number where only clamping or leaving the 32-bit range matters. */
ts_value *ts_wide_saturate(ts_maker *m, ts_wide a, bool is_signed);

#endif

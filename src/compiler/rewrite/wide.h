/* 64-bit integers as two 32-bit halves: the arithmetic that passes use to build them. */
#ifndef TS_COMPILER_REWRITE_WIDE_H
#define TS_COMPILER_REWRITE_WIDE_H

#include "compiler/rewrite/twins.h"

/* The halves, both u32, in the value's shape. */
typedef struct ts_wide {
    ts_value *low, *high;
} ts_wide;

/* Whether the value is a 64-bit integer with rank left for an axis of halves. */
bool ts_is_wide(const ts_value *value);
/* Conversions between a 64-bit value and its halves. */
ts_wide ts_wide_split(ts_maker *m, ts_value *value);
ts_value *ts_wide_join(ts_maker *m, ts_wide w, const ts_type *type);

/* A splat. `of` is any value of the shape; its dtype is ignored. */
ts_wide ts_wide_number(ts_maker *m, const ts_value *of, uint64_t number);
ts_wide ts_wide_add(ts_maker *m, ts_wide a, ts_wide b);
ts_wide ts_wide_subtract(ts_maker *m, ts_wide a, ts_wide b);
ts_wide ts_wide_multiply(ts_maker *m, ts_wide a, ts_wide b);
/* The quotient, rounded towards 0, or with wants_rest the remainder, which has the dividend's sign. */
ts_wide ts_wide_divide(ts_maker *m, ts_wide a, ts_wide b, bool is_signed, bool wants_rest);
ts_wide ts_wide_negate(ts_maker *m, ts_wide a);
ts_wide ts_wide_bits(ts_maker *m, ts_hlo kind, ts_wide a, ts_wide b); /* and, or, xor */
ts_wide ts_wide_select(ts_maker *m, ts_value *predicate, ts_wide yes, ts_wide no);
/* `direction` is one of the six directions of compare. */
ts_value *ts_wide_compare(ts_maker *m, const char *direction, ts_wide a, ts_wide b, bool is_signed);
ts_value *ts_wide_is_negative(ts_maker *m, ts_wide a);
/* shift_left, shift_right_logical or shift_right_arithmetic by u32 counts; 64 or more shifts all bits out. */
ts_wide ts_wide_shift(ts_maker *m, ts_hlo kind, ts_wide a, ts_value *count);
ts_value *ts_wide_leading_zeros(ts_maker *m, ts_wide a); /* u32 */

/* Conversions. `type` has the result's dtype and the operand's shape. Words are i1 and integers of at most 32
   bits. To a float rounds to nearest even; from a float saturates. */
ts_wide ts_wide_of_word(ts_maker *m, ts_value *a);
ts_value *ts_wide_to_word(ts_maker *m, ts_wide a, const ts_type *type);
ts_wide ts_wide_of_float(ts_maker *m, ts_value *a, bool is_signed);
ts_value *ts_wide_to_float(ts_maker *m, ts_wide a, bool is_signed, const ts_type *type);

/* An i32 that can replace the number where only clamping, or being outside the 32-bit range, matters. */
ts_value *ts_wide_saturate(ts_maker *m, ts_wide a, bool is_signed);

#endif

/* Complex numbers as two arrays of fp32, real and imaginary parts: the arithmetic that passes use to build
   them. The engines have no complex type. */
#ifndef TS_COMPILER_REWRITE_COMPLEX_H
#define TS_COMPILER_REWRITE_COMPLEX_H

#include "compiler/rewrite/twins.h"

/* Both f32, of the value's shape. */
typedef struct ts_complex {
    ts_value *re, *im;
} ts_complex;

/* Whether the value is of c64 with rank left for an axis of parts. */
bool ts_is_complex(const ts_value *value);
/* The type of each part: f32. */
ts_type ts_complex_part(const ts_type *type);
/* Conversions between a value and its parts. Splitting a joined value returns its parts without adding ops; a
   real value has an imaginary part of 0. */
ts_complex ts_complex_split(ts_maker *m, ts_value *value);
ts_value *ts_complex_join(ts_maker *m, ts_complex a);

/* A splat of f32 in the shape of `of`. */
ts_value *ts_complex_number(ts_maker *m, const ts_value *of, double number);
ts_complex ts_complex_real(ts_maker *m, ts_value *re);
ts_complex ts_complex_add(ts_maker *m, ts_complex a, ts_complex b);
ts_complex ts_complex_subtract(ts_maker *m, ts_complex a, ts_complex b);
ts_complex ts_complex_negate(ts_maker *m, ts_complex a);
ts_complex ts_complex_multiply(ts_maker *m, ts_complex a, ts_complex b);
ts_complex ts_complex_divide(ts_maker *m, ts_complex a, ts_complex b);
ts_complex ts_complex_select(ts_maker *m, ts_value *predicate, ts_complex yes, ts_complex no);
ts_value *ts_complex_is_equal(ts_maker *m, ts_complex a, ts_complex b); /* i1 */
ts_value *ts_complex_abs(ts_maker *m, ts_complex a); /* f32; does not overflow on the way */

/* complex_functions.c: a function of one number, of the kinds that ts_complex_has_function tells; power. */
bool ts_complex_has_function(unsigned kind);
ts_complex ts_complex_function(ts_maker *m, ts_hlo kind, ts_complex a);
ts_complex ts_complex_power(ts_maker *m, ts_complex base, ts_complex exponent);

#endif

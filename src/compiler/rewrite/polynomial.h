/* Small polynomials: a normal form for expressions of sums, differences and products over atoms. */
#ifndef TS_COMPILER_REWRITE_POLYNOMIAL_H
#define TS_COMPILER_REWRITE_POLYNOMIAL_H

#include <stdbool.h>
#include <stdint.h>

/* Most terms of a polynomial, and most distinct atoms of a term. */
enum { TS_POLY_TERMS = 16, TS_POLY_FACTORS = 6 };

typedef struct ts_factor {
    uint32_t atom; /* the caller's number for it */
    int power;
} ts_factor;

/* number * product of powers of atoms, in ascending order of atoms. */
typedef struct ts_poly_term {
    double number;
    int count;
    ts_factor factor[TS_POLY_FACTORS];
} ts_poly_term;

/* A sum of terms that differ in their atoms or powers; no term is 0. */
typedef struct ts_poly {
    int count; /* number of terms; -1 = there was no room for them */
    ts_poly_term term[TS_POLY_TERMS];
} ts_poly;

void ts_poly_number(ts_poly *out, double number);
void ts_poly_atom(ts_poly *out, uint32_t atom);
void ts_poly_copy(ts_poly *out, const ts_poly *from);
/* a += b * scale */
void ts_poly_add(ts_poly *a, const ts_poly *b, double scale);
/* a *= b */
void ts_poly_multiply(ts_poly *a, const ts_poly *b);

/* Whether whole = by * part for some term `by`. Numbers count as equal within the relative `tolerance`. */
bool ts_poly_divide(const ts_poly *whole, const ts_poly *part, double tolerance, ts_poly_term *by);
/* Whether two polynomials are equal, with the same tolerance. */
bool ts_poly_equal(const ts_poly *a, const ts_poly *b, double tolerance);

#endif

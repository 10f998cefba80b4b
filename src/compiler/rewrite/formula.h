/* Formulas of one variable, read from text: the patterns of functions.def. */
#ifndef TS_COMPILER_REWRITE_FORMULA_H
#define TS_COMPILER_REWRITE_FORMULA_H

#include "base/arena.h"
#include "compiler/graph/graph.h"
#include "compiler/rewrite/polynomial.h"

enum { TS_FORMULA_CALLS = 24, TS_FORMULA_X = 0 };

/* An operation that is not a sum or product; its arguments are polynomials. */
typedef struct ts_formula_call {
    ts_hlo kind;
    const char *direction; /* of a compare; otherwise "" */
    int count;
    const ts_poly *arg[3];
} ts_formula_call;

/* A formula is a polynomial in atoms: atom 0 is x, atom i is call i - 1. A call's arguments only use atoms of
   lower number. */
typedef struct ts_formula {
    ts_poly body;
    int count;
    ts_formula_call call[TS_FORMULA_CALLS];
} ts_formula;

/* Parses "name = sum; name = sum; sum" into `arena`. A sum has numbers, x, names defined before, + - *,
   brackets, and calls: operations by their names in hlo.def, and compares by their direction, as in lt(x, 0).
   NULL when the text is not a formula. */
ts_formula *ts_formula_parse(const char *text, ts_arena *arena);

#endif

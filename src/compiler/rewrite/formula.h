/* Formulas of one variable, read from text: the patterns of functions.def. */
#ifndef TS_COMPILER_REWRITE_FORMULA_H
#define TS_COMPILER_REWRITE_FORMULA_H

#include "base/arena.h"
#include "compiler/graph/graph.h"
#include "compiler/rewrite/polynomial.h"

enum { TS_FORMULA_CALLS = 24, TS_FORMULA_X = 0 };

/* An operation of polynomials that is none itself. */
typedef struct ts_formula_call {
    ts_hlo kind;
    const char *direction; /* of a compare; else "" */
    int count;
    const ts_poly *arg[3];
} ts_formula_call;

/* Atom 0 is x, atom i the call i - 1; what a call reads has smaller numbers. */
typedef struct ts_formula {
    ts_poly body;
    int count;
    ts_formula_call call[TS_FORMULA_CALLS];
} ts_formula;

/* "name = sum; name = sum; sum": numbers, x, names given before, + - *, brackets, and calls of operations by
   their names in hlo.def, of compare by its direction: lt(x, 0). NULL when the text is none. */
ts_formula *ts_formula_parse(const char *text, ts_arena *arena);

#endif

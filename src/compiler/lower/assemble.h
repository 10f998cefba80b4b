/* Values put together from pieces in SBUF (lower_assemble.c). */
#ifndef TS_COMPILER_LOWER_ASSEMBLE_H
#define TS_COMPILER_LOWER_ASSEMBLE_H

#include "compiler/lower/lower.h"

enum { TS_MOST_PIECES = 8 };

/* `to` is a part of the whole's view, with `from`'s dims. */
typedef struct ts_piece {
    ts_view to, from;
} ts_piece;

/* The whole, which lies in order in a tensor of its own: `fill`, if any, and then the pieces. False, and
   nothing emitted, where DMAs move the pieces as well. */
bool ts_lower_assemble(ts_lower *lower, const ts_view *whole, const double *fill, const ts_piece *pieces,
                       int count);

#endif

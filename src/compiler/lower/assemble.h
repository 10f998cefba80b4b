/* Concatenations and pads that are assembled in SBUF (lower_assemble.c). */
#ifndef TS_COMPILER_LOWER_ASSEMBLE_H
#define TS_COMPILER_LOWER_ASSEMBLE_H

#include "compiler/lower/lower.h"

enum {
    TS_MOST_PIECES = 8,
    TS_ASSEMBLE_FEWEST = 16384 /* elements; for fewer, the descriptors cost no more than the copies */
};

/* `to` is a part of the whole's view and has the dims of `from`. */
typedef struct ts_piece {
    ts_view to, from;
} ts_piece;

/* Writes `whole`, a contiguous tensor of its own: first `fill`, unless that is NULL, then the pieces. False,
   with nothing emitted, where DMAs alone are as fast. */
bool ts_lower_assemble(ts_lower *lower, const ts_view *whole, const double *fill, const ts_piece *pieces,
                       int count);

#endif

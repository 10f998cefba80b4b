/* Copies that change which axis is contiguous, between the files that make them. */
#ifndef TS_COMPILER_LOWER_TURNED_H
#define TS_COMPILER_LOWER_TURNED_H

#include "compiler/lower/lower.h"

typedef struct ts_turned {
    ts_view
        view[2]; /* destination, source: outer axes, rows, columns; columns are contiguous in the source */
    int rows, columns; /* the axes; rows are contiguous in the destination */
} ts_turned;

/* By TensorE, bit for bit: elements of at most 4 bytes. */
void ts_lower_turned(ts_lower *lower, const ts_turned *t);

#endif

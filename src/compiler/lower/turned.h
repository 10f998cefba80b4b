/* Copies that change which axis is contiguous, shared by the files that make them. */
#ifndef TS_COMPILER_LOWER_TURNED_H
#define TS_COMPILER_LOWER_TURNED_H

#include "compiler/lower/lower.h"

typedef struct ts_turned {
    ts_view view[2];   /* destination and source, with axes: outer ones, rows, columns. Columns are contiguous
                          in the source */
    int rows, columns; /* axis numbers; rows are contiguous in the destination */
} ts_turned;

/* Makes the copy on TensorE, bit for bit. Elements have at most 4 bytes. */
void ts_lower_turned(ts_lower *lower, const ts_turned *t);

#endif

/* Scatters, shared by the file that lays them out and the one that sums repeated rows. */
#ifndef TS_COMPILER_LOWER_LOWER_SCATTER_H
#define TS_COMPILER_LOWER_LOWER_SCATTER_H

#include "compiler/lower/lower_index.h"

typedef struct ts_scatter {
    ts_indexed x; /* plain = updates, indexed = result */
    const ts_op_node *op;
    ts_alu alu;     /* operator that combines; bypass: updates replace */
    bool is_unique; /* the program guarantees that no row repeats */
} ts_scatter;

/* Whether every row number is exact in fp32, which ts_scatter_sum needs to compare rows. `x` must be
   prepared. */
bool ts_scatter_can_sum(const ts_scatter *s);
/* The engine's operator by which a scatter combines; false if its function is not one. */
bool ts_scatter_alu(const ts_op_node *op, ts_alu *alu);
/* Adds float updates whose rows may repeat: within 128 rows TensorE sums equal ones, then an accumulating DMA
   adds one of each to memory. */
ts_status ts_scatter_sum(ts_scatter *s);

#endif

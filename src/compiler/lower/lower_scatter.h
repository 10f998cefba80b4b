/* Scatters between the file that lays them out and the one that sums repeated rows. */
#ifndef TS_COMPILER_LOWER_LOWER_SCATTER_H
#define TS_COMPILER_LOWER_LOWER_SCATTER_H

#include "compiler/lower/lower_index.h"

typedef struct ts_scatter {
    ts_indexed x; /* plain = updates, indexed = result */
    const ts_op_node *op;
    ts_alu alu;     /* bypass: updates replace */
    bool is_unique; /* the program says that no row repeats */
} ts_scatter;

/* Whether every row number is exact in fp32, as summing by comparison needs; x must be prepared. */
bool ts_scatter_can_sum(const ts_scatter *s);
/* The operator of the engines that a scatter combines by; false: another function. */
bool ts_scatter_alu(const ts_op_node *op, ts_alu *alu);
/* Adds float updates whose rows may repeat: within 128 rows equal ones are summed by TensorE, then one
   of each goes to memory in an accumulating DMA. */
ts_status ts_scatter_sum(ts_scatter *s);

#endif

/* Collectives: operations in which the NeuronCores that run a program take part together. A program of R
   replicas and P partitions has R * P ranks; partition p of replica r is rank r * P + p. */
#ifndef TS_COMPILER_GRAPH_COLLECTIVE_H
#define TS_COMPILER_GRAPH_COLLECTIVE_H

#include "arch/isa.h"
#include "compiler/graph/graph.h"

/* Sets the module's replicas and partitions from its attributes. `replicas` is used if the module names none.
   ts_unsupported for more than TS_MAX_RANKS ranks, and for a partitioned program whose types are still
   global. */
ts_status ts_module_find_ranks(ts_module *module, uint32_t replicas, ts_diag *diag);
static inline uint32_t ts_module_ranks(const ts_module *module) {
    return module->replicas * module->partitions;
}

bool ts_hlo_is_collective(unsigned kind);

/* The groups of a collective. Each row lists the ranks of one group in the order of their parts; for a
   permute, a source and its target. */
typedef struct ts_groups {
    int rows, size;
    int64_t *rank; /* [rows, size]; shorter rows are filled with -1 at the end */
} ts_groups;
/* The number of ranks in a row. */
int ts_groups_in_row(const ts_groups *groups, int row);
/* Reads the groups of an op as the user wrote it: StableHLO has four ways to name the members. `rank` is
   allocated in `arena`. Fails when the members do not make sense for the op. */
ts_status ts_groups_find(const ts_module *module, const ts_op_node *op, ts_arena *arena, ts_groups *groups,
                         ts_diag *diag);
/* Reads the groups of an op that ts_expand_ranks has rewritten, from its attribute `ranks`. */
ts_groups ts_groups_of(const ts_op_node *op, ts_arena *arena);

#endif

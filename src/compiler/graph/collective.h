/* Collectives: what the NeuronCores that run a program do together. A program of R replicas and P partitions
   has R * P ranks; replica r's partition p is rank r * P + p. */
#ifndef TS_COMPILER_GRAPH_COLLECTIVE_H
#define TS_COMPILER_GRAPH_COLLECTIVE_H

#include "arch/isa.h"
#include "compiler/graph/graph.h"

/* Sets the module's replicas and partitions from its attributes. Refuses a program whose types are not those
   of one rank. */
ts_status ts_module_find_ranks(ts_module *module, uint32_t replicas, ts_diag *diag);
static inline uint32_t ts_module_ranks(const ts_module *module) {
    return module->replicas * module->partitions;
}

bool ts_hlo_is_collective(unsigned kind);

/* Who exchanges with whom: each row the ranks of a group, in the order of their parts; of a permute a source
   and its target. */
typedef struct ts_groups {
    int rows, size;
    int64_t *rank; /* [rows, size]; what a shorter row lacks is -1, at its end */
} ts_groups;
int ts_groups_in_row(const ts_groups *groups, int row);
/* Of an op as the user wrote it, with StableHLO's four ways to name the members. */
ts_status ts_groups_find(const ts_module *module, const ts_op_node *op, ts_arena *arena, ts_groups *groups,
                         ts_diag *diag);
/* Of an op that ts_expand_collectives left: its attribute `ranks`. */
ts_groups ts_groups_of(const ts_op_node *op, ts_arena *arena);

#endif

/* What a collective costs when nothing else runs: which algorithm moves how many bytes over which links of
   the torus of the instance's chips. Waiting and contention are added by the clock. */
#ifndef TS_ARCH_COLLECTIVE_COST_H
#define TS_ARCH_COLLECTIVE_COST_H

#include "arch/cost.h"

typedef enum ts_cc_algorithm {
    ts_cc_alone,  /* groups of one rank: a copy */
    ts_cc_mesh,   /* every chip sends to every other chip, then the cores of a chip to each other */
    ts_cc_ring,   /* chunks travel from rank to rank, over as many disjoint rings as there are */
    ts_cc_direct, /* every rank sends each other rank its part */
    ts_cc_algorithm_count
} ts_cc_algorithm;
const char *ts_cc_algorithm_name(unsigned algorithm);

/* What dominates the time of a collective. */
typedef enum ts_cc_limit {
    ts_cc_limit_latency, /* start and hops */
    ts_cc_limit_rank,    /* what one rank sends */
    ts_cc_limit_link,    /* the busiest link between two chips, in one direction */
    ts_cc_limit_count
} ts_cc_limit;
const char *ts_cc_limit_name(unsigned limit);

/* Which bytes go where. Depends on the shapes of groups, not on rates. */
typedef struct ts_cc_plan {
    uint8_t algorithm;
    int32_t groups, members; /* members of the largest group */
    int32_t chips;           /* chips that the largest group lies on */
    int32_t steps;           /* sequential steps of one hop each */
    int32_t channels;        /* rings used at once */
    int64_t message;         /* the size that chooses the algorithm: bytes of the larger operand */
    double remote, local;    /* most bytes that a rank sends: while links carry some of them; then within the
                                chip */
    double link;             /* over the busiest link, of all groups together */
    double crossing;         /* that a rank sends to other chips, averaged over the ranks */
    double hbm_read, hbm_write; /* bytes of a rank's HBM traffic */
} ts_cc_plan;

/* ts_unsupported or ts_input unless the chip's largest instance has a core for each rank of the program. */
ts_status ts_cc_check(const ts_program *program, const ts_chip *chip, ts_diag *diag);
/* Fills the plan. The chip gives the largest message for the mesh and the shape of the torus. */
void ts_cc_plan_make(const ts_program *program, const ts_inst_collective *inst, const ts_chip *chip,
                     ts_cc_plan *plan);

typedef struct ts_cc_cost {
    ts_time latency, move; /* their sum is the collective's time when it runs alone */
    uint8_t limit;         /* ts_cc_limit */
} ts_cc_cost;
/* The time that a plan takes on a chip when nothing else runs. */
ts_cc_cost ts_cc_cost_of(const ts_cc_plan *plan, const ts_chip *chip);

#endif

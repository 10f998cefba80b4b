/* What a collective takes when nothing else runs: which algorithm moves how many bytes over what, found link
   by link on the torus of the instance's chips. Waiting and contention are the clock's business. */
#ifndef TS_ARCH_COLLECTIVE_COST_H
#define TS_ARCH_COLLECTIVE_COST_H

#include "arch/cost.h"

typedef enum ts_cc_algorithm {
    ts_cc_alone,  /* groups of one rank: a copy */
    ts_cc_mesh,   /* every chip sends to every other one, then cores of a chip to each other */
    ts_cc_ring,   /* a part goes from rank to rank, over as many rings as there are disjoint ones */
    ts_cc_direct, /* every rank sends what is another one's to that one */
    ts_cc_algorithm_count
} ts_cc_algorithm;
const char *ts_cc_algorithm_name(unsigned algorithm);

/* What its time is mostly. */
typedef enum ts_cc_limit {
    ts_cc_limit_latency, /* start and hops */
    ts_cc_limit_rank,    /* what one rank sends */
    ts_cc_limit_link,    /* the busiest link between two chips, in one direction */
    ts_cc_limit_count
} ts_cc_limit;
const char *ts_cc_limit_name(unsigned limit);

/* Which bytes go where; shapes of groups, not rates, decide it. */
typedef struct ts_cc_plan {
    uint8_t algorithm;
    int32_t groups, members; /* members of the largest group */
    int32_t chips;           /* that the largest group lies on */
    int32_t steps;           /* one after the other, of a hop each */
    int32_t channels;        /* rings at once */
    int64_t message;         /* bytes by which bands are chosen: of the operand that has all parts */
    double remote, local; /* bytes that a rank sends at most: while links carry some of it, and after that */
    double link;          /* over the busiest link, all groups together */
    double crossing;      /* bytes that a rank sends to other chips, the mean of all */
    double hbm_read, hbm_write; /* of a rank's HBM */
} ts_cc_plan;

/* Whether the chip's largest instance has as many cores as the program has ranks. */
ts_status ts_cc_check(const ts_program *program, const ts_chip *chip, ts_diag *diag);
/* The chip says how many bytes the mesh is for and where its neighbours are. */
void ts_cc_plan_make(const ts_program *program, const ts_inst_collective *inst, const ts_chip *chip,
                     ts_cc_plan *plan);

typedef struct ts_cc_cost {
    ts_time latency, move; /* its time alone is their sum */
    uint8_t limit;         /* ts_cc_limit */
} ts_cc_cost;
ts_cc_cost ts_cc_cost_of(const ts_cc_plan *plan, const ts_chip *chip);

#endif

/* The machine's inside: what one chip and each of its NeuronCores hold. Private to src/machine. */
#ifndef TS_MACHINE_CORE_H
#define TS_MACHINE_CORE_H

#include <pthread.h>

#include "machine/machine.h"

/* One on-chip memory: `partitions` rows of `bytes`, `pitch` host bytes apart. The pitch is padded so that
   the rows of one column do not share a cache set. */
typedef struct ts_memory {
    uint8_t *data;
    int64_t partitions, bytes, pitch;
    bool is_poisoned; /* what the run in progress has not set reads as NaN */
    uint8_t *set;     /* then: of each line of TS_LINE bytes, how many from its start on are set (unset.c) */
} ts_memory;
enum { TS_LINE = 64 };

/* Copies of sources that the destination of the same instruction overlaps, one for each source operand; the
   last is working space of transposes and matmuls. */
enum { TS_SHADOWS = 5, TS_WORKSPACE = TS_SHADOWS - 1 };

typedef struct ts_segment ts_segment;
typedef struct ts_deferrals ts_deferrals;
typedef struct ts_packed ts_packed;

typedef struct ts_core {
    pthread_mutex_t lock; /* held by the run that uses the core */
    ts_memory sbuf, psum;
    ts_memory accumulators;       /* in each partition an fp32 number of VectorE, then ScalarE */
    ts_memory shadow[TS_SHADOWS]; /* SBUF-sized, touched only when an instruction needs it */
    float *stationary, *moving;   /* a matmul's operands where they need a copy */
    /* Words packed for a kernel of gemm.h: by shares of rows, a panel's room for each TS_LEAST_ROWS of the
       result, then by shares of columns, a whole operand's room for each panel. */
    uint32_t *stationary_packed, *moving_packed;
    int64_t panel_room, rows_room, operand_room; /* words: of a panel, of all rows, of a whole operand */
    ts_segment *segment;                         /* instructions that wait (segment.h) */
    ts_deferrals *deferrals;                     /* moves that are put off (deferred.h) */
    ts_packed *packed;                           /* operands that are kept so (packed.h) */
    uint64_t runs;                               /* begun */
    uint32_t seed[2];                            /* of VectorE's random numbers */
    uint64_t draws;                              /* since it was set */
} ts_core;

/* Free range of one core's HBM stack; the list is in address order and no two holes touch. */
typedef struct ts_hole {
    struct ts_hole *next;
    uint64_t address, bytes;
} ts_hole;

typedef struct ts_stack {
    ts_hole *holes;
    uint64_t base, capacity, in_use, peak, allocations;
} ts_stack;

/* What ts_hbm_alloc hands out, with its place in the list of live extents. */
typedef struct ts_extent_node {
    ts_extent extent;
    uint64_t reserved; /* modelled bytes taken from the stack */
    uint64_t mapped;   /* bytes of the private mapping behind host; 0 = imported or from malloc */
    ts_hole *spare;    /* becomes the hole that freeing may leave, so that freeing cannot fail */
    struct ts_extent_node *next, *previous;
} ts_extent_node;

typedef struct ts_hbm {
    pthread_mutex_t lock;
    ts_stack *stacks; /* one a core */
    ts_extent_node *live;
} ts_hbm;

struct ts_machine {
    ts_chip chip;
    ts_pool *pool;
    ts_isa best_isa; /* of the host */
    int core_count;
    ts_core *cores;
    ts_hbm hbm;
};

/* Begins a run in which nothing is set yet, or one that finds what the last left (unset.c). */
void ts_unset_begin(ts_memory *memory, bool is_poisoned);
/* An operand meets the bytes [low, high) of some partitions: what is not set of them becomes NaN. */
void ts_unset_meet(ts_memory *memory, int64_t low, int64_t high);
/* An instruction will set the bytes [low, high) of `parts` partitions from `part` on, whatever it reads: what
   it leaves of their lines becomes NaN where it is not set. ts_unset_end follows once its operands are known.
 */
void ts_unset_write(ts_memory *memory, int64_t part, int64_t parts, int64_t low, int64_t high);
void ts_unset_end(ts_memory *memory, int64_t low, int64_t high);

/* Zeroed memory of whole pages that costs nothing until touched; NULL when the host refuses. */
void *ts_map(uint64_t bytes);
void ts_unmap(void *data, uint64_t bytes);

ts_status ts_hbm_open(ts_machine *machine, ts_diag *diag);
void ts_hbm_close(ts_machine *machine);

#endif

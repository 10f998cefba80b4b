/* The machine's state: the chip, and each of its NeuronCores. Private to src/machine. */
#ifndef TS_MACHINE_CORE_H
#define TS_MACHINE_CORE_H

#include <pthread.h>

#include "machine/machine.h"

/* One on-chip memory: `partitions` rows of `bytes`, `pitch` host bytes apart. The pitch is padded so that a
   column's bytes in different rows do not share a cache set. */
typedef struct ts_memory {
    uint8_t *data;
    int64_t partitions, bytes, pitch;
    bool is_poisoned; /* bytes that the run in progress has not set read as NaN */
    uint8_t *set;     /* if so: per line of TS_LINE bytes, how many leading bytes are set (unset.c) */
} ts_memory;
enum { TS_LINE = 64 };

/* Shadows hold copies of source operands that overlap the destination of their instruction, one shadow per
   source. The last is the workspace of transposes and matmuls. */
enum { TS_SHADOWS = 5, TS_WORKSPACE = TS_SHADOWS - 1 };

typedef struct ts_segment ts_segment;
typedef struct ts_deferrals ts_deferrals;
typedef struct ts_packed ts_packed;

typedef struct ts_core {
    pthread_mutex_t lock; /* held by the run that uses the core */
    ts_memory sbuf, psum;
    ts_memory accumulators;       /* per partition: VectorE's fp32 accumulator, then ScalarE's */
    ts_memory shadow[TS_SHADOWS]; /* SBUF-sized, touched only when an instruction needs it */
    float *stationary, *moving;   /* copies of a matmul's operands, where it needs them */
    /* Operands packed for a kernel of gemm.h, as words. First the rooms of products cut by rows: a panel for
       each TS_LEAST_ROWS rows of the result. Then those of products cut by columns: a whole stationary
       operand for each product of a segment, a panel of the moving one for each panel of the result. */
    uint32_t *stationary_packed, *moving_packed;
    int64_t panel_room, rows_room, operand_room; /* words: one panel, all cut by rows, a whole operand */
    ts_segment *segment;                         /* instructions that wait to run together (segment.h) */
    ts_deferrals *deferrals; /* moves that are put off, and maybe never made (deferred.h) */
    ts_packed *packed;       /* stationary operands that stay packed (packed.h) */
    uint64_t runs;           /* begun on this core */
    uint32_t seed[2];        /* of VectorE's random number generator */
    uint64_t draws;          /* random instructions since the seed was set */
} ts_core;

/* A free range of one core's HBM stack. The list is in address order, and no two holes touch. */
typedef struct ts_hole {
    struct ts_hole *next;
    uint64_t address, bytes;
} ts_hole;

/* One core's share of HBM; sizes are modelled bytes. */
typedef struct ts_stack {
    ts_hole *holes;
    uint64_t base, capacity, in_use, peak, allocations;
} ts_stack;

/* What ts_hbm_alloc hands out, linked into the list of live extents. */
typedef struct ts_extent_node {
    ts_extent extent;
    uint64_t reserved; /* modelled bytes taken from the stack */
    uint64_t mapped;   /* bytes of the private mapping behind host; 0 = imported or from malloc */
    ts_hole *spare;    /* a hole allocated beforehand, so that freeing cannot fail */
    struct ts_extent_node *next, *previous;
} ts_extent_node;

typedef struct ts_hbm {
    pthread_mutex_t lock;
    ts_stack *stacks; /* one per core */
    ts_extent_node *live;
} ts_hbm;

struct ts_machine {
    ts_chip chip;
    ts_pool *pool;
    ts_isa best_isa; /* best level of the host's CPU */
    int core_count;
    ts_core *cores;
    ts_hbm hbm;
};

/* Begins a run: with is_poisoned nothing counts as set; without it, the memory is as the last run left it
   (unset.c). */
void ts_unset_begin(ts_memory *memory, bool is_poisoned);
/* An operand is about to touch the bytes [low, high) of some partitions: those that are not set become
   NaN. */
void ts_unset_meet(ts_memory *memory, int64_t low, int64_t high);
/* An instruction is about to overwrite the bytes [low, high) of `parts` partitions from `part` on. Bytes that
   are not set become NaN where it leaves them alone: before `low` in its first line, and in the other
   partitions. ts_unset_end follows once the operands are known. */
void ts_unset_write(ts_memory *memory, int64_t part, int64_t parts, int64_t low, int64_t high);
/* The bytes [low, high) count as set from now on. */
void ts_unset_end(ts_memory *memory, int64_t low, int64_t high);

/* Zeroed whole pages, which take no host memory until they are touched; NULL when the host refuses. */
void *ts_map(uint64_t bytes);
void ts_unmap(void *data, uint64_t bytes);

/* Sets up a machine's HBM, and frees it with every extent that is still live. */
ts_status ts_hbm_open(ts_machine *machine, ts_diag *diag);
void ts_hbm_close(ts_machine *machine);

#endif

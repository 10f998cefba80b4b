/* ts_record: what happened when the clock ran a program. Filled by machine/clock.c, read by the
   report, the CLI and trainstone.last_run(). */
#ifndef TS_ARCH_RECORD_H
#define TS_ARCH_RECORD_H

#include "arch/cost.h"

/* What an instant of the step is charged to: walking back from the end, every picosecond goes to
   exactly one of these, so the shares add up to the total. */
typedef enum ts_bound {
    ts_bound_launch,
    ts_bound_tensor,
    ts_bound_vector,
    ts_bound_scalar,
    ts_bound_gpsimd,
    ts_bound_dma_bytes,       /* DMA engines moving payload */
    ts_bound_dma_descriptors, /* DMA engines paying per contiguous run */
    ts_bound_dma_queue,       /* queue floor between instructions of a queue */
    ts_bound_dma_latency,     /* trigger to first byte and completion */
    ts_bound_wait,            /* semaphores and result latency between engines */
    ts_bound_count
} ts_bound;
const char *ts_bound_name(unsigned bound); /* "tensor", "dma_bytes", ... */

/* Totals of one (engine, op, source line). */
typedef struct ts_record_row {
    uint8_t engine;
    uint16_t op;
    uint32_t loc;
    uint64_t count;
    ts_time busy;  /* sum of occupancy (DMA: sum of engine time over DMA engines) */
    ts_time bound; /* time of the step charged to this row on the critical path */
    uint64_t bytes, flops, elems;
} ts_record_row;

typedef struct ts_slice {
    ts_time start, end;
    uint32_t inst; /* position in program->code */
    uint8_t lane;  /* ts_engine, or TS_LANE_QUEUE + queue */
} ts_slice;
enum { TS_LANE_QUEUE = 16 };

typedef struct ts_record {
    ts_arena arena; /* owns the arrays */
    const char *program_name;
    ts_chip chip;
    ts_time total;                 /* launch included */
    ts_time total_low, total_high; /* band from the ranges in chip.def */
    ts_time launch;
    ts_time busy[ts_engine_count]; /* at least one instruction in flight on the engine */
    ts_time dma_busy;              /* at least one DMA engine moving */
    ts_time bound[ts_bound_count]; /* adds up to total */
    uint64_t instructions, dma_transfers, dma_descriptors;
    uint64_t hbm_read_bytes, hbm_write_bytes;
    uint64_t model_flops;             /* of the source program */
    uint64_t pe_flops;                /* 2KMN of executed nc_matmul, but for: */
    uint64_t pe_selection_flops;      /* those that select and sum rows by zeros and ones */
    uint64_t elems, off_engine_elems; /* elements written; by gpsimd_* and host_* routines */
    uint64_t conservative_waits;      /* dependences decided by bounding box */
    uint64_t skipped_iterations;      /* steady state multiplied instead of stepped */
    uint64_t assumed_trips;           /* of loops that data ends, timed without data; 0 = nothing assumed */
    TS_VEC(ts_record_row) rows;       /* most busy first */
    TS_VEC(ts_slice) slices;          /* the first `slice cap` of them, in start order */
    bool slices_truncated;
    TS_VEC(int) assumptions; /* ts_param indices of `assumed` rows that this run leaned on */
} ts_record;
void ts_record_free(ts_record *record); /* frees what it owns, not the struct */

/* Routines beside the documented instruction set: names that start with gpsimd_ or host_. */
bool ts_op_is_off_engine(unsigned op);

/* Model FLOPs utilisation against the bf16 peak, 0..1 (profile-schema-reference.rst:3684). */
double ts_record_mfu(const ts_record *record);
/* The bound with the largest share. */
ts_bound ts_record_bottleneck(const ts_record *record);
/* One JSON object: the dict of trainstone.last_run(). instance may be NULL (then no cost). */
void ts_record_json(const ts_record *record, const ts_program *program, const ts_instance *instance,
                    ts_text *out);
/* Short terminal text: time, bound, busy engines, lines that cost most, cost, assumptions. */
void ts_record_summary(const ts_record *record, const ts_program *program, const ts_instance *instance,
                       ts_text *out);

#endif

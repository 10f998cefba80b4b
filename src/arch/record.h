/* ts_record: what happened when the clock ran a program. Filled by clock/clock.c, read by the
   report, the CLI and trainstone.last_run(). */
#ifndef TS_ARCH_RECORD_H
#define TS_ARCH_RECORD_H

#include "arch/cost.h"
#include "base/host.h"

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
    ts_bound_collective,      /* collectives between cores, from their trigger to the last byte */
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
    ts_time busy;                   /* sum of occupancy (DMA: sum of engine time over DMA engines) */
    ts_time bound;                  /* time of the step charged to this row on the critical path */
    ts_time bounds[ts_bound_count]; /* the same by cause; adds up to `bound` */
    uint64_t bytes, flops, elems;
    uint64_t descriptors, hbm_bytes; /* of DMAs */
} ts_record_row;

/* What an instruction waited for last. */
typedef enum ts_waited {
    ts_waited_nothing, /* its engine was free no earlier */
    ts_waited_port,    /* another engine on its port to SBUF or PSUM */
    ts_waited_result,  /* an instruction: `after` */
    ts_waited_dma,     /* a transfer: `after` */
    ts_waited_queue    /* DMA: its queue and its engines, since the trigger */
} ts_waited;

typedef struct ts_slice {
    ts_time start, end;
    ts_time wait;      /* since its engine, or its trigger, was ready for it */
    uint32_t inst;     /* position in program->code */
    uint32_t sequence; /* of the execution, from 1; one instruction has one number on all its lanes */
    uint32_t after;    /* sequence of what it waited for; 0 = none */
    uint8_t lane;      /* ts_engine, TS_LANE_COLLECTIVE or TS_LANE_QUEUE + queue */
    uint8_t waited;    /* ts_waited */
} ts_slice;
enum { TS_LANE_COLLECTIVE = 15, TS_LANE_QUEUE = 16 };

/* The timeline in equal bins. */
typedef struct ts_series {
    ts_time width;                  /* of a bin, a power of two */
    uint32_t count;                 /* bins in use; 0 = not asked for */
    ts_time *busy[ts_engine_count]; /* time that an engine is busy in each bin; ts_engine_none: all DMA
                                       engines, added up */
    ts_time *transposes;            /* of TensorE's, what turns operands and multiplies nothing */
    ts_time *collectives;           /* time that the stream of collectives is at work */
    ts_time *bound[ts_bound_count]; /* time of the critical path; adds up to the bin's width */
    uint64_t *hbm_bytes;
} ts_series;

/* A stretch of the critical path. */
typedef struct ts_path_step {
    ts_time start, end;
    uint32_t loc;
    uint16_t op;
    uint8_t engine, bound;
} ts_path_step;

/* What became of one code position. */
typedef struct ts_life {
    ts_time first, last;   /* first start, last end; last 0 = never */
    uint64_t count, bytes; /* executions; bytes that a DMA moved */
} ts_life;

/* Totals of what a loop holds, inner loops apart. */
typedef struct ts_record_loop {
    uint64_t entries, trips; /* times entered, trips of all of them */
    uint64_t instructions;
    ts_time bound; /* of the step's time */
} ts_record_loop;

typedef struct ts_record_queue {
    uint8_t queue;
    uint32_t engines; /* bit per ts_engine that triggered transfers on it */
    uint64_t transfers, descriptors, bytes;
    uint64_t held; /* transfers that the queue's floor delayed */
} ts_record_queue;

/* Descriptors of 2^i to 2^(i+1)-1 bytes. */
enum { TS_DMA_SIZES = 24, TS_RECORD_WHAT_IFS = 30 };
typedef struct ts_record_size {
    uint64_t descriptors, bytes;
    ts_time time, descriptor_time; /* of DMA engines; that of descriptors is part of it */
} ts_record_size;

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
    ts_time
        other_core; /* of it, what the other core's work holds that ran along: HBM that was busy. Of no row */
    uint64_t instructions, dma_transfers, dma_descriptors;
    uint32_t ranks; /* NeuronCores that run the program together; the record is that of each */
    uint64_t collectives;
    uint64_t collective_bytes; /* their messages: of the operand that has all parts */
    uint64_t link_bytes;       /* what the core sends to other chips, the mean of all ranks */
    ts_time collective_busy;   /* the stream of collectives at work */
    uint64_t hbm_read_bytes, hbm_write_bytes;
    uint64_t model_flops;        /* of the source program */
    uint64_t pe_flops;           /* 2KMN of executed nc_matmul, but for: */
    uint64_t pe_selection_flops; /* those that select and sum rows by zeros and ones */
    uint64_t pe_transpose_flops; /* of transposes on TensorE, products with the identity */
    uint64_t pe_fp32_flops, pe_fp32_transpose_flops; /* of the three together and of the last, in fp32 */
    uint64_t elems, off_engine_elems;                /* elements written; by gpsimd_* and host_* routines */
    uint64_t conservative_waits;                     /* dependences decided by bounding box */
    uint64_t skipped_iterations;                     /* steady state multiplied instead of stepped */
    uint64_t skipped_instructions;                   /* of those trips */
    uint64_t assumed_trips;     /* of loops that data ends, timed without data; 0 = nothing assumed */
    TS_VEC(ts_record_row) rows; /* most busy first */
    TS_VEC(ts_slice) slices;    /* the first `slice cap` of them, in start order */
    bool slices_truncated;
    uint64_t sbuf_read_bytes, sbuf_write_bytes, psum_read_bytes, psum_write_bytes;
    uint64_t psum_to_sbuf_instructions,
        psum_to_sbuf_bytes; /* those that read PSUM and write SBUF, bytes written */
    ts_record_size sizes[TS_DMA_SIZES];
    TS_VEC(ts_record_queue) queues; /* those used, by number */
    TS_VEC(ts_record_loop) loops;   /* one a loop of the program */
    TS_VEC(ts_life) lives;          /* one a code position; empty unless bins were asked for */
    ts_series series;
    TS_VEC(ts_path_step) path; /* the critical path in order of time, when asked for */
    bool path_is_coarse;       /* stretches of it are shown by their shares, not by their order */
    bool path_truncated;
    ts_host host; /* which kernels compute the values; isa auto: none did, the clock ran alone */
    ts_time what_if[TS_RECORD_WHAT_IFS]; /* totals of the what-ifs that the run was asked for */
    TS_VEC(int) assumptions;             /* ts_param indices of `assumed` rows that this run leaned on */
} ts_record;
void ts_record_free(ts_record *record); /* frees what it owns, not the struct */

/* Routines beside the documented instruction set: names that start with gpsimd_ or host_. */
bool ts_op_is_off_engine(unsigned op);

/* Model FLOPs utilisation against the bf16 peak, 0..1 (profile-schema-reference.rst:3684). */
double ts_record_mfu(const ts_record *record);
/* The bound with the largest share. */
ts_bound ts_record_bottleneck(const ts_record *record);
/* ts_unspecified, naming what was assumed, when the time leans on a row that no document gives. */
ts_status ts_record_require_sources(const ts_record *record, ts_diag *diag);
/* One JSON object: the dict of trainstone.last_run(). instance may be NULL (then no cost). */
void ts_record_json(const ts_record *record, const ts_program *program, const ts_instance *instance,
                    ts_text *out);

#endif

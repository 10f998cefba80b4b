/* ts_record: what happened when the clock ran a program. Filled by clock/clock.c; read by the report, the CLI
   and trainstone.last_run(). Times are picoseconds. */
#ifndef TS_ARCH_RECORD_H
#define TS_ARCH_RECORD_H

#include "arch/cost.h"
#include "base/host.h"

/* The causes of a step's time. Walking the critical path back from the end, every picosecond is charged to
   exactly one of these, so their shares add up to the total. */
typedef enum ts_bound {
    ts_bound_launch,
    ts_bound_tensor,
    ts_bound_vector,
    ts_bound_scalar,
    ts_bound_gpsimd,
    ts_bound_dma_bytes,       /* DMA engines moving payload */
    ts_bound_dma_descriptors, /* DMA engines paying the fixed cost of each contiguous run */
    ts_bound_dma_queue,       /* minimum interval between instructions of one queue */
    ts_bound_dma_latency,     /* from the trigger to the first byte, and completion */
    ts_bound_collective,      /* collectives between cores, from their trigger to the last byte */
    ts_bound_wait,            /* semaphores and result latency between engines */
    ts_bound_count
} ts_bound;
const char *ts_bound_name(unsigned bound); /* "tensor", "dma_bytes", ... */

/* Totals of all executions of one op on one engine from one source line. */
typedef struct ts_record_row {
    uint8_t engine;
    uint16_t op;
    uint32_t loc;
    uint64_t count;
    ts_time busy;                   /* sum of occupancies; of a DMA, summed over the DMA engines */
    ts_time bound;                  /* time of the step charged to this row on the critical path */
    ts_time bounds[ts_bound_count]; /* the same by cause; they add up to `bound` */
    uint64_t bytes, flops, elems;
    uint64_t descriptors, hbm_bytes; /* DMA only */
} ts_record_row;

/* What an instruction waited for last before it started. */
typedef enum ts_waited {
    ts_waited_nothing, /* its engine became free no earlier */
    ts_waited_port,    /* another engine that used the same port of SBUF or PSUM */
    ts_waited_result,  /* an earlier instruction's result: `after` */
    ts_waited_dma,     /* a transfer: `after` */
    ts_waited_queue    /* DMA: the queue and the DMA engines, since the trigger */
} ts_waited;

typedef struct ts_slice {
    ts_time start, end;
    ts_time wait;      /* from when its engine was free, or its trigger done, to `start` */
    uint32_t inst;     /* position in program->code */
    uint32_t sequence; /* number of the execution, from 1; the same on all lanes that it occupies */
    uint32_t after;    /* sequence of the execution it waited for; 0: none */
    uint8_t lane;      /* ts_engine, TS_LANE_COLLECTIVE or TS_LANE_QUEUE + queue */
    uint8_t waited;    /* ts_waited */
} ts_slice;
enum { TS_LANE_COLLECTIVE = 15, TS_LANE_QUEUE = 16 };

/* The timeline in bins of equal width. */
typedef struct ts_series {
    ts_time width;                  /* of a bin in picoseconds, a power of two */
    uint32_t count;                 /* bins in use; 0: bins were not asked for */
    ts_time *busy[ts_engine_count]; /* of each engine in each bin; ts_engine_none: summed over all DMA
                                       engines */
    ts_time *transposes;            /* the part of TensorE's that transposes operands */
    ts_time *collectives;           /* time in which the collectives' stream is busy */
    ts_time *bound[ts_bound_count]; /* time of the critical path by cause; the causes add up to the width */
    uint64_t *hbm_bytes;
} ts_series;

/* One stretch of the critical path. */
typedef struct ts_path_step {
    ts_time start, end;
    uint32_t loc;
    uint16_t op;
    uint8_t engine, bound;
} ts_path_step;

/* All executions of one code position. */
typedef struct ts_life {
    ts_time first, last;   /* first start and last end; last 0: never executed */
    uint64_t count, bytes; /* bytes: moved, if it is a DMA */
} ts_life;

/* Totals of a loop's own instructions, without those of inner loops. */
typedef struct ts_record_loop {
    uint64_t entries, trips; /* times entered, and trips of all entries together */
    uint64_t instructions;
    ts_time bound; /* time of the step charged to them */
} ts_record_loop;

typedef struct ts_record_queue {
    uint8_t queue;
    uint32_t engines; /* one bit for each ts_engine that triggered transfers on the queue */
    uint64_t transfers, descriptors, bytes;
    uint64_t held; /* transfers delayed by the queue's minimum interval */
} ts_record_queue;

/* Descriptors by size: element i of ts_record.sizes holds those of 2^i to 2^(i+1)-1 bytes. */
enum { TS_DMA_SIZES = 24, TS_RECORD_WHAT_IFS = 30 };
typedef struct ts_record_size {
    uint64_t descriptors, bytes;
    ts_time time, descriptor_time; /* time of the DMA engines; descriptor_time is the part of it that is a
                                      fixed cost per descriptor */
} ts_record_size;

typedef struct ts_record {
    ts_arena arena; /* owns the arrays */
    const char *program_name;
    ts_chip chip;
    ts_time total;                 /* of the step, including launch */
    ts_time total_low, total_high; /* the band, from the ranges in chip.def */
    ts_time launch;
    ts_time busy[ts_engine_count]; /* time with at least one instruction in flight on the engine */
    ts_time dma_busy;              /* time with at least one DMA engine moving bytes */
    ts_time bound[ts_bound_count]; /* adds up to total */
    ts_time other_core; /* the part of `total` spent waiting for HBM while the other core's program used it;
                           charged to no row */
    uint64_t instructions, dma_transfers, dma_descriptors;
    uint32_t ranks; /* NeuronCores that run the program together; the record holds for each of them */
    uint64_t collectives;
    uint64_t collective_bytes; /* sum of their messages: bytes of the larger of the two operands */
    uint64_t link_bytes;       /* bytes that the core sends to other chips, averaged over the ranks */
    ts_time collective_busy;   /* time in which the collectives' stream is busy */
    uint64_t hbm_read_bytes, hbm_write_bytes;
    uint64_t model_flops;        /* of the source program: 2 x multiply-adds of its dots and convolutions */
    uint64_t pe_flops;           /* 2KMN of each executed nc_matmul, except: */
    uint64_t pe_selection_flops; /* those with a stationary operand of zeros and ones, which select and sum
                                    rows */
    uint64_t pe_transpose_flops; /* of transposes on TensorE, which are products with the identity */
    uint64_t pe_fp32_flops, pe_fp32_transpose_flops; /* fp32 part of all three, and of the transposes */
    uint64_t elems, off_engine_elems;                /* elements written in all, and by gpsimd_*, host_* */
    uint64_t conservative_waits;                     /* dependences decided by bounding boxes only */
    uint64_t skipped_iterations;                     /* trips in steady state, extrapolated */
    uint64_t skipped_instructions;                   /* instructions in those trips */
    uint64_t assumed_trips;     /* trips assumed for loops that data ends, timed without the data; 0: none */
    TS_VEC(ts_record_row) rows; /* busiest first */
    TS_VEC(ts_slice) slices;    /* in order of start, as many as the caller allowed */
    bool slices_truncated;
    uint64_t sbuf_read_bytes, sbuf_write_bytes, psum_read_bytes, psum_write_bytes;
    uint64_t psum_to_sbuf_instructions, /* that read PSUM and write SBUF, */
        psum_to_sbuf_bytes;             /* and the bytes they write */
    ts_record_size sizes[TS_DMA_SIZES];
    TS_VEC(ts_record_queue) queues; /* the queues that were used, by number */
    TS_VEC(ts_record_loop) loops;   /* one for each loop of the program */
    TS_VEC(ts_life) lives;          /* one for each code position; empty unless bins were asked for */
    ts_series series;
    TS_VEC(ts_path_step) path; /* the critical path in order of time, if it was asked for */
    bool path_is_coarse;       /* stretches of extrapolated trips are given by their shares, not in order */
    bool path_truncated;
    ts_host host; /* the host's kernels that computed the values; isa auto: none, only the clock ran */
    ts_time what_if[TS_RECORD_WHAT_IFS]; /* totals of the what-if chips that the run was asked for */
    TS_VEC(int) assumptions;             /* ts_param indices of the `assumed` rows that this run used */
} ts_record;
void ts_record_free(ts_record *record); /* Frees what the record owns, not the struct. */

/* Whether the op is a routine outside of the documented instruction set; their names start with gpsimd_ or
   host_. */
bool ts_op_is_off_engine(unsigned op);

/* Model FLOPs utilisation, 0..1, against the chip's bf16 peak (profile-schema-reference.rst:3684). */
double ts_record_mfu(const ts_record *record);
/* TFLOP/s of the matmuls that were executed, transposes and selections aside. */
double ts_record_tflops(const ts_record *record);
/* The cause with the largest share of the total. */
ts_bound ts_record_bottleneck(const ts_record *record);
/* Fails with ts_unspecified, naming the assumptions, when the time depends on rows that no document gives. */
ts_status ts_record_require_sources(const ts_record *record, ts_diag *diag);
/* Appends one JSON object, the dict of trainstone.last_run(). instance may be NULL, which leaves out the
   cost. */
void ts_record_json(const ts_record *record, const ts_program *program, const ts_instance *instance,
                    ts_text *out);

#endif

/* What one instruction costs on its engine when nothing else runs: a pure function of instruction, operands
   and chip. Waiting and contention are added by the clock. */
#ifndef TS_ARCH_COST_H
#define TS_ARCH_COST_H

#include "arch/chip.h"
#include "arch/isa.h"

typedef int64_t ts_time; /* picoseconds */

/* All operands of one instruction at one point of the iteration space, in the order of its fields. */
enum { TS_MAX_OPERANDS = 5 };
typedef struct ts_operands {
    int count;
    ts_ref ref[TS_MAX_OPERANDS];
    bool is_write[TS_MAX_OPERANDS]; /* dst and optdst */
    bool is_read[TS_MAX_OPERANDS];  /* src, opt, scalar and index operands; also dst of an op that
                                       accumulates */
    int8_t field[TS_MAX_OPERANDS];  /* index into ts_op_info.fields; an index operand has that of its
                                       operand */
    bool is_skipped;                /* some count is 0, so the instruction does nothing */
} ts_operands;
/* Resolves the operands of an instruction at one point of the iteration space; counters[l] is the trip of
   loop l. */
void ts_inst_operands(const ts_program *program, const ts_inst *inst, const int64_t *counters,
                      ts_operands *operands);

typedef struct ts_cost {
    ts_time occupancy; /* time the engine is busy: formula, minimum interval and issue overhead; of a DMA, the
                          trigger */
    ts_time stream;    /* time of the formula's cycles alone; of a DMA, 0 */
    ts_time latency;   /* from the end of the formula's cycles until other engines can read the result; of a
                          DMA, from the end of the trigger, with idle DMA engines */
    /* DMA only: */
    ts_time descriptor_time, byte_time; /* summed over DMA engines */
    int64_t bytes;                      /* payload: the larger of the two sides */
    int64_t descriptors;                /* contiguous runs, over all DMA engines */
    int32_t dma_engines;                /* DMA engines that share the transfer */
    bool is_turned;                     /* a transposing DMA: all engines share it, whatever its partitions */
    int64_t hbm_read_bytes, hbm_write_bytes;
    int64_t flops;           /* nc_matmul: 2 K M N */
    int64_t selection_flops; /* the part of `flops` whose stationary operand is declared as zeros and ones */
    int64_t transpose_flops; /* nc_transpose on TensorE: flops of its product with the identity */
    bool is_fp32;            /* nc_matmul, nc_transpose: some source is fp32 */
    int64_t elems;           /* elements written */
} ts_cost;
/* Clock rate and fixed cycles of an engine. */
typedef struct ts_engine_cost {
    double ghz;
    double overhead_cycles;  /* added to each instruction's occupancy */
    double latency_cycles;   /* from the formula's end until the result is readable */
    double dependent_cycles; /* from an instruction to a reader of its result on the same engine */
} ts_engine_cost;
ts_engine_cost ts_engine_cost_get(const ts_chip *chip, ts_engine engine);

/* Number of the chip's cores that move bytes through its HBM at once: the ranks of a program do so in
   step. */
double ts_hbm_sharers(const ts_program *program, const ts_chip *chip);

/* Picoseconds of a number of cycles. */
ts_time ts_cycles_time(double cycles, double ghz);

/* The cost of an instruction with resolved operands that is not skipped. */
void ts_inst_cost(const ts_chip *chip, const ts_inst *inst, const ts_operands *operands, ts_cost *cost);
/* The same for each of `count` chips. */
void ts_inst_costs(const ts_chip *chips, int count, const ts_inst *inst, const ts_operands *operands,
                   ts_cost *costs);

#endif

/* What one instruction costs on its engine, alone: a pure function of instruction, operands and chip.
   Waiting and contention are the clock's business. */
#ifndef TS_ARCH_COST_H
#define TS_ARCH_COST_H

#include "arch/chip.h"
#include "arch/isa.h"

typedef int64_t ts_time; /* picoseconds */

/* All operands of one instruction at one point of the iteration space, in field order. */
enum { TS_MAX_OPERANDS = 5 };
typedef struct ts_operands {
    int count;
    ts_ref ref[TS_MAX_OPERANDS];
    bool is_write[TS_MAX_OPERANDS]; /* dst, optdst */
    bool is_read[TS_MAX_OPERANDS];  /* src, opt, scalar APs, index operands; dst of an accumulating op */
    int8_t field[TS_MAX_OPERANDS];  /* index into ts_op_info.fields; index operands: that of their AP */
    bool is_skipped;                /* some count is 0: the instruction does nothing */
} ts_operands;
void ts_inst_operands(const ts_program *program, const ts_inst *inst, const int64_t *counters,
                      ts_operands *operands);

typedef struct ts_cost {
    ts_time occupancy; /* engine busy: cost formula, minimum interval and issue overhead; DMA: the trigger */
    ts_time stream;    /* the formula's cycles alone; DMA: 0 */
    ts_time latency;   /* from end of the formula's cycles to the result being readable elsewhere; DMA: from
                          the end of the trigger, on idle DMA engines */
    /* DMA only */
    ts_time descriptor_time, byte_time; /* summed over DMA engines */
    int64_t bytes;                      /* payload: larger of the two sides */
    int64_t descriptors;                /* contiguous runs, over all engines */
    int32_t dma_engines;                /* engines it is spread over */
    bool is_turned;                     /* all engines share its work, whatever its partitions */
    int64_t hbm_read_bytes, hbm_write_bytes;
    int64_t flops;           /* nc_matmul: 2 K M N */
    int64_t selection_flops; /* the same where the stationary is declared zeros and ones */
    int64_t transpose_flops; /* nc_transpose on TensorE: of its product with the identity */
    bool is_fp32;            /* nc_matmul, nc_transpose: some source is fp32 */
    int64_t elems;           /* elements written */
} ts_cost;
/* Clock and fixed cycles of an engine. */
typedef struct ts_engine_cost {
    double ghz;
    double overhead_cycles;  /* added to each instruction's occupancy */
    double latency_cycles;   /* from the formula's end to the result */
    double dependent_cycles; /* between an instruction and a reader of its result on the same engine */
} ts_engine_cost;
ts_engine_cost ts_engine_cost_get(const ts_chip *chip, ts_engine engine);

/* Cores of a chip that move bytes through its HBM at once: ranks of one program do the same at the same time.
 */
double ts_hbm_sharers(const ts_program *program, const ts_chip *chip);

ts_time ts_cycles_time(double cycles, double ghz);

void ts_inst_cost(const ts_chip *chip, const ts_inst *inst, const ts_operands *operands, ts_cost *cost);
/* The same on each of `count` chips. */
void ts_inst_costs(const ts_chip *chips, int count, const ts_inst *inst, const ts_operands *operands,
                   ts_cost *costs);

#endif

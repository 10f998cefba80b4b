/* The clock: when each instruction of a program would start and end on the chip. Values are not
   needed: time depends on the program alone. Rules R1-R15 are in ARCHITECTURE.md, their numbers in
   chip.def. */
#ifndef TS_MACHINE_CLOCK_H
#define TS_MACHINE_CLOCK_H

#include "arch/record.h"
#include "machine/trace.h"

typedef struct ts_clock_options {
    uint32_t slice_cap;       /* slices kept in the record; 0 = none */
    uint64_t instruction_cap; /* refuse programs that unroll to more; 0 = 1e9 */
    bool band;                /* also clock the low and high corner of the ranges */
    const ts_trace *trace;    /* what each `leave` decides, from a run; NULL = no data: every one-trip loop (a
                                 branch) is entered, every longer loop is left after `trips` */
    uint64_t trips;           /* 0 = 1 */
} ts_clock_options;

/* Fills `record` (zeroed or freed before; caller frees with ts_record_free). */
ts_status ts_clock_run(const ts_program *program, const ts_chip *chip, const ts_clock_options *options,
                       ts_record *record, ts_diag *diag);

#endif

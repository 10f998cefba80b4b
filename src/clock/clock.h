/* The clock: when each instruction of a program would start and end on the chip. Values are not
   needed: time depends on the program alone. Rules R1-R17 are in ARCHITECTURE.md, their numbers in
   chip.def. */
#ifndef TS_CLOCK_CLOCK_H
#define TS_CLOCK_CLOCK_H

#include "arch/record.h"
#include "machine/trace.h"

/* A what-if: the time of the same program, in the same order, on a chip without some limit. Its total never
   exceeds that of the chip asked for, and freeing a bound saves at most the time charged to that bound. */
typedef struct ts_what_if {
    const ts_chip *chip; /* NULL: the one asked for */
    uint32_t free;       /* bits of what takes no time: 1 << ts_bound, and TS_FREE_* */
    /* Factors from 0 to 1 by code position, for part of the instruction's time; NULL: all 1. */
    const float *work;  /* for its own work; 0 also makes its result available at once */
    const float *bytes; /* for the time of a transfer's bytes, but not of its descriptors */
} ts_what_if;
enum {
    TS_FREE_PORTS = 1 << 16,  /* engines do not exclude each other on SBUF and PSUM */
    TS_FREE_REUSE = 1 << 17,  /* nothing waits for earlier accesses before overwriting memory */
    TS_FREE_TABLES = 1 << 18, /* function tables load in no time */
    TS_FREE_CHAINS = 1 << 19  /* an engine does not wait for its own results */
};
enum { TS_WHAT_IFS = TS_RECORD_WHAT_IFS }; /* most what-ifs of one run */

/* A few trips of one loop. If is_on, the record keeps slices of these trips only. */
typedef struct ts_watch {
    bool is_on;
    uint32_t loop;
    uint64_t entry;       /* which entry of the loop, counted from 0 */
    int64_t first, count; /* trips */
} ts_watch;

typedef struct ts_clock_options {
    uint32_t slice_cap;       /* slices kept in the record; 0 = none */
    uint64_t instruction_cap; /* refuse programs that unroll to more; 0 = 1e9 */
    bool band;                /* also clock the low and high ends of the parameters' ranges */
    bool step_all;         /* step every instruction by itself: all trips of loops in a steady state, and the
                              members of bursts */
    const ts_trace *trace; /* what each `leave` decided in a run; NULL = unknown: every one-trip loop (a
                              branch) is entered, and every longer loop is left after `trips` trips */
    uint64_t trips;        /* 0 = 1 */
    uint32_t bins;     /* most bins of the timeline, which then has at least half as many; 0 = no timeline */
    uint32_t path_cap; /* steps of the critical path kept in the record; 0 = none */
    ts_watch watch;
    const ts_what_if *what_ifs; /* at most TS_WHAT_IFS, none with a band; totals go to record->what_if */
    int what_if_count;
} ts_clock_options;

/* The program of one NeuronCore. */
typedef struct ts_clock_core {
    const ts_program *program;
    const ts_clock_options *options; /* NULL: all zero */
    ts_record *record;
} ts_clock_core;
enum { TS_CLOCK_CORES = 2 };

/* Clocks one program on each of `count` cores of a chip, all launched at once. The cores share the chip's
   HBM, whatever sibling_core_idle says. Each core fills its own record, where other_core is the time that it
   waited for the others. All cores need equally many what-ifs, and a band together or not at all.

   Errors: ts_usage for impossible options or core counts, ts_input for a bad program or chip, ts_capacity at
   the instruction cap or without host memory, ts_deadlock if a core_wait has no core_signal. After an error
   the records need not be freed. */
ts_status ts_clock_run_cores(const ts_clock_core *cores, int count, const ts_chip *chip, ts_diag *diag);

/* The same for one core, with the others idle. `record` is overwritten, so it must own nothing; the caller
   frees it with ts_record_free. */
ts_status ts_clock_run(const ts_program *program, const ts_chip *chip, const ts_clock_options *options,
                       ts_record *record, ts_diag *diag);

#endif

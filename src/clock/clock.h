/* The clock: when each instruction of a program would start and end on the chip. Values are not
   needed: time depends on the program alone. Rules R1-R17 are in ARCHITECTURE.md, their numbers in
   chip.def. */
#ifndef TS_CLOCK_CLOCK_H
#define TS_CLOCK_CLOCK_H

#include "arch/record.h"
#include "machine/trace.h"

/* The same program in the same order, with something taken away: no total exceeds that of the chip asked
   for, and a bound that is free gains at most what it bounds. */
typedef struct ts_what_if {
    const ts_chip *chip; /* NULL: the one asked for */
    uint32_t free;       /* bits: 1 << ts_bound, and those below */
    /* Per code position the part of the time that is left, 0 to 1; NULL: all of it. */
    const float *work;  /* of its own work; at 0 the result is there at once, too */
    const float *bytes; /* of what a transfer's bytes take, its descriptors apart */
} ts_what_if;
enum {
    TS_FREE_PORTS = 1 << 16,  /* engines do not exclude each other on SBUF and PSUM */
    TS_FREE_REUSE = 1 << 17,  /* nothing waits until memory may be overwritten */
    TS_FREE_TABLES = 1 << 18, /* function tables load in no time */
    TS_FREE_CHAINS = 1 << 19  /* an engine need not wait for its own last result */
};
enum { TS_WHAT_IFS = TS_RECORD_WHAT_IFS }; /* in one run */

/* Three trips of one loop, say: the only ones that slices are kept of. */
typedef struct ts_watch {
    bool is_on;
    uint32_t loop;
    uint64_t entry; /* which time the loop is entered, from 0 */
    int64_t first, count;
} ts_watch;

typedef struct ts_clock_options {
    uint32_t slice_cap;       /* slices kept in the record; 0 = none */
    uint64_t instruction_cap; /* refuse programs that unroll to more; 0 = 1e9 */
    bool band;                /* also clock the low and high corner of the ranges */
    bool step_all;            /* step every trip, also of loops in a steady state */
    const ts_trace *trace;    /* what each `leave` decides, from a run; NULL = no data: every one-trip loop (a
                                 branch) is entered, every longer loop is left after `trips` */
    uint64_t trips;           /* 0 = 1 */
    uint32_t bins;            /* bins of the timeline, between half as many and these; 0 = none */
    uint32_t path_cap;        /* stretches of the critical path kept; 0 = none */
    ts_watch watch;
    const ts_what_if *what_ifs; /* at most TS_WHAT_IFS, and not with a band; totals in record->what_if */
    int what_if_count;
} ts_clock_options;

/* What one NeuronCore runs. */
typedef struct ts_clock_core {
    const ts_program *program;
    const ts_clock_options *options; /* NULL: none */
    ts_record *record;
} ts_clock_core;
enum { TS_CLOCK_CORES = 2 };

/* One program on each of `count` cores of a chip, all launched at once: they share its HBM, whatever
   sibling_core_idle says. Each has a record; of what a core waits for in another one record->other_core is
   the sum. As many what-ifs for each. */
ts_status ts_clock_run_cores(const ts_clock_core *cores, int count, const ts_chip *chip, ts_diag *diag);

/* One of them, with the others idle. Fills `record` (zeroed or freed before; caller frees with
 * ts_record_free). */
ts_status ts_clock_run(const ts_program *program, const ts_chip *chip, const ts_clock_options *options,
                       ts_record *record, ts_diag *diag);

#endif

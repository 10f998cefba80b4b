/* One chip, running: NeuronCores with SBUF and PSUM, and the HBM they share. Values only; time is
   clock.h. */
#ifndef TS_MACHINE_MACHINE_H
#define TS_MACHINE_MACHINE_H

#include <stdatomic.h>

#include "arch/chip.h"
#include "arch/program.h"
#include "base/host.h"
#include "base/pool.h"
#include "machine/homes.h"
#include "machine/trace.h"
#include "trainstone/trainstone.h"

typedef struct ts_machine ts_machine;

/* The chip is copied; the pool is borrowed and may be NULL. SBUF and PSUM are reserved at the chip's
   size and mapped on first use. */
ts_status ts_machine_new(const ts_chip *chip, ts_pool *pool, ts_machine **machine, ts_diag *diag);
void ts_machine_free(ts_machine *machine);
const ts_chip *ts_machine_chip(const ts_machine *machine);

/* HBM: modelled addresses over host memory. Capacity counts modelled bytes (each stack belongs to
   one core: hbm_bytes / cores); host memory is touched only when used. */
typedef struct ts_extent {
    uint64_t address; /* device address */
    uint64_t bytes;
    void *host;
    bool is_imported; /* host memory of the caller, read-only here */
    int core;
} ts_extent;
typedef struct ts_hbm_stats {
    uint64_t capacity, in_use, peak, largest_free;
    uint64_t allocations;
} ts_hbm_stats;

/* Thread-safe. ts_capacity when the stack of `core` has no hole that large. bytes 0 is allowed.
   Memory starts zeroed. */
ts_status ts_hbm_alloc(ts_machine *machine, int core, uint64_t bytes, ts_extent **extent, ts_diag *diag);
/* Zero-copy: `host` must stay valid and unchanged until ts_hbm_free. */
ts_status ts_hbm_import(ts_machine *machine, int core, const void *host, uint64_t bytes, ts_extent **extent,
                        ts_diag *diag);
void ts_hbm_free(ts_machine *machine, ts_extent *extent);
void ts_hbm_get_stats(ts_machine *machine, int core, ts_hbm_stats *stats);

/* Where programs that run at once wait for each other (meeting.c): two on the cores of one chip, or one on
   all of its ranks. */
typedef struct ts_meeting ts_meeting;
ts_meeting *ts_meeting_new(int members); /* NULL: no host memory, or not 1 to TS_MAX_RANKS */
void ts_meeting_free(ts_meeting *meeting);
/* A member has ended, or will not come at all: nobody waits for it. A run does it by itself. Returns its
   status, or, when it failed only because another member had gone, that of the first that failed, and in
   diag its story. */
ts_status ts_meeting_leave(ts_meeting *meeting, int member, ts_status status, ts_diag *diag);

/* The same among processes of this host, for one program after the other: its members are in several of them,
   and who ends well comes again with the next program. A failure is every member's, from then on; and so is
   the end of a process. Memory that they share is made once, its file handed to all (shared.c), and opened by
   each. */
typedef struct ts_shared ts_shared;
typedef struct ts_shared_place {
    int process, processes; /* which of how many */
    int members;            /* of all processes */
} ts_shared_place;
ts_status ts_shared_make(int *file, ts_diag *diag);
/* Takes the file over, unless it fails. ts_usage: another process is that number. */
ts_status ts_shared_open(int file, const ts_shared_place *place, ts_shared **shared, ts_diag *diag);
void ts_shared_close(ts_shared *shared);
/* Sleeps a little unless all processes are there; *missing: the first that is not, or -1. ts_deadlock: one
 * has ended. */
ts_status ts_shared_all_there(ts_shared *shared, int *missing, ts_diag *diag);
/* Takes `shared` over; NULL, and it is closed, when the host has no memory. */
ts_meeting *ts_meeting_of_processes(ts_shared *shared);

/* What a run needs besides the program. data[t] is the host memory of program tensor t, at least
   tensor.bytes long; constants may be left NULL (the program's own bytes are used, read-only). */
typedef struct ts_run {
    int core;
    void *const *data;
    const ts_homes *homes;   /* optional: of the program's tiles. With checks these lie at their addresses */
    bool poison;             /* what the run has not set of SBUF and PSUM is NaN bytes */
    ts_rounding rounding;    /* of what engines and DMA narrow */
    uint32_t rounding_seed;  /* stochastic: the same bits for the same seed and number of runs before */
    ts_host host;            /* which kernels compute on this CPU */
    ts_meeting *meeting;     /* NULL: no other core runs anything that this program waits for */
    int member;              /* of the meeting: the rank, or 0 or 1 of a pair */
    ts_host_call *host_call; /* NULL: a program that makes one fails */
    const atomic_bool *cancel;  /* optional: checked between instructions -> ts_cancelled */
    struct ts_run_stats *stats; /* optional, filled */
    atomic_uint_fast64_t *done; /* optional: instructions executed so far, for others to look at */
    struct ts_checks *checks;   /* optional, new: what they find is added (check.h) */
    ts_trace *trace;            /* optional: what each `leave` decides is added */
} ts_run;

typedef struct ts_run_stats {
    uint64_t instructions;       /* executed, loop marks and `leave` not counted */
    uint64_t pe_flops;           /* 2KMN of nc_matmul, but for: */
    uint64_t pe_selection_flops; /* those whose stationary is declared zeros and ones */
} ts_run_stats;

/* Executes the program on one core, in program order. The program must have passed
   ts_program_verify. Each core runs one program at a time (a second caller waits); the cores may
   run in parallel from a thread each, and the ranks of a program must. Same bits for any pool size. */
ts_status ts_machine_run(ts_machine *machine, const ts_program *program, const ts_run *run, ts_diag *diag);

#endif

/* One chip, running: NeuronCores with SBUF and PSUM, and the HBM they share. It computes values only; clock.h
   computes time. */
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

/* The chip is copied; the pool is borrowed and may be NULL. SBUF and PSUM are reserved at the chip's size and
   mapped on first use. ts_input for a chip whose sizes are no sizes, ts_system without host memory. */
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

/* Allocates zeroed HBM in the stack of `core`; 0 bytes are allowed. ts_hbm_free frees *extent. Thread-safe.
   ts_capacity when the stack has no hole that large. */
ts_status ts_hbm_alloc(ts_machine *machine, int core, uint64_t bytes, ts_extent **extent, ts_diag *diag);
/* The same for host memory of the caller, without a copy: `host` must stay valid and unchanged until
   ts_hbm_free. */
ts_status ts_hbm_import(ts_machine *machine, int core, const void *host, uint64_t bytes, ts_extent **extent,
                        ts_diag *diag);
void ts_hbm_free(ts_machine *machine, ts_extent *extent);
void ts_hbm_get_stats(ts_machine *machine, int core, ts_hbm_stats *stats);

/* Where programs that run at the same time wait for each other (meeting.c): two on the cores of one chip, or
   one on all of its ranks. */
typedef struct ts_meeting ts_meeting;
ts_meeting *ts_meeting_new(int members); /* NULL: no host memory, or members is not 1 to TS_MAX_RANKS */
void ts_meeting_free(ts_meeting *meeting);
/* A member has ended, or will not come at all: nobody waits for it any more. ts_machine_run calls this
   itself. Returns `status`; but if that member failed only because another one had gone, the status of the
   first that failed, whose message goes to diag. */
ts_status ts_meeting_leave(ts_meeting *meeting, int member, ts_status status, ts_diag *diag);

/* A meeting whose members are in several processes of this host, for one program after the other: a member
   whose program ended well comes again with the next one. A failure of one member, or the end of a process,
   is from then on a failure of all. The processes share memory: one of them makes it, its file goes to all
   (shared.c), and each opens it. */
typedef struct ts_shared ts_shared;
typedef struct ts_shared_place {
    int process, processes; /* number of this process, and how many there are */
    int members;            /* in all processes together */
} ts_shared_place;
/* Makes the memory. *file is a descriptor that the caller hands on, or closes. ts_system when there is
   none. */
ts_status ts_shared_make(int *file, ts_diag *diag);
/* Opens the memory in this process; closes the file in the end, unless opening fails. ts_usage: another
   process has that number. */
ts_status ts_shared_open(int file, const ts_shared_place *place, ts_shared **shared, ts_diag *diag);
void ts_shared_close(ts_shared *shared);
/* Returns at once when all processes are there, and else after a short sleep. *missing: the first process
   that is not there yet, or -1. ts_deadlock: a process has ended. */
ts_status ts_shared_all_there(ts_shared *shared, int *missing, ts_diag *diag);
/* The meeting owns `shared` from then on. NULL without host memory; `shared` is then closed. */
ts_meeting *ts_meeting_of_processes(ts_shared *shared);

/* What a run needs besides the program. data[t] is the host memory of program tensor t, at least
   tensor.bytes long; constants may be left NULL (the program's own bytes are used, read-only). */
typedef struct ts_run {
    int core;
    void *const *data;
    const ts_homes *homes;      /* optional: homes of the program's tiles; not used with checks */
    bool poison;                /* bytes of SBUF and PSUM that the run has not set read as NaN */
    ts_rounding rounding;       /* how engines and DMAs round when they narrow */
    uint32_t rounding_seed;     /* stochastic: equal bits for equal seeds and numbers of earlier runs */
    ts_host host;               /* which kernels compute on this CPU */
    ts_meeting *meeting;        /* NULL: no other core runs anything that this program waits for */
    int member;                 /* of the meeting: the rank, or 0 or 1 of a pair */
    ts_host_call *host_call;    /* NULL: a program that calls the host fails */
    const atomic_bool *cancel;  /* optional: checked between instructions -> ts_cancelled */
    struct ts_run_stats *stats; /* optional, filled */
    atomic_uint_fast64_t *done; /* optional: instructions begun so far, for other threads to read */
    struct ts_checks *checks;   /* optional, not used before: receives what checks find (check.h) */
    ts_trace *trace;            /* optional: receives what each `leave` decides */
} ts_run;

typedef struct ts_run_stats {
    uint64_t instructions;       /* executed, loop marks and `leave` not counted */
    uint64_t pe_flops;           /* 2KMN of each nc_matmul, except */
    uint64_t pe_selection_flops; /* those whose stationary operand is declared zeros and ones */
} ts_run_stats;

/* Executes the program on one core, in program order. The program must have passed
   ts_program_verify. Each core runs one program at a time (a second caller waits); the cores may
   run in parallel from a thread each, and the ranks of a program must. Same bits for any pool size. */
ts_status ts_machine_run(ts_machine *machine, const ts_program *program, const ts_run *run, ts_diag *diag);

#endif

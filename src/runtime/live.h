/* Live status: a page of counters about what this process runs on the modelled chip, in a file of the user's
   own folder. `trainstone top` reads the pages of all processes. */
#ifndef TS_RUNTIME_LIVE_H
#define TS_RUNTIME_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/chip.h"
#include "arch/record.h"

enum { TS_LIVE_CORES = 64, TS_LIVE_NAME = 64, TS_LIVE_COMMAND = 160, TS_LIVE_FOLDER = 512 };

/* One NeuronCore. The thread that runs on it writes the counters; anyone may read them at any time. */
typedef struct ts_live_core {
    atomic_uint_fast64_t change;        /* odd while the fields below are being changed as a group */
    char program[TS_LIVE_NAME];         /* the program that is running or ran last; "" before the first */
    uint64_t begun_ns;                  /* CLOCK_MONOTONIC at the start of the current run; 0: none */
    uint64_t run_instructions;          /* of one run of the program; 0: not known yet */
    uint64_t program_runs, program_ns;  /* consecutive runs of this program that ended, and their host time */
    int64_t run_ps;                     /* predicted time of one run; 0: not clocked */
    uint32_t share[ts_engine_count];    /* predicted busy share in millionths; ts_engine_none: DMA */
    uint32_t mfu;                       /* in millionths */
    atomic_uint_fast64_t done;          /* instructions executed in the current run */
    atomic_uint_fast64_t runs, busy_ns; /* of all programs: runs that ended, and their host time */
    atomic_int_fast64_t predicted_ps;   /* predicted time of those runs whose program was clocked */
    atomic_uint_fast64_t hbm_bytes, hbm_capacity;
} ts_live_core;

typedef struct ts_live_page {
    char magic[8]; /* TS_LIVE_MAGIC, written last */
    uint32_t size; /* of this structure; pages of builds with another size are ignored */
    int32_t process;
    int64_t started; /* CLOCK_MONOTONIC, ns */
    char command[TS_LIVE_COMMAND], instance[32];
    int32_t first_core, cores;
    atomic_uint_fast64_t compiled, compiling_ns; /* compilations that ended; start of the current one, or 0 */
    ts_live_core core[TS_LIVE_CORES];
} ts_live_page;
#define TS_LIVE_MAGIC "TSLIVE1"

typedef struct ts_live ts_live;

/* Makes the page and its file. When the file cannot be made, or `folder` is "", the page exists in memory
   only. NULL when there is no memory; the other functions accept NULL. `folder` must belong to this user and
   be writable by nobody else. */
ts_live *ts_live_new(const char *folder, const char *instance, int first_core, int cores);
void ts_live_free(ts_live *live);
const ts_live_page *ts_live_get(const ts_live *live);

/* Notes that a compilation begins or ends. */
void ts_live_compile(ts_live *live, bool is_begin);
/* Between ts_live_begin and ts_live_end the core runs the program. Returns the counter of executed
   instructions, or NULL. */
atomic_uint_fast64_t *ts_live_begin(ts_live *live, int core, const char *program, uint64_t instructions);
void ts_live_end(ts_live *live, int core, uint64_t instructions, const ts_record *record, uint64_t hbm_bytes,
                 uint64_t hbm_capacity);

/* Takes a consistent copy of one core's counters. */
void ts_live_read(const ts_live_core *core, ts_live_core *copy);
/* Appends a page as one JSON object. */
void ts_live_json(const ts_live_page *page, ts_text *out);

/* Calls `use` for every page in the folder whose process is alive, and removes the pages of dead
   processes. */
typedef void ts_live_use(const ts_live_page *page, void *context);
void ts_live_visit(const char *folder, ts_live_use *use, void *context);

uint64_t ts_live_now(void); /* CLOCK_MONOTONIC, ns */

#endif

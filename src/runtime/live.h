/* What this process runs on the modelled chip, for others to watch: a page of counters in a file of the
   user's own folder, which trainstone top reads. */
#ifndef TS_RUNTIME_LIVE_H
#define TS_RUNTIME_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/chip.h"
#include "arch/record.h"

enum { TS_LIVE_CORES = 64, TS_LIVE_NAME = 64, TS_LIVE_COMMAND = 160, TS_LIVE_FOLDER = 512 };

/* One NeuronCore. Every counter is written by the thread that runs it and may be read at any time. */
typedef struct ts_live_core {
    atomic_uint_fast64_t change;        /* odd while the fields below are being changed together */
    char program[TS_LIVE_NAME];         /* the one under way, or the last one; "" before any */
    uint64_t begun_ns;                  /* CLOCK_MONOTONIC when the run under way began; 0: none is */
    uint64_t run_instructions;          /* of one run of the program; 0: not known yet */
    uint64_t program_runs, program_ns;  /* runs of it that ended one after the other, and their host time */
    int64_t run_ps;                     /* predicted, of one run; 0: not clocked */
    uint32_t share[ts_engine_count];    /* predicted: busy in each million; ts_engine_none: DMA */
    uint32_t mfu;                       /* in each million */
    atomic_uint_fast64_t done;          /* instructions executed of the run under way */
    atomic_uint_fast64_t runs, busy_ns; /* of all programs: runs that ended, and their host time */
    atomic_int_fast64_t predicted_ps;   /* of those runs whose program was clocked */
    atomic_uint_fast64_t hbm_bytes, hbm_capacity;
} ts_live_core;

typedef struct ts_live_page {
    char magic[8]; /* TS_LIVE_MAGIC, written last */
    uint32_t size; /* of this structure: another build's page is not read */
    int32_t process;
    int64_t started; /* CLOCK_MONOTONIC, ns */
    char command[TS_LIVE_COMMAND], instance[32];
    int32_t first_core, cores;
    atomic_uint_fast64_t compiled,
        compiling_ns; /* compilations that ended; since when one is under way, or 0 */
    ts_live_core core[TS_LIVE_CORES];
} ts_live_page;
#define TS_LIVE_MAGIC "TSLIVE1"

typedef struct ts_live ts_live;

/* Never fails: without the folder, or with "", the page lies in memory alone. NULL without memory, which the
   other functions take. `folder` belongs to this user and to nobody else. */
ts_live *ts_live_new(const char *folder, const char *instance, int first_core, int cores);
void ts_live_free(ts_live *live);
const ts_live_page *ts_live_get(const ts_live *live);

void ts_live_compile(ts_live *live, bool is_begin);
/* Between begin and end the core runs the program; returns the counter of the instructions done, or NULL. */
atomic_uint_fast64_t *ts_live_begin(ts_live *live, int core, const char *program, uint64_t instructions);
void ts_live_end(ts_live *live, int core, uint64_t instructions, const ts_record *record, uint64_t hbm_bytes,
                 uint64_t hbm_capacity);

/* A consistent copy of one core's counters. */
void ts_live_read(const ts_live_core *core, ts_live_core *copy);
/* One JSON object of a page. */
void ts_live_json(const ts_live_page *page, ts_text *out);

/* Calls `use` for every page of a folder whose process lives; removes those that dead ones left. */
typedef void ts_live_use(const ts_live_page *page, void *context);
void ts_live_visit(const char *folder, ts_live_use *use, void *context);

uint64_t ts_live_now(void); /* CLOCK_MONOTONIC, ns */

#endif

/* The modelled instance in this process: chips with their NeuronCores, and the host's thread pool. The PJRT
   plugin, the command and the NKI interface each begin by making one. */
#ifndef TS_RUNTIME_RUNTIME_H
#define TS_RUNTIME_RUNTIME_H

#include "arch/chip.h"
#include "compiler/compile.h"
#include "machine/machine.h"
#include "runtime/live.h"
#include "runtime/program_cache.h"
#include "runtime/scratch.h"

typedef struct ts_runtime ts_runtime;

/* Processes of this host that run programs together, each with a range of consecutive cores of the
   instance. */
typedef struct ts_processes {
    int index, count;            /* index: of this process; count 0: a single process */
    int begin[TS_MAX_RANKS + 1]; /* process p has devices [begin[p], begin[p + 1]) of all */
    const char *root;            /* the address by which they find each other */
} ts_processes;

/* Zero-initialise for the defaults. Strings are borrowed until ts_runtime_new returns. */
typedef struct ts_runtime_options {
    const char *instance; /* NULL: "trn1.2xlarge" */
    const char *chip;     /* NULL: the instance's chip; a chip name, or the path of a what-if chip file */
    const char *out;      /* folder for a record of every program that runs; NULL: none */
    const char *cache;    /* folder of compiled programs, shared with other processes; NULL: none */
    char live[TS_LIVE_FOLDER]; /* folder of live pages (live.h); "": none */
    int threads;               /* of the host; 0: one for each CPU of this process, or its share of them */
    int devices;               /* NeuronCores used; 0: all from first_device on */
    int first_device;          /* the instance's NeuronCore that becomes device 0 */
    ts_processes processes;    /* `devices` are those of this process */
    ts_host host;              /* which kernels compute the values */
    ts_rounding rounding;
    bool has_rounding_seed; /* false: rounding_seed is taken from the environment */
    uint32_t rounding_seed;
    uint32_t checks; /* checks made in every run (ts_check_parse); findings go to standard error */
    ts_auto_cast auto_cast;
    ts_dtype auto_cast_type; /* ts_dtype_none: bf16 */
} ts_runtime_options;

/* Fills settings that are still 0 or NULL from TRAINSTONE_INSTANCE, TRAINSTONE_CHIP, TRAINSTONE_OUT,
   TRAINSTONE_THREADS, TRAINSTONE_CHECK, TRAINSTONE_REPRO, TRAINSTONE_HOST_ISA, TRAINSTONE_RUNTIME_DIR,
   NEURON_RT_VISIBLE_CORES, NEURON_RT_NUM_CORES, NEURON_RT_STOCHASTIC_ROUNDING_EN and _SEED,
   NEURON_COMPILE_CACHE_URL, and --auto-cast and --auto-cast-type of NEURON_CC_FLAGS. Strings point into the
   environment. ts_usage for an invalid value, ts_unsupported for a NEURON_RT_* setting that asks for
   behaviour which is not modelled. */
ts_status ts_runtime_options_from_env(ts_runtime_options *options, ts_diag *diag);

/* Reads the processes from NEURON_PJRT_PROCESSES_NUM_DEVICES (or NEURON_PJRT_WORLD_SIZE, with one device
   each), NEURON_PJRT_PROCESS_INDEX and NEURON_RT_ROOT_COMM_ID, and sets which devices this process has if
   there are several. */
ts_status ts_runtime_processes_from_env(ts_runtime_options *options, ts_diag *diag);

/* TRAINSTONE_RUNTIME_DIR, or the user's own folder below XDG_RUNTIME_DIR or /tmp; "" when it is "none" or too
   long. */
void ts_runtime_live_folder(char folder[TS_LIVE_FOLDER]);

/* Makes the runtime of an instance; free it with ts_runtime_free. ts_usage when the instance does not have
   the devices asked for. */
ts_status ts_runtime_new(const ts_runtime_options *options, ts_runtime **runtime, ts_diag *diag);
/* Executables, extents and queues made from the runtime must be gone. */
void ts_runtime_free(ts_runtime *runtime);

const ts_chip *ts_runtime_chip(const ts_runtime *runtime);
ts_pool *ts_runtime_pool(const ts_runtime *runtime);
const ts_instance *ts_runtime_instance(const ts_runtime *runtime);
/* Which kernels compute the values; isa is never ts_isa_auto. */
ts_host ts_runtime_host(const ts_runtime *runtime);
/* How the devices round; and the compile options used when a caller gives none. */
ts_rounding ts_runtime_rounding(const ts_runtime *runtime, uint32_t *seed);
const ts_compile_options *ts_runtime_compile_options(const ts_runtime *runtime);
uint32_t ts_runtime_checks(const ts_runtime *runtime);
ts_program_cache *ts_runtime_program_cache(const ts_runtime *runtime);
const char *ts_runtime_out(const ts_runtime *runtime); /* absolute; NULL: records are not collected */
/* The live page, made by the first call, so that a process that runs nothing leaves no file. May be NULL. */
ts_live *ts_runtime_live(ts_runtime *runtime);
int ts_runtime_devices(const ts_runtime *runtime); /* NeuronCores, numbered chip by chip */
/* The machine (chip) that has a device, and the device's core number on it. */
ts_machine *ts_runtime_machine(const ts_runtime *runtime, int device, int *core);
/* The scratch memory that the device's programs share. */
ts_scratch *ts_runtime_scratch(const ts_runtime *runtime, int device);
/* The chip of the instance that has a device, and the core on it. Devices of other processes are numbered
   relative to this one's: -1 is the device before its first. */
int ts_runtime_chip_number(const ts_runtime *runtime, int device, int *core);

#endif

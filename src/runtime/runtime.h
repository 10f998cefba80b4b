/* The modelled instance in this process: chips with their NeuronCores, and the host's thread pool. What every
   door (PJRT plugin, command) opens first. */
#ifndef TS_RUNTIME_RUNTIME_H
#define TS_RUNTIME_RUNTIME_H

#include "arch/chip.h"
#include "compiler/compile.h"
#include "machine/machine.h"
#include "runtime/live.h"
#include "runtime/program_cache.h"
#include "runtime/scratch.h"

typedef struct ts_runtime ts_runtime;

/* Processes of this host that run programs together, each with neighbouring cores of the instance. */
typedef struct ts_processes {
    int index, count;            /* of this one; count 0: it is alone */
    int begin[TS_MAX_RANKS + 1]; /* process p has devices [begin[p], begin[p + 1]) of all */
    const char *root;            /* what they find each other by */
} ts_processes;

/* Zero-initialise for the defaults. Strings are borrowed until ts_runtime_new returns. */
typedef struct ts_runtime_options {
    const char *instance; /* NULL: "trn1.2xlarge" */
    const char *chip;     /* NULL: the instance's chip; a chip name, or the path of a what-if chip file */
    const char *out;      /* folder for a record of every program that runs; NULL: none */
    const char *cache;    /* folder of compiled programs, shared with other processes; NULL: none */
    char live[TS_LIVE_FOLDER]; /* folder where others see what runs (live.h); "": none */
    int threads;               /* 0: as many as the host has CPUs for this process, or its share of them */
    int devices;               /* 0: every NeuronCore from first_device on; otherwise so many */
    int first_device;          /* the instance's NeuronCore that becomes device 0 */
    ts_processes processes;    /* the devices are this one's */
    ts_host host;              /* which kernels compute */
    ts_rounding rounding;
    bool has_rounding_seed; /* else rounding_seed is to be found out */
    uint32_t rounding_seed;
    uint32_t checks; /* of every run, as ts_check_parse gives them; what they find goes to standard error */
    ts_auto_cast auto_cast;
    ts_dtype auto_cast_type; /* none: bf16 */
} ts_runtime_options;

/* Fills what is still 0 or NULL from TRAINSTONE_INSTANCE, TRAINSTONE_CHIP, TRAINSTONE_OUT,
   TRAINSTONE_THREADS, TRAINSTONE_CHECK, TRAINSTONE_REPRO, TRAINSTONE_HOST_ISA, NEURON_RT_VISIBLE_CORES,
   NEURON_RT_NUM_CORES, NEURON_RT_STOCHASTIC_ROUNDING_EN and _SEED, NEURON_COMPILE_CACHE_URL,
   TRAINSTONE_RUNTIME_DIR, and
   --auto-cast and --auto-cast-type of NEURON_CC_FLAGS. Strings point into the environment. ts_usage for a
   value that is none, ts_unsupported for a setting of NEURON_RT_* that asks for what is not modelled. */
ts_status ts_runtime_options_from_env(ts_runtime_options *options, ts_diag *diag);

/* The processes of NEURON_PJRT_PROCESSES_NUM_DEVICES (or as many as NEURON_PJRT_WORLD_SIZE, of a device
   each), NEURON_PJRT_PROCESS_INDEX and NEURON_RT_ROOT_COMM_ID, and which devices this one has where there are
   several. */
ts_status ts_runtime_processes_from_env(ts_runtime_options *options, ts_diag *diag);

/* The folder of TRAINSTONE_RUNTIME_DIR, else the user's own below XDG_RUNTIME_DIR or /tmp; "" when it is
   "none" or too long. */
void ts_runtime_live_folder(char folder[TS_LIVE_FOLDER]);

ts_status ts_runtime_new(const ts_runtime_options *options, ts_runtime **runtime, ts_diag *diag);
/* Every executable, extent and queue made from it must be gone. */
void ts_runtime_free(ts_runtime *runtime);

const ts_chip *ts_runtime_chip(const ts_runtime *runtime);
ts_pool *ts_runtime_pool(const ts_runtime *runtime);
const ts_instance *ts_runtime_instance(const ts_runtime *runtime);
/* Which kernels compute; its isa is never ts_isa_auto. */
ts_host ts_runtime_host(const ts_runtime *runtime);
/* How its devices round, and how programs are compiled for them where nothing else is asked for. */
ts_rounding ts_runtime_rounding(const ts_runtime *runtime, uint32_t *seed);
const ts_compile_options *ts_runtime_compile_options(const ts_runtime *runtime);
uint32_t ts_runtime_checks(const ts_runtime *runtime);
ts_program_cache *ts_runtime_program_cache(const ts_runtime *runtime);
const char *ts_runtime_out(const ts_runtime *runtime); /* absolute; NULL: records are not collected */
/* The page of what runs, made at the first call: who only looks at programs leaves no file. May be NULL. */
ts_live *ts_runtime_live(ts_runtime *runtime);
int ts_runtime_devices(const ts_runtime *runtime); /* NeuronCores, numbered chip by chip */
/* The chip that carries a device, and the device's core number on it. */
ts_machine *ts_runtime_machine(const ts_runtime *runtime, int device, int *core);
/* What the device's programs use while they run. */
ts_scratch *ts_runtime_scratch(const ts_runtime *runtime, int device);
/* Of a device, or of another process's: -1 is the one before this process's first. The chip of the instance,
   and the core on it. */
int ts_runtime_chip_number(const ts_runtime *runtime, int device, int *core);

#endif

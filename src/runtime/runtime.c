/* Runtime: the instance's chips as machines on one thread pool, and the NeuronCores as numbered devices. */
#include "runtime/runtime.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct ts_runtime {
    const ts_instance *instance;
    ts_chip chip;
    ts_pool *pool;
    ts_machine **machines;    /* NULL where the chip has no visible device */
    ts_scratch *scratches;    /* by device */
    int machine_count, cores; /* chips of the instance; cores of each chip */
    int first_device, devices;
    ts_host host;
    uint32_t checks;
    ts_rounding rounding;
    uint32_t rounding_seed;
    ts_compile_options compile_options;
    ts_program_cache *cache;
    char *out;
    char live_folder[TS_LIVE_FOLDER];
    pthread_mutex_t live_lock;
    bool is_live; /* creating `live` was attempted */
    ts_live *live;
};

static ts_status find_instance(const char *name, const ts_instance **instance, ts_diag *diag) {
    *instance = ts_instance_get(name);
    if (*instance) return ts_ok;
    char names[sizeof diag->remedy] = "";
    size_t length = 0;
    for (int i = 0; i < ts_instance_count() && length < sizeof names; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "",
                                   ts_instance_at(i)->name);
    ts_fail(diag, ts_usage, "no instance is called \"%.60s\"", name);
    ts_diag_remedy(diag, "one of %s", names);
    return ts_usage;
}

/* Finds a chip by name, or by the path of a what-if file. A path has a slash or a dot; names of chips have
   neither. */
static ts_status find_chip(const char *name, const char *instance_chip, ts_chip *chip, ts_diag *diag) {
    if (!name) name = instance_chip;
    if (!strpbrk(name, "/.")) return ts_chip_get(name, chip, diag);
    uint8_t *text = NULL;
    size_t size = 0;
    ts_status read = ts_file_read(name, &text, &size, diag);
    if (read != ts_ok) {
        ts_diag_remedy(diag,
                       "trainstone chip prints such a file; without a dot or slash it is a chip's name");
        return read;
    }
    ts_status status = ts_chip_parse((const char *)text, name, chip, diag);
    free(text);
    return status;
}

static int host_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

/* Checks that all processes' devices, which are consecutive, fit in the instance, given this one's first. */
static ts_status check_processes(const ts_runtime *runtime, const ts_processes *processes, int own_first,
                                 ts_diag *diag) {
    if (processes->count <= 1) return ts_ok;
    const int all = runtime->machine_count * runtime->cores, devices = processes->begin[processes->count];
    const int first = own_first - processes->begin[processes->index];
    const char *name = runtime->instance->name;
    if (first >= 0 && first + devices <= all) return ts_ok;
    if (devices > all) {
        ts_fail(diag, ts_usage, "%d processes have %d NeuronCores together; %s has %d", processes->count,
                devices, name, all);
        ts_diag_remedy(diag, "start fewer, or set TRAINSTONE_INSTANCE to a larger one: trn1.32xlarge has 32");
    } else {
        ts_fail(diag, ts_usage,
                "process %d of %d has NeuronCore %d, so that those of all are %d to %d; %s has 0 to %d",
                processes->index, processes->count, own_first, first, first + devices - 1, name, all - 1);
        ts_diag_remedy(diag, "let NEURON_RT_VISIBLE_CORES be neighbours, in the order of the processes");
    }
    return ts_usage;
}

static ts_status choose_devices(ts_runtime *runtime, const ts_runtime_options *options, ts_diag *diag) {
    int all = runtime->machine_count * runtime->cores, first = options->first_device;
    int count = options->devices ? options->devices : all - first;
    TS_TRY(check_processes(runtime, &options->processes, first, diag));
    if (first < 0 || count < 1 || first + count > all) {
        ts_fail(diag, ts_usage, "cores %d to %d are asked for; %s has %d NeuronCores", first,
                first + count - 1, runtime->instance->name, all);
        ts_diag_remedy(diag, "ask for cores 0 to %d, or set TRAINSTONE_INSTANCE to a larger one", all - 1);
        return ts_usage;
    }
    runtime->first_device = first;
    runtime->devices = count;
    return ts_ok;
}

static ts_status start_machines(ts_runtime *runtime, int threads, ts_diag *diag) {
    TS_TRY(ts_pool_new(threads, &runtime->pool, diag));
    runtime->machines = calloc((size_t)runtime->machine_count, sizeof(ts_machine *));
    if (!runtime->machines) return ts_fail(diag, ts_capacity, "no host memory for the list of chips");
    int last = (runtime->first_device + runtime->devices - 1) / runtime->cores;
    for (int i = runtime->first_device / runtime->cores; i <= last; i++)
        TS_TRY(ts_machine_new(&runtime->chip, runtime->pool, &runtime->machines[i], diag));
    runtime->scratches = calloc((size_t)runtime->devices, sizeof *runtime->scratches);
    if (!runtime->scratches) return ts_fail(diag, ts_capacity, "no host memory for the list of NeuronCores");
    for (int i = 0, core; i < runtime->devices; i++) {
        ts_machine *machine = ts_runtime_machine(runtime, i, &core);
        ts_scratch_init(&runtime->scratches[i], machine, core);
    }
    return ts_ok;
}

static ts_status runtime_start(ts_runtime *runtime, const ts_runtime_options *options, ts_diag *diag) {
    TS_TRY(find_instance(options->instance ? options->instance : "trn1.2xlarge", &runtime->instance, diag));
    TS_TRY(find_chip(options->chip, runtime->instance->chip, &runtime->chip, diag));
    runtime->machine_count = runtime->instance->chips;
    runtime->cores = (int)runtime->chip.cores;
    runtime->host = options->host;
    if (runtime->host.isa == ts_isa_auto) runtime->host.isa = ts_isa_best();
    runtime->checks = options->checks;
    runtime->rounding = options->rounding;
    runtime->rounding_seed = options->rounding_seed;
    runtime->compile_options.auto_cast = options->auto_cast;
    runtime->compile_options.auto_cast_type = options->auto_cast_type;
    if (options->out) TS_TRY(ts_file_folder(options->out, "TRAINSTONE_OUT", &runtime->out, diag));
    memcpy(runtime->live_folder, options->live, sizeof runtime->live_folder);
    ts_program_cache_options cache = {.folder = options->cache};
    TS_TRY(ts_program_cache_new(&runtime->chip, &cache, &runtime->cache, diag));
    TS_TRY(choose_devices(runtime, options, diag));
    const int share = options->processes.count > 1 ? host_cpus() / options->processes.count : host_cpus();
    return start_machines(runtime, options->threads ? options->threads : share > 1 ? share : 1, diag);
}

ts_status ts_runtime_new(const ts_runtime_options *options, ts_runtime **runtime, ts_diag *diag) {
    static const ts_runtime_options defaults = {0};
    *runtime = NULL;
    ts_runtime *made = calloc(1, sizeof *made);
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for the runtime");
    pthread_mutex_init(&made->live_lock, NULL);
    ts_status status = runtime_start(made, options ? options : &defaults, diag);
    if (status != ts_ok) {
        /* An error in the chip's numbers is an error in its file. */
        if (status == ts_input && options->chip) ts_diag_where(diag, options->chip, 0);
        ts_runtime_free(made);
        return status;
    }
    *runtime = made;
    return ts_ok;
}

void ts_runtime_free(ts_runtime *runtime) {
    if (!runtime) return;
    for (int i = 0; runtime->scratches && i < runtime->devices; i++)
        ts_scratch_close(&runtime->scratches[i]);
    free(runtime->scratches);
    for (int i = 0; runtime->machines && i < runtime->machine_count; i++)
        if (runtime->machines[i]) ts_machine_free(runtime->machines[i]);
    free(runtime->machines);
    ts_program_cache_free(runtime->cache);
    free(runtime->out);
    ts_live_free(runtime->live);
    pthread_mutex_destroy(&runtime->live_lock);
    if (runtime->pool) ts_pool_free(runtime->pool);
    free(runtime);
}

const ts_chip *ts_runtime_chip(const ts_runtime *runtime) {
    return &runtime->chip;
}

ts_pool *ts_runtime_pool(const ts_runtime *runtime) {
    return runtime->pool;
}

const ts_instance *ts_runtime_instance(const ts_runtime *runtime) {
    return runtime->instance;
}

ts_host ts_runtime_host(const ts_runtime *runtime) {
    return runtime->host;
}

uint32_t ts_runtime_checks(const ts_runtime *runtime) {
    return runtime->checks;
}

ts_rounding ts_runtime_rounding(const ts_runtime *runtime, uint32_t *seed) {
    *seed = runtime->rounding_seed;
    return runtime->rounding;
}

const ts_compile_options *ts_runtime_compile_options(const ts_runtime *runtime) {
    return &runtime->compile_options;
}

ts_program_cache *ts_runtime_program_cache(const ts_runtime *runtime) {
    return runtime->cache;
}

const char *ts_runtime_out(const ts_runtime *runtime) {
    return runtime->out;
}

ts_live *ts_runtime_live(ts_runtime *runtime) {
    pthread_mutex_lock(&runtime->live_lock);
    if (!runtime->is_live)
        runtime->live = ts_live_new(runtime->live_folder, runtime->instance->name, runtime->first_device,
                                    runtime->devices);
    runtime->is_live = true;
    ts_live *live = runtime->live;
    pthread_mutex_unlock(&runtime->live_lock);
    return live;
}

int ts_runtime_devices(const ts_runtime *runtime) {
    return runtime->devices;
}

ts_machine *ts_runtime_machine(const ts_runtime *runtime, int device, int *core) {
    int number = runtime->first_device + device;
    if (core) *core = number % runtime->cores;
    return runtime->machines[number / runtime->cores];
}

ts_scratch *ts_runtime_scratch(const ts_runtime *runtime, int device) {
    return &runtime->scratches[device];
}

int ts_runtime_chip_number(const ts_runtime *runtime, int device, int *core) {
    *core = (runtime->first_device + device) % runtime->cores;
    return (runtime->first_device + device) / runtime->cores;
}

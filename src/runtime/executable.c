/* Executable: makes a program ready to run on devices, and keeps what outlives a run: constants in HBM,
   records, and homes of tiles. */
#include "runtime/executable.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "arch/isa.h"
#include "clock/clock.h"
#include "runtime/collect.h"
#include "runtime/notice.h"

/* Slices kept for timelines: a few thousand instructions, some hundred KiB. */
enum { SLICE_CAP = 16384 };

/* What a device holds for the executable between runs. */
typedef struct ts_residence {
    pthread_mutex_t lock; /* a device runs the program once at a time */
    ts_extent *extent;    /* space for the constants; NULL until the first run */
    void **data;          /* one pointer for each tensor of the program */
    uint64_t told;        /* hash of the findings written last for this device (notice.h) */
} ts_residence;

/* The record of one control trace. */
typedef struct ts_timing {
    bool is_made, has_trace; /* has_trace false: made before any run */
    ts_trace trace;
    ts_record record;
} ts_timing;

struct ts_executable {
    ts_runtime *runtime; /* NULL after unload */
    const ts_instance *instance;
    ts_chip chip;
    ts_host host;
    ts_shared_program *shared;
    const ts_program *program; /* the program in `shared` */
    int inputs, outputs, devices;
    const ts_tensor **input, **output;
    uint64_t constant_bytes;
    ts_residence *residences;
    pthread_mutex_t homes_lock; /* guards the next two, set by the first run that needs them */
    ts_homes *homes[2];         /* places of tiles in the machine's memory: plain runs, poisoned runs */
    bool has_homes[2];          /* the attempt to make them was made */
    atomic_uint_fast64_t told;  /* hash of the findings written last for any device */
    atomic_int references;
    atomic_bool is_collected, is_clocked;
    atomic_uint_fast64_t run_instructions, run_ns; /* of the last run that ended; host time of all runs */
    bool has_control, calls_host;
    ts_executable *partner;      /* what the chip's other core runs at the same time; NULL: nothing */
    bool is_second;              /* whether it is the second of the pair */
    pthread_mutex_t record_lock; /* guards the fields below */
    bool has_trace;
    ts_trace trace;                /* of the run that ended last */
    ts_timing *timings;            /* a single one without data-dependent control */
    int timing_count, next_timing; /* next_timing is overwritten next */
};

/* Text is printable; the binary forms begin with bytes that are not. */
static bool is_text(const uint8_t *data, size_t size) {
    size_t look = size < 256 ? size : 256;
    for (size_t i = 0; i < look; i++)
        if ((data[i] < 0x20 && data[i] != '\n' && data[i] != '\r' && data[i] != '\t') || data[i] >= 0x7f)
            return false;
    return true;
}

static ts_status read_text(const uint8_t *data, size_t size, const char *path, ts_program **program,
                           ts_diag *diag) {
    if (memchr(data, 0, size)) return ts_fail(diag, ts_input, "%s: a zero byte inside text", path);
    char *text = malloc(size + 1);
    if (!text) return ts_fail(diag, ts_capacity, "%s: no host memory for its %zu bytes", path, size);
    memcpy(text, data, size);
    text[size] = 0;
    ts_status status = ts_program_parse(text, path, program, diag);
    free(text);
    return status;
}

static ts_status read_trn(const uint8_t *data, size_t size, const char *path, const ts_chip *chip,
                          ts_shared_program **shared, ts_diag *diag) {
    ts_program *program = NULL;
    if (is_text(data, size)) {
        TS_TRY(read_text(data, size, path, &program, diag));
    } else {
        ts_status status = ts_program_decode(data, size, &program, diag);
        if (status != ts_ok) ts_diag_where(diag, path, 0);
        TS_TRY(status);
    }
    *shared = ts_shared_program_new(program);
    if (!*shared) return ts_fail(diag, ts_capacity, "%s: no host memory", path);
    return ts_program_verify(program, chip, diag);
}

static ts_status read_program(ts_executable *executable, const uint8_t *data, size_t size, const char *path,
                              const ts_compile_options *options, ts_diag *diag) {
    static const uint8_t bytecode[4] = {'M', 'L', 0xef, 'R'};
    if (size == 0) return ts_fail(diag, ts_input, "%s: empty", path);
    bool is_artifact = size >= 4 && memcmp(data, bytecode, 4) == 0;
    ts_live *live = is_artifact ? ts_runtime_live(executable->runtime) : NULL;
    ts_live_compile(live, true);
    ts_status status = is_artifact
                           ? ts_program_cache_compile(ts_runtime_program_cache(executable->runtime), data,
                                                      size, path, options, &executable->shared, diag)
                           : read_trn(data, size, path, &executable->chip, &executable->shared, diag);
    ts_live_compile(live, false);
    if (executable->shared) executable->program = ts_shared_program_get(executable->shared);
    return status;
}

static ts_status number_tensors(ts_executable *executable, const char *path, ts_diag *diag) {
    const ts_program *program = executable->program;
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        executable->inputs += tensor->kind == ts_tensor_input;
        executable->outputs += tensor->kind == ts_tensor_output;
        if (tensor->kind == ts_tensor_constant) executable->constant_bytes += (tensor->bytes + 63) / 64 * 64;
    }
    executable->input = calloc((size_t)executable->inputs + 1, sizeof *executable->input);
    executable->output = calloc((size_t)executable->outputs + 1, sizeof *executable->output);
    if (!executable->input || !executable->output)
        return ts_fail(diag, ts_capacity, "%s: no host memory for its list of tensors", path);
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        bool is_input = tensor->kind == ts_tensor_input;
        if (!is_input && tensor->kind != ts_tensor_output) continue;
        int count = is_input ? executable->inputs : executable->outputs;
        const ts_tensor **slot = is_input ? executable->input : executable->output;
        if (tensor->number >= (uint32_t)count || slot[tensor->number])
            return ts_fail(diag, ts_input, "%s: its %ss are not numbered 0 to %d once each", path,
                           is_input ? "input" : "output", count - 1);
        slot[tensor->number] = tensor;
    }
    return ts_ok;
}

static ts_status make_timings(ts_executable *executable, const char *path, ts_diag *diag) {
    executable->has_control = ts_program_has(executable->program, ts_op_leave);
    executable->calls_host = ts_program_has(executable->program, ts_op_host_call);
    executable->timing_count = executable->has_control ? TS_EXECUTABLE_RECORDS : 1;
    executable->timings = calloc((size_t)executable->timing_count, sizeof *executable->timings);
    return executable->timings ? ts_ok : ts_fail(diag, ts_capacity, "%s: no host memory", path);
}

static ts_status make_residences(ts_executable *executable, const char *path, ts_diag *diag) {
    executable->residences = calloc((size_t)executable->devices, sizeof *executable->residences);
    if (!executable->residences) return ts_fail(diag, ts_capacity, "%s: no host memory", path);
    for (int i = 0; i < executable->devices; i++)
        pthread_mutex_init(&executable->residences[i].lock, NULL);
    return ts_ok;
}

static ts_executable *new_executable(ts_runtime *runtime) {
    ts_executable *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->runtime = runtime;
    made->instance = ts_runtime_instance(runtime);
    made->chip = *ts_runtime_chip(runtime);
    made->host = ts_runtime_host(runtime);
    made->devices = ts_runtime_devices(runtime);
    atomic_init(&made->references, 1);
    pthread_mutex_init(&made->record_lock, NULL);
    pthread_mutex_init(&made->homes_lock, NULL);
    return made;
}

void ts_executable_share(ts_executable *executable, int cores) {
    executable->chip.hbm_bytes_per_ns /= cores;
}

void ts_executable_pair(ts_executable *first, ts_executable *second) {
    first->partner = second;
    second->partner = first;
    second->is_second = true;
}

/* Finishes an executable once its program is known. */
static ts_status make_ready(ts_executable *made, ts_status status, const char *path,
                            ts_executable **executable, ts_diag *diag) {
    if (status == ts_ok) status = number_tensors(made, path, diag);
    if (status == ts_ok) status = make_residences(made, path, diag);
    if (status == ts_ok) status = make_timings(made, path, diag);
    if (status != ts_ok) {
        ts_executable_release(made);
        return status;
    }
    *executable = made;
    return ts_ok;
}

ts_status ts_executable_load(ts_runtime *runtime, const uint8_t *data, size_t size, const char *path,
                             const ts_compile_options *options, ts_executable **executable, ts_diag *diag) {
    *executable = NULL;
    ts_executable *made = new_executable(runtime);
    if (!made) return ts_fail(diag, ts_capacity, "%s: no host memory", path);
    ts_compile_options merged = *ts_runtime_compile_options(runtime);
    if (options && options->auto_cast == ts_auto_cast_none) {
        merged.replicas = options->replicas;
        merged.dump_pass = options->dump_pass;
        merged.dump = options->dump;
    }
    if (!options || options->auto_cast == ts_auto_cast_none) options = &merged;
    ts_status status = read_program(made, data, size, path, options, diag);
    return make_ready(made, status, path, executable, diag);
}

ts_status ts_executable_new(ts_runtime *runtime, ts_program *program, ts_executable **executable,
                            ts_diag *diag) {
    *executable = NULL;
    const char *name = program->name;
    ts_executable *made = new_executable(runtime);
    ts_shared_program *shared = ts_shared_program_new(program);
    if (!made || !shared) {
        ts_shared_program_release(shared);
        free(made);
        return ts_fail(diag, ts_capacity, "no host memory for a program");
    }
    made->shared = shared;
    made->program = program;
    return make_ready(made, ts_ok, name, executable, diag);
}

ts_status ts_executable_twin(const ts_executable *executable, ts_executable **twin, ts_diag *diag) {
    ts_executable *made = new_executable(executable->runtime);
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for a program");
    made->chip = executable->chip;
    made->shared = ts_shared_program_retain(executable->shared);
    made->program = executable->program;
    return make_ready(made, ts_ok, made->program->name, twin, diag);
}

ts_executable *ts_executable_retain(ts_executable *executable) {
    atomic_fetch_add_explicit(&executable->references, 1, memory_order_relaxed);
    return executable;
}

void ts_executable_unload(ts_executable *executable) {
    for (int i = 0; executable->residences && executable->runtime && i < executable->devices; i++) {
        ts_residence *residence = &executable->residences[i];
        if (residence->extent) {
            ts_hbm_free(ts_runtime_machine(executable->runtime, i, NULL), residence->extent);
            ts_scratch_leave(ts_runtime_scratch(executable->runtime, i), executable->program->scratch_bytes);
        }
        free(residence->data);
        residence->extent = NULL;
        residence->data = NULL;
    }
    for (int is_poisoned = 0; is_poisoned < 2; is_poisoned++) {
        ts_homes_free(executable->homes[is_poisoned]);
        executable->homes[is_poisoned] = NULL;
    }
    executable->runtime = NULL;
    if (executable->partner) executable->partner->partner = NULL;
    executable->partner = NULL;
}

static void forget_timing(ts_timing *timing) {
    if (timing->is_made) ts_record_free(&timing->record);
    ts_trace_free(&timing->trace);
    *timing = (ts_timing){0};
}

void ts_executable_release(ts_executable *executable) {
    if (!executable || atomic_fetch_sub_explicit(&executable->references, 1, memory_order_acq_rel) != 1)
        return;
    ts_executable_unload(executable);
    for (int i = 0; executable->residences && i < executable->devices; i++)
        pthread_mutex_destroy(&executable->residences[i].lock);
    free(executable->residences);
    for (int i = 0; executable->timings && i < executable->timing_count; i++)
        forget_timing(&executable->timings[i]);
    free(executable->timings);
    ts_trace_free(&executable->trace);
    ts_shared_program_release(executable->shared);
    free(executable->input);
    free(executable->output);
    pthread_mutex_destroy(&executable->record_lock);
    pthread_mutex_destroy(&executable->homes_lock);
    free(executable);
}

const ts_program *ts_executable_program(const ts_executable *executable) {
    return executable->program;
}

bool ts_executable_has_control(const ts_executable *executable) {
    return executable->has_control;
}

bool ts_executable_calls_host(const ts_executable *executable) {
    return executable->calls_host;
}

const ts_instance *ts_executable_instance(const ts_executable *executable) {
    return executable->instance;
}

int ts_executable_inputs(const ts_executable *executable) {
    return executable->inputs;
}

int ts_executable_outputs(const ts_executable *executable) {
    return executable->outputs;
}

const ts_tensor *ts_executable_input(const ts_executable *executable, int number) {
    return executable->input[number];
}

const ts_tensor *ts_executable_output(const ts_executable *executable, int number) {
    return executable->output[number];
}

static ts_status make_timing(ts_executable *executable, ts_timing *timing, ts_diag *diag) {
    ts_clock_options options = {.slice_cap = SLICE_CAP, .band = true};
    forget_timing(timing);
    if (executable->has_trace && !ts_trace_copy(&timing->trace, &executable->trace))
        return ts_fail(diag, ts_system, "no host memory for a control trace");
    timing->has_trace = executable->has_trace;
    if (timing->has_trace) options.trace = &timing->trace;
    ts_record other = {0};
    const ts_executable *partner = executable->partner;
    const int own = partner && executable->is_second;
    ts_clock_core cores[2];
    cores[own] = (ts_clock_core){executable->program, &options, &timing->record};
    if (partner) cores[1 - own] = (ts_clock_core){partner->program, &options, &other};
    ts_status status = ts_clock_run_cores(cores, partner ? 2 : 1, &executable->chip, diag);
    if (partner) ts_record_free(&other);
    timing->is_made = status == ts_ok;
    timing->record.host = executable->host;
    return status;
}

/* The timing of the latest trace, or NULL. The lock is held. */
static ts_timing *find_timing(ts_executable *executable) {
    for (int i = 0; i < executable->timing_count; i++) {
        ts_timing *timing = &executable->timings[i];
        if (timing->is_made && timing->has_trace == executable->has_trace &&
            ts_trace_equal(&timing->trace, &executable->trace))
            return timing;
    }
    return NULL;
}

ts_status ts_executable_record(ts_executable *executable, const ts_record **record, ts_diag *diag) {
    ts_status status = ts_ok;
    pthread_mutex_lock(&executable->record_lock);
    ts_timing *found = find_timing(executable);
    if (!found) {
        found = &executable->timings[executable->next_timing];
        status = make_timing(executable, found, diag);
        if (status == ts_ok)
            executable->next_timing = (executable->next_timing + 1) % executable->timing_count;
    }
    pthread_mutex_unlock(&executable->record_lock);
    *record = status == ts_ok ? &found->record : NULL;
    return status;
}

/* Whether the latest run's record exists already, so that asking for it costs nothing. */
static bool is_record_made(ts_executable *executable) {
    pthread_mutex_lock(&executable->record_lock);
    bool is_made = find_timing(executable) != NULL;
    pthread_mutex_unlock(&executable->record_lock);
    return is_made;
}

/* Makes the trace of a run that ended the latest. */
static void keep_trace(ts_executable *executable, ts_trace *trace) {
    pthread_mutex_lock(&executable->record_lock);
    ts_trace_free(&executable->trace);
    executable->trace = *trace;
    executable->has_trace = true;
    pthread_mutex_unlock(&executable->record_lock);
    *trace = (ts_trace){0};
}

/* Reserves HBM for the constants for as long as the executable lives. The machine reads their values from the
   program, so only the space counts. */
static ts_status settle(ts_executable *executable, int device, ts_residence *residence, ts_diag *diag) {
    const ts_program *program = executable->program;
    if (residence->data) return ts_ok;
    int core = 0;
    ts_machine *machine = ts_runtime_machine(executable->runtime, device, &core);
    ts_status status = ts_hbm_alloc(machine, core, executable->constant_bytes, &residence->extent, diag);
    if (status != ts_ok) {
        residence->extent = NULL;
        return status;
    }
    residence->data = calloc((size_t)program->tensors.count + 1, sizeof *residence->data);
    if (!residence->data) {
        ts_hbm_free(machine, residence->extent);
        residence->extent = NULL;
        return ts_fail(diag, ts_capacity, "no host memory for the tensors of %s", program->name);
    }
    return ts_ok;
}

/* NULL when host memory is short or the program gains nothing from them. */
static const ts_homes *homes_for(ts_executable *executable, bool is_poisoned) {
    ts_diag unknown = {0};
    pthread_mutex_lock(&executable->homes_lock);
    if (!executable->has_homes[is_poisoned])
        ts_homes_new(executable->program, &executable->chip, is_poisoned, &executable->homes[is_poisoned],
                     &unknown);
    executable->has_homes[is_poisoned] = true;
    pthread_mutex_unlock(&executable->homes_lock);
    return executable->homes[is_poisoned];
}

static void bind(const ts_program *program, void *const *inputs, void *const *outputs, uint8_t *scratch,
                 void **data) {
    for (uint32_t i = 0; i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        if (tensor->kind == ts_tensor_input) data[i] = inputs[tensor->number];
        if (tensor->kind == ts_tensor_output) data[i] = outputs[tensor->number];
        if (tensor->kind == ts_tensor_scratch) data[i] = scratch + tensor->address;
    }
}

static ts_status run_bound(ts_executable *executable, int device, ts_residence *residence,
                           const ts_execute_options *options, ts_diag *diag) {
    const ts_program *program = executable->program;
    ts_live *live = ts_runtime_live(executable->runtime);
    ts_run run = {.data = residence->data,
                  .homes = homes_for(executable, options->poison),
                  .poison = options->poison,
                  .host_call = options->host_call,
                  .cancel = options->cancel,
                  .stats = options->stats,
                  .checks = options->checks,
                  .meeting = options->meeting,
                  .member = options->member};
    run.host = ts_runtime_host(executable->runtime);
    run.rounding = ts_runtime_rounding(executable->runtime, &run.rounding_seed);
    ts_trace trace = {0};
    if (executable->has_control) run.trace = &trace;
    ts_machine *machine = ts_runtime_machine(executable->runtime, device, &run.core);
    run.done = ts_live_begin(live, device, program->name, atomic_load(&executable->run_instructions));
    uint64_t begun = ts_live_now();
    ts_status status = ts_machine_run(machine, program, &run, diag);
    atomic_fetch_add(&executable->run_ns, ts_live_now() - begun);
    if (status == ts_ok && run.done) atomic_store(&executable->run_instructions, atomic_load(run.done));
    if (status == ts_ok && options->trace && !ts_trace_copy(options->trace, &trace))
        status = ts_fail(diag, ts_system, "no host memory for a control trace");
    if (status == ts_ok && executable->has_control &&
        (program->ranks == 1 || options->member == 0 || options->tells_trace))
        keep_trace(executable, &trace);
    ts_trace_free(&trace);
    return status;
}

static ts_status run_settled(ts_executable *executable, int device, ts_residence *residence,
                             void *const *inputs, void *const *outputs, const ts_execute_options *options,
                             ts_diag *diag) {
    const ts_program *program = executable->program;
    ts_scratch *scratch = ts_runtime_scratch(executable->runtime, device);
    uint8_t *memory = NULL;
    TS_TRY(ts_scratch_take(scratch, program->scratch_bytes, &memory, diag));
    bind(program, inputs, outputs, memory, residence->data);
    if (options->poison && program->scratch_bytes) memset(memory, 0xff, program->scratch_bytes);
    ts_status status = run_bound(executable, device, residence, options, diag);
    ts_scratch_give(scratch);
    return status;
}

/* Updates the live page after a run. A program that has run for a while is clocked for it once, which takes a
   small part of that time. */
static void show(ts_executable *executable, int device) {
    static const uint64_t enough_ns = UINT64_C(2000000000);
    const ts_record *record = NULL;
    ts_diag unknown = {0};
    int core = 0;
    ts_hbm_stats hbm;
    bool is_due =
        atomic_load(&executable->run_ns) > enough_ns && !atomic_exchange(&executable->is_clocked, true);
    if (is_due || is_record_made(executable)) ts_executable_record(executable, &record, &unknown);
    ts_machine *machine = ts_runtime_machine(executable->runtime, device, &core);
    ts_hbm_get_stats(machine, core, &hbm);
    ts_live_end(ts_runtime_live(executable->runtime), device, atomic_load(&executable->run_instructions),
                record, hbm.in_use, hbm.capacity);
}

/* Writes a record after the first run, if the runtime collects records. */
static ts_status collect(ts_executable *executable, ts_diag *diag) {
    const char *folder = ts_runtime_out(executable->runtime);
    if (!folder || atomic_exchange(&executable->is_collected, true)) return ts_ok;
    const ts_record *record = NULL;
    ts_trace trace = {0};
    pthread_mutex_lock(&executable->record_lock);
    bool is_copied = ts_trace_copy(&trace, &executable->trace);
    pthread_mutex_unlock(&executable->record_lock);
    ts_status status = is_copied ? ts_executable_record(executable, &record, diag)
                                 : ts_fail(diag, ts_system, "no host memory for a control trace");
    if (status == ts_ok)
        status = ts_collect(folder, executable->program, record, executable->instance,
                            executable->has_control ? &trace : NULL, diag);
    ts_trace_free(&trace);
    return status;
}

/* Runs with the runtime's own checks, unless the caller brings some. */
static ts_status run_checked(ts_executable *executable, int device, ts_residence *residence,
                             void *const *inputs, void *const *outputs, const ts_execute_options *options,
                             ts_diag *diag) {
    uint32_t kinds = ts_runtime_checks(executable->runtime);
    if (options->checks || !kinds)
        return run_settled(executable, device, residence, inputs, outputs, options, diag);
    ts_execute_options own = *options;
    own.checks = ts_checks_new(executable->program, kinds);
    if (!own.checks) return ts_fail(diag, ts_system, "no host memory for the checks of a run");
    ts_status status = run_settled(executable, device, residence, inputs, outputs, &own, diag);
    if (status == ts_ok)
        ts_notice_checks(own.checks, options->member, (int)executable->program->ranks, &residence->told,
                         &executable->told);
    ts_checks_free(own.checks);
    return status;
}

static ts_status run_on(ts_executable *executable, int device, void *const *inputs, void *const *outputs,
                        const ts_execute_options *options, ts_diag *diag) {
    if (!executable->runtime) return ts_fail(diag, ts_usage, "%s was unloaded", executable->program->name);
    if (device < 0 || device >= executable->devices)
        return ts_fail(diag, ts_usage, "device %d is asked for; there are %d", device, executable->devices);
    ts_residence *residence = &executable->residences[device];
    pthread_mutex_lock(&residence->lock);
    ts_status status = settle(executable, device, residence, diag);
    if (status == ts_ok) status = run_checked(executable, device, residence, inputs, outputs, options, diag);
    if (residence->data) show(executable, device);
    pthread_mutex_unlock(&residence->lock);
    return status == ts_ok ? collect(executable, diag) : status;
}

ts_status ts_executable_run(ts_executable *executable, int device, void *const *inputs, void *const *outputs,
                            const ts_execute_options *options, ts_diag *diag) {
    static const ts_execute_options defaults = {0};
    if (!options) options = &defaults;
    ts_status status = run_on(executable, device, inputs, outputs, options, diag);
    /* The other members must not wait for a run that did not begin. */
    if (!options->meeting) return status;
    return ts_meeting_leave(options->meeting, options->member, status, diag);
}

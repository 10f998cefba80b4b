/* The C interface of include/trainstone/nki.h: devices, and running finished kernels. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "plan/kernel.h"
#include "runtime/client_registry.h"
#include "runtime/nki_door.h"

enum { TS_NKI_CORES = 2 }; /* cores that the programs of one kernel may use */

/* ---- errors and texts ---- */

static void copy_text(char *to, size_t size, const char *from) {
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = 0;
}

int ts_nki_tell(ts_nki_error *error, const ts_diag *diag) {
    if (!error) return 1;
    copy_text(error->kind, sizeof error->kind, ts_status_name(diag->status));
    copy_text(error->message, sizeof error->message, diag->message);
    copy_text(error->op, sizeof error->op, diag->op);
    copy_text(error->where, sizeof error->where, diag->where);
    copy_text(error->remedy, sizeof error->remedy, diag->remedy);
    copy_text(error->rule, sizeof error->rule, diag->rule ? diag->rule : "");
    return 1;
}

static size_t give_text(ts_text *text, char *buffer, size_t size) {
    size_t length = ts_text_copy(text, buffer, size);
    ts_text_free(text);
    return length;
}

size_t ts_nki_tables(char *buffer, size_t size) {
    ts_text text = {0};
    ts_isa_json(&text);
    return give_text(&text, buffer, size);
}

/* ---- device ---- */

/* The smallest of the chip's instances with at least `cores` cores, or its largest. Used when no instance is
   asked for. */
static const char *instance_with(const char *chip, int cores) {
    const ts_instance *best = NULL;
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *instance = ts_instance_at(i);
        if (strcmp(instance->chip, chip ? chip : "trn1") != 0) continue;
        if (!best || (best->cores < cores && best->cores < instance->cores)) best = instance;
    }
    return best ? best->name : NULL;
}

ts_nki_device *ts_nki_open(const char *chip, int cores, ts_nki_error *error) {
    ts_diag diag = {0};
    ts_runtime_options options = {.chip = chip, .devices = cores > TS_NKI_CORES ? cores : TS_NKI_CORES};
    ts_nki_device *device = calloc(1, sizeof *device);
    ts_status status = device ? ts_registry_enter(&diag) : ts_fail(&diag, ts_system, "no host memory");
    bool has_entered = status == ts_ok;
    if (status == ts_ok) status = ts_runtime_options_from_env(&options, &diag);
    if (!options.instance && cores > TS_NKI_CORES) options.instance = instance_with(options.chip, cores);
    if (status == ts_ok) status = ts_runtime_new(&options, &device->runtime, &diag);
    if (status == ts_ok) device->plans = ts_nki_plans_new();
    if (status == ts_ok && device->plans) return device;
    if (status == ts_ok) ts_fail(&diag, ts_system, "no host memory for what recordings become");
    if (device) ts_runtime_free(device->runtime);
    if (has_entered) ts_registry_leave();
    free(device);
    ts_nki_tell(error, &diag);
    return NULL;
}

void ts_nki_close(ts_nki_device *device) {
    if (!device) return;
    ts_nki_plans_free(device->plans);
    ts_runtime_free(device->runtime);
    ts_registry_leave();
    free(device);
}

double ts_nki_chip_value(const ts_nki_device *device, const char *name) {
    int index = ts_param_find(name);
    if (strcmp(name, "generation") == 0) return ts_runtime_chip(device->runtime)->generation;
    return index < 0 ? NAN : ts_param_value(ts_runtime_chip(device->runtime), index);
}

/* ---- running ---- */

/* Keeps the recording's warnings; none when there is no memory for them. */
static void keep_warnings(ts_nki *nki, const ts_recorder *recorder) {
    nki->warnings = calloc((size_t)recorder->warnings.count + 1, sizeof *nki->warnings);
    for (uint32_t i = 0; nki->warnings && i < recorder->warnings.count; i++)
        nki->warnings[nki->warning_count++] = recorder->warnings.data[i].diag;
}

int ts_nki_warning(const ts_nki *nki, uint32_t number, ts_nki_error *warning) {
    const bool is_planned = nki->has_ended && nki->plan;
    if (number >= (is_planned ? nki->plan->warning_count : nki->warning_count)) return 0;
    ts_nki_tell(warning, &(is_planned ? nki->plan->warnings : nki->warnings)[number]);
    return 1;
}

ts_status ts_nki_make(ts_nki_device *device, ts_recorder *recorder, ts_executable **executable,
                      ts_diag *diag) {
    ts_status status = ts_recorder_finish(recorder, diag);
    ts_program *program = recorder->program;
    if (status == ts_ok) {
        recorder->program = ts_program_new("", recorder->chip.name);
        status = ts_executable_new(device->runtime, program, executable, diag);
    }
    return status;
}

/* Makes the recording a plan for later ones that equal it. With the runtime's checks on, plans are not
   shared, because every recording must be checked. */
static ts_status keep_plan(ts_nki *nki, ts_executable *executable, ts_diag *diag) {
    nki->plan = ts_nki_plan_new(&nki->journal, executable, nki->warnings, nki->warning_count);
    nki->warnings = NULL;
    nki->warning_count = 0;
    if (!nki->plan) return ts_fail(diag, ts_system, "no host memory for what a recording became");
    nki->executable = executable;
    if (!ts_runtime_checks(nki->device->runtime)) ts_nki_plans_keep(nki->device->plans, nki->plan);
    return ts_ok;
}

int ts_nki_finish(ts_nki *nki, ts_nki_error *error) {
    ts_diag diag = {0};
    uint32_t none;
    ts_journal_finish(&nki->journal);
    if (ts_nki_follows(nki, &none)) {
        nki->has_ended = true;
        nki->executable = nki->plan->executable;
        return 0;
    }
    ts_recorder *recorder = ts_nki_recorder(nki, error);
    if (!recorder) return 1;
    ts_executable *executable = NULL;
    nki->recorder = NULL;
    nki->has_ended = true;
    ts_status status = ts_nki_make(nki->device, recorder, &executable, &diag);
    if (status == ts_ok && nki->cores > 1) ts_executable_share(executable, nki->cores);
    keep_warnings(nki, recorder);
    ts_recorder_free(recorder);
    ts_nki_close_entry(nki, status, 0);
    if (status == ts_ok) status = keep_plan(nki, executable, &diag);
    return status == ts_ok ? 0 : ts_nki_tell(error, &diag);
}

/* Encodes the kernel. A copy is placed and verified first, so that a kernel that does not fit alone is
   refused at its call. */
static ts_status seal(ts_nki *nki, ts_recorder *recorder, ts_diag *diag) {
    ts_recorder *copy = ts_recorder_copy(recorder);
    if (!copy) return ts_fail(diag, ts_system, "no host memory");
    ts_status status = ts_recorder_finish(copy, diag);
    ts_recorder_free(copy);
    TS_TRY(status);
    TS_TRY(ts_recorder_settle(recorder, diag));
    return ts_kernel_encode(&recorder->builder, &nki->sealed, &nki->sealed_size, diag);
}

size_t ts_nki_seal(ts_nki *nki, char *buffer, size_t size, ts_nki_error *error) {
    ts_diag diag = {0};
    if (!nki->sealed) {
        ts_recorder *recorder = ts_nki_recorder(nki, error);
        if (!recorder) return 0;
        nki->recorder = NULL;
        nki->has_ended = true;
        ts_status status = seal(nki, recorder, &diag);
        keep_warnings(nki, recorder);
        ts_recorder_free(recorder);
        if (status != ts_ok) {
            ts_nki_tell(error, &diag);
            return 0;
        }
    }
    if (size > 0) memcpy(buffer, nki->sealed, size < nki->sealed_size ? size : nki->sealed_size);
    return nki->sealed_size;
}

int ts_nki_fills(const ts_nki *nki, uint32_t number) {
    return nki->executable && number < nki->tensors && nki->plan->fills[number].is_whole;
}

uint64_t ts_nki_unwritten(const ts_nki *nki, uint32_t number, uint64_t *first) {
    if (!nki->executable || number >= nki->tensors) return 0;
    *first = (uint64_t)nki->plan->fills[number].first;
    return (uint64_t)nki->plan->fills[number].left;
}

/* Rearranges data from tensors to inputs and outputs by number. NULL when there is no memory. */
static void **by_number(const ts_executable *executable, void *const *data, void *more) {
    const ts_program *program = ts_executable_program(executable);
    int inputs = ts_executable_inputs(executable), outputs = ts_executable_outputs(executable);
    void **numbered = calloc((size_t)(inputs + outputs) + 1, sizeof *numbered);
    for (uint32_t i = 0; numbered && i < program->tensors.count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        bool is_last = more && i + 1 == program->tensors.count;
        if (tensor->kind == ts_tensor_input) numbered[tensor->number] = data[i];
        if (tensor->kind == ts_tensor_output)
            numbered[inputs + (int)tensor->number] = is_last ? more : data[i];
    }
    return numbered;
}

ts_status ts_nki_execute(ts_executable *executable, void *const *const *data, void *const *more,
                         ts_diag *diag) {
    const int inputs = ts_executable_inputs(executable);
    const uint32_t ranks = ts_executable_program(executable)->ranks;
    ts_execute_options options[TS_MAX_RANKS] = {{0}};
    void **numbered[TS_MAX_RANKS] = {NULL}, *const * outputs[TS_MAX_RANKS];
    ts_status status = ts_ok;
    for (uint32_t i = 0; i < ranks && status == ts_ok; i++) {
        options[i].poison = true;
        numbered[i] = by_number(executable, data[i], more ? more[i] : NULL);
        if (numbered[i])
            outputs[i] = numbered[i] + inputs;
        else
            status = ts_fail(diag, ts_system, "no host memory");
    }
    if (status == ts_ok)
        status = ts_executable_run_ranks(executable, (void *const *const *)numbered, outputs, options, diag);
    for (uint32_t i = 0; i < ranks; i++)
        free(numbered[i]);
    return status;
}

static bool has_ended(const ts_nki *nki, ts_nki_error *error) {
    ts_diag diag = {0};
    if (nki->executable) return true;
    ts_fail(&diag, ts_usage, "the kernel's recording has not ended");
    ts_nki_tell(error, &diag);
    return false;
}

int ts_nki_run_ranks(ts_nki *nki, void *const *const *data, ts_nki_error *error) {
    ts_diag diag = {0};
    if (!has_ended(nki, error)) return 1;
    if (ts_nki_execute(nki->executable, data, NULL, &diag) != ts_ok) return ts_nki_tell(error, &diag);
    ts_registry_ran(nki->executable);
    return 0;
}

int ts_nki_run(ts_nki *nki, void *const *data, ts_nki_error *error) {
    return ts_nki_run_ranks(nki, &data, error);
}

/* Gives a kernel an executable of its own; its plan's is shared with other recordings. */
static ts_status take_own(ts_nki *nki, ts_diag *diag) {
    if (nki->executable != nki->plan->executable) return ts_ok;
    return ts_executable_twin(nki->plan->executable, &nki->executable, diag);
}

int ts_nki_pair(ts_nki *first, ts_nki *second, ts_nki_error *error) {
    ts_diag diag = {0};
    if (!has_ended(first, error) || !has_ended(second, error)) return 1;
    if (take_own(first, &diag) != ts_ok || take_own(second, &diag) != ts_ok) return ts_nki_tell(error, &diag);
    ts_executable_pair(first->executable, second->executable);
    return 0;
}

/* Argument of each of a pair's two threads. */
typedef struct half {
    ts_executable *executable;
    int core;
    ts_meeting *meeting;
    void *const *data;
    ts_status status;
    ts_diag diag;
} half;

static void *run_half(void *context) {
    half *h = context;
    void **numbered = by_number(h->executable, h->data, NULL);
    const ts_execute_options options = {.poison = true, .meeting = h->meeting, .member = h->core};
    if (!numbered) {
        ts_fail(&h->diag, ts_system, "no host memory");
        h->status = ts_meeting_leave(h->meeting, h->core, ts_system, &h->diag);
        return NULL;
    }
    h->status = ts_executable_run(h->executable, h->core, numbered,
                                  numbered + ts_executable_inputs(h->executable), &options, &h->diag);
    free(numbered);
    return NULL;
}

int ts_nki_run_pair(ts_nki *first, ts_nki *second, void *const *first_data, void *const *second_data,
                    ts_nki_error *error) {
    ts_diag diag = {0};
    if (!has_ended(first, error) || !has_ended(second, error)) return 1;
    ts_meeting *meeting = ts_meeting_new(2);
    half halves[2] = {{first->executable, 0, meeting, first_data, ts_ok, {0}},
                      {second->executable, 1, meeting, second_data, ts_ok, {0}}};
    pthread_t thread;
    if (!meeting || pthread_create(&thread, NULL, run_half, &halves[1]) != 0) {
        ts_meeting_free(meeting);
        ts_fail(&diag, ts_system, "no thread for the program of the other core");
        return ts_nki_tell(error, &diag);
    }
    run_half(&halves[0]);
    pthread_join(thread, NULL);
    ts_meeting_free(meeting);
    for (int i = 0; i < 2; i++)
        if (halves[i].status != ts_ok) return ts_nki_tell(error, &halves[i].diag);
    ts_registry_ran(first->executable);
    return 0;
}

size_t ts_nki_record(ts_nki *nki, char *buffer, size_t size, ts_nki_error *error) {
    ts_diag diag = {0};
    const ts_record *record = NULL;
    if (!nki->executable || ts_executable_record(nki->executable, &record, &diag) != ts_ok) {
        if (!nki->executable) ts_fail(&diag, ts_usage, "the kernel's recording has not ended");
        ts_nki_tell(error, &diag);
        return 0;
    }
    ts_text text = {0};
    ts_record_json(record, ts_executable_program(nki->executable), ts_executable_instance(nki->executable),
                   &text);
    return give_text(&text, buffer, size);
}

size_t ts_nki_text(ts_nki *nki, char *buffer, size_t size) {
    ts_text text = {0};
    if (!nki->executable) return 0;
    ts_program_print(ts_executable_program(nki->executable), &text);
    return give_text(&text, buffer, size);
}

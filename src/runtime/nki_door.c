/* The door of include/trainstone/nki.h: recorders, and executables of what was recorded. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "arch/collective_cost.h"
#include "plan/kernel.h"
#include "runtime/client_registry.h"
#include "runtime/nki_door.h"

enum { TS_NKI_CORES = 2 }; /* that the programs of one kernel may lie on */

/* ---- words ---- */

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

/* The smallest of a chip's instances with so many cores, or the largest, where none is asked for. */
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
    if (status == ts_ok) return device;
    if (has_entered) ts_registry_leave();
    free(device);
    ts_nki_tell(error, &diag);
    return NULL;
}

void ts_nki_close(ts_nki_device *device) {
    if (!device) return;
    ts_runtime_free(device->runtime);
    ts_registry_leave();
    free(device);
}

double ts_nki_chip_value(const ts_nki_device *device, const char *name) {
    int index = ts_param_find(name);
    if (strcmp(name, "generation") == 0) return ts_runtime_chip(device->runtime)->generation;
    return index < 0 ? NAN : ts_param_value(ts_runtime_chip(device->runtime), index);
}

/* ---- recording ---- */

ts_nki *ts_nki_new(ts_nki_device *device, const char *kernel, ts_nki_error *error) {
    ts_diag diag = {0};
    ts_nki *nki = calloc(1, sizeof *nki);
    if (nki) nki->recorder = ts_recorder_new(kernel, ts_runtime_chip(device->runtime));
    if (nki && nki->recorder) {
        nki->device = device;
        return nki;
    }
    free(nki);
    ts_fail(&diag, ts_system, "no host memory for a kernel's recorder");
    ts_nki_tell(error, &diag);
    return NULL;
}

void ts_nki_free(ts_nki *nki) {
    if (!nki) return;
    if (nki->executable) {
        ts_executable_unload(nki->executable);
        ts_executable_release(nki->executable);
    }
    ts_recorder_free(nki->recorder);
    free(nki->sealed);
    free(nki->warnings);
    free(nki);
}

void ts_nki_share(ts_nki *nki, int cores) {
    nki->cores = cores;
}

int ts_nki_ranks(ts_nki *nki, int ranks, ts_nki_error *error) {
    ts_diag diag = {0};
    nki->recorder->program->ranks = (uint32_t)ranks;
    ts_status status = ranks < 1 || ranks > TS_MAX_RANKS
                           ? ts_fail(&diag, ts_input, "a kernel on %d ranks, at most %d", ranks, TS_MAX_RANKS)
                           : ts_cc_check(nki->recorder->program, &nki->recorder->chip, &diag);
    return status == ts_ok ? 0 : ts_nki_tell(error, &diag);
}

ts_recorder *ts_nki_recorder(ts_nki *nki, ts_nki_error *error) {
    if (nki->recorder) return nki->recorder;
    ts_diag diag = {0};
    ts_fail(&diag, ts_usage, "this run of the kernel has ended: its tiles live no longer");
    ts_nki_tell(error, &diag);
    return NULL;
}

uint32_t ts_nki_line(ts_nki *nki, const char *file, int line) {
    return nki->recorder ? ts_recorder_loc(nki->recorder, file, line) : 0;
}

uint32_t ts_nki_add_tile(ts_nki *nki, const ts_nki_tile *tile, uint32_t line, ts_nki_error *error) {
    ts_diag diag = {0};
    if (!ts_nki_recorder(nki, error)) return 0;
    ts_buffer buffer = ts_record_buffer(nki->recorder, tile, line, &diag);
    if (!buffer) ts_nki_tell(error, &diag);
    return buffer;
}

static ts_tensor_kind kind_of(ts_nki_role role) {
    switch (role) {
    case ts_nki_input: return ts_tensor_input;
    case ts_nki_output: return ts_tensor_output;
    case ts_nki_constant: return ts_tensor_constant;
    default: return ts_tensor_scratch;
    }
}

uint32_t ts_nki_add_tensor(ts_nki *nki, ts_nki_role role, int dtype, int rank, const int64_t *dim,
                           const void *data, const char *name, uint32_t line, ts_nki_error *error) {
    ts_diag diag = {0};
    if (!ts_nki_recorder(nki, error)) return 0;
    ts_buffer tensor =
        ts_record_tensor(nki->recorder, kind_of(role), (ts_dtype)dtype, rank, dim, data, name, line, &diag);
    if (tensor) nki->tensors++;
    if (!tensor) ts_nki_tell(error, &diag);
    return tensor;
}

void ts_nki_set_role(ts_nki *nki, uint32_t tensor, ts_nki_role role, uint32_t number) {
    if (nki->recorder) ts_record_kind(nki->recorder, tensor, kind_of(role), number);
}

int ts_nki_emit(ts_nki *nki, int op, int engine, const ts_nki_value *values, int count, uint32_t line,
                ts_nki_error *error) {
    ts_diag diag = {0};
    ts_recorder *recorder = ts_nki_recorder(nki, error);
    if (!recorder) return 1;
    ts_status status = ts_record_inst(recorder, (ts_op)op, (ts_engine)engine, values, count, line, &diag);
    return status == ts_ok ? 0 : ts_nki_tell(error, &diag);
}

void ts_nki_add_mark(ts_nki *nki, ts_nki_mark mark, uint32_t line) {
    if (nki->recorder) ts_record_mark(nki->recorder, mark, line);
}

int ts_nki_repeat(ts_nki *nki, ts_nki_error *error) {
    ts_diag diag = {0};
    ts_recorder *recorder = ts_nki_recorder(nki, error);
    if (!recorder) return 1;
    return ts_record_repeat(recorder, &diag) == ts_ok ? 0 : ts_nki_tell(error, &diag);
}

/* ---- running ---- */

/* Without memory for them there are none. */
static void keep_warnings(ts_nki *nki, const ts_recorder *recorder) {
    nki->warnings = calloc((size_t)recorder->warnings.count + 1, sizeof *nki->warnings);
    for (uint32_t i = 0; nki->warnings && i < recorder->warnings.count; i++)
        nki->warnings[nki->warning_count++] = recorder->warnings.data[i].diag;
}

int ts_nki_warning(const ts_nki *nki, uint32_t number, ts_nki_error *warning) {
    if (number >= nki->warning_count) return 0;
    ts_nki_tell(warning, &nki->warnings[number]);
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

int ts_nki_finish(ts_nki *nki, ts_nki_error *error) {
    ts_diag diag = {0};
    if (!ts_nki_recorder(nki, error)) return 1;
    ts_recorder *recorder = nki->recorder;
    nki->recorder = NULL;
    ts_status status = ts_nki_make(nki->device, recorder, &nki->executable, &diag);
    if (status == ts_ok && nki->cores > 1) ts_executable_share(nki->executable, nki->cores);
    keep_warnings(nki, recorder);
    ts_recorder_free(recorder);
    return status == ts_ok ? 0 : ts_nki_tell(error, &diag);
}

/* A copy is placed and verified on the way: a kernel that does not fit alone is refused where it is called.
 */
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
    return nki->executable && number < nki->tensors &&
           ts_record_fills(ts_executable_program(nki->executable), number);
}

/* data by tensor; the executable wants inputs and outputs by number. NULL without memory for them. */
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

int ts_nki_pair(ts_nki *first, ts_nki *second, ts_nki_error *error) {
    if (!has_ended(first, error) || !has_ended(second, error)) return 1;
    ts_executable_pair(first->executable, second->executable);
    return 0;
}

/* What one of a pair's threads runs. */
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

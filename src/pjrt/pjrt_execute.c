/* Execution: checks arguments, makes the outputs, and queues the program on each device. */
#include <stdlib.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"
#include "runtime/client_registry.h"

/* What the launches of one execution share. */
typedef struct ts_execution {
    atomic_int references;
    ts_meeting *meeting;  /* NULL: a single rank */
    bool is_lasting;      /* the meeting belongs to the client and is used by all runs of the program */
    atomic_bool is_told;  /* counted as the latest run, by its first rank to end */
    pthread_mutex_t lock; /* guards the fields below */
    ts_signal *failed;    /* signal of the first argument that failed */
} ts_execution;

/* A launch: one rank of the program on its device. The arrays lie behind the structure. */
typedef struct ts_launch {
    ts_work work;
    ts_loaded *loaded;
    ts_execution *execution;
    int rank, list; /* position in the caller's lists of arguments and results */
    PJRT_Device *device;
    ts_signal *done;
    int inputs, outputs;
    ts_signal **ready; /* one for each input */
    ts_storage **from, **into;
    void **input, **output;        /* host pointers of `from` and `into` */
    PJRT_Buffer *const *arguments; /* the caller's; not valid once queued */
    PJRT_Buffer **results;
    bool *is_donor; /* one for each input */
    PJRT_Event *event;
} ts_launch;

static void execution_release(ts_execution *execution) {
    if (!execution || atomic_fetch_sub_explicit(&execution->references, 1, memory_order_acq_rel) != 1) return;
    ts_signal_release(execution->failed);
    if (!execution->is_lasting) ts_meeting_free(execution->meeting);
    pthread_mutex_destroy(&execution->lock);
    free(execution);
}

/* With collectives, the ranks of all processes meet; without them only this process's own ranks do. */
static ts_execution *execution_new(const ts_loaded *loaded) {
    const int ranks = loaded->device_count;
    ts_execution *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    atomic_init(&made->references, 1);
    atomic_init(&made->is_told, false);
    pthread_mutex_init(&made->lock, NULL);
    made->is_lasting = loaded->own_count < ranks && loaded->has_collectives;
    if (made->is_lasting)
        made->meeting = loaded->client->meeting;
    else if (ranks > 1)
        made->meeting = ts_meeting_new(ranks);
    if (ranks == 1 || made->meeting) return made;
    execution_release(made);
    return NULL;
}

static ts_launch *launch_new(ts_loaded *loaded, ts_execution *execution, int list, PJRT_Device *device,
                             PJRT_Buffer *const *arguments) {
    size_t inputs = (size_t)loaded->input_count, outputs = (size_t)loaded->output_count;
    size_t pointers = 3 * inputs + 3 * outputs;
    ts_launch *launch = calloc(1, sizeof *launch + pointers * sizeof(void *) + inputs * sizeof(bool));
    if (!launch) return NULL;
    void **at = (void **)(launch + 1);
    launch->ready = (ts_signal **)at;
    launch->from = (ts_storage **)(at += inputs);
    launch->input = at += inputs;
    launch->into = (ts_storage **)(at += inputs);
    launch->output = at += outputs;
    launch->results = (PJRT_Buffer **)(at += outputs);
    launch->is_donor = (bool *)(at + outputs);
    launch->loaded = ts_loaded_retain(loaded);
    atomic_fetch_add_explicit(&execution->references, 1, memory_order_relaxed);
    launch->execution = execution;
    launch->rank = loaded->own[list];
    launch->list = list;
    launch->device = device;
    launch->inputs = loaded->input_count;
    launch->outputs = loaded->output_count;
    launch->arguments = arguments;
    return launch;
}

static void release_inputs(ts_launch *launch) {
    for (int i = 0; i < launch->inputs; i++) {
        ts_signal_release(launch->ready[i]);
        ts_storage_release(launch->from[i]);
    }
    for (int i = 0; i < launch->outputs; i++)
        ts_storage_release(launch->into[i]);
}

static void launch_free(ts_launch *launch) {
    ts_signal_release(launch->done);
    ts_loaded_release(launch->loaded);
    execution_release(launch->execution);
    free(launch);
}

/* Undoes a launch that was not queued: donated buffers stay the caller's, and results are freed. */
static void launch_abandon(ts_launch *launch) {
    if (!launch) return;
    for (int i = 0; i < launch->inputs; i++)
        if (launch->is_donor[i]) ts_buffer_end_donation(launch->arguments[i], false);
    for (int i = 0; i < launch->outputs; i++)
        ts_buffer_free(launch->results[i]);
    PJRT_Event_Destroy_Args destroy = {.struct_size = sizeof destroy, .event = launch->event};
    ts_pjrt_Event_Destroy(&destroy);
    release_inputs(launch);
    launch_free(launch);
}

/* --- on the queue's thread --- */

/* Waits for the inputs. Returns a new reference to the signal of the first that failed, or NULL. Inputs from
   this device were computed by earlier work of this queue; others may still be under way. */
static ts_signal *wait_for_inputs(ts_launch *launch) {
    for (int i = 0; i < launch->inputs; i++) {
        ts_signal_wait(launch->ready[i]);
        if (ts_signal_has_error(launch->ready[i])) return ts_signal_retain(launch->ready[i]);
    }
    return NULL;
}

/* Ends a rank that cannot begin, so that the others do not wait for it. */
static void fail_for_all(ts_execution *execution, int rank, ts_signal *failed) {
    ts_diag diag = {0};
    pthread_mutex_lock(&execution->lock);
    if (!execution->failed) execution->failed = ts_signal_retain(failed);
    pthread_mutex_unlock(&execution->lock);
    if (!execution->meeting) return;
    ts_fail(&diag, ts_usage, "an argument of rank %d failed", rank);
    ts_meeting_leave(execution->meeting, rank, ts_usage, &diag);
}

/* A new reference to the signal of the argument that failed on another rank, or NULL. */
static ts_signal *failed_elsewhere(ts_execution *execution) {
    pthread_mutex_lock(&execution->lock);
    ts_signal *failed = execution->failed ? ts_signal_retain(execution->failed) : NULL;
    pthread_mutex_unlock(&execution->lock);
    return failed;
}

/* Runs a launch. What the work holds is released before its signal is set, so that whoever waits for the
   signal finds the memory free. */
static void launch_run(ts_work *work) {
    ts_launch *launch = (ts_launch *)work;
    ts_execution *execution = launch->execution;
    ts_signal *failed = wait_for_inputs(launch);
    ts_diag diag = {0};
    ts_status status = ts_ok;
    if (failed) {
        fail_for_all(execution, launch->rank, failed);
    } else {
        ts_executable *executable = launch->loaded->executable;
        ts_execute_options options = {.host_call = ts_registry_host_call(),
                                      .cancel = ts_registry_cancel(),
                                      .meeting = execution->meeting,
                                      .member = launch->rank,
                                      .tells_trace = launch->list == 0};
        status = ts_executable_run(executable, launch->device->index, launch->input, launch->output, &options,
                                   &diag);
        if (status == ts_ok && !atomic_exchange(&execution->is_told, true)) ts_registry_ran(executable);
        if (status != ts_ok) failed = failed_elsewhere(execution);
    }
    if (ts_executable_calls_host(launch->loaded->executable)) ts_registry_host_runs(-1);
    release_inputs(launch);
    ts_loaded_release(launch->loaded);
    launch->loaded = NULL;
    if (failed)
        ts_signal_forward_error(failed, launch->done);
    else
        ts_signal_set(launch->done, status, &diag);
    ts_signal_release(failed);
    launch_free(launch);
}

/* --- before queueing --- */

static ts_status check_argument(const ts_launch *launch, int index, ts_diag *diag) {
    const PJRT_Buffer *buffer = launch->arguments[index];
    const ts_shape *wanted = &launch->loaded->inputs[index], *given = &buffer->shape;
    const char *name = ts_executable_program(launch->loaded->executable)->name;
    bool is_equal = wanted->dtype == given->dtype && wanted->rank == given->rank &&
                    memcmp(wanted->dim, given->dim, (size_t)wanted->rank * sizeof *wanted->dim) == 0;
    if (!is_equal) {
        char takes[128], has[128];
        ts_shape_print(wanted, takes, sizeof takes);
        ts_shape_print(given, has, sizeof has);
        return ts_fail(diag, ts_usage, "argument %d of %s is %s; the program takes %s", index, name, has,
                       takes);
    }
    if (buffer->device == launch->device) return ts_ok;
    ts_fail(diag, ts_usage, "argument %d of %s lies on %s; the program runs on %s", index, name,
            buffer->device->description->to_string, launch->device->description->to_string);
    ts_diag_remedy(diag, "copy it there first (jax.device_put)");
    return ts_usage;
}

static ts_status take_arguments(ts_launch *launch, ts_diag *diag) {
    for (int i = 0; i < launch->inputs; i++) {
        TS_TRY(check_argument(launch, i, diag));
        TS_TRY(ts_buffer_hold(launch->arguments[i], &launch->ready[i], &launch->from[i], diag));
        launch->input[i] = launch->from[i]->host;
    }
    return ts_ok;
}

static bool may_donate(const PJRT_ExecuteOptions *options, int input) {
    if (!options || !TS_PJRT_HAS(options, num_non_donatable_input_indices)) return true;
    for (size_t i = 0; i < options->num_non_donatable_input_indices; i++)
        if (options->non_donatable_input_indices[i] == input) return false;
    return true;
}

static ts_status mark_donors(ts_launch *launch, const PJRT_ExecuteOptions *options, ts_diag *diag) {
    for (int i = 0; i < launch->outputs; i++) {
        int input = launch->loaded->alias[i];
        if (input < 0 || launch->is_donor[input] || !may_donate(options, input)) continue;
        TS_TRY(ts_buffer_begin_donation(launch->arguments[input], diag));
        launch->is_donor[input] = true;
    }
    for (int i = 0; i < launch->inputs; i++)
        if (!launch->is_donor[i]) TS_TRY(ts_buffer_check_undonated(launch->arguments[i], diag));
    return ts_ok;
}

static bool takes_over(const ts_launch *launch, int output) {
    int input = launch->loaded->alias[output];
    if (input < 0 || !launch->is_donor[input]) return false;
    for (int i = 0; i < output; i++)
        if (launch->loaded->alias[i] == input) return false; /* an earlier output has it */
    return true;
}

static ts_status make_results(ts_launch *launch, ts_diag *diag) {
    launch->done = ts_signal_new();
    launch->event = launch->done ? ts_pjrt_event_new(launch->done) : NULL;
    if (!launch->event) return ts_fail(diag, ts_capacity, "no host memory for an event");
    for (int i = 0; i < launch->outputs; i++) {
        const ts_shape *shape = &launch->loaded->outputs[i];
        if (takes_over(launch, i))
            TS_TRY(ts_storage_new_unplaced(launch->device, shape->bytes, &launch->into[i], diag));
        else
            TS_TRY(ts_storage_new(launch->device, shape->bytes, &launch->into[i], diag));
        launch->output[i] = launch->into[i]->host;
        launch->results[i] = ts_buffer_new(launch->device, shape, ts_signal_retain(launch->done),
                                           ts_storage_retain(launch->into[i]));
        if (!launch->results[i]) return ts_fail(diag, ts_capacity, "no host memory for a buffer");
    }
    return ts_ok;
}

static void move_places(ts_launch *launch) {
    for (int i = 0; i < launch->outputs; i++)
        if (takes_over(launch, i))
            ts_storage_move_place(launch->from[launch->loaded->alias[i]], launch->into[i]);
}

static ts_status prepare(const PJRT_LoadedExecutable_Execute_Args *args, ts_execution *execution,
                         PJRT_Device *device, int list, ts_launch **launch, ts_diag *diag) {
    ts_loaded *loaded = args->executable->loaded;
    if (args->num_args != (size_t)loaded->input_count)
        return ts_fail(diag, ts_usage, "%s takes %d arguments; %zu were given",
                       ts_executable_program(loaded->executable)->name, loaded->input_count, args->num_args);
    *launch = launch_new(loaded, execution, list, device, args->num_args ? args->argument_lists[list] : NULL);
    if (!*launch) return ts_fail(diag, ts_capacity, "no host memory for an execution");
    (*launch)->work.run = launch_run;
    TS_TRY(take_arguments(*launch, diag));
    TS_TRY(mark_donors(*launch, args->options, diag));
    return make_results(*launch, diag);
}

/* Queues a launch. The caller's lists are filled first, because afterwards the launch belongs to the
   queue. */
static void submit(const PJRT_LoadedExecutable_Execute_Args *args, ts_launch *launch) {
    const int list = launch->list;
    for (int i = 0; i < launch->outputs; i++)
        args->output_lists[list][i] = launch->results[i];
    move_places(launch);
    for (int i = 0; i < launch->inputs; i++)
        if (launch->is_donor[i]) ts_buffer_end_donation(launch->arguments[i], true);
    if (args->device_complete_events) {
        args->device_complete_events[list] = launch->event;
    } else {
        PJRT_Event_Destroy_Args destroy = {.struct_size = sizeof destroy, .event = launch->event};
        ts_pjrt_Event_Destroy(&destroy);
    }
    if (ts_executable_calls_host(launch->loaded->executable)) ts_registry_host_runs(1);
    ts_queue_fill(&launch->device->queue, &launch->work);
}

/* Reserves room in the queues of all ranks, or in none. */
static ts_status reserve(ts_launch *const *launches, int count, ts_diag *diag) {
    ts_status status = ts_ok;
    int reserved = 0;
    while (reserved < count && (status = ts_queue_reserve(&launches[reserved]->device->queue, diag)) == ts_ok)
        reserved++;
    for (int i = 0; status != ts_ok && i < reserved; i++)
        ts_queue_give_back(&launches[i]->device->queue);
    return status;
}

/* Queues all ranks. The lock keeps the order the same in every queue: two programs of several ranks queued in
   different orders would wait for each other. */
static ts_status submit_all(const PJRT_LoadedExecutable_Execute_Args *args, ts_launch *const *launches,
                            int count, ts_diag *diag) {
    pthread_mutex_t *lock = count > 1 ? &launches[0]->device->client->launch_lock : NULL;
    if (lock) pthread_mutex_lock(lock);
    ts_status status = reserve(launches, count, diag);
    for (int i = 0; status == ts_ok && i < count; i++)
        submit(args, launches[i]);
    if (lock) pthread_mutex_unlock(lock);
    return status;
}

/* *device: where a portable program runs; NULL: on its own devices. */
static ts_status check_call(const PJRT_LoadedExecutable_Execute_Args *args, PJRT_Device **device,
                            ts_diag *diag) {
    ts_loaded *loaded = args->executable->loaded;
    const PJRT_ExecuteOptions *options = args->options;
    *device = NULL;
    if (atomic_load(&args->executable->is_deleted))
        return ts_fail(diag, ts_usage, "the executable was deleted");
    if (args->num_devices != (size_t)loaded->own_count)
        return ts_fail(diag, ts_usage, "arguments for %zu devices; the program runs on %d", args->num_devices,
                       loaded->own_count);
    if (loaded->own_count == 0) return ts_device_check_own(loaded->devices[0], diag);
    if (options && TS_PJRT_HAS(options, num_recv_ops) && (options->num_send_ops || options->num_recv_ops))
        return ts_fail(diag, ts_unsupported, "send and receive callbacks");
    if (!TS_PJRT_HAS(args, execute_device) || !args->execute_device ||
        (loaded->own_count == 1 && args->execute_device == loaded->own_devices[0]))
        return ts_ok;
    *device = args->execute_device;
    if (loaded->is_portable && loaded->device_count == 1 && (*device)->client == loaded->client) return ts_ok;
    ts_fail(diag, ts_usage, "the program was compiled for %s%s, not for %s",
            loaded->devices[0]->description->to_string, loaded->device_count > 1 ? " and others" : "",
            (*device)->description->to_string);
    ts_diag_remedy(diag, "compile it for that device, or as a portable executable");
    return ts_usage;
}

/* When one rank cannot be prepared, none is queued, and donated buffers stay the caller's. */
static ts_status execute(const PJRT_LoadedExecutable_Execute_Args *args, ts_diag *diag) {
    ts_loaded *loaded = args->executable->loaded;
    const int ranks = loaded->own_count;
    PJRT_Device *device = NULL;
    ts_launch *launches[TS_MAX_RANKS] = {NULL};
    TS_TRY(check_call(args, &device, diag));
    ts_execution *execution = execution_new(loaded);
    if (!execution) return ts_fail(diag, ts_capacity, "no host memory for an execution");
    ts_status status = ts_ok;
    for (int i = 0; i < ranks && status == ts_ok; i++)
        status = prepare(args, execution, device ? device : loaded->own_devices[i], i, &launches[i], diag);
    if (status == ts_ok) status = submit_all(args, launches, ranks, diag);
    for (int i = 0; i < ranks && status != ts_ok; i++)
        launch_abandon(launches[i]);
    execution_release(execution);
    return status;
}

PJRT_Error *ts_pjrt_LoadedExecutable_Execute(PJRT_LoadedExecutable_Execute_Args *args) {
    TS_PJRT_NEED(args, device_complete_events);
    if (ts_client_is_foreign(args->executable->loaded->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    ts_status status = execute(args, &diag);
    return ts_pjrt_error_from(status, &diag);
}

/* Execution: checks arguments, makes the outputs, and queues the program on each device. */
#include <stdlib.h>
#include <string.h>

#include "runtime/client_registry.h"
#include "runtime/pjrt_objects.h"

/* One program on one device. The arrays lie behind the structure. */
typedef struct ts_launch {
    ts_work work;
    ts_loaded *loaded;
    PJRT_Device *device;
    ts_signal *done;
    int inputs, outputs;
    ts_signal **ready; /* one an input */
    ts_storage **from, **into;
    void **input, **output;        /* host pointers of from and into */
    PJRT_Buffer *const *arguments; /* the caller's; not valid in the queue */
    PJRT_Buffer **results;
    bool *is_donor; /* one an input */
    PJRT_Event *event;
} ts_launch;

static ts_launch *launch_new(ts_loaded *loaded, PJRT_Device *device, PJRT_Buffer *const *arguments) {
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
    free(launch);
}

/* A launch that was not queued: donors stay the caller's, results vanish. */
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

/* --- in the queue --- */

/* A new reference to the signal of the first input that failed, or NULL. Inputs of this device were computed
   by earlier work of this queue; those from elsewhere may still be under way. */
static ts_signal *wait_for_inputs(ts_launch *launch) {
    for (int i = 0; i < launch->inputs; i++) {
        ts_signal_wait(launch->ready[i]);
        if (ts_signal_has_error(launch->ready[i])) return ts_signal_retain(launch->ready[i]);
    }
    return NULL;
}

/* What the work held goes before the signal: who waits for it finds the memory free. */
static void launch_run(ts_work *work) {
    ts_launch *launch = (ts_launch *)work;
    ts_signal *failed = wait_for_inputs(launch);
    ts_diag diag = {0};
    ts_status status = ts_ok;
    if (!failed) {
        ts_executable *executable = launch->loaded->executable;
        ts_execute_options options = {.cancel = ts_registry_cancel()};
        status = ts_executable_run(executable, launch->device->index, launch->input, launch->output, &options,
                                   &diag);
        if (status == ts_ok) ts_registry_ran(executable);
    }
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

/* --- before it --- */

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
        if (launch->loaded->alias[i] == input) return false; /* the first one has it */
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

static void move_places(ts_launch *launch, bool is_back) {
    for (int i = 0; i < launch->outputs; i++) {
        if (!takes_over(launch, i)) continue;
        ts_storage *donor = launch->from[launch->loaded->alias[i]], *result = launch->into[i];
        ts_storage_move_place(is_back ? result : donor, is_back ? donor : result);
    }
}

static ts_status prepare(const PJRT_LoadedExecutable_Execute_Args *args, PJRT_Device *device, int list,
                         ts_launch **launch, ts_diag *diag) {
    ts_loaded *loaded = args->executable->loaded;
    if (args->num_args != (size_t)loaded->input_count)
        return ts_fail(diag, ts_usage, "%s takes %d arguments; %zu were given",
                       ts_executable_program(loaded->executable)->name, loaded->input_count, args->num_args);
    *launch = launch_new(loaded, device, args->num_args ? args->argument_lists[list] : NULL);
    if (!*launch) return ts_fail(diag, ts_capacity, "no host memory for an execution");
    (*launch)->work.run = launch_run;
    TS_TRY(take_arguments(*launch, diag));
    TS_TRY(mark_donors(*launch, args->options, diag));
    return make_results(*launch, diag);
}

/* What the caller gets is written out before the work is queued: it belongs to the queue afterwards. */
static ts_status submit(const PJRT_LoadedExecutable_Execute_Args *args, int list, ts_launch *launch,
                        ts_diag *diag) {
    int inputs = launch->inputs, outputs = launch->outputs;
    PJRT_Buffer *const *arguments = launch->arguments;
    bool *is_donor = launch->is_donor;
    PJRT_Event *event = launch->event;
    bool donors[64], *kept = inputs <= 64 ? donors : malloc((size_t)inputs * sizeof *kept);
    if (!kept) return ts_fail(diag, ts_capacity, "no host memory for an execution");
    memcpy(kept, is_donor, (size_t)inputs * sizeof *kept);
    for (int i = 0; i < outputs; i++)
        args->output_lists[list][i] = launch->results[i];
    move_places(launch, false);
    ts_status status = ts_queue_push(&launch->device->queue, &launch->work, diag);
    if (status != ts_ok) {
        move_places(launch, true);
        for (int i = 0; i < outputs; i++)
            args->output_lists[list][i] = NULL; /* they go with the launch */
    } else {
        for (int i = 0; i < inputs; i++)
            if (kept[i]) ts_buffer_end_donation(arguments[i], true);
        if (args->device_complete_events) {
            args->device_complete_events[list] = event;
        } else {
            PJRT_Event_Destroy_Args destroy = {.struct_size = sizeof destroy, .event = event};
            ts_pjrt_Event_Destroy(&destroy);
        }
    }
    if (kept != donors) free(kept);
    return status;
}

static ts_status check_call(const PJRT_LoadedExecutable_Execute_Args *args, PJRT_Device **device,
                            ts_diag *diag) {
    ts_loaded *loaded = args->executable->loaded;
    const PJRT_ExecuteOptions *options = args->options;
    *device = loaded->device;
    if (atomic_load(&args->executable->is_deleted))
        return ts_fail(diag, ts_usage, "the executable was deleted");
    if (args->num_devices != 1)
        return ts_fail(diag, ts_usage, "arguments for %zu devices; the program runs on 1", args->num_devices);
    if (options && TS_PJRT_HAS(options, num_recv_ops) && (options->num_send_ops || options->num_recv_ops))
        return ts_fail(diag, ts_unsupported, "send and receive callbacks");
    if (!TS_PJRT_HAS(args, execute_device) || !args->execute_device || args->execute_device == loaded->device)
        return ts_ok;
    *device = args->execute_device;
    if (loaded->is_portable && (*device)->client == loaded->client) return ts_ok;
    ts_fail(diag, ts_usage, "the program was compiled for %s, not for %s",
            loaded->device->description->to_string, (*device)->description->to_string);
    ts_diag_remedy(diag, "compile it for that device, or as a portable executable");
    return ts_usage;
}

PJRT_Error *ts_pjrt_LoadedExecutable_Execute(PJRT_LoadedExecutable_Execute_Args *args) {
    TS_PJRT_NEED(args, device_complete_events);
    if (ts_client_is_foreign(args->executable->loaded->client)) return ts_pjrt_forked();
    ts_diag diag = {0};
    PJRT_Device *device = NULL;
    ts_launch *launch = NULL;
    ts_status status = check_call(args, &device, &diag);
    if (status == ts_ok) status = prepare(args, device, 0, &launch, &diag);
    if (status == ts_ok) status = submit(args, 0, launch, &diag);
    if (status != ts_ok) launch_abandon(launch);
    return ts_pjrt_error_from(status, &diag);
}

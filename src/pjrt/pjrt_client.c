/* PJRT client: the runtime behind a framework's platform object. It is made from options and drained at its
   end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pjrt/pjrt_objects.h"
#include "runtime/client_registry.h"
#include "runtime/rendezvous.h"

PJRT_Error *ts_pjrt_Plugin_Initialize(PJRT_Plugin_Initialize_Args *args) {
    (void)args;
    return NULL;
}

/* Frameworks lower programs to the version of StableHLO named here, whatever their own. The reader's set of
   ops is frozen, so newer features are refused before they arrive. */
PJRT_Error *ts_pjrt_Plugin_Attributes(PJRT_Plugin_Attributes_Args *args) {
    static const int64_t current[3] = {1, 13, 0}, minimum[3] = {0, 9, 0};
#define VALUE(text) .struct_size = sizeof(PJRT_NamedValue), .name = text, .name_size = sizeof(text) - 1
    static const PJRT_NamedValue attributes[] = {
        {VALUE("stablehlo_current_version"), .type = PJRT_VALUE_INT64_LIST, .int64_array_value = current,
         .value_size = 3},
        {VALUE("stablehlo_minimum_version"), .type = PJRT_VALUE_INT64_LIST, .int64_array_value = minimum,
         .value_size = 3},
        {VALUE("xla_version"), .type = PJRT_VALUE_INT64, .int64_value = 2, .value_size = 1},
    };
#undef VALUE
    TS_PJRT_NEED(args, attributes);
    args->attributes = attributes;
    args->num_attributes = sizeof attributes / sizeof *attributes;
    return NULL;
}

bool ts_client_is_foreign(const PJRT_Client *client) {
    return client->pid != getpid();
}

PJRT_Client *ts_client_retain(PJRT_Client *client) {
    atomic_fetch_add_explicit(&client->references, 1, memory_order_relaxed);
    return client;
}

void ts_client_release(PJRT_Client *client) {
    if (atomic_fetch_sub_explicit(&client->references, 1, memory_order_acq_rel) != 1) return;
    ts_devices_free(client);
    ts_meeting_free(client->meeting);
    ts_areas_free(client);
    pthread_mutex_destroy(&client->area_lock);
    pthread_mutex_destroy(&client->launch_lock);
    ts_signal_release(client->ready);
    ts_runtime_free(client->runtime);
    free(client);
}

/* --- create options --- */

typedef struct ts_create_options {
    char instance[64], chip[256];
    int64_t devices, threads, processes, process;
} ts_create_options;

static ts_status option_fail(const PJRT_NamedValue *value, const char *wanted, ts_diag *diag) {
    ts_fail(diag, ts_usage, "create option %.*s must be %s", (int)value->name_size, value->name, wanted);
    ts_diag_remedy(diag, "options are instance, chip, num_devices and threads");
    return ts_usage;
}

static ts_status option_number(const PJRT_NamedValue *value, int64_t *number, ts_diag *diag) {
    if (value->type == PJRT_VALUE_INT64) {
        *number = value->int64_value;
    } else {
        char text[24] = "", *end = text;
        if (value->type == PJRT_VALUE_STRING && value->value_size < sizeof text)
            memcpy(text, value->string_value, value->value_size);
        *number = strtol(text, &end, 10);
        if (end == text || *end) return option_fail(value, "a whole number", diag);
    }
    if (*number < 0 || *number > 65536) return option_fail(value, "from 0 to 65536", diag);
    return ts_ok;
}

static ts_status option_text(const PJRT_NamedValue *value, char *text, size_t size, ts_diag *diag) {
    if (value->type != PJRT_VALUE_STRING || value->value_size >= size)
        return option_fail(value, "a name", diag);
    memcpy(text, value->string_value, value->value_size);
    text[value->value_size] = 0;
    return ts_ok;
}

static bool is_named(const PJRT_NamedValue *value, const char *name) {
    return value->name_size == strlen(name) && memcmp(value->name, name, value->name_size) == 0;
}

static ts_status read_option(const PJRT_NamedValue *value, ts_create_options *options, ts_diag *diag) {
    if (is_named(value, "instance"))
        return option_text(value, options->instance, sizeof options->instance, diag);
    if (is_named(value, "chip")) return option_text(value, options->chip, sizeof options->chip, diag);
    if (is_named(value, "num_devices")) return option_number(value, &options->devices, diag);
    if (is_named(value, "threads")) return option_number(value, &options->threads, diag);
    if (is_named(value, "num_nodes")) return option_number(value, &options->processes, diag);
    if (is_named(value, "node_id")) return option_number(value, &options->process, diag);
    return option_fail(value, "one that Trainstone knows", diag);
}

/* The framework may know of several processes, but not which NeuronCores each has or where they meet. */
static ts_status check_processes(const ts_create_options *given, const ts_processes *processes,
                                 ts_diag *diag) {
    const int64_t count = processes->count > 1 ? processes->count : 1;
    if (given->processes <= 1 || (given->processes == count && given->process == processes->index))
        return ts_ok;
    if (count == 1)
        ts_fail(diag, ts_usage,
                "this is one of %d processes, and the environment does not say which NeuronCores each has",
                (int)given->processes);
    else
        ts_fail(diag, ts_usage, "this is process %d of %d; by the environment it is %d of %d",
                (int)given->process, (int)given->processes, processes->index, (int)count);
    ts_diag_remedy(diag, "set NEURON_PJRT_PROCESSES_NUM_DEVICES (1,1 for two of one NeuronCore each), "
                         "NEURON_PJRT_PROCESS_INDEX and NEURON_RT_ROOT_COMM_ID (localhost:62182) in each");
    return ts_usage;
}

static ts_status make_runtime(const PJRT_Client_Create_Args *args, ts_runtime_options *options,
                              ts_runtime **runtime, ts_diag *diag) {
    ts_create_options given = {0};
    for (size_t i = 0; i < args->num_options; i++)
        TS_TRY(read_option(&args->create_options[i], &given, diag));
    *options = (ts_runtime_options){
        .instance = *given.instance ? given.instance : NULL,
        .chip = *given.chip ? given.chip : NULL,
        .threads = (int)given.threads,
        .devices = (int)given.devices,
    };
    TS_TRY(ts_runtime_processes_from_env(options, diag));
    TS_TRY(check_processes(&given, &options->processes, diag));
    TS_TRY(ts_runtime_options_from_env(options, diag));
    return ts_runtime_new(options, runtime, diag);
}

static ts_status meet_others(PJRT_Client *client, const ts_processes *processes, ts_diag *diag) {
    if (processes->count <= 1) return ts_ok;
    return ts_rendezvous(processes, TS_RENDEZVOUS_SECONDS, ts_registry_cancel(), &client->meeting, diag);
}

static ts_status make_client(const PJRT_Client_Create_Args *args, PJRT_Client **client, ts_diag *diag) {
    PJRT_Client *made = calloc(1, sizeof *made);
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for a client");
    made->pid = getpid();
    atomic_init(&made->references, 1);
    pthread_mutex_init(&made->area_lock, NULL);
    pthread_mutex_init(&made->launch_lock, NULL);
    made->ready = ts_signal_new_ready();
    ts_runtime_options options;
    ts_status status = made->ready ? make_runtime(args, &options, &made->runtime, diag)
                                   : ts_fail(diag, ts_capacity, "no host memory for a client");
    if (status == ts_ok) status = ts_devices_make(made, &options.processes, diag);
    if (status == ts_ok) status = ts_topology_make(made, diag);
    if (status == ts_ok) status = meet_others(made, &options.processes, diag);
    if (status != ts_ok) {
        ts_client_release(made);
        return status;
    }
    *client = made;
    return ts_ok;
}

PJRT_Error *ts_pjrt_Client_Create(PJRT_Client_Create_Args *args) {
    TS_PJRT_NEED(args, client);
    ts_diag diag = {0};
    ts_status status = ts_registry_enter(&diag);
    if (status != ts_ok) return ts_pjrt_error_from(status, &diag);
    status = make_client(args, &args->client, &diag);
    if (status != ts_ok)
        ts_registry_leave();
    else
        ts_registry_show(args->client->runtime);
    return ts_pjrt_error_from(status, &diag);
}

PJRT_Error *ts_pjrt_Client_Destroy(PJRT_Client_Destroy_Args *args) {
    TS_PJRT_NEED(args, client);
    PJRT_Client *client = args->client;
    /* A forked child has no threads to wait for; what it copied from the parent is left alone. */
    if (!client || ts_client_is_foreign(client)) return NULL;
    for (int i = 0; i < client->count; i++)
        if (ts_queue_is_own_thread(&client->devices[i].queue))
            return ts_pjrt_error(PJRT_FAILED_PRECONDITION,
                                 "usage: a client cannot be destroyed by a callback of its own queue");
    for (int i = 0; i < client->count; i++)
        ts_queue_drain(&client->devices[i].queue);
    for (int i = 0; i < client->count; i++)
        ts_queue_stop(&client->devices[i].queue);
    ts_meeting_free(client->meeting); /* the other processes see that this one has ended */
    client->meeting = NULL;
    ts_registry_show(NULL);
    ts_registry_leave();
    ts_client_release(client);
    return NULL;
}

/* --- a client's properties --- */

PJRT_Error *ts_pjrt_Client_PlatformName(PJRT_Client_PlatformName_Args *args) {
    TS_PJRT_NEED(args, platform_name_size);
    args->platform_name = TS_PJRT_PLATFORM;
    args->platform_name_size = sizeof TS_PJRT_PLATFORM - 1;
    return NULL;
}

PJRT_Error *ts_pjrt_Client_ProcessIndex(PJRT_Client_ProcessIndex_Args *args) {
    TS_PJRT_NEED(args, process_index);
    args->process_index = args->client->process;
    return NULL;
}

PJRT_Error *ts_pjrt_Client_PlatformVersion(PJRT_Client_PlatformVersion_Args *args) {
    TS_PJRT_NEED(args, platform_version_size);
    args->platform_version = args->client->topology.platform_version;
    args->platform_version_size = strlen(args->platform_version);
    return NULL;
}

PJRT_Error *ts_pjrt_Client_TopologyDescription(PJRT_Client_TopologyDescription_Args *args) {
    TS_PJRT_NEED(args, topology);
    args->topology = &args->client->topology;
    return NULL;
}

PJRT_Error *ts_pjrt_Client_Devices(PJRT_Client_Devices_Args *args) {
    TS_PJRT_NEED(args, num_devices);
    args->devices = args->client->device_list;
    args->num_devices = (size_t)args->client->count;
    return NULL;
}

PJRT_Error *ts_pjrt_Client_AddressableDevices(PJRT_Client_AddressableDevices_Args *args) {
    TS_PJRT_NEED(args, num_addressable_devices);
    args->addressable_devices = args->client->device_list + args->client->first;
    args->num_addressable_devices = (size_t)args->client->own;
    return NULL;
}

static PJRT_Error *lookup(PJRT_Device **list, int count, int id, PJRT_Device **device) {
    if (id >= 0 && id < count) {
        *device = list[id];
        return NULL;
    }
    ts_diag diag = {0};
    ts_fail(&diag, ts_usage, "no device has the number %d; there are %d", id, count);
    return ts_pjrt_error_from(ts_usage, &diag);
}

PJRT_Error *ts_pjrt_Client_LookupDevice(PJRT_Client_LookupDevice_Args *args) {
    TS_PJRT_NEED(args, device);
    return lookup(args->client->device_list, args->client->count, args->id, &args->device);
}

PJRT_Error *ts_pjrt_Client_LookupAddressableDevice(PJRT_Client_LookupAddressableDevice_Args *args) {
    TS_PJRT_NEED(args, addressable_device);
    return lookup(args->client->device_list + args->client->first, args->client->own, args->local_hardware_id,
                  &args->addressable_device);
}

PJRT_Error *ts_pjrt_Client_AddressableMemories(PJRT_Client_AddressableMemories_Args *args) {
    TS_PJRT_NEED(args, num_addressable_memories);
    args->addressable_memories = args->client->memory_list + args->client->first;
    args->num_addressable_memories = (size_t)args->client->own;
    return NULL;
}

PJRT_Error *ts_pjrt_Client_DefaultDeviceAssignment(PJRT_Client_DefaultDeviceAssignment_Args *args) {
    TS_PJRT_NEED(args, default_assignment);
    ts_diag diag = {0};
    int64_t wanted = (int64_t)args->num_replicas * args->num_partitions;
    if (args->num_replicas < 1 || args->num_partitions < 1 || wanted > args->client->count ||
        (size_t)wanted > args->default_assignment_size) {
        ts_fail(&diag, ts_usage,
                "%d replicas of %d partitions do not fit: there are %d devices and room for %zu",
                args->num_replicas, args->num_partitions, args->client->count, args->default_assignment_size);
        return ts_pjrt_error_from(ts_usage, &diag);
    }
    for (int i = 0; i < (int)wanted; i++)
        args->default_assignment[i] = i;
    return NULL;
}

/* Host memory needs no preparation for the modelled DMA. */
PJRT_Error *ts_pjrt_Client_DmaMap(PJRT_Client_DmaMap_Args *args) {
    (void)args;
    return NULL;
}

PJRT_Error *ts_pjrt_Client_DmaUnmap(PJRT_Client_DmaUnmap_Args *args) {
    (void)args;
    return NULL;
}

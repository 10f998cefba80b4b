/* PJRT devices: the NeuronCores, each with its share of HBM as its one memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

static const char kind_device[] = "device"; /* the name that frameworks have for a device's default memory */

PJRT_NamedValue ts_value_int(const char *name, int64_t value) {
    return (PJRT_NamedValue){.struct_size = sizeof(PJRT_NamedValue),
                             .name = name,
                             .name_size = strlen(name),
                             .type = PJRT_VALUE_INT64,
                             .int64_value = value,
                             .value_size = 1};
}

PJRT_NamedValue ts_value_string(const char *name, const char *value) {
    return (PJRT_NamedValue){.struct_size = sizeof(PJRT_NamedValue),
                             .name = name,
                             .name_size = strlen(name),
                             .type = PJRT_VALUE_STRING,
                             .string_value = value,
                             .value_size = strlen(value)};
}

PJRT_NamedValue ts_value_float(const char *name, double value) {
    return (PJRT_NamedValue){.struct_size = sizeof(PJRT_NamedValue),
                             .name = name,
                             .name_size = strlen(name),
                             .type = PJRT_VALUE_FLOAT,
                             .float_value = (float)value,
                             .value_size = 1};
}

static void describe(PJRT_Client *client, int index, int process) {
    PJRT_DeviceDescription *description = &client->descriptions[index];
    const ts_instance *instance = ts_runtime_instance(client->runtime);
    description->id = index;
    description->process = process;
    description->chip = ts_runtime_chip_number(client->runtime, index - client->first, &description->core);
    description->coords[0] = description->chip;
    description->coords[1] = description->core;
    snprintf(description->to_string, sizeof description->to_string, "NeuronCore(id=%d)", index);
    snprintf(description->debug_string, sizeof description->debug_string,
             "NeuronCore %d: core %d of chip %d of a modelled %s", index, description->core,
             description->chip, instance->name);
    description->attributes[0] = ts_value_int("chip", description->chip);
    description->attributes[1] = ts_value_int("core", description->core);
    description->attributes[2] = (PJRT_NamedValue){.struct_size = sizeof(PJRT_NamedValue),
                                                   .name = "coords",
                                                   .name_size = 6,
                                                   .type = PJRT_VALUE_INT64_LIST,
                                                   .int64_array_value = description->coords,
                                                   .value_size = 2};
}

static void describe_all(PJRT_Client *client, const ts_processes *processes) {
    int process = 0;
    for (int i = 0; i < client->count; i++) {
        while (processes->count > 1 && i >= processes->begin[process + 1])
            process++;
        describe(client, i, process);
    }
}

ts_status ts_devices_make(PJRT_Client *client, const ts_processes *processes, ts_diag *diag) {
    const bool is_alone = processes->count <= 1;
    client->own = ts_runtime_devices(client->runtime);
    client->first = is_alone ? 0 : processes->begin[processes->index];
    client->process = is_alone ? 0 : processes->index;
    client->processes = is_alone ? 1 : processes->count;
    size_t count = (size_t)(is_alone ? client->own : processes->begin[processes->count]);
    client->devices = calloc(count, sizeof *client->devices);
    client->descriptions = calloc(count, sizeof *client->descriptions);
    client->memories = calloc(count, sizeof *client->memories);
    client->device_list = calloc(count, sizeof *client->device_list);
    client->memory_list = calloc(count, sizeof *client->memory_list);
    client->topology.descriptions = calloc(count, sizeof *client->topology.descriptions);
    if (!client->devices || !client->descriptions || !client->memories || !client->device_list ||
        !client->memory_list || !client->topology.descriptions)
        return ts_fail(diag, ts_capacity, "no host memory for %zu devices", count);
    client->count = (int)count;
    describe_all(client, processes);
    for (int i = 0; i < client->count; i++) {
        PJRT_Device *device = client->device_list[i] = &client->devices[i];
        PJRT_Memory *memory = client->memory_list[i] = &client->memories[i];
        client->topology.descriptions[i] = &client->descriptions[i];
        *memory = (PJRT_Memory){.device = device};
        snprintf(memory->to_string, sizeof memory->to_string, "HBM(device=%d)", i);
        snprintf(memory->debug_string, sizeof memory->debug_string, "HBM of %s",
                 client->descriptions[i].debug_string);
        device->client = client;
        device->description = &client->descriptions[i];
        device->memory = memory;
        device->index = i >= client->first && i < client->first + client->own ? i - client->first : -1;
        atomic_init(&device->largest_bytes, 0);
        ts_queue_init(&device->queue, i);
    }
    client->topology.count = client->count;
    return ts_ok;
}

void ts_devices_free(PJRT_Client *client) {
    for (int i = 0; i < client->count; i++)
        ts_queue_close(&client->devices[i].queue);
    free(client->devices);
    free(client->descriptions);
    free(client->memories);
    free(client->device_list);
    free(client->memory_list);
    free(client->topology.descriptions);
}

ts_status ts_device_check_own(const PJRT_Device *device, ts_diag *diag) {
    if (device->index >= 0) return ts_ok;
    ts_fail(diag, ts_usage, "%s is a device of process %d; this is process %d",
            device->description->to_string, device->description->process, device->client->process);
    ts_diag_remedy(diag, "a process reads, writes and starts programs on its own devices");
    return ts_usage;
}

/* --- descriptions --- */

PJRT_Error *ts_pjrt_DeviceDescription_Id(PJRT_DeviceDescription_Id_Args *args) {
    TS_PJRT_NEED(args, id);
    args->id = args->device_description->id;
    return NULL;
}

PJRT_Error *ts_pjrt_DeviceDescription_ProcessIndex(PJRT_DeviceDescription_ProcessIndex_Args *args) {
    TS_PJRT_NEED(args, process_index);
    args->process_index = args->device_description->process;
    return NULL;
}

PJRT_Error *ts_pjrt_DeviceDescription_Attributes(PJRT_DeviceDescription_Attributes_Args *args) {
    TS_PJRT_NEED(args, attributes);
    args->attributes = args->device_description->attributes;
    args->num_attributes =
        sizeof args->device_description->attributes / sizeof *args->device_description->attributes;
    return NULL;
}

/* The name that AWS's own plugin returns, because frameworks and scripts compare it. */
PJRT_Error *ts_pjrt_DeviceDescription_Kind(PJRT_DeviceDescription_Kind_Args *args) {
    static const char kind[] = "NC_v2";
    TS_PJRT_NEED(args, device_kind_size);
    args->device_kind = kind;
    args->device_kind_size = sizeof kind - 1;
    return NULL;
}

PJRT_Error *ts_pjrt_DeviceDescription_DebugString(PJRT_DeviceDescription_DebugString_Args *args) {
    TS_PJRT_NEED(args, debug_string_size);
    args->debug_string = args->device_description->debug_string;
    args->debug_string_size = strlen(args->debug_string);
    return NULL;
}

PJRT_Error *ts_pjrt_DeviceDescription_ToString(PJRT_DeviceDescription_ToString_Args *args) {
    TS_PJRT_NEED(args, to_string_size);
    args->to_string = args->device_description->to_string;
    args->to_string_size = strlen(args->to_string);
    return NULL;
}

/* --- devices --- */

PJRT_Error *ts_pjrt_Device_GetDescription(PJRT_Device_GetDescription_Args *args) {
    TS_PJRT_NEED(args, device_description);
    args->device_description = args->device->description;
    return NULL;
}

PJRT_Error *ts_pjrt_Device_IsAddressable(PJRT_Device_IsAddressable_Args *args) {
    TS_PJRT_NEED(args, is_addressable);
    args->is_addressable = args->device->index >= 0;
    return NULL;
}

PJRT_Error *ts_pjrt_Device_LocalHardwareId(PJRT_Device_LocalHardwareId_Args *args) {
    TS_PJRT_NEED(args, local_hardware_id);
    args->local_hardware_id = args->device->index;
    return NULL;
}

PJRT_Error *ts_pjrt_Device_AddressableMemories(PJRT_Device_AddressableMemories_Args *args) {
    TS_PJRT_NEED(args, num_memories);
    args->memories = &args->device->memory;
    args->num_memories = 1;
    return NULL;
}

PJRT_Error *ts_pjrt_Device_DefaultMemory(PJRT_Device_DefaultMemory_Args *args) {
    TS_PJRT_NEED(args, memory);
    args->memory = args->device->memory;
    return NULL;
}

/* The caller does not clear its structure, so every flag is written. */
PJRT_Error *ts_pjrt_Device_MemoryStats(PJRT_Device_MemoryStats_Args *args) {
    TS_PJRT_NEED(args, peak_pool_bytes_is_set);
    PJRT_Device *device = args->device;
    if (ts_client_is_foreign(device->client)) return ts_pjrt_forked();
    if (device->index < 0)
        return ts_pjrt_unimplemented("the memory of another process's device", "ask that process");
    int core = 0;
    ts_hbm_stats stats = {0};
    ts_machine *machine = ts_runtime_machine(device->client->runtime, device->index, &core);
    ts_hbm_get_stats(machine, core, &stats);
    args->bytes_in_use = (int64_t)stats.in_use;
    args->peak_bytes_in_use = (int64_t)stats.peak;
    args->peak_bytes_in_use_is_set = true;
    args->num_allocs = (int64_t)stats.allocations;
    args->num_allocs_is_set = true;
    args->largest_alloc_size = atomic_load(&device->largest_bytes);
    args->largest_alloc_size_is_set = true;
    args->bytes_limit = (int64_t)stats.capacity;
    args->bytes_limit_is_set = true;
    args->largest_free_block_bytes = (int64_t)stats.largest_free;
    args->largest_free_block_bytes_is_set = true;
    args->bytes_reserved = args->peak_bytes_reserved = args->bytes_reservable_limit = 0;
    args->bytes_reserved_is_set = args->peak_bytes_reserved_is_set = args->bytes_reservable_limit_is_set =
        false;
    args->pool_bytes = args->peak_pool_bytes = 0;
    args->pool_bytes_is_set = args->peak_pool_bytes_is_set = false;
    return NULL;
}

/* --- memories --- */

PJRT_Error *ts_pjrt_Memory_Id(PJRT_Memory_Id_Args *args) {
    TS_PJRT_NEED(args, id);
    args->id = args->memory->device->description->id;
    return NULL;
}

PJRT_Error *ts_pjrt_Memory_Kind(PJRT_Memory_Kind_Args *args) {
    TS_PJRT_NEED(args, kind_size);
    args->kind = kind_device;
    args->kind_size = sizeof kind_device - 1;
    return NULL;
}

PJRT_Error *ts_pjrt_Memory_Kind_Id(PJRT_Memory_Kind_Id_Args *args) {
    TS_PJRT_NEED(args, kind_id);
    args->kind_id = 0;
    return NULL;
}

PJRT_Error *ts_pjrt_Memory_DebugString(PJRT_Memory_DebugString_Args *args) {
    TS_PJRT_NEED(args, debug_string_size);
    args->debug_string = args->memory->debug_string;
    args->debug_string_size = strlen(args->debug_string);
    return NULL;
}

PJRT_Error *ts_pjrt_Memory_ToString(PJRT_Memory_ToString_Args *args) {
    TS_PJRT_NEED(args, to_string_size);
    args->to_string = args->memory->to_string;
    args->to_string_size = strlen(args->to_string);
    return NULL;
}

PJRT_Error *ts_pjrt_Memory_AddressableByDevices(PJRT_Memory_AddressableByDevices_Args *args) {
    TS_PJRT_NEED(args, num_devices);
    args->devices = &args->memory->device;
    args->num_devices = 1;
    return NULL;
}

/* The plugin's table, clients, devices, memories and topology. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pjrt_support.h"

static void test_table_is_complete(void **state) {
    (void)state;
    const PJRT_Api *api = GetPjrtApi();
    assert_int_equal(api->struct_size, 5 * sizeof(void *) + 112 * sizeof(void *));
    assert_non_null(api->PJRT_Client_UpdateGlobalProcessInfo);
    assert_null(api->PJRT_Client_UpdateGlobalProcessInfo(NULL));
    assert_int_equal(api->pjrt_api_version.major_version, 0);
    assert_int_equal(api->pjrt_api_version.minor_version, 68);
    void *const *slots = (void *const *)&api->PJRT_Error_Destroy;
    for (int i = 0; i < 112; i++)
        assert_non_null(slots[i]);
}

/* Sizes that the loader of PJRT 0.68 expects, from its own structures. */
static void test_layouts(void **state) {
    (void)state;
    assert_int_equal(sizeof(PJRT_Client_Create_Args), 88);
    assert_int_equal(sizeof(PJRT_Client_Compile_Args), 56);
    assert_int_equal(sizeof(PJRT_Client_BufferFromHostBuffer_Args), 120);
    assert_int_equal(sizeof(PJRT_Buffer_ToHostBuffer_Args), 56);
    assert_int_equal(sizeof(PJRT_LoadedExecutable_Execute_Args), 80);
    assert_int_equal(sizeof(PJRT_ExecuteOptions), 80);
    assert_int_equal(sizeof(PJRT_Executable_GetCompiledMemoryStats_Args), 104);
    assert_int_equal(sizeof(PJRT_Device_MemoryStats_Args), 24 + 8 + 10 * 16);
    assert_int_equal(sizeof(PJRT_NamedValue), 56);
    assert_int_equal(sizeof(PJRT_Buffer_MemoryLayout), 80);
    assert_int_equal(PJRT_TYPE_BF16, 13);
    assert_int_equal(PJRT_TYPE_U4, 22);
}

static const PJRT_NamedValue *find(const PJRT_NamedValue *values, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (values[i].name_size == strlen(name) && memcmp(values[i].name, name, strlen(name)) == 0)
            return &values[i];
    fail_msg("no attribute %s", name);
    return NULL;
}

static void test_plugin_attributes(void **state) {
    (void)state;
    PJRT_Plugin_Initialize_Args start = {.struct_size = sizeof start};
    good(GetPjrtApi()->PJRT_Plugin_Initialize(&start));
    CALL(Plugin_Attributes, 0);
    good(e);
    const PJRT_NamedValue *version = find(a.attributes, a.num_attributes, "stablehlo_current_version");
    assert_int_equal(version->type, PJRT_VALUE_INT64_LIST);
    assert_int_equal(version->value_size, 3);
    assert_int_equal(version->int64_array_value[0], 1);
    assert_int_equal(version->int64_array_value[1], 13);
    /* The size constant of 0.68 ends at the first of two output fields; both are written nevertheless. */
    PJRT_Plugin_Attributes_Args shorter = {.struct_size = 24};
    good(GetPjrtApi()->PJRT_Plugin_Attributes(&shorter));
    assert_int_equal(shorter.num_attributes, a.num_attributes);
}

static void test_client_tells_of_itself(void **state) {
    (void)state;
    PJRT_Client *client = client_new();
    {
        CALL(Client_PlatformName, .client = client);
        good(e);
        assert_int_equal(a.platform_name_size, 6);
        assert_memory_equal(a.platform_name, "neuron", 6);
    }
    {
        CALL(Client_PlatformVersion, .client = client);
        good(e);
        assert_int_equal(strncmp(a.platform_version, "trainstone", 10), 0);
        assert_int_equal(a.platform_version_size, strlen(a.platform_version));
    }
    {
        CALL(Client_ProcessIndex, .client = client, .process_index = 7);
        good(e);
        assert_int_equal(a.process_index, 0);
    }
    client_destroy(client);
    CALL(Client_Destroy, 0);
    good(e);
    (void)a;
}

static void check_device(PJRT_Client *client, PJRT_Device *device, int id) {
    CALL(Device_GetDescription, .device = device);
    good(e);
    PJRT_DeviceDescription_Kind_Args kind = {.struct_size = sizeof kind,
                                             .device_description = a.device_description};
    good(GetPjrtApi()->PJRT_DeviceDescription_Kind(&kind));
    assert_int_equal(kind.device_kind_size, 5);
    assert_memory_equal(kind.device_kind, "NC_v2", 5);
    PJRT_DeviceDescription_Id_Args number = {.struct_size = sizeof number,
                                             .device_description = a.device_description};
    good(GetPjrtApi()->PJRT_DeviceDescription_Id(&number));
    assert_int_equal(number.id, id);
    PJRT_DeviceDescription_Attributes_Args values = {.struct_size = sizeof values,
                                                     .device_description = a.device_description};
    good(GetPjrtApi()->PJRT_DeviceDescription_Attributes(&values));
    assert_int_equal(find(values.attributes, values.num_attributes, "chip")->int64_value, 0);
    assert_int_equal(find(values.attributes, values.num_attributes, "core")->int64_value, id);
    assert_int_equal(find(values.attributes, values.num_attributes, "coords")->int64_array_value[1], id);
    PJRT_Device_AddressableMemories_Args memories = {.struct_size = sizeof memories, .device = device};
    good(GetPjrtApi()->PJRT_Device_AddressableMemories(&memories));
    assert_int_equal(memories.num_memories, 1);
    assert_ptr_equal(memories.memories[0], memory_of(device));
    PJRT_Memory_Kind_Args memory = {.struct_size = sizeof memory, .memory = memories.memories[0]};
    good(GetPjrtApi()->PJRT_Memory_Kind(&memory));
    assert_string_equal(memory.kind, "device");
    PJRT_Memory_AddressableByDevices_Args by = {.struct_size = sizeof by, .memory = memories.memories[0]};
    good(GetPjrtApi()->PJRT_Memory_AddressableByDevices(&by));
    assert_int_equal(by.num_devices, 1);
    assert_ptr_equal(by.devices[0], device);
    assert_ptr_equal(device_of(client, id), device);
}

static void test_devices(void **state) {
    (void)state;
    PJRT_Client *client = client_new();
    {
        CALL(Client_Devices, .client = client);
        good(e);
        assert_int_equal(a.num_devices, 2);
        for (int i = 0; i < 2; i++)
            check_device(client, a.devices[i], i);
    }
    for (int i = -1; i < 3; i += 3) {
        CALL(Client_LookupDevice, .client = client, .id = i);
        bad(e, PJRT_INVALID_ARGUMENT, "there are 2");
        (void)a;
    }
    client_destroy(client);
}

static void test_default_assignment(void **state) {
    (void)state;
    PJRT_Client *client = client_new();
    int ids[2] = {-1, -1};
    {
        CALL(Client_DefaultDeviceAssignment, .client = client, .num_replicas = 1, .num_partitions = 2,
             .default_assignment = ids, .default_assignment_size = 2);
        good(e);
        (void)a;
        assert_int_equal(ids[1], 1);
    }
    {
        CALL(Client_DefaultDeviceAssignment, .client = client, .num_replicas = 3, .num_partitions = 1,
             .default_assignment = ids, .default_assignment_size = 2);
        bad(e, PJRT_INVALID_ARGUMENT, "3 replicas");
        (void)a;
    }
    client_destroy(client);
}

/* The caller's structure is not cleared: every flag must be written. */
static void test_memory_stats_write_every_flag(void **state) {
    (void)state;
    PJRT_Client *client = client_new();
    PJRT_Device_MemoryStats_Args stats;
    memset(&stats, 0x55, sizeof stats);
    stats.struct_size = sizeof stats;
    stats.extension_start = NULL;
    stats.device = device_of(client, 0);
    good(GetPjrtApi()->PJRT_Device_MemoryStats(&stats));
    assert_int_equal(stats.bytes_in_use, 0);
    assert_true(stats.bytes_limit_is_set);
    assert_int_equal(stats.bytes_limit, (int64_t)16 << 30);
    assert_false(stats.bytes_reserved_is_set || stats.pool_bytes_is_set || stats.peak_pool_bytes_is_set ||
                 stats.peak_bytes_reserved_is_set || stats.bytes_reservable_limit_is_set);
    client_destroy(client);
}

static PJRT_Error *create(const char *name, const char *string, int64_t number, PJRT_Client **client) {
    PJRT_NamedValue option = {.struct_size = sizeof option,
                              .name = name,
                              .name_size = strlen(name),
                              .type = string ? PJRT_VALUE_STRING : PJRT_VALUE_INT64,
                              .value_size = 1};
    if (string) {
        option.string_value = string;
        option.value_size = strlen(string);
    } else {
        option.int64_value = number;
    }
    CALL(Client_Create, .create_options = &option, .num_options = 1);
    *client = a.client;
    return e;
}

static void test_create_options(void **state) {
    (void)state;
    PJRT_Client *client = NULL;
    good(create("num_devices", NULL, 1, &client));
    CALL(Client_Devices, .client = client);
    good(e);
    assert_int_equal(a.num_devices, 1);
    client_destroy(client);
    good(create("num_devices", "2", 0, &client));
    client_destroy(client);
    good(create("threads", "1", 0, &client));
    client_destroy(client);
    bad(create("num_devices", "3", 0, &client), PJRT_INVALID_ARGUMENT, "2 NeuronCores");
    bad(create("num_devices", "two", 0, &client), PJRT_INVALID_ARGUMENT, "num_devices");
    bad(create("num_devices", NULL, -1, &client), PJRT_INVALID_ARGUMENT, "num_devices");
    bad(create("instance", "p4d.24xlarge", 0, &client), PJRT_INVALID_ARGUMENT, "p4d.24xlarge");
    bad(create("chip", "trn3", 0, &client), PJRT_UNIMPLEMENTED, "trn3");
    bad(create("color", "red", 0, &client), PJRT_INVALID_ARGUMENT, "color");
    bad(create("num_nodes", NULL, 2, &client), PJRT_INVALID_ARGUMENT,
        "this is one of 2 processes, and the environment does not say which NeuronCores each has");
}

static void test_large_instance(void **state) {
    (void)state;
    PJRT_Client *client = NULL;
    good(create("instance", "trn1.32xlarge", 0, &client));
    CALL(Client_Devices, .client = client);
    good(e);
    assert_int_equal(a.num_devices, 32);
    PJRT_Device_GetDescription_Args get = {.struct_size = sizeof get, .device = a.devices[31]};
    good(GetPjrtApi()->PJRT_Device_GetDescription(&get));
    PJRT_DeviceDescription_Attributes_Args values = {.struct_size = sizeof values,
                                                     .device_description = get.device_description};
    good(GetPjrtApi()->PJRT_DeviceDescription_Attributes(&values));
    assert_int_equal(find(values.attributes, values.num_attributes, "chip")->int64_value, 15);
    assert_int_equal(find(values.attributes, values.num_attributes, "core")->int64_value, 1);
    client_destroy(client);
}

static void test_structures_of_other_versions(void **state) {
    (void)state;
    PJRT_Client_Create_Args older = {.struct_size = 72}; /* ends at `client` */
    good(GetPjrtApi()->PJRT_Client_Create(&older));
    struct {
        PJRT_Client_Devices_Args args;
        char newer[64];
    } longer = {.args = {.struct_size = sizeof longer, .client = older.client}};
    memset(longer.newer, 0x77, sizeof longer.newer);
    good(GetPjrtApi()->PJRT_Client_Devices(&longer.args));
    assert_int_equal(longer.args.num_devices, 2);
    for (size_t i = 0; i < sizeof longer.newer; i++)
        assert_int_equal(longer.newer[i], 0x77);
    PJRT_Client_Devices_Args shorter = {.struct_size = 32, .client = older.client, .num_devices = 99};
    bad(GetPjrtApi()->PJRT_Client_Devices(&shorter), PJRT_INVALID_ARGUMENT, "PJRT_Client_Devices");
    assert_int_equal(shorter.num_devices, 99);
    client_destroy(older.client);
}

static void test_topology(void **state) {
    (void)state;
    PJRT_Client *client = client_new();
    CALL(Client_TopologyDescription, .client = client);
    good(e);
    PJRT_TopologyDescription_GetDeviceDescriptions_Args devices = {.struct_size = sizeof devices,
                                                                   .topology = a.topology};
    good(GetPjrtApi()->PJRT_TopologyDescription_GetDeviceDescriptions(&devices));
    assert_int_equal(devices.num_descriptions, 2);
    PJRT_TopologyDescription_Serialize_Args bytes = {.struct_size = sizeof bytes, .topology = a.topology};
    good(GetPjrtApi()->PJRT_TopologyDescription_Serialize(&bytes));
    assert_true(bytes.serialized_bytes_size > 20);
    bytes.serialized_topology_deleter(bytes.serialized_topology);
    PJRT_TopologyDescription_Create_Args make = {.struct_size = sizeof make};
    bad(GetPjrtApi()->PJRT_TopologyDescription_Create(&make), PJRT_UNIMPLEMENTED, "topology");
    client_destroy(client);
}

/* A child of fork gets an orderly refusal, at once, from everything that would need the parent's threads. */
static int use_in_child(PJRT_Client *client, PJRT_Buffer *buffer) {
    float value = 0;
    PJRT_Client_BufferFromHostBuffer_Args in = {
        .struct_size = sizeof in, .client = client, .data = &value, .type = PJRT_TYPE_F32};
    PJRT_Buffer_ToHostBuffer_Args out = {
        .struct_size = sizeof out, .src = buffer, .dst = &value, .dst_size = 4};
    PJRT_Client_Create_Args again = {.struct_size = sizeof again};
    text words = {""};
    if (take_error(GetPjrtApi()->PJRT_Client_BufferFromHostBuffer(&in), &words) != PJRT_INVALID_ARGUMENT)
        return 1;
    if (!strstr(words.bytes, "forked") || !strstr(words.bytes, "spawn")) return 2;
    if (take_error(GetPjrtApi()->PJRT_Buffer_ToHostBuffer(&out), NULL) != PJRT_INVALID_ARGUMENT) return 3;
    if (take_error(GetPjrtApi()->PJRT_Client_Create(&again), NULL) != PJRT_INVALID_ARGUMENT) return 4;
    PJRT_Buffer_Destroy_Args drop = {.struct_size = sizeof drop, .buffer = buffer};
    if (GetPjrtApi()->PJRT_Buffer_Destroy(&drop)) return 5;
    PJRT_Client_Destroy_Args end = {.struct_size = sizeof end, .client = client};
    if (GetPjrtApi()->PJRT_Client_Destroy(&end)) return 6;
    return 0;
}

static void test_forked_child_is_refused(void **state) {
    (void)state;
    PJRT_Client *client = client_new();
    float value = 3;
    PJRT_Buffer *buffer = buffer_new(client, device_of(client, 0), PJRT_TYPE_F32, NULL, 0, &value);
    pid_t child = fork();
    if (child == 0) _exit(use_in_child(client, buffer));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    float read = 0;
    good(buffer_read(buffer, &read, sizeof read)); /* the parent goes on */
    assert_float_equal(read, 3, 0);
    buffer_destroy(buffer);
    client_destroy(client);
    child = fork(); /* without clients a child may start its own */
    if (child == 0) {
        PJRT_Client_Create_Args own = {.struct_size = sizeof own};
        _exit(GetPjrtApi()->PJRT_Client_Create(&own) ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_plugin_attributes),
        cmocka_unit_test(test_client_tells_of_itself),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_default_assignment),
        cmocka_unit_test(test_memory_stats_write_every_flag),
        cmocka_unit_test(test_create_options),
        cmocka_unit_test(test_large_instance),
        cmocka_unit_test(test_structures_of_other_versions),
        cmocka_unit_test(test_topology),
        cmocka_unit_test(test_forked_child_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

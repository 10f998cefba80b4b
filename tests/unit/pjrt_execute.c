/* Programs through the C API: compile, execute, donate, fail, and end while work is queued. */
#include <stdatomic.h>
#include <stdio.h>

#include "pjrt_fixture.h"
#include "trainstone/trainstone.h"

static void test_runs(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 0);
    PJRT_Buffer *x = buffer_ramp(client, 0, 0), *y = NULL, *z = NULL;
    good(execute(add, &x, 1, &y, NULL));
    check_ramp(y, 1, 1);
    good(execute(add, &y, 1, &z, NULL));
    check_ramp(z, 2, 1);
    check_ramp(x, 0, 1);
    buffer_destroy(x);
    buffer_destroy(y);
    buffer_destroy(z);
    executable_destroy(add);
}

static void test_device_assignment(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 1);
    CALL(LoadedExecutable_AddressableDevices, .executable = add);
    good(e);
    assert_int_equal(a.num_addressable_devices, 1);
    assert_ptr_equal(a.addressable_devices[0], device_of(client, 1));
    PJRT_Buffer *x = buffer_ramp(client, 1, 0), *other = buffer_ramp(client, 0, 0), *y = NULL;
    good(execute(add, &x, 1, &y, NULL));
    PJRT_Buffer_Memory_Args where = {.struct_size = sizeof where, .buffer = y};
    good(GetPjrtApi()->PJRT_Buffer_Memory(&where));
    assert_ptr_equal(where.memory, memory_of(device_of(client, 1)));
    buffer_destroy(y);
    bad(execute(add, &other, 1, &y, NULL), PJRT_INVALID_ARGUMENT, "lies on NeuronCore(id=0)");
    buffer_destroy(x);
    buffer_destroy(other);
    executable_destroy(add);
    uint8_t options[32];
    PJRT_LoadedExecutable *none = NULL;
    bad(compile_bytes(client, program_add, sizeof program_add - 1, options, compile_options(2, options),
                      &none),
        PJRT_INVALID_ARGUMENT, "device 2");
}

/* compile_portable_executable: the device is chosen at execution. */
static void test_portable(void **state) {
    (void)state;
    const uint8_t options[] = {0x20, 1};
    PJRT_LoadedExecutable *add = NULL;
    good(compile_bytes(client, program_add, sizeof program_add - 1, options, sizeof options, &add));
    PJRT_Buffer *x = buffer_ramp(client, 1, 0), *y = NULL, **outputs = &y, *const *list = &x;
    {
        CALL(LoadedExecutable_Execute, .executable = add, .argument_lists = &list, .num_devices = 1,
             .num_args = 1, .output_lists = &outputs, .execute_device = device_of(client, 1));
        good(e);
        (void)a;
        check_ramp(y, 1, 1);
    }
    executable_destroy(add);
    add = compile_for(client, program_add, 0);
    CALL(LoadedExecutable_Execute, .executable = add, .argument_lists = &list, .num_devices = 1,
         .num_args = 1, .output_lists = &outputs, .execute_device = device_of(client, 1));
    bad(e, PJRT_INVALID_ARGUMENT, "compiled for NeuronCore(id=0)");
    (void)a;
    executable_destroy(add);
    buffer_destroy(x);
    buffer_destroy(y);
}

static void test_wrong_arguments(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 0);
    const int64_t dims[2] = {8, 4};
    float values[ELEMS] = {0};
    PJRT_Buffer *turned = buffer_new(client, device_of(client, 0), PJRT_TYPE_F32, dims, 2, values);
    PJRT_Buffer *ints = buffer_new(client, device_of(client, 0), PJRT_TYPE_S32, dims_4x8, 2, values);
    PJRT_Buffer *two[2] = {turned, turned}, *y = NULL;
    bad(execute(add, &turned, 1, &y, NULL), PJRT_INVALID_ARGUMENT, "f32[8x4]; the program takes f32[4x8]");
    bad(execute(add, &ints, 1, &y, NULL), PJRT_INVALID_ARGUMENT, "i32[4x8]");
    bad(execute(add, two, 2, &y, NULL), PJRT_INVALID_ARGUMENT, "takes 1 arguments; 2 were given");
    bad(execute(add, NULL, 0, &y, NULL), PJRT_INVALID_ARGUMENT, "0 were given");
    buffer_destroy(turned);
    bad(execute(add, &ints, 1, &y, NULL), PJRT_INVALID_ARGUMENT, "argument 0 of add");
    PJRT_Buffer *const *lists[2] = {two, two};
    CALL(LoadedExecutable_Execute, .executable = add, .argument_lists = lists, .num_devices = 2,
         .num_args = 1);
    bad(e, PJRT_INVALID_ARGUMENT, "2 devices");
    (void)a;
    buffer_destroy(ints);
    executable_destroy(add);
}

static void test_refused_programs(void **state) {
    (void)state;
    PJRT_LoadedExecutable *none = NULL;
    bad(compile_bytes(client, "", 0, NULL, 0, &none), PJRT_INVALID_ARGUMENT, "empty");
    bad(compile_bytes(client, "hello", 5, NULL, 0, &none), PJRT_INVALID_ARGUMENT, "program");
    bad(compile_bytes(client, "ML\xefR", 4, NULL, 0, &none), PJRT_INVALID_ARGUMENT, "program");
    bad(compile_bytes(client, "\x01\x02\x03\x04", 4, NULL, 0, &none), PJRT_INVALID_ARGUMENT, "");
    PJRT_Program hlo = {.struct_size = sizeof hlo,
                        .code = (char *)(uintptr_t) "x",
                        .code_size = 1,
                        .format = "hlo",
                        .format_size = 3};
    CALL(Client_Compile, .client = client, .program = &hlo);
    bad(e, PJRT_UNIMPLEMENTED, "XLA_STABLEHLO_COMPILE");
    (void)a;
}

static void test_compile_options(void **state) {
    (void)state;
    const uint8_t partitions[] = {0x1a, 2, 0x28, 2}, replicas[] = {0x1a, 2, 0x20, 4}, tuple[] = {0x10, 1};
    const uint8_t override[] = {0x3a, 7, 0x0a, 3, 'f', 'o', 'o', 0x12, 0};
    const uint8_t cut[] = {0x1a, 9, 0x28}, wire[] = {0x0b}, endless[] = {0x10, 0xff, 0xff, 0xff};
    const uint8_t others[] = {0x0a, 0,    0x28, 0x80, 1,    0x1a, 11, 0x08, 0xff, 0xff, 0xff,
                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,  0x3d, 1,    2,    3,
                              4,    0x39, 1,    2,    3,    4,    5,  6,    7,    8};
    PJRT_LoadedExecutable *executable = NULL;
    size_t size = sizeof program_add - 1;
    bad(compile_bytes(client, program_add, size, partitions, sizeof partitions, &executable),
        PJRT_UNIMPLEMENTED, "program for 1 device; 1 replicas of 2 partitions");
    bad(compile_bytes(client, program_add, size, replicas, sizeof replicas, &executable),
        PJRT_INVALID_ARGUMENT, "for 4 devices; there are 2");
    bad(compile_bytes(client, program_add, size, tuple, sizeof tuple, &executable), PJRT_UNIMPLEMENTED,
        "tuple");
    bad(compile_bytes(client, program_add, size, override, sizeof override, &executable), PJRT_UNIMPLEMENTED,
        "\"foo\"");
    bad(compile_bytes(client, program_add, size, cut, sizeof cut, &executable), PJRT_INVALID_ARGUMENT,
        "options");
    bad(compile_bytes(client, program_add, size, wire, sizeof wire, &executable), PJRT_INVALID_ARGUMENT,
        "options");
    bad(compile_bytes(client, program_add, size, endless, sizeof endless, &executable), PJRT_INVALID_ARGUMENT,
        "options");
    good(compile_bytes(client, program_add, size, others, sizeof others, &executable));
    executable_destroy(executable);
}

static void test_donation(void **state) {
    (void)state;
    PJRT_LoadedExecutable *update = compile_for(client, program_update, 0);
    PJRT_Buffer *x = buffer_ramp(client, 0, 0), *w = buffer_ramp(client, 0, 100);
    for (int step = 1; step <= 50; step++) {
        PJRT_Buffer *arguments[2] = {x, w}, *y = NULL;
        PJRT_Event *done = NULL;
        good(execute(update, arguments, 2, &y, &done));
        event_destroy(done);
        assert_true(buffer_is_deleted(x));
        assert_false(buffer_is_deleted(w));
        buffer_destroy(x);
        x = y;
    }
    float read[ELEMS];
    good(buffer_read(x, read, sizeof read));
    for (int i = 0; i < ELEMS; i++)
        assert_float_equal(read[i], (float)(51 * i + 5000), 0);
    CALL(Device_MemoryStats, .device = device_of(client, 0));
    good(e);
    assert_int_equal(a.bytes_in_use, 2 * BYTES); /* the result lies where the donated input lay */
    assert_int_equal(a.peak_bytes_in_use, 2 * BYTES);
    buffer_destroy(x);
    buffer_destroy(w);
    executable_destroy(update);
}

static void test_not_donatable(void **state) {
    (void)state;
    PJRT_LoadedExecutable *update = compile_for(client, program_update, 0);
    PJRT_Buffer *x = buffer_ramp(client, 0, 0), *w = buffer_ramp(client, 0, 1), *y = NULL;
    PJRT_Buffer *arguments[2] = {x, w}, *const *list = arguments, **outputs = &y;
    const int64_t keep[1] = {0};
    PJRT_ExecuteOptions options = {.struct_size = sizeof options,
                                   .non_donatable_input_indices = keep,
                                   .num_non_donatable_input_indices = 1};
    CALL(LoadedExecutable_Execute, .executable = update, .options = &options, .argument_lists = &list,
         .num_devices = 1, .num_args = 2, .output_lists = &outputs);
    good(e);
    (void)a;
    assert_false(buffer_is_deleted(x));
    check_ramp(y, 1, 2);
    check_ramp(x, 0, 1);
    buffer_destroy(y);
    /* The structure of an earlier version has no such list, so its inputs may be donated. */
    options.struct_size = offsetof(PJRT_ExecuteOptions, non_donatable_input_indices);
    PJRT_LoadedExecutable_Execute_Args again = {
        .struct_size = offsetof(PJRT_LoadedExecutable_Execute_Args, execute_device),
        .executable = update,
        .options = &options,
        .argument_lists = &list,
        .num_devices = 1,
        .num_args = 2,
        .output_lists = &outputs,
        .execute_device = (PJRT_Device *)(uintptr_t)16};
    good(GetPjrtApi()->PJRT_LoadedExecutable_Execute(&again));
    assert_true(buffer_is_deleted(x));
    check_ramp(y, 1, 2);
    buffer_destroy(x);
    buffer_destroy(y);
    buffer_destroy(w);
    executable_destroy(update);
}

static void test_donated_twice(void **state) {
    (void)state;
    PJRT_LoadedExecutable *update = compile_for(client, program_update, 0);
    PJRT_Buffer *x = buffer_ramp(client, 0, 0), *y = NULL, *same[2] = {x, x};
    bad(execute(update, same, 2, &y, NULL), PJRT_INVALID_ARGUMENT, "twice");
    assert_false(buffer_is_deleted(x)); /* a refused execution donates nothing */
    PJRT_Buffer_IncreaseExternalReferenceCount_Args take = {.struct_size = sizeof take, .buffer = x};
    good(GetPjrtApi()->PJRT_Buffer_IncreaseExternalReferenceCount(&take));
    PJRT_Buffer *w = buffer_ramp(client, 0, 1), *arguments[2] = {x, w};
    bad(execute(update, arguments, 2, &y, NULL), PJRT_INVALID_ARGUMENT, "another framework");
    check_ramp(x, 0, 1);
    PJRT_Buffer_DecreaseExternalReferenceCount_Args give = {.struct_size = sizeof give, .buffer = x};
    good(GetPjrtApi()->PJRT_Buffer_DecreaseExternalReferenceCount(&give));
    good(execute(update, arguments, 2, &y, NULL));
    PJRT_Buffer *z = NULL;
    bad(execute(update, arguments, 2, &z, NULL), PJRT_INVALID_ARGUMENT, "deleted or donated");
    buffer_destroy(x);
    buffer_destroy(y);
    buffer_destroy(w);
    executable_destroy(update);
}

typedef struct seen {
    atomic_int calls, code;
} seen;

static void on_ready(PJRT_Error *error, void *argument) {
    seen *s = argument;
    atomic_store(&s->code, take_error(error, NULL));
    atomic_fetch_add(&s->calls, 1);
}

/* Execute returns before its input is there; a chain of work waits for it, in order. */
static void test_execution_is_asynchronous(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 0);
    PJRT_Buffer *x = NULL, *y = NULL, *z = NULL;
    PJRT_AsyncHostToDeviceTransferManager *manager = staged_new(client, 0, &x);
    PJRT_Event *first = NULL, *second = NULL;
    good(execute(add, &x, 1, &y, &first));
    good(execute(add, &y, 1, &z, &second));
    seen s = {0};
    {
        CALL(Event_OnReady, .event = second, .callback = on_ready, .user_arg = &s);
        good(e);
        (void)a;
    }
    CALL(Event_IsReady, .event = second);
    good(e);
    assert_false(a.is_ready);
    assert_int_equal(atomic_load(&s.calls), 0);
    float read[ELEMS] = {0};
    PJRT_Buffer_ToHostBuffer_Args to = {
        .struct_size = sizeof to, .src = z, .dst = read, .dst_size = sizeof read};
    good(GetPjrtApi()->PJRT_Buffer_ToHostBuffer(&to));
    buffer_destroy(x); /* inputs may go before the work that reads them */
    buffer_destroy(y);
    executable_destroy(add);
    staged_end(manager, 10);
    good(event_await(to.event));
    assert_float_equal(read[3], 15, 0);
    good(event_await(first));
    good(event_await(second));
    buffer_destroy(z);
    event_destroy(NULL);
    while (atomic_load(&s.calls) == 0)
        continue;
    assert_int_equal(atomic_load(&s.calls), 1);
    assert_int_equal(atomic_load(&s.code), 0);
}

/* An input that failed makes every result that depends on it fail with the same message, and nothing else. */
static void test_errors_through_events(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 0);
    PJRT_Buffer *x = NULL, *y = NULL, *z = NULL, *good_x = buffer_ramp(client, 0, 0), *good_y = NULL;
    PJRT_AsyncHostToDeviceTransferManager *manager = staged_new(client, 0, &x);
    PJRT_Event *first = NULL, *second = NULL;
    good(execute(add, &x, 1, &y, &first));
    good(execute(add, &y, 1, &z, &second));
    CALL(AsyncHostToDeviceTransferManager_SetBufferError, .transfer_manager = manager,
         .error_code = PJRT_ABORTED, .error_message = "cable pulled", .error_message_size = 12);
    good(e);
    (void)a;
    float read[ELEMS];
    bad(buffer_read(z, read, sizeof read), PJRT_ABORTED, "cable pulled");
    bad(event_await(first), PJRT_ABORTED, "cable pulled");
    bad(event_await(second), PJRT_ABORTED, "cable pulled");
    PJRT_Buffer_CopyToMemory_Args copy = {
        .struct_size = sizeof copy, .buffer = z, .dst_memory = memory_of(device_of(client, 1))};
    good(GetPjrtApi()->PJRT_Buffer_CopyToMemory(&copy));
    bad(buffer_read(copy.dst_buffer, read, sizeof read), PJRT_ABORTED, "cable pulled");
    good(execute(add, &good_x, 1, &good_y, NULL));
    check_ramp(good_y, 1, 1);
    staged_destroy(manager);
    PJRT_Buffer *all[] = {x, y, z, good_x, good_y, copy.dst_buffer};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buffer_destroy(all[i]);
    executable_destroy(add);
}

static void test_deleted_executable(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 0);
    PJRT_LoadedExecutable_Delete_Args drop = {.struct_size = sizeof drop, .executable = add};
    good(GetPjrtApi()->PJRT_LoadedExecutable_Delete(&drop));
    CALL(LoadedExecutable_IsDeleted, .executable = add);
    good(e);
    assert_true(a.is_deleted);
    PJRT_Buffer *x = buffer_ramp(client, 0, 0), *y = NULL;
    bad(execute(add, &x, 1, &y, NULL), PJRT_INVALID_ARGUMENT, "deleted");
    buffer_destroy(x);
    executable_destroy(add);
}

static void test_executable_tells_of_itself(void **state) {
    (void)state;
    PJRT_LoadedExecutable *update = compile_for(client, program_update, 0);
    CALL(LoadedExecutable_GetExecutable, .loaded_executable = update);
    good(e);
    PJRT_Executable *executable = a.executable;
    executable_destroy(update); /* the two handles live on their own */
    PJRT_Executable_Name_Args name = {.struct_size = sizeof name, .executable = executable};
    good(GetPjrtApi()->PJRT_Executable_Name(&name));
    assert_int_equal(name.executable_name_size, 6);
    assert_memory_equal(name.executable_name, "update", 6);
    PJRT_Executable_NumOutputs_Args count = {.struct_size = sizeof count, .executable = executable};
    good(GetPjrtApi()->PJRT_Executable_NumOutputs(&count));
    assert_int_equal(count.num_outputs, 1);
    PJRT_Executable_OutputDimensions_Args dims = {.struct_size = sizeof dims, .executable = executable};
    good(GetPjrtApi()->PJRT_Executable_OutputDimensions(&dims));
    assert_int_equal(dims.dim_sizes[0], 2);
    assert_int_equal(dims.dims[1], 8);
    PJRT_Executable_OutputElementTypes_Args types = {.struct_size = sizeof types, .executable = executable};
    good(GetPjrtApi()->PJRT_Executable_OutputElementTypes(&types));
    assert_int_equal(types.output_types[0], PJRT_TYPE_F32);
    PJRT_Executable_OutputMemoryKinds_Args kinds = {.struct_size = sizeof kinds, .executable = executable};
    good(GetPjrtApi()->PJRT_Executable_OutputMemoryKinds(&kinds));
    assert_string_equal(kinds.memory_kinds[0], "device");
    /* A newer caller's structure is longer; what lies behind ours stays as it is. */
    struct {
        PJRT_Executable_GetCompiledMemoryStats_Args args;
        int64_t newer[5];
    } stats = {.args = {.struct_size = 144, .executable = executable}, .newer = {7, 7, 7, 7, 7}};
    good(GetPjrtApi()->PJRT_Executable_GetCompiledMemoryStats(&stats.args));
    assert_int_equal(stats.args.argument_size_in_bytes, 2 * BYTES);
    assert_int_equal(stats.args.output_size_in_bytes, BYTES);
    assert_int_equal(stats.args.alias_size_in_bytes, BYTES);
    assert_true(stats.args.generated_code_size_in_bytes > 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(stats.newer[i], 7);
    PJRT_Executable_GetCostAnalysis_Args cost = {.struct_size = sizeof cost, .executable = executable};
    good(GetPjrtApi()->PJRT_Executable_GetCostAnalysis(&cost));
    bool has_time = false;
    for (size_t i = 0; i < cost.num_properties; i++)
        if (strcmp(cost.properties[i].name, "optimal_seconds") == 0)
            has_time = cost.properties[i].float_value > 1e-6f && cost.properties[i].float_value < 1e-3f;
    assert_true(has_time);
    PJRT_Executable_Destroy_Args drop = {.struct_size = sizeof drop, .executable = executable};
    good(GetPjrtApi()->PJRT_Executable_Destroy(&drop));
}

static void test_optimized_program_and_fingerprint(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 0),
                          *same = compile_for(client, program_add, 0);
    PJRT_LoadedExecutable *other = compile_for(client, program_update, 0);
    CALL(LoadedExecutable_GetExecutable, .loaded_executable = add);
    good(e);
    PJRT_Program program = {.struct_size = sizeof program};
    PJRT_Executable_OptimizedProgram_Args get = {
        .struct_size = sizeof get, .executable = a.executable, .program = &program};
    good(GetPjrtApi()->PJRT_Executable_OptimizedProgram(&get));
    assert_memory_equal(program.format, "mlir", 4);
    char code[1024] = "";
    assert_true(program.code_size > 100 && program.code_size < sizeof code);
    program.code = code;
    good(GetPjrtApi()->PJRT_Executable_OptimizedProgram(&get));
    assert_int_equal(strlen(code), program.code_size);
    assert_non_null(strstr(code, "@main(%arg0: tensor<4x8xf32>) -> (tensor<4x8xf32>)"));
    program.code_size = 3;
    bad(GetPjrtApi()->PJRT_Executable_OptimizedProgram(&get), PJRT_INVALID_ARGUMENT, "smaller");
    PJRT_Executable_Fingerprint_Args mine = {.struct_size = sizeof mine, .executable = a.executable};
    good(GetPjrtApi()->PJRT_Executable_Fingerprint(&mine));
    PJRT_LoadedExecutable_Fingerprint_Args theirs = {.struct_size = sizeof theirs, .executable = same};
    good(GetPjrtApi()->PJRT_LoadedExecutable_Fingerprint(&theirs));
    assert_string_equal(mine.executable_fingerprint, theirs.executable_fingerprint);
    theirs.executable = other;
    good(GetPjrtApi()->PJRT_LoadedExecutable_Fingerprint(&theirs));
    assert_string_not_equal(mine.executable_fingerprint, theirs.executable_fingerprint);
    PJRT_Executable_Destroy_Args drop = {.struct_size = sizeof drop, .executable = a.executable};
    good(GetPjrtApi()->PJRT_Executable_Destroy(&drop));
    executable_destroy(add);
    executable_destroy(same);
    executable_destroy(other);
}

static PJRT_Error *load(const char *bytes, size_t size, PJRT_LoadedExecutable **executable) {
    CALL(Executable_DeserializeAndLoad, .client = client, .serialized_executable = bytes,
         .serialized_executable_size = size);
    *executable = a.loaded_executable;
    return e;
}

static void test_serialized(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 1), *again = NULL;
    CALL(LoadedExecutable_GetExecutable, .loaded_executable = add);
    good(e);
    PJRT_Executable_Serialize_Args put = {.struct_size = sizeof put, .executable = a.executable};
    good(GetPjrtApi()->PJRT_Executable_Serialize(&put));
    PJRT_Executable_Destroy_Args drop = {.struct_size = sizeof drop, .executable = a.executable};
    good(GetPjrtApi()->PJRT_Executable_Destroy(&drop));
    executable_destroy(add);
    good(load(put.serialized_bytes, put.serialized_bytes_size, &again));
    PJRT_Buffer *x = buffer_ramp(client, 1, 0), *y = NULL;
    good(execute(again, &x, 1, &y, NULL));
    check_ramp(y, 1, 1);
    buffer_destroy(x);
    buffer_destroy(y);
    executable_destroy(again);
    char *damaged = malloc(put.serialized_bytes_size);
    memcpy(damaged, put.serialized_bytes, put.serialized_bytes_size);
    for (size_t size = 0; size < put.serialized_bytes_size; size += 17)
        bad(load(damaged, size, &again), PJRT_INVALID_ARGUMENT, "serialised");
    damaged[put.serialized_bytes_size - 1] ^= 1;
    bad(load(damaged, put.serialized_bytes_size, &again), PJRT_INVALID_ARGUMENT, "damaged");
    memcpy(damaged, put.serialized_bytes, put.serialized_bytes_size);
    damaged[32] ^= 1; /* the hash of chip and version */
    bad(load(damaged, put.serialized_bytes_size, &again), PJRT_INVALID_ARGUMENT, "compile it again");
    free(damaged);
    put.serialized_executable_deleter(put.serialized_executable);
}

static void test_last_run(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 0);
    PJRT_Buffer *x = buffer_ramp(client, 0, 0), *y = NULL;
    good(execute(add, &x, 1, &y, NULL));
    buffer_destroy(x);
    buffer_destroy(y);
    executable_destroy(add);
    size_t size = ts_last_run_json(NULL, 0);
    assert_true(size > 100);
    char *json = malloc(size + 1);
    assert_int_equal(ts_last_run_json(json, size + 1), size);
    assert_int_equal(strlen(json), size);
    assert_non_null(strstr(json, "\"predicted_seconds\""));
    assert_non_null(strstr(json, "\"trn1.2xlarge\""));
    char part[10];
    assert_int_equal(ts_last_run_json(part, sizeof part), size);
    assert_int_equal(strlen(part), sizeof part - 1);
    assert_memory_equal(part, json, sizeof part - 1);
    free(json);
}

/* The end of a client waits for its queues; handles that outlive it stay safe. */
static void test_client_ends_while_work_is_queued(void **state) {
    (void)state;
    PJRT_Client *own = client_new();
    PJRT_LoadedExecutable *add = compile_for(own, program_add, 0);
    PJRT_Buffer *x = buffer_ramp(own, 0, 0);
    seen s = {0};
    enum { STEPS = 100 };
    for (int i = 0; i < STEPS; i++) {
        PJRT_Buffer *y = NULL;
        PJRT_Event *done = NULL;
        good(execute(add, &x, 1, &y, &done));
        CALL(Event_OnReady, .event = done, .callback = on_ready, .user_arg = &s);
        good(e);
        (void)a;
        event_destroy(done);
        buffer_destroy(x);
        x = y;
    }
    client_destroy(own);
    assert_int_equal(atomic_load(&s.calls), STEPS);
    assert_int_equal(atomic_load(&s.code), 0);
    check_ramp(x, STEPS, 1);
    PJRT_Buffer *y = NULL;
    bad(execute(add, &x, 1, &y, NULL), PJRT_INVALID_ARGUMENT, "destroyed");
    buffer_destroy(x);
    executable_destroy(add);
    assert_true(ts_last_run_json(NULL, 0) > 100); /* still there */
}

static void destroy_in_callback(PJRT_Error *error, void *argument) {
    PJRT_Client_Destroy_Args args = {.struct_size = sizeof args, .client = client};
    atomic_store((atomic_int *)argument, take_error(GetPjrtApi()->PJRT_Client_Destroy(&args), NULL));
    good(error);
}

static void test_client_is_not_ended_by_its_own_queue(void **state) {
    (void)state;
    PJRT_LoadedExecutable *add = compile_for(client, program_add, 0);
    PJRT_Buffer *x = NULL, *y = NULL;
    PJRT_AsyncHostToDeviceTransferManager *manager = staged_new(client, 0, &x);
    PJRT_Event *done = NULL;
    atomic_int code = 0;
    good(execute(add, &x, 1, &y, &done));
    CALL(Event_OnReady, .event = done, .callback = destroy_in_callback, .user_arg = &code);
    good(e);
    (void)a;
    staged_end(manager, 0);
    good(event_await(done));
    while (atomic_load(&code) == 0)
        continue;
    assert_int_equal(atomic_load(&code), PJRT_FAILED_PRECONDITION);
    buffer_destroy(x);
    buffer_destroy(y);
    executable_destroy(add);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(test_runs),
        TEST(test_device_assignment),
        TEST(test_portable),
        TEST(test_wrong_arguments),
        TEST(test_refused_programs),
        TEST(test_compile_options),
        TEST(test_donation),
        TEST(test_not_donatable),
        TEST(test_donated_twice),
        TEST(test_execution_is_asynchronous),
        TEST(test_errors_through_events),
        TEST(test_deleted_executable),
        TEST(test_executable_tells_of_itself),
        TEST(test_optimized_program_and_fingerprint),
        TEST(test_serialized),
        TEST(test_last_run),
        TEST(test_client_ends_while_work_is_queued),
        TEST(test_client_is_not_ended_by_its_own_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A program that two devices run together through the C API: values, devices, donated inputs, and failures,
   after which no device waits. */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "pjrt_fixture.h"
#include "trainstone/trainstone.h"

static PJRT_LoadedExecutable *compile_sum(int first) {
    PJRT_LoadedExecutable *executable = NULL;
    good(compile_two(client, program_sum, first, 1 - first, false, &executable));
    return executable;
}

static void test_sums(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        PJRT_LoadedExecutable *sum = compile_sum(first);
        CALL(LoadedExecutable_AddressableDevices, .executable = sum);
        good(e);
        assert_int_equal(a.num_addressable_devices, 2);
        for (int i = 0; i < 2; i++)
            assert_ptr_equal(a.addressable_devices[i], device_of(client, i ? 1 - first : first));
        PJRT_Buffer *x[2] = {buffer_ramp(client, first, 0), buffer_ramp(client, 1 - first, 5)}, *y[2], *z[2];
        PJRT_Event *done[2], *again[2];
        good(execute_two(sum, x[0], x[1], y, done));
        good(execute_two(sum, y[0], y[1], z, again));
        for (int i = 0; i < 2; i++) {
            good(event_await(done[i]));
            good(event_await(again[i]));
            assert_true(buffer_is_deleted(x[i]));
            assert_true(buffer_is_deleted(y[i]));
            check_ramp(z[i], (float)(110 + 100 * i), 4);
            buffer_destroy(x[i]);
            buffer_destroy(y[i]);
            buffer_destroy(z[i]);
        }
        executable_destroy(sum);
    }
}

static void test_tells_of_itself(void **state) {
    (void)state;
    for (int is_replicas = 0; is_replicas < 2; is_replicas++) {
        PJRT_LoadedExecutable *sum = NULL;
        good(compile_two(client, program_sum, 0, 1, is_replicas, &sum));
        CALL(LoadedExecutable_GetExecutable, .loaded_executable = sum);
        good(e);
        PJRT_Executable_NumReplicas_Args replicas = {.struct_size = sizeof replicas,
                                                     .executable = a.executable};
        PJRT_Executable_NumPartitions_Args partitions = {.struct_size = sizeof partitions,
                                                         .executable = a.executable};
        good(GetPjrtApi()->PJRT_Executable_NumReplicas(&replicas));
        good(GetPjrtApi()->PJRT_Executable_NumPartitions(&partitions));
        assert_int_equal(replicas.num_replicas, is_replicas ? 2 : 1);
        assert_int_equal(partitions.num_partitions, is_replicas ? 1 : 2);
        char code[2048] = "";
        PJRT_Program program = {.struct_size = sizeof program, .code = code, .code_size = sizeof code};
        PJRT_Executable_OptimizedProgram_Args get = {
            .struct_size = sizeof get, .executable = a.executable, .program = &program};
        good(GetPjrtApi()->PJRT_Executable_OptimizedProgram(&get));
        assert_non_null(strstr(code, is_replicas
                                         ? "mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 2 : i32"
                                         : "mhlo.num_partitions = 2 : i32, mhlo.num_replicas = 1 : i32"));
        PJRT_Executable_Destroy_Args drop = {.struct_size = sizeof drop, .executable = a.executable};
        good(GetPjrtApi()->PJRT_Executable_Destroy(&drop));
        executable_destroy(sum);
    }
}

static void test_refused(void **state) {
    (void)state;
    PJRT_LoadedExecutable *none = NULL;
    uint8_t options[32];
    bad(compile_two(client, program_sum, 0, 0, false, &none), PJRT_INVALID_ARGUMENT, "device 0 twice");
    bad(compile_two(client, program_sum, 0, 2, false, &none), PJRT_INVALID_ARGUMENT, "device 2; there are 2");
    bad(compile_two(client, program_add, 0, 1, false, &none), PJRT_UNIMPLEMENTED,
        "add is a program for 1 device; 1 replicas of 2 partitions");
    bad(compile_bytes(client, program_sum, sizeof program_sum - 1, options, compile_options(0, options),
                      &none),
        PJRT_UNIMPLEMENTED, "sum is a program for 2 devices; 1 replicas of 1 partitions");
    const uint8_t many[] = {0x1a, 3, 0x28, 0x81, 1},
                  one[] = {0x1a, 12, 0x28, 2, 0x4a, 8, 8, 1, 0x10, 1, 0x1a, 2, 8, 0};
    bad(compile_bytes(client, program_sum, sizeof program_sum - 1, many, sizeof many, &none),
        PJRT_INVALID_ARGUMENT, "more than 128 devices");
    bad(compile_bytes(client, program_sum, sizeof program_sum - 1, one, sizeof one, &none),
        PJRT_INVALID_ARGUMENT, "1 replicas of 2 partitions are assigned to 1 devices");
}

/* If one rank cannot begin, none does, and donated inputs are still there. */
static void test_one_wrong_argument(void **state) {
    (void)state;
    PJRT_LoadedExecutable *sum = compile_sum(0);
    PJRT_Buffer *x[2] = {buffer_ramp(client, 0, 0), buffer_ramp(client, 1, 5)}, *y[2];
    PJRT_Buffer *elsewhere = buffer_ramp(client, 0, 7);
    PJRT_Event *done[2];
    bad(execute_two(sum, x[0], elsewhere, y, done), PJRT_INVALID_ARGUMENT, "lies on NeuronCore(id=0)");
    assert_false(buffer_is_deleted(x[0]));
    good(execute_two(sum, x[0], x[1], y, done));
    for (int i = 0; i < 2; i++) {
        good(event_await(done[i]));
        check_ramp(y[i], (float)(5 + 100 * i), 2);
        buffer_destroy(x[i]);
        buffer_destroy(y[i]);
    }
    buffer_destroy(elsewhere);
    CALL(LoadedExecutable_Execute, .executable = sum, .num_devices = 1);
    bad(e, PJRT_INVALID_ARGUMENT, "arguments for 1 devices; the program runs on 2");
    (void)a;
    executable_destroy(sum);
}

/* If the argument of one rank fails late, both results fail with the same message. */
static void test_one_argument_fails(void **state) {
    (void)state;
    PJRT_LoadedExecutable *sum = compile_sum(0);
    for (int bad_one = 0; bad_one < 2; bad_one++) {
        PJRT_Buffer *x[2], *y[2], *z[2];
        PJRT_Event *done[2], *again[2];
        PJRT_AsyncHostToDeviceTransferManager *manager = staged_new(client, bad_one, &x[bad_one]);
        x[1 - bad_one] = buffer_ramp(client, 1 - bad_one, 0);
        good(execute_two(sum, x[0], x[1], y, done));
        good(execute_two(sum, y[0], y[1], z, again));
        CALL(AsyncHostToDeviceTransferManager_SetBufferError, .transfer_manager = manager,
             .error_code = PJRT_ABORTED, .error_message = "cable pulled", .error_message_size = 12);
        good(e);
        (void)a;
        for (int i = 0; i < 2; i++) {
            bad(event_await(done[i]), PJRT_ABORTED, "cable pulled");
            bad(event_await(again[i]), PJRT_ABORTED, "cable pulled");
            buffer_destroy(x[i]);
            buffer_destroy(y[i]);
            buffer_destroy(z[i]);
        }
        staged_destroy(manager);
    }
    executable_destroy(sum);
}

/* Threads dispatch the ranks of two programs as they like; devices must not run them in different orders. */
static void *dispatch(void *context) {
    PJRT_LoadedExecutable *sum = context;
    for (int round = 0; round < 100; round++) {
        PJRT_Buffer *x[2] = {buffer_ramp(client, 0, 0), buffer_ramp(client, 1, 5)}, *y[2];
        PJRT_Event *done[2];
        good(execute_two(sum, x[0], x[1], y, done));
        for (int i = 0; i < 2; i++) {
            if (round % 8 == 3) check_ramp(y[i], (float)(5 + 100 * i), 2);
            event_destroy(done[i]);
            buffer_destroy(x[i]);
            buffer_destroy(y[i]);
        }
    }
    return NULL;
}

static void test_threads_dispatch_at_once(void **state) {
    (void)state;
    pthread_t thread[3];
    PJRT_LoadedExecutable *sum[3];
    for (int i = 0; i < 3; i++) {
        sum[i] = compile_sum(0);
        assert_int_equal(pthread_create(&thread[i], NULL, dispatch, sum[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
        executable_destroy(sum[i]);
    }
}

static void test_serialized(void **state) {
    (void)state;
    PJRT_LoadedExecutable *sum = compile_sum(1), *again = NULL;
    CALL(LoadedExecutable_GetExecutable, .loaded_executable = sum);
    good(e);
    PJRT_Executable_Serialize_Args put = {.struct_size = sizeof put, .executable = a.executable};
    good(GetPjrtApi()->PJRT_Executable_Serialize(&put));
    PJRT_Executable_Destroy_Args drop = {.struct_size = sizeof drop, .executable = a.executable};
    good(GetPjrtApi()->PJRT_Executable_Destroy(&drop));
    executable_destroy(sum);
    PJRT_Executable_DeserializeAndLoad_Args get = {.struct_size = sizeof get,
                                                   .client = client,
                                                   .serialized_executable = put.serialized_bytes,
                                                   .serialized_executable_size = put.serialized_bytes_size};
    good(GetPjrtApi()->PJRT_Executable_DeserializeAndLoad(&get));
    put.serialized_executable_deleter(put.serialized_executable);
    again = get.loaded_executable;
    PJRT_Buffer *x[2] = {buffer_ramp(client, 1, 0), buffer_ramp(client, 0, 5)}, *y[2];
    PJRT_Event *done[2];
    good(execute_two(again, x[0], x[1], y, done));
    for (int i = 0; i < 2; i++) {
        good(event_await(done[i]));
        check_ramp(y[i], (float)(5 + 100 * i), 2);
        buffer_destroy(x[i]);
        buffer_destroy(y[i]);
    }
    executable_destroy(again);
}

static void test_counts_one_run(void **state) {
    (void)state;
    PJRT_LoadedExecutable *sum = compile_sum(0);
    PJRT_Buffer *x[2] = {buffer_ramp(client, 0, 0), buffer_ramp(client, 1, 5)}, *y[2];
    PJRT_Event *done[2];
    ts_count_runs();
    good(execute_two(sum, x[0], x[1], y, done));
    char json[100];
    for (int i = 0; i < 2; i++)
        good(event_await(done[i]));
    assert_true(ts_runs_json(0, json, sizeof json) > 0);
    assert_non_null(strstr(json, "\"runs\": 1,"));
    for (int i = 0; i < 2; i++) {
        buffer_destroy(x[i]);
        buffer_destroy(y[i]);
    }
    executable_destroy(sum);
}

/* Runs sum with a NaN on rank 1, standard error going to `path`. */
static void run_noisily(PJRT_LoadedExecutable *sum, const char *path) {
    float values[2][ELEMS] = {{1}, {2}};
    values[1][3] = NAN;
    PJRT_Buffer *x[2], *y[2];
    PJRT_Event *done[2];
    for (int i = 0; i < 2; i++)
        x[i] = buffer_new(client, device_of(client, i), PJRT_TYPE_F32, dims_4x8, 2, values[i]);
    fflush(stderr);
    int before = dup(STDERR_FILENO), file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(before >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    good(execute_two(sum, x[0], x[1], y, done));
    for (int i = 0; i < 2; i++)
        good(event_await(done[i]));
    dup2(before, STDERR_FILENO);
    close(before);
    close(file);
    for (int i = 0; i < 2; i++) {
        buffer_destroy(x[i]);
        buffer_destroy(y[i]);
    }
}

/* A finding that both ranks share is reported once; a finding of one rank names that rank. */
static void test_checks_name_the_rank(void **state) {
    (void)state;
    char path[] = "/tmp/pjrt_ranks_XXXXXX", told[4096] = "";
    int file = mkstemp(path);
    assert_true(file >= 0);
    PJRT_LoadedExecutable *sum = compile_sum(0);
    for (int again = 0; again < 3; again++)
        run_noisily(sum, path);
    executable_destroy(sum);
    assert_true(read(file, told, sizeof told - 1) > 0);
    close(file);
    unlink(path);
    const char *first = strstr(told, "rank 0 of 2: check nan: collective makes a NaN");
    const char *second =
        strstr(told, "rank 1 of 2: check nan: program sum: there is a NaN in element 3 of argument x");
    if (!first || strstr(first + 1, "rank 0") || !second || strstr(second + 1, "rank 1"))
        fail_msg("%s", told);
}

static int start_with_checks(void **state) {
    setenv("TRAINSTONE_CHECK", "nan", 1);
    int status = start(state);
    unsetenv("TRAINSTONE_CHECK");
    return status;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums, start, stop),
        cmocka_unit_test_setup_teardown(test_tells_of_itself, start, stop),
        cmocka_unit_test_setup_teardown(test_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_one_wrong_argument, start, stop),
        cmocka_unit_test_setup_teardown(test_one_argument_fails, start, stop),
        cmocka_unit_test_setup_teardown(test_threads_dispatch_at_once, start, stop),
        cmocka_unit_test_setup_teardown(test_serialized, start, stop),
        cmocka_unit_test_setup_teardown(test_counts_one_run, start, stop),
        cmocka_unit_test_setup_teardown(test_checks_name_the_rank, start_with_checks, stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

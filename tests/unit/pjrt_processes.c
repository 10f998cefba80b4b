/* A program that the devices of two processes run together through the C API: values, what a process sees of
   the other's devices, times, and that no process waits for one that has ended. The processes are this
   program again, with a role in its arguments. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine/machine.h"
#include "pjrt_support.h"
#include "runtime/rendezvous.h"
#include "trainstone/trainstone.h"

enum { MOST = 32 };

/* ---- one of the processes ---- */

static void check_devices(PJRT_Client *client, int self, int processes) {
    CALL(Client_Devices, .client = client);
    good(e);
    PJRT_Client_ProcessIndex_Args own = {.struct_size = sizeof own, .client = client};
    PJRT_Client_AddressableDevices_Args near = {.struct_size = sizeof near, .client = client};
    good(GetPjrtApi()->PJRT_Client_ProcessIndex(&own));
    good(GetPjrtApi()->PJRT_Client_AddressableDevices(&near));
    assert_int_equal(own.process_index, self);
    assert_int_equal(a.num_devices, processes);
    assert_int_equal(near.num_addressable_devices, 1);
    assert_ptr_equal(near.addressable_devices[0], a.devices[self]);
    for (int i = 0; i < processes; i++) {
        PJRT_Device_IsAddressable_Args is_near = {.struct_size = sizeof is_near, .device = a.devices[i]};
        PJRT_Device_GetDescription_Args get = {.struct_size = sizeof get, .device = a.devices[i]};
        good(GetPjrtApi()->PJRT_Device_IsAddressable(&is_near));
        good(GetPjrtApi()->PJRT_Device_GetDescription(&get));
        PJRT_DeviceDescription_ProcessIndex_Args process = {.struct_size = sizeof process,
                                                            .device_description = get.device_description};
        PJRT_DeviceDescription_Id_Args id = {.struct_size = sizeof id,
                                             .device_description = get.device_description};
        PJRT_DeviceDescription_DebugString_Args words = {.struct_size = sizeof words,
                                                         .device_description = get.device_description};
        good(GetPjrtApi()->PJRT_DeviceDescription_ProcessIndex(&process));
        good(GetPjrtApi()->PJRT_DeviceDescription_Id(&id));
        good(GetPjrtApi()->PJRT_DeviceDescription_DebugString(&words));
        assert_int_equal(is_near.is_addressable, i == self);
        assert_int_equal(process.process_index, i);
        assert_int_equal(id.id, i);
        char wanted[40];
        snprintf(wanted, sizeof wanted, "core %d of chip %d of", i % 2, i / 2);
        assert_non_null(strstr(words.debug_string, wanted));
    }
}

/* Runs this process's rank of the sum again and again; process 0 also runs a program of its own in
   between. */
static void sum_up(PJRT_Client *client, int self) {
    PJRT_LoadedExecutable *sum = NULL, *add = compile_for(client, program_add, self);
    good(compile_two(client, program_sum, 0, 1, true, &sum));
    CALL(LoadedExecutable_AddressableDevices, .executable = sum);
    good(e);
    assert_int_equal(a.num_addressable_devices, 1);
    assert_ptr_equal(a.addressable_devices[0], device_of(client, self));
    PJRT_Buffer *x = buffer_ramp(client, self, self ? 5 : 0), *y, *z;
    good(execute(sum, &x, 1, &y, NULL));
    check_ramp(y, (float)(5 + 100 * self), 2);
    for (int i = 0; self == 0 && i < 3; i++) {
        PJRT_Buffer *more;
        good(execute(add, &y, 1, &more, NULL));
        check_ramp(more, 6, 2);
        buffer_destroy(more);
    }
    good(execute(sum, &y, 1, &z, NULL));
    check_ramp(z, (float)(110 + 100 * self), 4);
    buffer_destroy(x);
    buffer_destroy(y);
    buffer_destroy(z);
    executable_destroy(sum);
    executable_destroy(add);
}

/* Prints the time of the last program on the clock. */
static void tell_time(void) {
    char record[1 << 16] = "";
    ts_last_run_json(record, sizeof record);
    const char *time = strstr(record, "\"predicted_seconds\":");
    printf("%.40s\n", time ? time : record);
}

static void refuse(PJRT_Client *client, int self) {
    float values[ELEMS] = {0};
    PJRT_LoadedExecutable *none = NULL;
    CALL(Client_BufferFromHostBuffer, .client = client, .data = values, .type = PJRT_TYPE_F32,
         .dims = dims_4x8, .num_dims = 2, .memory = memory_of(device_of(client, 1 - self)));
    bad(e, PJRT_INVALID_ARGUMENT,
        self ? "NeuronCore(id=0) is a device of process 0; this is process 1"
             : "NeuronCore(id=1) is a device of process 1; this is process 0");
    (void)a;
    bad(compile_two(client, program_sum, 0, 2, true, &none), PJRT_INVALID_ARGUMENT, "device 2; there are 2");
}

/* Waits for process 1, which ends, in whatever way, before it comes to the second sum. */
static void miss_the_other(PJRT_Client *client, int self, const char *how) {
    PJRT_LoadedExecutable *sum = NULL;
    good(compile_two(client, program_sum, 0, 1, true, &sum));
    PJRT_Buffer *x = buffer_ramp(client, self, 0), *y, *z;
    good(execute(sum, &x, 1, &y, NULL));
    if (self == 1 && strcmp(how, "killed") == 0) kill(getpid(), SIGKILL);
    if (self == 1) exit(0);
    time_t begun = time(NULL);
    bad(execute(sum, &y, 1, &z, NULL), PJRT_ABORTED, "process 1 of 2 (pid ");
    assert_true(time(NULL) - begun < 5);
}

static int be_process(int self, const char *what) {
    PJRT_Client *client = client_new();
    if (strcmp(what, "killed") == 0 || strcmp(what, "ends") == 0) {
        miss_the_other(client, self, what);
        exit(0);
    }
    if (strcmp(what, "devices") == 0) {
        check_devices(client, self, MOST);
    } else {
        check_devices(client, self, 2);
        sum_up(client, self);
        tell_time();
        refuse(client, self);
    }
    client_destroy(client);
    return 0;
}

/* ---- the test that starts them ---- */

typedef struct process {
    pid_t pid;
    int output, status;
    char told[4096];
} process;

static void start(process *p, int self, const char *what, const char *devices) {
    char number[8];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    snprintf(number, sizeof number, "%d", self);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        setenv("NEURON_PJRT_PROCESS_INDEX", number, 1);
        setenv("NEURON_PJRT_PROCESSES_NUM_DEVICES", devices, 1);
        execl("/proc/self/exe", "pjrt_processes", number, what, (char *)NULL);
        _exit(126);
    }
    close(ends[1]);
    p->output = ends[0];
}

static void end(process *p) {
    size_t length = 0;
    for (ssize_t n; length + 1 < sizeof p->told &&
                    (n = read(p->output, p->told + length, sizeof p->told - 1 - length)) > 0;)
        length += (size_t)n;
    p->told[length] = 0;
    close(p->output);
    assert_int_equal(waitpid(p->pid, &p->status, 0), p->pid);
}

static void run(process *p, int count, const char *what, const char *devices) {
    memset(p, 0, sizeof *p * MOST);
    for (int i = count - 1; i >= 0; i--) /* process 0, to which the others connect, begins last */
        start(&p[i], i, what, devices);
    for (int i = 0; i < count; i++)
        end(&p[i]);
}

static void check_ended_well(const process *p) {
    if (!WIFEXITED(p->status) || WEXITSTATUS(p->status) != 0) fail_msg("%s", p->told);
}

static void test_sums_of_two_processes(void **state) {
    (void)state;
    process p[MOST];
    run(p, 2, "sum", "1,1");
    check_ended_well(&p[0]);
    check_ended_well(&p[1]);
    assert_non_null(strstr(p[0].told, "predicted_seconds"));
    assert_string_equal(p[0].told, p[1].told);
}

static void test_devices_of_a_larger_instance(void **state) {
    (void)state;
    process p[MOST];
    char devices[2 * MOST] = "1";
    for (int i = 1; i < MOST; i++)
        memcpy(devices + 2 * i - 1, ",1", 3);
    setenv("TRAINSTONE_INSTANCE", "trn1.32xlarge", 1);
    run(p, MOST, "devices", devices);
    unsetenv("TRAINSTONE_INSTANCE");
    for (int i = 0; i < MOST; i++)
        check_ended_well(&p[i]);
}

static void test_nobody_waits_for_a_process_that_has_ended(void **state) {
    (void)state;
    process p[MOST];
    static const char *const how[] = {"killed", "ends"};
    for (int i = 0; i < 2; i++) {
        run(p, 2, how[i], "1,1");
        check_ended_well(&p[0]);
        assert_true(i == 0 ? WIFSIGNALED(p[1].status) : WIFEXITED(p[1].status));
    }
}

static void check_refused(const char *what, PJRT_Error_Code code, const char *name, const char *value) {
    const char *before = getenv(name);
    char kept[100] = "";
    if (before) snprintf(kept, sizeof kept, "%s", before);
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
    CALL(Client_Create, 0);
    bad(e, code, what);
    (void)a;
    if (before)
        setenv(name, kept, 1);
    else
        unsetenv(name);
}

static void test_settings_that_make_no_sense(void **state) {
    (void)state;
    setenv("NEURON_PJRT_PROCESS_INDEX", "0", 1);
    setenv("NEURON_PJRT_PROCESSES_NUM_DEVICES", "1,1", 1);
    check_refused("3 processes have 3 NeuronCores together; trn1.2xlarge has 2", PJRT_INVALID_ARGUMENT,
                  "NEURON_PJRT_PROCESSES_NUM_DEVICES", "1,1,1");
    check_refused("must be a number of NeuronCores for each process", PJRT_INVALID_ARGUMENT,
                  "NEURON_PJRT_PROCESSES_NUM_DEVICES", "1,");
    check_refused("2 processes run together, and the environment has no NEURON_RT_ROOT_COMM_ID",
                  PJRT_INVALID_ARGUMENT, "NEURON_RT_ROOT_COMM_ID", NULL);
    check_refused("2 processes run together, and the environment has no NEURON_PJRT_PROCESS_INDEX",
                  PJRT_INVALID_ARGUMENT, "NEURON_PJRT_PROCESS_INDEX", NULL);
    check_refused("must be a whole number from 0 to 1", PJRT_INVALID_ARGUMENT, "NEURON_PJRT_PROCESS_INDEX",
                  "2");
    check_refused("process 0 of 2 has 1 NeuronCores by NEURON_PJRT_PROCESSES_NUM_DEVICES, and sees 2",
                  PJRT_INVALID_ARGUMENT, "NEURON_RT_VISIBLE_CORES", "0-1");
    check_refused("process 0 of 2 has NeuronCore 1, so that those of all are 1 to 2; trn1.2xlarge has 0 to 1",
                  PJRT_INVALID_ARGUMENT, "NEURON_RT_VISIBLE_CORES", "1");
    unsetenv("NEURON_PJRT_PROCESS_INDEX");
    unsetenv("NEURON_PJRT_PROCESSES_NUM_DEVICES");
}

static void test_a_process_that_does_not_come(void **state) {
    (void)state;
    ts_processes processes = {.count = 2, .begin = {0, 1, 2}, .root = getenv("NEURON_RT_ROOT_COMM_ID")};
    for (processes.index = 0; processes.index < 2; processes.index++) {
        ts_meeting *meeting = NULL;
        ts_diag diag = {0};
        char wanted[120];
        assert_int_equal(ts_rendezvous(&processes, 0, NULL, &meeting, &diag), ts_deadlock);
        snprintf(wanted, sizeof wanted,
                 "process %d of 2 has not come to NEURON_RT_ROOT_COMM_ID=test:", 1 - processes.index);
        assert_non_null(strstr(diag.message, wanted));
        assert_null(meeting);
    }
}

int main(int count, char **arguments) {
    if (count == 3) return be_process(atoi(arguments[1]), arguments[2]);
    char root[40];
    snprintf(root, sizeof root, "test:%d", (int)getpid());
    setenv("NEURON_RT_ROOT_COMM_ID", root, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_of_two_processes),
        cmocka_unit_test(test_devices_of_a_larger_instance),
        cmocka_unit_test(test_nobody_waits_for_a_process_that_has_ended),
        cmocka_unit_test(test_settings_that_make_no_sense),
        cmocka_unit_test(test_a_process_that_does_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

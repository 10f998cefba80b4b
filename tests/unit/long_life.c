/* A long-lived process: after a thousand compilations and executions it has neither more blocks nor more
   resident memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "compiler/compile.h"
#include "failing_host.h"
#include "reader_artifacts.h"
#include "runtime/executable.h"

/* The first rounds fill what is kept: the cache of programs, pages of the modelled memories. Resident memory
   may then vary by what malloc holds back, a few pages for each thread's arena. */
enum { ROUNDS = 1000, WARM = 100, MOST_TENSORS = 64, SLACK_BYTES = 1 << 20 };

static long resident_bytes(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

typedef void round_function(void *context, int number);

static void repeat(round_function *one, void *context) {
    long blocks = 0, bytes = 0;
    for (int i = 0; i < ROUNDS; i++) {
        if (i == WARM) {
            blocks = atomic_load(&live_blocks);
            bytes = resident_bytes();
        }
        one(context, i);
    }
    assert_int_equal(atomic_load(&live_blocks), blocks);
    long grown = resident_bytes() - bytes;
    print_message("  %d rounds after %d: %ld KiB more are resident\n", ROUNDS - WARM, WARM, grown / 1024);
    assert_true(grown < SLACK_BYTES);
}

/* Compiles each artifact in turn, without the cache of programs. */
static void compile_one(void *context, int number) {
    static const struct {
        const uint8_t *data;
        size_t size;
    } artifacts[] = {{artifact_mlp, sizeof artifact_mlp},
                     {artifact_control, sizeof artifact_control},
                     {artifact_indexed, sizeof artifact_indexed}};
    ts_module *module = NULL;
    ts_program *program = NULL;
    ts_diag diag = {0};
    number %= 3;
    if (ts_module_read(artifacts[number].data, artifacts[number].size, "artifact", &module, &diag) != ts_ok ||
        ts_compile(module, context, NULL, &program, &diag) != ts_ok)
        fail_msg("%s", diag.message);
    ts_program_free(program);
    ts_module_free(module);
}

static void test_compilations(void **state) {
    (void)state;
    ts_chip chip;
    ts_diag diag = {0};
    assert_int_equal(ts_chip_get("trn1", &chip, &diag), ts_ok);
    repeat(compile_one, &chip);
}

/* Loads a program, runs it with fresh arrays, and releases all. */
static void run_one(void *context, int number) {
    ts_runtime *runtime = context;
    ts_executable *executable = NULL;
    ts_extent *extents[MOST_TENSORS] = {0};
    void *inputs[MOST_TENSORS], *outputs[MOST_TENSORS];
    const ts_record *record = NULL;
    ts_diag diag = {0};
    int core, device = number % 2;
    ts_machine *machine = ts_runtime_machine(runtime, device, &core);
    if (ts_executable_load(runtime, artifact_mlp, sizeof artifact_mlp, "mlp", NULL, &executable, &diag) !=
        ts_ok)
        fail_msg("%s", diag.message);
    int count = ts_executable_inputs(executable), all = count + ts_executable_outputs(executable);
    assert_true(all <= MOST_TENSORS);
    for (int i = 0; i < all; i++) {
        const ts_tensor *tensor =
            i < count ? ts_executable_input(executable, i) : ts_executable_output(executable, i - count);
        assert_int_equal(ts_hbm_alloc(machine, core, tensor->bytes, &extents[i], &diag), ts_ok);
        *(i < count ? &inputs[i] : &outputs[i - count]) = extents[i]->host;
    }
    if (ts_executable_run(executable, device, inputs, outputs, NULL, &diag) != ts_ok ||
        ts_executable_record(executable, &record, &diag) != ts_ok)
        fail_msg("%s", diag.message);
    for (int i = 0; i < all; i++)
        ts_hbm_free(machine, extents[i]);
    ts_executable_release(executable);
}

static void test_executions(void **state) {
    (void)state;
    ts_runtime *runtime = NULL;
    ts_runtime_options options = {.threads = 2};
    ts_diag diag = {0};
    assert_int_equal(ts_runtime_new(&options, &runtime, &diag), ts_ok);
    repeat(run_one, runtime);
    ts_runtime_free(runtime);
}

/* Makes and destroys a client each time, with its threads and mapped memories. */
static void live_one(void *context, int number) {
    ts_runtime *runtime = NULL;
    ts_runtime_options options = {.threads = 2};
    ts_diag diag = {0};
    (void)context;
    if (ts_runtime_new(&options, &runtime, &diag) != ts_ok) fail_msg("%s", diag.message);
    if (number % 10 == 0) run_one(runtime, number);
    ts_runtime_free(runtime);
}

static void test_lives(void **state) {
    (void)state;
    repeat(live_one, NULL);
}

int main(void) {
    atomic_store(&requests_left, -1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compilations),
        cmocka_unit_test(test_executions),
        cmocka_unit_test(test_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

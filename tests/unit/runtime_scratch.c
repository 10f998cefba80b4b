/* Scratch memory that a core's programs share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/runtime.h"

enum { CORE = 0 };

static uint64_t in_use(ts_machine *machine) {
    ts_hbm_stats stats;
    ts_hbm_get_stats(machine, CORE, &stats);
    return stats.in_use;
}

static uint8_t *taken(ts_scratch *scratch, ts_machine *machine, uint64_t bytes) {
    uint8_t *data = NULL;
    ts_diag diag = {0};
    assert_int_equal(ts_scratch_take(scratch, machine, CORE, bytes, &data, &diag), ts_ok);
    memset(data, 1, bytes);
    ts_scratch_give(scratch);
    return data;
}

static void test_largest_serves_all(void **state) {
    (void)state;
    const uint64_t small = 1 << 20, large = 3 << 20;
    const ts_runtime_options options = {.devices = 1, .threads = 1};
    ts_runtime *runtime;
    ts_diag diag = {0};
    assert_int_equal(ts_runtime_new(&options, &runtime, &diag), ts_ok);
    ts_scratch *scratch = ts_runtime_scratch(runtime, 0);
    ts_machine *machine = ts_runtime_machine(runtime, 0, NULL);
    taken(scratch, machine, small);
    assert_int_equal(in_use(machine), small);
    uint8_t *data = taken(scratch, machine, large);
    assert_ptr_equal(taken(scratch, machine, small), data);
    assert_int_equal(in_use(machine), large);
    ts_scratch_leave(scratch, machine, small);
    assert_int_equal(in_use(machine), large);
    ts_scratch_leave(scratch, machine, large);
    assert_int_equal(in_use(machine), 0);
    ts_runtime_free(runtime);
}

static void test_too_large(void **state) {
    (void)state;
    const ts_runtime_options options = {.devices = 1, .threads = 1};
    ts_runtime *runtime;
    uint8_t *data = NULL;
    ts_diag diag = {0};
    assert_int_equal(ts_runtime_new(&options, &runtime, &diag), ts_ok);
    ts_scratch *scratch = ts_runtime_scratch(runtime, 0);
    ts_machine *machine = ts_runtime_machine(runtime, 0, NULL);
    taken(scratch, machine, 1 << 20);
    assert_int_equal(ts_scratch_take(scratch, machine, CORE, UINT64_C(1) << 40, &data, &diag), ts_capacity);
    assert_int_equal(in_use(machine), 0);
    taken(scratch, machine, 1 << 20); /* nobody has it */
    ts_runtime_free(runtime);
}

/* A program that goes leaves alone what another one uses. */
static void test_in_use(void **state) {
    (void)state;
    const ts_runtime_options options = {.devices = 1, .threads = 1};
    ts_runtime *runtime;
    uint8_t *data = NULL;
    ts_diag diag = {0};
    assert_int_equal(ts_runtime_new(&options, &runtime, &diag), ts_ok);
    ts_scratch *scratch = ts_runtime_scratch(runtime, 0);
    ts_machine *machine = ts_runtime_machine(runtime, 0, NULL);
    assert_int_equal(ts_scratch_take(scratch, machine, CORE, 1 << 20, &data, &diag), ts_ok);
    ts_scratch_leave(scratch, machine, 1 << 20);
    data[0] = 1;
    ts_scratch_give(scratch);
    assert_int_equal(in_use(machine), 1 << 20);
    ts_runtime_free(runtime);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_largest_serves_all),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Scratch memory that a core's programs share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/runtime.h"

enum { CORE = 0 };

static ts_runtime *runtime;
static ts_machine *machine;
static ts_scratch *scratch;

static int open_runtime(void **state) {
    (void)state;
    const ts_runtime_options options = {.devices = 1, .threads = 1};
    if (ts_runtime_new(&options, &runtime, NULL) != ts_ok) return -1;
    machine = ts_runtime_machine(runtime, 0, NULL);
    scratch = ts_runtime_scratch(runtime, 0);
    return 0;
}

static int close_runtime(void **state) {
    (void)state;
    ts_runtime_free(runtime);
    return 0;
}

static uint64_t in_use(void) {
    ts_hbm_stats stats;
    ts_hbm_get_stats(machine, CORE, &stats);
    return stats.in_use;
}

static uint8_t *taken(uint64_t bytes) {
    uint8_t *data = NULL;
    assert_int_equal(ts_scratch_take(scratch, bytes, &data, NULL), ts_ok);
    memset(data, 1, bytes);
    ts_scratch_give(scratch);
    return data;
}

static void test_largest_serves_all(void **state) {
    (void)state;
    const uint64_t small = 1 << 20, large = 3 << 20;
    taken(small);
    assert_int_equal(in_use(), small);
    uint8_t *data = taken(large);
    assert_ptr_equal(taken(small), data);
    assert_int_equal(in_use(), large);
    ts_scratch_leave(scratch, small);
    assert_int_equal(in_use(), large);
    ts_scratch_leave(scratch, large);
    assert_int_equal(in_use(), 0);
}

static void test_too_large(void **state) {
    (void)state;
    uint8_t *data = NULL;
    ts_diag diag = {0};
    taken(1 << 20);
    assert_int_equal(ts_scratch_take(scratch, UINT64_C(1) << 40, &data, &diag), ts_capacity);
    assert_int_equal(in_use(), 0);
    taken(1 << 20); /* free again */
}

/* Freeing a program does not free scratch memory that another one uses. */
static void test_in_use(void **state) {
    (void)state;
    uint8_t *data = NULL;
    assert_int_equal(ts_scratch_take(scratch, 1 << 20, &data, NULL), ts_ok);
    ts_scratch_leave(scratch, 1 << 20);
    data[0] = 1;
    ts_scratch_give(scratch);
    assert_int_equal(in_use(), 1 << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_largest_serves_all, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(test_too_large, open_runtime, close_runtime),
        cmocka_unit_test_setup_teardown(test_in_use, open_runtime, close_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

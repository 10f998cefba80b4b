/* Two executables on the cores of one chip: each has a record of its own, even after the other one is
   gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/executable.h"

static const char text[] =
    "trn 1\nprogram copies chip=trn1\n"
    "tensor a: input 0 f32[128,4096]\ntensor b: output 0 f32[128,4096]\n"
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 4096] src=hbm.f32[a +0 128@4096 4096]\n"
    "sync.dma_copy queue=0 dst=hbm.f32[b +0 128@4096 4096] src=sbuf.f32[p0:128 +0 4096]\n";

static ts_executable *load(ts_runtime *runtime) {
    ts_executable *executable = NULL;
    ts_diag diag = {0};
    if (ts_executable_load(runtime, (const uint8_t *)text, strlen(text), "copies", NULL, &executable,
                           &diag) != ts_ok)
        fail_msg("%s", diag.message);
    return executable;
}

static ts_time time_of(ts_executable *executable) {
    const ts_record *record = NULL;
    ts_diag diag = {0};
    if (ts_executable_record(executable, &record, &diag) != ts_ok) fail_msg("%s", diag.message);
    return record->total;
}

static void each_has_a_record(void **state) {
    (void)state;
    ts_runtime *runtime = NULL;
    assert_int_equal(ts_runtime_new(NULL, &runtime, NULL), ts_ok);
    ts_executable *alone = load(runtime), *first = load(runtime), *second = load(runtime);
    ts_executable_pair(first, second);
    assert_true(time_of(alone) > 0);
    assert_true(time_of(first) >= time_of(alone)); /* they share HBM */
    assert_true(time_of(second) >= time_of(alone));
    ts_executable_release(alone);
    ts_executable_release(first);
    ts_executable_release(second);
    ts_runtime_free(runtime);
}

static void what_is_left_of_a_pair_is_clocked_alone(void **state) {
    (void)state;
    for (int gone = 0; gone < 2; gone++) {
        ts_runtime *runtime = NULL;
        assert_int_equal(ts_runtime_new(NULL, &runtime, NULL), ts_ok);
        ts_executable *alone = load(runtime), *pair[] = {load(runtime), load(runtime)};
        ts_executable_pair(pair[0], pair[1]);
        ts_executable_release(pair[gone]);
        assert_int_equal(time_of(pair[1 - gone]), time_of(alone));
        ts_executable_release(pair[1 - gone]);
        ts_executable_release(alone);
        ts_runtime_free(runtime);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_a_record),
        cmocka_unit_test(what_is_left_of_a_pair_is_clocked_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

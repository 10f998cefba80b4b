/* A framework's calls while each request for memory, a mapping or a thread fails in turn. Every call that
   fails must give an error with a message, what was made can be destroyed, and nothing leaks. */
#include <stdio.h>

#include "failing_host.h"
#include "pjrt_support.h"
#include "reader_artifacts.h"

enum { MOST_REQUESTS = 10000 };

/* Whether this is an error; it must have a message. */
static bool fails(PJRT_Error *error) {
    text message = {""};
    if (!error) return false;
    assert_int_not_equal(take_error(error, &message), 0);
    assert_true(message.bytes[0]);
    return true;
}

static PJRT_Buffer *try_buffer(PJRT_Client *client, int device, bool *failed) {
    float values[ELEMS] = {0};
    CALL(Client_BufferFromHostBuffer, .client = client, .data = values, .type = PJRT_TYPE_F32,
         .dims = dims_4x8, .num_dims = 2, .memory = memory_of(device_of(client, device)));
    if ((*failed = fails(e))) return NULL;
    *failed = fails(event_await(a.done_with_host_buffer));
    return a.buffer;
}

static bool try_run(PJRT_Client *client, PJRT_LoadedExecutable *executable) {
    bool failed;
    PJRT_Buffer *x = try_buffer(client, 0, &failed), *y = NULL;
    PJRT_Event *done = NULL;
    if (!failed) failed = fails(execute(executable, &x, 1, &y, &done));
    if (done) failed |= fails(event_await(done));
    if (!failed) {
        float values[ELEMS];
        failed = fails(buffer_read(y, values, sizeof values));
        for (int i = 0; i < ELEMS && !failed; i++)
            assert_float_equal(values[i], 1, 0);
    }
    if (y) buffer_destroy(y);
    if (x) buffer_destroy(x);
    return failed;
}

/* Sums zeros on both devices. If one rank fails, the other must not wait for it. */
static bool try_ranks(PJRT_Client *client, PJRT_LoadedExecutable *sum) {
    bool failed, others = false;
    PJRT_Buffer *x[2] = {NULL}, *y[2] = {NULL};
    PJRT_Event *done[2] = {NULL};
    x[0] = try_buffer(client, 0, &failed);
    if (!failed) x[1] = try_buffer(client, 1, &failed);
    if (!failed) failed = fails(execute_two(sum, x[0], x[1], y, done));
    for (int i = 0; i < 2 && done[i]; i++)
        others |= fails(event_await(done[i]));
    float values[ELEMS];
    for (int i = 0; i < 2 && !failed && !others; i++)
        if (!(failed = fails(buffer_read(y[i], values, sizeof values))))
            assert_float_equal(values[5], (float)(100 * i), 0);
    for (int i = 0; i < 2; i++) {
        if (x[i]) buffer_destroy(x[i]);
        if (y[i]) buffer_destroy(y[i]);
    }
    return failed || others;
}

static bool try_client(void) {
    uint8_t options[32];
    PJRT_LoadedExecutable *executable = NULL;
    CALL(Client_Create, 0);
    if (fails(e)) return true;
    size_t size = compile_options(0, options);
    bool failed = fails(
        compile_bytes(a.client, (const char *)artifact_mlp, sizeof artifact_mlp, options, size, &executable));
    if (executable) executable_destroy(executable);
    executable = NULL;
    if (!failed)
        failed = fails(compile_bytes(a.client, program_add, strlen(program_add), options, size, &executable));
    if (!failed) failed = try_run(a.client, executable);
    if (executable) executable_destroy(executable);
    executable = NULL;
    if (!failed) failed = fails(compile_two(a.client, program_sum, 0, 1, false, &executable));
    if (!failed) failed = try_ranks(a.client, executable);
    if (executable) executable_destroy(executable);
    client_destroy(a.client);
    return failed;
}

/* The program that ran last is kept for ts_last_run_json: the first life leaves it, the others replace it. */
static void fail_each(bool for_good) {
    long told = 0;
    assert_false(try_client());
    long before = atomic_load(&live_blocks);
    for (long n = 0; n < MOST_REQUESTS; n++) {
        refuse_request(n, for_good);
        bool failed = try_client();
        atomic_store(&requests_left, -1);
        told += failed;
        if (atomic_load(&refused) == 0) {
            assert_false(failed);
            assert_true(told > 0);
            print_message("  %ld requests, %ld told\n", n, told);
            return;
        }
        assert_false(try_client());
        if (atomic_load(&live_blocks) != before)
            fail_msg("request %ld: %ld blocks are left", n, atomic_load(&live_blocks) - before);
    }
    fail_msg("more than %d requests", MOST_REQUESTS);
}

static void test_refused_once(void **state) {
    (void)state;
    fail_each(false);
}

static void test_refused_for_good(void **state) {
    (void)state;
    fail_each(true);
}

int main(void) {
    atomic_store(&requests_left, -1);
    setenv("TRAINSTONE_THREADS", "2", 1);
    setenv("TRAINSTONE_RUNTIME_DIR", "none", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_once),
        cmocka_unit_test(test_refused_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Thread pool: every index runs once, for any number of threads and callers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/pool.h"

enum { MAX_COUNT = 257 };

typedef struct job {
    atomic_int seen[MAX_COUNT];
} job;

static void see(void *context, int index) {
    atomic_fetch_add(&((job *)context)->seen[index], 1);
}

static void check_all(ts_pool *pool, int count) {
    job j;
    for (int i = 0; i < MAX_COUNT; i++)
        atomic_init(&j.seen[i], 0);
    ts_pool_run(pool, see, &j, count);
    for (int i = 0; i < MAX_COUNT; i++)
        assert_int_equal(atomic_load(&j.seen[i]), i < count);
}

static void every_index_runs_once(void **state) {
    (void)state;
    check_all(NULL, 5);
    for (int threads = 1; threads <= 4; threads++) {
        ts_pool *pool;
        assert_int_equal(ts_pool_new(threads, &pool, NULL), ts_ok);
        assert_int_equal(ts_pool_threads(pool), threads);
        for (int round = 0; round < 300; round++)
            check_all(pool, round % MAX_COUNT);
        ts_pool_free(pool);
    }
}

static void *call_often(void *argument) {
    for (int round = 0; round < 200; round++)
        check_all(argument, round % 9);
    return NULL;
}

static void callers_take_turns(void **state) {
    (void)state;
    ts_pool *pool;
    pthread_t callers[3];
    assert_int_equal(ts_pool_new(2, &pool, NULL), ts_ok);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call_often, pool), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(callers[i], NULL);
    ts_pool_free(pool);
}

static void odd_sizes_are_refused(void **state) {
    (void)state;
    ts_pool *pool;
    ts_diag diag = {0};
    assert_int_equal(ts_pool_new(0, &pool, &diag), ts_usage);
    assert_null(pool);
    assert_non_null(strstr(diag.message, "0 threads"));
    assert_int_equal(ts_pool_new(1 << 20, &pool, NULL), ts_usage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_runs_once),
        cmocka_unit_test(callers_take_turns),
        cmocka_unit_test(odd_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

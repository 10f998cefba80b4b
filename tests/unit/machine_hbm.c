/* HBM: first fit, joined holes, capacity of each stack, zeroed memory, imports. */
#include "machine_support.h"

#include <pthread.h>

/* A chip with two stacks of `bytes` each. */
static ts_machine *small(double bytes) {
    ts_machine *machine;
    ts_chip chip = trn1();
    chip.hbm_bytes = 2 * bytes;
    assert_int_equal(ts_machine_new(&chip, NULL, &machine, NULL), ts_ok);
    return machine;
}

static ts_extent *take(ts_machine *machine, int core, uint64_t bytes) {
    ts_extent *extent;
    assert_int_equal(ts_hbm_alloc(machine, core, bytes, &extent, NULL), ts_ok);
    assert_int_equal(extent->bytes, bytes);
    assert_int_equal(extent->core, core);
    return extent;
}

static ts_hbm_stats stats_of(ts_machine *machine, int core) {
    ts_hbm_stats stats;
    ts_hbm_get_stats(machine, core, &stats);
    return stats;
}

static void first_fit_and_joined_holes(void **state) {
    (void)state;
    ts_machine *machine = small(1024);
    ts_extent *e[4];
    for (int i = 0; i < 4; i++)
        e[i] = take(machine, 0, 256);
    for (int i = 0; i < 4; i++)
        assert_int_equal(e[i]->address, 256 * i);
    assert_int_equal(stats_of(machine, 0).largest_free, 0);
    ts_hbm_free(machine, e[0]);
    ts_hbm_free(machine, e[2]);
    assert_int_equal(stats_of(machine, 0).largest_free, 256);
    ts_extent *small_one = take(machine, 0, 64); /* the first hole, not the best */
    assert_int_equal(small_one->address, 0);
    ts_hbm_free(machine, e[1]); /* joins the rest of the first hole and the third */
    assert_int_equal(stats_of(machine, 0).largest_free, 256 * 3 - 64);
    ts_hbm_free(machine, small_one);
    ts_hbm_free(machine, e[3]);
    ts_hbm_stats stats = stats_of(machine, 0);
    assert_int_equal(stats.largest_free, 1024);
    assert_int_equal(stats.in_use, 0);
    assert_int_equal(stats.peak, 1024);
    assert_int_equal(stats.allocations, 0);
    ts_machine_free(machine);
}

static void every_order_of_frees_joins(void **state) {
    (void)state;
    ts_machine *machine = small(1 << 20);
    uint64_t random = 7;
    ts_extent *live[64] = {0};
    for (int round = 0; round < 4000; round++) {
        unsigned i = next_random(&random) % 64;
        if (live[i]) {
            ts_hbm_free(machine, live[i]);
            live[i] = NULL;
        } else {
            live[i] = take(machine, 1, next_random(&random) % 4096);
        }
    }
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < i; j++)
            if (live[i] && live[j] && live[i]->bytes && live[j]->bytes)
                assert_true(live[i]->address + live[i]->bytes <= live[j]->address ||
                            live[j]->address + live[j]->bytes <= live[i]->address);
    for (int i = 0; i < 64; i++)
        ts_hbm_free(machine, live[i]);
    assert_int_equal(stats_of(machine, 1).largest_free, 1 << 20);
    ts_machine_free(machine);
}

static void each_core_has_its_stack(void **state) {
    (void)state;
    ts_machine *machine = small(4096);
    ts_diag diag = {0};
    ts_extent *a = take(machine, 0, 4096), *b = take(machine, 1, 4096), *none;
    assert_int_equal(b->address, 4096);
    assert_int_equal(ts_hbm_alloc(machine, 1, 1, &none, &diag), ts_capacity);
    assert_null(none);
    assert_non_null(strstr(diag.message, "HBM of core 1 is full: 1 bytes asked for, 4096 of 4096 in use"));
    assert_true(diag.remedy[0] != 0);
    ts_hbm_free(machine, a);
    ts_hbm_free(machine, b);
    assert_int_equal(ts_hbm_alloc(machine, 0, 4097, &none, NULL), ts_capacity);
    assert_int_equal(ts_hbm_alloc(machine, 0, UINT64_MAX, &none, NULL), ts_capacity);
    assert_int_equal(ts_hbm_alloc(machine, 2, 1, &none, NULL), ts_usage);
    assert_int_equal(ts_hbm_alloc(machine, -1, 1, &none, NULL), ts_usage);
    assert_int_equal(stats_of(machine, 2).capacity, 0);
    ts_machine_free(machine);
}

static void memory_starts_zeroed_and_is_aligned(void **state) {
    (void)state;
    ts_machine *machine = machine_of(NULL);
    for (int round = 0; round < 2; round++)
        for (uint64_t bytes = 0; bytes < 300000; bytes = bytes * 3 + 1) {
            ts_extent *extent = take(machine, 0, bytes);
            const uint8_t *host = extent->host;
            assert_non_null(host);
            assert_int_equal((uintptr_t)host % 64, 0);
            assert_int_equal(extent->address % 64, 0);
            for (uint64_t i = 0; i < bytes; i++)
                assert_int_equal(host[i], 0);
            memset(extent->host, 0xff, bytes);
            ts_hbm_free(machine, extent);
        }
    ts_machine_free(machine);
}

/* The 16 GiB of a stack take host memory only where they are touched. */
static void untouched_memory_is_free(void **state) {
    (void)state;
    ts_machine *machine = machine_of(NULL);
    ts_extent *extent = take(machine, 0, UINT64_C(16) << 30);
    ((char *)extent->host)[extent->bytes - 1] = 1;
    assert_int_equal(stats_of(machine, 0).in_use, UINT64_C(16) << 30);
    ts_hbm_free(machine, extent);
    ts_machine_free(machine);
}

static void imports_count_but_are_not_owned(void **state) {
    (void)state;
    static const float values[100] = {1, 2, 3};
    ts_machine *machine = small(1024);
    ts_extent *extent, *none;
    assert_int_equal(ts_hbm_import(machine, 0, values, sizeof values, &extent, NULL), ts_ok);
    assert_true(extent->is_imported && extent->host == values);
    assert_int_equal(stats_of(machine, 0).in_use, 448); /* whole lines of 64 bytes */
    assert_int_equal(ts_hbm_import(machine, 0, values, 1025, &none, NULL), ts_capacity);
    ts_hbm_free(machine, extent);
    assert_int_equal(stats_of(machine, 0).in_use, 0);
    assert_true(values[2] == 3);
    ts_hbm_free(machine, NULL);
    ts_machine_free(machine);
}

/* The machine frees extents that nobody freed (the sanitizer build would report them). */
static void the_machine_frees_what_is_left(void **state) {
    (void)state;
    ts_machine *machine = small(1 << 20);
    take(machine, 0, 10);
    take(machine, 1, 1 << 17);
    ts_machine_free(machine);
    ts_machine_free(NULL);
}

static void *churn(void *argument) {
    ts_machine *machine = argument;
    for (int i = 0; i < 2000; i++) {
        ts_extent *a = take(machine, i % 2, 100), *b = take(machine, i % 2, 5000);
        memset(a->host, i, 100);
        ts_hbm_free(machine, a);
        ts_hbm_free(machine, b);
    }
    return NULL;
}

static void threads_may_allocate(void **state) {
    (void)state;
    ts_machine *machine = machine_of(NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, machine), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (int core = 0; core < 2; core++) {
        assert_int_equal(stats_of(machine, core).in_use, 0);
        assert_int_equal(stats_of(machine, core).largest_free, stats_of(machine, core).capacity);
    }
    ts_machine_free(machine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_fit_and_joined_holes),
        cmocka_unit_test(every_order_of_frees_joins),
        cmocka_unit_test(each_core_has_its_stack),
        cmocka_unit_test(memory_starts_zeroed_and_is_aligned),
        cmocka_unit_test(untouched_memory_is_free),
        cmocka_unit_test(imports_count_but_are_not_owned),
        cmocka_unit_test(the_machine_frees_what_is_left),
        cmocka_unit_test(threads_may_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Overlap of operands against brute force: the set of bytes of each, written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/program.h"

enum { BYTES = 4096, MIDDLE = 2048 };

static uint64_t next(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void mark(const ts_ref *ref, uint8_t *set) {
    int64_t at[TS_AP_DIMS] = {0}, bytes = ts_dtype_get(ref->dtype)->bytes;
    memset(set, 0, BYTES);
    for (int i = 0; i < ref->dims; i++)
        if (ref->count[i] == 0) return;
    for (;;) {
        int64_t byte = ref->offset;
        for (int i = 0; i < ref->dims; i++)
            byte += at[i] * ref->step[i] * bytes;
        assert_true(byte >= 0 && byte + bytes <= BYTES);
        memset(set + byte, 1, (size_t)bytes);
        int i = ref->dims - 1;
        while (i >= 0 && ++at[i] == ref->count[i])
            at[i--] = 0;
        if (i < 0) return;
    }
}

static bool overlaps(const ts_ref *a, const ts_ref *b) {
    static _Thread_local uint8_t x[BYTES], y[BYTES];
    mark(a, x);
    mark(b, y);
    for (int i = 0; i < BYTES; i++)
        if (x[i] && y[i]) return true;
    return false;
}

static ts_ref random_ref(uint64_t *seed, int dims) {
    const ts_dtype dtypes[] = {ts_dtype_u8, ts_dtype_bf16, ts_dtype_f32};
    ts_ref ref = {.space = ts_space_sbuf, .dtype = (uint8_t)dtypes[next(seed) % 3], .dims = (uint8_t)dims};
    ref.parts = 4;
    ref.offset = MIDDLE + (int64_t)(next(seed) % 64);
    for (int i = 0; i < dims; i++) {
        ref.step[i] = (int64_t)(next(seed) % 41) - 20;
        ref.count[i] = next(seed) % 40 == 0 ? 0 : 1 + (int64_t)(next(seed) % (dims > 2 ? 4 : 9));
    }
    return ref;
}

static void test_two_dims_are_exact(void **state) {
    (void)state;
    uint64_t seed = 1;
    int met = 0;
    for (int i = 0; i < 60000; i++) {
        ts_ref a = random_ref(&seed, (int)(next(&seed) % 3)), b = random_ref(&seed, (int)(next(&seed) % 3));
        bool is_exact = false, want = overlaps(&a, &b);
        met += want;
        assert_int_equal(ts_ref_overlap(&a, &b, &is_exact), want);
        assert_true(is_exact);
        assert_int_equal(ts_ref_overlap(&b, &a, &is_exact), want);
    }
    assert_true(met > 10000 && met < 50000); /* both answers are common */
}

static void test_more_dims_never_miss(void **state) {
    (void)state;
    uint64_t seed = 2;
    int exact = 0;
    for (int i = 0; i < 20000; i++) {
        ts_ref a = random_ref(&seed, 3 + (int)(next(&seed) % 2)),
               b = random_ref(&seed, (int)(next(&seed) % 5));
        bool is_exact, want = overlaps(&a, &b), got = ts_ref_overlap(&a, &b, &is_exact);
        assert_true(got || !want);
        if (is_exact) assert_int_equal(got, want);
        exact += is_exact;
    }
    assert_true(exact > 19000);
}

/* Long single strides, where one period must decide for all. */
static void test_long_strides(void **state) {
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        ts_ref a = {.space = ts_space_sbuf, .dtype = ts_dtype_u8, .dims = 1, .parts = 1}, b = a;
        a.step[0] = 2 + (int64_t)(next(&seed) % 40);
        b.step[0] = 2 + (int64_t)(next(&seed) % 40);
        a.count[0] = 1 + (int64_t)(next(&seed) % 90);
        b.count[0] = 1 + (int64_t)(next(&seed) % 90);
        a.offset = (int64_t)(next(&seed) % 80);
        b.offset = (int64_t)(next(&seed) % 80);
        bool is_exact;
        assert_int_equal(ts_ref_overlap(&a, &b, &is_exact), overlaps(&a, &b));
        assert_true(is_exact);
    }
}

static ts_ref hbm(uint32_t tensor, int64_t offset, int64_t rows, int64_t pitch, int64_t columns) {
    return (ts_ref){.space = ts_space_hbm,
                    .dtype = ts_dtype_f32,
                    .dims = 2,
                    .tensor = tensor,
                    .parts = 1,
                    .offset = 4 * offset,
                    .step = {pitch, 1},
                    .count = {rows, columns}};
}

static void test_tiles_of_a_matrix(void **state) {
    (void)state;
    bool is_exact;
    ts_ref left = hbm(0, 0, 128, 1024, 512), right = hbm(0, 512, 128, 1024, 512),
           below = hbm(0, 131072, 128, 1024, 512);
    ts_ref whole = hbm(0, 0, 256, 1024, 1024), other = hbm(1, 0, 256, 1024, 1024),
           shifted = hbm(0, 511, 1, 1, 2);
    assert_false(ts_ref_overlap(&left, &right, &is_exact));
    assert_true(is_exact);
    assert_false(ts_ref_overlap(&left, &below, &is_exact));
    assert_true(ts_ref_overlap(&left, &whole, &is_exact));
    assert_false(ts_ref_overlap(&other, &whole, &is_exact));
    assert_true(ts_ref_overlap(&left, &shifted, &is_exact));
    assert_true(ts_ref_overlap(&right, &shifted, &is_exact));
    /* two billion rows: no loop over them */
    ts_ref even = hbm(0, 0, INT32_MAX, 6, 1), odd = hbm(0, 1, INT32_MAX, 8, 1);
    assert_false(ts_ref_overlap(&even, &odd, &is_exact));
    assert_true(is_exact);
}

static void test_spaces_partitions_and_indices(void **state) {
    (void)state;
    bool is_exact;
    ts_ref a = {.space = ts_space_sbuf,
                .dtype = ts_dtype_f32,
                .dims = 1,
                .part = 0,
                .parts = 32,
                .step = {1},
                .count = {8}};
    ts_ref b = a;
    assert_true(ts_ref_overlap(&a, &b, &is_exact));
    b.space = ts_space_psum;
    assert_false(ts_ref_overlap(&a, &b, &is_exact));
    b = a;
    b.part = 32;
    assert_false(ts_ref_overlap(&a, &b, &is_exact));
    b.part = 31;
    assert_true(ts_ref_overlap(&a, &b, &is_exact));
    b.parts = 0;
    assert_false(ts_ref_overlap(&a, &b, &is_exact));
    b = a;
    b.count[0] = 0;
    assert_false(ts_ref_overlap(&a, &b, &is_exact));
    ts_ap index = {.space = ts_space_sbuf};
    ts_ref near = hbm(0, 0, 1, 1, 1), far = hbm(0, 5000, 1, 1, 1);
    assert_false(ts_ref_overlap(&near, &far, &is_exact));
    far.index = &index;
    assert_true(ts_ref_overlap(&near, &far, &is_exact));
    assert_true(is_exact);
    far.tensor = 1;
    assert_false(ts_ref_overlap(&near, &far, &is_exact));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_dims_are_exact),
        cmocka_unit_test(test_more_dims_never_miss),
        cmocka_unit_test(test_long_strides),
        cmocka_unit_test(test_tiles_of_a_matrix),
        cmocka_unit_test(test_spaces_partitions_and_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

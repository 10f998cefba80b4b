/* A recording that equals an earlier one becomes the same executable; any other is what its own calls say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "arch/isa.h"
#include "failing_host.h"
#include "trainstone/nki.h"

enum { PARTS = 4, WIDTH = 8, ELEMS = PARTS * WIDTH, TEXT = 1 << 14 };

/* A kernel: y = x, and z = value, or the constant. */
typedef struct kernel {
    const char *name, *file, *tile;
    int line, cores;
    double value;
    int64_t address; /* of the second tile; -1: none */
    float constant;  /* 0: none */
    bool has_loop, has_third, is_repeated, is_wrong, is_peeked;
} kernel;

static const kernel plain = {
    .name = "copies", .file = "k.py", .tile = "t", .line = 3, .value = 2, .address = -1};

static ts_nki_view on_chip(uint32_t tile) {
    return (ts_nki_view){
        .buffer = tile, .dtype = ts_dtype_f32, .dims = 1, .parts = PARTS, .dim = {{1, WIDTH}}};
}

static ts_nki_view in_hbm(uint32_t tensor) {
    return (ts_nki_view){
        .buffer = tensor, .dtype = ts_dtype_f32, .dims = 2, .parts = 1, .dim = {{WIDTH, PARTS}, {1, WIDTH}}};
}

static ts_nki_value tensor_of(const ts_nki_view *view) {
    return (ts_nki_value){.kind = ts_nki_tensor, .view = view};
}

static bool move(ts_nki *nki, const ts_nki_view *dst, const ts_nki_view *src, uint32_t line,
                 ts_nki_error *error) {
    const ts_nki_value values[7] = {{0}, tensor_of(dst), tensor_of(src)};
    return ts_nki_emit(nki, ts_op_dma_copy, ts_engine_sync, values, 7, line, error) == 0;
}

static bool fill(ts_nki *nki, const ts_nki_view *dst, double value, uint32_t line, ts_nki_error *error) {
    const ts_nki_value values[2] = {tensor_of(dst), {.kind = ts_nki_number, .number = value}};
    return ts_nki_emit(nki, ts_op_memset, ts_engine_vector, values, 2, line, error) == 0;
}

static uint32_t add_tile(ts_nki *nki, const kernel *k, bool is_second, uint32_t line, ts_nki_error *error) {
    const ts_nki_tile tile = {.space = ts_nki_sbuf,
                              .dtype = ts_dtype_f32,
                              .parts = PARTS,
                              .bytes = WIDTH * sizeof(float),
                              .blocks = 1,
                              .address = is_second && k->address >= 0 ? &k->address : NULL,
                              .name = k->tile};
    return ts_nki_add_tile(nki, &tile, line, error);
}

/* Makes all of the kernel's calls but the last; false if one failed. */
static bool tell(ts_nki *nki, const kernel *k, ts_nki_error *error) {
    const int64_t dim[] = {PARTS, WIDTH};
    float constant[ELEMS];
    for (int i = 0; i < ELEMS; i++)
        constant[i] = k->constant;
    if (k->cores) ts_nki_share(nki, k->cores);
    const uint32_t line = ts_nki_line(nki, k->file, k->line);
    const uint32_t x = ts_nki_add_tensor(nki, ts_nki_input, ts_dtype_f32, 2, dim, NULL, "x", line, error);
    const uint32_t y = ts_nki_add_tensor(nki, ts_nki_scratch, ts_dtype_f32, 2, dim, NULL, "y", line, error);
    const uint32_t z = ts_nki_add_tensor(nki, ts_nki_scratch, ts_dtype_f32, 2, dim, NULL, "z", line, error);
    const uint32_t first = add_tile(nki, k, false, line, error), second = add_tile(nki, k, true, line, error);
    if (!line || !x || !y || !z || !first || !second) return false;
    const ts_nki_view a = on_chip(first), b = on_chip(second), from = in_hbm(x), to = in_hbm(y),
                      other = in_hbm(z);
    if (k->has_loop) ts_nki_add_mark(nki, ts_nki_loop_begin, line);
    if (k->has_loop) ts_nki_add_mark(nki, ts_nki_loop_trip, line);
    if (!move(nki, &a, &from, line, error)) return false;
    if (k->is_wrong) { /* a call that fails; the kernel goes on */
        ts_nki_view beyond = a;
        beyond.parts = 500;
        assert_false(fill(nki, &beyond, 1, line, error));
    }
    if (k->is_peeked) {
        float seen[ELEMS], given[ELEMS] = {0};
        void *data[] = {given, NULL, NULL};
        assert_int_equal(ts_nki_peek(nki, &a, data, seen, error), 0);
    }
    if (k->has_loop && k->is_repeated && ts_nki_repeat(nki, error)) return false;
    if (k->has_loop) ts_nki_add_mark(nki, ts_nki_loop_end, 0);
    if (k->constant != 0) {
        const uint32_t c =
            ts_nki_add_tensor(nki, ts_nki_constant, ts_dtype_f32, 2, dim, constant, "c", line, error);
        const ts_nki_view filled = in_hbm(c);
        if (!c || !move(nki, &b, &filled, line, error)) return false;
    } else if (!fill(nki, &b, k->value, line, error)) {
        return false;
    }
    if (!move(nki, &to, &a, line, error) || !move(nki, &other, &b, line, error)) return false;
    ts_nki_set_role(nki, x, ts_nki_input, 0);
    ts_nki_set_role(nki, y, ts_nki_output, 0);
    ts_nki_set_role(nki, z, ts_nki_output, 1);
    return !k->has_third || move(nki, &other, &a, line, error);
}

/* Records a kernel. NULL if a call failed; the error must then have a message. */
static ts_nki *try_record(ts_nki_device *device, const kernel *k, ts_nki_error *error) {
    ts_nki *nki = ts_nki_new(device, k->name, error);
    if (nki && tell(nki, k, error) && ts_nki_finish(nki, error) == 0) return nki;
    assert_true(error->message[0]);
    ts_nki_free(nki);
    return NULL;
}

static ts_nki *record(ts_nki_device *device, const kernel *k) {
    ts_nki_error error = {0};
    ts_nki *nki = try_record(device, k, &error);
    if (!nki) fail_msg("%s", error.message);
    return nki;
}

/* Runs the recording; whether its values are right. */
static bool runs(ts_nki *nki, const kernel *k, float seed) {
    float x[ELEMS], y[ELEMS], z[ELEMS], c[1] = {0};
    void *data[] = {x, y, z, c};
    bool is_right = true;
    for (int i = 0; i < ELEMS; i++)
        x[i] = seed + (float)i;
    if (ts_nki_run(nki, data, NULL)) return false;
    for (int i = 0; i < ELEMS; i++) {
        const float other = k->constant != 0 ? k->constant : (float)k->value;
        is_right = is_right && y[i] == seed + (float)i && z[i] == (k->has_third ? y[i] : other);
    }
    return is_right;
}

/* Writes the kernel's program as made on a device of its own and, unless told is NULL, its record. */
static void alone(const kernel *k, char *text, char *told) {
    ts_nki_error error = {0};
    ts_nki_device *device = ts_nki_open(NULL, 1, &error);
    assert_non_null(device);
    ts_nki *nki = record(device, k);
    ts_nki_text(nki, text, TEXT);
    if (told) ts_nki_record(nki, told, TEXT, &error);
    ts_nki_free(nki);
    ts_nki_close(device);
}

static void expect(ts_nki_device *device, const kernel *k, float seed) {
    static char text[TEXT], expected[TEXT];
    ts_nki *nki = record(device, k);
    alone(k, expected, NULL);
    ts_nki_text(nki, text, TEXT);
    assert_string_equal(text, expected);
    assert_true(runs(nki, k, seed));
    uint64_t first;
    assert_int_equal(ts_nki_unwritten(nki, 1, &first), 0);
    assert_true(ts_nki_fills(nki, 1) && ts_nki_fills(nki, 2) && !ts_nki_fills(nki, 0));
    ts_nki_free(nki);
}

static const kernel others[] = {
    {.name = "others", .file = "k.py", .tile = "t", .line = 3, .value = 2, .address = -1},
    {.name = "copies", .file = "other.py", .tile = "t", .line = 3, .value = 2, .address = -1},
    {.name = "copies", .file = "k.py", .tile = "u", .line = 3, .value = 2, .address = -1},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 4, .value = 2, .address = -1},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .value = 2.5, .address = -1},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 4, .value = 2.5, .address = -1},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .value = 2, .address = 256},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .value = 2, .address = 512},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .address = -1, .constant = 5},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .address = -1, .constant = 6},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .value = 2, .address = -1, .has_loop = true},
    {.name = "copies",
     .file = "k.py",
     .tile = "t",
     .line = 3,
     .value = 2,
     .address = -1,
     .has_loop = true,
     .is_repeated = true},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .value = 2, .address = -1, .has_third = true},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .value = 2, .address = -1, .is_wrong = true},
    {.name = "copies", .file = "k.py", .tile = "t", .line = 3, .value = 2, .address = -1, .is_peeked = true},
};
enum { OTHERS = sizeof others / sizeof *others };

static void each_is_what_its_calls_say(void **state) {
    ts_nki_device *device = *state;
    for (int turn = 0; turn < 3; turn++)
        for (int i = 0; i < OTHERS; i++) {
            expect(device, &plain, (float)i);
            expect(device, &others[i], (float)(turn + i));
        }
    for (int i = OTHERS; i-- > 0;)
        expect(device, &others[i], 1);
}

static void one_that_ends_earlier_is_another(void **state) {
    kernel longer = plain;
    longer.has_third = true;
    expect(*state, &longer, 1);
    expect(*state, &plain, 2);
}

/* More recordings than a device keeps. */
static void those_that_were_dropped_are_made_again(void **state) {
    kernel k = plain;
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < 100; i++) {
            k.value = i % 70;
            ts_nki *nki = record(*state, &k);
            assert_true(runs(nki, &k, (float)i));
            ts_nki_free(nki);
        }
}

/* Sharing HBM makes a kernel slower, so it is part of the recording. */
static void a_shared_one_has_a_record_of_its_own(void **state) {
    static char told[TEXT], expected[TEXT], text[TEXT];
    ts_nki_error error = {0};
    for (int turn = 0; turn < 2; turn++)
        for (int cores = 0; cores <= 2; cores += 2) {
            kernel k = plain;
            k.cores = cores;
            ts_nki *nki = record(*state, &k);
            ts_nki_record(nki, told, TEXT, &error);
            alone(&k, text, expected);
            assert_string_equal(told, expected);
            ts_nki_free(nki);
        }
}

/* Two recordings of the same kernel as a pair stay two, and a third one does not become part of the pair. */
static void a_pair_is_of_two(void **state) {
    static char told[3][TEXT];
    ts_nki_error error = {0};
    ts_nki *nki[3] = {record(*state, &plain), record(*state, &plain), record(*state, &plain)};
    assert_int_equal(ts_nki_pair(nki[0], nki[1], &error), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(ts_nki_record(nki[i], told[i], TEXT, &error) > 0);
        assert_true(runs(nki[i], &plain, (float)i));
    }
    assert_string_not_equal(told[0], told[2]);
    for (int i = 0; i < 3; i++)
        ts_nki_free(nki[i]);
}

/* A plan stays while it is in use, even if the recording that it came from is gone. */
static void a_plan_outlives_its_recording(void **state) {
    ts_nki *first = record(*state, &plain), *second = record(*state, &plain);
    ts_nki_free(first);
    assert_true(runs(second, &plain, 3));
    ts_nki_free(second);
}

static void *record_and_run(void *context) {
    ts_nki_device *device = context;
    bool are_right = true;
    for (int i = 0; i < 60 && are_right; i++) {
        const kernel *k = i % 3 ? &others[i / 3 % OTHERS] : &plain;
        ts_nki *nki = try_record(device, k, &(ts_nki_error){0});
        are_right = nki && runs(nki, k, (float)i);
        ts_nki_free(nki);
    }
    return are_right ? NULL : context;
}

static void threads_share_plans(void **state) {
    enum { THREADS = 3 };
    pthread_t thread[THREADS];
    void *wrong;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, record_and_run, *state), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], &wrong);
        assert_null(wrong);
    }
}

/* While a recording follows a plan, each request for memory is refused in turn: the recording must fail with
   a message, or go on without the plan. */
static void run_plain(ts_nki_device *device) {
    ts_nki *nki = record(device, &plain);
    assert_true(runs(nki, &plain, 0));
    ts_nki_free(nki);
}

static void a_host_that_refuses(void **state) {
    run_plain(*state);
    const long before = atomic_load(&live_blocks);
    for (long n = 1;; n++) {
        ts_nki_error error = {0};
        assert_true(n < 100);
        refuse_request(n, false);
        ts_nki *nki = try_record(*state, &plain, &error);
        const bool has_run = nki && runs(nki, &plain, (float)n);
        ts_nki_free(nki);
        atomic_store(&requests_left, -1);
        run_plain(*state); /* what ran last is kept for ts_last_run_json */
        if (atomic_load(&live_blocks) != before)
            fail_msg("request %ld: %ld blocks are left", n, atomic_load(&live_blocks) - before);
        if (atomic_load(&refused)) continue;
        assert_true(has_run && n > 3);
        return;
    }
}

static int open_device(void **state) {
    ts_nki_error error = {0};
    *state = ts_nki_open(NULL, 1, &error);
    if (!*state) print_message("%s\n", error.message);
    return *state ? 0 : 1;
}

static int close_device(void **state) {
    ts_nki_close(*state);
    return 0;
}

int main(void) {
    atomic_store(&requests_left, -1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_what_its_calls_say, open_device, close_device),
        cmocka_unit_test_setup_teardown(one_that_ends_earlier_is_another, open_device, close_device),
        cmocka_unit_test_setup_teardown(those_that_were_dropped_are_made_again, open_device, close_device),
        cmocka_unit_test_setup_teardown(a_shared_one_has_a_record_of_its_own, open_device, close_device),
        cmocka_unit_test_setup_teardown(a_pair_is_of_two, open_device, close_device),
        cmocka_unit_test_setup_teardown(a_plan_outlives_its_recording, open_device, close_device),
        cmocka_unit_test_setup_teardown(threads_share_plans, open_device, close_device),
        cmocka_unit_test_setup_teardown(a_host_that_refuses, open_device, close_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Arena, vectors, text buffers, copies and diagnostics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/copy.h"
#include "base/status.h"
#include "base/text.h"

static void arena_gives_zeroed_aligned_memory(void **state) {
    (void)state;
    ts_arena arena = {0};
    unsigned char *last = NULL;
    for (size_t size = 0; size < 5000; size += 37) {
        unsigned char *memory = ts_arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)memory % 16, 0);
        assert_ptr_not_equal(memory, last);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
        last = memory;
    }
    unsigned char *large = ts_arena_alloc(&arena, 5 << 20), *small = ts_arena_alloc(&arena, 16);
    memset(large, 1, 5 << 20);
    assert_int_equal(small[0], 0);
    assert_true(arena.bytes_used > 5 << 20);
    ts_arena_free(&arena);
    assert_null(arena.blocks);
}

static void arena_strings(void **state) {
    (void)state;
    ts_arena arena = {0};
    assert_string_equal(ts_arena_string(&arena, ""), "");
    assert_string_equal(ts_arena_string_n(&arena, "abcdef", 3), "abc");
    assert_string_equal(ts_arena_format(&arena, "%d-%s", 7, "x"), "7-x");
    assert_memory_equal(ts_arena_copy(&arena, "\0\1\2", 3), "\0\1\2", 3);
    ts_arena_free(&arena);
}

static void vector_keeps_what_was_pushed(void **state) {
    (void)state;
    ts_arena arena = {0};
    TS_VEC(int) numbers = {0};
    for (int i = 0; i < 10000; i++)
        ts_vec_push(&numbers, &arena, i * 3);
    assert_int_equal(numbers.count, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(numbers.data[i], i * 3);
    ts_arena_free(&arena);
}

static void text_quotes_and_numbers(void **state) {
    (void)state;
    ts_text text = {0};
    ts_text_quote(&text, "a\"b\\c\n\t\x01\xff");
    assert_string_equal(text.data, "\"a\\\"b\\\\c\\n\\t\\u0001\\u00ff\"");
    ts_text_free(&text);
    const struct {
        double value;
        const char *form;
    } rows[] = {{1, "1"},
                {0.1, "0.1"},
                {-0.0, "-0"},
                {1e-8, "1e-08"},
                {1.0 / 3, "0.3333333333333333"},
                {1e300 * 1e300, "inf"},
                {-1e300 * 1e300, "-inf"},
                {16777217, "16777217"},
                {150, "150"},
                {-2e6, "-2000000"},
                {1e15, "1e+15"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ts_text_double(&text, rows[i].value);
        assert_string_equal(text.data, rows[i].form);
        double again = strtod(text.data, NULL);
        assert_memory_equal(&again, &rows[i].value, sizeof again);
        ts_text_free(&text);
    }
    for (int i = 0; i < 1000; i++)
        ts_text_format(&text, "%d,", i);
    assert_int_equal(text.length, strlen(text.data));
    ts_text_free(&text);
}

static void first_failure_is_kept(void **state) {
    (void)state;
    ts_diag diag = {0};
    char line[256];
    ts_diag_op(&diag, "too early");
    assert_int_equal(ts_fail(&diag, ts_capacity, "needs %d bytes", 12), ts_capacity);
    assert_int_equal(ts_fail(&diag, ts_input, "later"), ts_input);
    ts_diag_op(&diag, "dot");
    ts_diag_op(&diag, "other");
    ts_diag_where(&diag, "a.py", 31);
    ts_diag_remedy(&diag, "use %s", "less");
    ts_diag_format(&diag, line, sizeof line);
    assert_string_equal(line, "capacity: dot at a.py:31: needs 12 bytes (use less)");
    assert_int_equal(ts_fail(NULL, ts_usage, "nobody listens"), ts_usage);
    ts_diag bare = {0};
    ts_fail(&bare, ts_system, "no disk");
    assert_int_equal(ts_diag_format(&bare, line, 4), 15);
    assert_string_equal(line, "sys");
}

/* Copies between all alignments that matter, no byte too many or too few. */
static void copies_are_exact(void **state) {
    (void)state;
    enum { ROOM = 4 * 4096, LONGEST = 3 * 4096 };
    static const size_t lengths[] = {0, 1, 2047, 2048, 2049, 4095, 4097, 6144, 6145, LONGEST};
    static const size_t ahead[] = {0, 1, 4, 15, 16, 17, 64, 4095};
    uint8_t *from = aligned_alloc(4096, ROOM), *to = aligned_alloc(4096, 2 * ROOM);
    for (size_t i = 0; i < ROOM; i++)
        from[i] = (uint8_t)(i * 7 + i / 256 + 1);
    for (size_t a = 0; a < sizeof ahead / sizeof *ahead; a++)
        for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++) {
            uint8_t *at = to + 64 + ahead[a];
            memset(to, 0xee, 2 * ROOM);
            ts_copy(at, from + 64, lengths[n]);
            assert_memory_equal(at, from + 64, lengths[n]);
            assert_int_equal(at[-1], 0xee);
            assert_int_equal(at[lengths[n]], 0xee);
        }
    free(from);
    free(to);
}

/* Runs of every length between rows with gaps, forwards and backwards, against a copy byte by byte. */
static void runs_are_copies(void **state) {
    (void)state;
    enum { ROOM = 4096, COUNT = 5, MIDDLE = 2048 };
    static const int64_t steps[][2] = {{300, 290}, {300, -310}, {-290, 300}};
    uint8_t from[ROOM], to[ROOM], expected[ROOM];
    for (int i = 0; i < ROOM; i++)
        from[i] = (uint8_t)(i * 11 + i / 256);
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++)
        for (int64_t bytes = 0; bytes <= 280; bytes++) {
            memset(to, 0xee, ROOM);
            memset(expected, 0xee, ROOM);
            for (int64_t i = 0; i < COUNT; i++)
                for (int64_t b = 0; b < bytes; b++)
                    expected[MIDDLE + i * steps[s][0] + b] = from[MIDDLE + i * steps[s][1] + b];
            ts_copy_runs(to + MIDDLE, steps[s][0], from + MIDDLE, steps[s][1], COUNT, bytes);
            assert_memory_equal(to, expected, ROOM);
        }
}

/* The same for runs of a line and more, of any number. */
static void runs_abreast_are_copies(void **state) {
    (void)state;
    enum { ROOM = 1 << 16, MIDDLE = ROOM / 2 };
    static const int64_t steps[][2] = {{700, 690}, {700, -710}, {-690, 700}}, counts[] = {1, 7, 8, 9, 20};
    static uint8_t from[ROOM], to[ROOM], expected[ROOM];
    for (int i = 0; i < ROOM; i++)
        from[i] = (uint8_t)(i * 11 + i / 256);
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++)
        for (int64_t bytes = 64; bytes <= 690; bytes = bytes < 66 ? bytes + 1 : bytes + 39)
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                memset(to, 0xee, ROOM);
                memset(expected, 0xee, ROOM);
                for (int64_t i = 0; i < counts[c]; i++)
                    memcpy(expected + MIDDLE + i * steps[s][0], from + MIDDLE + i * steps[s][1],
                           (size_t)bytes);
                ts_copy_abreast(to + MIDDLE, steps[s][0], from + MIDDLE, steps[s][1], counts[c],
                                (size_t)bytes);
                assert_memory_equal(to, expected, ROOM);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_strings),
        cmocka_unit_test(vector_keeps_what_was_pushed),
        cmocka_unit_test(text_quotes_and_numbers),
        cmocka_unit_test(first_failure_is_kept),
        cmocka_unit_test(copies_are_exact),
        cmocka_unit_test(runs_abreast_are_copies),
        cmocka_unit_test(runs_are_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The JSON reader: values, strings, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_read.h"

/* A copy without terminator, so that a read past the end is one past the allocation. */
static ts_status read_text(ts_arena *arena, const char *text, const ts_json **root, ts_diag *diag) {
    size_t size = strlen(text);
    char *copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    *diag = (ts_diag){0};
    ts_status status = ts_json_read(arena, copy, size, "some.json", root, diag);
    free(copy);
    return status;
}

static void values_are_read(void **state) {
    (void)state;
    ts_arena arena = {0};
    const ts_json *root;
    ts_diag diag;
    assert_int_equal(
        read_text(&arena, " {\"a\" : [1, -2.5e1,0 , true,false,null] ,\n \"b\":{}, \"c\":\"x\", \"d\":[]} ",
                  &root, &diag),
        ts_ok);
    const ts_json *a = ts_json_get(root, "a");
    assert_int_equal(a->count, 6);
    assert_true(a->items[0].is_integer && a->items[0].integer == 1 && a->items[0].number == 1);
    assert_true(!a->items[1].is_integer && a->items[1].number == -25);
    assert_true(a->items[3].kind == ts_json_bool && a->items[3].boolean && !a->items[4].boolean);
    assert_int_equal(a->items[5].kind, ts_json_null);
    assert_int_equal(ts_json_get(root, "b")->count, 0);
    assert_string_equal(ts_json_text(ts_json_get(root, "c")), "x");
    assert_null(ts_json_get(root, "missing"));
    assert_null(ts_json_get(a, "a"));
    assert_null(ts_json_text(a));
    ts_arena_free(&arena);
}

static void integers_are_exact_or_say_so(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_integer;
        int64_t integer;
    } rows[] = {{"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"-0", true, 0},
                {"1e2", false, 0},
                {"1.0", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ts_arena arena = {0};
        const ts_json *root;
        ts_diag diag;
        assert_int_equal(read_text(&arena, rows[i].text, &root, &diag), ts_ok);
        assert_int_equal(root->is_integer, rows[i].is_integer);
        assert_true(root->integer == rows[i].integer);
        ts_arena_free(&arena);
    }
}

static void strings_are_utf8(void **state) {
    (void)state;
    ts_arena arena = {0};
    const ts_json *root;
    ts_diag diag;
    assert_int_equal(
        read_text(&arena, "\"a\\n\\\"\\\\\\/\\u00e9\\u20AC\\ud83d\\ude00\xc3\xa9\"", &root, &diag), ts_ok);
    assert_string_equal(root->string, "a\n\"\\/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9");
    ts_arena_free(&arena);
}

static void broken_text_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "[",
                                        "[1",
                                        "[1,]",
                                        "[,1]",
                                        "[1 2]",
                                        "{\"a\"",
                                        "{\"a\":",
                                        "{\"a\":1",
                                        "{\"a\" 1}",
                                        "{\"a\":1,}",
                                        "{a:1}",
                                        "{1:1}",
                                        "\"",
                                        "\"\\",
                                        "\"\\\"",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"\\u00g0\"",
                                        "\"\\u0000\"",
                                        "\"\\ud800\"",
                                        "\"\\ude00\"",
                                        "\"\n\"",
                                        "tru",
                                        "nulll",
                                        "-",
                                        "01",
                                        "1.",
                                        ".5",
                                        "1e",
                                        "1e+",
                                        "+1",
                                        "1 2",
                                        "]",
                                        "{\"a\":1,\"a\":2}",
                                        "\"\\ud83d\\u0041\"",
                                        "nan",
                                        "NaN"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ts_arena arena = {0};
        const ts_json *root;
        ts_diag diag;
        if (read_text(&arena, texts[i], &root, &diag) != ts_input) fail_msg("accepted: %s", texts[i]);
        assert_null(root);
        assert_non_null(strstr(diag.message, "some.json"));
        ts_arena_free(&arena);
    }
}

static void depth_is_limited(void **state) {
    (void)state;
    enum { FAR = 100000 };
    char *text = malloc(FAR + 1);
    ts_arena arena = {0};
    const ts_json *root;
    ts_diag diag;
    memset(text, '[', FAR);
    text[FAR] = '\0';
    assert_int_equal(read_text(&arena, text, &root, &diag), ts_input);
    assert_non_null(strstr(diag.message, "64"));
    memset(text + TS_JSON_DEPTH, ']', TS_JSON_DEPTH);
    text[2 * TS_JSON_DEPTH] = '\0';
    assert_int_equal(read_text(&arena, text, &root, &diag), ts_ok);
    free(text);
    ts_arena_free(&arena);
}

static void lines_are_named(void **state) {
    (void)state;
    ts_arena arena = {0};
    const ts_json *root;
    ts_diag diag;
    assert_int_equal(read_text(&arena, "{\n\"a\": 1,\n\"b\": x}", &root, &diag), ts_input);
    assert_non_null(strstr(diag.message, "line 3"));
    ts_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),  cmocka_unit_test(integers_are_exact_or_say_so),
        cmocka_unit_test(strings_are_utf8), cmocka_unit_test(broken_text_is_refused),
        cmocka_unit_test(depth_is_limited), cmocka_unit_test(lines_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

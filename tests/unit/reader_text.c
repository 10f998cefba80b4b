/* The graph's text form (docs/hlo.md): errors with their line and column, texts that print as they stand, and
   texts that print in their canonical form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/graph/graph.h"

#define HEAD "func @main(%x: f32[2,3], %i: i32[]) -> (f32[2,3]) {\n"
#define TAIL "\n  return %x\n}\n"

static void expect_error(const char *text, const char *message) {
    ts_diag diag = {0};
    ts_module *module;
    ts_status status = ts_module_parse(text, "a.mlir", &module, &diag);
    if (status != ts_input || strcmp(diag.message, message) != 0)
        fail_msg("%s: \"%s\" where \"%s\" was expected for\n%s", ts_status_name(status), diag.message,
                 message, text);
    assert_null(module);
}

static void test_errors(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"x", "a.mlir:1:1: `x` is no operation"},
        {"func main", "a.mlir:1:6: expected `@`, found `m`"},
        {"func @main(", "a.mlir:1:12: the text ends where `%` should come"},
        {"func @main() {", "a.mlir:1:15: the text ends inside a block: a `}` is missing"},
        {"func @main(%x: f32[2) {\n}", "a.mlir:1:21: expected `]`, found `)`"},
        {"func @main(%x: f31[2]) {\n}", "a.mlir:1:16: `f31` is no element type"},
        {"func @main(%x: f32[1,1,1,1,1,1,1,1,1]) {\n}", "a.mlir:1:36: more than 8 dimensions"},
        {"func @main(%x: f32[9223372036854775808]) {\n}",
         "a.mlir:1:20: the number is larger than 9223372036854775807"},
        {"func @main(%x: f32[], %x: f32[]) {\n}", "a.mlir:1:23: %x is defined twice"},
        {"func @main(%x: f32[], %1: f32[]) {\n}",
         "a.mlir:1:23: a function names its values by numbers or by words, not both"},
        {"func @main(%01: f32[]) {\n}", "a.mlir:1:12: value numbers have no leading zero"},
        {"func @main(%99999999: f32[]) {\n}", "a.mlir:1:12: value numbers stay below 16777216"},
        {HEAD "  %y = adds %x, %x" TAIL, "a.mlir:2:8: `adds` is no operation"},
        {HEAD "  %y = add %x, %z" TAIL, "a.mlir:2:16: %z is not defined yet"},
        {HEAD "  %y = add %x, %y" TAIL, "a.mlir:2:16: %y is not defined yet"},
        {HEAD "  %x = add %x, %x" TAIL, "a.mlir:2:3: %x is defined twice"},
        {HEAD "  %y = convert %x" TAIL, "a.mlir:3:3: expected `:` and the type of each result"},
        {HEAD "  %y, %z = add %x, %x : f32[2,3]" TAIL, "a.mlir:2:12: 2 results with 1 types"},
        {HEAD "  %y = constant 1.0, : f32[]" TAIL, "a.mlir:2:20: expected `:` and the type of each result"},
        {HEAD "  %y = constant [1.0, 2.0] : f32[3]" TAIL, "a.mlir:2:17: 2 elements for a type of 3"},
        {HEAD "  %y = constant 300 : i8[]" TAIL, "a.mlir:2:17: this is no i8 element"},
        {HEAD "  %y = constant -1 : u8[]" TAIL, "a.mlir:2:17: this is no u8 element"},
        {HEAD "  %y = constant 1.5 : i32[]" TAIL, "a.mlir:2:17: this is no i32 element"},
        {HEAD "  %y = constant 0x1234 : f32[]" TAIL, "a.mlir:2:17: this is no f32 element"},
        {HEAD "  %y = constant 1.0 : f32[?]" TAIL,
         "a.mlir:2:17: elements need a tensor type with known dimensions"},
        {HEAD "  %y = constant blob 0 : f32[2]" TAIL, "a.mlir:2:17: blob 0 is missing"},
        {HEAD "  %y = constant blob 0 : f32[2]" TAIL "blob 0 = \"00\"",
         "a.mlir:2:17: blob 0 has 1 bytes, its type 8"},
        {HEAD "  %y = constant blob 0 : f32[2]" TAIL "blob 1 = \"00\"", "a.mlir:5:6: blob 0 comes next"},
        {HEAD "  %y = constant blob 0 : f32[2]" TAIL "blob 0 = \"0g\"",
         "a.mlir:5:6: a blob is pairs of the digits 0-9 a-f"},
        {HEAD "  %y = abs %x {a = 1, a = 2}" TAIL, "a.mlir:2:23: attribute given twice"},
        {HEAD "  %y = compare LT %x, %x {comparison_direction = GT}" TAIL,
         "a.mlir:2:27: comparison_direction is given twice"},
        {HEAD "  %y = abs %x {a = 99999999999999999999}" TAIL, "a.mlir:2:20: this is no 64-bit integer"},
        {HEAD "  %y = abs %x {a = 1.2.3}" TAIL, "a.mlir:2:20: this is no number"},
        {HEAD "  %y = abs %x {a = \"b" TAIL, "a.mlir:2:21: the string has no end"},
        {HEAD "  %y = abs %x {a = \"\\q\"}" TAIL,
         "a.mlir:2:22: unknown escape: use \\\" \\\\ \\n \\t or \\u00XX"},
        {HEAD "  %y = abs %x @train.py" TAIL, "a.mlir:2:16: expected `\"`, found `t`"},
        {HEAD "  %y = while %x : f32[2,3] (%a: f32[2,3]) {\n" TAIL "} empty\n",
         "a.mlir:6:3: `empty` is no operation"},
        {"// a comment\n\n  func @f() {\n    return }\n what", "a.mlir:5:2: `what` is no operation"},
        {"module @m {a = [1, 2}", "a.mlir:1:21: expected `]`, found `}`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_error(rows[i][0], rows[i][1]);
}

/* Lists, dictionaries and regions deeper than the limit, and as deep as it. */
static void test_depth(void **state) {
    (void)state;
    enum { SIZE = 1 << 16 };
    char *text = malloc(SIZE);
    for (int deep = 60; deep < 600; deep += 135) {
        size_t at = (size_t)sprintf(text, "module @m {a = ");
        memset(text + at, '[', (size_t)deep);
        at += (size_t)deep;
        memset(text + at, ']', (size_t)deep);
        strcpy(text + at + deep, "}");
        ts_diag diag = {0};
        ts_module *module;
        ts_status status = ts_module_parse(text, "a.mlir", &module, &diag);
        assert_int_equal(status, deep < 64 ? ts_ok : ts_input);
        if (status != ts_ok) assert_non_null(strstr(diag.message, "nesting deeper than "));
        ts_module_free(module);
    }
    free(text);
}

static char *printed(const char *text) {
    ts_diag diag = {0};
    ts_module *module;
    ts_text out = {0};
    if (ts_module_parse(text, "a.mlir", &module, &diag) != ts_ok) fail_msg("%s in\n%s", diag.message, text);
    ts_module_print(module, &out);
    ts_module_free(module);
    return out.data;
}

/* The text prints as it is. */
static void test_canonical(void **state) {
    (void)state;
    static const char *const rows[] = {
        "module @\"\"\n",
        "module @\"a b\\n\\\"c\\u0001\" {k = \"v\"}\n",
        "module @m {a = none, b = true, c = false, d = -3, e = 1.5, f = inf, g = -inf, h = LT, i = "
        "\"lower\", "
        "j = [1, \"x.y\", []], k = {l = {}}, m = f32[2,?], n = token, o = opaque \"raw <\\\">\"}\n",
        "module @\"\" {n = -9223372036854775808, m = 9223372036854775807, t = 1e+300, s = 1e-07}\n",
        "module @\"\"\nfunc private @f() {\n  return\n}\n",
        "module @\"\"\nfunc @main(%0: f32[4] {jax.arg_info = \"x\"}, %1: token) -> (f32[4] {a = 1}) {\n"
        "  return %0\n}\n",
        "module @\"\"\nfunc @main() {\n  %0 = constant [1, 0, 1] : i1[3]\n  %1 = constant -8 : i4[2]\n"
        "  %2 = constant [15, 0] : u4[2]\n  %3 = constant 18446744073709551615 : u64[]\n"
        "  %4 = constant -9223372036854775808 : i64[]\n  %5 = constant 0x7fc00001 : f32[]\n"
        "  %6 = constant -0.0 : bf16[]\n  %7 = constant [1e-45, 3.4028235e+38] : f32[2]\n"
        "  %8 = constant 0.1 : f64[]\n  %9 = constant 0xbf8000003f800000 : c64[]\n"
        "  %10 = constant inf : f16[]\n  return\n}\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = printed(rows[i]);
        assert_string_equal(text, rows[i]);
        free(text);
    }
}

/* The text prints in another form, and that form prints as it is. */
static void test_normalised(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "module @\"\"\n"},
        {"// nothing\nmodule @m{a=1,b=[1,2]}", "module @m {a = 1, b = [1, 2]}\n"},
        {"func @f(%x:f32)->(f32){return %x}",
         "module @\"\"\nfunc @f(%0: f32[]) -> (f32[]) {\n  return %0\n}\n"},
        {"func @f(%x: f32[2]) -> (i1[2]) { %y = compare LT %x, %x %z = add %x, %x @\"t.py\":3:1\n return %y "
         "}",
         "module @\"\"\nfunc @f(%0: f32[2]) -> (i1[2]) {\n  %1 = compare LT %0, %0 : i1[2]\n"
         "  %2 = add %0, %0 : f32[2] @\"t.py\":3:1\n  return %1\n}\n"},
        {"func @f(%7: i32[]) -> (i32[]) {\n %9 = while %7 : i32[] (%3: i32[]) { %1 = constant true : i1[] "
         "return "
         "%1 } (%4: i32[]) { return %4 }\n return %9 }",
         "module @\"\"\nfunc @f(%7: i32[]) -> (i32[]) {\n  %9 = while %7 : i32[] (%3: i32[]) {\n"
         "    %1 = constant 1 : i1[]\n    return %1\n  } (%4: i32[]) {\n    return %4\n  }\n  return "
         "%9\n}\n"},
        {"func @f() { %0 = constant [[1,2],[3,4]] : i32[2,2] return }",
         "module @\"\"\nfunc @f() {\n  %0 = constant [1, 2, 3, 4] : i32[2,2]\n  return\n}\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = printed(rows[i][0]), *again = printed(text);
        assert_string_equal(text, rows[i][1]);
        assert_string_equal(again, text);
        free(text);
        free(again);
    }
}

/* Constants of many elements go to the blob table, in the order of their use. */
static void test_blobs(void **state) {
    (void)state;
    enum { COUNT = 5000 };
    ts_text text = {0};
    ts_text_add(&text, "func @main() {\n");
    for (int constant = 0; constant < 2; constant++) {
        ts_text_format(&text, "  %%%d = constant [", constant);
        for (int i = 0; i < COUNT; i++)
            ts_text_format(&text, "%s%d", i ? ", " : "", i * (constant + 1));
        ts_text_format(&text, "] : i16[%d]\n", COUNT);
    }
    ts_text_add(&text, "  return\n}\n");
    char *first = printed(text.data), *second = printed(first);
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "%0 = constant blob 0 : i16[5000]\n"));
    assert_non_null(strstr(first, "%1 = constant blob 1 : i16[5000]\n"));
    assert_non_null(strstr(first, "\nblob 0 = \"000001000200"));
    assert_non_null(strstr(first, "\nblob 1 = \"000002000400"));
    free(first);
    free(second);
    ts_text_free(&text);
}

/* A text cut anywhere is refused or read, and never read beyond its end. */
static void test_cut(void **state) {
    (void)state;
    static const char text[] =
        "module @m {a = [1, {b = \"c\\n\"}]}\n" HEAD
        "  %c = compare LT %i, %i {k = dense<i64[2] [1, 2]>} : i1[] @\"t.py\":3:4\n"
        "  %y, %z = while %i, %x : i32[], f32[2,3] (%a: i32[], %b: f32[2,3]) {\n    return %c\n  }"
        " (%d: i32[], %e: f32[2,3]) {\n    return %d, %e\n  }" TAIL "blob 0 = \"00ff\"\n";
    for (size_t size = 0; size < sizeof text; size++) {
        ts_diag diag = {0};
        ts_module *module;
        char *part = malloc(size + 1);
        memcpy(part, text, size);
        part[size] = '\0';
        ts_status status = ts_module_parse(part, "a.mlir", &module, &diag);
        assert_int_equal(status, diag.status);
        assert_true(status == ts_ok || strncmp(diag.message, "a.mlir:", 7) == 0);
        if (size + 1 == sizeof text) assert_int_equal(status, ts_ok);
        ts_module_free(module);
        free(part);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),     cmocka_unit_test(test_depth), cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_normalised), cmocka_unit_test(test_blobs), cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Bounds of magnitudes: what the compiler knows of the result of a small function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/graph/magnitude.h"

enum { LEAST = -149, MOST = 128 };

/* The bounds of %r, which `body` computes from fp32 %x and %y, i32 %n and i1 %b, each of shape [4,8]. */
static ts_magnitude bounds(const char *body) {
    char text[2048];
    ts_diag diag = {0};
    ts_module *module;
    ts_arena scratch = {0};
    snprintf(text, sizeof text,
             "func @main(%%x: f32[4,8], %%y: f32[4,8], %%n: i32[4,8], %%b: i1[4,8]) -> (f32[4,8]) {\n"
             "  %%zero = constant 0.0 : f32[]\n  %%low = constant -inf : f32[]\n"
             "  %%small = constant 1e-8 : f32[4,8]\n  %%ten = constant 10.0 : f32[4,8]\n%s  return %%r\n}\n",
             body);
    if (ts_module_parse(text, "a.mlir", &module, &diag) != ts_ok) fail_msg("%s in\n%s", diag.message, text);
    const ts_func *func = ts_module_func(module, "main");
    const ts_op_node *last = func->body->ops.data[func->body->ops.count - 1];
    ts_magnitude found = ts_value_magnitudes(func, &scratch)[last->operands[0]->id];
    ts_arena_free(&scratch);
    ts_module_free(module);
    return found;
}

#define EXPECT(body, low_, high_, natural, positive)                                                         \
    do {                                                                                                     \
        ts_magnitude m = bounds(body);                                                                       \
        assert_int_equal(m.low, low_);                                                                       \
        assert_int_equal(m.high, high_);                                                                     \
        assert_int_equal(m.is_natural, natural);                                                             \
        assert_int_equal(m.is_positive, positive);                                                           \
    } while (0)

static void test_arguments_and_what_may_cancel_may_be_anything(void **state) {
    (void)state;
    EXPECT("  %r = negate %x\n", LEAST, MOST, false, false);
    EXPECT("  %r = subtract %x, %y\n", LEAST, MOST, false, false);
    EXPECT("  %r = add %x, %ten\n", LEAST, MOST, false, false);
    EXPECT("  %r = sine %x\n", LEAST, 0, false, false);
    EXPECT("  %r = subtract %ten, %ten\n", LEAST, 5, false, false);
    assert_false(ts_magnitude_has_reciprocal(bounds("  %r = negate %x\n")));
}

static void test_numbers(void **state) {
    (void)state;
    EXPECT("  %r = constant 10.0 : f32[4,8]\n", 3, 4, true, true);
    EXPECT("  %r = constant -0.25 : f32[4,8]\n", -2, -2, false, false);
    EXPECT("  %r = constant 0.0 : f32[4,8]\n", MOST, LEAST, true, false);
    EXPECT("  %r = convert %n : f32[4,8]\n", 0, 31, false, false);
    EXPECT("  %r = convert %b : f32[4,8]\n", 0, 0, true, false);
    EXPECT("  %r = iota {iota_dimension = 1} : f32[4,8]\n", 0, 3, true, false);
}

static void test_roots(void **state) {
    (void)state;
    EXPECT("  %r = sqrt %x\n", -75, 64, true, false);
    EXPECT("  %r = rsqrt %x\n", -64, 75, true, false);
    EXPECT("  %s = sqrt %x\n  %r = add %s, %small\n", -27, 65, true, true);
    assert_true(ts_magnitude_has_reciprocal(bounds("  %s = sqrt %x\n  %r = add %s, %small\n")));
    assert_true(ts_magnitude_has_reciprocal(bounds("  %r = sqrt %x\n")));
}

static void test_products(void **state) {
    (void)state;
    EXPECT("  %s = sqrt %x\n  %r = multiply %s, %ten\n", -72, 68, true, false);
    EXPECT("  %r = multiply %x, %x\n", LEAST, MOST, true, false);
    EXPECT("  %r = multiply %ten, %small\n", -24, -22, true, true);
    EXPECT("  %s = multiply %small, %small\n  %t = multiply %s, %s\n  %r = multiply %t, %s\n", LEAST, LEAST,
           true, false); /* 1e-48 */
    EXPECT("  %r = divide %ten, %small\n", 29, 31, true, false);
}

static void test_choices(void **state) {
    (void)state;
    EXPECT("  %a = abs %x\n  %r = maximum %a, %ten\n", 3, MOST, true, true);
    EXPECT("  %s = sqrt %x\n  %r = minimum %s, %ten\n", -75, 64, true, false);
    EXPECT("  %r = select %b, %ten, %small\n", -27, 4, true, true);
    EXPECT("  %r = clamp %small, %x, %ten\n", -27, 4, true, true);
    EXPECT("  %a = negate %ten\n  %r = maximum %x, %a\n", LEAST, MOST, false, false);
}

/* Positions times frequencies, as rotary embeddings have them: 10^e for e from 0 down to -7, and up to 7. */
static void test_powers_and_angles(void **state) {
    (void)state;
#define IOTA "  %i = iota {iota_dimension = 1} : f32[4,8]\n"
    EXPECT(IOTA "  %e = negate %i\n  %r = power %ten, %e\n", -32, 0, true, true);
    EXPECT(IOTA "  %r = power %ten, %i\n", 0, 32, true, true);
    EXPECT(IOTA "  %e = negate %i\n  %r = exponential %e\n", LEAST, 0, true, false);
    EXPECT(IOTA "  %e = negate %i\n  %p = power %ten, %e\n  %r = multiply %i, %p\n", -32, 3, true, false);
    EXPECT(IOTA "  %k = constant -3.0 : f32[4,8]\n  %m = multiply %i, %k\n  %r = multiply %m, %k\n", 2, 7,
           true, false);
    EXPECT("  %a = constant [1.0, -4.5, 0.25, 2.0] : f32[4]\n  %two = constant 2.0 : f32[8]\n"
           "  %r = dot_general %a, %two {lhs_contracting_dimensions = [], rhs_contracting_dimensions = []} : "
           "f32[4,8]\n",
           LEAST, 4, false, false);
}

#define SUM_OF(data)                                                                                         \
    "  %t = reduce " data ", %zero {dimensions = [1]} : f32[4] (%p: f32[], %q: f32[]) {\n"                   \
    "    %s = add %p, %q : f32[]\n    return %s\n  }\n"                                                      \
    "  %r = broadcast_in_dim %t {broadcast_dimensions = [0]} : f32[4,8]\n"

static void test_sums_of_rows(void **state) {
    (void)state;
    EXPECT(SUM_OF("%x"), LEAST, MOST, false, false);
    EXPECT(SUM_OF("%ten"), 3, 9, true, true);
    EXPECT("  %f = convert %b : f32[4,8]\n" SUM_OF("%f"), 0, 5, true, false);
}

/* Each exponential may round to zero, except that of the largest element. */
static void test_sum_of_a_softmax_is_one_or_more(void **state) {
    (void)state;
    EXPECT("  %m = reduce %x, %low {dimensions = [1]} : f32[4] (%u: f32[], %v: f32[]) {\n"
           "    %w = maximum %u, %v : f32[]\n    return %w\n  }\n"
           "  %o = broadcast_in_dim %m {broadcast_dimensions = [0]} : f32[4,8]\n"
           "  %d = subtract %x, %o\n  %e = exponential %d\n" SUM_OF("%e"),
           0, 4, true, true);
    EXPECT("  %e = exponential %x\n" SUM_OF("%e"), LEAST, MOST, true, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_and_what_may_cancel_may_be_anything),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_powers_and_angles),
        cmocka_unit_test(test_sums_of_rows),
        cmocka_unit_test(test_sum_of_a_softmax_is_one_or_more),
    };
    return cmocka_run_group_tests_name("magnitude", tests, NULL, NULL);
}

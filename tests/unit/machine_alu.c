/* Operators on bf16 at once give the bits of the way through fp32, for every number on one side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine/engine.h"

enum { NUMBERS = 1 << 16 };

static const unsigned ops[] = {ts_alu_add, ts_alu_subtract, ts_alu_multiply};
/* 1, -1.5, 0, -0, the smallest and the largest subnormal, the largest number, Inf, -Inf, and odd ones. */
static const uint16_t others[] = {0x3f80, 0xbfc0, 0,      0x8000, 1,      0x807f,
                                  0x7f7f, 0x7f80, 0xff80, 0x4049, 0xc2f7, 0x3eab};
enum { OPS = sizeof ops / sizeof *ops, OTHERS = sizeof others / sizeof *others };

static uint16_t all[NUMBERS], side[NUMBERS], got[NUMBERS], wanted[NUMBERS];
static float wide[2][NUMBERS];

static void want(unsigned op, const uint16_t *a, const uint16_t *b) {
    ts_dtype_widen(ts_dtype_bf16, a, wide[0], NUMBERS);
    ts_dtype_widen(ts_dtype_bf16, b, wide[1], NUMBERS);
    ts_alu_floats(op, wide[0], wide[1], wide[0], NUMBERS);
    ts_dtype_narrow(ts_dtype_bf16, wide[0], wanted, NUMBERS);
}

static void fill(uint16_t other) {
    for (int i = 0; i < NUMBERS; i++) {
        all[i] = (uint16_t)i;
        side[i] = other;
    }
}

static void check(void) {
    for (int i = 0; i < NUMBERS; i++)
        assert_int_equal(got[i], wanted[i]);
}

static void arrays(void **state) {
    (void)state;
    for (int k = 0; k < OPS * OTHERS; k++) {
        fill(others[k / OPS]);
        want(ops[k % OPS], all, side);
        ts_alu_bf16(ops[k % OPS], all, side, got, NUMBERS);
        check();
        want(ops[k % OPS], side, all);
        ts_alu_bf16(ops[k % OPS], side, all, got, NUMBERS);
        check();
    }
}

static void numbers(void **state) {
    (void)state;
    for (int k = 0; k < OPS * OTHERS; k++) {
        float other;
        fill(others[k / OPS]);
        ts_dtype_widen(ts_dtype_bf16, side, &other, 1);
        want(ops[k % OPS], all, side);
        ts_alu_bf16_by(ops[k % OPS], all, other, got, NUMBERS);
        check();
        want(ops[k % OPS], side, all);
        ts_alu_bf16_of(ops[k % OPS], other, all, got, NUMBERS);
        check();
    }
}

static void in_place(void **state) {
    (void)state;
    fill(0x4049);
    want(ts_alu_multiply, all, all);
    ts_alu_bf16(ts_alu_multiply, all, all, all, NUMBERS);
    for (int i = 0; i < NUMBERS; i++)
        assert_int_equal(all[i], wanted[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(arrays), cmocka_unit_test(numbers),
                                       cmocka_unit_test(in_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

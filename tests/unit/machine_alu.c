/* Fast loops of operators give the bits of the plain ones: bf16 operators those of a way through fp32, for
   every number on one side; also loops with one number on a side, and extremes and sums of rows. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits.h"
#include "machine/engine.h"

enum { NUMBERS = 1 << 16 };

static const unsigned ops[] = {ts_alu_add, ts_alu_subtract, ts_alu_multiply};
/* 1, -1.5, 0, -0, the smallest and the largest subnormal, the largest number, Inf, -Inf, and unremarkable
   ones. */
static const uint16_t others[] = {0x3f80, 0xbfc0, 0,      0x8000, 1,      0x807f,
                                  0x7f7f, 0x7f80, 0xff80, 0x4049, 0xc2f7, 0x3eab};
enum { OPS = sizeof ops / sizeof *ops, OTHERS = sizeof others / sizeof *others };

static uint16_t all[NUMBERS], side[NUMBERS], got[NUMBERS], wanted[NUMBERS];
static float wide[2][NUMBERS];

static void want_some(unsigned op, const uint16_t *a, const uint16_t *b, size_t n) {
    ts_dtype_widen(ts_dtype_bf16, a, wide[0], n);
    ts_dtype_widen(ts_dtype_bf16, b, wide[1], n);
    ts_alu_floats(op, wide[0], wide[1], wide[0], (int64_t)n);
    ts_dtype_narrow(ts_dtype_bf16, wide[0], wanted, n);
}

static void want(unsigned op, const uint16_t *a, const uint16_t *b) {
    want_some(op, a, b, NUMBERS);
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

/* Arrays that begin and end anywhere; bytes before and behind them stay as they were. */
static void parts_of_arrays(void **state) {
    (void)state;
    enum { MOST = 100, GUARD = 0xa5a5 };
    const float number = ts_bf16_float(0x4049);
    fill(0x4049);
    for (int n = 0; n <= MOST; n++)
        for (int k = 0; k < OPS * 3; k++) {
            const int from = (n * 37 + k) % 3, kind = k / OPS;
            const uint16_t *a = all + 0x3f00 + from, *b = side + from;
            uint16_t *out = got + 1 + (n + k) % 2;
            want_some(ops[k % OPS], kind == 2 ? b : a, kind == 2 ? a : b, MOST);
            for (int i = 0; i < MOST + 4; i++)
                got[i] = GUARD;
            if (kind == 0) ts_alu_bf16(ops[k % OPS], a, b, out, n);
            if (kind == 1) ts_alu_bf16_by(ops[k % OPS], a, number, out, n);
            if (kind == 2) ts_alu_bf16_of(ops[k % OPS], number, a, out, n);
            assert_memory_equal(out, wanted, (size_t)n * sizeof *out);
            assert_int_equal(out[-1], GUARD);
            assert_int_equal(out[n], GUARD);
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

/* A random number, half of the time a special one. */
static float some_number(uint64_t *random, bool has_nan) {
    static const float special[] = {0, -0.0f, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0x1p-149f, -1, 1, NAN};
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    const uint32_t drawn = (uint32_t)(*random >> 33);
    return drawn % 2 ? special[drawn / 2 % (9 + has_nan)] : (float)(drawn % 1000) - 500;
}

static void one_number_for_a_row(void **state) {
    (void)state;
    enum { LENGTH = 67 };
    uint64_t random = 1;
    for (int round = 0; round < 3000; round++) {
        const unsigned op = (unsigned)round % ts_alu_count;
        float a[LENGTH], b[LENGTH], plain[LENGTH], fast[LENGTH];
        b[0] = some_number(&random, true);
        for (int i = 0; i < LENGTH; i++) {
            a[i] = some_number(&random, !isnan(b[0])); /* of two NaN either may be the result */
            b[i] = b[0];
        }
        for (int is_reversed = 0; is_reversed < 2; is_reversed++) {
            if (!ts_alu_floats_by(op, a, b[0], is_reversed, fast, LENGTH)) continue;
            ts_alu_floats(op, is_reversed ? b : a, is_reversed ? a : b, plain, LENGTH);
            assert_memory_equal(fast, plain, sizeof fast);
        }
    }
}

/* Two operators at once give the bits of one after the other; nothing is written behind them. */
static void two_operators(void **state) {
    (void)state;
    enum { LENGTH = 67, ROUNDS = 40 };
    uint64_t random = 5;
    int pairs = 0;
    for (unsigned k = 0; k < 4 * ts_alu_count * ts_alu_count; k++) {
        ts_alu_two two = {.op = {(uint8_t)(k / 4 % ts_alu_count), (uint8_t)(k / 4 / ts_alu_count)},
                          .is_reversed = {k & 1, k >> 1 & 1}};
        if (!ts_alu_is_two(&two)) continue;
        pairs++;
        for (int round = 0; round < ROUNDS; round++) {
            const bool is_number = round % 2, has_nan = round % 4 < 2;
            const int n = LENGTH - round;
            float a[LENGTH], b[LENGTH], between[LENGTH], plain[LENGTH], fast[LENGTH];
            for (int i = 0; i < LENGTH; i++) { /* of two NaN either may be the result */
                a[i] = some_number(&random, has_nan);
                b[i] = is_number && i > 0 ? b[0] : some_number(&random, false);
                plain[i] = fast[i] = -1;
            }
            two.number[0] = some_number(&random, false);
            two.number[1] = b[0];
            assert_true(ts_alu_floats_by(two.op[0], a, two.number[0], two.is_reversed[0], between, LENGTH));
            const float *x = two.is_reversed[1] ? b : between, *y = two.is_reversed[1] ? between : b;
            ts_alu_floats(two.op[1], x, y, plain, n);
            ts_alu_floats_two(&two, a, is_number ? NULL : b, fast, n);
            for (int i = 0; i < LENGTH; i++)
                assert_true(isnan(plain[i]) ? isnan(fast[i])
                                            : memcmp(&plain[i], &fast[i], sizeof *plain) == 0);
            ts_alu_floats_two(&two, a, is_number ? NULL : b, a, n);
            assert_memory_equal(a, fast, (size_t)n * sizeof *a);
        }
    }
    assert_int_equal(pairs, 4 * 6); /* add and multiply, then each of these and subtract; reversed or not */
}

static void extremes_of_rows(void **state) {
    (void)state;
    enum { LENGTH = 70 };
    static const unsigned extremes[] = {ts_alu_max, ts_alu_min};
    uint64_t random = 2;
    for (int round = 0; round < 4000; round++) {
        float row[LENGTH];
        const unsigned op = extremes[round % 2];
        const int n = 1 + round % LENGTH;
        for (int i = 0; i < n; i++)
            row[i] = round % 3 ? some_number(&random, round % 8 == 0) : -0.0f;
        float first = some_number(&random, round % 16 == 0), chain = first;
        for (int i = 0; i < n; i++)
            chain = ts_alu_float(op, chain, row[i]);
        const float found = ts_fold_row(op, row, n, first);
        assert_true(isnan(chain) ? isnan(found) : memcmp(&chain, &found, sizeof found) == 0);
    }
}

/* Rows side by side, each in its own order, where their lengths are no multiple of any vector's. */
static void sums_of_rows(void **state) {
    (void)state;
    enum { LENGTH = 70 };
    static float row[TS_LANES][LENGTH];
    uint64_t random = 3;
    for (int round = 0; round < 4000; round++) {
        float totals[TS_LANES], chains[TS_LANES];
        const float *rows[TS_LANES];
        const int n = round % (LENGTH + 1);
        for (int lane = 0; lane < TS_LANES; lane++) {
            rows[lane] = row[lane];
            chains[lane] = totals[lane] = some_number(&random, false);
            for (int i = 0; i < n; i++) {
                const float x = some_number(&random, false);
                row[lane][i] = isinf(x) || fabsf(x) > 1e30f ? x / 1e30f : x + 0.1f;
                chains[lane] += row[lane][i];
            }
        }
        ts_fold_add(rows, n, totals);
        for (int lane = 0; lane < TS_LANES; lane++)
            assert_true(isnan(chains[lane]) ? isnan(totals[lane])
                                            : memcmp(&chains[lane], &totals[lane], sizeof totals[lane]) == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(arrays),
                                       cmocka_unit_test(numbers),
                                       cmocka_unit_test(parts_of_arrays),
                                       cmocka_unit_test(in_place),
                                       cmocka_unit_test(one_number_for_a_row),
                                       cmocka_unit_test(two_operators),
                                       cmocka_unit_test(extremes_of_rows),
                                       cmocka_unit_test(sums_of_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

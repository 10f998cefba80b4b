/* What a collective moves over which link, and how long that takes alone. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "arch/collective_cost.h"

static ts_chip chip_called(const char *name) {
    ts_chip chip;
    assert_int_equal(ts_chip_get(name, &chip, NULL), ts_ok);
    return chip;
}

/* Groups of `size` ranks: member i of group g is rank first[g] + i * stride. */
typedef struct shape {
    int ranks, groups, size, stride, step; /* step: between the first members */
} shape;

static const shape WHOLE = {32, 1, 32, 1, 0}, ROW = {32, 4, 8, 1, 8}, PAIR = {2, 1, 2, 1, 0},
                   TWO_CHIPS = {32, 8, 4, 1, 4}, COLUMN = {32, 8, 4, 8, 1};

static ts_cc_plan plan_of(const char *kind, shape s, int64_t message, const ts_chip *chip) {
    bool is_gather = strcmp(kind, "all_gather") == 0, is_scatter = strcmp(kind, "reduce_scatter") == 0;
    bool is_joined = is_scatter || strcmp(kind, "all_reduce") == 0;
    long long dst = message / 4 / (is_scatter ? s.size : 1), src = message / 4 / (is_gather ? s.size : 1);
    ts_text text = {0};
    ts_text_format(&text, "trn 1\nprogram p chip=%s ranks=%d\ntensor x: input 0 f32[%lld]\n", chip->name,
                   s.ranks, src);
    ts_text_format(&text, "tensor y: output 0 f32[%lld]\ntensor g: constant i32[%d,%d] = {", dst, s.groups,
                   s.size);
    for (int g = 0; g < s.groups; g++)
        for (int i = 0; i < s.size; i++)
            ts_text_format(&text, " %d", g * s.step + i * s.stride);
    ts_text_format(&text, " }\nsync.collective kind=%s dst=hbm.f32[y +0 %lld] src=hbm.f32[x +0 %lld] op=%s",
                   kind, dst, src, is_joined ? "add" : "bypass");
    ts_text_format(&text, " groups=hbm.i32[g +0 %d]\n", s.groups * s.size);
    ts_program *program = NULL;
    ts_diag diag = {0};
    if (ts_program_parse(text.data, "p", &program, &diag) != ts_ok)
        fail_msg("%s: %s", text.data, diag.message);
    assert_int_equal(ts_cc_check(program, chip, &diag), ts_ok);
    ts_cc_plan plan;
    ts_cc_plan_make(program, (const ts_inst_collective *)program->code.data[0], chip, &plan);
    ts_program_free(program);
    ts_text_free(&text);
    return plan;
}

enum { MIB = 1 << 20 };

typedef struct expected {
    const char *what, *kind;
    const shape *shape;
    int64_t message;
    unsigned algorithm;
    int chips, steps, channels;
    double link, remote, local; /* of the message */
} expected;

/* Counted by hand from the schedules at the top of collective_cost.c, a link at a time. */
static const expected plans[] = {
    {"ring, all", "all_gather", &WHOLE, 32 * MIB, ts_cc_ring, 16, 31, 4, 31 / 128.0, 31 / 32.0, 0},
    {"ring, all, both ways", "all_reduce", &WHOLE, 32 * MIB, ts_cc_ring, 16, 62, 4, 31 / 64.0, 31 / 16.0, 0},
    {"ring, a row", "reduce_scatter", &ROW, 32 * MIB, ts_cc_ring, 4, 7, 2, 7 / 16.0, 7 / 8.0, 0},
    {"ring, two chips", "all_gather", &TWO_CHIPS, 32 * MIB, ts_cc_ring, 2, 3, 2, 0.75, 0.75, 0},
    {"ring, two columns on each link", "all_gather", &COLUMN, 32 * MIB, ts_cc_ring, 4, 3, 2, 0.75, 0.75, 0},
    {"ring, a chip", "all_reduce", &PAIR, 32 * MIB, ts_cc_ring, 1, 2, 1, 0, 1, 0},
    {"mesh, all", "all_gather", &WHOLE, MIB, ts_cc_mesh, 16, 2, 1, 0.5, 0.5, 0.5},
    {"mesh, a row", "all_gather", &ROW, MIB, ts_cc_mesh, 4, 2, 1, 0.5, 0.5, 0.5},
    {"mesh, two columns on each link", "all_gather", &COLUMN, MIB, ts_cc_mesh, 4, 1, 1, 1, 0.75, 0},
    {"mesh, a chip", "all_gather", &PAIR, MIB, ts_cc_mesh, 1, 1, 1, 0, 0, 0.5},
    {"exchange", "all_to_all", &ROW, MIB, ts_cc_direct, 4, 1, 1, 1, 7 / 8.0, 0},
    {"broadcast", "broadcast", &ROW, MIB, ts_cc_ring, 4, 7, 2, 0.5, 1, 0},
};

static bool is_near(double a, double b) {
    return fabs(a - b) <= 1e-9 * (1 + fabs(b));
}

static void test_plans(void **state) {
    (void)state;
    ts_chip chip = chip_called("trn1");
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        const expected *e = &plans[i];
        ts_cc_plan plan = plan_of(e->kind, *e->shape, e->message, &chip);
        double message = (double)e->message;
        if (plan.algorithm != e->algorithm || plan.chips != e->chips || plan.steps != e->steps ||
            plan.channels != e->channels || plan.message != e->message ||
            !is_near(plan.link, e->link * message) || !is_near(plan.remote, e->remote * message) ||
            !is_near(plan.local, e->local * message))
            fail_msg("%s: %s on %d chips, %d steps, %d channels, link %g, remote %g, local %g", e->what,
                     ts_cc_algorithm_name(plan.algorithm), plan.chips, plan.steps, plan.channels,
                     plan.link / message, plan.remote / message, plan.local / message);
    }
}

/* A permute: to the next rank, and to a chip two away, half of the bytes each way round. */
static void test_pairs(void **state) {
    (void)state;
    ts_chip chip = chip_called("trn1");
    ts_cc_plan near = plan_of("permute", (shape){32, 16, 2, 1, 2}, MIB, &chip);
    assert_true(near.algorithm == ts_cc_direct && near.chips == 1 && near.link == 0 && near.remote == MIB);
    ts_cc_plan far = plan_of("permute", (shape){32, 1, 2, 4, 0}, MIB, &chip);
    assert_true(far.chips == 2 && far.link == MIB / 2.0 && far.steps == 1);
    assert_true(is_near(far.crossing, MIB / 32.0));
}

/* How often HBM is touched for each byte that a rank sends: twice for a gather, three times where ranks
   add. */
static void test_touches(void **state) {
    (void)state;
    ts_chip chip = chip_called("trn1");
    ts_cc_plan gather = plan_of("all_gather", PAIR, 32 * MIB, &chip);
    assert_true(gather.hbm_read == 16 * MIB && gather.hbm_write == 16 * MIB);
    ts_cc_plan scatter = plan_of("reduce_scatter", PAIR, 32 * MIB, &chip);
    assert_true(scatter.hbm_read == 32 * MIB && scatter.hbm_write == 16 * MIB);
    ts_cc_plan both = plan_of("all_reduce", PAIR, 32 * MIB, &chip);
    assert_true(both.hbm_read == 48 * MIB && both.hbm_write == 32 * MIB);
}

static ts_time time_of(const char *kind, shape s, int64_t message, const ts_chip *chip, unsigned *limit) {
    ts_cc_plan plan = plan_of(kind, s, message, chip);
    ts_cc_cost cost = ts_cc_cost_of(&plan, chip);
    if (limit) *limit = cost.limit;
    return cost.latency + cost.move;
}

/* More bytes and more ranks never take less within an algorithm; a ring's rate is flat from 64 MiB on; what
   bounds it changes with the size and with the links. */
static void test_times(void **state) {
    (void)state;
    ts_chip chip = chip_called("trn1");
    const shape shapes[] = {PAIR, TWO_CHIPS, ROW, WHOLE};
    for (int64_t message = 4096; message <= 64 * MIB; message *= 4) {
        ts_time last = 0;
        for (int i = 0; i < 4; i++) {
            ts_time time = time_of("all_reduce", shapes[i], message, &chip, NULL);
            ts_time longer = time_of("all_reduce", shapes[i], 4 * message, &chip, NULL);
            if (time < last || time >= longer)
                fail_msg("%d ranks, %lld bytes: %lld ps, fewer %lld, more bytes %lld", shapes[i].size,
                         (long long)message, (long long)time, (long long)last, (long long)longer);
            last = time;
        }
    }
    unsigned limit;
    double slow = (double)time_of("all_gather", WHOLE, 64 * MIB, &chip, &limit) / 64;
    assert_int_equal(limit, ts_cc_limit_rank);
    double fast = (double)time_of("all_gather", WHOLE, 1024 * MIB, &chip, NULL) / 1024;
    assert_true(fast < slow && fast > 0.93 * slow);
    time_of("all_gather", WHOLE, 4096, &chip, &limit);
    assert_int_equal(limit, ts_cc_limit_latency);
    chip.link_bytes_per_ns = 5;
    time_of("all_gather", WHOLE, 64 * MIB, &chip, &limit);
    assert_int_equal(limit, ts_cc_limit_link);
}

/* Published: 6.48 and 23.16 us for 8 and 512 KiB. They include the trigger and the completion, which the
   clock adds. */
static void test_published(void **state) {
    (void)state;
    ts_chip chip = chip_called("trn1");
    double small = (double)time_of("all_gather", WHOLE, 8192, &chip, NULL) * 1e-6 + 0.366;
    double large = (double)time_of("all_gather", WHOLE, 524288, &chip, NULL) * 1e-6 + 0.366;
    assert_true(fabs(small / 6.48 - 1) < 0.02 && fabs(large / 23.16 - 1) < 0.02);
}

/* Inferentia2's chips are a ring of 12, Trainium2's have eight cores. */
static void test_other_chips(void **state) {
    (void)state;
    ts_chip inf2 = chip_called("inf2"), trn2 = chip_called("trn2");
    ts_cc_plan ring = plan_of("all_gather", (shape){24, 1, 24, 1, 0}, 24 * MIB, &inf2);
    assert_true(ring.channels == 2 && ring.chips == 12 && is_near(ring.link, 23 / 2.0 * MIB));
    ts_cc_plan half =
        plan_of("all_gather", (shape){24, 1, 12, 1, 0}, 24 * MIB, &inf2); /* not closed: goes back */
    assert_true(half.chips == 6 && half.link > 11 * MIB);
    ts_cc_plan wide = plan_of("all_gather", (shape){128, 1, 128, 1, 0}, 128 * MIB, &trn2);
    assert_true(wide.channels == 4 && wide.chips == 16 && wide.steps == 127);
    ts_program *program = ts_program_new("p", "trn1");
    ts_chip chip = chip_called("trn1");
    ts_diag diag = {0};
    program->ranks = 64;
    assert_int_equal(ts_cc_check(program, &chip, &diag), ts_unsupported);
    assert_non_null(strstr(diag.message, "32 NeuronCores"));
    assert_non_null(strstr(diag.remedy, "EFA"));
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans),     cmocka_unit_test(test_pairs),
                                       cmocka_unit_test(test_touches),   cmocka_unit_test(test_times),
                                       cmocka_unit_test(test_published), cmocka_unit_test(test_other_chips)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

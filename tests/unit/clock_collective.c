/* Collectives on the clock: they form a stream in the order of their triggers and share HBM with the core's
   transfers, and taking a rule away gains what its bound holds. */
#include <math.h>
#include <stdio.h>

#include "clock_programs.h"

static const char *const HEAD = "trn 1\nprogram together chip=trn1 ranks=2\n"
                                "tensor x: input 0 f32[4,1048576]\ntensor w: input 1 f32[64,128,1024]\n"
                                "tensor y: output 0 f32[4,1048576]\n"
                                "tensor g: constant i32[1,2] = {0 1}\n";

static ts_program *with(const char *code) {
    ts_text text = {0};
    ts_text_format(&text, "%s%s", HEAD, code);
    ts_program *program = parse_text(text.data, "together");
    ts_text_free(&text);
    return program;
}

static void run(const ts_program *program, ts_record *record) {
    ts_chip chip = table_chip();
    clock_run(program, &chip, record);
    check_invariants(record);
}

#define ALL_REDUCE(engine, row)                                                                              \
    engine ".collective kind=all_reduce dst=hbm.f32[y +" row " 1048576] src=hbm.f32[x +" row " 1048576] "    \
           "op=add groups=hbm.i32[g +0 2]\n"
#define LOADS                                                                                                \
    "loop %0 = 64\n"                                                                                         \
    "  sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0+4096*(%0 mod 4) 1024] "                                  \
    "src=hbm.f32[w +131072*%0 128@1024 1024]\n"                                                              \
    "end %0\n"

/* 2900 ns and two hops of 1500, then 4 MiB at 56.8 B/ns. */
static const double ALONE = 5900 + 4194304 / 56.8;

/* Two triggers of different engines: the second collective begins where the first one ends, and its result is
   there a completion later. */
static void test_stream(void **state) {
    (void)state;
    ts_program *program = with(ALL_REDUCE("gpsimd", "0") ALL_REDUCE("sync", "1048576"));
    ts_record record;
    run(program, &record);
    assert_int_equal(record.collectives, 2);
    assert_int_equal(record.collective_bytes, 2 * 4194304);
    assert_int_equal(record.ranks, 2);
    assert_true(fabs((double)record.collective_busy / 1000 - 2 * ALONE) < 0.1);
    assert_true(fabs((double)(record.total - record.launch) / 1000 - (46 + 2 * ALONE + 320)) < 0.1);
    int found = 0;
    ts_time end = 0;
    for (uint32_t i = 0; i < record.slices.count; i++) {
        const ts_slice *slice = &record.slices.data[i];
        if (slice->lane != TS_LANE_COLLECTIVE) continue;
        assert_true(found == 0 || (slice->start == end && slice->wait > 0));
        end = slice->end;
        found++;
    }
    assert_int_equal(found, 2);
    ts_record_free(&record);
    ts_program_free(program);
}

/* Loads of both cores together ask for 544 of HBM's 820 B/ns, half of it each: with 8 MB an all_reduce of 2.5
   touches takes little of it, and neither is much slower than alone. With HBM at a quarter it is another
   matter. */
static void test_beside_transfers(void **state) {
    (void)state;
    ts_program *loads = with(LOADS), *reduce = with(ALL_REDUCE("gpsimd", "0"));
    ts_program *both = with(ALL_REDUCE("gpsimd", "0") LOADS);
    ts_chip chip = table_chip();
    chip.cc_dma_engines_are_own = 1;
    ts_chip narrow = chip;
    narrow.hbm_bytes_per_ns /= 4;
    ts_time a = clock_total(loads, &chip), b = clock_total(reduce, &chip),
            together = clock_total(both, &chip);
    ts_time longer = a > b ? a : b;
    assert_true(together >= longer && together < longer + longer / 20);
    ts_time slow = clock_total(loads, &narrow), slower = clock_total(both, &narrow);
    double touched = 2.5 * 4194304 / (narrow.hbm_bytes_per_ns / 2); /* ns of HBM that the collective takes */
    assert_true(fabs((double)(slower - slow) / 1000 / touched - 1) < 0.1);
    ts_program_free(loads);
    ts_program_free(reduce);
    ts_program_free(both);
}

/* A collective's bytes come first on the DMA engines, which read 1.5 bytes for each one sent, unless
   collectives have engines of their own. */
static void test_dma_engines(void **state) {
    (void)state;
    ts_program *loads = with(LOADS LOADS), *both = with(ALL_REDUCE("gpsimd", "0") LOADS LOADS);
    ts_chip chip = table_chip(), apart = chip;
    apart.cc_dma_engines_are_own = 1;
    ts_time alone = clock_total(loads, &chip);
    double taken = 1.5 * 4194304 / (16 * 17);
    assert_true(fabs((double)(clock_total(both, &chip) - alone) / 1000 / taken - 1) < 0.05);
    assert_true(clock_total(both, &apart) < alone + alone / 20);
    ts_program_free(loads);
    ts_program_free(both);
}

/* Both cores of a chip do the same: each has half of HBM. A program of one core has all of it. */
static void test_shared_hbm(void **state) {
    (void)state;
    ts_chip chip = table_chip(), halved = chip;
    ts_program *program = with(LOADS);
    halved.sibling_core_idle = 0;
    chip.hbm_bytes_per_ns = halved.hbm_bytes_per_ns = 400;
    ts_time shared = clock_total(program, &chip);
    program->ranks = 1;
    assert_true(clock_total(program, &chip) < shared && clock_total(program, &halved) == shared);
    ts_program_free(program);
}

/* An instruction that reads the result waits for all of it; others do not wait. */
static void test_dependences(void **state) {
    (void)state;
    static const char *const code[] = {
        ALL_REDUCE("gpsimd",
                   "0") "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 64] src=hbm.f32[y +1048000 64]\n",
        ALL_REDUCE("gpsimd",
                   "0") "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 64] src=hbm.f32[y +1048576 64]\n",
        ALL_REDUCE("gpsimd", "0") "sync.dma_copy queue=0 dst=hbm.f32[y +0 64] src=sbuf.f32[p0:1 +0 64]\n"};
    static const bool waits[] = {true, false, true};
    for (int i = 0; i < 3; i++) {
        ts_program *program = with(code[i]);
        ts_record record;
        run(program, &record);
        double makespan = (double)(record.total - record.launch) / 1000;
        assert_true(waits[i] ? makespan > 46 + ALONE + 320 + 1000
                             : fabs(makespan - (46 + ALONE + 320)) < 0.1);
        ts_record_free(&record);
        ts_program_free(program);
    }
}

/* Releasing the bound gains no more than it holds, and all of it if nothing else runs. Half the bytes take
   half their time. */
static void test_what_ifs(void **state) {
    (void)state;
    ts_program *program = with(ALL_REDUCE("gpsimd", "0") LOADS ALL_REDUCE("gpsimd", "1048576"));
    ts_chip chip = table_chip(), far = chip;
    far.cc_hop_us = 10;
    uint32_t count = program->code.count;
    float *none = calloc(count, sizeof *none), *half = calloc(count, sizeof *half);
    for (uint32_t at = 0; at < count; at++) {
        bool is = program->code.data[at]->op == ts_op_collective;
        none[at] = is ? 0 : 1;
        half[at] = is ? 0.5f : 1;
    }
    const ts_what_if what_ifs[] = {{.free = 1u << ts_bound_collective},
                                   {.work = none},
                                   {.bytes = half},
                                   {.free = 1u << ts_bound_dma_bytes},
                                   {.chip = &far}};
    ts_clock_options options = {.what_ifs = what_ifs, .what_if_count = 5};
    ts_record record;
    assert_int_equal(ts_clock_run(program, &chip, &options, &record, NULL), ts_ok);
    ts_time held = record.bound[ts_bound_collective];
    assert_true(held > record.total / 8);
    assert_true(record.what_if[0] < record.total && record.total - record.what_if[0] <= held);
    assert_true(record.what_if[1] >= record.what_if[0]);
    double gain = (double)(record.total - record.what_if[2]) / 1000;
    assert_true(gain > 0 && gain <= 4194304 / 56.8 + 0.1);
    assert_true(record.what_if[3] <= record.total);
    assert_true(record.what_if[4] > record.total && record.what_if[4] - record.total <= 4 * 8500000);
    free(none);
    free(half);
    ts_record_free(&record);
    ts_program_free(program);
}

static void test_refusals(void **state) {
    (void)state;
    ts_chip chip = table_chip();
    ts_program *program = with(ALL_REDUCE("gpsimd", "0"));
    ts_record records[2];
    ts_diag diag = {0};
    const ts_clock_core cores[2] = {{program, NULL, &records[0]}, {program, NULL, &records[1]}};
    assert_int_equal(ts_clock_run_cores(cores, 2, &chip, &diag), ts_usage);
    assert_non_null(strstr(diag.message, "2 ranks"));
    diag = (ts_diag){0};
    program->ranks = 40;
    assert_int_equal(ts_clock_run(program, &chip, NULL, &records[0], &diag), ts_unsupported);
    assert_non_null(strstr(diag.message, "40 ranks"));
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),      cmocka_unit_test(test_beside_transfers),
        cmocka_unit_test(test_dma_engines), cmocka_unit_test(test_shared_hbm),
        cmocka_unit_test(test_dependences), cmocka_unit_test(test_what_ifs),
        cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Two programs on the cores of one chip share HBM, and are slower only where both ask for more than it
   has. */
#include <math.h>

#include "random_code.h"

#include "base/file.h"

typedef struct pair {
    ts_record record[2];
} pair;

static pair run_pair(const ts_program *a, const ts_program *b, const ts_chip *chip,
                     const ts_clock_options *options) {
    pair p;
    ts_diag diag = {0};
    const ts_clock_core cores[2] = {{a, options, &p.record[0]}, {b, options, &p.record[1]}};
    if (ts_clock_run_cores(cores, 2, chip, &diag) != ts_ok) fail_msg("%s", diag.message);
    return p;
}

static void free_pair(pair *p) {
    ts_record_free(&p->record[0]);
    ts_record_free(&p->record[1]);
}

static const ts_clock_options WITH_BAND = {.slice_cap = 1000000, .band = true};

/* ---- beside one that moves nothing ---- */

static void check_alone(const ts_program *program, void *context) {
    if (program->ranks > 1) return; /* such a program runs on both cores anyway */
    ts_chip chip = table_chip();
    ts_clock_options options = {.band = true, .step_all = true, .slice_cap = 100};
    ts_record alone;
    assert_int_equal(ts_clock_run(program, &chip, &options, &alone, NULL), ts_ok);
    for (int at = 0; at < 2 && alone.instructions < 20000; at++) { /* on either core */
        pair p = run_pair(at ? context : program, at ? program : context, &chip, &options);
        const ts_record *own = &p.record[at];
        assert_true(own->total == alone.total && own->total_high >= alone.total);
        assert_true(own->other_core == 0);
        assert_memory_equal(own->bound, alone.bound, sizeof alone.bound);
        assert_memory_equal(own->busy, alone.busy, sizeof alone.busy);
        assert_int_equal(own->rows.count, alone.rows.count);
        for (uint32_t i = 0; i < alone.rows.count; i++)
            assert_memory_equal(&own->rows.data[i], &alone.rows.data[i], sizeof(ts_record_row));
        assert_int_equal(own->slices.count, alone.slices.count);
        free_pair(&p);
    }
    ts_record_free(&alone);
}

static void test_alone(void **state) {
    (void)state;
    ts_program *small =
        parse_text("trn 1\nprogram s chip=trn1\nvector.memset dst=sbuf.f32[p0:1 +0 1] value=0\n", "s");
    assert_true(each_timing_file(check_alone, small) > 20);
    ts_program_free(small);
}

/* ---- the rate ---- */

/* Copies of 1 MiB inside HBM touch it twice a byte. Its DMA engines move 272 B/ns, so one core asks for 544
   of its 820 B/ns, and two for 1088: from the first byte on HBM is never idle, and serves the cores in
   turn. */
static void test_copies(void **state) {
    (void)state;
    enum { COPIES = 8 };
    const char *text =
        "trn 1\nprogram c chip=trn1\ntensor x: input 0 u8[8,1048576]\ntensor y: output 0 u8[8,1048576]\n"
        "loop %i = 8\n"
        "sync.dma_copy queue=0 dst=hbm.u8[y +1048576*%i 1048576] src=hbm.u8[x +1048576*%i 1048576]\nend\n";
    ts_program *program = parse_text(text, "copies");
    ts_chip chip = table_chip();
    ts_clock_options options = {.slice_cap = 1000000};
    double hbm = 2 * 1048576 / 820.0, first = 13000 + 46 + 1000, completion = 320;
    pair p = run_pair(program, program, &chip, &options);
    for (int core = 0; core < 2; core++) {
        double expected = first + (2 * COPIES - 1 + core) * hbm + completion;
        assert_true(fabs((double)p.record[core].total / 1000 - expected) < 0.05);
        assert_true(p.record[core].other_core > p.record[core].total / 4);
        check_invariants(&p.record[core]);
    }
    free_pair(&p);
    ts_time alone = clock_total(program, &chip);
    double engines = 16 * 17; /* B/ns; each takes 65536 bytes and a descriptor of 40 ns a copy */
    assert_true(fabs((double)alone / 1000 - (first + COPIES * (1048576 / engines + 40) + completion)) < 0.5);
    ts_program_free(program);
}

/* Loads and stores of both cores together touch 544 B/ns, less than HBM has, so neither core is slower. */
static void test_loads_and_stores(void **state) {
    (void)state;
    uint8_t *text = NULL;
    size_t size;
    assert_int_equal(ts_file_read("examples/double_buffer.trn", &text, &size, NULL), ts_ok);
    ts_program *program = parse_text((const char *)text, "double_buffer");
    ts_chip chip = table_chip();
    pair p = run_pair(program, program, &chip, &WITH_BAND);
    ts_time alone = clock_total(program, &chip);
    assert_true(p.record[0].total == alone && p.record[1].total == alone);
    assert_true(p.record[0].other_core == 0 && p.record[1].other_core == 0);
    for (uint32_t i = 0; i < p.record[0].assumptions.count; i++)
        assert_true(p.record[0].assumptions.data[i] != ts_param_find("sibling_core_idle"));
    free_pair(&p);
    ts_program_free(program);
    free(text);
}

/* ---- any programs ---- */

static void random_pair(uint64_t seed, ts_program *programs[2]) {
    programs[0] = random_program(seed, 60, 1 + (int)seed % 5);
    programs[1] = seed % 2 ? random_semaphores(seed, 60, 3) : random_program(seed + 1000, 40, 4);
}

/* On a chip whose HBM is the bottleneck. */
static ts_chip narrow_chip(void) {
    ts_chip chip = table_chip();
    chip.hbm_bytes_per_ns = 40;
    return chip;
}

static void test_invariants(void **state) {
    (void)state;
    int waits = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        ts_program *programs[2];
        ts_chip chips[2] = {table_chip(), narrow_chip()};
        random_pair(seed, programs);
        for (int c = 0; c < 2; c++) {
            pair p = run_pair(programs[0], programs[1], &chips[c], &WITH_BAND);
            pair again = run_pair(programs[0], programs[1], &chips[c], &WITH_BAND);
            for (int core = 0; core < 2; core++) {
                check_invariants(&p.record[core]);
                assert_true(p.record[core].total >= clock_total(programs[core], &chips[c]));
                assert_true(p.record[core].total == again.record[core].total);
                waits += p.record[core].other_core > 0;
            }
            free_pair(&p);
            free_pair(&again);
        }
        ts_program_free(programs[0]);
        ts_program_free(programs[1]);
    }
    assert_true(waits > 20);
}

static void test_slower_parts(void **state) {
    (void)state;
    static const char *const rows[] = {"hbm_bytes_per_ns", "dma_engine_bytes_per_ns", "vector_ghz",
                                       "scalar_ghz"};
    static const char *const times[] = {"dma_queue_floor_ns", "dma_first_byte_ns", "semaphore_ns",
                                        "dma_descriptor_ns"};
    for (uint64_t seed = 100; seed < 120; seed++) {
        ts_program *programs[2];
        random_pair(seed, programs);
        ts_chip chip = seed % 2 ? table_chip() : narrow_chip();
        pair before = run_pair(programs[0], programs[1], &chip, &WITH_BAND);
        for (int row = 0; row < 8; row++) {
            ts_chip slower = chip;
            int index = ts_param_find(row < 4 ? rows[row] : times[row - 4]);
            double *value = (double *)(void *)((char *)&slower + ts_param_at(index)->offset);
            *value = row < 4 ? *value / 1.3 : *value * 1.3;
            pair after = run_pair(programs[0], programs[1], &slower, &WITH_BAND);
            for (int core = 0; core < 2; core++)
                assert_true(after.record[core].total >= before.record[core].total);
            free_pair(&after);
        }
        free_pair(&before);
        ts_program_free(programs[0]);
        ts_program_free(programs[1]);
    }
}

/* Releasing a bound, in both programs or in one, gains at most its share of a core's critical path, including
   the other core's part of that path. */
static void test_what_ifs(void **state) {
    (void)state;
    ts_what_if free[ts_bound_count], none[ts_bound_count];
    memset(free, 0, sizeof free);
    memset(none, 0, sizeof none);
    for (int bound = 0; bound < ts_bound_count; bound++)
        free[bound].free = 1u << bound;
    for (uint64_t seed = 200; seed < 240; seed++) {
        ts_program *programs[2];
        random_pair(seed, programs);
        ts_chip chip = seed % 4 ? narrow_chip() : table_chip();
        ts_clock_options options = {.what_ifs = free, .what_if_count = ts_bound_count}, other = options;
        if (seed % 2) other.what_ifs = none;
        ts_record record[2];
        const ts_clock_core cores[2] = {{programs[0], &options, &record[0]},
                                        {programs[1], &other, &record[1]}};
        assert_int_equal(ts_clock_run_cores(cores, 2, &chip, NULL), ts_ok);
        for (int core = 0; core < 2; core++) {
            for (int bound = 0; bound < ts_bound_count; bound++) {
                ts_time gain = record[core].total - record[core].what_if[bound];
                assert_true(gain >= 0 && gain <= record[core].bound[bound]);
            }
            ts_record_free(&record[core]);
        }
        ts_program_free(programs[0]);
        ts_program_free(programs[1]);
    }
}

/* ---- programs that wait for each other ---- */

/* `before` instructions of 16384 columns, a signal, a wait, and as many again. */
static ts_program *waiting_program(int before, const char *between) {
    char text[1024];
    const char *work = "loop %%l%d = %d\nvector.memset dst=sbuf.f32[p0:128 +0 16384] value=0\nend\n";
    int used = snprintf(text, sizeof text, "trn 1\nprogram w chip=trn2\n");
    used += snprintf(text + used, sizeof text - (size_t)used, work, 0, before);
    used += snprintf(text + used, sizeof text - (size_t)used, "%s", between);
    snprintf(text + used, sizeof text - (size_t)used, work, 1, before);
    return parse_text(text, "waiting");
}

static ts_chip newer_chip(void) {
    ts_chip chip;
    assert_int_equal(ts_chip_get("trn2", &chip, NULL), ts_ok);
    return chip;
}

/* Both wait for each other. The faster one is late by what the slower one takes longer to come; the slower
   one is as fast as alone. */
static void test_waits(void **state) {
    (void)state;
    const char *both =
        "vector.core_signal data=sbuf.f32[p0:1 +0 1]\nvector.core_wait data=sbuf.f32[p0:1 +0 1]\n";
    ts_program *slow = waiting_program(20, both), *fast = waiting_program(5, both);
    ts_program *alone_20 = waiting_program(20, ""), *alone_5 = waiting_program(5, "");
    ts_chip chip = newer_chip();
    ts_time work_20 = clock_total(alone_20, &chip), work_5 = clock_total(alone_5, &chip);
    for (int at = 0; at < 2; at++) {
        pair p = run_pair(at ? fast : slow, at ? slow : fast, &chip, &WITH_BAND);
        const ts_record *of_slow = &p.record[at], *of_fast = &p.record[1 - at];
        assert_true(of_slow->total == clock_total(slow, &chip));
        ts_time later = (work_20 - work_5) / 2; /* of the first half */
        assert_true(llabs(of_fast->total - (clock_total(fast, &chip) + later)) < 1000 * 1000);
        assert_true(of_fast->other_core > later / 2 && of_slow->other_core == 0);
        check_invariants(of_slow);
        check_invariants(of_fast);
        free_pair(&p);
    }
    /* A signal without a wait holds nobody up; nor does a wait whose program is alone. */
    ts_program *only = waiting_program(5, "vector.core_signal data=sbuf.f32[p0:1 +0 1]\n");
    pair p = run_pair(fast, only, &chip, &WITH_BAND);
    assert_true(p.record[1].total == clock_total(only, &chip));
    free_pair(&p);
    ts_program_free(only);
    ts_program_free(slow);
    ts_program_free(fast);
    ts_program_free(alone_20);
    ts_program_free(alone_5);
}

/* In a loop, signals and waits in any number of trips ahead of each other, on several engines. */
static void test_many_waits(void **state) {
    (void)state;
    const char *text =
        "trn 1\nprogram m chip=trn2\nloop %%i = 300\n"
        "vector.memset dst=sbuf.f32[p0:128 +0 %d] value=0\n"
        "vector.core_signal data=sbuf.f32[p0:128 +0 %d]\n"
        "gpsimd.core_wait data=sbuf.f32[p0:128 +65536 8]\n"
        "scalar.activation dst=sbuf.f32[p0:128 +65536 8] func=copy data=sbuf.f32[p0:128 +0 8] scale=1\nend\n";
    char first[700], second[700];
    snprintf(first, sizeof first, text, 4096, 4096);
    snprintf(second, sizeof second, text, 64, 64);
    ts_program *slow = parse_text(first, "slow"), *fast = parse_text(second, "fast");
    ts_chip chip = newer_chip();
    pair p = run_pair(slow, fast, &chip, &WITH_BAND), again = run_pair(slow, fast, &chip, &WITH_BAND);
    assert_true(p.record[0].total == clock_total(slow, &chip));
    assert_true(p.record[1].total > p.record[0].total - 10 * 1000 * 1000);
    assert_true(p.record[1].total > 2 * clock_total(fast, &chip));
    for (int core = 0; core < 2; core++) {
        check_invariants(&p.record[core]);
        assert_true(p.record[core].total == again.record[core].total);
    }
    free_pair(&p);
    free_pair(&again);
    ts_program_free(slow);
    ts_program_free(fast);
}

static void test_a_wait_without_a_signal(void **state) {
    (void)state;
    ts_program *waits = waiting_program(2, "vector.core_wait data=sbuf.f32[p0:1 +0 1]\n");
    ts_program *other = waiting_program(2, "");
    ts_chip chip = newer_chip();
    ts_record record[2];
    ts_diag diag = {0};
    const ts_clock_core cores[2] = {{other, NULL, &record[0]}, {waits, NULL, &record[1]}};
    assert_int_equal(ts_clock_run_cores(cores, 2, &chip, &diag), ts_deadlock);
    assert_non_null(strstr(diag.message, "a core_wait of core 1 waits for a core_signal"));
    ts_program_free(waits);
    ts_program_free(other);
}

static void test_refusals(void **state) {
    (void)state;
    ts_program *program = parse_text("trn 1\nprogram s chip=trn1\n", "s");
    ts_chip chip = table_chip();
    ts_record record[3];
    ts_diag diag = {0}, other = {0};
    ts_clock_options band = {.band = true};
    const ts_clock_core cores[3] = {
        {program, NULL, &record[0]}, {program, &band, &record[1]}, {program, NULL, &record[2]}};
    assert_int_equal(ts_clock_run_cores(cores, 3, &chip, &diag), ts_usage);
    assert_non_null(strstr(diag.message, "3 programs at once: trn1 has 2 cores"));
    assert_int_equal(ts_clock_run_cores(cores, 2, &chip, &other), ts_usage);
    assert_non_null(strstr(other.message, "as many what-ifs"));
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone),
                                       cmocka_unit_test(test_copies),
                                       cmocka_unit_test(test_loads_and_stores),
                                       cmocka_unit_test(test_invariants),
                                       cmocka_unit_test(test_slower_parts),
                                       cmocka_unit_test(test_what_ifs),
                                       cmocka_unit_test(test_waits),
                                       cmocka_unit_test(test_many_waits),
                                       cmocka_unit_test(test_a_wait_without_a_signal),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Control that data decides: traces of runs, what a `leave` costs, and the clock with a trace and without. */
#include <stdio.h>

#include "clock_support.h"
#include "machine/machine.h"

/* n trips over x: count goes from n down to 0. */
static const char *const WHILE =
    "trn 1\nprogram while chip=trn1 scratch_bytes=64\n"
    "tensor n: input 0 i32[1]\ntensor y: output 0 i32[1]\ntensor count: scratch i32[1] address=0\n"
    "sync.dma_copy queue=0 dst=hbm.i32[count +0] src=hbm.i32[n +0]\n"
    "loop %w = 2147483647\n"
    "  leave loop=%w value=hbm.i32[count +0] compare=is_le operand=0\n"
    "  sync.dma_copy queue=0 dst=sbuf.i32[p0:1 +0 1] src=hbm.i32[count +0]\n"
    "  vector.tensor_scalar dst=sbuf.i32[p0:1 +0 1] data=sbuf.i32[p0:1 +0 1] op0=subtract operand0=1\n"
    "  sync.dma_copy queue=0 dst=hbm.i32[count +0] src=sbuf.i32[p0:1 +0 1]\n"
    "end %w\n"
    "sync.dma_copy queue=0 dst=hbm.i32[y +0] src=hbm.i32[count +0]\n";

/* One branch of two by the value of x[0]; a memset of 128 elements or one of 8192. */
static const char *const BRANCHES = "trn 1\nprogram branches chip=trn1\n"
                                    "tensor x: input 0 u8[1]\ntensor y: output 0 f32[1]\n"
                                    "loop %a = 1\n"
                                    "  leave loop=%a value=hbm.u8[x +0] compare=is_equal operand=0\n"
                                    "  vector.memset dst=sbuf.f32[p0:1 +0 128] value=1\n"
                                    "end %a\n"
                                    "loop %b = 1\n"
                                    "  leave loop=%b value=hbm.u8[x +0] compare=not_equal operand=0\n"
                                    "  vector.memset dst=sbuf.f32[p0:1 +0 8192] value=2\n"
                                    "end %b\n"
                                    "scalar.dma_copy queue=1 dst=hbm.f32[y +0] src=sbuf.f32[p0:1 +0 1]\n";

static ts_trace run(const ts_program *program, void *in, void *out) {
    ts_machine *machine = NULL;
    ts_chip chip = table_chip();
    char scratch[64];
    void *data[3] = {in, out, scratch};
    ts_trace trace = {0};
    ts_run options = {.data = data, .trace = &trace, .poison = true};
    assert_int_equal(ts_machine_new(&chip, NULL, &machine, NULL), ts_ok);
    assert_int_equal(ts_machine_run(machine, program, &options, NULL), ts_ok);
    ts_machine_free(machine);
    return trace;
}

static ts_time total(const ts_program *program, const ts_trace *trace, uint64_t trips, bool is_assumed) {
    ts_clock_options options = {.slice_cap = 1000000, .band = true, .trace = trace, .trips = trips};
    ts_chip chip = table_chip();
    ts_record record;
    assert_int_equal(ts_clock_run(program, &chip, &options, &record, NULL), ts_ok);
    check_invariants(&record);
    assert_int_equal(record.assumed_trips, is_assumed ? (trips ? trips : 1) : 0);
    bool is_told = false;
    for (uint32_t i = 0; i < record.assumptions.count; i++)
        is_told |= strcmp(ts_param_at(record.assumptions.data[i])->name, "register_load_cycles") == 0;
    assert_true(is_told);
    ts_time time = record.total;
    ts_record_free(&record);
    return time;
}

static void test_traces(void **state) {
    (void)state;
    ts_trace trace = {0}, same = {0}, other = {0};
    ts_trace_reader reader = {0};
    bool is_left = false;
    assert_false(ts_trace_next(&trace, &reader, &is_left));
    for (int i = 0; i < 1000; i++)
        assert_true(ts_trace_add(&trace, i % 7 > 4));
    for (int i = 0; i < 1000; i++) {
        assert_true(ts_trace_next(&trace, &reader, &is_left));
        assert_int_equal(is_left, i % 7 > 4);
    }
    assert_false(ts_trace_next(&trace, &reader, &is_left));
    assert_true(trace.count < 300);
    assert_true(ts_trace_copy(&same, &trace));
    assert_true(ts_trace_equal(&same, &trace));
    assert_true(ts_trace_add(&same, true));
    assert_false(ts_trace_equal(&same, &trace));
    assert_true(ts_trace_add(&other, true)); /* the first decision leaves: a run of 0 comes first */
    assert_int_equal(other.count, 2);
    ts_trace_free(&trace);
    ts_trace_free(&same);
    ts_trace_free(&other);
    assert_true(ts_trace_equal(&trace, &other));
}

static void test_a_run_leaves_its_trace(void **state) {
    (void)state;
    ts_program *program = parse_text(WHILE, "while");
    for (int32_t n = -1; n < 4; n++) {
        int32_t trips = n > 0 ? n : 0, y = 77, in = n;
        ts_trace trace = run(program, &in, &y);
        assert_int_equal(y, n > 0 ? 0 : n);
        assert_int_equal(trace.count, 2);
        assert_int_equal(trace.runs[0], trips);
        assert_int_equal(trace.runs[1], 1);
        if (n > 0) assert_true(total(program, &trace, 0, false) == total(program, NULL, (uint64_t)n, true));
        ts_trace_free(&trace);
    }
    ts_program_free(program);
}

static void test_trips_cost_the_same(void **state) {
    (void)state;
    ts_program *program = parse_text(WHILE, "while");
    ts_time one = total(program, NULL, 0, true), two = total(program, NULL, 2, true);
    ts_time ten = total(program, NULL, 10, true);
    assert_true(one == total(program, NULL, 1, true));
    assert_true(two > one);
    assert_true(llabs((ten - two) - 8 * (two - one)) < 8);
    /* A trip waits for its DMA twice and for the register load once. */
    ts_chip chip = table_chip();
    ts_time load = ts_cycles_time(chip.register_load_cycles, chip.sync_ghz);
    assert_true(two - one > load + 2 * (ts_time)(chip.dma_first_byte_ns * 1000));
    ts_program_free(program);
}

static void test_a_load_holds_every_engine(void **state) {
    (void)state;
    ts_chip chip = table_chip();
    ts_time load = ts_cycles_time(chip.register_load_cycles, chip.sync_ghz);
    static const char *const engines[] = {
        "vector.memset dst=sbuf.f32[p0:1 +0 64] value=0",
        "gpsimd.memset dst=sbuf.f32[p0:1 +0 64] value=0",
        "scalar.activation dst=sbuf.f32[p0:1 +0 64] func=relu data=sbuf.f32[p0:1 +256 64] scale=1",
        "sync.dma_copy queue=0 dst=sbuf.u8[p0:1 +0 1] src=hbm.u8[x +0]",
    };
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
        char text[1024];
        ts_time time[2];
        for (int with = 0; with < 2; with++) {
            snprintf(text, sizeof text,
                     "trn 1\nprogram p chip=trn1\ntensor x: input 0 u8[1]\nloop %%b = 1\n%s%s\nend %%b\n",
                     with ? "leave loop=%b value=hbm.u8[x +0] compare=is_equal operand=1\n" : "", engines[i]);
            ts_program *program = parse_text(text, "p");
            time[with] = with ? total(program, NULL, 0, true) : clock_total(program, &chip);
            ts_program_free(program);
        }
        assert_true(time[1] - time[0] == load);
    }
}

/* The second comparison of a value costs nothing; only the branch that runs takes time. */
static void test_branches(void **state) {
    (void)state;
    ts_program *program = parse_text(BRANCHES, "branches");
    ts_time time[2];
    for (uint8_t x = 0; x < 2; x++) {
        float y = 0;
        uint8_t in = x;
        ts_trace trace = run(program, &in, &y);
        assert_true(y == (x ? 1 : 2));
        time[x] = total(program, &trace, 0, false);
        ts_trace_free(&trace);
    }
    ts_chip chip = table_chip();
    assert_true(time[0] - time[1] == ts_cycles_time(8192 - 128, chip.vector_ghz));
    assert_true(total(program, NULL, 0, true) > time[0]); /* both branches */
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traces),
        cmocka_unit_test(test_a_run_leaves_its_trace),
        cmocka_unit_test(test_trips_cost_the_same),
        cmocka_unit_test(test_a_load_holds_every_engine),
        cmocka_unit_test(test_branches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

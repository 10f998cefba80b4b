/* Loops in a steady state are jumped over, and the record is the same, bit for bit, as when every trip is
   stepped. */
#include <stdio.h>

#include "clock_stepped.h"

/* With a band, another chip, and as many what-ifs as a run takes. */
static uint64_t check_ways(const ts_program *program) {
    ts_chip chip = table_chip(), edited = chip;
    edited.tensor_ghz = 1.3;
    edited.dma_queue_floor_ns = 300;
    edited.dma_engines = 5;
    ts_what_if what_ifs[TS_WHAT_IFS] = {{.free = TS_FREE_REUSE | TS_FREE_PORTS}, {.chip = &edited}};
    for (unsigned i = 2; i < TS_WHAT_IFS; i++)
        what_ifs[i].free = 1u << (i % ts_bound_count);
    uint64_t skipped = check_program(program, &chip, (ts_clock_options){.band = true});
    check_program(program, &edited, (ts_clock_options){.band = true});
    check_program(program, &chip, (ts_clock_options){.what_ifs = what_ifs, .what_if_count = TS_WHAT_IFS});
    check_program(program, &chip, (ts_clock_options){.slice_cap = 10});
    return skipped;
}

static void count_skipping(const ts_program *program, void *context) {
    *(int *)context += check_ways(program) > 0;
}

static void test_files(void **state) {
    (void)state;
    int skipping = 0;
    each_timing_file(count_skipping, &skipping);
    assert_true(skipping >= 4); /* the matmul tutorial's four */
}

/* ---- random loops ---- */

static void add_slot(ts_text *out, uint64_t *state, const char *name, unsigned count) {
    unsigned slots = 1 + below(state, 4), base = 4096 * below(state, 6);
    ts_text_format(out, " %s=sbuf.f32[p0:128 +%u+1024*(%%i mod %u) %u]", name, base, slots, count);
}

static void add_inst(ts_text *out, uint64_t *state, unsigned trips) {
    static const char *const triggers[] = {"sync", "scalar", "gpsimd", "vector"};
    unsigned count = 32u << below(state, 3);
    switch (below(state, 7)) {
    case 0:
        ts_text_format(out, "  %s.dma_copy queue=%u", triggers[below(state, 4)], below(state, 3));
        add_slot(out, state, "dst", count);
        ts_text_format(out, " src=hbm.f32[x +0+%u*%%i %u@256 %u]\n", 32768 * below(state, 2), 128, count);
        break;
    case 1:
        ts_text_format(out, "  %s.dma_copy queue=%u dst=hbm.f32[y +0+32768*%%i 128@256 %u]",
                       triggers[below(state, 4)], below(state, 3), count);
        add_slot(out, state, "src", count);
        ts_text_add(out, "\n");
        break;
    case 2:
        ts_text_format(out, "  scalar.activation");
        add_slot(out, state, "dst", count);
        ts_text_format(out, " func=%s", below(state, 2) ? "exp" : "sqrt");
        add_slot(out, state, "data", count);
        ts_text_add(out, " scale=1\n");
        break;
    case 3:
        ts_text_format(out, "  loop %%j%u = %u\n  vector.tensor_tensor", trips, 1 + below(state, 4));
        add_slot(out, state, "dst", count);
        add_slot(out, state, "data1", count);
        add_slot(out, state, "data2", count);
        ts_text_format(out, " op=add\n  end %%j%u\n", trips);
        break;
    case 4:
        ts_text_add(out, "  gpsimd.tensor_copy");
        add_slot(out, state, "dst", count);
        add_slot(out, state, "src", count);
        ts_text_add(out, "\n");
        break;
    case 5: /* one partition: the DMA engines take turns */
        ts_text_format(out, "  sync.dma_copy queue=3 dst=sbuf.f32[p0:1 +30000 %u] src=hbm.f32[x +0 %u]\n",
                       count, count);
        break;
    default:
        ts_text_add(out, "  vector.tensor_scalar");
        add_slot(out, state, "dst", count);
        add_slot(out, state, "data", count);
        ts_text_add(out, " op0=multiply operand0=2\n");
        break;
    }
}

/* A loop between code that touches what it touches, with a ragged end, and some engines idle in it. */
static ts_program *random_loop(uint64_t seed) {
    ts_text text = {0};
    uint64_t state = seed * 977 + 5;
    unsigned length = 6 + below(&state, 12), trips = 16000 / length;
    ts_text_format(&text,
                   "trn 1\nprogram loop%llu chip=trn1%s\ntensor x: input 0 f32[%u,128,256]\n"
                   "tensor y: output 0 f32[%u,128,256]\ntensor z: output 1 f32[128,64]\n",
                   (unsigned long long)seed, below(&state, 3) ? "" : " order=list", trips, trips);
    ts_text_add(&text, "gpsimd.memset dst=sbuf.f32[p0:128 +0 6144] value=0\n");
    ts_text_format(&text, "loop %%i = %u\n", trips);
    for (unsigned i = 0; i < length; i++)
        add_inst(&text, &state, i);
    if (below(&state, 2))
        ts_text_format(&text, "  vector.memset dst=sbuf.f32[p0:128 +40000 min(64, %u-%%i)] value=0\n",
                       trips + 20);
    ts_text_add(&text, "end %i\n");
    ts_text_add(&text,
                "tensor.nc_matmul dst=psum.f32[p0:128 +0 128] stationary=sbuf.f32[p0:128 +0 128] "
                "moving=sbuf.f32[p0:128 +4096 128]\n"
                "scalar.activation dst=sbuf.f32[p0:128 +0 64] func=relu data=sbuf.f32[p0:128 +8192 64] "
                "scale=1\ngpsimd.dma_copy queue=5 dst=hbm.f32[z +0 128@64 64] "
                "src=sbuf.f32[p0:128 +12288 64]\n");
    ts_program *program = parse_text(text.data, "loop");
    ts_text_free(&text);
    return program;
}

static void test_random_loops(void **state) {
    (void)state;
    int skipping = 0;
    ts_chip chip = table_chip();
    for (uint64_t seed = 0; seed < 24; seed++) {
        ts_program *program = random_loop(seed);
        if (seed % 4 == 0)
            skipping += check_ways(program) > 0;
        else
            skipping += check_program(program, &chip, (ts_clock_options){0}) > 0;
        ts_program_free(program);
    }
    assert_true(skipping >= 8);
}

/* ---- loops that change ---- */

static uint64_t skipped_of(const char *text) {
    ts_program *program = parse_text(text, "text");
    ts_chip chip = table_chip();
    uint64_t skipped = check_program(program, &chip, (ts_clock_options){.band = true});
    ts_program_free(program);
    return skipped;
}

/* Loops that are steady until something changes late. */
static void test_late_changes(void **state) {
    (void)state;
    /* the same without the change */
    assert_true(
        skipped_of(
            "trn 1\nprogram even chip=trn1\nloop %i = 20000\n"
            "  vector.memset dst=sbuf.f32[p0:128 +0 64] value=0\n"
            "  scalar.tensor_copy dst=sbuf.f32[p0:128 +2048 64] src=sbuf.f32[p0:128 +0 64]\nend %i\n") >
        1000);
    /* a place that reaches another one near the end */
    skipped_of("trn 1\nprogram reach chip=trn1\nloop %i = 15000\n"
               "  vector.memset dst=sbuf.f32[p0:128 +0+4*%i 64] value=0\n"
               "  scalar.tensor_copy dst=sbuf.f32[p0:128 +60100 1] src=sbuf.f32[p0:128 +60160 1]\nend %i\n");
    /* counts that become ragged near the end */
    skipped_of("trn 1\nprogram ragged chip=trn1\nloop %i = 15000\n"
               "  vector.memset dst=sbuf.f32[p0:128 +0 min(512, 15000-%i)] value=0\n"
               "  scalar.tensor_copy dst=sbuf.f32[p0:128 +2048 64] src=sbuf.f32[p0:128 +0 64]\nend %i\n");
    /* something that only the first trip does, and something that the others do instead: counts stay the
       same */
    assert_true(
        skipped_of(
            "trn 1\nprogram first chip=trn1\nloop %i = 15000\n"
            "  loop %j = min(1, 1-%i)\n    vector.memset dst=sbuf.f32[p0:128 +0 512] value=0\n  end %j\n"
            "  loop %k = min(1, 0+%i)\n    vector.memset dst=sbuf.f32[p0:128 +0 64] value=0\n  end %k\n"
            "  scalar.tensor_copy dst=sbuf.f32[p0:128 +2048 64] src=sbuf.f32[p0:128 +0 64]\nend %i\n") >
        1000);
    /* something that begins, or ends, in the middle */
    skipped_of("trn 1\nprogram middle chip=trn1\nloop %i = 15000\n"
               "  vector.memset dst=sbuf.f32[p0:128 +0 min(64, %i-7000)] value=0\n"
               "  vector.memset dst=sbuf.f32[p0:128 +1024 min(64, 9000-%i)] value=0\n"
               "  scalar.tensor_copy dst=sbuf.f32[p0:128 +2048 64] src=sbuf.f32[p0:128 +0 64]\nend %i\n");
    /* results of all trips, read by an engine that had nothing to do until then */
    skipped_of("trn 1\nprogram later chip=trn1\ntensor y: output 0 f32[15000,128,4]\nloop %i = 15000\n"
               "  vector.memset dst=sbuf.f32[p0:128 +0 4] value=0\n"
               "  sync.dma_copy queue=0 dst=hbm.f32[y +0+512*%i 128@4 4] src=sbuf.f32[p0:128 +0 4]\nend %i\n"
               "scalar.dma_copy queue=1 dst=sbuf.f32[p0:128 +4096 4] src=hbm.f32[y +0 128@4 4]\n");
}

/* ---- loops that hand results on in HBM ---- */

/* Two loops: the second reads what the first left in HBM, trip by trip and from one end or the other, through
   `queue`, and works on it for `cycles`. Returns the number of trips that were jumped over. */
static uint64_t skipped_of_pair(const char *name, bool is_backward, const char *trigger, unsigned queue,
                                unsigned elements) {
    ts_text text = {0};
    enum { TRIPS = 3000, ROW = 128 * 64 };
    ts_text_format(&text,
                   "trn 1\nprogram %s chip=trn1\ntensor s: scratch f32[%d,128,64] address=0\n"
                   "tensor y: output 0 f32[%d,128,64]\n",
                   name, TRIPS, TRIPS);
    ts_text_format(&text,
                   "loop %%i = %d\n  vector.memset dst=sbuf.f32[p0:128 +0 %u] value=0\n"
                   "  sync.dma_copy queue=0 dst=hbm.f32[s +0+%d*%%i 128@64 64] src=sbuf.f32[p0:128 +0 64]\n"
                   "end %%i\n",
                   TRIPS, elements, ROW);
    ts_text_format(&text,
                   "loop %%j = %d\n  %s.dma_copy queue=%u dst=sbuf.f32[p0:128 +8192 64] src=hbm.f32[s "
                   "+%d%s%d*%%j 128@64 64]\n"
                   "  vector.tensor_scalar dst=sbuf.f32[p0:128 +16384 64] data=sbuf.f32[p0:128 +8192 64] "
                   "op0=multiply operand0=2\n"
                   "  sync.dma_copy queue=2 dst=hbm.f32[y +0+%d*%%j 128@64 64] src=sbuf.f32[p0:128 +16384 "
                   "64]\nend %%j\n",
                   TRIPS, trigger, queue, is_backward ? (TRIPS - 1) * ROW : 0, is_backward ? "-" : "+", ROW,
                   ROW);
    uint64_t skipped = skipped_of(text.data);
    ts_text_free(&text);
    return skipped;
}

static void test_handed_on(void **state) {
    (void)state;
    assert_true(skipped_of_pair("same", false, "sync", 0, 64) > 3000);
    assert_true(skipped_of_pair("backward", true, "sync", 1, 64) > 3000);
    assert_true(skipped_of_pair("slow", true, "sync", 1, 2048) > 3000);
    /* an engine that is idle in the first loop and may run far ahead of it */
    assert_true(skipped_of_pair("ahead", false, "gpsimd", 1, 64) > 0);
    skipped_of_pair("ahead_backward", true, "scalar", 1, 2048);
}

/* ---- the clock's work ---- */

/* The number of instructions that were stepped, which determines the time of a run. */
static uint64_t stepped_of(const ts_program *program, uint64_t *all) {
    ts_chip chip = table_chip();
    ts_record record;
    run(program, &chip, (ts_clock_options){.band = true}, false, &record);
    uint64_t stepped = record.instructions - record.skipped_instructions;
    *all = record.instructions;
    ts_record_free(&record);
    return stepped;
}

static void count_tutorial(const ts_program *program, void *context) {
    uint64_t all;
    if (strcmp(program->name, "matmul_tutorial_tiled") != 0) return;
    *(uint64_t *)context = stepped_of(program, &all);
    assert_int_equal(all, 32 * 16 * (64 * 3 + 2));
}

/* A product of large matrices as the compiler makes it: the first trip keeps what it transposed in HBM for
   the others, and the last trip is ragged. */
static const char KEPT[] =
    "trn 1\nprogram kept chip=trn1\ntensor a: input 0 f32[2048,2048]\ntensor b: input 1 f32[2048,15900]\n"
    "tensor k: scratch f32[16,128,2048] address=0\ntensor y: output 0 f32[2048,15900]\n"
    "loop %i = 32\n"
    "  loop %j = 16\n"
    "    loop %f = min(1, 1-%i)\n"
    "      sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0+8192*(%j mod 2) 2048] src=hbm.f32[a +0+262144*%j "
    "128@2048 "
    "2048]\n"
    "      vector.tensor_scalar dst=sbuf.f32[p0:128 +16384+8192*(%j mod 2) 2048] data=sbuf.f32[p0:128 "
    "+0+8192*(%j mod 2) 2048] op0=multiply operand0=2\n"
    "      sync.dma_copy queue=1 dst=hbm.f32[k +0+262144*%j 128@2048 2048] src=sbuf.f32[p0:128 "
    "+16384+8192*(%j "
    "mod 2) 2048]\n"
    "    end %f\n"
    "    loop %l = min(1, 0+%i)\n"
    "      sync.dma_copy queue=2 dst=sbuf.f32[p0:128 +16384+8192*(%j mod 2) 2048] src=hbm.f32[k +0+262144*%j "
    "128@2048 2048]\n"
    "    end %l\n"
    "    loop %c = 16\n"
    "      gpsimd.dma_copy queue=3 dst=sbuf.f32[p0:128 +32768+2048*(%c mod 4) min(512, 15900-512*%i)] "
    "src=hbm.f32[b +0+512*%i+2035200*%c 128@15900 min(512, 15900-512*%i)]\n"
    "      tensor.nc_matmul dst=psum.f32[p0:128 +0+2048*(%j mod 2) min(512, 15900-512*%i)] "
    "stationary=sbuf.f32[p0:128 +16384+512*%c+8192*(%j mod 2) 128] moving=sbuf.f32[p0:128 +32768+2048*(%c "
    "mod 4) "
    "min(512, 15900-512*%i)] accumulate=unless_first(%c)\n"
    "    end %c\n"
    "    scalar.activation dst=sbuf.f32[p0:128 +49152+2048*(%j mod 2) min(512, 15900-512*%i)] func=copy "
    "data=psum.f32[p0:128 +0+2048*(%j mod 2) min(512, 15900-512*%i)] scale=1\n"
    "    scalar.dma_copy queue=4 dst=hbm.f32[y +0+512*%i+2035200*%j 128@15900 min(512, 15900-512*%i)] "
    "src=sbuf.f32[p0:128 +49152+2048*(%j mod 2) min(512, 15900-512*%i)]\n"
    "  end %j\n"
    "end %i\n";

/* Short trips, a thousand instructions in all. */
static const char SHORT[] =
    "trn 1\nprogram short chip=trn1\ntensor a: input 0 f32[256,128,64]\ntensor y: output 0 f32[256,128,64]\n"
    "loop %i = 256\n"
    "  sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0+256*(%i mod 2) 64] src=hbm.f32[a +0+8192*%i 128@64 64]\n"
    "  vector.tensor_scalar dst=sbuf.f32[p0:128 +4096+256*(%i mod 2) 64] data=sbuf.f32[p0:128 "
    "+0+256*(%i mod 2) 64] op0=multiply operand0=2\n"
    "  scalar.activation dst=sbuf.f32[p0:128 +8192+256*(%i mod 2) 64] func=copy data=sbuf.f32[p0:128 "
    "+4096+256*(%i mod 2) 64] scale=1\n"
    "  scalar.dma_copy queue=1 dst=hbm.f32[y +0+8192*%i 128@64 64] src=sbuf.f32[p0:128 +8192+256*(%i mod 2) "
    "64]\n"
    "end %i\n";

/* The clock steps four of the tutorial's 32 trips and seven of KEPT's. More would mean that it does not
   recognise a state that comes back. */
static void test_work(void **state) {
    (void)state;
    uint64_t stepped = 0, all = 0;
    each_timing_file(count_tutorial, &stepped);
    assert_in_range(stepped, 1, 12416);
    ts_program *program = parse_text(KEPT, "kept");
    ts_chip chip = table_chip();
    stepped = stepped_of(program, &all);
    assert_in_range(stepped, 1, 3952);
    assert_true(check_program(program, &chip, (ts_clock_options){.band = true}) > 0);
    ts_program_free(program);
    program = parse_text(SHORT, "short");
    stepped = stepped_of(program, &all);
    assert_int_equal(all, 4 * 256);
    assert_in_range(stepped, 1, 400);
    assert_true(check_program(program, &chip, (ts_clock_options){.band = true}) > 0);
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_work),
                                       cmocka_unit_test(test_random_loops),
                                       cmocka_unit_test(test_late_changes), cmocka_unit_test(test_handed_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Runs of TensorE's instructions that share an event have, bit for bit, the times that each has by itself. */
#include "clock_stepped.h"

enum { WIDTH = 128 * 4 /* bytes of a block of 128 columns */ };

/* Products that add up in one bank, or go to blocks next to one another. */
static void add_products(ts_text *out, uint64_t *state, unsigned number) {
    bool adds_up = below(state, 2), turns = below(state, 2);
    unsigned trips = 1 + below(state, 9), slot = below(state, 2);
    ts_text_format(out, "  loop %%c%u = %u\n    tensor.nc_matmul dst=psum.f32[tile1 p0:128 +%u%s 128] ",
                   number, trips, 2048 * below(state, 2),
                   adds_up ? ""
                   : turns ? "+512*(%i mod 4)"
                           : "");
    ts_text_format(
        out,
        "stationary=sbuf.f32[tile2 p0:128 +%u 128] moving=sbuf.f32[tile3 p0:128 +%u+%u*%%c%u 128]%s\n"
        "  end %%c%u\n",
        4096 + WIDTH * below(state, 4), 16384 + 8192 * slot, WIDTH * below(state, 2), number,
        adds_up ? " accumulate=always" : "", number);
}

/* Blocks of a tile that are turned one after the other, some of them of fewer columns. */
static void add_turns(ts_text *out, uint64_t *state) {
    unsigned count = 1 + below(state, 6);
    for (unsigned i = 0; i < count; i++) {
        unsigned columns = below(state, 4) ? 128 : 32;
        ts_text_format(
            out,
            "  tensor.nc_transpose dst=psum.f32[tile1 p0:%u +%u 128] data=sbuf.f32[tile3 p0:128 +%u %u]\n",
            columns, WIDTH * (i % 8), 16384 + WIDTH * (below(state, 2) ? i : below(state, 24)), columns);
    }
}

/* Something that may wait for a part of a run, or that a part of a run may wait for. */
static void add_other(ts_text *out, uint64_t *state) {
    static const char *const engines[] = {"vector", "gpsimd", "scalar"};
    unsigned from = WIDTH * below(state, 8), columns = 32u << below(state, 4);
    switch (below(state, 5)) {
    case 0: /* an engine reads a block, and then others that may be finished later */
        for (unsigned reads = 1 + below(state, 3), engine = 2 * below(state, 2); reads > 0; reads--)
            ts_text_format(
                out,
                "  %s.tensor_copy dst=sbuf.f32[tile4 p0:128 +40960 %u] src=psum.f32[tile1 p0:128 +%u %u]\n",
                engines[engine], columns / 4, WIDTH * below(state, 6), columns / 4);
        break;
    case 1:
        ts_text_format(out, "  %s.memset dst=sbuf.f32[tile2 p0:128 +%u %u] value=0\n",
                       engines[below(state, 2)], 4096 + from % 2048, columns / 4);
        break;
    case 2:
        ts_text_format(
            out, "  %s.tensor_copy dst=sbuf.f32[tile3 p0:128 +%u %u] src=sbuf.f32[tile4 p0:128 +40960 %u]\n",
            engines[below(state, 3)], 16384 + from, columns, columns);
        break;
    case 3:
        ts_text_format(
            out, "  sync.dma_copy queue=%u dst=sbuf.f32[tile3 p0:128 +%u %u] src=hbm.f32[x +0 128@512 %u]\n",
            below(state, 3), 16384 + 4096 * below(state, 4), 2 * columns, 2 * columns);
        break;
    default: /* the same bytes by another name */
        ts_text_format(out, "  vector.memset dst=sbuf.f32[tile5 p0:64 +%u %u] value=0\n", 4096 + 4 * from,
                       columns);
        break;
    }
}

static ts_program *random_program(uint64_t seed, unsigned trips) {
    ts_text text = {0};
    uint64_t state = seed * 1237 + 11;
    unsigned length = 3 + below(&state, 10);
    ts_text_format(&text,
                   "trn 1\nprogram burst%llu chip=trn1\ntensor x: input 0 f32[128,512]\ntensor y: output 0 "
                   "f32[128,256]\ntile 1: psum address=0 bytes=4096\ntile 2: sbuf address=4096 bytes=4096\n"
                   "tile 3: sbuf address=16384 bytes=16384\ntile 4: sbuf address=40960 bytes=4096\n"
                   "tile 5: sbuf address=4096 bytes=28672\n"
                   "gpsimd.memset dst=sbuf.f32[tile5 p0:128 +4096 7168] value=0\n"
                   "gpsimd.memset dst=sbuf.f32[tile4 p0:128 +40960 1024] value=0\n"
                   "vector.memset dst=psum.f32[tile1 p0:128 +0 1024] value=0\nloop %%i = %u\n",
                   (unsigned long long)seed, trips);
    for (unsigned i = 0; i < length; i++) {
        unsigned kind = below(&state, 3);
        if (kind == 0)
            add_products(&text, &state, i);
        else if (kind == 1)
            add_turns(&text, &state);
        else
            add_other(&text, &state);
    }
    ts_text_add(&text, "end %i\nscalar.dma_copy queue=5 dst=hbm.f32[y +0 128@256 256] "
                       "src=sbuf.f32[tile4 p0:128 +40960 256]\n");
    ts_program *program = parse_text(text.data, "burst");
    ts_text_free(&text);
    return program;
}

/* Short loops, which are stepped to the end, and long ones, of which trips are jumped over. */
static void test_random_runs(void **state) {
    (void)state;
    ts_chip chip = table_chip();
    int skipping = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        ts_program *program = random_program(seed, seed % 4 ? 12 : 1500);
        skipping += check_program(program, &chip, (ts_clock_options){.band = seed % 2}) > 0;
        ts_program_free(program);
    }
    assert_true(skipping >= 10);
}

/* What a run touches moves from trip to trip, while others wait for parts of it. */
static void test_moving_runs(void **state) {
    (void)state;
    ts_program *program = parse_text(
        "trn 1\nprogram moving chip=trn1\ntile 1: psum address=0 bytes=4096\ntile 2: sbuf address=0 "
        "bytes=512\n"
        "tile 3: sbuf address=4096 bytes=131072\ntile 4: sbuf address=163840 bytes=2048\n"
        "vector.memset dst=sbuf.f32[tile2 p0:128 +0 128] value=0\nloop %i = 7000\n"
        "  vector.memset dst=sbuf.f32[tile3 p0:128 +4096+16*%i 64] value=0\n"
        "  loop %c = 4\n    tensor.nc_matmul dst=psum.f32[tile1 p0:128 +0+64*%c 16] "
        "stationary=sbuf.f32[tile2 p0:128 "
        "+0 128] moving=sbuf.f32[tile3 p0:128 +4096+16*%i+64*%c 16]\n  end %c\n"
        "  scalar.tensor_copy dst=sbuf.f32[tile4 p0:128 +163840 16] src=psum.f32[tile1 p0:128 +64 16]\n"
        "  scalar.tensor_copy dst=sbuf.f32[tile4 p0:128 +163904 16] src=psum.f32[tile1 p0:128 +192 16]\nend "
        "%i\n",
        "moving");
    ts_chip chip = table_chip();
    assert_true(check_program(program, &chip, (ts_clock_options){.band = true}) > 1000);
    ts_program_free(program);
}

/* A cap counts instructions, not events. */
static void test_cap(void **state) {
    (void)state;
    ts_chip chip = table_chip();
    ts_program *program = random_program(3, 40);
    ts_record record, part;
    ts_diag diag = {0};
    run(program, &chip, (ts_clock_options){0}, false, &record);
    ts_clock_options options = {.instruction_cap = record.instructions};
    run(program, &chip, options, false, &part);
    assert_int_equal(part.total, record.total);
    ts_record_free(&part);
    options.instruction_cap = record.instructions - 1;
    assert_int_equal(ts_clock_run(program, &chip, &options, &part, &diag), ts_capacity);
    ts_record_free(&record);
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_runs),
        cmocka_unit_test(test_moving_runs),
        cmocka_unit_test(test_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Products whose stationary operand would be made by a transpose that is put off, so that they read the
   values where they lie. The bits are those of a run with checks, which executes every instruction at
   once. */
#include "machine/check.h"
#include "machine/deferred.h"
#include "machine_support.h"

enum { PARTS = 128, ROW = 1024, RESULT = 512, TURNED = 256 };

/* Tiles: values, their floats in SBUF, the transposed values, the floats in PSUM, a moving operand and a
   result. */
#define HEAD                                                                                                 \
    "tensor a: input 0 f32[128,1024]\ntensor b: output 0 f32[128,512]\ntensor c: output 1 f32[128,256]\n"    \
    "tile 1: sbuf address=0 bytes=1024\ntile 2: sbuf address=4096 bytes=2048\n"                              \
    "tile 3: sbuf address=8192 bytes=1024\ntile 4: psum address=0 bytes=2048\n"                              \
    "tile 5: sbuf address=16384 bytes=2048\ntile 6: psum address=4096 bytes=2048\n"                          \
    "tile 7: sbuf address=20480 bytes=2048\n"                                                                \
    "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +0 256] src=hbm.f32[a +0 128@1024 256]\n"               \
    "sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:128 +4096 512] src=hbm.f32[a +512 128@1024 512]\n"          \
    "sync.dma_copy queue=0 dst=sbuf.f32[tile3 p0:128 +8192 256] src=hbm.f32[a +256 128@1024 256]\n"          \
    "sync.dma_copy queue=0 dst=sbuf.f32[tile5 p0:128 +16384 512] src=hbm.f32[a +512 128@1024 512]\n"         \
    "vector.memset dst=psum.f32[tile4 p0:128 +0 512] value=3\n"                                              \
    "vector.memset dst=psum.f32[tile6 p0:128 +4096 512] value=0.5\n"                                         \
    "vector.memset dst=sbuf.u32[tile7 p0:128 +20480 512] value=0\n"
/* Combines the bits of the result so far with those of earlier results, by xor. */
#define TAKE                                                                                                 \
    "vector.tensor_tensor dst=sbuf.u32[tile7 p0:128 +20480 512] data1=sbuf.u32[tile7 p0:128 +20480 512] "    \
    "data2=psum.u32[tile6 p0:128 +4096 512] op=bitwise_xor\n"
#define TAIL                                                                                                 \
    TAKE "sync.dma_copy queue=0 dst=hbm.f32[b +0 128@512 512] src=sbuf.f32[tile7 p0:128 +20480 512]\n"
#define KEEP "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@256 256] src=sbuf.f32[tile3 p0:128 +8192 256]\n"

typedef struct state {
    float result[PARTS * RESULT];
    uint32_t turned[PARTS * TURNED];
} state;

/* Returns the first word of tile 3's home in the end. */
static uint32_t run_tiled(ts_machine *machine, const ts_program *program, const float *input, ts_isa isa,
                          state *found) {
    ts_homes *homes;
    assert_int_equal(ts_homes_new(program, &machine->chip, false, &homes, NULL), ts_ok);
    memset(found, 0, sizeof *found);
    ts_run run = {.data = (void *[]){(void *)(uintptr_t)input, found->result, found->turned},
                  .homes = homes,
                  .host.isa = isa};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    uint32_t word;
    memcpy(&word, machine->cores[0].sbuf.data + ts_homes_column(homes, 3, 8192), sizeof word);
    ts_homes_free(homes);
    return word;
}

static void run_checked(ts_machine *machine, const ts_program *program, const float *input, ts_isa isa,
                        state *found) {
    ts_checks *checks = ts_checks_new(program, UINT32_C(1) << ts_check_unset);
    assert_non_null(checks);
    memset(found, 0, sizeof *found);
    ts_run run = {.data = (void *[]){(void *)(uintptr_t)input, found->result, found->turned},
                  .checks = checks,
                  .host.isa = isa};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    ts_checks_free(checks);
}

/* Halves of floats are random: as bf16 they are any number but NaN and infinity. */
static float *input_of(uint64_t seed) {
    float *input = malloc(sizeof(float) * PARTS * ROW);
    for (int i = 0; i < PARTS * ROW; i++) {
        const uint32_t bits = (next_random(&seed) << 1 & 0xbfffbfffu) | (next_random(&seed) & 1) << 30;
        memcpy(&input[i], &bits, 4);
    }
    return input;
}

static void compare(const char *text, uint64_t seed) {
    static state expected, found;
    float *input = input_of(seed);
    ts_program *program = program_of("%s", text);
    const ts_isa isas[] = {ts_isa_best(), ts_isa_generic, ts_isa_avx512};
    for (int i = 0; i < (seed % 16 == 0 ? 3 : 1) && isas[i] <= ts_isa_best(); i++)
        for (int threads = 1; threads <= 3; threads += 2) {
            ts_pool *pool = pool_of(threads);
            ts_machine *machine = machine_of(pool);
            run_checked(machine, program, input, isas[i], &expected);
            run_tiled(machine, program, input, isas[i], &found);
            if (memcmp(&expected, &found, sizeof found) != 0)
                fail_msg("%d threads, %s, seed %llu, wrong:\n%s", threads, ts_isa_name(isas[i]),
                         (unsigned long long)seed, text);
            ts_machine_free(machine);
            ts_pool_free(pool);
        }
    ts_program_free(program);
    free(input);
}

/* ---- what is read turned is never made ---- */

#define FLOATS                                                                                               \
    "scalar.tensor_copy dst=sbuf.f32[tile2 p0:128 +4096 2@128 128] src=sbuf.u16[tile1 p0:128 +0 2 128@2]\n"
#define TURNS                                                                                                \
    "tensor.nc_transpose dst=psum.f32[tile4 p0:128 +0 128] data=sbuf.f32[tile2 p0:128 +4096 128]\n"          \
    "tensor.nc_transpose dst=psum.f32[tile4 p0:128 +512 128] data=sbuf.f32[tile2 p0:128 +4608 128]\n"
#define JOIN                                                                                                 \
    "vector.tensor_copy dst=sbuf.u16[tile3 p0:128 +8192 2 128@2] src=psum.f32[tile4 p0:128 +0 2@128 128]\n"
#define PRODUCT(columns)                                                                                     \
    "tensor.nc_matmul dst=psum.f32[tile6 p0:128 +4096 " columns "] stationary=sbuf.f32[tile3 p0:128 +8192 "  \
    "128] moving=sbuf.f32[tile5 p0:128 +16384 " columns "]\n"

/* Whether tile 3 holds the transposed values, rather than what HEAD loads. */
static bool is_made(const char *middle) {
    static state found, expected;
    float *input = input_of(7);
    ts_program *program = program_of(HEAD "%s" TAIL, middle);
    ts_machine *machine = machine_of(NULL);
    run_checked(machine, program, input, ts_isa_auto, &expected);
    const uint32_t word = run_tiled(machine, program, input, ts_isa_auto, &found);
    assert_memory_equal(&found, &expected, sizeof found);
    const bool is = memcmp(&word, &input[0], sizeof word) == 0;
    assert_true(is || memcmp(&word, &input[TURNED], sizeof word) == 0);
    ts_machine_free(machine);
    ts_program_free(program);
    free(input);
    return is;
}

static void what_a_product_reads_turned_is_not_made(void **unused) {
    (void)unused;
#define CHANGE "vector.memset dst=sbuf.f32[tile1 p32:32 +64 8] value=5\n"
    assert_false(is_made(FLOATS TURNS JOIN PRODUCT("512")));
    assert_false(is_made(FLOATS TURNS JOIN PRODUCT("512") CHANGE));
    assert_true(is_made(FLOATS TURNS JOIN CHANGE PRODUCT("512")));
    assert_true(is_made(FLOATS TURNS JOIN PRODUCT("16")));
    assert_true(is_made(FLOATS TURNS JOIN PRODUCT("512") KEEP));
}

/* ---- random programs ---- */

typedef struct writer {
    ts_text text;
    uint64_t random;
    int rows, columns, blocks, size; /* of the last transpose */
} writer;

static int below(writer *w, int n) {
    return (int)(next_random(&w->random) % (uint32_t)n);
}

/* Writes a transpose of words (size 4) or 16-bit values, of one or two blocks, with another step between two
   of its own. */
static void put_step(writer *w);
static void put_turn(writer *w) {
    static const int sizes[] = {32, 64, 128};
    const int rows = sizes[below(w, 3)], columns = sizes[below(w, 3)], size = below(w, 3) ? 4 : 2;
    const int blocks = 1 + below(w, 2), halves = size / 2, strange = below(w, 8);
    const int from = size * columns * below(w, 256 / columns * 4 / size / blocks);
    w->rows = rows, w->columns = columns, w->blocks = blocks, w->size = size;
    for (int b = 0; b < blocks; b++) {
        const int floats = 4096 + 1024 * b, bank = 1024 * b, source = from + size * columns * b;
        if (halves == 2)
            ts_text_format(
                &w->text,
                "scalar.tensor_copy dst=sbuf.f32[tile2 p0:%d +%d 2@%d %d] src=sbuf.u16[tile1 p0:%d +%d 2 "
                "%d@2]\n",
                rows, floats, columns, columns, rows, source, columns);
        else
            ts_text_format(
                &w->text,
                "scalar.tensor_copy dst=sbuf.f32[tile2 p0:%d +%d %d] src=sbuf.u16[tile1 p0:%d +%d %d]\n",
                rows, floats, columns, rows, source, columns);
        if (strange == b) put_step(w);
        for (int half = 0; half < halves; half++)
            ts_text_format(
                &w->text,
                "tensor.nc_transpose dst=psum.f32[tile4 p0:%d +%d %d] data=sbuf.f32[tile2 p0:%d +%d %d]\n",
                columns, bank + 4 * rows * half, rows, rows, floats + 4 * columns * half, columns);
    }
    if (strange == 2) put_step(w);
    const int to = 8192 + size * rows * blocks * below(w, 128 / rows / blocks + 1);
    if (halves == 2)
        ts_text_format(
            &w->text,
            "vector.tensor_copy dst=sbuf.u16[tile3 p0:%d +%d %d@%d 2 %d@2] src=psum.f32[tile4 p0:%d +0 "
            "%d@256 "
            "2@%d %d]\n",
            columns, to, blocks, 2 * rows, rows, columns, blocks, rows, rows);
    else
        ts_text_format(
            &w->text,
            "vector.tensor_copy dst=sbuf.u16[tile3 p0:%d +%d %d@%d %d] src=psum.f32[tile4 p0:%d +0 %d@256 "
            "%d]\n",
            columns, to, blocks, rows, rows, columns, blocks, rows);
}

/* Writes a product, as a rule of the values transposed last or a part of them. */
static void put_product(writer *w) {
    static const int moving[] = {16, 32, 33, 64, 256, 512};
    const int n = moving[below(w, 6)], k = below(w, 4) ? w->columns : 32, m = below(w, 4) ? w->rows : 32;
    const int at = 8192 + w->size * 32 * below(w, 8), limit = 8192 + 1024 - w->size * m;
    const char *type = w->size == 2 ? "bf16" : below(w, 5) ? "f32" : "tf32";
    ts_text_format(
        &w->text,
        "tensor.nc_matmul dst=psum.f32[tile6 p0:%d +4096 %d] stationary=sbuf.%s[tile3 p0:%d +%d %d] "
        "moving=sbuf.%s[tile5 p0:%d +16384 %d] accumulate=%s\n",
        m, n, type, k, at < limit ? at : limit, m, w->size == 4 || below(w, 6) ? type : "f16", k, n,
        below(w, 2) ? "always" : "never");
}

static void put_step(writer *w) {
    switch (below(w, 8)) {
    case 6: ts_text_add(&w->text, TAKE); break;
    case 7:
        ts_text_format(&w->text, "vector.memset dst=psum.f32[tile6 p%d:32 +%d %d] value=%d\n",
                       32 * below(w, 4), 4096 + 128 * below(w, 8), 1 + below(w, 200), below(w, 9));
        break;
    case 0:
        ts_text_format(&w->text, "vector.memset dst=sbuf.f32[tile1 p%d:32 +%d %d] value=%d\n",
                       32 * below(w, 4), 128 * below(w, 7), 1 + below(w, 32), below(w, 9));
        break;
    case 1:
        ts_text_format(&w->text, "vector.memset dst=sbuf.f32[tile3 p%d:32 +%d %d] value=%d\n",
                       32 * below(w, 4), 8192 + 128 * below(w, 7), 1 + below(w, 32), below(w, 9));
        break;
    case 2:
        ts_text_format(
            &w->text,
            "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +0 256] src=hbm.f32[a +%d 128@1024 256]\n",
            256 * below(w, 4));
        break;
    case 3: ts_text_format(&w->text, "%s", KEEP); break;
    default: put_product(w); break;
    }
}

static void random_programs(void **unused) {
    (void)unused;
    for (uint64_t seed = 1; seed <= 96; seed++) {
        writer w = {.random = seed, .rows = 128, .columns = 128, .blocks = 1, .size = 4};
        ts_text_format(&w.text, "%s", HEAD);
        for (int i = 0; i < 6 && w.text.length < 4000; i++) {
            put_turn(&w);
            for (int steps = 1 + below(&w, 3); steps > 0; steps--)
                below(&w, 3) ? put_product(&w) : put_step(&w);
        }
        ts_text_format(&w.text, "%s%s", TAIL, below(&w, 2) ? KEEP : "");
        compare(w.text.data, seed);
        ts_text_free(&w.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_product_reads_turned_is_not_made),
        cmocka_unit_test(random_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

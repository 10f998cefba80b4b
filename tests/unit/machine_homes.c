/* Homes of tiles: where they lie, and that a run with homes gives the bits of a run without. */
#include <math.h>

#include "machine_support.h"

/* Tiles 1 and 4 are needed to the end, 2 and 3 one after the other. */
#define CHAIN                                                                                                \
    "tensor x: input 0 f32[128,64]\ntensor y: output 0 f32[128,64]\n"                                        \
    "tile 1: sbuf address=4096 bytes=256\ntile 2: sbuf address=8192 bytes=256\n"                             \
    "tile 3: sbuf address=16384 bytes=512\ntile 4: sbuf address=65536 bytes=256\ntile 5: psum address=4096 " \
    "bytes=2048\n"                                                                                           \
    "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +4096 64] src=hbm.f32[x +0 128@64 64]\n"                \
    "vector.tensor_scalar dst=sbuf.f32[tile2 p0:128 +8192 64] data=sbuf.f32[tile1 p0:128 +4096 64] op0=add " \
    "operand0=1\n"                                                                                           \
    "vector.tensor_copy dst=psum.f32[tile5 p0:128 +4100 64] src=sbuf.f32[tile2 p0:128 +8192 64]\n"           \
    "scalar.activation dst=sbuf.f32[tile3 p0:128 +16640 64] func=exp data=psum.f32[tile5 p0:128 +4100 64] "  \
    "scale=1\n"                                                                                              \
    "vector.tensor_tensor dst=sbuf.f32[tile4 p0:128 +65536 64] data1=sbuf.f32[tile3 p0:128 +16640 64] "      \
    "data2=sbuf.f32[tile1 p0:128 +4096 64] op=multiply\n"                                                    \
    "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[tile4 p0:128 +65536 64]\n"

enum { PARTS = 128, COLUMNS = 64, TILES = 16, STEPS = 30 };
static const int64_t FIRST = 1024, STRIDE = 4096, SLOT = 256;

static void run(ts_machine *machine, const ts_program *program, const ts_homes *homes, bool is_poisoned,
                const float *x, float *y) {
    void *data[] = {(void *)(uintptr_t)x, y};
    ts_run run = {.data = data, .homes = homes, .poison = is_poisoned};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
}

static void tiles_take_the_lowest_columns(void **state) {
    (void)state;
    ts_program *program = program_of("%s", CHAIN);
    ts_homes *homes = homes_of(program, false);
    assert_int_equal(ts_homes_column(homes, 1, 4096), 0);
    assert_int_equal(ts_homes_column(homes, 2, 8192), 256);
    assert_int_equal(ts_homes_column(homes, 3, 16384), 256); /* where tile 2 was */
    assert_int_equal(ts_homes_column(homes, 3, 16640), 512);
    assert_int_equal(ts_homes_column(homes, 4, 65536), 768);
    assert_int_equal(ts_homes_column(homes, 5, 4100), 4); /* PSUM */
    ts_homes_free(homes);
    ts_program_free(program);
}

#define ROTATING(INDEX)                                                                                      \
    "tile 1: sbuf address=1024 bytes=256 slots=2\ntile 2: sbuf address=4096 bytes=256\n"                     \
    "vector.memset dst=sbuf.f32[tile2 p0:128 +4096 64] value=1\n"                                            \
    "loop %%i = 4\n"                                                                                         \
    "vector.memset dst=sbuf.f32[tile1 p0:128 +1024+256*(%%i mod 2) 64] value=2\n"                            \
    "vector.tensor_tensor dst=sbuf.f32[tile2 p0:128 +4096 64] data1=sbuf.f32[tile2 p0:128 +4096 64] "        \
    "data2=sbuf.f32[tile1 p0:128 +1024+256*(" INDEX " mod 2) 64] op=add\n"                                   \
    "end\n"

/* In program order such a tile never needs two slots at once. */
static void slots_of_one_trip_share_a_place(void **state) {
    (void)state;
    ts_program *program = program_of(ROTATING("%%i"));
    ts_homes *homes = homes_of(program, false);
    assert_int_equal(ts_homes_column(homes, 1, 1024), ts_homes_column(homes, 1, 1280));
    assert_int_equal(ts_homes_column(homes, 1, 1284), ts_homes_column(homes, 1, 1024) + 4);
    ts_homes_free(homes);
    ts_program_free(program);
}

static void slots_that_outlive_a_trip_do_not(void **state) {
    (void)state;
    ts_program *program = program_of(ROTATING("1+1*%%i"));
    ts_homes *homes = homes_of(program, false);
    assert_int_equal(ts_homes_column(homes, 1, 1280), ts_homes_column(homes, 1, 1024) + 256);
    ts_homes_free(homes);
    ts_program_free(program);
}

/* What a store reads from tile 2, which nothing has set. */
static float unset_value(bool is_poisoned) {
    static float x[PARTS * COLUMNS], y[PARTS * COLUMNS];
    ts_program *program =
        program_of("tensor x: input 0 f32[128,64]\ntensor y: output 0 f32[128,64]\n"
                   "tile 1: sbuf address=4096 bytes=256\ntile 2: sbuf address=8192 bytes=256\n"
                   "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +4096 64] src=hbm.f32[x +0 128@64 64]\n"
                   "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[tile2 p0:128 +8192 64]\n");
    ts_machine *machine = machine_of(NULL);
    ts_homes *homes = homes_of(program, is_poisoned);
    for (int i = 0; i < PARTS * COLUMNS; i++)
        x[i] = 7;
    run(machine, program, homes, is_poisoned, x, y);
    ts_homes_free(homes);
    ts_machine_free(machine);
    ts_program_free(program);
    return y[PARTS * COLUMNS - 1];
}

static void what_is_not_set_shows_with_poison(void **state) {
    (void)state;
    assert_true(unset_value(false) == 7);
    assert_true(isnan(unset_value(true)));
}

/* Whether tile 2, which comes after tile 1, gets the columns of tile 1 in runs with poison. */
static bool is_reused(const char *first) {
    ts_program *program = program_of(
        "tile 1: sbuf address=4096 bytes=256\ntile 2: sbuf address=8192 bytes=256\n"
        "tile 3: sbuf address=16384 bytes=256\n"
        "vector.memset dst=sbuf.f32[tile1 p0:128 +4096 64] value=1\n%s"
        "vector.tensor_copy dst=sbuf.f32[tile3 p0:64 +16384 64] src=sbuf.f32[tile2 p0:64 +8192 64]\n",
        first);
    ts_homes *homes = homes_of(program, true);
    bool is = ts_homes_column(homes, 2, 8192) == 0;
    ts_homes_free(homes);
    ts_program_free(program);
    return is;
}

static void what_is_set_in_parts_lies_alone_with_poison(void **state) {
    (void)state;
    assert_true(is_reused("vector.memset dst=sbuf.f32[tile2 p0:128 +8192 64] value=1\n"));
    assert_true(is_reused("vector.memset dst=sbuf.f32[tile2 p0:64 +8192 8@8 8] value=1\n"));
    assert_false(is_reused("vector.memset dst=sbuf.f32[tile2 p0:128 +8192 63] value=1\n"));
    assert_false(is_reused("vector.memset dst=sbuf.f32[tile2 p0:32 +8192 64] value=1\n"));
    assert_false(is_reused("vector.memset dst=sbuf.f32[tile2 p0:64 +8192 32@2] value=1\n"));
    assert_false(is_reused(
        "vector.tensor_copy dst=sbuf.f32[tile2 p0:64 +8192 64] src=sbuf.f32[tile2 p0:64 +8192 64]\n"));
    assert_false(is_reused("vector.memset dst=sbuf.u16[tile2 p0:64 +8192 64] value=1\n"));
    assert_false(
        is_reused("loop %i = 2\nvector.memset dst=sbuf.f32[tile2 p0:64 +8192+4*%i 63] value=1\nend\n"));
}

#define IN_PARTS(tile, address, more)                                                                        \
    "vector.memset dst=sbuf.f32[" tile " p0:128 +" address " 64] value=1\n"                                  \
    "vector.memset dst=sbuf.f32[" tile " p0:128 +" more " 64] value=1\n"

/* Three tiles of 96 KiB, one after the other: for the third there are no columns left that no tile had. */
static void columns_are_shared_where_they_are_short(void **state) {
    (void)state;
    ts_program *program =
        program_of("tile 1: sbuf address=0 bytes=98304\ntile 2: sbuf address=98304 bytes=98304\n"
                   "tile 3: sbuf address=0 bytes=98304\n" IN_PARTS("tile1", "0", "256")
                       IN_PARTS("tile2", "98304", "98560") IN_PARTS("tile3", "0", "256"));
    ts_homes *homes = homes_of(program, true);
    assert_non_null(homes);
    assert_int_equal(ts_homes_column(homes, 1, 0), 0);
    assert_int_equal(ts_homes_column(homes, 2, 98304), 98304);
    assert_int_equal(ts_homes_column(homes, 3, 0), 0);
    ts_homes_free(homes);
    ts_program_free(program);
}

/* A product that adds to tile 2, which nothing has set: the tile gets columns of its own, unless the product
   overwrites it. */
static void what_a_product_adds_to_is_read(void **state) {
    (void)state;
    for (int adds = 0; adds < 2; adds++) {
        ts_program *program = program_of(
            "tile 1: psum address=0 bytes=2048\ntile 2: psum address=4096 bytes=2048\n"
            "tile 3: sbuf address=0 bytes=512\n"
            "vector.memset dst=sbuf.f32[tile3 p0:128 +0 128] value=1\n"
            "vector.memset dst=psum.f32[tile1 p0:128 +0 128] value=1\n"
            "tensor.nc_matmul dst=psum.f32[tile2 p0:128 +4096 128] stationary=sbuf.f32[tile3 p0:128 +0 128] "
            "moving=sbuf.f32[tile3 p0:128 +0 128] accumulate=%s\n",
            adds ? "always" : "never");
        ts_homes *homes = homes_of(program, true);
        assert_int_equal(ts_homes_column(homes, 2, 4096) == 0, !adds);
        ts_homes_free(homes);
        ts_program_free(program);
    }
}

static void programs_without_tiles_have_none(void **state) {
    (void)state;
    ts_program *program = program_of("vector.memset dst=sbuf.f32[p0:128 +4096 64] value=1\n");
    assert_null(homes_of(program, false));
    ts_program_free(program);
}

typedef struct writer {
    uint64_t seed;
    ts_text text;
    bool is_set[TILES + 1];  /* may be read */
    bool rotates[TILES + 1]; /* has two slots, for one loop */
    int loops, open;         /* begun so far; 1 + the number of the open one, or 0 */
    int inner[TILES + 1];    /* the loop in which a tile was first set; 0 = outside */
} writer;

static int below(writer *w, int n) {
    return (int)(next_random(&w->seed) % (uint32_t)n);
}

static void put_operand(writer *w, const char *field, int tile) {
    ts_text_format(&w->text, " %s=sbuf.f32[tile%d p0:128 +%lld", field, tile,
                   (long long)(FIRST + tile * STRIDE));
    if (w->rotates[tile]) ts_text_format(&w->text, "+256*(%%l%d mod 2)", w->open);
    ts_text_format(&w->text, " %d]", COLUMNS);
}

/* A tile that may be read here: one set outside of loops or in the open loop. */
static int pick_set(writer *w) {
    for (;;) {
        int tile = 1 + below(w, TILES);
        if (w->is_set[tile] && (w->inner[tile] == 0 || w->inner[tile] == w->open)) return tile;
    }
}

/* A tile that nothing has used yet, set from here on; 0: there is none. */
static int pick_new(writer *w) {
    for (int n = 0; n < TILES; n++) {
        int tile = 1 + below(w, TILES);
        if (w->is_set[tile]) continue;
        w->inner[tile] = w->open;
        w->rotates[tile] = w->open && below(w, 2);
        return tile;
    }
    return 0;
}

static void put_step(writer *w) {
    if (!w->open && below(w, 6) == 0) {
        w->open = ++w->loops;
        ts_text_format(&w->text, "loop %%l%d = %d\n", w->open, 1 + below(w, 4));
    } else if (w->open && below(w, 6) == 0) {
        ts_text_add(&w->text, "end\n");
        w->open = 0;
    }
    int data1 = pick_set(w), data2 = pick_set(w), dst = below(w, 2) ? pick_new(w) : 0;
    if (!dst) dst = pick_set(w);
    ts_text_add(&w->text, "vector.tensor_tensor");
    put_operand(w, "dst", dst);
    put_operand(w, "data1", data1);
    put_operand(w, "data2", data2);
    ts_text_add(&w->text, below(w, 2) ? " op=add\n" : " op=subtract\n");
    w->is_set[dst] = true;
}

/* Sums and differences of tiles far apart, inside and outside of loops, and in the end a store of the first
   tile. */
static ts_program *random_chain(uint64_t seed) {
    writer w = {.seed = seed};
    ts_text_add(&w.text, "tensor x: input 0 f32[128,64]\ntensor y: output 0 f32[128,64]\n");
    for (int i = 1; i <= TILES; i++)
        ts_text_format(&w.text, "tile %d: sbuf address=%lld bytes=%lld slots=2\n", i,
                       (long long)(FIRST + i * STRIDE), (long long)SLOT);
    ts_text_add(&w.text, "sync.dma_copy queue=0 src=hbm.f32[x +0 128@64 64]");
    put_operand(&w, "dst", 1);
    ts_text_add(&w.text, "\n");
    w.is_set[1] = true;
    for (int i = 0; i < STEPS; i++)
        put_step(&w);
    if (w.open) ts_text_add(&w.text, "end\n");
    w.open = 0;
    ts_text_add(&w.text, "vector.tensor_tensor op=add");
    put_operand(&w, "dst", 1);
    put_operand(&w, "data1", pick_set(&w));
    put_operand(&w, "data2", 1);
    ts_text_add(&w.text, "\nsync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 64]");
    put_operand(&w, "src", 1);
    ts_text_add(&w.text, "\n");
    ts_program *program = program_of("%s", w.text.data);
    ts_text_free(&w.text);
    return program;
}

/* A run whose homes are for the other kind of poison keeps tiles at their addresses. */
static void values_are_the_same(void **state) {
    (void)state;
    static float x[PARTS * COLUMNS], plain[PARTS * COLUMNS], moved[PARTS * COLUMNS];
    uint64_t seed = 1;
    for (int i = 0; i < PARTS * COLUMNS; i++)
        x[i] = next_float(&seed);
    ts_machine *machine = machine_of(NULL);
    for (uint64_t i = 0; i < 40; i++) {
        ts_program *program = i ? random_chain(i) : program_of("%s", CHAIN);
        ts_homes *homes = homes_of(program, false);
        assert_non_null(homes);
        run(machine, program, homes, true, x, plain);
        run(machine, program, homes, false, x, moved);
        if (memcmp(plain, moved, sizeof plain) != 0) fail_msg("program %llu", (unsigned long long)i);
        ts_homes_free(homes);
        homes = homes_of(program, true);
        run(machine, program, homes, true, x, moved);
        if (memcmp(plain, moved, sizeof plain) != 0)
            fail_msg("program %llu, poisoned", (unsigned long long)i);
        ts_homes_free(homes);
        ts_program_free(program);
    }
    ts_machine_free(machine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_take_the_lowest_columns),
        cmocka_unit_test(slots_of_one_trip_share_a_place),
        cmocka_unit_test(slots_that_outlive_a_trip_do_not),
        cmocka_unit_test(what_a_product_adds_to_is_read),
        cmocka_unit_test(programs_without_tiles_have_none),
        cmocka_unit_test(what_is_not_set_shows_with_poison),
        cmocka_unit_test(what_is_set_in_parts_lies_alone_with_poison),
        cmocka_unit_test(columns_are_shared_where_they_are_short),
        cmocka_unit_test(values_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

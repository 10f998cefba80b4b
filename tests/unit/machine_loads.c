/* Loads that are put off because only products read what they bring: the products read HBM, and a run gives
   the bits of one in which all loads are made. */
#include "machine_tiles.h"

enum { ROWS = 192, COLUMNS = 256, ELEMS = ROWS * COLUMNS, STEPS = 70 };

#define TENSORS_TEXT                                                                                         \
    "tensor x: output 0 f32[192,256]\ntensor y: output 1 f32[192,256]\ntensor z: output 2 f32[192,256]\n"

/* ---- loads that are not made ---- */

#define LOAD(tensor)                                                                                         \
    "sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:128 +8192 128] src=hbm.f32[" tensor " +0 128@256 128]\n"
#define MULTIPLY                                                                                             \
    "tensor.nc_matmul dst=psum.f32[tile3 p0:128 +0 128] stationary=sbuf.f32[tile1 p0:128 +4096 128] "        \
    "moving=sbuf.f32[tile2 p0:128 +8192 128]\n"
#define MULTIPLY_BY                                                                                          \
    "tensor.nc_matmul dst=psum.f32[tile3 p0:128 +0 128] stationary=sbuf.f32[tile2 p0:128 +8192 128] "        \
    "moving=sbuf.f32[tile1 p0:128 +4096 128]\n"
#define KEEP                                                                                                 \
    "vector.tensor_copy dst=sbuf.f32[tile4 p0:128 +16384 128] src=psum.f32[tile3 p0:128 +0 128]\n"           \
    "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@256 128] src=sbuf.f32[tile4 p0:128 +16384 128]\n"
#define OVERWRITE(tensor)                                                                                    \
    "sync.dma_copy queue=0 dst=hbm.f32[" tensor " +0 128@256 128] src=sbuf.f32[tile1 p0:128 +4096 128]\n"

/* Runs the program with and without homes, which must give the same bits. Returns whether the run with homes
   writes the columns of tile 2. */
static bool is_made(const char *code) {
    static float plain[TENSORS * ELEMS], data[TENSORS * ELEMS];
    ts_program *program = program_of(
        TENSORS_TEXT
        "tile 1: sbuf address=4096 bytes=512\ntile 2: sbuf address=8192 bytes=1024\n"
        "tile 3: psum address=0 bytes=2048\ntile 4: sbuf address=16384 bytes=512\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +4096 128] src=hbm.f32[z +128 128@256 128]\n%s"
        "vector.memset dst=sbuf.f32[tile1 p0:128 +4096 128] value=1\n",
        code);
    ts_machine *machine = machine_of(NULL);
    uint64_t seed = 1;
    for (int i = 0; i < TENSORS * ELEMS; i++)
        plain[i] = data[i] = next_float(&seed);
    run_tensors(machine, program, NULL, plain, ELEMS);
    const bool is = writes_tile(program, data, ELEMS, 512);
    assert_memory_equal(plain, data, sizeof plain);
    ts_machine_free(machine);
    ts_program_free(program);
    return is;
}

static void what_only_products_read_is_not_loaded(void **state) {
    (void)state;
    assert_false(is_made(LOAD("x") MULTIPLY KEEP));
    assert_false(is_made(LOAD("x") MULTIPLY_BY KEEP));
    assert_false(is_made(LOAD("x") "loop %i = 3\n" MULTIPLY KEEP "end\n"));
    /* Two runs a partition; each product reads one of them, or a part. */
    assert_false(is_made("sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:128 +8192 2@128 128] "
                         "src=hbm.f32[x +0 128@256 2@128 128]\n" MULTIPLY KEEP));
    assert_false(is_made(
        "sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:64 +8192 2@128 128] "
        "src=hbm.f32[x +0 64@256 2@16384 128]\n"
        "tensor.nc_matmul dst=psum.f32[tile3 p0:128 +0 100] stationary=sbuf.f32[tile1 p0:32 +4096 128] "
        "moving=sbuf.f32[tile2 p32:32 +8720 100]\n" KEEP));
    /* Only a product that comes earlier reads what is loaded. */
    assert_false(is_made(LOAD("x") MULTIPLY KEEP LOAD("y")));
}

static void what_is_needed_besides_is_loaded(void **state) {
    (void)state;
    assert_true(is_made(
        LOAD("x") MULTIPLY KEEP
        "vector.tensor_copy dst=sbuf.f32[tile1 p0:128 +4096 128] src=sbuf.f32[tile2 p0:128 +8192 128]\n"));
    /* Columns of both runs. */
    assert_true(is_made(
        "sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:64 +8192 2@128 128] "
        "src=hbm.f32[x +0 64@256 2@16384 128]\n"
        "tensor.nc_matmul dst=psum.f32[tile3 p0:128 +0 128] stationary=sbuf.f32[tile1 p0:64 +4096 128] "
        "moving=sbuf.f32[tile2 p0:64 +8448 128]\n" KEEP));
    /* Every second column. */
    assert_true(is_made("sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:128 +8192 128] "
                        "src=hbm.f32[x +0 128@256 128@2]\n" MULTIPLY KEEP));
}

/* The value that was loaded counts, not the one that is stored there before the product. */
static void what_changes_in_hbm_is_loaded_before(void **state) {
    (void)state;
    assert_true(is_made(LOAD("x") OVERWRITE("x") MULTIPLY KEEP));
    assert_true(is_made(LOAD("x") "sync.dma_copy queue=0 dst=hbm.f32[x +255 1] "
                                  "src=sbuf.f32[tile1 p0:1 +4096 1]\n"
                                  "sync.dma_copy queue=0 dst=hbm.f32[x +32639 1] "
                                  "src=sbuf.f32[tile1 p0:1 +4096 1]\n" MULTIPLY KEEP));
    assert_true(is_made(LOAD("x") MULTIPLY OVERWRITE("x") MULTIPLY KEEP));
    assert_false(is_made(LOAD("x") OVERWRITE("z") MULTIPLY KEEP));
    assert_false(is_made(OVERWRITE("x") LOAD("x") MULTIPLY KEEP));
    assert_false(is_made(LOAD("x") MULTIPLY OVERWRITE("x") KEEP));
}

/* ---- values ---- */

enum { TILES = 6 };

/* A part of a tensor: 128 rows of `width` columns, half the time from row 0 on, so that operands overlap. */
static void put_tensor(writer *w, const char *field, int width) {
    const int row = below(w, 2) ? 0 : below(w, ROWS - 127), column = below(w, COLUMNS - width + 1);
    ts_text_format(&w->code, " %s=hbm.f32[%c +%d 128@%d %d]", field, "xyz"[below(w, TENSORS)],
                   COLUMNS * row + column, COLUMNS, width);
}

static void put_load(writer *w, int tile) {
    const int width = below(w, 2) ? 128 : 64;
    ts_text_format(&w->code, "sync.dma_copy queue=0 dst=sbuf.f32[tile%d p0:128 +%d %d]", tile, 4096 * tile,
                   width);
    put_tensor(w, "src", width);
    ts_text_add(&w->code, "\n");
    if (w->width[tile] < width) w->width[tile] = width;
}

/* A product of two tiles, and a store of it that keeps its numbers small. */
static void put_product(writer *w, int a, int b) {
    const int parts = below(w, 4) ? 128 : 64, n = below(w, 4) ? w->width[b] : 48;
    ts_text_format(&w->code,
                   "tensor.nc_matmul dst=psum.f32[tile7 p0:%d +0 %d] "
                   "stationary=sbuf.f32[tile%d p0:%d +%d %d] moving=sbuf.f32[tile%d p0:%d +%d %d]\n",
                   w->width[a], n, a, parts, 4096 * a, w->width[a], b, parts, 4096 * b, n);
    if (below(w, 2)) return;
    ts_text_format(
        &w->code,
        "vector.tensor_scalar dst=sbuf.f32[tile8 p0:%d +32768 %d] data=psum.f32[tile7 p0:%d +0 %d] "
        "op0=multiply operand0=0.0625\n",
        w->width[a], n, w->width[a], n);
    const int row = below(w, ROWS - 127), column = below(w, COLUMNS - n + 1);
    ts_text_format(&w->code,
                   "sync.dma_copy queue=0 dst=hbm.f32[%c +%d %d@%d %d] src=sbuf.f32[tile8 p0:%d +32768 %d]\n",
                   "xyz"[below(w, TENSORS)], COLUMNS * row + column, w->width[a], COLUMNS, n, w->width[a], n);
}

/* Loads, products and stores between overlapping parts of three tensors. Odd programs also read a loaded
   tile otherwise. */
static ts_program *random_program(uint64_t seed) {
    writer w = {.seed = seed};
    for (int tile = 1; tile <= TILES; tile++)
        put_load(&w, tile);
    for (int i = 0; i < STEPS; i++) {
        const int a = 1 + below(&w, TILES), b = 1 + below(&w, TILES), kind = below(&w, 3);
        if (kind == 0)
            put_load(&w, a);
        else
            put_product(&w, a, b);
    }
    if (seed % 2)
        ts_text_add(&w.code, "vector.tensor_copy dst=sbuf.f32[tile8 p0:128 +32768 64] "
                             "src=sbuf.f32[tile1 p0:128 +4096 64]\n"
                             "sync.dma_copy queue=0 dst=hbm.f32[x +0 128@256 64] "
                             "src=sbuf.f32[tile8 p0:128 +32768 64]\n");
    for (int tile = 1; tile <= TILES; tile++)
        ts_text_format(&w.head, "tile %d: sbuf address=%d bytes=512\n", tile, 4096 * tile);
    ts_text_add(&w.head, "tile 7: psum address=0 bytes=2048\ntile 8: sbuf address=32768 bytes=512\n");
    return written_program(&w, TENSORS_TEXT);
}

static void values_are_the_same(void **state) {
    (void)state;
    ts_pool *pool = pool_of(2);
    compare_runs(NULL, random_program, 100, ELEMS);
    compare_runs(pool, random_program, 100, ELEMS);
    ts_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_products_read_is_not_loaded),
        cmocka_unit_test(what_is_needed_besides_is_loaded),
        cmocka_unit_test(what_changes_in_hbm_is_loaded_before),
        cmocka_unit_test(values_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

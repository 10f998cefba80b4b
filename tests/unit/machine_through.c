/* Tiles that only pass values on between an instruction and a DMA: they are not made, and a run gives the
   bits of one in which they are. */
#include "machine_tiles.h"

#include "machine/through.h"

enum { PARTS = 128, ROWS = 192, COLUMNS = 64, WIDE = 256, ELEMS = ROWS * COLUMNS, STEPS = 90 };

#define TENSORS_TEXT                                                                                         \
    "tensor x: output 0 f32[192,64]\ntensor y: output 1 f32[192,64]\ntensor z: output 2 f32[192,64]\n"

/* ---- tiles that are not made ---- */

/* Whether a run of the program writes the columns of tile 2, which begins at 8192. */
static bool is_made(const char *code) {
    static float data[TENSORS * ELEMS];
    ts_program *program =
        program_of(TENSORS_TEXT
                   "tile 1: sbuf address=4096 bytes=256\ntile 2: sbuf address=8192 bytes=256\n"
                   "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +4096 64] src=hbm.f32[x +0 128@64 64]\n%s"
                   "vector.memset dst=sbuf.f32[tile1 p0:128 +4096 64] value=1\n",
                   code);
    for (int i = 0; i < ELEMS; i++)
        data[i] = (float)i;
    const bool is = writes_tile(program, data, ELEMS, 256);
    ts_program_free(program);
    return is;
}

#define SCALE                                                                                                \
    "vector.tensor_scalar dst=sbuf.f32[tile2 p0:128 +8192 64] data=sbuf.f32[tile1 p0:128 +4096 64] op0=add " \
    "operand0=1\n"
#define STORE "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[tile2 p0:128 +8192 64]\n"

static void what_is_only_stored_is_written_to_hbm(void **state) {
    (void)state;
    assert_false(is_made(SCALE STORE));
    assert_false(is_made("scalar.activation dst=sbuf.f32[tile2 p0:128 +8192 64] func=exp "
                         "data=sbuf.f32[tile1 p0:128 +4096 64] scale=1\n" STORE));
    assert_false(is_made("vector.tensor_copy dst=sbuf.f32[tile2 p0:128 +8192 64] "
                         "src=sbuf.f32[tile1 p0:128 +4096 64]\n" STORE));
    assert_false(is_made("vector.memset dst=sbuf.f32[tile2 p0:128 +8192 64] value=1\n" STORE));
    assert_false(
        is_made("vector.tensor_reduce dst=sbuf.f32[tile2 p0:128 +8192 1] "
                "data=sbuf.f32[tile1 p0:128 +4096 64] op=max axes=1\n"
                "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 1] src=sbuf.f32[tile2 p0:128 +8192 1]\n"));
}

static void what_is_needed_besides_is_made(void **state) {
    (void)state;
    assert_true(is_made(SCALE STORE STORE)); /* again */
    assert_true(is_made("vector.memset dst=sbuf.f32[tile2 p0:128 +8192 64] value=1\n" SCALE STORE));
    assert_true(
        is_made(SCALE /* another width, another type */
                "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 32] src=sbuf.f32[tile2 p0:128 +8192 32]\n"));
    assert_true(is_made(
        SCALE "sync.dma_copy queue=0 dst=hbm.f32[x +0 128@64 64] src=sbuf.f32[tile2 p0:128 +8192 64]\n"));
    assert_true(is_made(SCALE "loop %i = 2\n" STORE "end\n"));
}

/* Whether a run writes tile 2 when it computes the first rows of a result of 4 MiB, which takes over the
   argument's memory or has its own. */
static bool is_update_made(const char *alias) {
    enum { LONG = 1024, BYTES = LONG * LONG * (int)sizeof(float) };
    ts_program *program = program_of(
        "tensor x: input 0 f32[1024,1024]\ntensor y: output 0 f32[1024,1024]%s\n"
        "tile 1: sbuf address=4096 bytes=4096\ntile 2: sbuf address=8192 bytes=4096\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +4096 1024] src=hbm.f32[x +0 128@1024 1024]\n"
        "vector.tensor_scalar dst=sbuf.f32[tile2 p0:128 +8192 1024] data=sbuf.f32[tile1 p0:128 +4096 1024] "
        "op0=add operand0=1\n"
        "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@1024 1024] src=sbuf.f32[tile2 p0:128 +8192 1024]\n",
        alias);
    ts_machine *machine = machine_of(NULL);
    ts_homes *homes = homes_of(program, false);
    assert_non_null(homes);
    float *x = calloc(1, BYTES), *y = *alias ? x : calloc(1, BYTES);
    uint8_t *place = machine->cores[0].sbuf.data + ts_homes_column(homes, 2, 8192);
    memset(place, MARK, 4096);
    ts_run once = {.data = (void *const[]){x, y}, .homes = homes};
    assert_int_equal(ts_machine_run(machine, program, &once, NULL), ts_ok);
    for (int i = 0; i < 128 * LONG; i++)
        assert_true(y[i] == 1);
    assert_true(y[128 * LONG] == 0);
    const bool is = place[3] != MARK || place[4003] != MARK;
    if (y != x) free(y);
    free(x);
    ts_homes_free(homes);
    ts_machine_free(machine);
    ts_program_free(program);
    return is;
}

static void what_updates_a_large_argument_is_made(void **state) {
    (void)state;
    assert_true(is_update_made(" alias=0"));
    assert_false(is_update_made(""));
}

/* Whether a run of the program, which computes y from tile 2, writes the columns of that tile, at 8192. */
static bool loads_tile(ts_program *program) {
    static float data[TENSORS * ELEMS];
    for (int i = 0; i < ELEMS; i++)
        data[i] = 0.25f + (float)(i % 100);
    const bool is = writes_tile(program, data, ELEMS, 256);
    if (!is) assert_true(data[ELEMS + 64] > 0 && data[ELEMS + 64] != 1);
    ts_program_free(program);
    return is;
}

static bool is_loaded(const char *code) {
    return loads_tile(
        program_of(TENSORS_TEXT
                   "tile 1: sbuf address=4096 bytes=512\ntile 2: sbuf address=8192 bytes=256\n"
                   "tile 3: psum address=0 bytes=2048\n"
                   "vector.memset dst=sbuf.f32[tile1 p0:128 +4096 128] value=1\n"
                   "sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:128 +8192 64] src=hbm.f32[x +0 128@64 64]\n%s"
                   "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[tile1 p0:128 +4096 64]\n",
                   code));
}

/* The same for a tile of two slots, of which the given one is read. */
static bool is_loaded_in_turns(const char *slot) {
    return loads_tile(program_of(
        TENSORS_TEXT
        "tile 1: sbuf address=4096 bytes=512\ntile 2: sbuf address=8192 bytes=256 slots=2\nloop %%i = 3\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:128 +8192+256*(%%i mod 2) 64] "
        "src=hbm.f32[x +64*%%i 128@64 64]\n"
        "vector.tensor_scalar dst=sbuf.f32[tile1 p0:128 +4096 64] "
        "data=sbuf.f32[tile2 p0:128 +8192+256*(%s mod 2) 64] op0=multiply operand0=2\n"
        "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[tile1 p0:128 +4096 64]\nend\n",
        slot));
}

/* The same for a load of as many partitions and elements as a loop says, and what reads them. */
static bool is_loaded_ragged(const char *loaded, const char *columns, const char *read) {
    ts_text code = {0};
    ts_text_format(
        &code,
        "loop %%i = 2\nvector.memset dst=sbuf.f32[tile1 p0:128 +4096 64] value=1\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:%s +8192 %s] src=hbm.f32[x +8192*%%i %s@64 %s]\n"
        "vector.tensor_scalar dst=sbuf.f32[tile1 p0:%s +4096 %s] data=sbuf.f32[tile2 p0:%s +8192 %s] "
        "op0=multiply operand0=2\n"
        "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@64 64] src=sbuf.f32[tile1 p0:128 +4096 64]\nend\n",
        loaded, columns, loaded, columns, read, columns, read, columns);
    ts_program *program = program_of(
        TENSORS_TEXT "tile 1: sbuf address=4096 bytes=256\ntile 2: sbuf address=8192 bytes=256\n%s",
        code.data);
    ts_text_free(&code);
    return loads_tile(program);
}

#define SQUARE                                                                                               \
    "vector.tensor_tensor dst=sbuf.f32[tile1 p0:128 +4096 64] data1=sbuf.f32[tile2 p0:128 +8192 64] "        \
    "data2=sbuf.f32[tile2 p0:128 +8192 64] op=multiply\n"
#define HALF "vector.tensor_copy dst=sbuf.f32[tile1 p32:32 +4096 32] src=sbuf.f32[tile2 p32:32 +8320 32]\n"

static void what_is_only_read_is_not_loaded(void **state) {
    (void)state;
    assert_false(is_loaded(SQUARE));
    assert_false(is_loaded(HALF SQUARE));
    assert_false(is_loaded("loop %i = 2\n" SQUARE "end\n"));
    assert_false(is_loaded("vector.tensor_reduce dst=sbuf.f32[tile1 p0:128 +4096 1] "
                           "data=sbuf.f32[tile2 p0:128 +8192 64] op=max axes=1\n"
                           "scalar.activation dst=sbuf.f32[tile1 p0:128 +4096 64] func=exp "
                           "data=sbuf.f32[tile2 p0:128 +8192 64] scale=1\n"));
    assert_false(is_loaded("loop %i = 2\n"
                           "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +4096 64] "
                           "src=hbm.f32[x +64 128@64 64]\nend\n" SQUARE));
    assert_false(is_loaded_in_turns("%i"));
    assert_false(is_loaded_ragged("min(128, 192-128*%i)", "64", "min(128, 192-128*%i)"));
    assert_false(is_loaded_ragged("64", "min(64, 96-64*%i)", "64"));
}

static void what_is_needed_besides_is_loaded(void **state) {
    (void)state;
    assert_true(is_loaded("tensor.nc_transpose dst=psum.f32[tile3 p0:64 +0 128] "
                          "data=sbuf.f32[tile2 p0:128 +8192 64]\n" SQUARE));
    assert_true(is_loaded("vector.memset dst=sbuf.f32[tile2 p0:1 +8192 1] value=0\n" SQUARE));
    assert_true(is_loaded_in_turns("1+%i")); /* what the trip before loaded */
    assert_true(is_loaded_ragged("min(128, 192-128*%i)", "64", "min(128, 191-128*%i)"));
    assert_true(is_loaded_ragged("min(128, 192-128*%i)", "64", "64"));
    assert_true(is_loaded("sync.dma_copy queue=0 dst=hbm.f32[x +0 128@64 64] "
                          "src=sbuf.f32[tile1 p0:128 +4096 64]\n" SQUARE)); /* its old value is gone */
}

/* The last trip's rows are too short to be read in HBM, where those of the trip before still wait to be. */
static void a_short_load_is_not_mistaken_for_the_one_before(void **state) {
    (void)state;
    enum { WIDTH = 25000, CUT = 1000, LEFT = 200, RAGGED = WIDTH / CUT + 1, ALL = WIDTH + LEFT };
    float *data = calloc(2 * (size_t)PARTS * ALL, sizeof *data), *results = data + PARTS * ALL;
    ts_program *program = program_of(
        "tensor x: output 0 f32[128,%d]\ntensor y: output 1 f32[128,%d]\n"
        "tile 1: sbuf address=4096 bytes=4000 slots=2\ntile 2: sbuf address=16384 bytes=4000\n"
        "loop %%i = %d\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[tile1 p0:128 +4096+4000*(%%i mod 2) min(1000, %d-1000*%%i)] "
        "src=hbm.f32[x +1000*%%i 128@%d min(1000, %d-1000*%%i)]\n"
        "vector.tensor_scalar dst=sbuf.f32[tile2 p0:128 +16384 min(1000, %d-1000*%%i)] "
        "data=sbuf.f32[tile1 p0:128 +4096+4000*(%%i mod 2) min(1000, %d-1000*%%i)] op0=multiply operand0=2\n"
        "sync.dma_copy queue=1 dst=hbm.f32[y +1000*%%i 128@%d min(1000, %d-1000*%%i)] "
        "src=sbuf.f32[tile2 p0:128 +16384 min(1000, %d-1000*%%i)]\nend\n",
        ALL, ALL, RAGGED, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL);
    ts_machine *machine = machine_of(NULL);
    ts_homes *homes = homes_of(program, false);
    assert_non_null(homes);
    for (int i = 0; i < PARTS * ALL; i++)
        data[i] = (float)i;
    ts_run once = {.data = (void *const[]){data, results}, .homes = homes};
    assert_int_equal(ts_machine_run(machine, program, &once, NULL), ts_ok);
    for (int i = 0; i < PARTS * ALL; i++)
        assert_true(results[i] == 2 * (float)i);
    ts_homes_free(homes);
    ts_machine_free(machine);
    ts_program_free(program);
    free(data);
}

/* A product prefetches the rows of one waiting load of its partitions, each load's once. */
static void a_load_is_fetched_once(void **state) {
    (void)state;
    static ts_segment segment;
    static uint8_t rows[2];
    ts_core core = {.segment = &segment};
    ts_exec exec = {.core = &core};
    const ts_area near = {.part = 32, .parts = 64, .low = 8, .high = 264}, far = {.part = 0, .parts = 64};
    const ts_operand_set set = {.exec = &exec, .part = 32, .parts = 64};
    const ts_lying first = {.data = rows, .run = 256}, last = {.data = rows + 1, .pitch = 512, .run = 256};
    segment.load[0] = (ts_load){.is_far = true, .lying = first, .area = far};
    segment.load[1] = (ts_load){.is_far = false, .lying = first, .area = near};
    segment.load[2] = (ts_load){.is_far = true, .lying = last, .area = near};
    segment.loads = 3;
    const ts_ahead found = ts_load_ahead(&set), none = ts_load_ahead(&set);
    assert_ptr_equal(found.data, rows + 1);
    assert_int_equal(found.pitch, 512);
    assert_int_equal(found.bytes, 256);
    assert_null(none.data);
}

/* The load was the last of a full segment, so the product is the first one in the next. The store to x, of
   other partitions' rows, must not wait there with it. */
static void what_is_read_in_hbm_stays_until_then(void **state) {
    (void)state;
    enum { LONG = 512 };
    static float data[2][(PARTS + 1) * LONG];
    ts_program *program = program_of(
        "tensor x: output 0 f32[129,512]\ntensor y: output 1 f32[129,512]\n"
        "tile 1: sbuf address=4096 bytes=2048\ntile 2: sbuf address=8192 bytes=2048\n"
        "tile 3: sbuf address=16384 bytes=2048\n"
        "loop %%i = %d\nvector.memset dst=sbuf.f32[tile3 p0:128 +16384 512] value=-1\nend\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[tile2 p0:128 +8192 512] src=hbm.f32[x +0 128@512 512]\n"
        "vector.tensor_tensor dst=sbuf.f32[tile1 p0:128 +4096 512] data1=sbuf.f32[tile2 p0:128 +8192 512] "
        "data2=sbuf.f32[tile2 p0:128 +8192 512] op=add\n"
        "sync.dma_copy queue=0 dst=hbm.f32[x +512 128@512 512] src=sbuf.f32[tile3 p0:128 +16384 512]\n"
        "sync.dma_copy queue=0 dst=hbm.f32[y +0 128@512 512] src=sbuf.f32[tile1 p0:128 +4096 512]\n",
        TS_SEGMENT_LENGTH - 1);
    ts_machine *machine = machine_of(NULL);
    ts_homes *homes = homes_of(program, false);
    assert_non_null(homes);
    for (int i = 0; i < PARTS * LONG; i++)
        data[0][i] = (float)i;
    ts_run once = {.data = (void *const[]){data[0], data[1]}, .homes = homes};
    assert_int_equal(ts_machine_run(machine, program, &once, NULL), ts_ok);
    for (int i = 0; i < PARTS * LONG; i++)
        assert_true(data[1][i] == 2 * (float)i);
    ts_homes_free(homes);
    ts_machine_free(machine);
    ts_program_free(program);
}

/* ---- values ---- */

static void put_tile(writer *w, const char *field, int tile) {
    ts_text_format(&w->code, " %s=sbuf.f32[tile%d p0:128 +%d %d]", field, tile, 1024 * tile, w->width[tile]);
}

/* Half of a wide tile, by the loop's counter. */
static void put_half(writer *w, const char *field, int tile) {
    ts_text_format(&w->code, " %s=sbuf.f32[tile%d p0:128 +%d+%d*%%i%d %d]", field, tile, 1024 * tile,
                   2 * WIDE, w->tiles, WIDE / 2);
}

/* Writes an operand in HBM, half the time with rows from 0 on, so that operands overlap. Those of wide tiles
   are two runs. */
static void put_tensor(writer *w, const char *field, int width) {
    if (width == WIDE) {
        ts_text_format(&w->code, " %s=hbm.f32[%c +%d 128@64 2@%d 128]", field, "xyz"[below(w, TENSORS)],
                       64 * below(w, 32), 64 * (2 + below(w, 29)));
        return;
    }
    const int row = below(w, 2) ? 0 : below(w, ROWS - 127), column = below(w, COLUMNS - width + 1);
    ts_text_format(&w->code, " %s=hbm.f32[%c +%d 128@64 %d]", field, "xyz"[below(w, TENSORS)],
                   64 * row + column, width);
}

static void put_step(writer *w) {
    const int tile = w->tiles + 1, kind = w->tiles == 0 ? 0 : below(w, 4), last = w->tiles;
    const int other = w->tiles > 1 && below(w, 2) ? last - 1 : last;
    if (kind == 0) {
        const int narrow = below(w, 3) ? COLUMNS : COLUMNS / 2;
        w->width[++w->tiles] = below(w, 3) ? narrow : WIDE;
        ts_text_add(&w->code, "sync.dma_copy queue=0");
        put_tile(w, "dst", tile);
        put_tensor(w, "src", w->width[tile]);
    } else if (kind == 1) {
        ts_text_add(&w->code, "sync.dma_copy queue=0");
        put_tile(w, "src", other);
        put_tensor(w, "dst", w->width[other]);
    } else if (w->width[other] == WIDE && below(w, 2)) {
        w->width[++w->tiles] = WIDE;
        ts_text_format(&w->code, "loop %%i%d = 2\nvector.tensor_scalar op0=multiply operand0=-0.5", tile);
        put_half(w, "dst", tile);
        put_half(w, "data", other);
        ts_text_add(&w->code, "\nend");
    } else if (kind == 2 || w->width[last] != w->width[other]) {
        w->width[++w->tiles] = w->width[other];
        ts_text_add(&w->code, "vector.tensor_scalar op0=multiply operand0=-0.5");
        put_tile(w, "dst", tile);
        put_tile(w, "data", other);
    } else {
        w->width[++w->tiles] = w->width[other];
        ts_text_add(&w->code, "vector.tensor_tensor op=add");
        put_tile(w, "dst", tile);
        put_tile(w, "data1", last);
        put_tile(w, "data2", other);
    }
    ts_text_add(&w->code, "\n");
}

/* Loads, computations and stores between overlapping parts of three tensors; each tile is written once. */
static ts_program *random_program(uint64_t seed) {
    writer w = {.seed = seed};
    for (int i = 0; i < STEPS; i++)
        put_step(&w);
    for (int i = 1; i <= w.tiles; i++)
        ts_text_format(&w.head, "tile %d: sbuf address=%d bytes=%d\n", i, 1024 * i, 4 * w.width[i]);
    return written_program(&w, TENSORS_TEXT);
}

static void values_are_the_same(void **state) {
    (void)state;
    ts_pool *pool = pool_of(2);
    compare_runs(pool, random_program, 300, ELEMS);
    ts_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_only_stored_is_written_to_hbm),
        cmocka_unit_test(what_is_needed_besides_is_made),
        cmocka_unit_test(what_updates_a_large_argument_is_made),
        cmocka_unit_test(what_is_only_read_is_not_loaded),
        cmocka_unit_test(what_is_needed_besides_is_loaded),
        cmocka_unit_test(what_is_read_in_hbm_stays_until_then),
        cmocka_unit_test(a_short_load_is_not_mistaken_for_the_one_before),
        cmocka_unit_test(a_load_is_fetched_once),
        cmocka_unit_test(values_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

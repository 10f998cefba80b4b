/* Stowage: a tile may lie where another one lay that is no more; what a program computes does not change, and
   what nothing has set of a tile is NaN as at the tile's address. */
#include <math.h>

#include "machine/stowage.h"
#include "machine_support.h"

enum { PARTS = 128, COLUMNS = 128, ELEMS = PARTS * COLUMNS, TILE = 4 * COLUMNS, TURNS = 6, MOST = 5 * TURNS };

static ts_tile_life life(int space, uint32_t first, uint32_t last, int64_t address, bool is_set_whole) {
    return (ts_tile_life){.space = (uint8_t)space,
                          .is_set_whole = is_set_whole,
                          .first = first,
                          .last = last,
                          .address = address,
                          .bytes = TILE};
}

static ts_stowage *stowage_of(const ts_tile_life *lives, uint32_t count) {
    ts_chip chip = trn1();
    return ts_stowage_new(&chip, lives, count);
}

static void run_on(int threads, const ts_program *program, const ts_stowage *stowage, bool is_poisoned,
                   float *const *tensors) {
    ts_pool *pool = pool_of(threads);
    ts_machine *machine = machine_of(pool);
    ts_run run = {.data = (void *const *)tensors, .poison = is_poisoned, .stowage = stowage};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    ts_machine_free(machine);
    ts_pool_free(pool);
}

static void fill(float *data, uint64_t seed) {
    for (int i = 0; i < ELEMS; i++)
        data[i] = next_float(&seed);
}

/* ---- where tiles lie ---- */

/* Of a tile that nothing sets, what a store finds: the first tile's numbers where it lies there. */
static float found(bool is_said_whole, bool is_poisoned) {
    ts_program *program = program_of("tensor a: input 0 f32[128,128]\ntensor b: output 0 f32[128,128]\n"
                                     "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +4096 128] "
                                     "src=hbm.f32[a +0 128@128 128]\n"
                                     "sync.dma_copy queue=0 dst=hbm.f32[b +0 128@128 128] "
                                     "src=sbuf.f32[p0:128 +8192 128]\n");
    const ts_tile_life lives[] = {life(ts_space_sbuf, 1, 1, 8192, is_said_whole),
                                  life(ts_space_sbuf, 0, 0, 4096, true)};
    ts_stowage *stowage = stowage_of(lives, 2);
    assert_non_null(stowage);
    float *data[2] = {malloc(ELEMS * sizeof(float)), malloc(ELEMS * sizeof(float))};
    for (int i = 0; i < ELEMS; i++)
        data[0][i] = 7;
    run_on(1, program, stowage, is_poisoned, data);
    float value = data[1][ELEMS - 1];
    for (int i = 0; i < 2; i++)
        free(data[i]);
    ts_stowage_free(stowage);
    ts_program_free(program);
    return value;
}

static void a_tile_lies_where_one_lay_that_is_no_more(void **state) {
    (void)state;
    assert_true(found(true, false) == 7);
}

static void what_is_not_set_as_a_whole_lies_apart(void **state) {
    (void)state;
    assert_true(found(false, false) == 0);
    assert_true(isnan(found(false, true)));
}

static void tiles_that_share_bytes_are_refused(void **state) {
    (void)state;
    const ts_tile_life together[] = {life(ts_space_sbuf, 0, 3, 64, true),
                                     life(ts_space_sbuf, 3, 5, 128, true)};
    const ts_tile_life in_turn[] = {life(ts_space_sbuf, 0, 2, 64, true),
                                    life(ts_space_sbuf, 3, 5, 128, true)};
    const ts_tile_life apart[] = {life(ts_space_sbuf, 0, 3, 64, true), life(ts_space_psum, 3, 5, 64, true)};
    const ts_tile_life beyond[] = {life(ts_space_psum, 0, 3, (int64_t)trn1().psum_partition_bytes, true)};
    assert_null(stowage_of(together, 2));
    assert_null(stowage_of(beyond, 1));
    ts_stowage *made = stowage_of(in_turn, 2);
    assert_non_null(made);
    ts_stowage_free(made);
    made = stowage_of(apart, 2);
    assert_non_null(made);
    ts_stowage_free(made);
}

/* ---- what a run computes ---- */

typedef struct text {
    char code[7000];
    size_t used;
    uint32_t position;
} text;

static void add(text *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    t->used += (size_t)vsnprintf(t->code + t->used, sizeof t->code - t->used, format, arguments);
    va_end(arguments);
    t->position++;
}

/* total = a.T @ b + total, turn by turn, on tiles at new addresses: loads that may come before a product is
   done with what lies where they go. */
static ts_program *sum_of_products(ts_tile_life *lives, uint32_t *count) {
    text t = {0};
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        const int64_t a = 4096 + 3 * TILE * turn, b = a + TILE, c = b + TILE;
        const unsigned bank = 2048 * (turn % 4), from = t.position;
        add(&t, "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +%lld 128] src=hbm.f32[a +0 128@128 128]\n",
            (long long)a);
        add(&t, "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +%lld 128] src=hbm.f32[%s +0 128@128 128]\n",
            (long long)b, turn ? "c" : "b");
        add(&t,
            "tensor.nc_matmul dst=psum.f32[p0:128 +%u 128] stationary=sbuf.f32[p0:128 +%lld 128] "
            "moving=sbuf.f32[p0:128 +%lld 128]\n",
            bank, (long long)a, (long long)b);
        add(&t, "vector.tensor_copy dst=sbuf.f32[p0:128 +%lld 128] src=psum.f32[p0:128 +%u 128]\n",
            (long long)c, bank);
        add(&t, "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@128 128] src=sbuf.f32[p0:128 +%lld 128]\n",
            (long long)c);
        lives[(*count)++] = life(ts_space_sbuf, from, from + 2, a, true);
        lives[(*count)++] = life(ts_space_sbuf, from + 1, from + 2, b, true);
        lives[(*count)++] = life(ts_space_psum, from + 2, from + 3, bank, true);
        lives[(*count)++] = life(ts_space_sbuf, from + 3, from + 4, c, true);
    }
    return program_of("tensor a: input 0 f32[128,128]\ntensor b: input 1 f32[128,128]\n"
                      "tensor c: output 0 f32[128,128]\n%s",
                      t.code);
}

static void a_run_computes_the_same(void **state) {
    (void)state;
    ts_tile_life lives[MOST];
    uint32_t count = 0;
    ts_program *program = sum_of_products(lives, &count);
    ts_stowage *stowage = stowage_of(lives, count);
    assert_non_null(stowage);
    float *data[4];
    for (int i = 0; i < 4; i++)
        fill(data[i] = malloc(ELEMS * sizeof(float)), (uint64_t)i);
    run_on(1, program, NULL, true, (float *[]){data[0], data[1], data[2]});
    for (int threads = 1; threads <= 5; threads += 2) {
        run_on(threads, program, stowage, true, (float *[]){data[0], data[1], data[3]});
        assert_memory_equal(data[2], data[3], ELEMS * sizeof(float));
        memset(data[3], 0, ELEMS * sizeof(float));
    }
    for (int i = 0; i < 4; i++)
        free(data[i]);
    ts_stowage_free(stowage);
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_lies_where_one_lay_that_is_no_more),
        cmocka_unit_test(what_is_not_set_as_a_whole_lies_apart),
        cmocka_unit_test(tiles_that_share_bytes_are_refused),
        cmocka_unit_test(a_run_computes_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

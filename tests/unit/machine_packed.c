/* Stationary operands that stay packed: a product always uses what its operand holds at that time, for any
   number of threads. Numbers are small integers, so that sums are exact in any order. */
#include "machine_support.h"

enum { PARTS = 128, COLUMNS = 512, ELEMS = PARTS * COLUMNS };

/* Ones and zeros: at +0 the stationary operands, at +2048 the moving one. The result lies in PSUM. */
#define BEGIN                                                                                                \
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +4096 512] src=hbm.f32[a +0 128@512 512]\n"                   \
    "vector.tensor_scalar dst=sbuf.f32[p0:128 +0 512] data=sbuf.f32[p0:128 +4096 512] op0=is_gt "            \
    "operand0=0\n"                                                                                           \
    "vector.tensor_scalar dst=sbuf.f32[p0:128 +2048 512] data=sbuf.f32[p0:128 +4096 512] op0=is_gt "         \
    "operand0=0\n"                                                                                           \
    "vector.memset dst=psum.f32[p0:128 +0 512] value=0\n"
#define END                                                                                                  \
    "vector.tensor_copy dst=sbuf.f32[p0:128 +4096 512] src=psum.f32[p0:128 +0 512]\n"                        \
    "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +4096 512]\n"

/* Products of `count` stationary operands in turn, added to the same sums. */
#define PRODUCTS(count, offset)                                                                              \
    "  loop %j = " count "\n"                                                                                \
    "    tensor.nc_matmul dst=psum.f32[p0:128 +0 512] stationary=sbuf.f32[p0:128 " offset " 128] "           \
    "moving=sbuf.f32[p0:128 +0 512] accumulate=always\n"                                                     \
    "  end %j\n"

static bool is_one(const float *a, int k, int column) {
    return a[k * COLUMNS + column] > 0;
}

/* c[p][i] = sum over k of weight(a, k, p) where a[k][i] > 0 */
static void check(const char *code, int (*weight)(const float *a, int k, int p)) {
    ts_program *program =
        program_of("tensor a: input 0 f32[128,512]\ntensor c: output 0 f32[128,512]\n%s", code);
    float *data[2];
    uint64_t state = 11;
    for (int i = 0; i < 2; i++)
        data[i] = malloc(ELEMS * sizeof(float));
    for (int i = 0; i < ELEMS; i++)
        data[0][i] = next_float(&state) - 0.5f;
    for (int threads = 1; threads <= 4; threads++) {
        ts_pool *pool = pool_of(threads);
        ts_machine *machine = machine_of(pool);
        ts_run run = {.data = (void *const *)data, .poison = true};
        assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
        for (int p = 0; p < PARTS; p++) {
            int of_k[PARTS];
            for (int k = 0; k < PARTS; k++)
                of_k[k] = weight(data[0], k, p);
            for (int i = 0; i < COLUMNS; i++) {
                int sum = 0;
                for (int k = 0; k < PARTS; k++)
                    sum += is_one(data[0], k, i) * of_k[k];
                assert_true(data[1][p * COLUMNS + i] == (float)sum);
            }
        }
        ts_machine_free(machine);
        ts_pool_free(pool);
    }
    for (int i = 0; i < 2; i++)
        free(data[i]);
    ts_program_free(program);
}

/* After round r column r of operand r holds threes. */
enum { ROUNDS = 4 };
static int of_changed(const float *a, int k, int p) {
    int sum = 0;
    for (int j = 0; j < ROUNDS; j++)
        for (int round = 0; round < ROUNDS; round++)
            sum += p == j && round > j ? 3 : is_one(a, k, j * PARTS + p);
    return sum;
}

static void what_changes_between_is_packed_anew(void **state) {
    (void)state;
    check(BEGIN "loop %r = 4\n" PRODUCTS(
              "4", "+2048+512*%j") "  vector.memset dst=sbuf.f32[p0:128 +2048+516*%r 1] value=3\n"
                                   "end %r\n" END,
          of_changed);
}

/* The same through a DMA into one partition of operand r. */
static int of_partition(const float *a, int k, int p) {
    int sum = 0;
    for (int j = 0; j < ROUNDS; j++)
        sum += k == 5 ? (j + 1) * is_one(a, 5, j * PARTS + p) + (ROUNDS - 1 - j) * is_one(a, 6, j * PARTS + p)
                      : ROUNDS * is_one(a, k, j * PARTS + p);
    return sum;
}

static void one_partition_is_enough(void **state) {
    (void)state;
    check(BEGIN "loop %r = 4\n" PRODUCTS(
              "4", "+2048+512*%j") "  sync.dma_copy queue=0 dst=sbuf.f32[p5:1 +2048+512*%r 128] "
                                   "src=sbuf.f32[p6:1 +2048+512*%r 128]\n"
                                   "end %r\n" END,
          of_partition);
}

/* Operands each a column after the one before; those from OTHERS on come after the first ones have come back.
   Together they are more than are kept. */
enum { MANY = 150, OTHERS = 100, CHANGED = 120, SOME = 8 };
static int of_many(const float *a, int k, int p) {
    int sum = 0;
    for (int j = 0; j < OTHERS + MANY; j++) {
        const int old = is_one(a, k, j + p),
                  new = j + p >= CHANGED &&j + p < CHANGED + SOME ? 2 : is_one(a, k, j + p);
        sum += (j < MANY) * (2 * old + new) + (j >= OTHERS) * 2 * new;
    }
    return sum;
}

static void more_than_are_kept(void **state) {
    (void)state;
    check(BEGIN "loop %r = 2\n" PRODUCTS(
              "150", "+2048+4*%j") "end %r\n"
                                   "vector.memset dst=sbuf.f32[p0:128 +2528 8] value=2\n" PRODUCTS(
                                       "150",
                                       "+2048+4*%j") "loop %s = 2\n" PRODUCTS("150",
                                                                              "+2448+4*%j") "end %s\n" END,
          of_many);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_changes_between_is_packed_anew),
                                       cmocka_unit_test(one_partition_is_enough),
                                       cmocka_unit_test(more_than_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

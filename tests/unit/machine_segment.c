/* Segments: instructions that wait to run together give what they give one by one, for any number of threads.
   The programs have dependences across partitions that a run must not miss: rows are reversed on their way
   through HBM, or move between partitions. */
#include <math.h>

#include "machine_support.h"

enum { PARTS = 128, COLUMNS = 512, ELEMS = PARTS * COLUMNS };

#define FROM_A "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 512] src=hbm.f32[a +0 128@512 512]\n"
#define TWICE                                                                                                \
    "vector.tensor_scalar dst=sbuf.f32[p0:128 +2048 512] data=sbuf.f32[p0:128 +0 512] op0=multiply "         \
    "operand0=2\n"
#define TO_B     "sync.dma_copy queue=0 dst=hbm.f32[b +0 128@512 512] src=sbuf.f32[p0:128 +2048 512]\n"
#define B_TURNED "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +4096 512] src=hbm.f32[b +65024 128@-512 512]\n"
#define PLUS_ONE                                                                                             \
    "vector.tensor_scalar dst=sbuf.f32[p0:128 +6144 512] data=sbuf.f32[p0:128 +4096 512] op0=add "           \
    "operand0=1\n"
#define TO_C "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +6144 512]\n"

static void run_on(int threads, const ts_program *program, float *const *tensors) {
    ts_pool *pool = pool_of(threads);
    ts_machine *machine = machine_of(pool);
    ts_run run = {.data = (void *const *)tensors, .poison = true};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    ts_machine_free(machine);
    ts_pool_free(pool);
}

/* c[p][i] = expected(a, p, i) */
static void check(const char *code, float (*expected)(const float *a, int p, int i)) {
    ts_program *program = program_of("tensor a: input 0 f32[128,512]\ntensor b: output 0 f32[128,512]\n"
                                     "tensor c: output 1 f32[128,512]\n%s",
                                     code);
    float *data[3];
    for (int i = 0; i < 3; i++)
        data[i] = malloc(ELEMS * sizeof(float));
    for (int threads = 1; threads <= 5; threads += 2) {
        uint64_t state = 7;
        for (int i = 0; i < ELEMS; i++) {
            data[0][i] = next_float(&state);
            data[1][i] = data[2][i] = -9;
        }
        run_on(threads, program, data);
        for (int p = 0; p < PARTS; p++)
            for (int i = 0; i < COLUMNS; i++)
                assert_true(data[2][p * COLUMNS + i] == expected(data[0], p, i));
    }
    for (int i = 0; i < 3; i++)
        free(data[i]);
    ts_program_free(program);
}

static float turned(const float *a, int p, int i) {
    return 2 * a[(PARTS - 1 - p) * COLUMNS + i] + 1;
}

static void a_load_waits_for_stores_of_other_partitions(void **state) {
    (void)state;
    check(FROM_A TWICE TO_B B_TURNED PLUS_ONE TO_C, turned);
}

static void a_store_waits_for_loads_of_other_partitions(void **state) {
    (void)state;
    check(FROM_A TWICE TO_B B_TURNED
          "vector.memset dst=sbuf.f32[p0:128 +2048 512] value=5\n" TO_B PLUS_ONE TO_C,
          turned);
}

static float of_two_stores(const float *a, int p, int i) {
    return i < COLUMNS / 2 ? 2 * a[p * COLUMNS + i] : a[(PARTS - 1 - p) * COLUMNS + i];
}

static void stores_keep_their_order(void **state) {
    (void)state;
    check(FROM_A TWICE
          "sync.dma_copy queue=0 dst=hbm.f32[c +65024 128@-512 512] src=sbuf.f32[p0:128 +0 512]\n"
          "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 256] src=sbuf.f32[p0:128 +2048 256]\n",
          of_two_stores);
}

static float in_place(const float *a, int p, int i) {
    return 4 * a[p * COLUMNS + i];
}

static void rows_are_updated_in_place(void **state) {
    (void)state;
    check(FROM_A TWICE TO_B
          "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 512] src=hbm.f32[b +0 128@512 512]\n" TWICE
          "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +2048 512]\n",
          in_place);
}

static float moved(const float *a, int p, int i) {
    return 2 * a[(p < 32 ? p + 64 : p) * COLUMNS + i];
}

static void what_crosses_partitions_waits(void **state) {
    (void)state;
    check(FROM_A TWICE "vector.tensor_copy dst=sbuf.f32[p0:32 +2048 512] src=sbuf.f32[p64:32 +2048 512]\n"
                       "vector.memset dst=sbuf.f32[p64:32 +0 512] value=3\n"
                       "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +2048 512]\n",
          moved);
}

static void many_instructions_fill_segments(void **state) {
    (void)state;
    check(FROM_A
          "vector.memset dst=sbuf.f32[p0:128 +2048 512] value=0\nloop %i = 200\n"
          "  vector.tensor_tensor dst=sbuf.f32[p0:128 +2048 512] data1=sbuf.f32[p0:128 +2048 512] "
          "data2=sbuf.f32[p0:128 +0 512] op=max\nend %i\n"
          "vector.tensor_scalar dst=sbuf.f32[p0:128 +2048 512] data=sbuf.f32[p0:128 +0 512] op0=multiply "
          "operand0=4\nsync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +2048 512]\n",
          in_place);
}

/* ---- reads across partitions ---- */

static float of_squares(const float *a, int p, int i) {
    return 2 * a[(i % PARTS) * COLUMNS + i / PARTS * PARTS + p];
}

/* A transpose reads what was just written and is written again afterwards. */
static void what_is_turned_waits_for_its_writer_and_is_kept(void **state) {
    (void)state;
    check(FROM_A TWICE
          "loop %i = 4\n"
          "  tensor.nc_transpose dst=psum.f32[p0:128 +512*%i 128] data=sbuf.f32[p0:128 +2048+512*%i 128]\n"
          "end %i\n"
          "vector.memset dst=sbuf.f32[p0:128 +2048 512] value=5\n"
          "vector.tensor_copy dst=sbuf.f32[p0:128 +6144 512] src=psum.f32[p0:128 +0 512]\n"
          "vector.memset dst=psum.f32[p0:128 +0 512] value=6\n" TO_C,
          of_squares);
}

static float of_product(const float *a, int p, int i) {
    float sum = 0;
    for (int k = 0; k < PARTS && i < 48; k++)
        sum = fmaf(2 * a[k * COLUMNS + p], a[k * COLUMNS + i], sum);
    return i < 48 ? sum + sum : a[p * COLUMNS + i];
}

/* Two products are added; their operands were just written and are written again afterwards. */
static void operands_of_products_wait_for_their_writers_and_are_kept(void **state) {
    (void)state;
    check(FROM_A TWICE "loop %i = 2\n"
                       "  tensor.nc_matmul dst=psum.f32[p0:128 +0 48] stationary=sbuf.f32[p0:128 +2048 128] "
                       "moving=sbuf.f32[p0:128 +0 48] accumulate=unless_first(%i)\n"
                       "end %i\n"
                       "vector.memset dst=sbuf.f32[p0:128 +2048 128] value=5\n"
                       "vector.tensor_copy dst=sbuf.f32[p0:128 +0 48] src=psum.f32[p0:128 +0 48]\n"
                       "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +0 512]\n",
          of_product);
}

static float of_counts(const float *a, int p, int i) {
    int count = 0;
    for (int k = 0; k < 4 * PARTS && p < 16; k++) {
        const float *row = a + k % PARTS * COLUMNS;
        count += row[k / PARTS * 16 + p] > 0 && row[i] > 0;
    }
    return p < 16 ? (float)count : a[p * COLUMNS + i];
}

/* Products of bf16, which are packed in pairs where the CPU multiplies pairs, with few rows, which threads
   share. */
static void few_rows_of_pairs_are_shared(void **state) {
    (void)state;
    check(FROM_A
          "vector.tensor_scalar dst=sbuf.bf16[p0:128 +2048 512] data=sbuf.f32[p0:128 +0 512] op0=is_gt "
          "operand0=0\n"
          "loop %i = 4\n"
          "  tensor.nc_matmul dst=psum.f32[p0:16 +0 512] stationary=sbuf.bf16[p0:128 +2048+32*%i 16] "
          "moving=sbuf.bf16[p0:128 +2048 512] accumulate=unless_first(%i)\n"
          "end %i\n"
          "vector.tensor_copy dst=sbuf.f32[p0:16 +0 512] src=psum.f32[p0:16 +0 512]\n"
          "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +0 512]\n",
          of_counts);
}

static float of_both_counts(const float *a, int p, int i) {
    int count = 0;
    for (int k = 0; k < PARTS; k++) {
        const float *row = a + k * COLUMNS;
        count += (row[i] > 0) * (200 * (row[p] > 0) + (row[PARTS + p] > 0));
    }
    return (float)count;
}

/* A sum of large products, which threads share by columns, with others between them, shared by rows. A thread
   that is ahead must not overwrite packed words that another one still reads. */
static void products_shared_both_ways_keep_apart(void **state) {
    (void)state;
    check(FROM_A
          "vector.tensor_scalar dst=sbuf.bf16[p0:128 +2048 512] data=sbuf.f32[p0:128 +0 512] op0=is_gt "
          "operand0=0\n"
          "loop %i = 200\n"
          "  tensor.nc_matmul dst=psum.f32[p0:128 +0 512] stationary=sbuf.bf16[p0:128 +2048 128] "
          "moving=sbuf.bf16[p0:128 +2048 512] accumulate=unless_first(%i)\n"
          "  tensor.nc_matmul dst=psum.f32[p0:128 +2048 512] stationary=sbuf.bf16[p0:128 +2304 128] "
          "moving=sbuf.bf16[p0:128 +2048 512]\n"
          "end %i\n"
          "vector.tensor_copy dst=sbuf.f32[p0:128 +0 512] src=psum.f32[p0:128 +0 512]\n"
          "vector.tensor_tensor dst=sbuf.f32[p0:128 +0 512] data1=sbuf.f32[p0:128 +0 512] "
          "data2=psum.f32[p0:128 +2048 512] op=add\n"
          "sync.dma_copy queue=0 dst=hbm.f32[c +0 128@512 512] src=sbuf.f32[p0:128 +0 512]\n",
          of_both_counts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_waits_for_stores_of_other_partitions),
        cmocka_unit_test(a_store_waits_for_loads_of_other_partitions),
        cmocka_unit_test(stores_keep_their_order),
        cmocka_unit_test(rows_are_updated_in_place),
        cmocka_unit_test(what_crosses_partitions_waits),
        cmocka_unit_test(many_instructions_fill_segments),
        cmocka_unit_test(what_is_turned_waits_for_its_writer_and_is_kept),
        cmocka_unit_test(operands_of_products_wait_for_their_writers_and_are_kept),
        cmocka_unit_test(few_rows_of_pairs_are_shared),
        cmocka_unit_test(products_shared_both_ways_keep_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Stochastic rounding on the machine: results are one of the two neighbours, fair over many elements; the
   bits are the same for any number of threads and on every rerun with one seed, and differ in the next run
   and with another seed. */
#include <math.h>

#include "machine_support.h"

enum { PARTS = 128, COLUMNS = 600, ELEMS = PARTS * COLUMNS };

static const char copy_program[] =
    "tensor x: input 0 f32[128,600]\ntensor y: output 0 bf16[128,600]\ntensor z: output 1 bf16[128,600]\n"
    "tensor w: output 2 bf16[128,600]\n"
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 600] src=hbm.f32[x +0 76800]\n"
    "vector.tensor_copy dst=sbuf.bf16[p0:128 +4096 600] src=sbuf.f32[p0:128 +0 600]\n"
    "scalar.activation dst=sbuf.bf16[p0:128 +8192 600] func=copy data=sbuf.f32[p0:128 +0 600] scale=1\n"
    "sync.dma_copy queue=1 dst=hbm.bf16[y +0 76800] src=sbuf.bf16[p0:128 +4096 600]\n"
    "sync.dma_copy queue=1 dst=hbm.bf16[z +0 76800] src=sbuf.bf16[p0:128 +8192 600]\n"
    "sync.dma_copy queue=1 dst=hbm.bf16[w +0 76800] src=sbuf.f32[p0:128 +0 600]\n";

typedef struct result {
    uint16_t vector[ELEMS], scalar[ELEMS], dma[ELEMS];
} result;

static void run_seed(ts_machine *machine, const ts_program *program, const float *x, uint32_t seed,
                     result *r) {
    ts_run run = {.data = (void *[]){(void *)(uintptr_t)x, r->vector, r->scalar, r->dma},
                  .rounding = ts_rounding_stochastic,
                  .rounding_seed = seed};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
}

/* Numbers all along the way from 1 to the next bf16 number, of both signs. */
static float *make_input(void) {
    float *x = malloc(ELEMS * sizeof *x);
    for (int i = 0; i < ELEMS; i++) {
        uint32_t bits = 0x3f800000u | (uint32_t)(i / 2 * 2654435761u >> 16);
        memcpy(&x[i], &bits, sizeof bits);
        if (i & 1) x[i] = -x[i];
    }
    return x;
}

/* Over n elements, the number rounded up minus the sum of shares s has variance sum s (1 - s), here n / 6; it
   must be within 5 sigma. */
static void check_fair(const float *x, const uint16_t *y) {
    double excess = 0;
    for (int i = 0; i < ELEMS; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        uint32_t step = (uint32_t)y[i] - (bits >> 16);
        assert_true(step == 0 || (step == 1 && (bits & 0xffff)));
        excess += step - (bits & 0xffff) / 65536.0;
    }
    assert_true(fabs(excess) < 5 * sqrt(ELEMS / 6.0));
}

static double differing(const uint16_t *a, const uint16_t *b) {
    int count = 0;
    for (int i = 0; i < ELEMS; i++)
        count += a[i] != b[i];
    return (double)count / ELEMS;
}

static void rounding_is_fair(void **state) {
    (void)state;
    ts_program *program = program_of("%s", copy_program);
    ts_machine *machine = machine_of(NULL);
    float *x = make_input();
    result *r = malloc(sizeof *r);
    run_seed(machine, program, x, 0, r);
    check_fair(x, r->vector);
    check_fair(x, r->scalar);
    check_fair(x, r->dma);
    /* Words of different instructions are independent: two uniform shares differ in 2 s (1 - s), a third. */
    assert_true(fabs(differing(r->vector, r->scalar) - 1.0 / 3) < 0.01);
    assert_true(fabs(differing(r->vector, r->dma) - 1.0 / 3) < 0.01);
    free(r);
    free(x);
    ts_machine_free(machine);
    ts_program_free(program);
}

static void seed_and_run_decide(void **state) {
    (void)state;
    ts_program *program = program_of("%s", copy_program);
    float *x = make_input();
    result *first = malloc(sizeof *first), *other = malloc(sizeof *other), *again = malloc(sizeof *again);
    for (int threads = 1; threads <= 3; threads++) {
        ts_pool *pool = pool_of(threads);
        ts_machine *machine = machine_of(pool);
        run_seed(machine, program, x, 7, threads == 1 ? first : again);
        if (threads > 1) assert_memory_equal(first, again, sizeof *first);
        run_seed(machine, program, x, 7, again); /* the second run of a machine has other random words */
        assert_true(fabs(differing(first->vector, again->vector) - 1.0 / 3) < 0.01);
        if (threads > 1) assert_memory_equal(other, again, sizeof *other);
        memcpy(other, again, sizeof *other);
        ts_machine_free(machine);
        ts_pool_free(pool);
    }
    ts_machine *machine = machine_of(NULL);
    run_seed(machine, program, x, 8, other);
    assert_true(fabs(differing(first->vector, other->vector) - 1.0 / 3) < 0.01);
    free(first);
    free(other);
    free(again);
    free(x);
    ts_machine_free(machine);
    ts_program_free(program);
}

/* Adding 1 / 1024 a thousand times to 1 in bf16 leaves 1 if sums are rounded to nearest; with stochastic
   rounding it reaches the sum, but for noise. */
static void small_updates_survive(void **state) {
    (void)state;
    ts_program *program =
        program_of("tensor y: output 0 f32[128]\n"
                   "vector.memset dst=sbuf.bf16[p0:128 +0 1] value=1\n"
                   "loop %%i = 1000\n"
                   "  vector.tensor_scalar dst=sbuf.bf16[p0:128 +0 1] data=sbuf.bf16[p0:128 +0 1] op0=add "
                   "operand0=0.0009765625\n"
                   "end %%i\n"
                   "vector.tensor_copy dst=sbuf.f32[p0:128 +64 1] src=sbuf.bf16[p0:128 +0 1]\n"
                   "sync.dma_copy queue=0 dst=hbm.f32[y +0 128] src=sbuf.f32[p0:128 +64 1]\n");
    ts_machine *machine = machine_of(NULL);
    float y[PARTS];
    double mean = 0;
    ts_run run = {.data = (void *[]){y}};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    for (int i = 0; i < PARTS; i++)
        assert_true(y[i] == 1);
    run.rounding = ts_rounding_stochastic;
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    for (int i = 0; i < PARTS; i++)
        mean += y[i] / PARTS;
    /* 1000 steps, each up by 1/128 with probability 1/8: sigma of one sum 0.082, of the mean 0.0072. */
    assert_true(fabs(mean - (1 + 1000.0 / 1024)) < 5 * 0.0072);
    ts_machine_free(machine);
    ts_program_free(program);
}

/* A DMA that adds twice to one place draws two words. */
static void repeated_additions_are_independent(void **state) {
    (void)state;
    ts_program *program =
        program_of("tensor x: input 0 f32[1000]\ntensor y: output 0 bf16[1]\n"
                   "gpsimd.dma_copy queue=3 dst=hbm.bf16[y +0 1000@0] src=hbm.f32[x +0 1000] rmw=add\n");
    ts_machine *machine = machine_of(NULL);
    float x[1000], sum;
    for (int i = 0; i < 1000; i++)
        x[i] = 0x1p-10f;
    uint16_t y = 0x3f80;
    ts_run run = {.data = (void *[]){x, &y}, .rounding = ts_rounding_stochastic};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    ts_dtype_widen(ts_dtype_bf16, &y, &sum, 1);
    assert_true(fabsf(sum - 1.9765625f) < 5 * 0.082f);
    ts_machine_free(machine);
    ts_program_free(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_fair),
        cmocka_unit_test(seed_and_run_decide),
        cmocka_unit_test(small_updates_survive),
        cmocka_unit_test(repeated_additions_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* nc_matmul against a plain triple loop, bit for bit, on odd shapes, in every form of operand. */
#include "machine_support.h"

#include "machine/engine.h"

enum { MAX_K = 128, MAX_M = 128, MAX_N = 512 };

typedef struct operands {
    float a[MAX_K * MAX_M], b[MAX_K * MAX_N], out[MAX_M * MAX_N], expected[MAX_M * MAX_N];
} operands;

static void fill(operands *o, int k, int m, int n) {
    uint64_t random = (uint64_t)(k * 1000003 + m * 1009 + n);
    for (int i = 0; i < k * m; i++)
        o->a[i] = next_float(&random);
    for (int i = 0; i < k * n; i++)
        o->b[i] = next_float(&random);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            volatile float sum = 0;
            for (int x = 0; x < k; x++) {
                volatile float product = o->a[x * m + i] * o->b[x * n + j];
                sum = sum + product;
            }
            o->expected[i * n + j] = sum;
        }
}

static void check(const char *what, const operands *o, int k, int m, int n, bool is_doubled) {
    for (int i = 0; i < m * n; i++) {
        float expected = is_doubled ? o->expected[i] + o->expected[i] : o->expected[i];
        if (memcmp(&o->out[i], &expected, sizeof expected) == 0) continue;
        fail_msg("%s K=%d M=%d N=%d: out[%d][%d] is %a, expected %a", what, k, m, n, i / n, i % n,
                 (double)o->out[i], (double)expected);
    }
}

/* Loads a and b, multiplies twice (overwrite, then add), copies out. `step`: of the operands on chip. */
static void run_shape(ts_machine *machine, operands *o, int k, int m, int n, int step) {
    ts_program *program = program_of(
        "tensor a: input 0 f32[%d,%d]\ntensor b: input 1 f32[%d,%d]\ntensor y: output 0 f32[%d,%d]\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:%d +0 %d@%d] src=hbm.f32[a +0 %d]\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:%d +4096 %d@%d] src=hbm.f32[b +0 %d]\n"
        "loop %%i = 2\n"
        "  tensor.nc_matmul dst=psum.f32[p0:%d +2048 %d] stationary=sbuf.f32[p0:%d +0 %d@%d] "
        "moving=sbuf.f32[p0:%d +4096 %d@%d] accumulate=unless_first(%%i)\n"
        "end %%i\n"
        "vector.tensor_copy dst=sbuf.f32[p0:%d +16384 %d] src=psum.f32[p0:%d +2048 %d]\n"
        "sync.dma_copy queue=1 dst=hbm.f32[y +0 %d] src=sbuf.f32[p0:%d +16384 %d]\n",
        k, m, k, n, m, n, k, m, step, k * m, k, n, step, k * n, m, n, k, m, step, k, n, step, m, n, m, n,
        m * n, m, n);
    ts_run_stats stats;
    ts_run run = {.data = (void *[]){o->a, o->b, o->out}, .poison = true, .stats = &stats};
    memset(o->out, 0xff, sizeof o->out);
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    assert_int_equal(stats.pe_flops, 4 * (uint64_t)k * (uint64_t)m * (uint64_t)n);
    check(step == 1 ? "in place" : "strided", o, k, m, n, true);
    ts_program_free(program);
}

static void odd_shapes_match_the_triple_loop(void **state) {
    (void)state;
    static const int sizes[] = {1, 3, 64, 127, 128}, columns[] = {1, 7, 8, 17, 511, 512};
    static const int threads[] = {1, 3};
    operands *o = malloc(sizeof *o);
    for (int t = 0; t < 2; t++) {
        ts_pool *pool = pool_of(threads[t]);
        ts_machine *machine = machine_of(pool);
        for (int i = 0; i < 5; i++)
            for (int j = 0; j < 5; j++)
                for (int c = 0; c < 6; c++) {
                    fill(o, sizes[i], sizes[j], columns[c]);
                    run_shape(machine, o, sizes[i], sizes[j], columns[c], 1);
                    if (i == 4 || j == 1) run_shape(machine, o, sizes[i], sizes[j], columns[c], 2);
                }
        ts_machine_free(machine);
        ts_pool_free(pool);
    }
    free(o);
}

/* Vectors of 4, 8 and 16 lanes give the same bits, as far as this CPU has them. */
static void every_vector_width_agrees(void **state) {
    (void)state;
    static const int shapes[][3] = {{1, 1, 1},    {5, 13, 33}, {128, 128, 512},
                                    {128, 7, 31}, {64, 6, 64}, {127, 11, 129}};
    operands *o = malloc(sizeof *o);
    for (int lanes = 4; lanes <= ts_gemm_lanes(); lanes *= 2)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            int k = shapes[s][0], m = shapes[s][1], n = shapes[s][2];
            fill(o, k, m, n);
            ts_gemm gemm = {.a = o->a,
                            .b = o->b,
                            .out = o->out,
                            .a_pitch = m,
                            .b_pitch = n,
                            .out_pitch = n,
                            .k = k,
                            .m = m,
                            .n = n,
                            .lanes = lanes};
            for (int64_t tile = 0; tile < ts_gemm_tiles(&gemm); tile++)
                ts_gemm_run(&gemm, tile, tile + 1);
            check("one tile a call", o, k, m, n, false);
            gemm.is_added = true;
            ts_gemm_run(&gemm, 0, ts_gemm_tiles(&gemm));
            check("added", o, k, m, n, true);
        }
    print_message("vectors of up to %d floats\n", ts_gemm_lanes());
    free(o);
}

/* More rows than any NeuronCore has (a what-if chip): the edge has no padded copy then. */
static void many_rows(void **state) {
    (void)state;
    enum { K = 300, M = 7, N = 19 };
    static float a[K * M], b[K * N], out[M * N];
    uint64_t random = 3;
    for (int i = 0; i < K * M; i++)
        a[i] = next_float(&random);
    for (int i = 0; i < K * N; i++)
        b[i] = next_float(&random);
    ts_gemm gemm = {.a = a,
                    .b = b,
                    .out = out,
                    .a_pitch = M,
                    .b_pitch = N,
                    .out_pitch = N,
                    .k = K,
                    .m = M,
                    .n = N,
                    .lanes = ts_gemm_lanes()};
    ts_gemm_run(&gemm, 0, ts_gemm_tiles(&gemm));
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            volatile float sum = 0;
            for (int k = 0; k < K; k++) {
                volatile float product = a[k * M + i] * b[k * N + j];
                sum = sum + product;
            }
            assert_true(out[i * N + j] == sum);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_shapes_match_the_triple_loop),
        cmocka_unit_test(every_vector_width_agrees),
        cmocka_unit_test(many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

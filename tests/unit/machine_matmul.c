/* nc_matmul against a plain triple loop with the C library's fmaf, bit for bit: every kernel that this CPU
   has, odd shapes, every form of operand, and numbers at the edges. */
#include "machine_support.h"

#include <math.h>

#include "machine/gemm.h"

enum { MAX_K = 128, MAX_M = 128, MAX_N = 512, A_AT = 5, B_AT = 9, GUARD = 0x5eafbeef };

/* Operands and result, with rows between gaps whose bytes must not change. */
typedef struct operands {
    float a[MAX_K * (MAX_M + 16)], b[MAX_K * (MAX_N + 16)], out[MAX_M * (MAX_N + 16)],
        expected[MAX_M * MAX_N];
    uint16_t half_a[MAX_K * (MAX_M + 16)], half_b[MAX_K * (MAX_N + 16)];
    union {
        float word[MAX_M * (MAX_K + 5)];
        uint16_t half[MAX_M * (MAX_K + 5)];
    } turned;
    uint32_t a_packed[(MAX_K + 32) * (MAX_M + 32)], b_packed[(MAX_K + 32) * 2 * (MAX_N + 32)];
} operands;

typedef enum numbers { ordinary, edges, count_of_numbers } numbers;

static float bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A random number, exact in bf16, so that it serves both kinds of word. Edges: subnormal and tiny numbers,
   whose products are subnormal, zeros of both signs, the largest number, and a NaN or infinity here and
   there. */
static float number(numbers kind, uint64_t *random) {
    static const uint32_t special[] = {0x7f800000, 0xff800000, 0x7fc10000, 0xffa50000,
                                       0x7f7f0000, 0x80000000, 0};
    uint32_t bits = next_random(random), sign = bits << 31, mantissa = bits & 0x7f0000;
    if (kind == ordinary) return bits_float(sign | (0x3c000000 + (bits & 0x7ff0000)));
    if (bits % 61 == 0) return bits_float(special[bits / 61 % 7]);
    if (bits % 5 == 0) return bits_float(sign | mantissa);
    if (bits % 5 == 1) return bits_float(sign | 0x20000000 | mantissa);
    return bits_float(sign | (0x1f000000 + (bits & 0xff0000)));
}

/* In which order a kernel adds: as gemm.h defines, by pairs, or by blocks. */
typedef enum arithmetic { as_defined, pairs, blocks } arithmetic;

static arithmetic arithmetic_of(const ts_gemm_kernel *kernel) {
    return !kernel->is_paired ? as_defined : kernel->block ? blocks : pairs;
}

static float flushed(float value, bool is_flushed) {
    return is_flushed && fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value;
}

static float fused(float a, float b, float sum, bool is_flushed) {
    return flushed(fmaf(flushed(a, is_flushed), flushed(b, is_flushed), sum), is_flushed);
}

/* The reference. vdpbf16ps adds pairs of products, the last padded with zeros if k is odd; tdpbf16ps adds
   blocks of 32, padded likewise, in which even and odd k are separate chains. */
static float product(const float *a, int64_t a_pitch, const float *b, int64_t b_pitch, int64_t k,
                     arithmetic how) {
    enum { BLOCK = 32 };
    float sum = 0;
    for (int64_t i = 0; how != blocks && i < k; i++)
        sum = fused(a[i * a_pitch], b[i * b_pitch], sum, how == pairs);
    if (how == pairs && k % 2 == 1) sum += 0.0f;
    for (int64_t at = 0; how == blocks && at < k; at += BLOCK) {
        float chains[2] = {0, 0};
        for (int64_t i = at; i < at + BLOCK; i++)
            chains[i % 2] =
                i < k ? fused(a[i * a_pitch], b[i * b_pitch], chains[i % 2], true) : chains[i % 2] + 0.0f;
        sum = flushed(sum + flushed(chains[0] + chains[1], true), true);
    }
    return isnan(sum) ? NAN : sum;
}

static void fill(operands *o, numbers kind, int k, int m, int n, int a_pitch, int b_pitch) {
    uint64_t random = (uint64_t)(k * 1000003 + m * 1009 + n) + (uint64_t)kind;
    memset(o->a, 0xff, sizeof o->a);
    memset(o->b, 0xff, sizeof o->b);
    for (int x = 0; x < k; x++) {
        for (int i = 0; i < m; i++)
            o->a[x * a_pitch + i] = number(kind, &random);
        for (int i = 0; i < n; i++)
            o->b[x * b_pitch + i] = number(kind, &random);
    }
    for (int i = 0; i < k * a_pitch; i++)
        memcpy(&o->half_a[i], (char *)&o->a[i] + 2, 2);
    for (int i = 0; i < k * b_pitch; i++)
        memcpy(&o->half_b[i], (char *)&o->b[i] + 2, 2);
}

static void expect(operands *o, int k, int m, int n, int a_pitch, int b_pitch, arithmetic how) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            o->expected[i * n + j] = product(o->a + i, a_pitch, o->b + j, b_pitch, k, how);
}

static void check(const char *what, const operands *o, int k, int m, int n, int pitch, bool is_doubled) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float expected = o->expected[i * n + j], found = o->out[i * pitch + j];
            if (is_doubled) expected += expected;
            if (memcmp(&found, &expected, sizeof expected) == 0) continue;
            fail_msg("%s K=%d M=%d N=%d: out[%d][%d] is %a, expected %a", what, k, m, n, i, j, (double)found,
                     (double)expected);
        }
}

/* ---- kernels ---- */

/* Lays `a` out transposed, with its rows some elements apart. */
static void turn_a(operands *o, ts_gemm *gemm) {
    const bool is_half = gemm->kernel->size == 2;
    const int64_t step = gemm->k + 5;
    for (int64_t i = 0; i < gemm->m; i++)
        for (int64_t x = 0; x < step; x++) {
            const int64_t to = i * step + x, from = x * gemm->a_pitch + i;
            if (is_half)
                o->turned.half[to] = x < gemm->k ? o->half_a[from] : UINT16_C(0xffff);
            else
                o->turned.word[to] = x < gemm->k ? o->a[from] : NAN;
        }
    gemm->a = &o->turned;
    gemm->a_step = step;
    gemm->a_pitch = 1;
}

static void run_kernel(const ts_gemm_kernel *kernel, operands *o, numbers kind, int k, int m, int n,
                       int gap) {
    bool is_half = kernel->size == 2, is_packed = kernel->pack_a != NULL;
    int a_pitch = m + gap, b_pitch = n + gap, pitch = n + gap;
    uint32_t guard = GUARD;
    fill(o, kind, k, m, n, a_pitch, b_pitch);
    expect(o, k, m, n, a_pitch, b_pitch, arithmetic_of(kernel));
    for (int i = 0; i < m * pitch; i++)
        memcpy(&o->out[i], &guard, 4);
    ts_gemm gemm = {.kernel = kernel,
                    .a = is_half ? (const void *)o->half_a : o->a,
                    .b = is_half ? (const void *)o->half_b : o->b,
                    .out = o->out,
                    .a_step = 1,
                    .a_pitch = a_pitch,
                    .b_pitch = b_pitch,
                    .out_pitch = pitch,
                    .k = k,
                    .m = m,
                    .n = n,
                    .a_packed = is_packed ? o->a_packed : NULL,
                    .b_packed = is_packed ? o->b_packed : NULL,
                    .room = ts_gemm_panel_room(MAX_K)};
    if (is_packed) ts_gemm_pack_a(&gemm);
    for (int64_t panel = 0; panel < ts_gemm_panels(&gemm); panel++)
        ts_gemm_run(&gemm, panel, panel + 1);
    check(kernel->name, o, k, m, n, pitch, false);
    gemm.is_added = true;
    ts_gemm_run(&gemm, 0, ts_gemm_panels(&gemm));
    check(kernel->name, o, k, m, n, pitch, true);
    for (int i = 0; i < m; i++)
        for (int j = n; j < pitch; j++)
            assert_memory_equal(&o->out[i * pitch + j], &guard, 4);
    gemm.is_added = false;
    if (is_packed && !is_half) {
        gemm.a_packed = NULL;
        ts_gemm_run(&gemm, 0, ts_gemm_panels(&gemm));
        check(kernel->name, o, k, m, n, pitch, false);
        gemm.a_packed = o->a_packed;
    }
    turn_a(o, &gemm);
    if (is_packed) ts_gemm_pack_a(&gemm);
    ts_gemm_run(&gemm, 0, ts_gemm_panels(&gemm));
    check(kernel->name, o, k, m, n, pitch, false);
    if (m < 3) return;
    gemm = ts_gemm_rows(&gemm, 1, m - 1);
    gemm.is_added = true;
    if (is_packed) ts_gemm_pack_a(&gemm);
    ts_gemm_run(&gemm, 0, ts_gemm_panels(&gemm));
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            if (i == 0 || i == m - 1) o->out[i * pitch + j] += o->out[i * pitch + j];
    check(kernel->name, o, k, m, n, pitch, true);
}

static void every_kernel_gives_the_same_bits(void **state) {
    (void)state;
    static const int depths[] = {1, 2, 15, 16, 64, 127, 128}, rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 13, 64},
                     columns[] = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 70};
    operands *o = malloc(sizeof *o);
    for (unsigned isa = ts_isa_generic; isa <= ts_isa_best(); isa++)
        for (int is_half = 0; is_half < 2; is_half++) {
            const ts_gemm_kernel *kernel = ts_gemm_kernel_of(isa, is_half);
            if (!kernel) continue;
            print_message("kernel %s\n", kernel->name);
            for (int kind = 0; kind < count_of_numbers; kind++)
                for (int k = 0; k < 7; k++)
                    for (int m = 0; m < 10; m++)
                        for (int n = 0; n < 11; n++)
                            run_kernel(kernel, o, kind, depths[k], rows[m], columns[n], (m + n) % 3 * 8);
            run_kernel(kernel, o, ordinary, MAX_K, MAX_M, MAX_N, 16);
        }
    free(o);
}

/* Columns in runs with gaps between: rows of `across` runs, as a window over an image has them. */
static void run_in_runs(const ts_gemm_kernel *kernel, operands *o, int k, int m, int run, int across, int n) {
    enum { GAP = 3, ROW_GAP = 7 };
    bool is_half = kernel->size == 2, is_packed = kernel->pack_a != NULL;
    int pitch = (n / run + 1) * (run + GAP + ROW_GAP), size = kernel->size;
    ts_gemm gemm = {.kernel = kernel,
                    .a = is_half ? (const void *)o->half_a : o->a,
                    .out = o->out,
                    .a_step = 1,
                    .a_pitch = m,
                    .b_pitch = pitch,
                    .out_pitch = n,
                    .columns = {.run = run,
                                .dims = 2,
                                .step = {across * (run + GAP) + ROW_GAP, run + GAP},
                                .count = {n / run / across, across}},
                    .k = k,
                    .m = m,
                    .n = n,
                    .a_packed = is_packed ? o->a_packed : NULL,
                    .b_packed = is_packed ? o->b_packed : NULL,
                    .room = ts_gemm_panel_room(MAX_K)};
    if (!ts_gemm_takes(kernel, &gemm.columns)) return;
    fill(o, ordinary, k, m, n, m, n);
    expect(o, k, m, n, m, n, arithmetic_of(kernel));
    char *b = malloc((size_t)(k * pitch * size)), *from = is_half ? (char *)o->half_b : (char *)o->b;
    memset(b, 0xff, (size_t)(k * pitch * size));
    for (int x = 0; x < k; x++)
        for (int j = 0; j < n; j++) {
            int r = j / run, at = r / across * (across * (run + GAP) + ROW_GAP) + r % across * (run + GAP);
            memcpy(b + (x * pitch + at + j % run) * size, from + (x * n + j) * size, (size_t)size);
        }
    gemm.b = b;
    if (is_packed) ts_gemm_pack_a(&gemm);
    ts_gemm_run(&gemm, 0, ts_gemm_panels(&gemm));
    check(kernel->name, o, k, m, n, n, false);
    free(b);
}

static void every_kernel_takes_columns_in_runs(void **state) {
    (void)state;
    static const int depths[] = {1, 3, 48, 128}, rows[] = {1, 8, 13, 64}, runs[] = {4, 5, 8, 12, 16, 32, 64};
    operands *o = malloc(sizeof *o);
    for (unsigned isa = ts_isa_generic; isa <= ts_isa_best(); isa++)
        for (int is_half = 0; is_half < 2; is_half++) {
            const ts_gemm_kernel *kernel = ts_gemm_kernel_of(isa, is_half);
            for (int k = 0; kernel && k < 4; k++)
                for (int m = 0; m < 4; m++)
                    for (int r = 0; r < 7; r++)
                        for (int across = 1; across <= 3; across += 2)
                            for (int times = 1; times <= 2 && times * across * runs[r] <= MAX_N; times++)
                                run_in_runs(kernel, o, depths[k], rows[m], runs[r], across,
                                            times * across * runs[r]);
        }
    free(o);
}

/* ---- instructions ---- */

typedef struct form {
    const char *dtype;
    int step;     /* of the operands on chip, elements */
    bool is_flat; /* the result lies in PSUM without gaps */
} form;

/* Loads a and b, multiplies them twice (overwriting, then adding), and stores the result. */
static void run_shape(ts_machine *machine, ts_host host, operands *o, form f, int k, int m, int n) {
    int out_step = f.is_flat ? 1 : 2;
    ts_program *program = program_of(
        "tensor a: input 0 f32[%d,%d]\ntensor b: input 1 f32[%d,%d]\ntensor y: output 0 f32[%d,%d]\n"
        "gpsimd.dma_copy queue=0 dst=sbuf.%s[p0:%d +0 %d@%d] src=hbm.f32[a +0 %d]\n"
        "gpsimd.dma_copy queue=0 dst=sbuf.%s[p0:%d +4096 %d@%d] src=hbm.f32[b +0 %d]\n"
        "loop %%i = 2\n"
        "  tensor.nc_matmul dst=psum.f32[p0:%d +2048 %d@%d] stationary=sbuf.%s[p0:%d +0 %d@%d] "
        "moving=sbuf.%s[p0:%d +4096 %d@%d] accumulate=unless_first(%%i)\n"
        "end %%i\n"
        "vector.tensor_copy dst=sbuf.f32[p0:%d +16384 %d] src=psum.f32[p0:%d +2048 %d@%d]\n"
        "sync.dma_copy queue=1 dst=hbm.f32[y +0 %d] src=sbuf.f32[p0:%d +16384 %d]\n",
        k, m, k, n, m, n, f.dtype, k, m, f.step, k * m, f.dtype, k, n, f.step, k * n, m, n, out_step, f.dtype,
        k, m, f.step, f.dtype, k, n, f.step, m, n, m, n, out_step, m * n, m, n);
    ts_run_stats stats;
    ts_run run = {.data = (void *[]){o->a, o->b, o->out}, .poison = true, .host = host, .stats = &stats};
    memset(o->out, 0xff, sizeof o->out);
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    assert_int_equal(stats.pe_flops, 4 * (uint64_t)k * (uint64_t)m * (uint64_t)n);
    check(ts_isa_name(host.isa), o, k, m, n, n, true);
    ts_program_free(program);
}

/* What nc_matmul computes on a CPU with this instruction set. */
static arithmetic arithmetic_on(ts_isa isa, form f) {
    const ts_gemm_kernel *kernel = ts_gemm_kernel_of(isa, strcmp(f.dtype, "bf16") == 0);
    return kernel ? arithmetic_of(kernel) : as_defined;
}

static void odd_shapes_match_the_triple_loop(void **state) {
    (void)state;
    static const int sizes[] = {1, 3, 64, 127, 128}, columns[] = {1, 7, 8, 17, 256};
    static const form forms[] = {
        {"f32", 1, true}, {"f32", 2, true}, {"f32", 1, false}, {"bf16", 1, true}, {"bf16", 2, false}};
    static const int threads[] = {1, 3};
    operands *o = malloc(sizeof *o);
    for (int t = 0; t < 2; t++) {
        ts_pool *pool = pool_of(threads[t]);
        ts_machine *machine = machine_of(pool);
        for (int i = 0; i < 5; i++)
            for (int j = 0; j < 5; j++)
                for (int c = 0; c < 5; c++) {
                    int k = sizes[i], m = sizes[j], n = columns[c];
                    fill(o, ordinary, k, m, n, m, n);
                    for (int f = 0; f < 5; f++) {
                        expect(o, k, m, n, m, n, arithmetic_on(ts_isa_best(), forms[f]));
                        run_shape(machine, (ts_host){0}, o, forms[f], k, m, n);
                    }
                }
        ts_machine_free(machine);
        ts_pool_free(pool);
    }
    free(o);
}

/* Some kernels drop subnormal numbers; in the mode that asks for the same bits on every CPU they stay. */
static void repro_gives_one_result_on_every_level(void **state) {
    (void)state;
    static const int shapes[][3] = {{128, 128, 33}, {5, 13, 3}, {127, 7, 64}};
    static const form forms[] = {{"f32", 1, true}, {"bf16", 1, true}, {"bf16", 2, true}};
    operands *o = malloc(sizeof *o);
    ts_machine *machine = machine_of(NULL);
    for (int s = 0; s < 3; s++) {
        int k = shapes[s][0], m = shapes[s][1], n = shapes[s][2];
        for (unsigned isa = ts_isa_generic; isa <= ts_isa_best(); isa++)
            for (int f = 0; f < 3; f++) {
                ts_host host = {.isa = isa, .is_repro = true};
                fill(o, edges, k, m, n, m, n);
                expect(o, k, m, n, m, n, as_defined);
                run_shape(machine, host, o, forms[f], k, m, n);
                expect(o, k, m, n, m, n, arithmetic_on(isa, forms[f]));
                host.is_repro = false;
                run_shape(machine, host, o, forms[f], k, m, n);
            }
    }
    ts_machine_free(machine);
    free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_gives_the_same_bits),
        cmocka_unit_test(every_kernel_takes_columns_in_runs),
        cmocka_unit_test(odd_shapes_match_the_triple_loop),
        cmocka_unit_test(repro_gives_one_result_on_every_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

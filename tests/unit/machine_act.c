/* Activation functions: the largest error in ULP over a sweep of all fp32 values, against double
   precision. */
#include "machine_support.h"

#include <math.h>

#include "machine/engine.h"
#include "machine/fused.h"

enum { BLOCK = 1024 };

static int64_t ordered(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? -(int64_t)(bits & INT32_MAX) : bits;
}

static long double logistic(long double x) {
    return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}

/* Clamps the operand: beyond `end` a function has reached its limit, and infinities would be multiplied by
   zeros. */
static long double exact_unit(unsigned func, long double x) {
    const long double end = 10000, pi = acosl(-1), root = sqrtl(2 / pi);
    const long double low = x < -end ? -end : x, both = low > end ? end : low, s = logistic(both);
    const long double phi = erfcl(-both / sqrtl(2)) / 2, fast = logistic(1.702L * both);
    switch (func) {
    case ts_act_erf_dx: return 2 / sqrtl(pi) * expl(-x * x);
    case ts_act_gelu: return low * phi;
    case ts_act_gelu_dx:
        if (fabsl(x) > 100) return x > 0 ? 1 : -0.0L;
        return phi + both * expl(-both * both / 2) / sqrtl(2 * pi);
    case ts_act_gelu_apprx_tanh: return low * logistic(2 * root * (low + 0.044715L * low * low * low));
    case ts_act_gelu_apprx_sigmoid: return low * fast;
    case ts_act_gelu_apprx_sigmoid_dx: return fast * (1 + 1.702L * both * logistic(-1.702L * both));
    case ts_act_silu: return low * logistic(low);
    case ts_act_silu_dx: return s * (1 + both * logistic(-both));
    case ts_act_softplus: return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
    case ts_act_mish: return low * tanhl(log1pl(expl(both > 100 ? 100 : both)));
    default: return NAN;
    }
}

static double exact(unsigned func, double x) {
    switch (func) {
    case ts_act_copy: return x;
    case ts_act_square: return x * x;
    case ts_act_relu: return x > 0 || x != x ? x : 0;
    case ts_act_abs: return fabs(x);
    case ts_act_sign: return x > 0 ? 1 : x < 0 ? -1 : x;
    case ts_act_exp: return exp(x);
    case ts_act_log: return log(x);
    case ts_act_tanh: return tanh(x);
    case ts_act_sigmoid: return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
    case ts_act_erf: return erf(x);
    case ts_act_sin: return sin(x);
    case ts_act_arctan: return atan(x);
    case ts_act_sqrt: return sqrt(x);
    case ts_act_rsqrt: return 1 / sqrt(x);
    case ts_act_reciprocal: return 1 / x;
    default: return (double)exact_unit(func, (long double)x);
    }
}

/* Distance in ULP of the fp32 result from the exact value, in units of the last place of the latter. */
static double ulp_error(float actual, double expected) {
    float nearest = (float)expected;
    if (isnan(nearest)) return isnan(actual) ? 0 : INFINITY;
    if (isnan(actual) || signbit(actual) != signbit(nearest)) return INFINITY;
    if (isinf(nearest) || isinf(actual)) return (double)llabs(ordered(actual) - ordered(nearest));
    int exponent;
    frexp(expected, &exponent);
    double unit = ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
    return fabs((double)actual - expected) / unit;
}

typedef struct worst {
    double ulp;
    float x, y;
    long count;
} worst;

typedef void functions(unsigned func, const float *in, float *out, int64_t n);

static void sweep(functions *run, unsigned func, uint64_t first, uint64_t last, uint64_t step, float limit,
                  worst *w) {
    _Alignas(64) float in[BLOCK], out[BLOCK];
    for (uint64_t at = first; at < last;) {
        int n = 0;
        for (; n < BLOCK && at < last; at += step) {
            uint32_t bits = (uint32_t)at;
            memcpy(&in[n], &bits, sizeof bits);
            if (!(fabsf(in[n]) > limit)) n++;
        }
        run(func, in, out, n);
        for (int i = 0; i < n; i++) {
            double error = ulp_error(out[i], exact(func, (double)in[i]));
            w->count++;
            if (error > w->ulp) *w = (worst){error, in[i], out[i], w->count};
        }
    }
}

static void check_errors(functions *run, double allowed) {
    for (unsigned func = 0; func < ts_act_count; func++) {
        worst w = {0};
        float limit = func == ts_act_sin ? 0x1.921fb6p1f : INFINITY;
        sweep(run, func, 0, UINT64_C(1) << 32, 3989, limit, &w);
        sweep(run, func, 0x3c000000, 0x41200000, 97, limit, &w); /* 0.0078 to 10, and below zero */
        sweep(run, func, 0xbc000000, 0xc1200000, 97, limit, &w);
        sweep(run, func, 0x3f7ff000, 0x3f801000, 1, limit, &w); /* around 1 */
        print_message("%-10s max %.3f ULP at %a (%ld values)\n", ts_act_name(func), w.ulp, (double)w.x,
                      w.count);
        if (w.ulp > allowed)
            fail_msg("%s(%a) = %a, exact %a: %g ULP", ts_act_name(func), (double)w.x, (double)w.y,
                     exact(func, (double)w.x), w.ulp);
    }
}

static void fastest(unsigned func, const float *in, float *out, int64_t n) {
    ts_act_floats(ts_isa_best(), func, in, out, n);
}

static void errors_are_small(void **state) {
    (void)state;
    check_errors(fastest, 3);
}

static void plain_twins_are_closer(void **state) {
    (void)state;
    check_errors(ts_act_ref, 1);
}

static void sin_leaves_its_range_as_documented(void **state) {
    (void)state;
    float x[3] = {9.0f, -9.0f, INFINITY};
    fastest(ts_act_sin, x, x, 3);
    assert_true(fabsf(x[0] - 27.65f) < 0.01f && x[1] == -x[0] && isinf(x[2]));
}

/* An element's result depends neither on its place in the array nor on the array's length. */
static void position_does_not_matter(void **state) {
    (void)state;
    float x[67], y[67];
    uint64_t random = 11;
    for (int i = 0; i < 67; i++)
        x[i] = (i % 8 ? 20 : 150) * next_float(&random);
    for (unsigned func = 0; func < ts_act_count; func++) {
        fastest(func, x, y, 67);
        for (int i = 0; i < 67; i++) {
            float one;
            fastest(func, &x[i], &one, 1);
            assert_memory_equal(&one, &y[i], sizeof one);
        }
    }
}

/* The fused multiply-add made of double precision gives the bits of the CPU's, or the C library's, also near
   ties, with cancellation, and for subnormal and infinite results. */
static void fused_without_the_instruction(void **state) {
    (void)state;
    uint64_t random = 13;
    for (int i = 0; i < 2000000; i++) {
        const float scale = ldexpf(1, (int)(next_random(&random) % 240) - 120);
        float a = ldexpf(next_float(&random), (int)(next_random(&random) % 20)),
              b = scale * next_float(&random);
        float c = -a * b;
        if (i % 4 == 1) c = nextafterf(c, i % 8 == 1 ? INFINITY : -INFINITY);
        if (i % 4 == 2) c = ldexpf(c, (int)(next_random(&random) % 60) - 30);
        if (i % 4 == 3) c = next_float(&random);
        if (i % 1000 == 0) a = i % 3000 ? INFINITY : NAN;
        const float actual = ts_fused_plain(a, b, c), expected = fmaf(a, b, c);
        if (isnan(actual) && isnan(expected)) continue;
        if (memcmp(&actual, &expected, sizeof actual) != 0)
            fail_msg("%a * %a + %a = %a, not %a", (double)a, (double)b, (double)c, (double)expected,
                     (double)actual);
    }
}

/* Each level of the host that this CPU has gives the bits of the best one; NaN is NaN. */
static void levels_agree(void **state) {
    (void)state;
    _Alignas(64) float in[BLOCK], best[BLOCK], out[BLOCK];
    for (unsigned isa = ts_isa_generic; isa < ts_isa_best(); isa++)
        for (unsigned func = 0; func < ts_act_count; func++)
            for (uint64_t at = 0; at < UINT64_C(1) << 32;) {
                int n = 0;
                for (; n < BLOCK && at < UINT64_C(1) << 32; at += 25013, n++) {
                    const uint32_t bits = (uint32_t)at;
                    memcpy(&in[n], &bits, sizeof bits);
                }
                fastest(func, in, best, n);
                ts_act_floats((ts_isa)isa, func, in, out, n);
                for (int i = 0; i < n; i++)
                    if (memcmp(&best[i], &out[i], sizeof *out) != 0 && !(isnan(best[i]) && isnan(out[i])))
                        fail_msg("%s(%a) = %a with %s, %a with %s", ts_act_name(func), (double)in[i],
                                 (double)out[i], ts_isa_name(isa), (double)best[i],
                                 ts_isa_name(ts_isa_best()));
            }
}

/* ts_act_try gives the bits of several passes, or returns false. */
static void one_pass_is_as_several(void **state) {
    (void)state;
    float x[67], moved[67], several[67], one[67];
    uint64_t random = 12;
    int tried = 0;
    for (int round = 0; round < 400; round++) {
        const float scale = 3 * next_float(&random), bias = 2 * next_float(&random);
        const bool has_scale = round & 1, has_bias = round & 2;
        const int n = 1 + round % 67;
        for (int i = 0; i < n; i++) {
            x[i] = (round % 5 ? 20 : 60) * next_float(&random);
            moved[i] = has_scale ? x[i] * scale : x[i];
            if (has_bias) moved[i] += bias;
        }
        const ts_isa isa = (ts_isa)(ts_isa_generic + (unsigned)round % ts_isa_best());
        if (!ts_act_try(isa, ts_act_exp, x, has_scale ? &scale : NULL, has_bias ? &bias : NULL,
                        (ts_next){round & 4 ? x : NULL, round & 8}, one, n))
            continue;
        ts_act_floats(isa, ts_act_exp, moved, several, n);
        assert_memory_equal(one, several, (size_t)n * sizeof *one);
        tried++;
    }
    assert_in_range(tried, 300, 399);
    x[0] = NAN;
    assert_false(ts_act_try(ts_isa_best(), ts_act_exp, x, NULL, NULL, (ts_next){0}, one, 3));
    assert_false(ts_act_try(ts_isa_best(), ts_act_exp, x, NULL, NULL, (ts_next){0}, x, 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_small),
        cmocka_unit_test(plain_twins_are_closer),
        cmocka_unit_test(sin_leaves_its_range_as_documented),
        cmocka_unit_test(position_does_not_matter),
        cmocka_unit_test(fused_without_the_instruction),
        cmocka_unit_test(levels_agree),
        cmocka_unit_test(one_pass_is_as_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

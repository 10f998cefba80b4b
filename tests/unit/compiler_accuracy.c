/* Accuracy of elementwise functions as compiled programs compute them on the modelled machine: the largest
   error against double precision over sweeps of fp32, and docs/accuracy.md.

     compiler_accuracy [--dense] [--write] docs/accuracy.md

   Fails when a function's error exceeds the limit in its row, when a limit is far above the error measured,
   or when the page differs from what the rows make; --write writes the page. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "compiler/compile.h"
#include "compiler/lower/recipe.h"
#include "machine/machine.h"

enum { BLOCK = 1 << 16 };

typedef double exact_function(double x, double y);

static double exact_rsqrt(double x, double y) {
    (void)y;
    return 1 / sqrt(x);
}
static double exact_logistic(double x, double y) {
    (void)y;
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}
static double exact_gelu(double x, double y) {
    (void)y;
    return x < -1000 ? -0.0 : 0.5 * x * erfc(-x * M_SQRT1_2);
}
static double exact_gelu_dx(double x, double y) {
    (void)y;
    const double near = x < -37 ? -37 : x > 37 ? 37 : x; /* beyond, the limits in fp32 */
    return 0.5 * erfc(-near * M_SQRT1_2) + near * exp(-0.5 * near * near) * (0.5 * M_SQRT1_2 * M_2_SQRTPI);
}
/* x * logistic(by * (x + a x^3)) and, without a, its derivative. */
static double gated(double x, double by, double a) {
    return x < -1000 ? -0.0 : x * exact_logistic(by * (a > 0 ? x + a * x * x * x : x), 0);
}
static double gated_slope(double x, double by) {
    const double near = x < -1000 ? -1000 : x > 1000 ? 1000 : x;
    return exact_logistic(by * near, 0) * (1 + by * near * exact_logistic(-by * near, 0));
}
static double exact_gelu_apprx_tanh(double x, double y) {
    (void)y;
    return gated(x, M_2_SQRTPI * M_SQRT2, 0.044715);
}
static double exact_gelu_apprx_sigmoid(double x, double y) {
    (void)y;
    return gated(x, 1.702, 0);
}
static double exact_gelu_apprx_sigmoid_dx(double x, double y) {
    (void)y;
    return gated_slope(x, 1.702);
}
static double exact_silu(double x, double y) {
    (void)y;
    return gated(x, 1, 0);
}
static double exact_silu_dx(double x, double y) {
    (void)y;
    return gated_slope(x, 1);
}
static double exact_softplus(double x, double y) {
    (void)y;
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
static double exact_mish(double x, double y) {
    return x < -1000 ? -0.0 : x * tanh(exact_softplus(x, y));
}
static double exact_divide(double x, double y) {
    return x / y;
}
#define UNARY(name, call)                                                                                    \
    static double name(double x, double y) {                                                                 \
        (void)y;                                                                                             \
        return call(x);                                                                                      \
    }
UNARY(exact_rint, rint)
UNARY(exact_round, round)
UNARY(exact_floor, floor)
UNARY(exact_ceil, ceil)
UNARY(exact_sin, sin)
UNARY(exact_cos, cos)
UNARY(exact_tan, tan)
UNARY(exact_expm1, expm1)
UNARY(exact_log1p, log1p)
UNARY(exact_cbrt, cbrt)
UNARY(exact_exp, exp)
UNARY(exact_log, log)
UNARY(exact_tanh, tanh)
UNARY(exact_sqrt, sqrt)
UNARY(exact_erf, erf)

/* A function and its limit. `how` is NULL where a recipe computes the function; the limit is then that of the
   recipe's row. */
typedef struct row {
    ts_hlo kind;
    int operands;
    exact_function *exact;
    const char *how;
    double limit;
} row;

static const row rows[] = {
    {ts_hlo_divide, 2, exact_divide,
     "VectorE tensor_tensor, tensor_scalar: divide (1.5 where a reciprocal will do: numerics.md)", 0.5},
    {ts_hlo_erf, 1, exact_erf, "ScalarE activation: erf", 1.5},
    {ts_hlo_exponential, 1, exact_exp, "ScalarE activation: exp", 1},
    {ts_hlo_gelu, 1, exact_gelu, "ScalarE activation: gelu", 0.6},
    {ts_hlo_gelu_dx, 1, exact_gelu_dx, "ScalarE activation: gelu_dx", 0.6},
    {ts_hlo_gelu_apprx_tanh, 1, exact_gelu_apprx_tanh, "ScalarE activation: gelu_apprx_tanh", 0.6},
    {ts_hlo_gelu_apprx_sigmoid, 1, exact_gelu_apprx_sigmoid, "ScalarE activation: gelu_apprx_sigmoid", 0.6},
    {ts_hlo_gelu_apprx_sigmoid_dx, 1, exact_gelu_apprx_sigmoid_dx,
     "ScalarE activation: gelu_apprx_sigmoid_dx", 0.6},
    {ts_hlo_log, 1, exact_log, "ScalarE activation: log", 0.6},
    {ts_hlo_logistic, 1, exact_logistic, "ScalarE activation: sigmoid", 2.5},
    {ts_hlo_mish, 1, exact_mish, "ScalarE activation: mish", 0.6},
    {ts_hlo_power, 2, pow, "GpSimdE tensor_tensor, tensor_scalar: pow", 0.6},
    {ts_hlo_remainder, 2, fmod, "VectorE tensor_tensor, tensor_scalar: mod", 0},
    {ts_hlo_rsqrt, 1, exact_rsqrt, "ScalarE activation: rsqrt", 1.5},
    {ts_hlo_silu, 1, exact_silu, "ScalarE activation: silu", 0.6},
    {ts_hlo_silu_dx, 1, exact_silu_dx, "ScalarE activation: silu_dx", 0.6},
    {ts_hlo_softplus, 1, exact_softplus, "ScalarE activation: softplus", 0.6},
    {ts_hlo_sqrt, 1, exact_sqrt, "ScalarE activation: sqrt", 0.5},
    {ts_hlo_tanh, 1, exact_tanh, "ScalarE activation: tanh", 2.8},
    {ts_hlo_atan2, 2, atan2, NULL, 0},
    {ts_hlo_cbrt, 1, exact_cbrt, NULL, 0},
    {ts_hlo_ceil, 1, exact_ceil, NULL, 0},
    {ts_hlo_cosine, 1, exact_cos, NULL, 0},
    {ts_hlo_cosine_small, 1, exact_cos, NULL, 0},
    {ts_hlo_exponential_minus_one, 1, exact_expm1, NULL, 0},
    {ts_hlo_floor, 1, exact_floor, NULL, 0},
    {ts_hlo_log_plus_one, 1, exact_log1p, NULL, 0},
    {ts_hlo_round_nearest_afz, 1, exact_round, NULL, 0},
    {ts_hlo_round_nearest_even, 1, exact_rint, NULL, 0},
    {ts_hlo_sine, 1, exact_sin, NULL, 0},
    {ts_hlo_sine_small, 1, exact_sin, NULL, 0},
    {ts_hlo_tan, 1, exact_tan, NULL, 0},
};
enum { ROWS = sizeof rows / sizeof *rows };

static double limit_of(const row *r) {
    return r->how ? r->limit : ts_recipe_find(r->kind)->ulp;
}

/* The largest operand that the row covers. */
static double most_of(const row *r) {
    return r->kind == ts_hlo_cosine_small || r->kind == ts_hlo_sine_small ? 0x1p15 : INFINITY;
}

/* ---- a function as a program ---- */

typedef struct bench {
    ts_chip chip;
    ts_pool *pool;
    ts_machine *machine;
    ts_program *program;
    float *in[2], *out, *scratch;
    void **data;
} bench;

static void stop(const ts_diag *diag) {
    char text[1400];
    ts_diag_format(diag, text, sizeof text);
    printf("%s\n", text);
    exit(1);
}

static void open_bench(bench *b, const row *r) {
    char text[400];
    ts_diag diag = {0};
    ts_module *module = NULL;
    snprintf(text, sizeof text,
             "func @main(%%x: f32[%d]%s) -> (f32[%d]) {\n %%z = %s %%x%s\n return %%z\n}\n", BLOCK,
             r->operands == 2 ? ", %y: f32[65536]" : "", BLOCK, ts_hlo_name(r->kind),
             r->operands == 2 ? ", %y" : "");
    if (ts_module_parse(text, "text", &module, &diag) != ts_ok ||
        ts_compile(module, &b->chip, NULL, &b->program, &diag) != ts_ok)
        stop(&diag);
    ts_module_free(module);
    b->scratch = calloc(1, b->program->scratch_bytes + 64);
    b->data = calloc(b->program->tensors.count + 1, sizeof *b->data);
    for (uint32_t i = 0; i < b->program->tensors.count; i++) {
        const ts_tensor *tensor = &b->program->tensors.data[i];
        if (tensor->kind == ts_tensor_input) b->data[i] = b->in[tensor->number];
        if (tensor->kind == ts_tensor_output) b->data[i] = b->out;
        if (tensor->kind == ts_tensor_scratch) b->data[i] = (char *)b->scratch + tensor->address;
    }
}

static void run(bench *b) {
    ts_diag diag = {0};
    ts_run arguments = {.data = b->data};
    if (ts_machine_run(b->machine, b->program, &arguments, &diag) != ts_ok) stop(&diag);
}

static void close_bench(bench *b) {
    ts_program_free(b->program);
    free(b->scratch);
    free(b->data);
}

/* ---- errors ---- */

static int64_t ordered(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? -(int64_t)(bits & INT32_MAX) : bits;
}

/* In units of the last place of the exact value; a wrong sign or a NaN out of place is infinite. */
static double ulp_error(float actual, double expected) {
    float nearest = (float)expected;
    int exponent;
    if (isnan(expected)) return isnan(actual) ? 0 : INFINITY;
    if (isnan(actual) || signbit(actual) != signbit(nearest)) return INFINITY;
    if (isinf(nearest) || isinf(actual)) return (double)llabs(ordered(actual) - ordered(nearest));
    frexp(expected, &exponent);
    double unit = ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
    return fabs((double)actual - expected) / unit;
}

typedef struct worst {
    double ulp;
    float x, y, z;
} worst;

static void judge(bench *b, const row *r, int count, worst *w) {
    run(b);
    for (int i = 0; i < count; i++) {
        if (fabs((double)b->in[0][i]) > most_of(r)) continue;
        double error = ulp_error(b->out[i], r->exact((double)b->in[0][i], (double)b->in[1][i]));
        if (error > w->ulp) *w = (worst){error, b->in[0][i], b->in[1][i], b->out[i]};
    }
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Operands where functions may go wrong: ends of ranges, powers, halves, multiples of pi. */
static int special_values(float *out) {
    static const float base[] = {0.0f,           0x1p-149f,
                                 0x1p-127f,      0x1p-126f,
                                 0x1p-30f,       0x1p-24f,
                                 0.25f,          0.5f,
                                 1.0f,           1.5f,
                                 2.0f,           2.5f,
                                 3.0f,           0x1.62e43p-1f,
                                 0x1p22f,        0x1p23f,
                                 0x1p24f,        0x1p31f,
                                 0x1p63f,        0x1p64f,
                                 0x1p100f,       0x1.fffffep127f,
                                 INFINITY,       0x1.921fb6p0f,
                                 0x1.921fb6p1f,  0x1.2d97c8p2f,
                                 0x1.921fb6p20f, 88.72283f,
                                 88.72284f,      103.97f,
                                 17.32868f,      0x1.fffffep-1f};
    int count = 0;
    for (size_t i = 0; i < sizeof base / sizeof *base; i++)
        for (int near = -2; near <= 2; near++) {
            uint32_t bits;
            memcpy(&bits, &base[i], sizeof bits);
            if (near < 0 && bits < 2) continue;
            out[count++] = float_of(bits + (uint32_t)near);
            out[count++] = -float_of(bits + (uint32_t)near);
        }
    return count;
}

static void sweep_pairs(bench *b, const row *r, bool is_dense, worst *w) {
    float special[512];
    int specials = special_values(special), at = 0;
    uint64_t random = 7;
    for (int i = 0; i < specials; i++)
        for (int j = 0; j < specials; j++) {
            b->in[0][at] = special[i];
            b->in[1][at++] = special[j];
            if (at < BLOCK && (i + 1 < specials || j + 1 < specials)) continue;
            judge(b, r, at, w);
            at = 0;
        }
    for (int block = 0; block < (is_dense ? 256 : 12); block++) {
        for (int i = 0; i < BLOCK; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            b->in[0][i] = float_of((uint32_t)(random >> 32));
            random = random * 6364136223846793005u + 1442695040888963407u;
            /* Every other pair has similar magnitudes, so that not all quotients and powers are 0 or
               infinite. */
            uint32_t bits = (uint32_t)(random >> 32);
            b->in[1][i] = float_of(bits);
            if (i & 1) b->in[0][i] = 64 * ((float)(int32_t)(random >> 20) * 0x1p-31f);
            if (i & 1) b->in[1][i] = float_of((bits & 0x87ffffff) | 0x38000000);
        }
        judge(b, r, BLOCK, w);
    }
}

static void sweep(bench *b, const row *r, uint64_t first, uint64_t last, uint64_t step, worst *w) {
    int n = 0;
    for (uint64_t at = first; at < last; at += step) {
        b->in[0][n++] = float_of((uint32_t)at);
        if (n < BLOCK && at + step < last) continue;
        judge(b, r, n, w);
        n = 0;
    }
}

static worst measure(bench *b, const row *r, bool is_dense) {
    worst w = {0};
    memset(b->in[0], 0, BLOCK * sizeof(float));
    memset(b->in[1], 0, BLOCK * sizeof(float));
    if (r->operands == 2) {
        sweep_pairs(b, r, is_dense, &w);
        return w;
    }
    int specials = special_values(b->in[0]);
    judge(b, r, specials, &w);
    sweep(b, r, 0, UINT64_C(1) << 32, is_dense ? 251 : 6007, &w);
    for (uint64_t sign = 0; sign <= 0x80000000; sign += 0x80000000)
        sweep(b, r, sign + 0x3c000000, sign + 0x41800000, is_dense ? 5 : 211, &w); /* 0.0078 to 16 */
    return w;
}

/* ---- the page ---- */

/* The formulas of functions.def. */
static void write_formulas(ts_text *out) {
    static const struct {
        const char *name, *text;
    } formulas[] = {
#define FUNCTION(name, mark, text) {#name, text},
#include "compiler/rewrite/functions.def"
    };
    ts_text_add(out, "\n## Formulas\nWhat the compiler replaces by a function (numerics.md), as "
                     "src/compiler/rewrite/functions.def "
                     "lists it. `erfc` is XLA's, a name only.\n\n| formula of x | function |\n|---|---|\n");
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (strcmp(formulas[i].name, "erfc") != 0)
            ts_text_format(out, "| `%s` | %s |\n", formulas[i].text, formulas[i].name);
}

static void write_page(ts_text *out) {
    ts_text_add(
        out,
        "# Accuracy of elementwise functions\n\n"
        "Largest error in fp32 against the exact value, in units of its last place (ULP), over all "
        "exponents, signs and special values. Values outside the range in which the documents call a "
        "ScalarE function valid\n(src/arch/act.def) are the exact function's too, but for sin: this model's "
        "choice. Narrower floats are computed in fp32 and rounded once more. "
        "`tests/unit/compiler_accuracy.c` measures the figures and\nmakes this page "
        "(`build/tests/compiler_accuracy --write docs/accuracy.md`).\n\n"
        "| operation | max ULP | computed by |\n|---|---|---|\n");
    for (int i = 0; i < ROWS; i++)
        if (rows[i].how)
            ts_text_format(out, "| %s | %g | %s |\n", ts_hlo_name(rows[i].kind), rows[i].limit, rows[i].how);
        else
            ts_text_format(out, "| %s | %g | the recipe below |\n", ts_hlo_name(rows[i].kind),
                           limit_of(&rows[i]));
    write_formulas(out);
    ts_text_add(out,
                "\n## Recipes\nFunctions that the chip has no instruction for, as steps on registers in SBUF "
                "(src/compiler/lower/recipe.def says how to read them).\n");
    for (int kind = 0; kind < ts_hlo_count; kind++) {
        const ts_recipe *recipe = ts_recipe_find((unsigned)kind);
        if (!recipe) continue;
        ts_text_format(out, "\n### %s\n```\n", ts_hlo_name((unsigned)kind));
        for (const char *at = recipe->steps; *at;) {
            size_t length = strcspn(at, ";");
            at += strspn(at, " ");
            length = strcspn(at, ";");
            ts_text_format(out, "%.*s\n", (int)length, at);
            at += length + (at[length] == ';');
        }
        ts_text_add(out, "```\n");
    }
}

static bool check_page(const char *path, bool is_written) {
    ts_text page = {0};
    ts_diag diag = {0};
    uint8_t *old = NULL;
    size_t size = 0;
    bool is_same = true;
    write_page(&page);
    if (is_written) {
        FILE *file = fopen(path, "w");
        if (!file) return false;
        fputs(page.data, file);
        fclose(file);
    } else {
        is_same = ts_file_read(path, &old, &size, &diag) == ts_ok && size == strlen(page.data) &&
                  memcmp(old, page.data, size) == 0;
        if (!is_same) printf("%s is stale: build/tests/compiler_accuracy --write %s\n", path, path);
    }
    free(old);
    ts_text_free(&page);
    return is_same;
}

int main(int count, char **arguments) {
    bool is_dense = false, is_written = false, is_fine = true;
    bench b = {0};
    ts_diag diag = {0};
    const char *path = NULL;
    for (int i = 1; i < count; i++) {
        is_dense |= strcmp(arguments[i], "--dense") == 0;
        is_written |= strcmp(arguments[i], "--write") == 0;
        if (arguments[i][0] != '-') path = arguments[i];
    }
    if (ts_chip_get("trn1", &b.chip, &diag) != ts_ok ||
        ts_pool_new(is_dense ? 2 : 1, &b.pool, &diag) != ts_ok ||
        ts_machine_new(&b.chip, b.pool, &b.machine, &diag) != ts_ok)
        stop(&diag);
    for (int i = 0; i < 2; i++)
        b.in[i] = calloc(BLOCK, sizeof(float));
    b.out = calloc(BLOCK, sizeof(float));
    for (int i = 0; i < ROWS; i++) {
        open_bench(&b, &rows[i]);
        worst w = measure(&b, &rows[i], is_dense);
        close_bench(&b);
        double limit = limit_of(&rows[i]);
        bool is_close = w.ulp <= limit && (limit == 0 || w.ulp > limit - 0.5) && limit <= 3;
        printf("%-22s %7.3f ULP, row %g, at %a %a: %a%s\n", ts_hlo_name(rows[i].kind), w.ulp, limit,
               (double)w.x, (double)w.y, (double)w.z, is_close ? "" : "  WRONG");
        is_fine &= is_close;
    }
    is_fine &= !path || check_page(path, is_written);
    free(b.in[0]);
    free(b.in[1]);
    free(b.out);
    ts_machine_free(b.machine);
    ts_pool_free(b.pool);
    return !is_fine;
}

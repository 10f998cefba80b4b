/* nc_matmul as an instruction of the machine, its operands in SBUF and its result in PSUM, against
   small-matrix libraries of the host: CPU time of one thread, contenders in turn, window by window.

   usage: tiles [WINDOWS]   (101 when not given) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch/isa.h"
#include "machine/machine.h"
#ifdef HAVE_XSMM
#include <libxsmm.h>
#endif
#ifdef HAVE_OPENBLAS
#include <cblas.h>
#endif

enum { CONTENDERS = 4, WORK = 1 << 28 /* multiply-adds a window */, MOST_WINDOWS = 10001 };

typedef struct shape {
    int k, m, n;
    bool is_bf16;
} shape;

static const shape shapes[] = {
    {128, 128, 512, false}, {128, 128, 128, false}, {64, 128, 512, false}, {16, 128, 512, false},
    {128, 64, 512, false},  {64, 64, 128, false},   {128, 128, 9, false},  {128, 1, 512, false},
    {128, 128, 512, true},  {128, 128, 128, true},  {64, 128, 512, true},  {16, 128, 512, true},
    {128, 64, 512, true},   {64, 64, 128, true},    {128, 128, 9, true},   {128, 1, 512, true}};

/* The operands of a library: stationary [K,M], moving [K,N], result [M,N], rows without gaps. Its bf16
   operands are paired along k beforehand. */
typedef struct setting {
    ts_machine *machine;
    ts_program *program; /* `times` nc_matmul in a loop */
    float *a, *b, *out;
    void *pairs;
    shape shape;
    int times;
} setting;

typedef void contender_function(const setting *set);
typedef struct contender {
    const char *name;
    contender_function *run; /* NULL: the library has none for this CPU */
    double rate[MOST_WINDOWS];
} contender;

static void die(const char *what) {
    fprintf(stderr, "tiles: %s\n", what);
    exit(1);
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the machine ---- */

static ts_program *program_of(const char *text) {
    char story[1200];
    ts_diag diag = {0};
    ts_chip chip;
    ts_program *program = NULL;
    ts_status status = ts_chip_get("trn1", &chip, &diag);
    if (status == ts_ok) status = ts_program_parse(text, "tiles", &program, &diag);
    if (status == ts_ok) status = ts_program_verify(program, &chip, &diag);
    ts_diag_format(&diag, story, sizeof story);
    if (status != ts_ok) die(story);
    return program;
}

static void run_program(const setting *set, const ts_program *program, void *const *data) {
    ts_run run = {.data = data};
    if (ts_machine_run(set->machine, program, &run, NULL) != ts_ok) die("the machine refuses a program");
}

static void load_operands(const setting *set) {
    char text[2048];
    const shape *s = &set->shape;
    const char *dtype = s->is_bf16 ? "bf16" : "f32";
    snprintf(text, sizeof text,
             "trn 1\nprogram load chip=trn1\ntensor a: input 0 f32[%d,%d]\ntensor b: input 1 f32[%d,%d]\n"
             "gpsimd.dma_copy queue=0 dst=sbuf.%s[p0:%d +0 %d] src=hbm.f32[a +0 %d]\n"
             "gpsimd.dma_copy queue=0 dst=sbuf.%s[p0:%d +4096 %d] src=hbm.f32[b +0 %d]\n",
             s->k, s->m, s->k, s->n, dtype, s->k, s->m, s->k * s->m, dtype, s->k, s->n, s->k * s->n);
    ts_program *program = program_of(text);
    run_program(set, program, (void *[]){set->a, set->b});
    ts_program_free(program);
}

static ts_program *matmuls(const shape *s, int times) {
    char text[2048];
    const char *dtype = s->is_bf16 ? "bf16" : "f32";
    snprintf(text, sizeof text,
             "trn 1\nprogram tiles chip=trn1\nloop %%i = %d\n"
             "tensor.nc_matmul dst=psum.f32[p0:%d +0 %d] stationary=sbuf.%s[p0:%d +0 %d] "
             "moving=sbuf.%s[p0:%d +4096 %d] accumulate=unless_first(%%i)\nend %%i\n",
             times, s->m, s->n, dtype, s->k, s->m, dtype, s->k, s->n);
    return program_of(text);
}

static void run_machine(const setting *set) {
    run_program(set, set->program, NULL);
}

/* ---- peers ---- */

#ifdef HAVE_XSMM
/* The library is column-major, so it computes the transposed product: moving [N,K] times stationary [K,M]. */
static libxsmm_smmfunction xsmm_of(const shape *s) {
    const int flags = LIBXSMM_GEMM_FLAG_TRANS_B, prefetch = LIBXSMM_GEMM_PREFETCH_NONE, m = s->m, n = s->n;
    const float one = 1;
    return libxsmm_smmdispatch(n, m, s->k, &n, &m, &n, &one, &one, &flags, &prefetch);
}

static void run_xsmm(const setting *set) {
    const libxsmm_smmfunction call = xsmm_of(&set->shape);
    for (int i = 0; i < set->times; i++)
        call(set->b, set->a, set->out);
}

/* The library has no transposed form: stationary lies as [M,K]. */
static libxsmm_bsmmfunction xsmm_bf16_of(const shape *s) {
    const int flags = LIBXSMM_GEMM_FLAG_VNNI_A, prefetch = LIBXSMM_GEMM_PREFETCH_NONE, k = s->k, n = s->n;
    const float one = 1;
    return libxsmm_bsmmdispatch(n, s->m, k, &n, &k, &n, &one, &one, &flags, &prefetch);
}

static void run_xsmm_bf16(const setting *set) {
    const shape *s = &set->shape;
    const libxsmm_bsmmfunction call = xsmm_bf16_of(s);
    for (int i = 0; i < set->times; i++)
        call(set->pairs, (const libxsmm_bfloat16 *)set->pairs + (size_t)s->k * (size_t)s->n, set->out);
}

static contender_function *xsmm_for(const shape *s) {
    if (s->is_bf16) return xsmm_bf16_of(s) ? run_xsmm_bf16 : NULL;
    return xsmm_of(s) ? run_xsmm : NULL;
}
#endif

#ifdef HAVE_OPENBLAS
static void run_openblas(const setting *set) {
    const shape *s = &set->shape;
    for (int i = 0; i < set->times; i++)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, s->m, s->n, s->k, 1, set->a, s->m, set->b, s->n,
                    1, set->out, s->n);
}
#endif

static int contenders_for(const shape *s, contender *list) {
    int count = 0;
    list[count].name = "nc_matmul", list[count++].run = run_machine;
#ifdef HAVE_XSMM
    list[count].name = s->is_bf16 ? "libxsmm (paired before)" : "libxsmm";
    list[count++].run = xsmm_for(s);
#endif
#ifdef HAVE_OPENBLAS
    if (!s->is_bf16) list[count].name = "OpenBLAS", list[count++].run = run_openblas;
#endif
    return count;
}

/* ---- measuring ---- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const shape *s, const contender *list, int count, int windows) {
    const double *own = list[0].rate;
    for (int c = 0; c < count; c++) {
        const double *rate = list[c].rate, best = rate[windows - 1], median = rate[windows / 2];
        if (!list[c].run) {
            printf("| | %s | not on this CPU | | |\n", list[c].name);
            continue;
        }
        if (c == 0)
            printf("| %s %dx%dx%d ", s->is_bf16 ? "bf16" : "fp32", s->k, s->m, s->n);
        else
            printf("| ");
        printf("| %s | %.1f | %.1f | ", list[c].name, best, median);
        if (c == 0)
            printf("|\n");
        else
            printf("%.2f / %.2f |\n", own[windows - 1] / best, own[windows / 2] / median);
    }
    fflush(stdout);
}

static void measure(setting *set, int windows, contender *list) {
    const shape *s = &set->shape;
    double work = (double)s->k * s->m * s->n;
    set->times = (int)(WORK / work) + 1;
    set->program = matmuls(s, set->times);
    load_operands(set);
    int count = contenders_for(s, list);
    for (int w = -2; w < windows; w++)
        for (int c = 0; c < count; c++) {
            if (!list[c].run) continue;
            double start = cpu_seconds();
            list[c].run(set);
            double rate = 2e-9 * work * set->times / (cpu_seconds() - start);
            if (w >= 0) list[c].rate[w] = rate;
        }
    for (int c = 0; c < count; c++)
        if (list[c].run) qsort(list[c].rate, (size_t)windows, sizeof(double), by_value);
    print_row(s, list, count, windows);
    ts_program_free(set->program);
}

static float *floats(size_t count) {
    float *values = aligned_alloc(4096, count * sizeof *values);
    if (!values) die("no memory");
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((i * 7 + i / 128 * 13) % 31) / 16 - 1;
    return values;
}

int main(int argc, char **argv) {
    int windows = argc > 1 ? atoi(argv[1]) : 101;
    ts_chip chip;
    setting set = {.a = floats(128 * 128), .b = floats(128 * 512), .out = floats(128 * 512)};
    set.pairs = floats(128 * 512 + 128 * 128);
    memset(set.pairs, 0, (128 * 512 + 128 * 128) * sizeof(float));
    contender *list = calloc(CONTENDERS, sizeof *list);
    if (windows < 1 || windows > MOST_WINDOWS || !list) die("WINDOWS is a number from 1 to 10001");
    if (ts_chip_get("trn1", &chip, NULL) != ts_ok || ts_machine_new(&chip, NULL, &set.machine, NULL) != ts_ok)
        die("no machine");
#ifdef HAVE_XSMM
    libxsmm_init();
#endif
#ifdef HAVE_OPENBLAS
    openblas_set_num_threads(1);
#endif
    printf("| K x M x N | | best GFLOP/s | median | nc_matmul against it, best / median "
           "|\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        set.shape = shapes[i];
        measure(&set, windows, list);
    }
    ts_machine_free(set.machine);
    free(set.a);
    free(set.b);
    free(set.out);
    free(set.pairs);
    free(list);
    return 0;
}

/* A compiled program that is one product of square matrices, against libraries of the host for dense
   products, all in turn, window by window. In the program every byte goes through HBM, SBUF and PSUM by
   instructions of the machine, with homes for its tiles as in an executable. With one thread a window's time
   is the CPU time of the process, with more it is wall time.

   usage: cube [WINDOWS [SIZE [THREADS]]]   (15, 2048 and 1 when not given)

   With several threads OMP_WAIT_POLICY=passive and OPENBLAS_THREAD_TIMEOUT=4 keep the libraries' threads from
   looking for work while others are measured. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compiler/compile.h"
#include "machine/machine.h"
#ifdef HAVE_OPENBLAS
#include <cblas.h>
#endif
#ifdef HAVE_DNNL
#include <dnnl.h>
#endif

enum { CONTENDERS = 3, MOST_WINDOWS = 1001 };

/* Operands [n, n] and, for each contender, its result: bf16 or f32. */
typedef struct setting {
    int n, threads;
    bool is_bf16;
    size_t bytes; /* of a matrix */
    void *x, *y, *scratch;
    ts_pool *pool;
    ts_machine *machine;
    ts_program *program;
    ts_homes *homes;
#ifdef HAVE_DNNL
    dnnl_primitive_t product; /* NULL: oneDNN has none for this CPU */
    dnnl_stream_t stream;
    dnnl_exec_arg_t operands[3];
#endif
} setting;

typedef void contender_function(const setting *set, void *out);
typedef struct contender {
    const char *name;
    contender_function *run; /* NULL: the library has none for this CPU */
    void *out;
    double rate[MOST_WINDOWS];
} contender;

static void die(const char *what) {
    fprintf(stderr, "cube: %s\n", what);
    exit(1);
}

static void need(ts_status status, const ts_diag *diag) {
    char story[1200];
    ts_diag_format(diag, story, sizeof story);
    if (status != ts_ok) die(story);
}

static void *memory(size_t bytes) {
    void *data = aligned_alloc(4096, (bytes / 4096 + 1) * 4096);
    if (!data) die("no memory");
    return data;
}

/* ---- the machine ---- */

static void compile_program(setting *set, const ts_chip *chip) {
    char text[512], type[64];
    ts_diag diag = {0};
    ts_module *module = NULL;
    snprintf(type, sizeof type, "%s[%d,%d]", set->is_bf16 ? "bf16" : "f32", set->n, set->n);
    snprintf(
        text, sizeof text,
        "func @main(%%x: %s, %%y: %s) -> (%s) {\n"
        "  %%z = dot_general %%x, %%y {lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]} : "
        "%s\n  return %%z\n}\n",
        type, type, type, type);
    ts_status status = ts_module_parse(text, "cube", &module, &diag);
    if (status == ts_ok) status = ts_compile(module, chip, NULL, &set->program, &diag);
    ts_module_free(module);
    if (status == ts_ok) status = ts_homes_new(set->program, chip, false, &set->homes, &diag);
    need(status, &diag);
    set->scratch = memory(set->program->scratch_bytes);
}

static void run_machine(const setting *set, void *out) {
    void *data[64] = {0};
    ts_diag diag = {0};
    if (set->program->tensors.count > sizeof data / sizeof *data) die("the program has too many tensors");
    for (uint32_t i = 0; i < set->program->tensors.count; i++) {
        const ts_tensor *tensor = &set->program->tensors.data[i];
        if (tensor->kind == ts_tensor_input) data[i] = tensor->number == 0 ? set->x : set->y;
        if (tensor->kind == ts_tensor_output) data[i] = out;
        if (tensor->kind == ts_tensor_scratch) data[i] = (char *)set->scratch + tensor->address;
    }
    need(ts_machine_run(set->machine, set->program, &(ts_run){.data = data, .homes = set->homes}, &diag),
         &diag);
}

/* ---- peers ---- */

#ifdef HAVE_OPENBLAS
static void run_openblas(const setting *set, void *out) {
    const int n = set->n;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, set->x, n, set->y, n, 0, out, n);
}
#endif

#ifdef HAVE_DNNL
static void need_dnnl(dnnl_status_t status) {
    if (status != dnnl_success) die("oneDNN refuses the product");
}

/* Makes the operands and results, with rows without gaps. */
static void make_operands(setting *set, const dnnl_memory_desc_t *matrix, dnnl_engine_t engine) {
    const int roles[3] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    for (int i = 0; i < 3; i++) {
        set->operands[i].arg = roles[i];
        need_dnnl(dnnl_memory_create(&set->operands[i].memory, matrix, engine, DNNL_MEMORY_NONE));
    }
    need_dnnl(dnnl_memory_set_data_handle(set->operands[0].memory, set->x));
    need_dnnl(dnnl_memory_set_data_handle(set->operands[1].memory, set->y));
}

static void make_dnnl(setting *set) {
    dnnl_engine_t engine;
    dnnl_memory_desc_t matrix;
    dnnl_matmul_desc_t product;
    dnnl_primitive_desc_t kind;
    const dnnl_dims_t size = {set->n, set->n};
    set->product = NULL;
    need_dnnl(dnnl_engine_create(&engine, dnnl_cpu, 0));
    need_dnnl(dnnl_memory_desc_init_by_tag(&matrix, 2, size, set->is_bf16 ? dnnl_bf16 : dnnl_f32, dnnl_ab));
    need_dnnl(dnnl_matmul_desc_init(&product, &matrix, &matrix, NULL, &matrix));
    const dnnl_status_t status = dnnl_primitive_desc_create(&kind, &product, NULL, engine, NULL);
    if (status != dnnl_unimplemented) {
        need_dnnl(status);
        need_dnnl(dnnl_primitive_create(&set->product, kind));
        need_dnnl(dnnl_stream_create(&set->stream, engine, dnnl_stream_default_flags));
        make_operands(set, &matrix, engine);
        need_dnnl(dnnl_primitive_desc_destroy(kind));
    }
    need_dnnl(dnnl_engine_destroy(engine));
}

static void run_dnnl(const setting *set, void *out) {
    need_dnnl(dnnl_memory_set_data_handle(set->operands[2].memory, out));
    need_dnnl(dnnl_primitive_execute(set->product, set->stream, 3, set->operands));
    need_dnnl(dnnl_stream_wait(set->stream));
}

static void free_dnnl(const setting *set) {
    if (!set->product) return;
    for (int i = 0; i < 3; i++)
        dnnl_memory_destroy(set->operands[i].memory);
    dnnl_primitive_destroy(set->product);
    dnnl_stream_destroy(set->stream);
}
#endif

static int contenders_for(const setting *set, contender *list) {
    int count = 0;
    list[count].name = "compiled program", list[count++].run = run_machine;
#ifdef HAVE_OPENBLAS
    openblas_set_num_threads(set->threads);
    if (!set->is_bf16) list[count].name = "OpenBLAS", list[count++].run = run_openblas;
#endif
#ifdef HAVE_DNNL
    list[count].name = "oneDNN", list[count++].run = set->product ? run_dnnl : NULL;
#endif
    (void)set;
    for (int c = 0; c < count; c++)
        list[c].out = memory(set->bytes);
    return count;
}

/* ---- measuring ---- */

static double seconds(const setting *set) {
    struct timespec t;
    clock_gettime(set->threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Compares bits: operands are multiples of 1/16 within +-1, so that every sum is exact in any order. */
static void check(const setting *set, const contender *first, const contender *other) {
    if (memcmp(first->out, other->out, set->bytes) != 0) die("two contenders disagree");
}

static void fill(const setting *set, void *matrix, size_t seed) {
    for (size_t i = 0; i < (size_t)set->n * (size_t)set->n; i++) {
        const float value = (float)((i * 7 + i / 128 * 13 + seed) % 31) / 16 - 1;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        if (set->is_bf16)
            ((uint16_t *)matrix)[i] = (uint16_t)(bits >> 16);
        else
            ((float *)matrix)[i] = value;
    }
}

static void print_rows(const setting *set, const contender *list, int count, int windows) {
    const double *own = list[0].rate;
    for (int c = 0; c < count; c++) {
        const double *rate = list[c].rate, best = rate[windows - 1], median = rate[windows / 2];
        if (!list[c].run)
            printf("| | %s | not on this CPU | | |\n", list[c].name);
        else if (c == 0)
            printf("| %s %d | %s | %.1f | %.1f | |\n", set->is_bf16 ? "bf16" : "fp32", set->n, list[c].name,
                   best, median);
        else
            printf("| | %s | %.1f | %.1f | %.2f / %.2f |\n", list[c].name, best, median,
                   own[windows - 1] / best, own[windows / 2] / median);
    }
    fflush(stdout);
}

static void measure(setting *set, const ts_chip *chip, int windows, contender *list) {
    set->bytes = (size_t)set->n * (size_t)set->n * (set->is_bf16 ? 2 : 4);
    set->x = memory(set->bytes), set->y = memory(set->bytes);
    fill(set, set->x, 0);
    fill(set, set->y, 5);
    compile_program(set, chip);
#ifdef HAVE_DNNL
    make_dnnl(set);
#endif
    int count = contenders_for(set, list);
    for (int w = -1; w < windows; w++)
        for (int c = 0; c < count; c++) {
            if (!list[c].run) continue;
            double start = seconds(set);
            list[c].run(set, list[c].out);
            if (w >= 0) list[c].rate[w] = 2e-9 * pow(set->n, 3) / (seconds(set) - start);
        }
    for (int c = 0; c < count; c++) {
        if (!list[c].run) continue;
        check(set, &list[0], &list[c]);
        qsort(list[c].rate, (size_t)windows, sizeof(double), by_value);
    }
    for (int c = 0; c < count; c++)
        free(list[c].out);
    print_rows(set, list, count, windows);
#ifdef HAVE_DNNL
    free_dnnl(set);
#endif
    ts_homes_free(set->homes);
    ts_program_free(set->program);
    free(set->x);
    free(set->y);
    free(set->scratch);
}

int main(int argc, char **argv) {
    int windows = argc > 1 ? atoi(argv[1]) : 15;
    setting set = {.n = argc > 2 ? atoi(argv[2]) : 2048, .threads = argc > 3 ? atoi(argv[3]) : 1};
    ts_chip chip;
    ts_diag diag = {0};
    contender *list = calloc(CONTENDERS, sizeof *list);
    if (windows < 1 || windows > MOST_WINDOWS || set.n < 1 || set.n > 1 << 14 || set.threads < 1 || !list)
        die("WINDOWS is a number from 1 to 1001, SIZE from 1 to 16384, THREADS at least 1");
    need(ts_chip_get("trn1", &chip, &diag), &diag);
    need(ts_pool_new(set.threads, &set.pool, &diag), &diag);
    need(ts_machine_new(&chip, set.pool, &set.machine, &diag), &diag);
    printf("| cube | | best GFLOP/s | median | the program against it, best / median "
           "|\n|---|---|---|---|---|\n");
    for (int i = 0; i < 2; i++) {
        set.is_bf16 = i == 1;
        measure(&set, &chip, windows, list);
    }
    ts_machine_free(set.machine);
    ts_pool_free(set.pool);
    free(list);
    return 0;
}

/* Instructions of VectorE, ScalarE and DMA on a tile of 128 x 512 in SBUF, against the host's own means for
   the same elements: glibc's libmvec, memcpy, a plain loop. Times are CPU time of one thread, both sides in
   turn, window by window.

   usage: engines [WINDOWS [LEVEL]]   (201 when not given; the level of the host that functions use) */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "arch/isa.h"
#include "machine/machine.h"

enum { PARTS = 128, COLUMNS = 512, ELEMS = PARTS * COLUMNS, TIMES = 8 };

/* ---- the host's side: out = f(in) ---- */

typedef void peer(const float *restrict in, const float *restrict other, float *restrict out);

static void copy(const float *restrict in, const float *restrict other, float *restrict out) {
    (void)other;
    memcpy(out, in, ELEMS * sizeof *out);
}

static void add(const float *restrict in, const float *restrict other, float *restrict out) {
    for (int i = 0; i < ELEMS; i++)
        out[i] = in[i] + other[i];
}

#ifdef __AVX512F__
#define LIBMVEC(name)                                                                                        \
    __m512 _ZGVeN16v_##name(__m512);                                                                         \
    static void peer_##name(const float *restrict in, const float *restrict other, float *restrict out) {    \
        (void)other;                                                                                         \
        for (int i = 0; i < ELEMS; i += 16)                                                                  \
            _mm512_storeu_ps(out + i, _ZGVeN16v_##name(_mm512_loadu_ps(in + i)));                            \
    }
#else
#define LIBMVEC(name)                                                                                        \
    static void peer_##name(const float *restrict in, const float *restrict other, float *restrict out) {    \
        (void)other;                                                                                         \
        for (int i = 0; i < ELEMS; i++)                                                                      \
            out[i] = name(in[i]);                                                                            \
    }
#endif
LIBMVEC(expf)
LIBMVEC(logf)
LIBMVEC(tanhf)
LIBMVEC(erff)
LIBMVEC(sinf)
LIBMVEC(atanf)

/* ---- rows ---- */

#define X                "sbuf.f32[p0:128 +0 512]"
#define Y                "sbuf.f32[p0:128 +2048 512]"
#define Z                "sbuf.f32[p0:128 +4096 512]"
#define X16              "sbuf.bf16[p0:128 +6144 512]"
#define Z16              "sbuf.bf16[p0:128 +7168 512]"
#define ACTIVATION(name) "scalar.activation dst=" Z " func=" #name " data=" X " scale=1"

typedef struct row {
    const char *title, *instruction, *peer_name;
    peer *run;
} row;

static const row rows[] = {
    {"activation exp", ACTIVATION(exp), "libmvec expf", peer_expf},
    {"activation tanh", ACTIVATION(tanh), "libmvec tanhf", peer_tanhf},
    {"activation erf", ACTIVATION(erf), "libmvec erff", peer_erff},
    {"activation log", ACTIVATION(log), "libmvec logf", peer_logf},
    {"activation sin", ACTIVATION(sin), "libmvec sinf", peer_sinf},
    {"activation arctan", ACTIVATION(arctan), "libmvec atanf", peer_atanf},
    {"activation sigmoid", ACTIVATION(sigmoid), "libmvec expf", peer_expf},
    {"activation sqrt", ACTIVATION(sqrt), "memcpy", copy},
    {"activation rsqrt", ACTIVATION(rsqrt), "memcpy", copy},
    {"tensor_tensor add", "vector.tensor_tensor dst=" Z " data1=" X " data2=" Y " op=add", "loop", add},
    {"tensor_tensor add, bf16", "vector.tensor_tensor dst=" Z16 " data1=" X16 " data2=" X16 " op=add",
     "loop, fp32", add},
    {"tensor_tensor max", "vector.tensor_tensor dst=" Z " data1=" X " data2=" Y " op=max", "loop, add", add},
    {"tensor_scalar multiply, add",
     "vector.tensor_scalar dst=" Z " data=" X " op0=multiply operand0=3 op1=add operand1=1", "memcpy", copy},
    {"tensor_copy", "vector.tensor_copy dst=" Z " src=" X, "memcpy", copy},
    {"tensor_copy to bf16", "vector.tensor_copy dst=" Z16 " src=" X, "memcpy, fp32", copy},
    {"tensor_copy from bf16", "vector.tensor_copy dst=" Z " src=" X16, "memcpy, fp32", copy},
    {"tensor_copy, runs of 16", "vector.tensor_copy dst=" Z " src=sbuf.f32[p0:128 +0 32@32 16]", "memcpy",
     copy},
    {"tensor_copy to bf16, runs of 16", "vector.tensor_copy dst=" Z16 " src=sbuf.f32[p0:128 +0 32@32 16]",
     "memcpy, fp32", copy},
    {"tensor_reduce add", "vector.tensor_reduce dst=sbuf.f32[p0:128 +4096 1] data=" X " op=add axes=1",
     "memcpy", copy},
    {"tensor_reduce max", "vector.tensor_reduce dst=sbuf.f32[p0:128 +4096 1] data=" X " op=max axes=1",
     "memcpy", copy},
    {"dma_copy from HBM", "sync.dma_copy queue=0 dst=" Z " src=hbm.f32[x +0 128@512 512]", "memcpy", copy},
    {"dma_copy to HBM", "sync.dma_copy queue=0 dst=hbm.f32[z +0 128@512 512] src=" X, "memcpy", copy},
};

/* ---- the machine ---- */

static void die(const char *what) {
    fprintf(stderr, "engines: %s\n", what);
    exit(1);
}

static ts_program *program_of(const char *code) {
    char text[2048], story[1200];
    ts_diag diag = {0};
    ts_chip chip;
    ts_program *program = NULL;
    snprintf(text, sizeof text,
             "trn 1\nprogram engines chip=trn1\ntensor x: input 0 f32[128,512]\ntensor z: output 0 "
             "f32[128,512]\n%s",
             code);
    ts_status status = ts_chip_get("trn1", &chip, &diag);
    if (status == ts_ok) status = ts_program_parse(text, "engines", &program, &diag);
    if (status == ts_ok) status = ts_program_verify(program, &chip, &diag);
    ts_diag_format(&diag, story, sizeof story);
    if (status != ts_ok) die(story);
    return program;
}

static void run_program(ts_machine *machine, const ts_program *program, ts_isa isa, float *x, float *z) {
    ts_run run = {.data = (void *const[]){x, z}, .host.isa = isa};
    if (ts_machine_run(machine, program, &run, NULL) != ts_ok) die("the machine refuses a program");
}

/* ---- measuring ---- */

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(ts_machine *machine, const row *r, int windows, ts_isa isa, float *x, float *y,
                    float *z) {
    char code[1024];
    double ours = INFINITY, theirs = INFINITY;
    snprintf(code, sizeof code, "loop %%i = %d\n  %s\nend %%i\n", TIMES, r->instruction);
    ts_program *program = program_of(code);
    for (int i = 0; i < windows; i++) {
        double start = cpu_seconds();
        run_program(machine, program, isa, x, z);
        double middle = cpu_seconds();
        for (int j = 0; j < TIMES; j++)
            r->run(x, y, z);
        double end = cpu_seconds();
        ours = fmin(ours, middle - start);
        theirs = fmin(theirs, end - middle);
    }
    const double elems = (double)ELEMS * TIMES;
    printf("| %s | %.3f | %s | %.3f | %.2f |\n", r->title, ours / elems * 1e9, r->peer_name,
           theirs / elems * 1e9, theirs / ours);
    ts_program_free(program);
}

int main(int argc, char **argv) {
    int windows = argc > 1 ? atoi(argv[1]) : 201;
    ts_isa isa = ts_isa_auto;
    ts_chip chip;
    ts_machine *machine;
    float *x = malloc(ELEMS * sizeof *x), *y = malloc(ELEMS * sizeof *y), *z = calloc(ELEMS, sizeof *z);
    if (windows < 1 || !x || !y || !z) die("usage: engines [WINDOWS [LEVEL]]");
    if (argc > 2 && ts_isa_parse(argv[2], "LEVEL", &isa, NULL) != ts_ok) die("this CPU has no such level");
    if (ts_chip_get("trn1", &chip, NULL) != ts_ok || ts_machine_new(&chip, NULL, &machine, NULL) != ts_ok)
        die("no machine");
    for (int i = 0; i < ELEMS; i++) {
        x[i] = 0.01f + (float)(i * 37 % 1000) * 0.003f;
        y[i] = (float)(i % 977) * 0.01f;
    }
    ts_program *fill =
        program_of("sync.dma_copy queue=0 dst=" X " src=hbm.f32[x +0 128@512 512]\n"
                   "vector.tensor_copy dst=" Y " src=" X "\nvector.tensor_copy dst=" X16 " src=" X "\n");
    run_program(machine, fill, isa, x, z);
    puts("| instruction | ns an element | against | ns | ratio |\n|---|---|---|---|---|");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        measure(machine, &rows[i], windows, isa, x, y, z);
    ts_program_free(fill);
    ts_machine_free(machine);
    free(x);
    free(y);
    free(z);
    return 0;
}

/* Runs of programs: counters of nested loops, cancelling, both cores at once, poison, missing memory, and the
   same bits for any number of threads. */
#include "machine_support.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>

static ts_status run_on(ts_machine *machine, const ts_program *program, int core, void **data,
                        ts_run_stats *stats, ts_diag *diag) {
    ts_run run = {.core = core, .data = data, .stats = stats};
    return ts_machine_run(machine, program, &run, diag);
}

/* out[i,j,k] = iota over three loops, the middle one growing with the outer. */
static void nested_loops_count(void **state) {
    (void)state;
    ts_program *program = program_of(
        "tensor y: output 0 i32[64]\n"
        "loop %%i = 3\n"
        "  loop %%j = min(9, 1+1*%%i)\n"
        "    loop %%k = 2\n"
        "      gpsimd.iota dst=sbuf.i32[p0:1 +0+64*(%%i+%%j+%%k mod 3) 1] offset=0+100*%%i+10*%%j+%%k "
        "channel_multiplier=0 pattern=[0]\n"
        "      sync.dma_copy queue=0 dst=hbm.i32[y +0+16*%%i+4*%%j+%%k 1] src=sbuf.i32[p0:1 "
        "+0+64*(%%i+%%j+%%k mod 3) 1]\n"
        "    end %%k\n  end %%j\nend %%i\n");
    int32_t y[64];
    ts_run_stats stats;
    ts_machine *machine = machine_of(NULL);
    memset(y, -1, sizeof y);
    for (int round = 0; round < 2; round++)
        assert_int_equal(run_on(machine, program, 0, (void *[]){y}, &stats, NULL), ts_ok);
    assert_int_equal(stats.instructions, 2 * 2 * (1 + 2 + 3));
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 4; k++)
                assert_int_equal(y[16 * i + 4 * j + k], i < 3 && j <= i && k < 2 ? 100 * i + 10 * j + k : -1);
    ts_machine_free(machine);
    ts_program_free(program);
}

typedef struct canceller {
    atomic_bool cancel;
    atomic_uint_fast64_t done;
} canceller;

static void *cancel_once_it_runs(void *argument) {
    canceller *c = argument;
    while (atomic_load(&c->done) < 3) /* the loop, what is in it, its end */
        sched_yield();
    atomic_store(&c->cancel, true);
    return NULL;
}

static void a_run_can_be_cancelled(void **state) {
    (void)state;
    ts_program *program = program_of("loop %%i = 2000000000\n"
                                     "  vector.memset dst=sbuf.f32[p0:1 +0 1] value=1\nend %%i\n");
    ts_machine *machine = machine_of(NULL);
    ts_diag diag = {0};
    canceller c = {.cancel = true};
    ts_run_stats stats;
    ts_run run = {.cancel = &c.cancel, .done = &c.done, .stats = &stats};
    assert_int_equal(ts_machine_run(machine, program, &run, &diag), ts_cancelled);
    assert_int_equal(stats.instructions, 0);
    atomic_store(&c.cancel, false);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_once_it_runs, &c), 0);
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_cancelled);
    pthread_join(thread, NULL);
    assert_true(stats.instructions > 0 && stats.instructions < 2000000000);
    ts_machine_free(machine);
    ts_program_free(program);
}

typedef struct worker {
    ts_machine *machine;
    const ts_program *program;
    int core;
    float x[256], y[256];
} worker;

static void *run_often(void *argument) {
    worker *w = argument;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 256; i++)
            w->x[i] = (float)(i + round * (w->core + 1));
        void *data[] = {w->x, w->y};
        if (run_on(w->machine, w->program, w->core, data, NULL, NULL) != ts_ok) return w;
        for (int i = 0; i < 256; i++)
            if (w->y[i] != 2 * w->x[i] + 1) return w;
    }
    return NULL;
}

/* Two threads take turns on core 0, the third has core 1: none sees the SBUF of another. */
static void cores_and_callers_do_not_meet(void **state) {
    (void)state;
    ts_program *program = program_of(
        "tensor x: input 0 f32[128,2]\ntensor y: output 0 f32[128,2]\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 2] src=hbm.f32[x +0 256]\n"
        "vector.tensor_scalar dst=sbuf.f32[p0:128 +0 2] data=sbuf.f32[p0:128 +0 2] op0=multiply operand0=2 "
        "op1=add operand1=1\n"
        "sync.dma_copy queue=1 dst=hbm.f32[y +0 256] src=sbuf.f32[p0:128 +0 2]\n");
    ts_pool *pool = pool_of(2);
    ts_machine *machine = machine_of(pool);
    worker workers[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        workers[i] = (worker){.machine = machine, .program = program, .core = i / 2};
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &workers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    ts_machine_free(machine);
    ts_pool_free(pool);
    ts_program_free(program);
}

/* Bytes that nothing wrote are NaN with poison, in every run; without it, they are what the last program
   left. */
static void poison_shows_unset_memory(void **state) {
    (void)state;
    ts_program *write = program_of("vector.memset dst=sbuf.f32[p0:128 +0 8] value=3\n"
                                   "vector.memset dst=psum.f32[p0:128 +0 8] value=4\n");
    ts_program *read = program_of("tensor y: output 0 f32[16]\n"
                                  "vector.tensor_copy dst=sbuf.f32[p96:1 +64 8] src=psum.f32[p96:1 +0 8]\n"
                                  "sync.dma_copy queue=0 dst=hbm.f32[y +0 8] src=sbuf.f32[p96:1 +0 8]\n"
                                  "sync.dma_copy queue=0 dst=hbm.f32[y +8 8] src=sbuf.f32[p96:1 +64 8]\n");
    ts_machine *machine = machine_of(NULL);
    float y[16];
    for (int round = 0; round < 2; round++) {
        ts_run run = {.data = (void *[]){y}};
        assert_int_equal(ts_machine_run(machine, write, &run, NULL), ts_ok);
        assert_int_equal(ts_machine_run(machine, read, &run, NULL), ts_ok);
        for (int i = 0; i < 16; i++)
            assert_true(y[i] == (i < 8 ? 3 : 4));
        run.poison = true;
        assert_int_equal(ts_machine_run(machine, read, &run, NULL), ts_ok);
        for (int i = 0; i < 16; i++)
            assert_true(y[i] != y[i]);
    }
    ts_machine_free(machine);
    ts_program_free(write);
    ts_program_free(read);
}

/* A few lines of SBUF, and what random instructions should leave in them. */
enum { TALL = 128, WIDE = 48 };
typedef struct sketch {
    char text[4096];
    float held[TALL][WIDE];
} sketch;

static void sketch_step(sketch *s, uint64_t *random) {
    static const int parts[][2] = {{0, 128}, {0, 128}, {0, 32}, {32, 5}, {64, 64}, {96, 17}};
    const int *p = parts[next_random(random) % 6];
    int kind = (int)(next_random(random) % 3), step = next_random(random) % 4 == 0 ? 2 : 1;
    int n = 1 + (int)(next_random(random) % 20), to = (int)(next_random(random) % (WIDE - 2 * 20));
    int from = (int)(next_random(random) % (WIDE - 2 * 20)), value = (int)(next_random(random) % 9);
    char *end = s->text + strlen(s->text), dst[64], src[64];
    size_t room = sizeof s->text - strlen(s->text);
    to += next_random(random) % 2 ? WIDE - 2 * 20 : 0;
    if (to + (n - 1) * step >= WIDE) step = 1;
    snprintf(dst, sizeof dst, "sbuf.f32[p%d:%d +%d %d@%d]", p[0], p[1], 4 * to, n, step);
    snprintf(src, sizeof src, "sbuf.f32[p%d:%d +%d %d@%d]", p[0], p[1], 4 * from, n, 1);
    if (kind == 0) snprintf(end, room, "vector.memset dst=%s value=%d\n", dst, value);
    if (kind == 1)
        snprintf(end, room, "vector.tensor_scalar dst=%s data=%s op0=add operand0=%d\n", dst, dst, value);
    if (kind == 2) snprintf(end, room, "vector.tensor_copy dst=%s src=%s\n", dst, src);
    for (int i = p[0]; i < p[0] + p[1]; i++) {
        float before[WIDE];
        memcpy(before, s->held[i], sizeof before);
        for (int k = 0; k < n; k++) {
            float *at = &s->held[i][to + k * step];
            *at = kind == 0 ? (float)value : kind == 1 ? *at + (float)value : before[from + k];
        }
    }
}

/* Instructions that set a part of a line, or some of its partitions, or read what they set, on memory that
   held other values. */
static void poison_is_where_nothing_was_set(void **state) {
    (void)state;
    static sketch s;
    static float y[TALL][WIDE];
    ts_program *dirty = program_of("vector.memset dst=sbuf.f32[p0:128 +0 %d] value=7\n", WIDE);
    ts_machine *machine = machine_of(NULL);
    uint64_t random = 1;
    for (int round = 0; round < 300; round++) {
        s.text[0] = 0;
        memset(s.held, 0xff, sizeof s.held);
        int steps = (int)(next_random(&random) % 12);
        for (int i = 0; i < steps; i++)
            sketch_step(&s, &random);
        ts_program *program =
            program_of("tensor y: output 0 f32[128,48]\n%s"
                       "sync.dma_copy queue=0 dst=hbm.f32[y +0 6144] src=sbuf.f32[p0:128 +0 48]\n",
                       s.text);
        ts_run run = {.data = (void *[]){y}};
        assert_int_equal(ts_machine_run(machine, dirty, &run, NULL), ts_ok);
        run.poison = true;
        assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
        for (int i = 0; i < TALL; i++)
            for (int k = 0; k < WIDE; k++)
                if (isnan(s.held[i][k]) ? !isnan(y[i][k]) : y[i][k] != s.held[i][k])
                    fail_msg("round %d, partition %d, column %d: %g, not %g\n%s", round, i, k,
                             (double)y[i][k], (double)s.held[i][k], s.text);
        ts_program_free(program);
    }
    ts_machine_free(machine);
    ts_program_free(dirty);
}

static void memory_and_cores_are_checked(void **state) {
    (void)state;
    ts_program *program = program_of("tensor c: constant f32[2] = {5 6}\ntensor y: output 0 f32[2]\n"
                                     "tensor z: output 1 f32[0]\n"
                                     "sync.dma_copy queue=0 dst=hbm.f32[y +0 2] src=hbm.f32[c +0 2]\n");
    ts_machine *machine = machine_of(NULL);
    ts_diag diag = {0};
    float y[2] = {0}, other[2] = {7, 8};
    assert_int_equal(run_on(machine, program, 0, (void *[]){NULL, NULL, NULL}, NULL, &diag), ts_usage);
    assert_non_null(strstr(diag.message, "(y)"));
    assert_int_equal(run_on(machine, program, 2, (void *[]){NULL, y, NULL}, NULL, NULL), ts_usage);
    assert_int_equal(run_on(machine, program, -1, (void *[]){NULL, y, NULL}, NULL, NULL), ts_usage);
    assert_int_equal(run_on(machine, program, 1, (void *[]){NULL, y, NULL}, NULL, NULL), ts_ok);
    assert_true(y[0] == 5 && y[1] == 6);
    assert_int_equal(run_on(machine, program, 1, (void *[]){other, y, NULL}, NULL, NULL), ts_ok);
    assert_true(y[0] == 7 && y[1] == 8);
    ts_machine_free(machine);
    ts_program_free(program);
}

static void failures_name_the_source(void **state) {
    (void)state;
    ts_program *program = program_of(
        "loc @1 \"train.py\":31:5 \"take\"\n"
        "tensor x: input 0 f32[4]\ntensor y: output 0 f32[1]\n"
        "vector.memset dst=sbuf.i32[p0:1 +0 1] value=4\n"
        "sync.dma_copy queue=0 dst=hbm.f32[y +0 1] src=hbm.f32[x +0 1@0 by 1*sbuf.i32[p0:1 +0 1]] @1\n");
    ts_machine *machine = machine_of(NULL);
    ts_diag diag = {0};
    char story[1200];
    float x[4] = {0}, y[1];
    assert_int_equal(run_on(machine, program, 0, (void *[]){x, y}, NULL, &diag), ts_undefined);
    ts_diag_format(&diag, story, sizeof story);
    assert_non_null(strstr(story, "dma_copy (instruction 1) at train.py:31"));
    assert_non_null(strstr(story, "index 4 "));
    assert_non_null(strstr(story, "which has 4"));
    assert_non_null(strstr(story, "oob=skip"));
    ts_machine_free(machine);
    ts_program_free(program);
}

static void impossible_chips_are_refused(void **state) {
    (void)state;
    ts_machine *machine;
    ts_diag diag = {0};
    for (int i = 0; i < 4; i++) {
        ts_chip chip = trn1();
        *(i == 0   ? &chip.partitions
          : i == 1 ? &chip.cores
          : i == 2 ? &chip.sbuf_partition_bytes
                   : &chip.psum_partition_bytes) = i == 3 ? 1e9 : 0;
        assert_int_equal(ts_machine_new(&chip, NULL, &machine, i == 0 ? &diag : NULL), ts_input);
        assert_null(machine);
    }
    assert_non_null(strstr(diag.message, "partitions = 0"));
    ts_chip chip = trn1();
    chip.cores = 1;
    assert_int_equal(ts_machine_new(&chip, NULL, &machine, NULL), ts_ok);
    assert_true(ts_machine_chip(machine)->cores == 1);
    ts_machine_free(machine);
}

enum { ROWS = 128, COLUMNS = 3000 };

/* Every engine on operands large enough to be split over threads. */
static void *large_run(int threads, size_t *bytes) {
    ts_program *program = program_of(
        "tensor x: input 0 f32[128,3000]\ntensor y: output 0 f32[128,3000]\ntensor t: output 1 "
        "f32[3000,128]\n"
        "tensor s: output 2 f32[128,2]\ntensor m: output 3 f32[128,512]\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 3000] src=hbm.f32[x +0 384000]\n"
        "scalar.activation dst=sbuf.f32[p0:128 +12032 3000] func=tanh data=sbuf.f32[p0:128 +0 3000] scale=3 "
        "reduce=sbuf.f32[p0:128 +90000 1] reduce_cmd=reset_reduce\n"
        "vector.tensor_reduce dst=sbuf.f32[p0:128 +90004 1] data=sbuf.f32[p0:128 +0 3000] op=add axes=1\n"
        "vector.tensor_tensor dst=sbuf.bf16[p0:128 +24064 3000] data1=sbuf.f32[p0:128 +12032 3000] "
        "data2=sbuf.f32[p0:128 +0 3000] op=divide\n"
        "gpsimd.iota dst=sbuf.i32[p0:128 +30080 3000] offset=-7 channel_multiplier=3 pattern=[1]\n"
        "gpsimd.tensor_scalar dst=sbuf.u8[p0:128 +42112 3000] data=sbuf.i32[p0:128 +30080 3000] op0=mod "
        "operand0=3\n"
        "vector.tensor_copy_predicated dst=sbuf.f32[p0:128 +0 3000] src=sbuf.bf16[p0:128 +24064 3000] "
        "predicate=sbuf.u8[p0:128 +42112 3000]\n"
        "tensor.nc_matmul dst=psum.f32[p0:128 +0 512] stationary=sbuf.f32[p0:128 +0 128] "
        "moving=sbuf.f32[p0:128 +4000 512]\n"
        "vector.tensor_copy dst=sbuf.f32[p0:128 +80000 512] src=psum.f32[p0:128 +0 512]\n"
        "sync.dma_copy queue=1 dst=hbm.f32[m +0 65536] src=sbuf.f32[p0:128 +80000 512]\n"
        "sync.dma_copy queue=1 dst=hbm.f32[y +0 384000] src=sbuf.f32[p0:128 +0 3000]\n"
        "sync.dma_copy queue=1 dst=hbm.f32[t +0 128 3000@128] src=sbuf.f32[p0:128 +0 3000]\n"
        "sync.dma_copy queue=1 dst=hbm.f32[s +0 256] src=sbuf.f32[p0:128 +90000 2]\n");
    size_t elems = ROWS * COLUMNS;
    float *x = malloc(elems * sizeof *x);
    *bytes = (2 * elems + 256 + 65536) * sizeof *x;
    float *y = malloc(*bytes);
    uint64_t random = 5;
    for (size_t i = 0; i < elems; i++)
        x[i] = next_float(&random);
    ts_pool *pool = threads ? pool_of(threads) : NULL;
    ts_machine *machine = machine_of(pool);
    ts_run run = {.data = (void *[]){x, y, y + elems, y + 2 * elems, y + 2 * elems + 256}, .poison = true};
    assert_int_equal(ts_machine_run(machine, program, &run, NULL), ts_ok);
    for (int i = 0; i < ROWS; i += 17)
        for (int j = 0; j < COLUMNS; j += 13)
            assert_true(y[i * COLUMNS + j] == y[elems + (size_t)(j * ROWS + i)]);
    ts_machine_free(machine);
    ts_pool_free(pool);
    ts_program_free(program);
    free(x);
    return y;
}

static void threads_do_not_change_bits(void **state) {
    (void)state;
    size_t bytes;
    void *once = large_run(0, &bytes);
    for (int threads = 1; threads <= 3; threads++) {
        void *again = large_run(threads, &bytes);
        assert_memory_equal(once, again, bytes);
        free(again);
    }
    free(once);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_loops_count),
        cmocka_unit_test(a_run_can_be_cancelled),
        cmocka_unit_test(cores_and_callers_do_not_meet),
        cmocka_unit_test(poison_shows_unset_memory),
        cmocka_unit_test(poison_is_where_nothing_was_set),
        cmocka_unit_test(memory_and_cores_are_checked),
        cmocka_unit_test(failures_name_the_source),
        cmocka_unit_test(impossible_chips_are_refused),
        cmocka_unit_test(threads_do_not_change_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Programs on both cores of a chip that wait for each other: values are right, and no core waits for ever. */
#include "machine_support.h"

#include <pthread.h>

enum { ELEMS = 64, ROUNDS = 10 };

typedef struct half {
    ts_machine *machine;
    ts_program *program;
    ts_run run;
    void *data[2];
    ts_status status;
    ts_diag diag;
    pthread_t thread;
} half;

typedef struct outcome {
    half halves[2];
    float own[2][ELEMS], both[2 * ELEMS];
} outcome;

static void *run_half(void *context) {
    half *h = context;
    h->run.data = h->data;
    h->status = ts_machine_run(h->machine, h->program, &h->run, &h->diag);
    return NULL;
}

static ts_chip trn2(void) {
    ts_chip chip;
    assert_int_equal(ts_chip_get("trn2", &chip, NULL), ts_ok);
    return chip;
}

/* A core's program, with a tensor of its own and one that both programs see. */
static ts_program *half_of(const char *text) {
    char whole[4096], story[1200];
    ts_program *program = NULL;
    ts_diag diag = {0};
    ts_chip chip = trn2();
    snprintf(
        whole, sizeof whole,
        "trn 1\nprogram half chip=trn2\ntensor own: output 0 f32[64]\ntensor both: output 1 f32[2,64]\n%s",
        text);
    ts_status status = ts_program_parse(whole, "half.trn", &program, &diag);
    if (status == ts_ok) status = ts_program_verify(program, &chip, &diag);
    ts_diag_format(&diag, story, sizeof story);
    if (status != ts_ok) fail_msg("%s", story);
    return program;
}

static void run_both(outcome *o, const char *first, const char *second) {
    ts_chip chip = trn2();
    ts_pool *pool = pool_of(2);
    ts_machine *machine;
    assert_int_equal(ts_machine_new(&chip, pool, &machine, NULL), ts_ok);
    ts_meeting *meeting = ts_meeting_new(2);
    assert_non_null(meeting);
    memset(o, 0, sizeof *o);
    for (int core = 0; core < 2; core++) {
        half *h = &o->halves[core];
        h->machine = machine;
        h->program = half_of(core ? second : first);
        h->run = (ts_run){.core = core, .meeting = meeting, .member = core, .poison = true};
        h->data[0] = o->own[core];
        h->data[1] = o->both;
        assert_int_equal(pthread_create(&h->thread, NULL, run_half, h), 0);
    }
    for (int core = 0; core < 2; core++)
        pthread_join(o->halves[core].thread, NULL);
    for (int core = 0; core < 2; core++)
        ts_program_free(o->halves[core].program);
    ts_meeting_free(meeting);
    ts_machine_free(machine);
    ts_pool_free(pool);
}

/* Each core sends its number in every round and combines it with the other's, in partitions 5 to 7; once in
   place, so that one instruction sends and overwrites a tile. */
static void tiles_go_both_ways(void **state) {
    (void)state;
    static const char *const text =
        "vector.memset dst=sbuf.f32[p0:8 +0 64] value=%d\n"
        "loop %%r = 10\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p5:3 +1024 64] src=sbuf.f32[p5:3 +0 64] is_exchange\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:3 +1024 64] src=sbuf.f32[p5:3 +1024 64]\n"
        "vector.tensor_tensor dst=sbuf.f32[p0:3 +2048 64] data1=sbuf.f32[p0:3 +0 64] data2=sbuf.f32[p0:3 "
        "+1024 64] op=%s\n"
        "vector.tensor_copy dst=sbuf.f32[p0:3 +0 64] src=sbuf.f32[p0:3 +2048 64]\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p5:3 +0 64] src=sbuf.f32[p0:3 +2048 64]\n"
        "end\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p5:3 +0 64] src=sbuf.f32[p5:3 +0 64] is_exchange\n"
        "sync.dma_copy queue=1 dst=hbm.f32[own +0 64] src=sbuf.f32[p6:1 +0 64]\n";
    char programs[2][1500];
    snprintf(programs[0], sizeof programs[0], text, 1, "subtract");
    snprintf(programs[1], sizeof programs[1], text, 2, "add");
    float a = 1, b = 2;
    for (int round = 0; round < ROUNDS; round++) {
        float next = a - b;
        b = b + a;
        a = next;
    }
    for (int again = 0; again < 20; again++) {
        outcome o;
        run_both(&o, programs[0], programs[1]);
        for (int core = 0; core < 2; core++) {
            assert_int_equal(o.halves[core].status, ts_ok);
            for (int i = 0; i < ELEMS; i++)
                assert_true(o.own[core][i] == (core ? a : b));
        }
    }
}

/* Each core writes its row of the tensor that both see, and after the barrier reads that of the other. */
static void a_barrier_hands_over_memory(void **state) {
    (void)state;
    static const char *const text =
        "loop %%w = %d\nvector.memset dst=sbuf.f32[p0:128 +8192 8192] value=0\nend\n"
        "vector.memset dst=sbuf.f32[p0:1 +0 64] value=%d\n"
        "sync.dma_copy queue=0 dst=hbm.f32[both +%d 64] src=sbuf.f32[p0:1 +0 64]\n"
        "gpsimd.core_signal data=hbm.f32[both +0 128]\n"
        "gpsimd.core_wait data=hbm.f32[both +0 128]\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +0 64] src=hbm.f32[both +%d 64]\n"
        "sync.dma_copy queue=0 dst=hbm.f32[own +0 64] src=sbuf.f32[p0:1 +0 64]\n";
    for (int slow = 0; slow < 2; slow++) {
        char programs[2][1200];
        for (int core = 0; core < 2; core++)
            snprintf(programs[core], sizeof programs[core], text, core == slow ? 200 : 0, core + 5, 64 * core,
                     64 - 64 * core);
        outcome o;
        run_both(&o, programs[0], programs[1]);
        for (int core = 0; core < 2; core++) {
            assert_int_equal(o.halves[core].status, ts_ok);
            for (int i = 0; i < ELEMS; i++)
                assert_true(o.own[core][i] == (float)(6 - core));
        }
    }
}

static void nobody_waits_for_a_program_that_has_ended(void **state) {
    (void)state;
    static const char *const waits[] = {
        "sync.core_wait\n",
        "vector.memset dst=sbuf.f32[p0:1 +0 64] value=1\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:1 +1024 64] src=sbuf.f32[p0:1 +0 64] is_exchange\n"};
    for (int i = 0; i < 2; i++) {
        outcome o;
        run_both(&o, waits[i], "vector.memset dst=sbuf.f32[p0:1 +0 64] value=1\n");
        assert_int_equal(o.halves[0].status, ts_deadlock);
        assert_non_null(strstr(o.halves[0].diag.message, "whose program has ended"));
        assert_int_equal(o.halves[1].status, ts_ok);
    }
}

static void both_sides_of_an_exchange_fit(void **state) {
    (void)state;
    static const char *const text =
        "vector.memset dst=sbuf.f32[p0:8 +0 64] value=1\n"
        "sync.dma_copy queue=0 dst=sbuf.f32[p0:%d +1024 %d] src=sbuf.f32[p0:%d +0 %d] is_exchange\n";
    char programs[2][500];
    snprintf(programs[0], sizeof programs[0], text, 8, 64, 8, 64);
    snprintf(programs[1], sizeof programs[1], text, 8, 32, 8, 32);
    outcome o;
    run_both(&o, programs[0], programs[1]);
    assert_int_equal(o.halves[0].status, ts_input);
    assert_int_equal(o.halves[1].status, ts_input);
    assert_non_null(strstr(o.halves[0].diag.message,
                           "the other core sends 8 x 32 elements of f32, this one takes 8 x 64 of f32"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tiles_go_both_ways),
                                       cmocka_unit_test(a_barrier_hands_over_memory),
                                       cmocka_unit_test(nobody_waits_for_a_program_that_has_ended),
                                       cmocka_unit_test(both_sides_of_an_exchange_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

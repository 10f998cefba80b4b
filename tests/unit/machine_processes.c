/* Collectives of ranks in several processes: the bits are those of one process, and no rank waits for a
   process that has ended or a rank that has failed. */
#include "machine_support.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RANKS = 4, MOST_ELEMS = 100000, STEPS = 3, KILLS = 60, FOR_EVER = 1000000 };

/* The results of a process, in memory that the test shares. */
typedef struct found {
    float y[2][MOST_ELEMS]; /* results in one process, and in several */
    ts_status status;
    ts_diag diag;
    double seconds;
    atomic_bool is_there;
} found;

typedef struct job {
    int ranks, processes, elems, file;
    const char *text; /* the program of all ranks, or of each */
    const char *texts[MOST_RANKS];
    int dies, dies_after; /* the process that ends, and after how many runs; -1: none */
    bool is_cancelled;    /* rank 0's run is cancelled */
    int killed_after_us;  /* when the last process is killed, while all run on and on; 0: it is not */
    found *found;         /* one per rank, in shared memory */
} job;

typedef struct rank {
    const job *job;
    ts_machine *machine;
    ts_meeting *meeting;
    int number, side;
    int step, end; /* runs [step, end) */
    pthread_t thread;
} rank;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static ts_program *parse(const job *j, int number) {
    char whole[4096];
    ts_program *program = NULL;
    ts_diag diag = {0};
    ts_chip chip = trn1();
    chip.cores = j->ranks;
    snprintf(whole, sizeof whole, "trn 1\nprogram test chip=trn1 ranks=%d\n%s", j->ranks,
             j->texts[number] ? j->texts[number] : j->text);
    ts_status status = ts_program_parse(whole, "test.trn", &program, &diag);
    if (status == ts_ok) status = ts_program_verify(program, &chip, &diag);
    if (status != ts_ok) {
        fprintf(stderr, "%s\n", diag.message);
        abort();
    }
    return program;
}

/* x, different on each rank and in each step, becomes y; the sums of all steps are kept. */
static void *run_rank(void *context) {
    rank *r = context;
    const job *j = r->job;
    found *f = &j->found[r->number];
    const size_t bytes = (size_t)j->elems * MOST_RANKS * sizeof(float);
    ts_program *program = parse(j, r->number);
    float *x = malloc(bytes), *y = malloc(bytes);
    const atomic_bool cancel = true;
    void *data[6] = {x, y};
    for (int step = r->step; step < r->end && f->status == ts_ok; step++) {
        uint64_t random = (uint64_t)(17 * r->number + step);
        for (int i = 0; i < j->elems; i++)
            x[i] = (float)next_random(&random) * 1e-6f;
        if (j->processes > 1 && r->number * j->processes / j->ranks == j->dies && step == j->dies_after)
            kill(getpid(), SIGKILL);
        ts_run run = {.core = r->number,
                      .data = data,
                      .meeting = r->meeting,
                      .member = r->number,
                      .cancel = j->is_cancelled && r->number == 0 ? &cancel : NULL};
        const double begun = now();
        f->status = ts_machine_run(r->machine, program, &run, &f->diag);
        f->seconds = now() - begun;
        for (int i = 0; f->status == ts_ok && i < j->elems; i++)
            f->y[r->side][i] += y[i];
    }
    free(x);
    free(y);
    ts_program_free(program);
    return NULL;
}

/* Runs ranks [first, last), each in a thread, with the rest as in `like`. */
static void run_ranks(const job *j, const rank *like, int first, int last) {
    rank ranks[MOST_RANKS];
    ts_chip chip = trn1();
    chip.cores = j->ranks;
    ts_pool *pool;
    ts_machine *machine;
    if (ts_pool_new(2, &pool, NULL) != ts_ok || ts_machine_new(&chip, pool, &machine, NULL) != ts_ok) abort();
    for (int i = first; i < last; i++) {
        ranks[i] = *like;
        ranks[i].job = j;
        ranks[i].machine = machine;
        ranks[i].number = i;
        if (pthread_create(&ranks[i].thread, NULL, run_rank, &ranks[i]) != 0) abort();
    }
    for (int i = first; i < last; i++)
        pthread_join(ranks[i].thread, NULL);
    ts_machine_free(machine);
    ts_pool_free(pool);
}

/* The same in one process, whose meetings are for one run each. */
static void run_in_one_process(const job *j) {
    for (int step = 0; step < STEPS; step++) {
        ts_meeting *meeting = ts_meeting_new(j->ranks);
        assert_non_null(meeting);
        run_ranks(j, &(rank){.meeting = meeting, .step = step, .end = step + 1}, 0, j->ranks);
        ts_meeting_free(meeting);
    }
}

static void be_process(const job *j, int number) {
    ts_shared_place place = {.process = number, .processes = j->processes, .members = j->ranks};
    ts_shared *shared;
    ts_diag diag = {0};
    int missing = -1;
    if (ts_shared_open(j->file, &place, &shared, &diag) != ts_ok) abort();
    found *own = &j->found[number * (j->ranks / j->processes)];
    atomic_store(&own->is_there, true);
    do {
        own->status = ts_shared_all_there(shared, &missing, &own->diag);
        if (own->status != ts_ok) return;
    } while (missing >= 0);
    ts_meeting *meeting = ts_meeting_of_processes(shared);
    if (!meeting) abort();
    const int each = j->ranks / j->processes;
    run_ranks(j, &(rank){.meeting = meeting, .side = 1, .end = j->killed_after_us ? FOR_EVER : STEPS},
              number * each, (number + 1) * each);
    ts_meeting_free(meeting);
}

static void run_processes(job *j) {
    pid_t child[MOST_RANKS];
    assert_int_equal(ts_shared_make(&j->file, NULL), ts_ok);
    for (int i = 0; i < j->processes; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] > 0) continue;
        be_process(j, i);
        _exit(0);
    }
    close(j->file);
    if (j->killed_after_us) {
        j->dies = j->processes - 1;
        while (!atomic_load(&j->found[j->dies * (j->ranks / j->processes)].is_there))
            usleep(100);
        usleep((useconds_t)j->killed_after_us);
        assert_int_equal(kill(child[j->dies], SIGKILL), 0);
    }
    for (int i = 0; i < j->processes; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        if (i == j->dies)
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        else
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static job job_of(int ranks, int processes, int elems, const char *text) {
    job j = {.ranks = ranks, .processes = processes, .elems = elems, .text = text, .dies = -1};
    void *memory =
        mmap(NULL, sizeof(found) * MOST_RANKS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    j.found = memory;
    return j;
}

static void end(job *j) {
    munmap(j->found, sizeof(found) * MOST_RANKS);
}

/* A program of one collective over all ranks, which groups list out of order. */
static const char *write_program(char *text, size_t size, const char *kind, const char *op, int ranks,
                                 int from, int to, bool is_in_place) {
    const bool is_pairs = strcmp(kind, "permute") == 0;
    static const char *const groups[2][3] = {{"i32[1,2] = { 1 0 }", "", "i32[1,4] = { 2 0 3 1 }"},
                                             {"i32[2,2] = { 0 1 1 0 }", "", "i32[3,2] = { 0 1 1 3 3 2 }"}};
    snprintf(
        text, size,
        "tensor x: input 0 f32[%d]\ntensor y: output 0 f32[%d]%s\ntensor g: constant %s\n"
        "sync.collective kind=%s dst=hbm.f32[y +0 %d] src=hbm.f32[x +0 %d] op=%s groups=hbm.i32[g +0 %d]\n",
        from, to, is_in_place ? " alias=0" : "", groups[is_pairs][ranks - 2], kind, to, from, op,
        is_pairs ? 2 * (ranks - 1 + (ranks == 2)) : ranks);
    return text;
}

static void the_bits_are_those_of_one_process(void **state) {
    (void)state;
    static const struct {
        const char *kind, *op;
        int grows, shrinks; /* whether dst is larger or smaller than src by the number of ranks */
    } kinds[] = {{"all_reduce", "add", 0, 0},     {"all_reduce", "max", 0, 0},
                 {"reduce_scatter", "add", 0, 1}, {"all_gather", "bypass", 1, 0},
                 {"all_to_all", "bypass", 0, 0},  {"broadcast", "bypass", 0, 0},
                 {"permute", "bypass", 0, 0}};
    static const int sizes[] = {8, 20000};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int s = 0; s < 2; s++)
            for (int ranks = 2; ranks <= 4; ranks += 2)
                for (int processes = 2; processes <= ranks; processes += 2)
                    for (int is_in_place = 0; is_in_place <= !(kinds[k].grows || kinds[k].shrinks);
                         is_in_place++) {
                        char text[1000];
                        const int from = kinds[k].shrinks ? sizes[s] * ranks : sizes[s];
                        job j = job_of(ranks, processes, from, text);
                        write_program(text, sizeof text, kinds[k].kind, kinds[k].op, ranks, from,
                                      kinds[k].grows ? from * ranks : sizes[s], is_in_place);
                        run_in_one_process(&j);
                        run_processes(&j);
                        for (int r = 0; r < ranks; r++) {
                            if (j.found[r].status != ts_ok) fail_msg("%s", j.found[r].diag.message);
                            assert_memory_equal(j.found[r].y[0], j.found[r].y[1], sizes[s] * sizeof(float));
                            assert_true(strcmp(kinds[k].op, "add") != 0 || j.found[r].y[1][0] > 0);
                        }
                        end(&j);
                    }
}

static void nobody_waits_for_a_process_that_was_killed(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        char text[1000];
        job j =
            job_of(4, 2, 1000, write_program(text, sizeof text, "all_reduce", "add", 4, 1000, 1000, false));
        j.dies = 1;
        j.dies_after = after;
        run_processes(&j);
        for (int r = 0; r < 2; r++) {
            assert_int_equal(j.found[r].status, ts_deadlock);
            assert_non_null(strstr(j.found[r].diag.message, "process 1 of 2 (pid "));
            assert_non_null(
                strstr(j.found[r].diag.message, ") has ended, and all must come to this collective"));
            assert_true(j.found[r].seconds < 5);
        }
        end(&j);
    }
}

/* The process is killed at any moment: before all are there, in a program, between two, in any part of a
   collective. */
static void nobody_waits_whenever_one_is_killed(void **state) {
    (void)state;
    uint64_t random = 5;
    for (int i = 0; i < KILLS; i++) {
        char text[1000];
        const int elems = i % 2 ? 100 : 40000;
        job j = job_of(2, 2, elems,
                       write_program(text, sizeof text, i % 3 ? "all_reduce" : "all_to_all",
                                     i % 3 ? "add" : "bypass", 2, elems, elems, false));
        j.killed_after_us = 1 + (int)(next_random(&random) % 30000);
        const double begun = now();
        run_processes(&j);
        assert_true(now() - begun < 5);
        assert_int_equal(j.found[0].status, ts_deadlock);
        assert_non_null(strstr(j.found[0].diag.message, "process 1 of 2 (pid "));
        end(&j);
    }
}

static void nobody_waits_for_a_rank_that_has_failed(void **state) {
    (void)state;
    char text[1000];
    job j = job_of(2, 2, 1000, write_program(text, sizeof text, "all_reduce", "add", 2, 1000, 1000, false));
    j.is_cancelled = true;
    run_processes(&j);
    assert_int_equal(j.found[0].status, ts_cancelled);
    assert_int_equal(j.found[1].status, ts_cancelled);
    assert_non_null(strstr(j.found[1].diag.message,
                           "rank 0 failed, and no collective is possible any more: interrupted"));
    assert_true(j.found[1].seconds < 5);
    end(&j);
}

static void all_mean_the_same(void **state) {
    (void)state;
    char first[1000], second[1000];
    static const char *const stories[] = {"elements of src is 1000 and 500", "op is add and max"};
    for (int i = 0; i < 2; i++) {
        job j =
            job_of(2, 2, 1000, write_program(first, sizeof first, "all_reduce", "add", 2, 1000, 1000, false));
        j.texts[1] = write_program(second, sizeof second, "all_reduce", i ? "max" : "add", 2, i ? 1000 : 500,
                                   i ? 1000 : 500, false);
        run_processes(&j);
        for (int r = 0; r < 2; r++) {
            assert_int_equal(j.found[r].status, ts_input);
            if (!strstr(j.found[r].diag.message, stories[i])) fail_msg("%s", j.found[r].diag.message);
        }
        end(&j);
    }
}

static void a_number_is_one_process(void **state) {
    (void)state;
    int file;
    ts_shared_place place = {.process = 1, .processes = 2, .members = 2};
    ts_shared *shared;
    assert_int_equal(ts_shared_make(&file, NULL), ts_ok);
    const int copy = dup(file);
    assert_int_equal(ts_shared_open(file, &place, &shared, NULL), ts_ok);
    const pid_t child = fork();
    if (child == 0) {
        ts_diag diag = {0};
        ts_shared *again;
        bool is_refused = ts_shared_open(copy, &place, &again, &diag) == ts_usage && again == NULL;
        _exit(is_refused && strstr(diag.message, "two processes say that they are number 1 of 2") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ts_shared_close(shared);
    close(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bits_are_those_of_one_process),
        cmocka_unit_test(nobody_waits_for_a_process_that_was_killed),
        cmocka_unit_test(nobody_waits_whenever_one_is_killed),
        cmocka_unit_test(nobody_waits_for_a_rank_that_has_failed),
        cmocka_unit_test(all_mean_the_same),
        cmocka_unit_test(a_number_is_one_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

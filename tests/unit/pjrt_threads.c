/* Many threads on one client: transfers, executions and copies at the same time, on both devices. */
#include <pthread.h>
#include <stdio.h>

#include "pjrt_support.h"

enum { THREADS = 4, ROUNDS = 40 };

typedef struct job {
    PJRT_Client *client;
    PJRT_LoadedExecutable *add[2], *update[2];
    PJRT_Buffer *shared[2]; /* all threads read them */
    int number;
} job;

static PJRT_Buffer *copy_to(PJRT_Buffer *buffer, PJRT_Device *device) {
    CALL(Buffer_CopyToMemory, .buffer = buffer, .dst_memory = memory_of(device));
    good(e);
    return a.dst_buffer;
}

static PJRT_Buffer *step(PJRT_LoadedExecutable *executable, PJRT_Buffer *x, PJRT_Buffer *w) {
    PJRT_Buffer *arguments[2] = {x, w}, *y = NULL;
    PJRT_Event *done = NULL;
    good(execute(executable, arguments, w ? 2 : 1, &y, &done));
    event_destroy(done);
    buffer_destroy(x);
    return y;
}

static void *work(void *argument) {
    job *j = argument;
    for (int round = 0; round < ROUNDS; round++) {
        int device = (j->number + round) % 2, other = 1 - device;
        float start = (float)(100 * j->number + round);
        PJRT_Buffer *x = buffer_ramp(j->client, device, start);
        x = step(j->add[device], x, NULL);
        x = step(j->update[device], x, j->shared[device]);
        PJRT_Buffer *moved = copy_to(x, device_of(j->client, other));
        buffer_destroy(x);
        moved = step(j->add[other], moved, NULL);
        check_ramp(moved, start + 2, 2);
        buffer_destroy(moved);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    PJRT_Client *client = client_new();
    job jobs[THREADS];
    pthread_t threads[THREADS];
    for (int d = 0; d < 2; d++) {
        jobs[0].add[d] = compile_for(client, program_add, d);
        jobs[0].update[d] = compile_for(client, program_update, d);
        jobs[0].shared[d] = buffer_ramp(client, d, 0);
    }
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = jobs[0];
        jobs[i].client = client;
        jobs[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int d = 0; d < 2; d++) {
        check_ramp(jobs[0].shared[d], 0, 1);
        buffer_destroy(jobs[0].shared[d]);
        executable_destroy(jobs[0].add[d]);
        executable_destroy(jobs[0].update[d]);
        assert_int_equal(bytes_in_use(device_of(client, d)), 0);
    }
    client_destroy(client);
}

/* One buffer that all threads want to donate: one succeeds, the others get an error. */
typedef struct race {
    PJRT_LoadedExecutable *update;
    PJRT_Buffer *x, *w;
    int code;
} race;

static void *grab(void *argument) {
    race *r = argument;
    PJRT_Buffer *arguments[2] = {r->x, r->w}, *y = NULL;
    r->code = take_error(execute(r->update, arguments, 2, &y, NULL), NULL);
    if (r->code == 0) check_ramp(y, 1, 2);
    buffer_destroy(y);
    return NULL;
}

static void test_donation_race(void **state) {
    (void)state;
    PJRT_Client *client = client_new();
    PJRT_LoadedExecutable *update = compile_for(client, program_update, 0);
    PJRT_Buffer *w = buffer_ramp(client, 0, 1);
    for (int round = 0; round < ROUNDS; round++) {
        PJRT_Buffer *x = buffer_ramp(client, 0, 0);
        race races[THREADS];
        pthread_t threads[THREADS];
        int winners = 0;
        for (int i = 0; i < THREADS; i++) {
            races[i] = (race){.update = update, .x = x, .w = w};
            assert_int_equal(pthread_create(&threads[i], NULL, grab, &races[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            assert_true(races[i].code == 0 || races[i].code == PJRT_INVALID_ARGUMENT);
            winners += races[i].code == 0;
        }
        assert_int_equal(winners, 1);
        assert_true(buffer_is_deleted(x));
        buffer_destroy(x);
    }
    buffer_destroy(w);
    executable_destroy(update);
    assert_int_equal(bytes_in_use(device_of(client, 0)), 0);
    client_destroy(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_donation_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

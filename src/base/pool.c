/* Thread pool: one job at a time, its indices handed out by a counter that the workers and the caller share.
 */
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SPINS = 4000, MAX_THREADS = 1024 };

struct ts_pool {
    int threads; /* the caller included */
    pthread_t *workers;
    pthread_mutex_t run_lock; /* held by the caller of the job that runs */
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    ts_task *task; /* of the current job; written before `job` advances */
    void *context;
    int count;
    atomic_uint job;    /* number of the current job; workers wait for it to change */
    atomic_int next;    /* next index to hand out */
    atomic_int running; /* workers that have not finished the current job */
    bool is_stopping;
};

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void work(ts_pool *pool) {
    for (;;) {
        int index = atomic_fetch_add(&pool->next, 1);
        if (index >= pool->count) return;
        pool->task(pool->context, index);
    }
}

/* Waits until the job number differs from `seen`, first spinning, then asleep; false when stopping. */
static bool wait_for_job(ts_pool *pool, unsigned seen) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&pool->job, memory_order_acquire) != seen) break;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->job) == seen && !pool->is_stopping)
        pthread_cond_wait(&pool->wake, &pool->lock);
    bool is_stopping = pool->is_stopping;
    pthread_mutex_unlock(&pool->lock);
    return !is_stopping;
}

static void *worker(void *argument) {
    ts_pool *pool = argument;
    unsigned seen = 0;
    while (wait_for_job(pool, seen)) {
        seen = atomic_load(&pool->job);
        work(pool);
        if (atomic_fetch_sub(&pool->running, 1) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->idle);
            pthread_mutex_unlock(&pool->lock);
        }
    }
    return NULL;
}

static void stop(ts_pool *pool, int started) {
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < started; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_mutex_destroy(&pool->run_lock);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->idle);
    free(pool->workers);
    free(pool);
}

ts_status ts_pool_new(int threads, ts_pool **result, ts_diag *diag) {
    *result = NULL;
    if (threads < 1 || threads > MAX_THREADS)
        return ts_fail(diag, ts_usage, "a thread pool of %d threads: 1 to %d", threads, MAX_THREADS);
    ts_pool *pool = calloc(1, sizeof *pool);
    pthread_t *workers = calloc((size_t)threads, sizeof *workers);
    if (!pool || !workers) {
        free(pool);
        free(workers);
        return ts_fail(diag, ts_system, "no memory for a thread pool");
    }
    pool->threads = threads;
    pool->workers = workers;
    pthread_mutex_init(&pool->run_lock, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    for (int i = 0; i < threads - 1; i++) {
        int error = pthread_create(&pool->workers[i], NULL, worker, pool);
        if (error == 0) continue;
        stop(pool, i);
        ts_fail(diag, ts_system, "cannot start thread %d of %d: %s", i + 2, threads, strerror(error));
        ts_diag_remedy(diag, "set TRAINSTONE_THREADS to a smaller number");
        return ts_system;
    }
    *result = pool;
    return ts_ok;
}

void ts_pool_free(ts_pool *pool) {
    if (pool) stop(pool, pool->threads - 1);
}

int ts_pool_threads(const ts_pool *pool) {
    return pool ? pool->threads : 1;
}

void ts_pool_run(ts_pool *pool, ts_task *task, void *context, int count) {
    if (!pool || pool->threads == 1 || count <= 1) {
        for (int i = 0; i < count; i++)
            task(context, i);
        return;
    }
    pthread_mutex_lock(&pool->run_lock);
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->running, pool->threads - 1);
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add_explicit(&pool->job, 1, memory_order_release);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    work(pool);
    for (int i = 0; i < SPINS && atomic_load(&pool->running) > 0; i++)
        relax();
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->running) > 0)
        pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->run_lock);
}

/* Thread pool that runs one job at a time. Each thread owns a share of the indices, the same in every job, so
   that it finds in its caches what it left there in the job before; a thread that has finished its own share
   takes indices from the ends of the others'. */
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SPINS = 3000 /* about 45 us */, MAX_THREADS = 1024 };

/* `state` packs three things: the job's number (upper half), OPEN while the job still takes workers, and the
   number of workers at it. A worker that wakes late finds the job closed, so that nobody waits for a thread
   that the host has not scheduled. */
#define OPEN         (UINT64_C(1) << 31)
#define JOB          (UINT64_C(1) << 32)
#define AT_IT(state) ((state) & (OPEN - 1))

/* A thread's share is the indices number, number + threads, and so on. `range` holds which of these nobody
   has begun, as positions in that sequence: the first in the lower half, the end in the upper. Each share has
   a cache line of its own. */
typedef struct share {
    _Alignas(64) atomic_uint_fast64_t range;
} share;

typedef struct worker {
    ts_pool *pool;
    int number; /* which share is its own; the calling thread has number 0 */
    pthread_t thread;
} worker;

struct ts_pool {
    int threads; /* including the calling thread */
    share *shares;
    worker *workers;
    pthread_mutex_t run_lock; /* held while a job runs, by its caller */
    pthread_mutex_t lock;     /* only for sleeping and waking */
    pthread_cond_t wake, idle;
    ts_task *task; /* of the current job */
    void *context;
    atomic_uint_fast64_t state;
    atomic_int sleepers;    /* workers that are asleep or about to sleep */
    atomic_bool is_waiting; /* the caller is asleep or about to sleep */
    atomic_bool is_stopping;
};

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static uint64_t range_of(uint64_t first, uint64_t end) {
    return end << 32 | first;
}

/* Takes the first index of the thread's own share or the last of another's. False when the share is empty. */
static bool take(share *s, bool is_own, uint64_t *taken) {
    uint64_t seen = atomic_load(&s->range), first, end;
    do {
        first = seen & UINT32_MAX, end = seen >> 32;
        if (first >= end) return false;
        *taken = is_own ? first : end - 1;
    } while (!atomic_compare_exchange_weak(&s->range, &seen,
                                           is_own ? range_of(first + 1, end) : range_of(first, end - 1)));
    return true;
}

static void work(ts_pool *pool, int number) {
    for (int i = 0; i < pool->threads; i++) {
        int owner = (number + i) % pool->threads;
        for (uint64_t taken; take(&pool->shares[owner], i == 0, &taken);)
            pool->task(pool->context, owner + (int)taken * pool->threads);
    }
}

static bool is_news(ts_pool *pool, uint64_t seen) {
    return atomic_load(&pool->state) / JOB != seen || atomic_load(&pool->is_stopping);
}

/* Waits until the job's number differs from `seen`: spins first, then sleeps. */
static void wait_for_job(ts_pool *pool, uint64_t seen) {
    for (int i = 0; i < SPINS; i++) {
        if (is_news(pool, seen)) return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!is_news(pool, seen))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

/* Joins the current job, whose number becomes *seen. False when the job is closed. */
static bool join_job(ts_pool *pool, uint64_t *seen) {
    uint64_t state = atomic_load(&pool->state);
    do {
        *seen = state / JOB;
        if (!(state & OPEN)) return false;
    } while (!atomic_compare_exchange_weak(&pool->state, &state, state + 1));
    return true;
}

static void wake_caller(ts_pool *pool) {
    if (!atomic_load(&pool->is_waiting)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->idle);
    pthread_mutex_unlock(&pool->lock);
}

static void *run_worker(void *argument) {
    const worker *self = argument;
    ts_pool *pool = self->pool;
    for (uint64_t seen = 0; !atomic_load(&pool->is_stopping); wait_for_job(pool, seen)) {
        if (!join_job(pool, &seen)) continue;
        work(pool, self->number);
        if (AT_IT(atomic_fetch_sub(&pool->state, 1)) == 1) wake_caller(pool);
    }
    return NULL;
}

static void stop(ts_pool *pool, int started) {
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->is_stopping, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_mutex_destroy(&pool->run_lock);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->idle);
    free(pool->shares);
    free(pool->workers);
    free(pool);
}

ts_status ts_pool_new(int threads, ts_pool **result, ts_diag *diag) {
    *result = NULL;
    if (threads < 1 || threads > MAX_THREADS)
        return ts_fail(diag, ts_usage, "a thread pool of %d threads: 1 to %d", threads, MAX_THREADS);
    ts_pool *pool = calloc(1, sizeof *pool);
    worker *workers = calloc((size_t)threads, sizeof *workers);
    share *shares = aligned_alloc(_Alignof(share), (size_t)threads * sizeof *shares);
    if (!pool || !workers || !shares) {
        free(pool);
        free(workers);
        free(shares);
        return ts_fail(diag, ts_system, "no memory for a thread pool");
    }
    pool->threads = threads;
    pool->workers = workers;
    pool->shares = shares;
    pthread_mutex_init(&pool->run_lock, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    for (int i = 0; i < threads - 1; i++) {
        workers[i] = (worker){.pool = pool, .number = i + 1};
        int error = pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
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

static void open_job(ts_pool *pool) {
    atomic_fetch_add(&pool->state, JOB + OPEN);
    if (atomic_load(&pool->sleepers) == 0) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

/* Closes the job and waits for the workers that are at it: spins first, then sleeps. */
static void close_job(ts_pool *pool) {
    atomic_fetch_and(&pool->state, ~OPEN);
    for (int i = 0; i < SPINS; i++) {
        if (AT_IT(atomic_load(&pool->state)) == 0) return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->is_waiting, true);
    while (AT_IT(atomic_load(&pool->state)) > 0)
        pthread_cond_wait(&pool->idle, &pool->lock);
    atomic_store(&pool->is_waiting, false);
    pthread_mutex_unlock(&pool->lock);
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
    for (int i = 0; i < pool->threads; i++) {
        int own = count > i ? (count - i - 1) / pool->threads + 1 : 0;
        atomic_store_explicit(&pool->shares[i].range, range_of(0, (uint64_t)own), memory_order_relaxed);
    }
    open_job(pool);
    work(pool, 0);
    close_job(pool);
    pthread_mutex_unlock(&pool->run_lock);
}

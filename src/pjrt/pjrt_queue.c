/* Queues: one in-order list of work with one thread for each device. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

/* Limit of waiting work: enough to hide the host's own work, and small enough that a program which dispatches
   ahead does not fill HBM with inputs and outputs of work that has not begun. */
enum { DEPTH = 32 };

void ts_queue_init(ts_queue *queue, int number) {
    memset(queue, 0, sizeof *queue);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    queue->number = number;
}

static void *serve(void *argument) {
    ts_queue *queue = argument;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        ts_work *work = queue->first;
        if (!work) {
            if (queue->is_stopping && queue->pending == 0) break;
            pthread_cond_wait(&queue->changed, &queue->lock);
            continue;
        }
        queue->first = work->next;
        if (!queue->first) queue->last = NULL;
        pthread_mutex_unlock(&queue->lock);
        work->run(work);
        pthread_mutex_lock(&queue->lock);
        queue->pending--;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* The thread blocks all signals, which are for the application's own threads. */
static ts_status start(ts_queue *queue, ts_diag *diag) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&queue->thread, NULL, serve, queue);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return ts_fail(diag, ts_system, "no thread for device %d: %s", queue->number, strerror(failed));
    char name[16];
    snprintf(name, sizeof name, "neuroncore-%d", queue->number % 1000);
    pthread_setname_np(queue->thread, name);
    queue->has_thread = true;
    return ts_ok;
}

bool ts_queue_is_own_thread(ts_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    bool is_own = queue->has_thread && pthread_equal(queue->thread, pthread_self());
    pthread_mutex_unlock(&queue->lock);
    return is_own;
}

ts_status ts_queue_reserve(ts_queue *queue, ts_diag *diag) {
    ts_status status = ts_ok;
    bool is_own = ts_queue_is_own_thread(queue);
    pthread_mutex_lock(&queue->lock);
    while (queue->pending >= DEPTH && !is_own)
        pthread_cond_wait(&queue->changed, &queue->lock);
    if (queue->is_stopping)
        status = ts_fail(diag, ts_usage, "the client of device %d was destroyed", queue->number);
    else if (!queue->has_thread)
        status = start(queue, diag);
    queue->pending += status == ts_ok;
    pthread_mutex_unlock(&queue->lock);
    return status;
}

void ts_queue_fill(ts_queue *queue, ts_work *work) {
    pthread_mutex_lock(&queue->lock);
    work->next = NULL;
    if (queue->last)
        queue->last->next = work;
    else
        queue->first = work;
    queue->last = work;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void ts_queue_give_back(ts_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->pending--;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

ts_status ts_queue_push(ts_queue *queue, ts_work *work, ts_diag *diag) {
    TS_TRY(ts_queue_reserve(queue, diag));
    ts_queue_fill(queue, work);
    return ts_ok;
}

void ts_queue_drain(ts_queue *queue) {
    if (ts_queue_is_own_thread(queue)) return;
    pthread_mutex_lock(&queue->lock);
    while (queue->pending > 0)
        pthread_cond_wait(&queue->changed, &queue->lock);
    pthread_mutex_unlock(&queue->lock);
}

void ts_queue_stop(ts_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    bool has_thread = queue->has_thread;
    queue->is_stopping = true;
    queue->has_thread = false;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    if (has_thread) pthread_join(queue->thread, NULL);
}

void ts_queue_close(ts_queue *queue) {
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

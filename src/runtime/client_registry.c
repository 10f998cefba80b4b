/* Registry: the number of this process's clients, so that a forked child can be refused; the program that ran
   last; and how often each program ran. */
#include "runtime/client_registry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/unit.h"
#include "trainstone/trainstone.h"

typedef struct ts_run_count {
    ts_executable *executable;
    uint64_t runs;
} ts_run_count;

static atomic_int client_count;
static atomic_int client_process;                        /* process id of the counted clients */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the variables below */
static ts_executable *latest;
static ts_executable *described; /* the executable that `text` describes; only compared, never used */
static ts_text text;
static bool is_counting;
static ts_runtime *shown;
static atomic_bool is_cancelled;
static _Atomic(ts_host_call *) host_call;
static atomic_int host_runs; /* runs, queued or under way, of programs that call the host */
static ts_run_count *counts; /* in order of first runs; each holds a reference */
static size_t count_total, count_room;

static bool is_forked(void) {
    return atomic_load(&client_count) > 0 && atomic_load(&client_process) != (int)getpid();
}

ts_status ts_registry_enter(ts_diag *diag) {
    if (is_forked()) {
        ts_fail(diag, ts_usage, "this process was forked from one that uses the device");
        ts_diag_remedy(diag,
                       "start processes with multiprocessing.set_start_method(\"spawn\"), or fork before the "
                       "first use of the device");
        return ts_usage;
    }
    atomic_store(&client_process, (int)getpid());
    atomic_fetch_add(&client_count, 1);
    return ts_ok;
}

void ts_registry_leave(void) {
    atomic_fetch_sub(&client_count, 1);
}

void ts_registry_show(ts_runtime *runtime) {
    pthread_mutex_lock(&lock);
    shown = runtime;
    pthread_mutex_unlock(&lock);
}

const atomic_bool *ts_registry_cancel(void) {
    return &is_cancelled;
}

ts_host_call *ts_registry_host_call(void) {
    return atomic_load(&host_call);
}

void ts_registry_host_runs(int change) {
    atomic_fetch_add(&host_runs, change);
}

void ts_on_host_call(ts_host_call *function) {
    atomic_store(&host_call, function);
}

int ts_host_runs(void) {
    return atomic_load(&host_runs);
}

void ts_cancel(void) {
    atomic_store(&is_cancelled, true);
}

typedef struct status_job {
    const ts_live_page *page;
    ts_text out;
} status_job;

static ts_status status_within(void *context) {
    status_job *job = context;
    ts_live_json(job->page, &job->out);
    return ts_ok;
}

size_t ts_status_json(char *buffer, size_t size) {
    status_job job = {0};
    if (size > 0) buffer[0] = 0;
    if (is_forked()) return 0;
    pthread_mutex_lock(&lock);
    job.page = shown ? ts_live_get(ts_runtime_live(shown)) : NULL;
    if (job.page && ts_unit_run(NULL, status_within, &job, "a status", NULL) != ts_ok) job.page = NULL;
    pthread_mutex_unlock(&lock);
    size_t length = job.page ? ts_text_copy(&job.out, buffer, size) : 0;
    if (job.page) ts_text_free(&job.out);
    return length;
}

/* The lock is held. A program is not counted when there is no memory for it. */
static void count_run(ts_executable *executable) {
    for (size_t i = count_total; i-- > 0;)
        if (counts[i].executable == executable) {
            counts[i].runs++;
            return;
        }
    if (count_total == count_room) {
        size_t room = count_room ? 2 * count_room : 32;
        ts_run_count *grown = realloc(counts, room * sizeof *counts);
        if (!grown) return;
        counts = grown;
        count_room = room;
    }
    counts[count_total++] = (ts_run_count){ts_executable_retain(executable), 1};
}

void ts_registry_ran(ts_executable *executable) {
    pthread_mutex_lock(&lock);
    if (is_counting) count_run(executable);
    ts_executable *before = latest;
    if (before != executable) latest = ts_executable_retain(executable);
    /* A new executable may have the old one's address, and with data-dependent control runs differ. */
    if (before != executable || ts_executable_has_control(executable)) described = NULL;
    pthread_mutex_unlock(&lock);
    if (before != executable) ts_executable_release(before);
}

typedef struct description {
    ts_executable *executable;
    const ts_record *record; /* NULL: there is none, and diag says why */
    ts_diag diag;
    ts_text out;
} description;

static ts_status describe_within(void *context) {
    description *d = context;
    if (d->record) {
        ts_record_json(d->record, ts_executable_program(d->executable), ts_executable_instance(d->executable),
                       &d->out);
        return ts_ok;
    }
    char words[2048];
    ts_diag_format(&d->diag, words, sizeof words);
    ts_text_add(&d->out, "{\"error\": ");
    ts_text_quote(&d->out, words);
    ts_text_add(&d->out, "}");
    return ts_ok;
}

/* False when there is no memory. */
static bool describe(ts_executable *executable, ts_text *out) {
    description d = {.executable = executable};
    if (ts_executable_record(executable, &d.record, &d.diag) != ts_ok) d.record = NULL;
    if (ts_unit_run(NULL, describe_within, &d, "a record", NULL) != ts_ok) return false;
    *out = d.out;
    return true;
}

size_t ts_last_run_json(char *buffer, size_t size) {
    if (size > 0) buffer[0] = 0;
    if (is_forked()) return 0;
    pthread_mutex_lock(&lock);
    ts_executable *executable = latest ? ts_executable_retain(latest) : NULL;
    bool is_fresh = executable && described == executable;
    pthread_mutex_unlock(&lock);
    if (!executable) return 0;
    ts_text fresh = {0};
    if (!is_fresh && !describe(executable, &fresh)) { /* not under the lock, because clocking may take long */
        ts_executable_release(executable);
        return 0;
    }
    pthread_mutex_lock(&lock);
    if (!is_fresh) {
        ts_text_free(&text);
        text = fresh;
        described = executable;
    }
    size_t length = ts_text_copy(&text, buffer, size);
    pthread_mutex_unlock(&lock);
    ts_executable_release(executable);
    return length;
}

void ts_count_runs(void) {
    pthread_mutex_lock(&lock);
    is_counting = true;
    pthread_mutex_unlock(&lock);
}

typedef struct entry {
    uint64_t runs;
    ts_text record, out;
} entry;

static ts_status entry_within(void *context) {
    entry *e = context;
    ts_text_format(&e->out, "{\"runs\": %llu, \"record\": %s}", (unsigned long long)e->runs, e->record.data);
    return ts_ok;
}

size_t ts_runs_json(size_t number, char *buffer, size_t size) {
    if (size > 0) buffer[0] = 0;
    if (is_forked()) return 0;
    pthread_mutex_lock(&lock);
    ts_run_count count = number < count_total ? counts[number] : (ts_run_count){0};
    if (count.executable) ts_executable_retain(count.executable);
    pthread_mutex_unlock(&lock);
    if (!count.executable) return 0;
    entry e = {.runs = count.runs};
    bool is_told = describe(count.executable, &e.record) &&
                   ts_unit_run(NULL, entry_within, &e, "a record", NULL) == ts_ok;
    ts_executable_release(count.executable);
    size_t length = is_told ? ts_text_copy(&e.out, buffer, size) : 0;
    if (is_told) ts_text_free(&e.out); /* otherwise the unit freed it */
    ts_text_free(&e.record);
    return length;
}

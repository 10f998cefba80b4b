/* Signals, which become ready once, and PJRT events, the caller's handles for them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pjrt/pjrt_objects.h"

typedef struct ts_callback {
    struct ts_callback *next;
    PJRT_Event_OnReadyCallback call;
    void *argument;
} ts_callback;

struct ts_signal {
    atomic_int references;
    pid_t process;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool is_ready;
    PJRT_Error_Code code; /* 0: no error; written before is_ready */
    char *message;
    ts_callback *callbacks, **last;
};

struct PJRT_Event {
    ts_signal *signal;
};

ts_signal *ts_signal_new(void) {
    ts_signal *signal = calloc(1, sizeof *signal);
    if (!signal) return NULL;
    atomic_init(&signal->references, 1);
    atomic_init(&signal->is_ready, false);
    signal->process = getpid();
    signal->last = &signal->callbacks;
    pthread_mutex_init(&signal->lock, NULL);
    pthread_cond_init(&signal->changed, NULL);
    return signal;
}

ts_signal *ts_signal_new_ready(void) {
    ts_signal *signal = ts_signal_new();
    if (signal) atomic_init(&signal->is_ready, true);
    return signal;
}

ts_signal *ts_signal_retain(ts_signal *signal) {
    atomic_fetch_add_explicit(&signal->references, 1, memory_order_relaxed);
    return signal;
}

void ts_signal_release(ts_signal *signal) {
    if (!signal || atomic_fetch_sub_explicit(&signal->references, 1, memory_order_acq_rel) != 1) return;
    for (ts_callback *callback = signal->callbacks, *next; callback; callback = next) {
        next = callback->next;
        free(callback);
    }
    pthread_cond_destroy(&signal->changed);
    pthread_mutex_destroy(&signal->lock);
    free(signal->message);
    free(signal);
}

static PJRT_Error *error_of(const ts_signal *signal) {
    if (!signal->code) return NULL;
    return ts_pjrt_error(signal->code,
                         signal->message ? signal->message : "capacity: no host memory for the words");
}

/* Runs the callbacks in the order of their registration, without the lock. */
static void make_ready(ts_signal *signal) {
    ts_signal_retain(signal);
    pthread_mutex_lock(&signal->lock);
    ts_callback *callbacks = signal->callbacks;
    signal->callbacks = NULL;
    atomic_store_explicit(&signal->is_ready, true, memory_order_release);
    pthread_cond_broadcast(&signal->changed);
    pthread_mutex_unlock(&signal->lock);
    for (ts_callback *callback = callbacks, *next; callback; callback = next) {
        next = callback->next;
        callback->call(error_of(signal), callback->argument);
        free(callback);
    }
    ts_signal_release(signal);
}

void ts_signal_set_error(ts_signal *signal, PJRT_Error_Code code, const char *message) {
    signal->code = code;
    signal->message = strdup(message);
    make_ready(signal);
}

void ts_signal_set(ts_signal *signal, ts_status status, const ts_diag *diag) {
    PJRT_Error *error = ts_pjrt_error_from(status, diag);
    if (!error) {
        make_ready(signal);
        return;
    }
    PJRT_Error_Message_Args words = {.struct_size = sizeof words, .error = error};
    ts_pjrt_Error_Message(&words);
    PJRT_Error_Destroy_Args destroy = {.struct_size = sizeof destroy, .error = error};
    signal->code = error->code;
    signal->message = strndup(words.message, words.message_size);
    ts_pjrt_Error_Destroy(&destroy);
    make_ready(signal);
}

bool ts_signal_is_ready(const ts_signal *signal) {
    return atomic_load_explicit(&signal->is_ready, memory_order_acquire);
}

void ts_signal_wait(ts_signal *signal) {
    if (ts_signal_is_ready(signal)) return;
    pthread_mutex_lock(&signal->lock);
    while (!ts_signal_is_ready(signal))
        pthread_cond_wait(&signal->changed, &signal->lock);
    pthread_mutex_unlock(&signal->lock);
}

PJRT_Error *ts_signal_error(const ts_signal *signal) {
    return ts_signal_is_ready(signal) ? error_of(signal) : NULL;
}

bool ts_signal_has_error(const ts_signal *signal) {
    return ts_signal_is_ready(signal) && signal->code != 0;
}

void ts_signal_forward_error(const ts_signal *from, ts_signal *to) {
    ts_signal_set_error(to, from->code, from->message ? from->message : "");
}

PJRT_Event *ts_pjrt_event_new(ts_signal *signal) {
    PJRT_Event *event = malloc(sizeof *event);
    if (event) event->signal = ts_signal_retain(signal);
    return event;
}

PJRT_Error *ts_pjrt_Event_Destroy(PJRT_Event_Destroy_Args *args) {
    TS_PJRT_NEED(args, event);
    if (!args->event) return NULL;
    ts_signal_release(args->event->signal);
    free(args->event);
    return NULL;
}

PJRT_Error *ts_pjrt_Event_IsReady(PJRT_Event_IsReady_Args *args) {
    TS_PJRT_NEED(args, is_ready);
    args->is_ready = ts_signal_is_ready(args->event->signal);
    return NULL;
}

PJRT_Error *ts_pjrt_Event_Error(PJRT_Event_Error_Args *args) {
    TS_PJRT_NEED(args, event);
    return ts_signal_error(args->event->signal);
}

/* In a forked child nobody will make the signal ready. */
static bool is_lost(const ts_signal *signal) {
    return !ts_signal_is_ready(signal) && signal->process != getpid();
}

PJRT_Error *ts_pjrt_Event_Await(PJRT_Event_Await_Args *args) {
    TS_PJRT_NEED(args, event);
    if (is_lost(args->event->signal)) return ts_pjrt_forked();
    ts_signal_wait(args->event->signal);
    return ts_signal_error(args->event->signal);
}

PJRT_Error *ts_pjrt_Event_OnReady(PJRT_Event_OnReady_Args *args) {
    TS_PJRT_NEED(args, user_arg);
    ts_signal *signal = args->event->signal;
    if (is_lost(signal)) return ts_pjrt_forked();
    if (!ts_signal_is_ready(signal)) {
        ts_callback *callback = malloc(sizeof *callback);
        if (!callback)
            return ts_pjrt_error(PJRT_RESOURCE_EXHAUSTED, "capacity: no host memory for a callback");
        *callback = (ts_callback){.call = args->callback, .argument = args->user_arg};
        pthread_mutex_lock(&signal->lock);
        bool is_late = ts_signal_is_ready(signal);
        if (!is_late) {
            *signal->last = callback;
            signal->last = &callback->next;
        }
        pthread_mutex_unlock(&signal->lock);
        if (!is_late) return NULL;
        free(callback);
    }
    args->callback(ts_signal_error(signal), args->user_arg);
    return NULL;
}

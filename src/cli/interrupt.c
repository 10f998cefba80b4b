/* Signal handling of the command: three atomics, the only state that the handler touches. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static atomic_bool is_cancelled;
static atomic_int received, current_phase;

static void handle(int number) {
    int first = 0;
    bool is_first = atomic_compare_exchange_strong(&received, &first, number);
    int phase = atomic_load(&current_phase);
    atomic_store(&is_cancelled, true);
    if (phase == ts_phase_prepare || (phase == ts_phase_run && !is_first)) _exit(128 + number);
}

/* A signal that was ignored stays ignored: `nohup` and background jobs of shells rely on it. */
static void install(int number) {
    struct sigaction old, action = {.sa_handler = handle};
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN) return;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void ts_interrupt_install(void) {
    install(SIGINT);
    install(SIGTERM);
    signal(SIGXFSZ, SIG_IGN); /* exceeding the file size limit then is an error of write() */
}

void ts_interrupt_enter(ts_phase phase) {
    atomic_store(&current_phase, phase);
}

const atomic_bool *ts_interrupt_flag(void) {
    return &is_cancelled;
}

int ts_interrupt_exit_code(void) {
    int number = atomic_load(&received);
    return number ? 128 + number : 0;
}

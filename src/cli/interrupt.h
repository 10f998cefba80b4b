/* Ctrl-C and SIGTERM: what a signal does depends on what the command is doing. */
#ifndef TS_CLI_INTERRUPT_H
#define TS_CLI_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

typedef enum ts_phase {
    ts_phase_prepare, /* nothing has been written yet: a signal ends the process at once */
    ts_phase_run,     /* the first signal cancels the run, a second one ends the process */
    ts_phase_write    /* signals only set the flag while files are put in place */
} ts_phase;

void ts_interrupt_install(void);
void ts_interrupt_enter(ts_phase phase);
/* The flag that a signal sets, for ts_execute_options.cancel. */
const atomic_bool *ts_interrupt_flag(void);
/* 128 + the signal's number; 0 when none has come. */
int ts_interrupt_exit_code(void);

#endif

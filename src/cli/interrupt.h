/* Ctrl-C and SIGTERM: what a signal does depends on what would be left behind. */
#ifndef TS_CLI_INTERRUPT_H
#define TS_CLI_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

typedef enum ts_phase {
    ts_phase_prepare, /* nothing is written yet: the signal ends the process at once */
    ts_phase_run,     /* the first signal cancels the run, a second one ends the process */
    ts_phase_write    /* signals only set the flag: files are being put in place */
} ts_phase;

void ts_interrupt_install(void);
void ts_interrupt_enter(ts_phase phase);
/* True once a signal came; what ts_execute_options.cancel takes. */
const atomic_bool *ts_interrupt_flag(void);
/* 128 + the signal's number, or 0 when none came. */
int ts_interrupt_exit_code(void);

#endif

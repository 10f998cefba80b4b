/* `trainstone run --steps`: runs a program many times and carries results from step to step. */
#ifndef TS_CLI_STEPS_H
#define TS_CLI_STEPS_H

#include "cli/session.h"

enum { TS_MOST_STEPS = 1000000000 };

/* Whether the command line asks for steps. */
bool ts_steps_wanted(const ts_arguments *arguments);
/* Loads values and streams, runs the steps of the program that was loaded, writes what --out and --save ask
   for, and appends the results to `out`. */
ts_status ts_steps_run(const ts_arguments *arguments, ts_session *session, ts_text *out, ts_diag *diag);

#endif

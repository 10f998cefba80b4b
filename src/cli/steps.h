/* A program run many times, its results carried from step to step: what `trainstone run --steps` does. */
#ifndef TS_CLI_STEPS_H
#define TS_CLI_STEPS_H

#include "cli/session.h"

enum { TS_MOST_STEPS = 1000000000 };

/* Whether the command line asks for steps. */
bool ts_steps_wanted(const ts_arguments *arguments);
/* Loads values and streams, runs the steps, writes what --out and --save ask for, and adds to `out` what the
   steps gave. The program is loaded. */
ts_status ts_steps_run(const ts_arguments *arguments, ts_session *session, ts_text *out, ts_diag *diag);

#endif

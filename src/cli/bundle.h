/* The description that trainstone.export writes beside a program: names of its arguments and results, and
   which results become arguments of the next step. */
#ifndef TS_CLI_BUNDLE_H
#define TS_CLI_BUNDLE_H

#include "cli/session.h"

typedef struct ts_bundle {
    ts_arena arena;
    int argument_count, output_count;
    const char **arguments, **outputs; /* names, by position in the program */
    int *source;                       /* for each argument, the result whose value it takes over; -1: none */
    int *target;                       /* for each result, the argument that takes it over, or -1 */
} ts_bundle;

/* The path of `program` with its suffix replaced, in the arena. */
const char *ts_bundle_path(ts_arena *arena, const char *program, const char *suffix);
/* Reads PROGRAM's .json and checks it against the program. Call ts_bundle_free also after a failure. */
ts_status ts_bundle_read(const char *program, const ts_executable *executable, ts_bundle *bundle,
                         ts_diag *diag);
void ts_bundle_free(ts_bundle *bundle);
/* The position of a name, written "batch.x" or, as JAX does, "batch['x']"; -1 when there is none. */
int ts_bundle_find(const char *const *names, int count, const char *name, size_t length);

#endif

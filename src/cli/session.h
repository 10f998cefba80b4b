/* What most verbs open first: the modelled instance, and a program made ready for its chip. */
#ifndef TS_CLI_SESSION_H
#define TS_CLI_SESSION_H

#include "cli/options.h"
#include "runtime/executable.h"

typedef struct ts_session {
    ts_runtime *runtime;
    ts_executable *executable; /* NULL: only the instance was opened */
    ts_executable *sibling;    /* the other core's program; NULL: that core is idle */
    int threads;               /* as given to ts_session_open */
    bool is_chosen;            /* the user chose the instance or its chip */
} ts_session;

/* Opens the instance of --instance, --chip and --threads, or of the environment. threads > 0 overrides both.
   Call ts_session_close also after a failure. */
ts_status ts_session_open(const ts_arguments *arguments, int threads, ts_session *session, ts_diag *diag);
/* Reads and compiles (or verifies) arguments->files[0]. options may be NULL. For a program compiled for
   another chip than the default instance's, reopens the session with that chip. */
ts_status ts_session_load(const ts_arguments *arguments, const ts_compile_options *options,
                          ts_session *session, ts_diag *diag);
/* Loads arguments->files[1] for the other core. */
ts_status ts_session_load_sibling(const ts_arguments *arguments, ts_session *session, ts_diag *diag);
void ts_session_close(ts_session *session);

/* Like "4x8", or "scalar". */
void ts_dims_add(ts_text *out, const int64_t *dim, int rank);
/* A tensor's type like "f32 4x8". */
void ts_tensor_add(ts_text *out, const ts_tensor *tensor);

#endif

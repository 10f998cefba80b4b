/* What most verbs open first: the modelled instance, and a program made ready for its chip. */
#ifndef TS_CLI_SESSION_H
#define TS_CLI_SESSION_H

#include "cli/options.h"
#include "runtime/executable.h"

typedef struct ts_session {
    ts_runtime *runtime;
    ts_executable *executable; /* NULL when only the instance was opened */
    ts_executable *sibling;    /* of the other core; NULL: it idles */
    int threads;               /* asked for at the opening */
    bool is_chosen;            /* somebody named the instance or its chip */
} ts_session;

/* The instance of --instance, --chip and --threads, else of the environment. threads > 0 overrides both.
   Close in any case. */
ts_status ts_session_open(const ts_arguments *arguments, int threads, ts_session *session, ts_diag *diag);
/* Reads and compiles (or verifies) arguments->files[0]. options may be NULL. A program that was compiled for
   another chip than the default instance's opens the session again, on its own. */
ts_status ts_session_load(const ts_arguments *arguments, const ts_compile_options *options,
                          ts_session *session, ts_diag *diag);
/* arguments->files[1], for the other core. */
ts_status ts_session_load_sibling(const ts_arguments *arguments, ts_session *session, ts_diag *diag);
void ts_session_close(ts_session *session);

/* "4x8", or "scalar". */
void ts_dims_add(ts_text *out, const int64_t *dim, int rank);
/* "f32 4x8" of a tensor. */
void ts_tensor_add(ts_text *out, const ts_tensor *tensor);
/* "1.5 MiB". */
void ts_bytes_add(ts_text *out, double bytes);

#endif

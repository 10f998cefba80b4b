/* Status codes and diagnostics: what fallible functions return and fill. */
#ifndef TS_BASE_STATUS_H
#define TS_BASE_STATUS_H

#include <stddef.h>

/* Each row's comment ends with who has to act. */
typedef enum ts_status {
    ts_ok,
    ts_usage,       /* the caller broke the API's contract: the API's user */
    ts_input,       /* malformed file or program: whoever made the file */
    ts_unsupported, /* documented by AWS but not modelled: Trainstone's developers */
    ts_unspecified, /* the public documents do not say (only with --strict) */
    ts_undefined,   /* the program did what the ISA leaves undefined: the kernel writer */
    ts_unset_read,  /* read of memory that was never written: the kernel writer */
    ts_capacity,    /* SBUF, PSUM, HBM or host memory is full: the user */
    ts_deadlock,    /* all engines wait and no event is left: the kernel writer */
    ts_cancelled,   /* the user interrupted the run */
    ts_system       /* the operating system refused: the user */
} ts_status;

/* Lower-case word for a status, e.g. "unsupported". Never NULL. */
const char *ts_status_name(ts_status status);

/* Description of one failure, owned by the caller. Zero-initialise; every field except `status` may be empty.
   Only the first failure is kept: a later ts_fail on a set diag does not overwrite it. */
typedef struct ts_diag {
    ts_status status;
    char message[512];       /* what is wrong, naming the operation and the limit */
    char op[96];             /* operation or instruction, e.g. "stablehlo.convolution" */
    char where[512];         /* the user's source, "file.py:31" or a path in the input file */
    char remedy[256];        /* one thing that the user can do about it */
    const char *rule;        /* the broken rule, a static word for programs to compare; NULL: it has no
                                name */
    const char *source_file; /* where in Trainstone's source the failure was raised */
    int source_line;
} ts_diag;

/* Records a failure and returns `status`. diag may be NULL. */
ts_status ts_diag_fail(ts_diag *diag, const char *source_file, int source_line, ts_status status,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Each fills one empty field of a set diag and does nothing when diag is NULL, is not set, or has the field
   already. */
void ts_diag_op(ts_diag *diag, const char *op);
void ts_diag_where(ts_diag *diag, const char *file, int line);
void ts_diag_remedy(ts_diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ts_diag_rule(ts_diag *diag, const char *rule);

/* Writes "unsupported: OP at FILE:LINE: MESSAGE (REMEDY)" into `buffer`, always terminated;
   returns the length it would have had, like snprintf. */
int ts_diag_format(const ts_diag *diag, char *buffer, size_t size);

#define ts_fail(diag, status, ...) ts_diag_fail((diag), __FILE__, __LINE__, (status), __VA_ARGS__)

#define TS_TRY(call)                                                                                         \
    do {                                                                                                     \
        ts_status ts_try_status_ = (call);                                                                   \
        if (ts_try_status_ != ts_ok) return ts_try_status_;                                                  \
    } while (0)

#endif

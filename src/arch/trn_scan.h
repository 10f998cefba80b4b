/* Scanner of .trn text: words, names, numbers, and errors with their place. Safe on any bytes. */
#ifndef TS_ARCH_TRN_SCAN_H
#define TS_ARCH_TRN_SCAN_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

typedef struct ts_scan {
    const char *at, *line_start; /* in the zero-terminated text */
    uint32_t line;
    const char *path;
    ts_diag *diag;
    locale_t locale; /* "C", so that the decimal point does not depend on the process's locale */
} ts_scan;

/* Starts scanning zero-terminated text; `path` names it in messages. Close the scanner also after a
   failure. */
ts_status ts_scan_open(ts_scan *scan, const char *text, const char *path, ts_diag *diag);
void ts_scan_close(ts_scan *scan);

/* Always returns ts_input: "expected WHAT, found ..." at the scanner's position. */
ts_status ts_scan_fail(ts_scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Always returns ts_input, for text that is well-formed but wrong; `at` is where it starts. */
ts_status ts_scan_refuse(ts_scan *scan, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Skips spaces, tabs and a comment, but not the end of the line. */
void ts_scan_space(ts_scan *scan);
/* Skips empty lines. True at the end of the text. */
bool ts_scan_at_end(ts_scan *scan);
/* Skips spaces and a comment; fails unless the line ends there. */
ts_status ts_scan_line_end(ts_scan *scan);

/* Skips spaces and takes `literal` if it stands there; a literal that is a word must not continue. */
bool ts_scan_take(ts_scan *scan, const char *literal);
/* Like ts_scan_take, but fails when the literal does not stand there. */
ts_status ts_scan_expect(ts_scan *scan, const char *literal);
/* Reads letters, digits and _. The word points into the text. */
ts_status ts_scan_word(ts_scan *scan, const char **word, size_t *length, const char *what);
bool ts_scan_is(const char *word, size_t length, const char *literal);
/* Reads a bare name or a quoted string, copied into the arena. */
ts_status ts_scan_name(ts_scan *scan, ts_arena *arena, const char **name, const char *what);
ts_status ts_scan_quoted(ts_scan *scan, ts_arena *arena, const char **text, const char *what);
/* Numbers; `what` names them in messages. ts_scan_i64 accepts values in [low, high]. */
ts_status ts_scan_i64(ts_scan *scan, int64_t low, int64_t high, int64_t *value, const char *what);
ts_status ts_scan_u64(ts_scan *scan, uint64_t *value, const char *what);
ts_status ts_scan_double(ts_scan *scan, double *value, const char *what);

#endif

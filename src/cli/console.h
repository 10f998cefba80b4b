/* Messages beside a verb's output: errors, notes and progress on standard error; and the style of standard
   output. */
#ifndef TS_CLI_CONSOLE_H
#define TS_CLI_CONSOLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"
#include "report/report.h"

/* Whether to write ANSI sequences: the stream is a terminal, and neither NO_COLOR nor TERM=dumb is set. */
bool ts_console_color(FILE *stream);

/* The style for reports on standard output: on a terminal, block characters and colours as far as the locale
   and NO_COLOR allow. */
ts_report_style ts_console_style(void);

/* Replaces characters that a terminal should not get: a broken file or name may contain anything. */
void ts_console_clean(ts_diag *diag);

/* Prints "trainstone: KIND: OP at WHERE: MESSAGE (REMEDY)" on standard error. */
void ts_console_error(const ts_diag *diag);
/* A diagnostic that was cleaned, as {"error": {"kind", "op", "where", "message", "remedy"}}; "op", "where"
   and "remedy" may be "". */
void ts_console_error_json(const ts_diag *diag, ts_text *out);
void ts_console_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes all of `text` to standard output. Fails when the reader has gone or the disk is full. */
ts_status ts_console_write(const ts_text *text, ts_diag *diag);

/* Progress: after two seconds, "WHAT ... 3 s" on standard error if that is a terminal.
   ts_progress_start returns NULL, which the others accept, when nothing is to be shown; ts_progress_say
   replaces the whole line; ts_progress_stop erases it. */
typedef struct ts_progress ts_progress;
ts_progress *ts_progress_start(const char *what);
void ts_progress_say(ts_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ts_progress_stop(ts_progress *progress);

#endif

/* What the command says beside its output: errors, notes and progress on standard error, and colour. */
#ifndef TS_CLI_CONSOLE_H
#define TS_CLI_CONSOLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"
#include "report/report.h"

/* Whether ANSI sequences suit the stream: a terminal, and neither NO_COLOR nor TERM=dumb. */
bool ts_console_color(FILE *stream);

/* What standard output shows of a report: bars of blocks and in colour on a terminal, as its locale and
   NO_COLOR allow. */
ts_report_style ts_console_style(void);

/* Makes the words of a diagnostic fit a line of a terminal: a broken file or name may have put anything in.
 */
void ts_console_clean(ts_diag *diag);

/* "trainstone: KIND: OP at WHERE: MESSAGE (REMEDY)" on standard error. */
void ts_console_error(const ts_diag *diag);
/* A clean diagnostic as {"error": {"kind", "op", "where", "message", "remedy"}}; "op", "where" and "remedy"
 * may be "".
 */
void ts_console_error_json(const ts_diag *diag, ts_text *out);
void ts_console_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* All of `text` to standard output. Fails when the reader has gone or the disk is full. */
ts_status ts_console_write(const ts_text *text, ts_diag *diag);

/* Shows "WHAT ... 3 s" on standard error from the second second on, when that is a terminal. stop erases the
   line; start returns NULL, which the others take, when there is nothing to show. say
   gives the whole line. */
typedef struct ts_progress ts_progress;
ts_progress *ts_progress_start(const char *what);
void ts_progress_say(ts_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ts_progress_stop(ts_progress *progress);

#endif

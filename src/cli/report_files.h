/* The report of a program for the verbs that show one, with the user's source files. */
#ifndef TS_CLI_REPORT_FILES_H
#define TS_CLI_REPORT_FILES_H

#include "cli/session.h"
#include "report/report.h"

typedef struct ts_reported {
    ts_session session;
    ts_report report;
    ts_arena arena;
    ts_trace trace; /* of a record that was read */
    bool has_report;
} ts_reported;

/* Opens a program, or a record that TRAINSTONE_OUT collected, and makes its report. Call ts_reported_close
   also after a failure. */
ts_status ts_reported_open(const ts_arguments *arguments, const char *path, bool with_gains,
                           ts_reported *reported, ts_diag *diag);
void ts_reported_close(ts_reported *reported);

#endif

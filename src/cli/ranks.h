/* The ranks of a program that `trainstone run` runs: arrays, checks and results of each. A program that runs
   alone has one. */
#ifndef TS_CLI_RANKS_H
#define TS_CLI_RANKS_H

#include "cli/arrays.h"

typedef struct ts_ranks {
    int count;
    ts_arrays *inputs, *outputs;
    ts_execute_options *options;
    ts_trace *traces; /* what data decided on each */
} ts_ranks;

/* Room for as many as the session's program has. ts_usage where the instance has fewer NeuronCores. Free in
   any case. */
ts_status ts_ranks_make(const ts_session *session, ts_ranks *ranks, ts_diag *diag);
void ts_ranks_free(ts_ranks *ranks);

/* One file for each input, for all ranks alike, or one set of files after the other, rank by rank. Then room
   for the outputs. */
ts_status ts_ranks_read(const ts_session *session, const ts_arguments *arguments, ts_ranks *ranks,
                        ts_diag *diag);
ts_status ts_ranks_for_outputs(const ts_session *session, ts_ranks *ranks, ts_diag *diag);
ts_status ts_ranks_run(const ts_session *session, ts_ranks *ranks, ts_diag *diag);

/* Where a rank's results go: the folder itself, or of several FOLDER/rank_N. */
ts_status ts_ranks_check_folder(const ts_ranks *ranks, const char *folder, int outputs, ts_diag *diag);
ts_status ts_ranks_write(const ts_ranks *ranks, const char *folder, ts_diag *diag);

/* Where data decided otherwise on some ranks than on others: whether their times differ, and whose line it
 * is. */
ts_status ts_ranks_imbalance(const ts_session *session, const ts_ranks *ranks, ts_text *out, ts_diag *diag);

/* What the checks of each found, for a person; and as members of the record's object. */
void ts_ranks_findings(const ts_ranks *ranks, ts_text *out);
void ts_ranks_findings_json(const ts_ranks *ranks, ts_text *out);

#endif

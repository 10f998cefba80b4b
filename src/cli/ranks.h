/* The ranks of a program under `trainstone run`, each with arrays, checks and results. A program for one core
   has one rank. */
#ifndef TS_CLI_RANKS_H
#define TS_CLI_RANKS_H

#include "cli/arrays.h"

typedef struct ts_ranks {
    int count;
    ts_arrays *inputs, *outputs;
    ts_execute_options *options;
    ts_trace *traces; /* what data decided on each rank */
} ts_ranks;

/* Makes room for the program's ranks. ts_usage when the instance has fewer NeuronCores. Call ts_ranks_free
   also after a failure. */
ts_status ts_ranks_make(const ts_session *session, ts_ranks *ranks, ts_diag *diag);
void ts_ranks_free(ts_ranks *ranks);

/* Reads the inputs, either one file for each input, used by all ranks, or one set of files per rank, in
   order; then ts_ranks_for_outputs makes room for the outputs. */
ts_status ts_ranks_read(const ts_session *session, const ts_arguments *arguments, ts_ranks *ranks,
                        ts_diag *diag);
ts_status ts_ranks_for_outputs(const ts_session *session, ts_ranks *ranks, ts_diag *diag);
ts_status ts_ranks_run(const ts_session *session, ts_ranks *ranks, ts_diag *diag);

/* A rank's results go to FOLDER, or, with several ranks, to FOLDER/rank_N. */
ts_status ts_ranks_check_folder(const ts_ranks *ranks, const char *folder, int outputs, ts_diag *diag);
ts_status ts_ranks_write(const ts_ranks *ranks, const char *folder, ts_diag *diag);

/* If data decided differently on different ranks: whether their times differ, and which line causes it. */
ts_status ts_ranks_imbalance(const ts_session *session, const ts_ranks *ranks, ts_text *out, ts_diag *diag);

/* What the checks of each rank found, as text, and as members of the record's JSON object. */
void ts_ranks_findings(const ts_ranks *ranks, ts_text *out);
void ts_ranks_findings_json(const ts_ranks *ranks, ts_text *out);

#endif

/* Programs of several ranks on the command line: which rank reads and writes which files. */
#include "cli/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

enum { MAX_PATH = 4096 };

/* Fails when the instance has fewer cores than the program has ranks, naming the instances that have
   enough. */
static ts_status check_cores(const ts_session *session, int ranks, ts_diag *diag) {
    const ts_program *program = ts_executable_program(session->executable);
    const int devices = ts_runtime_devices(session->runtime);
    if (ranks <= devices) return ts_ok;
    ts_fail(diag, ts_usage, "%.150s runs on %d NeuronCores; %d of %s are to be had", program->name, ranks,
            devices, ts_runtime_instance(session->runtime)->name);
    char names[sizeof diag->remedy] = "";
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *instance = ts_instance_at(i);
        size_t length = strlen(names);
        if (instance->cores >= ranks && strcmp(instance->chip, program->chip) == 0)
            snprintf(names + length, sizeof names - length, "%s%s", length ? " or " : "", instance->name);
    }
    if (*names) ts_diag_remedy(diag, "--instance %.200s", names);
    return ts_usage;
}

ts_status ts_ranks_make(const ts_session *session, ts_ranks *ranks, ts_diag *diag) {
    const int count = (int)ts_executable_program(session->executable)->ranks;
    *ranks = (ts_ranks){0};
    TS_TRY(check_cores(session, count, diag));
    ranks->inputs = calloc((size_t)count, sizeof *ranks->inputs);
    ranks->outputs = calloc((size_t)count, sizeof *ranks->outputs);
    ranks->options = calloc((size_t)count, sizeof *ranks->options);
    ranks->traces = calloc((size_t)count, sizeof *ranks->traces);
    if (!ranks->inputs || !ranks->outputs || !ranks->options || !ranks->traces)
        return ts_fail(diag, ts_capacity, "no host memory for %d ranks", count);
    ranks->count = count;
    for (int i = 0; i < count; i++)
        ranks->options[i].trace = &ranks->traces[i];
    uint32_t kinds = ts_runtime_checks(session->runtime);
    for (int i = 0; i < count && kinds; i++) {
        ranks->options[i].checks = ts_checks_new(ts_executable_program(session->executable), kinds);
        if (!ranks->options[i].checks)
            return ts_fail(diag, ts_capacity, "no host memory for the checks of a run");
    }
    return ts_ok;
}

void ts_ranks_free(ts_ranks *ranks) {
    for (int i = 0; i < ranks->count; i++) {
        ts_arrays_free(&ranks->inputs[i]);
        ts_arrays_free(&ranks->outputs[i]);
        ts_checks_free(ranks->options[i].checks);
        ts_trace_free(&ranks->traces[i]);
    }
    free(ranks->traces);
    free(ranks->inputs);
    free(ranks->outputs);
    free(ranks->options);
    *ranks = (ts_ranks){0};
}

ts_status ts_ranks_read(const ts_session *session, const ts_arguments *arguments, ts_ranks *ranks,
                        ts_diag *diag) {
    const ts_words *files = &arguments->inputs;
    const uint32_t inputs = (uint32_t)ts_executable_inputs(session->executable);
    const bool are_own = ranks->count > 1 && inputs > 0 && files->count == inputs * (uint32_t)ranks->count;
    for (int i = 0; i < ranks->count; i++) {
        ts_words own = *files;
        if (are_own) {
            own.data += (uint32_t)i * inputs;
            own.count = inputs;
        }
        ts_status status =
            ts_arrays_read(session, arguments->files.data[0], i, &own, &ranks->inputs[i], diag);
        if (status != ts_ok && ranks->count > 1 && own.count != inputs) {
            diag->remedy[0] = 0; /* replaced, as files may be given per rank too */
            ts_diag_remedy(diag, "give one .npy file for each input, or such a set for each of the %d ranks",
                           ranks->count);
        }
        TS_TRY(status);
    }
    return ts_ok;
}

ts_status ts_ranks_for_outputs(const ts_session *session, ts_ranks *ranks, ts_diag *diag) {
    for (int i = 0; i < ranks->count; i++)
        TS_TRY(ts_arrays_for_outputs(session, i, &ranks->outputs[i], diag));
    return ts_ok;
}

ts_status ts_ranks_run(const ts_session *session, ts_ranks *ranks, ts_diag *diag) {
    void *const *inputs[TS_MAX_RANKS], *const *outputs[TS_MAX_RANKS];
    for (int i = 0; i < ranks->count; i++) {
        inputs[i] = ranks->inputs[i].data;
        outputs[i] = ranks->outputs[i].data;
    }
    return ts_executable_run_ranks(session->executable, inputs, outputs, ranks->options, diag);
}

static ts_status folder_of(const ts_ranks *ranks, const char *folder, int rank, char *path, ts_diag *diag) {
    int length = ranks->count == 1 ? snprintf(path, MAX_PATH, "%s", folder)
                                   : snprintf(path, MAX_PATH, "%s/rank_%d", folder, rank);
    if (length < MAX_PATH) return ts_ok;
    return ts_fail(diag, ts_system, "--out: a path longer than %d characters", MAX_PATH - 1);
}

ts_status ts_ranks_check_folder(const ts_ranks *ranks, const char *folder, int outputs, ts_diag *diag) {
    char path[MAX_PATH];
    for (int i = 0; i < ranks->count; i++) {
        TS_TRY(folder_of(ranks, folder, i, path, diag));
        TS_TRY(ts_arrays_check_folder(path, outputs, diag));
    }
    return ts_ok;
}

ts_status ts_ranks_write(const ts_ranks *ranks, const char *folder, ts_diag *diag) {
    char path[MAX_PATH];
    for (int i = 0; i < ranks->count; i++) {
        TS_TRY(folder_of(ranks, folder, i, path, diag));
        TS_TRY(ts_arrays_write(&ranks->outputs[i], path, diag));
    }
    return ts_ok;
}

void ts_ranks_findings(const ts_ranks *ranks, ts_text *out) {
    for (int i = 0; i < ranks->count && ranks->options[i].checks; i++) {
        ts_text found = {0};
        ts_checks_text(ranks->options[i].checks, &found);
        if (found.length > 0 && ranks->count > 1) ts_text_format(out, "rank %d\n", i);
        if (found.length > 0) ts_text_add(out, found.data);
        ts_text_free(&found);
    }
}

void ts_ranks_findings_json(const ts_ranks *ranks, ts_text *out) {
    if (ranks->count == 1) {
        ts_checks_json(ranks->options[0].checks, out);
        return;
    }
    ts_text_add(out, "\"findings_of_ranks\": [");
    for (int i = 0; i < ranks->count; i++) {
        ts_text_add(out, i ? ", {" : "{");
        ts_checks_json(ranks->options[i].checks, out);
        ts_text_add(out, "}");
    }
    ts_text_add(out, "]");
}

/* The record of a rank; shared with an earlier rank on which data decided the same. */
static ts_status clock_rank(const ts_session *session, const ts_ranks *ranks, int rank, ts_record *records,
                            ts_report_rank *out, ts_diag *diag) {
    const ts_program *program = ts_executable_program(session->executable);
    *out = (ts_report_rank){program, &records[rank], "rank", rank};
    for (int i = 0; i < rank; i++) {
        if (!ts_trace_equal(&ranks->traces[i], &ranks->traces[rank])) continue;
        out->record = &records[i];
        return ts_ok;
    }
    ts_clock_options options = {.trace = &ranks->traces[rank]};
    return ts_clock_run(program, ts_runtime_chip(session->runtime), &options, &records[rank], diag);
}

ts_status ts_ranks_imbalance(const ts_session *session, const ts_ranks *ranks, ts_text *out, ts_diag *diag) {
    ts_record *records = calloc((size_t)ranks->count, sizeof *records);
    ts_report_rank *clocked = calloc((size_t)ranks->count, sizeof *clocked);
    ts_status status = records && clocked ? ts_ok : ts_fail(diag, ts_capacity, "no host memory for records");
    bool differ = false;
    for (int i = 1; i < ranks->count; i++)
        differ |= !ts_trace_equal(&ranks->traces[0], &ranks->traces[i]);
    for (int i = 0; i < ranks->count && differ && status == ts_ok; i++)
        status = clock_rank(session, ranks, i, records, &clocked[i], diag);
    if (status == ts_ok && differ && ts_report_imbalance(clocked, ranks->count, out)) ts_text_add(out, "\n");
    for (int i = 0; i < ranks->count && records && clocked; i++)
        if (clocked[i].record == &records[i]) ts_record_free(&records[i]);
    free(records);
    free(clocked);
    return status;
}

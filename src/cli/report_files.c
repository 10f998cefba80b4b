/* Opens a program or a collected record for a report. The clock runs again, so a record needs to keep only
   the program, the chip and what data decided. */
#include "cli/report_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json_read.h"
#include "cli/console.h"

enum { MOST_SOURCE = 4 << 20 };

static bool ends_with(const char *path, const char *suffix) {
    size_t length = strlen(path), end = strlen(suffix);
    return length > end && strcmp(path + length - end, suffix) == 0;
}

/* Reads the source files that the program's locations name, as far as they exist here. */
static int read_sources(const ts_program *program, ts_arena *arena, ts_report_source **sources) {
    int count = 0;
    *sources = TS_NEW_ARRAY(arena, ts_report_source, program->locs.count + 1);
    for (uint32_t i = 0; i < program->locs.count; i++) {
        const char *file = program->locs.data[i].file;
        bool is_known = !file || !file[0];
        for (int s = 0; s < count && !is_known; s++)
            is_known = strcmp((*sources)[s].file, file) == 0;
        if (is_known) continue;
        uint8_t *data = NULL;
        size_t size = 0;
        ts_diag unread = {0};
        const char *text = NULL;
        if (ts_file_read(file, &data, &size, &unread) == ts_ok && size <= MOST_SOURCE &&
            !memchr(data, 0, size))
            text = ts_arena_string_n(arena, (const char *)data, size);
        free(data);
        (*sources)[count++] = (ts_report_source){file, text};
    }
    return count;
}

static ts_status fail_record(const char *path, const char *what, ts_diag *diag) {
    ts_fail(diag, ts_input, "%s: %s", path, what);
    ts_diag_remedy(diag, "a record is NAME.json beside NAME.trn, as TRAINSTONE_OUT=FOLDER collects them");
    return ts_input;
}

/* Reads what data decided in the recorded run. */
static ts_status read_trace(const char *path, const ts_json *replay, ts_trace *trace, bool *has_trace,
                            ts_diag *diag) {
    const ts_json *runs = ts_json_get(replay, "trace");
    if (!runs || runs->kind == ts_json_null) return ts_ok;
    if (runs->kind != ts_json_array) return fail_record(path, "its trace is no list", diag);
    *has_trace = true;
    trace->runs = calloc(runs->count + 1, sizeof *trace->runs);
    if (!trace->runs) return ts_fail(diag, ts_capacity, "%s: no host memory for its trace", path);
    trace->capacity = runs->count + 1;
    for (uint32_t i = 0; i < runs->count; i++) {
        if (!runs->items[i].is_integer || runs->items[i].integer < 0)
            return fail_record(path, "its trace holds something else than counts", diag);
        trace->runs[trace->count++] = (uint64_t)runs->items[i].integer;
    }
    return ts_ok;
}

/* Checks that the program beside a record is the one that ran. */
static ts_status check_hash(const char *path, const char *program, const char *hash, ts_diag *diag) {
    uint8_t *data = NULL;
    size_t size = 0;
    char own[20];
    if (!hash) return fail_record(path, "it does not say which program ran: no hash", diag);
    TS_TRY(ts_file_read(program, &data, &size, diag));
    snprintf(own, sizeof own, "%016llx", (unsigned long long)ts_hash(data, size, 0));
    free(data);
    if (strcmp(own, hash) == 0) return ts_ok;
    ts_fail(diag, ts_input, "%s: %s is not the program that ran (hash %s, of the record %s)", path, program,
            own, hash);
    ts_diag_remedy(diag, "run the script again with TRAINSTONE_OUT, or report the program itself");
    return ts_input;
}

/* Reads NAME.json, which names the program beside it and the instance and chip of the run. */
static ts_status read_record(ts_reported *reported, const char *path, ts_arguments *arguments,
                             bool *has_trace, ts_diag *diag) {
    uint8_t *data = NULL;
    size_t size = 0;
    const ts_json *root = NULL;
    TS_TRY(ts_file_read(path, &data, &size, diag));
    ts_status status = ts_json_read(&reported->arena, (const char *)data, size, path, &root, diag);
    free(data);
    TS_TRY(status);
    const ts_json *replay = ts_json_get(root, "replay");
    const char *program = ts_json_text(ts_json_get(replay, "program"));
    const char *instance = ts_json_text(ts_json_get(replay, "instance"));
    if (!program) return fail_record(path, "no record of a program that can be clocked again", diag);
    const char *slash = strrchr(path, '/');
    arguments->files.data[0] =
        slash ? ts_arena_format(&reported->arena, "%.*s/%s", (int)(slash - path), path, program)
              : ts_arena_string(&reported->arena, program);
    TS_TRY(check_hash(path, arguments->files.data[0], ts_json_text(ts_json_get(replay, "hash")), diag));
    const char *chip = ts_json_text(ts_json_get(replay, "chip"));
    if (!arguments->instance) arguments->instance = instance;
    if (!arguments->chip && chip)
        arguments->chip = ts_arena_format(&reported->arena, "%.*s/%s", slash ? (int)(slash - path) : 1,
                                          slash ? path : ".", chip);
    return read_trace(path, replay, &reported->trace, has_trace, diag);
}

static bool wants_slices(const ts_arguments *arguments) {
    return arguments->pftrace ||
           (arguments->output_format && strcmp(arguments->output_format, "pftrace") == 0);
}

ts_status ts_reported_open(const ts_arguments *arguments, const char *path, bool with_gains,
                           ts_reported *reported, ts_diag *diag) {
    *reported = (ts_reported){0};
    ts_arguments own = *arguments;
    bool has_trace = false;
    const char *file = path;
    own.files.data = &file;
    own.files.count = own.files.capacity = 1;
    if (ends_with(path, ".json")) TS_TRY(read_record(reported, path, &own, &has_trace, diag));
    TS_TRY(ts_session_open(&own, 1, &reported->session, diag));
    TS_TRY(ts_session_load(&own, NULL, &reported->session, diag));
    const ts_program *program = ts_executable_program(reported->session.executable);
    ts_report_source *sources = NULL;
    int count = arguments->no_source ? 0 : read_sources(program, &reported->arena, &sources);
    ts_report_options options = {.instance = ts_runtime_instance(reported->session.runtime),
                                 .trace = has_trace ? &reported->trace : NULL,
                                 .trips = (uint64_t)arguments->trips,
                                 .sources = sources,
                                 .source_count = count,
                                 .slice_cap = wants_slices(arguments) ? TS_REPORT_SLICES : 0,
                                 .without_gains = !with_gains,
                                 .pool = ts_runtime_pool(reported->session.runtime)};
    reported->has_report = true;
    ts_progress *progress = ts_progress_start("clocking");
    ts_status status = ts_report_make(program, ts_runtime_chip(reported->session.runtime), &options,
                                      &reported->report, diag);
    ts_progress_stop(progress);
    if (status == ts_ok && arguments->is_strict)
        status = ts_record_require_sources(&reported->report.record, diag);
    return status;
}

void ts_reported_close(ts_reported *reported) {
    if (reported->has_report) ts_report_free(&reported->report);
    ts_session_close(&reported->session);
    ts_trace_free(&reported->trace);
    ts_arena_free(&reported->arena);
    *reported = (ts_reported){0};
}

/* Opening an instance and a program for a verb, and the few forms in which verbs print shapes and sizes. */
#include "cli/session.h"

#include <stdlib.h>

#include "base/file.h"
#include "cli/console.h"

ts_status ts_session_open(const ts_arguments *arguments, int threads, ts_session *session, ts_diag *diag) {
    *session = (ts_session){0};
    ts_runtime_options options = {
        .instance = arguments->instance, .chip = arguments->chip, .threads = threads};
    if (!options.threads) options.threads = arguments->threads;
    /* A chip in the environment belongs to the instance in the environment. */
    const char *chip = arguments->chip;
    TS_TRY(ts_runtime_options_from_env(&options, diag));
    if (arguments->instance) options.chip = chip;
    return ts_runtime_new(&options, &session->runtime, diag);
}

ts_status ts_session_load(const ts_arguments *arguments, const ts_compile_options *options,
                          ts_session *session, ts_diag *diag) {
    const char *path = arguments->files.data[0];
    uint8_t *data = NULL;
    size_t size = 0;
    TS_TRY(ts_file_read(path, &data, &size, diag));
    ts_progress *progress = ts_progress_start("compiling");
    ts_status status =
        ts_executable_load(session->runtime, data, size, path, options, &session->executable, diag);
    ts_progress_stop(progress);
    free(data);
    return status;
}

void ts_session_close(ts_session *session) {
    if (session->executable) ts_executable_release(session->executable);
    if (session->runtime) ts_runtime_free(session->runtime);
    *session = (ts_session){0};
}

void ts_dims_add(ts_text *out, const int64_t *dim, int rank) {
    if (rank == 0) ts_text_add(out, "scalar");
    for (int i = 0; i < rank; i++)
        ts_text_format(out, "%s%lld", i ? "x" : "", (long long)dim[i]);
}

void ts_tensor_add(ts_text *out, const ts_tensor *tensor) {
    ts_text_format(out, "%s ", ts_dtype_get(tensor->dtype)->name);
    ts_dims_add(out, tensor->dim, tensor->rank);
}

void ts_bytes_add(ts_text *out, double bytes) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
        ts_text_format(out, "%.0f B", bytes);
        return;
    }
    int unit = 0;
    for (bytes /= 1024; bytes >= 1024 && unit < 3; unit++)
        bytes /= 1024;
    ts_text_format(out, bytes < 10 ? "%.2f %s" : bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* Opens an instance and a program for a verb, and formats shapes. */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/console.h"

static ts_status read_cast(const ts_arguments *arguments, ts_runtime_options *options, ts_diag *diag) {
    const char *mode = arguments->auto_cast, *type = arguments->auto_cast_type;
    if (type)
        TS_TRY(
            ts_auto_cast_type_parse(type, strlen(type), "--auto-cast-type", &options->auto_cast_type, diag));
    if (!mode) return ts_ok;
    return ts_auto_cast_parse(mode, strlen(mode), "--auto-cast", &options->auto_cast, diag);
}

static ts_status read_rounding(const ts_arguments *arguments, ts_runtime_options *options, ts_diag *diag) {
    const char *text = arguments->rounding_seed;
    if (arguments->is_stochastic) options->rounding = ts_rounding_stochastic;
    if (!text) return ts_ok;
    char *end = NULL;
    unsigned long long seed = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || seed > UINT32_MAX || strlen(text) > 10) {
        ts_fail(diag, ts_usage, "--stochastic-rounding-seed is \"%.40s\"", text);
        ts_diag_remedy(diag, "a whole number from 0 to 4294967295");
        return ts_usage;
    }
    options->has_rounding_seed = true;
    options->rounding_seed = (uint32_t)seed;
    return ts_ok;
}

ts_status ts_session_open(const ts_arguments *arguments, int threads, ts_session *session, ts_diag *diag) {
    *session = (ts_session){.threads = threads};
    ts_runtime_options options = {.instance = arguments->instance,
                                  .chip = arguments->chip,
                                  .threads = threads,
                                  .host.is_repro = arguments->is_repro};
    if (!options.threads) options.threads = arguments->threads;
    /* TRAINSTONE_CHIP belongs to the environment's instance, not to one from the command line. */
    const char *chip = arguments->chip;
    TS_TRY(read_cast(arguments, &options, diag));
    TS_TRY(read_rounding(arguments, &options, diag));
    if (arguments->checks) TS_TRY(ts_check_parse(arguments->checks, "--check", &options.checks, diag));
    if (arguments->finds_nan) options.checks |= 1u << ts_check_nan;
    TS_TRY(ts_runtime_options_from_env(&options, diag));
    /* Again, because --auto-cast none overrides the environment too. */
    if (arguments->auto_cast) TS_TRY(read_cast(arguments, &options, diag));
    if (arguments->instance) options.chip = chip;
    session->is_chosen = options.instance || options.chip;
    return ts_runtime_new(&options, &session->runtime, diag);
}

static ts_status load(const ts_arguments *arguments, const char *path, const ts_compile_options *options,
                      const ts_session *session, ts_executable **executable, ts_diag *diag) {
    uint8_t *data = NULL;
    size_t size = 0;
    TS_TRY(ts_file_read(path, &data, &size, diag));
    if (arguments->auto_cast && (size < 4 || memcmp(data, "ML\xefR", 4) != 0)) {
        free(data);
        ts_fail(diag, ts_usage, "%.200s is compiled already: --auto-cast has nothing to cast", path);
        ts_diag_remedy(diag, "give --auto-cast with the .mlirbc");
        return ts_usage;
    }
    ts_progress *progress = ts_progress_start("compiling");
    ts_status status = ts_executable_load(session->runtime, data, size, path, options, executable, diag);
    ts_progress_stop(progress);
    free(data);
    return status;
}

/* Chooses the smallest instance with the chip, or else puts the chip in the default instance. */
static void choose_chip(const char *chip, ts_arguments *arguments) {
    const ts_instance *best = NULL;
    for (int i = 0; i < ts_instance_count(); i++) {
        const ts_instance *instance = ts_instance_at(i);
        if (strcmp(instance->chip, chip) == 0 && (!best || instance->cores < best->cores)) best = instance;
    }
    if (best)
        arguments->instance = best->name;
    else
        arguments->chip = chip;
}

ts_status ts_session_load(const ts_arguments *arguments, const ts_compile_options *options,
                          ts_session *session, ts_diag *diag) {
    const char *path = arguments->files.data[0];
    TS_TRY(load(arguments, path, options, session, &session->executable, diag));
    char chip[64];
    ts_arguments own = *arguments;
    snprintf(chip, sizeof chip, "%s", ts_executable_program(session->executable)->chip);
    if (session->is_chosen || strcmp(chip, ts_runtime_chip(session->runtime)->name) == 0) return ts_ok;
    const int threads = session->threads;
    choose_chip(chip, &own);
    ts_session_close(session);
    TS_TRY(ts_session_open(&own, threads, session, diag));
    return load(&own, path, options, session, &session->executable, diag);
}

ts_status ts_session_load_sibling(const ts_arguments *arguments, ts_session *session, ts_diag *diag) {
    return load(arguments, arguments->files.data[1], NULL, session, &session->sibling, diag);
}

void ts_session_close(ts_session *session) {
    if (session->executable) ts_executable_release(session->executable);
    if (session->sibling) ts_executable_release(session->sibling);
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

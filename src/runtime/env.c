/* The only part of the library that reads the environment; all others get their settings as arguments. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/check.h"
#include "runtime/runtime.h"

/* The value of a variable; NULL when it is unset or empty. */
static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static ts_status read_number(const char *name, long low, long high, int *number, ts_diag *diag) {
    const char *value = variable(name);
    if (!value) return ts_ok;
    char *end = NULL;
    errno = 0;
    long parsed = strtol(value, &end, 10);
    if (errno || *end || parsed < low || parsed > high) {
        ts_fail(diag, ts_usage,
                "the environment's %s is \"%.40s\"; it must be a whole number from %ld to %ld", name, value,
                low, high);
        ts_diag_remedy(diag, "set %s to such a number or unset it", name);
        return ts_usage;
    }
    *number = (int)parsed;
    return ts_ok;
}

static ts_status fail_cores(const char *value, ts_diag *diag) {
    ts_fail(diag, ts_usage,
            "the environment's NEURON_RT_VISIBLE_CORES is \"%.40s\"; it must be neighbouring cores", value);
    ts_diag_remedy(diag, "write one core or a range, such as 0, 1, 0-1 or 0,1");
    return ts_usage;
}

/* NEURON_RT_VISIBLE_CORES: numbers and ranges separated by commas. They must be consecutive and ascending,
   because devices are numbered without gaps. */
static ts_status read_visible_cores(int *first, int *count, ts_diag *diag) {
    const char *value = variable("NEURON_RT_VISIBLE_CORES");
    if (!value) return ts_ok;
    long begin = -1, next = -1;
    for (const char *at = value;; at++) {
        char *end = NULL;
        if (*at < '0' || *at > '9') return fail_cores(value, diag);
        long low = strtol(at, &end, 10), high = low;
        if (*end == '-') {
            at = end + 1;
            if (*at < '0' || *at > '9') return fail_cores(value, diag);
            high = strtol(at, &end, 10);
        }
        if (high < low || high > 65535 || (begin >= 0 && low != next)) return fail_cores(value, diag);
        if (begin < 0) begin = low;
        next = high + 1;
        at = end;
        if (!*at) break;
        if (*at != ',') return fail_cores(value, diag);
    }
    *first = (int)begin;
    *count = (int)(next - begin);
    return ts_ok;
}

/* A list with each process's number of devices. */
static ts_status read_list(const char *name, const char *value, ts_processes *processes, ts_diag *diag) {
    int count = 0;
    for (const char *at = value;; at++) {
        char *end = NULL;
        long devices = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : 0;
        if (devices < 1 || count == TS_MAX_RANKS || devices > TS_MAX_RANKS - processes->begin[count] ||
            (*end && *end != ',')) {
            ts_fail(diag, ts_usage,
                    "the environment's %s is \"%.40s\"; it must be a number of NeuronCores for each process",
                    name, value);
            ts_diag_remedy(diag, "write them with commas, such as 1,1, together at most %d", TS_MAX_RANKS);
            return ts_usage;
        }
        processes->begin[count + 1] = processes->begin[count] + (int)devices;
        count++;
        at = end;
        if (!*at) break;
    }
    processes->count = count;
    return ts_ok;
}

static ts_status read_processes(ts_processes *processes, ts_diag *diag) {
    static const char list[] = "NEURON_PJRT_PROCESSES_NUM_DEVICES", index[] = "NEURON_PJRT_PROCESS_INDEX";
    const char *value = variable(list);
    *processes = (ts_processes){.index = -1};
    TS_TRY(read_number("NEURON_PJRT_WORLD_SIZE", 1, TS_MAX_RANKS, &processes->count, diag));
    for (int i = 0; i < processes->count; i++)
        processes->begin[i + 1] = i + 1;
    if (value) TS_TRY(read_list(list, value, processes, diag));
    if (processes->count <= 1) return ts_ok;
    TS_TRY(read_number(index, 0, processes->count - 1, &processes->index, diag));
    processes->root = variable("NEURON_RT_ROOT_COMM_ID");
    if (processes->index >= 0 && processes->root) return ts_ok;
    ts_fail(diag, ts_usage, "%d processes run together, and the environment has no %s", processes->count,
            processes->root ? index : "NEURON_RT_ROOT_COMM_ID");
    ts_diag_remedy(diag, "%s",
                   processes->root ? "give each its number, from 0"
                                   : "give all the same, such as localhost:62182");
    return ts_usage;
}

ts_status ts_runtime_processes_from_env(ts_runtime_options *options, ts_diag *diag) {
    ts_processes *processes = &options->processes;
    int devices = 0;
    TS_TRY(read_processes(processes, diag));
    if (processes->count <= 1) {
        *processes = (ts_processes){0};
        return ts_ok;
    }
    const int own = processes->begin[processes->index + 1] - processes->begin[processes->index];
    options->first_device = processes->begin[processes->index];
    TS_TRY(read_number("NEURON_RT_NUM_CORES", 0, 65536, &devices, diag));
    TS_TRY(read_visible_cores(&options->first_device, &devices, diag));
    options->devices = own;
    if (devices == 0 || devices == own) return ts_ok;
    ts_fail(diag, ts_usage,
            "process %d of %d has %d NeuronCores by NEURON_PJRT_PROCESSES_NUM_DEVICES, and sees %d",
            processes->index, processes->count, own, devices);
    ts_diag_remedy(diag, "let NEURON_RT_VISIBLE_CORES be as many for each process");
    return ts_usage;
}

/* The value of the last occurrence of a flag, --flag=VALUE or --flag VALUE; NULL without one. */
static const char *last_flag(const char *flags, const char *flag, size_t *length) {
    const char *value = NULL;
    for (const char *at = flags; at && (at = strstr(at, flag));) {
        bool is_word = at == flags || at[-1] == ' ';
        at += strlen(flag);
        if (!is_word || (*at != '=' && *at != ' ' && *at)) continue;
        value = at + strspn(at, "= ");
        *length = strcspn(value, " ");
    }
    return value;
}

/* NEURON_CC_FLAGS: the last of several occurrences counts, as in neuronx-cc. Other flags tune AWS's own
   compiler and are ignored. */
static ts_status read_auto_cast(ts_runtime_options *options, ts_diag *diag) {
    const char *flags = variable("NEURON_CC_FLAGS"), *source = "NEURON_CC_FLAGS: --auto-cast";
    size_t length = 0;
    const char *mode = last_flag(flags, "--auto-cast", &length);
    if (mode && options->auto_cast == ts_auto_cast_none)
        TS_TRY(ts_auto_cast_parse(mode, length, source, &options->auto_cast, diag));
    const char *type = last_flag(flags, "--auto-cast-type", &length);
    if (!type || options->auto_cast_type) return ts_ok;
    return ts_auto_cast_type_parse(type, length, "NEURON_CC_FLAGS: --auto-cast-type",
                                   &options->auto_cast_type, diag);
}

/* A switch: 1 and 0, or true and false. */
static ts_status read_switch(const char *name, bool *is_on, ts_diag *diag) {
    const char *value = variable(name);
    int number = 0;
    if (value && (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)) {
        *is_on = *value == 't';
        return ts_ok;
    }
    TS_TRY(read_number(name, 0, 1, &number, diag));
    *is_on = number;
    return ts_ok;
}

static ts_status read_rounding(ts_runtime_options *options, ts_diag *diag) {
    bool is_stochastic = false;
    int seed = 0;
    TS_TRY(read_switch("NEURON_RT_STOCHASTIC_ROUNDING_EN", &is_stochastic, diag));
    TS_TRY(read_number("NEURON_RT_STOCHASTIC_ROUNDING_SEED", 0, INT_MAX, &seed, diag));
    if (is_stochastic) options->rounding = ts_rounding_stochastic;
    if (!options->has_rounding_seed) options->rounding_seed = (uint32_t)seed;
    return ts_ok;
}

static ts_status read_host(ts_host *host, ts_diag *diag) {
    const char *isa = variable("TRAINSTONE_HOST_ISA");
    bool is_repro = false;
    TS_TRY(read_switch("TRAINSTONE_REPRO", &is_repro, diag));
    if (is_repro) host->is_repro = true;
    if (host->isa != ts_isa_auto || !isa) return ts_ok;
    return ts_isa_parse(isa, "the environment's TRAINSTONE_HOST_ISA", &host->isa, diag);
}

/* A folder or its file:// URL. Neuron's own cache may also be in S3, which is refused. */
static ts_status read_cache(const char **folder, ts_diag *diag) {
    static const char local[] = "file://";
    const char *value = variable("NEURON_COMPILE_CACHE_URL");
    if (value && strncmp(value, local, sizeof local - 1) == 0) value += sizeof local - 1;
    if (value && strstr(value, "://")) {
        ts_fail(diag, ts_unsupported,
                "NEURON_COMPILE_CACHE_URL=%.200s: compiled programs are kept in folders only", value);
        ts_diag_remedy(diag, "set it to a folder or unset it");
        return ts_unsupported;
    }
    *folder = value;
    return ts_ok;
}

void ts_runtime_live_folder(char folder[TS_LIVE_FOLDER]) {
    const char *given = variable("TRAINSTONE_RUNTIME_DIR"), *session = variable("XDG_RUNTIME_DIR");
    int length;
    if (given)
        length = snprintf(folder, TS_LIVE_FOLDER, "%s", strcmp(given, "none") == 0 ? "" : given);
    else if (session)
        length = snprintf(folder, TS_LIVE_FOLDER, "%s/trainstone", session);
    else
        length = snprintf(folder, TS_LIVE_FOLDER, "/tmp/trainstone-%u", (unsigned)geteuid());
    if (length >= TS_LIVE_FOLDER) folder[0] = '\0';
}

/* Refuses settings that ask for behaviour which is not modelled, rather than ignoring them. */
static ts_status refuse_unmodelled(ts_diag *diag) {
    int cores = 1;
    TS_TRY(read_number("NEURON_LOGICAL_NC_CONFIG", 1, 64, &cores, diag));
    TS_TRY(read_number("NEURON_RT_VIRTUAL_CORE_SIZE", 1, 64, &cores, diag));
    if (cores != 1) {
        ts_fail(diag, ts_unsupported, "%d physical cores to a logical NeuronCore: this generation has 1",
                cores);
        ts_diag_remedy(diag, "unset NEURON_LOGICAL_NC_CONFIG and NEURON_RT_VIRTUAL_CORE_SIZE");
        return ts_unsupported;
    }
    return ts_ok;
}

ts_status ts_runtime_options_from_env(ts_runtime_options *options, ts_diag *diag) {
    TS_TRY(refuse_unmodelled(diag));
    TS_TRY(read_rounding(options, diag));
    TS_TRY(read_auto_cast(options, diag));
    TS_TRY(read_host(&options->host, diag));
    if (!options->instance) options->instance = variable("TRAINSTONE_INSTANCE");
    if (!options->chip) options->chip = variable("TRAINSTONE_CHIP");
    if (!options->out) options->out = variable("TRAINSTONE_OUT");
    if (!options->checks && variable("TRAINSTONE_CHECK"))
        TS_TRY(ts_check_parse(variable("TRAINSTONE_CHECK"), "the environment's TRAINSTONE_CHECK",
                              &options->checks, diag));
    if (!options->live[0]) ts_runtime_live_folder(options->live);
    if (!options->cache) TS_TRY(read_cache(&options->cache, diag));
    if (!options->threads) TS_TRY(read_number("TRAINSTONE_THREADS", 1, 1024, &options->threads, diag));
    if (options->devices || options->first_device) return ts_ok;
    TS_TRY(read_number("NEURON_RT_NUM_CORES", 0, 65536, &options->devices, diag));
    return read_visible_cores(&options->first_device, &options->devices, diag);
}

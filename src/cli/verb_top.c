/* trainstone top: what this user's processes run on the modelled chip, in the form of neuron-top. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "report/figures.h"
#include "runtime/live.h"

typedef struct listing {
    ts_text *out;
    bool is_json;
    int count;
} listing;

/* Like "9.7 s", "12 ms". */
static void add_seconds(ts_text *out, double seconds) {
    static const char *const units[] = {"s", "ms", "us", "ns"};
    int unit = 0;
    for (; seconds < 0.9995 && unit < 3; unit++)
        seconds *= 1000;
    ts_text_format(out, seconds < 99.95 ? "%.3g %s" : "%.0f %s", seconds, units[unit]);
}

static void add_column(ts_text *out, int width, ts_text *cell) {
    ts_text_format(out, "  %*s", width, cell->data ? cell->data : "");
    ts_text_free(cell);
}

/* Host time of a run: the mean of those that ended, or else how long the first has been running. */
static void add_host(ts_text *out, const ts_live_core *core, uint64_t now) {
    ts_text cell = {0};
    if (core->program_runs)
        add_seconds(&cell, 1e-9 * (double)core->program_ns / (double)core->program_runs);
    else if (core->begun_ns && now > core->begun_ns) {
        ts_text_add(&cell, ">");
        add_seconds(&cell, 1e-9 * (double)(now - core->begun_ns));
    }
    add_column(out, 9, &cell);
    if (core->begun_ns && core->run_instructions)
        ts_text_format(&cell, "%.0f %%", 100.0 * (double)core->done / (double)core->run_instructions);
    else if (core->begun_ns)
        ts_text_add(&cell, "running");
    else
        ts_text_add(&cell, core->runs ? "idle" : "");
    add_column(out, 7, &cell);
}

static void add_predicted(ts_text *out, const ts_live_core *core) {
    static const ts_engine shown[] = {ts_engine_tensor, ts_engine_vector, ts_engine_scalar, ts_engine_gpsimd,
                                      ts_engine_none};
    ts_text cell = {0};
    if (core->run_ps) add_seconds(&cell, 1e-12 * (double)core->run_ps);
    add_column(out, 9, &cell);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        if (core->run_ps) ts_text_format(&cell, "%.0f %%", 1e-4 * core->share[shown[i]]);
        add_column(out, 6, &cell);
    }
}

static void add_core(ts_text *out, const ts_live_page *page, int number, uint64_t now) {
    ts_live_core core;
    ts_text cell = {0};
    ts_live_read(&page->core[number], &core);
    double age = (double)(now - (uint64_t)page->started);
    double busy = (double)core.busy_ns + (core.begun_ns ? (double)(now - core.begun_ns) : 0);
    ts_text_format(out, "  NC%-3d %-24.24s %8llu", page->first_core + number, core.program,
                   (unsigned long long)core.runs);
    if (core.runs || core.begun_ns) ts_text_format(&cell, "%.0f %%", age > 0 ? 100 * busy / age : 0);
    add_column(out, 6, &cell);
    add_host(out, &core, now);
    add_predicted(out, &core);
    if (core.hbm_bytes) ts_figure_bytes(&cell, (double)core.hbm_bytes);
    add_column(out, 9, &cell);
    ts_text_add(out, "\n");
}

static void add_process(const ts_live_page *page, void *context) {
    listing *list = context;
    uint64_t now = ts_live_now(), compiling = atomic_load(&page->compiling_ns);
    if (list->is_json) {
        ts_text_add(list->out, list->count++ ? ",\n  " : "\n  ");
        ts_live_json(page, list->out);
        return;
    }
    list->count++;
    ts_text_format(list->out, "%d  %s  %.100s  for ", (int)page->process, page->instance, page->command);
    add_seconds(list->out, 1e-9 * (double)(now - (uint64_t)page->started));
    if (compiling && now > compiling) {
        ts_text_add(list->out, ", compiling since ");
        add_seconds(list->out, 1e-9 * (double)(now - compiling));
    }
    ts_text_format(list->out, "\n  %-5s %-24s %8s  %6s  %9s  %7s  %9s  %6s  %6s  %6s  %6s  %6s  %9s\n",
                   "core", "program", "runs", "host", "a run", "this", "on chip", "tensor", "vector",
                   "scalar", "gpsimd", "dma", "HBM");
    for (int i = 0; i < page->cores; i++)
        add_core(list->out, page, i, now);
    ts_text_add(list->out, "\n");
}

static void look(const ts_arguments *arguments, ts_text *out) {
    char folder[TS_LIVE_FOLDER];
    listing list = {.out = out, .is_json = arguments->json};
    ts_runtime_live_folder(folder);
    if (arguments->json) ts_text_add(out, "{\"processes\": [");
    ts_live_visit(folder, add_process, &list);
    if (arguments->json)
        ts_text_add(out, list.count ? "\n]}\n" : "]}\n");
    else if (!list.count)
        ts_text_add(out, "no process of yours runs on the modelled chip\n");
}

/* Refreshes the display until a signal comes or the terminal goes away. */
static ts_status watch(const ts_arguments *arguments, ts_diag *diag) {
    ts_status status = ts_ok;
    while (status == ts_ok) {
        ts_text text = {0};
        ts_text_add(&text, "\033[H\033[J");
        look(arguments, &text);
        ts_text_add(&text,
                    "Ctrl-C ends. host, a run: of this computer; the columns after them: predicted.\n");
        status = ts_console_write(&text, diag);
        ts_text_free(&text);
        struct timespec second = {.tv_sec = 1};
        nanosleep(&second, NULL);
    }
    return status;
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    if (!arguments->once && !arguments->json && isatty(STDOUT_FILENO) == 1) return watch(arguments, diag);
    look(arguments, out);
    return ts_ok;
}

static const ts_option options[] = {
    TS_OPTION("once", '1', NULL, flag, once, 0, 0, "Look once, also on a terminal."),
    TS_OPTION_JSON,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_top = {
    .name = "top",
    .summary = "watch what your processes run on the modelled chip, as neuron-top does",
    .synopsis = "[OPTION...]",
    .about =
        "Shows each process of yours that uses the modelled chip, JAX scripts and trainstone run alike, once "
        "a "
        "second on a terminal, else once: its NeuronCores with the program, the runs that ended, the share "
        "of "
        "the process's life in which this computer computes for the core, the host time of a run, how far "
        "the "
        "run under way is, and what was predicted of a run: time on the chip and busy engines. HBM is what "
        "the "
        "core holds, in modelled bytes.\n"
        "\n"
        "Predictions appear once a program was clocked: after two seconds of computing, or earlier when "
        "something asked for its record. With --json every number has a key; what is not known yet is null.\n"
        "\n"
        "Processes show what they do in a file of the folder TRAINSTONE_RUNTIME_DIR, which both sides must "
        "name alike; \"none\" hides a process.",
    .examples = "trainstone top\n"
                "trainstone top --json | python -m json.tool",
    .options = options,
    .least_files = 0,
    .most_files = 0,
    .file = "FILE",
    .run = run,
};

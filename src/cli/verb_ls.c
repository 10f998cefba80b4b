/* trainstone ls: the modelled devices, in the columns and keys of neuron-ls. */
#include <string.h>

#include "cli/session.h"
#include "cli/verbs.h"
#include "runtime/live.h"
#include "trainstone/trainstone.h"

enum { TORUS_SIDE = 4, MAX_NEIGHBOURS = 4 };

/* Devices linked to `device`, in neuron-ls's order (up, left, down, right). 16 Trn1 chips form a 4x4 torus
   (about-neuron/arch/neuron-hardware/trn1-arch.rst:82), several Inf2 chips a ring (inf2-arch). */
static int neighbours(const ts_instance *instance, int device, int *found) {
    int chips = instance->chips;
    if (chips == TORUS_SIDE * TORUS_SIDE) {
        int row = device / TORUS_SIDE, column = device % TORUS_SIDE;
        found[0] = (device + chips - TORUS_SIDE) % chips;
        found[1] = row * TORUS_SIDE + (column + TORUS_SIDE - 1) % TORUS_SIDE;
        found[2] = (device + TORUS_SIDE) % chips;
        found[3] = row * TORUS_SIDE + (column + 1) % TORUS_SIDE;
        return 4;
    }
    if (chips < 2) return 0;
    found[0] = (device + chips - 1) % chips;
    found[1] = (device + 1) % chips;
    return 2;
}

static void add_neighbours(const ts_instance *instance, int device, ts_text *out) {
    int found[MAX_NEIGHBOURS], count = neighbours(instance, device, found);
    for (int i = 0; i < count; i++)
        ts_text_format(out, "%s%d", i ? ", " : "", found[i]);
}

static void add_cores(const ts_chip *chip, int device, ts_text *out) {
    int cores = (int)chip->cores;
    for (int i = 0; i < cores; i++)
        ts_text_format(out, "%s%d", i ? ", " : "", device * cores + i);
}

typedef struct process_list {
    ts_text *out;
    const ts_instance *instance;
    const ts_chip *chip;
    int device, count;
} process_list;

/* Whether a process runs on this modelled instance and has cores of the device. */
static bool uses(const ts_live_page *page, const process_list *list) {
    int cores = (int)list->chip->cores, first = list->device * cores;
    return strcmp(page->instance, list->instance->name) == 0 && page->first_core < first + cores &&
           page->first_core + page->cores > first;
}

static void add_process_json(const ts_live_page *page, void *context) {
    process_list *list = context;
    if (!uses(page, list)) return;
    ts_text_format(list->out, "%s{\"pid\": %d, \"command\": ", list->count++ ? ", " : "", (int)page->process);
    ts_text_quote(list->out, page->command);
    ts_text_format(list->out, ", \"neuron_runtime_version\": \"%s\"}", ts_version());
}

static void add_processes(process_list list) {
    char folder[TS_LIVE_FOLDER];
    ts_runtime_live_folder(folder);
    ts_live_visit(folder, add_process_json, &list);
}

static void add_json(const ts_instance *instance, const ts_chip *chip, ts_text *out) {
    ts_text_add(out, "[");
    for (int device = 0; device < instance->chips; device++) {
        ts_text_format(out,
                       "%s\n  {\"neuron_device\": %d, \"bdf\": null, \"connected_to\": ", device ? "," : "",
                       device);
        ts_text_add(out, instance->chips > 1 ? "[" : "null");
        add_neighbours(instance, device, out);
        ts_text_format(out, "%s, \"nc_count\": %d, \"memory_size\": %.0f, \"neuroncore_ids\": [",
                       instance->chips > 1 ? "]" : "", (int)chip->cores, chip->hbm_bytes);
        add_cores(chip, device, out);
        ts_text_add(out, "], \"neuron_processes\": [");
        add_processes((process_list){.out = out, .instance = instance, .chip = chip, .device = device});
        ts_text_add(out, "]}");
    }
    ts_text_add(out, "]\n");
}

static void add_rule(const int *widths, int count, ts_text *out) {
    for (int i = 0; i < count; i++) {
        ts_text_add(out, "+");
        for (int j = 0; j < widths[i] + 2; j++)
            ts_text_add(out, "-");
    }
    ts_text_add(out, "+\n");
}

static void add_head(const int *widths, const char *const *words, int count, ts_text *out) {
    for (int i = 0; i < count; i++) {
        int free_columns = widths[i] - (int)strlen(words[i]), left = free_columns / 2;
        ts_text_format(out, "| %*s%s%*s ", left, "", words[i], free_columns - left, "");
    }
    ts_text_add(out, "|\n");
}

static void add_row(const int *widths, const char *const *words, int count, ts_text *out) {
    for (int i = 0; i < count; i++)
        ts_text_format(out, "| %-*s ", widths[i], words[i]);
    ts_text_add(out, "|\n");
}

static void add_table(const ts_instance *instance, const ts_chip *chip, ts_text *out) {
    enum { COLUMNS = 5 };
    static const char *const heads[2][COLUMNS] = {{"NEURON", "NEURON", "NEURON", "NEURON", "CONNECTED"},
                                                  {"DEVICE", "CORES", "CORE IDS", "MEMORY", "DEVICES"}};
    int widths[COLUMNS] = {6, 6, 8, 6, 13};
    add_rule(widths, COLUMNS, out);
    add_head(widths, heads[0], COLUMNS, out);
    add_head(widths, heads[1], COLUMNS, out);
    add_rule(widths, COLUMNS, out);
    for (int device = 0; device < instance->chips; device++) {
        ts_text cell[COLUMNS] = {{0}};
        ts_text_format(&cell[0], "%d", device);
        ts_text_format(&cell[1], "%d", (int)chip->cores);
        add_cores(chip, device, &cell[2]);
        ts_text_format(&cell[3], "%.0f GB", chip->hbm_bytes / (1024.0 * 1024 * 1024));
        add_neighbours(instance, device, &cell[4]);
        const char *words[COLUMNS];
        for (int i = 0; i < COLUMNS; i++)
            words[i] = cell[i].data ? cell[i].data : "";
        add_row(widths, words, COLUMNS, out);
        for (int i = 0; i < COLUMNS; i++)
            ts_text_free(&cell[i]);
    }
    add_rule(widths, COLUMNS, out);
}

/* Draws the torus; each row and each column is a ring, and * stands for the link around the back. */
static void add_topology(const ts_instance *instance, ts_text *out) {
    ts_text_add(out, "\nNeuron Device Topology\n");
    if (instance->chips == 1) {
        ts_text_add(out, "  [ 0 ]  no links: the instance has one device\n");
        return;
    }
    int side = instance->chips == TORUS_SIDE * TORUS_SIDE ? TORUS_SIDE : instance->chips;
    bool is_torus = side == TORUS_SIDE;
    for (int device = 0; device < instance->chips; device++) {
        if (device % side == 0 && is_torus)
            ts_text_add(out, device ? "       |        |        |        |\n"
                                    : "       *        *        *        *\n");
        ts_text_add(out, device % side == 0 ? " *--" : "--");
        ts_text_format(out, "-[%2d ]", device);
        if (device % side == side - 1) ts_text_add(out, "---*\n");
    }
    if (is_torus) ts_text_add(out, "       *        *        *        *\n");
    ts_text_add(out, "\nLegend: * = wrap-around link\n");
}

static ts_status run(const ts_arguments *arguments, ts_text *out, ts_diag *diag) {
    ts_session session;
    ts_status status = ts_session_open(arguments, 1, &session, diag);
    if (status == ts_ok) {
        const ts_instance *instance = ts_runtime_instance(session.runtime);
        const ts_chip *chip = ts_runtime_chip(session.runtime);
        if (arguments->json) {
            add_json(instance, chip, out);
        } else {
            ts_text_format(out, "instance-type: %s (modelled)\n", instance->name);
            add_table(instance, chip, out);
            if (arguments->topology) add_topology(instance, out);
        }
    }
    ts_session_close(&session);
    return status;
}

static const ts_option options[] = {
    TS_OPTION("topology", 't', NULL, flag, topology, 0, 0, "Also draw how the devices are linked."),
    TS_OPTION("json-output", 'j', NULL, flag, json, 0, 0, "neuron-ls's name for --json."),
    TS_OPTION_INSTANCE,
    TS_OPTION_CHIP,
    TS_OPTION_JSON,
    TS_OPTION_HELP,
    TS_OPTION_END,
};

const ts_verb ts_verb_ls = {
    .name = "ls",
    .summary = "the modelled devices, as neuron-ls shows them",
    .synopsis = "[OPTION...]",
    .about = "Lists the Neuron devices of the modelled instance with their NeuronCores, memory (GB as in "
             "neuron-ls: GiB) and "
             "links. What the model does not have, PCI addresses, is left out of the table and null in JSON. "
             "JSON lists your processes on the instance; trainstone top shows what they do.",
    .examples = "trainstone ls\n"
                "trainstone ls --instance trn1.32xlarge --topology",
    .options = options,
    .least_files = 0,
    .most_files = 0,
    .file = "FILE",
    .run = run,
};

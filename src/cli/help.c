/* Help texts, made from the table of verbs: synopsis, description, options, an example, exit codes. */
#include <string.h>

#include "cli/verbs.h"

enum { WIDTH = 100, OPTION_COLUMN = 24, VERB_COLUMN = 12 };

static void heading(ts_text *out, const char *words, bool is_colored) {
    ts_text_format(out, is_colored ? "\n\033[1m%s\033[0m\n" : "\n%s\n", words);
}

static void pad(ts_text *out, int count) {
    for (; count > 0; count--)
        ts_text_add(out, " ");
}

/* Wraps words into lines of WIDTH; the first continues at `column`, the others start at `indent`. */
static void fill(ts_text *out, const char *words, size_t length, int column, int indent) {
    const char *end = words + length;
    bool is_first = true;
    while (words < end) {
        size_t size = 0;
        while (words + size < end && words[size] != ' ')
            size++;
        if (size > 0) {
            if (!is_first && column + 1 + (int)size > WIDTH) {
                ts_text_add(out, "\n");
                pad(out, indent);
                column = indent;
            } else if (!is_first) {
                ts_text_add(out, " ");
                column++;
            }
            ts_text_add_n(out, words, size);
            column += (int)size;
            is_first = false;
        }
        words += size + 1;
    }
    ts_text_add(out, "\n");
}

/* A line that starts with a space is a picture or an example and is kept as it is. */
static void paragraphs(ts_text *out, const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (*text == ' ' || length == 0) {
            ts_text_add_n(out, text, length);
            ts_text_add(out, "\n");
        } else {
            fill(out, text, length, 0, 0);
        }
        text += length + (text[length] == '\n');
    }
}

static void option_row(ts_text *out, const ts_option *option) {
    size_t start = out->length;
    if (option->letter)
        ts_text_format(out, "  -%c, --%s", option->letter, option->name);
    else
        ts_text_format(out, "      --%s", option->name);
    if (option->value) ts_text_format(out, " %s", option->value);
    int used = (int)(out->length - start);
    if (used >= OPTION_COLUMN) {
        ts_text_add(out, "\n");
        used = 0;
    }
    pad(out, OPTION_COLUMN - used);
    fill(out, option->help, strlen(option->help), OPTION_COLUMN, OPTION_COLUMN);
}

static void examples(ts_text *out, const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        ts_text_add(out, "  ");
        ts_text_add_n(out, text, length);
        ts_text_add(out, "\n");
        text += length + (text[length] == '\n');
    }
}

const char *ts_help_about(void) {
    return "AWS Trainium in software: runs a program on a model of the chip, instruction by instruction, and "
           "says what the chip would have done: how long, how busy, held up by what.";
}

const ts_help_row *ts_help_exit_codes(void) {
    static const ts_help_row rows[] = {
        {"0", "done"},
        {"1", "refused or failed; standard error says what, where and what to do about it"},
        {"2", "the command line itself is wrong"},
        {"130, 143", "interrupted (Ctrl-C, SIGTERM); no output is left half-written"},
        {0},
    };
    return rows;
}

const ts_help_row *ts_help_environment(void) {
    static const ts_help_row rows[] = {
        {"TRAINSTONE_INSTANCE", "the modelled instance (default trn1.2xlarge)"},
        {"TRAINSTONE_CHIP", "a chip name, or the path of a what-if chip file"},
        {"TRAINSTONE_THREADS", "host threads (default: all CPUs); results do not depend on it"},
        {"TRAINSTONE_CHECK", "unset, nan, overflow, rounding, races or all: look for it (docs/checks.md)"},
        {"TRAINSTONE_REPRO", "1: the bits that any CPU gives (docs/numerics.md)"},
        {"TRAINSTONE_HOST_ISA", "kernels of TensorE: auto, generic, avx2, avx512, avx512bf16, amx"},
        {"TRAINSTONE_OUT", "a folder for a record of every program that runs"},
        {"TRAINSTONE_RUNTIME_DIR",
         "the folder through which trainstone top sees what runs; none: out of sight"},
        {"NO_COLOR", "no colour, also on a terminal"},
        {0},
    };
    return rows;
}

static void terms(ts_text *out, const char *title, const ts_help_row *rows, bool is_colored) {
    int widest = 0;
    heading(out, title, is_colored);
    for (const ts_help_row *row = rows; row->name; row++)
        if ((int)strlen(row->name) > widest) widest = (int)strlen(row->name);
    for (const ts_help_row *row = rows; row->name; row++)
        ts_text_format(out, "  %-*s  %s\n", widest, row->name, row->help);
}

void ts_help_verb(const ts_verb *verb, bool is_colored, ts_text *out) {
    ts_text_format(out, "usage: trainstone %s%s%s\n\n", verb->name, verb->synopsis[0] ? " " : "",
                   verb->synopsis);
    paragraphs(out, verb->about);
    heading(out, "Options", is_colored);
    for (const ts_option *option = verb->options; option->name; option++)
        option_row(out, option);
    heading(out, "Examples", is_colored);
    examples(out, verb->examples);
    terms(out, "Exit codes", ts_help_exit_codes(), is_colored);
}

void ts_help_command(bool is_colored, ts_text *out) {
    ts_text_add(out, "usage: trainstone VERB [OPTION...] [FILE...]\n\n");
    paragraphs(out, ts_help_about());
    heading(out, "What people do first", is_colored);
    ts_text_add(out, "  trainstone run step.mlirbc --input x.npy y.npy --out results\n"
                     "                                    values and predicted time of a program\n"
                     "  trainstone time step.mlirbc       predicted time alone: needs no data\n"
                     "  trainstone chip                   every number of the model, with its source\n");
    heading(out, "Verbs", is_colored);
    for (int i = 0; i < TS_VERB_COUNT; i++) {
        const ts_verb *verb = ts_verb_at(i);
        ts_text_format(out, "  %s", verb->name);
        pad(out, VERB_COLUMN - 2 - (int)strlen(verb->name));
        ts_text_format(out, "%s\n", verb->summary);
    }
    ts_text_add(
        out,
        "\ntrainstone VERB --help explains a verb, its options and its exit codes.\n"
        "Training scripts need no command: with the Python package installed, JAX finds the chip itself.\n");
    terms(out, "Environment", ts_help_environment(), is_colored);
}

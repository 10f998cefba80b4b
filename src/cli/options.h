/* The command line: the tables of what verbs accept, and the parser and help made from them. */
#ifndef TS_CLI_OPTIONS_H
#define TS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/nearest.h"
#include "base/status.h"
#include "base/text.h"

typedef TS_VEC(const char *) ts_words;

/* The values of all verbs' options; words are borrowed from argv. */
typedef struct ts_arguments {
    ts_arena arena;
    ts_words files; /* words that are neither options nor their values */
    ts_words inputs, streams;
    const char *instance, *chip, *out, *dump, *save, *load, *auto_cast, *auto_cast_type, *rounding_seed,
        *checks;
    const char *html, *json_file, *pftrace, *summary_text, *summary_json, *output_format;
    int level, lines, threads, slices, trips, steps;
    bool help, json, once, no_source, markdown, instances, poison, quiet, is_text, topology, is_stochastic,
        is_repro, is_strict, finds_nan;
} ts_arguments;

typedef enum ts_option_kind {
    ts_option_flag,   /* bool; takes no value */
    ts_option_word,   /* const char * */
    ts_option_target, /* const char *: a file to write, or "-" for standard output */
    ts_option_number, /* int, in low..high */
    ts_option_list    /* ts_words; all words up to the next option, possibly none */
} ts_option_kind;

typedef struct ts_option {
    const char *name;  /* without dashes */
    char letter;       /* 0: none */
    const char *value; /* the value's name in help; NULL for a flag */
    ts_option_kind kind;
    size_t offset; /* of the field in ts_arguments */
    int low, high; /* limits of a number */
    const char *help;
} ts_option;

typedef ts_status ts_verb_function(const ts_arguments *arguments, ts_text *out, ts_diag *diag);

typedef struct ts_verb {
    const char *name;
    const char *summary;      /* one line, for the list of verbs */
    const char *synopsis;     /* after "trainstone NAME" */
    const char *about;        /* paragraphs separated by newlines; lines that start with a space are kept */
    const char *examples;     /* command lines that work, one per line, each with an optional "# words" */
    const ts_option *options; /* ends with a row without a name */
    int least_files, most_files;
    const char *file;      /* the name of a file argument in messages, "PROG" */
    ts_verb_function *run; /* appends what goes to standard output */
} ts_verb;

/* Parses words[0..count) for a verb. ts_usage, naming the nearest option, for anything that the verb does not
   accept. The caller frees arguments->arena also after a failure. */
ts_status ts_options_parse(const ts_verb *verb, int count, char *const *words, ts_arguments *arguments,
                           ts_diag *diag);

/* Whether the value of a ts_option_target, NULL when it was not given, is "-". */
bool ts_is_standard_output(const char *target);

/* Texts that help and manual pages share; lists end with a row without a name. */
typedef struct ts_help_row {
    const char *name, *help;
} ts_help_row;
const char *ts_help_about(void); /* the command in one sentence */
const ts_help_row *ts_help_exit_codes(void);
const ts_help_row *ts_help_environment(void);

/* The text of --help, for one verb and for the whole command; is_colored adds ANSI sequences. */
void ts_help_verb(const ts_verb *verb, bool is_colored, ts_text *out);
void ts_help_command(bool is_colored, ts_text *out);

#endif

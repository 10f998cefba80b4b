/* The command line: what a verb accepts, told once, and the parser and help made from it. */
#ifndef TS_CLI_OPTIONS_H
#define TS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/nearest.h"
#include "base/status.h"
#include "base/text.h"

typedef TS_VEC(const char *) ts_words;

/* What the words of any verb's command line are read into; words are borrowed from argv. */
typedef struct ts_arguments {
    ts_arena arena;
    ts_words files; /* words that are no option and no option's value */
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
    ts_option_number, /* int, in low..high */
    ts_option_list    /* ts_words; all words up to the next option, be there none */
} ts_option_kind;

typedef struct ts_option {
    const char *name;  /* without dashes */
    char letter;       /* 0 = none */
    const char *value; /* how help names the value; NULL for a flag */
    ts_option_kind kind;
    size_t offset; /* into ts_arguments */
    int low, high; /* of a number */
    const char *help;
} ts_option;

typedef ts_status ts_verb_function(const ts_arguments *arguments, ts_text *out, ts_diag *diag);

typedef struct ts_verb {
    const char *name;
    const char *summary;  /* a line for the list of verbs */
    const char *synopsis; /* after "trainstone NAME" */
    const char *about; /* paragraphs apart by a newline; a line that starts with a space is kept as it is */
    const char *examples;     /* command lines that work, one a line, "# words" after each allowed */
    const ts_option *options; /* ends with a row without name */
    int least_files, most_files;
    const char *file;      /* how messages name a file word, "PROG" */
    ts_verb_function *run; /* adds to `out` what goes to standard output */
} ts_verb;

/* Reads words[0..count) for a verb. ts_usage, naming the nearest option, for what the verb does not accept.
   The caller frees arguments->arena in any case. */
ts_status ts_options_parse(const ts_verb *verb, int count, char *const *words, ts_arguments *arguments,
                           ts_diag *diag);

/* What help and manual pages share; lists end with a row without name. */
typedef struct ts_help_row {
    const char *name, *help;
} ts_help_row;
const char *ts_help_about(void); /* the command in a sentence */
const ts_help_row *ts_help_exit_codes(void);
const ts_help_row *ts_help_environment(void);

/* --help of one verb, and of the whole command; is_colored adds ANSI sequences. */
void ts_help_verb(const ts_verb *verb, bool is_colored, ts_text *out);
void ts_help_command(bool is_colored, ts_text *out);

#endif

/* Option parser: long options with "=value" or the next word, letters, lists, "--", and the nearest name
   after a typo. */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 32 };

typedef struct parser {
    const ts_verb *verb;
    int count, at; /* number of words, and the next one to read */
    char *const *words;
    ts_arguments *arguments;
    ts_diag *diag;
} parser;

static const ts_option *find_long(const ts_verb *verb, const char *name, size_t length) {
    for (const ts_option *option = verb->options; option->name; option++)
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0) return option;
    return NULL;
}

static const ts_option *find_letter(const ts_verb *verb, char letter) {
    for (const ts_option *option = verb->options; option->name; option++)
        if (option->letter == letter) return option;
    return NULL;
}

static ts_status fail_unknown(const parser *p, const char *word) {
    ts_fail(p->diag, ts_usage, "trainstone %s has no option %.60s", p->verb->name, word);
    const char *names[LONGEST_NAME], *near = NULL;
    char typed[LONGEST_NAME] = "";
    int count = 0;
    for (const ts_option *option = p->verb->options; option->name && count < LONGEST_NAME; option++)
        names[count++] = option->name;
    size_t length = word[1] == '-' ? strcspn(word + 2, "=") : 0;
    if (length > 0 && length < sizeof typed) {
        memcpy(typed, word + 2, length);
        near = ts_nearest(typed, names, count);
    }
    if (near)
        ts_diag_remedy(p->diag, "did you mean --%s? trainstone %s --help lists all", near, p->verb->name);
    else
        ts_diag_remedy(p->diag, "trainstone %s --help lists all", p->verb->name);
    return ts_usage;
}

static ts_status read_number(const parser *p, const ts_option *option, const char *text, int *number) {
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < option->low || value > option->high) {
        ts_fail(p->diag, ts_usage, "--%s takes a whole number from %d to %d, not \"%.60s\"", option->name,
                option->low, option->high, text);
        ts_diag_remedy(p->diag, "see trainstone %s --help", p->verb->name);
        return ts_usage;
    }
    *number = (int)value;
    return ts_ok;
}

bool ts_is_standard_output(const char *target) {
    return target && strcmp(target, "-") == 0;
}

/* Whether a word cannot be an option. "-" alone is a value, by convention standard output. */
static bool is_value(const char *word) {
    return word[0] != '-' || ts_is_standard_output(word);
}

static ts_status fail_no_value(const parser *p, const ts_option *option) {
    ts_fail(p->diag, ts_usage, "--%s needs a value: --%s %s", option->name, option->name, option->value);
    ts_diag_remedy(p->diag, "see trainstone %s --help; a value that starts with - is given as --%s=VALUE",
                   p->verb->name, option->name);
    return ts_usage;
}

static ts_status fail_flag(const parser *p, const ts_option *option) {
    ts_fail(p->diag, ts_usage, "--%s takes no value", option->name);
    ts_diag_remedy(p->diag, "write --%s alone", option->name);
    return ts_usage;
}

/* Only one file goes to standard output, and no verb reads standard input. */
static ts_status fail_dash(const parser *p, const ts_option *option) {
    ts_fail(p->diag, ts_usage, "--%s does not take \"-\", standard output", option->name);
    ts_diag_remedy(p->diag, "write ./- for a file of that name");
    return ts_usage;
}

static ts_status read_value(const parser *p, const ts_option *option, const char *value) {
    void *field = (char *)p->arguments + option->offset;
    if (*value == '\0') return fail_no_value(p, option);
    if (ts_is_standard_output(value) && option->kind != ts_option_target) return fail_dash(p, option);
    switch (option->kind) {
    case ts_option_flag: break;
    case ts_option_word:
    case ts_option_target: *(const char **)field = value; break;
    case ts_option_number: return read_number(p, option, value, field);
    case ts_option_list: ts_vec_push((ts_words *)field, &p->arguments->arena, value); break;
    }
    return ts_ok;
}

static bool is_value_next(const parser *p) {
    return p->at < p->count && is_value(p->words[p->at]);
}

/* `joined` is the value given in the option's own word, or NULL. */
static ts_status read_option(parser *p, const ts_option *option, const char *joined) {
    if (option->kind == ts_option_flag) {
        if (joined) return fail_flag(p, option);
        *(bool *)((char *)p->arguments + option->offset) = true;
        return ts_ok;
    }
    if (joined) return read_value(p, option, joined);
    if (option->kind != ts_option_list)
        return is_value_next(p) ? read_value(p, option, p->words[p->at++]) : fail_no_value(p, option);
    while (is_value_next(p))
        TS_TRY(read_value(p, option, p->words[p->at++]));
    return ts_ok;
}

static ts_status read_long(parser *p, const char *word) {
    size_t length = strcspn(word + 2, "=");
    const ts_option *option = find_long(p->verb, word + 2, length);
    if (!option) return fail_unknown(p, word);
    return read_option(p, option, word[2 + length] == '=' ? word + 3 + length : NULL);
}

/* Reads "-o FILE", "-oFILE", "-O2", or several flags such as "-qh". */
static ts_status read_letters(parser *p, const char *word) {
    for (const char *at = word + 1; *at; at++) {
        const ts_option *option = find_letter(p->verb, *at);
        if (!option) return fail_unknown(p, word);
        if (option->kind != ts_option_flag) return read_option(p, option, at[1] ? at + 1 : NULL);
        TS_TRY(read_option(p, option, NULL));
    }
    return ts_ok;
}

static ts_status check_files(const parser *p) {
    const ts_verb *verb = p->verb;
    int count = (int)p->arguments->files.count;
    if (p->arguments->help) return ts_ok;
    if (count < verb->least_files) {
        ts_fail(p->diag, ts_usage, "trainstone %s needs a %s: trainstone %s %s", verb->name, verb->file,
                verb->name, verb->synopsis);
        if (p->arguments->inputs.count > 0)
            ts_diag_remedy(p->diag, "--input takes every word up to the next option: write %s before it",
                           verb->file);
        else
            ts_diag_remedy(p->diag, "see trainstone %s --help", verb->name);
        return ts_usage;
    }
    if (count > verb->most_files) {
        ts_fail(p->diag, ts_usage, "trainstone %s has no use for \"%.80s\"", verb->name,
                p->arguments->files.data[verb->most_files]);
        ts_diag_remedy(p->diag, "trainstone %s %s", verb->name, verb->synopsis);
        return ts_usage;
    }
    return ts_ok;
}

ts_status ts_options_parse(const ts_verb *verb, int count, char *const *words, ts_arguments *arguments,
                           ts_diag *diag) {
    parser p = {.verb = verb, .count = count, .words = words, .arguments = arguments, .diag = diag};
    *arguments = (ts_arguments){0};
    bool is_options = true;
    while (p.at < p.count) {
        const char *word = p.words[p.at++];
        if (!is_options || is_value(word))
            ts_vec_push(&arguments->files, &arguments->arena, word);
        else if (strcmp(word, "--") == 0)
            is_options = false;
        else if (word[1] == '-')
            TS_TRY(read_long(&p, word));
        else
            TS_TRY(read_letters(&p, word));
    }
    return check_files(&p);
}

/* Manual pages in man(7)'s macros, and a completion script, from the same rows that --help shows. */
#include "cli/manual.h"

#include <string.h>

#include "arch/chip.h"
#include "cli/verbs.h"
#include "trainstone/trainstone.h"

/* Escapes what roff would interpret: backslashes, a leading dot or quote, and hyphens, which readers copy. */
static void add_words(ts_text *out, const char *words, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bool is_first = i == 0 && (words[i] == '.' || words[i] == '\'');
        if (is_first) ts_text_add(out, "\\&");
        if (words[i] == '\\')
            ts_text_add(out, "\\e");
        else if (words[i] == '-')
            ts_text_add(out, "\\-");
        else
            ts_text_add_n(out, &words[i], 1);
    }
}

static void add_line(ts_text *out, const char *words, size_t length) {
    add_words(out, words, length);
    ts_text_add(out, "\n");
}

static void add_string(ts_text *out, const char *words) {
    add_line(out, words, strlen(words));
}

static bool is_kept(const char *line, size_t length) {
    return length > 0 && line[0] == ' ';
}

/* Paragraphs as in ts_verb.about; lines that start with a space are kept as they are. */
static void add_paragraphs(ts_text *out, const char *text, bool all_kept) {
    bool was_kept = false;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        bool keep = length > 0 && (all_kept || is_kept(at, length));
        if (keep != was_kept) ts_text_add(out, keep ? ".nf\n" : ".fi\n");
        if (length == 0)
            ts_text_add(out, ".PP\n");
        else
            add_line(out, at, length);
        was_kept = keep;
        at += length + (at[length] == '\n');
    }
    if (was_kept) ts_text_add(out, ".fi\n");
}

static void add_terms(ts_text *out, const char *title, const ts_help_row *rows) {
    ts_text_format(out, ".SH %s\n", title);
    for (const ts_help_row *row = rows; row->name; row++) {
        ts_text_add(out, ".TP\n.B ");
        add_string(out, row->name);
        add_string(out, row->help);
    }
}

static void add_title(ts_text *out, const char *name, const char *summary) {
    ts_text_add(out, ".TH \"");
    add_words(out, name, strlen(name));
    ts_text_format(out, "\" 1 \"\" \"Trainstone %s\"\n.SH NAME\n", ts_version());
    add_words(out, name, strlen(name));
    ts_text_add(out, " \\- ");
    add_string(out, summary);
    ts_text_add(out, ".SH SYNOPSIS\n.B trainstone\n");
}

static void add_option(ts_text *out, const ts_option *option) {
    ts_text_add(out, ".TP\n.B ");
    if (option->letter) ts_text_format(out, "\\-%c, ", option->letter);
    ts_text_add(out, "\\-\\-");
    add_words(out, option->name, strlen(option->name));
    if (option->value) ts_text_format(out, " %s", option->value);
    ts_text_add(out, "\n");
    add_string(out, option->help);
}

static void verb_page(const ts_verb *verb, ts_text *out) {
    ts_text name = {0};
    ts_text_format(&name, "trainstone-%s", verb->name);
    add_title(out, name.data, verb->summary);
    ts_text_free(&name);
    ts_text_format(out, ".B %s\n", verb->name);
    if (verb->synopsis[0]) add_string(out, verb->synopsis);
    ts_text_add(out, ".SH DESCRIPTION\n");
    add_paragraphs(out, verb->about, false);
    ts_text_add(out, ".SH OPTIONS\n");
    for (const ts_option *option = verb->options; option->name; option++)
        add_option(out, option);
    ts_text_add(out, ".SH EXAMPLES\n");
    add_paragraphs(out, verb->examples, true);
    add_terms(out, "EXIT STATUS", ts_help_exit_codes());
    ts_text_add(out, ".SH SEE ALSO\n.BR trainstone (1)\n");
}

static void command_page(ts_text *out) {
    add_title(out, "trainstone", "AWS Trainium in software");
    add_string(out, "VERB [OPTION...] [FILE...]");
    ts_text_add(out, ".SH DESCRIPTION\n");
    add_string(out, ts_help_about());
    ts_text_add(out, ".SH VERBS\n");
    for (int i = 0; i < TS_VERB_COUNT; i++) {
        const ts_verb *verb = ts_verb_at(i);
        ts_text_format(out, ".TP\n.BR trainstone\\-%s (1)\n", verb->name);
        add_string(out, verb->summary);
    }
    add_terms(out, "EXIT STATUS", ts_help_exit_codes());
    add_terms(out, "ENVIRONMENT", ts_help_environment());
}

void ts_manual_page(const ts_verb *verb, ts_text *out) {
    if (verb)
        verb_page(verb, out);
    else
        command_page(out);
}

/* What completes the value of an option: words, folders or files. */
static const char *values_of(const ts_option *option) {
    if (strcmp(option->name, "instance") == 0) return "words \"$instances\"";
    if (strcmp(option->name, "chip") == 0) return "words \"$chips\"; files";
    if (strcmp(option->value, "DIR") == 0) return "folders";
    if (strstr(option->value, "FILE")) return "files";
    return ":";
}

static void add_case(ts_text *out, const ts_verb *verb) {
    ts_text_format(out, "    %s)\n        options=\"", verb->name);
    for (const ts_option *option = verb->options; option->name; option++)
        ts_text_format(out, "%s--%s", option == verb->options ? "" : " ", option->name);
    ts_text_add(out, "\"\n        case $before in\n");
    for (const ts_option *option = verb->options; option->name; option++) {
        if (!option->value) continue;
        ts_text_add(out, "        ");
        if (option->letter) ts_text_format(out, "-%c | ", option->letter);
        ts_text_format(out, "--%s) value='%s' ;;\n", option->name, values_of(option));
    }
    ts_text_add(out, "        esac ;;\n");
}

void ts_manual_completion(ts_text *out) {
    ts_text_add(out, "# bash completion for trainstone\n"
                     "_trainstone() {\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                     "    local options='' value=''");
    ts_text_add(out, " verbs='help");
    for (int i = 0; i < TS_VERB_COUNT; i++)
        ts_text_format(out, " %s", ts_verb_at(i)->name);
    ts_text_add(out, "'\n    local chips='trn1 inf2' instances='");
    for (int i = 0; i < ts_instance_count(); i++)
        ts_text_format(out, "%s%s", i ? " " : "", ts_instance_at(i)->name);
    ts_text_add(
        out, "'\n"
             "    words() { mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W \"$1\" -- \"$word\"); }\n"
             "    files() { mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$word\"); }\n"
             "    folders() { mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- \"$word\"); }\n"
             "    COMPREPLY=()\n"
             "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
             "        words \"$verbs --help --version\"\n"
             "        return\n"
             "    fi\n"
             "    case ${COMP_WORDS[1]} in\n"
             "    help) value='words \"$verbs\"' ;;\n");
    for (int i = 0; i < TS_VERB_COUNT; i++)
        add_case(out, ts_verb_at(i));
    ts_text_add(out, "    esac\n"
                     "    if [ -n \"$value\" ]; then\n"
                     "        eval \"$value\"\n"
                     "    elif [ \"${word#-}\" != \"$word\" ]; then\n"
                     "        words \"$options\"\n"
                     "    else\n"
                     "        files\n"
                     "    fi\n"
                     "}\n"
                     "complete -o filenames -F _trainstone trainstone\n");
}

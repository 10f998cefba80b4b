/* The trainstone command: picks the verb, parses its words, runs it, and maps the result to an exit code. */
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_COMMAND_LINE = 2 };

/* Looks for --json before parsing, so that errors in the command line are also reported as JSON. */
static bool wants_json(int count, char *const *words) {
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        if (strcmp(words[i], "--json") == 0) return true;
    return false;
}

static int report(ts_diag *diag, bool is_json, int code) {
    ts_console_clean(diag);
    ts_console_error(diag);
    if (is_json) {
        ts_text text = {0};
        ts_console_error_json(diag, &text);
        ts_console_write(&text, NULL);
        ts_text_free(&text);
    }
    return code;
}

static int show(ts_text *text) {
    ts_diag diag = {0};
    ts_status status = ts_console_write(text, &diag);
    ts_text_free(text);
    return status == ts_ok ? EXIT_DONE : report(&diag, false, EXIT_REFUSED);
}

static int show_help(const ts_verb *verb) {
    ts_text text = {0};
    bool is_colored = ts_console_color(stdout);
    if (verb)
        ts_help_verb(verb, is_colored, &text);
    else
        ts_help_command(is_colored, &text);
    return show(&text);
}

static int fail_verb(const char *word, bool is_json) {
    ts_diag diag = {0};
    const char *names[TS_VERB_COUNT];
    for (int i = 0; i < TS_VERB_COUNT; i++)
        names[i] = ts_verb_at(i)->name;
    const char *near = ts_nearest(word, names, TS_VERB_COUNT);
    ts_fail(&diag, ts_usage, "there is no verb \"%.60s\"", word);
    if (near)
        ts_diag_remedy(&diag, "did you mean trainstone %s? trainstone --help lists all verbs", near);
    else
        ts_diag_remedy(&diag, "trainstone --help lists all verbs");
    return report(&diag, is_json, EXIT_COMMAND_LINE);
}

/* Handles "trainstone help VERB" and "trainstone help". */
static int help(int count, char *const *words) {
    if (count == 0) return show_help(NULL);
    const ts_verb *verb = ts_verb_find(words[0]);
    return verb ? show_help(verb) : fail_verb(words[0], false);
}

typedef struct job {
    const ts_verb *verb;
    const ts_arguments *arguments;
    ts_text text;
    ts_diag diag;
} job;

static ts_status run_within(void *context) {
    job *j = context;
    return j->verb->run(j->arguments, &j->text, &j->diag);
}

static int run_verb(const ts_verb *verb, const ts_arguments *arguments) {
    job j = {.verb = verb, .arguments = arguments};
    const void *const kept[] = {&j.text, NULL};
    ts_status status = ts_unit_run(kept, run_within, &j, verb->name, &j.diag);
    if (status == ts_ok) return show(&j.text);
    ts_text_free(&j.text);
    ts_diag diag = j.diag;
    int code = report(&diag, arguments->json, EXIT_REFUSED);
    return status == ts_cancelled && ts_interrupt_exit_code() ? ts_interrupt_exit_code() : code;
}

int main(int argc, char **argv) {
    int count = argc > 1 ? argc - 2 : 0;
    char *const *words = argv + 2;
    const char *name = argc > 1 ? argv[1] : "";
    ts_interrupt_install();
    if (argc < 2) {
        show_help(NULL);
        return EXIT_COMMAND_LINE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return show_help(NULL);
    if (strcmp(name, "help") == 0) return help(count, words);
    if (strcmp(name, "--version") == 0) name = ts_verb_version.name;
    const ts_verb *verb = ts_verb_find(name);
    if (!verb) return fail_verb(name, wants_json(count, words));

    ts_arguments arguments;
    ts_diag diag = {0};
    int code;
    if (ts_options_parse(verb, count, words, &arguments, &diag) != ts_ok)
        code = report(&diag, wants_json(count, words), EXIT_COMMAND_LINE);
    else if (arguments.help)
        code = show_help(verb);
    else
        code = run_verb(verb, &arguments);
    ts_arena_free(&arguments.arena);
    return code;
}

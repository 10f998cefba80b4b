/* The command line: what every verb accepts and what its help says, derived from the tables; the parser's
   errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/verbs.h"

static char *program_word = "step.mlirbc";

/* Parses up to 12 words for a verb. The caller frees the arena. */
static ts_status parse(const char *name, ts_arguments *arguments, ts_diag *diag, int count, ...) {
    char *words[12];
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        words[i] = va_arg(list, char *);
    va_end(list);
    *diag = (ts_diag){0};
    return ts_options_parse(ts_verb_find(name), count, words, arguments, diag);
}

static const char *help_of(const ts_verb *verb, ts_text *text) {
    *text = (ts_text){0};
    ts_help_verb(verb, false, text);
    return text->data;
}

static void help_names_every_option_with_its_value(void **state) {
    (void)state;
    for (int i = 0; i < TS_VERB_COUNT; i++) {
        ts_text text;
        const char *help = help_of(ts_verb_at(i), &text);
        int count = 0;
        for (const ts_option *option = ts_verb_at(i)->options; option->name; option++, count++) {
            char words[128];
            snprintf(words, sizeof words, "--%s%s%s", option->name, option->value ? " " : "",
                     option->value ? option->value : "");
            if (!strstr(help, words))
                fail_msg("trainstone %s --help does not name %s", ts_verb_at(i)->name, words);
            if (option->letter) {
                snprintf(words, sizeof words, "-%c, --%s", option->letter, option->name);
                assert_non_null(strstr(help, words));
            }
        }
        assert_true(count > 0);
        ts_text_free(&text);
    }
}

static void help_teaches(void **state) {
    (void)state;
    for (int i = 0; i < TS_VERB_COUNT; i++) {
        const ts_verb *verb = ts_verb_at(i);
        char usage[256];
        ts_text text;
        const char *help = help_of(verb, &text);
        snprintf(usage, sizeof usage, "usage: trainstone %s%s%s\n", verb->name, *verb->synopsis ? " " : "",
                 verb->synopsis);
        assert_int_equal(strncmp(help, usage, strlen(usage)), 0);
        assert_non_null(strstr(help, "\nExamples\n  trainstone"));
        assert_non_null(strstr(help, "\nExit codes\n  0 "));
        assert_null(strchr(help, '\033'));
        ts_text_free(&text);
    }
}

/* No line of help is wider than 100 columns: text is filled to that width, examples and pictures are kept as
   they are. */
static void help_fits_the_terminal(void **state) {
    (void)state;
    for (int i = 0; i <= TS_VERB_COUNT; i++) {
        ts_text text = {0};
        if (i < TS_VERB_COUNT)
            ts_help_verb(ts_verb_at(i), false, &text);
        else
            ts_help_command(false, &text);
        for (char *line = text.data; *line;) {
            size_t length = strcspn(line, "\n");
            if (length > 120 || (length > 100 && *line != ' '))
                fail_msg("%zu columns: %.*s", length, (int)length, line);
            if (length) assert_int_not_equal(line[length - 1], ' ');
            line += length + (line[length] == '\n');
        }
        ts_text_free(&text);
    }
}

static void colored_help_is_the_same_words(void **state) {
    (void)state;
    ts_text plain = {0}, colored = {0}, stripped = {0};
    ts_help_command(false, &plain);
    ts_help_command(true, &colored);
    assert_non_null(strstr(colored.data, "\033[1m"));
    for (const char *at = colored.data; *at; at++) {
        if (*at == '\033')
            at = strchr(at, 'm');
        else
            ts_text_add_n(&stripped, at, 1);
    }
    assert_string_equal(stripped.data, plain.data);
    for (int i = 0; i < TS_VERB_COUNT; i++)
        assert_non_null(strstr(plain.data, ts_verb_at(i)->summary));
    ts_text_free(&plain);
    ts_text_free(&colored);
    ts_text_free(&stripped);
}

static void names_are_not_taken_twice(void **state) {
    (void)state;
    for (int i = 0; i < TS_VERB_COUNT; i++) {
        const ts_verb *verb = ts_verb_at(i);
        assert_ptr_equal(ts_verb_find(verb->name), verb);
        for (const ts_option *a = verb->options; a->name; a++)
            for (const ts_option *b = a + 1; b->name; b++) {
                assert_string_not_equal(a->name, b->name);
                assert_false(a->letter && a->letter == b->letter);
            }
    }
    assert_null(ts_verb_find("runs"));
    assert_null(ts_verb_at(TS_VERB_COUNT));
    assert_null(ts_verb_at(-1));
}

/* Every option of every verb, in both spellings, reaches its field. */
static void every_option_is_parsed(void **state) {
    (void)state;
    for (int i = 0; i < TS_VERB_COUNT; i++) {
        const ts_verb *verb = ts_verb_at(i);
        for (const ts_option *option = verb->options; option->name; option++) {
            char spelling[64], joined[64], number[16] = "x.npy";
            if (option->kind == ts_option_number) snprintf(number, sizeof number, "%d", option->high);
            snprintf(spelling, sizeof spelling, "--%s", option->name);
            snprintf(joined, sizeof joined, "--%s=%s", option->name, number);
            for (int form = 0; form < 2; form++) {
                char *words[4];
                int count = 0;
                while (count < verb->least_files)
                    words[count++] = program_word;
                words[count++] = form && option->value ? joined : spelling;
                if (!form && option->value) words[count++] = number;
                ts_arguments arguments;
                ts_diag diag = {0};
                if (ts_options_parse(verb, count, words, &arguments, &diag) != ts_ok)
                    fail_msg("%s: %s", verb->name, diag.message);
                const void *field = (const char *)&arguments + option->offset;
                switch (option->kind) {
                case ts_option_flag: assert_true(*(const bool *)field); break;
                case ts_option_word:
                case ts_option_target: assert_string_equal(*(const char *const *)field, number); break;
                case ts_option_number: assert_int_equal(*(const int *)field, option->high); break;
                case ts_option_list:
                    assert_int_equal(((const ts_words *)field)->count, 1);
                    assert_string_equal(((const ts_words *)field)->data[0], number);
                    break;
                }
                ts_arena_free(&arguments.arena);
            }
        }
    }
}

static void lists_run_to_the_next_option(void **state) {
    (void)state;
    ts_arguments arguments;
    ts_diag diag;
    assert_int_equal(
        parse("run", &arguments, &diag, 9, "p", "--input", "a", "b", "--json", "-i", "c", "--", "-d"),
        ts_usage); /* "-d" is one file too many */
    assert_non_null(strstr(diag.message, "\"-d\""));
    ts_arena_free(&arguments.arena);
    assert_int_equal(
        parse("run", &arguments, &diag, 8, "--input", "a", "b", "--json", "--input=c", "-q", "--", "-p"),
        ts_ok);
    assert_int_equal(arguments.inputs.count, 3);
    assert_string_equal(arguments.inputs.data[1], "b");
    assert_string_equal(arguments.inputs.data[2], "c");
    assert_string_equal(arguments.files.data[0], "-p");
    assert_true(arguments.json && arguments.quiet);
    ts_arena_free(&arguments.arena);
}

/* A script's empty list of files. */
static void lists_may_be_empty(void **state) {
    (void)state;
    ts_arguments arguments;
    ts_diag diag;
    assert_int_equal(parse("run", &arguments, &diag, 4, "p", "--input", "--out", "d"), ts_ok);
    assert_int_equal(arguments.inputs.count, 0);
    assert_string_equal(arguments.out, "d");
    ts_arena_free(&arguments.arena);
    assert_int_equal(parse("run", &arguments, &diag, 2, "p", "--input="), ts_usage);
    ts_arena_free(&arguments.arena);
}

static void letters_may_be_joined(void **state) {
    (void)state;
    ts_arguments arguments;
    ts_diag diag;
    assert_int_equal(parse("compile", &arguments, &diag, 4, "p", "-oout.trn", "-O", "2"), ts_ok);
    assert_string_equal(arguments.out, "out.trn");
    assert_int_equal(arguments.level, 2);
    ts_arena_free(&arguments.arena);
    assert_int_equal(parse("compile", &arguments, &diag, 3, "-O3", "-h", "p"), ts_ok);
    assert_int_equal(arguments.level, 3);
    assert_true(arguments.help);
    ts_arena_free(&arguments.arena);
}

static void help_needs_no_program(void **state) {
    (void)state;
    ts_arguments arguments;
    ts_diag diag;
    assert_int_equal(parse("run", &arguments, &diag, 1, "--help"), ts_ok);
    ts_arena_free(&arguments.arena);
}

/* words, and what the message and the remedy must hold */
static void wrong_words_are_explained(void **state) {
    (void)state;
    static const struct {
        const char *verb, *words[3], *message, *remedy;
    } cases[] = {
        {"run", {"p", "--imput", "x"}, "no option --imput", "--input?"},
        {"run", {"p", "--inputs=x"}, "no option --inputs=x", "--input?"},
        {"run", {"p", "--jsno"}, "no option --jsno", "--json?"},
        {"run", {"p", "--zzzzzz"}, "no option --zzzzzz", "--help"},
        {"run", {"p", "--=x"}, "no option --=x", "--help"},
        {"run", {"p", "-z"}, "no option -z", "--help"},
        {"run", {"p", "--out"}, "--out needs a value", "--out=VALUE"},
        {"run", {"p", "--out", "--json"}, "--out needs a value", ""},
        {"run", {"p", "--out="}, "--out needs a value", ""},
        {"run", {"p", "--json=yes"}, "--json takes no value", "--json alone"},
        {"run", {"p", "--threads", "0"}, "from 1 to 1024, not \"0\"", ""},
        {"run", {"p", "--threads", "2x"}, "not \"2x\"", ""},
        {"run", {"p", "--threads=99999999999999999999"}, "from 1 to 1024", ""},
        {"time", {"p", "--slices=-1"}, "not \"-1\"", ""},
        {"compile", {"p", "-O4"}, "from 1 to 3", ""},
        {"run", {NULL}, "needs a PROG", ""},
        {"run", {"--input", "p", "x"}, "needs a PROG", "write PROG before"},
        {"run", {"p", "--out", "-"}, "--out does not take \"-\"", "./-"},
        {"run", {"p", "--save=-"}, "--save does not take \"-\"", "./-"},
        {"run", {"--input", "a", "-"}, "--input does not take \"-\"", "./-"},
        {"print", {"p", "q"}, "no use for \"q\"", ""},
        {"ls", {"x"}, "no use for \"x\"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ts_arguments arguments;
        ts_diag diag = {0};
        int count = 0;
        while (count < 3 && cases[i].words[count])
            count++;
        ts_status status = ts_options_parse(ts_verb_find(cases[i].verb), count, (char *const *)cases[i].words,
                                            &arguments, &diag);
        ts_arena_free(&arguments.arena);
        assert_int_equal(status, ts_usage);
        if (!strstr(diag.message, cases[i].message) || !strstr(diag.remedy, cases[i].remedy))
            fail_msg("case %zu: %s (%s)", i, diag.message, diag.remedy);
    }
}

static void nearest_knows_a_typo_from_another_word(void **state) {
    (void)state;
    static const char *const names[] = {"run", "time", "compile", "print"};
    assert_string_equal(ts_nearest("rnu", names, 4), "run");
    assert_string_equal(ts_nearest("compiel", names, 4), "compile");
    assert_string_equal(ts_nearest("comp", names, 4), "compile");
    assert_string_equal(ts_nearest("prnt", names, 4), "print");
    assert_null(ts_nearest("profile", names, 4));
    assert_null(ts_nearest("", names, 4));
    assert_null(ts_nearest("a-name-that-is-longer-than-any-of-the-options", names, 4));
    assert_null(ts_nearest("run", names, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_every_option_with_its_value),
        cmocka_unit_test(help_teaches),
        cmocka_unit_test(help_fits_the_terminal),
        cmocka_unit_test(colored_help_is_the_same_words),
        cmocka_unit_test(names_are_not_taken_twice),
        cmocka_unit_test(every_option_is_parsed),
        cmocka_unit_test(lists_run_to_the_next_option),
        cmocka_unit_test(lists_may_be_empty),
        cmocka_unit_test(letters_may_be_joined),
        cmocka_unit_test(help_needs_no_program),
        cmocka_unit_test(wrong_words_are_explained),
        cmocka_unit_test(nearest_knows_a_typo_from_another_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

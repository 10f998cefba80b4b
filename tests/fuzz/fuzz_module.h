/* What the fuzzers of the compiler demand of a module that a reader accepted: its text parses back to the
   same text and the same verdict, and the compiler refuses it or makes a program that passes the verifier. */
#ifndef TS_FUZZ_FUZZ_MODULE_H
#define TS_FUZZ_FUZZ_MODULE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/chip.h"
#include "compiler/compile.h"

#define REQUIRE(is_true)                                                                                     \
    do {                                                                                                     \
        if (!(is_true)) {                                                                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #is_true);                            \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* A refusal has its kind and its story; success has neither. */
static inline void require_story(ts_status status, const ts_diag *diag) {
    REQUIRE((status == ts_ok) == (diag->message[0] == '\0'));
    REQUIRE(diag->status == status);
}

/* Returns the verdict of ts_module_check. */
static inline ts_status check_text(const ts_module *module) {
    ts_diag diag = {0}, first = {0}, second = {0};
    ts_text text = {0}, again = {0};
    ts_module *parsed = NULL;
    ts_module_print(module, &text);
    if (ts_module_parse(text.data, "printed", &parsed, &diag) != ts_ok) fprintf(stderr, "%s\n", diag.message);
    REQUIRE(parsed);
    ts_module_print(parsed, &again);
    REQUIRE(strcmp(text.data, again.data) == 0);
    ts_status verdict = ts_module_check(module, &first);
    require_story(verdict, &first);
    REQUIRE(ts_module_check(parsed, &second) == verdict);
    ts_module_free(parsed);
    ts_text_free(&text);
    ts_text_free(&again);
    return verdict;
}

/* Bad input that the module check leaves to the compiler: a missing @main, and what an op says of ranks or in
   its backend_config. A refusal names that op. */
static inline bool is_bad_input(const ts_diag *diag) {
    return diag->status == ts_input && (diag->op[0] || strstr(diag->message, "has no function @main"));
}

/* On a chip of little memory, so that large shapes are refused for their size as on the real one. */
static inline void check_compile(ts_module *module) {
    ts_diag diag = {0};
    ts_chip chip;
    ts_program *program = NULL;
    REQUIRE(ts_chip_get("trn1", &chip, &diag) == ts_ok);
    chip.hbm_bytes = 1 << 26;
    ts_status status = ts_compile(module, &chip, NULL, &program, &diag);
    if (getenv("FUZZ_SHOW"))
        fprintf(stderr, "compile: %s: %s: %s\n", ts_status_name(status), diag.op, diag.message);
    require_story(status, &diag);
    REQUIRE((status == ts_ok) == (program != NULL));
    /* What is wrong with a checked module is the compiler's mistake, not the user's; but for a missing @main.
     */
    REQUIRE(status == ts_ok || status == ts_unsupported || status == ts_capacity || is_bad_input(&diag));
    ts_program_free(program);
}

static inline void check_module(ts_module *module) {
    if (check_text(module) == ts_ok) check_compile(module);
}

#endif

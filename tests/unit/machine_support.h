/* Shared by tests of the machine: a chip, and programs written as text. */
#ifndef TS_UNIT_MACHINE_SUPPORT_H
#define TS_UNIT_MACHINE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/isa.h"
#include "machine/homes.h"
#include "machine/machine.h"

static inline ts_chip trn1(void) {
    ts_chip chip;
    assert_int_equal(ts_chip_get("trn1", &chip, NULL), ts_ok);
    return chip;
}

/* Makes a program of a header line and `text`; parsed and verified. */
static inline ts_program *program_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline ts_program *program_of(const char *format, ...) {
    char text[8192] = "trn 1\nprogram test chip=trn1\n", story[1200];
    ts_program *program = NULL;
    ts_diag diag = {0};
    ts_chip chip = trn1();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + strlen(text), sizeof text - strlen(text), format, arguments);
    va_end(arguments);
    ts_status status = ts_program_parse(text, "test.trn", &program, &diag);
    if (status == ts_ok) status = ts_program_verify(program, &chip, &diag);
    ts_diag_format(&diag, story, sizeof story);
    if (status != ts_ok) fail_msg("%s", story);
    return program;
}

static inline ts_machine *machine_of(ts_pool *pool) {
    ts_machine *machine;
    ts_chip chip = trn1();
    assert_int_equal(ts_machine_new(&chip, pool, &machine, NULL), ts_ok);
    return machine;
}

static inline ts_homes *homes_of(const ts_program *program, bool is_poisoned) {
    ts_homes *homes;
    ts_chip chip = trn1();
    assert_int_equal(ts_homes_new(program, &chip, is_poisoned, &homes, NULL), ts_ok);
    return homes;
}

static inline ts_pool *pool_of(int threads) {
    ts_pool *pool;
    assert_int_equal(ts_pool_new(threads, &pool, NULL), ts_ok);
    return pool;
}

/* A pseudorandom sequence that is the same on every host. */
static inline uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Uniform in (-1, 1), with 24 bits. */
static inline float next_float(uint64_t *state) {
    return (float)((int32_t)next_random(state) - (1 << 30)) * 0x1p-30f;
}

#endif

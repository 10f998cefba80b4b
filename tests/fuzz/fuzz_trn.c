/* libFuzzer target for the readers of programs. The first byte says what follows: a container as it is, a
   payload to be wrapped with the right hash, or text. A program that is accepted is printed, encoded, read
   again and verified; if it passes and has semaphores of its own, it is clocked and searched for races. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/chip.h"
#include "arch/container.h"
#include "arch/program.h"
#include "clock/clock.h"
#include "fuzz_check.h"
#include "machine/check_races.h"

static void use_semaphores(const ts_program *program, const ts_chip *chip) {
    enum { MOST = 4096 };
    ts_diag diag = {0}, other = {0};
    ts_races races = {0};
    ts_record record = {0};
    ts_clock_options options = {.instruction_cap = MOST, .band = true};
    ts_status status = ts_clock_run(program, chip, &options, &record, &diag);
    check(status == ts_ok || (diag.status == status && diag.message[0]));
    check(ts_races_find(program, chip, MOST, &races, &other) == ts_ok);
    ts_text text = {0};
    for (uint32_t i = 0; i < races.list.count; i++) {
        check(races.list.data[i].bytes > 0 && races.list.data[i].parts > 0);
        ts_race_text(program, &races.list.data[i], &text);
    }
    ts_text_free(&text);
    ts_record_free(&record);
    ts_arena_free(&races.arena);
}

static void use(ts_program *program) {
    ts_diag diag = {0};
    ts_text text = {0}, second = {0};
    ts_program *again;
    ts_chip chip;
    uint8_t *data;
    size_t size;
    ts_program_print(program, &text);
    check(ts_program_encode(program, &data, &size, &diag) == ts_ok);
    check(ts_program_decode(data, size, &again, &diag) == ts_ok);
    ts_program_print(again, &second);
    check(strcmp(text.data, second.data) == 0);
    ts_program_free(again);
    if (ts_program_parse(text.data, "printed", &again, &diag) == ts_ok) {
        ts_text_free(&second);
        ts_program_print(again, &second);
        check(strcmp(text.data, second.data) == 0);
        ts_program_free(again);
    }
    diag = (ts_diag){0};
    check(ts_chip_get("trn1", &chip, &diag) == ts_ok);
    ts_status status = ts_program_verify(program, &chip, &diag);
    check(status == ts_ok || (diag.status == status && diag.message[0]));
    if (status == ts_ok && program->syncing == ts_syncing_explicit) use_semaphores(program, &chip);
    ts_text_free(&text);
    ts_text_free(&second);
    free(data);
    ts_program_free(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ts_diag diag = {0};
    ts_program *program = NULL;
    if (size == 0) return 0;
    int mode = data[0] % 3;
    data++;
    size--;
    if (mode == 0) {
        ts_program_decode(data, size, &program, &diag);
    } else if (mode == 1) {
        uint8_t *file;
        size_t file_size;
        check(ts_container_wrap(data, size, &file, &file_size, &diag) == ts_ok);
        ts_program_decode(file, file_size, &program, &diag);
        free(file);
    } else {
        char *text = malloc(size + 1);
        memcpy(text, data, size);
        text[size] = 0;
        ts_program_parse(text, "a.trn", &program, &diag);
        free(text);
    }
    if (program) use(program);
    return 0;
}

/* libFuzzer target for chip files: a chip that is accepted prints and parses back to the same numbers, and a
   small program is clocked on it or refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/chip.h"
#include "arch/program.h"
#include "clock/clock.h"
#include "fuzz_check.h"

/* One of each resource: a transfer in, two engines, a matmul, a transfer out. */
static const char program_text[] =
    "trn 1\nprogram small chip=trn1\ntensor x: input 0 f32[128,128]\ntensor y: output 0 f32[128,128]\n"
    "sync.dma_copy queue=0 dst=sbuf.f32[p0:128 +0 128] src=hbm.f32[x +0 128@128 128]\n"
    "loop %i = 3\n"
    "  scalar.activation dst=sbuf.f32[p0:128 +512 128] func=exp data=sbuf.f32[p0:128 +0 128] scale=1\n"
    "  tensor.nc_matmul dst=psum.f32[p0:128 +0 128] stationary=sbuf.f32[p0:128 +0 128] "
    "moving=sbuf.f32[p0:128 +512 128]\n"
    "  vector.tensor_copy dst=sbuf.f32[p0:128 +0 128] src=psum.f32[p0:128 +0 128]\n"
    "end %i\n"
    "sync.dma_copy queue=1 dst=hbm.f32[y +0 128@128 128] src=sbuf.f32[p0:128 +0 128]\n";

static void check_same(const ts_chip *chip) {
    ts_text text = {0};
    ts_diag diag = {0};
    ts_chip again;
    ts_chip_print(chip, &text);
    check(ts_chip_parse(text.data, "printed.chip", &again, &diag) == ts_ok);
    for (int i = 0; i < ts_param_count(); i++)
        check(ts_param_value(chip, i) == ts_param_value(&again, i));
    ts_text_free(&text);
}

/* A chip too small for the program is refused; on any other its time is a time. */
static void use(const ts_chip *chip) {
    ts_diag diag = {0};
    ts_program *program;
    ts_record record = {0};
    ts_clock_options options = {.band = true};
    check(ts_program_parse(program_text, "small.trn", &program, &diag) == ts_ok);
    ts_status status = ts_program_verify(program, chip, &diag);
    if (status == ts_ok) status = ts_clock_run(program, chip, &options, &record, &diag);
    check(status == ts_ok ? record.total > 0 : diag.status == status && diag.message[0]);
    ts_record_free(&record);
    ts_program_free(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    ts_chip chip;
    ts_diag diag = {0};
    check(text != NULL);
    memcpy(text, data, size);
    text[size] = 0;
    ts_status status = ts_chip_parse(text, "fuzz.chip", &chip, &diag);
    check(status == ts_ok || (diag.status == status && diag.message[0] && diag.where[0]));
    if (status == ts_ok) {
        check_same(&chip);
        use(&chip);
    }
    free(text);
    return 0;
}

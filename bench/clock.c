/* How fast the clock is: the CPU time of one thread to clock a compiled program from scratch, and the number
   of instructions that it timed, including those of trips that it jumped over. Next to it the time of the
   machine to execute the program once; programs that would take long are not executed.

   usage: clock ARTIFACT.mlirbc...   (bench/programs.py writes some) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "clock/clock.h"
#include "machine/machine.h"
#include "runtime/program_cache.h"

enum { TIMES = 7, STEPS = 3 };

/* Programs with more are not executed. */
static const double MOST_FLOPS = 4e12, MOST_BYTES = 6e9;

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static ts_status compile(const ts_chip *chip, const char *path, ts_program **program, ts_diag *diag) {
    uint8_t *data = NULL;
    size_t size = 0;
    ts_module *module = NULL;
    TS_TRY(ts_file_read(path, &data, &size, diag));
    ts_status status = ts_module_read(data, size, "program", &module, diag);
    if (status == ts_ok) status = ts_compile(module, chip, NULL, program, diag);
    ts_module_free(module);
    free(data);
    return status;
}

/* Memory for all tensors: small numbers in those of floats, zeros in all others. NULL: they are too large. */
static void **make_data(const ts_program *program, void **memory) {
    uint32_t count = program->tensors.count;
    size_t bytes = program->scratch_bytes, at = program->scratch_bytes;
    for (uint32_t i = 0; i < count; i++)
        bytes += (program->tensors.data[i].bytes + 63) / 64 * 64;
    void **data = calloc(count + 1, sizeof *data);
    *memory = (double)bytes > MOST_BYTES ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!data || !*memory) {
        free(data);
        return NULL;
    }
    memset(*memory, 0, bytes);
    at = (at + 63) / 64 * 64;
    for (uint32_t i = 0; i < count; i++) {
        const ts_tensor *tensor = &program->tensors.data[i];
        if (tensor->kind == ts_tensor_constant) continue;
        if (tensor->kind == ts_tensor_scratch) {
            data[i] = (char *)*memory + tensor->address;
            continue;
        }
        data[i] = (char *)*memory + at;
        at += (tensor->bytes + 63) / 64 * 64;
        uint16_t *words = data[i];
        if (ts_dtype_get(tensor->dtype)->kind != 'f') continue;
        for (uint64_t w = 0; w < tensor->bytes / 2; w++)
            words[w] = (uint16_t)(0x3c00 + w % 61); /* about 1/128, also as the upper half of a float */
    }
    return data;
}

/* Finds the least CPU time of a step; 0: the step is too long. */
static ts_status execute(const ts_chip *chip, const ts_program *program, double *least, ts_diag *diag) {
    void *memory = NULL;
    ts_machine *machine = NULL;
    *least = 0;
    if ((double)program->model_flops > MOST_FLOPS) return ts_ok;
    void **data = make_data(program, &memory);
    if (!data) return ts_ok;
    ts_status status = ts_machine_new(chip, NULL, &machine, diag);
    for (int i = 0; i < STEPS && status == ts_ok; i++) {
        double start = now_ms();
        status = ts_machine_run(machine, program, &(ts_run){.data = data}, diag);
        double spent = now_ms() - start;
        if (i == 0 || spent < *least) *least = spent;
    }
    ts_machine_free(machine);
    free(memory);
    free(data);
    return status;
}

static void print_row(const char *path, const ts_record *record, double clock, double step) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    printf("| %.*s | %llu | %llu | %.2f | %.2f |", (int)strcspn(name, "."), name,
           (unsigned long long)record->instructions,
           (unsigned long long)(record->instructions - record->skipped_instructions), clock,
           (double)record->instructions / clock / 1e3);
    if (step > 0)
        printf(" %.1f | %.1f |\n", step, 100 * clock / step);
    else
        printf(" | |\n");
    fflush(stdout);
}

/* Clocks as `trainstone time --json` does: with the band, so that each time is three numbers. */
static ts_status measure(const ts_chip *chip, const char *path, ts_diag *diag) {
    ts_clock_options options = {.band = true};
    ts_program *program = NULL;
    double least = 0, step = 0;
    TS_TRY(compile(chip, path, &program, diag));
    ts_status status = ts_ok;
    for (int i = 0; i < TIMES && status == ts_ok; i++) {
        ts_record record = {0};
        double start = now_ms();
        status = ts_clock_run(program, chip, &options, &record, diag);
        double spent = now_ms() - start;
        if (i == 0 || spent < least) least = spent;
        if (i == TIMES - 1 && status == ts_ok) status = execute(chip, program, &step, diag);
        if (i == TIMES - 1 && status == ts_ok) print_row(path, &record, least, step);
        ts_record_free(&record);
    }
    ts_program_free(program);
    return status;
}

int main(int count, char **paths) {
    ts_diag diag = {0};
    ts_chip chip;
    ts_status status = ts_chip_get("trn1", &chip, &diag);
    printf("\nThe clock, CPU time of one thread\n\n"
           "| program | instructions | stepped | ms | M instructions/s | step, ms | clock, %% of it |\n"
           "|---|---|---|---|---|---|---|\n");
    for (int i = 1; i < count && status == ts_ok; i++)
        status = measure(&chip, paths[i], &diag);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("\nMost memory at any time: %ld MiB\n", usage.ru_maxrss / 1024);
    if (status != ts_ok) fprintf(stderr, "%s\n", diag.message);
    return status != ts_ok;
}

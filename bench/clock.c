/* How fast the clock is: CPU time of one thread for a whole run on a compiled program, each from nothing, and
   the instructions that it timed, those of jumped trips included.

   usage: clock ARTIFACT.mlirbc...   (bench/programs.py writes some) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "machine/clock.h"
#include "runtime/program_cache.h"

enum { TIMES = 7 };

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

/* As `trainstone time --json` runs it: with the band, so that each time is three. */
static ts_status measure(const ts_chip *chip, const char *path, ts_diag *diag) {
    ts_clock_options options = {.band = true};
    ts_program *program = NULL;
    uint64_t instructions = 0, trips = 0;
    double least = 0;
    TS_TRY(compile(chip, path, &program, diag));
    ts_status status = ts_ok;
    for (int i = 0; i < TIMES && status == ts_ok; i++) {
        ts_record record = {0};
        double start = now_ms();
        status = ts_clock_run(program, chip, &options, &record, diag);
        double spent = now_ms() - start;
        if (i == 0 || spent < least) least = spent;
        instructions = record.instructions;
        trips = record.skipped_iterations;
        ts_record_free(&record);
    }
    ts_program_free(program);
    if (status != ts_ok) return status;
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    printf("| %.*s | %llu | %llu | %.2f | %.2f |\n", (int)strcspn(name, "."), name,
           (unsigned long long)instructions, (unsigned long long)trips, least,
           (double)instructions / least / 1e3);
    fflush(stdout);
    return ts_ok;
}

int main(int count, char **paths) {
    ts_diag diag = {0};
    ts_chip chip;
    ts_status status = ts_chip_get("trn1", &chip, &diag);
    printf("\nThe clock, CPU time of one thread\n\n"
           "| program | instructions | trips jumped | ms | M instructions/s |\n|---|---|---|---|---|\n");
    for (int i = 1; i < count && status == ts_ok; i++)
        status = measure(&chip, paths[i], &diag);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("\nMost memory at any time: %ld MiB\n", usage.ru_maxrss / 1024);
    if (status != ts_ok) fprintf(stderr, "%s\n", diag.message);
    return status != ts_ok;
}

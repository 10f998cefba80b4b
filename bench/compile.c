/* How long compiling takes in process and without a framework: the compiler, the cache in memory, the cache
   in a folder, and the clock. Times are CPU time of one thread, the least of several runs.

   usage: compile ARTIFACT.mlirbc...   (bench/programs.py writes some) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "clock/clock.h"
#include "runtime/program_cache.h"

enum { TIMES = 5 };

typedef struct costs {
    double compile, memory, folder, clock; /* milliseconds */
} costs;

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static void keep_least(double *least, double value) {
    if (*least == 0 || value < *least) *least = value;
}

/* With a fresh cache: first compiles the program or reads it from the folder, then finds it in memory. */
static ts_status measure_cache(const ts_chip *chip, const char *folder, const uint8_t *data, size_t size,
                               double *first, double *second, ts_diag *diag) {
    ts_program_cache_options options = {.folder = folder};
    ts_program_cache *cache = NULL;
    ts_shared_program *shared = NULL;
    static const ts_compile_options plain = {0};
    TS_TRY(ts_program_cache_new(chip, &options, &cache, diag));
    double *least[2] = {first, second};
    ts_status status = ts_ok;
    for (int i = 0; i < 2 && status == ts_ok; i++) {
        double start = now_ms();
        status = ts_program_cache_compile(cache, data, size, "program", &plain, &shared, diag);
        keep_least(least[i], now_ms() - start);
        if (status == ts_ok) ts_shared_program_release(shared);
    }
    ts_program_cache_free(cache);
    return status;
}

static ts_status measure_clock(const ts_chip *chip, const uint8_t *data, size_t size, double *clock,
                               ts_diag *diag) {
    ts_module *module = NULL;
    ts_program *program = NULL;
    ts_record record = {0};
    ts_clock_options options = {.band = true};
    TS_TRY(ts_module_read(data, size, "program", &module, diag));
    ts_status status = ts_compile(module, chip, NULL, &program, diag);
    ts_module_free(module);
    TS_TRY(status);
    double start = now_ms();
    status = ts_clock_run(program, chip, &options, &record, diag);
    *clock = now_ms() - start;
    ts_record_free(&record);
    ts_program_free(program);
    return status;
}

static ts_status measure(const ts_chip *chip, const char *folder, const char *path, ts_diag *diag) {
    uint8_t *data = NULL;
    size_t size = 0;
    costs least = {0};
    double written = 0, unused = 0;
    TS_TRY(ts_file_read(path, &data, &size, diag));
    ts_status status = measure_cache(chip, folder, data, size, &written, &unused, diag);
    for (int i = 0; i < TIMES && status == ts_ok; i++) {
        status = measure_cache(chip, NULL, data, size, &least.compile, &least.memory, diag);
        if (status == ts_ok) status = measure_cache(chip, folder, data, size, &least.folder, &unused, diag);
    }
    if (status == ts_ok) status = measure_clock(chip, data, size, &least.clock, diag);
    free(data);
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (status == ts_ok)
        printf("| %.*s | %.1f | %.2f | %.3f | %.2f | %.1f |\n", (int)strcspn(name, "."), name,
               (double)size / 1024, least.compile, least.memory, least.folder, least.clock);
    fflush(stdout);
    return status;
}

int main(int count, char **paths) {
    ts_diag diag = {0};
    ts_chip chip;
    char folder[] = "/tmp/ts_compile_XXXXXX", command[64];
    ts_status status = ts_chip_get("trn1", &chip, &diag);
    if (count < 2 || !mkdtemp(folder)) return 0;
    printf("\nCompilation in process, CPU milliseconds\n\n"
           "| program | KiB | compiled | from memory | from a folder | clock |\n|---|---|---|---|---|---|\n");
    for (int i = 1; i < count && status == ts_ok; i++)
        status = measure(&chip, folder, paths[i], &diag);
    if (status != ts_ok) fprintf(stderr, "%s\n", diag.message);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || status != ts_ok;
}

/* The cache of compiled programs: what hits, what must miss, and folders that others damage, fill or use at
   the same time. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "reader_artifacts.h"
#include "runtime/executable.h"

static char folder[64];
static ts_chip chip;
static const ts_compile_options plain = {0};

static int make_folder(void **state) {
    ts_diag diag = {0};
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ts_cache_XXXXXX");
    return mkdtemp(folder) && ts_chip_get("trn1", &chip, &diag) == ts_ok ? 0 : -1;
}

static int remove_folder(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static ts_program_cache *open_cache(const char *where, uint64_t most) {
    ts_program_cache_options options = {.folder = where, .folder_bytes = most};
    ts_program_cache *cache = NULL;
    ts_diag diag = {0};
    if (ts_program_cache_new(&chip, &options, &cache, &diag) != ts_ok) fail_msg("%s", diag.message);
    return cache;
}

static ts_shared_program *compile(ts_program_cache *cache, const uint8_t *data, size_t size,
                                  const ts_compile_options *options) {
    ts_shared_program *shared = NULL;
    ts_diag diag = {0};
    if (ts_program_cache_compile(cache, data, size, "step", options, &shared, &diag) != ts_ok)
        fail_msg("%s", diag.message);
    return shared;
}

static ts_shared_program *compile_mlp(ts_program_cache *cache) {
    return compile(cache, artifact_mlp, sizeof artifact_mlp, &plain);
}

static void check_stats(ts_program_cache *cache, uint64_t compiled, uint64_t memory, uint64_t read) {
    ts_program_cache_stats stats = ts_program_cache_get_stats(cache);
    assert_int_equal(stats.compiled, compiled);
    assert_int_equal(stats.from_memory, memory);
    assert_int_equal(stats.from_folder, read);
}

static bool is_same(const ts_program *left, const ts_program *right) {
    uint8_t *a = NULL, *b = NULL;
    size_t a_size = 0, b_size = 0;
    ts_diag diag = {0};
    bool is_same = ts_program_encode(left, &a, &a_size, &diag) == ts_ok &&
                   ts_program_encode(right, &b, &b_size, &diag) == ts_ok && a_size == b_size &&
                   memcmp(a, b, a_size) == 0;
    free(a);
    free(b);
    return is_same;
}

static ts_program *reference_mlp(void) {
    ts_module *module = NULL;
    ts_program *program = NULL;
    ts_diag diag = {0};
    assert_int_equal(ts_module_read(artifact_mlp, sizeof artifact_mlp, "step", &module, &diag), ts_ok);
    assert_int_equal(ts_compile(module, &chip, NULL, &program, &diag), ts_ok);
    ts_module_free(module);
    return program;
}

/* The only file of the folder. */
static void only_file(char path[512]) {
    DIR *entries = opendir(folder);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(entries));)
        if (entry->d_name[0] != '.') {
            snprintf(path, 512, "%s/%s", folder, entry->d_name);
            count++;
        }
    closedir(entries);
    assert_int_equal(count, 1);
}

static uint64_t folder_bytes(int *count) {
    uint64_t bytes = 0;
    DIR *entries = opendir(folder);
    *count = 0;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        char path[512];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) continue;
        bytes += (uint64_t)info.st_size;
        ++*count;
    }
    closedir(entries);
    return bytes;
}

/* ---- memory ---- */

static void same_content_hits(void **state) {
    (void)state;
    ts_program_cache *cache = open_cache(NULL, 0);
    ts_shared_program *first = compile_mlp(cache), *second = compile_mlp(cache);
    assert_ptr_equal(first, second);
    check_stats(cache, 1, 1, 0);
    ts_program_cache_free(cache);
    ts_shared_program_release(second);
    ts_program *reference = reference_mlp();
    assert_true(is_same(ts_shared_program_get(first), reference)); /* outlives the cache */
    ts_program_free(reference);
    ts_shared_program_release(first);
}

static void other_options_miss(void **state) {
    (void)state;
    static const ts_compile_options options[] = {
        {.auto_cast = ts_auto_cast_none},
        {.auto_cast = ts_auto_cast_all},
        {.auto_cast = ts_auto_cast_matmult},
        {.auto_cast = ts_auto_cast_all, .auto_cast_type = ts_dtype_f16}};
    enum { COUNT = sizeof options / sizeof *options };
    ts_program_cache *cache = open_cache(folder, 0);
    for (int again = 0; again < 2; again++)
        for (int i = 0; i < COUNT; i++)
            ts_shared_program_release(compile(cache, artifact_mlp, sizeof artifact_mlp, &options[i]));
    check_stats(cache, COUNT, COUNT, 0);
    ts_program_cache_free(cache);
}

/* A request to see a pass bypasses the cache, so that the pass runs. */
static void dumps_are_made(void **state) {
    (void)state;
    ts_program_cache *cache = open_cache(folder, 0);
    ts_shared_program_release(compile_mlp(cache));
    ts_text text = {0};
    ts_compile_options options = {.dump_pass = "fold", .dump = &text};
    ts_shared_program_release(compile(cache, artifact_mlp, sizeof artifact_mlp, &options));
    assert_true(text.length > 0);
    ts_text_free(&text);
    ts_program_cache_free(cache);
}

static void refusals_are_not_kept(void **state) {
    (void)state;
    ts_program_cache *cache = open_cache(folder, 0);
    for (int i = 0; i < 2; i++) {
        ts_shared_program *shared = NULL;
        ts_diag diag = {0};
        assert_int_equal(ts_program_cache_compile(cache, artifact_mlp, sizeof artifact_mlp - 1, "cut", &plain,
                                                  &shared, &diag),
                         ts_input);
        assert_null(shared);
        assert_int_equal(strncmp(diag.message, "cut: ", 5), 0);
    }
    check_stats(cache, 0, 0, 0);
    ts_program_cache_free(cache);
}

/* The artifact with another letter in the name of the user's file: another program, since records name the
   file. */
static void change_letter(uint8_t *artifact, int number) {
    uint8_t *name = NULL;
    for (size_t i = 0; i + 3 < sizeof artifact_mlp && !name; i++)
        if (memcmp(artifact + i, ".py", 3) == 0) name = artifact + i;
    assert_non_null(name);
    name[-1] = (uint8_t)('a' + number % 26);
    name[-2] = (uint8_t)('a' + number / 26);
}

/* More programs than are kept: those used last stay. */
static void memory_is_bounded(void **state) {
    (void)state;
    enum { PROGRAMS = 80 };
    ts_program_cache *cache = open_cache(NULL, 0);
    uint8_t artifact[sizeof artifact_mlp];
    memcpy(artifact, artifact_mlp, sizeof artifact);
    for (int i = 0; i < PROGRAMS; i++) {
        change_letter(artifact, 0);
        ts_shared_program_release(compile(cache, artifact, sizeof artifact, &plain));
        change_letter(artifact, i);
        ts_shared_program_release(compile(cache, artifact, sizeof artifact, &plain));
    }
    check_stats(cache, PROGRAMS, PROGRAMS, 0);
    change_letter(artifact, 1); /* the oldest */
    ts_shared_program_release(compile(cache, artifact, sizeof artifact, &plain));
    check_stats(cache, PROGRAMS + 1, PROGRAMS, 0);
    ts_program_cache_free(cache);
}

static void executables_share(void **state) {
    (void)state;
    ts_runtime *runtime = NULL;
    ts_diag diag = {0};
    ts_executable *executables[2];
    assert_int_equal(ts_runtime_new(NULL, &runtime, &diag), ts_ok);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ts_executable_load(runtime, artifact_mlp, sizeof artifact_mlp, "step", NULL,
                                            &executables[i], &diag),
                         ts_ok);
    assert_ptr_equal(ts_executable_program(executables[0]), ts_executable_program(executables[1]));
    ts_executable_release(executables[0]);
    ts_executable_unload(executables[1]);
    ts_runtime_free(runtime);
    const ts_record *record = NULL;
    assert_int_equal(ts_executable_record(executables[1], &record, &diag), ts_ok);
    ts_executable_release(executables[1]);
}

/* ---- the folder ---- */

static void another_cache_reads(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        ts_program_cache *cache = open_cache(folder, 0);
        ts_shared_program *shared = compile_mlp(cache);
        check_stats(cache, i == 0, 0, i == 1);
        ts_program *reference = reference_mlp();
        assert_true(is_same(ts_shared_program_get(shared), reference));
        ts_program_free(reference);
        ts_shared_program_release(shared);
        ts_shared_program_release(compile_mlp(cache));
        check_stats(cache, i == 0, 1, i == 1);
        ts_program_cache_free(cache);
    }
}

static void another_chip_misses(void **state) {
    (void)state;
    double cycles = chip.vector_divide_cycles;
    for (int i = 0; i < 2; i++) {
        ts_program_cache *cache = open_cache(folder, 0);
        ts_shared_program_release(compile_mlp(cache));
        check_stats(cache, 1, 0, 0);
        ts_program_cache_free(cache);
        chip.vector_divide_cycles = cycles + 1;
    }
    chip.vector_divide_cycles = cycles;
}

/* Compiles with the folder; whether a program in it was used. */
static bool is_used(const ts_program *reference) {
    ts_program_cache *cache = open_cache(folder, 0);
    ts_shared_program *shared = compile_mlp(cache);
    ts_program_cache_stats stats = ts_program_cache_get_stats(cache);
    assert_true(is_same(ts_shared_program_get(shared), reference));
    assert_int_equal(stats.compiled + stats.from_folder, 1);
    ts_shared_program_release(shared);
    ts_program_cache_free(cache);
    return stats.from_folder == 1;
}

static void damage_is_compiled_over(void **state) {
    (void)state;
    ts_program *reference = reference_mlp();
    ts_diag diag = {0};
    char path[512];
    uint8_t *data;
    size_t size;
    assert_false(is_used(reference));
    only_file(path);
    assert_int_equal(ts_file_read(path, &data, &size, &diag), ts_ok);
    for (size_t at = 0; at < size; at += at < 128 ? 1 : 37) {
        assert_int_equal(ts_file_write(path, data, at, &diag), ts_ok); /* cut */
        assert_false(is_used(reference));
        data[at] ^= 1; /* flipped */
        assert_int_equal(ts_file_write(path, data, size, &diag), ts_ok);
        data[at] ^= 1;
        assert_false(is_used(reference));
        assert_true(is_used(reference)); /* whole again */
    }
    free(data);
    ts_program_free(reference);
}

/* A whole file of another program under this one's name, as a hand or a broken file system might leave it. */
static void another_name_is_not_used(void **state) {
    (void)state;
    char mlp[512], control[512], command[1100];
    ts_program_cache *cache = open_cache(folder, 0);
    ts_shared_program_release(compile_mlp(cache));
    ts_program_cache_free(cache);
    only_file(mlp);
    unlink(mlp);
    cache = open_cache(folder, 0);
    ts_shared_program_release(compile(cache, artifact_control, sizeof artifact_control, &plain));
    ts_program_cache_free(cache);
    only_file(control);
    snprintf(command, sizeof command, "mv %s %s", control, mlp);
    assert_int_equal(system(command), 0);
    ts_program *reference = reference_mlp();
    assert_false(is_used(reference));
    ts_program_free(reference);
}

/* A folder that vanishes, or whose place a file takes, only makes compiling slow. */
static void folder_vanishes(void **state) {
    (void)state;
    ts_program_cache *cache = open_cache(folder, 0);
    assert_int_equal(rmdir(folder), 0);
    ts_shared_program_release(compile_mlp(cache));
    check_stats(cache, 1, 0, 0);
    ts_program_cache_free(cache);
}

static void use_program(int number, uint64_t most, uint64_t compiled) {
    uint8_t artifact[sizeof artifact_mlp];
    memcpy(artifact, artifact_mlp, sizeof artifact);
    change_letter(artifact, number);
    ts_program_cache *cache = open_cache(folder, most);
    ts_shared_program_release(compile(cache, artifact, sizeof artifact, &plain));
    check_stats(cache, compiled, 0, !compiled);
    ts_program_cache_free(cache);
    usleep(20000); /* file times have the resolution of the kernel's ticks */
}

static void folder_is_bounded(void **state) {
    (void)state;
    int count;
    use_program(0, 0, 1);
    uint64_t most = 7 * folder_bytes(&count) / 2; /* room for three of about that size */
    for (int i = 1; i < 6; i++) {
        use_program(i, most, 1);
        use_program(0, most, 0); /* used again and again: stays */
        assert_in_range(folder_bytes(&count), 1, most);
    }
    assert_int_equal(count, 3);
    use_program(1, most, 1); /* used longest ago: gone */
    use_program(0, 1, 0);
    use_program(9, 1, 1); /* larger than the limit: not written, and nothing is removed for it */
    assert_int_equal(count, 3);
}

/* ---- at the same time ---- */

enum { WRITERS = 4, ROUNDS = 25 };

static bool works(const ts_program *reference, int writer) {
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t artifact[sizeof artifact_mlp];
        ts_program_cache *cache = open_cache(folder, 20000); /* so that they also remove each other's */
        ts_shared_program *mine = compile_mlp(cache);
        bool is_right = is_same(ts_shared_program_get(mine), reference);
        ts_shared_program_release(mine);
        memcpy(artifact, artifact_mlp, sizeof artifact);
        change_letter(artifact, (writer * ROUNDS + round) % 40);
        ts_shared_program_release(compile(cache, artifact, sizeof artifact, &plain));
        ts_program_cache_free(cache);
        if (!is_right) return false;
    }
    return true;
}

static void processes_share_a_folder(void **state) {
    (void)state;
    ts_program *reference = reference_mlp();
    pid_t writers[WRITERS];
    int count;
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        assert_true(writers[i] >= 0);
        if (writers[i] == 0) _exit(works(reference, i) ? 0 : 1);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = -1;
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_int_equal(status, 0);
    }
    assert_in_range(folder_bytes(&count), 1, 20000);
    ts_program_free(reference);
}

typedef struct worker {
    pthread_t thread;
    ts_program_cache *cache;
    ts_shared_program *made[ROUNDS];
} worker;

static void *compile_often(void *data) {
    worker *w = data;
    for (int i = 0; i < ROUNDS; i++)
        w->made[i] = compile_mlp(w->cache);
    return NULL;
}

static void threads_share_a_cache(void **state) {
    (void)state;
    worker workers[WRITERS] = {0};
    ts_program_cache *cache = open_cache(folder, 0);
    ts_program *reference = reference_mlp();
    for (int i = 0; i < WRITERS; i++) {
        workers[i].cache = cache;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, compile_often, &workers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(workers[i].thread, NULL);
    ts_program_cache_stats stats = ts_program_cache_get_stats(cache);
    assert_int_equal(stats.compiled + stats.from_folder + stats.from_memory, WRITERS * ROUNDS);
    assert_in_range(stats.compiled + stats.from_folder, 1, WRITERS);
    ts_program_cache_free(cache);
    for (int i = 0; i < WRITERS; i++)
        for (int j = 0; j < ROUNDS; j++) {
            if (i == 0 || j == 0) assert_true(is_same(ts_shared_program_get(workers[i].made[j]), reference));
            ts_shared_program_release(workers[i].made[j]);
        }
    ts_program_free(reference);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(same_content_hits),        TEST(other_options_miss),    TEST(dumps_are_made),
        TEST(refusals_are_not_kept),    TEST(memory_is_bounded),     TEST(executables_share),
        TEST(another_cache_reads),      TEST(another_chip_misses),   TEST(damage_is_compiled_over),
        TEST(another_name_is_not_used), TEST(folder_vanishes),       TEST(folder_is_bounded),
        TEST(processes_share_a_folder), TEST(threads_share_a_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Programs for tests of the clock: those of tests/timing, and building blocks of random ones. */
#ifndef TS_UNIT_CLOCK_PROGRAMS_H
#define TS_UNIT_CLOCK_PROGRAMS_H

#include <dirent.h>
#include <stdio.h>

#include "clock_support.h"

#include "base/file.h"

static inline uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static inline unsigned below(uint64_t *state, unsigned limit) {
    return (unsigned)(next_random(state) % limit);
}

/* Calls check for every .trn file of tests/timing; returns how many there are. */
static inline int each_timing_file(void (*check)(const ts_program *program, void *context), void *context) {
    DIR *folder = opendir("tests/timing");
    assert_non_null(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[512];
        size_t size = 0, length = strlen(entry->d_name);
        uint8_t *data = NULL;
        if (length < 5 || strcmp(entry->d_name + length - 4, ".trn") != 0) continue;
        snprintf(path, sizeof path, "tests/timing/%s", entry->d_name);
        assert_int_equal(ts_file_read(path, &data, &size, NULL), ts_ok);
        ts_program *program = parse_text((const char *)data, path);
        check(program, context);
        ts_program_free(program);
        free(data);
        count++;
    }
    closedir(folder);
    return count;
}

#endif

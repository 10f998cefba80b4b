/* Whole files and .npy arrays, with errors that name the path. */
#ifndef TS_BASE_FILE_H
#define TS_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

/* Reads all of `path` into malloc'ed memory (one extra zero byte at the end). */
ts_status ts_file_read(const char *path, uint8_t **data, size_t *size, ts_diag *diag);
/* Writes to a temporary sibling and renames it, so that `path` is never half-written; straight to a device or
   a pipe. */
ts_status ts_file_write(const char *path, const void *data, size_t size, ts_diag *diag);
/* Makes the folder, and those around it, when it is missing; *absolute is malloc'ed. ts_system when nothing
   can be written there; `setting` says who asked for it. */
ts_status ts_file_folder(const char *folder, const char *setting, char **absolute, ts_diag *diag);

#define TS_NPY_MAX_RANK 32
/* An array as .npy describes it. `descr` is NumPy's dtype string without byte order, e.g. "f4",
   "u2", "b1", "V2". Data is C order, malloc'ed by the reader. */
typedef struct ts_npy {
    char descr[16];
    int rank;
    int64_t dim[TS_NPY_MAX_RANK];
    size_t bytes;
    uint8_t *data;
} ts_npy;
ts_status ts_npy_read(const char *path, ts_npy *array, ts_diag *diag);
ts_status ts_npy_write(const char *path, const ts_npy *array, ts_diag *diag);
void ts_npy_free(ts_npy *array);

/* FNV-1a, 64 bits: content hashes of programs and strings. Start with seed 0. */
uint64_t ts_hash(const void *data, size_t size, uint64_t seed);

#endif

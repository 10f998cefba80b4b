/* Whole files and .npy arrays, with errors that name the path. */
#ifndef TS_BASE_FILE_H
#define TS_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

/* Reads all of `path`; *data is malloc'ed, has an extra zero byte at the end, and belongs to the caller. */
ts_status ts_file_read(const char *path, uint8_t **data, size_t *size, ts_diag *diag);
/* Writes to a temporary sibling and renames it, so that `path` is never half-written; a device or a pipe is
   written to directly. */
ts_status ts_file_write(const char *path, const void *data, size_t size, ts_diag *diag);
/* Creates `folder` and its missing parents; *absolute is its malloc'ed absolute path. ts_system when it
   cannot be created or written to; `setting` names the option or variable that asked for it, for the
   message. */
ts_status ts_file_folder(const char *folder, const char *setting, char **absolute, ts_diag *diag);

#define TS_NPY_MAX_RANK 32
/* An array as .npy describes it. `descr` is NumPy's dtype string without byte order, e.g. "f4", "u2", "b1",
   "V2". `data` is in C order; ts_npy_read mallocs it and ts_npy_free frees it. */
typedef struct ts_npy {
    char descr[16];
    int rank;
    int64_t dim[TS_NPY_MAX_RANK];
    size_t bytes;
    uint8_t *data;
} ts_npy;
/* ts_input for a malformed file, ts_capacity without host memory, ts_system when the file cannot be read or
   written. */
ts_status ts_npy_read(const char *path, ts_npy *array, ts_diag *diag);
ts_status ts_npy_write(const char *path, const ts_npy *array, ts_diag *diag);
void ts_npy_free(ts_npy *array);

/* 64-bit FNV-1a, for content hashes of programs and strings. Start with seed 0; pass a result as the seed to
   go on. */
uint64_t ts_hash(const void *data, size_t size, uint64_t seed);

#endif

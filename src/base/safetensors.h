/* The safetensors format: named arrays in one file, a JSON header in front. */
#ifndef TS_BASE_SAFETENSORS_H
#define TS_BASE_SAFETENSORS_H

#include "base/arena.h"
#include "base/json_read.h"
#include "base/status.h"

enum { TS_STORED_RANK = 32 };

typedef struct ts_stored {
    const char *name;
    const char *dtype; /* the format's word: "F32", "BF16", "I32", "BOOL"... */
    int rank;
    int64_t dim[TS_STORED_RANK];
    size_t bytes;
    const void *data; /* C order, little-endian; of a file that was read not aligned */
} ts_stored;

typedef struct ts_safetensors {
    ts_arena arena;
    uint8_t *file;
    uint32_t count;
    ts_stored *tensors;      /* in the header's order */
    const ts_json *metadata; /* object of strings, or NULL */
} ts_safetensors;

/* Bytes of an element, 0 for a word that is none of the format's. */
int ts_stored_size(const char *dtype);
/* Free in any case. ts_input for a file that is not whole: offsets must cover the data without hole or
 * overlap. */
ts_status ts_safetensors_read(const char *path, ts_safetensors *file, ts_diag *diag);
void ts_safetensors_free(ts_safetensors *file);
/* NULL when there is none of that name. */
const ts_stored *ts_safetensors_find(const ts_safetensors *file, const char *name);
ts_status ts_safetensors_write(const char *path, const ts_stored *tensors, uint32_t count, ts_diag *diag);

#endif

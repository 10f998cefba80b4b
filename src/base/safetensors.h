/* The safetensors format: named arrays in one file behind a JSON header. */
#ifndef TS_BASE_SAFETENSORS_H
#define TS_BASE_SAFETENSORS_H

#include "base/arena.h"
#include "base/json_read.h"
#include "base/status.h"

enum { TS_STORED_RANK = 32 };

typedef struct ts_stored {
    const char *name;
    const char *dtype; /* the format's own name: "F32", "BF16", "I32", "BOOL"... */
    int rank;
    int64_t dim[TS_STORED_RANK];
    size_t bytes;
    const void *data; /* C order, little-endian; unaligned when it points into a file that was read */
} ts_stored;

typedef struct ts_safetensors {
    ts_arena arena;
    uint8_t *file;
    uint32_t count;
    ts_stored *tensors;      /* in the header's order */
    const ts_json *metadata; /* object of strings, or NULL */
} ts_safetensors;

/* Bytes per element; 0 when `dtype` is not one of the format's. */
int ts_stored_size(const char *dtype);
/* ts_input for a malformed file: the offsets must cover the data without gap or overlap. Call
   ts_safetensors_free also after a failure. */
ts_status ts_safetensors_read(const char *path, ts_safetensors *file, ts_diag *diag);
void ts_safetensors_free(ts_safetensors *file);
/* NULL when there is no tensor of that name. */
const ts_stored *ts_safetensors_find(const ts_safetensors *file, const char *name);
/* Writes `count` tensors, in their order and without metadata. */
ts_status ts_safetensors_write(const char *path, const ts_stored *tensors, uint32_t count, ts_diag *diag);

#endif

/* .npy files as a program's inputs and outputs. */
#ifndef TS_CLI_ARRAYS_H
#define TS_CLI_ARRAYS_H

#include "base/file.h"
#include "cli/session.h"

typedef struct ts_arrays {
    int count;
    ts_npy *array;
    void **data; /* array[i].data, as ts_executable_run takes it */
    ts_machine *machine;
    ts_extent **extent; /* the arrays' places in the modelled HBM */
    bool is_owner;      /* array[i].data is the host's memory, not the extent's */
} ts_arrays;

/* Reads one file for each input, in order, and checks count, shape and dtype: bf16 is uint16 bits or V2, f8
   is uint8 bits, V1 or f1. `program` names the program in messages. The arrays take up HBM of the device.
   Free in any case. */
ts_status ts_arrays_read(const ts_session *session, const char *program, int device, const ts_words *paths,
                         ts_arrays *arrays, ts_diag *diag);
/* Whether an array's dtype is the one in which values of `dtype` travel. */
bool ts_array_is(const ts_npy *array, ts_dtype dtype);
/* A predicate is one byte, 0 or 1; any other byte would be neither true nor false for an instruction. */
ts_status ts_array_check_bools(int number, const char *path, const ts_npy *array, ts_diag *diag);
/* Zeroed arrays of the outputs' shapes and dtypes in HBM of the device. Free in any case. */
ts_status ts_arrays_for_outputs(const ts_session *session, int device, ts_arrays *arrays, ts_diag *diag);
void ts_arrays_free(ts_arrays *arrays);

/* Whether `folder` can take files, before there are any: it is a folder, or it could be made. */
ts_status ts_arrays_check_folder(const char *folder, int count, ts_diag *diag);
/* Writes FOLDER/output_N.npy, all or none; makes the folder when missing. */
ts_status ts_arrays_write(const ts_arrays *arrays, const char *folder, ts_diag *diag);

#endif

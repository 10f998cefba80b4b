/* .npy files as a program's inputs and outputs. */
#ifndef TS_CLI_ARRAYS_H
#define TS_CLI_ARRAYS_H

#include "base/file.h"
#include "cli/session.h"

typedef struct ts_arrays {
    int count;
    ts_npy *array;
    void **data; /* array[i].data, in the form that ts_executable_run takes */
    ts_machine *machine;
    ts_extent **extent; /* the arrays' places in the modelled HBM */
    bool is_owner;      /* array[i].data was malloc'ed and is not the extent's memory */
} ts_arrays;

/* Reads one file for each input, in order, and checks count, shape and dtype: bf16 may be stored as uint16
   bits or V2, f8 as uint8 bits, V1 or f1. `program` names the program in messages. The arrays occupy HBM of
   the device. Call ts_arrays_free also after a failure. */
ts_status ts_arrays_read(const ts_session *session, const char *program, int device, const ts_words *paths,
                         ts_arrays *arrays, ts_diag *diag);
/* Whether an array's dtype is one in which values of `dtype` are stored. */
bool ts_array_is(const ts_npy *array, ts_dtype dtype);
/* Checks that predicates are bytes 0 or 1; instructions would take no other byte as true or false. */
ts_status ts_array_check_bools(int number, const char *path, const ts_npy *array, ts_diag *diag);
/* Makes zeroed arrays of the outputs' shapes and dtypes in the device's HBM. Call ts_arrays_free also after a
   failure. */
ts_status ts_arrays_for_outputs(const ts_session *session, int device, ts_arrays *arrays, ts_diag *diag);
void ts_arrays_free(ts_arrays *arrays);

/* Checks, before the run, that `folder` is a folder or can be made. */
ts_status ts_arrays_check_folder(const char *folder, int count, ts_diag *diag);
/* Writes FOLDER/output_N.npy, all or none; makes the folder if it is missing. */
ts_status ts_arrays_write(const ts_arrays *arrays, const char *folder, ts_diag *diag);

#endif

/* libFuzzer target for the .npy reader: what is accepted is written and read again, with the same bytes. */
#include <string.h>

#include "base/file.h"
#include "fuzz_check.h"
#include "fuzz_file.h"

/* A written array is in C order, whatever the first file was. The writer needs a folder, so the file is named
   after the process. */
static void use(const ts_npy *array) {
    char path[64];
    ts_diag diag = {0};
    ts_npy again;
    uint64_t bytes = array->rank ? 1 : 0;
    for (int i = 0; i < array->rank; i++)
        bytes |= (uint64_t)array->dim[i];
    check(array->rank >= 0 && array->rank <= TS_NPY_MAX_RANK && (array->bytes == 0 || bytes || !array->rank));
    snprintf(path, sizeof path, "/dev/shm/fuzz_npy.%d", (int)getpid());
    check(ts_npy_write(path, array, &diag) == ts_ok);
    check(ts_npy_read(path, &again, &diag) == ts_ok);
    check(again.rank == array->rank && again.bytes == array->bytes &&
          memcmp(again.dim, array->dim, sizeof again.dim) == 0 && strcmp(again.descr, array->descr) == 0);
    check(array->bytes == 0 || memcmp(again.data, array->data, array->bytes) == 0);
    ts_npy_free(&again);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    ts_diag diag = {0};
    ts_npy array;
    int file = fuzz_file(data, size, path);
    ts_status status = ts_npy_read(path, &array, &diag);
    close(file);
    check(status == ts_ok || (diag.status == status && diag.message[0] && !array.data));
    if (status == ts_ok) use(&array);
    ts_npy_free(&array);
    return 0;
}

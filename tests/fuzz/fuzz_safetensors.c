/* libFuzzer target for the safetensors reader: every byte of every tensor that is accepted is there, and the
   names find their tensors. */
#include <string.h>

#include "base/safetensors.h"
#include "fuzz_check.h"
#include "fuzz_file.h"

static unsigned use(const ts_safetensors *file) {
    unsigned sum = 0;
    for (uint32_t i = 0; i < file->count; i++) {
        const ts_stored *tensor = &file->tensors[i];
        check(ts_safetensors_find(file, tensor->name) == tensor);
        check(ts_stored_size(tensor->dtype) > 0 && tensor->rank <= TS_STORED_RANK);
        for (size_t k = 0; k < tensor->bytes; k++)
            sum += ((const uint8_t *)tensor->data)[k];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    ts_diag diag = {0};
    ts_safetensors read;
    int file = fuzz_file(data, size, path);
    ts_status status = ts_safetensors_read(path, &read, &diag);
    close(file);
    check(status == ts_ok || (diag.status == status && diag.message[0]));
    if (status == ts_ok) {
        volatile unsigned sum = use(&read);
        (void)sum;
    }
    ts_safetensors_free(&read);
    return 0;
}

/* Fuzzes the bytecode reader: any bytes are read or refused; what is read prints, parses back and compiles or
   is refused (fuzz_module.h). */
#include <stdint.h>

#include "fuzz_module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ts_diag diag = {0};
    ts_module *module = NULL;
    ts_status status = ts_module_read(data, size, "fuzz", &module, &diag);
    REQUIRE((status == ts_ok) == (module != NULL));
    require_story(status, &diag);
    if (module) check_module(module);
    ts_module_free(module);
    return 0;
}

/* Fuzzes the graph's text parser: any text is read or refused; what is read prints, parses back and compiles
   or is refused (fuzz_module.h). */
#include <stdint.h>

#include "fuzz_module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ts_diag diag = {0};
    ts_module *module = NULL;
    char *text = malloc(size + 1);
    REQUIRE(text);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    ts_status status = ts_module_parse(text, "fuzz", &module, &diag);
    REQUIRE((status == ts_ok) == (module != NULL));
    require_story(status, &diag);
    if (module) check_module(module);
    ts_module_free(module);
    free(text);
    return 0;
}

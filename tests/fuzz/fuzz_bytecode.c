/* Fuzzes the bytecode reader: any bytes are read or refused; what is read can be checked and printed, and its
   text parses back to the same text and the same verdict. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/graph.h"

static void require(int is_true) {
    if (!is_true) abort();
}

static void check_text(const ts_module *module) {
    ts_diag diag = {0}, first = {0}, second = {0};
    ts_text text = {0}, again = {0};
    ts_module *parsed = NULL;
    ts_module_print(module, &text);
    require(ts_module_parse(text.data, "printed", &parsed, &diag) == ts_ok);
    ts_module_print(parsed, &again);
    require(strcmp(text.data, again.data) == 0);
    require(ts_module_check(module, &first) == ts_module_check(parsed, &second));
    ts_module_free(parsed);
    ts_text_free(&text);
    ts_text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ts_diag diag = {0};
    ts_module *module = NULL;
    ts_status status = ts_module_read(data, size, "fuzz", &module, &diag);
    require((status == ts_ok) == (module != NULL));
    require((status == ts_ok) == (diag.message[0] == '\0'));
    if (module) check_text(module);
    ts_module_free(module);
    return 0;
}

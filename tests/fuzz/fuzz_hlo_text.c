/* Fuzzes the graph's text parser: any text is read or refused; what is read prints to text that parses back
   to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/graph.h"

static void require(int is_true) {
    if (!is_true) abort();
}

static void check_module(const ts_module *module) {
    ts_diag diag = {0};
    ts_text text = {0}, again = {0};
    ts_module *parsed = NULL;
    ts_module_check(module, &diag);
    diag = (ts_diag){0};
    ts_module_print(module, &text);
    require(ts_module_parse(text.data, "printed", &parsed, &diag) == ts_ok);
    ts_module_print(parsed, &again);
    require(strcmp(text.data, again.data) == 0);
    ts_module_free(parsed);
    ts_text_free(&text);
    ts_text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ts_diag diag = {0};
    ts_module *module = NULL;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    ts_status status = ts_module_parse(text, "fuzz", &module, &diag);
    require((status == ts_ok) == (module != NULL));
    require((status == ts_ok) == (diag.message[0] == '\0'));
    if (module) check_module(module);
    ts_module_free(module);
    free(text);
    return 0;
}

/* Fuzzes the compiler with graphs that are right by construction (random_regions.h): each parses, and
   compiles to a verified program or is refused as unsupported or too large. FUZZ_SHOW=1 prints the graph. */
#include <stdint.h>

#include "fuzz_module.h"
#include "random_regions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    graph g;
    ts_diag diag = {0};
    ts_module *module;
    make_graph(&g, data, size);
    if (getenv("FUZZ_SHOW")) fputs(g.text.data, stderr);
    if (ts_module_parse(g.text.data, "made", &module, &diag) != ts_ok) {
        fprintf(stderr, "%s\n%s", diag.message, g.text.data);
        abort();
    }
    check_module(module);
    ts_module_free(module);
    ts_text_free(&g.text);
    return 0;
}

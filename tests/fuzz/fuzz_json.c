/* libFuzzer target for the JSON reader: what is accepted is walked, so that every pointer is followed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"

static size_t walk(const ts_json *json, int depth) {
    size_t seen = 1;
    if (depth > TS_JSON_DEPTH) abort();
    if (json->kind == ts_json_string) seen += strlen(json->string);
    for (uint32_t i = 0; i < json->count; i++) {
        seen += walk(&json->items[i], depth + 1);
        if (json->kind == ts_json_object && !ts_json_get(json, json->names[i])) abort();
    }
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ts_arena arena = {0};
    ts_diag diag = {0};
    const ts_json *root;
    ts_status status = ts_json_read(&arena, (const char *)data, size, "fuzz.json", &root, &diag);
    if (status == ts_ok ? !root || walk(root, 0) == 0 : !diag.message[0]) abort();
    ts_arena_free(&arena);
    return 0;
}

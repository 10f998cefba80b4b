/* Seeds of fuzz_trn from programs as text: trn_seeds FOLDER FILE.trn... writes each as the text itself, as
   its container, and as the container's payload, each after the byte that tells fuzz_trn which one it is. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "arch/container.h"
#include "arch/program.h"
#include "base/file.h"

enum { MODE_CONTAINER, MODE_PAYLOAD, MODE_TEXT };

static void write_seed(const char *folder, const char *name, char mode, const void *data, size_t size) {
    char path[4096];
    ts_diag diag = {0};
    uint8_t *seed = malloc(size + 1);
    if (!seed) exit(1);
    seed[0] = (uint8_t)mode;
    memcpy(seed + 1, data, size);
    snprintf(path, sizeof path, "%s/%s.%d", folder, name, mode);
    if (ts_file_write(path, seed, size + 1, &diag) != ts_ok) {
        fprintf(stderr, "trn_seeds: %s\n", diag.message);
        exit(1);
    }
    free(seed);
}

static void write_forms(const char *folder, const char *name, const ts_program *program) {
    ts_diag diag = {0};
    uint8_t *data;
    size_t size;
    if (ts_program_encode(program, &data, &size, &diag) != ts_ok) return;
    unsigned long long payload_size =
        ZSTD_getFrameContentSize(data + TS_CONTAINER_HEADER, size - TS_CONTAINER_HEADER);
    uint8_t *payload = malloc(payload_size);
    if (!payload) exit(1);
    size_t done =
        ZSTD_decompress(payload, payload_size, data + TS_CONTAINER_HEADER, size - TS_CONTAINER_HEADER);
    write_seed(folder, name, MODE_CONTAINER, data, size);
    if (!ZSTD_isError(done)) write_seed(folder, name, MODE_PAYLOAD, payload, done);
    free(payload);
    free(data);
}

int main(int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        ts_diag diag = {0};
        ts_program *program;
        uint8_t *text;
        size_t size;
        if (ts_file_read(argv[i], &text, &size, &diag) != ts_ok) {
            fprintf(stderr, "trn_seeds: %s\n", diag.message);
            return 1;
        }
        const char *name = basename(argv[i]);
        write_seed(argv[1], name, MODE_TEXT, text, size);
        if (ts_program_parse((char *)text, name, &program, &diag) == ts_ok) {
            write_forms(argv[1], name, program);
            ts_program_free(program);
        }
        free(text);
    }
    return 0;
}

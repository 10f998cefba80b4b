/* Bytes of a fuzzer as a file that has a path, without a disk. */
#ifndef TS_FUZZ_FUZZ_FILE_H
#define TS_FUZZ_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Close the descriptor that is returned; `path` names it until then. */
static inline int fuzz_file(const uint8_t *data, size_t size, char path[64]) {
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size) abort();
    snprintf(path, 64, "/proc/self/fd/%d", file);
    return file;
}

#endif

/* A folder of compiled programs shared by processes. Best effort: a file that cannot be read or written is
   treated as missing. */
#ifndef TS_RUNTIME_PROGRAM_FOLDER_H
#define TS_RUNTIME_PROGRAM_FOLDER_H

#include <stdbool.h>

#include "arch/chip.h"
#include "arch/program.h"
#include "base/sha256.h"

/* Digest of everything that a compiled program depends on. */
typedef struct ts_program_key {
    uint8_t bytes[TS_SHA256_BYTES];
} ts_program_key;

/* False when the folder has no complete, unchanged and valid program for the key. */
bool ts_program_folder_read(const char *folder, const ts_program_key *key, const ts_chip *chip,
                            ts_program **program);
/* Adds a program, then removes the least recently used ones until at most `most` bytes are left. */
void ts_program_folder_write(const char *folder, const ts_program_key *key, const ts_program *program,
                             uint64_t most);

#endif

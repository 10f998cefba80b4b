/* A folder of compiled programs that processes share. Best effort: what cannot be read or written is as if it
 * were not there. */
#ifndef TS_RUNTIME_PROGRAM_FOLDER_H
#define TS_RUNTIME_PROGRAM_FOLDER_H

#include <stdbool.h>

#include "arch/chip.h"
#include "arch/program.h"
#include "base/sha256.h"

/* All that a compiled program depends on, as one number. */
typedef struct ts_program_key {
    uint8_t bytes[TS_SHA256_BYTES];
} ts_program_key;

/* False when the folder has no whole, unchanged and valid program of that key. */
bool ts_program_folder_read(const char *folder, const ts_program_key *key, const ts_chip *chip,
                            ts_program **program);
/* Leaves at most `most` bytes of programs, those used last. */
void ts_program_folder_write(const char *folder, const ts_program_key *key, const ts_program *program,
                             uint64_t most);

#endif

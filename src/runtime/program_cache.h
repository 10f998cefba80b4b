/* Compiled programs by content: what was compiled from the same bytes, with the same options, for the same
   chip and by the same build comes from memory, or from a folder that processes share. */
#ifndef TS_RUNTIME_PROGRAM_CACHE_H
#define TS_RUNTIME_PROGRAM_CACHE_H

#include "compiler/compile.h"

/* A program that executables share; it is not changed any more. Counted, thread-safe. */
typedef struct ts_shared_program ts_shared_program;
/* Takes the program over; NULL without memory, and then it is freed. */
ts_shared_program *ts_shared_program_new(ts_program *program);
ts_shared_program *ts_shared_program_retain(ts_shared_program *shared);
const ts_program *ts_shared_program_get(const ts_shared_program *shared);
void ts_shared_program_release(ts_shared_program *shared);

typedef struct ts_program_cache ts_program_cache;

typedef struct ts_program_cache_options {
    const char *folder;    /* shared with other processes; NULL: memory only */
    uint64_t folder_bytes; /* most that its files may have; 0: 1 GiB */
} ts_program_cache_options;

/* chip and options are copied. ts_system when the folder can be neither found nor made. */
ts_status ts_program_cache_new(const ts_chip *chip, const ts_program_cache_options *options,
                               ts_program_cache **cache, ts_diag *diag);
/* Programs that were handed out stay. */
void ts_program_cache_free(ts_program_cache *cache);

/* The program of a StableHLO portable artifact: found, or compiled and kept. `path` names it in messages.
   Thread-safe. The caller releases the program. */
ts_status ts_program_cache_compile(ts_program_cache *cache, const uint8_t *data, size_t size,
                                   const char *path, const ts_compile_options *options,
                                   ts_shared_program **shared, ts_diag *diag);

typedef struct ts_program_cache_stats {
    uint64_t compiled, from_memory, from_folder;
} ts_program_cache_stats;
ts_program_cache_stats ts_program_cache_get_stats(ts_program_cache *cache);

#endif

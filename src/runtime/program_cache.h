/* Cache of compiled programs by content: programs compiled from the same bytes, with the same options, for
   the same chip and by the same build come from memory, or from a folder shared by processes. */
#ifndef TS_RUNTIME_PROGRAM_CACHE_H
#define TS_RUNTIME_PROGRAM_CACHE_H

#include "compiler/compile.h"

/* An immutable program shared by executables. Counts references; thread-safe. */
typedef struct ts_shared_program ts_shared_program;
/* Takes over the program. Without memory it frees it and returns NULL. */
ts_shared_program *ts_shared_program_new(ts_program *program);
ts_shared_program *ts_shared_program_retain(ts_shared_program *shared);
const ts_program *ts_shared_program_get(const ts_shared_program *shared);
void ts_shared_program_release(ts_shared_program *shared);

typedef struct ts_program_cache ts_program_cache;

typedef struct ts_program_cache_options {
    const char *folder;    /* shared with other processes; NULL: memory only */
    uint64_t folder_bytes; /* upper limit for the files' size; 0: 1 GiB */
} ts_program_cache_options;

/* chip and options are copied. ts_system when the folder neither exists nor can be made. */
ts_status ts_program_cache_new(const ts_chip *chip, const ts_program_cache_options *options,
                               ts_program_cache **cache, ts_diag *diag);
/* Programs that were handed out stay valid. */
void ts_program_cache_free(ts_program_cache *cache);

/* The program of a StableHLO portable artifact: found in the cache, or compiled and added. `path` names it in
   messages. The caller releases the program. Thread-safe. */
ts_status ts_program_cache_compile(ts_program_cache *cache, const uint8_t *data, size_t size,
                                   const char *path, const ts_compile_options *options,
                                   ts_shared_program **shared, ts_diag *diag);

typedef struct ts_program_cache_stats {
    uint64_t compiled, from_memory, from_folder;
} ts_program_cache_stats;
ts_program_cache_stats ts_program_cache_get_stats(ts_program_cache *cache);

#endif

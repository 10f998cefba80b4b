/* The cache of compiled programs: the most recently used in memory, and behind them the folder. */
#include "runtime/program_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "arch/isa.h"
#include "base/file.h"
#include "base/unit.h"
#include "runtime/build_id.h"
#include "runtime/program_folder.h"

enum { KEPT = 64 };
/* Larger artifacts contain arrays as constants; hashing and keeping those costs more than compiling again. */
static const uint64_t MOST_KEPT_BYTES = UINT64_C(256) << 20, MOST_SOURCE_BYTES = UINT64_C(64) << 20,
                      FOLDER_BYTES = UINT64_C(1) << 30;

struct ts_shared_program {
    atomic_int references;
    ts_program *program;
};

typedef struct ts_kept_program {
    ts_program_key key;
    ts_shared_program *shared;
} ts_kept_program;

struct ts_program_cache {
    ts_chip chip;
    ts_sha256 platform; /* digest so far of the build and the chip's numbers, with which every key begins */
    char *folder;       /* NULL: none */
    uint64_t folder_bytes;
    pthread_mutex_t lock;       /* guards the fields below */
    ts_kept_program kept[KEPT]; /* most recently used first */
    int count;
    uint64_t bytes;
    ts_program_cache_stats stats;
};

/* ---- shared programs ---- */

ts_shared_program *ts_shared_program_new(ts_program *program) {
    ts_shared_program *shared = malloc(sizeof *shared);
    if (!shared) {
        ts_program_free(program);
        return NULL;
    }
    atomic_init(&shared->references, 1);
    shared->program = program;
    return shared;
}

ts_shared_program *ts_shared_program_retain(ts_shared_program *shared) {
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

const ts_program *ts_shared_program_get(const ts_shared_program *shared) {
    return shared->program;
}

void ts_shared_program_release(ts_shared_program *shared) {
    if (!shared || atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) != 1) return;
    ts_program_free(shared->program);
    free(shared);
}

/* ---- keys ---- */

typedef struct chip_text {
    const ts_chip *chip;
    ts_text text;
} chip_text;

static ts_status print_chip(void *context) {
    chip_text *job = context;
    ts_chip_print(job->chip, &job->text);
    return ts_ok;
}

static ts_status start_key(ts_program_cache *cache, ts_diag *diag) {
    uint8_t id[TS_BUILD_ID_MAX];
    size_t length = ts_build_id(id);
    if (!length && cache->folder) {
        ts_fail(diag, ts_unsupported, "a folder of compiled programs: this build cannot be told from others");
        ts_diag_remedy(diag, "link it with -Wl,--build-id, or unset NEURON_COMPILE_CACHE_URL");
        return ts_unsupported;
    }
    chip_text chip = {.chip = &cache->chip};
    TS_TRY(ts_unit_run(NULL, print_chip, &chip, "a cache of programs", diag));
    ts_text numbers = chip.text;
    uint64_t lengths[2] = {length, numbers.length};
    ts_sha256_start(&cache->platform);
    ts_sha256_add(&cache->platform, lengths, sizeof lengths);
    ts_sha256_add(&cache->platform, id, length);
    ts_sha256_add(&cache->platform, numbers.data, numbers.length);
    ts_text_free(&numbers);
    return ts_ok;
}

static ts_program_key key_of(const ts_program_cache *cache, const uint8_t *data, size_t size,
                             const ts_compile_options *options) {
    uint32_t casts[3] = {options->auto_cast, options->auto_cast_type, options->replicas};
    ts_sha256 hash = cache->platform;
    ts_program_key key;
    ts_sha256_add(&hash, casts, sizeof casts);
    ts_sha256_add(&hash, data, size);
    ts_sha256_end(&hash, key.bytes);
    return key;
}

/* ---- memory ---- */

static int find(const ts_program_cache *cache, const ts_program_key *key) {
    for (int i = 0; i < cache->count; i++)
        if (memcmp(&cache->kept[i].key, key, sizeof *key) == 0) return i;
    return -1;
}

static void move_to_front(ts_program_cache *cache, int from) {
    ts_kept_program moved = cache->kept[from];
    memmove(cache->kept + 1, cache->kept, (size_t)from * sizeof *cache->kept);
    cache->kept[0] = moved;
}

static void drop_last(ts_program_cache *cache) {
    ts_shared_program *shared = cache->kept[--cache->count].shared;
    cache->bytes -= shared->program->arena.bytes_used;
    ts_shared_program_release(shared);
}

static ts_shared_program *take_kept(ts_program_cache *cache, const ts_program_key *key) {
    ts_shared_program *shared = NULL;
    pthread_mutex_lock(&cache->lock);
    int at = find(cache, key);
    if (at >= 0) {
        move_to_front(cache, at);
        shared = ts_shared_program_retain(cache->kept[0].shared);
        cache->stats.from_memory++;
    }
    pthread_mutex_unlock(&cache->lock);
    return shared;
}

/* Adds a program. If another thread has added the same one meanwhile, either may stay. */
static void keep(ts_program_cache *cache, const ts_program_key *key, ts_shared_program *shared,
                 bool is_read) {
    uint64_t bytes = shared->program->arena.bytes_used;
    pthread_mutex_lock(&cache->lock);
    cache->stats.from_folder += is_read;
    cache->stats.compiled += !is_read;
    if (bytes <= MOST_KEPT_BYTES && find(cache, key) < 0) {
        while (cache->count == KEPT || (cache->count && cache->bytes + bytes > MOST_KEPT_BYTES))
            drop_last(cache);
        cache->kept[cache->count] =
            (ts_kept_program){.key = *key, .shared = ts_shared_program_retain(shared)};
        cache->bytes += bytes;
        move_to_front(cache, cache->count++);
    }
    pthread_mutex_unlock(&cache->lock);
}

ts_program_cache_stats ts_program_cache_get_stats(ts_program_cache *cache) {
    pthread_mutex_lock(&cache->lock);
    ts_program_cache_stats stats = cache->stats;
    pthread_mutex_unlock(&cache->lock);
    return stats;
}

/* ---- the cache ---- */

ts_status ts_program_cache_new(const ts_chip *chip, const ts_program_cache_options *options,
                               ts_program_cache **cache, ts_diag *diag) {
    ts_program_cache *made = calloc(1, sizeof *made);
    *cache = NULL;
    if (!made) return ts_fail(diag, ts_capacity, "no host memory for a cache of programs");
    made->chip = *chip;
    made->folder_bytes = options->folder_bytes ? options->folder_bytes : FOLDER_BYTES;
    pthread_mutex_init(&made->lock, NULL);
    ts_status status = ts_ok;
    if (options->folder)
        status = ts_file_folder(options->folder, "NEURON_COMPILE_CACHE_URL", &made->folder, diag);
    if (status == ts_ok) status = start_key(made, diag);
    if (status != ts_ok) {
        ts_program_cache_free(made);
        return status;
    }
    *cache = made;
    return ts_ok;
}

void ts_program_cache_free(ts_program_cache *cache) {
    if (!cache) return;
    while (cache->count)
        drop_last(cache);
    pthread_mutex_destroy(&cache->lock);
    free(cache->folder);
    free(cache);
}

static ts_status compile(const ts_program_cache *cache, const uint8_t *data, size_t size, const char *path,
                         const ts_compile_options *options, ts_program **program, ts_diag *diag) {
    ts_module *module = NULL;
    TS_TRY(ts_module_read(data, size, path, &module, diag));
    ts_status status = ts_compile(module, &cache->chip, options, program, diag);
    ts_module_free(module);
    return status;
}

static ts_status share(ts_program *program, const char *path, ts_shared_program **shared, ts_diag *diag) {
    *shared = ts_shared_program_new(program);
    return *shared ? ts_ok : ts_fail(diag, ts_capacity, "%s: no host memory", path);
}

ts_status ts_program_cache_compile(ts_program_cache *cache, const uint8_t *data, size_t size,
                                   const char *path, const ts_compile_options *options,
                                   ts_shared_program **shared, ts_diag *diag) {
    ts_program *program = NULL;
    if (options->dump_pass || size > MOST_SOURCE_BYTES) { /* to show what passes do, they must run */
        TS_TRY(compile(cache, data, size, path, options, &program, diag));
        return share(program, path, shared, diag);
    }
    ts_program_key key = key_of(cache, data, size, options);
    *shared = take_kept(cache, &key);
    if (*shared) return ts_ok;
    bool is_read = cache->folder && ts_program_folder_read(cache->folder, &key, &cache->chip, &program);
    if (!is_read) TS_TRY(compile(cache, data, size, path, options, &program, diag));
    TS_TRY(share(program, path, shared, diag));
    keep(cache, &key, *shared, is_read);
    /* Ids of host functions are valid in this process only. */
    if (cache->folder && !is_read && !ts_program_has(program, ts_op_host_call))
        ts_program_folder_write(cache->folder, &key, program, cache->folder_bytes);
    return ts_ok;
}

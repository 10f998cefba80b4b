/* A host that refuses: the n-th request for memory, a mapping or a thread fails, and if asked all later ones
   too. Tests are linked with --wrap for each of these calls (tests/hard.cmake), so that the library's own
   calls end here. */
#ifndef TS_UNIT_FAILING_HOST_H
#define TS_UNIT_FAILING_HOST_H

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_long requests_left; /* before one is refused; negative: none will be */
static atomic_long refused;
static atomic_bool is_for_good; /* also refuse all requests after the first refused one */

static inline void refuse_request(long number, bool for_good) {
    atomic_store(&refused, 0);
    atomic_store(&is_for_good, for_good);
    atomic_store(&requests_left, number);
}

static inline bool is_refused(void) {
    long left = atomic_load(&requests_left);
    if (left < 0) return false;
    if (left > 0 && atomic_fetch_sub(&requests_left, 1) != 1) return false;
    if (!atomic_load(&is_for_good)) atomic_store(&requests_left, -1);
    atomic_fetch_add(&refused, 1);
    return true;
}

#define WRAP(result, name, ...)                                                                              \
    result __real_##name(__VA_ARGS__);                                                                       \
    result __wrap_##name(__VA_ARGS__);                                                                       \
    result __wrap_##name(__VA_ARGS__)

/* Memory and mappings that were allocated and not freed. */
static atomic_long live_blocks;

static inline void *counted(void *memory) {
    if (memory) atomic_fetch_add(&live_blocks, 1);
    return memory;
}

WRAP(void, free, void *memory) {
    if (memory) atomic_fetch_sub(&live_blocks, 1);
    __real_free(memory);
}
WRAP(void *, malloc, size_t size) {
    return is_refused() ? NULL : counted(__real_malloc(size));
}
WRAP(void *, calloc, size_t count, size_t size) {
    return is_refused() ? NULL : counted(__real_calloc(count, size));
}
WRAP(void *, realloc, void *memory, size_t size) {
    if (is_refused()) return NULL;
    void *larger = __real_realloc(memory, size);
    return memory ? larger : counted(larger);
}
WRAP(void *, aligned_alloc, size_t alignment, size_t size) {
    return is_refused() ? NULL : counted(__real_aligned_alloc(alignment, size));
}
WRAP(char *, strdup, const char *text) {
    return is_refused() ? NULL : counted(__real_strdup(text));
}
WRAP(char *, strndup, const char *text, size_t most) {
    return is_refused() ? NULL : counted(__real_strndup(text, most));
}
WRAP(char *, realpath, const char *path, char *resolved) {
    errno = ENOMEM;
    return is_refused() ? NULL : counted(__real_realpath(path, resolved));
}
WRAP(void *, mmap, void *at, size_t size, int protection, int flags, int file, off_t offset) {
    errno = ENOMEM;
    if (is_refused()) return MAP_FAILED;
    void *memory = __real_mmap(at, size, protection, flags, file, offset);
    if (memory != MAP_FAILED) atomic_fetch_add(&live_blocks, 1);
    return memory;
}
WRAP(int, munmap, void *at, size_t size) {
    atomic_fetch_sub(&live_blocks, 1);
    return __real_munmap(at, size);
}
WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
     void *context) {
    return is_refused() ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}
WRAP(locale_t, newlocale, int mask, const char *name, locale_t base) {
    return is_refused() ? (locale_t)0 : __real_newlocale(mask, name, base);
}
#undef WRAP

#endif

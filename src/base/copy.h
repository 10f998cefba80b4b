/* Copies of bytes: rows longer than a cache line, and many short runs. */
#ifndef TS_BASE_COPY_H
#define TS_BASE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Copies at least one cache line (64 bytes), line by line at rising addresses. */
void ts_copy_lines(uint8_t *to, const uint8_t *from, size_t bytes);

/* Like memcpy: the regions must not overlap. glibc (2.36) copies more than a few KiB with one `rep movsb`,
   which is best for data in memory; but where `to` lies less than 16 bytes ahead of `from` modulo the page
   size, AMD's Zen 4 does that at 3.5 GB/s instead of 48 within the caches. For shorter copies glibc stores
   the end first, so that rows of 1 or 2 KiB come from memory at two thirds of the speed of a plain loop. */
static inline void ts_copy(void *to, const void *from, size_t bytes) {
    enum { PAGE = 4096, SLOW = 16, SHORT = 128, LONG = 2048 };
    const uintptr_t ahead = ((uintptr_t)to - (uintptr_t)from) % PAGE;
    if (bytes > SHORT && (bytes <= LONG || (ahead > 0 && ahead < SLOW)))
        ts_copy_lines(to, from, bytes);
    else
        memcpy(to, from, bytes);
}

/* Copies `count` runs of `bytes` each, at least a cache line, that lie in memory rather than in the caches.
   Eight runs are copied side by side, so that eight pages are read at once. Steps are in bytes; source and
   destination must not overlap. */
void ts_copy_abreast(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, int64_t count,
                     size_t bytes);

/* Copies `count` runs of `bytes` each; run i starts i steps (in bytes) after the first. Source and
   destination must not overlap. */
void ts_copy_runs(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, int64_t count,
                  int64_t bytes);

#endif

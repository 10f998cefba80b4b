/* SHA-256 (FIPS 180-4): names for contents, where two contents must never share one. */
#ifndef TS_BASE_SHA256_H
#define TS_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { TS_SHA256_BYTES = 32, TS_SHA256_BLOCK = 64 };

/* A digest under way; a copy of it goes on by itself. */
typedef struct ts_sha256 {
    uint32_t state[8];
    uint64_t bytes; /* so far */
    uint8_t block[TS_SHA256_BLOCK];
} ts_sha256;

void ts_sha256_start(ts_sha256 *hash);
void ts_sha256_add(ts_sha256 *hash, const void *data, size_t size);
/* Nothing may be added afterwards. */
void ts_sha256_end(ts_sha256 *hash, uint8_t digest[TS_SHA256_BYTES]);

#endif

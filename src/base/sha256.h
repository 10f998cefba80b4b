/* SHA-256 (FIPS 180-4), for naming contents where a collision would be an error. */
#ifndef TS_BASE_SHA256_H
#define TS_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { TS_SHA256_BYTES = 32, TS_SHA256_BLOCK = 64 };

/* A digest in progress. A copy of it can be continued independently. */
typedef struct ts_sha256 {
    uint32_t state[8];
    uint64_t bytes; /* added so far */
    uint8_t block[TS_SHA256_BLOCK];
} ts_sha256;

void ts_sha256_start(ts_sha256 *hash);
void ts_sha256_add(ts_sha256 *hash, const void *data, size_t size);
/* Writes the digest; nothing may be added afterwards. */
void ts_sha256_end(ts_sha256 *hash, uint8_t digest[TS_SHA256_BYTES]);

#endif

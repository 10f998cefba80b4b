/* The header of a .trn file, shared by its writer and its reader. Layout in docs/trn.md. */
#ifndef TS_ARCH_CONTAINER_H
#define TS_ARCH_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define TS_CONTAINER_MAGIC "TRN\x1a"
enum { TS_CONTAINER_VERSION = 8, TS_CONTAINER_HEADER = 32 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they lie");

/* Header and compressed payload, malloc'ed: what ts_program_encode ends with, and how tests make files with
   a wrong payload. */
ts_status ts_container_wrap(const void *payload, size_t payload_size, uint8_t **data, size_t *size,
                            ts_diag *diag);

#endif

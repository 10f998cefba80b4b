/* The header of a binary .trn file, shared by its writer and its reader. The layout is in docs/trn.md. */
#ifndef TS_ARCH_CONTAINER_H
#define TS_ARCH_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define TS_CONTAINER_MAGIC "TRN\x1a"
enum { TS_CONTAINER_VERSION = 8, TS_CONTAINER_HEADER = 32 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they lie");

/* Makes the header and the compressed payload, malloc'ed: the last step of ts_program_encode; tests use it to
   make files with a damaged payload. */
ts_status ts_container_wrap(const void *payload, size_t payload_size, uint8_t **data, size_t *size,
                            ts_diag *diag);

#endif

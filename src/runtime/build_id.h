/* The id of this build of the library. Programs that one build compiled are not used by another. */
#ifndef TS_RUNTIME_BUILD_ID_H
#define TS_RUNTIME_BUILD_ID_H

#include <stddef.h>
#include <stdint.h>

enum { TS_BUILD_ID_MAX = 64 };

/* Copies the build id that the linker gave the library, or the program that the library is linked into.
   Returns its length in bytes, 0 when there is none. */
size_t ts_build_id(uint8_t id[TS_BUILD_ID_MAX]);

#endif

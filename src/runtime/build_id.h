/* Which build of this library runs: what it compiles is not for another. */
#ifndef TS_RUNTIME_BUILD_ID_H
#define TS_RUNTIME_BUILD_ID_H

#include <stddef.h>
#include <stdint.h>

enum { TS_BUILD_ID_MAX = 64 };

/* The id that the linker gave this library (or the program that holds it); returns its length, 0 without one.
 */
size_t ts_build_id(uint8_t id[TS_BUILD_ID_MAX]);

#endif

/* The library's version as a string. */
#include "trainstone/trainstone.h"

const char *ts_version(void) {
    return TS_VERSION;
}

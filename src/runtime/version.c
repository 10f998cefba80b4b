/* Version: the library's own, as one string. */
#include "trainstone/trainstone.h"

const char *ts_version(void) {
    return TS_VERSION;
}

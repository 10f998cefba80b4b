/* What must hold in a fuzz target, in every build. */
#ifndef TS_FUZZ_FUZZ_CHECK_H
#define TS_FUZZ_FUZZ_CHECK_H

#include <stdlib.h>

static inline void check(int condition) {
    if (!condition) abort();
}

#endif

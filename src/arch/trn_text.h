/* What the printer and the parser of .trn text share besides the grammar (docs/trn.md). */
#ifndef TS_ARCH_TRN_TEXT_H
#define TS_ARCH_TRN_TEXT_H

#include <stdbool.h>

enum { TS_TRN_VERSION = 1 };

/* Whether a name needs no quotes: a letter or _, then letters, digits, _ and dots. */
bool ts_trn_is_bare(const char *name);

#endif

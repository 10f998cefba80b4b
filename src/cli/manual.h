/* Manual pages and shell completion, made from the table of verbs like the help texts. */
#ifndef TS_CLI_MANUAL_H
#define TS_CLI_MANUAL_H

#include "cli/options.h"

/* A page for man(1): of one verb, or, for NULL, of the whole command. */
void ts_manual_page(const ts_verb *verb, ts_text *out);
/* A script for bash-completion. */
void ts_manual_completion(ts_text *out);

#endif

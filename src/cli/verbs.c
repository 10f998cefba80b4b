/* The table of verbs. */
#include "cli/verbs.h"

#include <string.h>

const ts_verb *ts_verb_at(int index) {
    static const ts_verb *const verbs[TS_VERB_COUNT] = {
        &ts_verb_run,   &ts_verb_time, &ts_verb_report, &ts_verb_explain, &ts_verb_diff, &ts_verb_compile,
        &ts_verb_print, &ts_verb_chip, &ts_verb_isa,    &ts_verb_ls,      &ts_verb_top,  &ts_verb_version};
    return index >= 0 && index < TS_VERB_COUNT ? verbs[index] : NULL;
}

const ts_verb *ts_verb_find(const char *name) {
    for (int i = 0; i < TS_VERB_COUNT; i++)
        if (strcmp(ts_verb_at(i)->name, name) == 0) return ts_verb_at(i);
    return NULL;
}

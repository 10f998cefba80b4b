/* Suggestions for mistyped names. */
#ifndef TS_BASE_NEAREST_H
#define TS_BASE_NEAREST_H

/* The name among `names` nearest to `word` in edits; NULL when none is near enough to be meant. */
const char *ts_nearest(const char *word, const char *const *names, int count);

#endif

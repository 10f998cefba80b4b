/* What someone may have meant by a name that there is not. */
#ifndef TS_BASE_NEAREST_H
#define TS_BASE_NEAREST_H

/* The name among `names` that differs least from `word`; NULL when none is near. */
const char *ts_nearest(const char *word, const char *const *names, int count);

#endif

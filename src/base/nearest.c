/* Edit distance between names, to find the one that was meant. */
#include "base/nearest.h"

#include <string.h>

enum { LONGEST_NAME = 32 };

/* Number of edits (insert, remove, replace, swap neighbours) that turn one name into the other. */
static int distance(const char *a, const char *b) {
    int length_a = (int)strlen(a), length_b = (int)strlen(b);
    if (length_a > LONGEST_NAME || length_b > LONGEST_NAME) return LONGEST_NAME;
    int rows[3][LONGEST_NAME + 1] = {{0}};
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= length_b; j++)
        last[j] = j;
    for (int i = 1; i <= length_a; i++) {
        now[0] = i;
        for (int j = 1; j <= length_b; j++) {
            int best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        int *freed = before;
        before = last;
        last = now;
        now = freed;
    }
    return last[length_b];
}

const char *ts_nearest(const char *word, const char *const *names, int count) {
    const char *found = NULL;
    size_t length = strlen(word);
    int least = length <= 3 ? 2 : (int)(length / 3) + 1; /* a name further away is not a typo */
    for (int i = 0; i < count; i++) {
        int edits = distance(word, names[i]);
        if (length >= 3 && strncmp(word, names[i], length) == 0) edits = 1;
        if (edits < least) {
            least = edits;
            found = names[i];
        }
    }
    return found;
}

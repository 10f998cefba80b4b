/* Loads on the links of the torus, and rings over its chips. */
#include "arch/collective_torus.h"

#include <string.h>

ts_torus ts_torus_of(const ts_chip *chip) {
    ts_torus torus = {.rows = (int)chip->torus_rows, .columns = (int)chip->torus_columns};
    torus.chips = torus.rows * torus.columns;
    return torus;
}

/* Sends along one row or column, a ring of `size` chips whose numbers are `stride` apart, from `chip` at
   place `at` to place `to`. `link` is the forward link. Returns the chip reached. */
static int send_along(ts_torus *torus, int chip, int at, int to, int size, int stride, int link,
                      double bytes) {
    int forward = (to - at + size) % size, last = chip + (to - at) * stride;
    double ahead = 2 * forward < size ? bytes : 2 * forward == size ? bytes / 2 : 0;
    int first = chip - at * stride;
    for (int i = 0; i < forward; i++)
        torus->load[first + (at + i) % size * stride][link] += ahead;
    for (int i = 0; i < size - forward && forward > 0; i++)
        torus->load[first + (at + size - i) % size * stride][link + 1] += bytes - ahead;
    return last;
}

void ts_torus_send(ts_torus *torus, int from, int to, double bytes) {
    int columns = torus->columns;
    int corner = send_along(torus, from, from % columns, to % columns, columns, 1, 0, bytes);
    send_along(torus, corner, corner / columns, to / columns, torus->rows, columns, 2, bytes);
}

double ts_torus_busiest(const ts_torus *torus) {
    double most = 0;
    for (int chip = 0; chip < torus->chips; chip++)
        for (int link = 0; link < TS_TORUS_LINKS; link++)
            if (torus->load[chip][link] > most) most = torus->load[chip][link];
    return most;
}

static bool are_neighbours(const ts_torus *torus, int a, int b) {
    int column = (a % torus->columns - b % torus->columns + torus->columns) % torus->columns;
    int row = (a / torus->columns - b / torus->columns + torus->rows) % torus->rows;
    if (row == 0) return column == 1 || column == torus->columns - 1;
    return column == 0 && (row == 1 || row == torus->rows - 1);
}

/* Depth-first search for a ring of neighbours. The sets of chips that programs use are found at once; the
   search gives up on others after MOST_TRIES steps. */
typedef struct ring_search {
    const ts_torus *torus;
    const uint8_t *chips;
    int count, tries;
    bool is_used[TS_TORUS_CHIPS];
    uint8_t *ring;
} ring_search;

static bool extend(ring_search *s, int length) {
    enum { MOST_TRIES = 20000 };
    int last = s->ring[length - 1];
    if (length == s->count) return are_neighbours(s->torus, last, s->ring[0]);
    if (++s->tries > MOST_TRIES) return false;
    for (int i = 1; i < s->count; i++) {
        if (s->is_used[i] || !are_neighbours(s->torus, last, s->chips[i])) continue;
        s->is_used[i] = true;
        s->ring[length] = s->chips[i];
        if (extend(s, length + 1)) return true;
        s->is_used[i] = false;
    }
    return false;
}

static void reverse(const uint8_t *ring, int count, uint8_t *out) {
    for (int i = 0; i < count; i++)
        out[i] = ring[(count - i) % count];
}

void ts_torus_find_rings(const ts_torus *torus, const uint8_t *chips, int count, ts_torus_rings *rings) {
    /* With their reverses, these two rings use each of the 64 directed links of a 4 x 4 torus exactly once
       (INTRA:123; found by search and checked). */
    static const uint8_t whole[2][16] = {{0, 1, 2, 3, 7, 4, 5, 6, 10, 11, 8, 9, 13, 14, 15, 12},
                                         {0, 3, 15, 11, 7, 6, 2, 14, 10, 9, 5, 1, 13, 12, 8, 4}};
    rings->count = count;
    rings->channels = count > 1 ? 2 : 1;
    if (count == 16 && torus->rows == 4 && torus->columns == 4) {
        rings->channels = 4;
        for (int i = 0; i < 2; i++) {
            memcpy(rings->chip[2 * i], whole[i], sizeof whole[i]);
            reverse(whole[i], count, rings->chip[2 * i + 1]);
        }
        return;
    }
    ring_search search = {.torus = torus, .chips = chips, .count = count, .ring = rings->chip[0]};
    rings->chip[0][0] = chips[0];
    if (count > 2 && !extend(&search, 1)) memcpy(rings->chip[0], chips, (size_t)count);
    if (count == 2) rings->chip[0][1] = chips[1];
    reverse(rings->chip[0], count, rings->chip[1]);
}

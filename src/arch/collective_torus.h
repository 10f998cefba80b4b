/* An instance's chips as a torus: chip = columns * row + column; each row and each column is a ring. */
#ifndef TS_ARCH_COLLECTIVE_TORUS_H
#define TS_ARCH_COLLECTIVE_TORUS_H

#include "arch/chip.h"

enum { TS_TORUS_CHIPS = 64, TS_TORUS_LINKS = 4, TS_TORUS_CHANNELS = 4 };

typedef struct ts_torus {
    int rows, columns, chips;
    double load[TS_TORUS_CHIPS]
               [TS_TORUS_LINKS]; /* bytes on each chip's links to column +1, column -1, row +1, row -1 */
} ts_torus;

/* The torus of a chip's largest instance, without load on its links. */
ts_torus ts_torus_of(const ts_chip *chip);
/* Sends bytes from one chip to another, along the row first; where both directions are equally long, half
   goes each way (assumed). */
void ts_torus_send(ts_torus *torus, int from, int to, double bytes);
/* The largest number of bytes on a link. */
double ts_torus_busiest(const ts_torus *torus);

/* Rings over a set of `count` chips, each a sequence of neighbours where such a ring exists. */
typedef struct ts_torus_rings {
    int count, channels;
    uint8_t chip[TS_TORUS_CHANNELS][TS_TORUS_CHIPS];
} ts_torus_rings;
/* Finds rings over the given chips. All chips of a 4 x 4 torus: two rings without a common link, each in both
   directions; other sets: one ring in both directions. */
void ts_torus_find_rings(const ts_torus *torus, const uint8_t *chips, int count, ts_torus_rings *rings);

#endif

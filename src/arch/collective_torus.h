/* The chips of an instance as a torus: chip c = columns * row + column, each row and each column a ring. */
#ifndef TS_ARCH_COLLECTIVE_TORUS_H
#define TS_ARCH_COLLECTIVE_TORUS_H

#include "arch/chip.h"

enum { TS_TORUS_CHIPS = 64, TS_TORUS_LINKS = 4, TS_TORUS_CHANNELS = 4 };

typedef struct ts_torus {
    int rows, columns, chips;
    double load[TS_TORUS_CHIPS]
               [TS_TORUS_LINKS]; /* bytes of each chip's outgoing links: column + and -, row + and - */
} ts_torus;

ts_torus ts_torus_of(const ts_chip *chip);
/* Bytes from chip to chip, along the row first; where both ways are as long, half on each (assumed). */
void ts_torus_send(ts_torus *torus, int from, int to, double bytes);
double ts_torus_busiest(const ts_torus *torus);

/* Rings over some chips, of neighbours where there is such a ring; `count` chips each. */
typedef struct ts_torus_rings {
    int count, channels;
    uint8_t chip[TS_TORUS_CHANNELS][TS_TORUS_CHIPS];
} ts_torus_rings;
/* All chips of a 4 x 4 torus: two rings without a common link, both ways; else one, both ways. */
void ts_torus_find_rings(const ts_torus *torus, const uint8_t *chips, int count, ts_torus_rings *rings);

#endif

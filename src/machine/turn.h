/* Transposes as moves: to[f][p] = from[p][f]. Private to src/machine. */
#ifndef TS_MACHINE_TURN_H
#define TS_MACHINE_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/host.h"

/* Rows of adjacent elements, pitches in bytes; the two share no memory. */
typedef struct ts_turn {
    const uint8_t *from;
    uint8_t *to;
    int64_t from_pitch, to_pitch;
    int64_t parts, elems; /* rows of `from`, elements of each */
    int from_size;        /* 1, 2, 4 */
    /* True: floats (of 2 bytes: bf16) become fp32 by way of a product with the identity, which makes +0 of
       -0. False: elements of one size, bit for bit. */
    bool is_product;
} ts_turn;

/* False: a product met a NaN or an infinity, which would spread; `to` then holds no result. */
bool ts_turn_run(ts_isa isa, const ts_turn *turn);
/* The plain twin, for any CPU. */
bool ts_turn_ref(const ts_turn *turn);

/* Versions for one instruction set each. They leave elements of 1 byte to ts_turn_ref. */
bool ts_turn_avx2(const ts_turn *turn);
bool ts_turn_avx512(const ts_turn *turn);

#endif

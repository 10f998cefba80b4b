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
    bool is_product; /* floats (of 2 bytes: bf16) to fp32, by way of a product with the identity: -0 becomes
                        +0. Else elements of one size, bits as they are */
} ts_turn;

/* false: a NaN or infinity was among the numbers of a product, which spreads; `to` then holds no result. */
bool ts_turn_run(ts_isa isa, const ts_turn *turn);
/* The plain twin, for any CPU. */
bool ts_turn_ref(const ts_turn *turn);

/* For one instruction set each. Elements of 1 byte are left to ts_turn_ref. */
bool ts_turn_avx2(const ts_turn *turn);
bool ts_turn_avx512(const ts_turn *turn);

#endif

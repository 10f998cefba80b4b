/* Stationary operands that are kept packed. A program that holds some of them in SBUF multiplies them by one
   panel of the other side after another; packing them each time costs a twelfth of the products. The words
   are good until an instruction writes where the operand lies. What is met for the first time is only noted,
   unless others of the same instruction have come back. Private to src/machine. */
#ifndef TS_MACHINE_PACKED_H
#define TS_MACHINE_PACKED_H

#include "machine/engine.h"
#include "machine/gemm.h"

enum { TS_PACKED = 192, TS_PACKED_HINTS = 1024 };

/* Number i is free while end[i] is 0. */
struct ts_packed {
    int count, hand; /* numbers that have been used at all; the next to be given away */
    int32_t part[TS_PACKED], end[TS_PACKED], low[TS_PACKED], high[TS_PACKED]; /* in SBUF */
    const ts_gemm_kernel *kernel[TS_PACKED];
    bool has_words[TS_PACKED];        /* once the segment that was waiting then has run */
    uint64_t last_segment[TS_PACKED]; /* in which a product of it waits or waited */
    bool comes_back[TS_PACKED_HINTS]; /* operands of instructions at positions with this remainder */
    uint32_t *rooms;
};

/* words: where an operand is kept, or NULL. It must be packed there, unless it is. */
typedef struct ts_packing {
    uint32_t *words;
    bool is_packed;
} ts_packing;
/* Of an operand of the product at hand, which lies at `area`. */
ts_packing ts_packed_find(const ts_exec *exec, const ts_area *area, const ts_gemm_kernel *kernel);
/* The area is about to be written. */
void ts_packed_meet(ts_core *core, const ts_area *area);
/* A run begins. */
void ts_packed_drop(ts_core *core);

#endif

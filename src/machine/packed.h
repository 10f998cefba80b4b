/* Stationary operands that stay packed. A program that holds some of them in SBUF multiplies each by one
   panel of the moving side after another; packing them every time would take a twelfth of the time of the
   products. The packed words are good until an instruction writes where the operand lies. An operand that is
   met for the first time is only noted, unless others of the same instruction were met again. Private to
   src/machine. */
#ifndef TS_MACHINE_PACKED_H
#define TS_MACHINE_PACKED_H

#include "machine/engine.h"
#include "machine/gemm.h"

/* How many operands are noted or kept, and how many instructions are told apart. */
enum { TS_PACKED = 192, TS_PACKED_HINTS = 1024 };

/* Number i is free while end[i] is 0. */
struct ts_packed {
    int count, hand; /* numbers used so far; the next one to give way */
    int32_t part[TS_PACKED], end[TS_PACKED], low[TS_PACKED], high[TS_PACKED]; /* in SBUF */
    const ts_gemm_kernel *kernel[TS_PACKED];
    bool has_words[TS_PACKED]; /* its words are there once the segment that waited at that time has run */
    uint64_t last_segment[TS_PACKED]; /* the last one with a product of this operand */
    bool comes_back[TS_PACKED_HINTS]; /* by code position modulo TS_PACKED_HINTS: an operand was met again */
    uint32_t *rooms;                  /* operand_room words for each number */
};

/* words: the room where an operand is kept, or NULL. Unless is_packed, the caller must pack it there. */
typedef struct ts_packing {
    uint32_t *words;
    bool is_packed;
} ts_packing;
/* Looks up the stationary operand of the current product, which lies at `area`. */
ts_packing ts_packed_find(const ts_exec *exec, const ts_area *area, const ts_gemm_kernel *kernel);
/* The area is about to be written: forgets the operands in it. */
void ts_packed_meet(ts_core *core, const ts_area *area);
/* Forgets all operands, at the start of a run. */
void ts_packed_drop(ts_core *core);

#endif

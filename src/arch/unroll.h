/* Walks a program's instructions in the order of execution: loops are unrolled, skipped instructions left
   out. */
#ifndef TS_ARCH_UNROLL_H
#define TS_ARCH_UNROLL_H

#include "arch/cost.h"

typedef struct ts_unroll {
    const ts_program *program;
    int64_t *counters, *trips; /* per loop */
    uint32_t at;               /* position in code of the latest instruction */
    uint32_t next;
    int64_t left; /* code positions, loop marks included, that may still be visited; below 0: the walk was cut
                     off */
    uint32_t open[TS_MAX_LOOP_DEPTH]; /* loops around the instruction, outermost first */
    int depth;
    uint8_t *is_ragged; /* per code position: 1 may be skipped, 2 may not, 0 not known yet */
} ts_unroll;

/* Starts a walk; its memory comes from the arena. The program must have passed ts_program_check. The walk
   visits at most `most` code positions; one that may be skipped counts as more. */
void ts_unroll_begin(ts_unroll *unroll, const ts_program *program, int64_t most, ts_arena *arena);
/* The next instruction; loop marks and `leave` are passed over. NULL at the end, or when the walk is cut
   off. */
const ts_inst *ts_unroll_next(ts_unroll *unroll);

#endif

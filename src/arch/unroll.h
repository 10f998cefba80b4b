/* The instructions of a program one by one, as they are executed: loops unrolled, what is skipped left out.
 */
#ifndef TS_ARCH_UNROLL_H
#define TS_ARCH_UNROLL_H

#include "arch/cost.h"

typedef struct ts_unroll {
    const ts_program *program;
    int64_t *counters, *trips; /* per loop */
    uint32_t at;               /* position in code of the latest instruction */
    uint32_t next;
    int64_t left; /* code positions that it may still visit, marks included; below 0: cut off */
    uint32_t open[TS_MAX_LOOP_DEPTH]; /* loops around it, outermost first */
    int depth;
    uint8_t *is_ragged; /* per code position: 1 = may be skipped, 2 = may not, 0 = not looked at yet */
} ts_unroll;

/* Memory is the arena's. The program has passed ts_program_check. At most `most` code positions are visited;
   one that may be skipped counts as more. */
void ts_unroll_begin(ts_unroll *unroll, const ts_program *program, int64_t most, ts_arena *arena);
/* The next instruction; loop marks and `leave` are none. NULL at the end, or where the walk is cut off. */
const ts_inst *ts_unroll_next(ts_unroll *unroll);

#endif

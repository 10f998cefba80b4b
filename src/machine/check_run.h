/* The state of a run's checks, and the calls that the run makes. Private to src/machine. */
#ifndef TS_MACHINE_CHECK_RUN_H
#define TS_MACHINE_CHECK_RUN_H

#include <stdatomic.h>

#include "machine/check_races.h"
#include "machine/engine.h"

/* Casts of the instruction in progress. Several threads add to the counts, whose results do not depend on the
   order. Narrowed: cast to fewer bits; up, down: rounded so; beyond: out of the type's range. */
struct ts_casts {
    atomic_uint_fast64_t narrowed, up, down, beyond;
    atomic_uint_fast32_t largest; /* as fp32 bits: largest magnitude that was out of range */
    atomic_uint_fast32_t dtype;   /* the type that values were cast to */
};

struct ts_checks {
    const ts_program *program;
    uint32_t kinds;
    /* Per code position, and a last one for TS_AT_ENDS; races have a list of their own. */
    ts_finding *findings[ts_check_kinds];
    ts_races races;
    /* unset: one bit per byte, set once the byte is written; NULL: all bytes count as written */
    uint64_t *sbuf, *psum, *scratch, **tensor;
    /* nan: where the NaNs of 64 bytes of all partitions, or of a tensor, come from: 1 + the code position
       that made them; INPUT_ORIGIN + the number of an input tensor; 0: there are none. */
    uint32_t *sbuf_origin, *psum_origin, *tensor_origin;
    ts_casts casts;
};

/* Before the first instruction: searches for races, and allocates what the other checks need. ts_system
   without host memory. */
ts_status ts_check_begin(ts_exec *exec);
/* Executes one instruction with all checks. */
ts_status ts_check_step(ts_exec *exec, const ts_inst *inst, ts_exec_function *function);
/* After the last instruction: checks the results. */
void ts_check_end(ts_exec *exec);

#endif

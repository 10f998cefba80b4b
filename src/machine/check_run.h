/* The inside of checks: what the run hands to them. Private to src/machine. */
#ifndef TS_MACHINE_CHECK_RUN_H
#define TS_MACHINE_CHECK_RUN_H

#include <stdatomic.h>

#include "machine/check_races.h"
#include "machine/engine.h"

/* Of the instruction that runs: several threads add to it, and sums and a largest have no order. */
struct ts_casts {
    atomic_uint_fast64_t narrowed, up, down, beyond;
    atomic_uint_fast32_t largest; /* bits of the largest magnitude that went beyond */
    atomic_uint_fast32_t dtype;
};

struct ts_checks {
    const ts_program *program;
    uint32_t kinds;
    ts_finding *findings[ts_check_kinds]; /* per code position, and one for the ends; races have a list */
    ts_races races;
    /* unset: a bit for each byte that was written; NULL: all were */
    uint64_t *sbuf, *psum, *scratch, **tensor;
    /* nan: 1 + the position that made those that may lie there; inputs: INPUT_ORIGIN + number of the tensor
     */
    uint32_t *sbuf_origin, *psum_origin, *tensor_origin;
    ts_casts casts;
};

ts_status ts_check_begin(ts_exec *exec);
/* Executes one instruction with all checks. */
ts_status ts_check_step(ts_exec *exec, const ts_inst *inst, ts_exec_function *function);
void ts_check_end(ts_exec *exec);

#endif

/* Collectives: what the ranks of a group do together, and which rank a core is. */
#include "machine/engine.h"

ts_status ts_exec_collective(ts_exec *exec, const ts_inst *inst) {
    (void)inst;
    return ts_fail(exec->diag, ts_unsupported, "a collective");
}

ts_status ts_exec_gpsimd_rank(ts_exec *exec, const ts_inst *inst) {
    (void)inst;
    return ts_fail(exec->diag, ts_unsupported, "a rank");
}

/* Calls of host functions, such as Python callbacks. The program waits until the function returns. The core's
   own thread makes the call, and holds no lock but the core's. */
#include "machine/engine.h"

static ts_status refuse(const ts_exec *exec) {
    ts_fail(exec->diag, ts_unsupported, "the program calls a Python function, and no Python runs it");
    ts_diag_remedy(exec->diag,
                   "run it from JAX, or leave out jax.debug.print and callbacks before exporting it");
    return ts_unsupported;
}

ts_status ts_exec_host_call(ts_exec *exec, const ts_inst *head) {
    const ts_inst_host_call *inst = (const ts_inst_host_call *)head;
    ts_operand_set set = {.exec = exec};
    ts_rows dst = {0}, src = {0};
    char error[sizeof exec->diag->message] = "";
    if (inst->dst.space != ts_space_none) ts_rows_whole(&set, &inst->dst, &dst);
    if (inst->src.space != ts_space_none) ts_rows_get(&set, &inst->src, &src);
    if (!ts_operands_ready(&set)) return ts_ok;
    if (inst->is_once && exec->program->ranks > 1 && exec->member > 0) return ts_ok;
    if (!exec->host_call) return refuse(exec);
    if (exec->host_call(inst->id, src.base, (uint64_t)src.elems, dst.base, (uint64_t)dst.elems, error,
                        sizeof error))
        return ts_ok;
    return ts_fail(exec->diag, ts_usage, "%s", error);
}

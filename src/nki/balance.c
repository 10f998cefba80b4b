/* Assigns copies without an engine to VectorE or ScalarE: copies out of PSUM, and between floats, to the
   engine that has had less to do so far; all others to VectorE, since only it moves integers exactly. */
#include "arch/cost.h"
#include "arch/dtype.h"
#include "nki/operands.h"
#include "nki/recorder.h"

static ts_time occupancy(const ts_recorder *r, const ts_inst *inst) {
    ts_operands operands;
    ts_cost cost;
    ts_inst_operands(r->program, inst, NULL, &operands);
    ts_inst_cost(&r->chip, inst, &operands, &cost);
    return cost.occupancy;
}

static bool is_for_either(const ts_inst_tensor_copy *copy) {
    return copy->src.space == ts_space_psum && ts_dtype_get(copy->src.dtype)->kind == 'f' &&
           ts_dtype_get(copy->dst.dtype)->kind == 'f';
}

static void choose(const ts_recorder *r, ts_inst *inst, const ts_time *busy) {
    inst->engine = ts_engine_scalar;
    ts_time scalar = busy[ts_engine_scalar] + occupancy(r, inst);
    inst->engine = ts_engine_vector;
    if (!is_for_either((const ts_inst_tensor_copy *)inst)) return;
    if (scalar < busy[ts_engine_vector] + occupancy(r, inst)) inst->engine = ts_engine_scalar;
}

/* Number of instructions up to and including the last copy without an engine. */
static uint32_t last_open(const ts_program *program) {
    uint32_t count = program->code.count;
    while (count > 0 && program->code.data[count - 1]->engine != ts_engine_none)
        count--;
    return count;
}

void ts_record_balance(ts_recorder *r) {
    ts_time busy[ts_engine_count] = {0};
    for (uint32_t at = 0, end = last_open(r->program); at < end; at++) {
        ts_inst *inst = r->program->code.data[at];
        if (inst->engine == ts_engine_none) choose(r, inst, busy);
        bool is_counted = inst->engine == ts_engine_vector || inst->engine == ts_engine_scalar;
        if (is_counted && inst->op != ts_op_dma_copy) busy[inst->engine] += occupancy(r, inst);
    }
}

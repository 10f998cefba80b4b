/* The instructions of a program one by one, as they are executed. */
#include "arch/unroll.h"

void ts_unroll_begin(ts_unroll *unroll, const ts_program *program, int64_t most, ts_arena *arena) {
    *unroll = (ts_unroll){.program = program, .left = most};
    unroll->counters = TS_NEW_ARRAY(arena, int64_t, program->loops.count + 1);
    unroll->trips = TS_NEW_ARRAY(arena, int64_t, program->loops.count + 1);
}

static void enter(ts_unroll *unroll, const ts_inst_loop *loop) {
    int64_t trips = ts_count_value(unroll->program, &loop->trip, unroll->counters);
    unroll->counters[loop->id] = 0;
    unroll->trips[loop->id] = trips;
    if (trips > 0)
        unroll->open[unroll->depth++] = loop->id;
    else
        unroll->next = unroll->program->loops.data[loop->id].end + 1;
}

static void leave(ts_unroll *unroll, const ts_inst_end *end) {
    if (++unroll->counters[end->id] < unroll->trips[end->id]) {
        unroll->next = unroll->program->loops.data[end->id].begin + 1;
        return;
    }
    unroll->counters[end->id] = 0;
    unroll->depth--;
}

const ts_inst *ts_unroll_next(ts_unroll *unroll) {
    const ts_program *program = unroll->program;
    while (unroll->next < program->code.count) {
        if (--unroll->left < 0) return NULL;
        const ts_inst *inst = program->code.data[unroll->at = unroll->next++];
        switch (inst->op) {
        case ts_op_loop: enter(unroll, (const ts_inst_loop *)inst); break;
        case ts_op_end: leave(unroll, (const ts_inst_end *)inst); break;
        case ts_op_leave: break;
        default:
            ts_inst_operands(program, inst, unroll->counters, &unroll->operands);
            if (!unroll->operands.is_skipped) return inst;
        }
    }
    return NULL;
}

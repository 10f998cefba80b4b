/* Walks a program's instructions in the order of execution. */
#include "arch/unroll.h"

void ts_unroll_begin(ts_unroll *unroll, const ts_program *program, int64_t most, ts_arena *arena) {
    *unroll = (ts_unroll){.program = program, .left = most};
    unroll->counters = TS_NEW_ARRAY(arena, int64_t, program->loops.count + 1);
    unroll->is_ragged = TS_NEW_ARRAY(arena, uint8_t, program->code.count + 1);
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

static bool has_ragged_count(const ts_ap *ap) {
    bool has = ap->parts.is_ragged || ap->parts.max == 0;
    for (int i = 0; i < ap->dims; i++)
        has |= ap->dim[i].count.is_ragged || ap->dim[i].count.max == 0;
    return has;
}

/* Whether some count of the instruction's operands may be 0. */
static bool may_be_skipped(const ts_program *program, ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    for (int i = 0; i < info->field_count; i++) {
        bool is_write;
        const ts_ap *ap = ts_inst_ap(inst, &info->fields[i], &is_write);
        if (!ap) continue;
        if (has_ragged_count(ap)) return true;
        if (ap->space == ts_space_hbm && ap->index && has_ragged_count(&program->indices.data[ap->index - 1]))
            return true;
    }
    return false;
}

static bool is_skipped(ts_unroll *unroll) {
    enum { OPERANDS = 31 }; /* resolving operands takes as long as visiting this many positions */
    ts_inst *inst = unroll->program->code.data[unroll->at];
    uint8_t *is_ragged = &unroll->is_ragged[unroll->at];
    if (*is_ragged == 0) *is_ragged = may_be_skipped(unroll->program, inst) ? 1 : 2;
    if (*is_ragged == 2) return false;
    ts_operands operands;
    ts_inst_operands(unroll->program, inst, unroll->counters, &operands);
    unroll->left -= OPERANDS;
    return operands.is_skipped;
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
            if (!is_skipped(unroll)) return inst;
        }
    }
    return NULL;
}

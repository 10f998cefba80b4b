/* Estimates when each position of a program runs, before it has addresses: the sum of its instructions' own
   costs, as if only one engine worked at a time. */
#include "arch/cost.h"
#include "plan/liveness.h"

static double cost_of(const ts_builder *b, const ts_inst *inst, const int64_t *counters) {
    ts_operands operands;
    ts_cost cost;
    ts_inst_operands(b->program, inst, counters, &operands);
    if (operands.is_skipped) return 0;
    ts_inst_cost(b->chip, inst, &operands, &cost);
    if (cost.dma_engines == 0) return (double)cost.occupancy / 1000;
    return (double)(cost.descriptor_time + cost.byte_time) / 1000 / b->chip->dma_engines;
}

ts_live_pace ts_live_pace_make(const ts_builder *b, const uint32_t *loop_of, ts_arena *arena) {
    const ts_program *program = b->program;
    ts_live_pace pace = {.program = program,
                         .loop_of = loop_of,
                         .before = TS_NEW_ARRAY(arena, double, program->code.count + 1),
                         .trips = TS_NEW_ARRAY(arena, double, program->loops.count + 1)};
    int64_t *counters = TS_NEW_ARRAY(arena, int64_t, program->loops.count + 1);
    double now = 0;
    for (uint32_t at = 0; at < program->code.count; at++) {
        const ts_inst *inst = program->code.data[at];
        uint32_t inner = loop_of[at];
        pace.before[at] = now;
        if (inst->op == ts_op_loop) {
            const ts_loop *loop = &program->loops.data[inner - 1];
            double trips = loop->trip.max > 1 ? loop->trip.max : 1;
            pace.trips[inner - 1] = trips * (loop->parent ? pace.trips[loop->parent - 1] : 1);
        } else if (inst->op != ts_op_end) {
            now += cost_of(b, inst, counters) * (inner ? pace.trips[inner - 1] : 1);
        }
    }
    pace.before[program->code.count] = now;
    return pace;
}

/* The last position in [at, end] with pace->before less than `limit`. */
static uint32_t last_before(const ts_live_pace *pace, uint32_t at, uint32_t end, double limit) {
    while (at < end) {
        uint32_t middle = at + (end - at + 1) / 2;
        if (pace->before[middle] < limit)
            at = middle;
        else
            end = middle - 1;
    }
    return at;
}

uint32_t ts_live_until(const ts_live_pace *pace, uint32_t position, double ns) {
    const ts_program *program = pace->program;
    uint32_t at = position;
    for (uint32_t inner = pace->loop_of[position]; ns > 0; inner = program->loops.data[inner - 1].parent) {
        uint32_t end = inner ? program->loops.data[inner - 1].end : program->code.count - 1;
        double trips = inner ? pace->trips[inner - 1] : 1;
        uint32_t to = last_before(pace, at, end, pace->before[at + 1] + ns * trips);
        ns -= (pace->before[to + 1] - pace->before[at + 1]) / trips;
        at = to;
        if (!inner || at < end) break;
    }
    return at;
}

/* The units of a loop's body, and what each takes alone. */
#include "plan/skew.h"

/* Whether the instruction does nothing but what its operands say, so that it may change places with others.
 */
static bool is_plain(const ts_inst *inst) {
    const ts_op_info *info = ts_op_get(inst->op);
    if (inst->order == ts_order_list || inst->sync || ts_op_is_sequencers(inst->op)) return false;
    switch (inst->op) {
    case ts_op_leave:
    case ts_op_host_call:
    case ts_op_collective:
    case ts_op_rng:
    case ts_op_set_rng_seed:
    case ts_op_dropout: return false;
    case ts_op_dma_copy: return !((const ts_inst_dma_copy *)inst)->is_exchange;
    default: break;
    }
    for (int i = 0; i < info->field_count; i++) {
        if (info->fields[i].kind != ts_kind_cmd) continue;
        uint8_t cmd = *((const uint8_t *)inst + info->fields[i].offset);
        if (cmd != ts_cmd_idle && cmd != ts_cmd_reset_reduce) return false;
    }
    return true;
}

static void add_uses(ts_skew_body *body, const ts_inst *inst) {
    ts_operand_use found[TS_MOST_USES];
    int count = ts_live_uses((ts_inst *)(uintptr_t)inst, found);
    for (int i = 0; i < count; i++) {
        const ts_ap *ap = found[i].ap;
        ts_vec_push(&body->uses, body->arena, ((ts_skew_use){ap, found[i].is_read, found[i].is_write}));
        if (ap->space == ts_space_hbm && ap->index)
            ts_vec_push(&body->uses, body->arena,
                        ((ts_skew_use){&body->program->indices.data[ap->index - 1], true, false}));
    }
}

static void take_ports(ts_skew_unit *unit, const ts_operands *operands, ts_time occupancy) {
    const bool is_vector = unit->engine == ts_engine_vector;
    for (int i = 0; i < operands->count; i++) {
        uint8_t space = operands->ref[i].space;
        if (space == ts_space_psum && (is_vector || unit->engine == ts_engine_scalar))
            unit->busy[ts_skew_psum] = occupancy;
        if (space == ts_space_sbuf && (is_vector || unit->engine == ts_engine_gpsimd))
            unit->busy[ts_skew_sbuf] = occupancy;
    }
}

/* What the instruction takes on the first trip of every loop. */
static ts_skew_unit cost_of(const ts_skew_body *body, const ts_inst *inst, const int64_t *counters) {
    ts_skew_unit unit = {.engine = inst->engine, .is_product = inst->op == ts_op_nc_matmul};
    ts_operands operands;
    ts_cost cost = {0};
    ts_inst_operands(body->program, inst, counters, &operands);
    if (!operands.is_skipped) ts_inst_cost(body->chip, inst, &operands, &cost);
    unit.busy[inst->engine] = cost.occupancy;
    if (inst->op == ts_op_dma_copy) {
        const ts_inst_dma_copy *copy = (const ts_inst_dma_copy *)inst;
        unit.is_transfer = true;
        unit.is_load = copy->dst.space != ts_space_hbm;
        unit.busy[ts_skew_dma] =
            (ts_time)((double)(cost.descriptor_time + cost.byte_time) / body->chip->dma_engines);
        unit.done = unit.again = unit.read = cost.occupancy + cost.latency;
        return unit;
    }
    unit.done = cost.stream + cost.latency + (ts_time)(body->chip->semaphore_ns * 1000);
    unit.read = cost.occupancy;
    unit.again =
        cost.occupancy + ts_cycles_time(ts_engine_cost_get(body->chip, inst->engine).dependent_cycles,
                                        ts_engine_cost_get(body->chip, inst->engine).ghz);
    take_ports(&unit, &operands, cost.occupancy);
    return unit;
}

/* Adds what the instruction takes to the unit of an inner loop, in which it runs `trips` times. */
static void add_cost(ts_skew_unit *loop, const ts_skew_unit *inst, double trips) {
    for (int r = 0; r < ts_skew_resources; r++)
        loop->busy[r] += (ts_time)((double)inst->busy[r] * trips);
    loop->done += inst->done - (inst->is_transfer ? 0 : inst->read); /* the latencies of one trip */
}

static void close_loop(ts_skew_unit *loop) {
    ts_time longest = 0;
    for (int r = 0; r < ts_skew_dma; r++)
        if (loop->busy[r] > longest) longest = loop->busy[r];
    loop->done += longest;
    loop->read = loop->again = loop->done;
}

/* The unit that begins at position `at`. */
static bool find_unit(ts_skew_body *body, uint32_t at, const int64_t *counters, ts_skew_unit *unit) {
    const ts_program *program = body->program;
    const ts_inst *inst = program->code.data[at];
    uint32_t first = body->uses.count;
    double trips = 1;
    if (inst->op != ts_op_loop) {
        if (!is_plain(inst)) return false;
        *unit = cost_of(body, inst, counters);
        add_uses(body, inst);
        unit->end = at + 1;
    } else {
        *unit = (ts_skew_unit){.end = program->loops.data[((const ts_inst_loop *)inst)->id].end + 1};
        for (uint32_t i = at; i < unit->end; i++) {
            inst = program->code.data[i];
            if (inst->op == ts_op_loop) {
                const ts_count *trip = &program->loops.data[((const ts_inst_loop *)inst)->id].trip;
                body->is_guess |= trip->is_ragged;
                trips *= trip->max;
            } else if (inst->op == ts_op_end) {
                trips /= program->loops.data[((const ts_inst_end *)inst)->id].trip.max;
            } else {
                if (!is_plain(inst)) return false;
                const ts_skew_unit part = cost_of(body, inst, counters);
                add_cost(unit, &part, trips);
                add_uses(body, inst);
            }
        }
        close_loop(unit);
    }
    unit->begin = at;
    unit->first_use = first;
    unit->use_count = body->uses.count - first;
    return true;
}

bool ts_skew_find_units(ts_skew_body *body) {
    const ts_loop *loop = &body->program->loops.data[body->loop];
    const int64_t *counters = TS_NEW_ARRAY(body->arena, int64_t, body->program->loops.count + 1);
    for (uint32_t at = loop->begin + 1; at < loop->end;) {
        ts_skew_unit unit;
        if (body->units.count == TS_SKEW_MOST_UNITS || !find_unit(body, at, counters, &unit)) return false;
        ts_vec_push(&body->units, body->arena, unit);
        at = unit.end;
    }
    return body->units.count > 1;
}
